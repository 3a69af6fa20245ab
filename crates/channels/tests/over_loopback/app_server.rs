//! A fake of both hosts of the open platform: recorded answers by path, requests kept.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use dingtalk::{Http, Timeouts};
use serde_json::Value;
use yuezhi_channels::{AppSettings, Channel, DingTalkApp, lanes_of};
use yuezhi_domain::Language;

pub(crate) const CLIENT_SECRET: &str = "appClientSecretVerySecret";
pub(crate) const ACCESS_TOKEN: &str = "appAccessTokenVerySecret";
pub(crate) const TOKEN: &str = "/v1.0/oauth2/accessToken";
pub(crate) const NOTICE_SEND: &str = "/topapi/message/corpconversation/asyncsend_v2";
pub(crate) const NOTICE_RESULT: &str = "/topapi/message/corpconversation/getsendresult";
pub(crate) const ROBOT_SEND: &str = "/v1.0/robot/oToMessages/batchSend";
pub(crate) const ROBOT_READS: &str = "/v1.0/robot/oToMessages/readStatus";
pub(crate) const CARD_CREATE: &str = "/v1.0/card/instances/createAndDeliver";
pub(crate) const CARD_UPDATE: &str = "/v1.0/card/instances";
pub(crate) const TODO_CREATE: &str = "/v1.0/todo/users/unionOfOperator/tasks";
pub(crate) const TODO_STATUS: &str = "/v1.0/todo/users/unionOfOperator/tasks/task1/executorStatus";
pub(crate) const DING_SEND: &str = "/v1.0/robot/ding/send";
pub(crate) const DING_READS: &str = "/v1.0/robot/ding/readStatuses/query";
pub(crate) const ANNOUNCE: &str = "/topapi/blackboard/create";
pub(crate) const ANNOUNCEMENT_IDS: &str = "/topapi/blackboard/listids";
pub(crate) const ANNOUNCEMENT: &str = "/v1.0/blackboard/get_blackboard";
pub(crate) const ANNOUNCEMENT_READERS: &str = "/v1.0/blackboard/readers";

/// What the documents show; whatever is not listed answers `{}`.
const USUAL: &[(&str, &str)] = &[
    (
        TOKEN,
        r#"{"accessToken":"appAccessTokenVerySecret","expireIn":7200}"#,
    ),
    (
        NOTICE_SEND,
        r#"{"errcode":0,"task_id":256271667526,"request_id":"4jzllmte0wau"}"#,
    ),
    (
        "/topapi/message/corpconversation/getsendprogress",
        r#"{"errcode":0,"progress":{"progress_in_percent":100,"status":2},"request_id":"r"}"#,
    ),
    (
        ROBOT_SEND,
        r#"{"processQueryKey":"key1=","invalidStaffIdList":[],"flowControlledStaffIdList":[]}"#,
    ),
    (
        CARD_CREATE,
        r#"{"success":true,"result":{"outTrackId":"x","deliverResults":[]}}"#,
    ),
    (CARD_UPDATE, r#"{"success":true,"result":true}"#),
    (
        TODO_CREATE,
        r#"{"id":"task1","subject":"s","done":false,"sourceId":"k"}"#,
    ),
    (TODO_STATUS, r#"{"result":true,"requestId":"r"}"#),
    (DING_SEND, r#"{"openDingId":"ding1","failedList":{}}"#),
    (
        ANNOUNCE,
        r#"{"errcode":0,"result":true,"success":true,"request_id":"r"}"#,
    ),
    (
        ANNOUNCEMENT_IDS,
        r#"{"errcode":0,"result":["notice1"],"success":true}"#,
    ),
    (
        ANNOUNCEMENT,
        r#"{"id":"notice1","title":"差旅费管理制度（第三版）已发布"}"#,
    ),
    (
        "/topapi/blackboard/category/list",
        r#"{"errcode":0,"result":[]}"#,
    ),
    (
        "/topapi/v2/user/get",
        r#"{"errcode":0,"result":{"userid":"operator1","unionid":"unionOfOperator","name":"王芳"}}"#,
    ),
];

#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) body: Value,
}

enum Answer {
    Say(u16, String),
    Stall,
}

#[derive(Clone, Default)]
pub(crate) struct AppServer {
    pub(crate) base: String,
    answers: Arc<Mutex<HashMap<String, VecDeque<Answer>>>>,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl AppServer {
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

    /// The next request to `path` is answered so, after those already said.
    pub(crate) fn says(&self, path: &str, status: u16, body: &str) {
        self.push(path, Answer::Say(status, body.to_owned()));
    }

    /// The next request to `path` is never answered.
    pub(crate) fn stalls(&self, path: &str) {
        self.push(path, Answer::Stall);
    }

    fn push(&self, path: &str, answer: Answer) {
        let mut answers = self.answers.lock().unwrap();
        answers.entry(path.into()).or_default().push_back(answer);
    }

    /// Requests to `path`, in their order.
    pub(crate) fn to(&self, path: &str) -> Vec<Request> {
        let requests = self.requests.lock().unwrap();
        let to_path = requests.iter().filter(|request| request.path == path);
        to_path.cloned().collect()
    }

    pub(crate) fn settings(&self) -> AppSettings {
        settings(&self.base)
    }

    /// A new app with short timeouts.
    pub(crate) fn app(&self) -> Arc<DingTalkApp> {
        app(self.settings())
    }

    /// A lane of a new app.
    pub(crate) fn channel(&self, lane: &str) -> Arc<dyn Channel> {
        channel(&self.app(), lane)
    }
}

pub(crate) fn settings(base: &str) -> AppSettings {
    AppSettings {
        agent_id: Some(123_456),
        card_template_id: Some("confirm.schema".into()),
        operator_user_id: Some("operator1".into()),
        calls_per_second: Some(0),
        api_base: base.to_owned(),
        oapi_base: base.to_owned(),
        login_base: base.to_owned(),
        ..AppSettings::new("dingclient1", CLIENT_SECRET.into(), Language::ZhCn)
    }
}

pub(crate) fn app(settings: AppSettings) -> Arc<DingTalkApp> {
    let short = Duration::from_millis(300);
    let http = Http::new(Timeouts {
        connect: short,
        whole: short,
    });
    Arc::new(DingTalkApp::new(http.unwrap(), settings, Arc::default()).unwrap())
}

pub(crate) fn channel(app: &Arc<DingTalkApp>, lane: &str) -> Arc<dyn Channel> {
    let lanes = lanes_of(app, &[]);
    lanes.into_iter().find(|one| one.lane() == lane).unwrap()
}

async fn answer(
    State(server): State<AppServer>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> (StatusCode, String) {
    let path = uri.path().to_owned();
    server.requests.lock().unwrap().push(Request {
        method: method.to_string(),
        path: path.clone(),
        query: uri.query().unwrap_or_default().to_owned(),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    });
    let said = server
        .answers
        .lock()
        .unwrap()
        .get_mut(&path)
        .and_then(VecDeque::pop_front);
    match said {
        Some(Answer::Say(status, body)) => (StatusCode::from_u16(status).unwrap(), body),
        Some(Answer::Stall) => std::future::pending().await,
        None => {
            let usual = USUAL.iter().find(|(known, _)| *known == path);
            (StatusCode::OK, usual.map_or("{}", |(_, body)| body).into())
        }
    }
}
