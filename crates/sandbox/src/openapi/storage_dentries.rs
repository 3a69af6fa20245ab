//! Files and folders: make, list, look at, remove; their versions and previews.
//!
//! The list is the last changed first, so that a folder leads with what is new.

use std::sync::Arc;

use axum::Router;
use serde_json::{Value, json};

use super::groups::segment;
use super::required;
use super::storage::{asked, bad, file_name, window};
use super::storage_uploads::place;
use crate::call::{Call, ModernRefusal, modern, modern_delete, modern_get};
use crate::drive::{Change, Dentry, ROOT, Role};
use crate::shared::{Event, Shared};

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route(
            "/v1.0/storage/spaces/{spaceId}/dentries/{dentryId}/folders",
            modern(add_folder),
        )
        .route("/v1.0/storage/spaces/{spaceId}/dentries", modern_get(list))
        .route(
            "/v1.0/storage/spaces/{spaceId}/dentries/listAll",
            modern(list_all),
        )
        .route(
            "/v1.0/storage/spaces/{spaceId}/dentries/{dentryId}",
            modern_delete(remove),
        )
        .route(
            "/v1.0/storage/spaces/{spaceId}/dentries/{dentryId}/query",
            modern(one),
        )
        .route(
            "/v1.0/storage/spaces/{spaceId}/dentries/{dentryId}/rename",
            modern(rename),
        )
        .route(
            "/v1.0/storage/spaces/{spaceId}/dentries/{dentryId}/versions",
            modern_get(versions),
        )
        .route(
            "/v1.0/storage/spaces/{spaceId}/dentries/{dentryId}/openInfos/query",
            modern(open),
        )
}

/// `POST …/dentries/{parentId}/folders {"name","option":{"conflictStrategy"}}`
fn add_folder(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let mut asked = asked(shared, call)?;
    let (space_id, parent_id) = (segment(call, 3), segment(call, 5));
    asked.folder(&space_id, &parent_id, Role::Editor)?;
    let name = file_name(required(&asked.body, "name")?)?;
    let strategy = asked.body["option"]["conflictStrategy"]
        .as_str()
        .unwrap_or("AUTO_RENAME")
        .to_owned();
    let placed = place(
        shared,
        &mut asked,
        (&space_id, &parent_id, &name),
        &strategy,
        None,
    )?;
    shared.tell(Event::Changed);
    Ok(json!({ "dentry": asked.show(placed.dentry(), None) }))
}

/// `GET …/dentries?unionId&parentId&maxResults&nextToken`: what the operator may see, the last changed first.
fn list(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let asked = asked(shared, call)?;
    let space_id = segment(call, 3);
    let parent_id = call.query("parentId").unwrap_or(ROOT);
    asked.folder(&space_id, parent_id, Role::Reader)?;
    let size = call
        .query("maxResults")
        .map(|size| size.parse().map_err(|_| bad("maxResults 不正确")))
        .transpose()?;
    let (from, size) = window(size, call.query("nextToken"), 50)?;
    let rows = asked.world.drive.in_folder(&space_id, parent_id);
    let seen: Vec<&Dentry> = rows
        .into_iter()
        .filter(|dentry| asked.dentry(&space_id, &dentry.id, Role::Reader).is_ok())
        .collect();
    let page = seen
        .iter()
        .skip(from)
        .take(size)
        .map(|dentry| asked.show(dentry, None));
    Ok(with_next(
        json!({ "dentries": page.collect::<Vec<_>>() }),
        from + size,
        seen.len(),
    ))
}

/// `POST …/dentries/listAll {"option":{"maxResults","nextToken"}}`: the whole space.
fn list_all(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let asked = asked(shared, call)?;
    let space = asked.space(&segment(call, 3), Role::Reader)?;
    let option = &asked.body["option"];
    let (from, size) = window(
        option["maxResults"].as_u64(),
        option["nextToken"].as_str(),
        50,
    )?;
    let rows = asked.world.drive.in_space(&space.id);
    let seen: Vec<&Dentry> = rows
        .filter(|dentry| asked.dentry(&space.id, &dentry.id, Role::Reader).is_ok())
        .collect();
    let page = seen
        .iter()
        .skip(from)
        .take(size)
        .map(|dentry| asked.show(dentry, None));
    Ok(with_next(
        json!({ "dentries": page.collect::<Vec<_>>() }),
        from + size,
        seen.len(),
    ))
}

