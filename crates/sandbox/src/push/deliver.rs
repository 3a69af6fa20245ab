//! Brings queued pushes to their apps, by Stream or HTTP: first tries in order, repeats by themselves.
//!
//! Started once by `lib.rs`. Events without an ack are pushed again after 10 and 30 seconds and then given up; messages
//! to a robot are sent once; clicks on cards wait for the response object and are told to whoever clicked.
//! Source: `develop-stream-mode-push-server`, developerpedia `learn/stream/protocol`.
//! Invariant: nothing here runs under the world's lock.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::sync::oneshot;

use super::bot;
use super::http;
use super::settings::EventCallback;
use super::switchboard::{Ack, FailedPush, Out};
use crate::shared::Shared;

/// Something on its way to one app.
#[derive(Debug)]
pub(crate) struct Push {
    pub(super) client_id: String,
    /// The same in every repeat.
    pub(super) message_id: String,
    pub(super) content: Pushed,
    pub(super) data: Value,
}

#[derive(Debug)]
pub(super) enum Pushed {
    Event {
        event_type: String,
        event_id: String,
        born_ms: i64,
        corp_id: String,
        callback: Option<EventCallback>,
    },
    Bot {
        url: Option<String>,
    },
    Card {
        /// HTTP mode: address and secret of the card's route key.
        route: Option<http::Route>,
        answer: oneshot::Sender<Arrival>,
    },
}

/// How one try ended.
#[derive(Clone, Debug)]
pub(super) enum Arrival {
    Acked(Value),
    Refused,
    TimedOut,
    /// Nobody is connected for it.
    NoLine,
}

pub(super) const EVENT_TOPIC: &str = "*";
pub(super) const BOT_TOPIC: &str = "/v1.0/im/bot/messages/get";
pub(super) const CARD_TOPIC: &str = "/v1.0/card/instances/callback";

/// Takes pushes until the sandbox stops.
pub(crate) async fn run(shared: Arc<Shared>) {
    let Some(mut queue) = shared.push.take_queue() else {
        return;
    };
    loop {
        let push = tokio::select! {
            () = shared.stop.cancelled() => return,
            push = queue.recv() => push,
        };
        let Some(push) = push else { return };
        let try_ = begin(&shared, &push);
        tokio::spawn(see_through(Arc::clone(&shared), push, try_));
    }
}

/// A try that has begun: its frame is on the wire, or it is still to be posted.
enum Try {
    Framed(oneshot::Receiver<Ack>),
    NoLine,
    Post,
}

/// Writes the frame now, so that an app's first tries keep their order.
fn begin(shared: &Shared, push: &Push) -> Try {
    let (kind, topic) = match &push.content {
        Pushed::Event { callback: None, .. } => ("EVENT", EVENT_TOPIC),
        Pushed::Bot { url: None } => ("CALLBACK", BOT_TOPIC),
        Pushed::Card { route: None, .. } => ("CALLBACK", CARD_TOPIC),
        _ => return Try::Post,
    };
    let (loses, doubles) = strike(shared);
    let now_ms = shared.clock.now_ms();
    let lucky = shared.ids().below(usize::MAX);
    let (ack, awaited) = oneshot::channel();
    let mut lines = shared.push.lines();
    let mut open = lines.open_for(&push.client_id, kind, topic);
    let count = open.len().max(1);
    let Some(connection) = open.get_mut(lucky % count) else {
        return Try::NoLine;
    };
    connection.seen.frames += 1;
    let frame = frame(push, kind, topic, &connection.seen.id, now_ms);
    if !loses {
        let copies = if doubles { 2 } else { 1 };
        for _ in 0..copies {
            drop(connection.out.send(Out::Frame(frame.clone())));
        }
    }
    lines.awaiting.insert(push.message_id.clone(), ack);
    let counts = lines.counts_of(&push.client_id);
    counts.delivered += 1;
    counts.lost_by_switch += u64::from(loses);
    counts.duplicated_by_switch += u64::from(doubles && !loses);
    Try::Framed(awaited)
}

/// Whether the switches lose or double the next frame.
fn strike(shared: &Shared) -> (bool, bool) {
    let mut world = shared.world();
    let rules = &mut world.rules.push;
    let take = |next: &mut u32, percent: u8| {
        let due = *next > 0;
        *next = next.saturating_sub(1);
        due || shared.ids().chance(f64::from(percent) / 100.0)
    };
    let (lose_percent, duplicate_percent) = (rules.lose_percent, rules.duplicate_percent);
    let loses = take(&mut rules.lose_next, lose_percent);
    let doubles = !loses && take(&mut rules.duplicate_next, duplicate_percent);
    (loses, doubles)
}

