//! Named texts of an installation: its id, its link key, imported calendar days.

use crate::{StoreError, Tx, p};

const GET: &str = "SELECT value FROM settings WHERE key = ?1";
const PUT: &str = "INSERT INTO settings (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
const INSERT: &str =
    "INSERT INTO settings (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO NOTHING";

pub fn get(tx: &mut Tx<'_>, key: &str) -> Result<Option<String>, StoreError> {
    tx.read_opt(GET, p![key], |row| row.get(0))
}

pub fn put(tx: &mut Tx<'_>, key: &str, value: &str) -> Result<(), StoreError> {
    tx.exec(PUT, p![key, value]).map(|_| ())
}

/// The value that stands afterwards: the one that was there, else this one. Two nodes that start at once agree on one.
pub fn insert_if_absent(tx: &mut Tx<'_>, key: &str, value: &str) -> Result<String, StoreError> {
    tx.exec(INSERT, p![key, value])?;
    tx.read_one(GET, p![key], |row| row.get(0))
}
