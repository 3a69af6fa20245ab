//! Mail as a channel: one message per person over a pool of SMTP connections.
//!
//! Caller: the registry. `render` writes the texts, `compose` the MIME message, `pool` and
//! `connect` keep connections, `replies` holds the status table.
//! Invariant: the Message-ID comes from the post's key, so a mail that went out twice can be
//! recognised. Passwords never leave `connect` and never stand in an outcome.
//! Weakness: SMTP has no idempotency key; an answer lost after the end of DATA may mean a second mail.

mod compose;
mod connect;
mod pool;
mod render;
mod replies;
mod template;

use std::path::PathBuf;
use std::time::Duration;

use lettre::Address;
use lettre::message::Mailbox;
use secrecy::SecretString;
use yuezhi_domain::{Pace, UnixMillis};

use crate::channel::{self, BoxFuture, Channel, ChannelKind, Limits};
use crate::codes;
use crate::message::{Post, Recipient, present};
use crate::outcome::{CheckReport, Finding, Level, Outcome, Why};
use crate::registry::ConfigError;
use compose::Composer;
use pool::Pool;

/// A mail relay as an administrator describes it.
#[derive(Debug, Clone)]
pub struct MailConfig {
    pub host: String,
    pub port: u16,
    pub tls: MailTls,
    /// PEM of further certificate authorities, beside those of the operating system.
    pub ca_pem: Option<Vec<u8>>,
    pub username: Option<String>,
    pub password: Option<SecretString>,
    /// `阅知 <notice@example.com>` or the bare address.
    pub from: String,
    pub reply_to: Option<String>,
    /// What to call oneself in EHLO; the domain of `from` if absent.
    pub hello_name: Option<String>,
    /// Connections kept open and used at the same time.
    pub connections: usize,
    /// Mails over one connection before a new one is opened.
    pub mails_per_connection: u32,
    /// The relay's own limit, if it has one.
    pub pace: Option<Pace>,
    /// For connecting and for each command; the end of a mail may take four times as long.
    pub timeout: Duration,
}

/// A mail relay as the configuration file writes it.
#[derive(Debug, Clone)]
pub struct MailSettings {
    pub host: String,
    /// 465, 587 or 25 by the kind of TLS if absent.
    pub port: Option<u16>,
    /// `starttls`, `implicit` or `none`.
    pub tls: String,
    /// A PEM file with further certificate authorities.
    pub ca_file: Option<PathBuf>,
    pub username: Option<String>,
    pub password: Option<SecretString>,
    pub from: String,
    pub reply_to: Option<String>,
    pub connections: usize,
    /// The relay's own limit, if it has one.
    pub per_minute: Option<u32>,
}

impl TryFrom<MailSettings> for MailConfig {
    type Error = ConfigError;

    /// Reads the CA file.
    fn try_from(settings: MailSettings) -> Result<Self, ConfigError> {
        let (tls, usual_port) = match settings.tls.trim().to_ascii_lowercase().as_str() {
            "starttls" => (MailTls::StartTls, 587),
            "implicit" => (MailTls::Implicit, 465),
            "none" => (MailTls::None, 25),
            _ => {
                return Err(ConfigError::TlsMode {
                    value: settings.tls,
                });
            }
        };
        let read = |path: PathBuf| {
            std::fs::read(&path).map_err(|error| ConfigError::CaFile {
                path: path.display().to_string(),
                detail: error.to_string(),
            })
        };
        Ok(Self {
            port: settings.port.unwrap_or(usual_port),
            tls,
            ca_pem: settings.ca_file.map(read).transpose()?,
            username: settings.username,
            password: settings.password,
            reply_to: settings.reply_to,
            connections: settings.connections,
            pace: settings
                .per_minute
                .filter(|&limit| limit > 0)
                .map(Pace::per_minute),
            ..Self::new(settings.host.trim(), &settings.from)
        })
    }
}

/// How the connection is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTls {
    /// Not at all: only inside one machine or a trusted network.
    None,
    /// Begins in the clear, usually port 587; never goes on without TLS.
    StartTls,
    /// From the first byte, usually port 465.
    Implicit,
}

