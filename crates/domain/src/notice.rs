//! A notice: one version issued to one audience, with a requirement and a due date.
//!
//! Publishing, closing and cancelling actions call `NoticeState::next`; the console shows `Progress`.
//! Invariant: a notice that is closed, cancelled or superseded stays so.

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
        Expanded = "open",
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
