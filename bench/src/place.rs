//! Where a measurement keeps its data: an SQLite file in a temporary folder, or a PostgreSQL schema. Gone when dropped.

use tempfile::TempDir;
use yuezhi_store::Scratch;

use crate::options::Options;

/// The databases of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    /// PostgreSQL only where one was named.
    pub(crate) fn of(options: &Options) -> Vec<Self> {
        let mut engines = vec![Self::Sqlite];
        engines.extend(options.postgres.is_some().then_some(Self::Postgres));
        engines
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// A database of its own.
#[derive(Debug)]
pub(crate) struct Place {
    // Dropped before the folder it lies in.
    scratch: Scratch,
    pub folder: TempDir,
}

impl Place {
    pub(crate) fn new(engine: Engine, options: &Options) -> anyhow::Result<Self> {
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
    pub(crate) fn url(&self) -> String {
        self.scratch.config().url.clone()
    }
}
