//! The end of a client.

use std::time::Duration;

use dingtalk::stream::{ConnectionState, StreamOptions, StreamStatus};

use crate::gateway::{Gateway, Heard, options, status_when};

const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn stopping_lets_handlers_finish_and_their_answers_go_out() {
    let gateway = Gateway::start().await;
    let (free, wait) = tokio::sync::watch::channel(false);
    let options = StreamOptions {
        event_answer_within: LONG,
        ..options()
    };
    let client = gateway.client(options, move |_push, responder| {
        let mut wait = wait.clone();
        async move {
            let _ = wait.wait_for(|&free| free).await;
            let _ = responder.success();
        }
    });
    let mut connection = gateway.connection().await;
    connection.event("m1", "e1");
    status_when(&client, |status| status.handled == 1).await;
    let status = client.status();
    let stopping = tokio::spawn(client.stop(LONG));
    tokio::time::sleep(Duration::from_millis(30)).await;
    connection.event("m2", "e2");
    free.send_replace(true);
    assert_eq!(connection.ack().await.0, "m1");
    assert_eq!(connection.heard().await, Heard::Closed);
    assert_eq!(stopping.await.unwrap().handlers_dropped, 0);
    let status = status.borrow().clone();
    assert_eq!(
        status.handled, 1,
        "what comes after the end is left for others"
    );
    assert_eq!(status.connections[0].state, ConnectionState::Stopped);
}

#[tokio::test]
async fn a_handler_that_never_ends_does_not_hold_up_the_end() {
    let gateway = Gateway::start().await;
    let client = gateway.client(options(), |_push, responder| async move {
        let _kept = responder;
        std::future::pending::<()>().await;
    });
    let mut connection = gateway.connection().await;
    connection.event("m1", "e1");
    status_when(&client, |status| status.handled == 1).await;
    let stopped = client.stop(Duration::from_millis(400)).await;
    assert_eq!(stopped.handlers_dropped, 1);
    assert_eq!(connection.ack().await.2["status"], "LATER");
    assert_eq!(connection.heard().await, Heard::Closed);
}

#[tokio::test]
async fn a_handler_that_runs_too_long_gives_its_place_back() {
    let gateway = Gateway::start().await;
    let options = StreamOptions {
        concurrent_handlers: 1,
        handler_limit: Duration::from_millis(30),
        ..options()
    };
    let client = gateway.client(options, |_push, responder| async move {
        let _kept = responder;
        std::future::pending::<()>().await;
    });
    let mut connection = gateway.connection().await;
    connection.event("m1", "e1");
    status_when(&client, |status| status.handlers_dropped == 1).await;
    assert_eq!(connection.ack().await.2["status"], "LATER");
}

#[tokio::test]
async fn a_dropped_client_closes_its_connection() {
    let gateway = Gateway::start().await;
    let (client, _pushes) = gateway.manual(options());
    let mut connection = gateway.connection().await;
    status_when(&client, StreamStatus::is_connected).await;
    drop(client);
    assert_eq!(connection.heard().await, Heard::Closed);
}

#[tokio::test]
async fn stopping_ends_the_wait_for_a_gateway_that_is_away() {
    let gateway = Gateway::start().await;
    for _ in 0..3 {
        gateway.refuse_once(503, "text/plain", "busy");
    }
    let options = StreamOptions {
        retry_base: LONG,
        retry_max: LONG,
        ..options()
    };
    let (client, _pushes) = gateway.manual(options);
    let waits = ConnectionState::Waiting;
    status_when(&client, |status| status.connections[0].state == waits).await;
    let stopped = tokio::time::timeout(Duration::from_secs(3), client.stop(LONG)).await;
    assert_eq!(stopped.unwrap().handlers_dropped, 0);
}
