//! Notices (通知): a version issued to an audience.
//!
//! Invariant: the state and the position of the reminder plan move on by guarded updates, so of two nodes one wins.

mod list;

use yuezhi_domain::{
    ContentHash, Language, NoticeId, NoticeState, Requirement, Resolved, UnixMillis,
};

pub use list::{NoticeFilter, NoticeRow, count, list};

use crate::{Row, StoreError, Tx, p};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT n.no, n.id, n.policy_no, n.version_no, n.state, n.title, n.requirement, n.audience, n.consent_text, \
             n.consent_hash, n.language, n.time_zone, n.due_at, n.channels, n.plan, n.planned_until, n.next_reminder_at, \
             n.expanded_to, n.issued_by, n.issued_at, n.closed_at, n.close_reason FROM notices n ",
            $rest
        )
    };
}

const GET: &str = select!("WHERE n.no = ?1");
const BY_ID: &str = select!("WHERE n.id = ?1");
const OF_POLICY: &str = select!("WHERE n.policy_no = ?1 ORDER BY n.no DESC LIMIT ?2");
const OPEN_FOR_POLICY: &str =
    select!("WHERE n.policy_no = ?1 AND n.state IN ('expanding', 'open') ORDER BY n.no DESC");
const IN_STATE: &str = select!("WHERE n.state = ?1 ORDER BY n.no LIMIT ?2");
const SUPERSEDED_BY: &str = select!(
    "WHERE n.policy_no = (SELECT policy_no FROM notices WHERE id = ?1) AND n.state = 'superseded' \
     AND n.close_reason = ?1 ORDER BY n.no"
);
const DUE_FOR_REMINDER: &str = select!(
    "WHERE n.next_reminder_at IS NOT NULL AND n.next_reminder_at <= ?1 ORDER BY n.next_reminder_at, n.no LIMIT ?2"
);
const RESOLVED: &str = "SELECT audience_resolved FROM notices WHERE no = ?1";
const INSERT: &str = "INSERT INTO notices (id, policy_no, version_no, state, title, requirement, audience, \
     audience_resolved, consent_text, consent_hash, language, time_zone, due_at, channels, plan, planned_until, \
     next_reminder_at, expanded_to, issued_by, issued_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, \
     ?14, ?15, ?16, ?17, 0, ?18, ?19) RETURNING no";
const SET_STATE: &str = "UPDATE notices SET state = ?3 WHERE no = ?1 AND state = ?2";
const END: &str = "UPDATE notices SET state = ?3, closed_at = ?4, close_reason = ?5, next_reminder_at = NULL \
     WHERE no = ?1 AND state = ?2";
const REPLAN: &str =
    "UPDATE notices SET next_reminder_at = ?1 WHERE state = 'open' AND next_reminder_at > ?1";
const CLOSE_SETTLED: &str = "UPDATE notices SET state = 'closed', closed_at = ?1, close_reason = 'all_settled', \
     next_reminder_at = NULL WHERE state = 'open' \
     AND NOT EXISTS (SELECT 1 FROM progress p WHERE p.notice_no = notices.no AND p.pending > 0) \
     AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.notice_no = notices.no AND d.state IN ('due', 'sending'))";
const SET_EXPANDED_TO: &str =
    "UPDATE notices SET expanded_to = ?3 WHERE no = ?1 AND expanded_to = ?2";
const SET_POSITION: &str = "UPDATE notices SET planned_until = ?3, next_reminder_at = ?4 WHERE no = ?1 AND planned_until = ?2";
const SET_PLAN: &str = "UPDATE notices SET plan = ?2, next_reminder_at = ?3 WHERE no = ?1 AND state IN ('expanding', 'open')";
const NEXT_REMINDER: &str =
    "SELECT min(next_reminder_at) FROM notices WHERE next_reminder_at IS NOT NULL";

/// A notice as stored. Its resolved audience is read by [`resolved_audience`]: it can be long, and few need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub no: i64,
    pub id: NoticeId,
    pub policy_no: i64,
    pub version_no: i64,
    pub state: NoticeState,
    pub title: String,
    pub requirement: Requirement,
    /// The rule as text, in English.
    pub audience: String,
    pub consent_text: String,
    pub consent_hash: ContentHash,
    pub language: Language,
    pub time_zone: String,
    pub due_at: Option<UnixMillis>,
    /// Names of lanes.
    pub channels: Vec<String>,
    /// The reminder plan as text.
    pub plan: String,
    /// Occurrences of the plan up to here have been decided.
    pub planned_until: UnixMillis,
    pub next_reminder_at: Option<UnixMillis>,
    /// People up to this number have their obligation.
    pub expanded_to: i64,
    pub issued_by: String,
    pub issued_at: UnixMillis,
    pub closed_at: Option<UnixMillis>,
    /// Why it ended: a text of the person who cancelled it, or the id of the notice that took its place.
    pub close_reason: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewNotice {
    pub id: NoticeId,
    pub policy_no: i64,
    pub version_no: i64,
    pub state: NoticeState,
    pub title: String,
    pub requirement: Requirement,
    pub audience: String,
    pub audience_resolved: Resolved,
    pub consent_text: String,
    pub consent_hash: ContentHash,
    pub language: Language,
    pub time_zone: String,
    pub due_at: Option<UnixMillis>,
    pub channels: Vec<String>,
    pub plan: String,
    pub planned_until: UnixMillis,
    pub next_reminder_at: Option<UnixMillis>,
    pub issued_by: String,
    pub issued_at: UnixMillis,
}

