//! The outbox: claims, leases, outcomes; lanes.

use yuezhi_domain::{DeliveryKind, DeliveryState, ObligationState, Pace, PaceLog, UnixMillis};
use yuezhi_store::{
    StoreError, Tx,
    audience::{self, Address},
    deliveries::{
        self, Cancelled, DeliveryFilter, ExpandPersonal, Failed, NewDelivery, Retried, Sent,
    },
    lanes, obligations, people,
};

use crate::support::{NOW, company, everyone, for_each_engine, in_each_engine, notice};

fn at(seconds: i64) -> UnixMillis {
    UnixMillis(NOW.0 + seconds * 1000)
}

fn group(lane: &str, notice_no: i64, occurrence_no: i64) -> NewDelivery {
    NewDelivery {
        lane: lane.to_owned(),
        kind: DeliveryKind::Publish,
        notice_no,
        occurrence_no,
        person_no: 0,
        due_at: NOW,
        created_at: NOW,
    }
}

fn personal(notice_no: i64, occurrence_no: i64, only_pending: bool) -> ExpandPersonal<'static> {
    ExpandPersonal {
        notice_no,
        occurrence_no,
        lane: "mail",
        address: Address::Mail,
        unless: None,
        kind: DeliveryKind::Publish,
        after_person_no: 0,
        up_to_person_no: i64::MAX,
        only_pending,
        only_person_nos: &[],
        due_at: NOW,
        now: NOW,
    }
}

/// Both lanes, ten people, a notice, its mails (two people have no address) and one message to the group.
fn world(tx: &mut Tx<'_>) -> Result<(i64, Vec<i64>), StoreError> {
    let (_, nos) = company(tx, 10)?;
    lanes::ensure(tx, "mail", "mail", NOW)?;
    lanes::ensure(tx, "robot:hr", "robot", NOW)?;
    let notice_no = notice(tx, "travel", &everyone())?;
    let added = deliveries::expand_personal(tx, &personal(notice_no, 0, false))?;
    assert_eq!((added.due, added.undeliverable), (8, 2));
    assert!(deliveries::insert_group(tx, &group("robot:hr", notice_no, 0))?.is_some());
    Ok((notice_no, nos))
}

fn states(tx: &mut Tx<'_>, lane: &str) -> Result<Vec<DeliveryState>, StoreError> {
    let filter = DeliveryFilter {
        lane: Some(lane.to_owned()),
        ..DeliveryFilter::default()
    };
    let mut rows = deliveries::list(tx, &filter, 0, 100)?;
    rows.reverse();
    Ok(rows.into_iter().map(|row| row.delivery.state).collect())
}

#[test]
fn insertions_can_be_repeated() {
    in_each_engine(|tx| {
        let (notice_no, nos) = world(tx)?;
        assert_eq!(
            deliveries::insert_group(tx, &group("robot:hr", notice_no, 0))?,
            None
        );
        let again = deliveries::expand_personal(tx, &personal(notice_no, 0, false))?;
        assert_eq!((again.due, again.undeliverable), (0, 0));
        let states = [ObligationState::Pending];
        obligations::transition(
            tx,
            notice_no,
            nos[1],
            &states,
            ObligationState::Acknowledged,
            NOW,
            None,
        )?;
        let reminder = deliveries::expand_personal(tx, &personal(notice_no, 1, true))?;
        assert_eq!((reminder.due, reminder.undeliverable), (7, 2));
        let only = ExpandPersonal {
            only_person_nos: &nos[..3],
            ..personal(notice_no, 2, true)
        };
        let some = deliveries::expand_personal(tx, &only)?;
        assert_eq!((some.due, some.undeliverable), (1, 1));
        let chat = ExpandPersonal {
            lane: "work_notice",
            address: Address::DingTalkUser,
            ..personal(notice_no, 0, false)
        };
        assert_eq!(deliveries::expand_personal(tx, &chat)?.due, 10);
        Ok(())
    });
}

