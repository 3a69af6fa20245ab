//! Posts a push to an app in HTTP mode and judges the answer.
//!
//! Events go out encrypted and are answered with the encrypted word `success`; messages to a robot carry `timestamp`
//! and `sign` in their headers; clicks on cards `x-ddpaas-signature`, which covers the timestamp alone.
//! Each has 2.5 seconds, a click 2. Sources: `http-callback-overview`, `receive-message`, `event-callback-card`.
//! Weakness: `http://` only, no redirects.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, header};
use bytes::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Map, Value, json};

use super::crypto;
use super::deliver::{Arrival, Push, Pushed};
use super::settings::{EventCallback, PushRules};
use crate::meters::{OVER_QUOTA_CODE, OVER_QUOTA_TEXT};
use crate::shared::Shared;

/// An answer is read up to here.
const ANSWER_BYTES: usize = 256 * 1024;

/// Where clicks on cards with this route key are posted.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Route {
    pub(crate) url: String,
    pub(crate) secret: String,
}

pub(super) async fn post(shared: &Shared, push: &Push, rules: &PushRules) -> Arrival {
    let now_ms = shared.clock.now_ms();
    shared.push.lines().counts_of(&push.client_id).delivered += 1;
    let arrival = match &push.content {
        Pushed::Event {
            callback: Some(callback),
            ..
        } => {
            let body = event_body(push);
            post_event(shared, &push.client_id, callback, &body, rules.http_ms).await
        }
        Pushed::Bot { url: Some(url) } => {
            let secret = shared
                .world()
                .app(&push.client_id)
                .map_or_else(String::new, |app| app.client_secret.clone());
            let sign = crypto::hmac(&secret, &format!("{now_ms}\n{secret}"));
            let headers = [("timestamp", now_ms.to_string()), ("sign", sign)];
            send(url, &headers, push.data.to_string(), rules.http_ms).await
        }
        Pushed::Card {
            route: Some(route), ..
        } => {
            let at = now_ms.to_string();
            let sign = crypto::hmac(&route.secret, &at);
            let headers = [
                ("x-ddpaas-signature-timestamp", at),
                ("x-ddpaas-signature", sign),
            ];
            let allowed_ms = rules.card_ack_ms;
            send(&route.url, &headers, push.data.to_string(), allowed_ms).await
        }
        _ => Arrival::NoLine,
    };
    let mut lines = shared.push.lines();
    let counts = lines.counts_of(&push.client_id);
    match &arrival {
        Arrival::Acked(_) => counts.acked += 1,
        Arrival::TimedOut => counts.timed_out += 1,
        Arrival::Refused | Arrival::NoLine => counts.refused += 1,
    }
    arrival
}

/// The event's own fields and the platform's, side by side. (The overview page writes `UserId` and `TimeStamp`, the
/// events' pages `userId` and `timeStamp`; the latter are sent.)
fn event_body(push: &Push) -> Value {
    let Pushed::Event {
        event_type,
        event_id,
        born_ms,
        corp_id,
        ..
    } = &push.content
    else {
        return Value::Null;
    };
    let mut body = push.data.as_object().cloned().unwrap_or_else(Map::new);
    body.insert("EventType".into(), event_type.clone().into());
    body.insert("EventTime".into(), (*born_ms).into());
    body.insert("CorpId".into(), corp_id.clone().into());
    body.insert("BizId".into(), event_id.clone().into());
    body.insert("eventId".into(), event_id.clone().into());
    Value::Object(body)
}

/// Posts an encrypted event. Acked only by a signed, encrypted `success`.
pub(super) async fn post_event(
    shared: &Shared,
    client_id: &str,
    callback: &EventCallback,
    body: &Value,
    allowed_ms: u64,
) -> Arrival {
    let Some(key) = crypto::key(&callback.aes_key) else {
        return Arrival::Refused;
    };
    let (salt, nonce) = {
        let mut ids = shared.ids();
        (ids.salt(), ids.short_request_id())
    };
    let encrypted = crypto::encrypt(&key, salt, &body.to_string(), client_id);
    let timestamp = shared.clock.now_ms().to_string();
    let signature = crypto::signature(&callback.token, &timestamp, &nonce, &encrypted);
    let joint = if callback.url.contains('?') { '&' } else { '?' };
    let url = format!(
        "{}{joint}msg_signature={signature}&signature={signature}&timestamp={timestamp}&nonce={nonce}",
        callback.url
    );
    let sent = send(
        &url,
        &[],
        json!({ "encrypt": encrypted }).to_string(),
        allowed_ms,
    )
    .await;
    let Arrival::Acked(answer) = sent else {
        return sent;
    };
    let field = |name: &str| match &answer[name] {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    };
    let encrypted = field("encrypt");
    let expected = crypto::signature(
        &callback.token,
        &field("timeStamp"),
        &field("nonce"),
        &encrypted,
    );
    let said = crypto::decrypt(&key, &encrypted, client_id);
    if field("msg_signature") == expected && said.as_deref() == Some("success") {
        Arrival::Acked(Value::Null)
    } else {
        Arrival::Refused
    }
}

/// A POST with JSON in and out. Acked with the answer's JSON (`Null` if it is none) by any status of 2xx.
async fn send(url: &str, headers: &[(&str, String)], body: String, allowed_ms: u64) -> Arrival {
    let mut request = Request::post(url).header(header::CONTENT_TYPE, "application/json");
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let Ok(request) = request.body(Body::from(body)) else {
        return Arrival::Refused;
    };
    let exchange = async {
        let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
        let answer = client.request(request).await.ok()?;
        let is_success = answer.status().is_success();
        let body: Bytes = axum::body::to_bytes(Body::new(answer.into_body()), ANSWER_BYTES)
            .await
            .ok()?;
        is_success.then(|| serde_json::from_slice(&body).unwrap_or(Value::Null))
    };
    match tokio::time::timeout(Duration::from_millis(allowed_ms), exchange).await {
        Ok(Some(answer)) => Arrival::Acked(answer),
        Ok(None) => Arrival::Refused,
        Err(_) => Arrival::TimedOut,
    }
}

/// What an event carries in place of its content when the month is used up.
pub(super) fn over_quota_event() -> Value {
    json!({ "errCode": OVER_QUOTA_CODE, "errMsg": OVER_QUOTA_TEXT })
}
