//! Programs of other registries to compare with, built only on demand (`--peers`): `bench/peers/*`.
//!
//! Each is run as a child process and prints a [`Run`] like our own contenders. Weakness: the first run downloads and
//! compiles.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use tokio::process::Command;

use crate::task::{Run, Running};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("peers")
        .join(name)
}

/// Builds the queue on SQLite; the program.
pub(crate) async fn apalis() -> anyhow::Result<PathBuf> {
    let folder = folder("apalis");
    let status = Command::new("cargo")
        .args(["build", "--release", "--quiet"])
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .current_dir(&folder)
        .status()
        .await?;
    anyhow::ensure!(status.success(), "the peer apalis could not be built");
    Ok(folder.join("target/release/yuezhi-bench-apalis"))
}

/// Installs the mail library; the program for node.
pub(crate) async fn nodemailer() -> anyhow::Result<PathBuf> {
    let folder = folder("nodemailer");
    let status = Command::new("npm")
        .args(["ci", "--silent", "--no-audit", "--no-fund"])
        .current_dir(&folder)
        .status()
        .await
        .context("npm is needed for the peer nodemailer")?;
    anyhow::ensure!(
        status.success(),
        "the peer nodemailer could not be installed"
    );
    Ok(folder.join("send.mjs"))
}

/// Fills the queue, then measures how it posts `body` so often.
pub(crate) async fn drain(
    program: &Path,
    database: &Path,
    url: &str,
    body: &Path,
    count: u64,
) -> anyhow::Result<Run> {
    drop(std::fs::remove_file(database));
    fill(program, database, count).await?;
    let mut command = Command::new(program);
    command
        .args(["work", &count.to_string(), url])
        .arg(database)
        .arg(body);
    Running::of(command)?.result().await
}

pub(crate) async fn fill(program: &Path, database: &Path, count: u64) -> anyhow::Result<()> {
    let status = Command::new(program)
        .args(["fill", &count.to_string(), "-"])
        .arg(database)
        .status()
        .await?;
    anyhow::ensure!(status.success(), "the peer's queue could not be filled");
    Ok(())
}

/// Works the queue without an end; every message has a key of its own.
pub(crate) fn work(program: &Path, database: &Path, url: &str) -> anyhow::Result<Running> {
    let mut command = Command::new(program);
    command.args(["work", "0", url]).arg(database);
    Running::of(command)
}

pub(crate) async fn mail(
    program: &Path,
    relay: SocketAddr,
    mail: &Path,
    count: u64,
    connections: u64,
) -> anyhow::Result<Run> {
    let mut command = Command::new("node");
    command
        .arg(program)
        .args([
            relay.port().to_string(),
            count.to_string(),
            connections.to_string(),
        ])
        .arg(mail);
    Running::of(command)?.result().await
}
