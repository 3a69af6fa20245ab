//! `/audit`: who did what, newest first.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use yuezhi_store::audit::{self, AuditFilter};

use super::{
    input::{Ask, Page, Window},
    problem::ApiError,
};
use crate::{actions::ActionError, app::App};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_audit))
}

/// One thing that somebody or something did.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    pub seq: i64,
    pub at: String,
    /// `account:li`, `token:repository`, `command-line`, `folder:inbox`, `person:1024`, `system`
    pub actor: String,
    /// `version.published`, `notice.reminded` …
    pub action: String,
    /// `policy:travel`, `notice:…`
    pub subject: String,
    #[schema(value_type = Object)]
    pub detail: serde_json::Value,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AuditQuery {
    actor: Option<String>,
    action: Option<String>,
    subject: Option<String>,
    /// Cursor: the `next` of the page before.
    after: Option<String>,
    /// 1 to 1000; 100 if missing.
    limit: Option<usize>,
}

/// The audit trail.
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", params(AuditQuery), responses((status = 200, body = Page<AuditEntry>)))]
async fn list_audit(
    State(app): State<App>,
    Ask(query): Ask<AuditQuery>,
) -> Result<Json<Page<AuditEntry>>, ApiError> {
    let window = Window::of(query.after.as_deref(), query.limit)?;
    let filter = AuditFilter {
        subject: query.subject,
        actor: query.actor,
        action: query.action,
    };
    let rows = app
        .db
        .read(move |tx| {
            Ok::<_, ActionError>(audit::list(tx, &filter, window.after, window.to_ask())?)
        })
        .await?;
    let show = |entry: audit::Entry| AuditEntry {
        seq: entry.seq,
        at: entry.at.to_string(),
        actor: entry.actor,
        action: entry.action,
        subject: entry.subject,
        detail: serde_json::from_str(&entry.detail).unwrap_or(serde_json::Value::Null),
    };
    Ok(Json(window.page(rows, |entry| entry.seq, show)))
}
