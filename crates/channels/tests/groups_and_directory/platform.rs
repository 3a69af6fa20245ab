//! A fake of both of the platform's hosts: answers what a test laid ready for a path, keeps what it was asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use dingtalk::{Http, Timeouts};
use serde_json::{Value, json};
use yuezhi_channels::{AppSettings, Channel, DingTalkApp, GroupSettings, Registry, RegistryConfig};
use yuezhi_domain::Language;

pub(crate) const CLIENT_ID: &str = "dingclient1";
pub(crate) const CLIENT_SECRET: &str = "clientVerySecret0123456789";
pub(crate) const CONVERSATION: &str = "cidGroup1==";
pub(crate) const OWNER: &str = "owner1";

type Rule = Arc<dyn Fn(&Asked) -> (u16, Value) + Send + Sync>;

/// One call as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    /// `Null` where the body is no JSON.
    pub(crate) body: Value,
    pub(crate) bytes: usize,
}

#[derive(Clone, Default)]
pub(crate) struct Platform {
    pub(crate) base: String,
    rules: Arc<Mutex<HashMap<String, Rule>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Platform {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let platform = Self {
            base: format!("http://{}", listener.local_addr().unwrap()),
            ..Self::default()
        };
        platform.answers(
            "/v1.0/oauth2/accessToken",
            200,
            &json!({ "accessToken": "tokenVerySecret", "expireIn": 7200 }),
        );
        let app = Router::new().fallback(answer).with_state(platform.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        platform
    }

    /// The same answer to every call of this path.
    pub(crate) fn answers(&self, path: &str, status: u16, body: &Value) {
        let body = body.clone();
        self.rule(path, move |_| (status, body.clone()));
    }

    /// One answer after the other; the last stays.
    pub(crate) fn answers_in_turn(&self, path: &str, answers: Vec<(u16, Value)>) {
        let turn = Mutex::new(0);
        self.rule(path, move |_| {
            let mut turn = turn.lock().unwrap();
            let answer = answers[(*turn).min(answers.len() - 1)].clone();
            *turn += 1;
            answer
        });
    }

    pub(crate) fn rule(
        &self,
        path: &str,
        rule: impl Fn(&Asked) -> (u16, Value) + Send + Sync + 'static,
    ) {
        let mut rules = self.rules.lock().unwrap();
        rules.insert(path.to_owned(), Arc::new(rule));
    }

    pub(crate) fn asked(&self, path: &str) -> Vec<Asked> {
        let asked = self.asked.lock().unwrap();
        asked
            .iter()
            .filter(|asked| asked.path == path)
            .cloned()
            .collect()
    }

    /// All paths in order, without the token's.
    pub(crate) fn paths(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        let paths = asked.iter().map(|asked| asked.path.clone());
        paths.filter(|path| !path.contains("oauth2")).collect()
    }

    pub(crate) fn settings(&self) -> AppSettings {
        AppSettings {
            agent_id: Some(7),
            corp_id: Some("ding1".into()),
            calls_per_second: Some(0),
            api_base: self.base.clone(),
            oapi_base: self.base.clone(),
            login_base: self.base.clone(),
            ..AppSettings::new(CLIENT_ID, CLIENT_SECRET.into(), Language::ZhCn)
        }
    }

    pub(crate) fn app(&self) -> Arc<DingTalkApp> {
        app_of(self.settings())
    }

    /// A lane of an installation with one group.
    pub(crate) fn lane(
        &self,
        lane: &str,
        settings: AppSettings,
        is_scene: bool,
    ) -> Arc<dyn Channel> {
        let registry = Registry::build(RegistryConfig {
            app: Some(settings),
            groups: vec![GroupSettings {
                name: "hr".into(),
                open_conversation_id: CONVERSATION.into(),
                chat_id: Some("chat1".into()),
                is_scene,
                owner_user_id: OWNER.into(),
            }],
            oapi_base: self.base.clone(),
            ..RegistryConfig::default()
        })
        .unwrap();
        Arc::clone(registry.get(lane).unwrap())
    }
}

pub(crate) fn app_of(settings: AppSettings) -> Arc<DingTalkApp> {
    let http = Http::new(Timeouts {
        connect: Duration::from_secs(2),
        whole: Duration::from_secs(2),
    })
    .unwrap();
    Arc::new(DingTalkApp::new(http, settings, Arc::default()).unwrap())
}

/// A refusal of the new host.
pub(crate) fn refusal(code: &str) -> Value {
    json!({ "code": code, "message": "不可以", "requestid": "r1" })
}

async fn answer(
    State(platform): State<Platform>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> (StatusCode, String) {
    let asked = Asked {
        method: method.to_string(),
        path: uri.path().to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
        body: serde_json::from_slice(&body).unwrap_or_default(),
        bytes: body.len(),
    };
    platform.asked.lock().unwrap().push(asked.clone());
    let rule = platform.rules.lock().unwrap().get(uri.path()).cloned();
    let (status, body) = rule.map_or_else(
        || {
            (
                404,
                json!({ "errcode": 404, "errmsg": "请求的URI地址不存在" }),
            )
        },
        |rule| rule(&asked),
    );
    (StatusCode::from_u16(status).unwrap(), body.to_string())
}
