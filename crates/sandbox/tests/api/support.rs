//! A running sandbox and a client that speaks to it over HTTP only.

use serde_json::{Value, json};
use yuezhi_sandbox::{
    App, Group, Organisation, Robot, Sandbox, SandboxConfig, SandboxHandle, Security,
};

pub(crate) const CID: &str = "cidYw1k0Qx7/Group+One==";
pub(crate) const NOON_MS: i64 = 1_795_320_000_000;

pub(crate) struct Trial {
    pub(crate) sandbox: SandboxHandle,
    pub(crate) http: reqwest::Client,
}

pub(crate) fn config() -> SandboxConfig {
    let robot = |token: &str, name: &str, security| Robot {
        security,
        ..Robot::new(token, name)
    };
    let mut group = Group::new(CID, "全员通知群");
    group.members = ["zhangwei", "lina", "wangfang"].map(str::to_owned).to_vec();
    group.app_robots = vec!["dingapp".into()];
    group.robots = vec![
        robot("open", "制度助手", Security::default()),
        robot(
            "keyword",
            "关键词机器人",
            Security {
                keywords: vec!["制度".into()],
                ..Security::default()
            },
        ),
        robot(
            "signed",
            "加签机器人",
            Security {
                secret: Some("SECtest".into()),
                ..Security::default()
            },
        ),
        robot(
            "elsewhere",
            "地址机器人",
            Security {
                ips: vec!["10.0.0.0/8".into()],
                ..Security::default()
            },
        ),
        robot(
            "here",
            "本机机器人",
            Security {
                ips: vec!["127.0.0.1".into()],
                ..Security::default()
            },
        ),
    ];
    let app = App {
        name: "阅知".into(),
        client_id: "dingapp".into(),
        client_secret: "app-secret".into(),
        robot_code: "dingapp".into(),
        agent_id: 7,
        ..App::default()
    };
    let mut config = SandboxConfig {
        groups: vec![group],
        apps: vec![app],
        ..SandboxConfig::new(Organisation::small())
    };
    config.seed = Some(7);
    config.clock.freeze_at_ms(NOON_MS);
    config
}

impl Trial {
    pub(crate) async fn start() -> Self {
        Self::with(config()).await
    }

    pub(crate) async fn with(config: SandboxConfig) -> Self {
        // A second test in this process finds the provider in place.
        drop(rustls::crypto::ring::default_provider().install_default());
        Self {
            sandbox: Sandbox::start(config).await.expect("a free port"),
            http: reqwest::Client::new(),
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.sandbox.url())
    }

    /// A webhook call; the answer has HTTP 200 whatever it says.
    pub(crate) async fn robot(&self, query: &str, body: &Value) -> Value {
        let answer = self
            .http
            .post(self.url(&format!("/robot/send?{query}")))
            .json(body)
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), 200);
        answer.json().await.expect("JSON")
    }

    pub(crate) async fn say(&self, token: &str, text: &str) -> i64 {
        let answer = self
            .robot(
                &format!("access_token={token}"),
                &json!({"msgtype": "text", "text": {"content": text}}),
            )
            .await;
        answer["errcode"].as_i64().expect("errcode")
    }

    pub(crate) async fn token(&self) -> String {
        let body = json!({"appKey": "dingapp", "appSecret": "app-secret"});
        let (_, answer) = self
            .api("POST", "/v1.0/oauth2/accessToken", None, &body)
            .await;
        answer["accessToken"].as_str().expect("a token").to_owned()
    }

    /// A call to the api host: HTTP status and body.
    pub(crate) async fn api(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: &Value,
    ) -> (u16, Value) {
        let method = method.parse().expect("an HTTP method");
        let mut request = self.http.request(method, self.url(path)).json(body);
        if let Some(token) = token {
            request = request.header("x-acs-dingtalk-access-token", token);
        }
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    /// A call to the oapi host: the body, whose HTTP status is 200 whatever it says.
    pub(crate) async fn oapi(&self, path: &str, token: &str, body: &Value) -> Value {
        let path = format!("{path}?access_token={token}");
        let (status, answer) = self.api("POST", &path, None, body).await;
        assert_eq!(status, 200, "{path}");
        answer
    }

    /// A call to the api host with a valid token; the answer must have this status.
    pub(crate) async fn expect(
        &self,
        status: u16,
        method: &str,
        path: &str,
        token: &str,
        body: &Value,
    ) -> Value {
        let (got, answer) = self.api(method, path, Some(token), body).await;
        assert_eq!(got, status, "{path}: {answer}");
        answer
    }
}
