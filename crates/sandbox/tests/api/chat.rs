//! The data behind the chat client.

use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::support::{CID, Trial};

impl Trial {
    async fn chat(&self, persona: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let request = self
            .http
            .request(
                method.parse().expect("the sandbox answers as documented"),
                self.url(path),
            )
            .json(body);
        let cookie = format!("other=1; dingtalk_sandbox_persona={persona}");
        let answer = request
            .header("cookie", cookie)
            .send()
            .await
            .expect("the sandbox answers as documented");
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }
}

fn conversation() -> String {
    url::form_urlencoded::byte_serialize(CID.as_bytes()).collect()
}

#[tokio::test]
async fn unread_messages_are_counted_per_persona_until_opened() {
    let trial = Trial::start().await;
    let at = json!({"msgtype": "text", "text": {"content": "@lina 请看"}, "at": {"atUserIds": ["lina"]}});
    trial.robot("access_token=open", &at).await;
    trial.say("open", "第二条").await;
    let home = async |persona: &str| trial.chat(persona, "GET", "/chat/home", &json!({})).await.1;
    let lina = home("lina").await;
    assert_eq!(lina["persona"]["name"], "李娜");
    let row = &lina["conversations"][0];
    assert_eq!(
        (&row["unread"], &row["mentioned"], &row["preview"]),
        (&json!(2), &json!(true), &json!("制度助手：第二条"))
    );
    assert_eq!(
        home("wangfang").await["conversations"][0]["mentioned"],
        false
    );
    trial
        .chat("lina", "POST", "/chat/read", &json!({"conversation": CID}))
        .await;
    assert_eq!(home("lina").await["conversations"][0]["unread"], 0);
    assert_eq!(home("wangfang").await["conversations"][0]["unread"], 2);
    assert_eq!(
        home("zhaolei").await["conversations"],
        json!([]),
        "not a member"
    );
}

#[tokio::test]
async fn a_stranger_sees_nothing_of_a_group() {
    let trial = Trial::start().await;
    trial.say("open", "内部").await;
    let path = format!("/chat/messages?conversation={}", conversation());
    assert_eq!(trial.chat("zhaolei", "GET", &path, &json!({})).await.0, 404);
    assert_eq!(
        trial.chat("lina", "GET", &path, &json!({})).await.1["messages"][0]["sender"]["name"],
        "制度助手"
    );
    assert_eq!(
        trial
            .chat(
                "zhaolei",
                "GET",
                &format!("/chat/group?id={}", conversation()),
                &json!({})
            )
            .await
            .0,
        404
    );
    let other = json!({"conversation": "oto/dingapp/lina"});
    trial.chat("zhaolei", "POST", "/chat/read", &other).await;
    let said = json!({"conversation": CID, "text": "混入"});
    assert_eq!(
        trial
            .chat("zhaolei", "POST", "/chat/messages", &said)
            .await
            .0,
        404
    );
}

