use proptest::prelude::*;
use serde_json::json;

use super::*;

fn frame(kind: &str, headers: &Value, data: &Value) -> Frame {
    let text = json!({"type": kind, "headers": headers, "data": data.to_string()}).to_string();
    Frame::parse(&text).unwrap()
}

fn bot(data: &Value) -> Payload {
    Payload::of(&frame("CALLBACK", &json!({"topic": BOT_TOPIC}), data))
}

fn event(kind: &str, data: &Value) -> Event {
    let headers = json!({"topic": "*", "eventType": kind, "eventId": "e1", "eventCorpId": "dingc", "eventBornTime": "1683533823336"});
    match Payload::of(&frame("EVENT", &headers, data)) {
        Payload::Event(event) => *event,
        other => panic!("{other:?}"),
    }
}

fn documented_message() -> Value {
    json!({"conversationId":"cid==","conversationType":"2","conversationTitle":"全员","chatbotCorpId":"dingc","chatbotUserId":"$:LWCP_r",
        "robotCode":"dingr","msgId":"msg1==","msgtype":"text","text":{"content":" 你好 "},"createAt":1_708_327_204_136_i64,
        "senderId":"$:LWCP_s","senderNick":"小钉","senderCorpId":"dingc","senderStaffId":"0147","senderUnionId":"u","senderPlatform":"Mac","isAdmin":true,
        "isInAtList":true,"atUsers":[{"dingtalkId":"$:LWCP_r","staffId":"","unionId":null}],
        "sessionWebhook":"https://oapi.dingtalk.com/robot/sendBySession?session=s3cr3t","sessionWebhookExpiredTime":1_708_332_604_316_i64})
}

#[test]
fn a_message_to_the_robot_is_read() {
    let Payload::Bot(message) = bot(&documented_message()) else {
        panic!("a message")
    };
    assert_eq!(message.body, BotBody::Text("你好".into()));
    assert_eq!(message.words().as_deref(), Some("你好"));
    assert_eq!(message.conversation, ConversationKind::Group);
    assert_eq!(message.sender.staff_id.as_deref(), Some("0147"));
    assert!(message.sender.is_admin && message.is_mentioned);
    assert_eq!(message.at_users[0].staff_id, None);
    let session = message.session.as_ref().unwrap();
    assert!(session.is_expired(1_708_332_604_316) && !session.is_expired(1_708_332_604_315));
    assert!(!format!("{session:?} {message:?}").contains("s3cr3t"));
    let shown = format!("{:?}", frame("CALLBACK", &json!({}), &documented_message()));
    assert!(!shown.contains("s3cr3t"), "{shown}");
    let http = BotMessage::from_http(documented_message().to_string().as_bytes());
    assert_eq!(http.unwrap().unwrap(), *message);
    assert_eq!(BotMessage::from_http(b"{}"), Ok(None));
}

#[test]
fn every_type_of_message_is_read() {
    let read = |msgtype: &str, content: Value| {
        let data =
            json!({"msgtype": msgtype, "msgId": "m", "conversationType": 1, "content": content});
        let Payload::Bot(message) = bot(&data) else {
            panic!()
        };
        assert_eq!(message.conversation, ConversationKind::Single);
        *message
    };
    let rich = read(
        "richText",
        json!({"richText": [{"text": "请"}, {"type": "picture", "downloadCode": "d"}, {"text": "看"}, 7]}),
    );
    assert_eq!(rich.words().as_deref(), Some("请看"));
    let BotBody::RichText(parts) = &rich.body else {
        panic!()
    };
    assert_eq!(
        parts[1],
        RichPart::Picture {
            download_code: "d".into()
        }
    );
    assert_eq!(parts[3], RichPart::Other(json!(7)));
    let code = || "d".to_owned();
    assert_eq!(
        read("picture", json!({"downloadCode": "d"})).body,
        BotBody::Picture {
            download_code: code()
        }
    );
    let audio = read(
        "audio",
        json!("{\"downloadCode\":\"d\",\"recognition\":\"好的\",\"duration\":\"4000\"}"),
    );
    assert_eq!(audio.words().as_deref(), Some("好的"));
    assert!(matches!(
        audio.body,
        BotBody::Audio {
            duration_ms: Some(4000),
            ..
        }
    ));
    assert!(matches!(
        read(
            "video",
            json!({"downloadCode": "d", "duration": 3, "videoType": "mp4"})
        )
        .body,
        BotBody::Video {
            duration: Some(3),
            ..
        }
    ));
    assert_eq!(
        read("file", json!({"downloadCode": "d", "fileName": "a.pdf"})).body,
        BotBody::File {
            download_code: code(),
            file_name: "a.pdf".into()
        }
    );
    assert_eq!(
        read("unknownMsgType", json!({})).body,
        BotBody::Unknown {
            msgtype: "unknownMsgType".into()
        }
    );
}

