//! The API as a script meets it: described, closed to strangers, with errors that a program and a person can read.

use axum::http::{Method, Request};
use serde_json::{Value, json};

use crate::support::{Engine, Multipart, TestApp, both_engines, travel};

both_engines!(
    nothing_is_answered_without_a_token,
    every_list_answers_and_pages,
    a_problem_is_told_in_the_callers_language,
    a_member_nobody_knows_is_refused_by_name,
    a_failure_inside_shows_a_number_and_no_inside,
    a_notice_is_reminded_and_cancelled,
    a_schedule_is_kept_over_the_api,
    a_robot_never_gives_its_secret_back,
    the_metrics_count_what_is_open,
);

fn described() -> Value {
    serde_json::to_value(yuezhi_server::api::description()).unwrap()
}

/// `(method, path)` of every operation, places filled with something that does not exist.
fn operations() -> Vec<(Method, String)> {
    let description = described();
    let paths = description["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, methods)| {
            let path = path
                .split('/')
                .map(|part| if part.starts_with('{') { "0" } else { part })
                .collect::<Vec<_>>()
                .join("/");
            let methods: Vec<String> = methods
                .as_object()
                .unwrap()
                .keys()
                .filter(|key| ["get", "post", "put", "delete", "patch"].contains(&key.as_str()))
                .map(|key| key.to_uppercase())
                .collect();
            methods
                .into_iter()
                .map(move |method| (method.parse().unwrap(), path.clone()))
        })
        .collect()
}

async fn nothing_is_answered_without_a_token(engine: Engine) {
    let app = TestApp::start(engine).await;
    let all = operations();
    assert!(all.len() > 40, "{}", all.len());
    for (method, path) in all {
        let request = Request::builder().method(method.clone()).uri(&path);
        let answer = app.call(request.body("".into()).unwrap(), &path).await;
        assert_eq!(answer.status.as_u16(), 401, "{method} {path}");
        let request = Request::builder()
            .method(method.clone())
            .uri(&path)
            .header("authorization", "Bearer yuezhi_wrong");
        let answer = app.call(request.body("".into()).unwrap(), &path).await;
        assert_eq!(
            answer.status.as_u16(),
            401,
            "{method} {path} with a wrong token"
        );
    }
    app.visitor().get("/api/openapi.json").await.expect(200);
    let page = app.visitor().get("/api").await.expect(200);
    assert!(page.words().contains("/api/v1/notices"));
}

async fn every_list_answers_and_pages(engine: Engine) {
    let app = TestApp::start(engine).await;
    app.publish_travel_over(500, &["robot:all-staff"]).await;
    app.publish_travel_over(600, &["robot:all-staff"]).await;
    let lists: Vec<String> = operations()
        .into_iter()
        .filter(|(method, path)| method == Method::GET && !path.contains("/0"))
        .map(|(_, path)| path)
        .filter(|path| path != "/api/v1/schedules/preview")
        .collect();
    assert!(lists.len() >= 8, "{lists:?}");
    for path in lists {
        let answer = app.api(Method::GET, &path, None).await;
        assert_eq!(answer.status.as_u16(), 200, "{path}: {}", answer.text());
    }
    let mut found = Vec::new();
    let mut path = "/api/v1/notices?limit=1".to_owned();
    loop {
        let page = app.api_get(&path).await;
        found.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|n| n["label"].clone()),
        );
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/api/v1/notices?limit=1&after={next}");
    }
    assert_eq!(
        found,
        [json!("2.0"), json!("1.0")],
        "newest first, each once"
    );
}

async fn a_problem_is_told_in_the_callers_language(engine: Engine) {
    let app = TestApp::start(engine).await;
    let path = "/api/v1/policies/nowhere";
    let ask = async |language: &str| {
        let request = Request::get(path)
            .header("authorization", format!("Bearer {}", app.app.local_token))
            .header("accept-language", language);
        let answer = app
            .call(request.body("".into()).unwrap(), path)
            .await
            .expect(404);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        answer.json()
    };
    let (chinese, english) = (ask("zh-CN").await, ask("en").await);
    assert_eq!(chinese["code"], "policy_unknown");
    assert_eq!(english["code"], "policy_unknown");
    assert_ne!(chinese["detail"], english["detail"]);
    assert!(
        english["detail"].as_str().unwrap().contains("nowhere"),
        "{english:#}"
    );
}

async fn a_member_nobody_knows_is_refused_by_name(engine: Engine) {
    let app = TestApp::start(engine).await;
    let published = app.publish_travel_over(500, &["robot:all-staff"]).await;
    let path = format!("/api/v1/notices/{}/cancellation", published.notice_id);
    let body = json!({ "reason": "x", "raeson": "y" });
    let problem = app.api(Method::POST, &path, Some(body)).await;
    assert_eq!(problem.status.as_u16(), 422, "{}", problem.text());
    assert!(problem.text().contains("raeson"), "{}", problem.text());
    let odd = app.api(Method::GET, "/api/v1/notices?limt=1", None).await;
    assert_eq!(odd.status.as_u16(), 422, "{}", odd.text());
    let huge = app
        .api(Method::GET, "/api/v1/notices?limit=99999999", None)
        .await;
    assert!(
        huge.status.is_success() || huge.status.as_u16() == 422,
        "{}",
        huge.status
    );
    let request = app
        .api_request(Method::POST, &path)
        .header("content-type", "application/json");
    let torn = app
        .call(request.body("{\"reason\":".into()).unwrap(), &path)
        .await;
    assert!(torn.status.is_client_error(), "{}", torn.text());
    assert_eq!(torn.header("content-type"), "application/problem+json");
}

