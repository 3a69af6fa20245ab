//! What to do now about planned occurrences: fire once, wait, or skip what is too late.
//!
//! The reminding worker and the worker of standing schedules call this after every wake-up, also after a long sleep.
//! Invariant: of several missed occurrences at most one fires, the latest, and only within its grace; the others are
//! recorded, so that the console can show what did not happen and why.

use std::time::Duration;

use super::{PlanFacts, Planned, ReminderPlan};
use crate::time::UnixMillis;
use crate::words::words;
use crate::work_calendar::WorkCalendar;

/// How late an occurrence may still fire: a reminder planned for the morning is of no use in the evening.
pub const DEFAULT_GRACE: Duration = Duration::from_hours(4);

/// What an occurrence's time means now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Wait,
    Fire,
    SkipLate,
}

words! {
    /// What became of an occurrence.
    "occurrence outcome" OccurrenceOutcome {
        Fired = "fired",
        /// The system was not there in time.
        SkippedLate = "skipped_late",
        /// Missed together with a later one, which fired for both.
        Collapsed = "collapsed",
        /// A person asked to leave out this one.
        SkippedOnce = "skipped_once",
        /// Nobody owed anything any more.
        Nobody = "nobody",
    }
}

/// Whether an occurrence is to come, is due, or was missed for longer than `grace`.
pub fn decide(planned_at: UnixMillis, now: UnixMillis, grace: Duration) -> Decision {
    if now < planned_at {
        Decision::Wait
    } else if now.since(planned_at) <= grace {
        Decision::Fire
    } else {
        Decision::SkipLate
    }
}

/// Splits planned occurrences (in order of time) into the one that fires and those that do not; later ones are left out.
pub fn collapse<T>(
    planned: Vec<T>,
    at: impl Fn(&T) -> UnixMillis,
    now: UnixMillis,
    grace: Duration,
) -> (Option<T>, Vec<(T, OccurrenceOutcome)>) {
    let mut fire = None;
    let mut skipped = Vec::new();
    for occurrence in planned {
        match decide(at(&occurrence), now, grace) {
            Decision::Wait => break,
            Decision::SkipLate => skipped.push((occurrence, OccurrenceOutcome::SkippedLate)),
            Decision::Fire => {
                if let Some(earlier) = fire.replace(occurrence) {
                    skipped.push((earlier, OccurrenceOutcome::Collapsed));
                }
            }
        }
    }
    (fire, skipped)
}

/// What the reminding worker does about one notice now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sweep {
    pub fire: Option<Planned>,
    pub skipped: Vec<(Planned, OccurrenceOutcome)>,
    /// Occurrences up to here are decided; store it and pass it as `after` next time.
    pub decided_until: UnixMillis,
    /// When to sweep again; `None` when the plan is over.
    pub next_at: Option<UnixMillis>,
}

impl ReminderPlan {
    /// Decides everything planned after `after` up to `now`.
    ///
    /// During quiet hours nothing is decided: whatever is due waits for their end and is judged there.
    pub fn sweep(
        &self,
        facts: PlanFacts<'_>,
        calendar: &WorkCalendar,
        after: UnixMillis,
        now: UnixMillis,
        grace: Duration,
    ) -> Sweep {
        let planned = self.occurrences(facts, calendar, after, now);
        let quiet_until = self.quiet.map(|quiet| quiet.moved(now, facts.zone));
        if let Some(end) = quiet_until.filter(|end| *end > now && !planned.is_empty()) {
            return Sweep {
                fire: None,
                skipped: Vec::new(),
                decided_until: after,
                next_at: Some(end),
            };
        }
        let (fire, skipped) = collapse(planned, |planned| planned.at, now, grace);
        let decided_until = now.max(after);
        Sweep {
            fire,
            skipped,
            decided_until,
            next_at: self
                .next_after(facts, calendar, decided_until)
                .map(|next| next.at),
        }
    }
}
