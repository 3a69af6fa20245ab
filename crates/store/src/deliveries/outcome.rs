//! What became of claimed deliveries, recorded in batches, and second chances given by people.
//!
//! On SQLite one prepared statement runs for each row; on PostgreSQL the whole batch travels as one JSON text, because
//! there each statement is a round trip.

use serde_json::{Value as Json, json};
use yuezhi_domain::UnixMillis;

use crate::{Dialect, StoreError, ToValue, Tx, p};

const SENT: &str = "UPDATE deliveries SET state = 'sent', sent_at = ?3, platform_id = ?4, attempts = attempts + 1, \
     lease_owner = NULL, lease_until = NULL, error_code = NULL, error_detail = NULL \
     WHERE no = ?1 AND state = 'sending' AND lease_owner = ?2";
// Appending nothing keeps the planner off the small index of what is being sent: it expects one row there, finds a
// thousand, and reads the whole list for each of them (450 ms a batch instead of 6).
const SENT_BATCH: &str = "UPDATE deliveries SET state = 'sent', sent_at = r.at, platform_id = r.platform_id, \
     attempts = attempts + 1, lease_owner = NULL, lease_until = NULL, error_code = NULL, error_detail = NULL \
     FROM jsonb_to_recordset(CAST(?1 AS jsonb)) AS r (no BIGINT, at BIGINT, platform_id TEXT) \
     WHERE deliveries.no = r.no AND deliveries.state || '' = 'sending' AND deliveries.lease_owner = ?2";
const ATTEMPT: &str = "INSERT INTO attempts (delivery_no, number, at, outcome, error_code, error_detail) \
     SELECT no, (SELECT COALESCE(max(a.number), 0) + 1 FROM attempts a WHERE a.delivery_no = deliveries.no), \
     CAST(?3 AS BIGINT), ?4, ?5, ?6 FROM deliveries \
     WHERE no = ?1 AND state = 'sending' AND lease_owner = ?2";
const RETRY_LATER: &str = "UPDATE deliveries SET state = 'due', due_at = ?3, attempts = attempts + 1, error_code = ?4, \
     error_detail = ?5, lease_owner = NULL, lease_until = NULL, \
     leader_no = CASE WHEN CAST(?6 AS BIGINT) = 1 THEN NULL ELSE leader_no END \
     WHERE no = ?1 AND state = 'sending' AND lease_owner = ?2";
const FAIL: &str = "UPDATE deliveries SET state = ?3, attempts = attempts + 1, error_code = ?4, error_detail = ?5, \
     lease_owner = NULL, lease_until = NULL WHERE no = ?1 AND state = 'sending' AND lease_owner = ?2";
const CANCEL_CLAIMED: &str = "UPDATE deliveries SET state = 'cancelled', error_code = ?3, lease_owner = NULL, \
     lease_until = NULL WHERE no = ?1 AND state = 'sending' AND lease_owner = ?2";
const UNDELIVERED: &str = "UPDATE deliveries SET state = 'failed', error_code = ?4, error_detail = ?5 \
     WHERE lane = ?1 AND platform_id = ?2 AND person_no {in_ids ?3} AND state = 'sent'";
const RETRY: &str = "UPDATE deliveries SET state = 'due', due_at = ?2, leader_no = NULL, attempts = 0 \
     WHERE no = ?1 AND state IN ('failed', 'undeliverable')";
const RETRY_LANE: &str = "UPDATE deliveries SET state = 'due', due_at = ?2, leader_no = NULL, attempts = 0 \
     WHERE state = 'failed' AND lane = ?1";

/// The platform took a message and said later that these people never got it; how many.
pub fn record_undelivered(
    tx: &mut Tx<'_>,
    (lane, platform_id): (&str, &str),
    person_nos: &[i64],
    (code, detail): (&str, &str),
) -> Result<u64, StoreError> {
    tx.exec(
        UNDELIVERED,
        p![
            lane,
            platform_id,
            crate::domain_values::json(&person_nos),
            code,
            detail
        ],
    )
}

