//! What a data directory keeps.

use serde_json::json;
use yuezhi_sandbox::{Organisation, Sandbox, SandboxConfig, StartError};

use crate::support::{Trial, config};

fn kept_in(folder: &std::path::Path) -> SandboxConfig {
    SandboxConfig {
        data_dir: Some(folder.to_path_buf()),
        ..config()
    }
}

#[tokio::test]
async fn a_restart_loses_no_chat_robot_person_read_or_token() {
    let folder = tempfile::tempdir().unwrap();
    let trial = Trial::with(kept_in(folder.path())).await;
    let body = json!({"msgtype": "text", "text": {"content": "早"}, "msgUuid": "u"});
    trial.robot("access_token=open", &body).await;
    let token = trial.token().await;
    trial.sandbox.read_all_as("lina");
    let mut group = trial.sandbox.groups().remove(0);
    group.robots[0].name = "新名字".into();
    trial.sandbox.put_group(group);
    let (messages, groups, quota) = (
        trial.sandbox.messages(),
        trial.sandbox.groups(),
        trial.sandbox.quota(),
    );
    trial.sandbox.shutdown().await;

    let again = SandboxConfig {
        organisation: Organisation::default(),
        groups: Vec::new(),
        ..kept_in(folder.path())
    };
    let trial = Trial::with(again).await;
    assert_eq!(
        (
            trial.sandbox.messages(),
            trial.sandbox.groups(),
            trial.sandbox.quota()
        ),
        (messages, groups, quota)
    );
    assert_eq!(
        trial.sandbox.read_all_as("lina"),
        0,
        "what was read stays read"
    );
    assert_eq!(trial.sandbox.read_all_as("zhangwei"), 1);
    assert_eq!(trial.token().await, token);
    trial.robot("access_token=open", &body).await;
    assert_eq!(
        trial.sandbox.messages().len(),
        1,
        "the idempotency key is remembered"
    );
    assert_eq!(trial.say("open", "晚").await, 0);
    assert_eq!(trial.sandbox.messages()[1].id, 2);
}

#[tokio::test]
async fn a_line_cut_off_by_a_kill_is_dropped_and_a_damaged_one_refuses_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sandbox.jsonl");
    let trial = Trial::with(kept_in(folder.path())).await;
    trial.say("open", "早").await;
    trial.sandbox.shutdown().await;
    let whole = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{whole}{{\"entry\":\"mess")).unwrap();
    let trial = Trial::with(kept_in(folder.path())).await;
    assert_eq!(trial.sandbox.messages().len(), 1);
    assert_eq!(trial.say("open", "晚").await, 0);
    trial.sandbox.shutdown().await;
    let trial = Trial::with(kept_in(folder.path())).await;
    assert_eq!(trial.sandbox.messages().len(), 2);
    trial.sandbox.shutdown().await;

    std::fs::write(&file, format!("nonsense\n{whole}")).unwrap();
    let refused = Sandbox::start(kept_in(folder.path())).await;
    assert!(matches!(refused, Err(StartError::Journal(_))));
}

#[tokio::test]
async fn clearing_removes_messages_and_ids_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let trial = Trial::with(kept_in(folder.path())).await;
    trial.say("open", "早").await;
    trial.sandbox.clear();
    trial.sandbox.shutdown().await;
    let trial = Trial::with(kept_in(folder.path())).await;
    assert!(trial.sandbox.messages().is_empty());
    trial.say("open", "晚").await;
    assert_eq!(trial.sandbox.messages()[0].id, 2);
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let trial = Trial::start().await;
    let taken = SandboxConfig {
        listen: trial.sandbox.addr(),
        ..config()
    };
    let error = Sandbox::start(taken).await.unwrap_err().to_string();
    assert!(error.contains(&trial.sandbox.addr().to_string()), "{error}");
}

#[tokio::test]
async fn a_restart_loses_no_notice_to_do_announcement_ding_or_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = kept_in(folder.path());
    first.rules.access.group_announcements = true;
    let trial = Trial::with(first).await;
    let token = trial.token().await;
    let notice = json!({"agent_id": 7, "userid_list": "lina", "msg": {"msgtype": "text", "text": {"content": "请阅读"}}});
    let send = "/topapi/message/corpconversation/asyncsend_v2";
    trial.oapi(send, &token, &notice).await;
    let todo = json!({"subject": "请阅读", "sourceId": "n1", "detailUrl": {"appUrl": "https://a.example"}, "executorIds": ["union-lina"]});
    let todos = "/v1.0/todo/users/union-zhangwei/tasks";
    trial.expect(200, "POST", todos, &token, &todo).await;
    let announcement = json!({"create_request": {"operation_userid": "zhangwei", "title": "t", "content": "c", "blackboard_receiver": {"deptid_list": [-1]}}});
    trial
        .oapi("/topapi/blackboard/create", &token, &announcement)
        .await;
    let id = trial.sandbox.announcements()[0].id.clone();
    trial.sandbox.read_announcement_as(&id, "lina");
    let of_group = json!({"openConversationId": crate::support::CID, "userId": "zhangwei", "content": "c", "uniqueId": "u"});
    let at = "/v1.0/groupBlackboard/blackboards/create";
    trial.expect(200, "POST", at, &token, &of_group).await;
    let ding = json!({"robotCode": "dingapp", "remindType": 1, "receiverUserIdList": ["lina"], "content": "x"});
    trial
        .expect(200, "POST", "/v1.0/robot/ding/send", &token, &ding)
        .await;
    let part = reqwest::multipart::Part::bytes(b"%PDF".to_vec()).file_name("a.pdf");
    let form = reqwest::multipart::Form::new().part("media", part);
    let upload = trial.url(&format!("/media/upload?type=file&access_token={token}"));
    trial
        .http
        .post(upload)
        .multipart(form)
        .send()
        .await
        .unwrap();
    let state = |trial: &Trial| {
        let sandbox = &trial.sandbox;
        (
            (sandbox.work_notices(), sandbox.todos(), sandbox.dings()),
            (sandbox.announcements(), sandbox.group_announcements()),
            (sandbox.media(), sandbox.quota(), sandbox.messages()),
        )
    };
    let before = state(&trial);
    trial.sandbox.shutdown().await;
    let trial = Trial::with(kept_in(folder.path())).await;
    assert_eq!(state(&trial), before);
    assert_eq!(trial.sandbox.media()[0].bytes, b"%PDF");
    let readers = format!("/v1.0/blackboard/readers?operationUserId=zhangwei&blackboardId={id}");
    let token = trial.token().await;
    let readers = trial.expect(200, "GET", &readers, &token, &json!({})).await;
    assert!(
        readers["users"]
            .as_array()
            .unwrap()
            .iter()
            .any(|row| row["read"] == "true")
    );
    trial.oapi(send, &token, &notice).await;
    let again = trial.sandbox.work_notices().pop().unwrap();
    assert_eq!(
        again.forbidden,
        [(143_106, "lina".to_owned())],
        "the day's contents are remembered"
    );
}
