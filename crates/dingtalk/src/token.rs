//! The app's access token: fetched once for everybody, renewed five minutes early.
//!
//! Caller: [`App`](crate::App), before every call.
//! Invariant: at most one fetch is under way; a token that was refused is fetched anew once,
//! however many callers saw the refusal. A failed fetch answers everybody of that second; while
//! the old token is still good, it goes on instead.
//! Weakness: each process has its own; the platform hands all of them the same token.

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::app::AppConfig;
use crate::error::Error;
use crate::http::{Endpoints, Http, parsed};

/// The platform's own SDK renews this early.
const RENEW_EARLY_MS: i64 = 5 * 60 * 1000;
const FAILURE_SHARED_MS: i64 = 1000;

#[derive(Default)]
pub(crate) struct TokenCache {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    current: Option<Current>,
    failure: Option<(i64, Error)>,
}

struct Current {
    token: SecretString,
    /// Unix milliseconds.
    renew_at_ms: i64,
    ends_at_ms: i64,
}

impl Current {
    fn of(granted: &Granted, now_ms: i64) -> Self {
        let life_ms = granted.expire_in.saturating_mul(1000).max(0);
        Self {
            token: granted.access_token.clone(),
            // A short-lived one is used for half its life, lest every call fetches.
            renew_at_ms: now_ms.saturating_add(life_ms - RENEW_EARLY_MS.min(life_ms / 2)),
            ends_at_ms: now_ms.saturating_add(life_ms),
        }
    }

    fn is(&self, refused: Option<&SecretString>) -> bool {
        refused.is_some_and(|refused| refused.expose_secret() == self.token.expose_secret())
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Ask<'a> {
    app_key: &'a str,
    app_secret: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Granted {
    access_token: SecretString,
    /// Seconds.
    #[serde(default = "two_hours")]
    expire_in: i64,
}

/// What the document promises, should an answer leave it out.
fn two_hours() -> i64 {
    7200
}

impl TokenCache {
    /// A token good for the next minutes. `refused`: one that the platform has just refused.
    pub(crate) async fn get(
        &self,
        http: &Http,
        endpoints: &Endpoints,
        app: &AppConfig,
        refused: Option<&SecretString>,
        now_ms: i64,
    ) -> Result<SecretString, Error> {
        let mut state = self.state.lock().await;
        if state
            .current
            .as_ref()
            .is_some_and(|current| current.is(refused))
        {
            state.current = None;
        }
        if let Some(current) = &state.current
            && now_ms < current.renew_at_ms
        {
            return Ok(current.token.clone());
        }
        if let Some((at_ms, error)) = &state.failure
            && (0..FAILURE_SHARED_MS).contains(&now_ms.saturating_sub(*at_ms))
        {
            return state.still_good(now_ms).ok_or_else(|| error.clone());
        }
        match fetch(http, endpoints, app).await {
            Ok(granted) => {
                state.current = Some(Current::of(&granted, now_ms));
                state.failure = None;
                Ok(granted.access_token)
            }
            Err(error) => {
                state.failure = Some((now_ms, error.clone()));
                state.still_good(now_ms).ok_or(error)
            }
        }
    }
}

impl State {
    /// The token that was to be renewed and could not be, until it ends.
    fn still_good(&self, now_ms: i64) -> Option<SecretString> {
        let current = self.current.as_ref()?;
        (now_ms < current.ends_at_ms).then(|| current.token.clone())
    }
}

async fn fetch(http: &Http, endpoints: &Endpoints, app: &AppConfig) -> Result<Granted, Error> {
    let secret = app.client_secret.expose_secret();
    let ask = Ask {
        app_key: &app.client_id,
        app_secret: secret,
    };
    let body = serde_json::to_vec(&ask).expect("strings always serialise");
    let url = Endpoints::at(&endpoints.api, "/v1.0/oauth2/accessToken");
    let body = http.post_json(url, body, None).await?.api(&[secret])?;
    parsed(&body, "the access token")
}
