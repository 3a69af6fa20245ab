//! Delivering: a message goes out once, at the platform's pace, and a refusal is seen and survived.

use std::time::Duration;

use yuezhi_domain::DeliveryState;
use yuezhi_sandbox::{Fault, FaultKind};
use yuezhi_server::actions::{
    Actor, cancel_notice, change_schedule, publish_version::PublishedVersion, retry_delivery,
};
use yuezhi_store::{deliveries, lanes};

use crate::support::{
    Engine, TestApp, both_engines, days, group_robot, minutes, path_of, publish_text,
    publish_travel, words,
};

both_engines!(
    a_published_policy_reaches_the_group_at_once,
    a_keyword_that_the_robot_wants_is_added,
    a_busy_platform_is_tried_again_until_it_takes_the_message,
    a_message_whose_answer_got_lost_is_shown_once,
    a_throttled_lane_holds_still_even_across_a_restart,
    a_burst_goes_out_as_one_digest,
    a_digest_whose_answer_got_lost_is_repeated_as_the_same_set,
    a_group_never_gets_more_than_twenty_messages_a_minute,
    a_misconfigured_lane_stops_and_resumes,
    a_lane_that_stopped_delays_no_other,
    a_cancelled_notice_sends_nothing_more,
    everybody_with_an_address_gets_a_mail_of_their_own,
    a_mailbox_that_is_busy_is_tried_again,
    an_unknown_mailbox_fails_visibly_and_stops_nobody,
    a_relay_that_is_down_loses_nothing,
    a_robot_that_was_removed_fails_visibly,
);

async fn lane(app: &TestApp, name: &'static str) -> lanes::Lane {
    app.read(move |tx| lanes::get(tx, name))
        .await
        .expect("the lane is known")
}

fn webhook_fault(times: u32, kind: FaultKind) -> Vec<Fault> {
    vec![Fault::next(times, "/robot/send", kind)]
}

fn counted(states: &[(&str, &str, usize)]) -> Vec<(String, String, usize)> {
    states
        .iter()
        .map(|(lane, state, n)| ((*lane).to_owned(), (*state).to_owned(), *n))
        .collect()
}

async fn a_published_policy_reaches_the_group_at_once(engine: Engine) {
    let app = TestApp::start(engine).await;
    let published = app.publish_travel_over(500, &["robot:all-staff"]).await;
    let chat = app.chat("all-staff");
    assert_eq!(chat.len(), 1);
    assert!(
        words(&chat[0]).contains("差旅费报销办法"),
        "{}",
        words(&chat[0])
    );
    assert_eq!(path_of(&chat[0]), format!("/n/{}", published.notice_id));
    assert_eq!(
        app.delivery_states(&published).await,
        counted(&[("robot:all-staff", "sent", 1)])
    );
}

async fn a_keyword_that_the_robot_wants_is_added(engine: Engine) {
    let app = TestApp::with(engine).with_hr_robot().start().await;
    let mut request = publish_text("coffee.md", "# 茶水间须知\n\n第一条 用完请清洗杯子。\n");
    request.policy = Some("coffee".to_owned());
    request.channels = Some(vec!["robot:hr".to_owned()]);
    app.publish(request).await;
    let chat = app.chat("hr");
    assert_eq!(chat.len(), 1);
    assert!(words(&chat[0]).contains("制度"));
}

async fn a_busy_platform_is_tried_again_until_it_takes_the_message(engine: Engine) {
    let app = TestApp::start(engine).await;
    app.dingtalk()
        .set_faults(webhook_fault(3, FaultKind::Status { status: 503 }));
    let published = app.publish_travel_over(500, &["robot:all-staff"]).await;
    assert_eq!(app.chat("all-staff").len(), 0);
    for _ in 0..8 {
        app.advance(minutes(1)).await;
    }
    assert_eq!(app.chat("all-staff").len(), 1);
    let delivery = app
        .deliveries()
        .await
        .into_iter()
        .find(|d| d.notice_no == published.notice_no)
        .unwrap();
    assert_eq!(
        (delivery.state, delivery.attempts),
        (DeliveryState::Sent, 4)
    );
    let attempts = app
        .read(move |tx| deliveries::attempts(tx, delivery.no))
        .await;
    assert_eq!(attempts.len(), 3, "{attempts:?}");
    assert!(
        attempts
            .iter()
            .all(|attempt| attempt.outcome == "retry" && attempt.error_detail.contains("503")),
        "{attempts:?}"
    );
}

