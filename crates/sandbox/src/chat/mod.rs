//! The chat client at `/` (in a phone's frame at `/sandbox/phone`): one page, its data under `/chat/*`, live by
//! server-sent events; and the page of the operator's panel at `/sandbox/ui`, which uses `/sandbox/*`.
//!
//! Whoever opens it is a persona, an employee chosen there and kept in a cookie; the login page uses the same one.
//! Messages arrive as HTML drawn by `bubble`; the page's script holds no rules of the platform.
//! Invariant: a persona sees the conversations it belongs to and no others. Weakness: choosing a persona needs no proof.

mod auth_code;
mod cards;
mod events;
mod files;
mod groups;
mod inbox;
mod people;
mod view;

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use rust_embed::RustEmbed;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::message::personal_conversation;
use crate::organisation::Person;
use crate::push;
use crate::shared::{Event, Shared};
use crate::world::World;

#[derive(RustEmbed)]
#[folder = "assets"]
struct Assets;

const PERSONA: &str = "dingtalk_sandbox_persona";
const LANGUAGE: &str = "dingtalk_sandbox_language";
const PAGE: usize = 40;
const TEXT_AT_MOST: usize = 5_000;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/", get(|| async { asset("index.html") }))
        .route("/sandbox/ui", get(|| async { asset("operator.html") }))
        .route("/sandbox/phone", get(|| async { asset("phone.html") }))
        .route("/favicon.ico", get(|| async { asset("icon.svg") }))
        .route(
            "/chat/assets/{name}",
            get(|Path(name): Path<String>| async move { asset(&name) }),
        )
        .route("/chat/home", get(home))
        .route("/chat/people", get(people::people))
        .route("/chat/persona", post(choose_persona))
        .route("/chat/messages", get(messages).post(say))
        .route("/chat/read", post(read))
        .route("/chat/cards/click", post(cards::click))
        .route("/chat/cards/{out_track_id}", get(cards::card))
        .route("/chat/tops", get(cards::tops))
        .route("/chat/todos", get(inbox::todos))
        .route("/chat/todos/{id}", post(inbox::tick))
        .route("/chat/announcements", get(inbox::announcements))
        .route("/chat/group-announcements", get(inbox::of_group))
        .route("/chat/events", get(events::events))
        .route("/chat/files", get(files::list))
        .route("/sandbox/files/{id}", get(files::content))
        .route("/chat/auth-code", post(auth_code::mint))
        .route("/sandbox/jsapi.js", get(auth_code::bridge))
        .route("/chat/group", get(groups::settings))
        .route("/chat/robots", post(groups::add_robot))
        .route("/chat/robots/{access_token}", put(groups::change_robot))
}

/// The person the cookie names, or the first of the organisation.
pub(crate) fn persona_of<'a>(world: &'a World, headers: &HeaderMap) -> Option<&'a Person> {
    cookie(headers, PERSONA)
        .and_then(|userid| world.person(&userid))
        .or_else(|| world.organisation.people.first())
}

/// The header that makes this person the persona; no header if it is not to be set.
pub(crate) fn persona_cookie(userid: &str, set: bool) -> HeaderMap {
    let value: String = url::form_urlencoded::byte_serialize(userid.as_bytes()).collect();
    let cookie = format!("{PERSONA}={value}; Path=/; Max-Age=31536000; SameSite=Lax");
    let cookie = HeaderValue::from_str(&cookie).ok().filter(|_| set);
    cookie
        .into_iter()
        .map(|cookie| (header::SET_COOKIE, cookie))
        .collect()
}

/// Whether the reader has switched from Chinese to English.
pub(crate) fn speaks_english(headers: &HeaderMap) -> bool {
    cookie(headers, LANGUAGE).as_deref() == Some("en")
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers
        .get_all(header::COOKIE)
        .into_iter()
        .filter_map(|value| value.to_str().ok());
    let value = all.flat_map(|line| line.split(';')).find_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        (key == name).then(|| value.to_owned())
    })?;
    url::form_urlencoded::parse(format!("v={value}").as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
}

fn asset(name: &str) -> Response {
    let Some(file) = Assets::get(name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    // Pages that messages link to are shown in a frame; the phone's frame shows this page itself.
    let security = "default-src 'self'; img-src 'self' http: https: data:; frame-src 'self' http: https:; \
                    object-src 'none'; frame-ancestors 'self'; base-uri 'none'; form-action 'self'";
    let headers = [
        (header::CONTENT_TYPE, file.metadata.mimetype().to_owned()),
        (header::CACHE_CONTROL, "no-cache".to_owned()),
        (header::CONTENT_SECURITY_POLICY, security.to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
    ];
    (headers, file.data.into_owned()).into_response()
}

/// Why the page's own call was not done; shown to the reader as it is.
#[derive(Debug)]
pub(crate) struct Refused(
    pub(crate) StatusCode,
    pub(crate) &'static str,
    pub(crate) &'static str,
);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "zh": self.1, "en": self.2 }))).into_response()
    }
}

