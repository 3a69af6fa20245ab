//! The built `yuezhi` as a child process.

use std::{path::Path, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

/// What a finished run left.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The same run, once it ended with this code.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }
}

/// Nothing of this machine's user reaches the program: no configuration, no running servers, no proxy.
fn command(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_yuezhi"));
    command
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder)
        .env("LANG", "en_US.UTF-8")
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

pub(crate) async fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    run_in(folder.path(), arguments, variables).await
}

/// Runs to the end, at most a minute.
pub(crate) async fn run_in(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Run {
    let running = command(folder, arguments, variables).output();
    let output = tokio::time::timeout(Duration::from_mins(1), running)
        .await
        .expect("the program ends")
        .unwrap();
    Run {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A server as a process of its own.
pub(crate) struct Server {
    child: Child,
    /// What it printed when it was up.
    pub(crate) up: serde_json::Value,
}

impl Server {
    /// Starts `yuezhi --json …` and waits until it says that it is up.
    pub(crate) async fn start(
        folder: &Path,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        let arguments = [&["--json"], arguments].concat();
        let mut child = command(folder, &arguments, variables)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let up = async {
            let mut text = String::new();
            while let Some(line) = lines.next_line().await.unwrap() {
                text.push_str(&line);
                if let Ok(up) = serde_json::from_str(&text) {
                    return up;
                }
            }
            panic!("the server ended before it was up: {text}");
        };
        let up = tokio::time::timeout(Duration::from_mins(2), up)
            .await
            .expect("the server comes up");
        // Its later lines are read, so that it never waits for us.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { child, up }
    }

    pub(crate) fn url(&self) -> &str {
        self.up["url"].as_str().expect("the address")
    }

    /// SIGKILL: nothing is said good-bye to.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}
