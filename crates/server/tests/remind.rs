//! Reminding: on workdays that are workdays in China, only who still owes, and each time once.

use yuezhi_domain::Requirement;
use yuezhi_server::{
    actions::{
        ActionError, Actor, change_schedule,
        publish_version::{PublishRequest, PublishedVersion},
        send_reminders,
    },
    workers,
};

use crate::support::{
    Engine, TestApp, both_engines, days, hours, local, minutes, publish_travel, requirement,
    shanghai, words,
};

both_engines!(
    every_workday_follows_the_work_calendar,
    fridays_leave_out_holidays,
    the_default_plan_reminds_before_on_and_after_the_due_day,
    only_who_still_owes_is_reminded,
    nobody_is_reminded_once_all_have_confirmed,
    a_confirmation_stops_a_reminder_that_waits,
    a_reminder_an_hour_late_still_goes_out,
    a_reminder_of_the_night_is_skipped_and_shown,
    a_long_sleep_sends_one_reminder_not_twenty,
    a_click_reminds_at_once_and_a_second_click_does_not,
    a_click_for_one_person_leaves_the_group_alone,
    a_standing_schedule_fires_every_workday_morning,
    a_standing_schedule_can_be_paused_and_skipped,
    a_plan_ends_with_its_notice,
);

fn with_plan(plan: &str, due: &str) -> PublishRequest {
    let mut request = publish_travel(500);
    request.plan = Some(plan.to_owned());
    request.due = Some(due.to_owned());
    request.channels = Some(vec!["robot:all-staff".to_owned()]);
    request
}

/// When the group's messages came, the first one (the publication) left out.
fn reminded_at(app: &TestApp) -> Vec<String> {
    app.chat("all-staff")
        .iter()
        .skip(1)
        .map(|message| local(yuezhi_domain::UnixMillis(message.at_ms)))
        .collect()
}

async fn every_workday_follows_the_work_calendar(engine: Engine) {
    let app = TestApp::start(engine).await;
    app.publish(with_plan("workdays 09:00", "none")).await;
    app.until("2026-10-12 08:00").await;
    // Sunday 20 September and Saturday 10 October are worked (调休); Mid-Autumn and the National Day week are not.
    let expected = [
        "Tue 09-15",
        "Wed 09-16",
        "Thu 09-17",
        "Fri 09-18",
        "Sun 09-20",
        "Mon 09-21",
        "Tue 09-22",
        "Wed 09-23",
        "Thu 09-24",
        "Mon 09-28",
        "Tue 09-29",
        "Wed 09-30",
        "Thu 10-08",
        "Fri 10-09",
        "Sat 10-10",
    ];
    assert_eq!(
        reminded_at(&app),
        expected.map(|day| format!("{day} 09:00"))
    );
}

async fn fridays_leave_out_holidays(engine: Engine) {
    let app = TestApp::start(engine).await;
    app.publish(with_plan("每周五 17:00", "none")).await;
    app.until("2026-10-17 08:00").await;
    assert_eq!(
        reminded_at(&app),
        ["Fri 09-18 17:00", "Fri 10-09 17:00", "Fri 10-16 17:00"]
    );
}

async fn the_default_plan_reminds_before_on_and_after_the_due_day(engine: Engine) {
    let app = TestApp::start(engine).await;
    let mut request = with_plan("", "2026-09-24");
    request.plan = None;
    let published = app.publish(request).await;
    let planned: Vec<String> = published
        .plan
        .reminders
        .iter()
        .map(|reminder| local(reminder.at))
        .collect();
    app.until("2026-10-20 08:00").await;
    let happened = reminded_at(&app);
    assert_eq!(happened, planned, "what the preview said is what happened");
    assert_eq!(
        happened.first().map(String::as_str),
        Some("Tue 09-22 09:00"),
        "two workdays before"
    );
    assert!(happened.contains(&"Thu 09-24 09:00".to_owned()));
    assert!(
        !happened
            .iter()
            .any(|at| ["10-01", "10-02", "10-05", "10-06", "10-07"]
                .iter()
                .any(|day| at.contains(day))),
        "{happened:?}"
    );
}

