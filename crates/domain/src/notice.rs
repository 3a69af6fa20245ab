//! A notice: one version issued to one audience, with a requirement and a due date.
//!
//! Publishing, closing and cancelling actions call `NoticeState::next`; the console shows `Progress`.
//! Invariant: a notice that is closed, cancelled or superseded stays so.

use serde::{Deserialize, Serialize};

use crate::obligation::{CloseReason, ObligationEvent, ObligationState};
use crate::time::UnixMillis;
use crate::version::ChangeKind;
use crate::words::{Refused, words};

words! {
    /// expanding (obligations are being written) → open → closed / cancelled / superseded.
    "notice state" NoticeState {
        Expanding = "expanding",
        Open = "open",
        Closed = "closed",
        Cancelled = "cancelled",
        Superseded = "superseded",
    }
}

words! {
    /// What happens to a notice.
    "notice event" NoticeEvent {
        /// Every obligation of the audience is written.
        Expanded = "expand",
        Close = "close",
        Cancel = "cancel",
        Supersede = "supersede",
    }
}

words! {
    /// What a notice asks of a person.
    "requirement" Requirement {
        /// Nothing beyond receiving it.
        Inform = "inform",
        /// Open the text.
        Read = "read",
        /// Confirm by an act.
        Confirm = "confirm",
    }
}

impl NoticeState {
    /// The state after `event`.
    pub const fn next(self, event: NoticeEvent) -> Result<Self, Refused> {
        use NoticeEvent as Event;
        match (self, event) {
            (Self::Expanding, Event::Expanded) => Ok(Self::Open),
            (Self::Open, Event::Close) => Ok(Self::Closed),
            (Self::Expanding | Self::Open, Event::Cancel) => Ok(Self::Cancelled),
            (Self::Expanding | Self::Open, Event::Supersede) => Ok(Self::Superseded),
            _ => Err(Refused {
                what: "notice",
                state: self.as_str(),
                event: event.as_str(),
            }),
        }
    }

    /// No event leads out of this state.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Closed | Self::Cancelled | Self::Superseded)
    }
}

/// How far a notice is, in people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    pub total: u64,
    pub pending: u64,
    pub acknowledged: u64,
    pub declined: u64,
    pub exempted: u64,
    pub superseded: u64,
    pub closed: u64,
    /// Who opened the text, settled or not.
    pub opened: u64,
    /// Pending beyond the due date.
    pub overdue: u64,
    /// Whom no channel reaches.
    pub undeliverable: u64,
}

impl Progress {
    /// Who was asked and is not let off.
    pub const fn asked(&self) -> u64 {
        self.total
            .saturating_sub(self.exempted)
            .saturating_sub(self.superseded)
    }

    /// Who was asked and does not owe any more.
    pub const fn settled(&self) -> u64 {
        self.asked()
            .saturating_sub(self.pending)
            .saturating_sub(self.declined)
    }

    /// Of those asked, the settled in whole percent, rounded down: 100 only when nobody is left. 100 for nobody asked.
    pub const fn percent(&self) -> u8 {
        match (self.settled() * 100).checked_div(self.asked()) {
            Some(percent) => percent as u8,
            None => 100,
        }
    }

    pub const fn is_complete(&self) -> bool {
        self.settled() == self.asked()
    }

    /// The sum of two parts, for example of two departments.
    pub const fn plus(self, other: Self) -> Self {
        Self {
            total: self.total + other.total,
            pending: self.pending + other.pending,
            acknowledged: self.acknowledged + other.acknowledged,
            declined: self.declined + other.declined,
            exempted: self.exempted + other.exempted,
            superseded: self.superseded + other.superseded,
            closed: self.closed + other.closed,
            opened: self.opened + other.opened,
            overdue: self.overdue + other.overdue,
            undeliverable: self.undeliverable + other.undeliverable,
        }
    }
}

/// Still owed after its due date. Derived whenever it is asked, never stored.
pub fn is_overdue(state: ObligationState, due_at: Option<UnixMillis>, now: UnixMillis) -> bool {
    state.is_outstanding() && due_at.is_some_and(|due_at| now > due_at)
}

/// What a new version does to one person's obligation under the notice of the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Succession {
    /// What happens to the old obligation, if anything.
    pub old: Option<ObligationEvent>,
    pub new: Inherited,
}

