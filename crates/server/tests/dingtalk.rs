//! Personally in DingTalk: as few calls as will do, an outcome for each person, one ledger over all ways.

use yuezhi_domain::Requirement;
use yuezhi_sandbox::{CallRecord, Fault, FaultKind, Metering, Rules};
use yuezhi_server::actions::{
    ActionError, Actor, cancel_notice,
    publish_version::{self, PublishRequest},
};
use yuezhi_store::{
    deliveries::{self, Delivery},
    followups,
    meters::{self, MeterKind, Metered},
    people, platform_messages,
};

use crate::support::{Engine, TestApp, both_engines, days, minutes, publish_travel, requirement};

both_engines!(
    dingtalk_is_a_card_where_a_confirmation_is_asked_for_and_a_work_notice_elsewhere,
    a_dry_run_counts_the_calls_that_are_made,
    another_language_takes_a_call_of_its_own,
    confirming_closes_the_to_do_updates_the_card_and_stops_the_reminder,
    who_confirms_while_the_to_do_is_on_its_way_has_it_closed,
    a_cancelled_notice_takes_its_to_dos_back,
    who_has_not_activated_dingtalk_gets_the_mail,
    one_wrong_account_keeps_nobody_else_from_the_message,
    an_answer_that_was_lost_makes_no_second_to_do,
    a_set_of_a_node_that_died_goes_again_as_the_same_set,
    a_month_that_is_nearly_used_up_makes_work_notices_of_cards,
    a_used_up_month_holds_the_lane_and_loses_nothing,
    with_keys_alone_dingtalk_is_the_chat_with_the_robot,
    an_unknown_channel_is_refused_with_those_there_are,
);

const LIANG: &str = "LC00018";
const XU: &str = "LC00041";
const EVERYBODY: usize = 30;

async fn start(engine: Engine) -> TestApp {
    TestApp::with(engine).with_app().start().await
}

fn over(channels: &[&str]) -> PublishRequest {
    let mut request = publish_travel(500);
    request.channels = Some(channels.iter().map(|name| (*name).to_owned()).collect());
    request.plan = Some("none".to_owned());
    request
}

/// Metered calls of the open platform that were made and served.
fn metered(app: &TestApp) -> Vec<CallRecord> {
    let mut calls = app.dingtalk().calls();
    calls.retain(|call| call.metered == Metering::Api);
    calls
}

async fn of_lane(app: &TestApp, lane: &'static str) -> Vec<Delivery> {
    let mut all = app.deliveries().await;
    all.retain(|delivery| delivery.lane == lane);
    all
}

fn states(deliveries: &[Delivery]) -> Vec<(&'static str, usize)> {
    ["due", "sent", "failed", "cancelled", "undeliverable"]
        .into_iter()
        .map(|state| {
            let of_state = deliveries.iter().filter(|d| d.state.as_str() == state);
            (state, of_state.count())
        })
        .filter(|(_, count)| *count > 0)
        .collect()
}

fn fault(kind: FaultKind, path: &str, next: u32) -> Fault {
    Fault {
        kind,
        path: path.to_owned(),
        next: Some(next),
        rate: None,
        struck: 0,
    }
}

async fn dingtalk_is_a_card_where_a_confirmation_is_asked_for_and_a_work_notice_elsewhere(
    engine: Engine,
) {
    let app = start(engine).await;
    app.publish(over(&["dingtalk"])).await;
    let cards = of_lane(&app, "card").await;
    assert_eq!(states(&cards), [("sent", EVERYBODY)]);
    let mut inform = requirement(over(&["dingtalk"]), Requirement::Inform);
    inform.policy = Some("inform".to_owned());
    app.publish(inform).await;
    let notices = of_lane(&app, "work_notice").await;
    assert_eq!(states(&notices), [("sent", EVERYBODY)]);
    let tasks = app.dingtalk().work_notices();
    assert_eq!(tasks.len(), 1, "one call");
    assert_eq!(tasks[0].sent.len(), EVERYBODY);
    let kept = app.read(|tx| platform_messages::of_notice(tx, 2, 10)).await;
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].people.len(), EVERYBODY);
    assert!(kept[0].check_at.is_some());
}