async fn only_who_still_owes_is_reminded(engine: Engine) {
    let app = TestApp::with(engine).with_mail().start().await;
    let mut request = with_plan("workdays 09:00, max 1", "none");
    request.audience = Some("部门:财务部, 部门:采购部".to_owned());
    request.channels = Some(vec!["robot:all-staff".to_owned(), "mail".to_owned()]);
    let published = app.publish(request).await;
    assert_eq!(published.recipients, 4);
    app.confirm("LC00041", &published).await.expect(200);
    app.until("2026-09-16 08:00").await;
    let told: Vec<String> = app
        .mail()
        .mails()
        .into_iter()
        .skip(4)
        .map(|mail| mail.to)
        .collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(!told.contains(&"jiayue.xu@lanchuan.example".to_owned()));
    let reminder = &app.chat("all-staff")[1];
    assert!(
        words(reminder).contains('3'),
        "the group learns how many are left: {}",
        words(reminder)
    );
    assert!(
        reminder.mentions.iter().all(|userid| userid != "LC00041"),
        "{:?}",
        reminder.mentions
    );
    assert_eq!(
        app.obligation("LC00036", &published)
            .await
            .unwrap()
            .reminded,
        1
    );
    assert_eq!(
        app.obligation("LC00041", &published)
            .await
            .unwrap()
            .reminded,
        0
    );
    let first = &app.mail().mails_to("licheng.fan@lanchuan.example");
    assert!(
        first[1].references.contains(&first[0].message_id),
        "a mail program shows the reminder below the first mail"
    );
}

async fn nobody_is_reminded_once_all_have_confirmed(engine: Engine) {
    let app = TestApp::start(engine).await;
    let mut request = with_plan("workdays 09:00", "none");
    request.audience = Some("人员:LC00041, 人员:LC00036".to_owned());
    let published = app.publish(request).await;
    app.confirm("LC00041", &published).await.expect(200);
    app.confirm("LC00036", &published).await.expect(200);
    app.until("2026-09-18 10:00").await;
    assert_eq!(reminded_at(&app), [""; 0]);
    assert!(
        app.occurrences(&published)
            .await
            .iter()
            .all(|o| o.ends_with("nobody"))
    );
}

async fn a_confirmation_stops_a_reminder_that_waits(engine: Engine) {
    let app = TestApp::with(engine).with_mail().start().await;
    let mut request = with_plan("workdays 09:00, max 1", "none");
    request.audience = Some("人员:LC00041".to_owned());
    request.channels = Some(vec!["mail".to_owned()]);
    let published = app.publish(request).await;
    app.mail().refuse("*", "450 4.2.1 mailbox busy", None);
    app.until("2026-09-15 09:00").await;
    app.confirm("LC00041", &published).await.expect(200);
    app.mail().accept_all();
    app.until("2026-09-16 10:00").await;
    assert_eq!(app.mail().mails().len(), 1, "only the publication");
}

/// Sleeps through nine o'clock and wakes up at `wake`.
async fn slept_until(engine: Engine, wake: &str) -> (TestApp, PublishedVersion) {
    let app = TestApp::start(engine).await;
    let published = app.publish(with_plan("workdays 09:00", "none")).await;
    app.advance(shanghai(wake).since(app.now())).await;
    (app, published)
}

async fn a_reminder_an_hour_late_still_goes_out(engine: Engine) {
    let (app, published) = slept_until(engine, "2026-09-15 10:00").await;
    assert_eq!(reminded_at(&app), ["Tue 09-15 10:00"]);
    assert_eq!(app.occurrences(&published).await, ["Tue 09-15 09:00 fired"]);
}

