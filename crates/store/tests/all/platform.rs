//! What is kept for a platform with a directory, groups and quotas of its own.

use yuezhi_domain::{Audience, DeliveryKind, UnixMillis};
use yuezhi_store::{
    chat_groups::{self, ChatGroupState, NewChatGroup},
    deliveries::{self, NewDelivery, Sent},
    followups::{self, FollowupKind},
    inbound_events,
    meters::{self, MeterKind, Metered},
    people, platform_messages,
    platform_messages::NewPlatformMessage,
};

use crate::support::{NOW, company, in_each_engine};

fn later(millis: i64) -> UnixMillis {
    UnixMillis(NOW.0 + millis)
}

#[test]
fn metered_calls_add_up_by_month_and_kind() {
    in_each_engine(|tx| {
        let calls = |kind, interface: &str, calls| Metered {
            kind,
            interface: interface.to_owned(),
            calls,
        };
        meters::add(tx, "2026-11", &calls(MeterKind::Api, "work_notice", 10))?;
        meters::add(tx, "2026-11", &calls(MeterKind::Api, "work_notice", 5))?;
        meters::add(tx, "2026-11", &calls(MeterKind::Api, "card", 1))?;
        meters::add(tx, "2026-11", &calls(MeterKind::Push, "robot", 2))?;
        assert_eq!(meters::total(tx, "2026-11", MeterKind::Api)?, 16);
        assert_eq!(meters::total(tx, "2026-12", MeterKind::Api)?, 0);
        let all = meters::of_month(tx, "2026-11")?;
        assert_eq!(all[0], calls(MeterKind::Api, "work_notice", 15));
        assert_eq!(all.len(), 3);
        Ok(())
    });
}

#[test]
fn an_event_is_new_only_once() {
    in_each_engine(|tx| {
        assert!(inbound_events::first_time(tx, "e1", "event", NOW)?);
        assert!(!inbound_events::first_time(tx, "e1", "event", later(5))?);
        assert_eq!(inbound_events::forget(tx, later(1))?, 1);
        assert!(inbound_events::first_time(tx, "e1", "event", later(9))?);
        Ok(())
    });
}

#[test]
fn a_message_is_asked_about_when_it_is_due_and_by_one_node() {
    in_each_engine(|tx| {
        let new = NewPlatformMessage {
            lane: "work_notice".to_owned(),
            platform_id: "256271667526".to_owned(),
            notice_no: 3,
            occurrence_no: 0,
            people: vec![4, 7],
            sent_at: NOW,
            check_at: Some(later(1_000)),
        };
        assert!(platform_messages::insert(tx, &new)?);
        assert!(!platform_messages::insert(tx, &new)?);
        assert_eq!(platform_messages::next_check_at(tx)?, Some(later(1_000)));
        assert!(platform_messages::due_for_check(tx, later(999), 5)?.is_empty());
        let due = platform_messages::due_for_check(tx, later(1_000), 5)?;
        assert_eq!(due[0].people, [4, 7]);
        assert!(platform_messages::record_check(
            tx,
            &due[0],
            Some(later(9_000)),
            1
        )?);
        assert!(!platform_messages::record_check(tx, &due[0], None, 2)?);
        let stored = platform_messages::by_platform_id(tx, "work_notice", "256271667526")?.unwrap();
        assert_eq!((stored.checks, stored.readers), (1, 1));
        assert!(platform_messages::mark_recalled(tx, stored.no, later(10))?);
        assert_eq!(platform_messages::next_check_at(tx)?, None);
        assert_eq!(platform_messages::of_notice(tx, 3, 10)?.len(), 1);
        Ok(())
    });
}

