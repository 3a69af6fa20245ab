//! The app's token and the login in a browser.

use crate::support::{Fake, NOW_MS, http};
use dingtalk::{App, AppConfig, LoginError, Misconfiguration, Verdict};
use secrecy::ExposeSecret as _;

const APP_SECRET: &str = "appSecretOfTheTest";

fn app(fake: &Fake) -> App {
    App::new(
        http(),
        fake.endpoints(),
        AppConfig::new("dingclient", &format!(" {APP_SECRET}\n")),
    )
}

fn token(name: &str) -> String {
    format!(r#"{{"accessToken":"{name}","expireIn":7200}}"#)
}

#[tokio::test]
async fn many_callers_fetch_one_token() {
    let fake = Fake::start().await;
    fake.answers(200, &token("T1"));
    let app = app(&fake);
    let tokens = tokio::join!(
        app.access_token(NOW_MS),
        app.access_token(NOW_MS),
        app.access_token(NOW_MS + 1)
    );
    for token in [tokens.0, tokens.1, tokens.2] {
        assert_eq!(token.unwrap().expose_secret(), "T1");
    }
    let requests = fake.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].path, "/v1.0/oauth2/accessToken");
    assert_eq!(
        requests[0].body,
        format!(r#"{{"appKey":"dingclient","appSecret":"{APP_SECRET}"}}"#)
    );
}

#[tokio::test]
async fn a_token_is_renewed_five_minutes_early() {
    let fake = Fake::start().await;
    fake.answers(200, &token("T1"));
    fake.answers(200, &token("T2"));
    let app = app(&fake);
    let life_ms = 7_200_000;
    for (at_ms, expected) in [
        (0, "T1"),
        (life_ms - 300_001, "T1"),
        (life_ms - 300_000, "T2"),
    ] {
        assert_eq!(
            app.access_token(NOW_MS + at_ms)
                .await
                .unwrap()
                .expose_secret(),
            expected
        );
    }
}

#[tokio::test]
async fn a_wrong_app_secret_is_named_and_not_asked_again_at_once() {
    let fake = Fake::start().await;
    fake.answers(400, r#"{"requestid":"r","code":"invalidClientIdOrSecret","message":"无效的clientId或者clientSecret"}"#);
    let app = app(&fake);
    for _ in 0..3 {
        let error = app.access_token(NOW_MS).await.unwrap_err();
        assert_eq!(
            error.verdict(),
            Verdict::Misconfigured(Misconfiguration::AppSecretWrong)
        );
        assert!(!format!("{error:?}").contains(APP_SECRET));
    }
    assert_eq!(fake.requests().len(), 1);
    fake.answers(200, &token("T2"));
    assert!(app.access_token(NOW_MS + 1000).await.is_ok());
}

#[test]
fn the_login_page_gets_what_the_document_demands() {
    let app = App::new(
        http(),
        dingtalk::Endpoints::default(),
        AppConfig::new("dingclient", "s"),
    );
    assert_eq!(
        app.authorize_url("https://p.example/login/dingtalk", "st")
            .as_str(),
        "https://login.dingtalk.com/oauth2/auth?redirect_uri=https%3A%2F%2Fp.example%2Flogin%2Fdingtalk&response_type=code&client_id=dingclient&scope=openid+corpid&state=st&prompt=consent"
    );
}

fn happy(fake: &Fake) {
    fake.answers(
        200,
        r#"{"accessToken":"USER","refreshToken":"R","expireIn":7200,"corpId":"ding1"}"#,
    );
    fake.answers(
        200,
        r#"{"nick":"张伟","unionId":"U1","openId":"O1","email":""}"#,
    );
    fake.answers(200, &token("T1"));
}

#[tokio::test]
async fn a_member_logs_in() {
    let fake = Fake::start().await;
    happy(&fake);
    fake.answers(
        200,
        r#"{"errcode":0,"errmsg":"ok","result":{"contact_type":0,"userid":"1024"}}"#,
    );
    let member = app(&fake)
        .login("code1", Some("ding1"), NOW_MS)
        .await
        .unwrap();
    assert_eq!(
        (member.user_id.as_str(), member.visitor.nick.as_str()),
        ("1024", "张伟")
    );
    let requests = fake.requests();
    assert_eq!(
        requests[0].body,
        format!(
            r#"{{"clientId":"dingclient","clientSecret":"{APP_SECRET}","code":"code1","grantType":"authorization_code"}}"#
        )
    );
    assert_eq!(
        (requests[1].path.as_str(), requests[1].token_header.as_str()),
        ("/v1.0/contact/users/me", "USER")
    );
    assert_eq!(
        (requests[3].path.as_str(), requests[3].query.as_str()),
        ("/topapi/user/getbyunionid", "access_token=T1")
    );
}

#[tokio::test]
async fn an_expired_token_is_renewed_once_and_the_call_repeated() {
    let fake = Fake::start().await;
    happy(&fake);
    fake.answers(200, r#"{"errcode":88,"sub_code":"40014","sub_msg":"不合法的access_token","errmsg":"ding talk error"}"#);
    fake.answers(200, &token("T2"));
    fake.answers(
        200,
        r#"{"errcode":0,"errmsg":"ok","result":{"contact_type":0,"userid":"1024"}}"#,
    );
    assert!(app(&fake).login("code1", None, NOW_MS).await.is_ok());
    assert_eq!(fake.requests().last().unwrap().query, "access_token=T2");
}

#[tokio::test]
async fn strangers_are_refused() {
    let fake = Fake::start().await;
    happy(&fake);
    assert_eq!(
        app(&fake).login("c", Some("another"), NOW_MS).await,
        Err(LoginError::OtherOrganisation)
    );

    for (answer, expected) in [
        (
            r#"{"errcode":0,"errmsg":"ok","result":{"contact_type":1,"userid":"x"}}"#,
            LoginError::External,
        ),
        (
            r#"{"errcode":60121,"errmsg":"找不到该用户"}"#,
            LoginError::NotAMember,
        ),
    ] {
        let fake = Fake::start().await;
        happy(&fake);
        fake.answers(200, answer);
        assert_eq!(
            app(&fake).login("c", Some("ding1"), NOW_MS).await,
            Err(expected)
        );
    }
}

#[tokio::test]
async fn a_used_code_and_a_missing_scope_are_told_apart() {
    let fake = Fake::start().await;
    fake.answers(400, r#"{"code":"invalidParameter.authCode.notFound","message":"不存在的authCode","requestid":"r"}"#);
    assert_eq!(
        app(&fake).login("c", None, NOW_MS).await,
        Err(LoginError::CodeInvalid)
    );

    fake.answers(
        200,
        r#"{"accessToken":"USER","expireIn":7200,"corpId":"ding1"}"#,
    );
    fake.answers(
        403,
        r#"{"code":"Forbidden.AccessDenied.AccessTokenPermissionDenied","requestid":"e64a","message":"没有调用该接口的权限","accessdenieddetail":{"requiredScopes":["Contact.User.Read"]}}"#,
    );
    let Err(LoginError::Call(error)) = app(&fake).login("c", None, NOW_MS).await else {
        panic!("must be refused")
    };
    assert_eq!(
        error.verdict(),
        Verdict::PermissionMissing {
            scopes: vec!["Contact.User.Read".into()],
            apply_url: Some(
                "https://open-dev.dingtalk.com/appscope/apply?content=dingclient%23Contact.User.Read"
                    .into()
            )
        }
    );
}