async fn a_reminder_of_the_night_is_skipped_and_shown(engine: Engine) {
    let (app, published) = slept_until(engine, "2026-09-15 20:00").await;
    assert_eq!(reminded_at(&app), [""; 0]);
    assert_eq!(
        app.occurrences(&published).await,
        ["Tue 09-15 09:00 skipped_late"]
    );
    app.until("2026-09-16 09:00").await;
    assert_eq!(reminded_at(&app), ["Wed 09-16 09:00"]);
}

async fn a_long_sleep_sends_one_reminder_not_twenty(engine: Engine) {
    let (app, published) = slept_until(engine, "2026-09-24 09:30").await;
    assert_eq!(reminded_at(&app), ["Thu 09-24 09:30"]);
    let occurrences = app.occurrences(&published).await;
    assert_eq!(
        occurrences.iter().filter(|o| o.ends_with("fired")).count(),
        1,
        "{occurrences:?}"
    );
    assert_eq!(occurrences.len(), 9, "{occurrences:?}");
}

async fn click(
    app: &TestApp,
    published: &PublishedVersion,
    people: Vec<i64>,
) -> Result<send_reminders::Reminded, ActionError> {
    let request = send_reminders::RemindRequest {
        actor: Actor::System,
        notice_id: published.notice_id,
        person_nos: people,
        dry_run: false,
    };
    let reminded = send_reminders::remind(&app.app, request).await;
    app.work().await;
    reminded
}

async fn a_click_reminds_at_once_and_a_second_click_does_not(engine: Engine) {
    let app = TestApp::start(engine).await;
    let published = app.publish(with_plan("none", "none")).await;
    app.advance(hours(1)).await;
    assert_eq!(
        click(&app, &published, Vec::new())
            .await
            .unwrap()
            .outstanding,
        30
    );
    assert_eq!(app.chat("all-staff").len(), 2);
    app.advance(minutes(1)).await;
    let refused = click(&app, &published, Vec::new()).await.unwrap_err();
    assert_eq!(refused.refusal().unwrap().code, "reminded_just_now");
    assert_eq!(app.chat("all-staff").len(), 2);
    app.advance(minutes(15)).await;
    click(&app, &published, Vec::new()).await.unwrap();
    let chat = app.chat("all-staff");
    assert_eq!(chat.len(), 3);
    assert_ne!(
        words(&chat[1]),
        words(&chat[2]),
        "DingTalk drops a message that says the same"
    );
}

async fn a_click_for_one_person_leaves_the_group_alone(engine: Engine) {
    let app = TestApp::with(engine).with_mail().start().await;
    let mut request = with_plan("none", "none");
    request.channels = Some(vec!["robot:all-staff".to_owned(), "mail".to_owned()]);
    let published = app.publish(request).await;
    let before = app.mail().mails().len();
    let person = app.person_no("LC00041").await;
    assert_eq!(
        click(&app, &published, vec![person])
            .await
            .unwrap()
            .outstanding,
        1
    );
    let told: Vec<String> = app
        .mail()
        .mails()
        .into_iter()
        .skip(before)
        .map(|mail| mail.to)
        .collect();
    assert_eq!(told, ["jiayue.xu@lanchuan.example"]);
    assert_eq!(app.chat("all-staff").len(), 1);
}

fn timesheet(rule: &str) -> change_schedule::ScheduleInput {
    change_schedule::ScheduleInput {
        name: "工时填报".to_owned(),
        rule: rule.to_owned(),
        time_zone: None,
        lanes: vec!["robot:all-staff".to_owned()],
        title: "请填报工时".to_owned(),
        body: "请在下班前填报**今天的工时**。".to_owned(),
    }
}

