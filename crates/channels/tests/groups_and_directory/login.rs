//! Signing in, in a browser and inside DingTalk's client.

use serde_json::json;
use yuezhi_channels::directory::AdminLevel;
use yuezhi_channels::{LoginSettings, Registry, RegistryConfig};

use crate::platform::{CLIENT_ID, CLIENT_SECRET, Platform};
use crate::posts::NOW;

const INFO: &str = "/topapi/v2/user/getuserinfo";

fn registry(platform: &Platform) -> Registry {
    let base = &platform.base;
    Registry::build(RegistryConfig {
        app: Some(platform.settings()),
        login: Some(LoginSettings {
            client_id: CLIENT_ID.into(),
            client_secret: CLIENT_SECRET.into(),
            api_base: base.clone(),
            oapi_base: base.clone(),
            login_base: base.clone(),
        }),
        oapi_base: base.clone(),
        ..RegistryConfig::default()
    })
    .unwrap()
}

#[tokio::test]
async fn a_code_of_the_client_names_the_person_and_what_they_administer() {
    let platform = Platform::start().await;
    platform.answers(
        INFO,
        200,
        &json!({ "errcode": 0, "result": { "userid": "u1", "unionid": "un1", "name": "张伟", "sys": "true", "sys_level": "2" } }),
    );
    let login = registry(&platform).dingtalk_login().unwrap();
    let visitor = login.userid_of_app_code(" code1\n", NOW).await.unwrap();
    assert_eq!(visitor.user_id, "u1");
    assert_eq!(visitor.level, AdminLevel::Sub);
    assert_eq!(platform.asked(INFO)[0].body["code"], "code1");
}

#[tokio::test]
async fn a_used_code_and_an_empty_one_are_invalid() {
    let platform = Platform::start().await;
    platform.answers(
        INFO,
        200,
        &json!({ "errcode": 40_078, "errmsg": "不存在的临时授权码" }),
    );
    let login = registry(&platform).dingtalk_login().unwrap();
    let used = login.userid_of_app_code("code1", NOW).await.unwrap_err();
    assert!(used.to_string().contains("log in again"), "{used}");
    assert!(login.userid_of_app_code(" ", NOW).await.is_err());
    assert!(
        login
            .userid_of_app_code(&"x".repeat(10_000), NOW)
            .await
            .is_err()
    );
    assert_eq!(platform.asked(INFO).len(), 1);
}

#[tokio::test]
async fn people_of_another_organisation_do_not_come_in_by_the_browser() {
    let platform = Platform::start().await;
    platform.answers(
        "/v1.0/oauth2/userAccessToken",
        200,
        &json!({ "accessToken": "ut", "refreshToken": "r", "expireIn": 7200, "corpId": "dingOTHER" }),
    );
    let login = registry(&platform).dingtalk_login().unwrap();
    let refused = login.userid_of("code1", NOW).await.unwrap_err();
    assert!(
        refused.to_string().contains("another organisation"),
        "{refused}"
    );
    assert!(platform.asked("/v1.0/contact/users/me").is_empty());
}
