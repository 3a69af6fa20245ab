//! Injected faults: what a client must survive, switched on by a test or in the chat client's panel.
//!
//! [`inject`] stands in front of both API hosts; pages and `/sandbox/*` never fail. Faults are tried in the order
//! they were set and the first that strikes decides; latency adds up with whatever follows.
//! A fault has a path prefix and strikes the next n calls, a share of calls, or all. `struck` counts.
//! Invariant: `Drop` with `after` and `Half` strike after the call was served, so a message has arrived although the
//! client cannot know.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::call::{LegacyRefusal, ModernRefusal, legacy_answer, modern_answer};
use crate::call_log::{SpoiltBy, record_instead};
use crate::gate::has_room;
use crate::listener::Peer;
use crate::meters::beijing;
use crate::rules::BanAnswer;
use crate::shared::Shared;

/// One injected fault. As JSON: `{"kind":"status","status":503,"path":"/robot/send","next":2}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    #[serde(flatten)]
    pub kind: FaultKind,
    /// Strikes paths that start with this; empty means all of both hosts.
    #[serde(default)]
    pub path: String,
    /// Strikes this many calls and is then spent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u32>,
    /// Strikes this share (0 to 1) of calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// How often it has struck; set by the sandbox.
    #[serde(default)]
    pub struck: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FaultKind {
    /// Answers after this long.
    Latency { ms: u64 },
    /// Answers this HTTP status without serving the call.
    Status { status: u16 },
    /// Hangs up without an answer, before serving the call or after it.
    Drop {
        #[serde(default)]
        after: bool,
    },
    /// Serves the call, then sends half of the answer and hangs up.
    Half,
    /// Answers the HTML page of the banned-address rule in place of JSON (HTTP 200).
    Html,
    /// Answers that rule's JSON: `{"status":1111,"wait":5,…}`.
    Banned,
    /// Refuses as too fast, in the words of the host.
    Throttle,
    /// Refuses because all apps together are too fast, as around the full hour; over after a second.
    ThrottleAll,
    /// Answers -1 系统繁忙 (oapi) or 500 system.error (api).
    Busy,
    /// Accepts a personal batch but leaves these people in `flowControlledStaffIdList`; empty means all.
    FlowControl {
        #[serde(default)]
        userids: Vec<String>,
    },
}

impl FaultKind {
    /// As in JSON.
    fn name(&self) -> &'static str {
        match self {
            Self::Latency { .. } => "latency",
            Self::Status { .. } => "status",
            Self::Drop { .. } => "drop",
            Self::Half => "half",
            Self::Html => "html",
            Self::Banned => "banned",
            Self::Throttle => "throttle",
            Self::ThrottleAll => "throttle_all",
            Self::Busy => "busy",
            Self::FlowControl { .. } => "flow_control",
        }
    }
}

impl Fault {
    /// Strikes every call of both hosts until it is removed.
    pub fn always(kind: FaultKind) -> Self {
        Self {
            kind,
            path: String::new(),
            next: None,
            rate: None,
            struck: 0,
        }
    }

