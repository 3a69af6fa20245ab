//! What became of each delivery, written in batches, a transaction for many.
//!
//! Invariant: an outcome is recorded once, by the node that claimed the delivery; a held or misconfigured lane costs
//! no delivery an attempt; the deliveries of one message share its fate.

use std::{collections::BTreeMap, time::Duration};

use yuezhi_channels::{Channel, Outcome, Why};
use yuezhi_domain::{RetryPolicy, UnixMillis};
use yuezhi_store::{
    StoreError, Tx,
    deliveries::{self, Cancelled, Delivery, Failed, Retried, Sent},
    followups, lanes,
    platform_messages::{self, NewPlatformMessage},
};

use crate::workers::follow_up;

const SHORTEST_HOLD: Duration = Duration::from_secs(1);

/// What recording needs to know of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Member {
    pub no: i64,
    pub notice_no: i64,
    pub occurrence_no: i64,
    pub person_no: i64,
    pub due_at: UnixMillis,
    /// Before this one.
    pub attempts: u32,
    /// Others of its set have ended: tried again, it goes without them.
    pub leaves_set: bool,
}

impl Member {
    pub(super) fn of(delivery: &Delivery) -> Self {
        Self {
            no: delivery.no,
            notice_no: delivery.notice_no,
            occurrence_no: delivery.occurrence_no,
            person_no: delivery.person_no,
            due_at: delivery.due_at,
            attempts: delivery.attempts,
            leaves_set: false,
        }
    }
}

/// The fate of one message's deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Done {
    pub members: Vec<Member>,
    pub end: End,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    Attempted {
        outcome: Outcome,
        at: UnixMillis,
    },
    /// Not tried: the lane closed meanwhile.
    Unsent,
    /// Nobody wants it any more.
    Cancelled(&'static str),
    /// It cannot even be written.
    Failed(&'static str),
}

impl End {
    pub(super) const fn failed(code: &'static str) -> Self {
        Self::Failed(code)
    }

    /// Nothing more should be tried on this lane.
    pub(super) const fn closes_lane(&self) -> bool {
        matches!(
            self,
            Self::Attempted {
                outcome: Outcome::Hold { .. } | Outcome::Misconfigured { .. },
                ..
            }
        )
    }
}

/// A channel that can say later what became of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Watch<'a> {
    pub lane: &'a str,
    /// So long after sending it is worth asking.
    pub checks: &'a [Duration],
    /// Its messages can be changed later.
    pub follows_up: bool,
}

impl<'a> Watch<'a> {
    /// `None`: nothing will ever be asked of this channel.
    pub(super) fn of(channel: &'a dyn Channel) -> Option<Self> {
        let limits = channel.limits();
        let keeps = limits.people_per_call > 1 || !limits.read_checks.is_empty();
        keeps.then(|| Self {
            lane: channel.lane(),
            checks: limits.read_checks,
            follows_up: limits.follows_up,
        })
    }

    /// The platform's message that these deliveries were sent with.
    fn message(self, done: &Done) -> Option<NewPlatformMessage> {
        let End::Attempted {
            outcome: Outcome::Sent {
                platform_id: Some(platform_id),
            },
            at,
        } = &done.end
        else {
            return None;
        };
        let first = done.members.first()?;
        // A digest speaks of several notices: who has read it says nothing of any of them.
        let is_of_one = done.members.iter().all(|m| m.notice_no == first.notice_no);
        let people = done.members.iter().map(|member| member.person_no);
        Some(NewPlatformMessage {
            lane: self.lane.to_owned(),
            platform_id: platform_id.clone(),
            notice_no: if is_of_one { first.notice_no } else { 0 },
            occurrence_no: first.occurrence_no,
            people: people.filter(|no| *no != 0).collect(),
            sent_at: *at,
            check_at: self.checks.first().map(|after| at.plus(*after)),
        })
    }
}

/// A batch in the form in which it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Batch {
    sent: Vec<Sent>,
    /// Under which names the platform can be asked about them.
    messages: Vec<NewPlatformMessage>,
    /// When to tell the platform of those who settled while they were written to; `None` where it cannot be told.
    late_at: Option<UnixMillis>,
    retried: Vec<Retried>,
    failed: Vec<Failed>,
    cancelled: Vec<Cancelled>,
    /// Given back, by when they are due.
    released: BTreeMap<UnixMillis, Vec<i64>>,
    hold: Option<(UnixMillis, Why)>,
    stop: Option<(UnixMillis, Why)>,
    /// Notices whose pages show something new.
    pub notices: Vec<i64>,
}

