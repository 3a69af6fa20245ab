//! `yuezhi token create|list|revoke`: on the server's machine, straight on the database.

use clap::Subcommand;
use yuezhi_store::tokens;

use super::{
    Failure, Global,
    output::{self, Grid},
};
use crate::{
    actions::{ActionError, Actor, create_token},
    api,
    app::{App, Start},
    clock::Clock,
    serve,
};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create a token and print it, once.
    Create {
        /// What it is for; stands in the audit trail.
        name: String,
    },
    /// List tokens; their values are not kept.
    List,
    /// End a token at once.
    Revoke {
        /// Its id, as `yuezhi token list` shows it.
        id: String,
    },
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> Result<(), Failure> {
    let texts = global.texts();
    let of_action = |error: ActionError| Failure::of_action(&error, texts);
    let app = Box::pin(open(global)).await?;
    let zone = app.time_zone.as_str().to_owned();
    match arguments.command {
        Command::Create { name } => {
            let value = create_token::create(&app, Actor::CommandLine, &name)
                .await
                .map_err(of_action)?;
            if global.json {
                output::json(&api::tokens::NewToken { value });
            } else {
                output::line(&value);
                output::note(texts.get("cli.token_once"));
            }
        }
        Command::List => {
            let rows = app
                .db
                .read(|tx| Ok::<_, ActionError>(tokens::list(tx)?))
                .await
                .map_err(of_action)?;
            let tokens: Vec<api::tokens::Token> =
                rows.into_iter().map(api::tokens::shown).collect();
            if global.json {
                output::json(&tokens);
                return Ok(());
            }
            if tokens.is_empty() {
                output::note(texts.get("cli.tokens_none"));
                return Ok(());
            }
            let headers = ["id", "labelled", "created", "used", "state"]
                .map(|c| texts.of_value("cli.column", c));
            let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
            let mut grid = Grid::new(&headers, &[]);
            for token in tokens {
                let when =
                    |at: Option<&str>| at.map(|at| output::when(at, &zone)).unwrap_or_default();
                let state = if token.revoked_at.is_some() {
                    "revoked"
                } else {
                    "active"
                };
                let state = texts.of_value("cli.state", state);
                grid.row(vec![
                    token.id,
                    token.name,
                    when(Some(&token.created_at)),
                    when(token.last_used_at.as_deref()),
                    state,
                ]);
            }
            grid.print();
        }
        Command::Revoke { id } => {
            create_token::revoke(&app, Actor::CommandLine, &id)
                .await
                .map_err(of_action)?;
            if global.json {
                output::json(&serde_json::json!({ "revoked": id }));
            } else {
                output::line(texts.get("cli.token_revoked"));
            }
        }
    }
    app.db.close();
    Ok(())
}

/// An `App` on the configured database, without workers and listener.
pub(super) async fn open(global: &Global) -> Result<App, Failure> {
    let texts = global.texts();
    let config = global.load_config()?;
    let db = serve::open_database(&config)
        .await
        .map_err(|error| Failure::of_action(&error, texts))?;
    let start = Start {
        config,
        db,
        clock: Clock::system(),
        ids: serve::system_ids(),
        demo: None,
    };
    App::start(start)
        .await
        .map_err(|error| Failure::of_action(&error, texts))
}
