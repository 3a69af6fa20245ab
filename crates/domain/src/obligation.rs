//! One person's obligation under one notice: what settles it, and what may still happen to it.
//!
//! Actions that record a receipt, exempt a person, change an audience or close a notice call `ObligationState::next`.
//! Invariant: nothing leads out of `acknowledged` or `superseded`; overdue is derived, never stored.
//! Weakness: the state alone does not know why it was closed; `CloseReason` is stored beside it.

use crate::notice::Requirement;
use crate::receipt::ReceiptKind;
use crate::words::{Refused, words};

words! {
    /// pending → acknowledged / declined / exempted / superseded / closed.
    "obligation state" ObligationState {
        Pending = "pending",
        /// The person confirmed by an act (签收), not by an observation.
        Acknowledged = "acknowledged",
        /// The person refused; a later confirmation is still accepted.
        Declined = "declined",
        /// An administrator released the person.
        Exempted = "exempted",
        /// A newer version asks instead.
        Superseded = "superseded",
        /// Nothing is owed any more, for the stored `CloseReason`.
        Closed = "closed",
    }
}

words! {
    /// Why an obligation was closed without a confirmation.
    "close reason" CloseReason {
        /// Requirement inform: a channel accepted the message.
        Informed = "informed",
        /// Requirement read: the person opened the text. Kept apart from a confirmation (已读 is not 确认).
        Read = "read",
        /// The audience no longer includes the person.
        LeftAudience = "left_audience",
        /// The person is no longer active in the directory.
        LeftCompany = "left_company",
        NoticeClosed = "notice_closed",
        NoticeCancelled = "notice_cancelled",
    }
}

words! {
    /// What happens to an obligation.
    "obligation event" ObligationEvent {
        Acknowledge = "acknowledge",
        Decline = "decline",
        Exempt = "exempt",
        Supersede = "supersede",
        Close = "close",
        /// The person joined again, or an exemption was withdrawn. Ask `CloseReason::may_reopen` first.
        Reopen = "reopen",
    }
}

impl CloseReason {
    /// Only a person who went away may come back and owe again.
    pub const fn may_reopen(self) -> bool {
        matches!(self, Self::LeftAudience | Self::LeftCompany)
    }
}

impl ObligationState {
    /// The state after `event`.
    pub const fn next(self, event: ObligationEvent) -> Result<Self, Refused> {
        use ObligationEvent as Event;
        match (self, event) {
            // A confirmation counts whenever it comes, also from a person who refused or was let off.
            (
                Self::Pending | Self::Declined | Self::Exempted | Self::Closed,
                Event::Acknowledge,
            ) => Ok(Self::Acknowledged),
            (Self::Pending, Event::Decline) => Ok(Self::Declined),
            (Self::Pending | Self::Declined, Event::Exempt) => Ok(Self::Exempted),
            (Self::Pending | Self::Declined, Event::Supersede) => Ok(Self::Superseded),
            (Self::Pending | Self::Declined, Event::Close) => Ok(Self::Closed),
            (Self::Exempted | Self::Closed, Event::Reopen) => Ok(Self::Pending),
            _ => Err(Refused {
                what: "obligation",
                state: self.as_str(),
                event: event.as_str(),
            }),
        }
    }

    /// No event leads out of this state.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Acknowledged | Self::Superseded)
    }

    /// The person still owes something and may be reminded.
    pub const fn is_outstanding(self) -> bool {
        matches!(self, Self::Pending)
    }
}

/// What moves an obligation forward when a notice with this requirement sees something happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// `ObligationEvent::Acknowledge`.
    Acknowledged,
    /// `ObligationEvent::Decline`.
    Declined,
    /// `ObligationEvent::Close` with this reason.
    Closed(CloseReason),
}

impl Settlement {
    pub const fn event(self) -> ObligationEvent {
        match self {
            Self::Acknowledged => ObligationEvent::Acknowledge,
            Self::Declined => ObligationEvent::Decline,
            Self::Closed(_) => ObligationEvent::Close,
        }
    }

