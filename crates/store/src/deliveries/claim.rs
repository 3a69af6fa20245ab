//! What the dispatcher takes out of the outbox, under a lease, and puts back.

use std::collections::HashMap;

use yuezhi_domain::{DeliveryState, UnixMillis};

use super::{COLUMNS, Delivery, delivery};
use crate::{StoreError, Tx, domain_values::json, p};

// Gives back what the caller does not know: a claim reads thousands of rows a second, and texts cost the most.
const CLAIM: &str = "WITH picked AS MATERIALIZED (SELECT no FROM deliveries WHERE lane = ?1 AND state = 'due' \
     AND due_at <= ?2 ORDER BY due_at, no LIMIT ?5 {skip_locked}) \
     UPDATE deliveries SET state = 'sending', lease_owner = ?3, lease_until = ?4 FROM picked \
     WHERE deliveries.no = picked.no RETURNING deliveries.no, deliveries.kind, deliveries.notice_no, \
     deliveries.occurrence_no, deliveries.person_no, deliveries.due_at, deliveries.leader_no, deliveries.attempts, \
     deliveries.error_code, deliveries.error_detail, deliveries.sent_at, deliveries.platform_id, deliveries.created_at";
const RECLAIMED: &str = "INSERT INTO attempts (delivery_no, number, at, outcome, error_code, error_detail) \
     SELECT no, (SELECT COALESCE(max(a.number), 0) + 1 FROM attempts a WHERE a.delivery_no = deliveries.no), \
     CAST(?1 AS BIGINT), 'lease_lost', 'lease_lost', '' FROM deliveries \
     WHERE state = 'sending' AND lease_until < ?1 ON CONFLICT DO NOTHING";
const RECLAIM: &str = "UPDATE deliveries SET state = 'due', attempts = attempts + 1, lease_owner = NULL, \
     lease_until = NULL WHERE state = 'sending' AND lease_until < ?1";
// Being sent by nobody: the lane is not leased by the node that claimed them, and not worked by the asking node.
const ORPHANED: &str = "state = 'sending' AND NOT lane {in_texts ?2} AND NOT EXISTS (SELECT 1 FROM lanes l \
     WHERE l.name = deliveries.lane AND l.lease_owner = deliveries.lease_owner AND l.lease_until >= ?1)";
const LEAD: &str = "UPDATE deliveries SET leader_no = ?2 WHERE no {in_ids ?1}";
const RELEASE: &str = "UPDATE deliveries SET state = 'due', due_at = ?3, lease_owner = NULL, lease_until = NULL \
     WHERE no {in_ids ?2} AND state = 'sending' AND lease_owner = ?1";
const LANGUAGES: &str =
    "SELECT no, language FROM people WHERE no {in_ids ?1} AND language IS NOT NULL";
const LANES_WITH_DUE: &str = "SELECT l.name FROM lanes l WHERE l.stopped_at IS NULL \
     AND (l.held_until IS NULL OR l.held_until <= ?1) AND EXISTS (SELECT 1 FROM deliveries d \
     WHERE d.lane = l.name AND d.state = 'due' AND d.due_at <= ?1) ORDER BY l.name";
const NEXT_DUE: &str = "SELECT min(CASE WHEN held_until > due THEN held_until ELSE due END) FROM (SELECT l.held_until, \
     (SELECT min(d.due_at) FROM deliveries d WHERE d.lane = l.name AND d.state = 'due') AS due \
     FROM lanes l WHERE l.stopped_at IS NULL) AS lane WHERE due IS NOT NULL";

/// Takes at most `limit` due deliveries of a lane, the longest due first. They are `owner`'s until `lease_until`.
pub fn claim(
    tx: &mut Tx<'_>,
    lane: &str,
    owner: &str,
    now: UnixMillis,
    lease_until: UnixMillis,
    limit: usize,
) -> Result<Vec<Delivery>, StoreError> {
    let mut claimed = tx.read(CLAIM, p![lane, now, owner, lease_until, limit], |row| {
        let mut columns = row.columns();
        Ok(Delivery {
            no: columns.take()?,
            lane: lane.to_owned(),
            kind: columns.take()?,
            notice_no: columns.take()?,
            occurrence_no: columns.take()?,
            person_no: columns.take()?,
            state: DeliveryState::Sending,
            due_at: columns.take()?,
            lease_until: Some(lease_until),
            lease_owner: Some(owner.to_owned()),
            leader_no: columns.take()?,
            attempts: columns.take()?,
            error_code: columns.take()?,
            error_detail: columns.take()?,
            sent_at: columns.take()?,
            platform_id: columns.take()?,
            created_at: columns.take()?,
        })
    })?;
    claimed.sort_unstable_by_key(|delivery| (delivery.due_at, delivery.no));
    Ok(claimed)
}

