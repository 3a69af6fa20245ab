//! `POST /versions`: publish a file, or preview it with `dry_run=true`.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::plan::{self, Plan};
use crate::{
    actions::publish_version::{self as action, PublishRequest},
    api::{caller::Caller, form::Form, input::Ask, problem::ApiError, publish_form},
    app::App,
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(publish))
        .routes(routes!(publish_for_policy))
}

/// What publishing ended with.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Published {
    /// The newest version holds the same text already; nothing was written.
    pub unchanged: bool,
    /// Slug.
    pub policy: String,
    /// The new version, or the one that is the same.
    pub version: String,
    pub label: String,
    /// Absent when nothing changed.
    pub notice: Option<String>,
    pub recipients: i64,
    /// Where people read it.
    pub url: Option<String>,
    pub warnings: Vec<super::PlanWarning>,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PublishQuery {
    /// `true`: answer 200 with the plan, do nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// Publish a file as a new version and tell its audience.
///
/// With `dry_run=true` the answer is a `Plan`. A text that is the newest version already answers 200 and does nothing.
#[utoipa::path(
    post, path = "/api/v1/versions", tag = "versions", params(PublishQuery),
    request_body(content = publish_form::VersionForm, content_type = "multipart/form-data"),
    responses((status = 201, description = "Published", body = Published), (status = 200, description = "The plan (dry run)", body = Plan))
)]
async fn publish(
    State(app): State<App>,
    caller: Caller,
    Ask(query): Ask<PublishQuery>,
    form: Form,
) -> Result<Response, ApiError> {
    let request = publish_form::request(form, &caller, None)?;
    act(&app, &caller, query.dry_run, request).await
}

/// The same for a named policy.
#[utoipa::path(
    post, path = "/api/v1/policies/{slug}/versions", tag = "versions", params(PublishQuery, ("slug" = String, Path)),
    request_body(content = publish_form::VersionForm, content_type = "multipart/form-data"),
    responses((status = 201, description = "Published", body = Published), (status = 200, description = "The plan (dry run)", body = Plan))
)]
async fn publish_for_policy(
    State(app): State<App>,
    Path(slug): Path<String>,
    caller: Caller,
    Ask(query): Ask<PublishQuery>,
    form: Form,
) -> Result<Response, ApiError> {
    let request = publish_form::request(form, &caller, Some(slug))?;
    act(&app, &caller, query.dry_run, request).await
}

async fn act(
    app: &App,
    caller: &Caller,
    dry_run: bool,
    request: PublishRequest,
) -> Result<Response, ApiError> {
    if dry_run {
        let plan = Box::pin(action::plan(app, &request)).await?;
        return Ok(Json(plan::shown(app, plan, caller.texts)).into_response());
    }
    let (status, published) = match Box::pin(action::publish(app, request)).await? {
        action::Published::New(new) => {
            let plan = plan::shown(app, new.plan, caller.texts);
            let published = Published {
                unchanged: false,
                policy: new.policy_slug,
                version: new.version_id.to_string(),
                label: new.label,
                notice: Some(new.notice_id.to_string()),
                recipients: new.recipients,
                url: Some(format!("{}/n/{}", app.public_url(), new.notice_id)),
                warnings: plan.warnings,
            };
            (StatusCode::CREATED, published)
        }
        action::Published::Unchanged {
            policy_slug,
            version_id,
            label,
        } => {
            let published = Published {
                unchanged: true,
                policy: policy_slug,
                version: version_id.to_string(),
                label,
                notice: None,
                recipients: 0,
                url: None,
                warnings: Vec::new(),
            };
            (StatusCode::OK, published)
        }
    };
    Ok((status, Json(published)).into_response())
}
