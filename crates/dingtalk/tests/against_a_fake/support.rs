//! A fake of the platform on loopback: answers what a test has put in, records what came.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::IntoResponse;
use dingtalk::{At, Endpoints, Http, Robot, RobotConfig, SendOptions, Timeouts, Webhook};
use url::Url;

pub(crate) const NOW_MS: i64 = 1_700_000_000_000;
pub(crate) const TOKEN: &str = "tokenVerySecret0123456789";
pub(crate) const SECRET: &str = "SEC000000000000000000000";

#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) token_header: String,
    pub(crate) content_type: String,
    pub(crate) body: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Canned {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

#[derive(Clone, Default)]
pub(crate) struct Fake {
    answers: Arc<Mutex<VecDeque<Canned>>>,
    requests: Arc<Mutex<Vec<Request>>>,
    pub(crate) base: String,
}

impl Fake {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fake = Self {
            base: format!("http://{}", listener.local_addr().unwrap()),
            ..Self::default()
        };
        let app = Router::new().fallback(answer).with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        fake
    }

    /// The next request gets this; requests beyond get the ordinary success.
    pub(crate) fn answers(&self, status: u16, body: &str) {
        self.answers_with(status, body, vec![]);
    }

    pub(crate) fn answers_with(
        &self,
        status: u16,
        body: &str,
        headers: Vec<(&'static str, String)>,
    ) {
        self.answers.lock().unwrap().push_back(Canned {
            status,
            headers,
            body: body.to_owned(),
        });
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn endpoints(&self) -> Endpoints {
        let base = Url::parse(&self.base).unwrap();
        Endpoints {
            api: base.clone(),
            oapi: base.clone(),
            login: base,
        }
    }

    pub(crate) fn robot(&self, secret: Option<&str>, keywords: &[&str]) -> Robot {
        robot_at(&self.base, secret, keywords)
    }
}

pub(crate) fn http() -> Http {
    let short = std::time::Duration::from_millis(300);
    Http::new(Timeouts {
        connect: short,
        whole: short,
    })
    .unwrap()
}

pub(crate) fn robot_at(base: &str, secret: Option<&str>, keywords: &[&str]) -> Robot {
    let webhook = Webhook::parse(&format!("{base}/robot/send?access_token={TOKEN}")).unwrap();
    let keywords = keywords.iter().map(|&word| word.to_owned()).collect();
    Robot::new(
        http(),
        RobotConfig {
            webhook,
            secret: secret.map(Into::into),
            keywords,
        },
    )
}

/// An app whose token is already there; further answers are the test's.
pub(crate) async fn app(fake: &Fake) -> dingtalk::App {
    fake.answers(200, r#"{"accessToken":"T1","expireIn":7200}"#);
    let config = dingtalk::AppConfig::new("dingclient", "appSecretOfTheTest");
    let app = dingtalk::App::new(http(), fake.endpoints(), config);
    app.access_token(NOW_MS).await.unwrap();
    app
}

static NOBODY: At = At::NOBODY;

pub(crate) fn plain<'a>() -> SendOptions<'a> {
    SendOptions {
        msg_uuid: Some("key-1"),
        at: &NOBODY,
        now_ms: NOW_MS,
    }
}

async fn answer(
    State(fake): State<Fake>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> impl IntoResponse {
    let header = |name: &str| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
            .unwrap_or_default()
    };
    fake.requests.lock().unwrap().push(Request {
        method: method.to_string(),
        path: uri.path().to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
        token_header: header("x-acs-dingtalk-access-token"),
        content_type: header("content-type"),
        body: String::from_utf8_lossy(&body).into_owned(),
    });
    let canned = fake.answers.lock().unwrap().pop_front().unwrap_or(Canned {
        status: 200,
        headers: vec![],
        body: r#"{"errcode":0,"errmsg":"ok"}"#.to_owned(),
    });
    let mut headers = HeaderMap::new();
    for (name, value) in canned.headers {
        headers.insert(name, value.parse().unwrap());
    }
    (
        StatusCode::from_u16(canned.status).unwrap(),
        headers,
        canned.body,
    )
}
