//! Opens one SMTP connection: TCP without Nagle's delay, TLS, EHLO, login.
//!
//! Caller: the pool.
//! Invariant: a configured encryption is never silently left out; a password is only sent over
//! TLS or to this very machine.
//! Weakness: certificate authorities are read once, when the channel is opened.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, AsyncTokioStream, Certificate, TlsParameters,
};
use lettre::transport::smtp::commands::Ehlo;
use lettre::transport::smtp::extension::ClientId;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::replies::{Failure, Stage};
use super::{MailConfig, MailTls};
use crate::registry::ConfigError;

/// Everything needed to open a connection.
pub(super) struct Relay {
    host: String,
    port: u16,
    security: Security,
    login: Option<(String, SecretString)>,
    hello: ClientId,
    pub(super) timeout: Duration,
    /// What must not appear in a detail: the password as it is and as it travels.
    secrets: Vec<SecretString>,
}

/// A connection ready for mails.
pub(super) struct Opened {
    pub(super) smtp: AsyncSmtpConnection,
    /// Takes several commands at once (RFC 2920).
    pub(super) pipelines: bool,
}

enum Security {
    None,
    StartTls(TlsParameters),
    Implicit(TlsConnector, ServerName<'static>),
}

impl Relay {
    pub(super) fn new(config: &MailConfig, sender_domain: &str) -> Result<Self, ConfigError> {
        let host = config.host.trim().to_owned();
        let login = login(config)?;
        if login.is_some() && config.tls == MailTls::None && !is_this_machine(&host) {
            return Err(ConfigError::PasswordInClear { host });
        }
        let security = match config.tls {
            MailTls::None => Security::None,
            MailTls::StartTls => Security::StartTls(starttls(&host, config.ca_pem.as_deref())?),
            MailTls::Implicit => {
                let name = ServerName::try_from(host.clone()).map_err(|error| tls(&error))?;
                Security::Implicit(implicit(config.ca_pem.as_deref())?, name)
            }
        };
        let secrets = login.as_ref().map(travelling).unwrap_or_default();
        let hello = ClientId::Domain(
            config
                .hello_name
                .clone()
                .unwrap_or_else(|| sender_domain.to_owned()),
        );
        Ok(Self {
            host,
            port: config.port,
            security,
            login,
            hello,
            timeout: config.timeout,
            secrets,
        })
    }

    /// An authenticated connection, within the timeout.
    pub(super) async fn open(&self) -> Result<Opened, Failure> {
        match tokio::time::timeout(self.timeout, Box::pin(self.open_unbounded())).await {
            Ok(opened) => opened,
            Err(_) => Err(Failure::timed_out(Stage::Connect)),
        }
    }

    async fn open_unbounded(&self) -> Result<Opened, Failure> {
        let connect = |error: std::io::Error| Failure::network(Stage::Connect, &error.to_string());
        let tcp = TcpStream::connect((self.host.as_str(), self.port))
            .await
            .map_err(connect)?;
        // With Nagle's algorithm a mail takes 44 ms longer (measured).
        tcp.set_nodelay(true).map_err(connect)?;
        let greeted = |error| self.failure(Stage::Connect, &error);
        let mut smtp = match &self.security {
            Security::None => {
                AsyncSmtpConnection::connect_with_transport(Box::new(tcp), &self.hello)
                    .await
                    .map_err(greeted)?
            }
            Security::StartTls(parameters) => {
                let mut smtp =
                    AsyncSmtpConnection::connect_with_transport(Box::new(tcp), &self.hello)
                        .await
                        .map_err(greeted)?;
                if !smtp.can_starttls() {
                    smtp.abort().await;
                    return Err(Failure::tls("the server does not offer STARTTLS"));
                }
                smtp.starttls(parameters.clone(), &self.hello)
                    .await
                    .map_err(|error| self.failure(Stage::Tls, &error))?;
                smtp
            }
            Security::Implicit(connector, name) => {
                let stream = connector
                    .connect(name.clone(), tcp)
                    .await
                    .map_err(|error| Failure::handshake(&error))?;
                AsyncSmtpConnection::connect_with_transport(
                    Box::new(Encrypted(stream)),
                    &self.hello,
                )
                .await
                .map_err(greeted)?
            }
        };
        let pipelines = self.pipelines(&mut smtp).await?;
        if let Some((username, password)) = &self.login {
            let credentials =
                Credentials::new(username.clone(), password.expose_secret().to_owned());
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            smtp.auth(&mechanisms, &credentials)
                .await
                .map_err(|error| self.failure(Stage::Login, &error))?;
        }
        Ok(Opened { smtp, pipelines })
    }

