//! A fake of the custom robot's interface.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use dingtalk::{Http, Timeouts};
use yuezhi_channels::{Channel, ChannelConfig, RobotSettings, open};

pub(crate) const TOKEN: &str = "robotTokenVerySecret01";
pub(crate) const SECRET: &str = "SECrobotSecretVerySecret";

type Answer = (u16, Duration, String);

#[derive(Clone, Default)]
pub(crate) struct RobotServer {
    pub(crate) base: String,
    answers: Arc<Mutex<VecDeque<Answer>>>,
    bodies: Arc<Mutex<Vec<String>>>,
}

impl RobotServer {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            base: format!("http://{}", listener.local_addr().unwrap()),
            ..Self::default()
        };
        let app = Router::new().fallback(answer).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        server
    }

    pub(crate) fn answers(&self, status: u16, body: &str) {
        self.answers
            .lock()
            .unwrap()
            .push_back((status, Duration::ZERO, body.to_owned()));
    }

    pub(crate) fn stalls(&self) {
        self.answers
            .lock()
            .unwrap()
            .push_back((200, Duration::from_mins(1), String::new()));
    }

    pub(crate) fn bodies(&self) -> Vec<String> {
        self.bodies.lock().unwrap().clone()
    }

    pub(crate) fn channel(&self) -> Box<dyn Channel> {
        robot_channel(&self.base, &[])
    }
}

pub(crate) fn robot_channel(base: &str, keywords: &[&str]) -> Box<dyn Channel> {
    let short = Duration::from_millis(150);
    let http = Http::new(Timeouts {
        connect: short,
        whole: short,
    })
    .unwrap();
    let config = RobotSettings {
        name: "hr".into(),
        webhook: format!("{base}/robot/send?access_token={TOKEN}").into(),
        secret: Some(SECRET.into()),
        keywords: keywords.iter().map(|&word| word.to_owned()).collect(),
        per_minute: None,
    };
    open(ChannelConfig::Robot(config), &http).unwrap()
}

async fn answer(State(server): State<RobotServer>, body: String) -> (StatusCode, String) {
    server.bodies.lock().unwrap().push(body);
    let next = server.answers.lock().unwrap().pop_front();
    let (status, wait, body) =
        next.unwrap_or((200, Duration::ZERO, r#"{"errcode":0,"errmsg":"ok"}"#.into()));
    if !wait.is_zero() {
        // Longer than the client waits; the connection is closed by then.
        std::future::pending::<()>().await;
    }
    (StatusCode::from_u16(status).unwrap(), body)
}
