//! Keeps SMTP connections open and carries one mail over one of them.
//!
//! Caller: the mail channel.
//! Where the relay offers PIPELINING a mail takes two round trips instead of four.
//! Invariant: a connection goes back only in a known state (after the end of a mail or after
//! RSET); one dropped in the middle is closed. A mail is begun anew by itself only if an idle
//! connection turned out dead before its body was sent.
//! Weakness: idle connections are noticed as dead only when used next.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Noop, Rcpt, Rset};
use lettre::transport::smtp::extension::{Extension, MailParameter};
use lettre::transport::smtp::response::Response;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use yuezhi_domain::UnixMillis;

use super::connect::Relay;
use super::replies::{Failure, Stage};

/// Beyond this a connection is presumed closed by the relay (they wait 30 s to 5 min).
const IDLE: Duration = Duration::from_secs(25);
/// Beyond this a NOOP asks first.
const FRESH: Duration = Duration::from_secs(5);

pub(super) struct Pool {
    relay: Relay,
    idle: Mutex<Vec<Connection>>,
    permits: Semaphore,
    mails_per_connection: u32,
}

struct Connection {
    smtp: AsyncSmtpConnection,
    pipelines: bool,
    /// Waits for a mail that is not to be sent; only closing it ends that.
    spoiled: bool,
    mails: u32,
    last_used: UnixMillis,
    reused: bool,
}

impl Pool {
    pub(super) fn new(relay: Relay, connections: usize, mails_per_connection: u32) -> Self {
        Self {
            relay,
            idle: Mutex::new(Vec::new()),
            permits: Semaphore::new(connections.max(1)),
            mails_per_connection: mails_per_connection.max(1),
        }
    }

    /// Delivers `mail` to the relay. Returns the relay's words, which often hold its queue id.
    pub(super) async fn deliver(
        &self,
        from: &Address,
        to: &Address,
        mail: Vec<u8>,
        now: UnixMillis,
    ) -> Result<Option<String>, Failure> {
        let body = Body::new(mail);
        let _permit = self
            .permits
            .acquire()
            .await
            .expect("the semaphore is never closed");
        let mut connection = self.connection(now).await?;
        let mut outcome = self.carry(&mut connection, from, to, &body).await;
        if connection.reused && outcome.as_ref().is_err_and(Failure::is_stale_connection) {
            connection = self.fresh(now).await?;
            outcome = self.carry(&mut connection, from, to, &body).await;
        }
        let usable = match &outcome {
            Ok(_) => true,
            Err(failure) if failure.leaves_connection_usable() && !connection.spoiled => self
                .command(&mut connection, Rset, Stage::Reset)
                .await
                .is_ok(),
            Err(_) => false,
        };
        connection.mails += 1;
        if usable && connection.mails < self.mails_per_connection {
            connection.last_used = now;
            connection.reused = true;
            self.idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(connection);
        } else if usable {
            // The outcome is known; saying goodbye must not delay it.
            tokio::spawn(async move {
                timeout(Duration::from_secs(1), connection.smtp.quit())
                    .await
                    .is_ok()
            });
        }
        outcome
    }

    /// Whether the relay takes this sender, without sending anything. `Ok(encrypted)`.
    pub(super) async fn try_sender(
        &self,
        from: &Address,
        now: UnixMillis,
    ) -> Result<bool, Failure> {
        let mut connection = self.fresh(now).await?;
        self.command(
            &mut connection,
            Mail::new(Some(from.clone()), Vec::new()),
            Stage::Sender,
        )
        .await?;
        self.command(&mut connection, Rset, Stage::Reset).await?;
        let _ = timeout(Duration::from_secs(1), connection.smtp.quit()).await;
        Ok(self.relay.is_encrypted())
    }

    async fn connection(&self, now: UnixMillis) -> Result<Connection, Failure> {
        loop {
            let idle = self
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop();
            let Some(mut connection) = idle else {
                return self.fresh(now).await;
            };
            let rested = now.since(connection.last_used);
            if rested > IDLE {
                continue;
            }
            if rested <= FRESH
                || self
                    .command(&mut connection, Noop, Stage::Reset)
                    .await
                    .is_ok()
            {
                return Ok(connection);
            }
        }
    }

    async fn fresh(&self, now: UnixMillis) -> Result<Connection, Failure> {
        let opened = self.relay.open().await?;
        Ok(Connection {
            smtp: opened.smtp,
            pipelines: opened.pipelines,
            spoiled: false,
            mails: 0,
            last_used: now,
            reused: false,
        })
    }