async fn a_standing_schedule_fires_every_workday_morning(engine: Engine) {
    let app = TestApp::start(engine).await;
    change_schedule::create(&app.app, Actor::System, &timesheet("每个工作日 09:00"))
        .await
        .unwrap();
    app.until("2026-09-29 08:00").await;
    let chat = app.chat("all-staff");
    let times: Vec<String> = chat
        .iter()
        .map(|message| local(yuezhi_domain::UnixMillis(message.at_ms)))
        .collect();
    let expected = [
        "Tue 09-15",
        "Wed 09-16",
        "Thu 09-17",
        "Fri 09-18",
        "Sun 09-20",
        "Mon 09-21",
        "Tue 09-22",
        "Wed 09-23",
        "Thu 09-24",
        "Mon 09-28",
    ];
    assert_eq!(times, expected.map(|day| format!("{day} 09:00")));
    assert!(words(&chat[0]).contains("今天的工时"));
}

async fn a_standing_schedule_can_be_paused_and_skipped(engine: Engine) {
    let app = TestApp::start(engine).await;
    let id = change_schedule::create(&app.app, Actor::System, &timesheet("每周五 17:00"))
        .await
        .unwrap();
    change_schedule::skip_next(&app.app, Actor::System, id, true)
        .await
        .unwrap();
    app.until("2026-09-20 09:00").await;
    assert_eq!(app.chat("all-staff").len(), 0, "left out once");
    app.until("2026-10-10 09:00").await;
    assert_eq!(app.chat("all-staff").len(), 1);
    change_schedule::set_paused(&app.app, Actor::System, id, true)
        .await
        .unwrap();
    app.until("2026-10-26 09:00").await;
    assert_eq!(app.chat("all-staff").len(), 1);
    change_schedule::set_paused(&app.app, Actor::System, id, false)
        .await
        .unwrap();
    app.until("2026-10-31 09:00").await;
    assert_eq!(
        app.chat("all-staff").len(),
        2,
        "what fell into the pause is not made up for"
    );
    change_schedule::run_now(&app.app, Actor::System, id)
        .await
        .unwrap();
    let again = change_schedule::run_now(&app.app, Actor::System, id).await;
    assert!(again.is_err(), "a double click is one click");
    app.work().await;
    assert_eq!(app.chat("all-staff").len(), 3);
}

async fn a_plan_ends_with_its_notice(engine: Engine) {
    let app = TestApp::start(engine).await;
    app.publish(with_plan("workdays 09:00", "none")).await;
    app.until("2026-09-15 10:00").await;
    let mut second = with_plan("none", "none");
    second.file = publish_travel(600).file;
    app.publish(requirement(second, Requirement::Confirm)).await;
    app.until("2026-09-30 10:00").await;
    assert_eq!(
        reminded_at(&app),
        ["Tue 09-15 09:00", "Tue 09-15 10:00"],
        "a reminder, then the new version; nothing of the old one"
    );
}

/// Two nodes wake up at the same moment and share one PostgreSQL.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_nodes_send_every_reminder_once() {
    let app = TestApp::with(Engine::Postgres).with_mail().start().await;
    let mut request = with_plan("workdays 09:00", "none");
    request.channels = Some(vec!["robot:all-staff".to_owned(), "mail".to_owned()]);
    let published = app.publish(request).await;
    change_schedule::create(&app.app, Actor::System, &timesheet("每个工作日 09:00"))
        .await
        .unwrap();
    let other = app.another_node().await;
    for _ in 0..4 {
        app.move_clock(days(1));
        let (one, two) = tokio::join!(
            workers::run_until_idle(&app.app),
            workers::run_until_idle(&other.app)
        );
        one.unwrap();
        two.unwrap();
    }
    app.work().await;
    assert_eq!(app.chat("all-staff").len(), 1 + 4 + 4);
    assert_eq!(app.mail().mails().len(), 28 * 5);
    assert_eq!(app.occurrences(&published).await.len(), 4);
    let undone = app
        .deliveries()
        .await
        .into_iter()
        .filter(|d| matches!(d.state.as_str(), "due" | "sending"))
        .count();
    assert_eq!(undone, 0);
}
