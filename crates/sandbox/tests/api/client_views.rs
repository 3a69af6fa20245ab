//! What the chat client and the operator's panel ask for: to-dos, announcements, people, and the operator's changes.

use serde_json::{Value, json};
use yuezhi_sandbox::{Access, AdminLevel, Rules};

use crate::support::{CID, Trial, config};

impl Trial {
    async fn asked(&self, persona: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let method = method.parse().expect("an HTTP method");
        let request = self.http.request(method, self.url(path)).json(body);
        let cookie = format!("dingtalk_sandbox_persona={persona}");
        let answer = request.header("cookie", cookie).send().await;
        let answer = answer.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }

    async fn seen(&self, persona: &str, path: &str) -> Value {
        self.asked(persona, "GET", path, &json!({})).await.1
    }
}

const TASKS: &str = "/v1.0/todo/users/union-zhangwei/tasks?operatorId=union-zhangwei";

#[tokio::test]
async fn a_person_sees_and_ticks_their_own_to_dos_and_nobody_elses() {
    let trial = Trial::start().await;
    let token = trial.token().await;
    let task = json!({
        "subject": "请阅读年假办法", "sourceId": "n1", "creatorId": "union-zhangwei",
        "executorIds": ["union-lina", "union-wangfang"],
        "detailUrl": {"appUrl": "https://a.example/phone", "pcUrl": "javascript:alert(1)"},
    });
    let made = trial.expect(200, "POST", TASKS, &token, &task).await;
    assert_eq!(trial.seen("lina", "/chat/home").await["todos_open"], 1);
    let list = trial.seen("lina", "/chat/todos").await;
    let row = &list["open"][0];
    assert_eq!(
        (&row["subject"], &row["url"], &row["client_id"]),
        (
            &json!("请阅读年假办法"),
            &json!("https://a.example/phone"),
            &json!("dingapp")
        ),
        "an address that must not be followed gives way to the other"
    );
    let path = format!("/chat/todos/{}", made["id"].as_str().expect("an id"));
    let tick = json!({"done": true});
    assert_eq!(trial.asked("zhaolei", "POST", &path, &tick).await.0, 404);
    assert_eq!(trial.asked("lina", "POST", &path, &tick).await.0, 204);
    let list = trial.seen("lina", "/chat/todos").await;
    assert_eq!(
        (&list["open"], &list["done"][0]["executors_done"]),
        (&json!([]), &json!(1))
    );
    assert!(!trial.sandbox.todos()[0].is_done, "one of two");
    trial.asked("wangfang", "POST", &path, &tick).await;
    assert!(trial.sandbox.todos()[0].is_done);
    trial
        .asked("lina", "POST", &path, &json!({"done": false}))
        .await;
    assert!(!trial.sandbox.todos()[0].is_done, "the tick is taken back");
    assert_eq!(
        trial.seen("zhaolei", "/chat/todos").await,
        json!({"open": [], "done": []})
    );
}

#[tokio::test]
async fn an_announcement_is_unread_until_its_page_is_opened_and_counts_its_readers() {
    let mut config = config();
    config.organisation.people[0].admin = AdminLevel::Main;
    let trial = Trial::with(config).await;
    let token = trial.token().await;
    for (title, top) in [("年假办法", true), ("放假通知", false)] {
        let body = json!({"create_request": {
            "operation_userid": "zhangwei", "title": title, "content": "正文",
            "blackboard_receiver": {"deptid_list": [2]}, "push_top": top, "author": "人力资源部",
        }});
        let made = trial.oapi("/topapi/blackboard/create", &token, &body).await;
        assert_eq!(made["errcode"], 0, "{made}");
    }
    let home = trial.seen("lina", "/chat/home").await;
    assert_eq!(home["announcements_unread"], 2);
    let rows = trial.seen("lina", "/chat/announcements").await["announcements"].clone();
    assert_eq!(
        (&rows[0]["title"], &rows[0]["read_ms"], &rows[0]["readers"]),
        (&json!("年假办法"), &json!(null), &json!(0)),
        "pinned ones come first"
    );
    let id = rows[0]["id"].as_str().expect("an id");
    trial
        .asked(
            "lina",
            "GET",
            &format!("/sandbox/announcements/{id}"),
            &json!({}),
        )
        .await;
    let rows = trial.seen("lina", "/chat/announcements").await["announcements"].clone();
    assert!(rows[0]["read_ms"].is_i64() && rows[0]["readers"] == 1 && rows[0]["receivers"] == 2);
    assert_eq!(
        trial.seen("wangfang", "/chat/announcements").await["announcements"],
        json!([]),
        "not for her department"
    );
}

#[tokio::test]
async fn members_see_a_groups_announcements_and_who_has_read_them() {
    let mut config = config();
    config.rules = Rules {
        access: Access {
            group_announcements: true,
            ..Access::default()
        },
        ..Rules::default()
    };
    let trial = Trial::with(config).await;
    let token = trial.token().await;
    let body = json!({"openConversationId": CID, "userId": "zhangwei", "uniqueId": "u1", "content": "请守规矩", "sticky": true});
    let create = "/v1.0/groupBlackboard/blackboards/create";
    trial.expect(200, "POST", create, &token, &body).await;
    let conversation: String = url::form_urlencoded::byte_serialize(CID.as_bytes()).collect();
    let path = format!("/chat/group-announcements?conversation={conversation}");
    let read = json!({"conversation": CID});
    trial.asked("lina", "POST", "/chat/read", &read).await;
    let rows = trial.seen("wangfang", &path).await["announcements"].clone();
    assert_eq!(
        (&rows[0]["content"], &rows[0]["by"], &rows[0]["readers"]),
        (&json!("请守规矩"), &json!("张伟"), &json!(1))
    );
    assert_eq!(
        trial.asked("zhaolei", "GET", &path, &json!({})).await.0,
        404,
        "not a member"
    );
}

