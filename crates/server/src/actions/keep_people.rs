//! The rules by which people come, change and go, whatever says so: a list, the directory, one change of it.
//!
//! Called by `import_people` and `sync_directory` inside their transactions. Invariant: who goes owes nothing any
//! more and is signed out; who comes back owes again what is still open; nobody is deleted.

use yuezhi_domain::{CloseReason, IdSource, NoticeState, ObligationState, PersonId, UnixMillis};
use yuezhi_store::{
    StoreError, Tx, obligations,
    people::{self, Change, NewPerson, Upserted},
};

/// Adds a person or brings them up to date.
pub(super) fn take_in(
    tx: &mut Tx<'_>,
    person: &NewPerson,
    ids: &IdSource,
    now: UnixMillis,
) -> Result<Upserted, StoreError> {
    let upserted = people::upsert(tx, person, ids.next::<PersonId>(now), now)?;
    if upserted.change == Change::Rejoined {
        reopen(tx, upserted.no, now)?;
    }
    Ok(upserted)
}

/// Lets a person go; whether they were here.
pub(super) fn let_go(tx: &mut Tx<'_>, person_no: i64, now: UnixMillis) -> Result<bool, StoreError> {
    if !people::mark_left(tx, person_no, now)? {
        return Ok(false);
    }
    let reason = CloseReason::LeftCompany.as_str();
    obligations::close_for_person(tx, person_no, ObligationState::Closed, now, Some(reason))?;
    yuezhi_store::sessions::delete_for_person(tx, person_no)?;
    Ok(true)
}

/// A loss that is more likely a mistake than a farewell: more than 30 % of the active people, and more than 20.
pub(super) fn loses_many(missing: usize, active: i64) -> bool {
    const LARGEST_LOSS: f64 = 0.3;
    const SMALL_LOSS: usize = 20;
    let share = missing as f64 / active.max(1) as f64;
    missing > SMALL_LOSS && share > LARGEST_LOSS
}

/// Who comes back owes again what they owed when they left, on notices that are still open.
fn reopen(tx: &mut Tx<'_>, person_no: i64, now: UnixMillis) -> Result<(), StoreError> {
    const MOST: usize = 1_000;
    let left = CloseReason::LeftCompany.as_str();
    for obligation in obligations::of_person(tx, person_no, MOST)? {
        let open = matches!(
            obligation.notice_state,
            NoticeState::Open | NoticeState::Expanding
        );
        if open && obligation.reason.as_deref() == Some(left) {
            obligations::transition(
                tx,
                obligation.notice_no,
                person_no,
                &[ObligationState::Closed],
                ObligationState::Pending,
                now,
                None,
            )?;
        }
    }
    Ok(())
}
