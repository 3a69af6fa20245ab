//! Fills in the obligations and deliveries of very large audiences, chunk by chunk.
//!
//! The publishing transaction leaves such a notice in state `expanding` with the people numbered so far. Invariant:
//! a chunk writes its rows and the new position together; repeated, it adds nothing. Each chunk holds the writer for
//! a few tens of milliseconds, so that confirmations go on meanwhile.

use yuezhi_domain::{NoticeState, Requirement};
use yuezhi_store::{deliveries, notices, obligations, receipts};

use super::Next;
use crate::{actions::ActionError, app::App, fan_out::Expansion};

const CHUNK: i64 = 10_000;

pub async fn tick(app: &App) -> Result<Next, ActionError> {
    let waiting = app
        .db
        .read(|tx| Ok::<_, ActionError>(notices::in_state(tx, NoticeState::Expanding, 1)?))
        .await?;
    let Some(notice) = waiting.into_iter().next() else {
        return Ok(Next::Idle);
    };
    let now = app.now();
    let lanes: Vec<String> = app
        .channels()
        .lanes()
        .filter(|channel| {
            channel.limits().personal && notice.channels.iter().any(|lane| lane == channel.lane())
        })
        .map(|channel| channel.lane().to_owned())
        .collect();
    let notice_no = notice.no;
    app.db
        .write(move |tx| {
            let resolved = notices::resolved_audience(tx, notice.no)?.unwrap_or_default();
            let expansion = Expansion {
                notice_no: notice.no,
                resolved: &resolved,
                requirement: notice.requirement,
                due_at: notice.due_at,
                personal_lanes: &lanes,
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
            if expanded.done {
                carry_forward(tx, &notice, now)?;
                notices::set_state(
                    tx,
                    notice.no,
                    NoticeState::Expanding,
                    NoticeState::Open,
                    now,
                    None,
                )?;
            }
            Ok::<_, ActionError>(())
        })
        .await?;
    app.announce(notice_no);
    app.wake();
    Ok(Next::Now)
}

/// Confirmations of the version before count on after a minor change, as the publishing transaction does it.
fn carry_forward(
    tx: &mut yuezhi_store::Tx<'_>,
    notice: &notices::Notice,
    now: yuezhi_domain::UnixMillis,
) -> Result<(), ActionError> {
    let minor = yuezhi_store::versions::get(tx, notice.version_no)?
        .is_some_and(|version| version.change == yuezhi_domain::ChangeKind::Minor);
    if !minor || notice.requirement == Requirement::Inform {
        return Ok(());
    }
    for old in notices::superseded_by(tx, &notice.id)? {
        obligations::carry_forward(tx, old.no, notice.no, notice.requirement, now)?;
        receipts::carry_forward(tx, old.no, notice.no, now)?;
    }
    deliveries::cancel_due_for_settled(tx, notice.no)?;
    Ok(())
}
