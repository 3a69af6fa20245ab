//! All SQL of Yuezhi, over SQLite and PostgreSQL: the engine, and one file per noun.
//!
//! Actions and workers of the server open one transaction with [`Db::write`] or [`Db::read`] and call the nouns'
//! functions inside it: `notices::get(tx, no)`. The schema stands in `migrations/`.
//! Invariants: a state change is a guarded UPDATE whose count is returned; what exists once per person and notice is
//! written by set-based statements; no function here asks a clock.
//! Weakness: numbers (`no`) are the database's own; what leaves the system carries the UUIDv7 (`id`).

mod domain_values;
mod engine;
mod scratch;

pub use engine::{
    BackupError, BackupInfo, COMMIT_BUCKETS_MICROS, Columns, DatabaseConfig, Db, Dialect,
    FromValue, OpenError, Progress, RestoreError, Restored, Row, SCHEMA_VERSION, Stats, StoreError,
    ToValue, Tx, Value, inspect_backup,
};
pub use scratch::Scratch;