#[test]
fn who_has_not_activated_dingtalk_is_undeliverable_there_and_gets_the_mail_for_the_others() {
    in_each_engine(|tx| {
        let (_, nos) = company(tx, 10)?;
        lanes::ensure(tx, "work_notice", "work_notice", NOW)?;
        lanes::ensure(tx, "mail", "mail", NOW)?;
        let notice_no = notice(tx, "travel", &everyone())?;
        let inactive = people::by_nos(tx, &nos[1..3])?;
        for person in &inactive {
            let user_id = person
                .dingtalk_user_id
                .as_deref()
                .expect("the company is in DingTalk");
            people::set_dingtalk_active(tx, user_id, false, NOW)?;
        }
        let resolved = everyone();
        let reach = audience::reach(tx, &resolved, Address::DingTalkUser, None)?;
        assert_eq!(
            (reach.reached(), reach.no_address, reach.inactive),
            (8, 0, 2)
        );
        assert_eq!(
            audience::reach(tx, &resolved, Address::DingTalkUnion, None)?.no_address,
            10
        );
        let others = audience::reach(tx, &resolved, Address::Mail, Some(Address::DingTalkUser))?;
        assert_eq!(others.reached() + others.unreached(), 2);
        assert_eq!(
            audience::names_unreached(tx, &resolved, &[Address::DingTalkUser], 9)?.len(),
            2
        );
        let chat = ExpandPersonal {
            lane: "work_notice",
            address: Address::DingTalkUser,
            ..personal(notice_no, 0, false)
        };
        let added = deliveries::expand_personal(tx, &chat)?;
        assert_eq!((added.due, added.undeliverable), (8, 2));
        let filter = DeliveryFilter {
            state: Some(DeliveryState::Undeliverable),
            ..DeliveryFilter::default()
        };
        let rows = deliveries::list(tx, &filter, 0, 10)?;
        assert!(
            rows.iter()
                .all(|row| row.delivery.error_code.as_deref() == Some("dingtalk_inactive"))
        );
        let rest = ExpandPersonal {
            unless: Some(Address::DingTalkUser),
            ..personal(notice_no, 0, false)
        };
        let added = deliveries::expand_personal(tx, &rest)?;
        assert_eq!(added.due + added.undeliverable, 2);
        Ok(())
    });
}

#[test]
fn a_claimed_delivery_belongs_to_its_owner_until_the_lease_ends() {
    in_each_engine(|tx| {
        let (notice_no, _) = world(tx)?;
        assert_eq!(deliveries::lanes_with_due(tx, NOW)?, ["mail", "robot:hr"]);
        assert_eq!(deliveries::next_due_at(tx)?, Some(NOW));
        let mine = deliveries::claim(tx, "mail", "node-a", NOW, at(30), 5)?;
        let theirs = deliveries::claim(tx, "mail", "node-b", NOW, at(60), 5)?;
        assert_eq!((mine.len(), theirs.len()), (5, 3));
        assert!(mine.windows(2).all(|pair| pair[0].no < pair[1].no));
        assert_eq!(mine[0].state, DeliveryState::Sending);
        let sent = |no: i64| Sent {
            no,
            at: at(1),
            platform_id: Some(format!("m{no}")),
        };
        let all: Vec<Sent> = mine.iter().chain(&theirs).map(|d| sent(d.no)).collect();
        assert_eq!(
            deliveries::record_sent(tx, "node-a", &all)?,
            5,
            "only its own"
        );
        let stored = deliveries::get(tx, mine[0].no)?.unwrap();
        assert_eq!(
            (stored.state, stored.attempts, stored.sent_at),
            (DeliveryState::Sent, 1, Some(at(1)))
        );
        assert_eq!(
            stored.platform_id.as_deref(),
            Some(format!("m{}", stored.no).as_str())
        );
        assert_eq!(deliveries::reclaim_expired(tx, at(60))?, 0);
        assert_eq!(deliveries::reclaim_expired(tx, at(61))?, 3);
        assert_eq!(deliveries::reclaim_expired(tx, at(61))?, 0);
        let lost = deliveries::attempts(tx, theirs[0].no)?;
        assert_eq!((lost.len(), lost[0].outcome.as_str()), (1, "lease_lost"));
        assert_eq!(
            deliveries::record_sent(tx, "node-b", &[sent(theirs[0].no)])?,
            0,
            "too late"
        );
        let again = deliveries::claim(tx, "mail", "node-a", at(61), at(90), 50)?;
        assert_eq!((again.len(), again[0].attempts), (3, 1));
        let filter = DeliveryFilter {
            notice_no: Some(notice_no),
            state: Some(DeliveryState::Sent),
            ..DeliveryFilter::default()
        };
        assert_eq!(deliveries::list(tx, &filter, 0, 100)?.len(), 5);
        Ok(())
    });
}

#[test]
fn what_a_stopped_node_had_claimed_is_due_again_when_its_lane_is_free() {
    in_each_engine(|tx| {
        world(tx)?;
        lanes::acquire(tx, "mail", "a", NOW, at(30))?;
        deliveries::claim(tx, "mail", "a", NOW, at(60), 3)?;
        assert!(
            !deliveries::has_orphans(tx, at(30), &[])?,
            "the lane is leased"
        );
        assert!(!deliveries::has_orphans(tx, at(31), &["mail".to_owned()])?);
        assert!(deliveries::has_orphans(tx, at(31), &[])?);
        assert_eq!(deliveries::reclaim_orphans(tx, at(31), &[])?, 3);
        assert_eq!(deliveries::reclaim_orphans(tx, at(31), &[])?, 0);
        deliveries::claim(tx, "mail", "a", NOW, at(60), 2)?;
        lanes::release_lease(tx, "mail", "a")?;
        assert_eq!(deliveries::reclaim_orphans(tx, NOW, &[])?, 2);
        Ok(())
    });
}