/// Leases that ran out without an outcome: the deliveries are due again, in the same groups as before; how many.
pub fn reclaim_expired(tx: &mut Tx<'_>, now: UnixMillis) -> Result<u64, StoreError> {
    if tx.exec(RECLAIMED, p![now])? == 0 {
        return Ok(0);
    }
    tx.exec(RECLAIM, p![now])
}

/// Whether there are deliveries for [`reclaim_orphans`].
pub fn has_orphans(
    tx: &mut Tx<'_>,
    now: UnixMillis,
    lanes_at_work: &[String],
) -> Result<bool, StoreError> {
    let sql = format!("SELECT 1 FROM deliveries WHERE {ORPHANED} LIMIT 1");
    let found: Option<i64> = tx.read_opt(&sql, p![now, json(&lanes_at_work)], |row| row.get(0))?;
    Ok(found.is_some())
}

/// What a node that stopped had claimed is due again as soon as its lease of the lane has run out, in the same groups
/// as before; how many. `lanes_at_work` are worked by the asking node, whatever the clock says about their lease.
pub fn reclaim_orphans(
    tx: &mut Tx<'_>,
    now: UnixMillis,
    lanes_at_work: &[String],
) -> Result<u64, StoreError> {
    let attempts = format!(
        "INSERT INTO attempts (delivery_no, number, at, outcome, error_code, error_detail) \
         SELECT no, (SELECT COALESCE(max(a.number), 0) + 1 FROM attempts a WHERE a.delivery_no = deliveries.no), \
         CAST(?1 AS BIGINT), 'lease_lost', 'lease_lost', '' FROM deliveries WHERE {ORPHANED} ON CONFLICT DO NOTHING"
    );
    if tx.exec(&attempts, p![now, json(&lanes_at_work)])? == 0 {
        return Ok(0);
    }
    let due = format!(
        "UPDATE deliveries SET state = 'due', attempts = attempts + 1, lease_owner = NULL, lease_until = NULL \
         WHERE {ORPHANED}"
    );
    tx.exec(&due, p![now, json(&lanes_at_work)])
}

/// One message carries all of these; `leader` is one of them. To be done in the transaction of the claim, so that a
/// repetition after a crash carries the same set under the same key.
pub fn set_leader(tx: &mut Tx<'_>, nos: &[i64], leader: i64) -> Result<(), StoreError> {
    tx.exec(LEAD, p![json(&nos), leader]).map(|_| ())
}

/// All deliveries that go with the message of `leader`, itself included, whatever their state.
pub fn group_of(tx: &mut Tx<'_>, leader: i64) -> Result<Vec<Delivery>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM deliveries WHERE leader_no = ?1 ORDER BY no");
    tx.read(&sql, p![leader], delivery)
}

/// The languages that people asked for; who asked for none is left out.
pub fn languages_of(
    tx: &mut Tx<'_>,
    person_nos: &[i64],
) -> Result<HashMap<i64, String>, StoreError> {
    let rows = tx.read(LANGUAGES, p![json(&person_nos)], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    Ok(rows.into_iter().collect())
}

/// Gives claimed deliveries back unsent, without counting an attempt; how many were still `owner`'s.
pub fn release(
    tx: &mut Tx<'_>,
    owner: &str,
    nos: &[i64],
    due_at: UnixMillis,
) -> Result<u64, StoreError> {
    tx.exec(RELEASE, p![owner, json(&nos), due_at])
}

/// Lanes that are neither stopped nor held and have something to send now.
pub fn lanes_with_due(tx: &mut Tx<'_>, now: UnixMillis) -> Result<Vec<String>, StoreError> {
    tx.read(LANES_WITH_DUE, p![now], |row| row.get(0))
}

/// When a lane that is not stopped has something to send next.
pub fn next_due_at(tx: &mut Tx<'_>) -> Result<Option<UnixMillis>, StoreError> {
    tx.read_one(NEXT_DUE, p![], |row| row.get(0))
}
