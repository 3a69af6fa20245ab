//! `POST /chat/auth-code`: the chat client asks for a code on behalf of a page it shows, for its persona.
//!
//! Called by the chat window that received `requestAuthCode` from a page with `/sandbox/jsapi.js`.
//! The body must be JSON, so a page of another origin cannot send it without being asked first (and is refused).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{NOBODY, Refused, persona_of};
use crate::auth_codes::AuthCodes;
use crate::shared::Shared;

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Asked {
    corp_id: String,
    client_id: String,
    /// Whom the client shows; without it the cookie's persona.
    userid: Option<String>,
}

pub(super) async fn mint(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Json(asked): Json<Asked>,
) -> Result<(StatusCode, Json<Value>), Refused> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let userid = match asked.userid {
        Some(userid) => userid,
        None => persona_of(&world, &headers).ok_or(NOBODY)?.userid.clone(),
    };
    let code = shared.ids().token();
    let asked = (
        asked.corp_id.as_str(),
        asked.client_id.as_str(),
        userid.as_str(),
    );
    Ok(match AuthCodes::mint(&mut world, code, asked, now_ms) {
        Ok(code) => (StatusCode::OK, Json(json!({ "code": code }))),
        Err(none) => {
            let answer = json!({ "errorCode": none.code, "errorMessage": none.message });
            (StatusCode::BAD_REQUEST, Json(answer))
        }
    })
}

/// `GET /sandbox/jsapi.js`: the bridge a page loads in place of DingTalk's own `dingtalk.open.js`.
pub(super) async fn bridge() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Pages of other origins load it: that is what it is for.
        (
            header::HeaderName::from_static("cross-origin-resource-policy"),
            "cross-origin",
        ),
    ];
    (headers, include_str!("../../assets/jsapi.js")).into_response()
}
