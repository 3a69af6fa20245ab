//! `yuezhi demo`: a whole installation in one process, with the DingTalk sandbox in the place of DingTalk.
//!
//! Called by the command line and by the browser tests. Everything runs through the same code as `serve`; only the
//! platform's addresses, the data directory and the clock (which can be moved forward) are its own. Invariant: what
//! is in the data directory survives a restart, the moved clock included.

pub mod company;
mod company_names;
mod company_plan;
pub mod pages;
mod platform;
mod seed;
pub mod time_travel;

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use rust_embed::RustEmbed;
use secrecy::SecretString;
use tokio::net::TcpListener;
use yuezhi_sandbox::{Sandbox, SandboxConfig, SandboxHandle};
use yuezhi_store::settings;

use crate::{
    actions::ActionError,
    app::{App, Start},
    clock::Clock,
    config::{
        Config, ConsoleConfig, DatabaseConfig, DingTalkConfig, MailConfig, RobotConfig,
        ServerConfig, SourceConfig,
    },
    serve::{Node, open_database, system_ids},
};

/// What pages of a demo link to, and what moving the clock needs.
#[derive(Clone, Debug)]
pub struct DemoLinks {
    /// The chat client of the sandbox.
    pub chat_url: String,
    /// The mailbox of the sandbox.
    pub mail_url: String,
    /// Lets the printed link sign in without a password.
    pub entry_key: String,
    pub sandbox_clock: yuezhi_sandbox::Clock,
    pub folder: PathBuf,
}

/// What `yuezhi demo` was asked for.
#[derive(Debug, Clone)]
pub struct DemoOptions {
    pub listen: SocketAddr,
    /// Where the sandbox listens; port 0 takes a free one.
    pub sandbox_listen: SocketAddr,
    pub data: PathBuf,
    pub people: usize,
    pub language: crate::texts::Language,
}

/// A running demo.
pub struct Demo {
    pub node: Node,
    pub sandbox: SandboxHandle,
    /// Signs in to the console and goes there.
    pub console_url: String,
    pub chat_url: String,
    /// Files dropped here are published.
    pub folder: PathBuf,
    /// Policies that wait to be published by whoever tries the demo.
    pub next: PathBuf,
}

#[derive(RustEmbed)]
#[folder = "demo/"]
#[include = "policies/**/*"]
#[include = "next/*"]
struct Shipped;

/// Where the moved clock stands in `settings`; milliseconds.
const OFFSET_SETTING: &str = "demo_clock_offset";
const SEEDED_SETTING: &str = "demo_seeded";
const SEED: u64 = 20_261_122;

impl Demo {
    /// Starts sandbox and server; invents the company at the first start. `progress` is told what is being done.
    pub async fn start(options: DemoOptions, progress: &dyn Fn(&str)) -> Result<Self, ActionError> {
        let io = |error: std::io::Error| {
            ActionError::internal(format!("{}: {error}", options.data.display()))
        };
        fs::create_dir_all(&options.data).map_err(io)?;
        let folder = options.data.join("inbox");
        let next = options.data.join("next");
        fs::create_dir_all(&folder).map_err(io)?;
        write_next(&next).map_err(io)?;

        let listener = TcpListener::bind(options.listen).await.map_err(|error| {
            ActionError::internal(format!(
                "cannot listen on {}: {error}. Choose another address with --listen.",
                options.listen
            ))
        })?;
        let address = listener.local_addr().map_err(ActionError::internal)?;
        let company = company::company(options.people, SEED);
        let clock = Clock::shifted(0);
        let sandbox = start_sandbox(&options, &company).await?;
        let config = configuration(&options, address, &sandbox, &company, &folder);
        let db = open_database(&config).await?;
        let (offset, seeded) = db
            .read(|tx| {
                Ok::<_, ActionError>((
                    settings::get(tx, OFFSET_SETTING)?,
                    settings::get(tx, SEEDED_SETTING)?,
                ))
            })
            .await?;
        let ids = system_ids();
        let links = DemoLinks {
            chat_url: sandbox.url(),
            mail_url: format!("{}/mail", sandbox.url()),
            entry_key: ids.next::<uuid::Uuid>(clock.now()).simple().to_string(),
            sandbox_clock: sandbox.clock().clone(),
            folder: folder.clone(),
        };
        let entry = format!("http://{address}/demo/enter?key={}", links.entry_key);
        let app = App::start(Start {
            config,
            db,
            clock,
            ids,
            demo: Some(links),
        })
        .await?;
        if seeded.is_none() {
            Box::pin(seed::seed(&app, &company, progress)).await?;
        }
        time_travel::set_offset(&app, offset.and_then(|o| o.parse().ok()).unwrap_or(0));
        let chat_url = sandbox.url();
        let node = Node::start(app, listener)?;
        Ok(Self {
            node,
            sandbox,
            console_url: entry,
            chat_url,
            folder,
            next,
        })
    }

