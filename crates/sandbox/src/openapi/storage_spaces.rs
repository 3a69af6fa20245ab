//! Spaces: shared ones of the organisation (企业共享空间), an app's own, and a group's.
//!
//! A group's space is made when it is first asked for.

use std::sync::Arc;

use axum::Router;
use serde_json::{Value, json};

use super::groups::{live_group, segment};
use super::required;
use super::storage::{Asked, asked, bad, file_name, moment, numeric_id, window};
use crate::call::{Call, ModernRefusal, modern, modern_get};
use crate::drive::{Change, Role, Space, SpaceKind};
use crate::shared::Shared;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route(
            "/v1.0/drive/spaces",
            modern(add_shared).merge(modern_get(list_shared)),
        )
        .route("/v1.0/storage/spaces", modern(add_own))
        .route("/v1.0/storage/spaces/{spaceId}", modern_get(one))
        .route(
            "/v1.0/convFile/conversations/spaces/query",
            modern(of_group),
        )
}

/// `POST /v1.0/drive/spaces {"name","unionId"}`
fn add_shared(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let mut asked = asked(shared, call)?;
    if asked.world.rules.drive.spaces_forbidden {
        return Err(ModernRefusal::bad(
            "addSpace.forbiden",
            "管理员禁止新建企业共享空间",
        ));
    }
    let name = file_name(required(&asked.body, "name")?)?;
    let space = found(shared, &mut asked, name, SpaceKind::Organisation);
    Ok(shown_in_drive(&space))
}

/// `GET /v1.0/drive/spaces?unionId&spaceType=org&maxResults&nextToken`: those the operator may look into.
fn list_shared(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let asked = asked(shared, call)?;
    if call.query("spaceType") != Some("org") {
        return Err(bad("spaceType 仅支持 org"));
    }
    let size = call
        .query("maxResults")
        .map(|size| size.parse().map_err(|_| bad("maxResults 不正确")))
        .transpose()?;
    let (from, size) = window(size, call.query("nextToken"), 50)?;
    let all = asked
        .world
        .drive
        .spaces()
        .iter()
        .filter(|space| space.kind == SpaceKind::Organisation);
    let seen: Vec<_> = all
        .filter(|space| asked.space(&space.id, Role::Reader).is_ok())
        .collect();
    let rows = seen
        .iter()
        .skip(from)
        .take(size)
        .map(|space| shown_in_drive(space));
    let mut answer = json!({ "spaces": rows.collect::<Vec<_>>() });
    if from + size < seen.len() {
        answer["nextToken"] = (from + size).to_string().into();
    }
    Ok(answer)
}

/// `POST /v1.0/storage/spaces {"option":{"name","ownerType":"USER"|"APP",…}}`
fn add_own(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let mut asked = asked(shared, call)?;
    let option = asked.body["option"].clone();
    let name = file_name(option["name"].as_str().unwrap_or("应用空间"))?;
    let by_app = match option["ownerType"].as_str() {
        None | Some("USER") => false,
        Some("APP") => true,
        Some(_) => return Err(bad("ownerType 取值 USER 或 APP")),
    };
    let client_id = asked.caller.client_id.clone();
    let space = found(
        shared,
        &mut asked,
        name,
        SpaceKind::App { client_id, by_app },
    );
    Ok(json!({ "space": shown_in_storage(&asked, &space) }))
}

/// `GET /v1.0/storage/spaces/{spaceId}?unionId`
fn one(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let asked = asked(shared, call)?;
    let space = asked.space(&segment(call, 3), Role::Reader)?;
    Ok(json!({ "space": shown_in_storage(&asked, &space) }))
}

/// `POST /v1.0/convFile/conversations/spaces/query {"openConversationId"}`; the operator must be a member.
fn of_group(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let mut asked = asked(shared, call)?;
    let conversation = required(&asked.body, "openConversationId")?.to_owned();
    let space = space_of_group(shared, &mut asked, &conversation)?;
    Ok(json!({ "space": {
        "spaceId": space.id,
        "corpId": asked.world.organisation.corp_id,
        "createTime": moment(space.made_ms),
        "modifiedTime": moment(space.made_ms),
    }}))
}

/// The group's space, made if there is none.
pub(super) fn space_of_group(
    shared: &Shared,
    asked: &mut Asked<'_>,
    conversation: &str,
) -> Result<Space, ModernRefusal> {
    let group = live_group(&asked.world, conversation)?;
    if !group.members.contains(&asked.operator.userid) {
        return Err(ModernRefusal {
            status: 403,
            ..ModernRefusal::bad("permissionDenied", "操作者不在群内")
        });
    }
    let title = group.title.clone();
    let known = asked.world.drive.space_of_group(conversation).cloned();
    Ok(known.unwrap_or_else(|| {
        let kind = SpaceKind::Group {
            conversation: conversation.to_owned(),
        };
        found(shared, asked, title, kind)
    }))
}

fn found(shared: &Shared, asked: &mut Asked<'_>, name: String, kind: SpaceKind) -> Space {
    let space = Space {
        id: numeric_id(shared),
        name,
        kind,
        owner: asked.operator.userid.clone(),
        made_ms: asked.now_ms,
        root_uuid: shared.ids().token(),
        grants: Vec::new(),
    };
    asked.record(Change::Space {
        space: space.clone(),
    });
    space
}

fn shown_in_drive(space: &Space) -> Value {
    json!({
        "spaceId": space.id, "spaceName": space.name, "spaceType": "org", "permissionMode": "acl",
        "quota": 0, "usedQuota": 0, "createTime": moment(space.made_ms), "modifyTime": moment(space.made_ms),
    })
}

fn shown_in_storage(asked: &Asked<'_>, space: &Space) -> Value {
    let (owner_type, app_id) = match &space.kind {
        SpaceKind::App {
            client_id,
            by_app: true,
        } => ("APP", client_id.as_str()),
        SpaceKind::App { client_id, .. } => ("USER", client_id.as_str()),
        SpaceKind::Group { .. } | SpaceKind::Organisation => ("USER", ""),
    };
    let owner = asked.union_of(&space.owner);
    let files = asked.world.drive.in_space(&space.id);
    let used: u64 = files
        .flat_map(|dentry| &dentry.versions)
        .map(|version| version.size)
        .sum();
    json!({
        "id": space.id, "name": space.name, "corpId": asked.world.organisation.corp_id, "appId": app_id,
        "ownerType": owner_type, "ownerId": owner, "creatorId": owner, "modifierId": owner, "status": "NORMAL",
        "scene": "default", "sceneId": "0", "quota": 0, "usedQuota": used,
        "createTime": moment(space.made_ms), "modifiedTime": moment(space.made_ms),
        "capabilities": { "canSearch": true, "canRename": true, "canRecordRecentFile": true },
    })
}
