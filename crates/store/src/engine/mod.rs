//! The database engine: transactions as synchronous closures, over SQLite or PostgreSQL.
//!
//! Actions and workers call [`Db::write`] and [`Db::read`]; the nouns beside this folder hold the SQL.
//! Invariants: `Ok` from `write` means durable; a closure that fails, or panics, leaves nothing behind; a closure may run
//! more than once (PostgreSQL collisions), so it has no side effects beyond its transaction.
//! Weakness: a call costs one hop to another thread (about 80 µs); batch what comes in thousands.

mod backup;
mod error;
mod job;
mod migrate;
mod postgres;
mod postgres_server;
mod queue;
mod restore;
mod row;
mod sql;
mod sqlite;
mod stats;
mod tx;
mod value;

use std::{
    collections::VecDeque,
    fmt, panic,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use secrecy::SecretString;

use self::{
    job::{BoxedJob, job},
    postgres::{Access, PostgresLink, Worker},
    postgres_server::Server,
    queue::{Closed, Queue},
    sqlite::{Role, SqliteLink},
    stats::Counters,
    tx::{Link, Session},
};

pub use self::{
    backup::{BackupError, Progress},
    error::{OpenError, StoreError},
    migrate::SCHEMA_VERSION,
    restore::{BackupInfo, RestoreError, Restored, inspect_backup},
    row::{Columns, Row},
    sql::Dialect,
    stats::{COMMIT_BUCKETS_MICROS, Stats},
    tx::Tx,
    value::{FromValue, ToValue, Value},
};

/// Where the database is and how many threads work it.
#[derive(Clone)]
pub struct DatabaseConfig {
    /// `sqlite:/path/file.sqlite`, `sqlite::memory:` (one thread, gone at the end) or `postgres://user@host/name`.
    pub url: String,
    /// For PostgreSQL, where it is not part of the URL.
    pub password: Option<SecretString>,
    /// Threads (SQLite) or connections (PostgreSQL) for reading.
    pub readers: usize,
    /// Connections for writing; PostgreSQL only.
    pub writers: usize,
    /// Transactions that may wait; more callers are held back.
    pub queue: usize,
    /// PostgreSQL gives up a statement after this time.
    pub statement_timeout: Duration,
}

impl DatabaseConfig {
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            ..Self::default()
        }
    }

    pub fn with_password(mut self, password: Option<SecretString>) -> Self {
        self.password = password;
        self
    }
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            url: "sqlite:yuezhi.sqlite".to_owned(),
            password: None,
            readers: 4,
            writers: 8,
            queue: 4096,
            statement_timeout: Duration::from_mins(5),
        }
    }
}

/// Without the URL, because it may hold a password.
impl fmt::Debug for DatabaseConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseConfig")
            .field("scheme", &self.url.split(':').next().unwrap_or_default())
            .field("readers", &self.readers)
            .field("writers", &self.writers)
            .finish_non_exhaustive()
    }
}

/// Which of the three ways a URL means.
enum Place {
    Memory,
    File(PathBuf),
    Postgres,
}

fn place(url: &str) -> Result<Place, OpenError> {
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok(Place::Postgres);
    }
    match url.strip_prefix("sqlite:") {
        Some(":memory:") => Ok(Place::Memory),
        Some(path) => match path.strip_prefix("//").unwrap_or(path) {
            "" => Err(OpenError::UnknownScheme),
            path => Ok(Place::File(PathBuf::from(path))),
        },
        None => Err(OpenError::UnknownScheme),
    }
}

/// The database. Cheap to clone; the threads end when the last clone is dropped.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    dialect: Dialect,
    config: DatabaseConfig,
    counters: Arc<Counters>,
    ways: Ways,
}

enum Ways {
    Threads {
        writes: Arc<Queue<BoxedJob>>,
        reads: Arc<Queue<BoxedJob>>,
        threads: Mutex<Vec<JoinHandle<()>>>,
    },
    /// In memory there is one connection; closures run on the caller's thread, one after the other.
    Inline(Box<Mutex<Session>>),
}

