//! `yuezhi demo`: everything in one process, to try without an account anywhere.

use std::{net::SocketAddr, path::PathBuf};

use super::{
    Failure, Global, local,
    output::{self, Grid, Tone},
};
use crate::{
    demo::{Demo, DemoOptions},
    serve,
};

/// Where it listens and how large the invented company is.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Address of the console and the employee pages.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8790")]
    listen: SocketAddr,
    /// Address of the sandbox with its chat client.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8791")]
    sandbox_listen: SocketAddr,
    /// Keep everything in this folder; the same folder goes on where it stopped.
    #[arg(long, value_name = "DIR", default_value = "yuezhi-demo")]
    data: PathBuf,
    /// People of the invented company; counts at the first start of a folder.
    #[arg(long, value_name = "N", default_value_t = 320, value_parser = clap::value_parser!(u32).range(20..=1_000_000))]
    people: u32,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> Result<(), Failure> {
    let texts = global.texts();
    let options = DemoOptions {
        listen: arguments.listen,
        sandbox_listen: arguments.sandbox_listen,
        data: arguments.data,
        people: arguments.people as usize,
        language: texts.language,
    };
    let demo = Box::pin(Demo::start(options, &|step| {
        output::note(&output::toned(Tone::Faint, step));
    }))
    .await
    .map_err(|error| Failure::of_action(&error, texts))?;
    let base = format!("http://{}", demo.node.address);
    let published = local::publish(&base, &demo.node.app.local_token, demo.node.address.port());
    if global.json {
        output::json(&serde_json::json!({
            "console": demo.console_url, "chat": demo.chat_url, "url": base, "folder": demo.folder, "next": demo.next,
        }));
    } else {
        output::line(&output::toned(Tone::Strong, texts.get("cli.demo_up")));
        let mut facts = Grid::facts();
        facts.fact(texts.get("cli.demo_console"), demo.console_url.clone());
        facts.fact(texts.get("cli.demo_chat"), demo.chat_url.clone());
        facts.fact(
            texts.get("cli.demo_folder"),
            demo.folder.display().to_string(),
        );
        facts.fact(
            texts.get("cli.demo_next"),
            format!("yuezhi publish {}", first_of(&demo.next)),
        );
        facts.print();
        output::line(texts.get("cli.stop_with"));
    }
    serve::until_told_to_stop().await;
    output::note(texts.get("cli.stopping"));
    drop(published);
    demo.stop().await;
    Ok(())
}

/// A policy that waits to be published, for the command to copy; quoted where a shell needs it.
fn first_of(folder: &std::path::Path) -> String {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .collect();
    files.sort();
    let path = files.first().map_or_else(
        || folder.display().to_string(),
        |file| file.display().to_string(),
    );
    if path.contains(char::is_whitespace) {
        format!("'{path}'")
    } else {
        path
    }
}
