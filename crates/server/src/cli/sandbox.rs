//! `yuezhi sandbox`: the DingTalk sandbox alone, for somebody's own robot code.

use std::{net::SocketAddr, path::PathBuf};

use yuezhi_sandbox::{App, Group, Organisation, Robot, Sandbox, SandboxConfig, SandboxHandle};

use super::{
    Failure, Global,
    output::{self, Grid, Tone},
};
use crate::serve;

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
    let organisation = Organisation::of(arguments.people as usize);
    let config = SandboxConfig {
        listen: arguments.listen,
        data_dir: arguments.data,
        groups: vec![group_of(&organisation)],
        apps: vec![app()],
        ..SandboxConfig::new(organisation)
    };
    let sandbox = Sandbox::start(config)
        .await
        .map_err(|error| Failure::failed(error.to_string()))?;
    tell(global, &sandbox);
    serve::until_told_to_stop().await;
    output::note(texts.get("cli.stopping"));
    sandbox.shutdown().await;
    Ok(())
}

fn tell(global: &Global, sandbox: &SandboxHandle) {
    let (texts, app) = (global.texts(), app());
    let groups = sandbox.groups();
    let robots: Vec<RobotAddress> = groups
        .iter()
        .flat_map(|group| robots_of(&sandbox.url(), group))
        .collect();
    if global.json {
        let app = serde_json::json!({
            "client_id": app.client_id, "client_secret": app.client_secret, "robot_code": app.robot_code,
            "agent_id": app.agent_id,
        });
        output::json(&serde_json::json!({ "url": sandbox.url(), "robots": robots, "app": app }));
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
        facts.fact("Client ID", app.client_id);
        facts.fact("Client Secret", app.client_secret);
        facts.fact("AgentId", app.agent_id.to_string());
        facts.print();
        output::line(&texts.with("cli.sandbox_use", "url", sandbox.url()));
        output::line(texts.get("cli.stop_with"));
    }
}

/// The most that one group holds on the platform.
const GROUP_LIMIT: usize = 1_000;

/// An internal app with a robot; its keys are the same at every start.
fn app() -> App {
    App {
        name: "沙箱应用".to_owned(),
        client_id: "dingsandbox0001".to_owned(),
        client_secret: "client-secret-of-the-sandbox".to_owned(),
        robot_code: "dingsandbox0001".to_owned(),
        agent_id: 3_000_000_002,
        ..App::default()
    }
}

/// A group with a custom robot that wants a signature, and with the app's robot.
fn group_of(organisation: &Organisation) -> Group {
    let members = organisation.people.iter().take(GROUP_LIMIT);
    let mut robot = Robot::new("sandbox", "群机器人");
    robot.security.secret = Some("SECsandbox".to_owned());
    Group {
        members: members.map(|person| person.userid.clone()).collect(),
        robots: vec![robot],
        app_robots: vec![app().robot_code],
        ..Group::new("cidSandboxEveryone0001==", "全员群")
    }
}

/// What somebody needs to send through a robot of the sandbox; none of it is good anywhere else.
#[derive(Debug, serde::Serialize)]
struct RobotAddress {
    group: String,
    webhook: String,
    secret: Option<String>,
}

fn robots_of(base: &str, group: &Group) -> Vec<RobotAddress> {
    let shown = group.listed_robots().map(|robot| RobotAddress {
        group: group.title.clone(),
        webhook: format!("{base}/robot/send?access_token={}", robot.access_token),
        secret: robot.security.secret.clone(),
    });
    shown.collect()
}
