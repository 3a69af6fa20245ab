//! The SMTP listener: connections, lines, time and sizes. What is answered decides `dialogue`.
//!
//! Started by `Sandbox::start` where `mail_listen` is set. Answers of pipelined commands go out together, when nothing
//! more has arrived. Invariant: connections, line lengths, mail sizes and idle time are bounded.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, BufWriter};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::StoredMail;
use super::dialogue::{Dialogue, Envelope, LARGEST, Then, too_large};
use super::unstuff::Unstuffer;
use crate::journal::Entry;
use crate::shared::{Event, Shared};

const CONNECTIONS: usize = 64;
/// RFC 5321 §4.5.3.1.4 asks for 512 bytes; parameters and long addresses need more.
const LONGEST_LINE: usize = 4_096;
const IDLE: Duration = Duration::from_mins(5);

/// Takes connections until the sandbox stops.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let taken = tokio::select! {
            () = shared.stop.cancelled() => return,
            taken = listener.accept() => taken,
        };
        let stream = match taken {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "the sandbox's mail server could not take a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            tokio::spawn(turn_away(stream));
            continue;
        };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let stop = shared.stop.clone();
            tokio::select! {
                () = stop.cancelled() => {}
                ended = Connection::new(stream, shared).run() => if let Err(error) = ended {
                    tracing::debug!(%error, "a mail connection broke off");
                },
            }
            drop(place);
        });
    }
}

async fn turn_away(mut stream: TcpStream) {
    let said = stream.write_all(b"421 4.3.2 too many connections, try again later\r\n");
    if let Ok(Err(error)) = timeout(IDLE, said).await {
        tracing::debug!(%error, "a mail connection broke off");
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
        self.say("220 sandbox ESMTP mail for the organisation of this sandbox").await?;
        loop {
            let line = match self.line().await? {
                Line::Text(line) => line,
                Line::TooLong => {
                    self.say("500 5.5.2 that line is too long").await?;
                    continue;
                }
                Line::Ended => return Ok(()),
            };
            let (reply, then) = dialogue.answer(&line, |address| self.shared.world().has_address(address));
            self.say(&reply).await?;
            match then {
                Then::Continue => {}
                Then::Data(envelope) => {
                    self.writer.flush().await?;
                    let Some(reply) = self.take(envelope).await? else { return Ok(()) };
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
        timeout(IDLE, self.reader.fill_buf()).await.map_err(io::Error::from)?
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
        let mail = StoredMail {
            id: world.next_id,
            at_ms: self.clock.now_ms(),
            from: envelope.from,
            to: envelope.to.clone(),
            raw,
        };
        let id = mail.id;
        world.record(Entry::Mail(mail));
        self.tell(Event::Mail { to: envelope.to });
        id
    }
}
