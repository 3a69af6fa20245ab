//! Fills in the obligations and deliveries of very large audiences, chunk by chunk.
//!
//! The publishing transaction leaves such a notice in state `expanding` with the people numbered so far. Invariant:
//! a chunk writes its rows and the new position together; repeated, it adds nothing. Each chunk holds the writer for
//! a few tens of milliseconds, so that confirmations go on meanwhile. Weakness: after a minor change the last chunk also
//! carries all confirmations and writes all personal deliveries, which takes longer.

use yuezhi_domain::{ChangeKind, DeliveryKind, NoticeState, Requirement, UnixMillis};
use yuezhi_store::{Tx, deliveries, notices, obligations, receipts, versions};

use super::Next;
use crate::{
    actions::ActionError,
    app::App,
    fan_out::{Expansion, Way, first_ways},
};

/// People of a chunk. A confirmation that comes meanwhile waits for the chunk that is being written, so fewer are kinder
/// to it; how much publishing pays for that has not been measured at this size.
const CHUNK: i64 = 5_000;

pub async fn tick(app: &App) -> Result<Next, ActionError> {
    let waiting = app
        .db
        .read(|tx| Ok::<_, ActionError>(notices::in_state(tx, NoticeState::Expanding, 1)?))
        .await?;
    let Some(notice) = waiting.into_iter().next() else {
        return Ok(Next::Idle);
    };
    let now = app.now();
    let ways = first_ways(&notice.channels);
    let notice_no = notice.no;
    app.db
        .write(move |tx| {
            let resolved = notices::resolved_audience(tx, notice.no)?.unwrap_or_default();
            let carries = carries_forward(tx, &notice)?;
            // Where confirmations are carried, nobody is written to before it is known who need not confirm again.
            let now_written_to: &[Way] = if carries { &[] } else { &ways };
            let expansion = Expansion {
                notice_no: notice.no,
                resolved: &resolved,
                requirement: notice.requirement,
                due_at: notice.due_at,
                ways: now_written_to,
                now,
            };
            let expanded = expansion.run(tx, notice.expanded_to, CHUNK)?;
            if !notices::set_expanded_to(
                tx,
                notice.no,
                notice.expanded_to,
                expanded.last_person_no,
            )? {
                // Another node did this chunk: roll ours back.
                return Err(ActionError::internal(
                    "a chunk was filled in twice at once; the second is dropped",
                ));
            }
            if expanded.done && carries {
                carry_forward(tx, &notice, &ways, now)?;
            }
            let state = if expanded.done {
                NoticeState::Open
            } else {
                NoticeState::Expanding
            };
            if !notices::set_state(tx, notice.no, NoticeState::Expanding, state, now, None)? {
                // Withdrawn or replaced since it was looked at: nobody may owe anything on it any more.
                return Err(ActionError::internal(
                    "the notice ended while it was filled in; the last chunk is dropped",
                ));
            }
            Ok::<_, ActionError>(())
        })
        .await?;
    app.announce(notice_no);
    app.wake();
    Ok(Next::Now)
}

/// After a minor change, as the publishing transaction has it.
fn carries_forward(tx: &mut Tx<'_>, notice: &notices::Notice) -> Result<bool, ActionError> {
    let minor = versions::get(tx, notice.version_no)?
        .is_some_and(|version| version.change == ChangeKind::Minor);
    Ok(minor && notice.requirement != Requirement::Inform)
}

/// Confirmations of the version before count on; the others are written to.
fn carry_forward(
    tx: &mut Tx<'_>,
    notice: &notices::Notice,
    ways: &[Way],
    now: UnixMillis,
) -> Result<(), ActionError> {
    let mut before = notices::superseded_by(tx, &notice.id)?;
    before.extend(
        notices::of_policy(tx, notice.policy_no, 2)?
            .into_iter()
            .find(|old| old.no < notice.no && old.state == NoticeState::Closed),
    );
    for old in before {
        obligations::carry_forward(tx, old.no, notice.no, notice.requirement, now)?;
        receipts::carry_forward(tx, old.no, notice.no, now)?;
    }
    for way in ways {
        let Some(address) = way.address else { continue };
        deliveries::expand_personal(
            tx,
            &deliveries::ExpandPersonal {
                notice_no: notice.no,
                occurrence_no: 0,
                lane: &way.lane,
                address,
                unless: way.unless,
                kind: DeliveryKind::Publish,
                after_person_no: 0,
                up_to_person_no: i64::MAX,
                only_pending: true,
                only_person_nos: &[],
                due_at: now,
                now,
            },
        )?;
    }
    Ok(())
}
