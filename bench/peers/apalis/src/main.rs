//! A durable queue to compare with: apalis on SQLite, posting each job over HTTP.
//!
//! `fill COUNT - DATABASE` puts jobs in; `work COUNT URL DATABASE [BODY]` posts them. With a body file every job posts
//! those bytes; without one each has a key of its own. COUNT 0 works without an end. Prints one line of JSON, as
//! bench/src/task.rs reads it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use apalis::prelude::*;
use apalis_sqlite::{Config, SqliteConnectOptions, SqlitePool, SqliteStorage};
use futures::stream;

const QUEUE: &str = "bench";
const BATCH: usize = 500;
const IN_FLIGHT: usize = 64;

#[derive(Clone)]
struct Endpoint {
    client: reqwest::Client,
    url: String,
    body: Option<Arc<Vec<u8>>>,
    done: Arc<AtomicU64>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [verb, count, url, database, rest @ ..] = arguments.as_slice() else {
        anyhow::bail!("fill|work COUNT URL DATABASE [BODY]");
    };
    let count: u64 = count.parse()?;
    let options = SqliteConnectOptions::new().filename(database).create_if_missing(true);
    let pool = SqlitePool::connect_with(options).await?;
    SqliteStorage::setup(&pool).await?;
    match verb.as_str() {
        "fill" => fill(&pool, count).await,
        _ => {
            let body = rest.first().map(std::fs::read).transpose()?.map(Arc::new);
            work(&pool, count, url, body).await
        }
    }
}

fn storage(pool: &SqlitePool) -> SqliteStorage<u64> {
    let config = Config::default().queue(QUEUE).batch_size(BATCH).persist_results(false);
    SqliteStorage::new(pool).with_config(config)
}

async fn fill(pool: &SqlitePool, count: u64) -> anyhow::Result<()> {
    let mut tasks = stream::iter((1..=count).map(|number| TaskBuilder::new(number).build()));
    storage(pool).push_all(&mut tasks).await.map_err(|error| anyhow::anyhow!("{error:?}"))?;
    Ok(())
}

async fn work(pool: &SqlitePool, count: u64, url: &str, body: Option<Arc<Vec<u8>>>) -> anyhow::Result<()> {
    let endpoint = Endpoint {
        client: reqwest::Client::builder().http1_only().tcp_nodelay(true).build()?,
        url: url.to_owned(),
        body,
        done: Arc::new(AtomicU64::new(0)),
    };
    let before = cpu_seconds()?;
    let start = Instant::now();
    let done = Arc::clone(&endpoint.done);
    let worker = WorkerBuilder::new(format!("bench-{}", std::process::id()))
        .backend(storage(pool))
        .data(endpoint)
        .concurrency(IN_FLIGHT)
        .parallelize(tokio::spawn)
        .build(post);
    let finished = async {
        while count == 0 || done.load(Relaxed) < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        ended = worker.run() => ended.map_err(|error| anyhow::anyhow!("{error:?}"))?,
        () = finished => {}
    }
    println!(
        "{}",
        serde_json::json!({
            "count": count,
            "seconds": start.elapsed().as_secs_f64(),
            "cpu_seconds": cpu_seconds()? - before,
            "peak_mib": peak_mib()?,
        })
    );
    Ok(())
}

async fn post(number: u64, endpoint: Data<Endpoint>) -> Result<(), BoxDynError> {
    let body = match &endpoint.body {
        Some(body) => body.to_vec(),
        None => format!("{{\"msgtype\":\"text\",\"msgUuid\":\"{number:036}\"}}").into_bytes(),
    };
    endpoint.client.post(&endpoint.url).body(body).send().await?.bytes().await?;
    endpoint.done.fetch_add(1, Relaxed);
    Ok(())
}

fn cpu_seconds() -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let rest = stat.rsplit_once(')').context("no name in brackets")?.1;
    let ticks: f64 = rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    Ok(ticks / 100.0)
}

fn peak_mib() -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    let kib: f64 = line.split_whitespace().next().context("empty")?.parse()?;
    Ok(kib / 1024.0)
}
