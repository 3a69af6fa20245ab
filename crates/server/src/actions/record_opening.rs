//! A person has the text open: an observation, not an act.
//!
//! Called when a signed-in person loads the page, or when the page of a personal link reports from a real browser
//! (a mail scanner that fetches the link does not run it). Invariant: the first opening is recorded once, with its
//! source; under the requirement `read` it settles the obligation; it never confirms anything.

use yuezhi_domain::{
    Language, NoticeState, ObligationState, ReceiptId, ReceiptKind, ReceiptSource, UnixMillis,
};
use yuezhi_store::{deliveries, notices, obligations, receipts, versions};

use super::ActionError;
use crate::app::App;

/// How the text came before somebody's eyes.
#[derive(Debug, Clone)]
pub struct Opening {
    pub notice_no: i64,
    pub person_no: i64,
    pub source: ReceiptSource,
    pub language: Language,
    /// JSON: how the person was known, which kind of device.
    pub detail: String,
}

/// Whether this was the first time. Opening something one is not asked to read is nothing.
pub async fn record_opening(app: &App, opening: Opening) -> Result<bool, ActionError> {
    let now = app.now();
    let (notice_no, person_no) = (opening.notice_no, opening.person_no);
    let seen = app
        .db
        .read(move |tx| Ok::<_, ActionError>(obligations::get(tx, notice_no, person_no)?))
        .await?;
    // Most page loads are not the first: they must not queue for the writer.
    if seen.is_none_or(|obligation| obligation.opened_at.is_some()) {
        return Ok(false);
    }
    let id: ReceiptId = app.ids.next(now);
    let first = app
        .db
        .write(move |tx| record_in(tx, &opening, id, now))
        .await?;
    if first {
        app.announce(notice_no);
    }
    Ok(first)
}

fn record_in(
    tx: &mut yuezhi_store::Tx<'_>,
    opening: &Opening,
    id: ReceiptId,
    now: UnixMillis,
) -> Result<bool, ActionError> {
    let (notice_no, person_no) = (opening.notice_no, opening.person_no);
    let Some(notice) = notices::get(tx, notice_no)? else {
        return Ok(false);
    };
    let Some(version) = versions::get(tx, notice.version_no)? else {
        return Ok(false);
    };
    if !obligations::mark_opened(tx, notice_no, person_no, now)? {
        return Ok(false);
    }
    receipts::insert(
        tx,
        &receipts::NewReceipt {
            id,
            notice_no,
            person_no,
            version_no: notice.version_no,
            kind: ReceiptKind::Opened,
            source: opening.source,
            at: now,
            language: opening.language,
            text_hash: version.text_hash,
            consent_hash: None,
            detail: opening.detail.clone(),
        },
    )?;
    let open = matches!(notice.state, NoticeState::Open | NoticeState::Expanding);
    if let (true, Some(settlement)) = (open, notice.requirement.settled_by(ReceiptKind::Opened)) {
        let reason = settlement.reason().map(yuezhi_domain::CloseReason::as_str);
        if let Ok(state) = ObligationState::Pending.next(settlement.event())
            && obligations::transition(
                tx,
                notice_no,
                person_no,
                &[ObligationState::Pending],
                state,
                now,
                reason,
            )?
        {
            deliveries::cancel_pending_for_person(tx, notice_no, person_no)?;
        }
    }
    Ok(true)
}
