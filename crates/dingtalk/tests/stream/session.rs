//! Answers by the address that comes with a message.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::post;
use dingtalk::stream::{ReplyError, SessionWebhook};
use dingtalk::{At, Endpoints, Error, RobotMessage};
use serde_json::{Value, json};
use url::Url;

use crate::gateway::{NOW_MS, http};

struct Chat {
    endpoints: Endpoints,
    session: String,
    bodies: Arc<Mutex<Vec<Value>>>,
}

async fn chat(answer: &'static str) -> Chat {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&bodies);
    let app = Router::new().route(
        "/robot/sendBySession",
        post(move |axum::Json(body): axum::Json<Value>| async move {
            kept.lock().unwrap().push(body);
            answer
        }),
    );
    tokio::spawn(async move { axum::serve(listener, app).await });
    Chat {
        session: format!("{base}robot/sendBySession?session=s3cr3ts3ss10n"),
        endpoints: Endpoints {
            oapi: base,
            ..Endpoints::default()
        },
        bodies,
    }
}

fn hello() -> RobotMessage {
    RobotMessage::Text {
        content: "已确认".into(),
    }
}

async fn reply(chat: &Chat, url: &str, now_ms: i64) -> Result<(), ReplyError> {
    let session = SessionWebhook::of(Some(url), Some(NOW_MS + 1)).unwrap();
    let at = At {
        user_ids: vec!["u1".into()],
        ..At::NOBODY
    };
    let sent = session
        .reply(&http(), &chat.endpoints, &hello(), &at, now_ms)
        .await;
    sent.map(|_| ())
}

#[tokio::test]
async fn an_answer_goes_into_the_conversation() {
    let chat = chat(r#"{"errcode":0,"errmsg":"ok"}"#).await;
    reply(&chat, &chat.session, NOW_MS).await.unwrap();
    let body = chat.bodies.lock().unwrap().remove(0);
    assert_eq!(body["msgtype"], "text");
    assert!(body["text"]["content"].as_str().unwrap().contains("已确认"));
    assert_eq!(body["at"]["atUserIds"], json!(["u1"]));
}

#[tokio::test]
async fn an_expired_session_falls_to_the_caller() {
    let chat = chat("{}").await;
    assert_eq!(
        reply(&chat, &chat.session, NOW_MS + 1).await,
        Err(ReplyError::Expired)
    );
    assert!(chat.bodies.lock().unwrap().is_empty());
}

#[tokio::test]
async fn nothing_is_sent_to_another_host() {
    let chat = chat("{}").await;
    for foreign in [
        "https://evil.example/robot/sendBySession?session=x",
        "http://127.0.0.1:1/robot/sendBySession?session=x",
        "https://127.0.0.1/robot/sendBySession?session=x",
        "file:///etc/passwd",
        "no url",
    ] {
        let refused = reply(&chat, foreign, NOW_MS).await;
        assert!(
            matches!(refused, Err(ReplyError::ForeignHost { .. })),
            "{foreign}"
        );
    }
}

#[tokio::test]
async fn http_200_with_an_error_code_is_an_error_without_the_session() {
    let chat = chat(r#"{"errcode":310000,"errmsg":"s3cr3ts3ss10n is over"}"#).await;
    let error = reply(&chat, &chat.session, NOW_MS).await.unwrap_err();
    assert!(matches!(error, ReplyError::Call(Error::Oapi(_))));
    assert!(!format!("{error} {error:?}").contains("s3cr3ts3ss10n"));
}
