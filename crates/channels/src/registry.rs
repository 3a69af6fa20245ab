//! From configuration to channels: one line per kind, and all channels of an installation by lane.
//!
//! Callers: the server at start and whenever an administrator saves a robot; the `send` command.
//! Invariant: the only place that knows all kinds. One channel that cannot be opened does not
//! keep the others from working; it is kept as [`Broken`] for the doctor.

use std::sync::Arc;

use dingtalk::{Endpoints, Http, SecretError, Timeouts, WebhookError};
use thiserror::Error;

use crate::channel::{Channel, ChannelKind};
use crate::login::{DingTalkLogin, LoginSettings};
use crate::mail::{Mail, MailConfig, MailSettings};
use crate::robot::{RobotChannel, RobotSettings};

/// The configuration of one channel.
#[derive(Debug, Clone)]
pub enum ChannelConfig {
    Robot(RobotSettings),
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
    #[error("mail.tls: \"{value}\" is none of \"starttls\", \"implicit\", \"none\"")]
    TlsMode { value: String },
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
    #[error("mail.ca_file: {path} cannot be read ({detail})")]
    CaFile { path: String, detail: String },
    #[error("{key}: \"{value}\" is not a web address like https://oapi.dingtalk.com")]
    Base { key: &'static str, value: String },
    #[error("the lane is already used by another channel of the same name")]
    Duplicate,
    #[error(transparent)]
    Http(#[from] dingtalk::Error),
}

/// Opens one channel. `http` is shared by all robots.
pub fn open(config: ChannelConfig, http: &Http) -> Result<Box<dyn Channel>, ConfigError> {
    open_at(config, http, &Endpoints::default())
}

fn open_at(
    config: ChannelConfig,
    http: &Http,
    endpoints: &Endpoints,
) -> Result<Box<dyn Channel>, ConfigError> {
    Ok(match config {
        ChannelConfig::Robot(settings) => {
            Box::new(RobotChannel::new(http.clone(), &settings, &endpoints.oapi)?)
        }
        ChannelConfig::Mail(config) => Box::new(Mail::new(&config)?),
    })
}

/// Everything an installation has configured.
#[derive(Debug, Clone)]
pub struct RegistryConfig {
    pub robots: Vec<RobotSettings>,
    pub mail: Option<MailSettings>,
    pub login: Option<LoginSettings>,
    /// Where robots given by a bare access token live.
    pub oapi_base: String,
}

/// The channels of an installation.
pub struct Registry {
    /// Ordered by lane.
    channels: Vec<Arc<dyn Channel>>,
    login: Option<Arc<DingTalkLogin>>,
    broken: Vec<Broken>,
}

/// A channel that is configured but cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    pub lane: String,
    pub error: ConfigError,
}

impl Registry {
    /// Opens all channels; what cannot be opened is left out and listed by [`Registry::broken`].
    ///
    /// Errors: the HTTP client cannot start, or a base address is none.
    pub fn build(config: RegistryConfig) -> Result<Self, ConfigError> {
        let http = Http::new(Timeouts::default())?;
        let endpoints = Endpoints {
            oapi: base("dingtalk.oapi_base", &config.oapi_base)?,
            ..Endpoints::default()
        };
        let login = config
            .login
            .map(|settings| DingTalkLogin::new(http.clone(), &settings))
            .transpose()?
            .map(Arc::new);
        let mut registry = Self {
            channels: Vec::new(),
            login,
            broken: Vec::new(),
        };
        for robot in config.robots {
            let lane = format!("{}:{}", ChannelKind::Robot, robot.name);
            registry.add(lane, Ok(ChannelConfig::Robot(robot)), &http, &endpoints);
        }
        if let Some(mail) = config.mail {
            let config = MailConfig::try_from(mail).map(ChannelConfig::Mail);
            registry.add(ChannelKind::Mail.to_string(), config, &http, &endpoints);
        }
        registry
            .channels
            .sort_by(|one, other| one.lane().cmp(other.lane()));
        Ok(registry)
    }

    fn add(
        &mut self,
        lane: String,
        config: Result<ChannelConfig, ConfigError>,
        http: &Http,
        endpoints: &Endpoints,
    ) {
        if self.get(&lane).is_some() {
            return self.broken.push(Broken {
                lane,
                error: ConfigError::Duplicate,
            });
        }
        match config.and_then(|config| open_at(config, http, endpoints)) {
            Ok(channel) => self.channels.push(Arc::from(channel)),
            Err(error) => self.broken.push(Broken { lane, error }),
        }
    }

    /// All channels, by lane.
    pub fn lanes(&self) -> impl Iterator<Item = &Arc<dyn Channel>> {
        self.channels.iter()
    }

    pub fn get(&self, lane: &str) -> Option<&Arc<dyn Channel>> {
        self.channels.iter().find(|channel| channel.lane() == lane)
    }

    /// The mail channel, if there is one.
    pub fn mail(&self) -> Option<Arc<dyn Channel>> {
        self.channels
            .iter()
            .find(|channel| channel.kind() == ChannelKind::Mail)
            .cloned()
    }

    /// Login through DingTalk, if the app's keys are configured.
    pub fn dingtalk_login(&self) -> Option<Arc<DingTalkLogin>> {
        self.login.clone()
    }

    /// Configured channels that could not be opened, and why.
    pub fn broken(&self) -> &[Broken] {
        &self.broken
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lanes: Vec<&str> = self.channels.iter().map(|channel| channel.lane()).collect();
        f.debug_struct("Registry")
            .field("lanes", &lanes)
            .field("broken", &self.broken)
            .finish_non_exhaustive()
    }
}

pub(crate) fn base(key: &'static str, value: &str) -> Result<url::Url, ConfigError> {
    let no_base = || ConfigError::Base {
        key,
        value: value.to_owned(),
    };
    let url = url::Url::parse(value.trim()).map_err(|_| no_base())?;
    if matches!(url.scheme(), "http" | "https") && url.has_host() {
        Ok(url)
    } else {
        Err(no_base())
    }
}
