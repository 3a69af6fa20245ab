//! Pushes that come more than once.

use dingtalk::stream::{BOT_TOPIC, StreamOptions};
use serde_json::json;

use crate::gateway::{Gateway, options};

#[tokio::test]
async fn a_repeated_push_reaches_the_handler_once_and_is_answered_each_time() {
    let gateway = Gateway::start().await;
    let (client, mut pushes) = gateway.manual(options());
    let mut connection = gateway.connection().await;
    let message = json!({"msgtype": "text", "msgId": "b1", "conversationType": "1", "text": {"content": "x"}});
    connection.event("m1", "e1");
    pushes.recv().await.unwrap().1.success().unwrap();
    let first = connection.ack().await;
    connection.event("m1", "e1");
    assert_eq!(connection.ack().await, first, "the same frame");
    connection.event("m2", "e1");
    assert_eq!(
        connection.ack().await.0,
        "m2",
        "the same event in another frame"
    );
    connection.callback(BOT_TOPIC, "m3", &message);
    pushes.recv().await.unwrap().1.success().unwrap();
    assert_eq!(connection.ack().await.0, "m3");
    connection.callback(BOT_TOPIC, "m4", &message);
    assert_eq!(
        connection.ack().await.0,
        "m4",
        "the same message in another frame"
    );
    assert!(pushes.try_recv().is_err());
    let status = client.status().borrow().clone();
    assert_eq!((status.handled, status.repeated), (2, 3));
}

#[tokio::test]
async fn a_repetition_on_another_connection_is_known_too() {
    let gateway = Gateway::start().await;
    let (_client, mut pushes) = gateway.manual(options());
    let first = gateway.connection().await;
    first.event("m1", "e1");
    let (_, responder) = pushes.recv().await.unwrap();
    first.cut();
    let mut second = gateway.connection().await;
    second.event("m2", "e1");
    second.assert_silent().await;
    responder.success().unwrap();
    assert_eq!(second.ack().await.0, "m2");
    assert!(pushes.try_recv().is_err());
}

#[tokio::test]
async fn what_was_to_come_again_is_handled_again() {
    let gateway = Gateway::start().await;
    let (_client, mut pushes) = gateway.manual(options());
    let mut connection = gateway.connection().await;
    connection.event("m1", "e1");
    pushes.recv().await.unwrap().1.later().unwrap();
    assert_eq!(connection.ack().await.2["status"], "LATER");
    connection.event("m2", "e1");
    pushes.recv().await.unwrap().1.success().unwrap();
    assert_eq!(connection.ack().await.2["status"], "SUCCESS");
}

#[tokio::test]
async fn a_push_left_for_want_of_handlers_is_taken_when_it_comes_again() {
    let gateway = Gateway::start().await;
    let options = StreamOptions {
        concurrent_handlers: 1,
        event_answer_within: std::time::Duration::from_secs(60),
        ..options()
    };
    let (free, wait) = tokio::sync::watch::channel(false);
    let _client = gateway.client(options, move |_push, responder| {
        let mut wait = wait.clone();
        async move {
            let _ = wait.wait_for(|&free| free).await;
            let _ = responder.success();
        }
    });
    let mut connection = gateway.connection().await;
    connection.event("m1", "e1");
    connection.event("m2", "e2");
    connection.assert_silent().await;
    free.send_replace(true);
    assert_eq!(connection.ack().await.0, "m1");
    // The place becomes free a moment after the answer.
    loop {
        connection.event("m2", "e2");
        connection.ping("p");
        let (id, ..) = connection.ack().await;
        if id == "m2" {
            break;
        }
    }
}
