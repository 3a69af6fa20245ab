//! From configuration to channels: one line per kind, and all channels of an installation by lane.
//!
//! Callers: the server at start and whenever an administrator saves a robot; the `send` command.
//! Invariant: the only place that knows all kinds. One channel that cannot be opened does not
//! keep the others from working; it is kept as [`Broken`] for the doctor.

use std::sync::Arc;

use dingtalk::{Endpoints, Http, SecretError, Timeouts, WebhookError};
use thiserror::Error;

use crate::announcement::Announcement;
use crate::app::{AppSettings, DingTalkApp, Meter};
use crate::app_robot::AppRobot;
use crate::card::Card;
use crate::channel::{Channel, ChannelKind};
use crate::ding::Ding;
use crate::group::{Group, GroupSettings};
use crate::group_announcement::GroupAnnouncement;
use crate::login::{DingTalkLogin, LoginSettings};
use crate::mail::{Mail, MailConfig, MailSettings};
use crate::robot::{RobotChannel, RobotSettings};
use crate::todo::Todo;
use crate::work_notice::WorkNotice;

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
    open_at(config, http, &Endpoints::default(), &Arc::default())
}

fn open_at(
    config: ChannelConfig,
    http: &Http,
    endpoints: &Endpoints,
    meter: &Arc<Meter>,
) -> Result<Box<dyn Channel>, ConfigError> {
    Ok(match config {
        ChannelConfig::Robot(settings) => Box::new(RobotChannel::new(
            http.clone(),
            &settings,
            &endpoints.oapi,
            Arc::clone(meter),
        )?),
        ChannelConfig::Mail(config) => Box::new(Mail::new(&config)?),
    })
}

/// The lanes that go through the app: those to single people that its settings suffice for, and two a group.
pub fn lanes_of(app: &Arc<DingTalkApp>, groups: &[GroupSettings]) -> Vec<Arc<dyn Channel>> {
    let mut lanes: Vec<Arc<dyn Channel>> = [
        WorkNotice::open(app),
        Some(AppRobot::open(app)),
        Card::open(app),
        Todo::open(app),
        Some(Ding::open(app)),
        Announcement::open(app),
    ]
    .into_iter()
    .flatten()
    .collect();
    for group in groups {
        lanes.push(Group::open(app, group));
        lanes.push(GroupAnnouncement::open(app, group));
    }
    lanes
}

/// Everything an installation has configured.
#[derive(Debug, Clone, Default)]
pub struct RegistryConfig {
    pub robots: Vec<RobotSettings>,
    pub mail: Option<MailSettings>,
    pub login: Option<LoginSettings>,
    /// The organisation's own app, if its keys are configured.
    pub app: Option<AppSettings>,
    /// Notification groups, each a lane for messages and one for announcements. Only with an app.
    pub groups: Vec<GroupSettings>,
    /// Where robots given by a bare access token live.
    pub oapi_base: String,
}

/// The channels of an installation.
pub struct Registry {
    /// Ordered by lane.
    channels: Vec<Arc<dyn Channel>>,
    app: Option<Arc<DingTalkApp>>,
    meter: Arc<Meter>,
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
        Self::build_on(config, Arc::default(), None)
    }

    /// The same for a changed configuration. The meter goes on, and so does the app with its token, pace and budget
    /// unless its settings changed.
    pub fn rebuild(&self, config: RegistryConfig) -> Result<Self, ConfigError> {
        Self::build_on(config, Arc::clone(&self.meter), self.app.clone())
    }

    fn build_on(
        config: RegistryConfig,
        meter: Arc<Meter>,
        running: Option<Arc<DingTalkApp>>,
    ) -> Result<Self, ConfigError> {
        let http = Http::new(Timeouts::default())?;
        let endpoints = Endpoints {
            oapi: base("dingtalk.oapi_base", &config.oapi_base)?,
            ..Endpoints::default()
        };
        let app = config
            .app
            .map(|settings| match running {
                Some(app) if app.settings().is_same_as(&settings) => Ok(app),
                _ => DingTalkApp::new(http.clone(), settings, Arc::clone(&meter)).map(Arc::new),
            })
            .transpose()?;
        let login = match (config.login, &app) {
            (Some(login), Some(app)) if app.settings().client_id == login.client_id => {
                Some(DingTalkLogin::of_app(Arc::clone(app)))
            }
            (Some(login), _) => Some(DingTalkLogin::new(http.clone(), &login)?),
            (None, _) => None,
        };
        let mut registry = Self {
            channels: app
                .as_ref()
                .map(|app| lanes_of(app, &config.groups))
                .unwrap_or_default(),
            app,
            meter,
            login: login.map(Arc::new),
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
        let opened = config.and_then(|config| open_at(config, http, endpoints, &self.meter));
        match opened {
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

    /// The organisation's own app, if its keys are configured.
    pub fn app(&self) -> Option<&Arc<DingTalkApp>> {
        self.app.as_ref()
    }

    /// Counts the metered calls of all channels, the app's and the webhook robots'.
    pub fn meter(&self) -> &Arc<Meter> {
        &self.meter
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
