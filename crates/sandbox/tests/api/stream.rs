//! Stream mode with a raw client: tickets, pings, disconnects, acks, repeats, and everything that can be switched wrong.

use serde_json::{Value, json};
use yuezhi_sandbox::{HalfDead, PushRules, PushSettings, Rules};

use crate::line::{BOT, Heard, Line, address, data_of, everything, open, until};
use crate::support::{CID, NOON_MS, Trial, config};

/// Repeats and waits in milliseconds where the platform has seconds.
fn quick() -> PushRules {
    PushRules {
        ping_every_ms: None,
        event_ack_ms: 150,
        card_ack_ms: 150,
        http_ms: 400,
        retries_ms: vec![10, 20],
        disconnect_linger_ms: 100,
        ..PushRules::default()
    }
}

async fn trial(rules: PushRules) -> Trial {
    let mut config = config();
    config.rules.push = rules;
    Trial::with(config).await
}

fn set(trial: &Trial, change: impl FnOnce(&mut Rules)) {
    let mut rules = Rules {
        push: quick(),
        ..Rules::default()
    };
    change(&mut rules);
    trial.sandbox.set_rules(rules);
}

const ROBOT_CHAT: &str = "oto/dingapp/lina";

#[tokio::test]
async fn a_ticket_lets_one_connection_in_for_ninety_seconds() {
    let trial = trial(quick()).await;
    let first = address(&trial).await;
    assert!(first.starts_with("ws://127.0.0.1:"), "{first}");
    let line = Line::at(&first).await;
    assert!(line.is_ok());
    assert_eq!(Line::at(&first).await.err(), Some(401), "used");
    let late = address(&trial).await;
    trial.sandbox.clock().advance_ms(90_001);
    assert_eq!(Line::at(&late).await.err(), Some(401), "expired");
    let strange = trial.url("/stream/connect?ticket=x").replace("http", "ws");
    assert_eq!(Line::at(&strange).await.err(), Some(401), "unknown");
}

#[tokio::test]
async fn a_ticket_needs_the_right_secret_and_known_subscriptions() {
    let trial = trial(quick()).await;
    for secret in ["wrong", "app-secret ", ""] {
        let (status, refusal) = open(&trial, secret, everything()).await;
        assert_eq!(
            (status, refusal["code"].as_str()),
            (401, Some("authFailed"))
        );
        assert_eq!(refusal["message"], "鉴权失败");
    }
    for wrong in [
        json!([]),
        json!([{"type": "EVENT", "topic": "user_add_org"}]),
        json!([{"type": "CALLBACK", "topic": "*"}]),
        json!([{"type": "OTHER", "topic": "*"}]),
    ] {
        let (status, _) = open(&trial, "app-secret", wrong).await;
        assert_eq!(status, 400);
    }
}

#[tokio::test]
async fn whoever_does_not_ask_for_json_gets_xml() {
    let trial = trial(quick()).await;
    let body = json!({
        "clientId": "dingapp", "clientSecret": "app-secret", "subscriptions": everything(),
    });
    let url = trial.url("/v1.0/gateway/connections/open");
    let answer = trial.http.post(url).json(&body).send().await.unwrap();
    assert!(answer.text().await.unwrap().starts_with("<?xml"));
}

#[tokio::test]
async fn pings_come_and_their_opaque_goes_back() {
    let trial = trial(PushRules {
        ping_every_ms: Some(20),
        ..quick()
    })
    .await;
    let mut line = Line::connect(&trial).await;
    let ping = line.frame().await;
    assert_eq!(ping["type"], "SYSTEM");
    assert_eq!(ping["headers"]["topic"], "ping");
    line.ack(&ping, 200, &data_of(&ping)).await;
    until("the pong", || {
        trial.sandbox.stream_connections()[0].pongs == 1
    })
    .await;
}

