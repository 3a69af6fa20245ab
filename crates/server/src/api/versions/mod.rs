//! `/versions`: publish and preview, read texts, clauses, files and differences.

mod content;
mod plan;
mod publish;

pub(in crate::api) use plan::delivery;
pub use plan::{
    PeopleOfDepartment, Plan, PlanWarning, PlannedBudget, PlannedDelivery, PlannedReminder,
    PlannedShare, Superseded,
};
pub use publish::Published;

use axum::{
    Json,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use yuezhi_domain::VersionId;
use yuezhi_store::{Tx, policies, versions};

use super::{input::id, problem::ApiError};
use crate::{
    actions::{ActionError, Refusal},
    app::App,
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(get_version))
        .merge(publish::routes())
        .merge(content::routes())
}

/// One version of a policy. It never changes, only its state does.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Version {
    pub id: String,
    /// Slug.
    pub policy: String,
    /// 1, 2, 3 … within the policy.
    pub number: i64,
    /// What people see.
    pub label: String,
    /// `published`, `superseded` or `repealed`.
    pub state: String,
    /// `major` or `minor`.
    pub change: String,
    pub summary: String,
    pub title: String,
    pub language: String,
    /// `YYYY-MM-DD`.
    pub effective_on: Option<String>,
    /// SHA-256 of the plain text: the identity of what people read.
    pub text_sha256: String,
    pub original: VersionFile,
    pub attachments: Vec<VersionFile>,
    /// The door it came through.
    pub source: String,
    pub source_ref: Option<String>,
    pub published_by: String,
    pub published_at: String,
}

/// A stored file.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct VersionFile {
    pub name: String,
    pub media_type: String,
    /// Bytes; absent for the original.
    pub size: Option<i64>,
    pub sha256: String,
    /// Where to download it.
    pub href: String,
}

/// One version.
#[utoipa::path(get, path = "/api/v1/versions/{id}", tag = "versions", params(("id" = String, Path)), responses((status = 200, body = Version)))]
async fn get_version(
    State(app): State<App>,
    Path(version_id): Path<String>,
) -> Result<Json<Version>, ApiError> {
    let version_id: VersionId = id(&version_id, "version_unknown")?;
    let version = app
        .db
        .read(move |tx| {
            let (policy, version) = find(tx, &version_id)?;
            shown(tx, &policy, version)
        })
        .await?;
    Ok(Json(version))
}

/// A version with its policy.
pub(super) fn find(
    tx: &mut Tx<'_>,
    version_id: &VersionId,
) -> Result<(policies::Policy, versions::Version), ActionError> {
    let unknown = || ActionError::from(Refusal::not_found("version_unknown"));
    let version = versions::by_id(tx, version_id)?.ok_or_else(unknown)?;
    let policy = policies::get(tx, version.policy_no)?.ok_or_else(unknown)?;
    Ok((policy, version))
}

/// As the API shows it.
pub(super) fn shown(
    tx: &mut Tx<'_>,
    policy: &policies::Policy,
    version: versions::Version,
) -> Result<Version, ActionError> {
    let base = format!("/api/v1/versions/{}", version.id);
    let attachments = versions::list_files(tx, version.no)?
        .into_iter()
        .map(|file| VersionFile {
            name: file.name,
            media_type: file.media_type,
            size: Some(file.size),
            sha256: file.hash.to_string(),
            href: format!("{base}/files/{}", file.position),
        });
    Ok(Version {
        id: version.id.to_string(),
        policy: policy.slug.clone(),
        number: version.number,
        label: version.label,
        state: version.state.to_string(),
        change: version.change.to_string(),
        summary: version.summary,
        title: version.title,
        language: version.language.to_string(),
        effective_on: version.effective_on,
        text_sha256: version.text_hash.to_string(),
        original: VersionFile {
            name: version.original_name,
            media_type: version.original_media_type,
            size: None,
            sha256: version.original_hash.to_string(),
            href: format!("{base}/original"),
        },
        attachments: attachments.collect(),
        source: version.source,
        source_ref: version.source_ref,
        published_by: version.published_by,
        published_at: version.published_at.to_string(),
    })
}
