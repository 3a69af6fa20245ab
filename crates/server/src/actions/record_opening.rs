//! A person has the text open: an observation, not an act.
//!
//! Called when a signed-in person loads the page, or when the page of a personal link reports from a real browser
//! (a mail scanner that fetches the link does not run it). Invariant: the first opening is recorded once, with its
//! source; under the requirement `read` it settles the obligation; it never confirms anything.

use yuezhi_domain::{
    Language, NoticeState, ObligationState, ReceiptId, ReceiptKind, ReceiptSource, UnixMillis,
};
use yuezhi_store::{
    deliveries,
    obligations::{self, Change, Standing},
    receipts,
};

use super::ActionError;
use crate::{app::App, fan_out::Elsewhere};

/// Looks before the rest is left to another request that keeps changing the same obligation.
const MOST_LOOKS: usize = 3;

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
    let elsewhere = Elsewhere::of(app);
    let first = app
        .db
        .write(move |tx| record_in(tx, &opening, &elsewhere, id, now))
        .await?;
    if first {
        app.announce(notice_no);
    }
    Ok(first)
}

fn record_in(
    tx: &mut yuezhi_store::Tx<'_>,
    opening: &Opening,
    elsewhere: &Elsewhere,
    id: ReceiptId,
    now: UnixMillis,
) -> Result<bool, ActionError> {
    // On PostgreSQL the obligation may change between our look and our writing; then look again.
    for _ in 0..MOST_LOOKS {
        let found = obligations::look(tx, opening.notice_no, opening.person_no)?;
        let Some(found) = found.filter(|found| found.opened_at.is_none()) else {
            return Ok(false);
        };
        if open(tx, opening, &found, elsewhere, id, now)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn open(
    tx: &mut yuezhi_store::Tx<'_>,
    opening: &Opening,
    found: &Standing,
    elsewhere: &Elsewhere,
    id: ReceiptId,
    now: UnixMillis,
) -> Result<bool, ActionError> {
    let receipt = receipts::NewReceipt {
        id,
        notice_no: found.notice_no,
        person_no: found.person_no,
        version_no: found.version_no,
        kind: ReceiptKind::Opened,
        source: opening.source,
        at: now,
        language: opening.language,
        text_hash: found.text_hash,
        consent_hash: None,
        detail: opening.detail.clone(),
    };
    let change = settled_by_opening(found);
    Ok(obligations::settle(tx, found, change, now, |tx| {
        receipts::insert(tx, &receipt)?;
        if change != Change::Opened {
            deliveries::cancel_pending_for_person(tx, found.notice_no, found.person_no)?;
            elsewhere.tell(tx, found.notice_no, found.person_no, now)?;
        }
        Ok(())
    })?)
}

/// Under the requirement `read` an opening is all that is owed, while the notice is open.
fn settled_by_opening(found: &Standing) -> Change<'static> {
    if !matches!(
        found.notice_state,
        NoticeState::Open | NoticeState::Expanding
    ) || found.state != ObligationState::Pending
    {
        return Change::Opened;
    }
    found
        .requirement
        .settled_by(ReceiptKind::Opened)
        .and_then(|settlement| {
            let to = found.state.next(settlement.event()).ok()?;
            let reason = settlement.reason().map(yuezhi_domain::CloseReason::as_str);
            Some(Change::To(to, reason))
        })
        .unwrap_or(Change::Opened)
}
