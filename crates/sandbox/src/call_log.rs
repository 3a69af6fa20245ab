//! The call log: what came in at both API hosts and what was answered, for the panel of the chat client and for tests.
//!
//! [`record`] stands around the platform's routes, inside the faults; a fault that answers in place of the API is
//! logged by `faults`. `gate` adds which app called and what it cost.
//! Invariant: secrets, tokens and signatures are masked before anything is kept; at most [`KEPT`] calls are.
//! Weakness: kept in memory only; `took_ms` is by the sandbox's clock, so it is 0 while that stands still.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

use crate::apis::Metering;
use crate::shared::Shared;

/// How many calls are kept.
pub(crate) const KEPT: usize = 5_000;
/// Longer bodies are logged by their length alone.
const BODY_BYTES: usize = 16 * 1024;
/// No JSON or form the platform takes is longer.
const READ_AT_MOST: usize = 32 * 1024 * 1024;

/// One call of a platform API.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CallRecord {
    /// Grows by one with every call.
    pub id: u64,
    /// UTC epoch milliseconds by the sandbox's clock.
    pub at_ms: i64,
    pub took_ms: i64,
    /// The client id, if the call carried a valid token or an app's key.
    pub app: Option<String>,
    pub host: Host,
    pub method: String,
    pub path: String,
    /// What the API is called, e.g. `corpconversation/asyncsend_v2`: the path without host prefix and ids.
    pub name: String,
    /// Query parameters, masked.
    pub query: Value,
    /// The JSON or form body, masked; `null` for none, `{"bytes": n}` for anything else.
    pub request: Value,
    pub status: u16,
    pub answer: Value,
    /// The refusal's code as a client reads it: `errcode`, with its sub code behind a slash, or `code`.
    pub refusal: Option<String>,
    pub metered: Metering,
    /// The injected fault that answered in place of the API or spoilt its answer.
    pub fault: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Host {
    /// oapi.dingtalk.com
    Oapi,
    /// api.dingtalk.com
    Api,
}

#[derive(Debug, Default)]
pub(crate) struct CallLog {
    calls: VecDeque<Arc<CallRecord>>,
    last_id: u64,
}

impl CallLog {
    /// Oldest first.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<CallRecord>> {
        self.calls.iter()
    }

    pub(crate) fn clear(&mut self) {
        self.calls.clear();
    }

    fn push(&mut self, mut call: CallRecord) -> Arc<CallRecord> {
        self.last_id += 1;
        call.id = self.last_id;
        let call = Arc::new(call);
        self.calls.push_back(Arc::clone(&call));
        if self.calls.len() > KEPT {
            self.calls.pop_front();
        }
        call
    }
}

/// What the gate and the handlers note about a call while it is served.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace(Arc<Mutex<Noted>>);

#[derive(Clone, Debug, Default)]
struct Noted {
    app: Option<String>,
    metered: Metering,
}

impl Trace {
    pub(crate) fn set_app(&self, client_id: &str) {
        self.noted(|noted| noted.app = Some(client_id.to_owned()));
    }

    pub(crate) fn set_metered(&self, metering: Metering) {
        self.noted(|noted| noted.metered = metering);
    }

