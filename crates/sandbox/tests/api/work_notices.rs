//! Work notices: who gets them, who silently does not, and what can be asked afterwards.

use serde_json::{Value, json};
use yuezhi_sandbox::{App, Content, Limits, NoticeTask, Organisation, Person, Rules, VisibleRange};

use crate::support::{Trial, config};

const SEND: &str = "/topapi/message/corpconversation/asyncsend_v2";
const RESULT: &str = "/topapi/message/corpconversation/getsendresult";
const DAY_MS: i64 = 24 * 3_600_000;

fn text(to: &str, content: &str) -> Value {
    json!({"agent_id": 7, "userid_list": to, "msg": {"msgtype": "text", "text": {"content": content}}})
}

async fn send(trial: &Trial, token: &str, body: &Value) -> Value {
    let answer = trial.oapi(SEND, token, body).await;
    assert_eq!(answer["errcode"], 0, "{answer}");
    answer["task_id"].clone()
}

async fn result(trial: &Trial, token: &str, task: &Value) -> Value {
    trial.sandbox.clock().advance_ms(1_500);
    let answer = trial
        .oapi(RESULT, token, &json!({"agent_id": 7, "task_id": task}))
        .await;
    assert_eq!(answer["errcode"], 0, "{answer}");
    answer["send_result"].clone()
}

#[tokio::test]
async fn a_notice_arrives_is_read_and_is_recalled() {
    let trial = Trial::start().await;
    let token = trial.token().await;
    let task = send(
        &trial,
        &token,
        &text("lina,wangfang,nobody", "年假办法已更新"),
    )
    .await;
    let progress = "/topapi/message/corpconversation/getsendprogress";
    let asked = json!({"agent_id": 7, "task_id": task});
    let started = trial.oapi(progress, &token, &asked).await;
    assert_eq!(
        started["progress"],
        json!({"progress_in_percent": 0, "status": 0})
    );
    trial.sandbox.clock().advance_ms(1_000);
    let done = trial.oapi(progress, &token, &asked).await;
    assert_eq!(
        done["progress"],
        json!({"progress_in_percent": 100, "status": 2})
    );
    assert_eq!(trial.sandbox.read_all_as("lina"), 1);
    let outcome = result(&trial, &token, &task).await;
    assert_eq!(outcome["read_user_id_list"], json!(["lina"]));
    assert_eq!(outcome["unread_user_id_list"], json!(["wangfang"]));
    assert_eq!(outcome["invalid_user_id_list"], json!(["nobody"]));

    let recall = "/topapi/message/corpconversation/recall";
    let answer = trial
        .oapi(recall, &token, &json!({"agent_id": 7, "msg_task_id": task}))
        .await;
    assert_eq!(answer["errcode"], 0);
    assert!(
        trial
            .sandbox
            .messages()
            .iter()
            .all(|message| message.recalled)
    );
    trial.sandbox.clock().advance_ms(DAY_MS);
    let token = trial.token().await;
    for path in [progress, RESULT] {
        let answer = trial.oapi(path, &token, &asked).await;
        assert_ne!(answer["errcode"], 0, "{path} answers for 24 hours only");
    }
}