impl MailConfig {
    /// Implicit TLS on port 465, four connections.
    pub fn new(host: &str, from: &str) -> Self {
        Self {
            host: host.to_owned(),
            port: 465,
            tls: MailTls::Implicit,
            ca_pem: None,
            username: None,
            password: None,
            from: from.to_owned(),
            reply_to: None,
            hello_name: None,
            connections: 4,
            mails_per_connection: 100,
            pace: None,
            timeout: Duration::from_secs(15),
        }
    }
}

/// The mail channel.
pub(crate) struct Mail {
    limits: Limits,
    composer: Composer,
    sender: Address,
    pool: Pool,
}

impl Mail {
    pub(crate) fn new(config: &MailConfig) -> Result<Self, ConfigError> {
        let from = mailbox("mail.from", &config.from)?;
        let reply_to = config
            .reply_to
            .as_deref()
            .map(|text| mailbox("mail.reply_to", text))
            .transpose()?;
        let limits = Limits {
            pace: config.pace,
            hold_after_throttle: Duration::from_mins(5),
            in_flight: config.connections.max(1),
            // Few: the repeat of a mail is seen.
            unrecorded: config.connections.max(1) * 8,
            coalesce_above: None,
            max_bytes: 1024 * 1024,
            personal: true,
            idempotent: false,
            people_per_call: 1,
            address: channel::Address::Mail,
            follows_up: false,
            read_checks: &[],
            needs_members: false,
        };
        let sender = from.email.clone();
        let pool = Pool::new(
            connect::Relay::new(config, sender.domain())?,
            config.connections,
            config.mails_per_connection,
        );
        Ok(Self {
            limits,
            composer: Composer::new(from, reply_to),
            sender,
            pool,
        })
    }

    async fn attempt(&self, post: &Post) -> Outcome {
        let to = match post
            .recipient
            .as_ref()
            .ok_or_else(|| Why::new(codes::MAIL_ADDRESS_MISSING, ""))
            .and_then(address)
        {
            Ok(to) => to,
            Err(why) => return Outcome::Reject { why },
        };
        if post.message.raw.is_some() {
            return Outcome::Reject {
                why: Why::new(codes::MAIL_RAW_UNSUPPORTED, ""),
            };
        }
        let name = post
            .recipient
            .as_ref()
            .map(|recipient| recipient.name.as_str())
            .unwrap_or_default();
        let mail = self.composer.compose(post, name, &to);
        match self.pool.deliver(&self.sender, &to, mail, post.now).await {
            Ok(platform_id) => Outcome::Sent { platform_id },
            Err(failure) => replies::outcome(&failure),
        }
    }
}

fn mailbox(key: &'static str, text: &str) -> Result<Mailbox, ConfigError> {
    text.trim().parse().map_err(|_| ConfigError::Address {
        key,
        value: text.trim().to_owned(),
    })
}

fn address(recipient: &Recipient) -> Result<Address, Why> {
    let text = present(recipient.email.as_ref())
        .ok_or_else(|| Why::new(codes::MAIL_ADDRESS_MISSING, ""))?;
    text.parse().map_err(|_| {
        Why::new(
            codes::MAIL_ADDRESS_INVALID,
            text.chars().take(200).collect::<String>(),
        )
    })
}

impl Channel for Mail {
    fn lane(&self) -> &'static str {
        "mail"
    }

    fn kind(&self) -> ChannelKind {
        ChannelKind::Mail
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn reaches(&self, recipient: &Recipient) -> Result<(), Why> {
        address(recipient).map(|_| ())
    }

    fn send<'a>(&'a self, post: &'a Post) -> BoxFuture<'a, Outcome> {
        Box::pin(self.attempt(post))
    }

    fn check(&self, now: UnixMillis) -> BoxFuture<'_, CheckReport> {
        Box::pin(async move {
            match self.pool.try_sender(&self.sender, now).await {
                Ok(encrypted) => {
                    let mut report =
                        CheckReport::one(Level::Fine, Why::new(codes::MAIL_RELAY_READY, ""));
                    if !encrypted {
                        let why = Why::new(codes::MAIL_UNENCRYPTED, "");
                        report.findings.push(Finding {
                            level: Level::Warning,
                            why,
                        });
                    }
                    report
                }
                Err(failure) => match replies::outcome(&failure) {
                    Outcome::Hold { why, .. } => CheckReport::one(Level::Failed, why),
                    other => CheckReport::of_outcome(other),
                },
            }
        })
    }
}
