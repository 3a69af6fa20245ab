//! `/groups`: notification groups (通知群) that are kept in step with an audience.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use yuezhi_store::chat_groups::{self, ChatGroup};

use super::{
    caller::Caller,
    input::{Body, Page},
    problem::ApiError,
};
use crate::{
    actions::{
        ActionError, Refusal,
        save_group::{self, GroupAct, GroupInput},
    },
    app::App,
    texts::Texts,
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_groups, create_group))
        .routes(routes!(get_group, change_group, forget_group))
        .routes(routes!(pause_group))
        .routes(routes!(resume_group))
        .routes(routes!(retry_group))
}

/// A notification group.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Group {
    pub name: String,
    pub title: String,
    /// The rule of the audience.
    pub audience: String,
    /// The channels it makes, once it is there.
    pub channels: Vec<String>,
    pub owner_user_id: String,
    /// `wanted` (not made yet), `active`, `paused`, or `gone` (disbanded on the platform).
    pub state: String,
    pub members: i64,
    /// Joiners are told what the group is for.
    pub greets: bool,
    /// When its members were last as they should be.
    pub synced_at: Option<String>,
    /// What went wrong last.
    pub problem: Option<GroupProblem>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct GroupProblem {
    pub code: String,
    pub message: String,
    pub detail: String,
}

/// A group to be made, or what is to change about one.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GroupBody {
    /// Short; names the channels `group:NAME` and `group_announcement:NAME`. Taken from the address in a change.
    pub name: String,
    /// As the group is called in DingTalk, at most 20 signs.
    pub title: String,
    /// Who belongs into it.
    pub audience: String,
    /// Userid; `dingtalk.operator_user_id` if missing.
    pub owner_user_id: String,
    /// Makes a scene group (场景群) by this template.
    pub scene_template_id: String,
    /// Tell joiners what the group is for.
    pub greets: bool,
}

/// All groups, by name.
#[utoipa::path(get, path = "/api/v1/groups", tag = "groups", responses((status = 200, body = Page<Group>)))]
async fn list_groups(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<Page<Group>>, ApiError> {
    let all = app
        .db
        .read(|tx| Ok::<_, ActionError>(chat_groups::list(tx)?))
        .await?;
    Ok(Json(Page {
        items: all
            .into_iter()
            .map(|group| shown(group, caller.texts))
            .collect(),
        next: None,
    }))
}

/// Have a group made; it is there within a moment.
#[utoipa::path(post, path = "/api/v1/groups", tag = "groups", request_body = GroupBody, responses((status = 202, body = Group)))]
async fn create_group(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<GroupBody>,
) -> Result<(StatusCode, Json<Group>), ApiError> {
    let name = body.name.trim().to_owned();
    save_group::create(&app, &caller.actor, input(body)).await?;
    let group = one(&app, name, caller.texts).await?;
    Ok((StatusCode::ACCEPTED, Json(group)))
}

/// One group.
#[utoipa::path(get, path = "/api/v1/groups/{name}", tag = "groups", params(("name" = String, Path)), responses((status = 200, body = Group)))]
async fn get_group(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<Group>, ApiError> {
    Ok(Json(one(&app, name, caller.texts).await?))
}

/// Another title, audience, owner or greeting.
#[utoipa::path(put, path = "/api/v1/groups/{name}", tag = "groups", params(("name" = String, Path)), request_body = GroupBody, responses((status = 200, body = Group)))]
async fn change_group(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
    Body(body): Body<GroupBody>,
) -> Result<Json<Group>, ApiError> {
    let body = GroupBody {
        name: name.clone(),
        ..body
    };
    save_group::change(&app, &caller.actor, input(body)).await?;
    Ok(Json(one(&app, name, caller.texts).await?))
}

/// Leave its members as they are from now on.
#[utoipa::path(post, path = "/api/v1/groups/{name}/pause", tag = "groups", params(("name" = String, Path)), responses((status = 204)))]
async fn pause_group(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    act(&app, caller, &name, GroupAct::Pause).await
}

/// Keep its members in step again.
#[utoipa::path(post, path = "/api/v1/groups/{name}/resumption", tag = "groups", params(("name" = String, Path)), responses((status = 204)))]
async fn resume_group(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    act(&app, caller, &name, GroupAct::Resume).await
}

/// Compare with the platform now.
#[utoipa::path(post, path = "/api/v1/groups/{name}/retry", tag = "groups", params(("name" = String, Path)), responses((status = 204)))]
async fn retry_group(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    act(&app, caller, &name, GroupAct::Retry).await
}

/// Do not keep it any more; on the platform it stays.
#[utoipa::path(delete, path = "/api/v1/groups/{name}", tag = "groups", params(("name" = String, Path)), responses((status = 204)))]
async fn forget_group(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    act(&app, caller, &name, GroupAct::Forget).await
}

async fn act(app: &App, caller: Caller, name: &str, act: GroupAct) -> Result<StatusCode, ApiError> {
    save_group::act(app, &caller.actor, name, act).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn input(body: GroupBody) -> GroupInput {
    GroupInput {
        name: body.name,
        title: body.title,
        audience: body.audience,
        owner_user_id: body.owner_user_id,
        scene_template_id: body.scene_template_id,
        greets: body.greets,
    }
}

async fn one(app: &App, name: String, texts: Texts) -> Result<Group, ApiError> {
    let group = app
        .db
        .read(move |tx| {
            let group = chat_groups::get(tx, &name)?;
            group.ok_or_else(|| {
                ActionError::from(Refusal::not_found("group_unknown").with("name", &name))
            })
        })
        .await?;
    Ok(shown(group, texts))
}

fn shown(group: ChatGroup, texts: Texts) -> Group {
    let channels = match group.open_conversation_id {
        Some(_) => ["group", "group_announcement"]
            .map(|kind| format!("{kind}:{}", group.name))
            .into(),
        None => Vec::new(),
    };
    Group {
        channels,
        title: group.title,
        audience: group.audience,
        owner_user_id: group.owner_user_id,
        state: group.state.as_str().to_owned(),
        members: group.members,
        greets: group.greets,
        synced_at: group.synced_at.map(|at| at.to_string()),
        problem: group.error_code.map(|code| GroupProblem {
            message: texts.of_value("messages.reason", &code),
            code,
            detail: group.error_detail.unwrap_or_default(),
        }),
        name: group.name,
    }
}
