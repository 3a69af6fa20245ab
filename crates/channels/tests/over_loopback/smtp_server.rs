//! A small SMTP server for faults: each verb can be answered otherwise once, or the connection cut.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use yuezhi_channels::{Channel, ChannelConfig, MailConfig, MailTls, open};

pub(crate) const PASSWORD: &str = "mailPasswordVerySecret";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) data: Vec<u8>,
}

/// What to do instead of the usual answer.
#[derive(Debug, Clone)]
pub(crate) enum Instead {
    Say(&'static str),
    Stall,
    Cut,
}

#[derive(Default)]
struct Shared {
    instead: Mutex<HashMap<&'static str, VecDeque<Instead>>>,
    mails: Mutex<Vec<Received>>,
    connections: Mutex<usize>,
    commands: Mutex<Vec<String>>,
    /// Offers PIPELINING (RFC 2920).
    pipelines: AtomicBool,
    /// Says `354` to DATA whatever went before.
    careless: AtomicBool,
}

impl Shared {
    /// Whether the next answer to this verb is a refusal.
    fn refuses(&self, verb: &str) -> bool {
        let instead = self.instead.lock().unwrap();
        let next = instead.get(verb).and_then(VecDeque::front);
        matches!(next, Some(Instead::Say(words)) if !words.starts_with('2'))
    }
}

#[derive(Clone)]
pub(crate) struct SmtpServer {
    pub(crate) port: u16,
    tls: MailTls,
    shared: Arc<Shared>,
}

impl SmtpServer {
    pub(crate) async fn start(tls: MailTls) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            tls,
            shared: Arc::default(),
        };
        let serving = server.clone();
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                socket.set_nodelay(true).unwrap();
                *serving.shared.connections.lock().unwrap() += 1;
                let (shared, tls) = (Arc::clone(&serving.shared), serving.tls);
                tokio::spawn(async move {
                    if tls == MailTls::Implicit {
                        if let Ok(stream) = acceptor().accept(socket).await {
                            talk(BufReader::new(stream), &shared, false).await;
                        }
                    } else if let Some(plain) =
                        talk(BufReader::new(socket), &shared, tls == MailTls::StartTls).await
                        && let Ok(stream) = acceptor().accept(plain.into_inner()).await
                    {
                        converse(BufReader::new(stream), &shared, false).await;
                    }
                });
            }
        });
        server
    }

    /// Takes several commands at once from now on.
    pub(crate) fn pipeline(&self) {
        self.shared.pipelines.store(true, Ordering::Relaxed);
    }

    /// Asks for the mail of a refused sender or recipient.
    pub(crate) fn be_careless(&self) {
        self.shared.careless.store(true, Ordering::Relaxed);
    }

    /// `verb`: `CONNECT`, `EHLO`, `AUTH`, `MAIL`, `RCPT`, `DATA`, `BODY`, `RSET`, `NOOP`.
    pub(crate) fn instead(&self, verb: &'static str, what: Instead) {
        self.shared
            .instead
            .lock()
            .unwrap()
            .entry(verb)
            .or_default()
            .push_back(what);
    }

    pub(crate) fn mails(&self) -> Vec<Received> {
        self.shared.mails.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        *self.shared.connections.lock().unwrap()
    }

    pub(crate) fn commands(&self) -> Vec<String> {
        self.shared.commands.lock().unwrap().clone()
    }

    pub(crate) fn config(&self) -> MailConfig {
        MailConfig {
            port: self.port,
            tls: self.tls,
            ca_pem: Some(include_bytes!("certs/ca.pem").to_vec()),
            username: Some("notice@example.com".into()),
            password: Some(PASSWORD.into()),
            timeout: Duration::from_millis(150),
            ..MailConfig::new("localhost", "阅知 <notice@example.com>")
        }
    }

    pub(crate) fn channel(&self) -> Box<dyn Channel> {
        mail_channel(self.config())
    }
}

pub(crate) fn mail_channel(config: MailConfig) -> Box<dyn Channel> {
    open(
        ChannelConfig::Mail(config),
        &dingtalk::Http::new(dingtalk::Timeouts::default()).unwrap(),
    )
    .unwrap()
}

