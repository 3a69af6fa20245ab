//! The look over the app's set-up.

use serde_json::{Value, json};
use yuezhi_channels::app_checks::{Checks, QuotaState, SCOPES, check, scopes};
use yuezhi_channels::stream::LinkStatus;
use yuezhi_channels::{AppSettings, CheckReport, GroupSettings, Level};

use crate::platform::{CONVERSATION, Platform, app_of, refusal};
use crate::posts::NOW;

fn has(report: &CheckReport, level: Level, code: &str) -> bool {
    report
        .findings
        .iter()
        .any(|finding| finding.level == level && finding.why.code == code)
}

fn oapi(result: &Value) -> Value {
    json!({ "errcode": 0, "result": result })
}

async fn healthy() -> Platform {
    let platform = Platform::start().await;
    platform.answers(
        "/auth/scopes",
        200,
        &json!({ "errcode": 0, "auth_org_scopes": { "authed_user": [], "authed_dept": [1] } }),
    );
    let used_code = json!({ "errcode": 40_078, "errmsg": "不存在的临时授权码" });
    platform.answers("/topapi/v2/user/getuserinfo", 200, &used_code);
    platform.answers("/topapi/v2/department/listsub", 200, &oapi(&json!([])));
    platform.answers(
        "/topapi/user/listid",
        200,
        &oapi(&json!({ "userid_list": [] })),
    );
    platform.answers("/topapi/user/count", 200, &oapi(&json!({ "count": 3 })));
    platform.answers(
        "/v1.0/contact/empLeaveRecords",
        200,
        &json!({ "records": [] }),
    );
    platform
}

#[tokio::test]
async fn wrong_keys_are_the_only_finding() {
    let platform = Platform::start().await;
    platform.answers(
        "/v1.0/oauth2/accessToken",
        400,
        &refusal("invalidClientIdOrSecret"),
    );
    let report = check(&platform.app(), Checks::default(), NOW).await;
    assert_eq!(report.findings.len(), 1);
    assert!(has(&report, Level::Failed, "dingtalk_app_secret_wrong"));
    assert!(!format!("{report:?}").contains("clientVerySecret"));
}

#[tokio::test]
async fn a_look_that_spends_nothing_makes_no_metered_call() {
    let platform = healthy().await;
    let app = platform.app();
    let report = check(&app, Checks::default(), NOW).await;
    assert!(has(&report, Level::Fine, "app_keys_fine"));
    assert!(has(&report, Level::Fine, "app_address_fine"));
    assert!(has(&report, Level::Fine, "app_scope_granted"));
    assert!(has(&report, Level::Warning, "app_operator_missing"));
    assert!(has(&report, Level::Warning, "app_card_template_missing"));
    assert!(has(&report, Level::Warning, "app_stream_off"));
    assert_eq!(report.level(), Level::Warning);
    assert_eq!(app.take_metered(), []);
}

#[tokio::test]
async fn a_missing_permission_is_named_with_its_purpose_and_the_link_to_apply() {
    let platform = healthy().await;
    platform.answers(
        "/topapi/user/count",
        200,
        &json!({ "errcode": 88, "sub_code": "60011", "sub_msg": "应用尚未开通所需的权限：[qyapi_get_member]" }),
    );
    let app = platform.app();
    let found = scopes(&app, false, NOW).await;
    assert_eq!(found.len(), SCOPES.len());
    let member = found
        .iter()
        .find(|one| one.scope == "qyapi_get_member")
        .unwrap();
    assert_eq!(
        (member.granted, member.purpose.as_str()),
        (Some(false), "people")
    );
    assert!(
        member
            .apply_url
            .ends_with("content=dingclient1%23qyapi_get_member"),
        "{member:?}"
    );
    let card = found
        .iter()
        .find(|one| one.scope == "Card.Instance.Write")
        .unwrap();
    assert_eq!(card.granted, None);
    let report = check(&app, Checks::default(), NOW).await;
    assert!(has(&report, Level::Failed, "app_scope_missing"));
}

#[tokio::test]
async fn a_thorough_look_finds_agent_robot_operator_group_stream_and_quota() {
    let platform = healthy().await;
    platform.answers(
        "/topapi/message/corpconversation/getsendprogress",
        200,
        &json!({ "errcode": 40_056, "errmsg": "不合法的agentid" }),
    );
    platform.answers(
        "/v1.0/robot/oToMessages/readStatus",
        400,
        &refusal("processQueryKey.expireTime"),
    );
    platform.answers(
        "/topapi/blackboard/category/list",
        200,
        &json!({ "errcode": 0, "result": [] }),
    );
    platform.answers(
        "/v1.0/robot/groups/robots/query",
        200,
        &json!({ "chatbotInstanceVOList": [] }),
    );
    platform.answers(
        "/topapi/v2/user/get",
        200,
        &oapi(&json!({ "userid": "admin1", "unionid": "un" })),
    );
    let app = app_of(AppSettings {
        operator_user_id: Some("admin1".into()),
        card_template_id: Some("t.schema".into()),
        ..platform.settings()
    });
    let groups = [GroupSettings {
        name: "hr".into(),
        open_conversation_id: CONVERSATION.into(),
        ..GroupSettings::default()
    }];
    let stream = LinkStatus {
        connections: 1,
        over_quota: 2,
        ..LinkStatus::default()
    };
    let quota = QuotaState {
        edition: "standard",
        api_left: 900,
        api_month: 5000,
        push_left: 3000,
        push_month: 3000,
    };
    let checks = Checks {
        groups: &groups,
        stream: Some(&stream),
        quota: Some(quota),
        spends: true,
    };
    let report = check(&app, checks, NOW).await;
    for (level, code) in [
        (Level::Failed, "dingtalk_agent_id_wrong"),
        (Level::Fine, "app_operator_fine"),
        (Level::Failed, "group_robot_missing"),
        (Level::Failed, "app_stream_down"),
        (Level::Warning, "app_stream_over_quota"),
        (Level::Warning, "app_quota_low"),
    ] {
        assert!(has(&report, level, code), "{code}: {report:#?}");
    }
}
