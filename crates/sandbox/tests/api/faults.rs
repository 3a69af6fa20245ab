//! Injected faults, and what a client sees of them.

use std::time::Duration;

use serde_json::{Value, json};
use yuezhi_sandbox::{Fault, FaultKind};

use crate::support::Trial;

fn hello(uuid: &str) -> Value {
    json!({"msgtype": "text", "text": {"content": "你好"}, "msgUuid": uuid})
}

async fn send(trial: &Trial, uuid: &str) -> Result<(u16, String), reqwest::Error> {
    let answer = trial
        .http
        .post(trial.url("/robot/send?access_token=open"))
        .json(&hello(uuid))
        .send()
        .await?;
    let status = answer.status().as_u16();
    answer.text().await.map(|text| (status, text))
}

#[tokio::test]
async fn a_status_strikes_the_next_n_calls_of_its_paths_only() {
    let trial = Trial::start().await;
    trial.sandbox.set_faults(vec![Fault::next(
        2,
        "/robot/",
        FaultKind::Status { status: 503 },
    )]);
    assert_eq!(send(&trial, "a").await.unwrap().0, 503);
    trial.token().await;
    assert_eq!(send(&trial, "a").await.unwrap().0, 503);
    assert_eq!(send(&trial, "a").await.unwrap().0, 200);
    assert_eq!(trial.sandbox.faults()[0].struck, 2);
    assert_eq!(trial.sandbox.messages().len(), 1);
}

#[tokio::test]
async fn a_dropped_connection_leaves_no_answer_and_perhaps_a_message() {
    let trial = Trial::start().await;
    trial.sandbox.set_faults(vec![
        Fault::next(1, "", FaultKind::Drop { after: false }),
        Fault::next(1, "", FaultKind::Drop { after: true }),
    ]);
    assert!(send(&trial, "a").await.is_err());
    assert!(trial.sandbox.messages().is_empty());
    assert!(send(&trial, "a").await.is_err());
    assert_eq!(trial.sandbox.messages().len(), 1);
    assert_eq!(
        send(&trial, "a").await.unwrap().1,
        r#"{"errcode":0,"errmsg":"ok"}"#
    );
    assert_eq!(
        trial.sandbox.messages().len(),
        1,
        "the retry with the same key is not shown again"
    );
}

#[tokio::test]
async fn half_an_answer_is_an_error_although_the_message_arrived() {
    let trial = Trial::start().await;
    trial
        .sandbox
        .set_faults(vec![Fault::next(1, "", FaultKind::Half)]);
    assert!(send(&trial, "a").await.is_err());
    assert_eq!(trial.sandbox.messages().len(), 1);
}

#[tokio::test]
async fn answers_in_other_shapes() {
    let trial = Trial::start().await;
    let rows = [
        (FaultKind::Html, "<!doctype html>"),
        (FaultKind::Banned, r#""status":1111"#),
        (FaultKind::Throttle, r#""errcode":130101"#),
        (FaultKind::Busy, r#""errcode":-1"#),
    ];
    for (kind, expected) in rows {
        trial.sandbox.set_faults(vec![Fault::always(kind)]);
        let (status, text) = send(&trial, "a").await.unwrap();
        assert!(status == 200 && text.contains(expected), "{text}");
    }
    for (kind, status, code) in [
        (
            FaultKind::Throttle,
            403,
            "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi",
        ),
        (FaultKind::Busy, 500, "system.error"),
    ] {
        trial.sandbox.set_faults(vec![Fault::always(kind)]);
        let (got, answer) = trial
            .api("POST", "/v1.0/oauth2/accessToken", None, &json!({}))
            .await;
        assert_eq!((got, answer["code"].as_str()), (status, Some(code)));
    }
}

#[tokio::test]
async fn latency_delays_the_answer() {
    let trial = Trial::start().await;
    trial
        .sandbox
        .set_faults(vec![Fault::next(1, "", FaultKind::Latency { ms: 2_000 })]);
    let impatient = trial
        .http
        .post(trial.url("/robot/send?access_token=open"))
        .timeout(Duration::from_millis(50));
    assert!(
        impatient
            .json(&hello("a"))
            .send()
            .await
            .unwrap_err()
            .is_timeout()
    );
}

#[tokio::test]
async fn faults_clock_and_rules_are_set_over_http_and_spare_the_pages() {
    let trial = Trial::start().await;
    let (status, answer) = trial
        .api(
            "POST",
            "/sandbox/faults",
            None,
            &json!({"kind": "status", "status": 500, "rate": 1.0}),
        )
        .await;
    assert_eq!(
        (status, answer["faults"][0]["struck"].as_u64()),
        (201, Some(0))
    );
    assert_eq!(send(&trial, "a").await.unwrap().0, 500);
    for page in [
        "/",
        "/chat/home",
        "/sandbox/messages",
        "/chat/assets/app.js",
    ] {
        assert_eq!(
            trial
                .http
                .get(trial.url(page))
                .send()
                .await
                .unwrap()
                .status(),
            200,
            "{page}"
        );
    }
    assert_eq!(
        trial
            .http
            .delete(trial.url("/sandbox/faults"))
            .send()
            .await
            .unwrap()
            .status(),
        204
    );
    let (_, clock) = trial
        .api("POST", "/sandbox/clock", None, &json!({"advance_ms": 5}))
        .await;
    assert_eq!(clock["offset_ms"], 5);
    let (_, rules) = trial
        .api(
            "POST",
            "/sandbox/rules",
            None,
            &json!({"limits": {"webhook_per_minute": 1}}),
        )
        .await;
    assert_eq!(
        (
            &rules["limits"]["webhook_per_minute"],
            &rules["limits"]["webhook_body_bytes"]
        ),
        (&json!(1), &json!(20_000))
    );
    assert_eq!(
        send(&trial, "a").await.unwrap().1,
        r#"{"errcode":0,"errmsg":"ok"}"#
    );
    assert!(send(&trial, "b").await.unwrap().1.contains("130101"));
    let bad = trial
        .http
        .post(trial.url("/sandbox/rules"))
        .json(&json!({"limit": {}}))
        .send()
        .await
        .unwrap();
    assert_eq!(bad.status(), 422);
}
