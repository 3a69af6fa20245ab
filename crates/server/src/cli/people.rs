//! `yuezhi people import FILE`, `yuezhi people sync` and `yuezhi people list`.

use std::{path::PathBuf, time::Duration};

use clap::Subcommand;
use reqwest::multipart::Form;

use super::{
    Failure, Global,
    client::Client,
    output::{self, Grid},
    publish::part,
};
use crate::api::people::{Import, Person, Sync, SyncBody, SyncEnded, SyncStarted};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Import people from CSV or xlsx: all rows, or none if one is wrong.
    Import(ImportArguments),
    /// Read departments and people from the organisation's DingTalk directory.
    Sync(SyncArguments),
    /// List people.
    List(ListArguments),
}

#[derive(Debug, clap::Args)]
struct ImportArguments {
    /// CSV (UTF-8 or GB18030) or xlsx; the first row names the columns.
    file: PathBuf,
    /// The file is the whole company: who is not in it has left.
    #[arg(long)]
    close_missing: bool,
    /// Check and count, write nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, clap::Args)]
struct SyncArguments {
    /// Count only, write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Close those whom the directory does not have, even if they are very many.
    #[arg(long)]
    allow_loss: bool,
}

#[derive(Debug, clap::Args)]
struct ListArguments {
    /// Part of a name, staff number or address.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only this department and those below it.
    #[arg(long, value_name = "NAME")]
    department: Option<String>,
    /// active or left.
    #[arg(long, value_name = "STATE", default_value = "active")]
    state: String,
    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    limit: u32,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> Result<(), Failure> {
    match arguments.command {
        Command::Import(arguments) => import(global, &arguments).await,
        Command::Sync(arguments) => sync(global, &arguments).await,
        Command::List(arguments) => list(global, &arguments).await,
    }
}

async fn import(global: &Global, arguments: &ImportArguments) -> Result<(), Failure> {
    let texts = global.texts();
    let file = part(&arguments.file, texts)?;
    let client = Client::find(global)?;
    let form = Form::new()
        .part("file", file)
        .text("close_missing", arguments.close_missing.to_string());
    let path = if arguments.dry_run {
        "/api/v1/people/import?dry_run=true"
    } else {
        "/api/v1/people/import"
    };
    let report: Import = client.post_form(path, form).await?;
    if global.json {
        output::json(&report);
    } else if report.problems.is_empty() {
        let key = if report.applied {
            "cli.people_imported"
        } else {
            "cli.people_would_import"
        };
        let counts: [(&str, &dyn std::fmt::Display); 6] = [
            ("rows", &report.rows),
            ("created", &report.created),
            ("updated", &report.updated),
            ("unchanged", &report.unchanged),
            ("rejoined", &report.rejoined),
            ("left", &report.left),
        ];
        output::line(&texts.fill(key, &counts));
    } else {
        let headers = ["line", "column", "problem"].map(|c| texts.of_value("cli.column", c));
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        let mut grid = Grid::new(&headers, &[0]);
        for problem in &report.problems {
            grid.row(vec![
                problem.line.to_string(),
                problem.column.clone(),
                problem.message.clone(),
            ]);
        }
        grid.print();
    }
    match report.problems.len() {
        0 => Ok(()),
        n => Err(Failure::usage(texts.count("cli.people_problems", n as i64))),
    }
}

/// Between two looks at how far it is.
const LOOKS: Duration = Duration::from_millis(300);
/// A hundred thousand people take about half an hour at the platform's pace.
const MOST_LOOKS: usize = 3 * 12_000;

async fn sync(global: &Global, arguments: &SyncArguments) -> Result<(), Failure> {
    let texts = global.texts();
    let client = Client::find(global)?;
    let body = SyncBody {
        dry_run: arguments.dry_run,
        allow_loss: arguments.allow_loss,
    };
    let started: SyncStarted = client.post("/api/v1/people/sync", &body).await?;
    let bar = output::bar(0, texts.get("cli.people_reading"));
    for _ in 0..MOST_LOOKS {
        let standing: Sync = client.get("/api/v1/people/sync").await?;
        if let Some(progress) = &standing.progress {
            bar.set_length(progress.departments as u64);
            bar.set_position(progress.departments_read as u64);
        }
        if let Some(ended) = standing.ended.filter(|ended| ended.id == started.id) {
            bar.finish_and_clear();
            return synced(global, ended);
        }
        tokio::time::sleep(LOOKS).await;
    }
    bar.finish_and_clear();
    Err(Failure::failed(texts.get("cli.people_still_reading")))
}

fn synced(global: &Global, ended: SyncEnded) -> Result<(), Failure> {
    let texts = global.texts();
    if global.json {
        output::json(&ended);
    }
    let Some(result) = ended.result else {
        let error = ended
            .error
            .map(|error| format!("{} {}", error.message, error.detail));
        return Err(Failure::failed(error.unwrap_or_default()));
    };
    if !global.json {
        let key = if ended.dry_run {
            "cli.people_would_sync"
        } else {
            "cli.people_synced"
        };
        let counts: [(&str, &dyn std::fmt::Display); 7] = [
            ("people", &result.people),
            ("departments", &result.departments),
            ("created", &result.created),
            ("updated", &result.updated),
            ("unchanged", &result.unchanged),
            ("rejoined", &result.rejoined),
            ("left", &result.left),
        ];
        output::line(&texts.fill(key, &counts));
        for finding in &result.findings {
            output::note(&format!("{} {}", finding.message, finding.detail));
        }
    }
    match i64::try_from(result.held_back).unwrap_or(i64::MAX) {
        0 => Ok(()),
        n => Err(Failure::failed(texts.count("cli.people_held_back", n))),
    }
}

async fn list(global: &Global, arguments: &ListArguments) -> Result<(), Failure> {
    let texts = global.texts();
    let client = Client::find(global)?;
    let query = [
        ("search", arguments.search.as_deref().unwrap_or_default()),
        (
            "department",
            arguments.department.as_deref().unwrap_or_default(),
        ),
        ("state", arguments.state.as_str()),
    ];
    let people: Vec<Person> = client
        .all("/api/v1/people", &query, arguments.limit as usize)
        .await?;
    if global.json {
        output::json(&people);
        return Ok(());
    }
    if people.is_empty() {
        output::note(texts.get("cli.people_none"));
        return Ok(());
    }
    let headers =
        ["staff_no", "name", "department", "job", "email"].map(|c| texts.of_value("cli.column", c));
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let mut grid = Grid::new(&headers, &[]);
    for person in people {
        grid.row(vec![
            person.staff_no,
            person.name,
            person.department,
            person.title.unwrap_or_default(),
            person.email.unwrap_or_default(),
        ]);
    }
    grid.print();
    Ok(())
}
