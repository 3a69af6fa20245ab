//! PostgreSQL: a few threads, each with its own connection, statement cache and transactions.
//!
//! Writes run READ COMMITTED: every rule that must hold is a guarded UPDATE or a unique key, which hold there too, and
//! a stricter level would only turn waiting into re-runs. A caller who asks for more locks rows (`{for_update}`).
//! Reads run REPEATABLE READ READ ONLY, one snapshot for each closure, as on SQLite.
//! Invariant: a closure is run again only when nothing of its last run can have been kept.
//! Weakness: after a connection is lost during COMMIT the outcome is unknown, and the caller is told so.

use std::{collections::HashMap, sync::atomic::Ordering::Relaxed};

use bytes::BytesMut;
use postgres::{
    Client, Statement,
    binary_copy::BinaryCopyInWriter,
    fallible_iterator::FallibleIterator,
    types::{FromSql, IsNull, ToSql, Type, to_sql_checked},
};

use super::{
    error::StoreError,
    job::{BoxedJob, Ran},
    postgres_server::Server,
    queue::Queue,
    row::Row,
    sql::Dialect,
    stats::{Counters, Stopwatch},
    tx::{Failure, Link, Session},
    value::Value,
};

/// Runs of one closure before its collisions are reported.
const MOST_RUNS: u32 = 16;
/// Connections tried for one closure before it is given up.
const MOST_CONNECTIONS: u32 = 3;
/// Prepared statements kept for each connection.
const STATEMENTS: usize = 512;

type Answer<T> = Result<T, (Failure, StoreError)>;
type BoxError = Box<dyn std::error::Error + Sync + Send>;

pub(super) struct PostgresLink {
    client: Client,
    statements: HashMap<Box<str>, Statement>,
}

impl PostgresLink {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            statements: HashMap::new(),
        }
    }

    pub(super) fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    /// Several statements at once by the simple protocol.
    pub(super) fn batch(&mut self, sql: &str) -> Answer<()> {
        let answer = self.client.batch_execute(sql);
        self.note(answer)
    }

    pub(super) fn exec(&mut self, sql: &str, params: &[Value<'_>]) -> Answer<u64> {
        let statement = self.prepare(sql)?;
        let answer = self.client.execute(&statement, &as_params(params));
        self.note(answer)
    }

    pub(super) fn exec_many<'p, P: AsRef<[Value<'p>]>>(
        &mut self,
        sql: &str,
        sets: &mut impl Iterator<Item = P>,
    ) -> Answer<u64> {
        let statement = self.prepare(sql)?;
        let mut changed = 0;
        for set in sets {
            let answer = self.client.execute(&statement, &as_params(set.as_ref()));
            changed += self.note(answer)?;
        }
        Ok(changed)
    }

    /// COPY in the binary format.
    pub(super) fn copy_in<'p, P: AsRef<[Value<'p>]>>(
        &mut self,
        table: &str,
        columns: &[&str],
        rows: &mut impl Iterator<Item = P>,
    ) -> Answer<u64> {
        let columns = columns.join(", ");
        let like = self.prepare(&format!("SELECT {columns} FROM {table}"))?;
        let types: Vec<Type> = like
            .columns()
            .iter()
            .map(|column| column.type_().clone())
            .collect();
        let copied = self
            .client
            .copy_in(&format!("COPY {table} ({columns}) FROM STDIN BINARY"))
            .and_then(|copy| {
                let mut writer = BinaryCopyInWriter::new(copy, &types);
                for row in rows {
                    writer.write_raw(row.as_ref().iter())?;
                }
                writer.finish()
            });
        self.note(copied)
    }

    /// Calls `each` with every row until it returns false.
    pub(super) fn each(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
        each: &mut dyn FnMut(&Row) -> Result<bool, StoreError>,
    ) -> Answer<()> {
        let statement = self.prepare(sql)?;
        let width = statement.columns().len();
        let mut row = Row {
            values: Vec::with_capacity(width),
        };
        let answer = self.client.query_raw(&statement, as_params(params));
        let answer = answer.map(|mut rows| {
            loop {
                let found = match rows.next() {
                    Ok(Some(found)) => found,
                    Ok(None) => return Ok(()),
                    Err(error) => return Err(Interrupted::ByServer(error)),
                };
                row.values.clear();
                for index in 0..width {
                    let column: Column = found.try_get(index).map_err(Interrupted::ByServer)?;
                    row.values.push(column.0);
                }
                if !each(&row).map_err(Interrupted::ByReader)? {
                    return Ok(());
                }
            }
        });
        match answer {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Interrupted::ByReader(error))) => Err((Failure::Statement, error)),
            Ok(Err(Interrupted::ByServer(error))) | Err(error) => self.note(Err(error)),
        }
    }

    fn prepare(&mut self, sql: &str) -> Answer<Statement> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let answer = self.client.prepare(&Dialect::Postgres.render(sql));
        let statement = self.note(answer)?;
        if self.statements.len() >= STATEMENTS {
            self.statements.clear();
        }
        self.statements.insert(sql.into(), statement.clone());
        Ok(statement)
    }

    fn note<T>(&mut self, answer: Result<T, postgres::Error>) -> Answer<T> {
        answer.map_err(|error| {
            let failure = self.failure(&error);
            (failure, StoreError::from_postgres(&error))
        })
    }

    fn failure(&mut self, error: &postgres::Error) -> Failure {
        match error.code().map(postgres::error::SqlState::code) {
            Some("40001" | "40P01") => Failure::Collision,
            // A migration by another node changed a table under a prepared statement.
            Some("0A000")
                if !self.statements.is_empty() && error.to_string().contains("cached plan") =>
            {
                self.statements.clear();
                Failure::Collision
            }
            // The server shuts down or an administrator ended the session.
            Some("57P01" | "57P02" | "57P03") => Failure::Lost,
            Some(code) if code.starts_with("08") => Failure::Lost,
            None if error.is_closed() || self.client.is_closed() || is_io(error) => Failure::Lost,
            Some(_) | None => Failure::Statement,
        }
    }
}

