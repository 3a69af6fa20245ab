//! Login inside the chat client: the bridge for pages, the code it mints, and what the app learns by it.

use serde_json::{Value, json};
use yuezhi_sandbox::{AdminLevel, LoginRules, Rules};

use crate::support::{Trial, config};

const CORP: &str = "ding5a8c31e0b7f24d96";

impl Trial {
    async fn mint(&self, corp_id: &str, client_id: &str, userid: &str) -> (u16, Value) {
        let body = json!({"corpId": corp_id, "clientId": client_id, "userid": userid});
        self.api("POST", "/chat/auth-code", None, &body).await
    }

    async fn who(&self, code: &Value) -> Value {
        let token = self.token().await;
        self.api(
            "POST",
            &format!("/topapi/v2/user/getuserinfo?access_token={token}"),
            None,
            &json!({"code": code}),
        )
        .await
        .1
    }
}

#[tokio::test]
async fn a_page_in_the_chat_client_learns_who_reads_it() {
    let mut config = config();
    config.organisation.people[1].admin = AdminLevel::Sub;
    config.organisation.people[2].boss = true;
    let trial = Trial::with(config).await;
    for (userid, sys, level) in [
        ("lina", true, 2),
        ("wangfang", false, 100),
        ("liuyang", false, 0),
    ] {
        let (status, minted) = trial.mint(CORP, "dingapp", userid).await;
        assert_eq!(status, 200, "{minted}");
        let found = trial.who(&minted["code"]).await;
        let result = &found["result"];
        assert_eq!(
            (&result["userid"], &result["sys"], &result["sys_level"]),
            (&json!(userid), &json!(sys), &json!(level))
        );
        assert_eq!(
            trial.who(&minted["code"]).await["errcode"],
            40_078,
            "a code is good once"
        );
    }
    let (_, minted) = trial.mint(CORP, "dingapp", "lina").await;
    trial.sandbox.clock().advance_ms(5 * 60_000);
    assert_eq!(
        trial.who(&minted["code"]).await["errcode"],
        40_078,
        "and for five minutes"
    );
    let code = trial.sandbox.auth_code("dingapp", "zhangwei").unwrap();
    assert_eq!(trial.who(&json!(code)).await["result"]["sys_level"], 1);
    let persona = trial
        .http
        .post(trial.url("/chat/auth-code"))
        .header("cookie", "dingtalk_sandbox_persona=liuyang");
    let persona: Value = persona
        .json(&json!({"corpId": CORP, "clientId": "dingapp"}))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        trial.who(&persona["code"]).await["result"]["userid"],
        "liuyang"
    );
}

#[tokio::test]
async fn a_wrong_organisation_or_app_gets_no_code() {
    let trial = Trial::start().await;
    for (corp_id, client_id, userid) in [
        ("dingother", "dingapp", "lina"),
        (CORP, "none", "lina"),
        (CORP, "", "lina"),
        (CORP, "dingapp", "nobody"),
    ] {
        let (status, answer) = trial.mint(corp_id, client_id, userid).await;
        assert_eq!(status, 400);
        assert!(
            answer["errorCode"].is_string() && answer["errorMessage"].is_string(),
            "{answer}"
        );
    }
    assert_eq!(trial.who(&json!("made-up")).await["errcode"], 40_078);
}

#[tokio::test]
async fn the_bridge_is_served_to_pages_of_any_origin() {
    let trial = Trial::start().await;
    let script = trial
        .http
        .get(trial.url("/sandbox/jsapi.js"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        script.headers()["content-type"],
        "text/javascript; charset=utf-8"
    );
    assert_eq!(
        script.headers()["cross-origin-resource-policy"],
        "cross-origin"
    );
    let script = script.text().await.unwrap();
    for name in [
        "requestAuthCode",
        "closePage",
        "openLink",
        "setTitle",
        "event.origin !== home",
    ] {
        assert!(script.contains(name), "{name}");
    }
}

#[tokio::test]
async fn an_outsider_logs_in_only_where_the_switch_says_so_and_is_told_apart() {
    let trial = Trial::start().await;
    let browser = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let form = [
        ("redirect_uri", "http://127.0.0.1:8790/login"),
        ("response_type", "code"),
        ("client_id", "dingapp"),
        ("scope", "openid corpid"),
        ("prompt", "consent"),
        ("userid", "outsider-0001"),
    ];
    let consent = || {
        browser
            .post(trial.url("/oauth2/auth/consent"))
            .form(&form)
            .send()
    };
    assert_eq!(consent().await.unwrap().status(), 400);
    trial.sandbox.set_rules(Rules {
        login: LoginRules { outsiders: true },
        ..Rules::default()
    });
    let answer = consent().await.unwrap();
    assert_eq!(answer.status(), 303);
    let target = url::Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap();
    let code = target
        .query_pairs()
        .find(|(key, _)| key == "code")
        .unwrap()
        .1
        .into_owned();
    let body = json!({"clientId": "dingapp", "clientSecret": "app-secret", "code": code, "grantType": "authorization_code"});
    let (_, tokens) = trial
        .api("POST", "/v1.0/oauth2/userAccessToken", None, &body)
        .await;
    assert_ne!(tokens["corpId"], CORP);
    let (_, me) = trial
        .api(
            "GET",
            "/v1.0/contact/users/me",
            tokens["accessToken"].as_str(),
            &json!({}),
        )
        .await;
    let token = trial.token().await;
    let path = format!("/topapi/user/getbyunionid?access_token={token}");
    let (_, found) = trial
        .api("POST", &path, None, &json!({"unionid": me["unionId"]}))
        .await;
    assert_eq!(found["result"]["contact_type"], 1);
}
