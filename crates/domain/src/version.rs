//! A version of a policy: its states, and what kind of change it is.
//!
//! The publishing and reviewing actions call `VersionState::next`; everything that shows a version uses the words.
//! Invariant: once published, a version never becomes editable again; superseded and repealed are final.

use crate::words::{Refused, words};

words! {
    /// draft → in_review → approved → published → superseded / repealed.
    "version state" VersionState {
        Draft = "draft",
        InReview = "in_review",
        Approved = "approved",
        Published = "published",
        Superseded = "superseded",
        Repealed = "repealed",
    }
}

words! {
    /// What happens to a version.
    "version event" VersionEvent {
        Submit = "submit",
        /// A reviewer wants changes, or an approval is withdrawn before publication.
        SendBack = "send_back",
        Approve = "approve",
        Publish = "publish",
        Supersede = "supersede",
        Repeal = "repeal",
    }
}

words! {
    /// Whether a new version asks for a new confirmation.
    "change kind" ChangeKind {
        /// 重大修订: the meaning changed, earlier confirmations do not count for it.
        Major = "major",
        /// 文字修订: wording only, an earlier confirmation is carried forward.
        Minor = "minor",
    }
}

impl VersionState {
    /// The state after `event`. A small company publishes a draft directly; a version under review waits for its reviewer.
    pub const fn next(self, event: VersionEvent) -> Result<Self, Refused> {
        use VersionEvent as Event;
        match (self, event) {
            (Self::Draft, Event::Submit) => Ok(Self::InReview),
            (Self::InReview | Self::Approved, Event::SendBack) => Ok(Self::Draft),
            (Self::InReview, Event::Approve) => Ok(Self::Approved),
            (Self::Draft | Self::Approved, Event::Publish) => Ok(Self::Published),
            (Self::Published, Event::Supersede) => Ok(Self::Superseded),
            (Self::Published, Event::Repeal) => Ok(Self::Repealed),
            _ => Err(Refused {
                what: "version",
                state: self.as_str(),
                event: event.as_str(),
            }),
        }
    }

    /// Text and files may still change.
    pub const fn is_editable(self) -> bool {
        matches!(self, Self::Draft)
    }

    /// No event leads out of this state.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Superseded | Self::Repealed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_published_version_is_never_edited_again() {
        for event in VersionEvent::ALL {
            if let Ok(next) = VersionState::Published.next(*event) {
                assert!(next.is_terminal());
            }
        }
    }

    #[test]
    fn a_refusal_says_what_was_not_possible() {
        let refused = VersionState::InReview
            .next(VersionEvent::Publish)
            .unwrap_err();
        assert_eq!(
            refused.to_string(),
            "a version that is in_review cannot publish"
        );
    }

    proptest! {
        #[test]
        fn a_version_reaches_the_public_at_most_once(events in prop::collection::vec(prop::sample::select(VersionEvent::ALL), 0..40)) {
            let mut state = VersionState::Draft;
            let mut published = 0;
            for event in events {
                let was_terminal = state.is_terminal();
                if let Ok(next) = state.next(event) {
                    prop_assert!(!was_terminal);
                    published += u32::from(next == VersionState::Published);
                    state = next;
                }
            }
            prop_assert!(published <= 1);
        }

        #[test]
        fn every_word_reads_back(state in prop::sample::select(VersionState::ALL)) {
            prop_assert_eq!(state.as_str().parse(), Ok(state));
        }
    }
}
