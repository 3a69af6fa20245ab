//! Logging in with a browser, and the directory behind it.

use reqwest::redirect::Policy;
use serde_json::json;
use url::Url;

use crate::support::Trial;

const ASK: &str = "/oauth2/auth?redirect_uri=http%3A%2F%2F127.0.0.1%3A8790%2Flogin%3Fx%3D1&response_type=code&client_id=dingapp&scope=openid%20corpid&state=s%261&prompt=consent";

pub(crate) async fn code_of(trial: &Trial, userid: &str) -> (String, Url) {
    let browser = reqwest::Client::builder()
        .redirect(Policy::none())
        .build()
        .expect("the sandbox answers as documented");
    let form = [
        ("redirect_uri", "http://127.0.0.1:8790/login?x=1"),
        ("response_type", "code"),
        ("client_id", "dingapp"),
        ("scope", "openid corpid"),
        ("state", "s&1"),
        ("prompt", "consent"),
        ("userid", userid),
    ];
    let answer = browser
        .post(trial.url("/oauth2/auth/consent"))
        .form(&form)
        .send()
        .await
        .expect("the sandbox answers as documented");
    assert_eq!(answer.status(), 303);
    let target = Url::parse(
        answer.headers()["location"]
            .to_str()
            .expect("the sandbox answers as documented"),
    )
    .expect("the sandbox answers as documented");
    let code = target
        .query_pairs()
        .find(|(key, _)| key == "code")
        .expect("the sandbox answers as documented")
        .1
        .into_owned();
    (code, target)
}