fn notice(row: &Row) -> Result<Notice, StoreError> {
    let mut columns = row.columns();
    Ok(Notice {
        no: columns.take()?,
        id: columns.take()?,
        policy_no: columns.take()?,
        version_no: columns.take()?,
        state: columns.take()?,
        title: columns.take()?,
        requirement: columns.take()?,
        audience: columns.take()?,
        consent_text: columns.take()?,
        consent_hash: columns.take()?,
        language: columns.take()?,
        time_zone: columns.take()?,
        due_at: columns.take()?,
        channels: columns.take()?,
        plan: columns.take()?,
        planned_until: columns.take()?,
        next_reminder_at: columns.take()?,
        expanded_to: columns.take()?,
        issued_by: columns.take()?,
        issued_at: columns.take()?,
        closed_at: columns.take()?,
        close_reason: columns.take()?,
    })
}

/// Its number.
pub fn insert(tx: &mut Tx<'_>, new: &NewNotice) -> Result<i64, StoreError> {
    let params = p![
        new.id,
        new.policy_no,
        new.version_no,
        new.state,
        new.title,
        new.requirement,
        new.audience,
        new.audience_resolved,
        new.consent_text,
        new.consent_hash,
        new.language,
        new.time_zone,
        new.due_at,
        new.channels,
        new.plan,
        new.planned_until,
        new.next_reminder_at,
        new.issued_by,
        new.issued_at,
    ];
    tx.read_one(INSERT, params, |row| row.get(0))
}

pub fn get(tx: &mut Tx<'_>, no: i64) -> Result<Option<Notice>, StoreError> {
    tx.read_opt(GET, p![no], notice)
}

pub fn by_id(tx: &mut Tx<'_>, id: &NoticeId) -> Result<Option<Notice>, StoreError> {
    tx.read_opt(BY_ID, p![id], notice)
}

/// The audience in numbers, as it held when the notice was issued.
pub fn resolved_audience(tx: &mut Tx<'_>, no: i64) -> Result<Option<Resolved>, StoreError> {
    tx.read_opt(RESOLVED, p![no], |row| row.get(0))
}

/// Newest first.
pub fn of_policy(tx: &mut Tx<'_>, policy_no: i64, limit: usize) -> Result<Vec<Notice>, StoreError> {
    tx.read(OF_POLICY, p![policy_no, limit], notice)
}

/// Open and expanding ones, newest first.
pub fn open_for_policy(tx: &mut Tx<'_>, policy_no: i64) -> Result<Vec<Notice>, StoreError> {
    tx.read(OPEN_FOR_POLICY, p![policy_no], notice)
}

/// Oldest first.
pub fn in_state(
    tx: &mut Tx<'_>,
    state: NoticeState,
    limit: usize,
) -> Result<Vec<Notice>, StoreError> {
    tx.read(IN_STATE, p![state, limit], notice)
}

/// The notices whose place this one took.
pub fn superseded_by(tx: &mut Tx<'_>, id: &NoticeId) -> Result<Vec<Notice>, StoreError> {
    tx.read(SUPERSEDED_BY, p![id], notice)
}

/// Whether it was in state `from`. A state that nothing leads out of also ends the plan and records time and reason.
pub fn set_state(
    tx: &mut Tx<'_>,
    no: i64,
    from: NoticeState,
    to: NoticeState,
    at: UnixMillis,
    reason: Option<&str>,
) -> Result<bool, StoreError> {
    let changed = if to.is_terminal() {
        tx.exec(END, p![no, from, to, at, reason])?
    } else {
        tx.exec(SET_STATE, p![no, from, to])?
    };
    Ok(changed == 1)
}

/// Lets every plan be looked at again now, because the calendar changed; nothing fires by this alone.
pub fn replan_all(tx: &mut Tx<'_>, now: UnixMillis) -> Result<u64, StoreError> {
    tx.exec(REPLAN, p![now])
}

/// Closes open notices on which nobody owes anything and nothing is still to be sent; how many.
pub fn close_settled(tx: &mut Tx<'_>, at: UnixMillis) -> Result<u64, StoreError> {
    tx.exec(CLOSE_SETTLED, p![at])
}

/// Whether the position was `from`.
pub fn set_expanded_to(tx: &mut Tx<'_>, no: i64, from: i64, to: i64) -> Result<bool, StoreError> {
    Ok(tx.exec(SET_EXPANDED_TO, p![no, from, to])? == 1)
}

/// Those whose next reminder is due, the longest due first.
pub fn due_for_reminder(
    tx: &mut Tx<'_>,
    now: UnixMillis,
    limit: usize,
) -> Result<Vec<Notice>, StoreError> {
    tx.read(DUE_FOR_REMINDER, p![now, limit], notice)
}

/// Moves the plan's position on; false when another node did.
pub fn set_reminder_position(
    tx: &mut Tx<'_>,
    no: i64,
    expected_planned_until: UnixMillis,
    planned_until: UnixMillis,
    next_reminder_at: Option<UnixMillis>,
) -> Result<bool, StoreError> {
    Ok(tx.exec(
        SET_POSITION,
        p![no, expected_planned_until, planned_until, next_reminder_at],
    )? == 1)
}

/// Another plan for a notice that is not over.
pub fn set_plan(
    tx: &mut Tx<'_>,
    no: i64,
    plan: &str,
    next_reminder_at: Option<UnixMillis>,
) -> Result<bool, StoreError> {
    Ok(tx.exec(SET_PLAN, p![no, plan, next_reminder_at])? == 1)
}

/// When the next reminder of any notice is due.
pub fn next_reminder_at_min(tx: &mut Tx<'_>) -> Result<Option<UnixMillis>, StoreError> {
    tx.read_one(NEXT_REMINDER, p![], |row| row.get(0))
}