#[test]
fn outcomes_are_recorded_and_people_may_try_again() {
    in_each_engine(|tx| {
        world(tx)?;
        let mine = deliveries::claim(tx, "mail", "a", NOW, at(30), 4)?;
        let (code, detail) = ("451".to_owned(), "greylisted".to_owned());
        let retried = Retried {
            no: mine[0].no,
            due_at: at(5),
            code: code.clone(),
            detail: detail.clone(),
            at: NOW,
            leaves_set: false,
        };
        assert_eq!(deliveries::record_retry(tx, "a", &[retried])?, 1);
        let failed = |no: i64, code: &str| Failed {
            no,
            outcome: "rejected",
            code: code.to_owned(),
            detail: detail.clone(),
            at: NOW,
        };
        assert_eq!(
            deliveries::record_failed(
                tx,
                "a",
                &[failed(mine[1].no, "550"), failed(mine[2].no, "no_address")]
            )?,
            2
        );
        assert_eq!(
            deliveries::record_failed(tx, "b", &[failed(mine[3].no, "550")])?,
            0
        );
        assert_eq!(deliveries::release(tx, "a", &[mine[3].no], at(7))?, 1);
        assert_eq!(
            states(tx, "mail")?[..4],
            [
                DeliveryState::Due,
                DeliveryState::Failed,
                DeliveryState::Undeliverable,
                DeliveryState::Due,
            ]
        );
        let held = deliveries::get(tx, mine[3].no)?.unwrap();
        assert_eq!((held.attempts, held.due_at), (0, at(7)));
        assert!(!deliveries::retry(tx, mine[0].no, NOW)?, "it is due anyway");
        assert!(deliveries::retry(tx, mine[2].no, NOW)?);
        assert_eq!(deliveries::retry_lane(tx, "mail", NOW)?, 1);
        let again = deliveries::claim(tx, "mail", "a", at(9), at(30), 50)?;
        let second = again.iter().find(|d| d.no == mine[1].no).unwrap();
        assert_eq!(second.attempts, 0, "the count begins anew");
        deliveries::record_failed(tx, "a", &[failed(second.no, "550")])?;
        let numbers: Vec<_> = deliveries::attempts(tx, second.no)?
            .iter()
            .map(|a| a.number)
            .collect();
        assert_eq!(numbers, [1, 2], "what happened stays on record");
        assert_eq!(
            deliveries::cancel_claimed(
                tx,
                "a",
                &[Cancelled {
                    no: mine[0].no,
                    code: "settled"
                }]
            )?,
            1
        );
        Ok(())
    });
}

#[test]
fn a_digest_goes_again_as_the_same_set() {
    in_each_engine(|tx| {
        company(tx, 1)?;
        lanes::ensure(tx, "robot:hr", "robot", NOW)?;
        for slug in ["a", "b", "c"] {
            let notice_no = notice(tx, slug, &everyone())?;
            deliveries::insert_group(tx, &group("robot:hr", notice_no, 0))?;
        }
        let claimed: Vec<i64> = deliveries::claim(tx, "robot:hr", "a", NOW, at(1), 9)?
            .iter()
            .map(|d| d.no)
            .collect();
        deliveries::set_leader(tx, &claimed, claimed[0])?;
        deliveries::reclaim_expired(tx, at(2))?;
        let again = deliveries::claim(tx, "robot:hr", "b", at(2), at(9), 9)?;
        assert!(again.iter().all(|d| d.leader_no == Some(claimed[0])));
        assert_eq!(deliveries::group_of(tx, claimed[0])?.len(), 3);
        Ok(())
    });
}

#[test]
fn what_is_not_wanted_any_more_is_not_sent() {
    in_each_engine(|tx| {
        let (notice_no, nos) = world(tx)?;
        assert_eq!(
            deliveries::cancel_pending_for_person(tx, notice_no, nos[1])?,
            1
        );
        assert_eq!(
            deliveries::cancel_pending_for_person(tx, notice_no, nos[1])?,
            0
        );
        let states = [ObligationState::Pending];
        obligations::transition(
            tx,
            notice_no,
            nos[2],
            &states,
            ObligationState::Acknowledged,
            NOW,
            None,
        )?;
        assert_eq!(deliveries::cancel_due_for_settled(tx, notice_no)?, 1);
        let under_way = deliveries::claim(tx, "mail", "a", NOW, at(9), 1)?;
        assert_eq!(
            deliveries::cancel_pending_for_notice(tx, notice_no)?,
            6,
            "five mails and the group's message"
        );
        assert_eq!(
            deliveries::get(tx, under_way[0].no)?.unwrap().state,
            DeliveryState::Sending
        );
        assert_eq!(deliveries::next_due_at(tx)?, None);
        let counts: Vec<_> = deliveries::counts_by_lane_state(tx)?
            .into_iter()
            .map(|c| (c.lane, c.state, c.count))
            .collect();
        let mail = || "mail".to_owned();
        assert_eq!(
            counts,
            [
                (mail(), DeliveryState::Sending, 1),
                (mail(), DeliveryState::Undeliverable, 2)
            ]
        );
        Ok(())
    });
}

