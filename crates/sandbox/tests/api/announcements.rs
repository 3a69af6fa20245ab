//! Announcements of the organisation and of groups.

use serde_json::{Value, json};
use yuezhi_sandbox::{Access, AdminLevel, Rules};

use crate::support::{CID, Trial, config};

fn announcement(receivers: &Value) -> Value {
    json!({"create_request": {
        "operation_userid": "zhangwei", "title": "年假办法", "content": "自 1 月 1 日起执行。",
        "blackboard_receiver": receivers, "private_level": 20, "push_top": true, "author": "人力资源部",
    }})
}

async fn ids(trial: &Trial, token: &str, query: &Value) -> Value {
    let body = json!({ "query_request": query });
    let answer = trial.oapi("/topapi/blackboard/listids", token, &body).await;
    assert_eq!(answer["errcode"], 0, "{answer}");
    answer["result"].clone()
}

#[tokio::test]
async fn an_announcement_has_no_id_until_it_is_listed_and_tells_who_has_read_when() {
    let trial = Trial::start().await;
    let token = trial.token().await;
    let body = announcement(&json!({"deptid_list": [2], "userid_list": ["wangfang"]}));
    let made = trial.oapi("/topapi/blackboard/create", &token, &body).await;
    assert_eq!(
        (&made["errcode"], &made["result"]),
        (&json!(0), &json!(true))
    );
    assert!(made["id"].is_null());
    let page = json!({"operation_userid": "zhangwei", "page": 1, "page_size": 30});
    let listed = ids(&trial, &token, &page).await;
    let id = listed[0].as_str().expect("an id").to_owned();

    assert!(trial.sandbox.read_announcement_as(&id, "lina"));
    assert!(
        !trial.sandbox.read_announcement_as(&id, "zhaolei"),
        "it is not for him"
    );
    let opened = trial
        .http
        .get(trial.url(&format!("/sandbox/announcements/{id}")))
        .header("cookie", "dingtalk_sandbox_persona=wangfang")
        .send()
        .await
        .unwrap();
    assert!(
        opened
            .text()
            .await
            .unwrap()
            .contains("自 1 月 1 日起执行。")
    );
    let readers =
        format!("/v1.0/blackboard/readers?operationUserId=zhangwei&blackboardId={id}&maxResults=2");
    let first = trial.expect(200, "GET", &readers, &token, &json!({})).await;
    assert_eq!(first["users"].as_array().unwrap().len(), 2);
    let next = format!(
        "{readers}&nextToken={}",
        first["nextToken"].as_str().unwrap()
    );
    let second = trial.expect(200, "GET", &next, &token, &json!({})).await;
    assert!(second["nextToken"].is_null());
    let rows = [
        first["users"].as_array().unwrap().clone(),
        second["users"].as_array().unwrap().clone(),
    ]
    .concat();
    let lina = rows.iter().find(|row| row["userId"] == "lina").unwrap();
    assert_eq!(lina["read"], "true", "a string");
    assert!(lina["readTimestamp"].is_i64());
    let zhang = rows.iter().find(|row| row["userId"] == "zhangwei").unwrap();
    assert_eq!(
        (&zhang["read"], &zhang["readTimestamp"]),
        (&json!("false"), &json!(null))
    );

    let get = format!("/v1.0/blackboard/get_blackboard?operationUserId=zhangwei&blackboardId={id}");
    let whole = trial.expect(200, "GET", &get, &token, &json!({})).await;
    assert_eq!(
        (&whole["readCount"], &whole["unReadCount"]),
        (&json!(2), &json!(1))
    );
    let other = get.replace("=zhangwei", "=lina");
    let denied = trial.expect(403, "GET", &other, &token, &json!({})).await;
    assert_eq!(denied["code"], "accessDenied");
    let top = trial
        .oapi(
            "/topapi/blackboard/listtopten",
            &token,
            &json!({"userid": "lina"}),
        )
        .await;
    assert_eq!(top["blackboard_list"][0]["id"], json!(id));
    let top = trial
        .oapi(
            "/topapi/blackboard/listtopten",
            &token,
            &json!({"userid": "zhaolei"}),
        )
        .await;
    assert_eq!(top["blackboard_list"], json!([]));

    let gone = json!({"blackboard_id": id, "operation_userid": "zhangwei"});
    let gone = trial.oapi("/topapi/blackboard/delete", &token, &gone).await;
    assert_eq!(gone["errcode"], 0);
    assert_eq!(ids(&trial, &token, &page).await, json!([]));
}

