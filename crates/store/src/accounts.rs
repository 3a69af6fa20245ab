//! Accounts: who may sign in to the console with a password.

use std::fmt;

use yuezhi_domain::{Language, UnixMillis};

use crate::{Row, StoreError, Tx, p};

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT no, id, login, name, password_hash, language, created_at, disabled_at FROM accounts ", $rest)
    };
}

const GET: &str = select!("WHERE no = ?1");
const BY_LOGIN: &str = select!("WHERE login = ?1");
const LIST: &str = select!("ORDER BY login");
const COUNT: &str = "SELECT count(*) FROM accounts";
const INSERT: &str = "INSERT INTO accounts (id, login, name, password_hash, language, created_at) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING no";
const SET_PASSWORD: &str = "UPDATE accounts SET password_hash = ?2 WHERE no = ?1";
const SET_LANGUAGE: &str = "UPDATE accounts SET language = ?2 WHERE no = ?1";
const DISABLE: &str = "UPDATE accounts SET disabled_at = ?2 WHERE no = ?1 AND disabled_at IS NULL";

#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    pub no: i64,
    pub id: String,
    /// In lower case.
    pub login: String,
    pub name: String,
    /// A PHC string.
    pub password_hash: String,
    pub language: Option<Language>,
    pub created_at: UnixMillis,
    pub disabled_at: Option<UnixMillis>,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("no", &self.no)
            .field("login", &self.login)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, PartialEq, Eq)]
pub struct NewAccount {
    pub id: String,
    pub login: String,
    pub name: String,
    pub password_hash: String,
    pub language: Option<Language>,
    pub created_at: UnixMillis,
}

fn account(row: &Row) -> Result<Account, StoreError> {
    let mut columns = row.columns();
    Ok(Account {
        no: columns.take()?,
        id: columns.take()?,
        login: columns.take()?,
        name: columns.take()?,
        password_hash: columns.take()?,
        language: columns.take()?,
        created_at: columns.take()?,
        disabled_at: columns.take()?,
    })
}

pub fn count(tx: &mut Tx<'_>) -> Result<i64, StoreError> {
    tx.read_one(COUNT, p![], |row| row.get(0))
}

/// Its number. A login that is taken is [`StoreError::NotUnique`].
pub fn insert(tx: &mut Tx<'_>, new: &NewAccount) -> Result<i64, StoreError> {
    let params = p![
        new.id,
        new.login,
        new.name,
        new.password_hash,
        new.language,
        new.created_at
    ];
    tx.read_one(INSERT, params, |row| row.get(0))
}

pub fn get(tx: &mut Tx<'_>, no: i64) -> Result<Option<Account>, StoreError> {
    tx.read_opt(GET, p![no], account)
}

pub fn by_login(tx: &mut Tx<'_>, login: &str) -> Result<Option<Account>, StoreError> {
    tx.read_opt(BY_LOGIN, p![login], account)
}

pub fn list(tx: &mut Tx<'_>) -> Result<Vec<Account>, StoreError> {
    tx.read(LIST, p![], account)
}

pub fn set_password(tx: &mut Tx<'_>, no: i64, password_hash: &str) -> Result<bool, StoreError> {
    Ok(tx.exec(SET_PASSWORD, p![no, password_hash])? == 1)
}

pub fn set_language(tx: &mut Tx<'_>, no: i64, language: Language) -> Result<bool, StoreError> {
    Ok(tx.exec(SET_LANGUAGE, p![no, language])? == 1)
}

/// Whether it could sign in before. Its sessions are the caller's to end.
pub fn disable(tx: &mut Tx<'_>, no: i64, at: UnixMillis) -> Result<bool, StoreError> {
    Ok(tx.exec(DISABLE, p![no, at])? == 1)
}
