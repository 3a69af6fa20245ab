//! Deliveries (投递): the outbox. One row is one message to one target on one lane.
//!
//! Publishing and reminding insert them (`write.rs`), the dispatcher claims them and records outcomes (`claim.rs`,
//! `outcome.rs`), the console lists them (`list.rs`). Invariants: a row that is being sent belongs to the owner of its
//! lease, and only that owner records its outcome; a sent row never becomes due again; the unique key (notice,
//! occurrence, lane, person) makes every insertion repeatable.

mod claim;
mod list;
mod outcome;
mod write;

use yuezhi_domain::{DeliveryKind, DeliveryState, UnixMillis};

pub use claim::{
    claim, group_of, has_orphans, lanes_with_due, languages_of, next_due_at, reclaim_expired,
    reclaim_orphans, release, set_leader,
};
pub use list::{
    Attempt, DeliveryFilter, DeliveryRow, LaneCount, attempts, counts_by_lane_state, get, list,
};
pub use outcome::{
    Cancelled, Failed, Retried, Sent, UNDELIVERABLE, cancel_claimed, record_failed, record_retry,
    record_sent, record_undelivered, retry, retry_lane,
};
pub use write::{
    ExpandPersonal, ExpandedPersonal, NewDelivery, cancel_due_for_settled,
    cancel_pending_for_notice, cancel_pending_for_person, expand_personal, insert_group,
};

use crate::{Row, StoreError};

/// A delivery as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub no: i64,
    /// `robot:hr`, `mail`.
    pub lane: String,
    pub kind: DeliveryKind,
    /// 0 for none.
    pub notice_no: i64,
    /// 0 for the first message of a notice.
    pub occurrence_no: i64,
    /// 0 for a group.
    pub person_no: i64,
    pub state: DeliveryState,
    pub due_at: UnixMillis,
    pub lease_until: Option<UnixMillis>,
    pub lease_owner: Option<String>,
    /// The delivery whose message carries this one too.
    pub leader_no: Option<i64>,
    /// Attempts that were made, the successful one included.
    pub attempts: u32,
    pub error_code: Option<String>,
    pub error_detail: Option<String>,
    pub sent_at: Option<UnixMillis>,
    pub platform_id: Option<String>,
    pub created_at: UnixMillis,
}

/// The columns of [`delivery`], of the table itself so that they can also follow RETURNING.
const COLUMNS: &str = "deliveries.no, deliveries.lane, deliveries.kind, deliveries.notice_no, deliveries.occurrence_no, \
     deliveries.person_no, deliveries.state, deliveries.due_at, deliveries.lease_until, deliveries.lease_owner, \
     deliveries.leader_no, deliveries.attempts, deliveries.error_code, deliveries.error_detail, deliveries.sent_at, \
     deliveries.platform_id, deliveries.created_at";

fn delivery(row: &Row) -> Result<Delivery, StoreError> {
    let mut columns = row.columns();
    Ok(Delivery {
        no: columns.take()?,
        lane: columns.take()?,
        kind: columns.take()?,
        notice_no: columns.take()?,
        occurrence_no: columns.take()?,
        person_no: columns.take()?,
        state: columns.take()?,
        due_at: columns.take()?,
        lease_until: columns.take()?,
        lease_owner: columns.take()?,
        leader_no: columns.take()?,
        attempts: columns.take()?,
        error_code: columns.take()?,
        error_detail: columns.take()?,
        sent_at: columns.take()?,
        platform_id: columns.take()?,
        created_at: columns.take()?,
    })
}
