//! 钉盘 for apps: what all of its calls share, and the list of their routes.
//!
//! Spaces are in `storage_spaces`, bytes in `storage_uploads`, files and folders in `storage_dentries`, rights in
//! `storage_permissions`, files in conversations in `storage_conversations`. The operator is always the person of the
//! query's `unionId`, who needs the right for what is done.
//! Sources: 开放平台文档, 钉盘 (the page of each path) and the SDK's
//! `storage_1_0`, `storage_2_0`, `conv_file_1_0`, `drive_1_0`. The pages list hardly any codes: those here are inferred.

use std::sync::Arc;

use axum::Router;
use serde_json::{Value, json};

use super::{
    json_body, storage_conversations, storage_dentries, storage_permissions, storage_spaces,
    storage_uploads,
};
use crate::call::{Call, Caller, ModernRefusal, modern_caller};
use crate::drive::{Change, Dentry, ROOT, Role, Signature, Space, Version};
use crate::drive_rights::role_in;
use crate::journal::Entry;
use crate::organisation::Person;
use crate::shared::Shared;
use crate::world::World;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .merge(storage_spaces::routes())
        .merge(storage_uploads::routes())
        .merge(storage_dentries::routes())
        .merge(storage_permissions::routes())
        .merge(storage_conversations::routes())
}

/// A call whose app and operator are known.
pub(super) struct Asked<'a> {
    pub(super) world: std::sync::MutexGuard<'a, World>,
    pub(super) caller: Caller,
    pub(super) operator: Person,
    pub(super) body: Value,
    pub(super) now_ms: i64,
}

/// Checks token and operator. A body is read if there is one.
pub(super) fn asked<'a>(shared: &'a Shared, call: &Call) -> Result<Asked<'a>, ModernRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let caller = modern_caller(&mut world, call, now_ms)?;
    let body = if call.body.is_empty() {
        json!({})
    } else {
        json_body(call)?
    };
    let in_body = body["unionId"].as_str();
    let unionid = call
        .query("unionId")
        .or(in_body)
        .ok_or_else(|| ModernRefusal::missing("unionId"))?;
    let operator = world
        .person_by_union(unionid)
        .cloned()
        .ok_or_else(|| bad("unionId 不存在"))?;
    Ok(Asked {
        world,
        caller,
        operator,
        body,
        now_ms,
    })
}

impl Asked<'_> {
    /// The space, in which the operator must have at least this role.
    pub(super) fn space(&self, id: &str, least: Role) -> Result<Space, ModernRefusal> {
        let space = self.known_space(id)?;
        Self::demand(
            role_in(&self.world, &space, None, &self.operator, self.now_ms),
            least,
        )?;
        Ok(space)
    }

    /// The file or folder of the space, with which the operator must be allowed this much.
    pub(super) fn dentry(
        &self,
        space_id: &str,
        id: &str,
        least: Role,
    ) -> Result<Dentry, ModernRefusal> {
        let space = self.known_space(space_id)?;
        let dentry = self
            .world
            .drive
            .dentry(id)
            .filter(|dentry| dentry.space_id == space_id);
        let dentry = dentry.ok_or_else(no_dentry)?;
        Self::demand(
            role_in(
                &self.world,
                &space,
                Some(dentry),
                &self.operator,
                self.now_ms,
            ),
            least,
        )?;
        Ok(dentry.clone())
    }

    /// A folder to put something into; `ROOT` is the space itself.
    pub(super) fn folder(
        &self,
        space_id: &str,
        id: &str,
        least: Role,
    ) -> Result<(), ModernRefusal> {
        if id == ROOT {
            return self.space(space_id, least).map(drop);
        }
        let folder = self.dentry(space_id, id, least)?;
        if folder.is_folder() {
            Ok(())
        } else {
            Err(bad("parentId 不是文件夹"))
        }
    }

    pub(super) fn known_space(&self, id: &str) -> Result<Space, ModernRefusal> {
        let space = self.world.drive.space(id).cloned();
        space.ok_or_else(|| ModernRefusal::bad("spaceNotExist", "空间不存在"))
    }

    fn demand(role: Option<Role>, least: Role) -> Result<(), ModernRefusal> {
        if role.is_some_and(|role| role >= least) {
            return Ok(());
        }
        Err(ModernRefusal {
            status: 403,
            ..ModernRefusal::bad(
                "permissionDenied",
                format!("操作者没有权限，至少需要 {}", least.id()),
            )
        })
    }

    pub(super) fn union_of(&self, userid: &str) -> String {
        let person = self.world.person(userid);
        person.map_or_else(|| userid.to_owned(), |person| person.unionid.clone())
    }

    /// A file or folder as all answers show it, at one of its versions.
    pub(super) fn show(&self, dentry: &Dentry, version: Option<&Version>) -> Value {
        let version = version.or(dentry.newest());
        json!({
            "id": dentry.id,
            "uuid": dentry.uuid,
            "spaceId": dentry.space_id,
            "parentId": dentry.parent_id,
            "name": dentry.name,
            "type": if dentry.is_folder() { "FOLDER" } else { "FILE" },
            "extension": dentry.extension(),
            "size": version.map_or(0, |version| version.size),
            "version": version.map_or(1, |version| version.number),
            "path": self.world.drive.path(dentry),
            "status": "NORMAL",
            "creatorId": self.union_of(&dentry.creator),
            "modifierId": self.union_of(version.map_or(&dentry.creator, |version| &version.by)),
            "createTime": moment(dentry.made_ms),
            "modifiedTime": moment(version.map_or(dentry.changed_ms, |version| version.at_ms)),
            "properties": { "readOnly": false },
            "appProperties": dentry.app_properties,
            "partitionType": "PUBLIC_OSS_PARTITION",
            "storageDriver": "DINGTALK",
        })
    }

    pub(super) fn record(&mut self, change: Change) {
        self.world.record(Entry::Drive(change));
    }
}

