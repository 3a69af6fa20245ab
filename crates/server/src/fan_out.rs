//! Turns an audience into obligations and deliveries, set by set, and says over which lanes.
//!
//! Called by the publishing transaction for ordinary audiences, by the `expand` worker for very large ones, and for
//! reminders. Invariant: idempotent by the tables' keys; a run that is repeated adds nothing.

use yuezhi_channels::{Address as KnownBy, ChannelKind, Registry};
use yuezhi_domain::{
    CloseReason, DeliveryKind, ObligationState, Requirement, Resolved, UnixMillis,
};
use yuezhi_store::{StoreError, Tx, audience::Address, deliveries, followups, lanes, obligations};

use crate::{app::App, budget::Level, workers::follow_up};

/// Among a notice's channels: mail, but only to those whom DingTalk does not reach.
pub const MAIL_OTHERS: &str = "mail_others";

/// How a notice goes out over one of its channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    pub lane: String,
    pub kind: ChannelKind,
    /// By which name the lane knows people; `None`: one message for the group.
    pub address: Option<Address>,
    /// Only to those whom this other name does not reach.
    pub unless: Option<Address>,
}

impl Way {
    /// Of a lane, configured or not: what is gone keeps its kind, so that its messages fail visibly.
    pub fn of_lane(lane: &str) -> Self {
        let kind = ChannelKind::of_lane(lane).unwrap_or(ChannelKind::Mail);
        Self {
            lane: lane.to_owned(),
            kind,
            address: match kind.address() {
                KnownBy::Group => None,
                KnownBy::Mail => Some(Address::Mail),
                KnownBy::DingTalkUser => Some(Address::DingTalkUser),
                KnownBy::DingTalkUnion => Some(Address::DingTalkUnion),
            },
            unless: None,
        }
    }

    /// Its row must be there before its deliveries.
    pub fn ensure(&self, tx: &mut Tx<'_>, now: UnixMillis) -> Result<(), StoreError> {
        lanes::ensure(tx, &self.lane, self.kind.as_str(), now)
    }

    const fn is_personal_in_dingtalk(&self) -> bool {
        matches!(
            self.kind,
            ChannelKind::Card | ChannelKind::WorkNotice | ChannelKind::AppRobot
        )
    }
}

/// The ways of a notice by its channels, in their order.
pub fn ways(channels: &[String]) -> Vec<Way> {
    let lanes = channels.iter().filter(|channel| *channel != MAIL_OTHERS);
    let mut ways: Vec<Way> = lanes.map(|lane| Way::of_lane(lane)).collect();
    let mail = ChannelKind::Mail.as_str();
    let has_mail = ways.iter().any(|way| way.lane == mail);
    if !has_mail && channels.iter().any(|channel| channel == MAIL_OTHERS) {
        let in_dingtalk = ways.iter().any(Way::is_personal_in_dingtalk);
        ways.push(Way {
            unless: in_dingtalk.then_some(Address::DingTalkUser),
            ..Way::of_lane(mail)
        });
    }
    ways
}

/// What the first message goes over.
pub fn first_ways(channels: &[String]) -> Vec<Way> {
    let mut ways = ways(channels);
    ways.retain(|way| !way.kind.is_for_reminders_only());
    ways
}

/// What a reminder goes over. What stays in view is not repeated, unless there is nothing else; when the month's
/// budget is nearly used up, cards become the cheaper work notices.
pub fn reminder_ways(
    channels: &[String],
    is_configured: impl Fn(ChannelKind) -> bool,
    level: Level,
) -> Vec<Way> {
    let mut ways = ways(channels);
    if ways.iter().any(|way| !way.kind.stands()) {
        ways.retain(|way| !way.kind.stands());
    }
    if level >= Level::Scarce {
        for way in &mut ways {
            if way.kind == ChannelKind::Card
                && let Some(cheaper) = [ChannelKind::WorkNotice, ChannelKind::AppRobot]
                    .into_iter()
                    .find(|kind| is_configured(*kind))
            {
                *way = Way::of_lane(cheaper.as_str());
            }
        }
        let mut seen = Vec::new();
        ways.retain(|way| {
            let is_new = !seen.contains(&way.lane);
            seen.push(way.lane.clone());
            is_new
        });
    }
    ways
}

/// Lanes of this node whose messages can be changed after they were sent.
pub fn lanes_that_follow_up(registry: &Registry) -> Vec<String> {
    registry
        .lanes()
        .filter(|channel| channel.limits().follows_up)
        .map(|channel| channel.lane().to_owned())
        .collect()
}

