//! Brings a backup back, to SQLite or to PostgreSQL, whichever engine it came from.
//!
//! `yuezhi restore` calls [`Db::restore`] while no server runs. Invariants: the backup is checked before anything is
//! touched; a database that is in use is overwritten only when forced; nothing is sent a second time on its own: a
//! backup does not know what was sent after it was made, so deliveries that were being sent become failed with the code
//! `outcome_unknown`, and every lane is stopped with the code `restored` until an administrator resumes it.

use std::path::{Path, PathBuf};

use postgres::{binary_copy::BinaryCopyInWriter, types::Type};
use rusqlite::{Connection, OpenFlags};
use thiserror::Error;
use yuezhi_domain::UnixMillis;

use super::{
    DatabaseConfig, Db, Place,
    backup::{Progress, Table, copy_pages, tables},
    error::{OpenError, StoreError},
    migrate::{self, SCHEMA_VERSION},
    on_own_thread, place,
    postgres::PostgresLink,
    postgres_server::Server,
    sqlite::{Role, SqliteLink},
    tx::{Link, Session},
};
use crate::p;

/// What a backup file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupInfo {
    pub schema_version: i64,
    pub people: u64,
    pub policies: u64,
    pub notices: u64,
}

/// What a restore did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restored {
    pub info: BackupInfo,
    /// Deliveries that were being sent when the backup was made; now failed, for a person to decide.
    pub unknown_deliveries: u64,
    /// Lanes stopped until an administrator resumes them.
    pub stopped_lanes: u64,
}

#[derive(Debug, Error)]
pub enum RestoreError {
    #[error("{0} is not there or cannot be read")]
    NoFile(PathBuf),
    #[error("{path} is not a whole backup: {detail}")]
    Damaged { path: PathBuf, detail: String },
    #[error(
        "the database is in use (it holds people, policies or accounts); give --force to overwrite it"
    )]
    NotEmpty,
    #[error("a database in memory cannot be restored to")]
    Memory,
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

const IN_USE: &str = "SELECT EXISTS (SELECT 1 FROM people) OR EXISTS (SELECT 1 FROM policies) OR EXISTS (SELECT 1 FROM accounts)";
const COUNTS: &str = "SELECT (SELECT count(*) FROM people), (SELECT count(*) FROM policies), (SELECT count(*) FROM notices)";
const UNKNOWN_DELIVERIES: &str = "UPDATE deliveries SET state = 'failed', error_code = 'outcome_unknown', \
     error_detail = NULL, lease_owner = NULL, lease_until = NULL WHERE state = 'sending'";
const STOP_LANES: &str = "UPDATE lanes SET stopped_at = ?1, reason_code = 'restored', reason_detail = NULL, \
     lease_owner = NULL, lease_until = NULL WHERE stopped_at IS NULL";
const IDENTITIES: &str = "SELECT table_name, column_name FROM information_schema.columns \
     WHERE table_schema = current_schema() AND is_identity = 'YES'";

/// Checks a backup without changing anything: the file is whole, and this program knows its schema.
pub fn inspect_backup(path: &Path) -> Result<BackupInfo, RestoreError> {
    open_backup(path).map(|(_, info)| info)
}

