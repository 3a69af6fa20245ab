//! Opening, losing, replacing connections.

use std::time::Duration;

use dingtalk::stream::{ConnectionState, ProblemKind, StreamOptions, StreamStatus, Subscriptions};
use serde_json::json;

use crate::gateway::{Gateway, Heard, NOW_MS, SECRET, options, status_when};

#[tokio::test]
async fn the_opening_call_has_the_documented_shape() {
    let gateway = Gateway::start().await;
    let subscriptions = Subscriptions {
        topics: vec!["/v1.0/card/dynamicData/get".into()],
        ..Subscriptions::default()
    };
    let options = StreamOptions {
        subscriptions,
        local_ip: Some("10.0.0.7".into()),
        user_agent: "test/1".into(),
        ..options()
    };
    let (client, _pushes) = gateway.manual(options);
    let _connection = gateway.connection().await;
    let status = status_when(&client, StreamStatus::is_connected).await;
    assert_eq!(status.connections[0].connected_since_ms, Some(NOW_MS));
    let open = gateway.opens().remove(0);
    assert_eq!(open.accept, "application/json");
    assert_eq!(
        open.body,
        json!({"clientId": "dingclient", "clientSecret": SECRET, "ua": "test/1", "localIp": "10.0.0.7",
            "subscriptions": [{"type": "EVENT", "topic": "*"},
                {"type": "CALLBACK", "topic": "/v1.0/im/bot/messages/get"},
                {"type": "CALLBACK", "topic": "/v1.0/card/instances/callback"},
                {"type": "CALLBACK", "topic": "/v1.0/card/dynamicData/get"}]})
    );
}