#[tokio::test]
async fn after_a_disconnect_nothing_comes_until_the_connection_ends() {
    let trial = trial(quick()).await;
    let mut old = Line::connect(&trial).await;
    let mut new = Line::connect(&trial).await;
    // Only the older one: it is the first the sandbox tells.
    trial
        .sandbox
        .disconnect_streams(None, "persistent connection is timeout");
    let goodbye = old.frame().await;
    assert_eq!(goodbye["headers"]["topic"], "disconnect");
    let reason = json!({"reason": "persistent connection is timeout"});
    assert_eq!(data_of(&goodbye), reason);
    new.frame().await;
    let mut third = Line::connect(&trial).await;
    trial.sandbox.emit("user_add_org", json!({"userId": ["x"]}));
    let event = third.frame().await;
    assert_eq!(event["headers"]["eventType"], "user_add_org");
    third.succeed(&event).await;
    assert!(matches!(old.hear().await, Heard::Cut | Heard::Closed));
    assert!(matches!(new.hear().await, Heard::Cut | Heard::Closed));
    until("the old ones' end", || {
        trial.sandbox.stream_connections().len() == 1
    })
    .await;
}

#[tokio::test]
async fn an_event_carries_its_ids_in_the_headers_and_its_object_in_the_data() {
    let trial = trial(quick()).await;
    let mut line = Line::connect(&trial).await;
    let object = json!({"timeStamp": "1", "userId": ["lina"]});
    trial.sandbox.emit("user_modify_org", object.clone());
    let event = line.frame().await;
    assert_eq!(event["specVersion"], "1.0");
    assert_eq!(event["type"], "EVENT");
    let headers = event["headers"].as_object().unwrap();
    assert!(headers.values().all(Value::is_string), "{headers:?}");
    assert_eq!(headers["topic"], "*");
    assert_eq!(headers["eventType"], "user_modify_org");
    assert_eq!(headers["eventCorpId"], "ding5a8c31e0b7f24d96");
    assert_eq!(headers["eventBornTime"], NOON_MS.to_string());
    assert_eq!(data_of(&event), object);
    line.succeed(&event).await;
    until("the ack", || {
        trial.sandbox.push_counts("dingapp").acked == 1
    })
    .await;
    assert!(line.is_silent().await, "acked is acked");
    assert_eq!(trial.sandbox.quota().webhooks, 0, "contact events are free");
}

#[tokio::test]
async fn an_event_put_off_comes_again_under_the_same_ids() {
    let trial = trial(quick()).await;
    let mut line = Line::connect(&trial).await;
    trial
        .sandbox
        .emit("todo_task_create", json!({"taskId": "1"}));
    let first = line.frame().await;
    line.ack(&first, 200, &json!({"status": "LATER"})).await;
    let second = line.frame().await;
    for id in ["messageId", "eventId"] {
        assert_eq!(first["headers"][id], second["headers"][id]);
    }
    line.ack(&second, 500, &json!({})).await;
    let third = line.frame().await;
    line.succeed(&third).await;
    until("the ack", || {
        trial.sandbox.push_counts("dingapp").acked == 1
    })
    .await;
    assert!(trial.sandbox.failed_pushes().is_empty());
    assert_eq!(trial.sandbox.quota().webhooks, 1, "repeats are not counted");
}