#[test]
fn deliveries_are_listed_with_names_page_by_page() {
    in_each_engine(|tx| {
        let (notice_no, nos) = world(tx)?;
        let page = deliveries::list(tx, &DeliveryFilter::default(), 0, 4)?;
        assert_eq!(page[0].person_name, None, "the group's message came last");
        assert_eq!(page[0].notice_title.as_deref(), Some("差旅费管理办法"));
        let rest = deliveries::list(tx, &DeliveryFilter::default(), page[3].delivery.no, 50)?;
        assert_eq!(page.len() + rest.len(), 11);
        let filter = DeliveryFilter {
            person_no: Some(nos[3]),
            notice_no: Some(notice_no),
            state: Some(DeliveryState::Due),
            lane: Some("mail".to_owned()),
        };
        let of_one = deliveries::list(tx, &filter, 0, 50)?;
        assert_eq!(
            (of_one.len(), of_one[0].person_name.as_deref()),
            (1, Some("员工3"))
        );
        Ok(())
    });
}

#[test]
fn a_lane_is_worked_by_one_node_and_stops_for_an_administrator() {
    in_each_engine(|tx| {
        world(tx)?;
        assert!(lanes::acquire(tx, "mail", "a", NOW, at(30))?);
        assert!(!lanes::acquire(tx, "mail", "b", at(30), at(60))?);
        assert!(lanes::acquire(tx, "mail", "a", at(10), at(40))?, "renewed");
        let mut log = PaceLog::new();
        log.allow(Pace::per_minute(20), NOW, 7);
        assert!(lanes::reserve(tx, "mail", "a", &log)?);
        assert!(!lanes::reserve(tx, "mail", "b", &log)?);
        assert_eq!(lanes::get(tx, "mail")?.unwrap().pace_log, log);
        assert!(
            lanes::acquire(tx, "mail", "b", at(41), at(60))?,
            "the lease ran out"
        );
        assert!(!lanes::release_lease(tx, "mail", "a")?);
        assert!(lanes::release_lease(tx, "mail", "b")?);
        assert!(lanes::hold(tx, "mail", at(100), "rate_limited", "wait")?);
        assert_eq!(deliveries::lanes_with_due(tx, at(99))?, ["robot:hr"]);
        assert_eq!(
            deliveries::lanes_with_due(tx, at(100))?,
            ["mail", "robot:hr"]
        );
        assert!(lanes::stop(
            tx,
            "robot:hr",
            NOW,
            "keyword",
            "add the keyword"
        )?);
        assert!(!lanes::stop(
            tx,
            "robot:hr",
            NOW,
            "keyword",
            "add the keyword"
        )?);
        assert_eq!(deliveries::next_due_at(tx)?, Some(at(100)));
        let lane = lanes::get(tx, "robot:hr")?.unwrap();
        assert!(!lane.is_open(at(999)));
        assert!(lanes::resume(tx, "robot:hr", at(5))?);
        assert!(lanes::list(tx)?.iter().any(|lane| lane.is_open(at(5))));
        assert!(!lanes::resume(tx, "nowhere", NOW)?);
        Ok(())
    });
}

#[test]
fn two_nodes_that_claim_at_once_share_nothing() {
    for_each_engine(|_, db| {
        db.write_blocking(world).unwrap();
        let claimed: Vec<i64> = std::thread::scope(|scope| {
            let nodes: Vec<_> = ["a", "b", "c"]
                .map(|node| {
                    let db = &db;
                    scope.spawn(move || {
                        db.write_blocking(move |tx| {
                            deliveries::claim(tx, "mail", node, NOW, at(9), 3)
                        })
                        .unwrap()
                    })
                })
                .into_iter()
                .collect();
            nodes
                .into_iter()
                .flat_map(|node| node.join().unwrap())
                .map(|d| d.no)
                .collect()
        });
        let distinct: std::collections::BTreeSet<_> = claimed.iter().collect();
        assert_eq!(distinct.len(), claimed.len());
        assert_eq!(claimed.len(), 8);
    });
}
