//! Signed-in browsers, of accounts (console) and of people (employee pages). Only hashes of cookies are here.

use yuezhi_domain::UnixMillis;

use crate::{StoreError, Tx, p};

const INSERT: &str = "INSERT INTO sessions (hash, account_no, person_no, method, created_at, expires_at, user_agent) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const BY_HASH: &str = "SELECT hash, account_no, person_no, method, created_at, expires_at, user_agent FROM sessions \
     WHERE hash = ?1 AND expires_at > ?2";
const DELETE: &str = "DELETE FROM sessions WHERE hash = ?1";
const SHIFT_ALL: &str = "UPDATE sessions SET expires_at = expires_at + ?1";
const DELETE_EXPIRED: &str = "DELETE FROM sessions WHERE expires_at <= ?1";
const DELETE_FOR_ACCOUNT: &str = "DELETE FROM sessions WHERE account_no = ?1";
const DELETE_FOR_PERSON: &str = "DELETE FROM sessions WHERE person_no = ?1";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of the cookie's value.
    pub hash: String,
    pub account_no: Option<i64>,
    pub person_no: Option<i64>,
    /// `password`, `mail_link`, `dingtalk`.
    pub method: String,
    pub created_at: UnixMillis,
    pub expires_at: UnixMillis,
    pub user_agent: String,
}

pub fn insert(tx: &mut Tx<'_>, new: &Session) -> Result<(), StoreError> {
    let params = p![
        new.hash,
        new.account_no,
        new.person_no,
        new.method,
        new.created_at,
        new.expires_at,
        new.user_agent
    ];
    tx.exec(INSERT, params).map(|_| ())
}

/// A session that has not run out at `now`.
pub fn by_hash(
    tx: &mut Tx<'_>,
    hash: &str,
    now: UnixMillis,
) -> Result<Option<Session>, StoreError> {
    tx.read_opt(BY_HASH, p![hash, now], |row| {
        let mut columns = row.columns();
        Ok(Session {
            hash: columns.take()?,
            account_no: columns.take()?,
            person_no: columns.take()?,
            method: columns.take()?,
            created_at: columns.take()?,
            expires_at: columns.take()?,
            user_agent: columns.take()?,
        })
    })
}

/// Whether it was there.
pub fn delete(tx: &mut Tx<'_>, hash: &str) -> Result<bool, StoreError> {
    Ok(tx.exec(DELETE, p![hash])? == 1)
}

pub fn delete_expired(tx: &mut Tx<'_>, now: UnixMillis) -> Result<u64, StoreError> {
    tx.exec(DELETE_EXPIRED, p![now])
}

/// Lets every session live so many milliseconds longer: the demo's clock was moved, nobody's visit was.
pub fn extend_all(tx: &mut Tx<'_>, by_ms: i64) -> Result<u64, StoreError> {
    tx.exec(SHIFT_ALL, p![by_ms])
}

pub fn delete_for_account(tx: &mut Tx<'_>, account_no: i64) -> Result<u64, StoreError> {
    tx.exec(DELETE_FOR_ACCOUNT, p![account_no])
}

pub fn delete_for_person(tx: &mut Tx<'_>, person_no: i64) -> Result<u64, StoreError> {
    tx.exec(DELETE_FOR_PERSON, p![person_no])
}