impl Batch {
    /// `jitter` draws a number in `0.0..1.0`. `watch`: on such a channel the platform's names are kept.
    pub(super) fn of(
        done: Vec<Done>,
        now: UnixMillis,
        jitter: &dyn Fn() -> f64,
        watch: Option<Watch<'_>>,
    ) -> Self {
        let mut batch = Self {
            late_at: watch
                .filter(|watch| watch.follows_up)
                .map(|_| now.plus(follow_up::GATHERS)),
            ..Self::default()
        };
        for one in done {
            if let Some(watch) = watch {
                batch.messages.extend(watch.message(&one));
            }
            batch.add(one, now, jitter);
        }
        batch.notices.sort_unstable();
        batch.notices.dedup();
        batch
    }

    fn add(&mut self, done: Done, now: UnixMillis, jitter: &dyn Fn() -> f64) {
        let Done { members, end } = done;
        self.notices
            .extend(members.iter().map(|member| member.notice_no));
        match end {
            End::Attempted {
                outcome: Outcome::Sent { platform_id },
                at,
            } => {
                let sent = |no, platform_id| Sent {
                    no,
                    at,
                    platform_id,
                };
                // The usual case moves the platform's id instead of copying it.
                match members.as_slice() {
                    [only] => self.sent.push(sent(only.no, platform_id)),
                    many => self.sent.extend(
                        many.iter()
                            .map(|member| sent(member.no, platform_id.clone())),
                    ),
                }
            }
            End::Attempted {
                outcome: Outcome::Retry { after, why, .. },
                at,
            } => {
                self.retry(&members, after, &why, at, jitter());
            }
            End::Attempted {
                outcome: Outcome::Reject { why },
                at,
            } => self.fail(&members, "rejected", &why, at),
            End::Attempted {
                outcome: Outcome::Hold { lane_for, why },
                at,
            } => {
                self.release(&members);
                // A hold of no length would be tried again at once, for ever.
                let until = at.plus(lane_for.max(SHORTEST_HOLD));
                if self.hold.as_ref().is_none_or(|(held, _)| *held < until) {
                    self.hold = Some((until, why));
                }
            }
            End::Attempted {
                outcome: Outcome::Misconfigured { why },
                at,
            } => {
                self.release(&members);
                self.stop.get_or_insert((at, why));
            }
            End::Unsent => self.release(&members),
            End::Cancelled(code) => {
                self.cancelled
                    .extend(members.iter().map(|member| Cancelled {
                        no: member.no,
                        code,
                    }));
            }
            End::Failed(code) => self.fail(&members, "rejected", &Why::new(code, ""), now),
        }
    }

    /// The members of a digest stay together: the same wait for all, given up together.
    fn retry(
        &mut self,
        members: &[Member],
        after: Option<Duration>,
        why: &Why,
        at: UnixMillis,
        jitter: f64,
    ) {
        let attempts = members
            .iter()
            .map(|member| member.attempts)
            .max()
            .unwrap_or(0)
            + 1;
        // Age does not count: what waited three days for a lane that was held has not been tried for three days.
        let Some(wait) = RetryPolicy::default().next(attempts, Duration::ZERO, after, jitter)
        else {
            return self.fail(members, "exhausted", why, at);
        };
        self.retried.extend(members.iter().map(|member| Retried {
            no: member.no,
            due_at: at.plus(wait),
            code: why.code.to_owned(),
            detail: why.detail.clone(),
            at,
            leaves_set: member.leaves_set,
        }));
    }

    fn fail(&mut self, members: &[Member], outcome: &'static str, why: &Why, at: UnixMillis) {
        self.failed.extend(members.iter().map(|member| Failed {
            no: member.no,
            outcome,
            code: why.code.to_owned(),
            detail: why.detail.clone(),
            at,
        }));
    }

    fn release(&mut self, members: &[Member]) {
        for member in members {
            self.released
                .entry(member.due_at)
                .or_default()
                .push(member.no);
        }
    }

    /// Writes everything, in the transaction of the caller.
    pub(super) fn write(&self, tx: &mut Tx<'_>, lane: &str, owner: &str) -> Result<(), StoreError> {
        if !self.sent.is_empty() {
            deliveries::record_sent(tx, owner, &self.sent)?;
        }
        for message in &self.messages {
            platform_messages::insert(tx, message)?;
        }
        if let Some(late_at) = self.late_at {
            let sent: Vec<i64> = self.sent.iter().map(|sent| sent.no).collect();
            followups::settle_late(tx, &sent, late_at)?;
        }
        deliveries::record_retry(tx, owner, &self.retried)?;
        deliveries::record_failed(tx, owner, &self.failed)?;
        if !self.cancelled.is_empty() {
            deliveries::cancel_claimed(tx, owner, &self.cancelled)?;
        }
        for (due_at, nos) in &self.released {
            deliveries::release(tx, owner, nos, *due_at)?;
        }
        if let Some((until, why)) = &self.hold {
            lanes::hold(tx, lane, *until, why.code, &why.detail)?;
        }
        if let Some((at, why)) = &self.stop {
            lanes::stop(tx, lane, *at, why.code, &why.detail)?;
        }
        Ok(())
    }

