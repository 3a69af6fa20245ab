//! Which people share a call of the platform, and the transaction that claims them.
//!
//! For channels that carry the same words to many in one call: claimed deliveries of the same notice, occurrence, kind
//! and language become sets of at most [`yuezhi_channels::Limits::people_per_call`]. Invariants: a set is bound by its
//! leader before it is sent, so that what a crash left goes again as the same set under the same key; a set that is
//! not full waits while more of its words may come, so that a publication takes no more calls than its dry run said.
//! Weakness: a set of which only a part is due goes under another key, and the platform may show it twice to that part.

use std::collections::{HashMap, HashSet};

use yuezhi_domain::{DeliveryKind, DeliveryState, NoticeState};
use yuezhi_store::{
    StoreError, Tx,
    deliveries::{self, Delivery},
    lanes,
    notices::Notice,
};

use super::{
    claim::{Ask, Claim, Claimed, release, take_lane, without_unwanted},
    group::Parcel,
    key,
};
use crate::texts::{Language, parse_language};

/// Sets that may be sent now.
#[derive(Debug, Default)]
pub(super) struct SetClaim {
    /// Its parcels are the sets.
    pub claim: Claim,
    /// Of each set, in the same order.
    pub envelopes: Vec<Envelope>,
}

/// What a set has beside its people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Envelope {
    pub key: String,
    pub language: Language,
}

/// What claiming sets needs beside what every claim does.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    pub instance: String,
    pub people_per_call: usize,
}

/// `ask.limit` counts people and is more than two sets, or a claim might hold two languages and no full set.
pub(super) fn claim(tx: &mut Tx<'_>, ask: &Ask, terms: &Terms) -> Result<SetClaim, StoreError> {
    let Some((mut log, free)) = take_lane(tx, ask)? else {
        return Ok(SetClaim::default());
    };
    let claimed = deliveries::claim(tx, &ask.lane, &ask.owner, ask.now, ask.until, ask.limit)?;
    let (count, full) = (claimed.len(), claimed.len() == ask.limit);
    let mut notices = HashMap::new();
    let wanted = without_unwanted(tx, ask, claimed, &mut notices)?;
    let unwanted = count - wanted.len();
    let languages = languages(tx, &wanted, &notices)?;
    let last = wanted.last().map(|d| (d.notice_no, d.occurrence_no));
    let may_grow = |delivery: &Delivery| {
        let at = (delivery.notice_no, delivery.occurrence_no);
        let expanding = notices
            .get(&delivery.notice_no)
            .is_some_and(|notice| notice.state == NoticeState::Expanding);
        (full && last == Some(at)) || (expanding && delivery.kind == DeliveryKind::Publish)
    };
    let Sets { mut sets, waiting } = sets(wanted, &languages, terms.people_per_call, may_grow);
    let beyond = if sets.len() > free {
        sets.split_off(free)
    } else {
        Vec::new()
    };
    let unsent = beyond.iter().flat_map(|set| &set.members).chain(&waiting);
    release(tx, ask, unsent)?;
    if let Some(pace) = ask.pace.filter(|_| !sets.is_empty()) {
        log.allow(pace, ask.now, sets.len());
        lanes::reserve(tx, &ask.lane, &ask.owner, &log)?;
    }
    let (any, within_pace) = (!sets.is_empty(), beyond.is_empty());
    let mut claimed = SetClaim::default();
    for set in sets {
        let key = bind(tx, ask, terms, &set)?;
        let first = set.members.first();
        let language = first.and_then(|first| languages.get(&first.no)).copied();
        claimed.envelopes.push(Envelope {
            key,
            language: language.unwrap_or_default(),
        });
        claimed.claim.parcels.push(Claimed {
            listed: first.map(|first| first.notice_no).into_iter().collect(),
            parcel: set,
        });
    }
    claimed.claim.notices = notices;
    claimed.claim.more = full && any && within_pace;
    claimed.claim.moved = any || unwanted > 0;
    Ok(claimed)
}

/// In which language each delivery is written, by its number.
fn languages(
    tx: &mut Tx<'_>,
    wanted: &[Delivery],
    notices: &HashMap<i64, Notice>,
) -> Result<HashMap<i64, Language>, StoreError> {
    let people: Vec<i64> = wanted.iter().map(|delivery| delivery.person_no).collect();
    let own = deliveries::languages_of(tx, &people)?;
    let language = |delivery: &Delivery| {
        let own = own.get(&delivery.person_no);
        let of_notice = || notices.get(&delivery.notice_no).map(|n| n.language);
        own.and_then(|tag| parse_language(tag))
            .or_else(of_notice)
            .unwrap_or_default()
    };
    Ok(wanted.iter().map(|d| (d.no, language(d))).collect())
}

/// Claimed deliveries in sets.
struct Sets {
    /// In the order in which their first became due.
    sets: Vec<Parcel>,
    /// Not enough for a set yet, and more may come.
    waiting: Vec<Delivery>,
}

