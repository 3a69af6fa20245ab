//! Brings a database to the schema that this program knows, when it is opened.
//!
//! One file per version in `migrations/`, the same text for both engines: tokens stand for types (see `sql.rs`), a line
//! that begins with `--sqlite:` or `--postgres:` belongs to that engine alone.
//! Invariants: versions are applied in order, all missing ones in one transaction, by one node at a time; a database
//! whose applied text differs from ours, or that is newer, is refused untouched.

use sha2::{Digest, Sha256};

use super::{
    error::{OpenError, StoreError},
    sql::Dialect,
    tx::{Link, Session},
};
use crate::p;

struct Migration {
    version: i64,
    sql: &'static str,
}

const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        sql: include_str!("../../migrations/0001_main.sql"),
    },
    Migration {
        version: 2,
        sql: include_str!("../../migrations/0002_dingtalk.sql"),
    },
];

/// The schema version that this program makes and needs.
pub const SCHEMA_VERSION: i64 = MIGRATIONS.len() as i64;

const CREATE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (version {i64} NOT NULL PRIMARY KEY, hash TEXT NOT NULL) {strict}";
const APPLIED: &str = "SELECT version, hash FROM schema_migrations ORDER BY version";
const RECORD: &str = "INSERT INTO schema_migrations (version, hash) VALUES (?1, ?2)";
// The lock is the schema's own: two installations in one database do not wait for each other.
const LOCK: &str =
    "SELECT pg_advisory_xact_lock(hashtext('yuezhi migrations ' || current_schema()))";

/// Applies what is missing.
pub(super) fn migrate(tx: &mut Session) -> Result<(), OpenError> {
    let outcome = begin(tx).and_then(|()| apply(tx));
    let end = if outcome.is_ok() {
        "COMMIT"
    } else {
        "ROLLBACK"
    };
    let ended = tx.control(end);
    tx.begin_run();
    outcome.and_then(|()| ended.map_err(|error| failed(SCHEMA_VERSION, &error)))
}

/// The applied versions of a database that is not to be changed; an error when this program cannot read it.
pub(super) fn check(tx: &mut Session) -> Result<i64, OpenError> {
    let applied: Vec<(i64, String)> = tx
        .tx()
        .read(APPLIED, p![], |row| Ok((row.get(0)?, row.get(1)?)))
        .map_err(|error| failed(0, &error))?;
    for (version, hash) in &applied {
        let known = usize::try_from(version - 1)
            .ok()
            .and_then(|index| MIGRATIONS.get(index));
        match known {
            None => {
                return Err(OpenError::NewerSchema {
                    found: *version,
                    known: SCHEMA_VERSION,
                });
            }
            Some(known) if sha256(known.sql) != *hash => {
                return Err(OpenError::ChangedMigration { version: *version });
            }
            Some(_) => {}
        }
    }
    Ok(applied.last().map_or(0, |(version, _)| *version))
}

fn begin(tx: &mut Session) -> Result<(), OpenError> {
    let first = match tx.dialect() {
        Dialect::Sqlite => "BEGIN IMMEDIATE",
        Dialect::Postgres => "BEGIN",
    };
    tx.control(first).map_err(|error| failed(0, &error))?;
    if tx.dialect() == Dialect::Postgres {
        tx.tx()
            .row_opt(LOCK, p![])
            .map_err(|error| failed(0, &error))?;
    }
    Ok(())
}

fn apply(tx: &mut Session) -> Result<(), OpenError> {
    tx.tx()
        .exec(CREATE, p![])
        .map_err(|error| failed(0, &error))?;
    let applied = check(tx)?;
    for Migration { version, sql } in MIGRATIONS
        .iter()
        .filter(|migration| migration.version > applied)
    {
        tx.batch(&render(tx.dialect(), sql))
            .map_err(|error| failed(*version, &error))?;
        tx.tx()
            .exec(RECORD, p![version, sha256(sql)])
            .map_err(|error| failed(*version, &error))?;
    }
    Ok(())
}

fn failed(version: i64, error: &StoreError) -> OpenError {
    let detail = error.to_string();
    // Since PostgreSQL 15 only the owner may create tables in the schema `public`.
    if detail.contains("(42501)") {
        return OpenError::NotPermitted { detail };
    }
    OpenError::Migration { version, detail }
}

/// Comments go first: they may hold quotes and braces.
fn render(dialect: Dialect, sql: &str) -> String {
    let (ours, other) = match dialect {
        Dialect::Sqlite => ("--sqlite:", "--postgres:"),
        Dialect::Postgres => ("--postgres:", "--sqlite:"),
    };
    let lines: Vec<&str> = sql
        .lines()
        .filter(|line| !line.starts_with(other))
        .map(|line| line.strip_prefix(ours).unwrap_or(line))
        .map(|line| line.split_once("--").map_or(line, |(before, _)| before))
        .collect();
    dialect.render(&lines.join("\n"))
}

fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

impl Session {
    fn batch(&mut self, sql: &str) -> Result<(), StoreError> {
        match &mut self.link {
            Link::Sqlite(link) => link.batch(sql),
            Link::Postgres(link) => link.batch(sql),
        }
        .map_err(|(_, error)| error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_other_engine_is_left_out() {
        let sql = "CREATE TABLE a (b {i64}); -- it's {a} comment\n--sqlite:CREATE INDEX x ON a (b);\n--postgres:SELECT 1;";
        assert_eq!(
            render(Dialect::Sqlite, sql),
            "CREATE TABLE a (b INTEGER); \nCREATE INDEX x ON a (b);"
        );
        assert_eq!(
            render(Dialect::Postgres, sql),
            "CREATE TABLE a (b BIGINT); \nSELECT 1;"
        );
    }

    #[test]
    fn versions_count_up_from_one() {
        assert!(
            MIGRATIONS
                .iter()
                .zip(1..)
                .all(|(migration, version)| migration.version == version)
        );
    }
}