async fn a_message_whose_answer_got_lost_is_shown_once(engine: Engine) {
    let app = TestApp::start(engine).await;
    app.dingtalk()
        .set_faults(webhook_fault(1, FaultKind::Drop { after: true }));
    let published = app.publish_travel_over(500, &["robot:all-staff"]).await;
    app.advance(minutes(2)).await;
    assert_eq!(
        app.chat("all-staff").len(),
        1,
        "the platform drops the repeat by its key"
    );
    assert_eq!(
        app.delivery_states(&published).await,
        counted(&[("robot:all-staff", "sent", 1)])
    );
}

async fn a_throttled_lane_holds_still_even_across_a_restart(engine: Engine) {
    let app = TestApp::start(engine).await;
    app.dingtalk()
        .set_faults(webhook_fault(1, FaultKind::Throttle));
    let published = app.publish_travel_over(500, &["robot:all-staff"]).await;
    assert!(lane(&app, "robot:all-staff").await.held_until.is_some());
    let app = app.restart().await;
    app.advance(minutes(8)).await;
    assert_eq!(app.dingtalk().faults()[0].struck, 1);
    assert_eq!(
        app.chat("all-staff").len(),
        0,
        "the platform asked for ten minutes of silence"
    );
    app.advance(minutes(3)).await;
    assert_eq!(app.chat("all-staff").len(), 1);
    let delivery = app
        .deliveries()
        .await
        .into_iter()
        .find(|d| d.notice_no == published.notice_no)
        .unwrap();
    assert_eq!(delivery.state, DeliveryState::Sent);
}

/// Publishes without letting anything go out.
async fn publish_many(app: &TestApp, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let mut request = publish_text(
            "rule.md",
            &format!("# 第 {number} 号通知\n\n第一条 内容 {number}。\n"),
        );
        request.policy = Some(format!("rule-{number}"));
        request.channels = Some(vec!["robot:all-staff".to_owned()]);
        request.plan = Some("none".to_owned());
        app.try_publish(request).await.unwrap();
    }
}

async fn a_burst_goes_out_as_one_digest(engine: Engine) {
    let app = TestApp::start(engine).await;
    publish_many(&app, 0..8).await;
    app.work().await;
    let chat = app.chat("all-staff");
    assert_eq!(chat.len(), 1, "eight messages would bury the group");
    for number in 0..8 {
        assert!(
            words(&chat[0]).contains(&format!("第 {number} 号通知")),
            "{}",
            words(&chat[0])
        );
    }
    let all = app.deliveries().await;
    assert!(
        all.iter()
            .all(|d| d.state == DeliveryState::Sent && d.leader_no == Some(all[0].no)),
        "{all:#?}"
    );
}

async fn a_digest_whose_answer_got_lost_is_repeated_as_the_same_set(engine: Engine) {
    let app = TestApp::start(engine).await;
    app.dingtalk()
        .set_faults(webhook_fault(1, FaultKind::Drop { after: true }));
    publish_many(&app, 0..8).await;
    app.work().await;
    publish_many(&app, 8..10).await;
    let app = app.restart().await;
    app.advance(minutes(2)).await;
    let chat = app.chat("all-staff");
    assert_eq!(
        chat.len(),
        3,
        "the digest once, and the two that came later"
    );
    assert!(!words(&chat[0]).contains("第 8 号通知"));
}

async fn a_group_never_gets_more_than_twenty_messages_a_minute(engine: Engine) {
    let app = TestApp::start(engine).await;
    let id = change_schedule::create(&app.app, Actor::System, &water())
        .await
        .unwrap();
    for _ in 0..25 {
        app.move_clock(Duration::from_secs(10));
        change_schedule::run_now(&app.app, Actor::System, id)
            .await
            .unwrap();
    }
    app.work().await;
    assert_eq!(app.chat("all-staff").len(), 20);
    let app = app.restart().await;
    app.work().await;
    assert_eq!(app.chat("all-staff").len(), 20, "a restart forgets no pace");
    app.advance(minutes(2)).await;
    assert_eq!(app.chat("all-staff").len(), 25);
    assert!(
        lane(&app, "robot:all-staff").await.held_until.is_none(),
        "the platform never had to complain"
    );
}