#[test]
fn settling_asks_once_for_every_message_that_can_show_it() {
    in_each_engine(|tx| {
        for (lane, platform_id) in [
            ("todo", Some("t1")),
            ("mail", Some("m1")),
            ("app_card", None),
        ] {
            let new = NewDelivery {
                lane: lane.to_owned(),
                kind: DeliveryKind::Publish,
                notice_no: 3,
                occurrence_no: 0,
                person_no: 4,
                due_at: NOW,
                created_at: NOW,
            };
            let no = deliveries::insert_group(tx, &new)?.unwrap();
            deliveries::claim(tx, lane, "a", NOW, later(9), 5)?;
            let sent = Sent {
                no,
                at: NOW,
                platform_id: platform_id.map(str::to_owned),
            };
            assert_eq!(deliveries::record_sent(tx, "a", &[sent])?, 1);
        }
        let lanes = ["todo".to_owned(), "app_card".to_owned()];
        assert_eq!(followups::settle_person(tx, 3, 4, &[], NOW)?, 0);
        assert_eq!(followups::settle_person(tx, 3, 4, &lanes, NOW)?, 1);
        assert_eq!(followups::settle_person(tx, 3, 4, &lanes, NOW)?, 0);
        let due = followups::due(tx, NOW, 9)?;
        assert_eq!(
            (due[0].kind, due[0].platform_id.as_str(), due[0].person_no),
            (FollowupKind::Settle, "t1", 4)
        );
        assert_eq!(
            followups::record_retry(tx, &[due[0].no], later(5), "busy", "", true)?,
            1
        );
        assert_eq!(followups::next_due_at(tx)?, Some(later(5)));
        assert_eq!(followups::due(tx, later(5), 9)?[0].attempts, 1);
        assert_eq!(followups::record_done(tx, &[due[0].no])?, 1);
        assert_eq!(followups::record_failed(tx, &[due[0].no], "x", "")?, 0);
        assert_eq!(followups::waiting(tx)?, 0);
        let lost = ("todo_unknown", "nobody there");
        assert_eq!(
            deliveries::record_undelivered(tx, ("todo", "t1"), &[4], lost)?,
            1
        );
        assert_eq!(
            deliveries::record_undelivered(tx, ("todo", "t1"), &[4], lost)?,
            0
        );
        Ok(())
    });
}

#[test]
fn what_is_shown_already_is_not_told_again() {
    in_each_engine(|tx| {
        let new = NewDelivery {
            lane: "card".to_owned(),
            kind: DeliveryKind::Publish,
            notice_no: 3,
            occurrence_no: 0,
            person_no: 4,
            due_at: NOW,
            created_at: NOW,
        };
        let no = deliveries::insert_group(tx, &new)?.unwrap();
        deliveries::claim(tx, "card", "a", NOW, later(9), 5)?;
        let sent = Sent {
            no,
            at: NOW,
            platform_id: Some("yz.1".to_owned()),
        };
        deliveries::record_sent(tx, "a", &[sent])?;
        followups::settle_person(tx, 3, 4, &["card".to_owned()], NOW)?;
        assert!(!followups::shown_already(tx, "card", "yz.1", 5)?);
        assert!(followups::shown_already(tx, "card", "yz.1", 4)?);
        assert_eq!(followups::waiting(tx)?, 0);
        Ok(())
    });
}

#[test]
fn a_chat_knows_only_those_who_have_activated_it() {
    in_each_engine(|tx| {
        let (_, nos) = company(tx, 3)?;
        people::set_directory(tx, nos[1], "u1", false, NOW)?;
        let resolved = yuezhi_store::audience::resolve(tx, &Audience::everyone())?.unwrap();
        let names = yuezhi_store::audience::chat_names(tx, &resolved)?;
        let known: Vec<Option<&str>> = names
            .iter()
            .map(|one| one.dingtalk_user_id.as_deref())
            .collect();
        assert_eq!(known, [Some("user0"), None, Some("user2")]);
        Ok(())
    });
}

fn group(name: &str) -> NewChatGroup {
    NewChatGroup {
        name: name.to_owned(),
        title: "制度通知群".to_owned(),
        audience: "everyone".to_owned(),
        owner_user_id: "user0".to_owned(),
        scene_template_id: None,
        open_conversation_id: None,
        chat_id: None,
        greets: true,
        created_by: "account:li".to_owned(),
    }
}

