//! Turns an audience into obligations and deliveries, set by set.
//!
//! Called by the publishing transaction for ordinary audiences, by the `expand` worker for very large ones, and for
//! reminders. Invariant: idempotent by the tables' keys; a run that is repeated adds nothing.

use yuezhi_domain::{
    CloseReason, DeliveryKind, ObligationState, Requirement, Resolved, UnixMillis,
};
use yuezhi_store::{StoreError, Tx, deliveries, obligations};

/// What an expansion writes.
#[derive(Debug)]
pub struct Expansion<'a> {
    pub notice_no: i64,
    pub resolved: &'a Resolved,
    pub requirement: Requirement,
    pub due_at: Option<UnixMillis>,
    /// Lanes with one message a person.
    pub personal_lanes: &'a [String],
    pub now: UnixMillis,
}

impl Expansion<'_> {
    /// Goes on after `after_person_no` for at most `limit` people; their obligations and personal deliveries.
    pub fn run(
        &self,
        tx: &mut Tx<'_>,
        after_person_no: i64,
        limit: i64,
    ) -> Result<obligations::Expanded, StoreError> {
        // Nothing is owed on an inform: its rows are there to record who opened it.
        let (initial, reason) = match self.requirement {
            Requirement::Inform => (
                ObligationState::Closed,
                Some(CloseReason::Informed.as_str()),
            ),
            Requirement::Read | Requirement::Confirm => (ObligationState::Pending, None),
        };
        let expanded = obligations::expand(
            tx,
            &obligations::Expand {
                notice_no: self.notice_no,
                resolved: self.resolved,
                after_person_no,
                limit_people: limit,
                due_at: self.due_at,
                initial,
                reason,
            },
        )?;
        for lane in self.personal_lanes {
            deliveries::expand_personal(
                tx,
                &deliveries::ExpandPersonal {
                    notice_no: self.notice_no,
                    occurrence_no: 0,
                    lane,
                    kind: DeliveryKind::Publish,
                    after_person_no,
                    up_to_person_no: expanded.last_person_no,
                    only_pending: false,
                    only_person_nos: &[],
                    due_at: self.now,
                    now: self.now,
                },
            )?;
        }
        Ok(expanded)
    }
}

/// One message to the group behind a lane.
pub fn group_message(
    lane: &str,
    notice_no: i64,
    occurrence_no: i64,
    now: UnixMillis,
) -> deliveries::NewDelivery {
    let kind = match (notice_no, occurrence_no) {
        (0, _) => DeliveryKind::Standing,
        (_, 0) => DeliveryKind::Publish,
        _ => DeliveryKind::Reminder,
    };
    deliveries::NewDelivery {
        lane: lane.to_owned(),
        kind,
        notice_no,
        occurrence_no,
        person_no: 0,
        due_at: now,
        created_at: now,
    }
}
