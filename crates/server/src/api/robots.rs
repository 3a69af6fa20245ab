//! `/robots`: group robots, never their webhooks or secrets.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use yuezhi_store::robots;

use super::{
    caller::Caller,
    input::{Body, Page},
    problem::ApiError,
};
use crate::{
    actions::{
        ActionError,
        save_robot::{self, RobotInput},
    },
    app::App,
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_robots))
        .routes(routes!(put_robot, delete_robot))
        .routes(routes!(test_robot))
}

/// A robot of a group.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Robot {
    pub name: String,
    /// The channel it makes.
    pub channel: String,
    /// `configuration` (cannot be changed here) or `database`.
    pub origin: String,
    pub keywords: Vec<String>,
    /// It has a signing secret.
    pub is_signed: bool,
}

/// What an administrator knows of a robot. None of it is ever given out again.
#[derive(Deserialize, ToSchema)]
pub struct RobotBody {
    /// The whole address as DingTalk shows it.
    #[schema(value_type = String)]
    pub webhook: SecretString,
    /// Signing secret (加签), begins with SEC.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub secret: Option<SecretString>,
    #[serde(default)]
    pub keywords: Vec<String>,
}

/// All robots, those of the configuration file first.
#[utoipa::path(get, path = "/api/v1/robots", tag = "robots", responses((status = 200, body = Page<Robot>)))]
async fn list_robots(State(app): State<App>) -> Result<Json<Page<Robot>>, ApiError> {
    let stored = app
        .db
        .read(|tx| Ok::<_, ActionError>(robots::list(tx)?))
        .await?;
    let configured = app.config.robot.iter().map(|robot| Robot {
        name: robot.name.clone(),
        channel: format!("robot:{}", robot.name),
        origin: "configuration".to_owned(),
        keywords: robot.keywords.clone(),
        is_signed: robot.secret.is_some(),
    });
    let stored = stored.into_iter().map(|robot| Robot {
        channel: format!("robot:{}", robot.name),
        name: robot.name,
        origin: "database".to_owned(),
        keywords: robot.keywords,
        is_signed: robot.secret.is_some(),
    });
    Ok(Json(Page {
        items: configured.chain(stored).collect(),
        next: None,
    }))
}

/// Add a robot, or change the one of this name.
#[utoipa::path(put, path = "/api/v1/robots/{name}", tag = "robots", params(("name" = String, Path)), request_body = RobotBody, responses((status = 204)))]
async fn put_robot(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
    Body(body): Body<RobotBody>,
) -> Result<StatusCode, ApiError> {
    let input = RobotInput {
        name,
        webhook: body.webhook,
        secret: body.secret,
        keywords: body.keywords,
    };
    save_robot::save(&app, caller.actor, input).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Remove a robot. What was to be sent through it fails visibly.
#[utoipa::path(delete, path = "/api/v1/robots/{name}", tag = "robots", params(("name" = String, Path)), responses((status = 204)))]
async fn delete_robot(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    save_robot::remove(&app, caller.actor, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Send one test message to the group.
#[utoipa::path(post, path = "/api/v1/robots/{name}/test", tag = "robots", params(("name" = String, Path)), responses((status = 204)))]
async fn test_robot(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    save_robot::send_test(&app, &caller.actor, &format!("robot:{name}")).await?;
    Ok(StatusCode::NO_CONTENT)
}
