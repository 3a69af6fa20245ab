//! The demo's own addresses: the printed entry link and the clock.
//!
//! Invariant: outside a demo these addresses do not exist, and the entry link works only with this run's key.

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use axum_extra::extract::{Form, Query};
use serde::Deserialize;
use subtle::ConstantTimeEq as _;

use super::time_travel::{self, Destination};
use crate::{
    actions::{ActionError, Refusal, sign_in},
    app::App,
    console::{
        Flash, Markup, PageError, SignedIn, Teller, local_path, sign_in_response, with_session,
    },
};

pub fn routes() -> Router<App> {
    Router::new()
        .route("/demo/enter", get(enter))
        .route("/demo/clock", post(clock))
}

/// What the console's bar shows.
pub struct Bar {
    pub now: Markup,
    /// `2026-11-23`, the first date the clock may be moved to.
    pub tomorrow: String,
    pub chat_url: String,
    pub mail_url: String,
}

impl Bar {
    pub fn of(app: &App, tell: &Teller) -> Option<Self> {
        let demo = app.demo.as_ref()?;
        Some(Self {
            now: tell.at(tell.now),
            tomorrow: time_travel::tomorrow(app).to_string(),
            chat_url: demo.chat_url.clone(),
            mail_url: demo.mail_url.clone(),
        })
    }
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    key: String,
}

/// Signs in as the demo's administrator; the account is made at the first visit.
async fn enter(
    State(app): State<App>,
    headers: HeaderMap,
    Query(entry): Query<Entry>,
) -> Result<Response, PageError> {
    let demo = app
        .demo
        .as_ref()
        .ok_or_else(|| Refusal::not_found("page_unknown"))?;
    if !bool::from(demo.entry_key.as_bytes().ct_eq(entry.key.as_bytes())) {
        return Ok(Redirect::to("/console/sign-in").into_response());
    }
    let agent = headers
        .get(header::USER_AGENT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let session =
        sign_in::into_demo(&app, app.texts().get("console.demo.administrator"), agent).await?;
    Ok(sign_in_response(&app, &session, "/console"))
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Move {
    by: String,
    to: String,
    back: String,
}

/// Moves the clock of server and sandbox; everything due on the way happens at its own time.
async fn clock(me: SignedIn, Form(asked): Form<Move>) -> Result<Response, PageError> {
    if me.app.demo.is_none() {
        return Err(Refusal::not_found("page_unknown").into());
    }
    let moved = match destination(&asked) {
        Ok(destination) => time_travel::travel(&me.app, &destination).await,
        Err(refusal) => Err(ActionError::from(refusal)),
    };
    let outcome =
        moved.map(|now| Flash::ok(me.t.with("console.demo.moved", "now", me.teller().text(now))));
    let response = me.back(local_path(&asked.back), outcome)?;
    // Weeks may have passed, and with them the session.
    let session = sign_in::into_demo(&me.app, &me.account.name, "").await?;
    Ok(with_session(&me.app, &session, response))
}

fn destination(asked: &Move) -> Result<Destination, Refusal> {
    match asked.by.as_str() {
        "+1h" => Ok(Destination::Hours(1)),
        "+1d" => Ok(Destination::Hours(24)),
        "workday" => Ok(Destination::NextWorkdayMorning),
        "friday" => Ok(Destination::NextFriday),
        _ => asked
            .to
            .trim()
            .parse()
            .map(Destination::Date)
            .map_err(|_| Refusal::invalid("to", "clock_date_bad").with("text", &asked.to)),
    }
}