#[test]
fn content_kept_back_for_the_quota_is_told_apart() {
    let words = "受调用量超量影响，当前我的消息服务已经暂停";
    let mut message = documented_message();
    let fields = message.as_object_mut().unwrap();
    fields.remove("text");
    fields.insert("errorCode".into(), json!("20001"));
    fields.insert("errorMessage".into(), json!(words));
    let expected = |about: &str| {
        Payload::Withheld(Withheld {
            code: OVER_QUOTA_CODE,
            message: words.into(),
            about: about.into(),
        })
    };
    assert_eq!(bot(&message), expected(BOT_TOPIC));
    assert!(
        BotMessage::from_http(message.to_string().as_bytes())
            .unwrap_err()
            .is_over_quota()
    );
    let headers = json!({"topic": "*", "eventType": "robot_msg_read"});
    let pushed = frame(
        "EVENT",
        &headers,
        &json!({"errCode": 20001, "errMsg": words}),
    );
    assert_eq!(Payload::of(&pushed), expected("robot_msg_read"));
}

#[test]
fn a_click_on_a_card_is_read() {
    let data = json!({"type":"actionCallback","outTrackId":"policy-1","corpId":"dingc","userId":"u1","userIdType":1,"spaceId":"s","spaceType":"IM","extension":"{\"a\":1}",
        "content":"{\"cardPrivateData\":{\"actionIds\":[\"1\"],\"params\":{\"action\":\"accept\",\"n\":3}}}"});
    let pushed = frame("CALLBACK", &json!({"topic": CARD_TOPIC}), &data);
    let Payload::Card(click) = Payload::of(&pushed) else {
        panic!()
    };
    assert_eq!(
        (click.out_track_id.as_str(), click.user_id.as_str()),
        ("policy-1", "u1")
    );
    assert_eq!(click.action_ids, ["1"]);
    assert_eq!(click.param("action").as_deref(), Some("accept"));
    assert_eq!(click.param("n").as_deref(), Some("3"));
    assert_eq!(click.extension, Some(json!({"a": 1})));
    assert_eq!(
        CardCallback::from_http(data.to_string().as_bytes()),
        Some(*click)
    );
    assert_eq!(CardCallback::from_http(b"[]"), None);
}

#[test]
fn an_answer_to_a_click_has_the_documented_shape() {
    let response = CardResponse::unchanged()
        .for_all("count", "3")
        .for_clicker("confirmed", "true");
    assert_eq!(
        response.to_json(),
        json!({"cardUpdateOptions":{"updateCardDataByKey":true,"updatePrivateDataByKey":true},
            "cardData":{"cardParamMap":{"count":"3"}},"userPrivateData":{"cardParamMap":{"confirmed":"true"}}})
    );
    assert_eq!(CardResponse::unchanged().to_json(), json!({}));
    let fits = CardResponse::unchanged().for_all("k", "x".repeat(CARD_VALUE_LIMIT_BYTES));
    assert_eq!(fits.check(), Ok(()));
    let long = fits.for_clicker("text", "知".repeat(342));
    assert_eq!(
        long.check(),
        Err(CardValueTooLong {
            key: "text".into(),
            bytes: 1026
        })
    );
}

#[test]
fn changes_of_the_directory_are_read_in_any_case() {
    for (kind, change) in [
        ("user_add_org", UserChange::Added),
        ("user_leave_org", UserChange::Left),
        ("user_active_org", UserChange::Activated),
    ] {
        for data in [
            json!({"timeStamp": "17", "userId": ["a", "b"]}),
            json!({"TimeStamp": 17, "UserId": ["a", "b"]}),
        ] {
            let event = event(kind, &data);
            assert_eq!(
                event.body,
                EventBody::Contact(ContactEvent::Users {
                    change,
                    user_ids: vec!["a".into(), "b".into()],
                    diffs: vec![],
                    at_ms: Some(17)
                })
            );
            assert_eq!(
                (event.event_id.as_str(), event.born_at_ms),
                ("e1", Some(1_683_533_823_336))
            );
            assert!(!event.is_metered());
        }
    }
    let modified = event(
        "user_modify_org",
        &json!({"userId": "a", "diffInfo": {"userid": "a", "prev": {"name": "甲"}, "curr": {"name": "乙"}}}),
    );
    let EventBody::Contact(ContactEvent::Users {
        diffs, user_ids, ..
    }) = modified.body
    else {
        panic!()
    };
    assert_eq!(user_ids, ["a"]);
    assert_eq!(
        (
            diffs[0].prev["name"].as_str(),
            diffs[0].curr["name"].as_str()
        ),
        (Some("甲"), Some("乙"))
    );
    for (kind, change) in [
        ("org_dept_create", DepartmentChange::Created),
        ("org_dept_modify", DepartmentChange::Modified),
        ("org_dept_remove", DepartmentChange::Removed),
    ] {
        let event = event(kind, &json!({"deptId": [432_825_033, "2"]}));
        assert_eq!(
            event.body,
            EventBody::Contact(ContactEvent::Departments {
                change,
                department_ids: vec![432_825_033, 2],
                at_ms: None
            })
        );
    }
}