#[tokio::test]
async fn past_a_limit_the_answer_is_ok_and_nobody_receives_it() {
    let trial = Trial::start().await;
    let token = trial.token().await;
    send(&trial, &token, &text("lina", "请阅读")).await;
    let again = send(&trial, &token, &text("lina,wangfang", "请阅读")).await;
    assert_eq!(trial.sandbox.messages_of("lina").len(), 1);
    let outcome = result(&trial, &token, &again).await;
    assert_eq!(outcome["forbidden_user_id_list"], json!(["lina"]));
    assert_eq!(outcome["forbidden_list"][0]["code"], "143106");
    assert_eq!(outcome["unread_user_id_list"], json!(["wangfang"]));

    trial.sandbox.set_rules(Rules {
        limits: Limits {
            notices_per_person_day: Some(2),
            notice_recipients_per_minute: Some(3),
            notices_to_all_per_day: Some(0),
            ..Limits::default()
        },
        ..Rules::default()
    });
    send(&trial, &token, &text("lina", "第二次")).await;
    let third = send(&trial, &token, &text("lina", "第三次")).await;
    let outcome = result(&trial, &token, &third).await;
    assert_eq!(outcome["forbidden_list"][0]["code"], "143105");
    let fourth = send(&trial, &token, &text("wangfang,liuyang", "一分钟")).await;
    let outcome = result(&trial, &token, &fourth).await;
    assert_eq!(outcome["forbidden_list"][0]["code"], "143103");
    trial.sandbox.clock().advance_ms(DAY_MS);
    let token = trial.token().await;
    send(&trial, &token, &text("lina", "请阅读")).await;
    assert_eq!(trial.sandbox.messages_of("lina").len(), 3, "a new day");
    let all = json!({"agent_id": 7, "to_all_user": "true", "msg": {"msgtype": "text", "text": {"content": "全员"}}});
    let task = send(&trial, &token, &all).await;
    assert_eq!(
        sent(&trial, &task).sent.len(),
        0,
        "one too many to everyone"
    );
}

fn sent(trial: &Trial, task: &Value) -> NoticeTask {
    let tasks = trial.sandbox.work_notices();
    tasks
        .into_iter()
        .find(|known| Some(known.id) == task.as_u64())
        .expect("a task")
}

#[tokio::test]
async fn departments_count_with_those_below_and_forms_are_read_like_json() {
    let mut organisation = Organisation::small();
    organisation.people[1].active = false;
    let mut config = config();
    config.organisation = organisation;
    let trial = Trial::with(config).await;
    let token = trial.token().await;
    let msg = r#"{"msgtype":"markdown","markdown":{"title":"制度","text":"请阅读"}}"#;
    let form = [("agent_id", "7"), ("dept_id_list", "1,99"), ("msg", msg)];
    let answer = trial
        .http
        .post(trial.url(&format!("{SEND}?access_token={token}")))
        .form(&form)
        .send()
        .await
        .unwrap();
    let answer: Value = answer.json().await.unwrap();
    let task = sent(&trial, &answer["task_id"]);
    assert_eq!((task.sent.len(), task.failed), (5, vec!["lina".to_owned()]));
    assert_eq!(task.invalid_departments, [99]);
}

#[tokio::test]
async fn wrong_arguments_are_refused() {
    let trial = Trial::start().await;
    let token = trial.token().await;
    let many: Vec<_> = (0..101).map(|n| format!("u{n}")).collect();
    let with = |msg: Value| json!({"agent_id": 7, "userid_list": "lina", "msg": msg});
    let oa = |status: bool, to: &str| {
        let mut oa = json!({"message_url": "https://a.example", "head": {"bgcolor": "FFBBBBBB", "text": "x"}, "body": {"title": "制度"}});
        if status {
            oa["status_bar"] = json!({"status_value": "待确认", "status_bg": "0xFFF65E5E"});
        }
        json!({"agent_id": 7, "userid_list": to, "msg": {"msgtype": "oa", "oa": oa}})
    };
    for (body, errcode) in [
        (
            json!({"agent_id": 8, "userid_list": "lina", "msg": {}}),
            40_056,
        ),
        (text("", "x"), 1),
        (text(&many.join(","), "x"), 40_031),
        (text("lina", &"长".repeat(700)), 400_002),
        (with(json!({"msgtype": "text", "text": {}})), 40_035),
        (with(json!({"msgtype": "carrier"})), 40_035),
        (with(json!({"msgtype": "pigeon", "pigeon": {}})), 40_008),
        (
            with(
                json!({"msgtype": "link", "link": {"title": "t", "text": "t", "messageUrl": "https://a.example"}}),
            ),
            40_035,
        ),
        (
            with(json!({"msgtype": "image", "image": {"media_id": "@nothing"}})),
            40_007,
        ),
        (
            with(
                json!({"msgtype": "action_card", "action_card": {"title": "t", "markdown": "m", "btn_json_list": []}}),
            ),
            40_035,
        ),
        (
            with(
                json!({"msgtype": "action_card", "action_card": {"title": "t", "markdown": "m", "single_title": "阅读", "single_url": "https://a.example"}}),
            ),
            0,
        ),
        (oa(true, "lina,u1,u2,u3,u4,u5"), 400_002),
        (oa(true, "lina"), 0),
    ] {
        let answer = trial.oapi(SEND, &token, &body).await;
        assert_eq!(answer["errcode"], errcode, "{body} → {answer}");
    }
}