    /// One line for each trouble an administrator may look for; the details stand in the database.
    pub(super) fn log(&self, lane: &str) {
        if let Some((until, why)) = &self.hold {
            tracing::warn!(lane, code = why.code, until = %until, "lane held");
        }
        if let Some((_, why)) = &self.stop {
            tracing::warn!(
                lane,
                code = why.code,
                "lane stopped until an administrator acts"
            );
        }
        for failed in &self.failed {
            tracing::warn!(lane, delivery = failed.no, code = %failed.code, outcome = failed.outcome, "delivery failed");
        }
        for retried in &self.retried {
            tracing::debug!(lane, delivery = retried.no, code = %retried.code, due_at = %retried.due_at, "delivery is tried again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: UnixMillis = UnixMillis(1_000_000);

    fn member(no: i64, attempts: u32) -> Member {
        Member {
            no,
            notice_no: 1,
            occurrence_no: 0,
            person_no: no,
            due_at: UnixMillis(500),
            attempts,
            leaves_set: false,
        }
    }

    fn batch(members: Vec<Member>, outcome: Outcome) -> Batch {
        Batch::of(
            vec![Done {
                members,
                end: End::Attempted { outcome, at: AT },
            }],
            AT,
            &|| 0.5,
            None,
        )
    }

    fn why() -> Why {
        Why::new("dingtalk_busy", "x")
    }

    #[test]
    fn a_held_lane_costs_no_attempt() {
        let held = batch(
            vec![member(1, 3)],
            Outcome::Hold {
                lane_for: Duration::from_secs(30),
                why: why(),
            },
        );
        assert_eq!(held.released, BTreeMap::from([(UnixMillis(500), vec![1])]));
        assert_eq!(held.hold.unwrap().0, UnixMillis(1_030_000));
        assert!(held.retried.is_empty() && held.failed.is_empty());
    }

    #[test]
    fn of_several_holds_the_longest_counts() {
        let done = [30, 600, 60].map(|seconds| Done {
            members: vec![member(seconds as i64, 0)],
            end: End::Attempted {
                outcome: Outcome::Hold {
                    lane_for: Duration::from_secs(seconds),
                    why: why(),
                },
                at: AT,
            },
        });
        let held = Batch::of(done.into(), AT, &|| 0.5, None);
        assert_eq!(held.hold.unwrap().0, UnixMillis(1_600_000));
    }

    #[test]
    fn the_members_of_a_digest_are_tried_again_at_the_same_time() {
        let retried = batch(
            vec![member(1, 0), member(2, 4)],
            Outcome::Retry {
                after: None,
                why: why(),
                maybe_delivered: false,
            },
        );
        assert_eq!(retried.retried.len(), 2);
        assert_eq!(retried.retried[0].due_at, retried.retried[1].due_at);
        assert!(retried.retried[0].due_at > AT);
    }

    #[test]
    fn the_last_attempt_ends_as_failed() {
        let given_up = batch(
            vec![member(1, 11)],
            Outcome::Retry {
                after: None,
                why: why(),
                maybe_delivered: true,
            },
        );
        assert_eq!(given_up.failed[0].outcome, "exhausted");
        let refused = batch(vec![member(1, 0)], Outcome::Reject { why: why() });
        assert_eq!(refused.failed[0].outcome, "rejected");
    }

    #[test]
    fn a_call_for_many_is_kept_under_its_one_name() {
        let done = Done {
            members: vec![member(1, 0), member(2, 0)],
            end: End::Attempted {
                outcome: Outcome::Sent {
                    platform_id: Some("task-1".to_owned()),
                },
                at: AT,
            },
        };
        let hour = [Duration::from_hours(1)];
        let watch = Watch {
            lane: "work_notice",
            checks: &hour,
            follows_up: false,
        };
        let batch = Batch::of(vec![done], AT, &|| 0.5, Some(watch));
        assert_eq!(batch.messages.len(), 1);
        assert_eq!(batch.messages[0].people, [1, 2]);
        assert_eq!(batch.messages[0].check_at, Some(AT.plus(hour[0])));
        assert_eq!(batch.sent.len(), 2);
    }

    #[test]
    fn a_misconfigured_lane_stops_and_keeps_its_deliveries() {
        let stopped = batch(vec![member(1, 0)], Outcome::Misconfigured { why: why() });
        assert!(stopped.stop.is_some() && stopped.failed.is_empty());
        assert_eq!(stopped.released.len(), 1);
    }
}
