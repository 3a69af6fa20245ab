//! Adding people, bringing them up to date, letting them go.

use yuezhi_domain::{PersonId, UnixMillis};

use super::{NewPerson, Person, PersonState, by_staff_no, department_nos};
use crate::{StoreError, ToValue, Tx, Value, obligations, p};

const INSERT: &str = "INSERT INTO people (id, staff_no, dingtalk_user_id, name, email, mobile, title, language, \
     department_no, manager_staff_no, hired_on, state, created_at, updated_at) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 'active', ?12, ?12) RETURNING no";
const UPDATE: &str = "UPDATE people SET dingtalk_user_id = ?2, name = ?3, email = ?4, mobile = ?5, title = ?6, \
     language = ?7, department_no = ?8, manager_staff_no = ?9, hired_on = ?10, state = 'active', left_at = NULL, \
     updated_at = ?11 WHERE no = ?1";
const JOIN: &str =
    "INSERT INTO memberships (department_no, person_no) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
const LEAVE_ALL: &str = "DELETE FROM memberships WHERE person_no = ?1";
const MARK_LEFT: &str = "UPDATE people SET state = 'left', left_at = ?2, updated_at = ?2 WHERE no = ?1 AND state = 'active'";
const LAST_NO: &str = "SELECT COALESCE(max(no), 0) FROM people";
const COLUMNS: [&str; 15] = [
    "no",
    "id",
    "staff_no",
    "dingtalk_user_id",
    "name",
    "email",
    "mobile",
    "title",
    "language",
    "department_no",
    "manager_staff_no",
    "hired_on",
    "state",
    "created_at",
    "updated_at",
];

/// What an upsert did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Created,
    Updated,
    Unchanged,
    /// They had left and are back.
    Rejoined,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upserted {
    pub no: i64,
    pub change: Change,
}

/// Adds a person or brings them up to date, found by staff number. `id` is used for a new one.
pub fn upsert(
    tx: &mut Tx<'_>,
    new: &NewPerson,
    id: PersonId,
    now: UnixMillis,
) -> Result<Upserted, StoreError> {
    let Some(known) = by_staff_no(tx, &new.staff_no)? else {
        return insert(tx, new, id, now).map(|no| Upserted {
            no,
            change: Change::Created,
        });
    };
    let no = known.no;
    let mut wanted = new.department_nos.clone();
    wanted.sort_unstable();
    wanted.dedup();
    let same_departments = department_nos(tx, no)? == wanted;
    if known.is_active() && same_departments && is_same(&known, new) {
        return Ok(Upserted {
            no,
            change: Change::Unchanged,
        });
    }
    let email = email_of(new);
    let primary = primary_of(new);
    tx.exec(
        UPDATE,
        p![
            no,
            new.dingtalk_user_id,
            new.name,
            email,
            new.mobile,
            new.title,
            new.language,
            primary,
            new.manager_staff_no,
            new.hired_on,
            now
        ],
    )?;
    if !same_departments {
        tx.exec(LEAVE_ALL, p![no])?;
        join(tx, no, &wanted)?;
    }
    if known.department_no != primary {
        obligations::move_department(tx, no, primary)?;
    }
    let change = if known.is_active() {
        Change::Updated
    } else {
        Change::Rejoined
    };
    Ok(Upserted { no, change })
}

fn insert(
    tx: &mut Tx<'_>,
    new: &NewPerson,
    id: PersonId,
    now: UnixMillis,
) -> Result<i64, StoreError> {
    let (email, primary) = (email_of(new), primary_of(new));
    let params = p![
        id,
        new.staff_no,
        new.dingtalk_user_id,
        new.name,
        email,
        new.mobile,
        new.title,
        new.language,
        primary,
        new.manager_staff_no,
        new.hired_on,
        now
    ];
    let no = tx.read_one(INSERT, params, |row| row.get(0))?;
    join(tx, no, &new.department_nos)?;
    Ok(no)
}

fn join(tx: &mut Tx<'_>, no: i64, department_nos: &[i64]) -> Result<(), StoreError> {
    tx.exec_many(
        JOIN,
        department_nos
            .iter()
            .map(|department_no| [department_no.to_value(), Value::Int(no)]),
    )
    .map(|_| ())
}

/// Adds many new people at once, for a first import or a demonstration. A staff number that exists is
/// [`StoreError::NotUnique`], and nothing is added.
pub fn insert_many(
    tx: &mut Tx<'_>,
    people: &[(PersonId, NewPerson)],
    now: UnixMillis,
) -> Result<u64, StoreError> {
    let last: i64 = tx.read_one(LAST_NO, p![], |row| row.get(0))?;
    let numbered = || (last + 1..).zip(people);
    let added = tx.bulk_insert(
        "people",
        &COLUMNS,
        numbered().map(|(no, (id, new))| {
            [
                Value::Int(no),
                id.to_value(),
                new.staff_no.to_value(),
                new.dingtalk_user_id.to_value(),
                new.name.to_value(),
                Value::from_text(email_of(new)),
                new.mobile.to_value(),
                new.title.to_value(),
                new.language.to_value(),
                Value::Int(primary_of(new)),
                new.manager_staff_no.to_value(),
                new.hired_on.to_value(),
                PersonState::Active.as_str().to_value(),
                Value::Int(now.0),
                Value::Int(now.0),
            ]
        }),
    )?;
    let mut memberships: Vec<(i64, i64)> = numbered()
        .flat_map(|(no, (_, new))| {
            new.department_nos
                .iter()
                .map(move |department_no| (*department_no, no))
        })
        .collect();
    memberships.sort_unstable();
    memberships.dedup();
    tx.bulk_insert(
        "memberships",
        &["department_no", "person_no"],
        memberships
            .into_iter()
            .map(|(department_no, no)| [Value::Int(department_no), Value::Int(no)]),
    )?;
    tx.finish_bulk("memberships", None)?;
    tx.finish_bulk("people", Some("no"))?;
    Ok(added)
}

/// Whether they were active before. What they owe is the caller's to close (`obligations::close_for_person`).
pub fn mark_left(tx: &mut Tx<'_>, no: i64, now: UnixMillis) -> Result<bool, StoreError> {
    Ok(tx.exec(MARK_LEFT, p![no, now])? == 1)
}

fn primary_of(new: &NewPerson) -> i64 {
    new.department_nos.first().copied().unwrap_or(0)
}

/// Addresses are compared in lower case everywhere.
fn email_of(new: &NewPerson) -> Option<String> {
    new.email
        .as_deref()
        .map(|email| email.trim().to_lowercase())
        .filter(|email| !email.is_empty())
}

fn is_same(known: &Person, new: &NewPerson) -> bool {
    known.dingtalk_user_id == new.dingtalk_user_id
        && known.name == new.name
        && known.email == email_of(new)
        && known.mobile == new.mobile
        && known.title == new.title
        && known.language == new.language
        && known.department_no == primary_of(new)
        && known.manager_staff_no == new.manager_staff_no
        && known.hired_on == new.hired_on
}
