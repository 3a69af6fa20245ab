//! `/sandbox/*`: what tests and the chat client's panel use to look inside and to make things go wrong.
//!
//! JSON in and out, no login: whoever reaches the sandbox rules it, so it belongs on loopback or a trial network.
//! Faults, clock and rules live in memory and are gone after a restart.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::faults::Fault;
use crate::rules::Rules;
use crate::shared::{Event, Shared};
use crate::world::month_of;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/sandbox/messages", get(messages).delete(clear))
        .route("/sandbox/mails", get(mails))
        .route(
            "/sandbox/faults",
            get(faults)
                .post(add_fault)
                .put(set_faults)
                .delete(clear_faults),
        )
        .route("/sandbox/faults/{position}", delete(remove_fault))
        .route("/sandbox/clock", get(clock).post(set_clock))
        .route("/sandbox/rules", get(rules).post(set_rules))
        .route("/sandbox/quota", get(quota))
        .route("/sandbox/organisation", get(organisation))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wanted {
    /// Only messages with a greater id.
    after: u64,
    /// A conversation's id.
    conversation: Option<String>,
    /// Only messages this person can see.
    userid: Option<String>,
}

async fn messages(State(shared): State<Arc<Shared>>, Query(wanted): Query<Wanted>) -> Json<Value> {
    let world = shared.world();
    let rows = world.messages().iter().filter(|message| {
        message.id > wanted.after
            && wanted
                .conversation
                .as_ref()
                .is_none_or(|id| *id == message.conversation)
            && wanted
                .userid
                .as_ref()
                .is_none_or(|userid| world.may_see(userid, &message.conversation))
    });
    Json(json!({ "messages": rows.collect::<Vec<_>>() }))
}

async fn mails(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let world = shared.world();
    Json(json!({ "mails": world.mails.iter().map(crate::mail::whole).collect::<Vec<_>>() }))
}

async fn clear(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.clear();
    StatusCode::NO_CONTENT
}

async fn faults(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(json!({ "faults": *shared.faults.list() }))
}

async fn add_fault(
    State(shared): State<Arc<Shared>>,
    Json(fault): Json<Fault>,
) -> impl IntoResponse {
    shared.faults.list().push(Fault { struck: 0, ..fault });
    (StatusCode::CREATED, faults(State(shared)).await)
}

async fn set_faults(
    State(shared): State<Arc<Shared>>,
    Json(list): Json<Vec<Fault>>,
) -> Json<Value> {
    *shared.faults.list() = list;
    faults(State(shared)).await
}

async fn clear_faults(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.faults.list().clear();
    StatusCode::NO_CONTENT
}

async fn remove_fault(
    State(shared): State<Arc<Shared>>,
    Path(position): Path<usize>,
) -> StatusCode {
    let mut list = shared.faults.list();
    if position < list.len() {
        list.remove(position);
        StatusCode::NO_CONTENT
    } else {
        StatusCode::NOT_FOUND
    }
}

async fn clock(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let clock = &shared.clock;
    Json(
        json!({ "now_ms": clock.now_ms(), "offset_ms": clock.offset_ms(), "frozen": clock.is_frozen() }),
    )
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum ClockChange {
    OffsetMs(i64),
    AdvanceMs(i64),
    FreezeAtMs(i64),
    Run(bool),
}

/// `{"offset_ms":n}`, `{"advance_ms":n}`, `{"freeze_at_ms":n}` or `{"run":true}`
async fn set_clock(
    State(shared): State<Arc<Shared>>,
    Json(change): Json<ClockChange>,
) -> Json<Value> {
    match change {
        ClockChange::OffsetMs(offset) => shared.clock.set_offset_ms(offset),
        ClockChange::AdvanceMs(by) => shared.clock.advance_ms(by),
        ClockChange::FreezeAtMs(at) => shared.clock.freeze_at_ms(at),
        ClockChange::Run(true) => shared.clock.run(),
        ClockChange::Run(false) => shared.clock.freeze_at_ms(shared.clock.now_ms()),
    }
    clock(State(shared)).await
}

async fn rules(State(shared): State<Arc<Shared>>) -> Json<Rules> {
    Json(shared.world().rules.clone())
}

/// Changes what is named and leaves the rest: `{"limits":{"webhook_per_minute":null}}`.
async fn set_rules(State(shared): State<Arc<Shared>>, Json(change): Json<Value>) -> Response {
    let mut world = shared.world();
    let mut whole = serde_json::to_value(&world.rules).unwrap_or_default();
    merge(&mut whole, change);
    match serde_json::from_value::<Rules>(whole) {
        Ok(rules) => {
            world.rules = rules.clone();
            Json(rules).into_response()
        }
        Err(error) => (StatusCode::UNPROCESSABLE_ENTITY, error.to_string()).into_response(),
    }
}

fn merge(into: &mut Value, change: Value) {
    match (into, change) {
        (Value::Object(fields), Value::Object(changes)) => {
            for (name, change) in changes {
                merge(fields.entry(name).or_insert(Value::Null), change);
            }
        }
        (into, change) => *into = change,
    }
}

async fn quota(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let world = shared.world();
    let month = month_of(shared.clock.now_ms());
    let limits = &world.rules.limits;
    Json(json!({
        "month": month,
        "used": world.meter(&month),
        "calls_limit": limits.calls_per_month,
        "webhooks_limit": limits.webhooks_per_month,
    }))
}

async fn organisation(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let world = shared.world();
    Json(json!({ "organisation": world.organisation, "groups": world.groups }))
}

impl Shared {
    /// Removes all messages and mails and forgets the paces; ids go on.
    pub(crate) fn clear(&self) {
        let mut world = self.world();
        let next_id = world.next_id;
        world.record(crate::journal::Entry::Cleared { next_id });
        let next_id = world.next_mail_id;
        world.record(crate::journal::Entry::MailsCleared { next_id });
        world.webhook_paces.clear();
        world.recent.clear();
        self.tell(Event::Changed);
    }
}