/// A standing message that nobody plans to see.
fn water() -> change_schedule::ScheduleInput {
    change_schedule::ScheduleInput {
        name: "喝水".to_owned(),
        rule: "每月最后一个工作日 16:00".to_owned(),
        time_zone: None,
        lanes: vec!["robot:all-staff".to_owned()],
        title: "喝水".to_owned(),
        body: "该喝水了。".to_owned(),
    }
}

async fn a_misconfigured_lane_stops_and_resumes(engine: Engine) {
    let app = TestApp::start(engine).await;
    let right = app.dingtalk().groups();
    let mut wrong = right[0].clone();
    wrong.robots[0].security.secret = Some("SECsomebody-changed-it".to_owned());
    app.dingtalk().put_group(wrong);
    let published = app.publish_travel_over(500, &["robot:all-staff"]).await;
    let stopped = lane(&app, "robot:all-staff").await;
    assert!(stopped.stopped_at.is_some());
    assert_eq!(
        stopped.reason_code.as_deref(),
        Some("robot_signature_wrong")
    );
    app.advance(days(1)).await;
    assert_eq!(
        app.delivery_states(&published).await,
        counted(&[("robot:all-staff", "due", 1)]),
        "it waits for the administrator"
    );

    app.dingtalk().put_group(right[0].clone());
    retry_delivery::resume_lane(&app.app, Actor::System, "robot:all-staff")
        .await
        .unwrap();
    app.work().await;
    assert_eq!(
        app.delivery_states(&published).await,
        counted(&[("robot:all-staff", "sent", 1)])
    );
}

async fn a_lane_that_stopped_delays_no_other(engine: Engine) {
    let app = TestApp::with(engine).with_hr_robot().start().await;
    let mut gone = app
        .dingtalk()
        .groups()
        .into_iter()
        .find(|group| group.id == "hr")
        .unwrap();
    gone.robots = vec![group_robot("another")];
    app.dingtalk().put_group(gone);
    app.publish_travel_over(500, &["robot:hr", "robot:all-staff"])
        .await;
    assert_eq!(app.chat("all-staff").len(), 1);
    assert_eq!(
        lane(&app, "robot:hr").await.reason_code.as_deref(),
        Some("robot_token_unknown")
    );
    app.may_leave_work();
}

async fn a_cancelled_notice_sends_nothing_more(engine: Engine) {
    let app = TestApp::with(engine).with_mail().start().await;
    app.dingtalk()
        .set_faults(vec![Fault::always(FaultKind::Status { status: 503 })]);
    app.mail().refuse("*", "450 4.2.1 mailbox busy", None);
    let published = app
        .publish_travel_over(500, &["robot:all-staff", "mail"])
        .await;
    let cancelled =
        cancel_notice::cancel(&app.app, Actor::System, published.notice_id, "发错了版本")
            .await
            .unwrap();
    assert_eq!(cancelled.pending_closed, 30);
    app.dingtalk().set_faults(Vec::new());
    app.mail().accept_all();
    app.until("2026-09-30 10:00").await;
    assert_eq!(
        (app.chat("all-staff").len(), app.mail().mails().len()),
        (0, 0)
    );
    let states = app.delivery_states(&published).await;
    assert_eq!(
        states,
        counted(&[
            ("mail", "cancelled", 28),
            ("mail", "undeliverable", 2),
            ("robot:all-staff", "cancelled", 1)
        ])
    );
}

async fn publish_by_mail(
    engine: Engine,
    prepare: impl FnOnce(&TestApp),
) -> (TestApp, PublishedVersion) {
    let app = TestApp::with(engine).with_mail().start().await;
    prepare(&app);
    let mut request = publish_travel(500);
    request.channels = Some(vec!["mail".to_owned()]);
    request.plan = Some("none".to_owned());
    let published = app.publish(request).await;
    (app, published)
}

