//! `POST /v1.0/gateway/connections/open`: a ticket for one Stream connection.
//!
//! Credentials are the app's own, not a token; the answer is JSON only to callers who ask for it. The connection
//! itself is `push::connection`. Source: developerpedia `learn/stream/protocol`; refusals other than `authFailed` are
//! inferred.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::json_body;
use crate::call::{Call, ModernRefusal, modern_answer};
use crate::push::Subscription;
use crate::shared::Shared;

/// The topics of CALLBACK that the official SDKs know.
const CALLBACKS: &[&str] = &[
    "/v1.0/im/bot/messages/get",
    "/v1.0/im/bot/messages/delegate",
    "/v1.0/card/instances/callback",
    "/v1.0/card/dynamicData/get",
    "/v1.0/graph/api/invoke",
];

pub(super) async fn open(State(shared): State<Arc<Shared>>, call: Call) -> Response {
    let opened = ticket(&shared, &call);
    let wants_json = call
        .header("accept")
        .is_some_and(|accept| accept.contains("json"));
    match opened {
        Ok(answer) if !wants_json && shared.world().rules.push.xml_without_accept => {
            xml(&answer).into_response()
        }
        opened => modern_answer(&shared, opened),
    }
}

fn ticket(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let now_ms = shared.clock.now_ms();
    let body = json_body(call)?;
    let field = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let (client_id, secret) = (field("clientId"), field("clientSecret"));
    let world = shared.world();
    // A space too much in either is refused as well: users report it as the usual cause.
    let app = world
        .app(&client_id)
        .filter(|app| !secret.is_empty() && app.client_secret == secret)
        .ok_or_else(|| ModernRefusal::of(401, "authFailed", "鉴权失败"))?;
    let subscriptions = subscriptions(&body["subscriptions"])?;
    let ticket = shared.ids().message_id();
    let expires_ms = now_ms + world.rules.push.ticket_ms;
    shared
        .push
        .admit(ticket.clone(), &app.client_id, subscriptions, expires_ms);
    let endpoint = format!(
        "{}/stream/connect",
        shared.public_url.replacen("http", "ws", 1)
    );
    Ok(json!({ "endpoint": endpoint, "ticket": ticket }))
}

fn subscriptions(rows: &Value) -> Result<Vec<Subscription>, ModernRefusal> {
    let refuse = |what: String| ModernRefusal::bad("invalidParameter.subscriptions", what);
    let rows = rows
        .as_array()
        .filter(|rows| !rows.is_empty())
        .ok_or_else(|| refuse("subscriptions 不能为空".into()))?;
    rows.iter()
        .map(|row| {
            let field = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
            let one = Subscription {
                kind: field("type"),
                topic: field("topic"),
            };
            let is_known = match one.kind.as_str() {
                "EVENT" => one.topic == "*",
                "CALLBACK" => CALLBACKS.contains(&one.topic.as_str()),
                "SYSTEM" => matches!(one.topic.as_str(), "ping" | "disconnect" | "*"),
                _ => false,
            };
            if is_known {
                Ok(one)
            } else {
                Err(refuse(format!("不支持的订阅 {} {}", one.kind, one.topic)))
            }
        })
        .collect()
}

fn xml(answer: &Value) -> impl IntoResponse + use<> {
    let field = |name: &str| crate::text::escape(answer[name].as_str().unwrap_or_default());
    let page = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ConnectionOpenResponse><endpoint>{}</endpoint><ticket>{}</ticket></ConnectionOpenResponse>",
        field("endpoint"),
        field("ticket")
    );
    (
        [(header::CONTENT_TYPE, "application/xml; charset=utf-8")],
        page,
    )
}
