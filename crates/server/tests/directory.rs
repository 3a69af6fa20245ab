//! The organisation's DingTalk directory: whole walks, single changes, what is lost and what is held back.

use std::time::Duration;

use axum::http::Method;
use serde_json::json;
use yuezhi_domain::ObligationState;
use yuezhi_sandbox::{Department, DirectoryRules, EventFate, LeaveReason, Person, Rules};
use yuezhi_server::workers::stream::Stream;
use yuezhi_store::{departments, obligations, people};

use crate::support::{Engine, TestApp, both_engines, days, publish_travel};

both_engines!(
    a_first_walk_brings_everybody_in,
    who_moves_and_whose_department_is_renamed_follows,
    who_leaves_owes_nothing_and_comes_back_with_their_history,
    what_events_did_not_tell_the_night_repairs,
    an_event_changes_one_person_at_once,
    a_sudden_loss_stops_and_asks,
    a_dry_run_counts_and_writes_nothing,
    a_directory_that_cannot_be_read_is_told_on_the_page,
);

fn person(userid: &str, name: &str, department: i64) -> Person {
    Person {
        userid: userid.to_owned(),
        unionid: format!("union-{userid}"),
        name: name.to_owned(),
        job_number: format!("J{userid}"),
        mobile: format!("1380000{:0>4}", userid.trim_start_matches('u')),
        org_email: format!("{userid}@lanchuan.example"),
        title: "专员".to_owned(),
        department_ids: vec![department],
        active: true,
        ..Person::default()
    }
}

/// Two departments below the root, 30 people; nobody is here yet.
async fn start(engine: Engine, more: usize) -> TestApp {
    let app = TestApp::with(engine)
        .without_people()
        .configured(|config| {
            config.dingtalk.sync_people = true;
            config.dingtalk.stream = true;
        })
        .start()
        .await;
    let dingtalk = app.dingtalk();
    let mut rules = Rules::default();
    rules.limits.calls_per_second = None;
    dingtalk.set_rules(rules);
    for userid in dingtalk.organisation().people {
        dingtalk
            .leave(&userid.userid, LeaveReason::default())
            .unwrap();
    }
    let root = (1, "澜川科技集团", None);
    for (id, name, parent_id) in [root, (2, "财务部", Some(1)), (3, "研发部", Some(1))] {
        let department = Department {
            id,
            name: name.to_owned(),
            parent_id,
            ..Department::default()
        };
        dingtalk.put_department(department).unwrap();
    }
    for number in 0..30 + more {
        let department = if number % 3 == 0 { 2 } else { 3 };
        dingtalk
            .hire(person(
                &format!("u{number}"),
                &format!("员工{number}"),
                department,
            ))
            .unwrap();
    }
    app
}

async fn by_user(app: &TestApp, userid: &'static str) -> Option<people::Person> {
    app.read(move |tx| people::by_dingtalk_user_id(tx, userid))
        .await
}

async fn active(app: &TestApp) -> i64 {
    app.read(people::count_active).await
}

async fn sync(app: &TestApp, body: serde_json::Value) -> serde_json::Value {
    let started = app
        .api(Method::POST, "/api/v1/people/sync", Some(body))
        .await
        .expect(202)
        .json();
    app.work().await;
    let standing = app.api_get("/api/v1/people/sync").await;
    assert_eq!(standing["running"], false);
    assert_eq!(standing["ended"]["id"], started["id"]);
    standing
}

async fn a_first_walk_brings_everybody_in(engine: Engine) {
    let app = start(engine, 0).await;
    app.work().await;
    assert_eq!(active(&app).await, 30);
    let known = by_user(&app, "u1").await.unwrap();
    assert_eq!(
        (known.staff_no.as_str(), known.department_path.as_str()),
        ("Ju1", "研发部")
    );
    assert_eq!(known.email.as_deref(), Some("u1@lanchuan.example"));
    assert_eq!(known.dingtalk_union_id.as_deref(), Some("union-u1"));
    assert_eq!(known.dingtalk_active, Some(true));
    let page = app
        .administrator()
        .await
        .get("/console/people")
        .await
        .expect(200);
    assert!(page.words().contains("30"), "{}", page.words());
    // The next one is due in the coming night, not near a full hour.
    let standing = app.api_get("/api/v1/people/sync").await;
    assert_eq!(standing["ended"]["result"]["created"], 30, "{standing}");
    assert!(standing["next_at"].is_string());
}

async fn who_moves_and_whose_department_is_renamed_follows(engine: Engine) {
    let app = start(engine, 0).await;
    app.work().await;
    app.dingtalk().move_person("u1", vec![2]).unwrap();
    app.dingtalk().rename_department(3, "研发中心").unwrap();
    let standing = sync(&app, json!({})).await;
    assert_eq!(standing["ended"]["result"]["created"], 0, "{standing}");
    assert_eq!(by_user(&app, "u1").await.unwrap().department_path, "财务部");
    assert_eq!(
        by_user(&app, "u2").await.unwrap().department_path,
        "研发中心"
    );
    let tree = app.read(departments::tree).await;
    assert!(!tree.iter().any(|department| department.path == "研发部"));
}

