//! Obligations (待签收项): one row for each person and notice, a million at a time.
//!
//! Whatever concerns many people is one statement. Invariants: a state changes only from the state that was looked at;
//! every change brings `progress` up to date in the same transaction; an acknowledgement is never overwritten.
//! Weakness: closing all of a very large notice returns one small row for each person to count them by department.

mod bulk;
mod expand;
mod list;
mod settle;

use yuezhi_domain::{ObligationState, UnixMillis};

pub use bulk::{carry_forward, close_all_pending, close_for_person, mark_reminded};
pub use expand::{Expand, Expanded, expand};
pub use list::{
    ObligationFilter, ObligationRow, PersonObligation, list, of_person, outstanding_batches,
    person_nos,
};

pub use settle::{Change, Standing, look, settle};

use crate::{StoreError, Tx, domain_values::json, p, progress::Delta};

const GET: &str = "SELECT notice_no, person_no, department_no, state, due_at, opened_at, acted_at, reason, reminded, \
     reminded_at FROM obligations WHERE notice_no = ?1 AND person_no = ?2";
const MARK_OPENED: &str = "UPDATE obligations SET opened_at = ?3 WHERE notice_no = ?1 AND person_no = ?2 \
     AND opened_at IS NULL RETURNING department_no";
const STANDING: &str = "SELECT state FROM obligations WHERE notice_no = ?1 AND person_no = ?2";
const MOVE_ON: &str = "UPDATE obligations SET state = ?4, acted_at = ?5, reason = ?6 \
     WHERE notice_no = ?1 AND person_no = ?2 AND state = ?3 RETURNING department_no";
const COUNT_OUTSTANDING: &str =
    "SELECT COALESCE(CAST(SUM(pending) AS BIGINT), 0) FROM progress WHERE notice_no = ?1";
const COUNT_AMONG: &str = "SELECT count(*) FROM obligations WHERE notice_no = ?1 AND state = 'pending' \
     AND person_no {in_ids ?2}";
const COUNT_OVERDUE: &str =
    "SELECT count(*) FROM obligations WHERE notice_no = ?1 AND state = 'pending' AND due_at < ?2";
// Locked, because a confirmation between this look and the update would be counted in both departments.
const PENDING_OF_PERSON: &str = "SELECT notice_no, department_no, opened_at FROM obligations \
     WHERE person_no = ?1 AND state = 'pending' ORDER BY notice_no {for_update}";
const MOVE_DEPARTMENT: &str =
    "UPDATE obligations SET department_no = ?2 WHERE person_no = ?1 AND state = 'pending'";

/// One person's obligation under one notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obligation {
    pub notice_no: i64,
    pub person_no: i64,
    /// The primary department; it moves with the person while pending.
    pub department_no: i64,
    pub state: ObligationState,
    pub due_at: Option<UnixMillis>,
    /// When the text was opened first.
    pub opened_at: Option<UnixMillis>,
    /// When the state was left that it began in.
    pub acted_at: Option<UnixMillis>,
    pub reason: Option<String>,
    /// How often.
    pub reminded: i64,
    pub reminded_at: Option<UnixMillis>,
}

pub fn get(
    tx: &mut Tx<'_>,
    notice_no: i64,
    person_no: i64,
) -> Result<Option<Obligation>, StoreError> {
    tx.read_opt(GET, p![notice_no, person_no], |row| {
        let mut columns = row.columns();
        Ok(Obligation {
            notice_no: columns.take()?,
            person_no: columns.take()?,
            department_no: columns.take()?,
            state: columns.take()?,
            due_at: columns.take()?,
            opened_at: columns.take()?,
            acted_at: columns.take()?,
            reason: columns.take()?,
            reminded: columns.take()?,
            reminded_at: columns.take()?,
        })
    })
}

/// Whether it was the first time.
pub fn mark_opened(
    tx: &mut Tx<'_>,
    notice_no: i64,
    person_no: i64,
    at: UnixMillis,
) -> Result<bool, StoreError> {
    let department: Option<i64> =
        tx.read_opt(MARK_OPENED, p![notice_no, person_no, at], |row| row.get(0))?;
    let Some(department_no) = department else {
        return Ok(false);
    };
    let mut delta = Delta::default();
    delta.of(notice_no, department_no).opened += 1;
    delta.apply(tx)?;
    Ok(true)
}

/// Whether it was in one of the states `from` and is in `to` now. `at` becomes `acted_at`, unless `to` is pending.
pub fn transition(
    tx: &mut Tx<'_>,
    notice_no: i64,
    person_no: i64,
    from: &[ObligationState],
    to: ObligationState,
    at: UnixMillis,
    reason: Option<&str>,
) -> Result<bool, StoreError> {
    let acted_at = (to != ObligationState::Pending).then_some(at);
    // On PostgreSQL another transaction may change the row between the look and the update; then look again.
    for _ in 0..3 {
        let standing: Option<ObligationState> =
            tx.read_opt(STANDING, p![notice_no, person_no], |row| row.get(0))?;
        let Some(state) = standing.filter(|state| from.contains(state)) else {
            return Ok(false);
        };
        // The department comes from the update: the person may have changed it since the look.
        let moved: Option<i64> = tx.read_opt(
            MOVE_ON,
            p![notice_no, person_no, state, to, acted_at, reason],
            |row| row.get(0),
        )?;
        if let Some(department_no) = moved {
            let mut delta = Delta::default();
            delta.moved(notice_no, department_no, state, to);
            delta.apply(tx)?;
            return Ok(true);
        }
    }
    Ok(false)
}

/// How many still owe.
pub fn count_outstanding(tx: &mut Tx<'_>, notice_no: i64) -> Result<i64, StoreError> {
    tx.read_one(COUNT_OUTSTANDING, p![notice_no], |row| row.get(0))
}

/// How many of these still owe.
pub fn count_outstanding_among(
    tx: &mut Tx<'_>,
    notice_no: i64,
    person_nos: &[i64],
) -> Result<i64, StoreError> {
    tx.read_one(COUNT_AMONG, p![notice_no, json(&person_nos)], |row| {
        row.get(0)
    })
}

/// How many still owe though their due date has passed.
pub fn count_overdue(tx: &mut Tx<'_>, notice_no: i64, now: UnixMillis) -> Result<i64, StoreError> {
    tx.read_one(COUNT_OVERDUE, p![notice_no, now], |row| row.get(0))
}

/// What a person still owes goes with them to another department; how many.
pub fn move_department(tx: &mut Tx<'_>, person_no: i64, to: i64) -> Result<u64, StoreError> {
    let pending = tx.read(PENDING_OF_PERSON, p![person_no], |row| {
        Ok((
            row.get::<i64>(0)?,
            row.get::<i64>(1)?,
            row.get::<Option<i64>>(2)?.is_some(),
        ))
    })?;
    let mut delta = Delta::default();
    for (notice_no, from, opened) in pending {
        for (department_no, by) in [(from, -1), (to, 1)] {
            let totals = delta.of(notice_no, department_no);
            totals.total += by;
            totals.pending += by;
            totals.opened += if opened { by } else { 0 };
        }
    }
    let moved = tx.exec(MOVE_DEPARTMENT, p![person_no, to])?;
    delta.apply(tx)?;
    Ok(moved)
}
