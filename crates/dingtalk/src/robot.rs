//! A custom group robot (自定义机器人): one webhook, one group, at most 20 messages a minute.
//!
//! Callers: the robot channel and the `send` command. The pace is the caller's business.
//! Invariant: success is `errcode` 0 in the body; every send can carry a `msgUuid`, so that a
//! repeated send shows one message.
//! Weakness: the platform offers no read status and no recall for this kind of robot.

use bytes::Bytes;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::encode::{Template, encode};
use crate::error::Error;
use crate::http::Http;
use crate::message::{At, RobotMessage};
use crate::sign::Signer;
use crate::webhook::WebhookParts;

/// What an administrator knows about a robot.
#[derive(Debug, Clone)]
pub struct RobotConfig {
    pub webhook: WebhookParts,
    /// 加签: the secret beginning with `SEC`, if that setting is on.
    pub secret: Option<SecretString>,
    /// 自定义关键词, if that setting is on.
    pub keywords: Vec<String>,
}

/// One robot, ready to send.
#[derive(Clone)]
pub struct Robot {
    http: Http,
    /// With the token; a signature is added to each request.
    url: Url,
    token: SecretString,
    query: SecretString,
    signer: Option<Signer>,
    keywords: Vec<String>,
}

/// How to send one message.
#[derive(Debug, Clone, Copy)]
pub struct SendOptions<'a> {
    /// The platform shows one message for all sends with the same value.
    pub msg_uuid: Option<&'a str>,
    pub at: &'a At,
    /// Unix milliseconds; part of the signature, must be within an hour of the platform's clock.
    pub now_ms: i64,
}

/// The platform has taken the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// The text was too long and ends early.
    pub cut: bool,
}

impl Robot {
    pub fn new(http: Http, config: RobotConfig) -> Self {
        let token = config.webhook.access_token;
        let query: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("access_token", token.expose_secret())
            .finish();
        let mut url = config.webhook.base;
        url.set_query(Some(&query));
        Self {
            http,
            url,
            token,
            query: query.into(),
            signer: config.secret.map(Signer::new),
            keywords: config.keywords,
        }
    }

    /// Sends one message.
    ///
    /// Errors: [`Error::Message`] before anything is sent; otherwise see [`Error::verdict`].
    pub async fn send(
        &self,
        message: &RobotMessage,
        options: &SendOptions<'_>,
    ) -> Result<Accepted, Error> {
        let encoded = encode(message, options.at, &self.keywords, options.msg_uuid)?;
        self.post(encoded.body, options.now_ms).await?;
        Ok(Accepted { cut: encoded.cut })
    }

    /// Encodes a message that is to be sent often, with this robot's keywords.
    ///
    /// Errors: [`Error::Message`].
    pub fn template(&self, message: &RobotMessage, at: &At) -> Result<Template, Error> {
        Ok(Template::new(message, at, &self.keywords)?)
    }

    /// Sends a body that was encoded before, by [`Robot::template`] of this robot.
    pub async fn send_encoded(&self, body: Vec<u8>, now_ms: i64) -> Result<(), Error> {
        self.post(body, now_ms).await.map(|_| ())
    }

    /// Asks whether the platform knows this robot, without showing a message: the `msgtype` does
    /// not exist, so the best answer is a refusal of just that (400105).
    ///
    /// `Ok(())`: the token exists and nothing was objected. Whether the platform looks at the
    /// security settings before the type is not documented, so keywords and signature may still
    /// be refused when a message is sent.
    pub async fn probe(&self, now_ms: i64) -> Result<(), Error> {
        let body = br#"{"msgtype":"probe"}"#.to_vec();
        match self.post(body, now_ms).await {
            Err(Error::Oapi(refusal)) if matches!(refusal.cause(), 400_105 | 400_002 | 40_035) => {
                Ok(())
            }
            Err(Error::Oapi(refusal))
                if !self.keywords.is_empty()
                    && (refusal.message.contains("关键词")
                        || refusal.message.contains("keyword")) =>
            {
                Ok(())
            }
            other => other.map(|_| ()),
        }
    }

    async fn post(&self, body: Vec<u8>, now_ms: i64) -> Result<Bytes, Error> {
        let mut url = self.url.clone();
        if let Some(signer) = &self.signer {
            let mut query = String::with_capacity(self.query.expose_secret().len() + 100);
            query.push_str(self.query.expose_secret());
            signer.append_to_query(now_ms, &mut query);
            url.set_query(Some(&query));
        }
        self.http
            .post_json(url, body, None)
            .await?
            .oapi(&[self.token.expose_secret()])
    }
}

impl std::fmt::Debug for Robot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Robot")
            .field("host", &self.url.host_str())
            .finish_non_exhaustive()
    }
}
