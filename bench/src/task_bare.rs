//! Contenders that keep nothing: they post prepared bytes as fast as a client of the same kind can.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::Context as _;
use bytes::Bytes;
use lettre::{
    Address,
    address::Envelope,
    transport::smtp::{client::AsyncSmtpConnection, extension::ClientId},
};
use tokio::{net::TcpStream, task::JoinSet};

use crate::task::{Meter, Run};

/// reqwest with the settings that the product's client has.
pub(crate) async fn http(
    url: &str,
    body: &Path,
    count: u64,
    in_flight: u64,
) -> anyhow::Result<Run> {
    let client = reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(5))
        .timeout(Duration::from_secs(15))
        .redirect(reqwest::redirect::Policy::none())
        .http1_only()
        .tcp_nodelay(true)
        .pool_max_idle_per_host(256)
        .referer(false)
        .build()?;
    let url = reqwest::Url::parse(url)?;
    let body = Bytes::from(std::fs::read(body)?);
    let left = Arc::new(AtomicU64::new(count));
    let meter = Meter::start()?;
    let mut senders = JoinSet::new();
    for _ in 0..in_flight {
        let (client, url, body, left) =
            (client.clone(), url.clone(), body.clone(), Arc::clone(&left));
        senders.spawn(async move {
            while take_one(&left) {
                let answer = client
                    .post(url.clone())
                    .header("content-type", "application/json; charset=utf-8")
                    .body(body.clone())
                    .send()
                    .await?
                    .bytes()
                    .await?;
                anyhow::ensure!(answer.starts_with(b"{\"errcode\":0"), "refused");
            }
            Ok(())
        });
    }
    join(senders).await?;
    meter.finish(count)
}

/// lettre over connections without Nagle's delay.
pub(crate) async fn mail(
    relay: SocketAddr,
    mail: &Path,
    count: u64,
    connections: u64,
) -> anyhow::Result<Run> {
    let mail = Bytes::from(std::fs::read(mail)?);
    let envelope = Envelope::new(
        Some("policy@lanchuan.example".parse::<Address>()?),
        vec!["lc00001@lanchuan.example".parse::<Address>()?],
    )?;
    let left = Arc::new(AtomicU64::new(count));
    let meter = Meter::start()?;
    let mut senders = JoinSet::new();
    for _ in 0..connections {
        let (mail, envelope, left) = (mail.clone(), envelope.clone(), Arc::clone(&left));
        senders.spawn(async move {
            let stream = TcpStream::connect(relay).await?;
            stream.set_nodelay(true)?;
            let hello = ClientId::Domain("lanchuan.example".to_owned());
            let mut smtp =
                AsyncSmtpConnection::connect_with_transport(Box::new(stream), &hello).await?;
            while take_one(&left) {
                smtp.send(&envelope, &mail).await?;
            }
            smtp.quit().await?;
            Ok(())
        });
    }
    join(senders).await?;
    meter.finish(count)
}

fn take_one(left: &AtomicU64) -> bool {
    left.try_update(Relaxed, Relaxed, |left| left.checked_sub(1))
        .is_ok()
}

async fn join(mut senders: JoinSet<anyhow::Result<()>>) -> anyhow::Result<()> {
    while let Some(sender) = senders.join_next().await {
        sender?.context("a sender gave up")?;
    }
    Ok(())
}