async fn a_dry_run_counts_the_calls_that_are_made(engine: Engine) {
    for lane in ["work_notice", "app_robot", "card", "todo", "announcement"] {
        let app = start(engine).await;
        let request = over(&[lane, "robot:all-staff"]);
        let plan = publish_version::plan(&app.app, &request).await.unwrap();
        app.dingtalk().clear_calls();
        app.publish(request).await;
        let planned = plan.deliveries.iter().find(|d| d.lane == lane).unwrap();
        assert_eq!(planned.messages, EVERYBODY as i64, "{lane}");
        let made: Vec<String> = metered(&app).into_iter().map(|call| call.name).collect();
        // The platform names no announcement when it takes one: it is looked for in at most so many calls.
        let most = if lane == "announcement" { 2 } else { 0 };
        let spare = planned.cost.api_calls - made.len() as u64;
        assert!(spare <= most, "{lane}: {spare} spare, {made:?}");
        let budget = plan.budget.unwrap();
        assert_eq!(budget.cost.api_calls, planned.cost.api_calls);
        assert_eq!(budget.cost.push_messages, 1, "the group's robot");
    }
}

async fn another_language_takes_a_call_of_its_own(engine: Engine) {
    let app = start(engine).await;
    let person_no = app.person_no(LIANG).await;
    app.change_schema("UPDATE people SET language = 'en' WHERE staff_no = 'LC00018'")
        .await;
    let plan = publish_version::plan(&app.app, &over(&["work_notice"]))
        .await
        .unwrap();
    assert_eq!(plan.deliveries[0].cost.api_calls, 2);
    app.publish(over(&["work_notice"])).await;
    let tasks = app.dingtalk().work_notices();
    let mut sizes: Vec<usize> = tasks.iter().map(|task| task.sent.len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, EVERYBODY - 1], "{person_no}");
}

async fn confirming_closes_the_to_do_updates_the_card_and_stops_the_reminder(engine: Engine) {
    let app = start(engine).await;
    let mut request = over(&["card", "todo"]);
    request.plan = Some("every workday 09:00".to_owned());
    let published = app.publish(request).await;
    let card = of_lane(&app, "card").await.remove(0);
    let person = card.person_no;
    let staff_no = app
        .read(move |tx| Ok(people::by_nos(tx, &[person])?.remove(0).staff_no))
        .await;
    assert_eq!(staff_no, "LC00001");
    let out_track_id = card.platform_id.clone().unwrap();
    let before = app.dingtalk().card(&out_track_id, "LC00001").unwrap();
    app.confirm("LC00001", &published).await.expect(200);
    app.advance(minutes(1)).await;
    let after = app.dingtalk().card(&out_track_id, "LC00001").unwrap();
    assert_ne!(before, after, "the card shows it");
    assert!(after.to_string().contains("已确认"), "{after}");
    let other = app.dingtalk().card(&out_track_id, XU);
    assert!(other.is_none_or(|view| !view.to_string().contains("\"disabled\":true")));
    let todo = app.dingtalk().todos().remove(0);
    let done: Vec<&str> = todo
        .executors
        .iter()
        .filter(|executor| executor.is_done)
        .map(|executor| executor.id.as_str())
        .collect();
    assert_eq!(done, ["union-LC00001"]);
    assert_eq!(app.read(followups::waiting).await, 0);
    app.until("2026-09-15 10:00").await;
    let reminded: Vec<i64> = app
        .deliveries()
        .await
        .into_iter()
        .filter(|d| d.occurrence_no != 0)
        .map(|d| {
            assert_eq!(d.lane, "card", "a to-do stays in view and is not repeated");
            d.person_no
        })
        .collect();
    assert_eq!(reminded.len(), EVERYBODY - 1);
    assert!(!reminded.contains(&person));
}