async fn who_leaves_owes_nothing_and_comes_back_with_their_history(engine: Engine) {
    let app = start(engine, 0).await;
    app.work().await;
    let mut request = publish_travel(500);
    request.plan = Some("none".to_owned());
    request.channels = Some(vec!["robot:all-staff".to_owned()]);
    request.audience = Some("全员".to_owned());
    let published = app.publish(request).await;
    let known = by_user(&app, "u1").await.unwrap();
    let state = |app: &TestApp| {
        let db = app.app.db.clone();
        let (notice_no, person_no) = (published.notice_no, known.no);
        async move {
            db.read(move |tx| obligations::get(tx, notice_no, person_no))
                .await
                .unwrap()
                .unwrap()
                .state
        }
    };
    assert_eq!(state(&app).await, ObligationState::Pending);
    app.dingtalk().leave("u1", LeaveReason::default()).unwrap();
    let standing = sync(&app, json!({})).await;
    assert_eq!(standing["ended"]["result"]["left"], 1, "{standing}");
    assert!(!by_user(&app, "u1").await.unwrap().is_active());
    assert_eq!(state(&app).await, ObligationState::Closed);

    app.dingtalk().rehire("u1").unwrap();
    let standing = sync(&app, json!({})).await;
    assert_eq!(standing["ended"]["result"]["rejoined"], 1, "{standing}");
    let again = by_user(&app, "u1").await.unwrap();
    assert_eq!(again.no, known.no, "the same person");
    assert_eq!(state(&app).await, ObligationState::Pending);

    // Taken in anew under another userid: the human being is the same.
    app.dingtalk().leave("u2", LeaveReason::default()).unwrap();
    let before = by_user(&app, "u2").await.unwrap();
    sync(&app, json!({})).await;
    let mut anew = person("u2new", "员工2", 3);
    "union-u2".clone_into(&mut anew.unionid);
    app.dingtalk().hire(anew).unwrap();
    sync(&app, json!({})).await;
    let after = by_user(&app, "u2new").await.unwrap();
    assert_eq!((after.no, after.is_active()), (before.no, true));
}

async fn what_events_did_not_tell_the_night_repairs(engine: Engine) {
    let app = start(engine, 0).await;
    app.work().await;
    let mut rules = Rules::default();
    rules.limits.calls_per_second = None;
    rules.directory = DirectoryRules {
        contact_events: EventFate::Lost,
        ..rules.directory
    };
    app.dingtalk().set_rules(rules);
    app.dingtalk().leave("u4", LeaveReason::default()).unwrap();
    app.dingtalk().hire(person("u99", "新同事", 2)).unwrap();
    app.work().await;
    assert!(by_user(&app, "u99").await.is_none(), "nobody told");
    app.advance(days(1)).await;
    assert!(by_user(&app, "u99").await.is_some());
    assert!(!by_user(&app, "u4").await.unwrap().is_active());
}

async fn an_event_changes_one_person_at_once(engine: Engine) {
    let app = start(engine, 0).await;
    app.work().await;
    let stream = Stream::start_patient(&app.app, Duration::from_millis(10)).unwrap();
    for _ in 0..500 {
        if app
            .app
            .stream_status()
            .is_some_and(|status| status.is_connected())
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    app.dingtalk().hire(person("u98", "新同事", 2)).unwrap();
    app.dingtalk().leave("u5", LeaveReason::default()).unwrap();
    for _ in 0..500 {
        let came = by_user(&app, "u98").await;
        let left = by_user(&app, "u5")
            .await
            .is_some_and(|person| !person.is_active());
        if left && let Some(came) = came {
            assert_eq!(came.department_path, "财务部");
            stream.stop().await;
            app.work().await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the events changed nothing");
}

async fn a_sudden_loss_stops_and_asks(engine: Engine) {
    let app = start(engine, 30).await;
    app.work().await;
    for number in 0..25 {
        app.dingtalk()
            .leave(&format!("u{number}"), LeaveReason::default())
            .unwrap();
    }
    let standing = sync(&app, json!({})).await;
    assert_eq!(standing["ended"]["result"]["held_back"], 25, "{standing}");
    assert_eq!(active(&app).await, 60, "nobody was closed");
    let administrator = app.administrator().await;
    let page = administrator.get("/console/people").await.expect(200);
    assert!(page.words().contains("25"), "{}", page.words());
    let form = page.text();
    assert!(form.contains("name=\"allow_loss\""), "the page asks");
    administrator
        .post("/console/people/sync", &[("allow_loss", "1")])
        .await
        .expect(200);
    app.work().await;
    assert_eq!(active(&app).await, 35);
}

async fn a_dry_run_counts_and_writes_nothing(engine: Engine) {
    let app = start(engine, 0).await;
    app.work().await;
    app.dingtalk().hire(person("u77", "新同事", 2)).unwrap();
    let standing = sync(&app, json!({ "dry_run": true })).await;
    assert_eq!(standing["ended"]["result"]["created"], 1, "{standing}");
    assert_eq!(active(&app).await, 30);
}

async fn a_directory_that_cannot_be_read_is_told_on_the_page(engine: Engine) {
    let app = start(engine, 0).await;
    app.work().await;
    let mut rules = Rules::default();
    rules.limits.calls_per_second = None;
    rules.access.egress_ips = vec!["203.0.113.9".to_owned()];
    app.dingtalk().set_rules(rules);
    let standing = sync(&app, json!({})).await;
    assert!(standing["ended"]["error"]["code"].is_string(), "{standing}");
    let page = app
        .administrator()
        .await
        .get("/console/people")
        .await
        .expect(200);
    assert!(page.words().contains("30"), "what is known stays");
    app.may_leave_work();
}
