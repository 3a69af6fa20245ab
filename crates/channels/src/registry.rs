//! From configuration to channels: one line per kind.
//!
//! Caller: the server at start and when an administrator adds a robot.
//! Invariant: the only place that knows all kinds.

use dingtalk::{Http, SecretError, WebhookError};
use thiserror::Error;

use crate::channel::Channel;
use crate::mail::{Mail, MailConfig};
use crate::robot::{RobotChannel, RobotChannelConfig};

/// The configuration of one channel.
#[derive(Debug, Clone)]
pub enum ChannelConfig {
    Robot(RobotChannelConfig),
    Mail(MailConfig),
}

/// Why a channel cannot be opened. The words never repeat a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConfigError {
    #[error("webhook: {0}")]
    Webhook(#[from] WebhookError),
    #[error("secret: {0}")]
    Secret(#[from] SecretError),
    #[error("{key}: \"{value}\" is not a mail address like 阅知 <notice@example.com>")]
    Address { key: &'static str, value: String },
    #[error(
        "mail: the password would travel unencrypted to {host}; set tls to \"starttls\" or \"implicit\""
    )]
    PasswordInClear { host: String },
    #[error("mail: {key} is set but {missing} is not")]
    Incomplete {
        key: &'static str,
        missing: &'static str,
    },
    #[error("mail: {detail}")]
    Tls { detail: String },
}

/// Opens a channel. `http` is shared by all robots.
pub fn open(config: ChannelConfig, http: &Http) -> Result<Box<dyn Channel>, ConfigError> {
    Ok(match config {
        ChannelConfig::Robot(config) => Box::new(RobotChannel::new(http.clone(), config)?),
        ChannelConfig::Mail(config) => Box::new(Mail::new(config)?),
    })
}
