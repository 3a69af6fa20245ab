//! Schedules (定时任务): standing messages to groups, tied to no notice.
//!
//! Invariant: the next time moves on only from the time that was looked at, so of two nodes one fires.

use yuezhi_domain::{ScheduleId, UnixMillis};

use crate::{Row, StoreError, Tx, domain_values::stored_words, p};

stored_words! {
    /// Whether a schedule runs.
    "a schedule's state" ScheduleState {
        Active = "active",
        Paused = "paused",
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT no, id, name, rule, time_zone, lanes, title, body, state, skip_next, next_at, created_by, created_at, \
             updated_at FROM schedules ",
            $rest
        )
    };
}

const GET: &str = select!("WHERE no = ?1");
const BY_ID: &str = select!("WHERE id = ?1");
const LIST: &str = select!("ORDER BY no");
const DUE: &str = select!("WHERE state = 'active' AND next_at <= ?1 ORDER BY next_at, no LIMIT ?2");
const INSERT: &str = "INSERT INTO schedules (id, name, rule, time_zone, lanes, title, body, state, skip_next, next_at, \
     created_by, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'active', ?8, ?9, ?10, ?11, ?11) RETURNING no";
const UPDATE: &str = "UPDATE schedules SET name = ?2, rule = ?3, time_zone = ?4, lanes = ?5, title = ?6, body = ?7, \
     next_at = ?8, updated_at = ?9 WHERE no = ?1";
const SET_PAUSED: &str = "UPDATE schedules SET state = ?2, next_at = ?3, skip_next = ?4, updated_at = ?5 WHERE no = ?1 AND state <> ?2";
const SET_SKIP: &str = "UPDATE schedules SET skip_next = ?2, updated_at = ?3 WHERE no = ?1";
const SET_NEXT: &str = "UPDATE schedules SET next_at = ?3 WHERE no = ?1 AND state = 'active' AND next_at IS NOT DISTINCT FROM ?2";
const REPLAN: &str = "UPDATE schedules SET next_at = ?1 WHERE state = 'active' AND next_at > ?1";
const DELETE: &str = "DELETE FROM schedules WHERE no = ?1";
const NEXT: &str = "SELECT min(next_at) FROM schedules WHERE state = 'active'";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    pub no: i64,
    pub id: ScheduleId,
    pub name: String,
    pub rule: String,
    pub time_zone: String,
    pub lanes: Vec<String>,
    pub title: String,
    /// Markdown.
    pub body: String,
    pub state: ScheduleState,
    /// The next occurrence is to be left out.
    pub skip_next: bool,
    pub next_at: Option<UnixMillis>,
    pub created_by: String,
    pub created_at: UnixMillis,
    pub updated_at: UnixMillis,
}

/// What somebody may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleFields {
    pub name: String,
    pub rule: String,
    pub time_zone: String,
    pub lanes: Vec<String>,
    pub title: String,
    pub body: String,
    pub next_at: Option<UnixMillis>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSchedule {
    pub id: ScheduleId,
    pub fields: ScheduleFields,
    pub created_by: String,
    pub created_at: UnixMillis,
}

fn schedule(row: &Row) -> Result<Schedule, StoreError> {
    let mut columns = row.columns();
    Ok(Schedule {
        no: columns.take()?,
        id: columns.take()?,
        name: columns.take()?,
        rule: columns.take()?,
        time_zone: columns.take()?,
        lanes: columns.take()?,
        title: columns.take()?,
        body: columns.take()?,
        state: columns.take()?,
        skip_next: columns.take()?,
        next_at: columns.take()?,
        created_by: columns.take()?,
        created_at: columns.take()?,
        updated_at: columns.take()?,
    })
}

/// Its number. It is active at once.
pub fn insert(tx: &mut Tx<'_>, new: &NewSchedule) -> Result<i64, StoreError> {
    let f = &new.fields;
    let params = p![
        new.id,
        f.name,
        f.rule,
        f.time_zone,
        f.lanes,
        f.title,
        f.body,
        false,
        f.next_at,
        new.created_by,
        new.created_at
    ];
    tx.read_one(INSERT, params, |row| row.get(0))
}

pub fn update(
    tx: &mut Tx<'_>,
    no: i64,
    f: &ScheduleFields,
    now: UnixMillis,
) -> Result<bool, StoreError> {
    let params = p![
        no,
        f.name,
        f.rule,
        f.time_zone,
        f.lanes,
        f.title,
        f.body,
        f.next_at,
        now
    ];
    Ok(tx.exec(UPDATE, params)? == 1)
}

pub fn get(tx: &mut Tx<'_>, no: i64) -> Result<Option<Schedule>, StoreError> {
    tx.read_opt(GET, p![no], schedule)
}

pub fn by_id(tx: &mut Tx<'_>, id: &ScheduleId) -> Result<Option<Schedule>, StoreError> {
    tx.read_opt(BY_ID, p![id], schedule)
}

/// In the order in which they were made.
pub fn list(tx: &mut Tx<'_>) -> Result<Vec<Schedule>, StoreError> {
    tx.read(LIST, p![], schedule)
}

/// Active ones whose time has come, the longest due first.
pub fn due(tx: &mut Tx<'_>, now: UnixMillis, limit: usize) -> Result<Vec<Schedule>, StoreError> {
    tx.read(DUE, p![now, limit], schedule)
}

/// Moves the next time on; false when another node did, or somebody changed or paused the schedule.
pub fn set_next(
    tx: &mut Tx<'_>,
    no: i64,
    expected: Option<UnixMillis>,
    next: Option<UnixMillis>,
) -> Result<bool, StoreError> {
    Ok(tx.exec(SET_NEXT, p![no, expected, next])? == 1)
}

/// Pauses or goes on; false when it is so already.
pub fn set_paused(
    tx: &mut Tx<'_>,
    no: i64,
    paused: bool,
    next: Option<UnixMillis>,
    now: UnixMillis,
) -> Result<bool, StoreError> {
    let state = if paused {
        ScheduleState::Paused
    } else {
        ScheduleState::Active
    };
    Ok(tx.exec(SET_PAUSED, p![no, state, next, false, now])? == 1)
}

pub fn set_skip_next(
    tx: &mut Tx<'_>,
    no: i64,
    skip: bool,
    now: UnixMillis,
) -> Result<bool, StoreError> {
    Ok(tx.exec(SET_SKIP, p![no, skip, now])? == 1)
}

/// Whether it was there.
pub fn delete(tx: &mut Tx<'_>, no: i64) -> Result<bool, StoreError> {
    Ok(tx.exec(DELETE, p![no])? == 1)
}

/// Lets every rule be looked at again now, because the calendar changed; nothing fires by this alone.
pub fn replan_all(tx: &mut Tx<'_>, now: UnixMillis) -> Result<u64, StoreError> {
    tx.exec(REPLAN, p![now])
}

/// When the next active schedule is due.
pub fn next_at_min(tx: &mut Tx<'_>) -> Result<Option<UnixMillis>, StoreError> {
    tx.read_one(NEXT, p![], |row| row.get(0))
}
