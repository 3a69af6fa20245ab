//! Attachments and original files, to those who may read the text they belong to.

use axum::{
    body::Body,
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use yuezhi_domain::{ContentHash, NoticeId};
use yuezhi_store::{contents, notices, obligations, policies, versions, versions::Version};

use super::{read::ReadQuery, who};
use crate::{
    actions::{ActionError, Refusal, RefusalKind},
    app::App,
    media,
    pages::{self, Reader},
};

/// A stored file under its own name.
pub struct StoredFile {
    pub name: String,
    pub media_type: String,
    pub bytes: Vec<u8>,
}

/// `original`, or the position of an attachment.
pub fn of_version(
    tx: &mut yuezhi_store::Tx<'_>,
    version: &Version,
    which: &str,
) -> Result<StoredFile, ActionError> {
    let (name, media_type, hash): (String, String, ContentHash) = if which == "original" {
        (
            version.original_name.clone(),
            version.original_media_type.clone(),
            version.original_hash,
        )
    } else {
        let position: i64 = which
            .parse()
            .map_err(|_| Refusal::not_found("page_unknown"))?;
        let file = versions::list_files(tx, version.no)?
            .into_iter()
            .find(|file| file.position == position)
            .ok_or_else(|| Refusal::not_found("page_unknown"))?;
        (file.name, file.media_type, file.hash)
    };
    let bytes = contents::get(tx, &hash)?
        .ok_or_else(|| ActionError::internal("a stored file is missing"))?;
    Ok(StoredFile {
        name,
        media_type,
        bytes,
    })
}

impl StoredFile {
    /// Shown in place only where a browser runs nothing in it; everything else is a download.
    pub fn into_response(self) -> Response {
        let place = if media::shown_inline(&self.media_type) {
            "inline"
        } else {
            "attachment"
        };
        let encoded: String = self
            .name
            .bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => {
                    char::from(byte).to_string()
                }
                other => format!("%{other:02X}"),
            })
            .collect();
        let disposition = format!("{place}; filename*=UTF-8''{encoded}");
        let mut response = Body::from(self.bytes).into_response();
        let headers = response.headers_mut();
        if let Ok(value) = HeaderValue::from_str(&disposition) {
            headers.insert(header::CONTENT_DISPOSITION, value);
        }
        if let Ok(value) = HeaderValue::from_str(&self.media_type) {
            headers.insert(header::CONTENT_TYPE, value);
        }
        // A sandboxed page shows no PDF in Chromium; its viewer runs nothing of the site's.
        if self.media_type != "application/pdf" {
            headers.insert(
                header::CONTENT_SECURITY_POLICY,
                HeaderValue::from_static("sandbox; default-src 'none'"),
            );
        }
        headers.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static("private, max-age=3600"),
        );
        response
    }
}

pub async fn of_notice(
    State(app): State<App>,
    reader: Reader,
    headers: HeaderMap,
    Path((notice, which)): Path<(String, String)>,
    Query(query): Query<ReadQuery>,
) -> Response {
    match notice_file(&app, &headers, &notice, which, query.k.as_deref()).await {
        Ok(response) => response,
        Err(error) => pages::error_page(reader.texts, &error),
    }
}

async fn notice_file(
    app: &App,
    headers: &HeaderMap,
    notice: &str,
    which: String,
    key: Option<&str>,
) -> Result<Response, ActionError> {
    let id: NoticeId = notice
        .parse()
        .map_err(|_| Refusal::not_found("notice_unknown"))?;
    let notice = app
        .db
        .read(move |tx| Ok::<_, ActionError>(notices::by_id(tx, &id)?))
        .await?
        .ok_or_else(|| Refusal::not_found("notice_unknown"))?;
    let Some(who) = who::reader_of_notice(app, headers, notice.no, key).await? else {
        return Ok(who::to_sign_in(&format!("/n/{id}/files/{which}")));
    };
    let file = app
        .db
        .read(move |tx| {
            if obligations::get(tx, notice.no, who.person.no)?.is_none() {
                return Err(Refusal::new(RefusalKind::Forbidden, "not_in_audience").into());
            }
            let version = versions::get(tx, notice.version_no)?
                .ok_or_else(|| Refusal::not_found("notice_unknown"))?;
            of_version(tx, &version, &which)
        })
        .await?;
    Ok(file.into_response())
}

/// A file of a policy's current version, to any signed-in person.
pub async fn of_policy(
    State(app): State<App>,
    me: who::Me,
    Path((slug, which)): Path<(String, String)>,
) -> Response {
    let file = app
        .db
        .read(move |tx| {
            let policy = policies::by_slug(tx, &slug)?
                .ok_or_else(|| Refusal::not_found("policy_unknown").with("slug", &slug))?;
            let version = versions::latest(tx, policy.no)?
                .ok_or_else(|| Refusal::not_found("version_unknown"))?;
            of_version(tx, &version, &which)
        })
        .await;
    match file {
        Ok(file) => {
            let mut response = file.into_response();
            // The address stays the same when a newer version comes.
            response.headers_mut().insert(
                header::CACHE_CONTROL,
                HeaderValue::from_static("private, no-cache"),
            );
            response
        }
        Err(error) => pages::error_page(me.texts, &error),
    }
}
