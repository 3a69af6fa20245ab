//! Several notices in one message, when a burst would flood a group or exceed a lane's pace.
//!
//! The dispatcher calls `merge` with the publishing deliveries that wait in one lane, before it sends any of them.
//! Invariant: every delivery is in exactly one message, and a message never mixes targets.
//! Weakness: it sees what waits now; a notice published a second later goes by itself.

use std::collections::BTreeMap;

/// When a lane merges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DigestRule {
    /// Messages that the lane's pace still allows at once (`PaceLog::available`).
    pub free: usize,
    /// More than so many waiting for one target are merged even if the pace allows them. `None`: only pace decides.
    pub coalesce_above: Option<usize>,
    /// Notices in one message, at most.
    pub max_items: usize,
}

/// One message to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Merged<I> {
    Single(I),
    /// Two or more, in the order in which they were given; the first is the leader.
    Digest(Vec<I>),
}

/// Decides which of the waiting deliveries, given as (id, target) with the oldest first, share a message.
///
/// Targets with the most waiting are merged first, and no more targets than the pace demands: a single notice keeps its
/// own message as long as there is room. The messages come in the order of their oldest delivery.
pub fn merge<I: Clone, T: Ord + Clone>(waiting: &[(I, T)], rule: DigestRule) -> Vec<Merged<I>> {
    let mut targets: BTreeMap<&T, Vec<usize>> = BTreeMap::new();
    for (index, (_, target)) in waiting.iter().enumerate() {
        targets.entry(target).or_default().push(index);
    }
    let mut groups: Vec<_> = targets.into_values().collect();
    // Largest first; among equals the one that has waited longest.
    groups.sort_by_key(|group| (std::cmp::Reverse(group.len()), group.first().copied()));
    let mut messages = waiting.len();
    let mut merged: Vec<Vec<usize>> = Vec::new();
    for group in groups {
        let crowded = rule.coalesce_above.is_some_and(|limit| group.len() > limit);
        if group.len() > 1 && (crowded || messages > rule.free) {
            let chunks = group.chunks(rule.max_items.max(1));
            messages = messages + chunks.len() - group.len();
            merged.extend(chunks.map(<[usize]>::to_vec));
        } else {
            merged.extend(group.into_iter().map(|index| vec![index]));
        }
    }
    merged.sort();
    let id = |index: usize| waiting[index].0.clone();
    merged
        .into_iter()
        .map(|group| match group.as_slice() {
            [only] => Merged::Single(id(*only)),
            _ => Merged::Digest(group.into_iter().map(id).collect()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RULE: DigestRule = DigestRule {
        free: 3,
        coalesce_above: None,
        max_items: 10,
    };

    #[test]
    fn notices_keep_their_own_message_while_there_is_room() {
        let merged = merge(&[(1, "hr"), (2, "hr"), (3, "hr")], RULE);
        assert_eq!(
            merged,
            [Merged::Single(1), Merged::Single(2), Merged::Single(3)]
        );
    }

    #[test]
    fn a_burst_beyond_the_pace_goes_as_one_message() {
        let merged = merge(&[(1, "hr"), (2, "it"), (3, "hr"), (4, "hr")], RULE);
        assert_eq!(merged, [Merged::Digest(vec![1, 3, 4]), Merged::Single(2)]);
    }

    #[test]
    fn a_group_is_not_flooded_even_if_the_pace_allows_it() {
        let rule = DigestRule {
            free: 20,
            coalesce_above: Some(2),
            ..RULE
        };
        let merged = merge(&[(1, "hr"), (2, "hr"), (3, "hr")], rule);
        assert_eq!(merged, [Merged::Digest(vec![1, 2, 3])]);
    }

    proptest! {
        #[test]
        fn every_delivery_is_in_one_message_to_its_target(
            targets in prop::collection::vec(0_u8..5, 0..60),
            free in 0_usize..30,
            above in prop::option::of(0_usize..6),
            max_items in 0_usize..8,
        ) {
            let waiting: Vec<_> = targets.iter().copied().enumerate().collect();
            let rule = DigestRule { free, coalesce_above: above, max_items };
            let merged = merge(&waiting, rule);
            let mut seen = Vec::new();
            for message in &merged {
                let ids = match message {
                    Merged::Single(id) => vec![*id],
                    Merged::Digest(ids) => ids.clone(),
                };
                prop_assert!(ids.len() <= max_items.max(1));
                prop_assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
                prop_assert!(ids.iter().all(|id| targets[*id] == targets[ids[0]]));
                seen.extend(ids);
            }
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..targets.len()).collect::<Vec<_>>());
        }
    }
}
