//! SQLite: one writer thread that groups waiting transactions into one durable commit, and a few reader threads.
//!
//! Invariants: `synchronous=FULL`, so an answered write survives a power cut; each job of a group has a savepoint of its
//! own, so a failing one takes nothing with it; nobody is answered before the commit.
//! Weakness: one long write transaction delays all others; large work comes in chunks (readers are never delayed).

use std::{cell::Cell, collections::VecDeque, fs, path::Path, time::Duration};

use rusqlite::{Connection, ErrorCode, OpenFlags, StatementStatus, params_from_iter, types};

use super::{
    error::{OpenError, StoreError},
    job::{BoxedJob, Ran},
    queue::Queue,
    row::Row,
    sql::Dialect,
    stats::{Counters, Stopwatch},
    tx::{Failure, Link, Session},
    value::Value,
};

/// Most transactions that share one commit.
const LARGEST_BATCH: usize = 256;
/// A group commits early when its jobs took this long, so that the first one does not wait for the last.
const LONGEST_BATCH: Duration = Duration::from_millis(20);
/// Prepared statements kept for each connection.
const STATEMENTS: usize = 256;
/// Bytes of a page in new files. A commit writes every page it touched whole, and confirmations touch four pages of their
/// own each: with SQLite's 4096 they wrote 2.5 times as much to the log. A file keeps what it was made with.
const PAGE_SIZE: i64 = 1024;
/// The log is copied into the file when it is this long: pages that were written again meanwhile are copied once. After a
/// crash so much is read again before the first answer.
const LOG_BYTES: i64 = 32 * 1024 * 1024;

type Answer<T> = Result<T, (Failure, StoreError)>;

pub(super) struct SqliteLink {
    connection: Connection,
    /// Rows that statements stepped over without an index since somebody asked.
    scanned: Cell<u64>,
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Writer,
    Reader,
}

impl SqliteLink {
    /// Opens the file, made with mode 0600 if it is not there: it holds robots' webhooks and personal data.
    pub(super) fn open(path: &Path, role: Role) -> Result<Self, OpenError> {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            return Err(OpenError::NoFolder(folder.to_owned()));
        }
        let not_writable = |detail: String| OpenError::NotWritable {
            path: path.to_owned(),
            detail,
        };
        if role == Role::Writer {
            create_private(path).map_err(|error| not_writable(error.to_string()))?;
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags(path, flags)
            .and_then(|connection| Self::set_up(connection, role))
            .map_err(|error| {
                if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) {
                    OpenError::NotADatabase(path.to_owned())
                } else {
                    not_writable(error.to_string())
                }
            })
    }

    pub(super) fn in_memory() -> Result<Self, OpenError> {
        Connection::open_in_memory()
            .and_then(|connection| Self::set_up(connection, Role::Writer))
            .map_err(|error| OpenError::NotWritable {
                path: ":memory:".into(),
                detail: error.to_string(),
            })
    }

    fn set_up(connection: Connection, role: Role) -> rusqlite::Result<Self> {
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        // trusted_schema: a file put in our place must not run functions from its schema (sqlite.org/security.html).
        // cache_size is in KiB when negative; journal_size_limit gives the disk back after a large write.
        // The page size first: the journal mode is the first thing that is written into a new file.
        connection.pragma_update(None, "page_size", PAGE_SIZE)?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
             PRAGMA trusted_schema = OFF; PRAGMA journal_size_limit = 67108864;",
        )?;
        connection.execute_batch(match role {
            Role::Writer => "PRAGMA cache_size = -32768;",
            Role::Reader => "PRAGMA cache_size = -8192; PRAGMA query_only = ON;",
        })?;
        if role == Role::Writer {
            let page_size: i64 =
                connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
            connection.pragma_update(None, "wal_autocheckpoint", LOG_BYTES / page_size.max(512))?;
        }
        Ok(Self {
            connection,
            scanned: Cell::new(0),
        })
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(super) fn connection_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }

    pub(super) fn into_connection(self) -> Connection {
        self.connection
    }

    /// Several statements at once, for migrations.
    pub(super) fn batch(&mut self, sql: &str) -> Answer<()> {
        self.connection
            .execute_batch(sql)
            .map_err(|error| failed(&error))
    }

    pub(super) fn control(&mut self, sql: &'static str) -> Answer<()> {
        let mut statement = self
            .connection
            .prepare_cached(sql)
            .map_err(|error| failed(&error))?;
        statement
            .raw_execute()
            .map(|_| ())
            .map_err(|error| failed(&error))
    }

    pub(super) fn exec(&mut self, sql: &str, params: &[Value<'_>]) -> Answer<u64> {
        let mut statement = self.prepare(sql)?;
        let changed = statement
            .execute(params_from_iter(params))
            .map_err(|error| failed(&error))?;
        self.note_scan(&statement);
        Ok(changed as u64)
    }

    pub(super) fn exec_many<'p, P: AsRef<[Value<'p>]>>(
        &mut self,
        sql: &str,
        sets: &mut impl Iterator<Item = P>,
    ) -> Answer<u64> {
        let mut statement = self.prepare(sql)?;
        let mut changed = 0;
        for set in sets {
            changed += statement
                .execute(params_from_iter(set.as_ref()))
                .map_err(|error| failed(&error))? as u64;
        }
        self.note_scan(&statement);
        Ok(changed)
    }

    /// Calls `each` with every row until it returns false.
    pub(super) fn each(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
        each: &mut dyn FnMut(&Row) -> Result<bool, StoreError>,
    ) -> Answer<()> {
        let mut statement = self.prepare(sql)?;
        let width = statement.column_count();
        let mut rows = statement
            .query(params_from_iter(params))
            .map_err(|error| failed(&error))?;
        let mut row = Row {
            values: Vec::with_capacity(width),
        };
        while let Some(found) = rows.next().map_err(|error| failed(&error))? {
            row.values.clear();
            for index in 0..width {
                let value = found.get_ref(index).map_err(|error| failed(&error))?;
                row.values
                    .push(owned(value).map_err(|error| (Failure::Statement, error))?);
            }
            if !each(&row).map_err(|error| (Failure::Statement, error))? {
                break;
            }
        }
        drop(rows);
        self.note_scan(&statement);
        Ok(())
    }

    fn note_scan(&self, statement: &rusqlite::Statement<'_>) {
        let rows = statement.reset_status(StatementStatus::FullscanStep);
        self.scanned
            .set(self.scanned.get() + u64::try_from(rows).unwrap_or(0));
    }

    fn prepare(&self, sql: &str) -> Answer<rusqlite::CachedStatement<'_>> {
        if Dialect::Sqlite.is_plain(sql) {
            self.connection.prepare_cached(sql)
        } else {
            self.connection.prepare_cached(&Dialect::Sqlite.render(sql))
        }
        .map_err(|error| failed(&error))
    }
}

