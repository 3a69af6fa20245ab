//! A client that costs next to nothing: prepared requests over kept-alive connections, one at a time each.
//!
//! Weakness: understands answers with `content-length` only, which is what pages and redirects here have.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use anyhow::Context as _;
use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

use crate::{
    endpoint::{content_length, find},
    machine::Watch,
};

/// What became of a load.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub seconds: f64,
    /// One for each request, in no order.
    pub millis: Vec<f64>,
}

impl Loaded {
    pub(crate) fn per_second(&self) -> f64 {
        self.millis.len() as f64 / self.seconds
    }
}

/// A GET.
pub(crate) fn get(path: &str, cookie: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncookie: {cookie}\r\n\r\n").into_bytes()
}

/// A form, posted from a page of the same site.
pub(crate) fn post(path: &str, form: &str) -> Vec<u8> {
    let length = form.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nsec-fetch-site: same-origin\r\nuser-agent: Mobile DingTalk\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n\r\n{form}"
    )
    .into_bytes()
}

/// Sends all requests over so many connections; every answer must have this status.
pub(crate) async fn load(
    address: SocketAddr,
    connections: usize,
    requests: Vec<Vec<u8>>,
    status: &str,
) -> anyhow::Result<Loaded> {
    let requests = Arc::new(requests);
    let next = Arc::new(AtomicUsize::new(0));
    let mut streams = Vec::new();
    for _ in 0..connections {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        streams.push(stream);
    }
    let expected = format!("HTTP/1.1 {status}");
    let watch = Watch::start();
    let mut clients = JoinSet::new();
    for stream in streams {
        clients.spawn(client(
            stream,
            Arc::clone(&requests),
            Arc::clone(&next),
            expected.clone(),
        ));
    }
    let mut millis = Vec::with_capacity(requests.len());
    while let Some(client) = clients.join_next().await {
        millis.extend(client??);
    }
    Ok(Loaded {
        seconds: watch.seconds(),
        millis,
    })
}

async fn client(
    mut stream: TcpStream,
    requests: Arc<Vec<Vec<u8>>>,
    next: Arc<AtomicUsize>,
    expected: String,
) -> anyhow::Result<Vec<f64>> {
    let mut millis = Vec::new();
    let mut answer = BytesMut::with_capacity(64 * 1024);
    while let Some(request) = requests.get(next.fetch_add(1, Relaxed)) {
        let watch = Watch::start();
        stream.write_all(request).await?;
        read_answer(&mut stream, &mut answer).await?;
        anyhow::ensure!(
            answer.starts_with(expected.as_bytes()),
            "expected {expected}, got {}",
            String::from_utf8_lossy(&answer)
                .chars()
                .take(400)
                .collect::<String>()
        );
        answer.clear();
        millis.push(watch.millis());
    }
    Ok(millis)
}

async fn read_answer(stream: &mut TcpStream, answer: &mut BytesMut) -> anyhow::Result<()> {
    loop {
        if let Some(at) = find(answer, b"\r\n\r\n")
            && answer.len() >= at + 4 + content_length(&answer[..at + 4])
        {
            return Ok(());
        }
        let read = stream.read_buf(answer).await?;
        (read > 0).then_some(()).context("the server hung up")?;
    }
}
