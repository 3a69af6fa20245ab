//! A person confirms that they have read and understood a version.
//!
//! Called by the employee page's POST (and later by chat buttons and replies). Invariant: one act, one receipt,
//! however often the button is pressed; the receipt is durable before anybody is told; it is bound to the text that
//! was shown and to the words that were agreed to, by their hashes. Confirming stops what would still remind.

use yuezhi_domain::{
    Language, NoticeState, ObligationState, ReceiptId, ReceiptKind, ReceiptSource, UnixMillis,
};
use yuezhi_store::{deliveries, notices, obligations, receipts, versions};

use super::{ActionError, Refusal, RefusalKind};
use crate::app::App;

/// What the page sends: who, what, and which text and consent were on the screen.
#[derive(Debug, Clone)]
pub struct Confirmation {
    pub notice_no: i64,
    pub person_no: i64,
    pub source: ReceiptSource,
    pub language: Language,
    /// Hash of the text that was shown; empty if the caller showed the current one in the same request.
    pub text_hash: String,
    pub consent_hash: String,
    /// JSON: how the person was known, which kind of device.
    pub detail: String,
}

/// What came of it. Both mean: it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmed {
    Now { at: UnixMillis },
    Already { at: UnixMillis },
}

impl Confirmed {
    pub const fn at(self) -> UnixMillis {
        match self {
            Self::Now { at } | Self::Already { at } => at,
        }
    }
}

/// Records the confirmation, or says why it cannot be one.
pub async fn confirm(app: &App, confirmation: Confirmation) -> Result<Confirmed, ActionError> {
    let now = app.now();
    let id: ReceiptId = app.ids.next(now);
    let notice_no = confirmation.notice_no;
    let confirmed = app
        .db
        .write(move |tx| confirm_in(tx, &confirmation, id, now))
        .await?;
    if matches!(confirmed, Confirmed::Now { .. }) {
        app.announce(notice_no);
    }
    Ok(confirmed)
}

fn confirm_in(
    tx: &mut yuezhi_store::Tx<'_>,
    confirmation: &Confirmation,
    id: ReceiptId,
    now: UnixMillis,
) -> Result<Confirmed, ActionError> {
    let (notice_no, person_no) = (confirmation.notice_no, confirmation.person_no);
    let obligation = obligations::get(tx, notice_no, person_no)?
        .ok_or_else(|| Refusal::new(RefusalKind::Forbidden, "not_in_audience"))?;
    if obligation.state == ObligationState::Acknowledged {
        return Ok(Confirmed::Already {
            at: obligation.acted_at.unwrap_or(now),
        });
    }
    let notice =
        notices::get(tx, notice_no)?.ok_or_else(|| Refusal::not_found("notice_unknown"))?;
    match notice.state {
        NoticeState::Cancelled => return Err(Refusal::conflict("notice_cancelled").into()),
        NoticeState::Superseded => return Err(Refusal::conflict("notice_superseded").into()),
        NoticeState::Expanding | NoticeState::Open | NoticeState::Closed => {}
    }
    let version = versions::get(tx, notice.version_no)?
        .ok_or_else(|| Refusal::not_found("notice_unknown"))?;
    if confirmation.text_hash != version.text_hash.to_string()
        || confirmation.consent_hash != notice.consent_hash.to_string()
    {
        return Err(Refusal::conflict("text_changed_meanwhile").into());
    }
    let open_states = [
        ObligationState::Pending,
        ObligationState::Declined,
        ObligationState::Exempted,
        ObligationState::Closed,
    ];
    if !obligations::transition(
        tx,
        notice_no,
        person_no,
        &open_states,
        ObligationState::Acknowledged,
        now,
        None,
    )? {
        // On PostgreSQL the same button pressed twice may commit between our reading and our writing.
        return match obligations::get(tx, notice_no, person_no)? {
            Some(now_stands) if now_stands.state == ObligationState::Acknowledged => {
                Ok(Confirmed::Already {
                    at: now_stands.acted_at.unwrap_or(now),
                })
            }
            _ => Err(Refusal::conflict("obligation_closed").into()),
        };
    }
    obligations::mark_opened(tx, notice_no, person_no, now)?;
    receipts::insert(
        tx,
        &receipts::NewReceipt {
            id,
            notice_no,
            person_no,
            version_no: notice.version_no,
            kind: ReceiptKind::Acknowledged,
            source: confirmation.source,
            at: now,
            language: confirmation.language,
            text_hash: version.text_hash,
            consent_hash: Some(notice.consent_hash),
            detail: confirmation.detail.clone(),
        },
    )?;
    deliveries::cancel_pending_for_person(tx, notice_no, person_no)?;
    Ok(Confirmed::Now { at: now })
}
