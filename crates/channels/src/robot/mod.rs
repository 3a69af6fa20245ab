//! The custom group robot as a channel: one message per group, people pointed at by mentions.
//!
//! Caller: the registry. Rendering is in `render`, the table from verdict to outcome in `verdict`.
//! Invariant: the post's key goes along as `msgUuid`, so a repeated send shows one message.
//! Weakness: neither read status nor recall exist for this kind of robot.

mod render;
mod verdict;

use std::time::Duration;

use dingtalk::{Http, Robot, RobotConfig, Secret, SendOptions, Webhook};
use secrecy::{ExposeSecret as _, SecretString};
use yuezhi_domain::{Pace, UnixMillis};

use crate::channel::{BoxFuture, Channel, ChannelKind, Limits};
use crate::message::{Post, Recipient};
use crate::outcome::{CheckReport, Finding, Level, Outcome, Why};
use crate::registry::ConfigError;

/// A robot as an administrator describes it.
#[derive(Debug, Clone)]
pub struct RobotChannelConfig {
    /// Names the lane: `robot:{name}`.
    pub name: String,
    /// As pasted from the group's settings.
    pub webhook: SecretString,
    /// 加签.
    pub secret: Option<SecretString>,
    /// 自定义关键词.
    pub keywords: Vec<String>,
    /// Instead of the platform's own limits; for private platforms and load tests.
    pub limits: Option<Limits>,
}

/// A custom group robot.
pub(crate) struct RobotChannel {
    lane: String,
    limits: Limits,
    robot: Robot,
    warning: Option<Why>,
}

impl RobotChannel {
    pub(crate) fn new(http: Http, config: RobotChannelConfig) -> Result<Self, ConfigError> {
        let webhook = Webhook::parse(config.webhook.expose_secret())?;
        let secret = config
            .secret
            .map(|secret| Secret::parse(secret.expose_secret()))
            .transpose()?;
        let warning = secret
            .as_ref()
            .and_then(|secret| secret.warning)
            .map(|warning| Why::new("robot_secret_without_prefix", warning.to_string()));
        let secret = secret.map(|secret| secret.value);
        let robot = Robot::new(
            http,
            RobotConfig {
                webhook,
                secret,
                keywords: config.keywords,
            },
        );
        let limits = config.limits.unwrap_or_else(platform_limits);
        Ok(Self {
            lane: format!("robot:{}", config.name),
            limits,
            robot,
            warning,
        })
    }

    async fn attempt(&self, post: &Post) -> Outcome {
        let rendered = render::render(post);
        let options = SendOptions {
            msg_uuid: Some(&post.key),
            at: &rendered.at,
            now_ms: post.now.get(),
        };
        match self.robot.send(&rendered.message, &options).await {
            Ok(_) => Outcome::Sent { platform_id: None },
            Err(error) => verdict::outcome(&error),
        }
    }
}

/// 20 messages a minute, above that nothing for 10 minutes (official document). The window is two
/// seconds longer than a minute: messages evenly spaced here may arrive closer together there.
fn platform_limits() -> Limits {
    Limits {
        pace: Some(Pace::new(20, Duration::from_secs(62))),
        hold_after_throttle: Duration::from_mins(10),
        in_flight: 4,
        coalesce_above: Some(15),
        max_bytes: dingtalk::BODY_LIMIT_BYTES,
        personal: false,
        idempotent: true,
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

    fn check(&self, now: UnixMillis) -> BoxFuture<'_, CheckReport> {
        Box::pin(async move {
            let mut report = match self.robot.probe(now.get()).await {
                Ok(()) => CheckReport::one(Level::Fine, Why::new("robot_known", "")),
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
