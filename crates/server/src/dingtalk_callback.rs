//! `POST /dingtalk/callback`: what DingTalk tells, by HTTP, for installations that do not use Stream.
//!
//! Called by the platform. Invariant: nothing is looked at before its signature is right; whoever is refused learns
//! nothing; what is answered "taken" is on record. Weakness: buttons of cards come by Stream only.

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::post,
};
use yuezhi_channels::stream::{Callback, CallbackKeys, callback};

use crate::{actions::hear_dingtalk, app::App};

/// Larger than any event; the platform sends a few kilobytes.
const LARGEST: usize = 1024 * 1024;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/dingtalk/callback", post(receive))
        .layer(DefaultBodyLimit::max(LARGEST))
}

async fn receive(
    State(app): State<App>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let dingtalk = &app.config.dingtalk;
    let channels = app.channels();
    let (Some(client), Some(_)) = (channels.app(), &dingtalk.callback_token) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let keys = CallbackKeys {
        token: dingtalk.callback_token.clone(),
        aes_key: dingtalk.callback_aes_key.clone(),
        card_secret: None,
    };
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let query = query.unwrap_or_default();
    let came = match callback(client, &keys, header, &query, &body, app.now()) {
        Ok(came) => came,
        Err(refused) => {
            tracing::warn!(%refused, "a push to /dingtalk/callback was refused");
            return StatusCode::FORBIDDEN.into_response();
        }
    };
    answer(&app, came).await
}

async fn answer(app: &App, came: Callback) -> Response {
    let answer = hear_dingtalk::hear(app, came.inbound.clone()).await;
    let mut random = [0u8; 24];
    app.ids.fill(&mut random);
    let answered = came.answered(&answer, app.now(), random);
    let app = app.clone();
    // The platform waits for its answer, not for what is said in the chat.
    tokio::spawn(async move {
        if let Some(client) = app.channels().app() {
            came.finish(client, &answer, app.now()).await;
        }
    });
    let status = StatusCode::from_u16(answered.status).unwrap_or(StatusCode::OK);
    (
        status,
        [(header::CONTENT_TYPE, "application/json")],
        answered.body,
    )
        .into_response()
}