#[tokio::test]
async fn a_person_logs_in_and_is_found_in_the_directory() {
    let trial = Trial::start().await;
    let page = trial
        .http
        .get(trial.url(ASK))
        .header("cookie", "dingtalk_sandbox_persona=lina")
        .send()
        .await
        .unwrap();
    assert_eq!(page.status(), 200);
    let page = page.text().await.unwrap();
    assert!(
        page.contains("以 李娜 的身份登录") && page.contains(r#"value="s&amp;1""#),
        "{page}"
    );
    let (code, target) = code_of(&trial, "lina").await;
    let pairs: Vec<_> = target.query_pairs().into_owned().collect();
    assert_eq!(pairs[0], ("x".into(), "1".into()));
    assert_eq!(pairs[2], ("authCode".into(), code.clone()));
    assert_eq!(pairs[3], ("state".into(), "s&1".into()));

    let body = json!({"clientId": "dingapp", "clientSecret": "app-secret", "code": code, "grantType": "authorization_code"});
    let (status, tokens) = trial
        .api("POST", "/v1.0/oauth2/userAccessToken", None, &body)
        .await;
    assert_eq!(
        (status, &tokens["corpId"], &tokens["expireIn"]),
        (200, &json!("ding5a8c31e0b7f24d96"), &json!(7200))
    );
    let (status, again) = trial
        .api("POST", "/v1.0/oauth2/userAccessToken", None, &body)
        .await;
    assert_eq!(
        (status, &again["code"]),
        (400, &json!("invalidParameter.authCode.notFound")),
        "a code is good once"
    );

    let (_, me) = trial
        .api(
            "GET",
            "/v1.0/contact/users/me",
            tokens["accessToken"].as_str(),
            &json!({}),
        )
        .await;
    assert_eq!(
        (&me["nick"], &me["unionId"]),
        (&json!("李娜"), &json!("union-lina"))
    );
    let app_token = trial.token().await;
    let path = format!("/topapi/user/getbyunionid?access_token={app_token}");
    let (_, found) = trial
        .api("POST", &path, None, &json!({"unionid": me["unionId"]}))
        .await;
    assert_eq!(
        found["result"],
        json!({"contact_type": 0, "userid": "lina"})
    );

    let refresh = json!({"clientId": "dingapp", "clientSecret": "app-secret", "refreshToken": tokens["refreshToken"], "grantType": "refresh_token"});
    assert_eq!(
        trial
            .api("POST", "/v1.0/oauth2/userAccessToken", None, &refresh)
            .await
            .0,
        200
    );
    trial.sandbox.clock().advance_ms(31 * 24 * 3_600_000);
    assert_eq!(
        trial
            .api("POST", "/v1.0/oauth2/userAccessToken", None, &refresh)
            .await
            .0,
        400
    );
    let (status, _) = trial
        .api(
            "GET",
            "/v1.0/contact/users/me",
            tokens["accessToken"].as_str(),
            &json!({}),
        )
        .await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn a_code_expires_after_five_minutes() {
    let trial = Trial::start().await;
    let (code, _) = code_of(&trial, "lina").await;
    trial.sandbox.clock().advance_ms(5 * 60_000 + 1);
    let body = json!({"clientId": "dingapp", "clientSecret": "app-secret", "code": code, "grantType": "authorization_code"});
    assert_eq!(
        trial
            .api("POST", "/v1.0/oauth2/userAccessToken", None, &body)
            .await
            .0,
        400
    );
}

#[tokio::test]
async fn a_faulty_login_link_says_what_is_wrong() {
    let trial = Trial::start().await;
    for (from, to, expected) in [
        ("prompt=consent", "", "prompt=consent"),
        ("client_id=dingapp", "client_id=other", "client_id"),
        (
            "redirect_uri=http",
            "redirect_uri=javascript",
            "redirect_uri",
        ),
        ("scope=openid", "scope=x", "scope"),
        ("response_type=code", "response_type=token", "response_type"),
    ] {
        let answer = trial
            .http
            .get(trial.url(&ASK.replace(from, to)))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 400);
        assert!(answer.text().await.unwrap().contains(expected), "{to}");
    }
}

#[tokio::test]
async fn the_directory_is_walked_department_by_department() {
    let trial = Trial::start().await;
    let token = trial.token().await;
    let ask = async |path: &str, body| {
        trial
            .api("POST", &format!("{path}?access_token={token}"), None, &body)
            .await
            .1
    };
    let departments = ask("/topapi/v2/department/listsub", json!({"dept_id": 1})).await;
    let ids: Vec<_> = departments["result"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["dept_id"].as_i64().unwrap())
        .collect();
    assert_eq!(ids, [2, 3]);
    let page = ask(
        "/topapi/v2/user/list",
        json!({"dept_id": 3, "cursor": 0, "size": 3}),
    )
    .await;
    assert_eq!(
        (&page["result"]["has_more"], &page["result"]["next_cursor"]),
        (&json!(true), &json!(3))
    );
    let rest = ask(
        "/topapi/v2/user/list",
        json!({"dept_id": 3, "cursor": 3, "size": 3}),
    )
    .await;
    assert_eq!(rest["result"]["list"][0]["userid"], "zhaolei");
    assert_eq!(
        ask(
            "/topapi/v2/user/list",
            json!({"dept_id": 3, "cursor": 0, "size": 101})
        )
        .await["errcode"],
        400_002
    );
    assert_eq!(
        ask("/topapi/v2/user/get", json!({"userid": "lina"})).await["result"]["unionid"],
        "union-lina"
    );
    assert_eq!(
        ask("/topapi/v2/user/get", json!({"userid": "nobody"})).await["errcode"],
        60_121
    );
    assert_eq!(
        ask(
            "/topapi/v2/user/getbymobile",
            json!({"mobile": "13800000002"})
        )
        .await["result"]["userid"],
        "lina"
    );
    assert_eq!(
        ask("/topapi/v2/department/listsub", json!({"dept_id": 99})).await["errcode"],
        60_003
    );
    assert_eq!(
        ask("/auth/scopes", json!({})).await["auth_org_scopes"]["authed_dept"],
        json!([1])
    );
    let form = trial
        .http
        .post(trial.url(&format!("/topapi/v2/user/get?access_token={token}")))
        .form(&[("userid", "lina")]);
    let form: serde_json::Value = form.send().await.unwrap().json().await.unwrap();
    assert_eq!(form["result"]["name"], "李娜", "forms work too");
}