#[tokio::test]
async fn an_event_nobody_acks_goes_to_the_failed_list_of_both_hosts() {
    let trial = trial(quick()).await;
    let mut line = Line::connect(&trial).await;
    trial
        .sandbox
        .emit("user_leave_org", json!({"userId": ["lina"]}));
    for _ in 0..3 {
        line.frame().await;
    }
    until("the end of it", || trial.sandbox.failed_pushes().len() == 1).await;
    let token = trial.token().await;
    let legacy = format!("/call_back/get_call_back_failed_result?access_token={token}");
    let span = format!("beginTime={NOON_MS}&endTime={NOON_MS}");
    let modern = format!("/v1.0/event/callbacks/failedResults?{span}");
    let none = Value::Null;
    let (_, early) = trial.api("GET", &legacy, None, &none).await;
    assert_eq!(
        early["failed_list"],
        json!([]),
        "it shows after minutes only"
    );
    trial.sandbox.clock().advance_ms(180_000);
    let (_, listed) = trial.api("GET", &modern, Some(&token), &none).await;
    let row = &listed["failedList"][0];
    assert_eq!(row["callBackTag"], "user_leave_org", "{listed}");
    assert_eq!(row["callBackData"], r#"{"userId":["lina"]}"#);
    let (_, fetched) = trial.api("GET", &legacy, None, &none).await;
    let row = &fetched["failed_list"][0];
    assert_eq!(row["call_back_tag"], "user_leave_org", "{fetched}");
    assert_eq!(row["user_leave_org"]["userid"], json!(["lina"]));
    let (_, again) = trial.api("GET", &legacy, None, &none).await;
    assert_eq!(again["failed_list"], json!([]), "handed out once");
}

#[tokio::test]
async fn events_go_to_apps_that_subscribe_and_only_those_ticked() {
    let trial = trial(quick()).await;
    trial.sandbox.emit("user_add_org", json!({}));
    assert_eq!(
        trial.sandbox.push_counts("dingapp").queued,
        0,
        "never connected"
    );
    let settings = PushSettings {
        events: Some(vec!["user_add_org".into()]),
        ..PushSettings::default()
    };
    trial.sandbox.set_push("dingapp", settings).await.unwrap();
    let mut line = Line::connect(&trial).await;
    trial
        .sandbox
        .emit("org_dept_create", json!({"deptId": [9]}));
    trial.sandbox.emit("user_add_org", json!({"userId": ["x"]}));
    let event = line.frame().await;
    assert_eq!(event["headers"]["eventType"], "user_add_org");
    line.succeed(&event).await;
}

#[tokio::test]
async fn a_line_to_the_robot_arrives_once_and_its_answer_is_shown() {
    let trial = trial(quick()).await;
    let mut line = Line::connect(&trial).await;
    trial.sandbox.say_as("lina", ROBOT_CHAT, "什么时候截止？");
    let frame = line.frame().await;
    assert_eq!(frame["type"], "CALLBACK");
    assert_eq!(frame["headers"]["topic"], BOT);
    let said = data_of(&frame);
    assert_eq!(said["conversationType"], "1");
    assert_eq!(said["senderStaffId"], "lina");
    assert_eq!(said["senderNick"], "李娜");
    assert_eq!(said["robotCode"], "dingapp");
    assert_eq!(said["msgtype"], "text");
    assert_eq!(said["text"]["content"], "什么时候截止？");
    assert_eq!(said["createAt"], NOON_MS);
    assert_eq!(said["sessionWebhookExpiredTime"], NOON_MS + 90 * 60_000);
    until("the time out", || {
        trial.sandbox.push_counts("dingapp").timed_out == 1
    })
    .await;
    assert!(line.is_silent().await, "fire and forget");

    let webhook = said["sessionWebhook"].as_str().unwrap().to_owned();
    let answer = json!({"msgtype": "text", "text": {"content": "周五"}});
    let post = async |body: &Value| -> Value {
        let request = trial.http.post(&webhook).json(body);
        request.send().await.unwrap().json().await.unwrap()
    };
    assert_eq!(post(&answer).await["errcode"], 0);
    assert_eq!(post(&json!({"msgtype": "image"})).await["errcode"], 400_105);
    let shown = trial.sandbox.messages_of("lina");
    assert_eq!(shown.last().unwrap().conversation, ROBOT_CHAT);
    assert_eq!(shown.last().unwrap().content.preview(), "周五");
    trial.sandbox.clock().advance_ms(90 * 60_000);
    assert_ne!(post(&answer).await["errcode"], 0, "expired");
}

#[tokio::test]
async fn in_a_group_only_lines_that_mention_the_robot_arrive() {
    let trial = trial(quick()).await;
    let mut line = Line::connect(&trial).await;
    trial.sandbox.say_as("lina", CID, "大家好 @王芳");
    trial.sandbox.say_as("lina", CID, "@阅知 谁还没读 @王芳");
    let frame = line.frame().await;
    let said = data_of(&frame);
    assert_eq!(said["conversationType"], "2");
    assert_eq!(said["conversationId"], CID);
    assert_eq!(said["conversationTitle"], "全员通知群");
    assert_eq!(said["isInAtList"], true);
    assert_eq!(
        said["text"]["content"], " 谁还没读 @王芳",
        "the space stays"
    );
    assert_eq!(said["atUsers"][0]["staffId"], "wangfang");
    assert!(
        said["atUsers"][1].get("staffId").is_none(),
        "the robot itself"
    );
    line.ack(&frame, 200, &json!({"response": null})).await;
    assert_eq!(trial.sandbox.quota().webhooks, 1);

    let settings = PushSettings {
        unpublished: true,
        ..PushSettings::default()
    };
    trial.sandbox.set_push("dingapp", settings).await.unwrap();
    trial.sandbox.say_as("lina", CID, "@阅知 还在吗");
    let said = data_of(&line.frame().await);
    assert!(
        said.get("senderStaffId").is_none(),
        "not before it is published"
    );
    assert!(said.get("isAdmin").is_none());
}

#[tokio::test]
async fn a_line_without_an_ack_comes_again_when_switched_so() {
    let trial = trial(PushRules {
        robot_again_ms: Some(10),
        ..quick()
    })
    .await;
    let mut line = Line::connect(&trial).await;
    trial.sandbox.say_as("lina", ROBOT_CHAT, "在吗");
    let (first, second) = (line.frame().await, line.frame().await);
    assert_eq!(data_of(&first)["msgId"], data_of(&second)["msgId"]);
}

#[tokio::test]
async fn frames_can_be_lost_and_doubled() {
    let trial = trial(quick()).await;
    let mut line = Line::connect(&trial).await;
    set(&trial, |rules| rules.push.lose_next = 1);
    trial
        .sandbox
        .emit("user_add_org", json!({"userId": ["lost"]}));
    let again = line.frame().await;
    assert_eq!(trial.sandbox.push_counts("dingapp").lost_by_switch, 1);
    line.succeed(&again).await;
    set(&trial, |rules| rules.push.duplicate_next = 1);
    trial
        .sandbox
        .emit("user_add_org", json!({"userId": ["twice"]}));
    let (first, second) = (line.frame().await, line.frame().await);
    assert_eq!(first, second);
    line.succeed(&first).await;
    line.succeed(&second).await;
    until("the second ack", || {
        trial.sandbox.push_counts("dingapp").stray_acks == 1
    })
    .await;
}

#[tokio::test]
async fn a_half_dead_connection_is_up_and_delivers_nothing() {
    let trial = trial(PushRules {
        half_dead: HalfDead::Mute,
        ping_every_ms: Some(20),
        ..quick()
    })
    .await;
    let mut mute = Line::connect(&trial).await;
    trial.sandbox.emit("user_add_org", json!({}));
    assert!(mute.is_silent().await, "neither the event nor pings");
    assert!(mute.is_alive().await, "only the WebSocket answers");
    set(&trial, |rules| rules.push.half_dead = HalfDead::Frozen);
    trial.sandbox.cut_streams(None);
    until("the cut", || trial.sandbox.stream_connections().is_empty()).await;
    let mut frozen = Line::connect(&trial).await;
    assert!(!frozen.is_alive().await);
}

#[tokio::test]
async fn a_cut_comes_without_a_word() {
    let trial = trial(quick()).await;
    let mut line = Line::connect(&trial).await;
    assert_eq!(trial.sandbox.cut_streams(Some("dingapp")), 1);
    assert!(matches!(line.hear().await, Heard::Cut));
    assert_eq!(trial.sandbox.cut_streams(Some("other")), 0);
}

#[tokio::test]
async fn connections_can_be_told_off_every_so_often() {
    let trial = trial(PushRules {
        disconnect_every_ms: Some(20),
        ..quick()
    })
    .await;
    let mut line = Line::connect(&trial).await;
    assert_eq!(line.frame().await["headers"]["topic"], "disconnect");
}

#[tokio::test]
async fn each_push_takes_one_of_the_connections_at_random() {
    let trial = trial(PushRules {
        event_ack_ms: 5_000,
        ..quick()
    })
    .await;
    let _lines = [Line::connect(&trial).await, Line::connect(&trial).await];
    for _ in 0..30 {
        trial.sandbox.emit("user_add_org", json!({}));
    }
    until("all frames", || {
        let connections = trial.sandbox.stream_connections();
        connections.iter().map(|one| one.frames).sum::<u64>() == 30
    })
    .await;
    let connections = trial.sandbox.stream_connections();
    assert!(
        connections.iter().all(|one| one.frames > 3),
        "{connections:?}"
    );
}

#[tokio::test]
async fn a_new_connection_can_end_the_older_ones() {
    let trial = trial(PushRules {
        newest_connection_only: true,
        ..quick()
    })
    .await;
    let mut old = Line::connect(&trial).await;
    let _new = Line::at(&address(&trial).await).await;
    assert!(matches!(old.hear().await, Heard::Cut));
}

#[tokio::test]
async fn past_the_month_pushes_come_without_their_content() {
    let mut config = config();
    config.rules.push = quick();
    config.rules.limits.webhooks_per_month = Some(1);
    config.rules.limits.month_grace_ms = 1_000;
    let trial = Trial::with(config).await;
    let mut line = Line::connect(&trial).await;
    for word in ["一", "二"] {
        trial.sandbox.say_as("lina", ROBOT_CHAT, word);
        assert_eq!(
            data_of(&line.frame().await)["text"]["content"],
            word,
            "grace"
        );
    }
    trial.sandbox.clock().advance_ms(1_000);
    trial.sandbox.say_as("lina", ROBOT_CHAT, "三");
    let said = data_of(&line.frame().await);
    assert!(said.get("text").is_none());
    assert_eq!(said["errorCode"].as_str(), Some("20001"), "{said}");
    trial
        .sandbox
        .emit("todo_task_create", json!({"taskId": "1"}));
    let event = line.frame().await;
    assert_eq!(data_of(&event)["errCode"].as_str(), Some("20001"));
    assert!(data_of(&event).get("taskId").is_none());
    line.succeed(&event).await;
    trial.sandbox.emit("user_add_org", json!({"userId": ["x"]}));
    let event = line.frame().await;
    assert_eq!(
        data_of(&event)["userId"],
        json!(["x"]),
        "contact events go on"
    );
    line.succeed(&event).await;
}

#[tokio::test]
async fn reading_a_robots_message_is_an_event_for_its_app() {
    let trial = trial(quick()).await;
    let mut line = Line::connect(&trial).await;
    let token = trial.token().await;
    let body = json!({
        "robotCode": "dingapp", "userIds": ["lina", "wangfang"], "msgKey": "sampleText",
        "msgParam": r#"{"content":"请阅读"}"#,
    });
    let path = "/v1.0/robot/oToMessages/batchSend";
    let (_, sent) = trial.api("POST", path, Some(&token), &body).await;
    trial.sandbox.read_all_as("lina");
    let frame = line.frame().await;
    assert_eq!(frame["headers"]["eventType"], "robot_msg_read");
    let read = data_of(&frame);
    assert_eq!(read["userId"], "lina");
    assert_eq!(read["unionId"], "union-lina");
    assert_eq!(read["processQueryKey"], sent["processQueryKey"]);
    assert_eq!(
        read["operatTime"],
        NOON_MS.to_string(),
        "the platform's spelling"
    );
    line.succeed(&frame).await;
    trial.sandbox.read_all_as("lina");
    assert!(line.is_silent().await, "read once");
    assert_eq!(trial.sandbox.quota().webhooks, 1);
}

#[tokio::test]
async fn the_panel_sees_connections_and_can_end_them() {
    let trial = trial(quick()).await;
    let mut line = Line::connect(&trial).await;
    let (_, seen) = trial
        .api("GET", "/sandbox/stream", None, &Value::Null)
        .await;
    assert_eq!(seen["connections"][0]["client_id"], "dingapp");
    let (_, told) = trial
        .api(
            "POST",
            "/sandbox/stream/disconnect?reason=bye",
            None,
            &Value::Null,
        )
        .await;
    assert_eq!(told["told"], 1);
    assert_eq!(data_of(&line.frame().await)["reason"], "bye");
    let (_, told) = trial
        .api("POST", "/sandbox/stream/cut", None, &Value::Null)
        .await;
    assert_eq!(told["told"], 1);
}
