//! A gateway on loopback: opens connections for tickets of one use, and lets a test hold each
//! connection in its hand.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use dingtalk::stream::{Push, Responder, Sources, StreamClient, StreamOptions, StreamStatus};
use dingtalk::{AppConfig, Endpoints, Http, Timeouts};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use url::Url;

pub(crate) const NOW_MS: i64 = 1_700_000_000_000;
pub(crate) const SECRET: &str = "clientVerySecret0123456789";
const WITHIN: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub(crate) struct Gateway {
    pub(crate) base: String,
    inner: Arc<Mutex<Inner>>,
    arrivals: Arc<tokio::sync::Mutex<mpsc::UnboundedReceiver<Connection>>>,
}

#[derive(Default)]
struct Inner {
    opens: Vec<Open>,
    refusals: VecDeque<(u16, &'static str, String)>,
    valid: HashSet<String>,
    used: Vec<String>,
    refused_tickets: usize,
    arrive: Option<mpsc::UnboundedSender<Connection>>,
}

/// One opening call.
#[derive(Clone, Debug)]
pub(crate) struct Open {
    pub(crate) accept: String,
    pub(crate) body: Value,
}

/// One connection, seen from the gateway.
pub(crate) struct Connection {
    orders: mpsc::UnboundedSender<Order>,
    heard: mpsc::UnboundedReceiver<Heard>,
}

enum Order {
    Send(String),
    Cut,
    Deaf,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Heard {
    Text(Value),
    Closed,
}

impl Gateway {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (arrive, arrivals) = mpsc::unbounded_channel();
        let inner = Inner {
            arrive: Some(arrive),
            ..Inner::default()
        };
        let gateway = Self {
            base: format!("http://{}", listener.local_addr().unwrap()),
            inner: Arc::new(Mutex::new(inner)),
            arrivals: Arc::new(tokio::sync::Mutex::new(arrivals)),
        };
        let app = Router::new()
            .route("/v1.0/gateway/connections/open", post(open))
            .route("/connect", get(connect))
            .with_state(gateway.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        gateway
    }

    /// The next opening call gets this.
    pub(crate) fn refuse_once(&self, status: u16, kind: &'static str, body: &str) {
        let refusal = (status, kind, body.to_owned());
        self.inner.lock().unwrap().refusals.push_back(refusal);
    }

    pub(crate) fn opens(&self) -> Vec<Open> {
        self.inner.lock().unwrap().opens.clone()
    }

    /// Tickets in the order of their use, and how often one was refused.
    pub(crate) fn tickets(&self) -> (Vec<String>, usize) {
        let inner = self.inner.lock().unwrap();
        (inner.used.clone(), inner.refused_tickets)
    }

    pub(crate) async fn connection(&self) -> Connection {
        let mut arrivals = self.arrivals.lock().await;
        tokio::time::timeout(WITHIN, arrivals.recv())
            .await
            .expect("a connection in time")
            .unwrap()
    }

    pub(crate) fn endpoints(&self) -> Endpoints {
        let base = Url::parse(&self.base).unwrap();
        Endpoints {
            api: base.clone(),
            oapi: base.clone(),
            login: base,
        }
    }

    pub(crate) fn client<F, Fut>(&self, options: StreamOptions, handler: F) -> StreamClient
    where
        F: Fn(Push, Responder) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        StreamClient::start(
            http(),
            self.endpoints(),
            AppConfig::new("dingclient", SECRET),
            options,
            Sources::new(|| NOW_MS, || 0),
            handler,
        )
    }

    /// A client whose pushes come to the test together with their responders.
    pub(crate) fn manual(
        &self,
        options: StreamOptions,
    ) -> (StreamClient, mpsc::UnboundedReceiver<(Push, Responder)>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let client = self.client(options, move |push, responder| {
            let _ = sender.send((push, responder));
            std::future::ready(())
        });
        (client, receiver)
    }
}

impl Connection {
    pub(crate) fn send(&self, frame: &Value) {
        self.send_text(&frame.to_string());
    }

    pub(crate) fn send_text(&self, text: &str) {
        let _ = self.orders.send(Order::Send(text.to_owned()));
    }

    pub(crate) fn ping(&self, id: &str) {
        self.send(&frame(
            "SYSTEM",
            id,
            &json!({"topic": "ping"}),
            &json!({"opaque": id}),
        ));
    }

    pub(crate) fn disconnect(&self) {
        let data = json!({"reason": "connection is expired"});
        self.send(&frame(
            "SYSTEM",
            "bye",
            &json!({"topic": "disconnect"}),
            &data,
        ));
    }

    pub(crate) fn event(&self, message_id: &str, event_id: &str) {
        let headers = json!({"topic": "*", "eventType": "user_add_org", "eventId": event_id});
        self.send(&frame(
            "EVENT",
            message_id,
            &headers,
            &json!({"userId": ["a"]}),
        ));
    }