impl From<Connection> for SqliteLink {
    fn from(connection: Connection) -> Self {
        Self {
            connection,
            scanned: Cell::new(0),
        }
    }
}

fn failed(error: &rusqlite::Error) -> (Failure, StoreError) {
    (Failure::Statement, StoreError::from_sqlite(error))
}

fn owned(value: types::ValueRef<'_>) -> Result<Value<'static>, StoreError> {
    Ok(match value {
        types::ValueRef::Null => Value::Null,
        types::ValueRef::Integer(number) => Value::Int(number),
        types::ValueRef::Real(number) => Value::Real(number),
        types::ValueRef::Text(bytes) => {
            let text = std::str::from_utf8(bytes)
                .map_err(|_| StoreError::Damaged("a text is not UTF-8".to_owned()))?;
            Value::Text(text.to_owned().into())
        }
        types::ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec().into()),
    })
}

impl rusqlite::ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<types::ToSqlOutput<'_>> {
        Ok(types::ToSqlOutput::Borrowed(match self {
            Self::Null => types::ValueRef::Null,
            Self::Int(number) => types::ValueRef::Integer(*number),
            Self::Real(number) => types::ValueRef::Real(*number),
            Self::Bool(yes) => types::ValueRef::Integer(i64::from(*yes)),
            Self::Text(text) => types::ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => types::ValueRef::Blob(bytes),
        }))
    }
}

fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(|_| ())
}

/// The writer thread: until the queue is closed, takes all that wait and runs them in groups.
pub(super) fn write_loop(queue: &Queue<BoxedJob>, tx: &mut Session, counters: &Counters) {
    let mut jobs = VecDeque::with_capacity(LARGEST_BATCH);
    let mut done = Vec::with_capacity(LARGEST_BATCH);
    while queue.pop_all(LARGEST_BATCH, &mut jobs) {
        while !jobs.is_empty() {
            run_group(tx, &mut jobs, &mut done, counters);
        }
    }
}