fn open_backup(path: &Path) -> Result<(Session, BackupInfo), RestoreError> {
    if !path.is_file() {
        return Err(RestoreError::NoFile(path.to_owned()));
    }
    let damaged = |detail: String| RestoreError::Damaged {
        path: path.to_owned(),
        detail,
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(path, flags).map_err(|error| damaged(error.to_string()))?;
    let verdict: String = connection
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(|error| damaged(error.to_string()))?;
    if verdict != "ok" {
        return Err(damaged(verdict));
    }
    let mut tx = Session::new(Link::Sqlite(SqliteLink::from(connection)));
    let schema_version = match migrate::check(&mut tx) {
        Ok(version) => version,
        Err(OpenError::Migration { detail, .. }) => return Err(damaged(detail)),
        Err(error) => return Err(error.into()),
    };
    let info = tx.tx().read_one(COUNTS, p![], |row| {
        Ok(BackupInfo {
            schema_version,
            people: row.get(0)?,
            policies: row.get(1)?,
            notices: row.get(2)?,
        })
    })?;
    Ok((tx, info))
}

impl Db {
    /// Fills the database of `config` from the backup at `from`. Blocks; no server may run on that database.
    ///
    /// `now` is the time at which lanes are shown as stopped. On an error the database is as it was.
    pub fn restore(
        config: &DatabaseConfig,
        from: &Path,
        force: bool,
        now: UnixMillis,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Restored, RestoreError> {
        let (mut backup, info) = open_backup(from)?;
        let (unknown_deliveries, stopped_lanes) = match place(&config.url)? {
            Place::Memory => return Err(RestoreError::Memory),
            Place::File(path) => restore_file(&path, &backup, force, now, progress)?,
            Place::Postgres => {
                if info.schema_version < SCHEMA_VERSION {
                    backup = upgraded(&backup)?;
                }
                let server = Server::new(
                    &config.url,
                    config.password.as_ref(),
                    config.statement_timeout,
                )?;
                on_own_thread(|| restore_postgres(&server, backup, force, now, progress))?
            }
        };
        Ok(Restored {
            info,
            unknown_deliveries,
            stopped_lanes,
        })
    }
}

fn restore_file(
    path: &Path,
    backup: &Session,
    force: bool,
    now: UnixMillis,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<(u64, u64), RestoreError> {
    let mut target = SqliteLink::open(path, Role::Writer)?;
    // A file without our tables is empty for this purpose.
    let in_use = target
        .connection()
        .query_row(IN_USE, [], |row| row.get(0))
        .unwrap_or(false);
    if in_use && !force {
        return Err(RestoreError::NotEmpty);
    }
    copy_pages(
        sqlite(backup)?.connection(),
        target.connection_mut(),
        progress,
    )?;
    let mut target = Session::new(Link::Sqlite(target));
    migrate::migrate(&mut target)?;
    target.control("BEGIN IMMEDIATE")?;
    let held = hold_back(&mut target, now)?;
    target.control("COMMIT")?;
    Ok(held)
}

fn hold_back(tx: &mut Session, now: UnixMillis) -> Result<(u64, u64), StoreError> {
    Ok((
        tx.tx().exec(UNKNOWN_DELIVERIES, p![])?,
        tx.tx().exec(STOP_LANES, p![now])?,
    ))
}

/// A copy of an older backup in memory, brought to today's schema.
fn upgraded(backup: &Session) -> Result<Session, RestoreError> {
    let mut copy = SqliteLink::in_memory()?;
    copy_pages(
        sqlite(backup)?.connection(),
        copy.connection_mut(),
        &mut |_| {},
    )?;
    let mut copy = Session::new(Link::Sqlite(copy));
    migrate::migrate(&mut copy)?;
    Ok(copy)
}

fn sqlite(tx: &Session) -> Result<&SqliteLink, StoreError> {
    match &tx.link {
        Link::Sqlite(link) => Ok(link),
        Link::Postgres(_) => Err(StoreError::Failed("a backup is an SQLite file".to_owned())),
    }
}

fn restore_postgres(
    server: &Server,
    mut backup: Session,
    force: bool,
    now: UnixMillis,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<(u64, u64), RestoreError> {
    let mut target = Session::new(Link::Postgres(Box::new(PostgresLink::new(
        server.connect()?,
    ))));
    migrate::migrate(&mut target)?;
    target.control("BEGIN")?;
    target.control("SET LOCAL statement_timeout = 0")?;
    if target.tx().read_one(IN_USE, p![], |row| row.get(0))? && !force {
        return Err(RestoreError::NotEmpty);
    }
    let tables = tables(&mut backup)?;
    let mut total = 0;
    for table in &tables {
        total += backup.tx().read_one(
            &format!("SELECT count(*) FROM {}", table.name),
            p![],
            |row| row.get::<u64>(0),
        )?;
    }
    let mut progress_now = Progress { done: 0, total };
    for table in &tables {
        target
            .tx()
            .exec(&format!("TRUNCATE {}", table.name), p![])?;
        copy_table(&mut backup, &mut target, table, &mut progress_now, progress)?;
    }
    for (table, column) in target.tx().read(IDENTITIES, p![], |row| {
        Ok((row.get::<String>(0)?, row.get::<String>(1)?))
    })? {
        target.tx().finish_bulk(&table, Some(&column))?;
    }
    let held = hold_back(&mut target, now)?;
    target.control("COMMIT")?;
    Ok(held)
}

fn copy_table(
    backup: &mut Session,
    target: &mut Session,
    table: &Table,
    now: &mut Progress,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<(), StoreError> {
    let Link::Postgres(link) = &mut target.link else {
        return Ok(());
    };
    let failed = |error: postgres::Error| StoreError::from_postgres(&error);
    let (columns, name) = (table.columns.join(", "), &table.name);
    let select = format!("SELECT {columns} FROM {name}");
    let client = link.client();
    let types: Vec<Type> = client
        .prepare(&select)
        .map_err(failed)?
        .columns()
        .iter()
        .map(|column| column.type_().clone())
        .collect();
    let copy = client
        .copy_in(&format!("COPY {name} ({columns}) FROM STDIN BINARY"))
        .map_err(failed)?;
    let mut writer = BinaryCopyInWriter::new(copy, &types);
    backup.tx().each(&select, p![], |row| {
        now.done += 1;
        if now.done.is_multiple_of(10_000) {
            progress(*now);
        }
        writer.write_raw(row.values.iter()).map_err(failed)
    })?;
    writer.finish().map_err(failed)?;
    progress(*now);
    Ok(())
}
