//! The accepting side of SMTP (RFC 5321), as far as a mail server in the house needs it: no TLS, no login.
//!
//! `dialogue` decides what is answered, `unstuff` where a mail ends. A mail counts when its final dot was answered
//! with 250; a connection that breaks off before leaves nothing. Answers of pipelined commands go out together.
//! Invariant: connections, lines, sizes and idle time are bounded. Weakness: whoever can connect can send.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, BufWriter};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::Mail;
use super::dialogue::{Dialogue, Envelope, LARGEST, Then, too_large};
use super::unstuff::Unstuffer;
use crate::journal::Entry;
use crate::shared::{Event, Shared};

/// RFC 5321 §4.5.3.1.4 asks for 512 bytes; parameters and long addresses need more.
const LONGEST_LINE: usize = 4_096;
const CONNECTIONS: usize = 64;
const IDLE: Duration = Duration::from_mins(5);
/// After a failed accept (no file handle left), before the next.
const PAUSE: Duration = Duration::from_millis(50);

/// Accepts until the sandbox stops.
pub(crate) async fn serve(shared: Arc<Shared>, listener: TcpListener) {
    let stop = shared.stop.clone();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        // A full house lets the next one wait in the listener's queue.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "an SMTP connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let stop = shared.stop.clone();
            let talk =
                stop.run_until_cancelled_owned(Connection::new(stream, Arc::clone(&shared)).run());
            if let Some(Err(error)) = talk.await {
                tracing::debug!(%error, "an SMTP connection broke off");
            }
            drop(place);
        });
    }
}

struct Connection {
    reader: BufReader<OwnedReadHalf>,
    writer: BufWriter<OwnedWriteHalf>,
    shared: Arc<Shared>,
}

/// A command line, or why there is none.
enum Line {
    Text(String),
    TooLong,
    Ended,
}

impl Connection {
    fn new(stream: TcpStream, shared: Arc<Shared>) -> Self {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
        let (reader, writer) = stream.into_split();
        Self {
            reader: BufReader::with_capacity(16 * 1024, reader),
            writer: BufWriter::new(writer),
            shared,
        }
    }

    async fn run(mut self) -> io::Result<()> {
        let mut dialogue = Dialogue::default();
        self.say("220 sandbox ESMTP").await?;
        loop {
            let line = match self.line().await? {
                Line::Text(line) => line,
                Line::TooLong => {
                    self.say("500 5.5.2 that line is too long").await?;
                    continue;
                }
                Line::Ended => return Ok(()),
            };
            let (reply, then) =
                dialogue.answer(&line, |address| self.shared.world().has_address(address));
            self.say(&reply).await?;
            match then {
                Then::Continue => {}
                Then::Data(envelope) => {
                    self.writer.flush().await?;
                    let Some(reply) = self.take(envelope).await? else {
                        return Ok(());
                    };
                    self.say(&reply).await?;
                }
                Then::Close => return self.writer.shutdown().await,
            }
        }
    }

    async fn say(&mut self, reply: &str) -> io::Result<()> {
        self.writer.write_all(reply.as_bytes()).await?;
        self.writer.write_all(b"\r\n").await
    }

    /// The next bytes; what was said goes out before waiting for them. Empty at the end of the connection.
    async fn more(&mut self) -> io::Result<&[u8]> {
        if self.reader.buffer().is_empty() {
            self.writer.flush().await?;
        }
        timeout(IDLE, self.reader.fill_buf())
            .await
            .map_err(io::Error::from)?
    }

    async fn line(&mut self) -> io::Result<Line> {
        let mut line = Vec::new();
        let mut is_too_long = false;
        loop {
            let bytes = self.more().await?;
            if bytes.is_empty() {
                return Ok(Line::Ended);
            }
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let used = end.map_or(bytes.len(), |at| at + 1);
            is_too_long |= line.len() + used > LONGEST_LINE;
            if !is_too_long {
                line.extend_from_slice(bytes.get(..used).unwrap_or_default());
            }
            self.reader.consume(used);
            if end.is_some() {
                break;
            }
        }
        if is_too_long {
            return Ok(Line::TooLong);
        }
        let text = String::from_utf8_lossy(&line);
        Ok(Line::Text(text.trim_end_matches(['\r', '\n']).to_owned()))
    }

    /// Reads the text of a mail and keeps it. `None`: the connection ended, or nobody would wait for so much.
    async fn take(&mut self, envelope: Envelope) -> io::Result<Option<String>> {
        let mut unstuffer = Unstuffer::new(LARGEST);
        loop {
            let bytes = self.more().await?;
            if bytes.is_empty() || unstuffer.length > 2 * LARGEST {
                return Ok(None);
            }
            let (used, ended) = unstuffer.feed(bytes);
            self.reader.consume(used);
            if ended {
                break;
            }
        }
        Ok(Some(match unstuffer.finish() {
            Some(raw) => format!("250 2.0.0 kept as {}", self.shared.keep_mail(envelope, raw)),
            None => too_large(),
        }))
    }
}

impl Shared {
    fn keep_mail(&self, envelope: Envelope, raw: Vec<u8>) -> u64 {
        let mut world = self.world();
        let id = world.next_mail_id;
        let mail = Mail {
            id,
            at_ms: self.clock.now_ms(),
            from: envelope.from,
            to: envelope.to,
            raw,
        };
        world.record(Entry::Mail(mail));
        self.tell(Event::Mail(id));
        id
    }
}