async fn who_confirms_while_the_to_do_is_on_its_way_has_it_closed(engine: Engine) {
    let app = start(engine).await;
    app.dingtalk().set_faults(vec![fault(
        FaultKind::Status { status: 503 },
        "/v1.0/todo/",
        1,
    )]);
    let published = app.publish(over(&["todo"])).await;
    // Claimed before the confirmation, sent after it: as if the call had been under way.
    app.change_schema("UPDATE deliveries SET state = 'failed' WHERE lane = 'todo'")
        .await;
    app.confirm(LIANG, &published).await.expect(200);
    app.change_schema("UPDATE deliveries SET state = 'due' WHERE lane = 'todo'")
        .await;
    app.advance(minutes(5)).await;
    app.advance(minutes(1)).await;
    let todos = app.dingtalk().todos();
    let done = todos[0].executors.iter().filter(|one| one.is_done);
    assert_eq!(
        done.map(|one| one.id.as_str()).collect::<Vec<_>>(),
        ["union-LC00018"]
    );
}

async fn a_cancelled_notice_takes_its_to_dos_back(engine: Engine) {
    let app = start(engine).await;
    let published = app.publish(over(&["todo"])).await;
    app.confirm(LIANG, &published).await.expect(200);
    cancel_notice::cancel(&app.app, Actor::System, published.notice_id, "发错了")
        .await
        .unwrap();
    app.advance(minutes(1)).await;
    assert_eq!(app.read(followups::waiting).await, 0);
    let open = app
        .dingtalk()
        .todos()
        .into_iter()
        .any(|todo| !todo.is_done && todo.executors.iter().any(|executor| !executor.is_done));
    assert!(!open, "{:?}", app.dingtalk().todos());
}

async fn who_has_not_activated_dingtalk_gets_the_mail(engine: Engine) {
    let app = TestApp::with(engine).with_app().with_mail().start().await;
    let now = app.now();
    let inactive =
        move |tx: &mut yuezhi_store::Tx<'_>| people::set_dingtalk_active(tx, LIANG, false, now);
    app.app.db.write(inactive).await.unwrap();
    let request = over(&["dingtalk", "mail_others"]);
    let plan = publish_version::plan(&app.app, &request).await.unwrap();
    assert_eq!(plan.deliveries[0].inactive, 1);
    assert_eq!(
        (
            plan.deliveries[1].lane.as_str(),
            plan.deliveries[1].messages
        ),
        ("mail", 1)
    );
    assert!(plan.undeliverable_people.is_empty());
    app.publish(request).await;
    let cards = of_lane(&app, "card").await;
    assert_eq!(
        states(&cards),
        [("sent", EVERYBODY - 1), ("undeliverable", 1)]
    );
    let undeliverable = cards.iter().find(|d| d.state.as_str() == "undeliverable");
    assert_eq!(
        undeliverable.unwrap().error_code.as_deref(),
        Some("dingtalk_inactive")
    );
    assert_eq!(states(&of_lane(&app, "mail").await), [("sent", 1)]);
}

async fn one_wrong_account_keeps_nobody_else_from_the_message(engine: Engine) {
    // Of a work notice the platform says it later, when it is asked who has read.
    for lane in ["app_robot", "card"] {
        let app = start(engine).await;
        app.change_schema(
            "UPDATE people SET dingtalk_user_id = 'nobody-there' WHERE staff_no = 'LC00018'",
        )
        .await;
        app.publish(over(&[lane])).await;
        let all = of_lane(&app, lane).await;
        assert_eq!(
            states(&all),
            [("sent", EVERYBODY - 1), ("failed", 1)],
            "{lane}: {:?}",
            all.iter()
                .map(|d| (&d.error_code, &d.error_detail))
                .collect::<Vec<_>>()
        );
    }
}

async fn an_answer_that_was_lost_makes_no_second_to_do(engine: Engine) {
    let app = start(engine).await;
    app.dingtalk().set_faults(vec![fault(
        FaultKind::Drop { after: true },
        "/v1.0/todo/",
        1,
    )]);
    app.publish(over(&["todo"])).await;
    app.advance(minutes(5)).await;
    assert_eq!(states(&of_lane(&app, "todo").await), [("sent", EVERYBODY)]);
    assert_eq!(app.dingtalk().todos().len(), 1);
}

