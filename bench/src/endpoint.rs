//! A platform that takes everything: HTTP/1.1 over loopback, one prepared answer, on a thread of its own.
//!
//! The dispatcher and its contenders post here. It costs as little as possible, so that the sender is what is measured.
//! Weakness: it reads just enough HTTP for clients that send `content-length`.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::{Buf as _, BytesMut};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

use crate::machine::Watch;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 27\r\n\r\n{\"errcode\":0,\"errmsg\":\"ok\"}";
/// What makes a repeated robot message recognisable.
const KEY: &[u8] = b"\"msgUuid\":\"";

/// How the endpoint treats what it gets.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Manner {
    /// Keep every message's key, to count losses and repeats.
    pub remembers: bool,
    /// Let every sender wait so long.
    pub delay: Duration,
}

/// Runs until dropped.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub address: SocketAddr,
    seen: Arc<Seen>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Seen {
    taken: AtomicU64,
    keys: Mutex<HashMap<Vec<u8>, u64>>,
    /// The body of the last request, to give the contenders the same bytes.
    sample: Mutex<Vec<u8>>,
    last: Mutex<Option<Watch>>,
}

impl Endpoint {
    pub(crate) fn start(manner: Manner) -> anyhow::Result<Self> {
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
            .name("endpoint".to_owned())
            .spawn(move || {
                runtime.block_on(async move {
                    let listener =
                        TcpListener::from_std(listener).expect("a listener that does not block");
                    tokio::select! {
                        () = accept(listener, &shared, manner) => {}
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

    /// A robot's address here.
    pub(crate) fn webhook(&self) -> String {
        format!("http://{}/robot/send?access_token=bench", self.address)
    }

    /// Requests so far.
    pub(crate) fn taken(&self) -> u64 {
        self.seen.taken.load(Relaxed)
    }

    /// Different messages so far; counted only when it remembers.
    pub(crate) fn different(&self) -> u64 {
        lock(&self.seen.keys).len() as u64
    }

    /// When the last request was whole.
    pub(crate) fn last_at(&self) -> Option<Watch> {
        *lock(&self.seen.last)
    }

    pub(crate) fn sample(&self) -> Vec<u8> {
        lock(&self.seen.sample).clone()
    }

    /// Waits until so many requests have come; whether they did in time.
    pub(crate) async fn wait_for(&self, taken: u64, at_most: Duration) -> bool {
        let watch = Watch::start();
        while self.taken() < taken {
            if watch.elapsed() > at_most {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        true
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, seen: &Arc<Seen>, manner: Manner) {
    while let Ok((stream, _)) = listener.accept().await {
        let seen = Arc::clone(seen);
        // A connection that breaks off is its sender's matter.
        tokio::spawn(async move { converse(stream, &seen, manner).await.ok() });
    }
}

async fn converse(mut stream: TcpStream, seen: &Seen, manner: Manner) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = BytesMut::with_capacity(32 * 1024);
    let mut answers = Vec::new();
    loop {
        while let Some((body_at, end)) = whole_request(&input) {
            seen.note(&input[body_at..end], manner);
            input.advance(end);
            answers.extend_from_slice(ANSWER);
        }
        if !answers.is_empty() {
            if !manner.delay.is_zero() {
                tokio::time::sleep(manner.delay).await;
            }
            stream.write_all(&answers).await?;
            answers.clear();
        }
        if stream.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
    }
}

impl Seen {
    fn note(&self, body: &[u8], manner: Manner) {
        if manner.remembers {
            let key = find(body, KEY).and_then(|at| body.get(at + KEY.len()..at + KEY.len() + 36));
            *lock(&self.keys)
                .entry(key.unwrap_or_default().to_vec())
                .or_default() += 1;
        }
        *lock(&self.last) = Some(Watch::start());
        let mut sample = lock(&self.sample);
        if sample.is_empty() {
            sample.extend_from_slice(body);
        }
        drop(sample);
        self.taken.fetch_add(1, Relaxed);
    }
}

/// Where the body of the first request begins and ends, once all of it is there.
fn whole_request(input: &[u8]) -> Option<(usize, usize)> {
    let body_at = find(input, b"\r\n\r\n")? + 4;
    let length = content_length(&input[..body_at]);
    (input.len() >= body_at + length).then_some((body_at, body_at + length))
}

/// 0 without the header.
pub(crate) fn content_length(head: &[u8]) -> usize {
    const NAME: &[u8] = b"\r\ncontent-length:";
    let Some(at) = head
        .windows(NAME.len())
        .position(|window| window.eq_ignore_ascii_case(NAME))
    else {
        return 0;
    };
    head[at + NAME.len()..]
        .iter()
        .skip_while(|byte| **byte == b' ')
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0, |length, digit| length * 10 + usize::from(digit - b'0'))
}

pub(crate) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}