/// Runs jobs from the front in one transaction and answers those it ran; the rest stays.
pub(super) fn run_group(
    tx: &mut Session,
    jobs: &mut VecDeque<BoxedJob>,
    done: &mut Vec<(BoxedJob, Ran)>,
    counters: &Counters,
) {
    let watch = Stopwatch::start();
    if let Err(error) = tx.control("BEGIN IMMEDIATE") {
        for job in jobs.drain(..) {
            job.answer(Err(error.clone()));
        }
        return;
    }
    let alone = jobs.len() == 1;
    let mut broken = None;
    while let Some(mut job) = jobs.pop_front() {
        if !job.is_wanted() {
            continue;
        }
        let ran = if alone {
            Ok(job.run(tx))
        } else {
            run_in_savepoint(tx, &mut job)
        };
        note_run(tx, &job, counters);
        match ran {
            Ok(ran) => done.push((job, ran)),
            Err(error) => {
                done.push((job, Ran::Fine));
                broken = Some(error);
            }
        }
        // Some failures (disk full, I/O) make SQLite roll back the whole transaction on its own.
        if broken.is_none() && tx.is_autocommit() {
            broken = Some(StoreError::NotCommitted(
                "the database gave up the whole group".to_owned(),
            ));
        }
        if broken.is_some() || watch.elapsed() >= LONGEST_BATCH {
            break;
        }
    }
    finish_group(tx, done, broken, counters);
}

fn note_run(session: &mut Session, job: &BoxedJob, counters: &Counters) {
    use std::sync::atomic::Ordering::Relaxed;
    if job.panicked() {
        counters.panics.fetch_add(1, Relaxed);
    }
    if let Link::Sqlite(link) = &session.link {
        counters
            .scanned_rows
            .fetch_add(link.scanned.take(), Relaxed);
    }
}

fn run_in_savepoint(tx: &mut Session, job: &mut BoxedJob) -> Result<Ran, StoreError> {
    tx.control("SAVEPOINT job")?;
    let ran = job.run(tx);
    if tx.is_autocommit() {
        return Ok(ran);
    }
    if ran == Ran::Refused {
        tx.control("ROLLBACK TO job")?;
    }
    tx.control("RELEASE job")?;
    Ok(ran)
}

fn finish_group(
    tx: &mut Session,
    done: &mut Vec<(BoxedJob, Ran)>,
    broken: Option<StoreError>,
    counters: &Counters,
) {
    let kept = done.iter().filter(|(_, ran)| *ran == Ran::Fine).count() as u64;
    let fate = match broken {
        Some(error) => Err(error),
        None if kept == 0 => Ok(()),
        None => commit(tx, kept, counters),
    };
    if (fate.is_err() || kept == 0) && !tx.is_autocommit() {
        // The transaction must be gone before the next one begins; if even this fails, BEGIN will tell.
        drop(tx.control("ROLLBACK"));
    }
    let refused = done.len() as u64 - if fate.is_ok() { kept } else { 0 };
    counters
        .write_errors
        .fetch_add(refused, std::sync::atomic::Ordering::Relaxed);
    for (job, ran) in done.drain(..) {
        job.answer(if ran == Ran::Fine {
            fate.clone()
        } else {
            Ok(())
        });
    }
}

fn commit(tx: &mut Session, kept: u64, counters: &Counters) -> Result<(), StoreError> {
    let watch = Stopwatch::start();
    match tx.control("COMMIT") {
        Ok(()) => {
            counters.committed(kept, watch.elapsed());
            Ok(())
        }
        // After a failed write or sync the frames may have reached the disk all the same.
        Err(StoreError::Failed(detail)) if detail.contains("I/O") => {
            Err(StoreError::Unknown(detail))
        }
        Err(error) => Err(StoreError::NotCommitted(error.to_string())),
    }
}

/// A reader thread: one snapshot for each job.
pub(super) fn read_loop(queue: &Queue<BoxedJob>, tx: &mut Session, counters: &Counters) {
    while let Some(job) = queue.pop() {
        run_read(tx, job, counters);
    }
}

pub(super) fn run_read(tx: &mut Session, mut job: BoxedJob, counters: &Counters) {
    if !job.is_wanted() {
        return;
    }
    let fate = tx.control("BEGIN").map(|()| {
        job.run(tx);
    });
    // Nothing was written; ROLLBACK cannot lose anything.
    if !tx.is_autocommit() {
        drop(tx.control("ROLLBACK"));
    }
    note_run(tx, &job, counters);
    counters
        .reads
        .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    job.answer(fate);
}

impl Session {
    /// A statement of the engine itself: BEGIN, COMMIT, SAVEPOINT. Does not count as a failure of the closure.
    pub(super) fn control(&mut self, sql: &'static str) -> Result<(), StoreError> {
        self.control_with_failure(sql).map_err(|(_, error)| error)
    }

    pub(super) fn control_with_failure(
        &mut self,
        sql: &'static str,
    ) -> Result<(), (Failure, StoreError)> {
        match &mut self.link {
            Link::Sqlite(link) => link.control(sql),
            Link::Postgres(link) => link.batch(sql),
        }
    }

    /// Whether no transaction is open (SQLite only; PostgreSQL tells by errors).
    fn is_autocommit(&self) -> bool {
        match &self.link {
            Link::Sqlite(link) => link.connection.is_autocommit(),
            Link::Postgres(_) => false,
        }
    }
}
