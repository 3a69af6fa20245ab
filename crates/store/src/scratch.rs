//! A database of its own for a test or a measurement, gone when dropped.
//!
//! Used by the tests of this crate and of the server, and by `bench`. A PostgreSQL scratch is a schema of its own in the
//! database of the given server, so many can run side by side. Invariant: two scratches never see each other's rows.

use std::{
    env,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use crate::{DatabaseConfig, Db, OpenError, engine::run_statement};

/// See the module's text. Close or drop every [`Db`] of it first.
#[derive(Debug)]
pub struct Scratch {
    config: DatabaseConfig,
    schema: Option<(String, String)>,
}

static NEXT: AtomicU64 = AtomicU64::new(0);

impl Scratch {
    /// An SQLite file in `folder`.
    pub fn sqlite(folder: &Path) -> Self {
        let file: PathBuf = folder.join(format!(
            "scratch-{}.sqlite",
            NEXT.fetch_add(1, Ordering::Relaxed)
        ));
        Self {
            config: DatabaseConfig::new(format!("sqlite:{}", file.display())),
            schema: None,
        }
    }

    /// A new schema on the server at `url`, whose user may create schemas.
    pub fn postgres(url: &str) -> Result<Self, OpenError> {
        let name = format!(
            "scratch_{}_{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        run_statement(
            url,
            &format!("DROP SCHEMA IF EXISTS {name} CASCADE; CREATE SCHEMA {name}"),
        )?;
        let separator = if url.contains('?') { '&' } else { '?' };
        let config = DatabaseConfig {
            writers: 4,
            readers: 2,
            ..DatabaseConfig::new(format!("{url}{separator}options=-csearch_path%3D{name}"))
        };
        Ok(Self {
            config,
            schema: Some((url.to_owned(), name)),
        })
    }

    /// One scratch for each engine that tests run on: SQLite in `folder`, and PostgreSQL at `YUEZHI_TEST_POSTGRES`
    /// unless `YUEZHI_TEST_ENGINES=sqlite`.
    ///
    /// # Panics
    /// When the address is missing, so that nobody believes to have tested PostgreSQL.
    pub fn for_each_engine(folder: &Path) -> Vec<Self> {
        let mut all = vec![Self::sqlite(folder)];
        if env::var("YUEZHI_TEST_ENGINES").as_deref() != Ok("sqlite") {
            let url = env::var("YUEZHI_TEST_POSTGRES")
                .expect("YUEZHI_TEST_POSTGRES is not set: run ./test, it starts PostgreSQL (or set YUEZHI_TEST_ENGINES=sqlite)");
            all.push(Self::postgres(&url).expect("the PostgreSQL of the tests answers"));
        }
        all
    }

    pub fn config(&self) -> &DatabaseConfig {
        &self.config
    }

    pub fn open(&self) -> Result<Db, OpenError> {
        Db::open(&self.config)
    }

    /// Runs statements outside of any [`Db`], for tests that play the part of an administrator.
    pub fn run_as_administrator(&self, sql: &str) -> Result<(), OpenError> {
        run_statement(&self.config.url, sql)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some((url, name)) = &self.schema
            && let Err(error) = run_statement(url, &format!("DROP SCHEMA IF EXISTS {name} CASCADE"))
        {
            tracing::warn!(%error, schema = name, "a scratch schema stays behind");
        }
    }
}