async fn a_set_of_a_node_that_died_goes_again_as_the_same_set(engine: Engine) {
    let app = start(engine).await;
    app.publish(over(&["todo"])).await;
    let subject = app.dingtalk().todos()[0].source_id.clone();
    // The outcome was not written before the node died: its lease ran out.
    app.change_schema(
        "UPDATE deliveries SET state = 'due', platform_id = NULL, sent_at = NULL WHERE lane = 'todo'",
    )
    .await;
    let confirmed = app.person_no(LIANG).await;
    app.app
        .db
        .write(move |tx| deliveries::cancel_pending_for_person(tx, 1, confirmed))
        .await
        .unwrap();
    app.work().await;
    let todos = app.dingtalk().todos();
    assert_eq!(todos.len(), 1, "the platform knows the key");
    assert_eq!(todos[0].source_id, subject);
    assert_eq!(
        states(&of_lane(&app, "todo").await),
        [("sent", EVERYBODY - 1), ("cancelled", 1)]
    );
}

async fn use_up(app: &TestApp, calls: i64) {
    let month = yuezhi_server::budget::month_of(app.now());
    app.app
        .db
        .write(move |tx| {
            let used = Metered {
                kind: MeterKind::Api,
                interface: "elsewhere".to_owned(),
                calls,
            };
            meters::add(tx, &month, &used)
        })
        .await
        .unwrap();
}

async fn a_month_that_is_nearly_used_up_makes_work_notices_of_cards(engine: Engine) {
    let app = start(engine).await;
    let mut request = over(&["dingtalk"]);
    request.plan = Some("every workday 09:00".to_owned());
    app.publish(request).await;
    use_up(&app, 4_800).await;
    app.until("2026-09-15 10:00").await;
    let reminders = app.deliveries().await;
    let mut lanes: Vec<&str> = reminders
        .iter()
        .filter(|d| d.occurrence_no != 0)
        .map(|d| d.lane.as_str())
        .collect();
    lanes.dedup();
    assert_eq!(lanes, ["work_notice"]);
    let mut next = publish_travel(600);
    next.plan = Some("none".to_owned());
    let plan = publish_version::plan(&app.app, &next).await.unwrap();
    assert_eq!(
        plan.deliveries[0].lane, "work_notice",
        "taken over as dingtalk"
    );
    assert!(
        plan.warnings
            .iter()
            .any(|w| w.code == "budget_scarce_after")
    );
}

async fn a_used_up_month_holds_the_lane_and_loses_nothing(engine: Engine) {
    let app = start(engine).await;
    let mut rules = Rules::default();
    rules.limits.calls_per_month = Some(0);
    rules.limits.month_grace_ms = 0;
    app.dingtalk().set_rules(rules.clone());
    app.publish(over(&["work_notice"])).await;
    app.may_leave_work();
    let held = of_lane(&app, "work_notice").await;
    assert_eq!(states(&held), [("due", EVERYBODY)]);
    assert!(held.iter().all(|delivery| delivery.attempts == 0));
    rules.limits.calls_per_month = None;
    app.dingtalk().set_rules(rules);
    app.advance(days(1)).await;
    assert_eq!(
        states(&of_lane(&app, "work_notice").await),
        [("sent", EVERYBODY)]
    );
    assert_eq!(app.dingtalk().work_notices().len(), 1);
}

async fn with_keys_alone_dingtalk_is_the_chat_with_the_robot(engine: Engine) {
    let app = TestApp::start(engine).await;
    app.change_schema("UPDATE people SET dingtalk_user_id = staff_no")
        .await;
    app.publish(over(&["dingtalk"])).await;
    assert_eq!(
        states(&of_lane(&app, "app_robot").await),
        [("sent", EVERYBODY)]
    );
    assert!(!app.dingtalk().messages_of(XU).is_empty());
}

async fn an_unknown_channel_is_refused_with_those_there_are(engine: Engine) {
    let app = start(engine).await;
    let refused = publish_version::plan(&app.app, &over(&["pigeon"])).await;
    let Err(ActionError::Refused(refusal)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(refusal.code, "channel_unknown");
    let known = &refusal.values[1].1;
    assert!(known.starts_with("dingtalk, "), "{known}");
    assert!(known.contains("robot:all-staff"), "{known}");
}
