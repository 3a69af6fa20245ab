//! `yuezhi sandbox`: the DingTalk sandbox alone, for somebody's own robot code.

use std::{net::SocketAddr, path::PathBuf};

use yuezhi_sandbox::{Sandbox, SandboxConfig};

use super::{
    Failure, Global,
    output::{self, Grid, Tone},
};
use crate::{demo, serve};

/// Where it listens and whom it holds.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Address of both API hosts and of the chat client.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8791")]
    listen: SocketAddr,
    /// People of the invented company.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(20..=100_000))]
    people: u32,
    /// Keep chats and robots in this folder.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> Result<(), Failure> {
    let texts = global.texts();
    let mut config: SandboxConfig = demo::sandbox_for(arguments.people as usize);
    config.listen = arguments.listen;
    config.data_dir = arguments.data;
    let sandbox = Sandbox::start(config)
        .await
        .map_err(|error| Failure::failed(error.to_string()))?;
    let groups = sandbox.groups();
    let robots: Vec<RobotAddress> = groups
        .iter()
        .flat_map(|group| robots_of(&sandbox.url(), group))
        .collect();
    if global.json {
        output::json(&serde_json::json!({ "url": sandbox.url(), "robots": robots }));
    } else {
        output::line(&output::toned(Tone::Strong, texts.get("cli.sandbox_up")));
        let mut facts = Grid::facts();
        facts.fact(texts.get("cli.demo_chat"), sandbox.url());
        for robot in &robots {
            let secret = robot
                .secret
                .as_deref()
                .map(|secret| format!("\n{secret}"))
                .unwrap_or_default();
            facts.fact(&robot.group, format!("{}{secret}", robot.webhook));
        }
        facts.print();
        output::line(&texts.with("cli.sandbox_use", "url", sandbox.url()));
        output::line(texts.get("cli.stop_with"));
    }
    serve::until_told_to_stop().await;
    output::note(texts.get("cli.stopping"));
    sandbox.shutdown().await;
    Ok(())
}

/// What somebody needs to send through a robot of the sandbox; none of it is good anywhere else.
#[derive(Debug, serde::Serialize)]
struct RobotAddress {
    group: String,
    webhook: String,
    secret: Option<String>,
}

fn robots_of(base: &str, group: &yuezhi_sandbox::Group) -> Vec<RobotAddress> {
    let shown = group.listed_robots().map(|robot| RobotAddress {
        group: group.title.clone(),
        webhook: format!("{base}/robot/send?access_token={}", robot.access_token),
        secret: robot.security.secret.clone(),
    });
    shown.collect()
}