impl Db {
    /// Opens the database, applies missing migrations and starts its threads. Blocks while it does.
    pub fn open(config: &DatabaseConfig) -> Result<Self, OpenError> {
        let counters = Arc::new(Counters::default());
        let (dialect, ways) = match place(&config.url)? {
            Place::Memory => {
                let mut tx = Session::new(Link::Sqlite(SqliteLink::in_memory()?));
                migrate::migrate(&mut tx)?;
                (Dialect::Sqlite, Ways::Inline(Box::new(Mutex::new(tx))))
            }
            Place::File(path) => (Dialect::Sqlite, open_file(&path, config, &counters)?),
            Place::Postgres => (Dialect::Postgres, open_postgres(config, &counters)?),
        };
        Ok(Self(Arc::new(Inner {
            dialect,
            config: config.clone(),
            counters,
            ways,
        })))
    }

    /// A database in memory whose closures run at once on the caller's thread; for tests and dry runs.
    pub fn in_memory() -> Result<Self, OpenError> {
        Self::open(&DatabaseConfig::new("sqlite::memory:"))
    }

    pub fn dialect(&self) -> Dialect {
        self.0.dialect
    }

    /// Runs `act` in a write transaction; `Ok` means that its work is durable, `Err` that nothing of it was kept.
    ///
    /// The one exception is [`StoreError::Unknown`]. `act` may run several times. A caller that gives up waiting before
    /// its turn came does not cause a run.
    pub async fn write<T, E, F>(&self, act: F) -> Result<T, E>
    where
        F: Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (job, result) = job(act);
        match &self.0.ways {
            Ways::Threads { writes, .. } => enter(writes, job).await,
            Ways::Inline(tx) => self.write_inline(tx, job),
        }
        result
            .await
            .unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }

    /// Runs `act` on one snapshot of the database; it cannot write.
    pub async fn read<T, E, F>(&self, act: F) -> Result<T, E>
    where
        F: Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (job, result) = job(act);
        match &self.0.ways {
            Ways::Threads { reads, .. } => enter(reads, job).await,
            Ways::Inline(tx) => self.read_inline(tx, job),
        }
        result
            .await
            .unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }

    /// [`Db::write`] for a thread that runs no async code.
    pub fn write_blocking<T, E, F>(&self, act: F) -> Result<T, E>
    where
        F: Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        queue::wait_for(self.write(act))
    }

    /// [`Db::read`] for a thread that runs no async code.
    pub fn read_blocking<T, E, F>(&self, act: F) -> Result<T, E>
    where
        F: Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        queue::wait_for(self.read(act))
    }

    pub fn stats(&self) -> Stats {
        let (writes, reads) = match &self.0.ways {
            Ways::Threads { writes, reads, .. } => (writes.len(), reads.len()),
            Ways::Inline(_) => (0, 0),
        };
        self.0.counters.read(writes, reads)
    }

    /// Serves what waits, refuses what comes later, and returns when all threads have ended.
    pub fn close(&self) {
        self.0.close();
    }

    fn write_inline(&self, tx: &Mutex<Session>, job: BoxedJob) {
        let mut tx = tx.lock().unwrap_or_else(PoisonError::into_inner);
        let mut jobs = VecDeque::from([job]);
        sqlite::run_group(&mut tx, &mut jobs, &mut Vec::new(), &self.0.counters);
    }

    fn read_inline(&self, tx: &Mutex<Session>, job: BoxedJob) {
        let mut tx = tx.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = tx.control("PRAGMA query_only = ON") {
            return job.answer(Err(error));
        }
        sqlite::run_read(&mut tx, job, &self.0.counters);
        if let Err(error) = tx.control("PRAGMA query_only = OFF") {
            tracing::error!(%error, "the database in memory stays read-only");
        }
    }
}

async fn enter(queue: &Queue<BoxedJob>, job: BoxedJob) {
    if let Err(Closed(job)) = queue.push(job).await {
        job.answer(Err(StoreError::Closed));
    }
}

