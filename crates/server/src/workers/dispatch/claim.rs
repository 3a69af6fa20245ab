//! The claiming transaction: lease, pace, deliveries, digests; all of it durable before anything is sent.
//!
//! Invariant: what leaves here may be sent now. What nobody wants any more (the notice is over, the person has
//! settled) is cancelled here and never rendered. Weakness: who settles within the seconds between claim and sending
//! still gets the message.

use std::collections::{BTreeMap, HashMap, hash_map::Entry};

use yuezhi_domain::{DeliveryKind, DeliveryState, ObligationState, Pace, PaceLog, UnixMillis};
use yuezhi_store::{
    StoreError, Tx,
    deliveries::{self, Cancelled, Delivery},
    lanes, notices,
    notices::Notice,
    obligations, progress,
};

use super::group::{Parcel, gathers_until, parcels, singly};

/// What a claim needs to know.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub lane: String,
    pub owner: String,
    pub now: UnixMillis,
    /// Until when the lane is this node's.
    pub lane_until: UnixMillis,
    /// Until when the deliveries are; long, because they are freed with the lane.
    pub until: UnixMillis,
    pub limit: usize,
    pub pace: Option<Pace>,
    /// Publications may be merged.
    pub merges: bool,
}

/// What may be sent now.
#[derive(Debug, Default)]
pub(super) struct Claim {
    pub parcels: Vec<Claimed>,
    /// Every notice the parcels speak of.
    pub notices: HashMap<i64, Notice>,
    /// There may be more that is due.
    pub more: bool,
    /// Rows were changed, if only by cancelling them.
    pub moved: bool,
}

/// One message.
#[derive(Debug)]
pub(super) struct Claimed {
    pub parcel: Parcel,
    /// Notices that a digest lists; more than its members' when the rest of its set waits elsewhere.
    pub listed: Vec<i64>,
}

/// Takes the lane; what it has sent lately and how many messages (calls) it may send now. `None`: none.
pub(super) fn take_lane(
    tx: &mut Tx<'_>,
    ask: &Ask,
) -> Result<Option<(PaceLog, usize)>, StoreError> {
    if !lanes::acquire(tx, &ask.lane, &ask.owner, ask.now, ask.lane_until)? {
        return Ok(None);
    }
    let Some(lane) = lanes::get(tx, &ask.lane)?.filter(|lane| lane.is_open(ask.now)) else {
        return Ok(None);
    };
    let mut log = lane.pace_log;
    let free = ask
        .pace
        .map_or(usize::MAX, |pace| log.available(pace, ask.now));
    Ok((free > 0).then_some((log, free)))
}

pub(super) fn claim(tx: &mut Tx<'_>, ask: &Ask) -> Result<Claim, StoreError> {
    let Some((mut log, free)) = take_lane(tx, ask)? else {
        return Ok(Claim::default());
    };
    let claimed = deliveries::claim(tx, &ask.lane, &ask.owner, ask.now, ask.until, ask.limit)?;
    let (moved, full) = (!claimed.is_empty(), claimed.len() == ask.limit);
    let mut notices = HashMap::new();
    let wanted = without_unwanted(tx, ask, claimed, &mut notices)?;
    let sent = ask
        .pace
        .map_or(0, |pace| (pace.limit as usize).saturating_sub(free));
    let wanted = if ask.merges {
        gather(tx, ask, wanted, sent)?
    } else {
        wanted
    };
    let mut parcels = parcels(wanted, free, ask.merges.then(|| singly(sent)));
    let beyond = if parcels.len() > free {
        parcels.split_off(free)
    } else {
        Vec::new()
    };
    give_back(tx, ask, &beyond)?;
    if let Some(pace) = ask.pace.filter(|_| !parcels.is_empty()) {
        log.allow(pace, ask.now, parcels.len());
        lanes::reserve(tx, &ask.lane, &ask.owner, &log)?;
    }
    let mut ready = Vec::with_capacity(parcels.len());
    for parcel in parcels {
        ready.push(bind(tx, parcel, &mut notices)?);
    }
    Ok(Claim {
        parcels: ready,
        notices,
        more: full && beyond.is_empty(),
        moved,
    })
}

/// Cancels what nobody wants any more.
pub(super) fn without_unwanted(
    tx: &mut Tx<'_>,
    ask: &Ask,
    claimed: Vec<Delivery>,
    notices: &mut HashMap<i64, Notice>,
) -> Result<Vec<Delivery>, StoreError> {
    let mut pending: HashMap<i64, i64> = HashMap::new();
    let mut wanted = Vec::with_capacity(claimed.len());
    let mut unwanted = Vec::new();
    for delivery in claimed {
        let code = match notice(tx, delivery.notice_no, notices)? {
            None if delivery.notice_no != 0 => Some("notice_over"),
            Some(true) => Some("notice_over"),
            _ if is_settled(tx, &delivery, &mut pending)? => Some("settled"),
            _ => None,
        };
        match code {
            Some(code) => unwanted.push(Cancelled {
                no: delivery.no,
                code,
            }),
            None => wanted.push(delivery),
        }
    }
    if !unwanted.is_empty() {
        deliveries::cancel_claimed(tx, &ask.owner, &unwanted)?;
    }
    Ok(wanted)
}