#[tokio::test]
async fn people_are_found_by_initials_and_by_department() {
    let trial = Trial::start().await;
    let names = async |query: &str| -> Vec<String> {
        let path = format!("/chat/people?{query}");
        let found = trial.seen("lina", &path).await;
        let people = found["people"].as_array().expect("people").iter();
        people
            .map(|person| person["userid"].as_str().expect("a userid").to_owned())
            .collect()
    };
    assert_eq!(names("q=zl").await, ["zhaolei"]);
    assert_eq!(names("q=&department=2").await, ["zhangwei", "lina"]);
    assert_eq!(names("q=&department=1").await.len(), 6, "the root has all");
    assert_eq!(names("q=nobody").await.len(), 0);
}

#[tokio::test]
async fn rows_say_what_kind_of_conversation_they_are_and_messages_which_app_sent_them() {
    let trial = Trial::start().await;
    let token = trial.token().await;
    let notice = json!({"agent_id": 7, "userid_list": "lina", "msg": {"msgtype": "text", "text": {"content": "请阅读"}}});
    let send = "/topapi/message/corpconversation/asyncsend_v2";
    trial.oapi(send, &token, &notice).await;
    let ding = json!({"robotCode": "dingapp", "remindType": 1, "receiverUserIdList": ["lina"], "content": "请确认"});
    trial
        .expect(200, "POST", "/v1.0/robot/ding/send", &token, &ding)
        .await;
    let home = trial.seen("lina", "/chat/home").await;
    let rows = home["conversations"].as_array().expect("conversations");
    let mut kinds: Vec<_> = rows
        .iter()
        .map(|row| row["kind"].as_str().expect("a kind"))
        .collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["ding", "group", "notice"]);
    assert_eq!(
        home["robots"][0],
        json!({"id": "oto/dingapp/lina", "name": "阅知", "client_id": "dingapp"})
    );
    let page = trial
        .seen("lina", "/chat/messages?conversation=oto/work-notice/lina")
        .await;
    assert_eq!(page["messages"][0]["app"], "dingapp");
}

#[tokio::test]
async fn the_operator_sets_the_used_quota_and_sends_events() {
    let trial = Trial::start().await;
    let used = json!({"calls": 5_000});
    let (_, quota) = trial.asked("", "POST", "/sandbox/quota", &used).await;
    assert_eq!(
        (&quota["used"]["calls"], &quota["used"]["webhooks"]),
        (&json!(5_000), &json!(0))
    );
    assert_eq!(trial.sandbox.quota().calls, 5_000);
    let token = trial.token().await;
    let notice = json!({"agent_id": 7, "userid_list": "lina", "msg": {"msgtype": "text", "text": {"content": "一"}}});
    let send = "/topapi/message/corpconversation/asyncsend_v2";
    trial.oapi(send, &token, &notice).await;
    assert!(
        trial.sandbox.quota().exhausted_ms.is_some(),
        "the grace period has begun"
    );
    let none = json!({"calls": 0});
    trial.asked("", "POST", "/sandbox/quota", &none).await;
    assert_eq!(trial.sandbox.quota().exhausted_ms, None);

    let send = async |body: &Value| trial.asked("", "POST", "/sandbox/events", body).await.0;
    assert_eq!(
        send(&json!({"event_type": "user_add_org", "data": {"userId": ["lina"]}})).await,
        202
    );
    assert_eq!(send(&json!({"event_type": " ", "data": {}})).await, 422);
    assert_eq!(send(&json!({"event_type": "x", "data": [1]})).await, 422);
    let apps = trial.seen("", "/sandbox/apps").await;
    assert_eq!(apps["apps"][0]["client_id"], "dingapp");
    assert!(!apps.to_string().contains("app-secret"));
}

#[tokio::test]
async fn the_pages_load_nothing_from_elsewhere_and_run_no_script_of_their_own() {
    let trial = Trial::start().await;
    for path in ["/", "/sandbox/ui", "/sandbox/phone"] {
        let page = trial
            .http
            .get(trial.url(path))
            .send()
            .await
            .expect("a page");
        assert_eq!(page.status(), 200, "{path}");
        let policy = page.headers()["content-security-policy"]
            .to_str()
            .expect("a policy")
            .to_owned();
        assert!(
            policy.contains("default-src 'self'") && !policy.contains("unsafe"),
            "{policy}"
        );
        let html = page.text().await.expect("HTML");
        for address in html
            .split(['"', '\''])
            .filter(|part| part.contains("/assets/"))
        {
            assert!(address.starts_with("/chat/assets/"), "{address}");
            let asset = trial.http.get(trial.url(address)).send().await;
            assert_eq!(asset.expect("an answer").status(), 200, "{address}");
        }
        assert!(
            !html.contains("http://") && !html.contains("https://") && !html.contains("style=")
        );
    }
}
