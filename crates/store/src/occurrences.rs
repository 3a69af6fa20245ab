//! Occurrences: each firing of a reminder plan, a schedule or a click, also those that were left out.
//!
//! Invariant: the unique key (notice, schedule, step, planned time) makes a firing happen once, whatever nodes and
//! crashes do.

use yuezhi_domain::{OccurrenceId, OccurrenceOutcome, UnixMillis};

use crate::{Row, StoreError, Tx, p};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT no, id, notice_no, schedule_no, step, planned_at, decided_at, outcome, recipients, actor \
             FROM occurrences ",
            $rest
        )
    };
}

const GET: &str = select!("WHERE no = ?1");
const OF_NOTICE: &str = select!("WHERE notice_no = ?1 ORDER BY no DESC LIMIT ?2");
const OF_SCHEDULE: &str =
    select!("WHERE notice_no = 0 AND schedule_no = ?1 ORDER BY no DESC LIMIT ?2");
const RECENT: &str = select!("ORDER BY no DESC LIMIT ?1");
const INSERT: &str = "INSERT INTO occurrences (id, notice_no, schedule_no, step, planned_at, decided_at, outcome, \
     recipients, actor) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING RETURNING no";
const LAST_FIRED: &str =
    "SELECT max(decided_at) FROM occurrences WHERE notice_no = ?1 AND outcome = 'fired'";
const COUNT_FIRED: &str =
    "SELECT count(*) FROM occurrences WHERE notice_no = ?1 AND outcome = 'fired' AND no <= ?2";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrence {
    pub no: i64,
    pub id: OccurrenceId,
    /// 0 for none.
    pub notice_no: i64,
    /// 0 for none.
    pub schedule_no: i64,
    /// The step of the plan, `schedule`, or `click`.
    pub step: String,
    pub planned_at: UnixMillis,
    pub decided_at: UnixMillis,
    pub outcome: OccurrenceOutcome,
    /// People (of a notice) or groups (of a schedule).
    pub recipients: i64,
    pub actor: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOccurrence {
    pub id: OccurrenceId,
    pub notice_no: i64,
    pub schedule_no: i64,
    pub step: String,
    pub planned_at: UnixMillis,
    pub decided_at: UnixMillis,
    pub outcome: OccurrenceOutcome,
    pub recipients: i64,
    pub actor: String,
}

fn occurrence(row: &Row) -> Result<Occurrence, StoreError> {
    let mut columns = row.columns();
    Ok(Occurrence {
        no: columns.take()?,
        id: columns.take()?,
        notice_no: columns.take()?,
        schedule_no: columns.take()?,
        step: columns.take()?,
        planned_at: columns.take()?,
        decided_at: columns.take()?,
        outcome: columns.take()?,
        recipients: columns.take()?,
        actor: columns.take()?,
    })
}

/// Its number; `None` when this firing is on record already.
pub fn insert(tx: &mut Tx<'_>, new: &NewOccurrence) -> Result<Option<i64>, StoreError> {
    let params = p![
        new.id,
        new.notice_no,
        new.schedule_no,
        new.step,
        new.planned_at,
        new.decided_at,
        new.outcome,
        new.recipients,
        new.actor
    ];
    tx.read_opt(INSERT, params, |row| row.get(0))
}

pub fn get(tx: &mut Tx<'_>, no: i64) -> Result<Option<Occurrence>, StoreError> {
    tx.read_opt(GET, p![no], occurrence)
}

/// Newest first.
pub fn list_of_notice(
    tx: &mut Tx<'_>,
    notice_no: i64,
    limit: usize,
) -> Result<Vec<Occurrence>, StoreError> {
    tx.read(OF_NOTICE, p![notice_no, limit], occurrence)
}

/// Newest first.
pub fn list_of_schedule(
    tx: &mut Tx<'_>,
    schedule_no: i64,
    limit: usize,
) -> Result<Vec<Occurrence>, StoreError> {
    tx.read(OF_SCHEDULE, p![schedule_no, limit], occurrence)
}

/// Of everything, newest first.
pub fn recent(tx: &mut Tx<'_>, limit: usize) -> Result<Vec<Occurrence>, StoreError> {
    tx.read(RECENT, p![limit], occurrence)
}

/// When people were reminded of a notice last.
pub fn last_fired(tx: &mut Tx<'_>, notice_no: i64) -> Result<Option<UnixMillis>, StoreError> {
    tx.read_one(LAST_FIRED, p![notice_no], |row| row.get(0))
}

/// The how-manieth reminder of its notice this occurrence is, counted from 1; for wording that varies.
pub fn ordinal(tx: &mut Tx<'_>, notice_no: i64, occurrence_no: i64) -> Result<i64, StoreError> {
    tx.read_one(COUNT_FIRED, p![notice_no, occurrence_no], |row| row.get(0))
}
