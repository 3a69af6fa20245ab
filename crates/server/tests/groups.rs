//! Notification groups: made, kept in step, greeted, refused where DingTalk has no room.

use std::fmt::Write as _;

use axum::http::Method;
use serde_json::{Value, json};
use yuezhi_sandbox::Rules;
use yuezhi_server::actions::{Actor, import_people, publish_version::UploadedFile};
use yuezhi_store::chat_groups;

use crate::support::{Engine, TestApp, both_engines, days};

both_engines!(
    a_group_is_made_with_its_audience_and_greeted_once,
    members_follow_the_audience_and_guests_stay,
    a_paused_group_is_left_alone,
    a_disbanded_group_is_told,
    an_audience_too_large_is_refused,
    the_pages_of_a_group_work,
);

async fn start(engine: Engine) -> TestApp {
    let app = TestApp::with(engine).with_app().start().await;
    let mut rules = Rules::default();
    rules.limits.calls_per_second = None;
    app.dingtalk().set_rules(rules);
    app
}

async fn make(app: &TestApp, audience: &str) -> Value {
    let body =
        json!({ "name": "policies", "title": "制度通知", "audience": audience, "greets": true });
    app.api(Method::POST, "/api/v1/groups", Some(body))
        .await
        .expect(202);
    app.work().await;
    app.api_get("/api/v1/groups/policies").await
}

/// The made group as the platform has it.
fn on_platform(app: &TestApp) -> yuezhi_sandbox::Group {
    let all = app.dingtalk().groups();
    all.into_iter()
        .find(|group| group.title == "制度通知")
        .expect("the group was made")
}

fn greetings(app: &TestApp) -> usize {
    let all = app.dingtalk().messages();
    all.iter()
        .filter(|message| {
            serde_json::to_string(message)
                .unwrap()
                .contains("制度会第一时间")
        })
        .count()
}

async fn a_group_is_made_with_its_audience_and_greeted_once(engine: Engine) {
    let app = start(engine).await;
    let group = make(&app, "全员").await;
    assert_eq!(group["state"], "active", "{group}");
    assert_eq!(group["problem"], Value::Null, "{group}");
    assert_eq!(group["members"], 30);
    assert_eq!(
        group["channels"],
        json!(["group:policies", "group_announcement:policies"])
    );
    assert!(app.app.channels().get("group:policies").is_some());
    assert_eq!(on_platform(&app).members.len(), 30);
    assert_eq!(greetings(&app), 1);
    app.advance(days(2)).await;
    assert_eq!(greetings(&app), 1, "each is greeted once");
}

async fn members_follow_the_audience_and_guests_stay(engine: Engine) {
    let app = start(engine).await;
    make(&app, "全员").await;
    let mut group = on_platform(&app);
    group.members.push("guest".to_owned());
    app.dingtalk().put_group(group);
    app.change_schema("UPDATE people SET state = 'left' WHERE staff_no = 'LC00041'")
        .await;
    app.advance(days(1)).await;
    let members = on_platform(&app).members;
    assert!(!members.contains(&"LC00041".to_owned()), "{members:?}");
    assert!(
        members.contains(&"guest".to_owned()),
        "whom somebody invited stays"
    );
    app.change_schema("UPDATE people SET state = 'active' WHERE staff_no = 'LC00041'")
        .await;
    app.advance(days(1)).await;
    assert!(on_platform(&app).members.contains(&"LC00041".to_owned()));
    assert_eq!(greetings(&app), 2, "who joins later is greeted too");
}

async fn a_paused_group_is_left_alone(engine: Engine) {
    let app = start(engine).await;
    make(&app, "全员").await;
    app.api(Method::POST, "/api/v1/groups/policies/pause", None)
        .await
        .expect(204);
    app.change_schema("UPDATE people SET state = 'left' WHERE staff_no = 'LC00041'")
        .await;
    app.advance(days(2)).await;
    assert!(on_platform(&app).members.contains(&"LC00041".to_owned()));
    app.api(Method::POST, "/api/v1/groups/policies/resumption", None)
        .await
        .expect(204);
    app.work().await;
    assert!(!on_platform(&app).members.contains(&"LC00041".to_owned()));
    app.api(Method::DELETE, "/api/v1/groups/policies", None)
        .await
        .expect(204);
    assert!(app.read(chat_groups::list).await.is_empty());
    assert!(!on_platform(&app).dissolved, "on the platform it stays");
}

async fn a_disbanded_group_is_told(engine: Engine) {
    let app = start(engine).await;
    make(&app, "全员").await;
    let mut group = on_platform(&app);
    group.dissolved = true;
    app.dingtalk().put_group(group);
    app.advance(days(1)).await;
    let group = app.api_get("/api/v1/groups/policies").await;
    assert_eq!(group["state"], "gone", "{group}");
    assert_eq!(group["problem"]["code"], "group_gone", "{group}");
    app.api(Method::POST, "/api/v1/groups/policies/retry", None)
        .await
        .expect(204);
    app.work().await;
    let group = app.api_get("/api/v1/groups/policies").await;
    assert_eq!(group["state"], "active", "it is made again: {group}");
    assert_eq!(group["members"], 30);
}

async fn an_audience_too_large_is_refused(engine: Engine) {
    let app = start(engine).await;
    let mut csv = "工号,姓名,部门,钉钉UserID\n".to_owned();
    for number in 0..1_001 {
        writeln!(csv, "M{number},大众{number},大部门,big{number}").unwrap();
    }
    let file = UploadedFile {
        name: "people.csv".to_owned(),
        bytes: csv.into_bytes().into(),
    };
    let request = import_people::ImportRequest {
        actor: Actor::System,
        file,
        close_missing: false,
        dry_run: false,
    };
    let report = import_people::import(&app.app, request).await.unwrap();
    assert!(report.applied, "{:?}", report.problems);
    let body = json!({ "name": "all", "title": "全员", "audience": "大部门" });
    let refused = app
        .api(Method::POST, "/api/v1/groups", Some(body))
        .await
        .expect(422)
        .text();
    assert!(
        refused.contains("1002") || refused.contains("1001"),
        "{refused}"
    );
    assert!(app.read(chat_groups::list).await.is_empty());
}

async fn the_pages_of_a_group_work(engine: Engine) {
    let app = start(engine).await;
    let administrator = app.administrator().await;
    let empty = administrator.get("/console/groups").await.expect(200);
    assert!(empty.text().contains("/console/groups/new"));
    let form = administrator.get("/console/groups/new").await.expect(200);
    let form = form
        .form("/console/groups/new")
        .unwrap()
        .with("name", "policies")
        .with("title", "制度通知")
        .with("audience", "全员");
    administrator.submit(&form).await.expect(200);
    app.work().await;
    let page = administrator
        .get("/console/groups/policies")
        .await
        .expect(200);
    assert!(page.words().contains("30"), "{}", page.words());
    administrator
        .post("/console/groups/policies/retry", &[])
        .await
        .expect(200);
    app.work().await;
    administrator.get("/console/groups").await.expect(200);
    let wrong = form.with("name", "a b");
    administrator.submit(&wrong).await.expect(422);
    let gone = administrator
        .post("/console/groups/policies/forget", &[])
        .await
        .expect(200);
    assert_eq!(gone.path, "/console/groups");
}