    /// Strikes the next `count` calls whose path starts with `path`.
    pub fn next(count: u32, path: impl Into<String>, kind: FaultKind) -> Self {
        Self {
            path: path.into(),
            next: Some(count),
            ..Self::always(kind)
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    pub(crate) fn list(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The faults that strike a call to this path: latencies, then at most one other.
    fn strike(&self, path: &str, mut chance: impl FnMut(f64) -> bool) -> Vec<FaultKind> {
        let mut struck = Vec::new();
        for fault in self.list().iter_mut() {
            let flow_control = matches!(fault.kind, FaultKind::FlowControl { .. });
            if flow_control || !fault.is_due(path, &mut chance) {
                continue;
            }
            fault.count();
            struck.push(fault.kind.clone());
            if !matches!(fault.kind, FaultKind::Latency { .. }) {
                break;
            }
        }
        struck
    }

    /// The people a batch must leave out now; `None` when no such fault is due.
    pub(crate) fn flow_controlled(
        &self,
        path: &str,
        mut chance: impl FnMut(f64) -> bool,
    ) -> Option<Vec<String>> {
        self.list().iter_mut().find_map(|fault| {
            let FaultKind::FlowControl { userids } = fault.kind.clone() else {
                return None;
            };
            fault.is_due(path, &mut chance).then(|| {
                fault.count();
                userids
            })
        })
    }
}

impl Fault {
    fn is_due(&self, path: &str, chance: &mut impl FnMut(f64) -> bool) -> bool {
        path.starts_with(&self.path) && self.next != Some(0) && self.rate.is_none_or(chance)
    }

    fn count(&mut self) {
        self.struck += 1;
        self.next = self.next.map(|left| left.saturating_sub(1));
    }
}

/// Middleware of the platform's routes.
pub(crate) async fn inject(
    State(shared): State<Arc<Shared>>,
    mut request: Request,
    next: Next,
) -> Response {
    let struck = shared
        .faults
        .strike(request.uri().path(), |share| shared.ids().chance(share));
    let peer = request
        .extensions()
        .get::<ConnectInfo<Peer>>()
        .map(|ConnectInfo(peer)| peer.clone());
    if is_banned(&shared, peer.as_ref()) {
        let kind = match shared.world().rules.ban_answer {
            BanAnswer::Html => FaultKind::Html,
            BanAnswer::Json => FaultKind::Banned,
        };
        let answer = answer_instead(&shared, &kind, request.uri().path());
        return record_instead(&shared, request, "address_banned", answer).await;
    }
    let mut last = None;
    for kind in struck {
        if let FaultKind::Latency { ms } = kind {
            tokio::time::sleep(Duration::from_millis(ms.min(120_000))).await;
        } else {
            last = Some(kind);
        }
    }
    match last {
        None | Some(FaultKind::Latency { .. } | FaultKind::FlowControl { .. }) => {
            next.run(request).await
        }
        Some(FaultKind::Drop { after }) => {
            let nothing = StatusCode::BAD_GATEWAY.into_response();
            let answer = if after {
                request.extensions_mut().insert(SpoiltBy("drop".into()));
                drop(next.run(request).await);
                nothing
            } else {
                record_instead(&shared, request, "drop", nothing).await
            };
            if let Some(peer) = peer {
                peer.cut();
            }
            answer
        }
        Some(FaultKind::Half) => {
            request.extensions_mut().insert(SpoiltBy("half".into()));
            half_of(next.run(request).await).await
        }
        Some(kind) => {
            let answer = answer_instead(&shared, &kind, request.uri().path());
            record_instead(&shared, request, kind.name(), answer).await
        }
    }
}

/// Ten thousand calls from one address in 20 seconds, to whatever API, and it is banned for five minutes.
fn is_banned(shared: &Shared, peer: Option<&Peer>) -> bool {
    let (now_ms, mut world) = (shared.clock.now_ms(), shared.world());
    let limits = &world.rules.limits;
    let (Some(limit), ban_ms) = (limits.calls_per_address, limits.ban_ms) else {
        return false;
    };
    let Some(peer) = peer else { return false };
    let address = peer.address.ip().to_canonical();
    let pace = world.addresses_calling.entry(address).or_default();
    if now_ms < pace.held_until_ms {
        return true;
    }
    let has_room = has_room(&mut pace.sent_ms, now_ms, ADDRESS_WINDOW_MS, limit as usize);
    if !has_room {
        pace.held_until_ms = now_ms + ban_ms;
        pace.sent_ms.clear();
    }
    !has_room
}

const ADDRESS_WINDOW_MS: i64 = 20_000;

fn answer_instead(shared: &Shared, kind: &FaultKind, path: &str) -> Response {
    let modern = path.starts_with("/v1.0/") || path.starts_with("/v2.0/");
    let requestid = shared.ids().request_id();
    match kind {
        FaultKind::Status { status } => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_GATEWAY);
            let reason = status.canonical_reason().unwrap_or("Error");
            (status, html(format!("<html><body><h1>{} {reason}</h1></body></html>", status.as_u16()))).into_response()
        }
        FaultKind::Html => {
            html("<!doctype html><html><body><p>亲，访问被拒绝了，请稍后再试。</p></body></html>".into()).into_response()
        }
        FaultKind::Banned => axum::Json(
            json!({ "status": 1111, "wait": 5, "source": "x5", "punish": "deny", "uuid": requestid }),
        )
        .into_response(),
        FaultKind::Throttle if modern => {
            let message = "您的应用调用当前接口超过了该应用每秒最大请求次数限制，请1秒后重试";
            let code = "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi";
            let body = json!({ "code": code, "requestid": requestid, "message": message });
            (StatusCode::FORBIDDEN, axum::Json(body)).into_response()
        }
        FaultKind::Throttle => {
            let refusal = if path.starts_with("/robot/") {
                crate::webhook::too_fast(&shared.world().rules)
            } else {
                LegacyRefusal::gateway(
                    "90018",
                    "您的应用调用该接口次数过多，超出了每秒最大请求次数，请1秒后重试",
                )
            };
            legacy_answer(shared, Err(refusal))
        }
        FaultKind::ThrottleAll if modern => {
            let refusal = ModernRefusal::denied("QpsLimitForApi", &everyone_too_fast(shared, path));
            modern_answer(shared, Err(refusal))
        }
        FaultKind::ThrottleAll => {
            let refusal = LegacyRefusal::gateway("90002", &everyone_too_fast(shared, path));
            legacy_answer(shared, Err(refusal))
        }
        _ if modern => {
            let body = json!({ "code": "system.error", "requestid": requestid, "message": "系统异常，请稍后再试" });
            (StatusCode::INTERNAL_SERVER_ERROR, axum::Json(body)).into_response()
        }
        _ => axum::Json(json!({ "errcode": -1, "errmsg": "系统繁忙" })).into_response(),
    }
}

/// As observed on 2026-09-03; the end of the restriction can be read from it.
fn everyone_too_fast(shared: &Shared, path: &str) -> String {
    let now_ms = shared.clock.now_ms();
    let at = |ms| beijing(ms, "%Y-%m-%d %H:%M:%S");
    let api = path.trim_start_matches("/topapi").replace('/', ".");
    format!(
        "当前所有钉钉应用调用该接口次数过多，超出了该接口承受的最大qps，请求被暂时限制了，建议错开整点时刻调用该接口, \
         apiPath(dingtalk.oapi{api}), 从 {0} 到 {0} 请求总次数超过 1200 次, 限制将在 {1} 结束.",
        at(now_ms),
        at(now_ms + 1_000)
    )
}

fn html(page: String) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], page)
}

/// Promises the whole length and breaks off in the middle.
async fn half_of(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let whole = axum::body::to_bytes(body, usize::MAX)
        .await
        .unwrap_or_default();
    let half = whole.slice(..whole.len() / 2);
    parts
        .headers
        .insert(header::CONTENT_LENGTH, HeaderValue::from(whole.len()));
    let broken_off = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
    let pieces = futures_util::stream::iter([Ok(half), Err(broken_off)]);
    Response::from_parts(parts, Body::from_stream(pieces))
}
