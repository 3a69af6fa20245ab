//! The measured claims of docs/performance.md, one command: `cargo run --release -p yuezhi-bench -- all`.
//!
//! Every measure makes its own data from a seed, starts what it compares with, and lets both take turns in the same
//! run (A B A B). Whoever sends is a child process of this binary, so that its processor time can be told apart from
//! the endpoint's. Invariant: ratios of one run are what counts; no figure is asserted. Weakness: Linux only, because
//! processor time and memory are read from /proc.

mod calls;
mod clean_build;
mod confirmations;
mod crash;
mod dispatch_http;
mod dispatch_mail;
mod endpoint;
mod fan_out;
mod figures;
mod first_message;
mod footprint;
mod http_client;
mod installation;
mod ledger;
mod machine;
mod options;
mod pages;
mod peers;
mod place;
mod report;
mod smtp_sink;
mod task;
mod task_bare;
mod task_durable;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{
    options::{Measure, Options},
    report::{Report, Section},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let filter = std::env::var("RUST_LOG").unwrap_or_else(|_| "error".to_owned());
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(filter)
        .init();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    // Losing to an earlier installer is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut arguments = std::env::args();
    if arguments.nth(1).as_deref() == Some(task::CHILD) {
        return task::run_as_child(&arguments.next().unwrap_or_default());
    }
    let options = Options::parse();
    machine::runtime()?.block_on(measure(&options))
}

async fn measure(options: &Options) -> anyhow::Result<()> {
    let mut report = Report::new(options)?;
    for measure in options.measures() {
        eprintln!("measuring {measure} …");
        let section = section(measure, options).await?;
        println!("{section}");
        report.add(section);
    }
    report.write(options.markdown.as_deref())
}

async fn section(measure: Measure, options: &Options) -> anyhow::Result<Section> {
    match measure {
        Measure::P1 => Box::pin(dispatch_http::measure(options)).await,
        Measure::P2 => Box::pin(dispatch_mail::measure(options)).await,
        Measure::P3 => Box::pin(fan_out::measure(options)).await,
        Measure::P4 => Box::pin(confirmations::measure(options)).await,
        Measure::P5 => Box::pin(pages::measure(options)).await,
        Measure::P7 => Box::pin(first_message::measure(options)).await,
        Measure::P8 => Box::pin(footprint::measure(options)).await,
        Measure::P10 => clean_build::measure(options),
        Measure::P12 => Box::pin(crash::measure(options)).await,
        Measure::Calls => Box::pin(calls::measure(options)).await,
        Measure::All => anyhow::bail!("all stands for the others"),
    }
}
