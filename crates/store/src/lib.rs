//! All SQL of Yuezhi, over SQLite and PostgreSQL: the engine, and one file per noun.
//!
//! Actions and workers of the server open one transaction with [`Db::write`] or [`Db::read`] and call the nouns'
//! functions inside it: `notices::get(tx, no)`. The schema stands in `migrations/`.
//! Invariants: a state change is a guarded UPDATE whose count is returned; what exists once per person and notice is
//! written by set-based statements; no function here asks a clock.
//! Weakness: numbers (`no`) are the database's own; what leaves the system carries the UUIDv7 (`id`).

mod domain_values;
mod engine;
mod query;
mod scratch;

pub mod accounts;
pub mod audience;
pub mod audit;
pub mod chat_groups;
pub mod contents;
pub mod deliveries;
pub mod departments;
pub mod followups;
pub mod idempotency;
pub mod inbound_events;
pub mod lanes;
pub mod meters;
pub mod notices;
pub mod obligations;
pub mod occurrences;
pub mod people;
pub mod platform_messages;
pub mod policies;
pub mod progress;
pub mod receipts;
pub mod robots;
pub mod schedules;
pub mod sessions;
pub mod settings;
pub mod source_files;
pub mod tokens;
pub mod versions;

pub use engine::{
    BackupError, BackupInfo, COMMIT_BUCKETS_MICROS, Columns, DatabaseConfig, Db, Dialect,
    FromValue, OpenError, Progress, RestoreError, Restored, Row, SCHEMA_VERSION, Stats, StoreError,
    ToValue, Tx, Value, inspect_backup,
};
pub use scratch::Scratch;
