//! Answers in the conversation a message came from, without a token (sessionWebhook).
//!
//! Caller: whoever handles a [`BotMessage`](super::BotMessage). When the session has run out
//! (about 90 minutes), send by the robot's interface instead.
//! Invariant: the message goes only to the host of the configured oapi base, whatever address the
//! push names; success is `errcode` 0 in the body.
//! Source: 机器人回复和发送消息, the official document.

use secrecy::{ExposeSecret as _, SecretString};
use thiserror::Error;
use url::Url;

use crate::error::Error;
use crate::http::{Endpoints, Http};
use crate::message::{At, RobotMessage};
use crate::robot::Accepted;

/// An address that answers into one conversation for a while.
#[derive(Debug, Clone)]
pub struct SessionWebhook {
    url: SecretString,
    /// Unix milliseconds; `None`: the platform did not say.
    expires_at_ms: Option<i64>,
}

/// Why an answer was not posted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReplyError {
    #[error("the session has run out; send the message by the robot's interface")]
    Expired,
    #[error("the session's address is not at {expected}; nothing was sent")]
    ForeignHost { expected: String },
    #[error(transparent)]
    Call(#[from] Error),
}

impl SessionWebhook {
    /// `None` where there is no address.
    pub fn of(url: Option<&str>, expires_at_ms: Option<i64>) -> Option<Self> {
        let url = url.map(str::trim).filter(|url| !url.is_empty())?;
        Some(Self {
            url: url.into(),
            expires_at_ms,
        })
    }

    /// To keep it; the address is a secret.
    pub fn url(&self) -> &SecretString {
        &self.url
    }

    pub fn expires_at_ms(&self) -> Option<i64> {
        self.expires_at_ms
    }

    pub fn is_expired(&self, now_ms: i64) -> bool {
        self.expires_at_ms.is_some_and(|at| now_ms >= at)
    }

    /// Posts a message into the conversation. Images and cards cannot be sent this way.
    pub async fn reply(
        &self,
        http: &Http,
        endpoints: &Endpoints,
        message: &RobotMessage,
        at: &At,
        now_ms: i64,
    ) -> Result<Accepted, ReplyError> {
        if self.is_expired(now_ms) {
            return Err(ReplyError::Expired);
        }
        let base = &endpoints.oapi;
        let url = Url::parse(self.url.expose_secret())
            .ok()
            .filter(|url| url.origin() == base.origin() && base.origin().is_tuple())
            .ok_or_else(|| ReplyError::ForeignHost {
                expected: base.host_str().unwrap_or_default().to_owned(),
            })?;
        let encoded = crate::encode::encode(message, at, &[], None).map_err(Error::from)?;
        let session = url
            .query_pairs()
            .find(|(name, _)| name == "session")
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default();
        http.post_json(url, encoded.body, None)
            .await?
            .oapi(&[&session])?;
        Ok(Accepted { cut: encoded.cut })
    }
}

impl PartialEq for SessionWebhook {
    fn eq(&self, other: &Self) -> bool {
        self.url.expose_secret() == other.url.expose_secret()
            && self.expires_at_ms == other.expires_at_ms
    }
}
