//! What can go wrong: while opening ([`OpenError`]) and inside or around a transaction ([`StoreError`]).
//!
//! Invariant: no text here holds a password or a parameter's value; a unique violation names the constraint alone.

use std::path::PathBuf;

use thiserror::Error;

/// Why a transaction did not happen. An action's own error type takes it in by `From<StoreError>`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StoreError {
    /// A row with this key exists already. `constraint` names it as the engine does.
    #[error("a row with the same key exists already ({constraint})")]
    NotUnique { constraint: String },
    /// NOT NULL, CHECK or another rule of the schema.
    #[error("the database refused the row: {0}")]
    Refused(String),
    /// A column held something else than the code wanted: a damaged row, or one of a newer release.
    #[error("column {column} should hold {wanted} but holds {found}")]
    Unreadable {
        column: usize,
        wanted: &'static str,
        found: String,
    },
    /// A statement that had to find a row found none.
    #[error("a row that must exist was not found")]
    Missing,
    /// Stored content that does not decode, or whose hash is another than its name.
    #[error("stored content is damaged: {0}")]
    Damaged(String),
    /// The engine refused a statement for another reason (disk full, time-out, a fault in the SQL).
    #[error("the database answered: {0}")]
    Failed(String),
    /// A statement failed and the closure went on as if nothing had happened; everything was rolled back.
    #[error("a statement failed and the transaction went on; it was rolled back")]
    WentOn,
    /// Other transactions kept getting in the way (PostgreSQL 40001 or 40P01) however often it was run again.
    #[error("the transaction collided with others {0} times; try again")]
    Collided(u32),
    /// The closure panicked; nothing of it was kept.
    #[error("a transaction panicked: {0}")]
    Panicked(String),
    /// COMMIT failed; nothing was kept.
    #[error("the commit failed, nothing was kept: {0}")]
    NotCommitted(String),
    /// The connection or the disk failed during COMMIT: it may or may not have been kept. Look before trying again.
    #[error("the commit may or may not have been kept: {0}")]
    Unknown(String),
    /// PostgreSQL cannot be reached. Nothing was done.
    #[error("the database cannot be reached: {0}")]
    Unreachable(String),
    /// The database was closed, because the program is ending.
    #[error("the database is closed")]
    Closed,
}

/// Why a database could not be opened; each text says what to do.
#[derive(Debug, Error)]
pub enum OpenError {
    #[error(
        "the database address must begin with sqlite: or postgres://, for example sqlite:yuezhi.sqlite"
    )]
    UnknownScheme,
    #[error("the folder {0} does not exist; create it, or name another file in database.url")]
    NoFolder(PathBuf),
    #[error(
        "{path} cannot be opened: {detail}; check that this user may write the file and its folder"
    )]
    NotWritable { path: PathBuf, detail: String },
    #[error("{0} is not an SQLite database; name another file in database.url")]
    NotADatabase(PathBuf),
    #[error("the PostgreSQL address is not valid: {0}")]
    BadAddress(String),
    #[error("the certificate file {path} cannot be used: {detail}")]
    Certificate { path: PathBuf, detail: String },
    #[error(
        "PostgreSQL at {server} does not answer: {detail}; check host and port, and that the server runs"
    )]
    NoServer { server: String, detail: String },
    #[error(
        "PostgreSQL at {server} refuses user «{user}»: wrong password, or the user may not log in from here"
    )]
    LogIn { server: String, user: String },
    #[error(
        "the certificate of PostgreSQL at {server} is not accepted: {detail}; name its authority by sslrootcert=FILE in the address"
    )]
    NotTrusted { server: String, detail: String },
    #[error(
        "this user may not create tables: {detail}; as the database's owner run GRANT CREATE ON SCHEMA public TO the user"
    )]
    NotPermitted { detail: String },
    #[error("PostgreSQL at {server} has no database «{name}»; create it: CREATE DATABASE {name}")]
    NoDatabase { server: String, name: String },
    #[error("PostgreSQL at {server} refuses the connection: {detail}")]
    Server { server: String, detail: String },
    #[error(
        "the database has schema version {found}, this program knows {known}; install the newer program"
    )]
    NewerSchema { found: i64, known: i64 },
    #[error(
        "migration {version} was changed after it had been applied to this database; install the program that made it"
    )]
    ChangedMigration { version: i64 },
    #[error("migration {version} failed: {detail}")]
    Migration { version: i64, detail: String },
    #[error("threads cannot be started: {0}")]
    Threads(std::io::Error),
}

impl StoreError {
    /// From SQLite. The message of a constraint names table and columns, never values.
    pub(super) fn from_sqlite(error: &rusqlite::Error) -> Self {
        use rusqlite::ffi::{
            SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_ROWID, SQLITE_CONSTRAINT_UNIQUE,
        };
        match error {
            rusqlite::Error::SqliteFailure(failure, message)
                if failure.code == rusqlite::ErrorCode::ConstraintViolation =>
            {
                let message = message.clone().unwrap_or_else(|| failure.to_string());
                match failure.extended_code {
                    SQLITE_CONSTRAINT_UNIQUE
                    | SQLITE_CONSTRAINT_PRIMARYKEY
                    | SQLITE_CONSTRAINT_ROWID => Self::NotUnique {
                        constraint: message.replace("UNIQUE constraint failed: ", ""),
                    },
                    _ => Self::Refused(message),
                }
            }
            error => Self::Failed(error.to_string()),
        }
    }

    /// From PostgreSQL. `detail` of the server is left out: it repeats the values of the row.
    pub(super) fn from_postgres(error: &postgres::Error) -> Self {
        let Some(answer) = error.as_db_error() else {
            return Self::Failed(error.to_string());
        };
        match answer.code().code() {
            "23505" => Self::NotUnique {
                constraint: answer.constraint().unwrap_or("unnamed").to_owned(),
            },
            code if code.starts_with("23") => Self::Refused(answer.message().to_owned()),
            code => Self::Failed(format!("{} ({code})", answer.message())),
        }
    }
}
