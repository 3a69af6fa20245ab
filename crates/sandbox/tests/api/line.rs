//! A Stream client of the tests: raw WebSocket frames, nothing done by itself.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::support::Trial;

pub(crate) const BOT: &str = "/v1.0/im/bot/messages/get";
pub(crate) const CARD: &str = "/v1.0/card/instances/callback";

pub(crate) struct Line(WebSocketStream<MaybeTlsStream<TcpStream>>);

/// What a connection has for the client.
#[derive(Debug)]
pub(crate) enum Heard {
    Frame(Value),
    /// The server said goodbye.
    Closed,
    /// The connection ended without a word.
    Cut,
}

/// The answer of `connections/open`.
pub(crate) async fn open(trial: &Trial, secret: &str, subscriptions: Value) -> (u16, Value) {
    let body = json!({
        "clientId": "dingapp", "clientSecret": secret, "ua": "test/1", "localIp": "10.0.0.1",
        "subscriptions": subscriptions,
    });
    let request = trial
        .http
        .post(trial.url("/v1.0/gateway/connections/open"))
        .header("Accept", "application/json")
        .json(&body);
    let answer = request.send().await.expect("an answer");
    (answer.status().as_u16(), answer.json().await.expect("JSON"))
}

pub(crate) fn everything() -> Value {
    json!([
        {"type": "EVENT", "topic": "*"},
        {"type": "CALLBACK", "topic": BOT},
        {"type": "CALLBACK", "topic": CARD},
    ])
}

/// A ticket's whole address.
pub(crate) async fn address(trial: &Trial) -> String {
    let (status, opened) = open(trial, "app-secret", everything()).await;
    assert_eq!(status, 200, "{opened}");
    let text = |name: &str| opened[name].as_str().expect("a string").to_owned();
    format!("{}?ticket={}", text("endpoint"), text("ticket"))
}

/// Tries something until it holds; at most five seconds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..500 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} did not come about");
}

impl Line {
    pub(crate) async fn connect(trial: &Trial) -> Self {
        let before = trial.sandbox.stream_connections().len();
        let line = Self::at(&address(trial).await).await.expect("a connection");
        until("the connection", || {
            trial.sandbox.stream_connections().len() > before
        })
        .await;
        line
    }

    /// `Err` holds the HTTP status of a refusal.
    pub(crate) async fn at(address: &str) -> Result<Self, u16> {
        match Box::pin(connect_async(address)).await {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) async fn hear(&mut self) -> Heard {
        let next = tokio::time::timeout(Duration::from_secs(5), self.0.next());
        match next.await.expect("something within five seconds") {
            Some(Ok(Message::Text(text))) => {
                Heard::Frame(serde_json::from_str(&text).expect("JSON"))
            }
            Some(Ok(Message::Close(_))) => Heard::Closed,
            Some(Ok(_)) => panic!("the server sends text only"),
            Some(Err(_)) | None => Heard::Cut,
        }
    }

    pub(crate) async fn frame(&mut self) -> Value {
        match self.hear().await {
            Heard::Frame(frame) => frame,
            other => panic!("a frame was expected, not {other:?}"),
        }
    }

    /// Nothing arrives for a while.
    pub(crate) async fn is_silent(&mut self) -> bool {
        let next = tokio::time::timeout(Duration::from_millis(120), self.0.next());
        next.await.is_err()
    }

    /// Sends a WebSocket ping; whether a pong comes back soon.
    pub(crate) async fn is_alive(&mut self) -> bool {
        self.0
            .send(Message::Ping(Vec::new().into()))
            .await
            .expect("an open connection");
        let next = tokio::time::timeout(Duration::from_millis(200), self.0.next());
        matches!(next.await, Ok(Some(Ok(Message::Pong(_)))))
    }

    pub(crate) async fn ack(&mut self, frame: &Value, code: i64, data: &Value) {
        let headers = json!({
            "messageId": frame["headers"]["messageId"], "contentType": "application/json",
        });
        let ack = json!({
            "code": code, "headers": headers, "message": "OK", "data": data.to_string(),
        });
        let text = ack.to_string().into();
        self.0
            .send(Message::Text(text))
            .await
            .expect("an open connection");
    }

    pub(crate) async fn succeed(&mut self, frame: &Value) {
        let data = json!({"status": "SUCCESS", "message": "success"});
        self.ack(frame, 200, &data).await;
    }
}

/// The business object of a frame, which is a JSON string.
pub(crate) fn data_of(frame: &Value) -> Value {
    serde_json::from_str(frame["data"].as_str().expect("a string")).expect("JSON in a string")
}
