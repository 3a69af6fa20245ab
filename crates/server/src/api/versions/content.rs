//! Texts, clauses, differences and files of a version.
//!
//! Invariant: what is given out is what people were shown, byte for byte as it was stored; a file is only ever offered
//! as a download, because it came from outside.

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use yuezhi_documents::{Diff, Document};
use yuezhi_domain::{ContentHash, VersionId};
use yuezhi_store::{Tx, contents, versions};

use crate::{
    actions::{ActionError, Refusal},
    api::{
        input::{Ask, id},
        problem::ApiError,
    },
    app::App,
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(get_content))
        .routes(routes!(get_clauses))
        .routes(routes!(get_diff))
        .routes(routes!(download_original))
        .routes(routes!(download_attachment))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ContentQuery {
    /// `html` (default) or `text`.
    format: Option<String>,
}

/// The text that people read, as safe HTML or as plain text.
#[utoipa::path(
    get, path = "/api/v1/versions/{id}/content", tag = "versions", params(ContentQuery, ("id" = String, Path)),
    responses((status = 200, body = String, content_type = "text/html"))
)]
async fn get_content(
    State(app): State<App>,
    Path(version_id): Path<String>,
    Ask(query): Ask<ContentQuery>,
) -> Result<Response, ApiError> {
    let version_id: VersionId = id(&version_id, "version_unknown")?;
    let is_text = match query.format.as_deref() {
        None | Some("html") => false,
        Some("text") => true,
        Some(other) => {
            let detail = format!("\"{other}\"; html, text");
            return Err(Refusal::invalid("format", "word_bad")
                .with("detail", detail)
                .into());
        }
    };
    let bytes = app
        .db
        .read(move |tx| {
            let (_, version) = super::find(tx, &version_id)?;
            stored(
                tx,
                if is_text {
                    &version.text_hash
                } else {
                    &version.html_hash
                },
            )
        })
        .await?;
    let kind = if is_text {
        "text/plain; charset=utf-8"
    } else {
        "text/html; charset=utf-8"
    };
    Ok(([(header::CONTENT_TYPE, kind)], bytes).into_response())
}

/// A clause of a version.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(super) struct Clause {
    /// As printed: 第八条, （一）, 1.1.
    pub label: Option<String>,
    /// `part`, `chapter`, `section`, `article`, `paragraph`, `item` …
    pub kind: String,
    /// Depth, 1 for the outermost.
    pub level: u8,
    /// Labels of the clauses around this one.
    pub path: Vec<String>,
    pub heading: Option<String>,
    pub text: String,
    /// The `id` of the clause in the HTML.
    pub anchor: String,
}

/// All clauses of a version in order.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(super) struct Clauses {
    pub items: Vec<Clause>,
}

/// The clauses of a version.
#[utoipa::path(get, path = "/api/v1/versions/{id}/clauses", tag = "versions", params(("id" = String, Path)), responses((status = 200, body = Clauses)))]
async fn get_clauses(
    State(app): State<App>,
    Path(version_id): Path<String>,
) -> Result<Json<Clauses>, ApiError> {
    let version_id: VersionId = id(&version_id, "version_unknown")?;
    let bytes = app
        .db
        .read(move |tx| {
            let (_, version) = super::find(tx, &version_id)?;
            stored(tx, &version.document_hash)
        })
        .await?;
    let items = document(&bytes)?
        .clauses()
        .into_iter()
        .map(|clause| Clause {
            kind: word(&clause.kind),
            label: clause.label,
            level: clause.level,
            path: clause.path,
            heading: clause.heading,
            text: clause.text,
            anchor: clause.anchor,
        });
    Ok(Json(Clauses {
        items: items.collect(),
    }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DiffQuery {
    /// Id of the other version; the one before if missing.
    against: Option<String>,
}

/// What changed between two versions of a policy.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(super) struct Differences {
    /// The older version's id.
    pub from: String,
    pub to: String,
    /// One sentence.
    pub summary: String,
    /// Every clause that is not as it was.
    pub changes: Vec<Difference>,
}

/// One clause before and after.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(super) struct Difference {
    /// `reworded`, `renumbered`, `moved`, `moved_and_reworded`, `added` or `deleted`.
    pub kind: String,
    pub old_label: Option<String>,
    pub new_label: Option<String>,
    /// In the newer version; of a deleted clause in the older one.
    pub anchor: String,
    pub segments: Vec<Segment>,
}

/// Words that stayed, came or went.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(super) struct Segment {
    /// `same`, `inserted` or `deleted`.
    #[serde(rename = "type")]
    pub kind: String,
    pub text: String,
}

