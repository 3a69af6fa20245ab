//! What stands before every API: the call log, meters, scopes, addresses, paces.

use serde_json::{Value, json};
use yuezhi_sandbox::{
    Access, BanAnswer, Edition, Fault, FaultKind, Limits, Metering, PastQuota, Rules,
};

use crate::line::{Line, data_of};
use crate::support::Trial;

const BATCH: &str = "/v1.0/robot/oToMessages/batchSend";
const USER: &str = "/topapi/v2/user/get";

fn batch() -> Value {
    json!({"robotCode": "dingapp", "userIds": ["lina"], "msgKey": "sampleText", "msgParam": r#"{"content":"你好"}"#})
}

fn with_access(access: Access) -> Rules {
    Rules {
        access,
        ..Rules::default()
    }
}

#[tokio::test]
async fn every_call_is_logged_with_its_app_and_cost_and_without_secrets() {
    let trial = Trial::start().await;
    let token = trial.token().await;
    trial.expect(200, "POST", BATCH, &token, &batch()).await;
    trial.oapi(USER, &token, &json!({"userid": "lina"})).await;
    trial
        .oapi(USER, "wrong-token-0123456789", &json!({"userid": "lina"}))
        .await;
    assert_eq!(trial.say("open", "早").await, 0);
    trial
        .sandbox
        .set_faults(vec![Fault::next(1, "", FaultKind::Status { status: 503 })]);
    let answer = trial
        .http
        .post(trial.url(BATCH))
        .json(&batch())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 503);
    let calls = trial.sandbox.calls();
    let rows: Vec<_> = calls
        .iter()
        .map(|call| {
            (
                call.name.as_str(),
                call.app.as_deref(),
                call.metered,
                call.refusal.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            ("oauth2/accessToken", Some("dingapp"), Metering::None, None),
            (
                "robot/oToMessages/batchSend",
                Some("dingapp"),
                Metering::Api,
                None
            ),
            ("user/get", Some("dingapp"), Metering::None, None),
            ("user/get", None, Metering::None, Some("88/40014")),
            ("robot/send", None, Metering::Push, None),
            (
                "robot/oToMessages/batchSend",
                None,
                Metering::None,
                Some("503")
            ),
        ]
    );
    assert_eq!(calls[5].fault.as_deref(), Some("status"));
    let all = format!("{calls:?}");
    assert!(!all.contains("app-secret") && !all.contains(&token) && !all.contains("wrong-token"));
    assert!(trial.sandbox.quota().calls == 1 && trial.sandbox.quota().webhooks == 1);

    let seen: Value = trial
        .http
        .get(trial.url("/sandbox/calls?app=dingapp&metered=api"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(seen["calls"].as_array().unwrap().len(), 1);
    let seen: Value = trial
        .http
        .get(trial.url("/sandbox/calls?refused=true&path=user"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(seen["calls"][0]["answer"]["sub_code"], "40014");
    trial
        .http
        .delete(trial.url("/sandbox/calls"))
        .send()
        .await
        .unwrap();
    assert!(trial.sandbox.calls().is_empty());
}

#[tokio::test]
async fn a_scope_that_was_not_granted_is_named_in_each_host_s_words() {
    let trial = Trial::start().await;
    let token = trial.token().await;
    trial.sandbox.set_rules(with_access(Access {
        withheld_scopes: vec!["qyapi_get_member".into(), "Todo.Todo.Write".into()],
        ..Access::default()
    }));
    let answer = trial.oapi(USER, &token, &json!({"userid": "lina"})).await;
    assert_eq!(
        (&answer["errcode"], &answer["sub_code"]),
        (&json!(88), &json!("60011"))
    );
    let text = answer["sub_msg"].as_str().unwrap();
    assert!(
        text.contains("应用尚未开通所需的权限：[qyapi_get_member]"),
        "{text}"
    );
    assert!(text.contains(
        "https://open-dev.dingtalk.com/appscope/apply?content=dingapp%23qyapi_get_member"
    ));
    assert!(text.contains("{requiredScopes=[qyapi_get_member]}"));
    let todo = "/v1.0/todo/users/union-lina/tasks";
    let answer = trial.expect(403, "POST", todo, &token, &json!({})).await;
    assert_eq!(
        answer["code"],
        "Forbidden.AccessDenied.AccessTokenPermissionDenied"
    );
    assert_eq!(
        answer["accessdenieddetail"]["requiredScopes"],
        json!(["Todo.Todo.Write"])
    );
    assert_eq!(
        trial.sandbox.quota().calls,
        0,
        "a refused call is not counted"
    );
}

#[tokio::test]
async fn a_strange_address_an_early_expiry_and_a_robot_that_is_off() {
    let trial = Trial::start().await;
    let token = trial.token().await;
    trial.sandbox.set_rules(with_access(Access {
        egress_ips: vec!["10.0.0.0/8".into()],
        ..Access::default()
    }));
    let answer = trial.oapi(USER, &token, &json!({"userid": "lina"})).await;
    assert_eq!(answer["sub_code"], "60020");
    let answer = trial.expect(403, "POST", BATCH, &token, &batch()).await;
    assert_eq!(answer["code"], "Forbidden.AccessDenied.IpNotInWhiteList");
    trial.sandbox.set_rules(with_access(Access {
        egress_ips: vec!["127.0.0.0/8".into()],
        robot_enabled: false,
        token_life_s: 60,
        ..Access::default()
    }));
    let answer = trial.expect(400, "POST", BATCH, &token, &batch()).await;
    assert_eq!(answer["code"], "chatbotId.notAllow.sendOTO");
    let token = trial.token().await;
    trial.sandbox.clock().advance_ms(61_000);
    let answer = trial.expect(400, "POST", BATCH, &token, &batch()).await;
    assert_eq!(answer["code"], "InvalidAuthentication");
}

#[tokio::test]
async fn a_used_up_month_goes_on_for_five_days_and_a_new_month_starts_anew() {
    let trial = Trial::start().await;
    trial.sandbox.set_rules(Rules {
        limits: Limits {
            calls_per_month: Some(1),
            webhooks_per_month: Some(1),
            ..Limits::default()
        },
        webhook_past_quota: PastQuota::Refuse,
        ..Rules::default()
    });
    let token = trial.token().await;
    let notice = "/topapi/message/corpconversation/getsendprogress";
    for _ in 0..2 {
        trial.expect(200, "POST", BATCH, &token, &batch()).await;
        assert_eq!(trial.say("open", "早").await, 0);
    }
    trial.sandbox.clock().advance_ms(5 * 24 * 3_600_000);
    let token = trial.token().await;
    let answer = trial.expect(403, "POST", BATCH, &token, &batch()).await;
    assert_eq!(answer["code"], "Forbidden.AccessDenied.ApiCountLimitForOrg");
    let answer = trial
        .oapi(notice, &token, &json!({"agent_id": 7, "task_id": 1}))
        .await;
    assert_eq!(answer["sub_code"], "90020");
    let answer = trial.oapi(USER, &token, &json!({"userid": "lina"})).await;
    assert_eq!(answer["errcode"], 0, "the directory is free");
    assert_eq!(trial.say("open", "晚").await, 90_020);
    trial.sandbox.clock().advance_ms(30 * 24 * 3_600_000);
    let token = trial.token().await;
    trial.expect(200, "POST", BATCH, &token, &batch()).await;
}

#[tokio::test]
async fn an_edition_sets_the_budgets() {
    let trial = Trial::start().await;
    let set = trial
        .http
        .post(trial.url("/sandbox/rules"))
        .json(&json!({"edition": "professional", "limits": {"webhook_per_minute": null}}));
    let rules: Value = set.send().await.unwrap().json().await.unwrap();
    assert_eq!(
        (
            &rules["limits"]["calls_per_month"],
            &rules["limits"]["webhooks_per_month"]
        ),
        (&json!(200_000), &json!(50_000))
    );
    assert!(rules["limits"]["webhook_per_minute"].is_null());
    assert_eq!(Limits::of(Edition::Standard), Limits::default());
    let set = trial
        .http
        .post(trial.url("/sandbox/rules"))
        .json(&json!({"edition": "golden"}));
    assert_eq!(set.send().await.unwrap().status(), 422);
}

#[tokio::test]
async fn an_address_that_calls_too_often_is_banned_for_five_minutes() {
    let trial = Trial::start().await;
    let rules = |ban_answer| Rules {
        limits: Limits {
            calls_per_address: Some(2),
            ..Limits::default()
        },
        ban_answer,
        ..Rules::default()
    };
    trial.sandbox.set_rules(rules(BanAnswer::Html));
    for _ in 0..2 {
        trial.token().await;
    }
    let ask = || {
        trial
            .http
            .get(trial.url("/gettoken?appkey=dingapp&appsecret=app-secret"))
    };
    let page = ask().send().await.unwrap().text().await.unwrap();
    assert!(page.starts_with("<!doctype html>"), "{page}");
    trial.sandbox.set_rules(rules(BanAnswer::Json));
    trial.sandbox.clock().advance_ms(4 * 60_000);
    let answer: Value = ask().send().await.unwrap().json().await.unwrap();
    assert_eq!(
        (&answer["status"], &answer["wait"]),
        (&json!(1111), &json!(5))
    );
    trial.sandbox.clock().advance_ms(60_000);
    trial.token().await;
}

#[tokio::test]
async fn a_panel_hears_of_every_call_as_it_is_answered() {
    let trial = Trial::start().await;
    let mut heard = trial
        .http
        .get(trial.url("/sandbox/calls/events"))
        .send()
        .await
        .unwrap();
    let mut text = String::new();
    let mut token = None;
    while !text.contains("event: call") {
        text += &String::from_utf8_lossy(&heard.chunk().await.unwrap().unwrap());
        if token.is_none() {
            token = Some(trial.token().await);
        }
    }
    assert!(
        text.starts_with("event: hello") && text.contains("oauth2/accessToken"),
        "{text}"
    );
    assert!(!text.contains(&token.unwrap()));
    let one = trial
        .http
        .get(trial.url("/sandbox/calls/1"))
        .send()
        .await
        .unwrap();
    let one: Value = one.json().await.unwrap();
    assert_eq!((&one["id"], &one["host"]), (&json!(1), &json!("api")));
}

#[tokio::test]
async fn apps_hear_of_to_dos_and_of_the_id_of_a_new_announcement() {
    let trial = Trial::start().await;
    let mut line = Box::pin(Line::connect(&trial)).await;
    let token = trial.token().await;
    let task = json!({"subject": "请阅读", "detailUrl": {"appUrl": "https://a.example"}, "executorIds": ["union-lina"]});
    let tasks = "/v1.0/todo/users/union-zhangwei/tasks";
    let task = trial.expect(200, "POST", tasks, &token, &task).await;
    let event = line.frame().await;
    assert_eq!(event["headers"]["eventType"], "todo_task_create");
    let data = data_of(&event);
    assert_eq!(
        (&data["taskId"], &data["unionIdList"]),
        (&task["id"], &json!(["union-lina"]))
    );
    line.succeed(&event).await;
    let announcement = json!({"create_request": {
        "operation_userid": "zhangwei", "title": "年假办法", "content": "x",
        "blackboard_receiver": {"deptid_list": [2], "userid_list": ["wangfang"]},
    }});
    let create = "/topapi/blackboard/create";
    trial.oapi(create, &token, &announcement).await;
    let event = line.frame().await;
    assert_eq!(event["headers"]["eventType"], "blackboard_sent");
    let data = data_of(&event);
    assert_eq!(
        data["blackboardId"],
        json!(trial.sandbox.announcements()[0].id)
    );
    assert_eq!(
        data["receivers"]["staffIds"], r#"["wangfang"]"#,
        "JSON in a string"
    );
    line.succeed(&event).await;
    assert_eq!(trial.sandbox.quota().webhooks, 2, "both are counted");
}

#[tokio::test]
async fn the_pace_is_of_an_app_and_an_api_whatever_ids_its_path_has() {
    let trial = Trial::start().await;
    trial.sandbox.set_rules(Rules {
        limits: Limits {
            calls_per_second: Some(2),
            ..Limits::default()
        },
        ..Rules::default()
    });
    let token = trial.token().await;
    let ask = async |person: &str| {
        let path = format!("/v1.0/todo/users/{person}/org/tasks/query");
        let (_, answer) = trial.api("POST", &path, Some(&token), &json!({})).await;
        answer["code"].clone()
    };
    assert!(ask("union-lina").await.is_null() && ask("union-zhaolei").await.is_null());
    let code = ask("union-wangfang").await;
    assert_eq!(code, "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi");
    let calls = trial.sandbox.calls();
    assert_eq!(calls[3].name, "todo/users/org/tasks/query");
    assert_eq!(
        trial.sandbox.quota().calls,
        2,
        "a call that was too fast is free"
    );
    for _ in 0..2 {
        trial.oapi(USER, &token, &json!({"userid": "lina"})).await;
    }
    let answer = trial.oapi(USER, &token, &json!({"userid": "lina"})).await;
    assert_eq!(answer["sub_code"], "90018");
}

#[tokio::test]
async fn all_apps_together_may_be_too_fast() {
    let trial = Trial::start().await;
    let token = trial.token().await;
    trial
        .sandbox
        .set_faults(vec![Fault::next(2, "", FaultKind::ThrottleAll)]);
    let answer = trial.oapi(USER, &token, &json!({"userid": "lina"})).await;
    assert_eq!(answer["sub_code"], "90002");
    let text = answer["sub_msg"].as_str().unwrap();
    assert!(
        text.contains("apiPath(dingtalk.oapi.v2.user.get)") && text.ends_with("结束."),
        "{text}"
    );
    let answer = trial.expect(403, "POST", BATCH, &token, &batch()).await;
    assert_eq!(answer["code"], "Forbidden.AccessDenied.QpsLimitForApi");
}
