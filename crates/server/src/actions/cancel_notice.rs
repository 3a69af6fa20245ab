//! Takes a notice back: nothing more is sent, nobody owes anything on it any longer.
//!
//! Called by the console, the API and `yuezhi cancel`. Invariant: what was confirmed stays confirmed, what was sent
//! stays recorded; only what was still open ends, with the reason.

use yuezhi_domain::{CloseReason, NoticeId, NoticeState, ObligationState};
use yuezhi_store::{audit, deliveries, followups, notices, obligations};

use super::{ActionError, Actor, Refusal};
use crate::{app::App, fan_out::lanes_that_follow_up};

/// What ended with the notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cancelled {
    pub pending_closed: u64,
    pub deliveries_cancelled: u64,
}

/// Cancels an open notice. `reason` is shown to whoever opens its link.
pub async fn cancel(
    app: &App,
    actor: Actor,
    notice_id: NoticeId,
    reason: &str,
) -> Result<Cancelled, ActionError> {
    let now = app.now();
    let reason = reason.trim().to_owned();
    if reason.is_empty() {
        return Err(Refusal::invalid("reason", "reason_missing").into());
    }
    let lanes = lanes_that_follow_up(&app.channels());
    let (notice_no, cancelled) = app
        .db
        .write(move |tx| {
            let notice = notices::by_id(tx, &notice_id)?
                .ok_or_else(|| Refusal::not_found("notice_unknown"))?;
            if !matches!(notice.state, NoticeState::Open | NoticeState::Expanding)
                || !notices::set_state(
                    tx,
                    notice.no,
                    notice.state,
                    NoticeState::Cancelled,
                    now,
                    Some(&reason),
                )?
            {
                return Err(Refusal::conflict("notice_not_open")
                    .with("state", notice.state)
                    .into());
            }
            let why = CloseReason::NoticeCancelled.as_str();
            let pending_closed = obligations::close_all_pending(
                tx,
                notice.no,
                ObligationState::Closed,
                now,
                Some(why),
            )?;
            let deliveries_cancelled = deliveries::cancel_pending_for_notice(tx, notice.no)?;
            followups::withdraw_notice(tx, notice.no, &lanes, now)?;
            let detail = serde_json::json!({ "reason": reason, "pending_closed": pending_closed });
            audit::append(
                tx,
                now,
                &actor.to_string(),
                "notice.cancelled",
                &format!("notice:{notice_id}"),
                &detail.to_string(),
            )?;
            Ok::<_, ActionError>((
                notice.no,
                Cancelled {
                    pending_closed,
                    deliveries_cancelled,
                },
            ))
        })
        .await?;
    app.announce(notice_no);
    Ok(cancelled)
}
