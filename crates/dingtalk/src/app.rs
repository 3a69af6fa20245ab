//! An internal app (企业内部应用): its keys, its access token, and calls on both hosts.
//!
//! Callers: the typed calls of every area, the login pages, and through [`App::call`] anybody
//! with an interface this crate lacks.
//! Invariant: a call whose token is refused is repeated exactly once with a new token; every
//! attempt is reported to the observer.
//! Source: token on the old host in the query, on the new host in `x-acs-dingtalk-access-token`.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::Url;

use crate::api::{Host, apply_link};
use crate::call::{Call, Reply};
use crate::error::Error;
use crate::http::{Endpoints, Http};
use crate::lenient;
use crate::observe::{CallObserver, CallReport};
use crate::pace::Pacer;
use crate::token::TokenCache;
use crate::verdict::Verdict;

/// The app's keys, from 开发者后台 > 凭证与基础信息.
#[derive(Debug, Clone)]
pub struct AppConfig {
    /// Client ID, formerly AppKey.
    pub client_id: String,
    /// Client Secret, formerly AppSecret.
    pub client_secret: SecretString,
}

impl AppConfig {
    /// Trims what is pasted: a stray space in the secret is answered by `authFailed`.
    pub fn new(client_id: &str, client_secret: &str) -> Self {
        Self {
            client_id: client_id.trim().to_owned(),
            client_secret: client_secret.trim().into(),
        }
    }
}

/// One app of one organisation.
pub struct App {
    pub(crate) http: Http,
    pub(crate) endpoints: Endpoints,
    pub(crate) config: AppConfig,
    token: TokenCache,
    pacer: Option<Arc<Pacer>>,
    observer: Option<Arc<dyn CallObserver>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Traced {
    #[serde(alias = "requestid")]
    request_id: Option<String>,
}

impl App {
    pub fn new(http: Http, endpoints: Endpoints, config: AppConfig) -> Self {
        Self {
            http,
            endpoints,
            config,
            token: TokenCache::default(),
            pacer: None,
            observer: None,
        }
    }

    /// Calls wait for their turn by `pacer`. Without one they start at once.
    #[must_use]
    pub fn paced(mut self, pacer: Arc<Pacer>) -> Self {
        self.pacer = Some(pacer);
        self
    }

    /// Every attempt of a call is reported to `observer`.
    #[must_use]
    pub fn observed(mut self, observer: Arc<dyn CallObserver>) -> Self {
        self.observer = Some(observer);
        self
    }

    pub fn client_id(&self) -> &str {
        &self.config.client_id
    }

    /// What else a program needs to speak for this app: Stream connections, answers in a session.
    pub fn http(&self) -> &Http {
        &self.http
    }

    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    pub fn config(&self) -> &AppConfig {
        &self.config
    }

    /// A valid access token; fetched at most once for all callers.
    pub async fn access_token(&self, now_ms: i64) -> Result<SecretString, Error> {
        self.fresh_token(None, now_ms).await
    }

    async fn fresh_token(
        &self,
        refused: Option<&SecretString>,
        now_ms: i64,
    ) -> Result<SecretString, Error> {
        self.token
            .get(&self.http, &self.endpoints, &self.config, refused, now_ms)
            .await
    }

    /// Makes a call, once more with a new token if the first was refused. Fits interfaces that
    /// this crate has no method for.
    pub async fn call(&self, call: Call<'_>, now_ms: i64) -> Result<Reply, Error> {
        if let Some(problem) = call.problem {
            return Err(problem.into());
        }
        let now_ms = self.turn(&call, now_ms).await;
        let token = self.access_token(now_ms).await?;
        match self.attempt(&call, &token, now_ms).await {
            Err(error) if error.is_token_refused() => {
                let token = self.fresh_token(Some(&token), now_ms).await?;
                self.attempt(&call, &token, now_ms).await
            }
            other => other,
        }
    }

    /// Waits for the pacer; returns the time after the wait.
    async fn turn(&self, call: &Call<'_>, now_ms: i64) -> i64 {
        let Some(pacer) = &self.pacer else {
            return now_ms;
        };
        let start_ms = pacer.reserve(call.api, now_ms);
        if let Ok(wait_ms @ 1..) = u64::try_from(start_ms - now_ms) {
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        }
        start_ms
    }

    async fn attempt(
        &self,
        call: &Call<'_>,
        token: &SecretString,
        now_ms: i64,
    ) -> Result<Reply, Error> {
        let known = token.expose_secret();
        let result = match call.api.host {
            Host::Api => {
                let url = Self::url(&self.endpoints.api, call, None);
                let body = call.body.clone();
                match self
                    .http
                    .send(call.api.method, url, body, Some(known))
                    .await
                {
                    Ok(answer) => answer.api(&[known]),
                    Err(error) => Err(error),
                }
            }
            Host::Oapi => {
                let url = Self::url(&self.endpoints.oapi, call, Some(known));
                let body = call.body.clone();
                match self.http.send(call.api.method, url, body, None).await {
                    Ok(answer) => answer.oapi(&[known]),
                    Err(error) => Err(error),
                }
            }
        }
        .map(|body| Reply::new(body, call.api.name))
        .map_err(|error| self.explained(error, call.api.scope));
        self.report(call, &result, now_ms);
        result
    }

    fn url(base: &Url, call: &Call<'_>, token: Option<&str>) -> Url {
        let mut url = Endpoints::at(base, &call.path);
        if token.is_some() || !call.query.is_empty() {
            let mut pairs = url.query_pairs_mut();
            pairs.clear();
            if let Some(token) = token {
                pairs.append_pair("access_token", token);
            }
            for (name, value) in &call.query {
                pairs.append_pair(name, value);
            }
        }
        url
    }

    /// Adds to a missing permission what the answer leaves out: its name and where to apply.
    pub(crate) fn explained(&self, error: Error, scope: Option<&str>) -> Error {
        let Verdict::PermissionMissing { scopes, apply_url } = error.verdict() else {
            return error;
        };
        if apply_url.is_some() {
            return error;
        }
        let link = |scopes: &[String]| {
            let first = scopes.first().map(String::as_str).or(scope)?;
            Some(apply_link(&self.config.client_id, first))
        };
        match error {
            Error::Api(mut refusal) if !refusal.code.eq_ignore_ascii_case("accessDenied") => {
                if let (true, Some(scope)) = (scopes.is_empty(), scope) {
                    refusal.required_scopes.push(scope.to_owned());
                }
                refusal.apply_url = link(&scopes);
                Error::Api(refusal)
            }
            Error::Oapi(mut refusal) => {
                refusal.apply_url = link(&scopes);
                Error::Oapi(refusal)
            }
            other => other,
        }
    }

    fn report(&self, call: &Call<'_>, result: &Result<Reply, Error>, now_ms: i64) {
        let Some(observer) = &self.observer else {
            return;
        };
        let traced = match result {
            Ok(reply) => lenient::from_slice::<Traced>(&reply.body)
                .ok()
                .and_then(|traced| traced.request_id),
            Err(error) => error.request_id().map(ToOwned::to_owned),
        };
        observer.after(&CallReport {
            api: call.api,
            outcome: result.as_ref().map(|_| ()),
            request_id: traced.as_deref(),
            now_ms,
        });
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App")
            .field("client_id", &self.config.client_id)
            .finish_non_exhaustive()
    }
}
