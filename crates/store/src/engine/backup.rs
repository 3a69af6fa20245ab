//! One file that holds everything, from either engine, taken while the system works.
//!
//! `yuezhi backup` calls [`Db::backup`]; the file is an SQLite database, so `restore` can move an installation from one
//! engine to the other. Invariants: the file is one snapshot; it appears under its name only when it is complete and on
//! disk. Weakness: from PostgreSQL rows are copied one by one, about 200,000 a second.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, backup::Backup, backup::StepResult};
use thiserror::Error;

use super::{
    Db, Place, Ways,
    error::{OpenError, StoreError},
    migrate, on_own_thread, place,
    postgres::PostgresLink,
    postgres_server::Server,
    sqlite::{Role, SqliteLink},
    tx::{Link, Session},
};
use crate::p;

/// How far a backup or a restore is: pages on SQLite, rows on PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub done: u64,
    pub total: u64,
}

#[derive(Debug, Error)]
pub enum BackupError {
    #[error("{0} exists already; name another file, or remove it first")]
    Exists(PathBuf),
    #[error("{path} cannot be written: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Pages copied between two reports.
const PAGES: i32 = 2_000;
/// Rows copied between two reports.
const ROWS: u64 = 10_000;

impl Db {
    /// Writes a backup to `to`, which must not exist. Blocks; transactions go on meanwhile.
    pub fn backup(
        &self,
        to: &Path,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<(), BackupError> {
        if to.exists() {
            return Err(BackupError::Exists(to.to_owned()));
        }
        let mut partial = to.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let outcome = self
            .write_backup(&partial, progress)
            .and_then(|()| finish(&partial, to));
        if outcome.is_err() {
            // A leftover of a failed backup is of no use, and the failure itself is what the caller must hear of.
            drop(fs::remove_file(&partial));
        }
        outcome
    }

    fn write_backup(
        &self,
        partial: &Path,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<(), BackupError> {
        match fs::remove_file(partial) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(BackupError::File {
                    path: partial.to_owned(),
                    source,
                });
            }
            _ => {}
        }
        let mut file = SqliteLink::open(partial, Role::Writer)?;
        match (place(&self.0.config.url)?, &self.0.ways) {
            (Place::File(path), _) => {
                let source = SqliteLink::open(&path, Role::Reader)?;
                copy_pages(source.connection(), file.connection_mut(), progress)?;
            }
            (Place::Memory, Ways::Inline(tx)) => {
                let tx = tx.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                if let Link::Sqlite(source) = &tx.link {
                    copy_pages(source.connection(), file.connection_mut(), progress)?;
                }
            }
            _ => {
                let config = &self.0.config;
                let server = Server::new(
                    &config.url,
                    config.password.as_ref(),
                    config.statement_timeout,
                )?;
                on_own_thread(|| copy_from_postgres(&server, file, progress))?;
                return Ok(());
            }
        }
        close(file)
    }
}

/// Copies a whole SQLite database as of one moment. Only connections with an open read transaction may be stepped
/// without starting over whenever somebody writes, hence the BEGIN.
pub(super) fn copy_pages(
    source: &Connection,
    target: &mut Connection,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<(), StoreError> {
    let failed = |error: rusqlite::Error| StoreError::from_sqlite(&error);
    let own = source.is_autocommit();
    if own {
        source
            .execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema;")
            .map_err(failed)?;
    }
    let copied = Backup::new(source, target).and_then(|backup| {
        loop {
            let step = backup.step(PAGES)?;
            let pages = backup.progress();
            let count = |pages: i32| u64::try_from(pages).unwrap_or(0);
            progress(Progress {
                done: count(pages.pagecount - pages.remaining),
                total: count(pages.pagecount),
            });
            match step {
                StepResult::Done => return Ok(()),
                StepResult::More => {}
                // Somebody else has the target locked; it is ours alone for a backup, and in use for a restore.
                _ => {
                    return Err(rusqlite::Error::SqliteFailure(
                        rusqlite::ffi::Error::new(5),
                        None,
                    ));
                }
            }
        }
    });
    if own {
        source.execute_batch("ROLLBACK").map_err(failed)?;
    }
    copied.map_err(failed)
}

fn copy_from_postgres(
    server: &Server,
    file: SqliteLink,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<(), BackupError> {
    let mut target = Session::new(Link::Sqlite(file));
    migrate::migrate(&mut target)?;
    let mut source = Session::new(Link::Postgres(Box::new(PostgresLink::new(
        server.connect()?,
    ))));
    source.control("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
    // A statement may read a large table for as long as it takes.
    source.control("SET LOCAL statement_timeout = 0")?;
    let tables = tables(&mut target)?;
    let mut total = 0;
    for table in &tables {
        total += source.tx().read_one(
            &format!("SELECT count(*) FROM {}", table.name),
            p![],
            |row| row.get::<u64>(0),
        )?;
    }
    target.control("BEGIN IMMEDIATE")?;
    let mut done: u64 = 0;
    for table in &tables {
        let (columns, name) = (table.columns.join(", "), &table.name);
        let places: Vec<String> = (1..=table.columns.len())
            .map(|number| format!("?{number}"))
            .collect();
        let insert = format!(
            "INSERT INTO {name} ({columns}) VALUES ({})",
            places.join(", ")
        );
        source
            .tx()
            .each(&format!("SELECT {columns} FROM {name}"), p![], |row| {
                target.tx().exec(&insert, &row.values)?;
                done += 1;
                if done.is_multiple_of(ROWS) {
                    progress(Progress { done, total });
                }
                Ok(())
            })?;
    }
    target.control("COMMIT")?;
    progress(Progress { done, total });
    match target.link {
        Link::Sqlite(file) => close(file),
        Link::Postgres(_) => Ok(()),
    }
}

/// A table of ours and its columns, quoted, in the order of the schema.
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<String>,
}

/// All tables but the list of migrations, as an SQLite database knows them.
pub(super) fn tables(sqlite: &mut Session) -> Result<Vec<Table>, StoreError> {
    const TABLES: &str = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' \
                          AND name <> 'schema_migrations' ORDER BY name";
    const COLUMNS: &str = "SELECT name FROM pragma_table_info(?1) ORDER BY cid";
    let names: Vec<String> = sqlite.tx().read(TABLES, p![], |row| row.get(0))?;
    names
        .into_iter()
        .map(|name| {
            let columns = sqlite.tx().read(COLUMNS, p![name], |row| {
                Ok(format!("\"{}\"", row.get::<String>(0)?))
            })?;
            Ok(Table {
                name: format!("\"{name}\""),
                columns,
            })
        })
        .collect()
}

/// A backup is one file: no write-ahead log beside it.
fn close(file: SqliteLink) -> Result<(), BackupError> {
    let connection = file.into_connection();
    connection
        .execute_batch("PRAGMA journal_mode = DELETE;")
        .and_then(|()| connection.close().map_err(|(_, error)| error))
        .map_err(|error| BackupError::Store(StoreError::from_sqlite(&error)))
}

fn finish(partial: &Path, to: &Path) -> Result<(), BackupError> {
    File::open(partial)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(partial, to))
        .map_err(|source| BackupError::File {
            path: to.to_owned(),
            source,
        })
}
