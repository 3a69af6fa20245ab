//! An internal app (企业内部应用): its keys, its access token, and calls on both hosts.
//!
//! Callers: the login pages, and every later area of the interface (one file per area).
//! Invariant: a call whose token is refused is repeated exactly once with a new token.
//! Source: token on the old host in the query, on the new host in `x-acs-dingtalk-access-token`.

use bytes::Bytes;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use crate::error::Error;
use crate::http::{Endpoints, Http};
use crate::token::TokenCache;

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
}

impl App {
    pub fn new(http: Http, endpoints: Endpoints, config: AppConfig) -> Self {
        Self {
            http,
            endpoints,
            config,
            token: TokenCache::default(),
        }
    }

    /// A valid access token; fetched at most once for all callers.
    pub async fn access_token(&self, now_ms: i64) -> Result<SecretString, Error> {
        self.token
            .get(&self.http, &self.endpoints, &self.config, None, now_ms)
            .await
    }

    /// Posts to the old host.
    pub(crate) async fn oapi_post<B: Serialize>(
        &self,
        path: &str,
        body: &B,
        now_ms: i64,
    ) -> Result<Bytes, Error> {
        let body = serde_json::to_vec(body).expect("request bodies always serialise");
        let token = self.access_token(now_ms).await?;
        match self.oapi_once(path, body.clone(), &token).await {
            Err(error) if error.is_token_refused() => {
                let token = self
                    .token
                    .get(
                        &self.http,
                        &self.endpoints,
                        &self.config,
                        Some(&token),
                        now_ms,
                    )
                    .await?;
                self.oapi_once(path, body, &token).await
            }
            other => other,
        }
    }

    async fn oapi_once(
        &self,
        path: &str,
        body: Vec<u8>,
        token: &SecretString,
    ) -> Result<Bytes, Error> {
        let mut url = Endpoints::at(&self.endpoints.oapi, path);
        url.query_pairs_mut()
            .clear()
            .append_pair("access_token", token.expose_secret());
        self.http
            .post_json(url, body, None)
            .await?
            .oapi(&[token.expose_secret()])
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App")
            .field("client_id", &self.config.client_id)
            .finish_non_exhaustive()
    }
}
