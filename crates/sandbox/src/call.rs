//! One platform call as it came in, and the two ways the platform answers.
//!
//! oapi.dingtalk.com answers HTTP 200 with `errcode`; api.dingtalk.com answers HTTP 4xx with `code`, `message` and a
//! lower-case `requestid`. Handlers are plain functions of a [`Call`] that return a result; [`legacy`] and [`modern`]
//! make routes of them, so no handler can answer in the other host's shape.

use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequest, MatchedPath, Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post, put};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::call_log::Trace;
pub(crate) use crate::gate::{Caller, legacy_caller, modern_caller};
use crate::listener::Peer;
use crate::shared::Shared;

/// A request, read whole.
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    /// The route it took, with `{…}` where a path has ids: what the platform means by one API.
    pub(crate) api: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) peer: std::net::IpAddr,
    /// Where the call log learns who called and what it cost.
    pub(crate) trace: Trace,
}

impl Call {
    /// The first value of a query parameter; `+` means a space, as everywhere on the web.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// oapi takes JSON as well as forms, in which nested values are JSON strings.
    pub(crate) fn legacy_body(&self) -> Value {
        if self
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"))
        {
            let pairs = url::form_urlencoded::parse(&self.body);
            return pairs
                .map(|(key, value)| (key.into_owned(), Value::from(value.into_owned())))
                .collect();
        }
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

impl<S: Send + Sync> FromRequest<S> for Call {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let peer = request.extensions().get::<ConnectInfo<Peer>>().map_or_else(
            || std::net::IpAddr::from([127, 0, 0, 1]),
            |ConnectInfo(peer)| peer.address.ip().to_canonical(),
        );
        let trace = request
            .extensions()
            .get::<Trace>()
            .cloned()
            .unwrap_or_default();
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let matched = request.extensions().get::<MatchedPath>();
        let route = matched.map_or(path.as_str(), MatchedPath::as_str);
        let api = format!("{method} {route}");
        let query =
            url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes())
                .into_owned();
        let (query, headers) = (query.collect(), request.headers().clone());
        let body = Bytes::from_request(request, state)
            .await
            .map_err(IntoResponse::into_response)?;
        Ok(Self {
            method,
            path,
            api,
            query,
            headers,
            body,
            peer,
            trace,
        })
    }
}

/// A refusal of oapi.dingtalk.com.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LegacyRefusal {
    pub(crate) errcode: i64,
    pub(crate) errmsg: String,
    /// With errcode 88: the gateway's own code and text.
    pub(crate) sub: Option<(String, String)>,
}

impl LegacyRefusal {
    pub(crate) fn new(errcode: i64, errmsg: impl Into<String>) -> Self {
        Self {
            errcode,
            errmsg: errmsg.into(),
            sub: None,
        }
    }

    /// The gateway's envelope: the real cause is in `sub_code`, a string.
    pub(crate) fn gateway(sub_code: &str, sub_msg: &str) -> Self {
        Self {
            errcode: 88,
            errmsg: format!("ding talk error[subcode={sub_code},submsg={sub_msg}]"),
            sub: Some((sub_code.into(), sub_msg.into())),
        }
    }
}

/// A refusal of api.dingtalk.com.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ModernRefusal {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    /// Scopes the app lacks, in `accessdenieddetail`; empty for every other refusal.
    pub(crate) required_scopes: Vec<&'static str>,
}

impl ModernRefusal {
    pub(crate) fn of(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
            required_scopes: Vec::new(),
        }
    }

    pub(crate) fn bad(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::of(400, code, message)
    }

    pub(crate) fn denied(code: &str, message: &str) -> Self {
        Self::of(403, format!("Forbidden.AccessDenied.{code}"), message)
    }

    /// The gateway's wording for a parameter that was left out.
    pub(crate) fn missing(parameter: &str) -> Self {
        Self::bad(
            format!("Missing{parameter}"),
            format!("{parameter} is mandatory for this action."),
        )
    }
}

pub(crate) type LegacyVerb = fn(&Shared, &Call) -> Result<Value, LegacyRefusal>;
pub(crate) type ModernVerb = fn(&Shared, &Call) -> Result<Value, ModernRefusal>;

