//! `GET /stream/connect?ticket=…`: one WebSocket of an app, with pings, disconnects and the switches that spoil it.
//!
//! A ticket comes from `connections/open`, is good for 90 seconds and for one connection. The server's SYSTEM frames
//! are `ping` (whose `opaque` must come back) and `disconnect`, after which nothing is delivered and the connection
//! ends ten seconds later. Source: developerpedia `learn/stream/protocol`.
//! Invariant: a connection leaves the switchboard when its task ends, however it ends.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::settings::{HalfDead, PushRules};
use super::switchboard::{Ack, Out};
use crate::shared::Shared;

#[derive(Debug, Deserialize)]
pub(super) struct Admission {
    #[serde(default)]
    ticket: String,
}

pub(super) async fn connect(
    State(shared): State<Arc<Shared>>,
    Query(admission): Query<Admission>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    let now_ms = shared.clock.now_ms();
    let newest_only = shared.world().rules.push.newest_connection_only;
    let mut lines = shared.push.lines();
    let Some(ticket) = lines.redeem(&admission.ticket, now_ms) else {
        return (
            StatusCode::UNAUTHORIZED,
            "the ticket is unknown, used or expired",
        )
            .into_response();
    };
    if newest_only {
        lines.tell_all(Some(&ticket.client_id), || Out::Cut);
    }
    drop(lines);
    let shared_in_task = Arc::clone(&shared);
    upgrade.on_upgrade(move |socket| async move {
        let (id, told) = shared_in_task.push.lines().connect(ticket, now_ms);
        let leaves = Leaves(&shared_in_task, &id);
        talk(&shared_in_task, &id, socket, told).await;
        drop(leaves);
    })
}

/// Takes the connection off the switchboard even if its task is aborted.
struct Leaves<'a>(&'a Shared, &'a str);

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        self.0.push.lines().hang_up(self.1);
    }
}

/// When a connection's own timers are due.
struct Timers {
    ping: Option<Instant>,
    disconnect: Option<Instant>,
    end: Option<Instant>,
}

async fn talk(
    shared: &Shared,
    id: &str,
    mut socket: WebSocket,
    mut told: mpsc::UnboundedReceiver<Out>,
) {
    let rules = |shared: &Shared| shared.world().rules.push.clone();
    let after = |ms: Option<u64>| ms.map(|ms| Instant::now() + Duration::from_millis(ms));
    let first = rules(shared);
    let mut timers = Timers {
        ping: after(first.ping_every_ms),
        disconnect: after(first.disconnect_every_ms),
        end: None,
    };
    loop {
        let half_dead = rules(shared).half_dead;
        let is_on = tokio::select! {
            () = shared.stop.cancelled() => false,
            out = told.recv() => match out {
                Some(Out::Frame(text)) => write(&mut socket, half_dead, text).await,
                Some(Out::Disconnect(reason)) => {
                    leave(shared, id, &mut socket, &reason, &mut timers).await
                }
                Some(Out::Cut) | None => false,
            },
            received = socket.recv(), if half_dead != HalfDead::Frozen => match received {
                Some(Ok(Message::Text(text))) => {
                    hear(shared, id, &text);
                    true
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => false,
                Some(Ok(_)) => true,
            },
            () = due(timers.ping) => {
                let now: PushRules = rules(shared);
                timers.ping = after(now.ping_every_ms);
                ping(shared, id, &mut socket, now.half_dead).await
            }
            () = due(timers.disconnect) => {
                leave(shared, id, &mut socket, "connection is expired", &mut timers).await
            }
            () = due(timers.end) => false,
        };
        if !is_on {
            return;
        }
    }
}

/// Waits for the moment; for ever if there is none.
async fn due(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// False when the other end is gone. A half-dead connection swallows the frame.
async fn write(socket: &mut WebSocket, half_dead: HalfDead, text: String) -> bool {
    half_dead != HalfDead::No || socket.send(Message::Text(text.into())).await.is_ok()
}

async fn ping(shared: &Shared, id: &str, socket: &mut WebSocket, half_dead: HalfDead) -> bool {
    let opaque = shared.ids().request_id();
    let frame = system(shared, id, "ping", &json!({ "opaque": opaque }), &opaque);
    if let Some(seen) = shared.push.lines().connection(id)
        && half_dead == HalfDead::No
    {
        seen.pings += 1;
    }
    write(socket, half_dead, frame).await
}

/// Sends the SYSTEM disconnect; from now on the connection only waits for its end.
async fn leave(
    shared: &Shared,
    id: &str,
    socket: &mut WebSocket,
    reason: &str,
    timers: &mut Timers,
) -> bool {
    let (half_dead, linger_ms) = {
        let rules = &shared.world().rules.push;
        (rules.half_dead, rules.disconnect_linger_ms)
    };
    if let Some(seen) = shared.push.lines().connection(id) {
        seen.leaving = true;
    }
    *timers = Timers {
        ping: None,
        disconnect: None,
        end: Some(Instant::now() + Duration::from_millis(linger_ms)),
    };
    let message_id = shared.ids().request_id();
    let frame = system(
        shared,
        id,
        "disconnect",
        &json!({ "reason": reason }),
        &message_id,
    );
    write(socket, half_dead, frame).await
}

fn system(shared: &Shared, id: &str, topic: &str, data: &Value, message_id: &str) -> String {
    json!({
        "specVersion": "1.0",
        "type": "SYSTEM",
        "headers": {
            "topic": topic,
            "messageId": message_id,
            "contentType": "application/json",
            "time": shared.clock.now_ms().to_string(),
            "connectionId": id,
        },
        "data": data.to_string(),
    })
    .to_string()
}

/// Matches an ack with the frame that waits for it. Anything else a client says is ignored, as the platform does.
fn hear(shared: &Shared, id: &str, text: &str) {
    let Ok(said) = serde_json::from_str::<Value>(text) else {
        return;
    };
    let Some(message_id) = said["headers"]["messageId"].as_str() else {
        return;
    };
    let data = said["data"]
        .as_str()
        .and_then(|data| serde_json::from_str(data).ok())
        .unwrap_or(Value::Null);
    let code = said["code"]
        .as_i64()
        .or_else(|| said["code"].as_str()?.parse().ok())
        .unwrap_or(0);
    let mut lines = shared.push.lines();
    let waiting = lines.awaiting.remove(message_id);
    let Some(seen) = lines.connection(id) else {
        return;
    };
    // A ping's message id is its opaque as well.
    if data["opaque"] == message_id {
        seen.pongs += 1;
        return;
    }
    seen.acks += 1;
    let client_id = seen.client_id.clone();
    let taken = waiting.is_some_and(|waiting| waiting.send(Ack { code, data }).is_ok());
    if !taken {
        lines.counts_of(&client_id).stray_acks += 1;
    }
}
