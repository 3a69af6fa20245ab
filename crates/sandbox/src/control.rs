//! `/sandbox/*`: what tests and the chat client's panel use to look inside and to make things go wrong.
//!
//! JSON in and out, no login: whoever reaches the sandbox rules it, so it belongs on loopback or a trial network.
//! Faults, clock and rules live in memory and are gone after a restart.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use futures_util::{Stream, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_stream::wrappers::BroadcastStream;

use crate::call_log::CallRecord;
use crate::faults::Fault;
use crate::meters::month_of;
use crate::rules::{Edition, Limits, Rules};
use crate::shared::{Event, Shared};

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
        .route("/sandbox/quota", get(quota).post(set_quota))
        .route("/sandbox/events", post(emit))
        .route("/sandbox/apps", get(apps))
        .route("/sandbox/calls", get(calls).delete(clear_calls))
        .route("/sandbox/calls/events", get(call_events))
        .route("/sandbox/calls/{id}", get(one_call))
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

/// Changes what is named and leaves the rest: `{"limits":{"webhook_per_minute":null}}`. `{"edition":"professional"}`
/// sets the limits of an edition first.
async fn set_rules(State(shared): State<Arc<Shared>>, Json(mut change): Json<Value>) -> Response {
    let mut world = shared.world();
    let mut whole = serde_json::to_value(&world.rules).unwrap_or_default();
    let edition = change
        .as_object_mut()
        .and_then(|change| change.remove("edition"));
    if let Some(edition) = edition {
        let Ok(edition) = serde_json::from_value::<Edition>(edition) else {
            let known = "edition is one of standard, professional, extended";
            return (StatusCode::UNPROCESSABLE_ENTITY, known).into_response();
        };
        whole["limits"] = serde_json::to_value(Limits::of(edition)).unwrap_or_default();
    }
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

/// What is to be counted as used; what is left out stays.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Used {
    calls: Option<u32>,
    webhooks: Option<u32>,
}

/// Sets this month's meters. One that is set below its limit has never been used up, so its grace period starts anew.
async fn set_quota(State(shared): State<Arc<Shared>>, Json(used): Json<Used>) -> Json<Value> {
    {
        let mut world = shared.world();
        let month = month_of(shared.clock.now_ms());
        let mut meter = world.meter(&month);
        let (calls_limit, webhooks_limit) = (
            world.rules.limits.calls_per_month,
            world.rules.limits.webhooks_per_month,
        );
        if let Some(calls) = used.calls {
            meter.calls = calls;
            meter.exhausted_ms = meter
                .exhausted_ms
                .filter(|_| calls_limit.is_some_and(|limit| calls >= limit));
        }
        if let Some(webhooks) = used.webhooks {
            meter.webhooks = webhooks;
            meter.webhooks_exhausted_ms = meter
                .webhooks_exhausted_ms
                .filter(|_| webhooks_limit.is_some_and(|limit| webhooks >= limit));
        }
        world.put_meter(month, meter);
    }
    quota(State(shared)).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Emission {
    /// E.g. `user_add_org`.
    event_type: String,
    /// The business object alone.
    #[serde(default)]
    data: Value,
}

/// Pushes an event to every app that subscribes to it, as if it had happened.
async fn emit(State(shared): State<Arc<Shared>>, Json(event): Json<Emission>) -> Response {
    if event.event_type.trim().is_empty() || !(event.data.is_object() || event.data.is_null()) {
        let wanted = r#"an event is {"event_type": "user_add_org", "data": {…}}"#;
        return (StatusCode::UNPROCESSABLE_ENTITY, wanted).into_response();
    }
    let data = if event.data.is_null() {
        json!({})
    } else {
        event.data
    };
    crate::push::emit(&shared, &mut shared.world(), event.event_type.trim(), data);
    StatusCode::ACCEPTED.into_response()
}

/// The apps without their secrets.
async fn apps(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let world = shared.world();
    let apps = world.apps.iter().map(|app| {
        json!({
            "name": app.name, "client_id": app.client_id, "robot_code": app.robot_code,
            "agent_id": app.agent_id, "visible": app.visible,
        })
    });
    Json(json!({ "apps": apps.collect::<Vec<_>>() }))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct WantedCalls {
    /// Only calls with a greater id.
    after: u64,
    /// A client id.
    app: Option<String>,
    /// Paths that contain this.
    path: Option<String>,
    /// `none`, `api` or `push`
    metered: Option<String>,
    /// Only refused ones (or, `false`, only accepted ones).
    refused: Option<bool>,
    /// The newest n of what is left; 200 unless told.
    limit: Option<usize>,
}

impl WantedCalls {
    fn wants(&self, call: &CallRecord) -> bool {
        let metered = serde_json::to_value(call.metered).unwrap_or_default();
        call.id > self.after
            && (self.app.is_none() || self.app == call.app)
            && self
                .path
                .as_ref()
                .is_none_or(|part| call.path.contains(part.as_str()))
            && self
                .metered
                .as_ref()
                .is_none_or(|wanted| metered == wanted.as_str())
            && self
                .refused
                .is_none_or(|refused| refused == call.refusal.is_some())
    }
}

/// The calls the filters leave, oldest first.
async fn calls(
    State(shared): State<Arc<Shared>>,
    Query(wanted): Query<WantedCalls>,
) -> Json<Value> {
    let world = shared.world();
    let newest_first = world.calls.iter().rev().filter(|call| wanted.wants(call));
    let mut rows: Vec<_> = newest_first.take(wanted.limit.unwrap_or(200)).collect();
    rows.reverse();
    Json(json!({ "calls": rows.iter().map(|call| &***call).collect::<Vec<_>>() }))
}

async fn one_call(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<u64>,
) -> Result<Json<Value>, StatusCode> {
    let world = shared.world();
    let call = world.calls.iter().rev().find(|call| call.id == id);
    call.map(|call| Json(json!(**call)))
        .ok_or(StatusCode::NOT_FOUND)
}

async fn clear_calls(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.world().calls.clear();
    StatusCode::NO_CONTENT
}

/// Every call as it is answered: the event `call` with the whole record. A reader that fell behind gets `missed` and
/// asks `/sandbox/calls?after=…` again.
async fn call_events(
    State(shared): State<Arc<Shared>>,
) -> Sse<impl Stream<Item = Result<Sent, Infallible>>> {
    let heard = BroadcastStream::new(shared.calls.subscribe()).map(|call| {
        let sent = Sent::default();
        Ok(call.map_or_else(
            |_| Sent::default().event("missed").data("{}"),
            |call| sent.event("call").data(json!(*call).to_string()),
        ))
    });
    let hello = futures_util::stream::iter([Ok(Sent::default().event("hello").data("{}"))]);
    Sse::new(
        hello
            .chain(heard)
            .take_until(shared.stop.clone().cancelled_owned()),
    )
    .keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
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
        world.addresses_calling.clear();
        self.tell(Event::Changed);
    }
}
