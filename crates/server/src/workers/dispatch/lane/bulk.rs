//! Works a lane whose platform carries the same words to many people in one call.
//!
//! Claims sets, sends them beside each other, hands each person's own outcome to the recorder. Invariant: what the
//! platform said of one person is recorded of that person only; a call that failed as a whole is tried again as a
//! whole, under the same key. Weakness: it claims only after the sets before were sent; a few calls a second need
//! no more.

use futures_util::{StreamExt as _, stream};
use tokio::sync::mpsc;
use yuezhi_channels::{Outcome, Why, codes};
use yuezhi_domain::UnixMillis;

use super::{DELIVERY_LEASE, Ended, LANE_LEASE, Lane};
use crate::{
    actions::ActionError,
    workers::dispatch::{
        claim::Ask,
        prepare::{Desk, SetLetter},
        record::{Done, End, Member},
        sets::{self, SetClaim, Terms},
    },
};

/// Sets of one claim.
const SETS: usize = 10;
/// People of one claim, where three sets are not more than that.
const MOST: usize = 2_000;

impl Lane {
    /// Whether something was claimed.
    pub(super) async fn work_sets(&self, ended: mpsc::Sender<Ended>) -> Result<bool, ActionError> {
        let limits = self.channel.limits();
        let mut desk = Desk::new(&self.app, self.channel.lane(), limits.personal);
        let mut any = false;
        while !self.is_closed() {
            let claimed = self.claim_sets().await?;
            any |= claimed.claim.moved;
            let more = claimed.claim.more;
            let prepared = desk.prepare_sets(claimed, self.channel.as_ref()).await?;
            for settled in prepared.settled {
                drop(ended.send(Ended::unsent(settled)).await);
            }
            stream::iter(prepared.letters)
                .map(|letter| self.send_set(letter))
                .buffer_unordered(limits.in_flight.max(1))
                .for_each(async |done| {
                    for one in done {
                        // Only fails when the work is being dropped.
                        drop(ended.send(Ended::unsent(one)).await);
                    }
                })
                .await;
            if !more {
                break;
            }
        }
        Ok(any)
    }

    async fn claim_sets(&self) -> Result<SetClaim, ActionError> {
        let limits = self.channel.limits();
        let now = self.app.now();
        let people_per_call = limits.people_per_call;
        let ask = Ask {
            lane: self.name(),
            owner: self.app.node.clone(),
            now,
            lane_until: now.plus(LANE_LEASE),
            until: now.plus(DELIVERY_LEASE),
            limit: (people_per_call * SETS).min(MOST).max(people_per_call * 3),
            pace: limits.pace,
            merges: false,
        };
        let terms = Terms {
            instance: self.app.instance.clone(),
            people_per_call,
        };
        self.app
            .db
            .write(move |tx| Ok::<_, ActionError>(sets::claim(tx, &ask, &terms)?))
            .await
    }

    async fn send_set(&self, mut letter: SetLetter) -> Vec<Done> {
        if self.is_closed() {
            return vec![Done {
                members: letter.members,
                end: End::Unsent,
            }];
        }
        letter.bulk.now = self.app.now();
        let outcomes = self.channel.send_many(&letter.bulk).await;
        let ended = ends(letter.members, outcomes, self.app.now());
        if ended.iter().any(|done| done.end.closes_lane()) {
            self.close();
        }
        ended
    }
}

/// Members with the same outcome stay together; what is tried again leaves those who have ended otherwise.
fn ends(members: Vec<Member>, outcomes: Vec<Outcome>, at: UnixMillis) -> Vec<Done> {
    let missing = || Outcome::Retry {
        after: None,
        why: Why::new(codes::DINGTALK_ANSWER_ODD, ""),
        maybe_delivered: true,
    };
    let outcomes = outcomes
        .into_iter()
        .chain(std::iter::repeat_with(missing))
        .take(members.len());
    let mut groups: Vec<(Outcome, Vec<Member>)> = Vec::new();
    for (member, outcome) in members.into_iter().zip(outcomes) {
        match groups.iter_mut().find(|(same, _)| *same == outcome) {
            Some((_, members)) => members.push(member),
            None => groups.push((outcome, vec![member])),
        }
    }
    let falls_apart = groups.len() > 1;
    groups
        .into_iter()
        .map(|(outcome, mut members)| {
            for member in &mut members {
                member.leaves_set = falls_apart;
            }
            Done {
                members,
                end: End::Attempted { outcome, at },
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(count: i64) -> Vec<Member> {
        (1..=count)
            .map(|no| Member {
                no,
                notice_no: 1,
                occurrence_no: 0,
                person_no: no,
                due_at: UnixMillis(0),
                attempts: 0,
                leaves_set: false,
            })
            .collect()
    }

    fn sent() -> Outcome {
        Outcome::Sent {
            platform_id: Some("task".to_owned()),
        }
    }

    fn busy() -> Outcome {
        Outcome::Retry {
            after: None,
            why: Why::new(codes::DINGTALK_BUSY, ""),
            maybe_delivered: false,
        }
    }

    #[test]
    fn each_person_has_an_outcome_of_their_own() {
        let ended = ends(members(3), vec![sent(), busy(), sent()], UnixMillis(9));
        assert_eq!(ended.len(), 2);
        assert_eq!(ended[0].members.len(), 2);
        assert!(ended[1].members.iter().all(|member| member.leaves_set));
    }

    #[test]
    fn a_call_that_failed_as_a_whole_stays_a_whole() {
        let ended = ends(members(3), vec![busy(), busy(), busy()], UnixMillis(9));
        assert_eq!(ended.len(), 1);
        assert!(ended[0].members.iter().all(|member| !member.leaves_set));
    }

    #[test]
    fn whom_the_platform_did_not_mention_is_tried_again() {
        let ended = ends(members(2), vec![sent()], UnixMillis(9));
        assert!(matches!(
            &ended[1].end,
            End::Attempted {
                outcome: Outcome::Retry {
                    maybe_delivered: true,
                    ..
                },
                ..
            }
        ));
    }
}
