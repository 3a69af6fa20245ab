//! A transaction as a closure sees it: statements with `?1` placeholders, the same on both engines.
//!
//! Lent to closures by the engine's threads, never made by callers.
//! Invariant: after a statement failed the transaction cannot succeed any more, on PostgreSQL by the server's rule and on
//! SQLite by ours, so both engines behave alike: use `ON CONFLICT DO NOTHING` and look at the count instead of catching.

use super::{
    error::StoreError, postgres::PostgresLink, row::Row, sql::Dialect, sqlite::SqliteLink,
    value::Value,
};

/// An open transaction.
pub struct Tx<'db> {
    session: &'db mut Session,
}

/// A connection of one of the engine's threads and how its current transaction goes.
pub(super) struct Session {
    pub(super) link: Link,
    pub(super) failure: Option<Failure>,
}

pub(super) enum Link {
    Sqlite(SqliteLink),
    Postgres(Box<PostgresLink>),
}

/// How bad the first failed statement was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The statement itself is at fault.
    Statement,
    /// Another transaction got in the way; the same closure may succeed when run again.
    Collision,
    /// The connection is gone.
    Lost,
}

impl Session {
    pub(super) fn new(link: Link) -> Self {
        Self {
            link,
            failure: None,
        }
    }

    /// What a closure is lent.
    pub(super) fn tx(&mut self) -> Tx<'_> {
        Tx { session: self }
    }

    pub(super) fn dialect(&self) -> Dialect {
        match &self.link {
            Link::Sqlite(_) => Dialect::Sqlite,
            Link::Postgres(_) => Dialect::Postgres,
        }
    }

    pub(super) fn begin_run(&mut self) {
        self.failure = None;
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failure.is_some()
    }
}

impl Tx<'_> {
    pub fn dialect(&self) -> Dialect {
        self.session.dialect()
    }

    /// Runs a statement that answers with no rows; how many rows it changed.
    pub fn exec(&mut self, sql: &str, params: &[Value<'_>]) -> Result<u64, StoreError> {
        let answer = match &mut self.session.link {
            Link::Sqlite(link) => link.exec(sql, params),
            Link::Postgres(link) => link.exec(sql, params),
        };
        self.note(answer)
    }

    /// Runs one statement for each set of parameters, prepared once; how many rows were changed in all.
    pub fn exec_many<'p, P>(
        &mut self,
        sql: &str,
        sets: impl IntoIterator<Item = P>,
    ) -> Result<u64, StoreError>
    where
        P: AsRef<[Value<'p>]>,
    {
        let mut sets = sets.into_iter();
        let answer = match &mut self.session.link {
            Link::Sqlite(link) => link.exec_many(sql, &mut sets),
            Link::Postgres(link) => link.exec_many(sql, &mut sets),
        };
        self.note(answer)
    }

    /// Adds many rows in the fastest way the engine has. Table and columns are names of ours, never a user's text.
    pub fn bulk_insert<'p, P>(
        &mut self,
        table: &str,
        columns: &[&str],
        rows: impl IntoIterator<Item = P>,
    ) -> Result<u64, StoreError>
    where
        P: AsRef<[Value<'p>]>,
    {
        let mut rows = rows.into_iter();
        let answer = match &mut self.session.link {
            Link::Sqlite(link) => {
                let places: Vec<String> = (1..=columns.len())
                    .map(|number| format!("?{number}"))
                    .collect();
                let sql = format!(
                    "INSERT INTO {table} ({}) VALUES ({})",
                    columns.join(", "),
                    places.join(", ")
                );
                link.exec_many(&sql, &mut rows)
            }
            Link::Postgres(link) => link.copy_in(table, columns, &mut rows),
        };
        self.note(answer)
    }

    /// After many rows were added with numbers of the caller's: the next number the database gives is above them, and
    /// PostgreSQL's planner knows of them at once instead of after a minute.
    pub fn finish_bulk(&mut self, table: &str, column: Option<&str>) -> Result<(), StoreError> {
        if self.dialect() != Dialect::Postgres {
            return Ok(());
        }
        if let Some(column) = column {
            let sql = format!(
                "SELECT setval(pg_get_serial_sequence('\"{table}\"', '{column}'), \
                 (SELECT COALESCE(max(\"{column}\"), 0) + 1 FROM \"{table}\"), false)"
            );
            self.one(&sql, &[])?;
        }
        self.exec(&format!("ANALYZE \"{table}\""), &[]).map(|_| ())
    }

    /// Calls `each` with every row as it comes, without keeping them. The row is reused: take out what you need.
    pub fn each(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
        mut each: impl FnMut(&Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let answer = match &mut self.session.link {
            Link::Sqlite(link) => link.each(sql, params, &mut |row| each(row).map(|()| true)),
            Link::Postgres(link) => link.each(sql, params, &mut |row| each(row).map(|()| true)),
        };
        self.note(answer)
    }

    pub fn rows(&mut self, sql: &str, params: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        self.read(sql, params, |row| Ok(row.clone()))
    }

    /// All rows, each read by `read`.
    pub fn read<T>(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
        mut read: impl FnMut(&Row) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut all = Vec::new();
        self.each(sql, params, |row| {
            all.push(read(row)?);
            Ok(())
        })?;
        Ok(all)
    }

    /// The first row, if there is one.
    pub fn read_opt<T>(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
        mut read: impl FnMut(&Row) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut first = None;
        let mut take = |row: &Row| {
            first = Some(read(row)?);
            Ok(false)
        };
        let answer = match &mut self.session.link {
            Link::Sqlite(link) => link.each(sql, params, &mut take),
            Link::Postgres(link) => link.each(sql, params, &mut take),
        };
        self.note(answer)?;
        Ok(first)
    }

    /// The first row; none is [`StoreError::Missing`].
    pub fn read_one<T>(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
        read: impl FnMut(&Row) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.read_opt(sql, params, read)?.ok_or(StoreError::Missing)
    }

    pub fn row_opt(&mut self, sql: &str, params: &[Value<'_>]) -> Result<Option<Row>, StoreError> {
        self.read_opt(sql, params, |row| Ok(row.clone()))
    }

    pub fn one(&mut self, sql: &str, params: &[Value<'_>]) -> Result<Row, StoreError> {
        self.read_one(sql, params, |row| Ok(row.clone()))
    }

    fn note<T>(&mut self, answer: Result<T, (Failure, StoreError)>) -> Result<T, StoreError> {
        answer.map_err(|(failure, error)| {
            self.session.failure.get_or_insert(failure);
            error
        })
    }
}
