//! A contender: a child process of this binary, so that its processor time and memory are its own.
//!
//! The parent hands it a [`Task`] as JSON; it prints a [`Run`] as its last line. A task that serves prints its address
//! first and ends when its standard input is closed.

use std::{net::SocketAddr, path::PathBuf, process::Stdio};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

use crate::{
    installation::{Asked, Connections},
    machine::{self, Watch},
    task_bare, task_durable,
};

/// The first argument of a child.
pub(crate) const CHILD: &str = "child";

/// What a child does.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Task {
    /// Sends what is due in the database, until nothing is left.
    Dispatch {
        database: String,
        connections: Connections,
    },
    /// Posts the bytes of a file again and again.
    BareHttp {
        url: String,
        body: PathBuf,
        count: u64,
        in_flight: u64,
    },
    /// Sends the bytes of a file as mail again and again.
    BareMail {
        relay: SocketAddr,
        mail: PathBuf,
        count: u64,
        connections: u64,
    },
    /// Serves the whole router over a database.
    Serve { database: String },
    /// Confirms for the `after`th to the `up_to`th of so many people through the action, many at a time.
    Confirm {
        database: String,
        asked: Asked,
        after: i64,
        up_to: i64,
        people: i64,
        at_once: usize,
    },
}

/// What a contender's run came to.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Run {
    pub count: u64,
    pub seconds: f64,
    pub cpu_seconds: f64,
    pub peak_mib: f64,
}

impl Run {
    pub(crate) fn per_second(self) -> f64 {
        self.count as f64 / self.seconds
    }

    pub(crate) fn cpu_per_10k(self) -> f64 {
        self.cpu_seconds * 10_000.0 / self.count as f64
    }
}

/// Measures from its start to [`Meter::finish`].
pub(crate) struct Meter {
    watch: Watch,
    cpu_before: f64,
}

impl Meter {
    pub(crate) fn start() -> anyhow::Result<Self> {
        Ok(Self {
            cpu_before: machine::own_cpu_seconds()?,
            watch: Watch::start(),
        })
    }

    pub(crate) fn finish(self, count: u64) -> anyhow::Result<Run> {
        Ok(Run {
            count,
            seconds: self.watch.seconds(),
            cpu_seconds: machine::own_cpu_seconds()? - self.cpu_before,
            peak_mib: machine::memory_mib(std::process::id(), "VmHWM")?,
        })
    }
}

pub(crate) fn run_as_child(json: &str) -> anyhow::Result<()> {
    let task: Task = serde_json::from_str(json)?;
    let run = machine::runtime()?.block_on(async {
        match task {
            Task::Dispatch {
                database,
                connections,
            } => task_durable::dispatch(&database, &connections).await,
            Task::Serve { database } => task_durable::serve(&database).await,
            Task::Confirm {
                database,
                asked,
                after,
                up_to,
                people,
                at_once,
            } => {
                let turns = after..up_to;
                task_durable::confirm(&database, &asked, turns, people, at_once).await
            }
            Task::BareHttp {
                url,
                body,
                count,
                in_flight,
            } => task_bare::http(&url, &body, count, in_flight).await,
            Task::BareMail {
                relay,
                mail,
                count,
                connections,
            } => task_bare::mail(relay, &mail, count, connections).await,
        }
    })?;
    println!("{}", serde_json::to_string(&run)?);
    Ok(())
}

/// Runs a contender to its end.
pub(crate) async fn run(task: &Task) -> anyhow::Result<Run> {
    Running::start(task)?.result().await
}

/// A contender under way.
pub(crate) struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    pub(crate) fn start(task: &Task) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(CHILD).arg(serde_json::to_string(task)?);
        Self::of(command)
    }

    /// Any program that prints a [`Run`] as its last line.
    pub(crate) fn of(mut command: Command) -> anyhow::Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {command:?}"))?;
        let output = child
            .stdout
            .take()
            .context("the child's output was taken")?;
        Ok(Self {
            child,
            lines: BufReader::new(output).lines(),
        })
    }

    /// What it prints next.
    pub(crate) async fn line(&mut self) -> anyhow::Result<String> {
        self.lines
            .next_line()
            .await?
            .context("a contender ended early; see above")
    }

    /// Ends it as a power cut would.
    pub(crate) async fn kill(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Tells it to end, if it serves, and waits for its figures.
    pub(crate) async fn result(mut self) -> anyhow::Result<Run> {
        drop(self.child.stdin.take());
        let mut last = String::new();
        while let Some(line) = self.lines.next_line().await? {
            last = line;
        }
        let status = self.child.wait().await?;
        anyhow::ensure!(status.success(), "a contender failed; see above");
        serde_json::from_str(&last).with_context(|| format!("a contender printed «{last}»"))
    }
}