    async fn carry(
        &self,
        connection: &mut Connection,
        from: &Address,
        to: &Address,
        body: &Body,
    ) -> Result<Option<String>, Failure> {
        let mut parameters = Vec::new();
        if !(from.is_ascii() && to.is_ascii()) {
            if !connection
                .smtp
                .server_info()
                .supports_feature(Extension::SmtpUtfEight)
            {
                return Err(Failure::unsupported(
                    "the address needs SMTPUTF8, which the relay does not offer",
                ));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        let sender = Mail::new(Some(from.clone()), parameters);
        let recipient = Rcpt::new(to.clone(), Vec::new());
        if connection.pipelines {
            self.open_mail_at_once(connection, &sender, &recipient)
                .await?;
        } else {
            self.command(connection, sender, Stage::Sender).await?;
            self.command(connection, recipient, Stage::Recipient)
                .await?;
            self.command(connection, Data, Stage::Data).await?;
        }
        // RFC 5321 4.5.3.2.6 gives the end of a mail more time than a command.
        let response = timeout(self.relay.timeout * 4, body.send(&mut connection.smtp))
            .await
            .map_err(|_| Failure::timed_out(Stage::Body))?
            .map_err(|error| self.relay.failure(Stage::Body, &error))?;
        Ok(response
            .first_line()
            .map(|line| line.chars().take(200).collect()))
    }

    /// RFC 2920: sender, recipient and DATA in one go, then their three answers; the first refusal counts.
    async fn open_mail_at_once(
        &self,
        connection: &mut Connection,
        sender: &Mail,
        recipient: &Rcpt,
    ) -> Result<(), Failure> {
        let commands = format!("{sender}{recipient}{Data}");
        let mut refused = self
            .command(connection, commands, Stage::Sender)
            .await
            .err();
        for stage in [Stage::Recipient, Stage::Data] {
            // Broken off, or the relay says goodbye: no further answer comes.
            if refused
                .as_ref()
                .is_some_and(|failure| !failure.is_reply() || failure.closes_connection())
            {
                break;
            }
            match self.answer(connection, stage).await {
                // The relay waits for a mail although it refused whom it is from or for.
                Ok(_) => connection.spoiled = stage == Stage::Data && refused.is_some(),
                Err(failure) if !failure.is_reply() => return Err(refused.unwrap_or(failure)),
                Err(failure) => refused = refused.or(Some(failure)),
            }
        }
        refused.map_or(Ok(()), Err)
    }

    async fn answer(&self, connection: &mut Connection, stage: Stage) -> Result<Response, Failure> {
        timeout(self.relay.timeout, connection.smtp.read_response())
            .await
            .map_err(|_| Failure::timed_out(stage))?
            .map_err(|error| self.relay.failure(stage, &error))
    }

    async fn command<C: std::fmt::Display>(
        &self,
        connection: &mut Connection,
        command: C,
        stage: Stage,
    ) -> Result<Response, Failure> {
        timeout(self.relay.timeout, connection.smtp.command(command))
            .await
            .map_err(|_| Failure::timed_out(stage))?
            .map_err(|error| self.relay.failure(stage, &error))
    }
}

/// A mail as it travels after DATA.
enum Body {
    /// With its dots doubled and its end, written in one go.
    Whole(String),
    /// Not a text: lettre doubles the dots as it writes.
    Bytes(Vec<u8>),
}

impl Body {
    fn new(mail: Vec<u8>) -> Self {
        match String::from_utf8(mail) {
            Ok(mail) => {
                // RFC 5321 4.5.2. The first line is a header and begins with a letter.
                let mut text = if mail.contains("\r\n.") {
                    mail.replace("\r\n.", "\r\n..")
                } else {
                    mail
                };
                text.push_str(if text.ends_with("\r\n") {
                    ".\r\n"
                } else {
                    "\r\n.\r\n"
                });
                Self::Whole(text)
            }
            Err(not_text) => Self::Bytes(not_text.into_bytes()),
        }
    }

    async fn send(
        &self,
        smtp: &mut AsyncSmtpConnection,
    ) -> Result<Response, lettre::transport::smtp::Error> {
        match self {
            Self::Whole(text) => smtp.command(text).await,
            Self::Bytes(bytes) => smtp.message(bytes).await,
        }
    }
}

trait Ascii {
    fn is_ascii(&self) -> bool;
}

impl Ascii for Address {
    fn is_ascii(&self) -> bool {
        AsRef::<str>::as_ref(self).is_ascii()
    }
}