/// A route of oapi.dingtalk.com, for GET and POST alike.
pub(crate) fn legacy(verb: LegacyVerb) -> MethodRouter<Arc<Shared>> {
    let handler = move |State(shared): State<Arc<Shared>>, call: Call| async move {
        let result = verb(&shared, &call);
        legacy_answer(&shared, result)
    };
    get(handler).post(handler)
}

/// A POST route of api.dingtalk.com.
pub(crate) fn modern(verb: ModernVerb) -> MethodRouter<Arc<Shared>> {
    post(
        move |State(shared): State<Arc<Shared>>, call: Call| async move {
            modern_answer(&shared, verb(&shared, &call))
        },
    )
}

/// A GET route of api.dingtalk.com.
pub(crate) fn modern_get(verb: ModernVerb) -> MethodRouter<Arc<Shared>> {
    get(
        move |State(shared): State<Arc<Shared>>, call: Call| async move {
            modern_answer(&shared, verb(&shared, &call))
        },
    )
}

/// A PUT route of api.dingtalk.com.
pub(crate) fn modern_put(verb: ModernVerb) -> MethodRouter<Arc<Shared>> {
    put(
        move |State(shared): State<Arc<Shared>>, call: Call| async move {
            modern_answer(&shared, verb(&shared, &call))
        },
    )
}

/// A DELETE route of api.dingtalk.com.
pub(crate) fn modern_delete(verb: ModernVerb) -> MethodRouter<Arc<Shared>> {
    delete(
        move |State(shared): State<Arc<Shared>>, call: Call| async move {
            modern_answer(&shared, verb(&shared, &call))
        },
    )
}

pub(crate) fn legacy_answer(shared: &Shared, result: Result<Value, LegacyRefusal>) -> Response {
    let body = match result {
        Ok(mut answer) => {
            if let Some(fields) = answer.as_object_mut() {
                fields.insert("errcode".into(), 0.into());
                fields.insert("errmsg".into(), "ok".into());
            }
            answer
        }
        Err(refusal) => {
            let mut body = json!({ "errcode": refusal.errcode, "errmsg": refusal.errmsg });
            if let Some((sub_code, sub_msg)) = refusal.sub {
                body["sub_code"] = sub_code.into();
                body["sub_msg"] = sub_msg.into();
                body["request_id"] = shared.ids().short_request_id().into();
            }
            body
        }
    };
    axum::Json(body).into_response()
}

pub(crate) fn modern_answer(shared: &Shared, result: Result<Value, ModernRefusal>) -> Response {
    match result {
        Ok(body) => axum::Json(body).into_response(),
        Err(refusal) => {
            let requestid = shared.ids().request_id();
            let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
            let mut body =
                json!({ "code": refusal.code, "requestid": requestid, "message": refusal.message });
            if !refusal.required_scopes.is_empty() {
                body["accessdenieddetail"] = json!({ "requiredScopes": refusal.required_scopes });
            }
            (status, axum::Json(body)).into_response()
        }
    }
}

/// Paths that neither host knows.
pub(crate) async fn unknown(State(shared): State<Arc<Shared>>, call: Call) -> Response {
    if call.path.starts_with("/v1.0/") || call.path.starts_with("/v2.0/") {
        let refusal = ModernRefusal::of(
            404,
            "InvalidAction.NotFound",
            "Specified api is not found, please check your url and method.",
        );
        modern_answer(&shared, Err(refusal))
    } else if let Some(method) = call.path.strip_prefix("/topapi/") {
        let name = format!("dingtalk.oapi.{}", method.replace('/', "."));
        let refusal = LegacyRefusal {
            errcode: 22,
            errmsg: format!("Invalid method[{name}]"),
            sub: Some(("22".into(), format!("不合法ApiName: {name}"))),
        };
        legacy_answer(&shared, Err(refusal))
    } else {
        legacy_answer(&shared, Err(LegacyRefusal::new(404, "请求的URI地址不存在")))
    }
}
