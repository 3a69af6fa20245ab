//! API tokens of scripts. Only their hashes are here.

use yuezhi_domain::UnixMillis;

use crate::{Row, StoreError, Tx, p};

const INSERT: &str =
    "INSERT INTO tokens (id, name, hash, created_by, created_at) VALUES (?1, ?2, ?3, ?4, ?5)";
const BY_HASH: &str = "SELECT id, name, hash, created_by, created_at, last_used_at, revoked_at FROM tokens WHERE hash = ?1";
const LIST: &str = "SELECT id, name, hash, created_by, created_at, last_used_at, revoked_at FROM tokens ORDER BY created_at, id";
const REVOKE: &str = "UPDATE tokens SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL";
const TOUCH: &str = "UPDATE tokens SET last_used_at = ?2 WHERE id = ?1 AND revoked_at IS NULL";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub id: String,
    pub name: String,
    /// SHA-256 of the token.
    pub hash: String,
    pub created_by: String,
    pub created_at: UnixMillis,
    pub last_used_at: Option<UnixMillis>,
    pub revoked_at: Option<UnixMillis>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    pub id: String,
    pub name: String,
    pub hash: String,
    pub created_by: String,
    pub created_at: UnixMillis,
}

fn token(row: &Row) -> Result<Token, StoreError> {
    let mut columns = row.columns();
    Ok(Token {
        id: columns.take()?,
        name: columns.take()?,
        hash: columns.take()?,
        created_by: columns.take()?,
        created_at: columns.take()?,
        last_used_at: columns.take()?,
        revoked_at: columns.take()?,
    })
}

pub fn insert(tx: &mut Tx<'_>, new: &NewToken) -> Result<(), StoreError> {
    tx.exec(
        INSERT,
        p![new.id, new.name, new.hash, new.created_by, new.created_at],
    )
    .map(|_| ())
}

/// Also a revoked one; the caller looks.
pub fn by_hash(tx: &mut Tx<'_>, hash: &str) -> Result<Option<Token>, StoreError> {
    tx.read_opt(BY_HASH, p![hash], token)
}

/// Oldest first.
pub fn list(tx: &mut Tx<'_>) -> Result<Vec<Token>, StoreError> {
    tx.read(LIST, p![], token)
}

/// Whether it was good before.
pub fn revoke(tx: &mut Tx<'_>, id: &str, at: UnixMillis) -> Result<bool, StoreError> {
    Ok(tx.exec(REVOKE, p![id, at])? == 1)
}

/// Notes that it was used.
pub fn touch(tx: &mut Tx<'_>, id: &str, now: UnixMillis) -> Result<bool, StoreError> {
    Ok(tx.exec(TOUCH, p![id, now])? == 1)
}
