//! Who may do what with a file: grant, list, take back, inherit.
//!
//! A member of type USER is named by userId here (the overview page says unionId; the sandbox follows the page of the
//! call and refuses the other). Grants in a space that an app owns are for an hour at most.

use std::sync::Arc;

use axum::Router;
use serde_json::{Value, json};

use super::groups::segment;
use super::required;
use super::storage::{Asked, asked, bad, no_dentry, window};
use crate::call::{Call, ModernRefusal, modern, modern_get, modern_put};
use crate::drive::{Change, Dentry, Grant, Member, Role, Space, SpaceKind};
use crate::shared::Shared;

const MEMBERS_PER_CALL: usize = 30;
const APP_GRANT_S: i64 = 3_600;

pub(super) fn routes() -> Router<Arc<Shared>> {
    let of = "/v2.0/storage/spaces/dentries/{dentryUuid}/permissions";
    Router::new()
        .route(of, modern(add))
        .route(&format!("{of}/query"), modern(query))
        .route(&format!("{of}/remove"), modern(remove))
        .route(
            &format!("{of}/inheritances"),
            modern_put(inherit).merge(modern_get(inheritance)),
        )
}

/// A file or folder, or a space's root.
enum Target {
    Root(Space),
    Dentry(Dentry),
}

/// `POST …/permissions {"roleId","members":[{"type","id","corpId"}],"option":{"duration"}}`
fn add(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let mut asked = asked(shared, call)?;
    let target = target(&asked, &segment(call, 4), Role::Manager)?;
    let role = role(&asked)?;
    let members = members(&asked)?;
    let duration_s = asked.body["option"]["duration"].as_i64();
    let space_id = match &target {
        Target::Root(space) => &space.id,
        Target::Dentry(dentry) => &dentry.space_id,
    };
    let is_apps = matches!(
        asked.known_space(space_id)?.kind,
        SpaceKind::App { by_app: true, .. }
    );
    if is_apps && !duration_s.is_some_and(|duration| (1..=APP_GRANT_S).contains(&duration)) {
        return Err(bad("应用空间只支持临时授权，duration 取值范围 1-3600 秒"));
    }
    let expires_ms =
        duration_s.map(|duration| asked.now_ms + duration.max(0).saturating_mul(1_000));
    change(&mut asked, target, |grants| {
        grants.retain(|grant| !members.contains(&grant.member));
        grants.extend(members.into_iter().map(|member| Grant {
            role,
            member,
            expires_ms,
            duration_s,
        }));
    });
    Ok(json!({ "success": true }))
}

/// `POST …/permissions/query {"option":{"filterRoleIds","maxResults","nextToken"}}`
fn query(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let asked = asked(shared, call)?;
    let uuid = segment(call, 4);
    let grants = match target(&asked, &uuid, Role::Reader)? {
        Target::Root(space) => space.grants,
        Target::Dentry(dentry) => dentry.grants,
    };
    let option = &asked.body["option"];
    let wanted = super::strings(&option["filterRoleIds"]);
    let live: Vec<_> = grants
        .iter()
        .filter(|grant| grant.expires_ms.is_none_or(|at| at > asked.now_ms))
        .filter(|grant| wanted.is_empty() || wanted.iter().any(|role| role == grant.role.id()))
        .collect();
    let (from, size) = window(
        option["maxResults"].as_u64(),
        option["nextToken"].as_str(),
        50,
    )?;
    let rows = live.iter().skip(from).take(size).map(|grant| {
        let mut row = json!({
            "dentryUuid": uuid,
            "role": { "id": grant.role.id(), "name": role_name(grant.role) },
            "member": { "type": grant.member.kind, "id": grant.member.id, "corpId": grant.member.corp_id },
        });
        if let Some(duration) = grant.duration_s {
            row["duration"] = duration.into();
        }
        row
    });
    let mut answer = json!({ "permissions": rows.collect::<Vec<_>>() });
    if from + size < live.len() {
        answer["nextToken"] = (from + size).to_string().into();
    }
    Ok(answer)
}

/// `POST …/permissions/remove {"roleId","members"}`
fn remove(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let mut asked = asked(shared, call)?;
    let target = target(&asked, &segment(call, 4), Role::Manager)?;
    let role = role(&asked)?;
    let members = members(&asked)?;
    change(&mut asked, target, |grants| {
        grants.retain(|grant| grant.role != role || !members.contains(&grant.member));
    });
    Ok(json!({ "success": true }))
}

