//! `/policies`: what there is, its versions.

use axum::{
    Json,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use yuezhi_store::{
    Tx,
    policies::{self, PolicyFilter},
    versions,
};

use super::{
    input::{Ask, Page, Window},
    problem::ApiError,
    versions::Version,
};
use crate::{
    actions::{ActionError, Refusal},
    app::App,
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_policies))
        .routes(routes!(get_policy))
        .routes(routes!(list_policy_versions))
}

/// A policy with its current version.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Policy {
    pub id: String,
    /// Names it in addresses and on the command line.
    pub slug: String,
    pub title: String,
    pub category: String,
    /// The department that answers for it.
    pub owner: String,
    /// `zh-CN` or `en`.
    pub language: String,
    /// What people see as its current version.
    pub current_version: Option<String>,
    pub published_at: Option<String>,
    /// `YYYY-MM-DD`.
    pub effective_on: Option<String>,
    pub open_notices: i64,
    pub repealed_at: Option<String>,
    pub updated_at: String,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PolicyQuery {
    /// Part of title, slug, category or owner.
    pub search: Option<String>,
    /// Cursor: the `next` of the page before.
    pub after: Option<String>,
    /// 1 to 1000; 100 if missing.
    pub limit: Option<usize>,
}

/// Policies, newest first.
#[utoipa::path(get, path = "/api/v1/policies", tag = "policies", params(PolicyQuery), responses((status = 200, body = Page<Policy>)))]
async fn list_policies(
    State(app): State<App>,
    Ask(query): Ask<PolicyQuery>,
) -> Result<Json<Page<Policy>>, ApiError> {
    let window = Window::of(query.after.as_deref(), query.limit)?;
    let filter = PolicyFilter {
        search: query.search,
    };
    let rows = app
        .db
        .read(move |tx| {
            Ok::<_, ActionError>(policies::list(tx, &filter, window.after, window.to_ask())?)
        })
        .await?;
    Ok(Json(window.page(rows, |row| row.no, shown)))
}

/// One policy.
#[utoipa::path(get, path = "/api/v1/policies/{slug}", tag = "policies", params(("slug" = String, Path)), responses((status = 200, body = Policy)))]
async fn get_policy(
    State(app): State<App>,
    Path(slug): Path<String>,
) -> Result<Json<Policy>, ApiError> {
    let row = app
        .db
        .read(move |tx| {
            let policy = find(tx, &slug)?;
            let current = match policy.current_version_no {
                Some(no) => versions::get(tx, no)?,
                None => None,
            };
            let open = yuezhi_store::notices::open_for_policy(tx, policy.no)?;
            Ok::<_, ActionError>(policies::PolicyRow {
                version_label: current.as_ref().map(|v| v.label.clone()),
                published_at: current.as_ref().map(|v| v.published_at),
                effective_on: current.and_then(|v| v.effective_on),
                open_notices: open.len() as i64,
                no: policy.no,
                id: policy.id,
                slug: policy.slug,
                title: policy.title,
                category: policy.category,
                owner: policy.owner,
                language: policy.language,
                repealed_at: policy.repealed_at,
                updated_at: policy.updated_at,
            })
        })
        .await?;
    Ok(Json(shown(row)))
}

/// The versions of a policy, newest first.
#[utoipa::path(get, path = "/api/v1/policies/{slug}/versions", tag = "policies", params(("slug" = String, Path)), responses((status = 200, body = Page<Version>)))]
async fn list_policy_versions(
    State(app): State<App>,
    Path(slug): Path<String>,
) -> Result<Json<Page<Version>>, ApiError> {
    let items = app
        .db
        .read(move |tx| {
            let policy = find(tx, &slug)?;
            versions::list(tx, policy.no)?
                .into_iter()
                .map(|version| super::versions::shown(tx, &policy, version))
                .collect()
        })
        .await?;
    Ok(Json(Page { items, next: None }))
}

/// The policy of this slug.
pub fn find(tx: &mut Tx<'_>, slug: &str) -> Result<policies::Policy, ActionError> {
    policies::by_slug(tx, slug)?.ok_or_else(|| {
        Refusal::not_found("policy_unknown")
            .with("slug", slug)
            .into()
    })
}

fn shown(policy: policies::PolicyRow) -> Policy {
    Policy {
        id: policy.id.to_string(),
        slug: policy.slug,
        title: policy.title,
        category: policy.category,
        owner: policy.owner,
        language: policy.language.to_string(),
        current_version: policy.version_label,
        published_at: policy.published_at.map(|at| at.to_string()),
        effective_on: policy.effective_on,
        open_notices: policy.open_notices,
        repealed_at: policy.repealed_at.map(|at| at.to_string()),
        updated_at: policy.updated_at.to_string(),
    }
}
