//! To-dos: one per source id, only the app that made one changes it, one person's part at a time.

use serde_json::{Value, json};
use yuezhi_sandbox::{App, Fault, FaultKind, TodoKind};

use crate::support::{Trial, config};

const TASKS: &str = "/v1.0/todo/users/union-zhangwei/tasks";

fn task(source: &str) -> Value {
    json!({
        "subject": "请阅读年假办法", "sourceId": source, "creatorId": "union-zhangwei",
        "executorIds": ["union-lina", "union-wangfang"], "todoType": "READ", "priority": 20,
        "detailUrl": {"appUrl": "https://a.example/n/1", "pcUrl": "https://a.example/n/1"},
        "notifyConfigs": {"dingNotify": "1"}, "dueTime": 1_795_400_000_000_i64,
    })
}

async fn create(trial: &Trial, token: &str, source: &str) -> String {
    let answer = trial.expect(200, "POST", TASKS, token, &task(source)).await;
    answer["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_source_id_makes_one_to_do() {
    let trial = Trial::start().await;
    let token = trial.token().await;
    let id = create(&trial, &token, "notice-1").await;
    let again = trial
        .expect(400, "POST", TASKS, &token, &task("notice-1"))
        .await;
    assert_eq!(again["code"], "todo.taskCreate.paramError");
    let message = again["message"].as_str().unwrap();
    assert!(
        message.contains("task exist") && message.contains(&id),
        "{message}"
    );
    let source = format!("{TASKS}/sources/notice-1");
    let found = trial.expect(200, "GET", &source, &token, &json!({})).await;
    assert_eq!(
        (&found["id"], &found["todoType"]),
        (&json!(id), &json!("READ"))
    );
    assert_eq!(trial.sandbox.todos()[0].kind, TodoKind::Read);
}

#[tokio::test]
async fn everyone_is_done_when_the_last_executor_is() {
    let trial = Trial::start().await;
    let token = trial.token().await;
    let id = create(&trial, &token, "notice-1").await;
    let at = format!("{TASKS}/{id}");
    let status = format!("{at}/executorStatus?operatorId=union-zhangwei");
    let done = |who: &str| json!({"executorStatusList": [{"id": who, "isDone": true}]});
    trial
        .expect(200, "PUT", &status, &token, &done("union-lina"))
        .await;
    let todo = trial.expect(200, "GET", &at, &token, &json!({})).await;
    assert_eq!(
        (&todo["done"], &todo["doneExecutorIds"]),
        (&json!(false), &json!(["union-lina"]))
    );
    let query = "/v1.0/todo/users/union-lina/org/tasks/query";
    let asked = json!({"isDone": true, "todoType": "READ", "roleTypes": [["executor"]]});
    let list = trial.expect(200, "POST", query, &token, &asked).await;
    assert_eq!(list["todoCards"][0]["taskId"], json!(id));
    trial
        .expect(200, "PUT", &status, &token, &done("union-wangfang"))
        .await;
    assert!(trial.sandbox.todos()[0].is_done);
    trial
        .expect(400, "PUT", &status, &token, &done("union-zhaolei"))
        .await;
    trial.sandbox.clock().advance_ms(181 * 24 * 3_600_000);
    let token = trial.token().await;
    let list = trial.expect(200, "POST", query, &token, &asked).await;
    assert_eq!(
        list["todoCards"],
        json!([]),
        "finished ones are listed for 180 days"
    );
}

#[tokio::test]
async fn changes_hiding_and_deletion() {
    let trial = Trial::start().await;
    let token = trial.token().await;
    let id = create(&trial, &token, "notice-1").await;
    let at = format!("{TASKS}/{id}");
    let change = json!({"subject": "请尽快阅读", "executorIds": ["union-liuyang"], "done": true});
    trial.expect(200, "PUT", &at, &token, &change).await;
    let todo = trial.sandbox.todos().remove(0);
    assert_eq!(
        (todo.subject.as_str(), todo.executors.len(), todo.is_done),
        ("请尽快阅读", 1, true)
    );
    let hide = format!("/v1.0/todo/users/union-liuyang/tasks/{id}/hide");
    trial.expect(200, "DELETE", &hide, &token, &json!({})).await;
    let query = "/v1.0/todo/users/union-liuyang/org/tasks/query";
    let list = trial
        .expect(200, "POST", query, &token, &json!({"todoType": "READ"}))
        .await;
    assert_eq!(list["todoCards"], json!([]));
    trial.expect(200, "DELETE", &at, &token, &json!({})).await;
    trial.expect(400, "DELETE", &at, &token, &json!({})).await;
    assert!(trial.sandbox.todos().is_empty());
    create(&trial, &token, "notice-1").await;
}

#[tokio::test]
async fn what_a_to_do_must_have() {
    let trial = Trial::start().await;
    let token = trial.token().await;
    let many: Vec<_> = (0..101).map(|n| format!("u{n}")).collect();
    for (field, value, message) in [
        ("subject", json!(null), "subject is mandatory"),
        ("subject", json!("长".repeat(1_025)), "subject is oversize"),
        ("detailUrl", json!({}), "detailUrl is required"),
        ("dueTime", json!("tomorrow"), "dueTime is invalid"),
        ("executorIds", json!(many), "executorIds is oversize"),
        (
            "executorIds",
            json!(["nobody"]),
            "executorIds nobody is invalid",
        ),
        (
            "notifyConfigs",
            json!({"dingNotify": 1}),
            "notifyConfigs.dingNotify is invalid",
        ),
        ("priority", json!(5), "priority is invalid"),
        ("todoType", json!("LATER"), "todoType is invalid"),
    ] {
        let mut body = task("");
        body[field] = value;
        let answer = trial.expect(400, "POST", TASKS, &token, &body).await;
        assert!(
            answer["message"].as_str().unwrap().contains(message),
            "{answer}"
        );
    }
    let nobody = "/v1.0/todo/users/nobody/tasks";
    trial.expect(400, "POST", nobody, &token, &task("")).await;
    trial.sandbox.set_faults(vec![Fault::next(
        1,
        "/v1.0/todo/",
        FaultKind::FlowControl {
            userids: Vec::new(),
        },
    )]);
    let held = trial.expect(400, "POST", TASKS, &token, &task("")).await;
    assert_eq!(held["code"], "todo.taskCreate.flowControlError");
}

#[tokio::test]
async fn only_the_app_that_made_it_changes_it() {
    let mut config = config();
    config.apps.push(App {
        client_id: "dingother".into(),
        client_secret: "other".into(),
        ..App::default()
    });
    let trial = Trial::with(config).await;
    let token = trial.token().await;
    let id = create(&trial, &token, "notice-1").await;
    let body = json!({"appKey": "dingother", "appSecret": "other"});
    let (_, other) = trial
        .api("POST", "/v1.0/oauth2/accessToken", None, &body)
        .await;
    let other = other["accessToken"].as_str().unwrap();
    let refused = trial
        .expect(
            400,
            "PUT",
            &format!("{TASKS}/{id}"),
            other,
            &json!({"done": true}),
        )
        .await;
    assert_eq!(refused["message"], "task not belong to bizTag");
}
