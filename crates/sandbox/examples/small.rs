//! Serves a small organisation: `cargo run -p yuezhi-sandbox --example small [ADDRESS] [PEOPLE] [DIRECTORY]`.
//!
//! With a number of people above six, an invented company of that size.

use std::net::SocketAddr;

use yuezhi_sandbox::{App, Group, Organisation, Robot, Sandbox, SandboxConfig, Security};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let listen: SocketAddr = arguments
        .next()
        .unwrap_or_else(|| "127.0.0.1:8791".into())
        .parse()?;
    let people: usize = arguments.next().map_or(Ok(0), |people| people.parse())?;
    let organisation = if people > 6 {
        Organisation::of(people)
    } else {
        Organisation::small()
    };
    let mut group = Group::new("cidQm0vK3a7c1d9==", format!("{}全员群", organisation.name));
    group.members = organisation
        .people
        .iter()
        .map(|person| person.userid.clone())
        .collect();
    let security = Security {
        keywords: vec!["制度".into()],
        ..Security::default()
    };
    group.robots = vec![Robot {
        security,
        ..Robot::new("small", "制度助手")
    }];
    group.app_robots = vec!["dingsmall".into()];
    let app = App {
        name: "阅知".into(),
        client_id: "dingsmall".into(),
        client_secret: "small-secret".into(),
        robot_code: "dingsmall".into(),
        agent_id: 1,
        ..App::default()
    };
    let sandbox = Sandbox::start(SandboxConfig {
        listen,
        mail_listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        data_dir: arguments.next().map(Into::into),
        groups: vec![group],
        apps: vec![app],
        ..SandboxConfig::new(organisation)
    })
    .await?;
    println!("chat client        {}", sandbox.url());
    println!(
        "webhook            {}/robot/send?access_token=small   (keyword 制度)",
        sandbox.url()
    );
    if let Some(mail) = sandbox.mail_addr() {
        println!("mail (SMTP)        {mail}");
    }
    println!("app                dingsmall / small-secret");
    tokio::signal::ctrl_c().await?;
    sandbox.shutdown().await;
    Ok(())
}