#[tokio::test]
async fn only_the_main_administrator_and_the_sender_change_an_announcement() {
    let mut config = config();
    config.organisation.people[0].admin = AdminLevel::Main;
    config.organisation.people[1].admin = AdminLevel::Sub;
    config.organisation.people[2].admin = AdminLevel::Sub;
    let trial = Trial::with(config).await;
    let token = trial.token().await;
    let mut body = announcement(&json!({"deptid_list": [-1]}));
    body["create_request"]["operation_userid"] = json!("lina");
    trial.oapi("/topapi/blackboard/create", &token, &body).await;
    let id = trial.sandbox.announcements()[0].id.clone();
    for (operator, is_refused) in [
        ("wangfang", true),
        ("zhaolei", true),
        ("lina", false),
        ("zhangwei", false),
    ] {
        let change = json!({"update_request": {"blackboard_id": id, "operation_userid": operator, "title": operator, "content": "x"}});
        let answer = trial
            .oapi("/topapi/blackboard/update", &token, &change)
            .await;
        assert_eq!(answer["errcode"] != 0, is_refused, "{operator}: {answer}");
    }
    assert_eq!(trial.sandbox.announcements()[0].title, "zhangwei");
}

#[tokio::test]
async fn limits_of_announcements() {
    let trial = Trial::start().await;
    let token = trial.token().await;
    let create = "/topapi/blackboard/create";
    for receivers in [
        json!({}),
        json!({"deptid_list": vec![2; 21]}),
        json!({"userid_list": vec!["lina"; 1_001]}),
        json!({"deptid_list": [99]}),
        json!({"userid_list": ["nobody"]}),
    ] {
        let answer = trial.oapi(create, &token, &announcement(&receivers)).await;
        assert_ne!(answer["errcode"], 0, "{receivers}");
    }
    for (field, value) in [
        ("private_level", json!(1)),
        ("operation_userid", json!("lina")),
        ("title", json!("")),
        ("category_id", json!("none")),
        ("coverpic_mediaid", json!("@none")),
    ] {
        let mut body = announcement(&json!({"deptid_list": [-1]}));
        body["create_request"][field] = value;
        let answer = trial.oapi(create, &token, &body).await;
        assert_ne!(answer["errcode"], 0, "{field}");
    }
    let categories = trial
        .oapi(
            "/topapi/blackboard/category/list",
            &token,
            &json!({"operation_userid": "zhangwei"}),
        )
        .await;
    assert_eq!(categories["result"][0]["name"], "正式公告");
    for query in [
        json!({"operation_userid": "zhangwei", "page": 1, "page_size": 31}),
        json!({"operation_userid": "zhangwei", "page": 0, "page_size": 1}),
        json!({"operation_userid": "zhangwei", "page": 1, "page_size": 1, "start_time": "2026-01-01 00:00:00", "end_time": "2026-11-01 00:00:00"}),
    ] {
        let body = json!({ "query_request": query });
        let answer = trial
            .oapi("/topapi/blackboard/listids", &token, &body)
            .await;
        assert_ne!(answer["errcode"], 0, "{query}");
    }
}

#[tokio::test]
async fn group_announcements_are_refused_until_the_organisation_has_them() {
    let trial = Trial::start().await;
    let token = trial.token().await;
    let at = |verb: &str| format!("/v1.0/groupBlackboard/blackboards/{verb}");
    let body = json!({"openConversationId": CID, "userId": "zhangwei", "content": "请阅读", "uniqueId": "n1", "sticky": true, "sendDing": true});
    let denied = trial
        .expect(403, "POST", &at("create"), &token, &body)
        .await;
    assert_eq!(
        denied["code"],
        "Forbidden.AccessDenied.AccessTokenPermissionDenied"
    );
    assert!(denied["accessdenieddetail"]["requiredScopes"][0].is_string());

    trial.sandbox.set_rules(Rules {
        access: Access {
            group_announcements: true,
            ..Access::default()
        },
        ..Rules::default()
    });
    let made = trial
        .expect(200, "POST", &at("create"), &token, &body)
        .await;
    let again = trial
        .expect(200, "POST", &at("create"), &token, &body)
        .await;
    assert_eq!(made["dataId"], again["dataId"], "one per uniqueId");
    let named = json!({"openConversationId": CID, "userId": "zhangwei", "dataId": made["dataId"], "content": "请尽快阅读"});
    trial.expect(200, "POST", &at("edit"), &token, &named).await;
    trial.sandbox.read_all_as("lina");
    let got = trial.expect(200, "POST", &at("get"), &token, &named).await;
    assert_eq!(
        (&got["result"]["content"], &got["result"]["readCount"]),
        (&json!("请尽快阅读"), &json!(1))
    );
    let list = trial.expect(200, "POST", &at("list"), &token, &named).await;
    assert_eq!(list["blackboardList"].as_array().unwrap().len(), 1);
    let mut by_member = body.clone();
    by_member["userId"] = json!("lina");
    trial
        .expect(403, "POST", &at("create"), &token, &by_member)
        .await;
    by_member["userId"] = json!("zhaolei");
    trial
        .expect(400, "POST", &at("create"), &token, &by_member)
        .await;
    let gone = trial
        .expect(200, "POST", &at("delete"), &token, &named)
        .await;
    assert_eq!(gone["isDeleted"], true);
    assert!(trial.sandbox.group_announcements().is_empty());
}
