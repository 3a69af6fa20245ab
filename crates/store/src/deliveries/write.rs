//! Putting deliveries into the outbox, and taking them out again before they were sent.

use yuezhi_domain::{DeliveryKind, UnixMillis};

use crate::{StoreError, ToValue, Tx, Value, audience::Address, domain_values::json, p};

const INSERT: &str = "INSERT INTO deliveries (lane, kind, notice_no, occurrence_no, person_no, state, due_at, attempts, \
     created_at) VALUES (?1, ?2, ?3, ?4, ?5, 'due', ?6, 0, ?7) ON CONFLICT DO NOTHING RETURNING no";
const CANCEL_FOR_PERSON: &str = "UPDATE deliveries SET state = 'cancelled' \
     WHERE person_no = ?2 AND person_no <> 0 AND notice_no = ?1 AND state = 'due'";
// Adding 0 keeps the planner on the small index of what is due, instead of all that a large notice ever sent.
const CANCEL_FOR_NOTICE: &str = "UPDATE deliveries SET state = 'cancelled' \
     WHERE state = 'due' AND notice_no + 0 = ?1 AND lane IN (SELECT name FROM lanes)";
const CANCEL_FOR_SETTLED: &str = "UPDATE deliveries SET state = 'cancelled' \
     WHERE state = 'due' AND notice_no + 0 = ?1 AND person_no <> 0 AND lane IN (SELECT name FROM lanes) \
     AND NOT EXISTS (SELECT 1 FROM obligations o WHERE o.notice_no = ?1 AND o.person_no = deliveries.person_no \
     AND o.state = 'pending')";

/// One message to a group (or, with a person, to one person).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDelivery {
    pub lane: String,
    pub kind: DeliveryKind,
    pub notice_no: i64,
    pub occurrence_no: i64,
    pub person_no: i64,
    pub due_at: UnixMillis,
    pub created_at: UnixMillis,
}

/// Its number; `None` when it is there already.
pub fn insert_group(tx: &mut Tx<'_>, new: &NewDelivery) -> Result<Option<i64>, StoreError> {
    let params = p![
        new.lane,
        new.kind,
        new.notice_no,
        new.occurrence_no,
        new.person_no,
        new.due_at,
        new.created_at
    ];
    tx.read_opt(INSERT, params, |row| row.get(0))
}

/// A message to each person who has an obligation under a notice.
#[derive(Clone, Copy, Debug)]
pub struct ExpandPersonal<'a> {
    pub notice_no: i64,
    pub occurrence_no: i64,
    pub lane: &'a str,
    /// By which name the lane knows people.
    pub address: Address,
    /// Leave out whom this other name reaches.
    pub unless: Option<Address>,
    pub kind: DeliveryKind,
    pub after_person_no: i64,
    /// Inclusive.
    pub up_to_person_no: i64,
    /// Leave out who has settled.
    pub only_pending: bool,
    /// Leave out everybody else; empty for all.
    pub only_person_nos: &'a [i64],
    pub due_at: UnixMillis,
    pub now: UnixMillis,
}

/// Rows that were added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExpandedPersonal {
    pub due: i64,
    /// For people without an address or whose DingTalk is not activated; they are there to be seen.
    pub undeliverable: i64,
}

/// Repeated, it adds nothing. People who have left are left out.
pub fn expand_personal(
    tx: &mut Tx<'_>,
    wanted: &ExpandPersonal<'_>,
) -> Result<ExpandedPersonal, StoreError> {
    let only = json(&wanted.only_person_nos);
    let mut params: Vec<Value<'_>> = p![
        wanted.lane,
        wanted.kind,
        wanted.notice_no,
        wanted.occurrence_no,
        wanted.after_person_no,
        wanted.up_to_person_no,
        wanted.due_at,
        wanted.now
    ]
    .to_vec();
    let mut narrowed = String::new();
    if wanted.only_pending {
        narrowed.push_str(" AND o.state = 'pending'");
    }
    if !wanted.only_person_nos.is_empty() {
        params.push(only.to_value());
        narrowed.push_str(" AND o.person_no {in_ids ?9}");
    }
    if let Some(other) = wanted.unless {
        narrowed.push_str(" AND NOT ");
        narrowed.push_str(other.is_there());
    }
    let (is_there, why_not) = (wanted.address.is_there(), wanted.address.why_not());
    // The casts tell PostgreSQL what a parameter in a select list is.
    let sql = |state: &str, code: &str, condition: &str| {
        format!(
            "INSERT INTO deliveries (lane, kind, notice_no, occurrence_no, person_no, state, due_at, attempts, error_code, \
             created_at) SELECT ?1, ?2, o.notice_no, CAST(?4 AS BIGINT), o.person_no, '{state}', CAST(?7 AS BIGINT), 0, \
             {code}, CAST(?8 AS BIGINT) FROM obligations o JOIN people p ON p.no = o.person_no \
             WHERE o.notice_no = ?3 AND o.person_no > ?5 AND o.person_no <= ?6 AND p.state = 'active' \
             AND {condition}{narrowed} ORDER BY o.person_no ON CONFLICT DO NOTHING"
        )
    };
    let due = tx.exec(&sql("due", "NULL", is_there), &params)?;
    let not_there = format!("NOT {is_there}");
    let undeliverable = tx.exec(&sql("undeliverable", why_not, &not_there), &params)?;
    Ok(ExpandedPersonal {
        due: due as i64,
        undeliverable: undeliverable as i64,
    })
}

/// A person has settled: what was still to be sent to them about it is not wanted any more; how many.
pub fn cancel_pending_for_person(
    tx: &mut Tx<'_>,
    notice_no: i64,
    person_no: i64,
) -> Result<u64, StoreError> {
    tx.exec(CANCEL_FOR_PERSON, p![notice_no, person_no])
}

/// A notice is over; how many.
pub fn cancel_pending_for_notice(tx: &mut Tx<'_>, notice_no: i64) -> Result<u64, StoreError> {
    tx.exec(CANCEL_FOR_NOTICE, p![notice_no])
}

/// Messages to people whose obligation under the notice is not pending; how many.
pub fn cancel_due_for_settled(tx: &mut Tx<'_>, notice_no: i64) -> Result<u64, StoreError> {
    tx.exec(CANCEL_FOR_SETTLED, p![notice_no])
}
