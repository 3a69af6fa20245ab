//! The Stream link against a gateway that pushes by hand.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use yuezhi_channels::AppSettings;
use yuezhi_channels::stream::{
    Answer, CardAnswer, Handler, Inbound, LinkOptions, LinkProblemKind, Saying, StreamLink,
};

use crate::platform::{CLIENT_ID, Platform, app_of};
use crate::posts::NOW;

#[derive(Clone)]
struct Gateway {
    base: String,
    /// Frames to push on the next connection.
    frames: Arc<Mutex<VecDeque<Value>>>,
    heard: mpsc::UnboundedSender<Value>,
}

impl Gateway {
    async fn start(frames: Vec<Value>) -> (Self, mpsc::UnboundedReceiver<Value>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (heard, hears) = mpsc::unbounded_channel();
        let gateway = Self {
            base: format!("http://{}", listener.local_addr().unwrap()),
            frames: Arc::new(Mutex::new(frames.into())),
            heard,
        };
        let app = Router::new()
            .route("/v1.0/gateway/connections/open", post(open))
            .route("/connect", any(connect))
            .with_state(gateway.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        (gateway, hears)
    }
}

async fn open(State(gateway): State<Gateway>) -> String {
    let endpoint = gateway.base.replace("http", "ws") + "/connect";
    json!({ "endpoint": endpoint, "ticket": "t" }).to_string()
}

async fn connect(State(gateway): State<Gateway>, upgrade: WebSocketUpgrade) -> Response {
    upgrade
        .on_upgrade(|socket| talk(gateway, socket))
        .into_response()
}

async fn talk(gateway: Gateway, mut socket: WebSocket) {
    let frames: Vec<Value> = gateway.frames.lock().unwrap().drain(..).collect();
    for frame in frames {
        let text = frame.to_string();
        if socket.send(Message::Text(text.into())).await.is_err() {
            return;
        }
    }
    while let Some(Ok(message)) = socket.recv().await {
        if let Message::Text(text) = message {
            let _ = gateway.heard.send(serde_json::from_str(&text).unwrap());
        }
    }
}

fn frame(kind: &str, id: &str, topic: &str, data: &Value) -> Value {
    json!({ "specVersion": "1.0", "type": kind, "data": data.to_string(),
        "headers": { "topic": topic, "messageId": id, "contentType": "application/json",
            "eventType": "user_leave_org", "eventId": format!("e-{id}") } })
}

fn press(id: &str) -> Value {
    let content = json!({ "cardPrivateData": { "actionIds": ["confirm"], "params": { "action": "confirm" } } });
    let data = json!({ "type": "actionCallback", "outTrackId": "yz.n.h", "userId": "u1", "content": content.to_string() });
    frame("CALLBACK", id, "/v1.0/card/instances/callback", &data)
}

fn handler(kept: &Arc<Mutex<Vec<Inbound>>>) -> Handler {
    let kept = Arc::clone(kept);
    Arc::new(move |inbound| {
        kept.lock().unwrap().push(inbound.clone());
        Box::pin(async move {
            match inbound {
                Inbound::CardConfirm(_) => Answer::Card(CardAnswer {
                    for_presser: [("confirmed".to_owned(), "true".to_owned())].into(),
                    ..CardAnswer::default()
                }),
                Inbound::Reply(_) => Answer::Say(Saying::Text("收到".into())),
                _ => Answer::Taken,
            }
        })
    })
}

fn options() -> LinkOptions {
    LinkOptions {
        retry_base: Duration::from_millis(10),
        stop_within: Duration::from_secs(1),
        ..LinkOptions::new(|| NOW, || 0)
    }
}

async fn next(hears: &mut mpsc::UnboundedReceiver<Value>) -> Value {
    tokio::time::timeout(Duration::from_secs(5), hears.recv())
        .await
        .expect("an answer in time")
        .unwrap()
}

#[tokio::test]
async fn presses_replies_and_changes_reach_the_handler_once_and_are_answered() {
    let rest = Platform::start().await;
    let reply = json!({ "conversationId": "cidG==", "conversationType": "2", "msgId": "m9", "msgtype": "text",
        "text": { "content": " 待办" }, "senderStaffId": "u1", "senderNick": "小钉", "robotCode": CLIENT_ID });
    let (gateway, mut hears) = Gateway::start(vec![
        press("p1"),
        press("p1"),
        frame("EVENT", "v1", "*", &json!({ "userId": ["u7"] })),
        frame("CALLBACK", "b1", "/v1.0/im/bot/messages/get", &reply),
    ])
    .await;
    // The answer to the reply has no session and fails: nobody else is held up by it.
    let app = app_of(AppSettings {
        api_base: gateway.base.clone(),
        ..rest.settings()
    });
    let kept = Arc::new(Mutex::new(Vec::new()));
    let link = StreamLink::start(Arc::clone(&app), options(), handler(&kept));
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(next(&mut hears).await);
    }
    let of = |id: &str| {
        let mut of_id = answers
            .iter()
            .filter(|one| one["headers"]["messageId"] == id);
        of_id.next().unwrap()["data"].as_str().unwrap().to_owned()
    };
    assert!(of("p1").contains(r#""confirmed":"true""#), "{}", of("p1"));
    assert!(of("v1").contains("SUCCESS"));
    let watch = link.watcher();
    assert!(watch().is_connected());
    assert_eq!((watch().handled, watch().repeated), (3, 1));
    assert_eq!(watch().connected_since, Some(NOW));
    let kept = kept.lock().unwrap().clone();
    assert_eq!(kept.len(), 3);
    assert!(kept.iter().any(|one| one.id() == "e-v1"));
    assert!(
        kept.iter().any(
            |one| matches!(one, Inbound::Reply(reply) if reply.text == "待办" && reply.is_group)
        )
    );
    let stop = CancellationToken::new();
    stop.cancel();
    link.run_until(stop).await;
    assert!(!watch().is_connected());
    let metered = app.take_metered();
    let pushes: Vec<_> = metered
        .iter()
        .map(|calls| (calls.interface, calls.calls))
        .collect();
    assert!(
        pushes.contains(&("stream_card", 1)) && pushes.contains(&("stream_message", 1)),
        "{pushes:?}"
    );
    assert!(
        !pushes
            .iter()
            .any(|(interface, _)| *interface == "stream_event"),
        "contact events are free"
    );
}

#[tokio::test]
async fn refused_keys_are_shown_in_the_status() {
    let platform = Platform::start().await;
    platform.answers(
        "/v1.0/gateway/connections/open",
        401,
        &json!({ "code": "authFailed", "message": "鉴权失败" }),
    );
    let kept = Arc::new(Mutex::new(Vec::new()));
    let link = StreamLink::start(platform.app(), options(), handler(&kept));
    let status = tokio::time::timeout(Duration::from_secs(5), async {
        loop {
            if let Some(error) = link.status().last_error {
                break error;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    assert_eq!(status.kind, LinkProblemKind::KeysRefused);
    assert!(!link.status().is_connected());
}