    fn noted<T>(&self, look: impl FnOnce(&mut Noted) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A fault that strikes after the API was served; `faults` leaves it in the request for the log.
#[derive(Clone, Debug)]
pub(crate) struct SpoiltBy(pub(crate) String);

/// Middleware of the platform's routes.
pub(crate) async fn record(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let at_ms = shared.clock.now_ms();
    let (mut parts, body) = request.into_parts();
    let (body, request_json) = match take_body(&parts.headers, body).await {
        Ok(taken) => taken,
        Err(too_long) => return too_long,
    };
    let trace = Trace::default();
    parts.extensions.insert(trace.clone());
    let mut call = begin(&parts.method, &parts.uri, request_json, at_ms);
    if let Some(route) = parts.extensions.get::<MatchedPath>() {
        call.name = name_of(route.as_str());
    }
    call.fault = parts.extensions.get::<SpoiltBy>().map(|by| by.0.clone());
    let response = next.run(Request::from_parts(parts, body)).await;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return response;
    }
    let (response, answer) = take_answer(response).await;
    let noted = trace.noted(|noted| noted.clone());
    call.app = noted.app.or(call.app);
    call.metered = noted.metered;
    finish(&shared, call, response.status(), answer);
    response
}

/// Logs a call that a fault answered in place of the API.
pub(crate) async fn record_instead(
    shared: &Shared,
    request: Request,
    fault: &str,
    response: Response,
) -> Response {
    let at_ms = shared.clock.now_ms();
    let (parts, body) = request.into_parts();
    let taken = take_body(&parts.headers, body).await;
    let request_json = taken.map_or(Value::Null, |(_, json)| json);
    let mut call = begin(&parts.method, &parts.uri, request_json, at_ms);
    call.fault = Some(fault.to_owned());
    let (response, answer) = take_answer(response).await;
    finish(shared, call, response.status(), answer);
    response
}

fn begin(
    method: &axum::http::Method,
    uri: &axum::http::Uri,
    request: Value,
    at_ms: i64,
) -> CallRecord {
    let path = uri.path().to_owned();
    let query: Value = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
        .map(|(key, value)| (key.into_owned(), Value::from(value.into_owned())))
        .collect();
    let is_modern = path.starts_with("/v1.0/") || path.starts_with("/v2.0/");
    let keys = ["appkey", "appKey", "clientId", "client_id"];
    let app = keys
        .iter()
        .find_map(|key| query[*key].as_str().or(request[*key].as_str()));
    CallRecord {
        id: 0,
        at_ms,
        took_ms: 0,
        app: app.map(str::to_owned),
        host: if is_modern { Host::Api } else { Host::Oapi },
        method: method.to_string(),
        name: name_of(&path),
        path,
        query: masked(query, true),
        request: masked(request, true),
        status: 0,
        answer: Value::Null,
        refusal: None,
        metered: Metering::None,
        fault: None,
    }
}

fn finish(shared: &Shared, mut call: CallRecord, status: StatusCode, answer: Value) {
    call.took_ms = shared.clock.now_ms() - call.at_ms;
    call.status = status.as_u16();
    call.refusal = refusal_of(status, &answer);
    call.answer = masked(answer, false);
    let call = shared.world().calls.push(call);
    // Without an open panel nobody listens, which is no error.
    drop(shared.calls.send(call));
}

fn refusal_of(status: StatusCode, answer: &Value) -> Option<String> {
    match (&answer["errcode"], &answer["sub_code"], &answer["code"]) {
        (Value::Number(code), Value::String(sub), _) => Some(format!("{code}/{sub}")),
        (Value::Number(code), ..) => (code.as_i64() != Some(0)).then(|| code.to_string()),
        (_, _, Value::String(code)) if !status.is_success() => Some(code.clone()),
        _ => (!status.is_success()).then(|| status.as_u16().to_string()),
    }
}

/// `/v1.0/todo/users/{unionId}/tasks` → `todo/users/tasks`: parameters, and what looks like an id, are left out.
fn name_of(path: &str) -> String {
    let parts = path.split('/').skip(1);
    let words = parts.filter(|part| {
        let is_version = matches!(*part, "v1.0" | "v2.0" | "topapi" | "v2" | "message");
        let is_id = part.len() > 40
            || part.chars().filter(char::is_ascii_digit).count() > 2
            || part.contains(['{', '-', '=', '+', '%', '$']);
        !part.is_empty() && !is_version && !is_id
    });
    words.collect::<Vec<_>>().join("/")
}

/// The body again, and what the log keeps of it. Uploads pass unread.
async fn take_body(headers: &HeaderMap, body: Body) -> Result<(Body, Value), Response> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    if kind.starts_with("multipart/") || (kind.is_empty() && headers.contains_key("content-length"))
    {
        let length = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        return Ok((body, json!({ "bytes": length })));
    }
    let bytes = to_bytes(body, READ_AT_MOST)
        .await
        .map_err(|_| StatusCode::PAYLOAD_TOO_LARGE.into_response())?;
    let kept = kept(
        &bytes,
        kind.starts_with("application/x-www-form-urlencoded"),
    );
    Ok((Body::from(bytes), kept))
}

async fn take_answer(response: Response) -> (Response, Value) {
    let is_json = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if !is_json {
        return (response, Value::Null);
    }
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let answer = kept(&bytes, false);
    (Response::from_parts(parts, Body::from(bytes)), answer)
}

fn kept(bytes: &Bytes, is_form: bool) -> Value {
    if bytes.is_empty() {
        return Value::Null;
    }
    if bytes.len() > BODY_BYTES {
        return json!({ "bytes": bytes.len() });
    }
    if is_form {
        let pairs = url::form_urlencoded::parse(bytes);
        return pairs
            .map(|(key, value)| (key.into_owned(), Value::from(value.into_owned())))
            .collect();
    }
    serde_json::from_slice(bytes).unwrap_or_else(|_| json!({ "bytes": bytes.len() }))
}

const SECRETS: &[&str] = &[
    "accesstoken",
    "access_token",
    "refreshtoken",
    "refresh_token",
    "appsecret",
    "clientsecret",
    "client_secret",
    "apisecret",
    "corpsecret",
    "ssosecret",
    "secret",
    "token",
    "ticket",
    "aes_key",
    "sign",
    "session",
    "jsapiticket",
    "headers",
];

/// Leaves the last four characters of a secret. A `code` is a secret in a request and a refusal in an answer.
fn masked(value: Value, is_request: bool) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .map(|(key, value)| {
                let name = key.to_lowercase();
                let is_secret = SECRETS.contains(&name.as_str()) || (is_request && name == "code");
                let value = match value {
                    Value::String(text) if is_secret => mask(&text).into(),
                    Value::Object(_) if name == "headers" => Value::from("…"),
                    value => masked(value, is_request),
                };
                (key, value)
            })
            .collect(),
        Value::Array(rows) => rows
            .into_iter()
            .map(|row| masked(row, is_request))
            .collect(),
        value => value,
    }
}

fn mask(text: &str) -> String {
    let count = text.chars().count();
    if count < 12 {
        return "…".to_owned();
    }
    format!("…{}", text.chars().skip(count - 4).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::{masked, name_of};
    use serde_json::json;

    #[test]
    fn secrets_never_reach_the_log() {
        let body = json!({"appSecret": "a-very-long-secret", "nested": [{"token": "short"}], "code": "login-code"});
        let kept = masked(body, true).to_string();
        assert!(!kept.contains("very-long") && !kept.contains("short") && !kept.contains("login"));
        assert_eq!(
            masked(json!({"code": "x.y"}), false),
            json!({"code": "x.y"})
        );
    }

    #[test]
    fn a_name_has_no_ids() {
        assert_eq!(
            name_of("/v1.0/todo/users/union-lina/tasks"),
            "todo/users/tasks"
        );
        let notice = "/topapi/message/corpconversation/asyncsend_v2";
        assert_eq!(name_of(notice), "corpconversation/asyncsend_v2");
    }
}
