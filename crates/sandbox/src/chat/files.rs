//! A group's files as its members see them, and `GET /sandbox/files/{id}`: the bytes.
//!
//! The list is newest first and every file leads with its newest version. A file opens in the browser if that can
//! show it safely and is saved otherwise. Weakness: whoever knows a file's number can open it, as all of `/sandbox/*`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{NOBODY, NOT_YOURS, Refused, persona_of};
use crate::drive::{Dentry, ROOT};
use crate::shared::Shared;
use crate::world::World;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    conversation: String,
    folder: Option<String>,
}

/// `GET /chat/files?conversation=&folder=`
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Value>, Refused> {
    let world = shared.world();
    let person = persona_of(&world, &headers).ok_or(NOBODY)?;
    if !world.may_see(&person.userid, &wanted.conversation) {
        return Err(NOT_YOURS);
    }
    let Some(space) = world.drive.space_of_group(&wanted.conversation) else {
        return Ok(Json(json!({ "files": [] })));
    };
    let now_ms = shared.clock.now_ms();
    let rows = world
        .drive
        .in_folder(&space.id, wanted.folder.as_deref().unwrap_or(ROOT));
    let seen = rows.into_iter().filter(|dentry| {
        crate::drive_rights::role_in(&world, space, Some(dentry), person, now_ms).is_some()
    });
    Ok(Json(
        json!({ "files": seen.map(|dentry| row(&world, dentry)).collect::<Vec<_>>() }),
    ))
}

fn row(world: &World, dentry: &Dentry) -> Value {
    let name = |userid: &str| {
        world
            .person(userid)
            .map_or_else(|| userid.to_owned(), |person| person.name.clone())
    };
    let href = format!("/sandbox/files/{}", dentry.id);
    let versions = dentry.versions.iter().rev().map(|version| {
        json!({
            "number": version.number, "size": version.size, "by": name(&version.by), "at_ms": version.at_ms,
            "href": format!("{href}?version={}", version.number),
        })
    });
    json!({
        "id": dentry.id,
        "name": dentry.name,
        "folder": dentry.is_folder(),
        "extension": dentry.extension(),
        "size": dentry.newest().map_or(0, |version| version.size),
        "by": name(dentry.newest().map_or(&dentry.creator, |version| &version.by)),
        "at_ms": dentry.changed_ms,
        "href": href,
        "versions": versions.collect::<Vec<_>>(),
    })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Which {
    version: Option<u64>,
}

/// `GET /sandbox/files/{id}?version=`: the newest version unless another is named.
pub(super) async fn content(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Query(which): Query<Which>,
) -> Response {
    let world = shared.world();
    let Some(dentry) = world.drive.dentry(&id) else {
        return (
            StatusCode::NOT_FOUND,
            "没有这个文件 · There is no such file",
        )
            .into_response();
    };
    let version = which
        .version
        .or(dentry.newest().map(|version| version.number))
        .unwrap_or(0);
    match world.drive.content(&id, version) {
        Some(bytes) => (shown(dentry), bytes.clone()).into_response(),
        None => (
            StatusCode::GONE,
            "沙盒只保留最近的文件内容 · The sandbox keeps the newest bytes only",
        )
            .into_response(),
    }
}

/// Types a browser shows without running anything of the file's.
fn shown(dentry: &Dentry) -> HeaderMap {
    let extension = dentry.extension().to_ascii_lowercase();
    let kind = match extension.as_str() {
        "pdf" => "application/pdf",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "txt" | "md" | "csv" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    };
    let place = if kind == "application/octet-stream" {
        "attachment"
    } else {
        "inline"
    };
    let name: String = url::form_urlencoded::byte_serialize(dentry.name.as_bytes()).collect();
    let disposition = format!("{place}; filename*=UTF-8''{}", name.replace('+', "%20"));
    let fixed = [
        (header::CONTENT_TYPE, kind),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    let mut headers: HeaderMap = fixed
        .into_iter()
        .map(|(name, value)| (name, HeaderValue::from_static(value)))
        .collect();
    // The browser's own reader of PDF does not work under it.
    if kind != "application/pdf" {
        let policy = HeaderValue::from_static("sandbox; default-src 'none'");
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    if let Ok(disposition) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    headers
}