impl Inner {
    fn close(&self) {
        let Ways::Threads {
            writes,
            reads,
            threads,
        } = &self.ways
        else {
            return;
        };
        writes.close();
        reads.close();
        let threads = std::mem::take(&mut *threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // The last clone may be dropped by a closure on one of these threads; it cannot wait for itself.
            if thread.thread().id() != thread::current().id() && thread.join().is_err() {
                tracing::error!("a database thread had ended by a panic");
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

fn open_file(
    path: &std::path::Path,
    config: &DatabaseConfig,
    counters: &Arc<Counters>,
) -> Result<Ways, OpenError> {
    let mut writer = Session::new(Link::Sqlite(SqliteLink::open(path, Role::Writer)?));
    migrate::migrate(&mut writer)?;
    let (writes, reads) = queues(config);
    let mut threads = Vec::new();
    for number in 0..config.readers.max(1) {
        let mut reader = Session::new(Link::Sqlite(SqliteLink::open(path, Role::Reader)?));
        let (reads, counters) = (Arc::clone(&reads), Arc::clone(counters));
        threads.push(start(format!("db-read-{number}"), move || {
            sqlite::read_loop(&reads, &mut reader, &counters);
        })?);
    }
    let (queue, counters) = (Arc::clone(&writes), Arc::clone(counters));
    threads.push(start("db-write".to_owned(), move || {
        sqlite::write_loop(&queue, &mut writer, &counters);
    })?);
    Ok(Ways::Threads {
        writes,
        reads,
        threads: Mutex::new(threads),
    })
}

fn open_postgres(config: &DatabaseConfig, counters: &Arc<Counters>) -> Result<Ways, OpenError> {
    let server = Arc::new(Server::new(
        &config.url,
        config.password.as_ref(),
        config.statement_timeout,
    )?);
    let first = on_own_thread({
        let server = Arc::clone(&server);
        move || {
            let mut tx = Session::new(Link::Postgres(Box::new(PostgresLink::new(
                server.connect()?,
            ))));
            migrate::migrate(&mut tx)?;
            Ok::<_, OpenError>(tx)
        }
    })?;
    let (writes, reads) = queues(config);
    let mut first = Some(first);
    let mut threads = Vec::new();
    let roles = (0..config.writers.max(1)).map(|number| (Access::Write, number));
    for (access, number) in
        roles.chain((0..config.readers.max(1)).map(|number| (Access::Read, number)))
    {
        let (queue, name) = match access {
            Access::Write => (Arc::clone(&writes), "write"),
            Access::Read => (Arc::clone(&reads), "read"),
        };
        let (server, counters, tx) = (Arc::clone(&server), Arc::clone(counters), first.take());
        threads.push(start(format!("db-{name}-{number}"), move || {
            Worker {
                server: &server,
                counters: &counters,
                access,
                tx,
            }
            .serve(&queue);
        })?);
    }
    Ok(Ways::Threads {
        writes,
        reads,
        threads: Mutex::new(threads),
    })
}

fn queues(config: &DatabaseConfig) -> (Arc<Queue<BoxedJob>>, Arc<Queue<BoxedJob>>) {
    (
        Arc::new(Queue::new(config.queue)),
        Arc::new(Queue::new(config.queue)),
    )
}

fn start(name: String, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, OpenError> {
    thread::Builder::new()
        .name(name)
        .spawn(run)
        .map_err(OpenError::Threads)
}

/// The PostgreSQL driver must not be used on a thread that runs async code.
fn on_own_thread<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(run).join())
        .unwrap_or_else(|panic| panic::resume_unwind(panic))
}

/// Statements on a PostgreSQL connection of their own, outside of any [`Db`].
pub(crate) fn run_statement(url: &str, sql: &str) -> Result<(), OpenError> {
    let config = DatabaseConfig::new(url);
    let server = Server::new(url, None, config.statement_timeout)?;
    on_own_thread(|| {
        let mut link = PostgresLink::new(server.connect()?);
        link.batch(sql).map_err(|(_, error)| OpenError::Server {
            server: "the test server".to_owned(),
            detail: error.to_string(),
        })
    })
}
