//! What a platform is still to be told after somebody settled elsewhere: close the to-do, update the card.
//!
//! Written in the transaction that settles the obligation, worked by `workers/follow_up` in groups of one platform id.
//! Invariant: one row per kind, message and person, so that a repeated confirmation asks for nothing new; a row ends
//! as done or failed and is never lost. Weakness: on the platform the card changes a moment after the ledger.

use yuezhi_domain::UnixMillis;

use crate::{Row, StoreError, Tx, domain_values::json, domain_values::stored_words, p};

stored_words! {
    /// What is to be told.
    "a kind of follow-up" FollowupKind {
        /// The person has settled: their to-do is done, their card shows it.
        Settle = "settle",
        /// The matter is over for everybody: the to-do is closed, the card says so.
        Withdraw = "withdraw",
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Followup {
    pub no: i64,
    pub kind: FollowupKind,
    pub lane: String,
    pub platform_id: String,
    pub notice_no: i64,
    pub person_no: i64,
    pub due_at: UnixMillis,
    pub attempts: i64,
}

const FOR_PERSON: &str = "INSERT INTO followups (kind, lane, platform_id, notice_no, person_no, state, due_at, attempts) \
     SELECT 'settle', d.lane, d.platform_id, d.notice_no, d.person_no, 'due', CAST(?3 AS BIGINT), 0 FROM deliveries d \
     WHERE d.person_no = ?2 AND d.person_no <> 0 AND d.notice_no = ?1 AND d.state = 'sent' AND d.platform_id IS NOT NULL \
     AND d.lane {in_texts ?4} ON CONFLICT DO NOTHING";
const FOR_NOTICE: &str = "INSERT INTO followups (kind, lane, platform_id, notice_no, person_no, state, due_at, attempts) \
     SELECT 'withdraw', d.lane, d.platform_id, d.notice_no, d.person_no, 'due', CAST(?2 AS BIGINT), 0 FROM deliveries d \
     JOIN obligations o ON o.notice_no = d.notice_no AND o.person_no = d.person_no \
     WHERE d.notice_no = ?1 AND d.state = 'sent' AND d.platform_id IS NOT NULL AND d.lane {in_texts ?3} \
     AND o.state <> 'acknowledged' ON CONFLICT DO NOTHING";
const LATE: &str = "INSERT INTO followups (kind, lane, platform_id, notice_no, person_no, state, due_at, attempts) \
     SELECT CASE WHEN o.state = 'acknowledged' THEN 'settle' ELSE 'withdraw' END, d.lane, d.platform_id, d.notice_no, \
     d.person_no, 'due', CAST(?2 AS BIGINT), 0 FROM deliveries d \
     JOIN obligations o ON o.notice_no = d.notice_no AND o.person_no = d.person_no \
     JOIN notices n ON n.no = d.notice_no \
     WHERE d.no {in_ids ?1} AND d.state = 'sent' AND d.platform_id IS NOT NULL AND o.state <> 'pending' \
     AND n.requirement <> 'inform' ON CONFLICT DO NOTHING";
const DUE: &str = "SELECT no, kind, lane, platform_id, notice_no, person_no, due_at, attempts FROM followups \
     WHERE state = 'due' AND due_at <= ?1 ORDER BY due_at, no LIMIT ?2";
const NEXT_DUE: &str = "SELECT min(due_at) FROM followups WHERE state = 'due'";
const DONE: &str = "UPDATE followups SET state = 'done', attempts = attempts + 1, error_code = NULL, error_detail = NULL \
     WHERE no {in_ids ?1} AND state = 'due'";
const RETRY: &str = "UPDATE followups SET due_at = ?2, attempts = attempts + ?5, error_code = ?3, error_detail = ?4 \
     WHERE no {in_ids ?1} AND state = 'due'";
const FAIL: &str = "UPDATE followups SET state = 'failed', attempts = attempts + 1, error_code = ?2, error_detail = ?3 \
     WHERE no {in_ids ?1} AND state = 'due'";
const SHOWN: &str = "UPDATE followups SET state = 'done' WHERE kind = 'settle' AND lane = ?1 AND platform_id = ?2 \
     AND person_no = ?3 AND state = 'due'";
const WAITING: &str = "SELECT count(*) FROM followups WHERE state = 'due'";

fn followup(row: &Row) -> Result<Followup, StoreError> {
    let mut columns = row.columns();
    Ok(Followup {
        no: columns.take()?,
        kind: columns.take()?,
        lane: columns.take()?,
        platform_id: columns.take()?,
        notice_no: columns.take()?,
        person_no: columns.take()?,
        due_at: columns.take()?,
        attempts: columns.take()?,
    })
}

/// A person has settled under a notice: whatever these lanes sent them about it is to show it; how many messages.
pub fn settle_person(
    tx: &mut Tx<'_>,
    notice_no: i64,
    person_no: i64,
    lanes: &[String],
    due_at: UnixMillis,
) -> Result<u64, StoreError> {
    if lanes.is_empty() {
        return Ok(0);
    }
    tx.exec(FOR_PERSON, p![notice_no, person_no, due_at, json(&lanes)])
}

/// A notice is over: what these lanes sent to those who have not confirmed is to be withdrawn; how many messages.
pub fn withdraw_notice(
    tx: &mut Tx<'_>,
    notice_no: i64,
    lanes: &[String],
    due_at: UnixMillis,
) -> Result<u64, StoreError> {
    if lanes.is_empty() {
        return Ok(0);
    }
    tx.exec(FOR_NOTICE, p![notice_no, due_at, json(&lanes)])
}

/// Of these deliveries, those that went out although their person had settled meanwhile; how many messages.
pub fn settle_late(
    tx: &mut Tx<'_>,
    delivery_nos: &[i64],
    due_at: UnixMillis,
) -> Result<u64, StoreError> {
    tx.exec(LATE, p![json(&delivery_nos), due_at])
}

/// The longest due first.
pub fn due(tx: &mut Tx<'_>, now: UnixMillis, limit: usize) -> Result<Vec<Followup>, StoreError> {
    tx.read(DUE, p![now, limit], followup)
}

pub fn next_due_at(tx: &mut Tx<'_>) -> Result<Option<UnixMillis>, StoreError> {
    tx.read_one(NEXT_DUE, p![], |row| row.get(0))
}

/// How many wait.
pub fn waiting(tx: &mut Tx<'_>) -> Result<i64, StoreError> {
    tx.read_one(WAITING, p![], |row| row.get(0))
}

/// The platform knows; how many were still due.
pub fn record_done(tx: &mut Tx<'_>, nos: &[i64]) -> Result<u64, StoreError> {
    tx.exec(DONE, p![json(&nos)])
}

/// The person's copy shows it already, so the platform need not be told; whether it was to be.
pub fn shown_already(
    tx: &mut Tx<'_>,
    lane: &str,
    platform_id: &str,
    person_no: i64,
) -> Result<bool, StoreError> {
    Ok(tx.exec(SHOWN, p![lane, platform_id, person_no])? > 0)
}

/// Again then. `counts`: whether it was an attempt (a held lane is none).
pub fn record_retry(
    tx: &mut Tx<'_>,
    nos: &[i64],
    due_at: UnixMillis,
    code: &str,
    detail: &str,
    counts: bool,
) -> Result<u64, StoreError> {
    tx.exec(
        RETRY,
        p![json(&nos), due_at, code, detail, i64::from(counts)],
    )
}

/// Given up.
pub fn record_failed(
    tx: &mut Tx<'_>,
    nos: &[i64],
    code: &str,
    detail: &str,
) -> Result<u64, StoreError> {
    tx.exec(FAIL, p![json(&nos), code, detail])
}