async fn everybody_with_an_address_gets_a_mail_of_their_own(engine: Engine) {
    let (app, published) = publish_by_mail(engine, |_| {}).await;
    let mails = app.mail().mails();
    assert_eq!(mails.len(), 28);
    let mut links: Vec<String> = mails.iter().map(crate::support::mail::Mail::path).collect();
    links.sort();
    links.dedup();
    assert_eq!(links.len(), 28, "every mail holds its own link");
    for mail in &mails {
        assert!(mail.subject.contains("差旅费报销办法"), "{}", mail.subject);
        assert!(mail.html.contains(&published.notice_id.to_string()));
        assert!(!mail.message_id.is_empty());
    }
    assert_eq!(
        app.delivery_states(&published).await,
        counted(&[("mail", "sent", 28), ("mail", "undeliverable", 2)])
    );
    assert_eq!(
        published.plan.undeliverable_people.len(),
        2,
        "the publisher was told before"
    );
}

const BUSY: &str = "jiayue.xu@lanchuan.example";

async fn a_mailbox_that_is_busy_is_tried_again(engine: Engine) {
    let (app, published) = publish_by_mail(engine, |app| {
        app.mail().refuse(BUSY, "450 4.2.1 mailbox busy", Some(2));
    })
    .await;
    assert_eq!(app.mail().mails().len(), 27);
    for _ in 0..60 {
        app.advance(minutes(1)).await;
    }
    assert_eq!(app.mail().mails_to(BUSY).len(), 1);
    assert_eq!(
        app.delivery_states(&published).await,
        counted(&[("mail", "sent", 28), ("mail", "undeliverable", 2)])
    );
}

async fn an_unknown_mailbox_fails_visibly_and_stops_nobody(engine: Engine) {
    let (app, published) = publish_by_mail(engine, |app| {
        app.mail().refuse(BUSY, "550 5.1.1 no such user", None);
    })
    .await;
    assert_eq!(app.mail().mails().len(), 27);
    let failed = app
        .deliveries()
        .await
        .into_iter()
        .find(|d| d.state == DeliveryState::Failed)
        .unwrap();
    assert_eq!(failed.error_code.as_deref(), Some("mail_mailbox_unknown"));
    app.advance(days(1)).await;
    assert_eq!(app.mail().mails().len(), 27, "a permanent refusal is final");

    app.mail().accept_all();
    retry_delivery::retry(&app.app, Actor::System, failed.no)
        .await
        .unwrap();
    app.work().await;
    assert_eq!(app.mail().mails_to(BUSY).len(), 1);
    assert_eq!(
        app.delivery_states(&published).await,
        counted(&[("mail", "sent", 28), ("mail", "undeliverable", 2)])
    );
}

async fn a_relay_that_is_down_loses_nothing(engine: Engine) {
    let (app, published) = publish_by_mail(engine, |app| {
        app.mail().refuse("*", "421 4.3.2 shutting down", Some(6));
    })
    .await;
    app.mail().accept_all();
    for _ in 0..90 {
        app.advance(minutes(1)).await;
    }
    assert_eq!(
        app.delivery_states(&published).await,
        counted(&[("mail", "sent", 28), ("mail", "undeliverable", 2)])
    );
    assert_eq!(app.mail().mails().len(), 28);
}

async fn a_robot_that_was_removed_fails_visibly(engine: Engine) {
    use yuezhi_server::actions::save_robot;
    let app = TestApp::start(engine).await;
    let mut group = yuezhi_sandbox::Group::new("new", "新群");
    group.robots = vec![group_robot("new")];
    app.dingtalk().put_group(group);
    let webhook = format!(
        "{}/robot/send?access_token={}",
        app.dingtalk().url(),
        group_robot("new").access_token
    );
    let input = save_robot::RobotInput {
        name: "new".to_owned(),
        webhook: webhook.into(),
        secret: None,
        keywords: Vec::new(),
    };
    save_robot::save(&app.app, Actor::System, input)
        .await
        .unwrap();
    app.dingtalk()
        .set_faults(webhook_fault(1, FaultKind::Status { status: 502 }));
    let published = app.publish_travel_over(500, &["robot:new"]).await;
    save_robot::remove(&app.app, Actor::System, "new")
        .await
        .unwrap();
    app.advance(minutes(30)).await;
    assert_eq!(
        app.delivery_states(&published).await,
        counted(&[("robot:new", "failed", 1)])
    );
    let failed = app.deliveries().await.pop().unwrap();
    assert_eq!(failed.error_code.as_deref(), Some("lane_gone"));
}
