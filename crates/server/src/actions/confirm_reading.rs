//! A person confirms that they have read and understood a version.
//!
//! Called by the employee page's POST, the button of a card and replies in the chat. Invariant: one act, one receipt,
//! however often the button is pressed; the receipt is durable before anybody is told; it is bound to the text that
//! was shown and to the words that were agreed to, by their hashes. Confirming stops what would still remind
//! and has what can change elsewhere (to-do, card) show it.

use yuezhi_domain::{
    Language, NoticeState, ObligationState, ReceiptId, ReceiptKind, ReceiptSource, UnixMillis,
};
use yuezhi_store::{
    deliveries,
    obligations::{self, Change, Standing},
    receipts,
};

use super::{ActionError, Refusal, RefusalKind};
use crate::{app::App, fan_out::Elsewhere};

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
    let elsewhere = Elsewhere::of(app);
    let confirmed = app
        .db
        .write(move |tx| confirm_in(tx, &confirmation, &elsewhere, id, now))
        .await?;
    if matches!(confirmed, Confirmed::Now { .. }) {
        app.announce(notice_no);
    }
    Ok(confirmed)
}

/// Looks before a confirmation is given up because others keep changing the same obligation.
const MOST_LOOKS: usize = 3;

fn confirm_in(
    tx: &mut yuezhi_store::Tx<'_>,
    confirmation: &Confirmation,
    elsewhere: &Elsewhere,
    id: ReceiptId,
    now: UnixMillis,
) -> Result<Confirmed, ActionError> {
    // On PostgreSQL the same button pressed twice may commit between our look and our writing; then look again.
    for _ in 0..MOST_LOOKS {
        let found = obligations::look(tx, confirmation.notice_no, confirmation.person_no)?
            .ok_or_else(|| Refusal::new(RefusalKind::Forbidden, "not_in_audience"))?;
        if found.state == ObligationState::Acknowledged {
            return Ok(Confirmed::Already {
                at: found.acted_at.unwrap_or(now),
            });
        }
        check(confirmation, &found)?;
        if acknowledge(tx, confirmation, &found, elsewhere, id, now)? {
            return Ok(Confirmed::Now { at: now });
        }
    }
    Err(Refusal::conflict("obligation_closed").into())
}

/// Whether this can be confirmed at all, and what was shown is what is asked.
fn check(confirmation: &Confirmation, found: &Standing) -> Result<(), ActionError> {
    match found.notice_state {
        NoticeState::Cancelled => return Err(Refusal::conflict("notice_cancelled").into()),
        NoticeState::Superseded => return Err(Refusal::conflict("notice_superseded").into()),
        NoticeState::Expanding | NoticeState::Open | NoticeState::Closed => {}
    }
    if confirmation.text_hash != found.text_hash.to_string()
        || confirmation.consent_hash != found.consent_hash.to_string()
    {
        return Err(Refusal::conflict("text_changed_meanwhile").into());
    }
    match found.state {
        ObligationState::Pending
        | ObligationState::Declined
        | ObligationState::Exempted
        | ObligationState::Closed => Ok(()),
        ObligationState::Superseded | ObligationState::Acknowledged => {
            Err(Refusal::conflict("obligation_closed").into())
        }
    }
}

fn acknowledge(
    tx: &mut yuezhi_store::Tx<'_>,
    confirmation: &Confirmation,
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
        kind: ReceiptKind::Acknowledged,
        source: confirmation.source,
        at: now,
        language: confirmation.language,
        text_hash: found.text_hash,
        consent_hash: Some(found.consent_hash),
        detail: confirmation.detail.clone(),
    };
    let to = Change::To(ObligationState::Acknowledged, None);
    Ok(obligations::settle(tx, found, to, now, |tx| {
        receipts::insert(tx, &receipt)?;
        deliveries::cancel_pending_for_person(tx, found.notice_no, found.person_no)?;
        elsewhere.tell(tx, found.notice_no, found.person_no, now)
    })?)
}
