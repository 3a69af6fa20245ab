//! `/departments`: the tree, and how a filter names a part of it.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use yuezhi_store::{Tx, departments};

use super::{input::Page, problem::ApiError};
use crate::{
    actions::{ActionError, Refusal},
    app::App,
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_departments))
}

/// A department.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Department {
    pub id: String,
    pub name: String,
    /// 总部/财务部
    pub path: String,
    pub closed_at: Option<String>,
}

/// All departments; a parent stands before its children.
#[utoipa::path(get, path = "/api/v1/departments", tag = "departments", responses((status = 200, body = Page<Department>)))]
async fn list_departments(State(app): State<App>) -> Result<Json<Page<Department>>, ApiError> {
    let mut tree = app
        .db
        .read(|tx| Ok::<_, ActionError>(departments::tree(tx)?))
        .await?;
    tree.sort_by(|a, b| a.path.cmp(&b.path));
    let items = tree.into_iter().map(|department| Department {
        id: department.id.to_string(),
        name: department.name,
        path: department.path,
        closed_at: department.closed_at.map(|at| at.to_string()),
    });
    Ok(Json(Page {
        items: items.collect(),
        next: None,
    }))
}

/// The numbers of a department and of all below it; empty (no filter) when none is named.
pub(super) fn subtree(tx: &mut Tx<'_>, named: Option<&str>) -> Result<Vec<i64>, ActionError> {
    let Some(named) = named
        .map(|text| text.trim().trim_matches('/'))
        .filter(|text| !text.is_empty())
    else {
        return Ok(Vec::new());
    };
    let tree = departments::tree(tx)?;
    let roots: Vec<&str> = tree
        .iter()
        .filter(|d| d.path == named || d.name == named)
        .map(|d| d.path.as_str())
        .collect();
    if roots.is_empty() {
        return Err(Refusal::invalid("department", "department_unknown")
            .with("department", named)
            .into());
    }
    let below = |path: &str| {
        roots.iter().any(|root| {
            path.strip_prefix(root)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    };
    Ok(tree
        .iter()
        .filter(|d| below(&d.path))
        .map(|d| d.no)
        .collect())
}