#[tokio::test]
async fn a_refused_client_says_so_without_its_secret_and_tries_again() {
    let gateway = Gateway::start().await;
    let words = format!(r#"{{"requestid":"r","code":"authFailed","message":"鉴权失败 {SECRET}"}}"#);
    gateway.refuse_once(401, "application/json", &words);
    let (client, _pushes) = gateway.manual(options());
    let status = status_when(&client, |status| status.last_error.is_some()).await;
    let problem = status.last_error.clone().unwrap();
    assert_eq!(problem.kind, ProblemKind::AuthFailed);
    assert!(problem.detail.contains("鉴权失败"), "{}", problem.detail);
    assert!(!format!("{status:?}").contains(SECRET));
    let _connection = gateway.connection().await;
    status_when(&client, StreamStatus::is_connected).await;
}

#[tokio::test]
async fn pages_instead_of_answers_are_survived() {
    let gateway = Gateway::start().await;
    gateway.refuse_once(400, "text/html", "<html>bad request</html>");
    gateway.refuse_once(503, "application/xml", "<?xml version='1.0'?><error/>");
    gateway.refuse_once(
        200,
        "application/json",
        r#"{"endpoint":"https://no.socket/","ticket":"t"}"#,
    );
    gateway.refuse_once(
        200,
        "application/json",
        r#"{"endpoint":"ws://127.0.0.1:1/","ticket":"tickety"}"#,
    );
    let (client, _pushes) = gateway.manual(options());
    let status = status_when(&client, |status| {
        status.connections[0]
            .last_error
            .as_ref()
            .is_some_and(|error| error.kind == ProblemKind::Connect)
    })
    .await;
    assert!(!format!("{status:?}").contains("tickety"));
    let _connection = gateway.connection().await;
    assert_eq!(gateway.opens().len(), 5);
}

#[tokio::test]
async fn a_ping_is_answered_while_every_handler_is_busy() {
    let gateway = Gateway::start().await;
    let options = StreamOptions {
        concurrent_handlers: 2,
        ..options()
    };
    let client = gateway.client(options, |_push, responder| async move {
        let _kept = responder;
        std::future::pending::<()>().await;
    });
    let mut connection = gateway.connection().await;
    connection.event("m1", "e1");
    connection.event("m2", "e2");
    connection.event("m3", "e3");
    connection.ping("p1");
    assert_eq!(
        connection.ack().await,
        ("p1".into(), 200, json!({"opaque": "p1"}))
    );
    let status = status_when(&client, |status| status.overloaded == 1).await;
    assert_eq!(status.handled, 2, "the third was left for a repetition");
    let later = json!({"status": "LATER", "message": "later"});
    let mut answered = [connection.ack().await, connection.ack().await];
    answered.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(
        answered,
        [("m1".into(), 200, later.clone()), ("m2".into(), 200, later)]
    );
    connection.assert_silent().await;
}

#[tokio::test]
async fn the_new_connection_is_open_before_the_old_one_closes() {
    let gateway = Gateway::start().await;
    let (client, mut pushes) = gateway.manual(options());
    let mut old = gateway.connection().await;
    old.disconnect();
    let mut new = gateway.connection().await;
    // The old one is still read and answered, and so is the new one: nothing falls between.
    for (connection, id) in [(&mut old, "m1"), (&mut new, "m2")] {
        connection.event(id, id);
        let (push, responder) = pushes.recv().await.unwrap();
        assert_eq!(push.frame.message_id(), Some(id));
        responder.success().unwrap();
        assert_eq!(connection.ack().await.0, id);
    }
    assert_eq!(old.heard().await, Heard::Closed, "drained, then closed");
    new.assert_silent().await;
    let status = status_when(&client, |status| status.connections[0].reconnects == 1).await;
    assert_eq!(status.connections[0].state, ConnectionState::Connected);
    assert_eq!(status.last_error, None, "a wish to leave is no fault");
    assert_eq!(gateway.opens().len(), 2);
}

#[tokio::test]
async fn a_gateway_that_keeps_asking_to_leave_is_never_left_alone() {
    let gateway = Gateway::start().await;
    let (_client, mut pushes) = gateway.manual(options());
    let mut current = gateway.connection().await;
    for round in 0..6 {
        current.disconnect();
        let id = format!("m{round}");
        current.event(&id, &id);
        pushes.recv().await.unwrap().1.success().unwrap();
        assert_eq!(current.ack().await.0, id);
        current = gateway.connection().await;
    }
    current.assert_silent().await;
}

#[tokio::test]
async fn the_old_connection_is_read_while_the_gateway_refuses_a_new_one() {
    let gateway = Gateway::start().await;
    let (_client, mut pushes) = gateway.manual(options());
    let mut old = gateway.connection().await;
    for _ in 0..3 {
        gateway.refuse_once(503, "text/plain", "busy");
    }
    old.disconnect();
    old.event("m1", "e1");
    pushes.recv().await.unwrap().1.success().unwrap();
    assert_eq!(old.ack().await.0, "m1");
    let mut new = gateway.connection().await;
    new.assert_silent().await;
    assert_eq!(gateway.opens().len(), 5);
}

#[tokio::test]
async fn every_connection_has_a_ticket_of_its_own() {
    let gateway = Gateway::start().await;
    let (client, _pushes) = gateway.manual(options());
    gateway.connection().await.cut();
    gateway.connection().await.cut();
    let third = gateway.connection().await;
    let status = status_when(&client, |status| status.connections[0].reconnects == 2).await;
    assert_eq!(status.last_error.unwrap().kind, ProblemKind::Closed);
    let (tickets, refused) = gateway.tickets();
    assert_eq!(tickets, ["ticket+1/=", "ticket+2/=", "ticket+3/="]);
    assert_eq!(refused, 0);
    drop(third);
}

#[tokio::test]
async fn a_dead_link_is_given_up() {
    let gateway = Gateway::start().await;
    let options = StreamOptions {
        ping_every: Duration::from_millis(60),
        dead_after: Duration::from_millis(250),
        ..options()
    };
    let (client, _pushes) = gateway.manual(options);
    let dead = gateway.connection().await;
    dead.go_deaf();
    let mut second = gateway.connection().await;
    let status = status_when(&client, |status| status.last_error.is_some()).await;
    assert_eq!(status.last_error.unwrap().kind, ProblemKind::Dead);
    // Pongs alone keep the second one alive for longer than the limit.
    tokio::time::sleep(Duration::from_millis(400)).await;
    second.assert_silent().await;
    assert_eq!(gateway.opens().len(), 2);
}

#[tokio::test]
async fn several_connections_are_kept_at_once() {
    let gateway = Gateway::start().await;
    let options = StreamOptions {
        connections: 3,
        ..options()
    };
    let (client, mut pushes) = gateway.manual(options);
    let mut connections = Vec::new();
    for _ in 0..3 {
        connections.push(gateway.connection().await);
    }
    for (number, connection) in connections.iter_mut().enumerate() {
        let id = format!("m{number}");
        connection.event(&id, &id);
        pushes.recv().await.unwrap().1.success().unwrap();
        assert_eq!(connection.ack().await.0, id);
    }
    connections.remove(0).cut();
    let _replacement = gateway.connection().await;
    let all_open = |status: &StreamStatus| {
        status
            .connections
            .iter()
            .all(|c| c.state == ConnectionState::Connected)
    };
    let status = status_when(&client, all_open).await;
    assert_eq!(status.connections.len(), 3);
}

#[tokio::test]
async fn unreadable_frames_and_unknown_notices_are_survived() {
    let gateway = Gateway::start().await;
    let (client, mut pushes) = gateway.manual(options());
    let mut connection = gateway.connection().await;
    connection.send_text("not json");
    connection.send_text("{}");
    connection.send_text(r#"{"type":"SYSTEM","headers":{"topic":"REGISTERED"}}"#);
    connection.send_text(
        r#"{"type":"EVENT","header":{"messageId":7,"eventType":"of_tomorrow","time":1}}"#,
    );
    pushes.recv().await.unwrap().1.success().unwrap();
    assert_eq!(connection.ack().await.0, "7");
    let status = client.status().borrow().clone();
    assert_eq!(status.unreadable, 2);
    assert_eq!(status.last_frame_ms, Some(NOW_MS));
}
