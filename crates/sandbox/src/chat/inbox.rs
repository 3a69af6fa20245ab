//! What the chat client shows beside conversations: to-dos (待办), announcements (公告), and those of a group (群公告).
//!
//! All of it as the persona sees it. An announcement is read by opening its page, `/sandbox/announcements/{id}`; a
//! to-do is ticked here as in the real client, and the app is told (`todo_task_update`).
//! Invariant: nobody sees what is not meant for them. Weakness: a done to-do stays in the list for the newest 200 only.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Conversation, NOBODY, NOT_YOURS, Refused, persona_of};
use crate::announcements::{Announcement, category_name};
use crate::organisation::Person;
use crate::shared::Shared;
use crate::text::{openable, picture};
use crate::todos::Todo;
use crate::world::World;

const DONE_SHOWN: usize = 200;

const NO_TODO: Refused = Refused(
    StatusCode::NOT_FOUND,
    "没有这条待办",
    "There is no such to-do",
);

/// Open to-dos of a person.
pub(super) fn open_todos(world: &World, person: &Person) -> usize {
    let own = own_todos(world, &person.unionid);
    own.filter(|todo| !todo.is_done_for(&person.unionid))
        .count()
}

/// Announcements the person has not opened.
pub(super) fn unread_announcements(world: &World, person: &Person) -> usize {
    own_announcements(world, &person.userid)
        .filter(|(row, _)| {
            world
                .announcements
                .read_at(&row.id, &person.userid)
                .is_none()
        })
        .count()
}

/// `GET /chat/todos`: the open ones (due first), and the newest done ones.
pub(super) async fn todos(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refused> {
    let world = shared.world();
    let union_id = persona_of(&world, &headers).ok_or(NOBODY)?.unionid.as_str();
    let (done, mut open): (Vec<_>, Vec<_>) =
        own_todos(&world, union_id).partition(|todo| todo.is_done_for(union_id));
    open.sort_by_key(|todo| todo.due_ms.unwrap_or(i64::MAX));
    let view = |todo: &&Todo| todo_view(&world, todo, union_id);
    Ok(Json(json!({
        "open": open.iter().map(view).collect::<Vec<_>>(),
        "done": done.iter().take(DONE_SHOWN).map(view).collect::<Vec<_>>(),
    })))
}

fn own_todos<'a>(world: &'a World, union_id: &'a str) -> impl Iterator<Item = &'a Todo> {
    world.todos.iter().rev().filter(move |todo| {
        todo.is_of(union_id) && !todo.hidden_for.iter().any(|hidden| hidden == union_id)
    })
}

fn todo_view(world: &World, todo: &Todo, union_id: &str) -> Value {
    let creator = world.person_by_union(&todo.creator);
    let [app_url, pc_url] =
        [&todo.app_url, &todo.pc_url].map(|url| openable(url).map(String::from));
    let done = todo.executors.iter().filter(|one| one.is_done).count();
    json!({
        "id": todo.id.to_string(),
        "subject": todo.subject,
        "description": todo.description,
        "app": world.app(&todo.client_id).map_or("", |app| app.name.as_str()),
        "client_id": todo.client_id,
        "creator": creator.map_or("", |person| person.name.as_str()),
        "due_ms": todo.due_ms,
        "created_ms": todo.created_ms,
        "done": todo.is_done_for(union_id),
        "executors": todo.executors.len(),
        "executors_done": done,
        "phone_url": app_url.as_ref().or(pc_url.as_ref()),
        "url": pc_url.as_ref().or(app_url.as_ref()),
        "fields": todo.content_fields,
        "priority": todo.priority,
    })
}

#[derive(Debug, Deserialize)]
pub(super) struct Tick {
    done: bool,
}

/// `POST /chat/todos/{id} {"done"}`: the persona ticks a to-do, or takes the tick back.
pub(super) async fn tick(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Path(id): Path<u64>,
    Json(tick): Json<Tick>,
) -> Result<StatusCode, Refused> {
    let mut world = shared.world();
    let union_id = persona_of(&world, &headers).ok_or(NOBODY)?.unionid.clone();
    if crate::openapi::tick_todo(&shared, &mut world, id, &union_id, tick.done) {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(NO_TODO)
    }
}

/// `GET /chat/announcements`: newest first, pinned ones before all others.
pub(super) async fn announcements(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refused> {
    let world = shared.world();
    let userid = &persona_of(&world, &headers).ok_or(NOBODY)?.userid;
    let mut own: Vec<_> = own_announcements(&world, userid).collect();
    own.sort_by_key(|(row, _)| !row.push_top);
    let rows = own.into_iter().map(|(row, receivers)| {
        let reads = receivers.iter().filter(|person| {
            world
                .announcements
                .read_at(&row.id, &person.userid)
                .is_some()
        });
        let author = match row.author.as_str() {
            "" => &world.organisation.name,
            _ => &row.author,
        };
        json!({
            "id": row.id,
            "title": row.title,
            "text": row.content.chars().take(120).collect::<String>(),
            "author": author,
            "category": category_name(&row.category_id),
            "confidential": row.private_level == 20,
            "pinned": row.push_top,
            "cover": picture(&row.cover),
            "created_ms": row.created_ms,
            "read_ms": world.announcements.read_at(&row.id, userid),
            "receivers": receivers.len(),
            "readers": reads.count(),
        })
    });
    Ok(Json(json!({ "announcements": rows.collect::<Vec<_>>() })))
}

/// Newest first, each with everyone it is for.
fn own_announcements<'a>(
    world: &'a World,
    userid: &'a str,
) -> impl Iterator<Item = (&'a Announcement, Vec<&'a Person>)> {
    let rows = world.announcements.newest_first().into_iter();
    rows.map(|row| (row, world.readership_of(row)))
        .filter(move |(_, receivers)| receivers.iter().any(|person| person.userid == userid))
}

/// `GET /chat/group-announcements?conversation=…`: newest first, sticky ones before all others.
pub(super) async fn of_group(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(wanted): Query<Conversation>,
) -> Result<Json<Value>, Refused> {
    let world = shared.world();
    let person = persona_of(&world, &headers).ok_or(NOBODY)?;
    let group = world.group(&wanted.conversation).ok_or(NOT_YOURS)?;
    if !world.may_see(&person.userid, &wanted.conversation) {
        return Err(NOT_YOURS);
    }
    let rows = world
        .announcements
        .of_group(&wanted.conversation)
        .into_iter();
    let rows = rows.map(|row| {
        let message = world.message(row.message);
        let has_read = |userid: &&String| {
            message.is_some_and(|message| world.read_at(message, userid).is_some())
        };
        let by = world.person(&row.userid);
        json!({
            "id": row.id,
            "content": row.content,
            "sticky": row.sticky,
            "by": by.map_or(row.userid.as_str(), |person| person.name.as_str()),
            "at_ms": row.modified_ms,
            "message": row.message,
            "readers": group.members.iter().filter(has_read).count(),
            "receivers": group.members.len(),
        })
    });
    Ok(Json(json!({ "announcements": rows.collect::<Vec<_>>() })))
}