fn frame(push: &Push, kind: &str, topic: &str, connection_id: &str, now_ms: i64) -> String {
    let mut headers = Map::new();
    let mut put = |name: &str, value: String| headers.insert(name.to_owned(), value.into());
    put("topic", topic.to_owned());
    put("messageId", push.message_id.clone());
    put("contentType", "application/json".into());
    put("time", now_ms.to_string());
    put("appId", app_id(&push.client_id));
    put("connectionId", connection_id.to_owned());
    if let Pushed::Event {
        event_type,
        event_id,
        born_ms,
        corp_id,
        ..
    } = &push.content
    {
        put("eventType", event_type.clone());
        put("eventId", event_id.clone());
        put("eventCorpId", corp_id.clone());
        put("eventBornTime", born_ms.to_string());
        put("eventUnifiedAppId", app_id(&push.client_id));
    }
    json!({ "specVersion": "1.0", "type": kind, "headers": headers, "data": push.data.to_string() })
        .to_string()
}

/// The id that the platform gives the app beside its client id; here made of it.
pub(super) fn app_id(client_id: &str) -> String {
    format!("app-{client_id}")
}

async fn end(shared: &Shared, push: &Push, begun: Try) -> Arrival {
    let rules = shared.world().rules.push.clone();
    let awaited = match begun {
        Try::NoLine => return Arrival::NoLine,
        Try::Post => return http::post(shared, push, &rules).await,
        Try::Framed(awaited) => awaited,
    };
    let allowed_ms = if matches!(push.content, Pushed::Card { .. }) {
        rules.card_ack_ms
    } else {
        rules.event_ack_ms
    };
    let answered = tokio::time::timeout(Duration::from_millis(allowed_ms), awaited).await;
    let mut lines = shared.push.lines();
    let Ok(Ok(ack)) = answered else {
        lines.awaiting.remove(&push.message_id);
        lines.counts_of(&push.client_id).timed_out += 1;
        return Arrival::TimedOut;
    };
    let is_later = ack.data["status"] == "LATER";
    if ack.code == 200 && !(is_later && matches!(push.content, Pushed::Event { .. })) {
        lines.counts_of(&push.client_id).acked += 1;
        Arrival::Acked(ack.data["response"].clone())
    } else {
        lines.counts_of(&push.client_id).refused += 1;
        Arrival::Refused
    }
}

async fn see_through(shared: Arc<Shared>, push: Push, begun: Try) {
    let first = end(&shared, &push, begun).await;
    let repeats = match &push.content {
        Pushed::Event { .. } => shared.world().rules.push.retries_ms.clone(),
        // An HTTP callback to a robot is posted once; only Stream has the reported duplicates.
        Pushed::Bot { url: None } if !matches!(first, Arrival::NoLine) => {
            Vec::from_iter(shared.world().rules.push.robot_again_ms)
        }
        Pushed::Bot { .. } | Pushed::Card { .. } => Vec::new(),
    };
    let mut last = first;
    for wait_ms in repeats {
        if matches!(last, Arrival::Acked(_)) {
            break;
        }
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_millis(wait_ms)) => {}
        }
        shared.push.lines().counts_of(&push.client_id).repeated += 1;
        let begun = begin(&shared, &push);
        last = end(&shared, &push, begun).await;
    }
    let arrived = matches!(last, Arrival::Acked(_));
    let failed_ms = shared.clock.now_ms();
    let mut lines = shared.push.lines();
    let counts = lines.counts_of(&push.client_id);
    counts.queued = counts.queued.saturating_sub(1);
    counts.failed += u64::from(!arrived);
    match push.content {
        Pushed::Event {
            event_type,
            event_id,
            born_ms,
            ..
        } if !arrived => lines.give_up(FailedPush {
            client_id: push.client_id,
            event_type,
            event_id,
            event_ms: born_ms,
            failed_ms,
            data: push.data,
            fetched: false,
        }),
        Pushed::Bot { url: Some(_) } => {
            drop(lines);
            if let Arrival::Acked(answer) = last {
                let webhook = push.data["sessionWebhook"].as_str().unwrap_or_default();
                bot::say_answer(&shared, &push.client_id, webhook, &answer);
            }
        }
        // Whoever clicked may have gone.
        Pushed::Card { answer, .. } => drop(answer.send(last)),
        _ => {}
    }
}
