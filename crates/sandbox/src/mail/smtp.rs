//! The accepting side of SMTP (RFC 5321), as far as a relay in the house needs it: no TLS, no login, every recipient.
//!
//! Offers SIZE, 8BITMIME, SMTPUTF8, PIPELINING and enhanced status codes. A mail counts when its final dot was
//! answered with 250; a connection that breaks off before leaves nothing. Connections, lines and sizes are bounded.
//! Weakness: takes mail for any address, so it must not be reachable from outside the trial.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::Mail;
use crate::journal::Entry;
use crate::shared::{Event, Shared};

const MAIL_BYTES: usize = 25 * 1024 * 1024;
const LINE_BYTES: u64 = 4_096;
const RECIPIENTS: usize = 1_000;
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
            let talk = stop.run_until_cancelled_owned(converse(&shared, stream));
            if let Some(Err(error)) = talk.await {
                tracing::debug!(%error, "an SMTP connection broke off");
            }
            drop(place);
        });
    }
}

/// The envelope so far.
#[derive(Default)]
struct Envelope {
    from: Option<String>,
    to: Vec<String>,
}

async fn converse(shared: &Shared, stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 sandbox ESMTP\r\n").await?;
    let mut envelope = Envelope::default();
    while let Some(line) = read_line(&mut stream).await? {
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        let verb = line
            .split([' ', ':'])
            .next()
            .unwrap_or_default()
            .to_ascii_uppercase();
        let reply = match verb.as_str() {
            "QUIT" => {
                return stream.write_all(b"221 2.0.0 bye\r\n").await;
            }
            "DATA" if envelope.from.is_some() && !envelope.to.is_empty() => {
                stream.write_all(b"354 end with a dot\r\n").await?;
                let Some(raw) = read_mail(&mut stream).await? else {
                    return Ok(());
                };
                accept(shared, std::mem::take(&mut envelope), raw)
            }
            _ => answer(&verb, &line, &mut envelope),
        };
        stream.write_all(reply.as_bytes()).await?;
    }
    Ok(())
}

fn answer(verb: &str, line: &str, envelope: &mut Envelope) -> String {
    match verb {
        "EHLO" => {
            *envelope = Envelope::default();
            let offers = [
                "sandbox",
                &format!("SIZE {MAIL_BYTES}"),
                "8BITMIME",
                "SMTPUTF8",
                "PIPELINING",
            ]
            .map(|offer| format!("250-{offer}\r\n"));
            format!("{}250 ENHANCEDSTATUSCODES\r\n", offers.concat())
        }
        "HELO" => "250 sandbox\r\n".into(),
        "RSET" => {
            *envelope = Envelope::default();
            "250 2.0.0 ok\r\n".into()
        }
        "NOOP" => "250 2.0.0 ok\r\n".into(),
        "VRFY" => "252 2.1.5 send and see\r\n".into(),
        "MAIL" => match address_in(line) {
            Some(from) => {
                *envelope = Envelope {
                    from: Some(from),
                    to: Vec::new(),
                };
                "250 2.1.0 ok\r\n".into()
            }
            None => "501 5.1.7 MAIL FROM:<address> expected\r\n".into(),
        },
        "RCPT" if envelope.from.is_none() => "503 5.5.1 MAIL first\r\n".into(),
        "RCPT" if envelope.to.len() >= RECIPIENTS => "452 4.5.3 too many recipients\r\n".into(),
        "RCPT" => match address_in(line).filter(|address| address.contains('@')) {
            Some(to) => {
                envelope.to.push(to);
                "250 2.1.5 ok\r\n".into()
            }
            None => "501 5.1.3 RCPT TO:<address> expected\r\n".into(),
        },
        "DATA" => "503 5.5.1 MAIL and RCPT first\r\n".into(),
        _ => "502 5.5.1 not offered\r\n".into(),
    }
}

fn accept(shared: &Shared, envelope: Envelope, raw: Vec<u8>) -> String {
    if raw.len() > MAIL_BYTES {
        return "552 5.3.4 too big\r\n".into();
    }
    let mut world = shared.world();
    let id = world.next_mail_id;
    let mail = Mail {
        id,
        at_ms: shared.clock.now_ms(),
        from: envelope.from.unwrap_or_default(),
        to: envelope.to,
        raw,
    };
    world.record(Entry::Mail(mail));
    shared.tell(Event::Mail(id));
    format!("250 2.0.0 kept as {id}\r\n")
}

/// `MAIL FROM:<a@b.example> SIZE=1` → `a@b.example`; the empty sender is allowed.
fn address_in(line: &str) -> Option<String> {
    let (_, rest) = line.split_once('<')?;
    rest.split_once('>')
        .map(|(address, _)| address.trim().to_owned())
}

/// A line with its end; `None` when the other side has hung up.
async fn read_line(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let mut limited = stream.take(LINE_BYTES);
    let reading = limited.read_until(b'\n', &mut line);
    let read = tokio::time::timeout(IDLE, reading).await??;
    Ok((read > 0).then_some(line))
}

/// Reads up to the lonely dot and takes the doubled dots back. Too long a mail is read to its end and cut.
async fn read_mail(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Vec<u8>>> {
    let mut raw = Vec::new();
    let mut begins_line = true;
    while let Some(line) = read_line(stream).await? {
        if begins_line && (line == b".\r\n" || line == b".\n") {
            return Ok(Some(raw));
        }
        let line_ended = line.ends_with(b"\n");
        let content = if begins_line {
            line.strip_prefix(b".").unwrap_or(&line)
        } else {
            &line
        };
        if raw.len() <= MAIL_BYTES {
            raw.extend_from_slice(content);
        }
        begins_line = line_ended;
    }
    Ok(None)
}