    pub async fn stop(self) {
        self.node.stop().await;
        self.sandbox.shutdown().await;
    }
}

fn write_next(folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    for name in Shipped::iter().filter(|name| name.starts_with("next/")) {
        let Some(file) = Shipped::get(&name) else {
            continue;
        };
        let target = folder.join(name.trim_start_matches("next/"));
        if !target.exists() {
            fs::write(target, &file.data)?;
        }
    }
    Ok(())
}

/// The robot of a group: its token and secret are the same at every start of the same data directory.
fn robot_token(group: &str) -> String {
    use sha2::Digest as _;
    hex::encode(sha2::Sha256::digest(format!("demo robot {group}")))
}

fn robot_secret(group: &str) -> String {
    format!("SEC{}", robot_token(&format!("{group} secret")))
}

async fn start_sandbox(
    options: &DemoOptions,
    company: &company::Company,
) -> Result<SandboxHandle, ActionError> {
    let config = SandboxConfig {
        listen: options.sandbox_listen,
        data_dir: Some(options.data.join("sandbox")),
        mail_listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        groups: platform::groups(company),
        apps: vec![platform::app()],
        ..SandboxConfig::new(platform::organisation(company))
    };
    let sandbox = Sandbox::start(config).await;
    let sandbox = sandbox.map_err(ActionError::internal)?;
    let file =
        serde_json::from_str(yuezhi_channels::card::template()).map_err(ActionError::internal)?;
    sandbox
        .import_template(
            &platform::app().client_id,
            platform::CARD_TEMPLATE,
            true,
            &file,
        )
        .map_err(ActionError::internal)?;
    Ok(sandbox)
}

fn configuration(
    options: &DemoOptions,
    address: SocketAddr,
    sandbox: &SandboxHandle,
    company: &company::Company,
    folder: &Path,
) -> Config {
    let base = sandbox.url();
    let robots = company.groups.iter().map(|group| RobotConfig {
        name: group.id.to_owned(),
        webhook: Some(SecretString::from(format!(
            "{base}/robot/send?access_token={}",
            robot_token(group.id)
        ))),
        webhook_file: None,
        secret: Some(SecretString::from(robot_secret(group.id))),
        secret_file: None,
        keywords: Vec::new(),
    });
    let mail = sandbox.mail_addr().map(|mail| MailConfig {
        host: mail.ip().to_string(),
        port: Some(mail.port()),
        tls: "none".to_owned(),
        ca_file: None,
        username: None,
        password: None,
        password_file: None,
        from: format!("{} <policy@lanchuan.example>", company.name),
        reply_to: None,
        connections: 4,
        per_minute: None,
    });
    Config {
        server: ServerConfig {
            listen: address.to_string(),
            public_url: Some(format!("http://{address}")),
            language: options.language.as_str().to_owned(),
            organisation: Some(match options.language {
                crate::texts::Language::ZhCn => company.name.to_owned(),
                crate::texts::Language::En => company.english_name.to_owned(),
            }),
            ..ServerConfig::default()
        },
        database: DatabaseConfig {
            url: format!("sqlite:{}", options.data.join("yuezhi.sqlite").display()),
            ..DatabaseConfig::default()
        },
        dingtalk: dingtalk(&base, company),
        console: ConsoleConfig {
            dingtalk_admins: vec!["main".to_owned(), "sub".to_owned()],
        },
        robot: robots.collect(),
        mail,
        source: vec![SourceConfig {
            name: "inbox".to_owned(),
            folder: folder.to_owned(),
            audience: None,
            channels: Vec::new(),
            settle_seconds: 1,
            quiet_first_import: false,
        }],
    }
}

/// The whole app: robot, work notices, cards, Stream, the directory, and signing in inside the chat client.
fn dingtalk(base: &str, company: &company::Company) -> DingTalkConfig {
    let app = platform::app();
    DingTalkConfig {
        client_id: Some(app.client_id),
        client_secret: Some(SecretString::from(app.client_secret)),
        agent_id: Some(app.agent_id),
        robot_code: Some(app.robot_code),
        corp_id: Some(company.corp_id.to_owned()),
        card_template_id: Some(platform::CARD_TEMPLATE.to_owned()),
        operator_user_id: platform::operator(company).map(str::to_owned),
        sync_people: true,
        jsapi_url: Some(format!("{base}/sandbox/jsapi.js")),
        api_base: base.to_owned(),
        oapi_base: base.to_owned(),
        login_base: base.to_owned(),
        ..DingTalkConfig::default()
    }
}