#[test]
fn a_group_is_wanted_then_active_and_keeps_its_members() {
    in_each_engine(|tx| {
        let no = chat_groups::insert(tx, &group("all"), NOW)?.unwrap();
        assert_eq!(chat_groups::insert(tx, &group("all"), NOW)?, None);
        assert_eq!(chat_groups::due(tx, NOW)?[0].state, ChatGroupState::Wanted);
        assert!(chat_groups::record_created(
            tx,
            no,
            "cid1==",
            Some("chat1"),
            NOW
        )?);
        assert!(!chat_groups::record_created(tx, no, "cid2==", None, NOW)?);
        let joined = [("user1".to_owned(), 1), ("user2".to_owned(), 2)];
        assert_eq!(chat_groups::add_members(tx, no, &joined, NOW)?, 2);
        assert_eq!(chat_groups::add_members(tx, no, &joined, NOW)?, 0);
        assert_eq!(
            chat_groups::mark_greeted(tx, no, &["user2".to_owned()], later(1))?,
            1
        );
        assert_eq!(
            chat_groups::remove_members(tx, no, &["user1".to_owned()])?,
            1
        );
        let members = chat_groups::members(tx, no)?;
        assert_eq!(members.len(), 1);
        assert_eq!(members[0].greeted_at, Some(later(1)));
        assert!(chat_groups::record_synced(tx, no, 1, NOW, later(100))?);
        assert_eq!(chat_groups::next_sync_at(tx)?, Some(later(100)));
        assert_eq!(chat_groups::sync_all_at(tx, later(50))?, 1);
        assert_eq!(chat_groups::sync_all_at(tx, later(60))?, 0);
        assert!(chat_groups::sync_one_at(tx, "all", NOW)?);
        assert!(chat_groups::record_trouble(
            tx,
            no,
            "group_owner_outside",
            "",
            None
        )?);
        assert!(chat_groups::change(
            tx,
            "all",
            "新群名",
            "everyone",
            "user2",
            false,
            NOW
        )?);
        assert!(chat_groups::set_state(
            tx,
            "all",
            ChatGroupState::Paused,
            NOW
        )?);
        assert!(chat_groups::due(tx, later(999))?.is_empty());
        let stored = chat_groups::get(tx, "all")?.unwrap();
        assert_eq!(
            (stored.title.as_str(), stored.owner_user_id.as_str()),
            ("新群名", "user2")
        );
        assert!(!chat_groups::begin_anew(tx, no, NOW)?, "it is not gone");
        chat_groups::set_state(tx, "all", ChatGroupState::Gone, NOW)?;
        assert!(chat_groups::begin_anew(tx, no, later(3))?);
        assert!(chat_groups::members(tx, no)?.is_empty());
        let again = chat_groups::get(tx, "all")?.unwrap();
        assert_eq!(
            (again.state, again.open_conversation_id, again.sync_at),
            (ChatGroupState::Wanted, None, Some(later(3)))
        );
        assert!(chat_groups::delete(tx, no)?);
        assert!(chat_groups::list(tx)?.is_empty());
        Ok(())
    });
}

#[test]
fn only_people_of_the_directory_are_missed_by_it() {
    in_each_engine(|tx| {
        let (_, nos) = company(tx, 4)?;
        assert!(people::set_directory(tx, nos[0], "u0", true, NOW)?);
        assert!(!people::set_directory(tx, nos[0], "u0", true, later(1))?);
        assert!(people::set_directory(tx, nos[1], "u1", false, NOW)?);
        assert_eq!(people::count_synced(tx)?, 2);
        assert_eq!(people::count_not_activated(tx)?, 1);
        assert!(people::set_dingtalk_active(tx, "user1", true, NOW)?);
        assert_eq!(people::count_not_activated(tx)?, 0);
        assert_eq!(people::synced_not_in(tx, &["user0"])?, [nos[1]]);
        assert_eq!(people::no_by_union_id(tx, "u1")?, Some(nos[1]));
        let ids = people::dingtalk_ids(tx, &nos)?;
        assert_eq!(ids.len(), 4);
        assert_eq!(ids[0].union_id.as_deref(), Some("u0"));
        let by_user =
            people::nos_by_dingtalk_user_ids(tx, &["user3".to_owned(), "nobody".to_owned()])?;
        assert_eq!(by_user.get("user3"), Some(&nos[3]));
        assert_eq!(by_user.len(), 1);

        Ok(())
    });
}