    /// Whether the relay takes several commands at once. lettre forgets this line of the answer to its EHLO, so we ask
    /// again, which RFC 5321 4.1.4 allows at any time; over TLS where there is any, and before the login, so that no
    /// relay has a reason to forget it.
    async fn pipelines(&self, smtp: &mut AsyncSmtpConnection) -> Result<bool, Failure> {
        match smtp.command(Ehlo::new(self.hello.clone())).await {
            Ok(answer) => Ok(answer.message().any(|line| {
                line.split_whitespace()
                    .next()
                    .is_some_and(|word| word.eq_ignore_ascii_case("PIPELINING"))
            })),
            Err(error) if error.is_permanent() => Ok(false),
            Err(error) => Err(self.failure(Stage::Connect, &error)),
        }
    }

    pub(super) fn is_encrypted(&self) -> bool {
        !matches!(self.security, Security::None)
    }

    pub(super) fn failure(&self, stage: Stage, error: &lettre::transport::smtp::Error) -> Failure {
        let known: Vec<&str> = self
            .secrets
            .iter()
            .map(SecretString::expose_secret)
            .collect();
        Failure::of(stage, error, &known)
    }
}

fn login(config: &MailConfig) -> Result<Option<(String, SecretString)>, ConfigError> {
    match (
        config
            .username
            .as_deref()
            .map(str::trim)
            .filter(|name| !name.is_empty()),
        &config.password,
    ) {
        (Some(username), Some(password)) => Ok(Some((username.to_owned(), password.clone()))),
        (Some(_), None) => Err(ConfigError::Incomplete {
            key: "username",
            missing: "password",
        }),
        (None, Some(_)) => Err(ConfigError::Incomplete {
            key: "password",
            missing: "username",
        }),
        (None, None) => Ok(None),
    }
}

/// The password, and the forms AUTH PLAIN and AUTH LOGIN give it on the wire.
fn travelling((username, password): &(String, SecretString)) -> Vec<SecretString> {
    let password = password.expose_secret();
    let forms = [
        password.to_owned(),
        STANDARD.encode(password),
        STANDARD.encode(format!("\0{username}\0{password}")),
    ];
    forms.into_iter().map(Into::into).collect()
}

fn is_this_machine(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn tls(error: &dyn std::fmt::Display) -> ConfigError {
    ConfigError::Tls {
        detail: error.to_string(),
    }
}

fn starttls(host: &str, ca_pem: Option<&[u8]>) -> Result<TlsParameters, ConfigError> {
    let mut builder = TlsParameters::builder(host.to_owned());
    if let Some(pem) = ca_pem {
        builder =
            builder.add_root_certificate(Certificate::from_pem(pem).map_err(|error| tls(&error))?);
    }
    builder.build_rustls().map_err(|error| tls(&error))
}

fn implicit(ca_pem: Option<&[u8]>) -> Result<TlsConnector, ConfigError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(pem) = ca_pem {
        for certificate in CertificateDer::pem_slice_iter(pem) {
            roots
                .add(certificate.map_err(|error| tls(&error))?)
                .map_err(|error| tls(&error))?;
        }
    }
    if roots.is_empty() {
        return Err(tls(
            &"no certificate authorities found on this machine; install ca-certificates or set a CA file",
        ));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| tls(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// A TLS stream in the shape the SMTP connection takes.
#[derive(Debug)]
struct Encrypted(TlsStream<TcpStream>);

impl AsyncTokioStream for Encrypted {
    fn peer_addr(&self) -> std::io::Result<std::net::SocketAddr> {
        self.0.get_ref().0.peer_addr()
    }
}

impl AsyncRead for Encrypted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
