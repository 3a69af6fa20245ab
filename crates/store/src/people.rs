//! People of the directory: who they are, where they belong, who has left.
//!
//! Written by imports and the directory's sync, read by everything. Invariant: a person is never deleted, because
//! receipts refer to them; when somebody changes department, what they still owe moves to the new one in the same
//! transaction. Weakness: a search in the middle of a name reads the whole table when nothing begins with the text.

mod directory;
mod list;
mod write;

use yuezhi_domain::{PersonId, UnixMillis};

pub use directory::{
    DingTalkIds, count_not_activated, count_synced, dingtalk_ids, no_by_union_id,
    nos_by_dingtalk_user_ids, set_dingtalk_active, set_directory, synced_not_in,
};
pub use list::{PeopleFilter, count, list};
pub(crate) use list::{find_nos, push_member};
pub use write::{Change, Upserted, insert_many, mark_left, upsert};

use crate::{
    Row, StoreError, Tx,
    domain_values::{json, stored_words},
    p,
};

stored_words! {
    /// Whether somebody works here.
    "a person's state" PersonState {
        Active = "active",
        Left = "left",
    }
}

/// A person as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub no: i64,
    pub id: PersonId,
    pub staff_no: String,
    pub dingtalk_user_id: Option<String>,
    pub name: String,
    /// In lower case.
    pub email: Option<String>,
    pub mobile: Option<String>,
    pub title: Option<String>,
    /// `zh-CN` or `en`.
    pub language: Option<String>,
    /// The primary department; 0 for none.
    pub department_no: i64,
    /// Of the primary department; empty for none.
    pub department_path: String,
    pub manager_staff_no: Option<String>,
    /// `YYYY-MM-DD`.
    pub hired_on: Option<String>,
    pub state: PersonState,
    pub left_at: Option<UnixMillis>,
    pub created_at: UnixMillis,
    pub updated_at: UnixMillis,
    /// To-dos and drives know people by it.
    pub dingtalk_union_id: Option<String>,
    /// `Some(false)`: has not activated DingTalk and receives nothing there.
    pub dingtalk_active: Option<bool>,
    /// Who keeps the row up to date: `import` or `dingtalk`.
    pub source: String,
}

impl Person {
    pub fn is_active(&self) -> bool {
        self.state == PersonState::Active
    }
}

/// A person as a file or the directory describes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewPerson {
    pub staff_no: String,
    pub dingtalk_user_id: Option<String>,
    pub name: String,
    pub email: Option<String>,
    pub mobile: Option<String>,
    pub title: Option<String>,
    pub language: Option<String>,
    /// The first is the primary one.
    pub department_nos: Vec<i64>,
    pub manager_staff_no: Option<String>,
    pub hired_on: Option<String>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT p.no, p.id, p.staff_no, p.dingtalk_user_id, p.name, p.email, p.mobile, p.title, p.language, \
             p.department_no, COALESCE(d.path, ''), p.manager_staff_no, p.hired_on, p.state, p.left_at, p.created_at, \
             p.updated_at, p.dingtalk_union_id, p.dingtalk_active, p.source FROM people p LEFT JOIN departments d ON d.no = p.department_no ",
            $rest
        )
    };
}
pub(crate) use select;

const GET: &str = select!("WHERE p.no = ?1");
const BY_ID: &str = select!("WHERE p.id = ?1");
const BY_STAFF_NO: &str = select!("WHERE p.staff_no = ?1");
const BY_DINGTALK: &str = select!("WHERE p.dingtalk_user_id = ?1");
const BY_EMAIL: &str = select!("WHERE p.email {binary} = ?1 ORDER BY p.no LIMIT 20");
const BY_NAME: &str = select!("WHERE p.name {binary} = ?1 ORDER BY p.no LIMIT 20");
const BY_NOS: &str = select!("WHERE p.no {in_ids ?1} ORDER BY p.no");
const NAMES: &str = "SELECT no, name FROM people WHERE no {in_ids ?1}";
const NOT_IN: &str =
    "SELECT no FROM people WHERE state = 'active' AND NOT staff_no {in_texts ?1} ORDER BY no";
const COUNT_ACTIVE: &str = "SELECT count(*) FROM people WHERE state = 'active'";
const DEPARTMENTS: &str =
    "SELECT department_no FROM memberships WHERE person_no = ?1 ORDER BY department_no";

pub(crate) fn person(row: &Row) -> Result<Person, StoreError> {
    let mut columns = row.columns();
    Ok(Person {
        no: columns.take()?,
        id: columns.take()?,
        staff_no: columns.take()?,
        dingtalk_user_id: columns.take()?,
        name: columns.take()?,
        email: columns.take()?,
        mobile: columns.take()?,
        title: columns.take()?,
        language: columns.take()?,
        department_no: columns.take()?,
        department_path: columns.take()?,
        manager_staff_no: columns.take()?,
        hired_on: columns.take()?,
        state: columns.take()?,
        left_at: columns.take()?,
        created_at: columns.take()?,
        updated_at: columns.take()?,
        dingtalk_union_id: columns.take()?,
        dingtalk_active: columns.take()?,
        source: columns.take()?,
    })
}

pub fn get(tx: &mut Tx<'_>, no: i64) -> Result<Option<Person>, StoreError> {
    tx.read_opt(GET, p![no], person)
}

pub fn by_id(tx: &mut Tx<'_>, id: &PersonId) -> Result<Option<Person>, StoreError> {
    tx.read_opt(BY_ID, p![id], person)
}

pub fn by_staff_no(tx: &mut Tx<'_>, staff_no: &str) -> Result<Option<Person>, StoreError> {
    tx.read_opt(BY_STAFF_NO, p![staff_no], person)
}

pub fn by_dingtalk_user_id(tx: &mut Tx<'_>, user_id: &str) -> Result<Option<Person>, StoreError> {
    tx.read_opt(BY_DINGTALK, p![user_id], person)
}

/// At most 20 with exactly this address, which must be in lower case.
pub fn by_email(tx: &mut Tx<'_>, email: &str) -> Result<Vec<Person>, StoreError> {
    tx.read(BY_EMAIL, p![email], person)
}

/// At most 20 with exactly this name.
pub fn by_name(tx: &mut Tx<'_>, name: &str) -> Result<Vec<Person>, StoreError> {
    tx.read(BY_NAME, p![name], person)
}

/// These people, in the order of their numbers; unknown numbers are left out.
pub fn by_nos(tx: &mut Tx<'_>, nos: &[i64]) -> Result<Vec<Person>, StoreError> {
    tx.read(BY_NOS, p![json(&nos)], person)
}

/// Names by number; unknown numbers are left out.
pub fn names(
    tx: &mut Tx<'_>,
    nos: &[i64],
) -> Result<std::collections::HashMap<i64, String>, StoreError> {
    let rows = tx.read(NAMES, p![json(&nos)], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.into_iter().collect())
}

/// Active people whose staff number is not among these: those whom a complete list no longer has.
pub fn active_not_in(tx: &mut Tx<'_>, staff_nos: &[&str]) -> Result<Vec<i64>, StoreError> {
    tx.read(NOT_IN, p![json(&staff_nos)], |row| row.get(0))
}

pub fn count_active(tx: &mut Tx<'_>) -> Result<i64, StoreError> {
    tx.read_one(COUNT_ACTIVE, p![], |row| row.get(0))
}

/// Every department the person belongs to, the primary one included.
pub fn department_nos(tx: &mut Tx<'_>, person_no: i64) -> Result<Vec<i64>, StoreError> {
    tx.read(DEPARTMENTS, p![person_no], |row| row.get(0))
}
