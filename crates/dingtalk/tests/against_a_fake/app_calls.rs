//! What holds for every call of an app: token, refresh, leniency, observer, pace, secrets.

use std::sync::{Arc, Mutex};

use dingtalk::{Api, Call, CallReport, Error, Oddity, Pacer, Verdict, apply_link};
use serde_json::{Value, json};

use crate::support::{Fake, NOW_MS, app};

const OLD: Api = Api::post("old", "/topapi/x/y").scope("qyapi_x");
const FREE: Api = Api::get("free", "/v1.0/free").free();
const NEW: Api = Api::put("new", "/v1.0/x/{id}").scope("X.Y.Read");

#[tokio::test]
async fn each_host_gets_the_token_where_it_wants_it() {
    let fake = Fake::start().await;
    let app = app(&fake).await;
    let call = Call::of(&OLD).query("q", "a b").json(&json!({"k": 1}));
    app.call(call, NOW_MS).await.unwrap();
    app.call(Call::of(&NEW).at("id", "a/b").query("q", "+"), NOW_MS)
        .await
        .unwrap();
    let requests = fake.requests();
    let (old, new) = (&requests[1], &requests[2]);
    assert_eq!(
        (old.method.as_str(), old.path.as_str()),
        ("POST", "/topapi/x/y")
    );
    assert_eq!(
        (old.query.as_str(), old.token_header.as_str()),
        ("access_token=T1&q=a+b", "")
    );
    assert_eq!(
        (old.body.as_str(), old.content_type.as_str()),
        (r#"{"k":1}"#, "application/json; charset=utf-8")
    );
    assert_eq!(
        (new.method.as_str(), new.path.as_str()),
        ("PUT", "/v1.0/x/a%2Fb")
    );
    assert_eq!(
        (new.query.as_str(), new.token_header.as_str()),
        ("q=%2B", "T1")
    );
}

#[tokio::test]
async fn every_form_of_expiry_is_answered_by_one_new_token() {
    for (api, status, refusal) in [
        (
            &NEW,
            400,
            r#"{"code":"InvalidAuthentication","requestid":"r","message":"不合法的access_token"}"#,
        ),
        (&NEW, 401, r#"{"code":"whatever","message":"m"}"#),
        (
            &OLD,
            200,
            r#"{"errcode":40014,"errmsg":"不合法的access_token"}"#,
        ),
        (&OLD, 200, r#"{"errcode":"42001","errmsg":"m"}"#),
        (&OLD, 200, r#"{"errcode":40001,"errmsg":"m"}"#),
        (
            &OLD,
            200,
            r#"{"errcode":88,"sub_code":"40014","sub_msg":"m","errmsg":"e"}"#,
        ),
        (
            &OLD,
            200,
            r#"{"errcode":88,"errmsg":"ding talk error[subcode=40014,submsg=不合法的access_token]"}"#,
        ),
    ] {
        let fake = Fake::start().await;
        let app = app(&fake).await;
        fake.answers(status, refusal);
        fake.answers(200, r#"{"accessToken":"T2","expireIn":"7200"}"#);
        app.call(Call::of(api).at("id", "1"), NOW_MS)
            .await
            .unwrap_or_else(|error| panic!("{refusal}: {error}"));
        assert_eq!(fake.requests().len(), 4);

        fake.answers(status, refusal);
        fake.answers(200, r#"{"accessToken":"T3","expireIn":7200}"#);
        fake.answers(status, refusal);
        let error = app
            .call(Call::of(api).at("id", "1"), NOW_MS)
            .await
            .unwrap_err();
        assert!(error.is_token_refused(), "a second refusal is the answer");
        assert_eq!(fake.requests().len(), 7);
    }
}

#[tokio::test]
async fn success_is_read_from_the_body_and_odd_answers_are_named() {
    let fake = Fake::start().await;
    let app = app(&fake).await;
    for (api, status, body, ok) in [
        (&OLD, 200, r#"{"errcode":"0","errmsg":"ok"}"#, true),
        (&OLD, 200, r#"{"ErrCode":0}"#, true),
        (&OLD, 200, r#"{"success":"true"}"#, true),
        (
            &OLD,
            200,
            r#"{"errcode":1,"errmsg":"Platform System error"}"#,
            false,
        ),
        (&OLD, 200, "<html>no</html>", false),
        (
            &OLD,
            200,
            r#"{"status":1111,"wait":5,"source":"x5","punish":"deny","uuid":"u"}"#,
            false,
        ),
        (&NEW, 200, "", true),
        (&NEW, 200, r#"{"status":"READY"}"#, true),
        (&NEW, 200, "<html>no</html>", false),
        (
            &NEW,
            200,
            r#"{"status":1111,"wait":5,"source":"x5","punish":"deny","uuid":"u"}"#,
            false,
        ),
        (
            &NEW,
            400,
            r#"{"Code":"param.invalid","Message":"m","RequestId":"r"}"#,
            false,
        ),
    ] {
        fake.answers(status, body);
        let result = app.call(Call::of(api).at("id", "1"), NOW_MS).await;
        assert_eq!(result.is_ok(), ok, "{body} {result:?}");
    }
    fake.answers(200, r#"{"status":"1111","wait":"5","punish":"deny"}"#);
    let Err(Error::Answer(answer)) = app.call(Call::of(&OLD), NOW_MS).await else {
        panic!("a ban is no success")
    };
    assert_eq!(answer.oddity, Oddity::Banned { minutes: 5 });
}

#[tokio::test]
async fn a_missing_permission_comes_with_its_name_and_the_page_to_apply() {
    let fake = Fake::start().await;
    let app = app(&fake).await;
    let denied = r#"{"code":"Forbidden.AccessDenied.AccessTokenPermissionDenied","requestid":"r","message":"没有调用该接口的权限","accessdenieddetail":{"requiredScopes":["A.B"]}}"#;
    for (api, status, body, scope) in [
        (&NEW, 403, denied, "A.B"),
        (
            &NEW,
            403,
            r#"{"code":"Forbidden.AccessDenied.AccessTokenPermissionDenied","message":"m"}"#,
            "X.Y.Read",
        ),
        (
            &OLD,
            200,
            r#"{"errcode":88,"sub_code":"60011","sub_msg":"应用尚未开通所需的权限：[qyapi_x]"}"#,
            "qyapi_x",
        ),
    ] {
        fake.answers(status, body);
        let error = app
            .call(Call::of(api).at("id", "1"), NOW_MS)
            .await
            .unwrap_err();
        assert_eq!(
            error.verdict(),
            Verdict::PermissionMissing {
                scopes: vec![scope.to_owned()],
                apply_url: Some(apply_link("dingclient", scope))
            }
        );
    }
}

#[tokio::test]
async fn an_observer_sees_every_attempt_and_what_it_costs() {
    type Seen = (String, bool, bool, Option<String>);
    let fake = Fake::start().await;
    let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
    let log = Arc::clone(&seen);
    let app = app(&fake)
        .await
        .observed(Arc::new(move |report: &CallReport<'_>| {
            log.lock().unwrap().push((
                report.api.name.to_owned(),
                report.outcome.is_ok(),
                report.counts(),
                report.request_id.map(ToOwned::to_owned),
            ));
        }));
    fake.answers(200, r#"{"errcode":0,"request_id":"r1"}"#);
    app.call(Call::of(&OLD), NOW_MS).await.unwrap();
    fake.answers(
        403,
        r#"{"code":"Forbidden.AccessDenied.QpsLimitForApi","requestid":"r2","message":"m"}"#,
    );
    let throttled = app.call(Call::of(&NEW).at("id", "1"), NOW_MS).await;
    assert!(throttled.unwrap_err().is_throttled());
    fake.answers(200, r#"{"requestId":"r3"}"#);
    app.call(Call::of(&FREE), NOW_MS).await.unwrap();
    fake.answers(400, r#"{"code":"param.invalid","requestid":"r4"}"#);
    app.call(Call::of(&NEW).at("id", "1"), NOW_MS)
        .await
        .unwrap_err();
    let seen = seen.lock().unwrap();
    let of = |name: &str, ok, counts, id: &str| (name.to_owned(), ok, counts, Some(id.to_owned()));
    assert_eq!(
        *seen,
        [
            of("old", true, true, "r1"),
            of("new", false, false, "r2"),
            of("free", true, false, "r3"),
            of("new", false, true, "r4"),
        ]
    );
}

#[tokio::test]
async fn a_paced_app_waits_for_its_turn() {
    let fake = Fake::start().await;
    let app = app(&fake).await.paced(Arc::new(Pacer::new(50, 1)));
    let before = tokio::time::Instant::now();
    for _ in 0..4 {
        app.call(Call::of(&OLD), NOW_MS).await.unwrap();
    }
    assert!(before.elapsed().as_millis() >= 60);
}

#[tokio::test]
async fn what_cannot_be_sent_never_leaves() {
    let fake = Fake::start().await;
    let app = app(&fake).await;
    let error = app
        .call(Call::of(&NEW).at("id", ""), NOW_MS)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Message(_)));
    assert_eq!(fake.requests().len(), 1);
}

#[tokio::test]
async fn a_token_that_cannot_be_renewed_is_used_until_it_ends() {
    let fake = Fake::start().await;
    let app = app(&fake).await;
    let soon = NOW_MS + 7_000_000;
    fake.answers(503, "<html>busy</html>");
    app.call(Call::of(&OLD), soon).await.unwrap();
    let last = fake.requests().pop().unwrap();
    assert_eq!(last.query, "access_token=T1");
    let asked = fake.requests().len();
    app.call(Call::of(&OLD), soon + 1).await.unwrap();
    assert_eq!(
        fake.requests().len(),
        asked + 1,
        "not asked for again in the same second"
    );
    fake.answers(503, "<html>busy</html>");
    let ended = app.call(Call::of(&OLD), NOW_MS + 7_200_000).await;
    assert!(matches!(ended, Err(Error::Answer(_))), "{ended:?}");
}

#[tokio::test]
async fn a_short_lived_token_is_not_fetched_for_every_call() {
    let fake = Fake::start().await;
    fake.answers(200, r#"{"accessToken":"T1","expireIn":120}"#);
    let config = dingtalk::AppConfig::new("dingclient", "appSecretOfTheTest");
    let app = dingtalk::App::new(crate::support::http(), fake.endpoints(), config);
    for at_ms in [0, 30_000, 59_000] {
        app.access_token(NOW_MS + at_ms).await.unwrap();
    }
    assert_eq!(fake.requests().len(), 1);
}

#[tokio::test]
async fn no_error_shows_the_token() {
    let fake = Fake::start().await;
    fake.answers(
        200,
        r#"{"accessToken":"TheVerySecretToken","expireIn":7200}"#,
    );
    let config = dingtalk::AppConfig::new("dingclient", "appSecretOfTheTest");
    let app = dingtalk::App::new(crate::support::http(), fake.endpoints(), config);
    let spilled = "access_token=TheVerySecretToken TheVerySecretToken";
    for (api, status, body) in [
        (&OLD, 200, json!({"errcode": 1, "errmsg": spilled})),
        (&OLD, 500, json!(spilled)),
        (&OLD, 200, json!(spilled)),
        (&NEW, 400, json!({"code": spilled, "message": spilled})),
        (&NEW, 302, Value::Null),
    ] {
        fake.answers_with(
            status,
            &body.to_string(),
            vec![("location", format!("http://e/?{spilled}"))],
        );
        let error = app
            .call(Call::of(api).at("id", "1"), NOW_MS)
            .await
            .unwrap_err();
        assert!(
            !format!("{error} {error:?}").contains("TheVerySecret"),
            "{error:?}"
        );
    }
    let mut dead = fake.endpoints();
    dead.oapi = "http://127.0.0.1:1/".parse().unwrap();
    fake.answers(
        200,
        r#"{"accessToken":"TheVerySecretToken","expireIn":7200}"#,
    );
    let config = dingtalk::AppConfig::new("dingclient", "appSecretOfTheTest");
    let app = dingtalk::App::new(crate::support::http(), dead, config);
    let error = app.call(Call::of(&OLD), NOW_MS).await.unwrap_err();
    assert!(
        !format!("{error} {error:?} {app:?}").contains("Secret"),
        "{error:?}"
    );
}