    pub(crate) fn callback(&self, topic: &str, message_id: &str, data: &Value) {
        self.send(&frame(
            "CALLBACK",
            message_id,
            &json!({"topic": topic}),
            data,
        ));
    }

    /// Ends the TCP connection without a word.
    pub(crate) fn cut(&self) {
        let _ = self.orders.send(Order::Cut);
    }

    /// Neither reads nor writes any more.
    pub(crate) fn go_deaf(&self) {
        let _ = self.orders.send(Order::Deaf);
    }

    pub(crate) async fn heard(&mut self) -> Heard {
        tokio::time::timeout(WITHIN, self.heard.recv())
            .await
            .expect("something in time")
            .unwrap_or(Heard::Closed)
    }

    /// The next answer: message id, code and data.
    pub(crate) async fn ack(&mut self) -> (String, i64, Value) {
        match self.heard().await {
            Heard::Text(ack) => {
                assert_eq!(ack["headers"]["contentType"], "application/json");
                let id = ack["headers"]["messageId"].as_str().unwrap().to_owned();
                let data = serde_json::from_str(ack["data"].as_str().unwrap()).unwrap();
                (id, ack["code"].as_i64().unwrap(), data)
            }
            Heard::Closed => panic!("the connection was closed"),
        }
    }

    /// Nothing was said up to now, except the answer to this ping.
    pub(crate) async fn assert_silent(&mut self) {
        self.ping("probe");
        assert_eq!(self.ack().await.0, "probe");
    }
}

pub(crate) fn frame(kind: &str, message_id: &str, headers: &Value, data: &Value) -> Value {
    let mut headers = headers.clone();
    headers["messageId"] = json!(message_id);
    json!({"specVersion": "1.0", "type": kind, "headers": headers, "data": data.to_string()})
}

pub(crate) fn http() -> Http {
    Http::new(Timeouts::default()).unwrap()
}

/// Quick enough for tests, slow enough for a busy machine.
pub(crate) fn options() -> StreamOptions {
    StreamOptions {
        callback_answer_within: Duration::from_millis(150),
        event_answer_within: Duration::from_millis(150),
        drain: Duration::from_millis(200),
        retry_base: Duration::from_millis(10),
        retry_max: Duration::from_millis(40),
        ..StreamOptions::default()
    }
}

/// Waits until the status fits.
pub(crate) async fn status_when(
    client: &StreamClient,
    fits: impl Fn(&StreamStatus) -> bool,
) -> StreamStatus {
    let mut status = client.status();
    let found = tokio::time::timeout(WITHIN, status.wait_for(|status| fits(status))).await;
    found.expect("the status in time").unwrap().clone()
}

async fn open(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    axum::Json(body): axum::Json<Value>,
) -> Response {
    let mut inner = gateway.inner.lock().unwrap();
    let accept = headers["accept"].to_str().unwrap().to_owned();
    inner.opens.push(Open { accept, body });
    if let Some((status, kind, body)) = inner.refusals.pop_front() {
        let status = StatusCode::from_u16(status).unwrap();
        return (status, [("content-type", kind)], body).into_response();
    }
    let ticket = format!("ticket+{}/=", inner.opens.len());
    inner.valid.insert(ticket.clone());
    let endpoint = format!("{}/connect", gateway.base.replace("http:", "ws:"));
    axum::Json(json!({"endpoint": endpoint, "ticket": ticket})).into_response()
}

#[derive(serde::Deserialize)]
struct Entry {
    ticket: String,
}

async fn connect(
    State(gateway): State<Gateway>,
    Query(entry): Query<Entry>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let mut inner = gateway.inner.lock().unwrap();
    if !inner.valid.remove(&entry.ticket) {
        inner.refused_tickets += 1;
        return StatusCode::UNAUTHORIZED.into_response();
    }
    inner.used.push(entry.ticket);
    let arrive = inner.arrive.clone().unwrap();
    upgrade.on_upgrade(move |socket| async move {
        let (orders, to_do) = mpsc::unbounded_channel();
        let (hear, heard) = mpsc::unbounded_channel();
        let _ = arrive.send(Connection { orders, heard });
        serve(socket, to_do, hear).await;
    })
}

async fn serve(
    mut socket: WebSocket,
    mut orders: mpsc::UnboundedReceiver<Order>,
    hear: mpsc::UnboundedSender<Heard>,
) {
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                Some(Order::Send(text)) => {
                    if socket.send(Message::Text(text.into())).await.is_err() { break }
                }
                Some(Order::Cut) | None => break,
                Some(Order::Deaf) => {
                    // The connection stays open until the test ends.
                    while orders.recv().await.is_some() {}
                    break;
                }
            },
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => {
                    let _ = hear.send(Heard::Text(serde_json::from_str(&text).unwrap()));
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                Some(Ok(_)) => {}
            },
        }
    }
    let _ = hear.send(Heard::Closed);
}
