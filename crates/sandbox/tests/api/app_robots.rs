//! Tokens and the messages of app robots.

use serde_json::{Value, json};
use yuezhi_sandbox::{Fault, FaultKind, Limits, Rules};

use crate::support::{CID, Trial, config};

const SEND: &str = "/v1.0/robot/oToMessages/batchSend";

fn batch(userids: &[&str]) -> Value {
    json!({"robotCode": "dingapp", "userIds": userids, "msgKey": "sampleText", "msgParam": r#"{"content":"你好"}"#})
}

fn encoded(key: &Value) -> String {
    url::form_urlencoded::byte_serialize(
        key.as_str()
            .expect("the sandbox answers as documented")
            .as_bytes(),
    )
    .collect()
}

#[tokio::test]
async fn a_token_is_extended_while_valid_and_renewed_when_expired() {
    let trial = Trial::start().await;
    let first = trial.token().await;
    trial.sandbox.clock().advance_ms(7_000_000);
    let legacy = trial
        .http
        .get(trial.url("/gettoken?appkey=dingapp&appsecret=app-secret"))
        .send()
        .await
        .unwrap();
    let legacy: Value = legacy.json().await.unwrap();
    assert_eq!(
        legacy,
        json!({"errcode": 0, "errmsg": "ok", "access_token": first, "expires_in": 7200})
    );
    trial.sandbox.clock().advance_ms(7_000_000);
    assert_eq!(
        trial
            .api("POST", SEND, Some(&first), &batch(&["lina"]))
            .await
            .0,
        200
    );
    trial.sandbox.clock().advance_ms(7_200_000);
    let (status, answer) = trial
        .api("POST", SEND, Some(&first), &batch(&["lina"]))
        .await;
    assert_eq!(
        (status, &answer["code"]),
        (400, &json!("InvalidAuthentication"))
    );
    assert_eq!(answer["message"], "不合法的access_token");
    assert!(answer["requestid"].is_string());
    assert_ne!(trial.token().await, first);
}

#[tokio::test]
async fn wrong_credentials_are_refused_in_each_host_s_words() {
    let trial = Trial::start().await;
    for (path, body, status, code) in [
        (
            "/v1.0/oauth2/accessToken",
            json!({"appKey": "dingapp", "appSecret": "no"}),
            400,
            "invalidClientIdOrSecret",
        ),
        (
            "/v1.0/oauth2/accessToken",
            json!({"appKey": "dingapp"}),
            400,
            "MissingappSecret",
        ),
        (
            "/v1.0/oauth2/ding5a8c31e0b7f24d96/token",
            json!({"client_id": "dingapp", "client_secret": "no", "grant_type": "client_credentials"}),
            400,
            "invalid.client",
        ),
        (
            "/v1.0/oauth2/ding5a8c31e0b7f24d96/token",
            json!({"client_id": "dingapp", "client_secret": "no", "grant_type": "password"}),
            400,
            "unsupported.grant.type",
        ),
        (
            "/v1.0/oauth2/nobody/token",
            json!({"client_id": "dingapp", "client_secret": "no", "grant_type": "client_credentials"}),
            500,
            "unknownError",
        ),
        (
            "/v1.0/no/such/path",
            json!({}),
            404,
            "InvalidAction.NotFound",
        ),
        (
            SEND,
            batch(&["lina"]),
            400,
            "AuthenticationFailed.MissingParameter",
        ),
    ] {
        let (got, answer) = trial.api("POST", path, None, &body).await;
        assert_eq!(
            (got, answer["code"].as_str()),
            (status, Some(code)),
            "{path}"
        );
    }
    for (path, errcode) in [
        ("/gettoken?appkey=dingapp&appsecret=no", 40_096),
        ("/gettoken?appkey=dingapp", 40_035),
        ("/topapi/v2/user/get", 88),
        ("/topapi/v2/user/get?access_token=old", 88),
        ("/topapi/no/such", 22),
        ("/nowhere", 404),
    ] {
        let (status, answer) = trial
            .api("POST", path, None, &json!({"userid": "lina"}))
            .await;
        assert_eq!(
            (status, answer["errcode"].as_i64()),
            (200, Some(errcode)),
            "{path}"
        );
        if errcode == 88 {
            let expected = if path.contains('?') { "40014" } else { "40000" };
            assert_eq!(answer["sub_code"], expected);
        }
    }
}

#[tokio::test]
async fn a_batch_names_whom_it_did_not_reach() {
    let trial = Trial::start().await;
    let token = trial.token().await;
    trial.sandbox.set_faults(vec![Fault::next(
        1,
        "",
        FaultKind::FlowControl {
            userids: vec!["lina".into()],
        },
    )]);
    let (_, answer) = trial
        .api(
            "POST",
            SEND,
            Some(&token),
            &batch(&["zhangwei", "lina", "nobody"]),
        )
        .await;
    assert_eq!(answer["invalidStaffIdList"], json!(["nobody"]));
    assert_eq!(answer["flowControlledStaffIdList"], json!(["lina"]));
    assert_eq!(trial.sandbox.messages_of("zhangwei").len(), 1);
    assert_eq!(trial.sandbox.faults()[0].struck, 1);
    let (_, answer) = trial
        .api("POST", SEND, Some(&token), &batch(&["lina"]))
        .await;
    assert_eq!(answer["flowControlledStaffIdList"], json!([]));
}

#[tokio::test]
async fn bad_batches_are_refused() {
    let trial = Trial::start().await;
    let token = trial.token().await;
    let with = |change: Value| {
        let mut body = batch(&["lina"]);
        body.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        body
    };
    let long = json!({"content": "长".repeat(5_000)}).to_string();
    for (code, body) in [
        (
            "invalidParameter.userIds.overMax",
            with(json!({"userIds": vec!["lina"; 21]})),
        ),
        ("MissinguserIds", with(json!({"userIds": []}))),
        (
            "invalidParameter.robotCode.notExsit",
            with(json!({"robotCode": "other"})),
        ),
        ("MissingrobotCode", with(json!({"robotCode": ""}))),
        (
            "invalidParameter.msgParam.tooLong",
            with(json!({"msgParam": long})),
        ),
        (
            "invalidParameter.msgParam.invalid",
            with(json!({"msgParam": "not json"})),
        ),
        (
            "invalidParameter.msgParam.invalid",
            with(
                json!({"msgKey": "sampleActionCard2", "msgParam": r#"{"title":"a","text":"b","actionTitle1":"c","actionURL1":"d"}"#}),
            ),
        ),
        (
            "invalidParameter.msgParam.invalid",
            with(
                json!({"msgKey": "sampleActionCard6", "msgParam": r#"{"title":"a","text":"b","buttonTitle1":"c","buttonURL1":"d","buttonTitle2":"c","buttonURL2":"d"}"#}),
            ),
        ),
        (
            "invalidParameter.msgKey.notExist",
            with(json!({"msgKey": "sampleFeedCard"})),
        ),
        (
            "MissingmsgParam",
            with(json!({"msgParam": {"content": "x"}})),
        ),
    ] {
        let (status, answer) = trial.api("POST", SEND, Some(&token), &body).await;
        assert_eq!(
            (status, answer["code"].as_str()),
            (400, Some(code)),
            "{body}"
        );
    }
    assert!(trial.sandbox.messages().is_empty());
}

#[tokio::test]
async fn read_status_is_known_soon_after_sending_and_for_24_hours() {
    let trial = Trial::start().await;
    let token = trial.token().await;
    let (_, sent) = trial
        .api("POST", SEND, Some(&token), &batch(&["zhangwei", "lina"]))
        .await;
    let key = encoded(&sent["processQueryKey"]);
    assert!(key.contains('%'), "the key needs encoding");
    let path =
        format!("/v1.0/robot/oToMessages/readStatus?robotCode=dingapp&processQueryKey={key}");
    let (status, early) = trial.api("GET", &path, Some(&token), &json!({})).await;
    assert_eq!(
        (status, &early["code"]),
        (400, &json!("processQueryKey.expireTime"))
    );
    trial.sandbox.clock().advance_ms(1_000);
    assert_eq!(trial.sandbox.read_all_as("lina"), 1);
    let (_, known) = trial.api("GET", &path, Some(&token), &json!({})).await;
    assert_eq!(
        known,
        json!({"sendStatus": "SUCCESS", "messageReadInfoList": [
            {"name": "张伟", "userId": "zhangwei", "readStatus": "UNREAD"},
            {"name": "李娜", "userId": "lina", "readStatus": "READ"},
        ]})
    );
    trial.sandbox.clock().advance_ms(24 * 3_600_000);
    let token = trial.token().await;
    assert_eq!(
        trial.api("GET", &path, Some(&token), &json!({})).await.0,
        400
    );
}

#[tokio::test]
async fn a_recalled_message_is_gone_from_the_chat() {
    let trial = Trial::start().await;
    let token = trial.token().await;
    let (_, sent) = trial
        .api("POST", SEND, Some(&token), &batch(&["lina"]))
        .await;
    let body =
        json!({"robotCode": "dingapp", "processQueryKeys": [sent["processQueryKey"], "unknown"]});
    let (_, answer) = trial
        .api(
            "POST",
            "/v1.0/robot/otoMessages/batchRecall",
            Some(&token),
            &body,
        )
        .await;
    assert_eq!(answer["successResult"], json!([sent["processQueryKey"]]));
    assert!(answer["failedResult"]["unknown"].is_string());
    assert!(trial.sandbox.messages()[0].recalled);
}

#[tokio::test]
async fn a_group_message_lists_its_readers_page_by_page() {
    let trial = Trial::start().await;
    let token = trial.token().await;
    let send = "/v1.0/robot/groupMessages/send";
    let mut body = json!({"robotCode": "dingapp", "openConversationId": CID, "msgKey": "sampleMarkdown", "msgParam": r#"{"title":"t","text":"x"}"#});
    let (_, sent) = trial.api("POST", send, Some(&token), &body).await;
    trial.sandbox.clock().advance_ms(1_000);
    trial.sandbox.read_all_as("zhangwei");
    trial.sandbox.read_all_as("lina");
    let mut ask = json!({"robotCode": "dingapp", "openConversationId": CID, "processQueryKey": sent["processQueryKey"], "maxResults": 1});
    let (_, first) = trial
        .api(
            "POST",
            "/v1.0/robot/groupMessages/query",
            Some(&token),
            &ask,
        )
        .await;
    assert_eq!(
        (&first["readUserIds"], &first["hasMore"]),
        (&json!(["zhangwei"]), &json!(true))
    );
    ask["nextToken"] = first["nextToken"].clone();
    let (_, second) = trial
        .api(
            "POST",
            "/v1.0/robot/groupMessages/query",
            Some(&token),
            &ask,
        )
        .await;
    assert_eq!(
        (&second["readUserIds"], &second["hasMore"]),
        (&json!(["lina"]), &json!(false))
    );
    let (_, robots) = trial
        .api(
            "POST",
            "/v1.0/robot/groups/robots/query",
            Some(&token),
            &json!({"openConversationId": CID}),
        )
        .await;
    assert_eq!(
        robots["chatbotInstanceVOList"].as_array().map(Vec::len),
        Some(6)
    );

    body["openConversationId"] = json!("cidnone");
    assert_eq!(
        trial.api("POST", send, Some(&token), &body).await.1["code"],
        "resource.not.found"
    );
    let mut group = trial.sandbox.groups().remove(0);
    group.dissolved = true;
    trial.sandbox.put_group(group);
    body["openConversationId"] = json!(CID);
    assert_eq!(
        trial.api("POST", send, Some(&token), &body).await.1["code"],
        "group.disbanded"
    );
}

#[tokio::test]
async fn pace_and_month_are_limited() {
    let limits = Limits {
        calls_per_second: Some(2),
        calls_per_month: Some(3),
        ..Limits::default()
    };
    let mut config = config();
    config.rules = Rules {
        limits,
        ..Rules::default()
    };
    let trial = Trial::with(config).await;
    let token = trial.token().await;
    let send = async || {
        trial
            .api("POST", SEND, Some(&token), &batch(&["lina"]))
            .await
    };
    assert_eq!((send().await.0, send().await.0), (200, 200));
    let (status, answer) = send().await;
    assert_eq!(
        (status, answer["code"].as_str()),
        (403, Some("Forbidden.AccessDenied.QpsLimitForAppkeyAndApi"))
    );
    trial.sandbox.clock().advance_ms(1_000);
    assert_eq!(
        (send().await.0, send().await.0),
        (200, 200),
        "a month that is used up has a grace period"
    );
    assert_eq!(trial.sandbox.quota().calls, 4);
    trial.sandbox.clock().advance_ms(5 * 24 * 3_600_000);
    let token = trial.token().await;
    let (status, answer) = trial
        .api("POST", SEND, Some(&token), &batch(&["lina"]))
        .await;
    assert_eq!(
        (status, answer["code"].as_str()),
        (403, Some("Forbidden.AccessDenied.ApiCountLimitForOrg"))
    );
    trial.sandbox.clock().advance_ms(31 * 24 * 3_600_000);
    let token = trial.token().await;
    assert_eq!(
        trial
            .api("POST", SEND, Some(&token), &batch(&["lina"]))
            .await
            .0,
        200,
        "a new month starts anew"
    );
}
