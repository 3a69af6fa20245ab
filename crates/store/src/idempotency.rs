//! Answers to POSTs that carried an `Idempotency-Key`, so that a repeated one gets the same answer.

use yuezhi_domain::UnixMillis;

use crate::{StoreError, Tx, p};

const GET: &str =
    "SELECT request_hash, status, body, created_at FROM idempotency_keys WHERE key = ?1";
const PUT: &str = "INSERT INTO idempotency_keys (key, request_hash, status, body, created_at) \
     VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
const PRUNE: &str = "DELETE FROM idempotency_keys WHERE created_at < ?1";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Of the request that was answered; another one under the same key is a mistake.
    pub request_hash: String,
    /// HTTP.
    pub status: u16,
    pub body: String,
    pub created_at: UnixMillis,
}

/// `key` names the caller, the route and the key they sent.
pub fn get(tx: &mut Tx<'_>, key: &str) -> Result<Option<Kept>, StoreError> {
    tx.read_opt(GET, p![key], |row| {
        let mut columns = row.columns();
        Ok(Kept {
            request_hash: columns.take()?,
            status: columns.take()?,
            body: columns.take()?,
            created_at: columns.take()?,
        })
    })
}

/// Whether there was none before; the first answer stands.
pub fn put(tx: &mut Tx<'_>, key: &str, kept: &Kept) -> Result<bool, StoreError> {
    Ok(tx.exec(
        PUT,
        p![
            key,
            kept.request_hash,
            kept.status,
            kept.body,
            kept.created_at
        ],
    )? == 1)
}

/// Forgets what is older; how many.
pub fn prune(tx: &mut Tx<'_>, before: UnixMillis) -> Result<u64, StoreError> {
    tx.exec(PRUNE, p![before])
}