/// Where else it is to show that somebody has settled; made before the transaction that settles.
#[derive(Debug, Clone)]
pub struct Elsewhere {
    lanes: Vec<String>,
}

impl Elsewhere {
    pub fn of(app: &App) -> Self {
        Self {
            lanes: lanes_that_follow_up(&app.channels()),
        }
    }

    /// The person's to-do and card about the notice will be brought up to date, once others had time to join in.
    pub fn tell(
        &self,
        tx: &mut Tx<'_>,
        notice_no: i64,
        person_no: i64,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let due_at = now.plus(follow_up::GATHERS);
        followups::settle_person(tx, notice_no, person_no, &self.lanes, due_at).map(drop)
    }
}

/// What an expansion writes.
#[derive(Debug)]
pub struct Expansion<'a> {
    pub notice_no: i64,
    pub resolved: &'a Resolved,
    pub requirement: Requirement,
    pub due_at: Option<UnixMillis>,
    /// Those with one message a person are written to.
    pub ways: &'a [Way],
    pub now: UnixMillis,
}

impl Expansion<'_> {
    /// Goes on after `after_person_no` for at most `limit` people; their obligations and personal deliveries.
    pub fn run(
        &self,
        tx: &mut Tx<'_>,
        after_person_no: i64,
        limit: i64,
    ) -> Result<obligations::Expanded, StoreError> {
        // Nothing is owed on an inform: its rows are there to record who opened it.
        let (initial, reason) = match self.requirement {
            Requirement::Inform => (
                ObligationState::Closed,
                Some(CloseReason::Informed.as_str()),
            ),
            Requirement::Read | Requirement::Confirm => (ObligationState::Pending, None),
        };
        let expanded = obligations::expand(
            tx,
            &obligations::Expand {
                notice_no: self.notice_no,
                resolved: self.resolved,
                after_person_no,
                limit_people: limit,
                due_at: self.due_at,
                initial,
                reason,
            },
        )?;
        for way in self.ways {
            let Some(address) = way.address else { continue };
            deliveries::expand_personal(
                tx,
                &deliveries::ExpandPersonal {
                    notice_no: self.notice_no,
                    occurrence_no: 0,
                    lane: &way.lane,
                    address,
                    unless: way.unless,
                    kind: DeliveryKind::Publish,
                    after_person_no,
                    up_to_person_no: expanded.last_person_no,
                    only_pending: false,
                    only_person_nos: &[],
                    due_at: self.now,
                    now: self.now,
                },
            )?;
        }
        Ok(expanded)
    }
}

/// One message to the group behind a lane.
pub fn group_message(
    lane: &str,
    notice_no: i64,
    occurrence_no: i64,
    now: UnixMillis,
) -> deliveries::NewDelivery {
    let kind = match (notice_no, occurrence_no) {
        (0, _) => DeliveryKind::Standing,
        (_, 0) => DeliveryKind::Publish,
        _ => DeliveryKind::Reminder,
    };
    deliveries::NewDelivery {
        lane: lane.to_owned(),
        kind,
        notice_no,
        occurrence_no,
        person_no: 0,
        due_at: now,
        created_at: now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lanes(ways: &[Way]) -> Vec<&str> {
        ways.iter().map(|way| way.lane.as_str()).collect()
    }

    fn channels(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn mail_for_the_others_leaves_out_whom_dingtalk_reaches() {
        let ways = ways(&channels(&["work_notice", "mail_others"]));
        assert_eq!(lanes(&ways), ["work_notice", "mail"]);
        assert_eq!(ways[1].unless, Some(Address::DingTalkUser));
        let alone = super::ways(&channels(&["group:all", "mail_others"]));
        assert_eq!(alone[1].unless, None);
        let both = super::ways(&channels(&["card", "mail", "mail_others"]));
        assert_eq!(lanes(&both), ["card", "mail"]);
    }

    #[test]
    fn a_ding_only_reminds_and_a_to_do_is_not_repeated() {
        let all = channels(&["card", "todo", "ding", "group_announcement:all"]);
        assert_eq!(
            lanes(&first_ways(&all)),
            ["card", "todo", "group_announcement:all"]
        );
        assert_eq!(
            lanes(&reminder_ways(&all, |_| true, Level::Low)),
            ["card", "ding"]
        );
        assert_eq!(
            lanes(&reminder_ways(&all, |_| true, Level::Scarce)),
            ["work_notice", "ding"]
        );
        let standing = channels(&["todo"]);
        assert_eq!(
            lanes(&reminder_ways(&standing, |_| true, Level::Fine)),
            ["todo"]
        );
    }
}