fn is_io(error: &postgres::Error) -> bool {
    std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<std::io::Error>)
}

enum Interrupted {
    ByServer(postgres::Error),
    ByReader(StoreError),
}

fn as_params<'a>(params: &'a [Value<'a>]) -> Vec<&'a (dyn ToSql + Sync)> {
    params
        .iter()
        .map(|param| param as &(dyn ToSql + Sync))
        .collect()
}

impl ToSql for Value<'_> {
    /// Follows the type that the server expects, so that one parameter serves BIGINT, INTEGER and BOOLEAN.
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, BoxError> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(number) => match *ty {
                Type::INT4 => i32::try_from(*number)?.to_sql(ty, out),
                Type::INT2 => i16::try_from(*number)?.to_sql(ty, out),
                Type::BOOL => (*number != 0).to_sql(ty, out),
                Type::FLOAT8 => (*number as f64).to_sql(ty, out),
                Type::TEXT | Type::VARCHAR => number.to_string().to_sql(ty, out),
                _ => number.to_sql(&Type::INT8, out),
            },
            Self::Real(number) => number.to_sql(&Type::FLOAT8, out),
            Self::Bool(yes) if *ty == Type::INT8 => i64::from(*yes).to_sql(ty, out),
            Self::Bool(yes) => yes.to_sql(&Type::BOOL, out),
            Self::Text(text) if *ty == Type::JSONB => {
                // The binary form of jsonb: a version byte, then the text.
                out.extend_from_slice(&[1]);
                text.as_ref().to_sql(&Type::TEXT, out)
            }
            Self::Text(text) => text.as_ref().to_sql(&Type::TEXT, out),
            Self::Blob(bytes) => bytes.as_ref().to_sql(&Type::BYTEA, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// A column as one of our kinds.
struct Column(Value<'static>);

impl<'a> FromSql<'a> for Column {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, BoxError> {
        Ok(Self(match *ty {
            Type::BOOL => Value::Int(i64::from(bool::from_sql(ty, raw)?)),
            Type::INT8 => Value::Int(i64::from_sql(ty, raw)?),
            Type::INT4 => Value::Int(i32::from_sql(ty, raw)?.into()),
            Type::INT2 => Value::Int(i16::from_sql(ty, raw)?.into()),
            Type::FLOAT8 => Value::Real(f64::from_sql(ty, raw)?),
            Type::FLOAT4 => Value::Real(f32::from_sql(ty, raw)?.into()),
            Type::BYTEA => Value::Blob(raw.to_vec().into()),
            Type::VOID => Value::Null,
            _ => Value::Text(String::from_sql(&Type::TEXT, raw)?.into()),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, BoxError> {
        Ok(Self(Value::Null))
    }

    fn accepts(ty: &Type) -> bool {
        matches!(
            *ty,
            Type::BOOL
                | Type::INT8
                | Type::INT4
                | Type::INT2
                | Type::FLOAT8
                | Type::FLOAT4
                | Type::BYTEA
                | Type::VOID
        ) || <String as FromSql>::accepts(ty)
    }
}

/// What a connection thread is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Write,
    Read,
}

/// One connection thread.
pub(super) struct Worker<'a> {
    pub(super) server: &'a Server,
    pub(super) counters: &'a Counters,
    pub(super) access: Access,
    /// `None` after the connection was lost, until the next job.
    pub(super) tx: Option<Session>,
}

/// How one run ended.
enum End {
    /// Send the closure's own result.
    Answer,
    Fate(StoreError),
    Again(Failure),
}

impl Worker<'_> {
    pub(super) fn serve(&mut self, queue: &Queue<BoxedJob>) {
        while let Some(job) = queue.pop() {
            self.work(job);
        }
    }

    fn work(&mut self, mut job: BoxedJob) {
        let (mut runs, mut lost) = (0, 0);
        while job.is_wanted() {
            runs += 1;
            let fate = match self.run(&mut job) {
                End::Answer => Ok(()),
                End::Fate(error) => Err(error),
                End::Again(Failure::Lost) => {
                    lost += 1;
                    self.tx = None;
                    if lost < MOST_CONNECTIONS {
                        continue;
                    }
                    Err(StoreError::Unreachable(
                        "the connection was lost again and again".to_owned(),
                    ))
                }
                End::Again(_) if runs < MOST_RUNS => {
                    self.counters.reruns.fetch_add(1, Relaxed);
                    continue;
                }
                End::Again(_) => Err(StoreError::Collided(runs)),
            };
            if job.panicked() {
                self.counters.panics.fetch_add(1, Relaxed);
            }
            return job.answer(fate);
        }
    }

    fn run(&mut self, job: &mut BoxedJob) -> End {
        let begin = match self.access {
            Access::Write => "BEGIN ISOLATION LEVEL READ COMMITTED",
            Access::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        };
        let access = self.access;
        let counters = self.counters;
        let tx = match self.connected() {
            Ok(tx) => tx,
            Err(error) => return End::Fate(error),
        };
        if let Err((failure, error)) = tx.control_with_failure(begin) {
            return if failure == Failure::Lost {
                End::Again(failure)
            } else {
                End::Fate(error)
            };
        }
        let ran = job.run(tx);
        match tx.failure {
            Some(Failure::Lost) => End::Again(Failure::Lost),
            failure if ran == Ran::Refused || access == Access::Read => {
                let ended = tx.control_with_failure(if ran == Ran::Fine {
                    "COMMIT"
                } else {
                    "ROLLBACK"
                });
                if ended.is_err() {
                    self.tx = None;
                }
                let counter = if access == Access::Read {
                    &counters.reads
                } else {
                    &counters.write_errors
                };
                if failure == Some(Failure::Collision) {
                    return End::Again(Failure::Collision);
                }
                counter.fetch_add(1, Relaxed);
                End::Answer
            }
            _ => self.commit(),
        }
    }

    fn commit(&mut self) -> End {
        let Some(tx) = &mut self.tx else {
            return End::Again(Failure::Lost);
        };
        let watch = Stopwatch::start();
        match tx.control_with_failure("COMMIT") {
            Ok(()) => {
                self.counters.committed(1, watch.elapsed());
                End::Answer
            }
            Err((Failure::Collision, _)) => End::Again(Failure::Collision),
            Err((Failure::Lost, error)) => {
                self.tx = None;
                self.counters.write_errors.fetch_add(1, Relaxed);
                End::Fate(StoreError::Unknown(error.to_string()))
            }
            Err((Failure::Statement, error)) => {
                self.counters.write_errors.fetch_add(1, Relaxed);
                End::Fate(StoreError::NotCommitted(error.to_string()))
            }
        }
    }

    fn connected(&mut self) -> Result<&mut Session, StoreError> {
        if self.tx.is_none() {
            let client = self
                .server
                .connect()
                .map_err(|error| StoreError::Unreachable(error.to_string()))?;
            self.counters.reconnects.fetch_add(1, Relaxed);
            self.tx = Some(Session::new(Link::Postgres(Box::new(PostgresLink::new(
                client,
            )))));
        }
        self.tx.as_mut().ok_or(StoreError::Closed)
    }
}
