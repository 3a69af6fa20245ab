//! The doctor's probes: what is wrong, by name.

use dingtalk::apply_link;
use dingtalk::probe::{Finding, ProbeAs, ScopeFinding, Sight};

use crate::support::{Fake, NOW_MS, app};

#[tokio::test]
async fn a_healthy_app_is_fine_although_what_was_asked_for_does_not_exist() {
    let fake = Fake::start().await;
    let app = app(&fake).await;
    let probe = app.probe();
    assert_eq!(probe.token(NOW_MS).await, Finding::Fine);
    fake.answers(
        200,
        r#"{"errcode":0,"auth_org_scopes":{"authed_user":[],"authed_dept":[1]}}"#,
    );
    assert_eq!(probe.sight(NOW_MS).await, Ok(Sight::WholeOrganisation));
    fake.answers(
        400,
        r#"{"code":"processQueryKey.expireTime","message":"m"}"#,
    );
    assert_eq!(probe.robot("dingclient", NOW_MS).await, Finding::Fine);
    fake.answers(200, r#"{"errcode":400002,"errmsg":"无效的task_id"}"#);
    assert_eq!(probe.agent_id(7, NOW_MS).await, Finding::Fine);
}

#[tokio::test]
async fn each_fault_has_its_finding() {
    let fake = Fake::start().await;
    let app = app(&fake).await;
    let probe = app.probe();
    fake.answers(200, r#"{"errcode":40056,"errmsg":"不合法的agentid"}"#);
    assert_eq!(probe.agent_id(7, NOW_MS).await, Finding::AgentIdWrong);
    fake.answers(
        400,
        r#"{"code":"invalidParameter.robotCode.notExsit","message":"m"}"#,
    );
    assert_eq!(probe.robot("x", NOW_MS).await, Finding::RobotCodeUnknown);
    fake.answers(400, r#"{"code":"robot.oto.notExist","message":"m"}"#);
    assert_eq!(probe.robot("x", NOW_MS).await, Finding::RobotSwitchedOff);
    fake.answers(200, r#"{"errcode":88,"sub_code":"60020","sub_msg":"访问ip不在白名单之中,request ip=203.0.113.9 appKey(x)"}"#);
    let address = Some("203.0.113.9".to_owned());
    assert_eq!(
        probe.address(NOW_MS).await,
        Finding::IpNotAllowed { address }
    );
    fake.answers(
        200,
        r#"{"errcode":0,"auth_org_scopes":{"authed_user":["u1"],"authed_dept":["5"]}}"#,
    );
    let Ok(Sight::Part(scopes)) = probe.sight(NOW_MS).await else {
        panic!("the root is not among the departments")
    };
    assert_eq!(scopes.seen.departments, [5]);
    fake.answers(500, r#"{"code":"system.error","message":"m"}"#);
    assert!(matches!(
        probe.robot("x", NOW_MS).await,
        Finding::Unclear(_)
    ));
}

#[tokio::test]
async fn missing_scopes_are_named_with_the_page_to_apply() {
    let fake = Fake::start().await;
    let app = app(&fake).await;
    fake.answers(200, r#"{"errcode":0,"result":{"count":3}}"#);
    fake.answers(
        200,
        r#"{"errcode":88,"sub_code":"60011","sub_msg":"应用尚未开通所需的权限"}"#,
    );
    fake.answers(403, r#"{"code":"accessDenied","message":"m"}"#);
    fake.answers(200, r#"{"errcode":60121,"errmsg":"找不到该用户"}"#);
    let who = ProbeAs {
        operator_user_id: Some("admin"),
        operator_union_id: None,
    };
    let scopes = [
        "qyapi_get_member",
        "qyapi_get_department_list",
        "qyapi_blackboard_manage",
        "qyapi_get_member_by_mobile",
        "Todo.Todo.Read",
        "Card.Instance.Write",
    ];
    let link = |scope| apply_link("dingclient", scope);
    let findings = app.probe().scopes(&scopes, who, NOW_MS).await;
    let findings: Vec<_> = findings.into_iter().map(|(_, finding)| finding).collect();
    assert_eq!(
        findings,
        [
            ScopeFinding::Granted,
            ScopeFinding::Missing {
                apply_url: link("qyapi_get_department_list")
            },
            ScopeFinding::Granted,
            ScopeFinding::Granted,
            ScopeFinding::NotProbed {
                apply_url: link("Todo.Todo.Read")
            },
            ScopeFinding::NotProbed {
                apply_url: link("Card.Instance.Write")
            },
        ]
    );
}