/// How the obligation under the new notice begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inherited {
    /// Pending.
    Owes,
    /// Acknowledged, with a receipt of kind `carried`.
    Acknowledged,
    Exempted,
    /// Closed for the same reason as the old one.
    Closed(CloseReason),
}

/// A major change asks everyone anew; a minor one asks only who had not settled the old version, and who settled less
/// than the new notice requires. `reason` is that of a closed obligation.
pub const fn succession(
    change: ChangeKind,
    requirement: Requirement,
    old: ObligationState,
    reason: Option<CloseReason>,
) -> Succession {
    let event = match old {
        ObligationState::Pending | ObligationState::Declined => Some(ObligationEvent::Supersede),
        ObligationState::Acknowledged
        | ObligationState::Exempted
        | ObligationState::Superseded
        | ObligationState::Closed => None,
    };
    let new = match (change, old) {
        (ChangeKind::Minor, ObligationState::Acknowledged) => Inherited::Acknowledged,
        (ChangeKind::Minor, ObligationState::Exempted) => Inherited::Exempted,
        (ChangeKind::Minor, ObligationState::Closed) => match (reason, requirement) {
            (Some(reason @ CloseReason::Read), Requirement::Read | Requirement::Inform)
            | (Some(reason @ CloseReason::Informed), Requirement::Inform) => {
                Inherited::Closed(reason)
            }
            _ => Inherited::Owes,
        },
        _ => Inherited::Owes,
    };
    Succession { old: event, new }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_major_change_asks_everyone_anew() {
        for state in ObligationState::ALL {
            let succession = succession(
                ChangeKind::Major,
                Requirement::Read,
                *state,
                Some(CloseReason::Read),
            );
            assert_eq!(succession.new, Inherited::Owes);
        }
    }

    #[test]
    fn a_minor_change_carries_a_confirmation_forward_and_supersedes_what_is_open() {
        let confirmed = succession(
            ChangeKind::Minor,
            Requirement::Confirm,
            ObligationState::Acknowledged,
            None,
        );
        assert_eq!(
            (confirmed.old, confirmed.new),
            (None, Inherited::Acknowledged)
        );
        let open = succession(
            ChangeKind::Minor,
            Requirement::Confirm,
            ObligationState::Pending,
            None,
        );
        assert_eq!(
            (open.old, open.new),
            (Some(ObligationEvent::Supersede), Inherited::Owes)
        );
    }

    #[test]
    fn having_read_is_not_carried_into_a_notice_that_wants_a_confirmation() {
        let read = |requirement| {
            let reason = Some(CloseReason::Read);
            succession(
                ChangeKind::Minor,
                requirement,
                ObligationState::Closed,
                reason,
            )
            .new
        };
        assert_eq!(read(Requirement::Confirm), Inherited::Owes);
        assert_eq!(
            read(Requirement::Read),
            Inherited::Closed(CloseReason::Read)
        );
    }

    #[test]
    fn only_what_is_owed_can_be_overdue() {
        let due = Some(UnixMillis(10));
        assert!(is_overdue(ObligationState::Pending, due, UnixMillis(11)));
        assert!(!is_overdue(ObligationState::Pending, due, UnixMillis(10)));
        assert!(!is_overdue(
            ObligationState::Acknowledged,
            due,
            UnixMillis(11)
        ));
        assert!(!is_overdue(ObligationState::Pending, None, UnixMillis(11)));
    }

    #[test]
    fn one_hundred_percent_means_that_nobody_is_left() {
        let nearly = Progress {
            total: 1000,
            pending: 1,
            acknowledged: 999,
            ..Progress::default()
        };
        assert_eq!((nearly.percent(), nearly.is_complete()), (99, false));
        assert_eq!(Progress::default().percent(), 100);
    }

    proptest! {
        #[test]
        fn what_a_succession_does_to_the_old_obligation_is_allowed(
            change in prop::sample::select(ChangeKind::ALL),
            requirement in prop::sample::select(Requirement::ALL),
            old in prop::sample::select(ObligationState::ALL),
        ) {
            if let Some(event) = succession(change, requirement, old, None).old {
                prop_assert!(old.next(event).is_ok());
            }
        }

        #[test]
        fn a_finished_notice_stays_finished(events in prop::collection::vec(prop::sample::select(NoticeEvent::ALL), 0..30)) {
            let mut state = NoticeState::Expanding;
            for event in events {
                if let Ok(next) = state.next(event) {
                    prop_assert!(!state.is_terminal());
                    state = next;
                }
            }
        }
    }
}
