//! A delivery: one message to one target on one channel, the row of the outbox.
//!
//! The dispatcher and the console's retry button call `DeliveryState::next`.
//! Invariant: a sent or cancelled delivery is never sent again; a delivery ends visibly or is still due.
//! Weakness: a crash between sending and recording leads through `Lapse` to a second sending (at least once).

use crate::words::{Refused, words};

words! {
    /// due → sending → sent / failed; cancelled and undeliverable from due.
    "delivery state" DeliveryState {
        Due = "due",
        /// Claimed by a worker under a lease.
        Sending = "sending",
        /// The channel accepted it.
        Sent = "sent",
        /// Refused for good, or given up after the last attempt.
        Failed = "failed",
        /// No longer wanted, for example confirmed before it was sent.
        Cancelled = "cancelled",
        /// The person has no address on this channel.
        Undeliverable = "undeliverable",
    }
}

words! {
    /// What happens to a delivery.
    "delivery event" DeliveryEvent {
        Claim = "claim",
        Accept = "accept",
        /// Try again later.
        Postpone = "postpone",
        /// The lease ran out without an outcome.
        Lapse = "lapse",
        /// Refused for good, or too many or too old attempts.
        Fail = "fail",
        Cancel = "cancel",
        /// There is nowhere to send it.
        MissAddress = "miss_address",
        /// A person asks for another try after failure.
        Retry = "retry",
    }
}

words! {
    /// Why a message is sent.
    "delivery kind" DeliveryKind {
        /// A notice was issued.
        Publish = "publish",
        /// To those who still owe.
        Reminder = "reminder",
        /// A schedule's own message to a group, for everyone in it.
        Standing = "standing",
        /// Several notices in one message.
        Digest = "digest",
        /// Written by a person or a program, for example `yuezhi send`.
        Custom = "custom",
    }
}

impl DeliveryState {
    /// The state after `event`.
    pub const fn next(self, event: DeliveryEvent) -> Result<Self, Refused> {
        use DeliveryEvent as Event;
        match (self, event) {
            (Self::Due, Event::Claim) => Ok(Self::Sending),
            (Self::Due, Event::Cancel) => Ok(Self::Cancelled),
            (Self::Sending, Event::Accept) => Ok(Self::Sent),
            (Self::Sending, Event::Postpone | Event::Lapse)
            | (Self::Failed | Self::Undeliverable, Event::Retry) => Ok(Self::Due),
            // A delivery that waited too long fails without another attempt.
            (Self::Due | Self::Sending, Event::Fail) => Ok(Self::Failed),
            (Self::Due | Self::Sending, Event::MissAddress) => Ok(Self::Undeliverable),
            _ => Err(Refused {
                what: "delivery",
                state: self.as_str(),
                event: event.as_str(),
            }),
        }
    }

    /// No event leads out of this state.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Sent | Self::Cancelled)
    }

    /// The dispatcher still has to do something about it.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Due | Self::Sending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_message_under_way_cannot_be_cancelled() {
        assert!(DeliveryState::Sending.next(DeliveryEvent::Cancel).is_err());
    }

    proptest! {
        #[test]
        fn a_sent_or_cancelled_delivery_is_never_claimed_again(events in prop::collection::vec(prop::sample::select(DeliveryEvent::ALL), 0..60)) {
            let mut state = DeliveryState::Due;
            for event in events {
                if let Ok(next) = state.next(event) {
                    prop_assert!(!state.is_terminal());
                    prop_assert!(next != DeliveryState::Sending || state == DeliveryState::Due);
                    state = next;
                }
            }
        }
    }
}
