//! Which of the claimed deliveries share a message.
//!
//! Publications that are due at once on a group's lane become a digest: a group that gets ten cards in a row reads
//! none. Invariants: every delivery is in exactly one parcel; a set that was bound together before (a retry, a
//! crash) goes as the same set; what was tried alone goes alone.

use std::collections::{BTreeMap, HashSet};

use yuezhi_domain::{DeliveryKind, DigestRule, Merged, UnixMillis, merge};
use yuezhi_store::deliveries::Delivery;

use crate::messages::DIGEST_ITEMS;

/// So many publications due at once keep their own card. The platform's pace would bear 15 and more (the channel's
/// `coalesce_above`), but people do not: from the fourth on they are a list.
pub(super) const SINGLY: usize = 3;
/// After so many messages within the lane's window (about a minute) a publication waits a little for others.
const LIVELY: usize = 6;
/// It waits for the end of such a slot of time, with everything else that is published in it: long enough for a folder
/// of files to come in, short enough to count as at once.
const SLOT_MILLIS: i64 = 5_000;

/// Until when a delivery waits for others, if it is to wait. `sent`: messages of the last window.
pub(super) fn gathers_until(
    delivery: &Delivery,
    sent: usize,
    now: UnixMillis,
) -> Option<UnixMillis> {
    let slot = |at: UnixMillis| at.0.div_euclid(SLOT_MILLIS);
    let waits = sent >= LIVELY && is_mergeable(delivery) && slot(delivery.created_at) == slot(now);
    waits.then(|| UnixMillis((slot(now) + 1) * SLOT_MILLIS))
}

/// How many publications due at once keep their own message.
pub(super) const fn singly(sent: usize) -> usize {
    if sent >= LIVELY { 1 } else { SINGLY }
}

/// Deliveries that one message carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parcel {
    /// At least one; in the order in which they became due.
    pub members: Vec<Delivery>,
    /// Of a digest: the delivery that gives the message its key.
    pub leader_no: Option<i64>,
}

impl Parcel {
    /// Bound together just now: the leader is still to be stored.
    pub(super) fn is_fresh_digest(&self) -> bool {
        self.leader_no.is_some() && self.members.iter().any(|member| member.leader_no.is_none())
    }
}

/// Puts `claimed`, the longest due first, into parcels in the same order. `free`: messages that the pace allows now;
/// there may be more parcels than that. `singly`: more fresh publications than this are merged; `None`: none is.
pub(super) fn parcels(claimed: Vec<Delivery>, free: usize, singly: Option<usize>) -> Vec<Parcel> {
    let bound: HashSet<i64> = claimed
        .iter()
        .filter_map(|delivery| delivery.leader_no)
        .collect();
    let fresh: Vec<(usize, i64)> = claimed
        .iter()
        .enumerate()
        .filter(|(_, delivery)| singly.is_some() && is_mergeable(delivery))
        .map(|(index, delivery)| (index, delivery.person_no))
        .collect();
    let others =
        claimed.iter().filter(|d| d.leader_no.is_none()).count() - fresh.len() + bound.len();
    let rule = DigestRule {
        free: free.saturating_sub(others),
        coalesce_above: singly,
        max_items: DIGEST_ITEMS,
    };
    let mut digest_of: BTreeMap<usize, i64> = BTreeMap::new();
    for merged in merge(&fresh, rule) {
        if let Merged::Digest(indices) = merged {
            let leader = indices
                .first()
                .and_then(|first| claimed.get(*first))
                .map_or(0, |delivery| delivery.no);
            digest_of.extend(indices.into_iter().map(|index| (index, leader)));
        }
    }
    let mut place_of_leader: BTreeMap<i64, usize> = BTreeMap::new();
    let mut parcels: Vec<Parcel> = Vec::with_capacity(claimed.len());
    for (index, delivery) in claimed.into_iter().enumerate() {
        let leader_no = delivery
            .leader_no
            .or_else(|| digest_of.get(&index).copied());
        let place = leader_no.and_then(|leader| place_of_leader.get(&leader).copied());
        if let Some(parcel) = place.and_then(|place| parcels.get_mut(place)) {
            parcel.members.push(delivery);
            continue;
        }
        if let Some(leader) = leader_no {
            place_of_leader.insert(leader, parcels.len());
        }
        parcels.push(Parcel {
            members: vec![delivery],
            leader_no,
        });
    }
    parcels
}

