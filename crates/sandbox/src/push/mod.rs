//! What the platform sends to apps by itself: events, messages to robots, clicks on cards; by Stream or HTTP.
//!
//! Handlers call [`emit`], [`say`] and [`card_click`]; the push is queued there and delivered by `deliver`,
//! outside the world's lock, to `connection`s or `http` addresses. Cards and their templates live here too, as they
//! are the one thing apps and clicks change together.
//! Invariant: a push is metered when it is queued, once, however often it is repeated; contact events are free.
//! Weakness: whether a click on a card counts against the month is not documented; here it does.

mod bot;
mod card_view;
mod cards;
mod click;
mod connection;
mod control;
mod crypto;
mod deliver;
mod http;
mod settings;
mod switchboard;
pub(crate) mod template;
mod template_export;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use serde_json::{Value, json};

pub(crate) use self::bot::{BotSessions, RobotSession, addressed_robots, reply_by_session, say};
pub(crate) use self::card_view::{draw as draw_card, view as card_view};
pub(crate) use self::cards::{Card, CardCallback, Cards, Delivery, Space};
pub use self::click::{CardAnswer, NotClickable};
pub(crate) use self::click::{card_click, change as change_card};
pub(crate) use self::deliver::run;
use self::deliver::{Push, Pushed};
pub(crate) use self::http::Route;
pub use self::settings::{EventCallback, HalfDead, PushRules, PushSettings};
pub(crate) use self::switchboard::Switchboard;
pub use self::switchboard::{FailedPush, PushCounts, StreamConnection, Subscription};
pub use self::template::{CardButton, CardField, CardTemplate, Comparison, Condition, Tap};
pub(crate) use self::template::{Data as CardData, fill};
use crate::message::{Content, Sender};
use crate::meters::{PushBudget, spend_push};
use crate::shared::Shared;
use crate::world::World;

/// Events that are not counted. Source: `appendix-a-list-of-events-not-included-in-webhook`.
const FREE_EVENTS: &[&str] = &[
    "user_add_org",
    "user_modify_org",
    "user_leave_org",
    "user_active_org",
    "org_dept_create",
    "org_dept_modify",
    "org_dept_remove",
    "org_change",
    "label_user_change",
    "label_conf_add",
    "label_conf_del",
    "label_conf_modify",
    "org_admin_add",
    "org_admin_remove",
];

/// The end of a Stream connection, on the sandbox's one listener; its first half is `openapi::gateway`.
pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/stream/connect", get(connection::connect))
}

pub(crate) use self::control::routes as control_routes;

/// Tells every app that subscribes to this event: by HTTP where it has a callback address, else by Stream where it has
/// opened a connection for events. `data` is the business object alone, as in Stream's `data`.
#[expect(
    clippy::needless_pass_by_value,
    reason = "callers make the object for this call alone"
)]
pub(crate) fn emit(shared: &Shared, world: &mut World, event_type: &str, data: Value) {
    emit_to(shared, world, None, event_type, &data);
}

/// The same for one app alone, if a client id is given.
fn emit_to(
    shared: &Shared,
    world: &mut World,
    client_id: Option<&str>,
    event_type: &str,
    data: &Value,
) {
    let now_ms = shared.clock.now_ms();
    let subscribers: Vec<_> = world
        .apps
        .iter()
        .filter(|app| client_id.is_none_or(|id| id == app.client_id))
        .filter(|app| app.push.wants(event_type))
        .filter(|app| {
            app.push.event_callback.is_some()
                || shared.push.lines().event_streams.contains(&app.client_id)
        })
        .map(|app| (app.client_id.clone(), app.push.event_callback.clone()))
        .collect();
    for (client_id, callback) in subscribers {
        let is_free = FREE_EVENTS.contains(&event_type);
        let data = if is_free || is_within_quota(world, now_ms) {
            data.clone()
        } else {
            http::over_quota_event()
        };
        let (message_id, event_id) = {
            let mut ids = shared.ids();
            (ids.message_id(), ids.message_id())
        };
        shared.push.enqueue(Push {
            client_id,
            message_id,
            content: Pushed::Event {
                event_type: event_type.to_owned(),
                event_id,
                born_ms: now_ms,
                corp_id: world.organisation.corp_id.clone(),
                callback,
            },
            data,
        });
    }
}

/// A person opens a conversation: everything in it is seen, and the apps whose messages were unread get
/// `robot_msg_read`. Returns whether anything was unread. Whether cards cause the event is not documented; here they
/// do not. Source: `bot-message-read-event`.
pub(crate) fn open(shared: &Shared, world: &mut World, conversation: &str, userid: &str) -> bool {
    let seen_before = world.seen_up_to(conversation, userid);
    if !world.open(conversation, userid, shared.clock.now_ms()) {
        return false;
    }
    let events: Vec<(String, Value)> = world
        .conversation(conversation)
        .rev()
        .take_while(|message| message.id > seen_before)
        .filter(|message| !matches!(message.content, Content::Card { .. }))
        .filter_map(|message| {
            let Sender::App { robot_code, .. } = &message.sender else {
                return None;
            };
            let app = world
                .apps
                .iter()
                .find(|app| app.robot_code == *robot_code)?;
            let data = json!({
                "userId": userid,
                "unionId": world.person(userid)?.unionid,
                "robotCode": robot_code,
                "openConversationId": bot::conversation_id(conversation),
                "processQueryKey": message.process_query_key.as_ref()?,
                "operatTime": shared.clock.now_ms().to_string(),
            });
            Some((app.client_id.clone(), data))
        })
        .collect();
    for (client_id, data) in events {
        emit_to(shared, world, Some(&client_id), "robot_msg_read", &data);
    }
    true
}

/// Counts a push; false when it must go out without its content.
fn is_within_quota(world: &mut World, now_ms: i64) -> bool {
    !world.rules.push.over_quota && spend_push(world, now_ms) == PushBudget::Within
}