    pub const fn reason(self) -> Option<CloseReason> {
        match self {
            Self::Closed(reason) => Some(reason),
            Self::Acknowledged | Self::Declined => None,
        }
    }
}

impl Requirement {
    /// What a receipt settles under this requirement; `None`: it is recorded and nothing changes.
    ///
    /// Inform is settled by delivery (see `settled_by_delivery`) or by anything later; read by opening the text; confirm
    /// by an act alone. A channel's read flag is about the message, not the text, so it settles an inform at most.
    pub const fn settled_by(self, receipt: ReceiptKind) -> Option<Settlement> {
        match (self, receipt) {
            (_, ReceiptKind::Acknowledged | ReceiptKind::Carried) => Some(Settlement::Acknowledged),
            (Self::Confirm, ReceiptKind::Declined) => Some(Settlement::Declined),
            (Self::Read, ReceiptKind::Opened) => Some(Settlement::Closed(CloseReason::Read)),
            (Self::Inform, ReceiptKind::Opened | ReceiptKind::ReadReported) => {
                Some(Settlement::Closed(CloseReason::Informed))
            }
            _ => None,
        }
    }

    /// What the first delivery that a channel accepted settles: an inform owes nothing beyond it.
    pub const fn settled_by_delivery(self) -> Option<Settlement> {
        match self {
            Self::Inform => Some(Settlement::Closed(CloseReason::Informed)),
            Self::Read | Self::Confirm => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_read_text_is_not_a_confirmed_text() {
        assert_eq!(Requirement::Confirm.settled_by(ReceiptKind::Opened), None);
        assert_eq!(
            Requirement::Read.settled_by(ReceiptKind::Opened),
            Some(Settlement::Closed(CloseReason::Read))
        );
        assert_eq!(
            Requirement::Read.settled_by(ReceiptKind::ReadReported),
            None
        );
    }

    #[test]
    fn only_an_inform_is_settled_by_delivery() {
        let settled: Vec<_> = Requirement::ALL
            .iter()
            .filter(|requirement| requirement.settled_by_delivery().is_some())
            .collect();
        assert_eq!(settled, [&Requirement::Inform]);
    }

    #[test]
    fn a_person_who_refused_may_still_confirm() {
        let declined = ObligationState::Pending
            .next(ObligationEvent::Decline)
            .unwrap();
        assert_eq!(
            declined.next(ObligationEvent::Acknowledge),
            Ok(ObligationState::Acknowledged)
        );
    }

    #[test]
    fn only_a_person_who_went_away_may_owe_again() {
        let reasons: Vec<_> = CloseReason::ALL
            .iter()
            .filter(|reason| reason.may_reopen())
            .collect();
        assert_eq!(
            reasons,
            [&CloseReason::LeftAudience, &CloseReason::LeftCompany]
        );
    }

    proptest! {
        #[test]
        fn a_confirmation_is_never_lost(events in prop::collection::vec(prop::sample::select(ObligationEvent::ALL), 0..40)) {
            let mut state = ObligationState::Pending;
            for event in events {
                let before = state;
                if let Ok(next) = state.next(event) {
                    prop_assert!(!before.is_terminal());
                    state = next;
                }
                if before == ObligationState::Acknowledged {
                    prop_assert_eq!(state, ObligationState::Acknowledged);
                }
            }
        }

        #[test]
        fn whatever_settles_is_allowed_from_pending(
            requirement in prop::sample::select(Requirement::ALL),
            receipt in prop::sample::select(ReceiptKind::ALL),
        ) {
            if let Some(settlement) = requirement.settled_by(receipt) {
                let state = ObligationState::Pending.next(settlement.event()).unwrap();
                prop_assert!(!state.is_outstanding());
                prop_assert_eq!(settlement.reason().is_some(), state == ObligationState::Closed);
            }
        }
    }
}
