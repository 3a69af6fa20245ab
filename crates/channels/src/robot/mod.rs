//! The custom group robot as a channel: one message per group, people pointed at by mentions.
//!
//! Caller: the registry. Rendering is in `render`, the table from verdict to outcome in `verdict`.
//! Invariant: the post's key goes along as `msgUuid`, so a repeated send shows one message.
//! Weakness: neither read status nor recall exist for this kind of robot.

mod often;
mod render;
mod verdict;

use std::sync::Arc;
use std::time::Duration;

pub use dingtalk::{
    At, Button, Buttons, FeedLink, Orientation, RobotMessage, SecretError, WebhookError,
};
use dingtalk::{Error, Http, Robot, RobotConfig, Secret, SendOptions, Verdict, Webhook};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;
use yuezhi_domain::{Pace, UnixMillis};

use crate::app::{Meter, MeteredKind};
use crate::channel::{Address, BoxFuture, Channel, ChannelKind, Cost, Limits};
use crate::codes;
use crate::message::{Post, Recipient};
use crate::outcome::{CheckReport, Finding, Level, Outcome, Why};
use crate::registry::ConfigError;
use often::Often;

/// A robot as an administrator describes it.
#[derive(Debug, Clone)]
pub struct RobotSettings {
    /// Names the lane: `robot:{name}`.
    pub name: String,
    /// As pasted from the group's settings.
    pub webhook: SecretString,
    /// 加签.
    pub secret: Option<SecretString>,
    /// 自定义关键词.
    pub keywords: Vec<String>,
    /// Messages a minute instead of the platform's 20; 0 is unlimited. For private platforms and load tests.
    pub per_minute: Option<u32>,
}

/// Checks a pasted webhook address and gives it back in its shortest form: the address with its
/// token, or the bare token if that was pasted.
pub fn parse_webhook(pasted: &SecretString) -> Result<String, WebhookError> {
    let parts = Webhook::parse(pasted.expose_secret())?;
    let token = parts.access_token.expose_secret();
    if !pasted.expose_secret().contains("://") {
        return Ok(token.to_owned());
    }
    let mut url = parts.base;
    url.query_pairs_mut().append_pair("access_token", token);
    Ok(url.into())
}

/// Checks a pasted signing secret and gives it back trimmed; `None` if nothing was pasted.
pub fn parse_secret(pasted: &SecretString) -> Result<Option<String>, SecretError> {
    match Secret::parse(pasted.expose_secret()) {
        Ok(secret) => Ok(Some(secret.value.expose_secret().to_owned())),
        Err(SecretError::Empty) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A custom group robot.
pub(crate) struct RobotChannel {
    lane: String,
    limits: Limits,
    robot: Robot,
    warning: Option<Why>,
    often: Often,
    meter: Arc<Meter>,
}

impl RobotChannel {
    /// `oapi`: the host of a robot given by a bare token.
    pub(crate) fn new(
        http: Http,
        settings: &RobotSettings,
        oapi: &Url,
        meter: Arc<Meter>,
    ) -> Result<Self, ConfigError> {
        let webhook = Webhook::parse_at(settings.webhook.expose_secret(), oapi)?;
        let secret = match settings
            .secret
            .as_ref()
            .map(|secret| Secret::parse(secret.expose_secret()))
        {
            None | Some(Err(SecretError::Empty)) => None,
            Some(parsed) => Some(parsed?),
        };
        let warning = secret
            .as_ref()
            .and_then(|secret| secret.warning)
            .map(|warning| Why::new(codes::ROBOT_SECRET_WITHOUT_PREFIX, warning.to_string()));
        let keywords = settings
            .keywords
            .iter()
            .map(|word| word.trim().to_owned())
            .filter(|word| !word.is_empty())
            .collect();
        let robot = Robot::new(
            http,
            RobotConfig {
                webhook,
                secret: secret.map(|secret| secret.value),
                keywords,
            },
        );
        let limits = limits(settings.per_minute);
        Ok(Self {
            lane: format!("{}:{}", ChannelKind::Robot, settings.name),
            limits,
            robot,
            warning,
            often: Often::default(),
            meter,
        })
    }

    async fn attempt(&self, post: &Post) -> Outcome {
        let result = match self.often.body(&self.robot, post) {
            Some(body) => self.robot.send_encoded(body, post.now.get()).await,
            None => self.send_rendered(post).await,
        };
        self.meter_it(&result);
        match result {
            Ok(()) => Outcome::Sent { platform_id: None },
            Err(error) => verdict::outcome(&error),
        }
    }

    async fn send_rendered(&self, post: &Post) -> Result<(), Error> {
        let rendered = render::render(post);
        let options = SendOptions {
            msg_uuid: Some(&post.key),
            at: &rendered.at,
            now_ms: post.now.get(),
        };
        self.robot.send(&rendered.message, &options).await?;
        Ok(())
    }

    /// Throttled calls and calls without an answer do not count (billing model page).
    fn meter_it(&self, result: &Result<(), Error>) {
        let counts = match result {
            Ok(()) => true,
            Err(error @ Error::Oapi(_)) => {
                !matches!(error.verdict(), Verdict::Hold { .. }) && !error.is_throttled()
            }
            Err(_) => false,
        };
        if counts {
            self.meter.count(MeteredKind::Push, "robot_webhook");
        }
    }
}

/// 20 messages a minute, above that nothing for 10 minutes (official document). The window is two
/// seconds longer than a minute: messages evenly spaced here may arrive closer together there.
fn limits(per_minute: Option<u32>) -> Limits {
    let unlimited = per_minute == Some(0);
    let pace = Pace::new(per_minute.unwrap_or(20), Duration::from_secs(62));
    Limits {
        pace: (!unlimited).then_some(pace),
        hold_after_throttle: Duration::from_mins(10),
        in_flight: if unlimited { 64 } else { 4 },
        unrecorded: if unlimited { 1_000 } else { 4 },
        coalesce_above: (!unlimited).then_some(15),
        max_bytes: dingtalk::BODY_LIMIT_BYTES,
        personal: false,
        idempotent: true,
        people_per_call: 1,
        address: Address::Group,
        follows_up: false,
        read_checks: &[],
        needs_members: false,
    }
}

impl Channel for RobotChannel {
    fn lane(&self) -> &str {
        &self.lane
    }

    fn kind(&self) -> ChannelKind {
        ChannelKind::Robot
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn reaches(&self, _: &Recipient) -> Result<(), Why> {
        Ok(())
    }

    fn send<'a>(&'a self, post: &'a Post) -> BoxFuture<'a, Outcome> {
        Box::pin(self.attempt(post))
    }

    /// Webhooks count against the Webhook & Stream quota.
    fn cost(&self, _: usize) -> Cost {
        Cost {
            push_messages: 1,
            ..Cost::default()
        }
    }

    fn check(&self, now: UnixMillis) -> BoxFuture<'_, CheckReport> {
        Box::pin(async move {
            let mut report = match self.robot.probe(now.get()).await {
                Ok(()) => CheckReport::one(Level::Fine, Why::new(codes::ROBOT_KNOWN, "")),
                Err(error) => CheckReport::of_outcome(verdict::outcome(&error)),
            };
            report
                .findings
                .extend(self.warning.clone().map(|why| Finding {
                    level: Level::Warning,
                    why,
                }));
            report
        })
    }
}