async fn a_failure_inside_shows_a_number_and_no_inside(engine: Engine) {
    let app = TestApp::start(engine).await;
    app.change_schema("DROP TABLE audit").await;
    app.expect_error("audit");
    let answer = app
        .api(Method::GET, "/api/v1/audit", None)
        .await
        .expect(500)
        .json();
    assert!(
        answer["number"]
            .as_str()
            .is_some_and(|number| number.len() == 8),
        "{answer:#}"
    );
    assert!(!answer.to_string().contains("SELECT"), "{answer:#}");
}

async fn a_notice_is_reminded_and_cancelled(engine: Engine) {
    let app = TestApp::start(engine).await;
    let form = Multipart::default().file("file", "travel.md", travel(500).as_bytes());
    let published = app
        .api_multipart("/api/v1/versions", form)
        .await
        .expect(201)
        .json();
    let notice = format!("/api/v1/notices/{}", published["notice"].as_str().unwrap());
    app.work().await;
    let dry = json!({ "dry_run": true });
    let would = app
        .api(Method::POST, &format!("{notice}/reminders"), Some(dry))
        .await
        .expect(200)
        .json();
    assert_eq!(would["outstanding"], 30);
    assert_eq!(app.chat("all-staff").len(), 1);
    app.api(
        Method::POST,
        &format!("{notice}/reminders"),
        Some(json!({})),
    )
    .await
    .expect(200);
    app.work().await;
    assert_eq!(app.chat("all-staff").len(), 2);
    let recipients = app
        .api_get(&format!("{notice}/recipients?state=pending&search=许佳悦"))
        .await;
    assert_eq!(
        recipients["items"][0]["staff_no"], "LC00041",
        "{recipients:#}"
    );
    assert_eq!(recipients["items"][0]["reminded"], 1);
    let reason = json!({ "reason": "发错了版本" });
    app.api(
        Method::POST,
        &format!("{notice}/cancellation"),
        Some(reason.clone()),
    )
    .await
    .expect(200);
    app.api(
        Method::POST,
        &format!("{notice}/cancellation"),
        Some(reason),
    )
    .await
    .expect(409);
    let audit = app.api_get("/api/v1/audit").await;
    assert!(audit.to_string().contains("notice.cancelled"), "{audit:#}");
}

async fn a_schedule_is_kept_over_the_api(engine: Engine) {
    let app = TestApp::start(engine).await;
    let body = json!({
        "name": "工时填报", "rule": "每周五 17:00", "channels": ["robot:all-staff"], "title": "请填报工时", "body": "请填报。",
    });
    let made = app
        .api(Method::POST, "/api/v1/schedules", Some(body.clone()))
        .await;
    assert!(made.status.is_success(), "{}", made.text());
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let mut wrong = body;
    wrong["rule"] = json!("manchmal");
    let problem = app
        .api(Method::POST, "/api/v1/schedules", Some(wrong))
        .await
        .expect(422)
        .json();
    assert!(
        problem["errors"].to_string().contains("rule"),
        "{problem:#}"
    );
    app.until("2026-09-18 17:00").await;
    assert_eq!(app.chat("all-staff").len(), 1);
    app.api(Method::DELETE, &format!("/api/v1/schedules/{id}"), None)
        .await;
    app.until("2026-10-20 10:00").await;
    assert_eq!(
        app.chat("all-staff").len(),
        1,
        "a schedule that was deleted is silent"
    );
}

async fn a_robot_never_gives_its_secret_back(engine: Engine) {
    let app = TestApp::start(engine).await;
    let secret = "SECnobody000000000000000000000000000000000000000000000000000reads";
    let body = json!({ "webhook": "https://oapi.dingtalk.com/robot/send?access_token=0123456789abcdef", "secret": secret, "keywords": ["制度"] });
    let put = app
        .api(Method::PUT, "/api/v1/robots/legal", Some(body))
        .await;
    assert!(put.status.is_success(), "{}", put.text());
    let list = app.api_get("/api/v1/robots").await.to_string();
    assert!(list.contains("legal"));
    assert!(
        !list.contains(secret) && !list.contains("0123456789abcdef"),
        "{list}"
    );
    let bad = json!({ "webhook": "not an address" });
    app.api(Method::PUT, "/api/v1/robots/broken", Some(bad))
        .await
        .expect(422);
}

async fn the_metrics_count_what_is_open(engine: Engine) {
    let app = TestApp::start(engine).await;
    app.publish_travel_over(500, &["robot:all-staff"]).await;
    let metrics = app.visitor().get("/metrics").await.expect(200).text();
    assert!(
        metrics.contains("yuezhi_") && metrics.contains("# TYPE"),
        "{metrics}"
    );
    assert!(
        metrics
            .lines()
            .any(|line| line.starts_with("yuezhi_") && line.contains("robot:all-staff")),
        "{metrics}"
    );
}