/// Why somebody cannot be reached on a lane at all, whoever finds it out.
pub const UNDELIVERABLE: [&str; 2] = ["no_address", "dingtalk_inactive"];

/// The platform took it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    pub no: i64,
    pub at: UnixMillis,
    /// How the platform calls the message, if it says.
    pub platform_id: Option<String>,
}

/// To be tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retried {
    pub no: i64,
    /// When again.
    pub due_at: UnixMillis,
    pub code: String,
    pub detail: String,
    pub at: UnixMillis,
    /// It goes without the others that its message carried.
    pub leaves_set: bool,
}

/// Given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    pub no: i64,
    /// `rejected` by the platform, or `exhausted` after the last attempt; stands in the attempt.
    pub outcome: &'static str,
    pub code: String,
    pub detail: String,
    pub at: UnixMillis,
}

/// Not wanted any more when its turn came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancelled {
    pub no: i64,
    /// For example `notice_over`, `settled`.
    pub code: &'static str,
}

/// How many were still `owner`'s.
pub fn record_sent(tx: &mut Tx<'_>, owner: &str, sent: &[Sent]) -> Result<u64, StoreError> {
    match tx.dialect() {
        Dialect::Sqlite => tx.exec_many(
            SENT,
            sent.iter().map(|sent| {
                [
                    sent.no.to_value(),
                    owner.to_value(),
                    sent.at.to_value(),
                    sent.platform_id.to_value(),
                ]
            }),
        ),
        Dialect::Postgres => {
            let rows: Vec<Json> = sent
                .iter()
                .map(|sent| json!({ "no": sent.no, "at": sent.at.0, "platform_id": sent.platform_id }))
                .collect();
            tx.exec(SENT_BATCH, p![Json::Array(rows).to_string(), owner])
        }
    }
}

/// How many were still `owner`'s.
pub fn record_retry(tx: &mut Tx<'_>, owner: &str, retried: &[Retried]) -> Result<u64, StoreError> {
    let mut recorded = 0;
    for one in retried {
        tx.exec(
            ATTEMPT,
            p![one.no, owner, one.at, "retry", one.code, one.detail],
        )?;
        recorded += tx.exec(
            RETRY_LATER,
            p![
                one.no,
                owner,
                one.due_at,
                one.code,
                one.detail,
                i64::from(one.leaves_set)
            ],
        )?;
    }
    Ok(recorded)
}

/// How many were still `owner`'s. The codes of [`UNDELIVERABLE`] make a delivery undeliverable instead of failed.
pub fn record_failed(tx: &mut Tx<'_>, owner: &str, failed: &[Failed]) -> Result<u64, StoreError> {
    let mut recorded = 0;
    for one in failed {
        let state = if UNDELIVERABLE.contains(&one.code.as_str()) {
            "undeliverable"
        } else {
            "failed"
        };
        tx.exec(
            ATTEMPT,
            p![one.no, owner, one.at, one.outcome, one.code, one.detail],
        )?;
        recorded += tx.exec(FAIL, p![one.no, owner, state, one.code, one.detail])?;
    }
    Ok(recorded)
}

/// How many were still `owner`'s.
pub fn cancel_claimed(
    tx: &mut Tx<'_>,
    owner: &str,
    cancelled: &[Cancelled],
) -> Result<u64, StoreError> {
    tx.exec_many(
        CANCEL_CLAIMED,
        cancelled
            .iter()
            .map(|one| [one.no.to_value(), owner.to_value(), one.code.to_value()]),
    )
}

/// A person asks for another try; whether it had failed or had no address. The count of attempts begins anew, the
/// attempts themselves stay on record.
pub fn retry(tx: &mut Tx<'_>, no: i64, now: UnixMillis) -> Result<bool, StoreError> {
    Ok(tx.exec(RETRY, p![no, now])? == 1)
}

/// Everything of a lane that failed is due now; how many.
pub fn retry_lane(tx: &mut Tx<'_>, lane: &str, now: UnixMillis) -> Result<u64, StoreError> {
    tx.exec(RETRY_LANE, p![lane, now])
}