pub(crate) const NOBODY: Refused = Refused(
    StatusCode::NOT_FOUND,
    "组织里还没有成员",
    "The organisation has no people",
);
const NOT_YOURS: Refused = Refused(
    StatusCode::NOT_FOUND,
    "没有这个会话",
    "There is no such conversation",
);

/// Everything the page shows before a conversation is opened.
async fn home(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refused> {
    let world = shared.world();
    let person = persona_of(&world, &headers).ok_or(NOBODY)?;
    let mut conversations: Vec<_> = world
        .conversations_of(&person.userid)
        .into_iter()
        .filter_map(|id| view::conversation(&world, &id, &person.userid))
        .collect();
    conversations.sort_by_key(|conversation| std::cmp::Reverse(conversation.last_ms));
    let robots = world.apps.iter().map(|app| {
        let id = personal_conversation(&app.robot_code, &person.userid);
        json!({ "id": id, "name": app.name, "client_id": app.client_id })
    });
    let mails = world.mails.iter().filter(|mail| mail.is_to(&person.email));
    let mails_unread = mails
        .filter(|mail| !world.mails_read.contains(&mail.id))
        .count();
    Ok(Json(json!({
        "organisation": world.organisation.name,
        "persona": view::person(&world, person),
        "people": world.organisation.people.len(),
        "mails_unread": mails_unread,
        "todos_open": inbox::open_todos(&world, person),
        "announcements_unread": inbox::unread_announcements(&world, person),
        "corp_id": world.organisation.corp_id,
        "robots": robots.collect::<Vec<_>>(),
        "conversations": conversations,
        "now_ms": shared.clock.now_ms(),
    })))
}

#[derive(Debug, Deserialize)]
struct Persona {
    userid: String,
}

async fn choose_persona(
    State(shared): State<Arc<Shared>>,
    Json(persona): Json<Persona>,
) -> Result<impl IntoResponse, Refused> {
    if shared.world().person(&persona.userid).is_none() {
        return Err(Refused(
            StatusCode::NOT_FOUND,
            "没有这位成员",
            "There is no such person",
        ));
    }
    Ok((
        persona_cookie(&persona.userid, true),
        StatusCode::NO_CONTENT,
    ))
}

#[derive(Debug, Deserialize)]
struct Conversation {
    conversation: String,
    /// Only messages with a smaller id.
    before: Option<u64>,
}

/// The newest page of a conversation, or the one before a message; oldest first.
async fn messages(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(wanted): Query<Conversation>,
) -> Result<Json<Value>, Refused> {
    let world = shared.world();
    let person = persona_of(&world, &headers).ok_or(NOBODY)?;
    if !world.may_see(&person.userid, &wanted.conversation) {
        return Err(NOT_YOURS);
    }
    let before = wanted.before.unwrap_or(u64::MAX);
    let mut newest_first = world
        .conversation(&wanted.conversation)
        .rev()
        .filter(|message| message.id < before && world.shows(message, &person.userid));
    let mut page: Vec<_> = newest_first
        .by_ref()
        .take(PAGE)
        .map(|message| view::message(&world, message, &person.userid))
        .collect();
    page.reverse();
    Ok(Json(
        json!({ "messages": page, "more": newest_first.next().is_some() }),
    ))
}

async fn read(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Json(wanted): Json<Conversation>,
) -> Result<StatusCode, Refused> {
    let mut world = shared.world();
    let userid = persona_of(&world, &headers).ok_or(NOBODY)?.userid.clone();
    if push::open(&shared, &mut world, &wanted.conversation, &userid) {
        shared.tell(Event::Read {
            conversation: wanted.conversation,
            userid,
        });
    }
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize)]
struct Saying {
    conversation: String,
    text: String,
}

/// A person says something in a group or to an app's robot; `@name` mentions a member, or a robot of the group.
async fn say(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Json(saying): Json<Saying>,
) -> Result<StatusCode, Refused> {
    let text = saying.text.trim();
    if text.is_empty() || text.chars().count() > TEXT_AT_MOST {
        return Err(Refused(
            StatusCode::UNPROCESSABLE_ENTITY,
            "消息为空或过长",
            "The message is empty or too long",
        ));
    }
    let mut world = shared.world();
    let userid = persona_of(&world, &headers).ok_or(NOBODY)?.userid.clone();
    let conversation = &saying.conversation;
    let is_open = if conversation.starts_with("oto/") {
        !push::addressed_robots(&world, conversation, text).is_empty()
    } else {
        world
            .group(conversation)
            .is_some_and(|group| !group.dissolved)
    };
    if !is_open || !world.may_see(&userid, conversation) {
        return Err(NOT_YOURS);
    }
    push::say(&shared, &mut world, &userid, conversation, text);
    Ok(StatusCode::CREATED)
}
