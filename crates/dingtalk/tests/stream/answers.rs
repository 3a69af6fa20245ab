//! Answers of handlers, and of the client where they are silent.

use std::time::Duration;

use dingtalk::stream::{
    AnswerError, CARD_TOPIC, CardResponse, Payload, SilentEvent, StreamOptions,
};
use serde_json::json;

use crate::gateway::{Gateway, options, status_when};

fn click() -> serde_json::Value {
    json!({"type": "actionCallback", "outTrackId": "policy-1", "userId": "u1",
        "content": "{\"cardPrivateData\":{\"actionIds\":[\"1\"],\"params\":{\"action\":\"confirm\"}}}"})
}

#[tokio::test]
async fn a_click_is_answered_with_the_new_look_of_the_card() {
    let gateway = Gateway::start().await;
    let (_client, mut pushes) = gateway.manual(options());
    let mut connection = gateway.connection().await;
    connection.callback(CARD_TOPIC, "m1", &click());
    let (push, responder) = pushes.recv().await.unwrap();
    let Payload::Card(click) = push.payload else {
        panic!("a click")
    };
    assert_eq!(click.param("action").as_deref(), Some("confirm"));
    let response = CardResponse::unchanged().for_clicker("confirmed", "true");
    responder.card(&response).unwrap();
    let expected = json!({"response": {
        "cardUpdateOptions": {"updateCardDataByKey": false, "updatePrivateDataByKey": true},
        "userPrivateData": {"cardParamMap": {"confirmed": "true"}}}});
    assert_eq!(connection.ack().await, ("m1".into(), 200, expected));
}

#[tokio::test]
async fn a_value_the_platform_would_refuse_leaves_the_card_unchanged() {
    let gateway = Gateway::start().await;
    let (_client, mut pushes) = gateway.manual(options());
    let mut connection = gateway.connection().await;
    connection.callback(CARD_TOPIC, "m1", &click());
    let (_, responder) = pushes.recv().await.unwrap();
    let response = CardResponse::unchanged().for_all("text", "x".repeat(1025));
    assert!(matches!(
        responder.card(&response),
        Err(AnswerError::Card(_))
    ));
    assert_eq!(
        connection.ack().await,
        ("m1".into(), 200, json!({"response": {}}))
    );
}

#[tokio::test]
async fn a_slow_handler_is_answered_for_in_time_and_told_so() {
    let gateway = Gateway::start().await;
    let (client, mut pushes) = gateway.manual(options());
    let mut connection = gateway.connection().await;
    connection.callback(CARD_TOPIC, "m1", &click());
    let (_, responder) = pushes.recv().await.unwrap();
    assert!(!responder.is_late());
    assert_eq!(
        connection.ack().await,
        ("m1".into(), 200, json!({"response": null}))
    );
    assert!(responder.is_late());
    assert_eq!(
        responder.card(&CardResponse::unchanged()),
        Err(AnswerError::Late)
    );
    assert_eq!(client.status().borrow().answered_late, 1);
}

#[tokio::test]
async fn an_event_taken_late_is_not_handled_again() {
    let gateway = Gateway::start().await;
    let (client, mut pushes) = gateway.manual(options());
    let mut connection = gateway.connection().await;
    connection.event("m1", "e1");
    let (_, responder) = pushes.recv().await.unwrap();
    assert_eq!(connection.ack().await.2["status"], "LATER");
    // It comes again while the handler is still at it, and is answered when the handler is done.
    connection.event("m2", "e1");
    connection.assert_silent().await;
    assert_eq!(responder.success(), Err(AnswerError::Late));
    let (id, _, data) = connection.ack().await;
    assert_eq!(
        (id.as_str(), data["status"].as_str()),
        ("m2", Some("SUCCESS"))
    );
    connection.event("m3", "e1");
    assert_eq!(connection.ack().await.2["status"], "SUCCESS");
    assert!(pushes.try_recv().is_err());
    assert_eq!(client.status().borrow().repeated, 2);
}

#[tokio::test]
async fn silence_can_mean_success_or_nothing() {
    for (silent_event, expected) in [
        (SilentEvent::Success, Some("SUCCESS")),
        (SilentEvent::Unanswered, None),
    ] {
        let gateway = Gateway::start().await;
        let options = StreamOptions {
            silent_event,
            event_answer_within: Duration::from_millis(40),
            ..options()
        };
        let (client, mut pushes) = gateway.manual(options);
        let mut connection = gateway.connection().await;
        connection.event("m1", "e1");
        let _kept = pushes.recv().await.unwrap();
        match expected {
            Some(expected) => assert_eq!(connection.ack().await.2["status"], expected),
            None => {
                status_when(&client, |status| status.answered_late == 1).await;
                connection.assert_silent().await;
            }
        }
    }
}

#[tokio::test]
async fn a_handler_that_fails_or_forgets_gives_the_answer_of_silence_at_once() {
    let gateway = Gateway::start().await;
    let options = StreamOptions {
        callback_answer_within: Duration::from_secs(60),
        event_answer_within: Duration::from_secs(60),
        ..options()
    };
    let client = gateway.client(options, |push, responder| async move {
        let _dropped = responder;
        assert!(
            push.frame.message_id() != Some("m1"),
            "a handler that fails"
        );
    });
    let mut connection = gateway.connection().await;
    connection.callback(CARD_TOPIC, "m1", &click());
    assert_eq!(connection.ack().await.2, json!({"response": null}));
    connection.event("m2", "e2");
    assert_eq!(connection.ack().await.2["status"], "LATER");
    assert_eq!(client.status().borrow().answered_late, 0);
}

#[tokio::test]
async fn other_topics_get_what_the_handler_says() {
    let gateway = Gateway::start().await;
    let (_client, mut pushes) = gateway.manual(options());
    let mut connection = gateway.connection().await;
    connection.callback("/v1.0/graph/api/invoke", "m1", &json!({"x": 1}));
    let (push, responder) = pushes.recv().await.unwrap();
    assert_eq!(push.payload, Payload::Other(json!({"x": 1})));
    responder.respond(&json!({"y": 2})).unwrap();
    assert_eq!(connection.ack().await.2, json!({"response": {"y": 2}}));
    connection.callback("/v1.0/nobody", "m2", &json!({}));
    pushes.recv().await.unwrap().1.unknown_topic().unwrap();
    assert_eq!(connection.ack().await.1, 404);
    connection.callback("/v1.0/nobody", "m3", &json!({}));
    pushes.recv().await.unwrap().1.later().unwrap();
    assert_eq!(connection.ack().await.1, 500);
}

#[tokio::test]
async fn a_push_without_content_shows_that_the_quota_is_used_up() {
    let gateway = Gateway::start().await;
    let (client, mut pushes) = gateway.manual(options());
    let mut connection = gateway.connection().await;
    let data = json!({"msgId": "b1", "errorCode": 20001, "errorMessage": "受调用量超量影响"});
    connection.callback("/v1.0/im/bot/messages/get", "m1", &data);
    let (push, responder) = pushes.recv().await.unwrap();
    let Payload::Withheld(withheld) = push.payload else {
        panic!("it has no content")
    };
    assert!(withheld.is_over_quota());
    responder.success().unwrap();
    assert_eq!(connection.ack().await.1, 200);
    assert_eq!(client.status().borrow().over_quota, 1);
}