fn acceptor() -> TlsAcceptor {
    let chain = CertificateDer::pem_slice_iter(include_bytes!("certs/server.pem"))
        .map(Result::unwrap)
        .collect();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("certs/server.key")).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_no_client_auth()
    .with_single_cert(chain, key)
    .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: BufReader<S>,
    shared: &Shared,
    starttls: bool,
) -> Option<BufReader<S>> {
    if !reply(&mut stream, shared, "CONNECT", "220 fake ESMTP").await {
        return None;
    }
    converse(stream, shared, starttls).await
}

/// Returns the stream when the client has asked for TLS.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: BufReader<S>,
    shared: &Shared,
    starttls: bool,
) -> Option<BufReader<S>> {
    let (mut from, mut to) = (String::new(), String::new());
    let mut refused = false;
    loop {
        let line = line(&mut stream).await?;
        shared.commands.lock().unwrap().push(line.clone());
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        let going_on = match verb.as_str() {
            "EHLO" => {
                let offers = if starttls {
                    "250-fake\r\n250 STARTTLS"
                } else if shared.pipelines.load(Ordering::Relaxed) {
                    "250-fake\r\n250-SMTPUTF8\r\n250-PIPELINING\r\n250 AUTH PLAIN LOGIN"
                } else {
                    "250-fake\r\n250-SMTPUTF8\r\n250 AUTH PLAIN LOGIN"
                };
                reply(&mut stream, shared, "EHLO", offers).await
            }
            "STAR" => {
                reply(&mut stream, shared, "STARTTLS", "220 go").await;
                return Some(stream);
            }
            "AUTH" => reply(&mut stream, shared, "AUTH", "235 2.7.0 welcome").await,
            "MAIL" => {
                refused = shared.refuses("MAIL");
                from = between(&line);
                reply(&mut stream, shared, "MAIL", "250 2.1.0 ok").await
            }
            "RCPT" => {
                refused |= shared.refuses("RCPT");
                to = between(&line);
                reply(&mut stream, shared, "RCPT", "250 2.1.5 ok").await
            }
            "DATA" if refused && !shared.careless.load(Ordering::Relaxed) => {
                reply(&mut stream, shared, "DATA", "554 5.5.1 no valid recipients").await
            }
            "DATA" => {
                reply(&mut stream, shared, "DATA", "354 go on").await && {
                    let data = body(&mut stream).await?;
                    shared.mails.lock().unwrap().push(Received {
                        from: from.clone(),
                        to: to.clone(),
                        data,
                    });
                    reply(&mut stream, shared, "BODY", "250 2.0.0 queued as Q1").await
                }
            }
            "QUIT" => return None,
            "RSET" => reply(&mut stream, shared, "RSET", "250 2.0.0 ok").await,
            _ => reply(&mut stream, shared, "NOOP", "250 2.0.0 ok").await,
        };
        if !going_on {
            return None;
        }
    }
}

async fn line<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> Option<String> {
    let mut line = String::new();
    (stream.read_line(&mut line).await.ok()? > 0).then(|| line.trim_end().to_owned())
}

async fn body<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> Option<Vec<u8>> {
    let mut data = Vec::new();
    loop {
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line).await.ok()? == 0 {
            return None;
        }
        if line == b".\r\n" {
            return Some(data);
        }
        data.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
}

async fn reply<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufReader<S>,
    shared: &Shared,
    verb: &'static str,
    usual: &str,
) -> bool {
    let instead = shared
        .instead
        .lock()
        .unwrap()
        .get_mut(verb)
        .and_then(VecDeque::pop_front);
    let words = match instead {
        None => usual.to_owned(),
        Some(Instead::Say(words)) => words.to_owned(),
        Some(Instead::Cut) => return false,
        Some(Instead::Stall) => std::future::pending().await,
    };
    let closing = words.starts_with("421");
    stream
        .get_mut()
        .write_all(format!("{words}\r\n").as_bytes())
        .await
        .is_ok()
        && !closing
}

fn between(line: &str) -> String {
    line.split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'))
        .map(|(inside, _)| inside.to_owned())
        .unwrap_or_default()
}
