//! A mail relay that takes everything: SMTP over loopback without TLS, on a thread of its own.
//!
//! As fast as it can be made simply: it works on whole buffers and answers all complete lines of one at once.
//! Weakness: it checks nothing; a client that breaks the protocol gets nonsense.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use bytes::{Buf as _, BytesMut};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

use crate::endpoint::find;

const END: &[u8] = b"\r\n.\r\n";

/// Runs until dropped.
#[derive(Debug)]
pub(crate) struct SmtpSink {
    pub address: SocketAddr,
    seen: Arc<Seen>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Seen {
    taken: AtomicU64,
    sample: Mutex<Vec<u8>>,
}

impl SmtpSink {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let seen = Arc::new(Seen::default());
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::clone(&seen);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = std::thread::Builder::new()
            .name("smtp-sink".to_owned())
            .spawn(move || {
                runtime.block_on(async move {
                    let listener =
                        TcpListener::from_std(listener).expect("a listener that does not block");
                    tokio::select! {
                        () = accept(listener, &shared) => {}
                        _ = stopped => {}
                    }
                });
            })?;
        Ok(Self {
            address,
            seen,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Mails so far.
    pub(crate) fn taken(&self) -> u64 {
        self.seen.taken.load(Relaxed)
    }

    /// The first mail, without its end.
    pub(crate) fn sample(&self) -> Vec<u8> {
        self.seen
            .sample
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for SmtpSink {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

async fn accept(listener: TcpListener, seen: &Arc<Seen>) {
    while let Ok((stream, _)) = listener.accept().await {
        let seen = Arc::clone(seen);
        tokio::spawn(async move { converse(stream, &seen).await.ok() });
    }
}

async fn converse(mut stream: TcpStream, seen: &Seen) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = BytesMut::with_capacity(64 * 1024);
    let mut replies = b"220 sink ESMTP\r\n".to_vec();
    let mut in_mail = false;
    loop {
        while let Some(reply) = step(&mut input, &mut in_mail, seen) {
            replies.extend_from_slice(reply);
        }
        if !replies.is_empty() {
            stream.write_all(&replies).await?;
            replies.clear();
        }
        if stream.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
    }
}

/// Takes one line, or one mail, off the input; what to answer. `None` when more must come first.
fn step(input: &mut BytesMut, in_mail: &mut bool, seen: &Seen) -> Option<&'static [u8]> {
    if *in_mail {
        let end = find(input, END)?;
        let mut sample = seen.sample.lock().unwrap_or_else(PoisonError::into_inner);
        if sample.is_empty() {
            sample.extend_from_slice(&input[..end]);
        }
        drop(sample);
        input.advance(end + END.len());
        *in_mail = false;
        seen.taken.fetch_add(1, Relaxed);
        return Some(b"250 2.0.0 kept\r\n");
    }
    let end = input.iter().position(|byte| *byte == b'\n')? + 1;
    let verb: Vec<u8> = input.iter().take(4).map(u8::to_ascii_uppercase).collect();
    input.advance(end);
    Some(match verb.as_slice() {
        b"EHLO" => b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES\r\n",
        b"DATA" => {
            *in_mail = true;
            b"354 go on\r\n"
        }
        b"QUIT" => b"221 2.0.0 bye\r\n",
        _ => b"250 2.0.0 ok\r\n",
    })
}