#[tokio::test]
async fn messages_are_drawn_without_a_way_for_script() {
    let trial = Trial::start().await;
    let evil = r"<img src=x onerror=alert(1)> @lina <b>";
    for body in [
        json!({"msgtype": "text", "text": {"content": evil}, "at": {"atUserIds": ["lina"]}}),
        json!({"msgtype": "markdown", "markdown": {"title": evil, "text": format!("# {evil}\n[x](javascript:alert(1))")}}),
        json!({"msgtype": "link", "link": {"title": evil, "text": evil, "messageUrl": "javascript:alert(1)", "picUrl": "\" onerror=\"x"}}),
        json!({"msgtype": "actionCard", "actionCard": {"title": evil, "text": evil, "singleTitle": evil, "singleURL": "data:text/html,x"}}),
        json!({"msgtype": "feedCard", "feedCard": {"links": [{"title": evil, "messageURL": "https://a.example/\"x", "picURL": "https://a.example/\"x"}]}}),
    ] {
        assert_eq!(trial.robot("access_token=open", &body).await["errcode"], 0);
    }
    let path = format!("/chat/messages?conversation={}", conversation());
    let (_, page) = trial.chat("lina", "GET", &path, &json!({})).await;
    for message in page["messages"].as_array().unwrap() {
        let html = message["html"].as_str().unwrap();
        assert!(
            !html.contains("<img src=x") && !html.contains("<b> ") && !html.contains("javascript:"),
            "{html}"
        );
        assert!(!html.contains("href=\"data:"), "{html}");
    }
    let text = page["messages"][0]["html"].as_str().unwrap();
    assert!(
        text.contains(r#"<span class="at me">@李娜</span>"#),
        "{text}"
    );
    let markdown = page["messages"][1]["html"].as_str().unwrap();
    assert!(!markdown.contains("at me"), "{markdown}");
}

#[tokio::test]
async fn an_open_client_hears_of_a_message_at_once() {
    let trial = Trial::start().await;
    let request = trial
        .http
        .get(trial.url("/chat/events"))
        .header("cookie", "dingtalk_sandbox_persona=lina");
    let mut wire = request.send().await.unwrap().bytes_stream();
    let hello = wire.next().await.unwrap().unwrap();
    assert!(hello.starts_with(b"event: hello"));
    let stranger = trial
        .http
        .get(trial.url("/chat/events"))
        .header("cookie", "dingtalk_sandbox_persona=zhaolei");
    let mut other = stranger.send().await.unwrap().bytes_stream();
    other.next().await.unwrap().unwrap();

    trial.say("open", "新消息").await;
    let heard = String::from_utf8(wire.next().await.unwrap().unwrap().to_vec()).unwrap();
    assert!(
        heard.starts_with("event: message") && heard.contains("新消息"),
        "{heard}"
    );
    trial.sandbox.read_all_as("wangfang");
    let heard = String::from_utf8(wire.next().await.unwrap().unwrap().to_vec()).unwrap();
    assert!(heard.starts_with("event: read"), "{heard}");
    trial.sandbox.clear();
    let heard = other.next().await.unwrap().unwrap();
    assert!(
        heard.starts_with(b"event: changed"),
        "a stranger heard nothing of the message"
    );
    trial.sandbox.shutdown().await;
    while let Some(Ok(_)) = wire.next().await {}
}

#[tokio::test]
async fn an_administrator_adds_a_robot_and_its_webhook_works() {
    let trial = Trial::start().await;
    let form = |change: Value| {
        let mut form = json!({"group": CID, "name": "人事通知", "keywords": ["通知", " "], "signed": false, "ips": []});
        form.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        form
    };
    for (change, expected) in [
        (json!({"name": " "}), "名字"),
        (json!({"keywords": []}), "至少选择一种"),
        (json!({"keywords": vec!["a"; 11]}), "10"),
        (json!({"ips": ["::1"]}), "IPv6"),
    ] {
        let (status, answer) = trial
            .chat("lina", "POST", "/chat/robots", &form(change))
            .await;
        assert_eq!(status, 422);
        assert!(
            answer["zh"].as_str().unwrap().contains(expected),
            "{answer}"
        );
    }
    let (status, robot) = trial
        .chat("lina", "POST", "/chat/robots", &form(json!({})))
        .await;
    assert_eq!(
        (status, &robot["keywords"], &robot["secret"]),
        (201, &json!(["通知"]), &Value::Null)
    );
    let token = robot["access_token"].as_str().unwrap();
    assert_eq!(
        robot["webhook"],
        format!("{}/robot/send?access_token={token}", trial.sandbox.url())
    );
    assert_eq!(trial.say(token, "通知：测试").await, 0);
    assert_eq!(trial.say(token, "测试").await, 310_000);

    let path = format!("/chat/robots/{token}");
    let (_, robot) = trial
        .chat("lina", "PUT", &path, &form(json!({"signed": true})))
        .await;
    assert!(robot["secret"].as_str().unwrap().starts_with("SEC"));
    let (_, again) = trial
        .chat(
            "lina",
            "PUT",
            &path,
            &form(json!({"signed": true, "state": "disabled"})),
        )
        .await;
    assert_eq!(
        again["secret"], robot["secret"],
        "saving again keeps the secret"
    );
    assert_eq!(trial.say(token, "通知").await, 400_102);
    trial
        .chat("lina", "PUT", &path, &form(json!({"state": "removed"})))
        .await;
    assert_eq!(trial.say(token, "通知").await, 400_106);
    let (_, group) = trial
        .chat(
            "lina",
            "GET",
            &format!("/chat/group?id={}", conversation()),
            &json!({}),
        )
        .await;
    assert_eq!(group["robots"].as_array().unwrap().len(), 5);
    assert_eq!(
        trial
            .chat("zhaolei", "PUT", &path, &form(json!({})))
            .await
            .0,
        404
    );
}

#[tokio::test]
async fn a_long_conversation_comes_page_by_page() {
    let trial = Trial::start().await;
    trial.sandbox.set_rules(yuezhi_sandbox::Rules {
        limits: yuezhi_sandbox::Limits {
            webhook_per_minute: None,
            ..Default::default()
        },
        ..Default::default()
    });
    for number in 1..=45 {
        assert_eq!(trial.say("open", &number.to_string()).await, 0);
    }
    let path = format!("/chat/messages?conversation={}", conversation());
    let (_, newest) = trial.chat("lina", "GET", &path, &json!({})).await;
    assert_eq!(
        (
            newest["messages"].as_array().unwrap().len(),
            &newest["more"]
        ),
        (40, &json!(true))
    );
    let (_, older) = trial
        .chat(
            "lina",
            "GET",
            &format!("{path}&before={}", newest["messages"][0]["id"]),
            &json!({}),
        )
        .await;
    assert_eq!(
        (older["messages"].as_array().unwrap().len(), &older["more"]),
        (5, &json!(false))
    );
}

#[tokio::test]
async fn people_are_found_and_chosen_and_can_speak() {
    let trial = Trial::start().await;
    let (_, found) = trial
        .chat(
            "lina",
            "GET",
            "/chat/people?q=%E7%A0%94%E5%8F%91",
            &json!({}),
        )
        .await;
    let names: Vec<_> = found["people"]
        .as_array()
        .unwrap()
        .iter()
        .map(|person| person["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["王芳", "刘洋", "陈静", "赵磊"]);
    let choose = trial
        .http
        .post(trial.url("/chat/persona"))
        .json(&json!({"userid": "wangfang"}))
        .send()
        .await
        .unwrap();
    assert!(
        choose.headers()["set-cookie"]
            .to_str()
            .unwrap()
            .starts_with("dingtalk_sandbox_persona=wangfang;")
    );
    let said = json!({"conversation": CID, "text": "@李娜 年假按新制度算吗？"});
    assert_eq!(
        trial
            .chat("wangfang", "POST", "/chat/messages", &said)
            .await
            .0,
        201
    );
    assert_eq!(trial.sandbox.messages()[0].mentions, ["lina"]);
    let path = format!("/chat/messages?conversation={}", conversation());
    let (_, own) = trial.chat("wangfang", "GET", &path, &json!({})).await;
    assert_eq!(
        (
            &own["messages"][0]["mine"],
            &own["messages"][0]["unread_by"]
        ),
        (&json!(true), &json!(2))
    );
}