/// `POST …/dentries/{dentryId}/query`
fn one(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let asked = asked(shared, call)?;
    let dentry = asked.dentry(&segment(call, 3), &segment(call, 5), Role::Reader)?;
    Ok(json!({ "dentry": asked.show(&dentry, None) }))
}

/// `POST …/dentries/{dentryId}/rename {"newName"}`
fn rename(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let mut asked = asked(shared, call)?;
    let mut dentry = asked.dentry(&segment(call, 3), &segment(call, 5), Role::Editor)?;
    let name = file_name(required(&asked.body, "newName")?)?;
    let other = asked
        .world
        .drive
        .named(&dentry.space_id, &dentry.parent_id, &name);
    if other.is_some_and(|other| other.id != dentry.id) {
        return Err(ModernRefusal::bad(
            "dentryNameConflict",
            "同名文件或文件夹已存在",
        ));
    }
    dentry.name = name;
    dentry.changed_ms = asked.now_ms;
    asked.record(Change::Dentry {
        dentry: Box::new(dentry.clone()),
    });
    shared.tell(Event::Changed);
    Ok(json!({ "dentry": asked.show(&dentry, None) }))
}

/// `DELETE …/dentries/{dentryId}?unionId&toRecycleBin`. The sandbox has no recycle bin: what is removed is gone.
fn remove(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let mut asked = asked(shared, call)?;
    let dentry = asked.dentry(&segment(call, 3), &segment(call, 5), Role::Editor)?;
    asked.record(Change::Removed { id: dentry.id });
    shared.tell(Event::Changed);
    Ok(json!({ "async": false }))
}

/// `GET …/dentries/{dentryId}/versions?unionId&maxResults&nextToken`: the newest first.
fn versions(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let asked = asked(shared, call)?;
    let dentry = asked.dentry(&segment(call, 3), &segment(call, 5), Role::Reader)?;
    let size = call
        .query("maxResults")
        .map(|size| size.parse().map_err(|_| bad("maxResults 不正确")))
        .transpose()?;
    let (from, size) = window(size, call.query("nextToken"), 50)?;
    let page = dentry.versions.iter().rev().skip(from).take(size);
    let page: Vec<_> = page
        .map(|version| asked.show(&dentry, Some(version)))
        .collect();
    Ok(with_next(
        json!({ "dentries": page }),
        from + size,
        dentry.versions.len(),
    ))
}

/// `POST …/openInfos/query {"option":{"type":"PREVIEW"|"EDIT","waterMark"}}`: the sandbox opens what a browser can show.
fn open(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let asked = asked(shared, call)?;
    let option = &asked.body["option"];
    let least = match option["type"].as_str() {
        None | Some("PREVIEW") => Role::Reader,
        Some("EDIT") => Role::Editor,
        Some(_) => return Err(bad("type 取值 PREVIEW 或 EDIT")),
    };
    let dentry = asked.dentry(&segment(call, 3), &segment(call, 5), least)?;
    if dentry.is_folder() {
        return Err(bad("文件夹不能预览"));
    }
    let version = option["version"]
        .as_u64()
        .map_or_else(String::new, |version| format!("?version={version}"));
    Ok(json!({
        "url": format!("{}/sandbox/files/{}{version}", shared.public_url, dentry.id),
        "hasWaterMark": option["waterMark"].as_bool().unwrap_or(false),
    }))
}

fn with_next(mut answer: Value, until: usize, all: usize) -> Value {
    if until < all {
        answer["nextToken"] = until.to_string().into();
    }
    answer
}