fn is_mergeable(delivery: &Delivery) -> bool {
    delivery.kind == DeliveryKind::Publish && delivery.leader_no.is_none() && delivery.attempts == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use yuezhi_domain::DeliveryState;

    fn delivery(no: i64, kind: DeliveryKind) -> Delivery {
        Delivery {
            no,
            lane: "robot:hr".into(),
            kind,
            notice_no: no,
            occurrence_no: 0,
            person_no: 0,
            state: DeliveryState::Sending,
            due_at: UnixMillis(no),
            lease_until: None,
            lease_owner: None,
            leader_no: None,
            attempts: 0,
            error_code: None,
            error_detail: None,
            sent_at: None,
            platform_id: None,
            created_at: UnixMillis(no),
        }
    }

    fn publications(count: i64) -> Vec<Delivery> {
        (1..=count)
            .map(|no| delivery(no, DeliveryKind::Publish))
            .collect()
    }

    fn sizes(parcels: &[Parcel]) -> Vec<usize> {
        parcels.iter().map(|parcel| parcel.members.len()).collect()
    }

    #[test]
    fn up_to_three_publications_keep_their_own_message() {
        assert_eq!(
            sizes(&parcels(publications(3), 20, Some(SINGLY))),
            [1, 1, 1]
        );
    }

    #[test]
    fn a_burst_of_publications_becomes_one_list() {
        let all = parcels(publications(7), 20, Some(SINGLY));
        assert_eq!(sizes(&all), [7]);
        assert_eq!(all[0].leader_no, Some(1));
        assert!(all[0].is_fresh_digest());
        assert_eq!(sizes(&parcels(publications(28), 20, Some(SINGLY))), [25, 3]);
    }

    #[test]
    fn what_the_pace_does_not_bear_singly_goes_together() {
        assert_eq!(sizes(&parcels(publications(3), 1, Some(SINGLY))), [3]);
    }

    #[test]
    fn on_a_lively_lane_a_publication_waits_for_the_end_of_its_slot() {
        let fresh = delivery(7_000, DeliveryKind::Publish);
        assert_eq!(
            gathers_until(&fresh, LIVELY, UnixMillis(7_500)),
            Some(UnixMillis(10_000))
        );
        assert_eq!(gathers_until(&fresh, LIVELY, UnixMillis(10_000)), None);
        assert_eq!(gathers_until(&fresh, LIVELY - 1, UnixMillis(7_500)), None);
        let reminder = delivery(7_000, DeliveryKind::Reminder);
        assert_eq!(gathers_until(&reminder, 20, UnixMillis(7_500)), None);
        assert_eq!(
            sizes(&parcels(publications(2), 10, Some(singly(LIVELY)))),
            [2]
        );
    }

    #[test]
    fn a_lane_without_limits_merges_nothing() {
        assert_eq!(parcels(publications(500), usize::MAX, None).len(), 500);
    }

    #[test]
    fn reminders_and_repeated_publications_go_alone() {
        let mut claimed = publications(5);
        claimed.push(delivery(6, DeliveryKind::Reminder));
        for tried in claimed.iter_mut().take(2) {
            tried.attempts = 1;
        }
        assert_eq!(
            sizes(&parcels(claimed, 20, Some(SINGLY))),
            [1, 1, 1, 1, 1, 1]
        );
    }

    #[test]
    fn a_set_that_was_bound_together_goes_as_the_same_set() {
        let mut claimed = publications(7);
        for bound in claimed.iter_mut().take(3) {
            bound.leader_no = Some(1);
        }
        let all = parcels(claimed, 20, Some(SINGLY));
        assert_eq!(sizes(&all), [3, 4]);
        assert!(!all[0].is_fresh_digest());
        assert_eq!(all[1].leader_no, Some(4));
    }

    proptest! {
        #[test]
        fn every_delivery_is_in_one_parcel(
            kinds in prop::collection::vec((prop::bool::ANY, 0_u32..2, prop::option::of(1_i64..4)), 0..60),
            free in 0_usize..30,
            merges: bool,
        ) {
            let claimed: Vec<Delivery> = kinds
                .iter()
                .zip(100..)
                .map(|((publish, attempts, leader_no), no)| Delivery {
                    attempts: *attempts,
                    leader_no: *leader_no,
                    ..delivery(no, if *publish { DeliveryKind::Publish } else { DeliveryKind::Reminder })
                })
                .collect();
            let nos: Vec<i64> = claimed.iter().map(|delivery| delivery.no).collect();
            let all = parcels(claimed, free, merges.then_some(SINGLY));
            let mut seen: Vec<i64> = all.iter().flat_map(|parcel| parcel.members.iter().map(|m| m.no)).collect();
            seen.sort_unstable();
            prop_assert_eq!(seen, nos);
            for parcel in &all {
                prop_assert!(parcel.members.len() == 1 || parcel.leader_no.is_some());
                prop_assert!(parcel.members.windows(2).all(|pair| pair[0].no < pair[1].no));
            }
        }
    }
}
