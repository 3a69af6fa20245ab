//! `yuezhi demo`: everything in one process, to try without an account anywhere.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

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
        // The invented company is Chinese; pages follow the reader's browser all the same.
        language: match global.language {
            Some(_) => texts.language,
            None => crate::texts::Language::ZhCn,
        },
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
        facts.fact(texts.get("cli.demo_next"), try_publishing(&demo.next));
        facts.print();
        output::line(texts.get("cli.stop_with"));
    }
    serve::until_told_to_stop().await;
    output::note(texts.get("cli.stopping"));
    drop(published);
    demo.stop().await;
    Ok(())
}

/// The command that publishes the first policy that waits for it, quoted where a shell needs it.
fn try_publishing(folder: &Path) -> String {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .collect();
    files.sort();
    let change = files
        .iter()
        .find(|file| file.to_string_lossy().contains("travel-expenses"));
    let Some(file) = change.or(files.first()) else {
        return format!("yuezhi publish {}", quoted(folder));
    };
    match policy_of(file) {
        Some(policy) => format!("yuezhi publish {} --policy {policy}", quoted(file)),
        None => format!("yuezhi publish {}", quoted(file)),
    }
}

fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    if path.contains(char::is_whitespace) {
        format!("'{path}'")
    } else {
        path
    }
}

/// `remote-work` of `remote-work-3.0.docx`: the files to come are named by policy and version.
fn policy_of(file: &Path) -> Option<String> {
    let stem = file.file_stem()?.to_str()?;
    let (policy, version) = stem.rsplit_once('-')?;
    let is_version = version.starts_with(|c: char| c.is_ascii_digit())
        && version.chars().all(|c| c.is_ascii_digit() || c == '.');
    is_version.then(|| policy.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiting_file_names_its_policy() {
        let policy = |name: &str| policy_of(Path::new(name));
        assert_eq!(
            policy("next/remote-work-3.0.docx").as_deref(),
            Some("remote-work")
        );
        assert_eq!(policy("next/code-of-conduct.md"), None);
    }
}