/// The differences to another version of the same policy, clause by clause.
#[utoipa::path(get, path = "/api/v1/versions/{id}/diff", tag = "versions", params(DiffQuery, ("id" = String, Path)), responses((status = 200, body = Differences)))]
async fn get_diff(
    State(app): State<App>,
    Path(version_id): Path<String>,
    Ask(query): Ask<DiffQuery>,
) -> Result<Json<Differences>, ApiError> {
    let version_id: VersionId = id(&version_id, "version_unknown")?;
    let against: Option<VersionId> = query
        .against
        .as_deref()
        .map(|text| id(text, "version_unknown"))
        .transpose()?;
    let (old, new) = app
        .db
        .read(move |tx| {
            let (policy, new) = super::find(tx, &version_id)?;
            let old = match &against {
                Some(against) => {
                    versions::by_id(tx, against)?.filter(|old| old.policy_no == policy.no)
                }
                None => versions::list(tx, policy.no)?
                    .into_iter()
                    .find(|old| old.number < new.number),
            };
            let old =
                old.ok_or_else(|| Refusal::invalid("against", "version_to_compare_unknown"))?;
            let side = |tx: &mut Tx<'_>, v: versions::Version| {
                Ok::<_, ActionError>((v.id, v.language, stored(tx, &v.document_hash)?))
            };
            Ok::<_, ActionError>((side(tx, old)?, side(tx, new)?))
        })
        .await?;
    let language = match new.1 {
        yuezhi_domain::Language::ZhCn => yuezhi_documents::Language::Chinese,
        yuezhi_domain::Language::En => yuezhi_documents::Language::English,
    };
    let (before, after) = (document(&old.2)?, document(&new.2)?);
    let diff = crate::documents::bounded(std::time::Duration::from_secs(30), move || {
        yuezhi_documents::diff(&before.clauses(), &after.clauses())
    })
    .await?;
    Ok(Json(Differences {
        from: old.0.to_string(),
        to: new.0.to_string(),
        summary: diff.proposed_summary(language),
        changes: changes(&diff),
    }))
}

fn changes(diff: &Diff) -> Vec<Difference> {
    let changed = diff
        .changes
        .iter()
        .filter(|change| change.kind != yuezhi_documents::ChangeKind::Unchanged);
    changed
        .map(|change| Difference {
            kind: word(&change.kind),
            old_label: change.old.as_ref().and_then(|clause| clause.label.clone()),
            new_label: change.new.as_ref().and_then(|clause| clause.label.clone()),
            anchor: change
                .new
                .as_ref()
                .or(change.old.as_ref())
                .map(|clause| clause.anchor.clone())
                .unwrap_or_default(),
            segments: change
                .segments
                .iter()
                .map(|segment| {
                    let kind = match segment {
                        yuezhi_documents::Segment::Same(_) => "same",
                        yuezhi_documents::Segment::Inserted(_) => "inserted",
                        yuezhi_documents::Segment::Deleted(_) => "deleted",
                    };
                    Segment {
                        kind: kind.to_owned(),
                        text: segment.text().to_owned(),
                    }
                })
                .collect(),
        })
        .collect()
}

/// The file as it was published.
#[utoipa::path(
    get, path = "/api/v1/versions/{id}/original", tag = "versions", params(("id" = String, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"))
)]
async fn download_original(
    State(app): State<App>,
    Path(version_id): Path<String>,
) -> Result<Response, ApiError> {
    let version_id: VersionId = id(&version_id, "version_unknown")?;
    let (name, kind, bytes) = app
        .db
        .read(move |tx| {
            let (_, version) = super::find(tx, &version_id)?;
            let bytes = stored(tx, &version.original_hash)?;
            Ok::<_, ActionError>((version.original_name, version.original_media_type, bytes))
        })
        .await?;
    Ok(download(&name, &kind, bytes))
}

/// An attachment of a version.
#[utoipa::path(
    get, path = "/api/v1/versions/{id}/files/{position}", tag = "versions", params(("id" = String, Path), ("position" = i64, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"))
)]
async fn download_attachment(
    State(app): State<App>,
    Path((version_id, position)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let version_id: VersionId = id(&version_id, "version_unknown")?;
    let position: i64 = id(&position, "file_unknown")?;
    let (name, kind, bytes) = app
        .db
        .read(move |tx| {
            let (_, version) = super::find(tx, &version_id)?;
            let file = versions::list_files(tx, version.no)?
                .into_iter()
                .find(|file| file.position == position);
            let file = file.ok_or_else(|| Refusal::not_found("file_unknown"))?;
            let bytes = stored(tx, &file.hash)?;
            Ok::<_, ActionError>((file.name, file.media_type, bytes))
        })
        .await?;
    Ok(download(&name, &kind, bytes))
}

fn stored(tx: &mut Tx<'_>, hash: &ContentHash) -> Result<Vec<u8>, ActionError> {
    contents::get(tx, hash)?
        .ok_or_else(|| ActionError::internal(format!("the content {hash} is missing")))
}

fn document(bytes: &[u8]) -> Result<Document, ActionError> {
    serde_json::from_slice(bytes).map_err(ActionError::internal)
}

/// The word that serde writes for a unit variant.
fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|v| v.as_str().map(ToOwned::to_owned))
        .unwrap_or_default()
}

/// RFC 6266: the name in UTF-8, and an ASCII one for old clients.
fn download(name: &str, kind: &str, bytes: Vec<u8>) -> Response {
    let encoded: String = url::form_urlencoded::byte_serialize(name.as_bytes())
        .collect::<String>()
        .replace('+', "%20");
    let plain: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') {
                c
            } else {
                '_'
            }
        })
        .collect();
    let disposition = format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}");
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_str(kind).unwrap_or(HeaderValue::from_static("application/octet-stream")),
    );
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}
