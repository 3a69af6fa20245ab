//! The command line: one file a command; human output by default, `--json` for scripts.
//!
//! Client commands speak to a running server over its API; on the server's own machine they find it and its key by
//! themselves ([`local`]). Exit codes: 0 done, 1 failed, 2 wrong usage or input. Invariant: what a command prints on
//! standard output is its result, everything else goes to standard error.

mod backup;
mod calendar;
mod client;
mod demo;
mod doctor;
mod groups;
pub mod local;
mod notices;
mod output;
mod people;
mod publish;
mod sandbox;
mod send;
mod serve;
mod token;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::{
    actions::ActionError,
    refusal::RefusalKind,
    texts::{Language, Texts, parse_language},
};

/// 阅知 Yuezhi: policy updates that people really read.
#[derive(Debug, Parser)]
#[command(
    name = "yuezhi",
    version,
    about,
    propagate_version = true,
    arg_required_else_help = true
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Global {
    /// Configuration file (default: ./yuezhi.toml if it exists).
    #[arg(long, global = true, value_name = "FILE", env = "YUEZHI_CONFIG")]
    pub config: Option<PathBuf>,
    /// Address of the server, for commands that speak to one.
    #[arg(long, global = true, value_name = "URL", env = "YUEZHI_URL")]
    pub url: Option<String>,
    /// API token for the server.
    #[arg(
        long,
        global = true,
        value_name = "TOKEN",
        env = "YUEZHI_TOKEN",
        hide_env_values = true
    )]
    pub token: Option<String>,
    /// Print the result as JSON.
    #[arg(long, global = true)]
    pub json: bool,
    /// Language of the output: zh-CN or en (default: from LANG).
    #[arg(long, global = true, value_name = "LANG")]
    pub language: Option<String>,
}

impl Global {
    pub fn texts(&self) -> Texts {
        let from_environment = || {
            ["LC_ALL", "LC_MESSAGES", "LANG"]
                .iter()
                .find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()))
        };
        let language = self
            .language
            .clone()
            .or_else(from_environment)
            .and_then(|tag| parse_language(&tag));
        Texts::of(language.unwrap_or(Language::En))
    }

    /// The file given, or the one in this folder if there is one.
    pub fn config_path(&self) -> Option<PathBuf> {
        let here = PathBuf::from("yuezhi.toml");
        self.config
            .clone()
            .or_else(|| here.exists().then_some(here))
    }

    pub fn load_config(&self) -> Result<crate::config::Config, Failure> {
        // A client's own variables are not settings of the server.
        let variables = std::env::vars().filter(|(name, _)| name.contains("__"));
        crate::config::Config::load(self.config_path().as_deref(), variables)
            .map_err(|error| Failure::usage(error.to_string()))
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Try everything: server, DingTalk sandbox with chat client, an invented company. Needs nothing else.
    Demo(demo::Arguments),
    /// Run the server.
    Serve(serve::Arguments),
    /// Run the DingTalk sandbox alone.
    Sandbox(sandbox::Arguments),
    /// Publish a file as a new version of a policy and tell its audience.
    Publish(publish::Arguments),
    /// Send one message through a group robot; needs no server.
    Send(send::Arguments),
    /// List notices with their numbers.
    Notices(notices::ListArguments),
    /// Show one notice: numbers by department, who is outstanding.
    Status(notices::StatusArguments),
    /// Remind those who still owe.
    Remind(notices::RemindArguments),
    /// Take a notice back.
    Cancel(notices::CancelArguments),
    /// Import, synchronise and list people.
    People(people::Arguments),
    /// Notification groups: list, create, pause, resume, retry, forget.
    Groups(groups::Arguments),
    /// Check database, robots, mail, clock, calendar, addresses; say what to do.
    Doctor(doctor::Arguments),
    /// Create and list API tokens.
    Token(token::Arguments),
    /// Write everything into one file.
    Backup(backup::BackupArguments),
    /// Bring a backup back.
    Restore(backup::RestoreArguments),
    /// Work calendar: check, import a year.
    Calendar(calendar::Arguments),
}

/// Why a command ended without its result.
#[derive(Debug)]
pub struct Failure {
    pub message: String,
    /// 1 failed, 2 usage or input.
    pub code: u8,
}

impl Failure {
    pub fn usage(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            code: 2,
        }
    }

    pub fn failed(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            code: 1,
        }
    }

    pub fn of_action(error: &ActionError, texts: Texts) -> Self {
        match error {
            ActionError::Refused(refusal) => Self {
                message: refusal.sentence(texts),
                code: if refusal.kind == RefusalKind::Invalid {
                    2
                } else {
                    1
                },
            },
            ActionError::Internal(inside) => Self::failed(inside.clone()),
        }
    }
}

/// Parses the arguments, runs the command, prints a failure.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    output::start_logging(&cli.command);
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        tracing::debug!("a TLS provider was installed already");
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            output::failure(&format!("cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::failure(&failure.message);
            ExitCode::from(failure.code)
        }
    }
}

async fn run(cli: Cli) -> Result<(), Failure> {
    let global = cli.global;
    match cli.command {
        Command::Demo(arguments) => demo::run(&global, arguments).await,
        Command::Serve(arguments) => serve::run(&global, arguments).await,
        Command::Sandbox(arguments) => sandbox::run(&global, arguments).await,
        Command::Publish(arguments) => publish::run(&global, arguments).await,
        Command::Send(arguments) => send::run(&global, arguments).await,
        Command::Notices(arguments) => notices::list(&global, arguments).await,
        Command::Status(arguments) => notices::status(&global, arguments).await,
        Command::Remind(arguments) => notices::remind(&global, arguments).await,
        Command::Cancel(arguments) => notices::cancel(&global, arguments).await,
        Command::People(arguments) => people::run(&global, arguments).await,
        Command::Groups(arguments) => groups::run(&global, arguments).await,
        Command::Doctor(arguments) => doctor::run(&global, arguments).await,
        Command::Token(arguments) => token::run(&global, arguments).await,
        Command::Backup(arguments) => backup::backup(&global, arguments).await,
        Command::Restore(arguments) => backup::restore(&global, arguments).await,
        Command::Calendar(arguments) => calendar::run(&global, arguments).await,
    }
}
