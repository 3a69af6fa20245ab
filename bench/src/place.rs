//! Where a measurement keeps its data: an SQLite file in a temporary folder, or a PostgreSQL schema. Gone when dropped.

use tempfile::TempDir;
use yuezhi_store::{Db, Scratch};

use crate::options::Options;

/// The databases of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    /// PostgreSQL only where one was named.
    pub fn of(options: &Options) -> Vec<Self> {
        let mut engines = vec![Self::Sqlite];
        engines.extend(options.postgres.is_some().then_some(Self::Postgres));
        engines
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// A database of its own.
#[derive(Debug)]
pub struct Place {
    // Dropped before the folder it lies in.
    scratch: Scratch,
    pub folder: TempDir,
}

impl Place {
    pub fn new(engine: Engine, options: &Options) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let url = options.postgres.clone().unwrap_or_default();
        let scratch = match engine {
            Engine::Sqlite => Scratch::sqlite(folder.path()),
            // The driver must not run on a thread that runs async code.
            Engine::Postgres => std::thread::spawn(move || Scratch::postgres(&url))
                .join()
                .map_err(|_| anyhow::anyhow!("making a schema ended in a panic"))??,
        };
        Ok(Self { scratch, folder })
    }

    /// As the configuration's `database.url` wants it.
    pub fn url(&self) -> String {
        self.scratch.config().url.clone()
    }

    pub async fn open(&self) -> anyhow::Result<Db> {
        let config = self.scratch.config().clone();
        Ok(tokio::task::spawn_blocking(move || Db::open(&config)).await??)
    }
}
