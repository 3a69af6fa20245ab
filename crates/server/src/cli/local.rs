//! How a command on the server's own machine finds the server: a small file only the same user can read.
//!
//! `serve` and `demo` write it when they are up and remove it when they stop. It names the address and the key of
//! this run. Invariant: mode 0600, and the key is good only while that process runs.

use std::{fs, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::PathBuf};

use serde::{Deserialize, Serialize};

/// What a running server tells commands of the same user.
#[derive(Clone, Serialize, Deserialize)]
pub struct LocalServer {
    pub url: String,
    pub key: String,
    pub pid: u32,
}

impl std::fmt::Debug for LocalServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LocalServer({}, pid {})", self.url, self.pid)
    }
}

/// Removes the file when the server stops.
#[derive(Debug)]
pub struct Published(PathBuf);

impl Drop for Published {
    fn drop(&mut self) {
        // It may be gone already; a stale file is recognised by its process.
        drop(fs::remove_file(&self.0));
    }
}

fn folder() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .or_else(|| {
            std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"))
        })?;
    Some(state.join("yuezhi"))
}

/// Writes the file for a server that is up. Failing to is no reason not to serve.
pub fn publish(url: &str, key: &str, port: u16) -> Option<Published> {
    let folder = folder()?;
    let path = folder.join(format!("server-{port}.json"));
    let server = LocalServer {
        url: url.to_owned(),
        key: key.to_owned(),
        pid: std::process::id(),
    };
    let written = fs::create_dir_all(&folder).and_then(|()| {
        drop(fs::remove_file(&path));
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        file.write_all(serde_json::to_string(&server)?.as_bytes())
    });
    match written {
        Ok(()) => Some(Published(path)),
        Err(error) => {
            tracing::warn!(%error, "commands on this machine will need --url and a token");
            None
        }
    }
}

/// The servers of this user that are running.
pub fn running() -> Vec<LocalServer> {
    let Some(entries) = folder().and_then(|folder| fs::read_dir(folder).ok()) else {
        return Vec::new();
    };
    entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("server-"))
        .filter_map(|entry| {
            serde_json::from_slice::<LocalServer>(&fs::read(entry.path()).ok()?).ok()
        })
        .filter(|server| {
            fs::metadata(format!("/proc/{}", server.pid)).is_ok() || !cfg!(target_os = "linux")
        })
        .collect()
}