pub(super) fn bad(message: &str) -> ModernRefusal {
    ModernRefusal::bad("paramError", message)
}

pub(super) fn no_dentry() -> ModernRefusal {
    ModernRefusal::bad("dentryNotExist", "文件或文件夹不存在")
}

/// `2026-11-22T08:00:00Z`
pub(super) fn moment(at_ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(at_ms).unwrap_or_default();
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Digits only, as the platform's ids of spaces and files.
pub(super) fn numeric_id(shared: &Shared) -> String {
    let token = shared.ids().token();
    let number = u64::from_str_radix(token.get(..10).unwrap_or("1"), 16).unwrap_or(1);
    (10_000_000_000 + number % 89_999_999_999).to_string()
}

/// A name that may stand in a folder.
pub(super) fn file_name(name: &str) -> Result<String, ModernRefusal> {
    let name = name.trim();
    let is_fit = !name.is_empty()
        && name.chars().count() <= 255
        && !name
            .chars()
            .any(|letter| letter.is_control() || r#"/\:*?"<>|"#.contains(letter))
        && name != "."
        && name != "..";
    if is_fit {
        Ok(name.to_owned())
    } else {
        Err(bad(r#"name 为空、过长或含有 / \ : * ? " < > |"#))
    }
}

/// How long a signed address is good.
pub(super) const SIGNED_FOR_S: i64 = 900;

/// The two headers a signed address wants.
pub(super) fn sign(shared: &Shared, now_ms: i64) -> Signature {
    let at = jiff::Timestamp::from_millisecond(now_ms).unwrap_or_default();
    Signature {
        authorization: format!("OSS sandbox:{}", shared.ids().code()),
        date: at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string(),
        expires_ms: now_ms + SIGNED_FOR_S * 1_000,
    }
}

/// `headerSignatureInfo` of uploads and downloads.
pub(super) fn signed_address(shared: &Shared, key: &str, signature: &Signature) -> Value {
    json!({
        "resourceUrls": [format!("{}/sandbox/storage/{key}", shared.public_url)],
        "internalResourceUrls": [],
        "headers": { "Authorization": signature.authorization, "x-oss-date": signature.date },
        "expirationSeconds": SIGNED_FOR_S,
        "region": "ZHANGJIAKOU",
    })
}

/// `maxResults` and `nextToken`, from query or body: where a page starts and how long it is.
pub(super) fn window(
    size: Option<u64>,
    token: Option<&str>,
    at_most: u64,
) -> Result<(usize, usize), ModernRefusal> {
    let size = size.unwrap_or(at_most);
    if !(1..=at_most).contains(&size) {
        return Err(bad(&format!("maxResults 取值范围 1-{at_most}")));
    }
    let from = match token.filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => token.parse().map_err(|_| bad("nextToken 不正确"))?,
    };
    Ok((from, size as usize))
}