fn sets(
    wanted: Vec<Delivery>,
    languages: &HashMap<i64, Language>,
    people_per_call: usize,
    may_grow: impl Fn(&Delivery) -> bool,
) -> Sets {
    let mut sets = Vec::new();
    let mut waiting = Vec::new();
    let mut bound: HashMap<i64, Vec<Delivery>> = HashMap::new();
    let mut fresh: HashMap<_, Vec<Delivery>> = HashMap::new();
    for delivery in wanted {
        match delivery.leader_no {
            Some(leader) => bound.entry(leader).or_default().push(delivery),
            None => {
                let words = (
                    delivery.notice_no,
                    delivery.occurrence_no,
                    delivery.kind.as_str(),
                    languages.get(&delivery.no).copied(),
                );
                fresh.entry(words).or_default().push(delivery);
            }
        }
    }
    for (leader, members) in bound {
        // More than fit when the platform takes fewer than it did.
        for members in chunks(members, people_per_call) {
            sets.push(Parcel {
                members,
                leader_no: Some(leader),
            });
        }
    }
    for members in fresh.into_values() {
        for members in chunks(members, people_per_call) {
            let is_full = members.len() >= people_per_call;
            if !is_full && members.first().is_some_and(&may_grow) {
                waiting.extend(members);
            } else {
                sets.push(Parcel {
                    members,
                    leader_no: None,
                });
            }
        }
    }
    sets.sort_by_key(|set| set.members.first().map(|first| (first.due_at, first.no)));
    Sets { sets, waiting }
}

fn chunks(mut members: Vec<Delivery>, most: usize) -> Vec<Vec<Delivery>> {
    let mut chunks = Vec::new();
    while members.len() > most {
        let rest = members.split_off(most);
        chunks.push(std::mem::replace(&mut members, rest));
    }
    chunks.push(members);
    chunks
}

/// Makes the set one that a crash leaves together; its key.
fn bind(tx: &mut Tx<'_>, ask: &Ask, terms: &Terms, set: &Parcel) -> Result<String, StoreError> {
    let nos: Vec<i64> = set.members.iter().map(|member| member.no).collect();
    if let Some(leader) = set.leader_no {
        let all = deliveries::group_of(tx, leader)?;
        let mine: HashSet<i64> = nos.iter().copied().collect();
        let still_open = |d: &&Delivery| {
            matches!(d.state, DeliveryState::Due | DeliveryState::Sending) && !mine.contains(&d.no)
        };
        if !all.iter().any(|delivery| still_open(&delivery)) {
            // Who needs it no more still belongs to the set: the platform may have it with them.
            let same: Vec<i64> = all
                .iter()
                .filter(|d| mine.contains(&d.no) || d.state == DeliveryState::Cancelled)
                .map(|d| d.no)
                .collect();
            return Ok(key::of_set(&terms.instance, &ask.lane, &same));
        }
    }
    if let Some(leader) = nos.first() {
        deliveries::set_leader(tx, &nos, *leader)?;
    }
    Ok(key::of_set(&terms.instance, &ask.lane, &nos))
}

#[cfg(test)]
mod tests {
    use yuezhi_domain::UnixMillis;

    use super::*;

    fn delivery(no: i64) -> Delivery {
        Delivery {
            no,
            lane: "work_notice".into(),
            kind: DeliveryKind::Publish,
            notice_no: 1,
            occurrence_no: 0,
            person_no: no,
            state: DeliveryState::Sending,
            due_at: UnixMillis(0),
            lease_until: None,
            lease_owner: None,
            leader_no: None,
            attempts: 0,
            error_code: None,
            error_detail: None,
            sent_at: None,
            platform_id: None,
            created_at: UnixMillis(0),
        }
    }

    /// Every tenth reads English.
    fn languages(deliveries: &[Delivery]) -> HashMap<i64, Language> {
        let of = |no: i64| {
            if no % 10 == 0 {
                Language::En
            } else {
                Language::ZhCn
            }
        };
        deliveries.iter().map(|d| (d.no, of(d.no))).collect()
    }

    fn sizes(sets: &[Parcel]) -> Vec<usize> {
        let mut sizes: Vec<usize> = sets.iter().map(|set| set.members.len()).collect();
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        sizes
    }

    #[test]
    fn a_thousand_people_are_ten_calls_and_one_for_each_other_language() {
        let people: Vec<Delivery> = (1..=1_000).map(delivery).collect();
        let all_chinese = people.iter().map(|d| (d.no, Language::ZhCn)).collect();
        let one = sets(people.clone(), &all_chinese, 100, |_| false);
        assert_eq!(sizes(&one.sets), [100; 10]);
        let two = languages(&people);
        let mixed = sets(people, &two, 100, |_| false);
        assert_eq!(sizes(&mixed.sets), [100; 10]);
        assert_eq!(mixed.sets.len(), 10, "900 and 100");
    }

    #[test]
    fn what_is_not_full_waits_only_while_more_may_come() {
        let people: Vec<Delivery> = (1..=130).map(delivery).collect();
        let chinese: HashMap<i64, Language> =
            people.iter().map(|d| (d.no, Language::ZhCn)).collect();
        let growing = sets(people.clone(), &chinese, 100, |_| true);
        assert_eq!(
            (sizes(&growing.sets), growing.waiting.len()),
            (vec![100], 30)
        );
        let over = sets(people, &chinese, 100, |_| false);
        assert_eq!(sizes(&over.sets), [100, 30]);
    }

    #[test]
    fn a_set_that_was_bound_together_goes_as_the_same_set() {
        let mut people: Vec<Delivery> = (1..=5).map(delivery).collect();
        for member in people.iter_mut().take(3) {
            member.leader_no = Some(1);
        }
        let chinese = people.iter().map(|d| (d.no, Language::ZhCn)).collect();
        let Sets { sets, .. } = sets(people, &chinese, 100, |_| true);
        assert_eq!(sizes(&sets), [3]);
        assert_eq!(sets[0].leader_no, Some(1));
    }
}