#[test]
fn other_events_are_read() {
    let mark = json!({"unionId":"u","operatTime":"1654641965416","robotCode":"r","openConversationId":"cid","userId":"manager","processQueryKey":"k"});
    let read = event("robot_msg_read", &mark);
    assert!(read.is_metered());
    let EventBody::MessageRead(read) = read.body else {
        panic!()
    };
    assert_eq!(
        (read.process_query_key.as_str(), read.at_ms),
        ("k", Some(1_654_641_965_416))
    );
    assert!(matches!(
        event("robot_msg_recall", &mark).body,
        EventBody::MessageRecalled(_)
    ));
    let todo = event(
        "todo_task_update",
        &json!({"taskId": 7, "unionIdList": ["u"], "bizTag": "b"}),
    );
    assert_eq!(
        todo.body,
        EventBody::Todo(TodoEvent {
            change: TodoChange::Updated,
            task_id: "7".into(),
            union_ids: vec!["u".into()],
            biz_tag: Some("b".into())
        })
    );
    let sent = event(
        "blackboard_sent",
        &json!({"blackboardId": "b1", "unionId": "u", "receivers": {"staffIds": "[\"a\",\"b\"]", "deptIds": "[-1]"}}),
    );
    let EventBody::BlackboardSent(sent) = sent.body else {
        panic!()
    };
    assert_eq!(
        (sent.staff_ids, sent.department_ids),
        (vec!["a".to_owned(), "b".to_owned()], vec![-1])
    );
    let scopes = event(
        "inner_app_scopes_change",
        &json!({"userIds": ["a"], "deptIds": [1], "roleIds": [2]}),
    );
    assert!(
        matches!(scopes.body, EventBody::ScopesChanged(ScopesChanged { ref user_ids, .. }) if user_ids == &["a"])
    );
    let unknown = event("of_tomorrow", &json!({"x": 1}));
    assert_eq!(
        (unknown.body, unknown.data),
        (EventBody::Unknown, json!({"x": 1}))
    );
}

#[test]
fn an_event_by_http_is_the_same_event() {
    let event = Event::from_http(r#"{"EventType":"user_add_org","EventTime":1,"CorpId":"dingc","BizId":"b","eventId":"e","timeStamp":"2","userId":["a"]}"#).unwrap().unwrap();
    assert_eq!(
        (
            event.event_id.as_str(),
            event.corp_id.as_deref(),
            event.born_at_ms
        ),
        ("e", Some("dingc"), Some(1))
    );
    assert!(matches!(
        event.body,
        EventBody::Contact(ContactEvent::Users { .. })
    ));
    let printed = r#"{"eventUnifiedAppId":"app","eventCorpId":"dingc","eventType":"robot_msg_read","eventId":"e","eventBornTime":3,"data":{"processQueryKey":"k"}}"#;
    let event = Event::from_http(printed).unwrap().unwrap();
    assert_eq!(
        (event.app_id.as_deref(), event.born_at_ms),
        (Some("app"), Some(3))
    );
    assert!(matches!(event.body, EventBody::MessageRead(mark) if mark.process_query_key == "k"));
    assert_eq!(
        Event::from_http(r#"{"EventType":"check_url"}"#)
            .unwrap()
            .unwrap()
            .body,
        EventBody::CheckUrl
    );
    assert_eq!(Event::from_http("success"), Ok(None));
    let over = Event::from_http(r#"{"EventType":"robot_msg_read","errCode":"20001","errMsg":"x"}"#);
    assert!(over.unwrap_err().is_over_quota());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_payload_panics(key in "(userId|deptId|diffInfo|content|text|receivers|atUsers|msgtype|errCode|data)", inner in "(\\[|\\{|[0-9]{1,30}|[a-z\"]{0,9}|null|\\[null,\\{\\}\\])", topic in "(ping|/v1.0/im/bot/messages/get|/v1.0/card/instances/callback)", kind in "(EVENT|CALLBACK)", event_type in "(user_modify_org|blackboard_sent|todo_task_create|org_dept_create)") {
        for value in [Value::String(inner.clone()), serde_json::from_str(&inner).unwrap_or_default()] {
            let data = json!({ key.clone(): value });
            let _ = Payload::of(&frame(&kind, &json!({"topic": topic, "eventType": event_type}), &data));
        }
        let mut raw = frame(&kind, &json!({"topic": topic}), &Value::Null);
        raw.data = inner;
        let _ = Payload::of(&raw);
    }
}