/// `PUT …/permissions/inheritances {"inheritance":"PASS_ON"|"BREAK"}`; a root inherits nothing and is refused.
fn inherit(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let mut asked = asked(shared, call)?;
    let Target::Dentry(mut dentry) = target(&asked, &segment(call, 4), Role::Manager)? else {
        return Err(bad("根目录不支持修改继承模式"));
    };
    dentry.stands_alone = match required(&asked.body, "inheritance")? {
        "PASS_ON" => false,
        "BREAK" => true,
        _ => return Err(bad("inheritance 取值 PASS_ON 或 BREAK")),
    };
    asked.record(Change::Dentry {
        dentry: Box::new(dentry),
    });
    Ok(json!({ "success": true }))
}

/// `GET …/permissions/inheritances`
fn inheritance(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let asked = asked(shared, call)?;
    let stands_alone = match target(&asked, &segment(call, 4), Role::Reader)? {
        Target::Root(_) => false,
        Target::Dentry(dentry) => dentry.stands_alone,
    };
    Ok(json!({ "inheritance": if stands_alone { "BREAK" } else { "PASS_ON" } }))
}

fn target(asked: &Asked<'_>, uuid: &str, least: Role) -> Result<Target, ModernRefusal> {
    let drive = &asked.world.drive;
    if let Some(space) = drive.spaces().iter().find(|space| space.root_uuid == uuid) {
        return asked.space(&space.id, least).map(Target::Root);
    }
    let dentry = drive.by_uuid(uuid).ok_or_else(no_dentry)?;
    asked
        .dentry(&dentry.space_id, &dentry.id, least)
        .map(Target::Dentry)
}

fn change(asked: &mut Asked<'_>, target: Target, with: impl FnOnce(&mut Vec<Grant>)) {
    match target {
        Target::Root(mut space) => {
            with(&mut space.grants);
            asked.record(Change::Space { space });
        }
        Target::Dentry(mut dentry) => {
            with(&mut dentry.grants);
            asked.record(Change::Dentry {
                dentry: Box::new(dentry),
            });
        }
    }
}

fn role(asked: &Asked<'_>) -> Result<Role, ModernRefusal> {
    Role::of(required(&asked.body, "roleId")?)
        .ok_or_else(|| bad("roleId 取值 OWNER、MANAGER、EDITOR、DOWNLOADER 或 READER"))
}

fn members(asked: &Asked<'_>) -> Result<Vec<Member>, ModernRefusal> {
    let rows = asked.body["members"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    if rows.is_empty() || rows.len() > MEMBERS_PER_CALL {
        return Err(bad("members 数量为 1-30"));
    }
    rows.iter().map(|row| member(asked, row)).collect()
}

fn member(asked: &Asked<'_>, row: &Value) -> Result<Member, ModernRefusal> {
    let (kind, id) = (required(row, "type")?, required(row, "id")?);
    let world = &asked.world;
    let corp_id = row["corpId"].as_str().unwrap_or_default();
    let is_known = match kind {
        "ORG" => id == world.organisation.corp_id,
        "USER" => world.person(id).is_some(),
        "DEPT" if corp_id.is_empty() => return Err(bad("成员类型为 DEPT 时 corpId 必填")),
        "DEPT" => world
            .organisation
            .departments
            .iter()
            .any(|department| department.id.to_string() == id),
        "TAG" => world
            .organisation
            .roles
            .iter()
            .any(|role| role.id.to_string() == id),
        "CONVERSATION" => world.group(id).is_some(),
        _ => return Err(bad("成员类型取值 ORG、DEPT、TAG、CONVERSATION 或 USER")),
    };
    if !is_known {
        return Err(bad(&format!("成员 {id} 不存在")));
    }
    Ok(Member {
        kind: kind.to_owned(),
        id: id.to_owned(),
        corp_id: world.organisation.corp_id.clone(),
    })
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Owner => "所有者",
        Role::Manager => "管理者",
        Role::Editor => "编辑者",
        Role::Downloader => "查看/下载者",
        Role::Reader => "查看者",
    }
}
