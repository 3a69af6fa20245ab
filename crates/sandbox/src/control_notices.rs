//! `/sandbox/*` for what apps have put before people: work notices, to-dos, announcements, DINGs, uploaded files.
//!
//! Used by tests and by the chat client, which opens an announcement here; opening it is reading it.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::chat::persona_of;
use crate::journal::Entry;
use crate::meters::beijing;
use crate::shared::{Event, Shared};
use crate::text::{escape, picture};
use crate::todos::Todo;
use crate::world::World;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/sandbox/work-notices", get(work_notices))
        .route("/sandbox/todos", get(todos))
        .route("/sandbox/announcements", get(announcements))
        .route("/sandbox/announcements/{id}", get(announcement))
        .route("/sandbox/announcements/{id}/reads", post(read))
        .route("/sandbox/dings", get(dings))
        .route("/sandbox/media", get(media))
        .route("/sandbox/media/{id}", get(media_file))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wanted {
    /// Only what concerns this person.
    userid: Option<String>,
}

async fn work_notices(
    State(shared): State<Arc<Shared>>,
    Query(wanted): Query<Wanted>,
) -> Json<Value> {
    let world = shared.world();
    let rows = world.work_notices.tasks().filter(|task| {
        let userid = wanted.userid.as_ref();
        userid.is_none_or(|userid| task.sent.contains(userid))
    });
    Json(json!({ "tasks": rows.collect::<Vec<_>>() }))
}

/// Newest first; a person's own with `done_for_me`.
async fn todos(State(shared): State<Arc<Shared>>, Query(wanted): Query<Wanted>) -> Json<Value> {
    let world = shared.world();
    let union_id = wanted.userid.as_ref().map(|userid| {
        world
            .person(userid)
            .map_or_else(String::new, |person| person.unionid.clone())
    });
    let rows = world.todos.iter().rev().filter(|todo| {
        union_id
            .as_ref()
            .is_none_or(|union_id| todo.is_of(union_id))
    });
    let rows = rows.map(|todo| todo_view(&world, todo, union_id.as_deref()));
    Json(json!({ "todos": rows.collect::<Vec<_>>() }))
}

fn todo_view(world: &World, todo: &Todo, union_id: Option<&str>) -> Value {
    let app = world.app(&todo.client_id);
    let mut view = json!(todo);
    view["app"] = app.map_or("", |app| app.name.as_str()).into();
    if let Some(union_id) = union_id {
        view["done_for_me"] = todo.is_done_for(union_id).into();
    }
    view
}

async fn announcements(
    State(shared): State<Arc<Shared>>,
    Query(wanted): Query<Wanted>,
) -> Json<Value> {
    let world = shared.world();
    let rows = world.announcements.newest_first().into_iter();
    let rows = rows.filter_map(|row| {
        let receivers = world.readership_of(row);
        let userid = wanted.userid.as_ref();
        if userid.is_some_and(|userid| receivers.iter().all(|one| one.userid != *userid)) {
            return None;
        }
        let mut view = json!(row);
        view["receivers"] = receivers.len().into();
        view["read_ms"] = userid
            .and_then(|userid| world.announcements.read_at(&row.id, userid))
            .into();
        Some(view)
    });
    let of_groups: Vec<_> = world.announcements.all_of_groups().collect();
    Json(json!({ "announcements": rows.collect::<Vec<_>>(), "of_groups": of_groups }))
}

/// The page of an announcement; the persona of the chat client has read it then.
async fn announcement(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let mut world = shared.world();
    let Some(row) = world.announcements.get(&id).cloned() else {
        return (StatusCode::NOT_FOUND, "公告不存在或已删除").into_response();
    };
    let persona = persona_of(&world, &headers).map(|person| person.userid.clone());
    if let Some(userid) = persona {
        mark_read(&shared, &mut world, &id, &userid);
    }
    let (title, content) = (escape(&row.title), escape(&row.content));
    let author = if row.author.is_empty() {
        &world.organisation.name
    } else {
        &row.author
    };
    let (author, at) = (escape(author), beijing(row.created_ms, "%Y-%m-%d %H:%M"));
    let cover = picture(&row.cover).map_or_else(String::new, |source| {
        format!(r#"<img alt="" src="{}">"#, escape(&source))
    });
    let page = format!(
        "<!doctype html><html lang=\"zh-CN\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style>\
         <main><h1>{title}</h1><p class=\"by\">{author} · {at}</p>{cover}<article>{content}</article></main></html>"
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; base-uri 'none'",
        ),
    ];
    (headers, page).into_response()
}

const STYLE: &str = "body{margin:0;background:#f5f6f7;color:#171a1d;font:16px/1.75 system-ui,sans-serif}\
    main{max-width:680px;margin:0 auto;padding:28px 20px 60px;background:#fff;min-height:100vh;box-sizing:border-box}\
    h1{font-size:22px;line-height:1.4;margin:0 0 6px}.by{color:#747677;font-size:13px;margin:0 0 20px}\
    article{white-space:pre-wrap;overflow-wrap:anywhere}img{max-width:100%;border-radius:8px}";

#[derive(Debug, Deserialize)]
struct Reader {
    userid: String,
}

/// A person reads an announcement, without a page.
async fn read(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Json(reader): Json<Reader>,
) -> StatusCode {
    let mut world = shared.world();
    if mark_read(&shared, &mut world, &id, &reader.userid) {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::NOT_FOUND
    }
}

/// Notes the first reading; false for someone whom the announcement is not for.
pub(crate) fn mark_read(shared: &Shared, world: &mut World, id: &str, userid: &str) -> bool {
    let Some(row) = world.announcements.get(id) else {
        return false;
    };
    let receivers = world.readership_of(row);
    if receivers.iter().all(|person| person.userid != userid) {
        return false;
    }
    if world.announcements.read_at(id, userid).is_none() {
        world.record(Entry::AnnouncementRead {
            id: id.to_owned(),
            userid: userid.to_owned(),
            at_ms: shared.clock.now_ms(),
        });
        shared.tell(Event::Changed);
    }
    true
}

async fn dings(State(shared): State<Arc<Shared>>, Query(wanted): Query<Wanted>) -> Json<Value> {
    let world = shared.world();
    let rows = world.dings.iter().filter(|ding| {
        let userid = wanted.userid.as_ref();
        userid.is_none_or(|userid| ding.receivers.contains(userid))
    });
    Json(json!({ "dings": rows.collect::<Vec<_>>() }))
}

async fn media(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let world = shared.world();
    let rows = world.media.iter().map(|file| {
        json!({ "id": file.id, "kind": file.kind, "name": file.name, "size": file.size, "at_ms": file.at_ms })
    });
    Json(json!({ "media": rows.collect::<Vec<_>>() }))
}

async fn media_file(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    crate::openapi::show_media(&shared, &id)
}