#[tokio::test]
async fn a_status_bar_changes_for_up_to_five_people() {
    let trial = Trial::start().await;
    let token = trial.token().await;
    let body = json!({"agent_id": 7, "userid_list": "lina", "msg": {"msgtype": "oa", "oa": {
        "message_url": "https://a.example/n/1", "head": {"bgcolor": "FFBBBBBB", "text": "x"},
        "status_bar": {"status_value": "待确认", "status_bg": "0xFFF65E5E"},
        "body": {"title": "年假办法", "form": [{"key": "截止:", "value": "周五"}], "content": "请阅读"}}}});
    let task = send(&trial, &token, &body).await;
    let update = "/topapi/message/corpconversation/status_bar/update";
    let change = json!({"agent_id": 7, "task_id": task, "status_value": "已确认", "status_bg": "0xFF78C06E"});
    let early = trial.oapi(update, &token, &change).await;
    assert_eq!(early["errcode"], 41_052, "not while it is on its way");
    trial.sandbox.clock().advance_ms(1_000);
    let answer = trial.oapi(update, &token, &change).await;
    assert_eq!(answer["errcode"], 0, "{answer}");
    assert_eq!(sent(&trial, &task).status.expect("one").value, "已确认");
    assert!(matches!(
        trial.sandbox.messages()[0].content,
        Content::Oa(_)
    ));
    let url = trial.url("/chat/messages?conversation=oto/work-notice/lina");
    let page = trial
        .http
        .get(url)
        .header("cookie", "dingtalk_sandbox_persona=lina")
        .send()
        .await
        .unwrap();
    let page = page.text().await.unwrap();
    assert!(page.contains("已确认") && page.contains("截止"), "{page}");
}

#[tokio::test]
async fn the_result_of_more_than_a_hundred_is_never_told() {
    let mut config = config();
    let people = (0..101).map(|n| Person {
        userid: format!("u{n}"),
        unionid: format!("union-u{n}"),
        department_ids: vec![1],
        ..Person::default()
    });
    config.organisation.people.extend(people);
    let trial = Trial::with(config).await;
    let token = trial.token().await;
    let all = json!({"agent_id": 7, "to_all_user": true, "msg": {"msgtype": "text", "text": {"content": "全员"}}});
    let task = send(&trial, &token, &all).await;
    trial.sandbox.clock().advance_ms(2_000);
    let answer = trial
        .oapi(RESULT, &token, &json!({"agent_id": 7, "task_id": task}))
        .await;
    assert_eq!(answer["errcode"], 41_052);
}

#[tokio::test]
async fn people_outside_the_visible_range_refuse_the_call() {
    let mut config = config();
    config.apps = vec![App {
        visible: VisibleRange {
            departments: vec![2],
            userids: Vec::new(),
        },
        ..config.apps[0].clone()
    }];
    let trial = Trial::with(config).await;
    let token = trial.token().await;
    assert_eq!(
        trial.oapi(SEND, &token, &text("lina", "x")).await["errcode"],
        0
    );
    assert_eq!(
        trial.oapi(SEND, &token, &text("wangfang", "x")).await["errcode"],
        50_002
    );
    let department = json!({"agent_id": 7, "dept_id_list": "3", "msg": {"msgtype": "text", "text": {"content": "x"}}});
    assert_eq!(
        trial.oapi(SEND, &token, &department).await["errcode"],
        50_004
    );
}