/// Whether the notice is over; `None` where there is none.
fn notice(
    tx: &mut Tx<'_>,
    no: i64,
    known: &mut HashMap<i64, Notice>,
) -> Result<Option<bool>, StoreError> {
    if no == 0 {
        return Ok(None);
    }
    let notice = match known.entry(no) {
        Entry::Occupied(entry) => entry.into_mut(),
        Entry::Vacant(entry) => match notices::get(tx, no)? {
            Some(notice) => entry.insert(notice),
            None => return Ok(None),
        },
    };
    Ok(Some(notice.state.is_terminal()))
}

/// A reminder for somebody, or a group, that owes nothing any more.
fn is_settled(
    tx: &mut Tx<'_>,
    delivery: &Delivery,
    pending: &mut HashMap<i64, i64>,
) -> Result<bool, StoreError> {
    if delivery.kind != DeliveryKind::Reminder {
        return Ok(false);
    }
    if delivery.person_no != 0 {
        let obligation = obligations::get(tx, delivery.notice_no, delivery.person_no)?;
        return Ok(obligation.is_none_or(|obligation| obligation.state != ObligationState::Pending));
    }
    let left = match pending.entry(delivery.notice_no) {
        Entry::Occupied(entry) => *entry.get(),
        Entry::Vacant(entry) => *entry.insert(progress::totals(tx, delivery.notice_no)?.pending),
    };
    Ok(left <= 0)
}

/// On a lane that was lively lately, fresh publications wait for each other.
fn gather(
    tx: &mut Tx<'_>,
    ask: &Ask,
    wanted: Vec<Delivery>,
    sent: usize,
) -> Result<Vec<Delivery>, StoreError> {
    let mut now = Vec::with_capacity(wanted.len());
    let mut later: BTreeMap<UnixMillis, Vec<i64>> = BTreeMap::new();
    for delivery in wanted {
        match gathers_until(&delivery, sent, ask.now) {
            Some(until) => later.entry(until).or_default().push(delivery.no),
            None => now.push(delivery),
        }
    }
    for (until, nos) in later {
        deliveries::release(tx, &ask.owner, &nos, until)?;
    }
    Ok(now)
}

/// Beyond the pace.
fn give_back(tx: &mut Tx<'_>, ask: &Ask, beyond: &[Parcel]) -> Result<(), StoreError> {
    let members = beyond.iter().flat_map(|parcel| &parcel.members);
    release(tx, ask, members)
}

/// Due as before, in the same order.
pub(super) fn release<'a>(
    tx: &mut Tx<'_>,
    ask: &Ask,
    claimed: impl Iterator<Item = &'a Delivery>,
) -> Result<(), StoreError> {
    let mut by_due: BTreeMap<UnixMillis, Vec<i64>> = BTreeMap::new();
    for delivery in claimed {
        by_due.entry(delivery.due_at).or_default().push(delivery.no);
    }
    for (due_at, nos) in by_due {
        deliveries::release(tx, &ask.owner, &nos, due_at)?;
    }
    Ok(())
}

fn bind(
    tx: &mut Tx<'_>,
    parcel: Parcel,
    notices: &mut HashMap<i64, Notice>,
) -> Result<Claimed, StoreError> {
    let mut listed: Vec<i64> = parcel
        .members
        .iter()
        .map(|member| member.notice_no)
        .collect();
    if let Some(leader) = parcel.leader_no {
        if parcel.is_fresh_digest() {
            let nos: Vec<i64> = parcel.members.iter().map(|member| member.no).collect();
            deliveries::set_leader(tx, &nos, leader)?;
        } else {
            // The same set as before, whatever part of it was claimed this time.
            let open = |delivery: &Delivery| {
                matches!(delivery.state, DeliveryState::Due | DeliveryState::Sending)
            };
            listed = deliveries::group_of(tx, leader)?
                .iter()
                .filter(|d| open(d))
                .map(|d| d.notice_no)
                .collect();
        }
    }
    let mut known = Vec::with_capacity(listed.len());
    for no in listed {
        if notice(tx, no, notices)?.is_some() {
            known.push(no);
        }
    }
    Ok(Claimed {
        parcel,
        listed: known,
    })
}
