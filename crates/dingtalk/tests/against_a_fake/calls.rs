//! Each area: the request exactly as documented, the answer as recorded.

use std::collections::BTreeMap;

use dingtalk::calls::blackboard::{AnnouncementFilter, AnnouncementTo, NewAnnouncement, Secrecy};
use dingtalk::calls::cards::{CardCallback, CardChange, CardSpace, NewCard};
use dingtalk::calls::ding::DingBy;
use dingtalk::calls::drive::{FileMember, FilePlace, FileRole, OnConflict, ROOT_FOLDER};
use dingtalk::calls::group_blackboard::NewGroupNotice;
use dingtalk::calls::groups::{GroupChange, NewGroup, NewSceneGroup};
use dingtalk::calls::media::MediaKind;
use dingtalk::calls::robot_people::{PersonOutcome, ReadStatus, SendStatus};
use dingtalk::calls::todo::{NewTodo, TodoKind};
use dingtalk::calls::work_notice::{NoticeBody, NoticeTo, OaNotice, StatusBar};
use dingtalk::{AppMessage, Error, Reason};
use serde_json::{Value, json};

use crate::support::{Fake, NOW_MS, app};

const OK: &str = r#"{"errcode":0,"errmsg":"ok"}"#;

/// The last request as `METHOD path?query` (without the token) and its JSON.
fn last(fake: &Fake) -> (String, Value) {
    let request = fake.requests().pop().unwrap();
    let query = request
        .query
        .replace("access_token=T1&", "")
        .replace("access_token=T1", "");
    let mark = if query.is_empty() { "" } else { "?" };
    let body = serde_json::from_str(&request.body).unwrap_or(Value::Null);
    (
        format!("{} {}{mark}{query}", request.method, request.path),
        body,
    )
}

fn text() -> AppMessage {
    AppMessage::Text {
        content: "你好".into(),
    }
}

fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

#[tokio::test]
async fn the_robot_writes_to_people_and_says_who_gets_nothing() {
    let fake = Fake::start().await;
    let app = app(&fake).await;
    let robot = app.robot("dingrobot");
    fake.answers(200, r#"{"processQueryKey":"pk==","invalidStaffIdList":["u2"],"flowControlledStaffIdList":["u3"],"filteredStaffIdList":["u4"]}"#);
    let sent = robot
        .send_to_people(&["u1", "u2", "u3", "u4"], &text(), NOW_MS)
        .await
        .unwrap();
    assert_eq!(sent.process_query_key, "pk==");
    let outcomes = ["u1", "u2", "u3", "u4"].map(|user| sent.of(user));
    assert_eq!(
        outcomes,
        [
            PersonOutcome::Accepted,
            PersonOutcome::Invalid,
            PersonOutcome::FlowControlled,
            PersonOutcome::Filtered
        ]
    );
    assert_eq!(
        last(&fake),
        (
            "POST /v1.0/robot/oToMessages/batchSend".into(),
            json!({
                "robotCode":"dingrobot","userIds":["u1","u2","u3","u4"],"msgKey":"sampleText","msgParam":"{\"content\":\"你好\"}"
            })
        )
    );

    fake.answers(200, r#"{"sendStatus":"SUCESS","messageReadInfoList":[{"name":"张","userId":"u1","readStatus":"READ","readTimestamp":"0"},{"userId":"u2","readStatus":"UNREAD"}]}"#);
    let reads = robot.people_reads("pk==", NOW_MS).await.unwrap();
    assert_eq!(reads.send_status, SendStatus::Success);
    assert_eq!(reads.people[0].read_status, ReadStatus::Read);
    assert_eq!(reads.people[1].read_status, ReadStatus::Unread);
    assert_eq!(
        last(&fake).0,
        "GET /v1.0/robot/oToMessages/readStatus?robotCode=dingrobot&processQueryKey=pk%3D%3D"
    );

    fake.answers(
        200,
        r#"{"successResult":["pk=="],"failedResult":{"k2":"expired"}}"#,
    );
    let recalled = robot
        .recall_from_people(&["pk==", "k2"], NOW_MS)
        .await
        .unwrap();
    assert_eq!(
        (recalled.recalled, recalled.failed),
        (vec!["pk==".to_owned()], map(&[("k2", "expired")]))
    );
    assert_eq!(last(&fake).0, "POST /v1.0/robot/otoMessages/batchRecall");

    let many = vec!["u"; 21];
    let before = fake.requests().len();
    assert!(matches!(
        robot.send_to_people(&many, &text(), NOW_MS).await,
        Err(Error::Message(_))
    ));
    assert_eq!(fake.requests().len(), before);

    fake.answers(
        400,
        r#"{"code":"processQueryKey.expireTime","message":"m","requestid":"r"}"#,
    );
    let error = robot.people_reads("old", NOW_MS).await.unwrap_err();
    assert_eq!(error.reason(), Some(Reason::NotYetOrExpired));
}

#[tokio::test]
async fn the_robot_writes_to_groups() {
    let fake = Fake::start().await;
    let app = app(&fake).await;
    let robot = app.robot("dingrobot");
    fake.answers(200, r#"{"processQueryKey":"pk"}"#);
    assert_eq!(
        robot.send_to_group("cid==", &text(), NOW_MS).await.unwrap(),
        "pk"
    );
    assert_eq!(
        last(&fake),
        (
            "POST /v1.0/robot/groupMessages/send".into(),
            json!({
                "openConversationId":"cid==","robotCode":"dingrobot","msgKey":"sampleText","msgParam":"{\"content\":\"你好\"}"
            })
        )
    );
    fake.answers(
        200,
        r#"{"sendStatus":"SUCCESS","readUserIds":["u1"],"nextToken":"n","hasMore":"true"}"#,
    );
    let reads = robot
        .group_reads("cid==", "pk", Some("t"), NOW_MS)
        .await
        .unwrap();
    assert!(reads.has_more);
    assert_eq!(
        last(&fake).1,
        json!({
            "openConversationId":"cid==","robotCode":"dingrobot","processQueryKey":"pk","maxResults":200,"nextToken":"t"
        })
    );
    fake.answers(
        200,
        r#"{"chatbotInstanceVOList":[{"robotCode":"r","name":"n","openRobotType":"2"}]}"#,
    );
    assert_eq!(
        robot.robots_in_group("cid==", NOW_MS).await.unwrap()[0].open_robot_type,
        2
    );
    fake.answers(200, r#"{"openConversationIds":["cid1"],"hasMore":false}"#);
    assert_eq!(
        robot
            .installed_groups(10, None, NOW_MS)
            .await
            .unwrap()
            .open_conversation_ids,
        ["cid1"]
    );
    assert_eq!(
        last(&fake).1,
        json!({"robotCode":"dingrobot","maxResult":10})
    );
    fake.answers(200, r#"{"result":false}"#);
    assert!(
        robot.join_group("cid==", NOW_MS).await.is_err(),
        "result false is no success"
    );
}

#[tokio::test]
async fn a_ding_names_who_gets_nothing() {
    let fake = Fake::start().await;
    let app = app(&fake).await;
    let robot = app.robot("r");
    fake.answers(
        200,
        r#"{"openDingId":"d1","failedList":{"not active":["u2"]}}"#,
    );
    let sent = robot
        .ding(DingBy::App, &["u1", "u2"], "请阅读", NOW_MS)
        .await
        .unwrap();
    assert_eq!(
        (
            sent.open_ding_id.as_str(),
            sent.failed["not active"].as_slice()
        ),
        ("d1", &["u2".to_owned()][..])
    );
    assert_eq!(
        last(&fake).1,
        json!({"robotCode":"r","remindType":1,"receiverUserIdList":["u1","u2"],"content":"请阅读"})
    );
    assert!(matches!(
        robot.ding(DingBy::Sms, &["u"; 21], "x", NOW_MS).await,
        Err(Error::Message(_))
    ));
    fake.answers(200, r#"{"success":true,"result":{"robotDingReadInfoList":[{"userId":"u1","readStatus":"READ"}]}}"#);
    assert_eq!(
        robot.ding_reads("d1", NOW_MS).await.unwrap()[0].read_status,
        ReadStatus::Read
    );
    fake.answers(200, r#"{"openDingId":"d1"}"#);
    robot.recall_ding("d1", NOW_MS).await.unwrap();
}

#[tokio::test]
async fn a_work_notice_is_sent_followed_and_taken_back() {
    let fake = Fake::start().await;
    let app = app(&fake).await;
    let notices = app.work_notices(77);
    let body = NoticeBody::Text {
        content: "x".into(),
    };
    fake.answers(
        200,
        r#"{"errcode":0,"task_id":256271667526,"request_id":"r"}"#,
    );
    let task = notices
        .send(NoticeTo::People(&["u1", "u2"]), &body, NOW_MS)
        .await
        .unwrap();
    assert_eq!(task, 256_271_667_526);
    assert_eq!(
        last(&fake),
        (
            "POST /topapi/message/corpconversation/asyncsend_v2".into(),
            json!({
                "agent_id":77,"userid_list":"u1,u2","msg":{"msgtype":"text","text":{"content":"x"}}
            })
        )
    );
    fake.answers(
        200,
        r#"{"errcode":0,"progress":{"progress_in_percent":"100","status":2}}"#,
    );
    assert_eq!(notices.progress(task, NOW_MS).await.unwrap().percent, 100);
    fake.answers(200, r#"{"errcode":0,"send_result":{"read_user_id_list":["u1"],"unread_user_id_list":["u2"],"forbidden_list":[{"code":"143106","count":1,"userid":"u3"}]}}"#);
    let result = notices.result(task, NOW_MS).await.unwrap();
    assert_eq!(
        (result.read_people, result.forbidden[0].code),
        (vec!["u1".to_owned()], 143_106)
    );
    notices.recall(task, NOW_MS).await.unwrap();
    assert_eq!(last(&fake).1, json!({"agent_id":77,"msg_task_id":task}));
    let status = StatusBar {
        value: "已确认".into(),
        colour: "0xFF00AA00".into(),
    };
    notices
        .update_status_bar(task, &status, NOW_MS)
        .await
        .unwrap();
    assert_eq!(
        last(&fake).1,
        json!({"agent_id":77,"task_id":task,"status_value":"已确认","status_bg":"0xFF00AA00"})
    );

    let oa = NoticeBody::Oa(Box::new(OaNotice {
        status: Some(status),
        ..OaNotice::default()
    }));
    let long = NoticeBody::Text {
        content: "知".repeat(700),
    };
    let crowd = vec!["u"; 101];
    for (to, body) in [
        (NoticeTo::People(&crowd), &body),
        (NoticeTo::People(&["u"; 6]), &oa),
        (NoticeTo::Everybody, &oa),
        (NoticeTo::Departments(&[1; 21]), &body),
        (NoticeTo::People(&[]), &body),
        (NoticeTo::Everybody, &long),
    ] {
        assert!(
            matches!(notices.send(to, body, NOW_MS).await, Err(Error::Message(_))),
            "{to:?}"
        );
    }
}

fn card() -> NewCard {
    NewCard {
        template_id: "x.schema".into(),
        out_track_id: "policy-1".into(),
        callback: CardCallback::Stream,
        robot_code: "r".into(),
        spaces: vec![
            CardSpace::Person("u1".into()),
            CardSpace::Person("u2".into()),
        ],
        data: map(&[("title", "t")]),
        private_data: BTreeMap::from([("u1".to_owned(), map(&[("confirmed", "false")]))]),
        last_message: "【制度更新】请确认".into(),
        alert: Some("请确认".into()),
        may_be_forwarded: false,
        mentions: BTreeMap::new(),
        group_recipients: vec![],
        top_expires_ms: None,
    }
}

#[tokio::test]
async fn a_card_is_delivered_and_changed() {
    let fake = Fake::start().await;
    let app = app(&fake).await;
    fake.answers(200, r#"{"success":true,"result":{"outTrackId":"policy-1","deliverResults":[{"spaceType":"IM_ROBOT","spaceId":"u1","success":true,"carrierId":"pk"},{"spaceType":"IM_ROBOT","spaceId":"u2","success":"false","errorMsg":"e"}]}}"#);
    let delivered = app.cards().create(&card(), NOW_MS).await.unwrap();
    let successes: Vec<bool> = delivered
        .deliver_results
        .iter()
        .map(|one| one.success)
        .collect();
    assert_eq!(successes, [true, false]);
    assert_eq!(
        last(&fake),
        (
            "POST /v1.0/card/instances/createAndDeliver".into(),
            json!({
                "cardTemplateId":"x.schema","outTrackId":"policy-1","callbackType":"STREAM",
                "cardData":{"cardParamMap":{"title":"t"}},"privateData":{"u1":{"cardParamMap":{"confirmed":"false"}}},
                "openSpaceId":"dtv1.card//IM_ROBOT.u1;IM_ROBOT.u2","userIdType":1,
                "imRobotOpenSpaceModel":{"supportForward":false,"lastMessageI18n":{"ZH_CN":"【制度更新】请确认"},"notification":{"alertContent":"请确认","notificationOff":false}},
                "imRobotOpenDeliverModel":{"spaceType":"IM_ROBOT","robotCode":"r"}
            })
        )
    );

    fake.answers(200, r#"{"success":true,"result":true}"#);
    let change = CardChange {
        data: map(&[("k", "v")]),
        ..CardChange::default()
    };
    app.cards()
        .update("policy-1", &change, NOW_MS)
        .await
        .unwrap();
    assert_eq!(
        last(&fake),
        (
            "PUT /v1.0/card/instances".into(),
            json!({
                "outTrackId":"policy-1","cardData":{"cardParamMap":{"k":"v"}},
                "cardUpdateOptions":{"updateCardDataByKey":true,"updatePrivateDataByKey":true},"userIdType":1
            })
        )
    );
    fake.answers(200, r#"{"success":true,"result":true}"#);
    app.cards()
        .close_top("policy-1", "cid==", NOW_MS)
        .await
        .unwrap();
    assert_eq!(
        last(&fake).0,
        "POST /v1.0/card/tops/close?outTrackId=policy-1&openConversationId=cid%3D%3D"
    );
    fake.answers(
        200,
        r#"{"success":true,"result":{"callbackUrl":"https://e","apiSecret":"s"}}"#,
    );
    let secret = app
        .cards()
        .register_callback("k", "https://e", true, NOW_MS)
        .await
        .unwrap();
    assert!(secret.is_some());

    fake.answers(400, r#"{"code":"param.cardAlreadyExist","message":"m"}"#);
    let error = app.cards().create(&card(), NOW_MS).await.unwrap_err();
    assert_eq!(error.reason(), Some(Reason::AlreadyExists { id: None }));

    let before = fake.requests().len();
    for broken in [
        NewCard {
            spaces: vec![],
            ..card()
        },
        NewCard {
            spaces: vec![CardSpace::Person("u".repeat(1000))],
            ..card()
        },
        NewCard {
            spaces: vec![CardSpace::Top("cid".into())],
            ..card()
        },
        NewCard {
            out_track_id: "x".repeat(101),
            ..card()
        },
        NewCard {
            data: map(&[("k", &"知".repeat(342))]),
            ..card()
        },
    ] {
        assert!(matches!(
            app.cards().create(&broken, NOW_MS).await,
            Err(Error::Message(_))
        ));
    }
    assert_eq!(fake.requests().len(), before);
}

#[tokio::test]
async fn an_announcement_is_published_found_and_its_readers_listed() {
    let fake = Fake::start().await;
    let app = app(&fake).await;
    let announcements = app.announcements("admin");
    let new = NewAnnouncement {
        title: "t".into(),
        content: "c".into(),
        receivers: AnnouncementTo {
            departments: vec![-1],
            people: vec![],
        },
        secrecy: Secrecy::Confidential,
        ..NewAnnouncement::default()
    };
    fake.answers(
        200,
        r#"{"errcode":0,"result":true,"success":true,"request_id":"r"}"#,
    );
    announcements.create(&new, NOW_MS).await.unwrap();
    assert_eq!(
        last(&fake),
        (
            "POST /topapi/blackboard/create".into(),
            json!({"create_request":{
                "operation_userid":"admin","title":"t","content":"c","blackboard_receiver":{"deptid_list":[-1]},
                "private_level":20,"ding":false,"push_top":false
            }})
        )
    );
    fake.answers(200, r#"{"errcode":0,"result":["b1","b2"]}"#);
    let ids = announcements
        .ids(&AnnouncementFilter::default(), 1, NOW_MS)
        .await
        .unwrap();
    assert_eq!(ids, ["b1", "b2"]);
    assert_eq!(
        last(&fake).1,
        json!({"query_request":{"operation_userid":"admin","page":1,"page_size":30}})
    );
    fake.answers(200, r#"{"users":[{"userId":"u1","read":"true","readTimestamp":1700000000000},{"userId":"u2","read":"false"}],"nextToken":"n"}"#);
    let readers = announcements
        .readers("b1", Some("t0"), NOW_MS)
        .await
        .unwrap();
    assert_eq!(
        (readers.users[0].read, readers.users[0].read_timestamp),
        (true, Some(NOW_MS))
    );
    assert_eq!(
        (readers.users[1].read, readers.users[1].read_timestamp),
        (false, None)
    );
    assert_eq!(
        last(&fake).0,
        "GET /v1.0/blackboard/readers?operationUserId=admin&blackboardId=b1&maxResults=500&nextToken=t0"
    );
    fake.answers(
        200,
        r#"{"id":"b1","title":"t","readCount":"3","unReadCount":4,"isPushTop":"false"}"#,
    );
    let shown = announcements.get("b1", NOW_MS).await.unwrap();
    assert_eq!((shown.read_count, shown.un_read_count), (3, 4));
    fake.answers(
        200,
        r#"{"errcode":0,"result":[{"id":"c1","name":"正式公告"}]}"#,
    );
    assert_eq!(
        announcements.categories(NOW_MS).await.unwrap()[0].name,
        "正式公告"
    );
    announcements.delete("b1", NOW_MS).await.unwrap();
    assert_eq!(
        last(&fake).1,
        json!({"blackboard_id":"b1","operation_userid":"admin"})
    );
    fake.answers(403, r#"{"code":"accessDenied","message":"m"}"#);
    let error = announcements.readers("b1", None, NOW_MS).await.unwrap_err();
    assert_eq!(error.reason(), Some(Reason::OperatorNotAllowed));
}

#[tokio::test]
async fn a_group_notice_keeps_its_id() {
    let fake = Fake::start().await;
    let app = app(&fake).await;
    let notices = app.group_notices("cid==", "u1");
    let new = NewGroupNotice {
        content: "c".into(),
        unique_id: "k".into(),
        sticky: true,
        send_ding: false,
    };
    fake.answers(200, r#"{"success":true,"dataId":"d1"}"#);
    assert_eq!(notices.create(&new, NOW_MS).await.unwrap(), "d1");
    assert_eq!(
        last(&fake),
        (
            "POST /v1.0/groupBlackboard/blackboards/create".into(),
            json!({
                "openConversationId":"cid==","userId":"u1","content":"c","uniqueId":"k","sticky":true,"sendDing":false
            })
        )
    );
    fake.answers(200, r#"{"success":"false"}"#);
    assert!(notices.create(&new, NOW_MS).await.is_err());
    fake.answers(
        200,
        r#"{"success":true,"result":{"dataId":"d1","readCount":"5"}}"#,
    );
    assert_eq!(notices.get("d1", NOW_MS).await.unwrap().read_count, 5);
    fake.answers(
        200,
        r#"{"success":true,"blackboardList":[{"dataId":"d1"}],"hasMore":false}"#,
    );
    assert_eq!(
        notices.list(20, None, NOW_MS).await.unwrap().notices[0].data_id,
        "d1"
    );
    fake.answers(200, r#"{"success":true,"dataId":"d1"}"#);
    notices.edit("d1", "c2", false, NOW_MS).await.unwrap();
    fake.answers(200, r#"{"success":true,"isDeleted":true}"#);
    notices.delete("d1", NOW_MS).await.unwrap();
}

#[tokio::test]
async fn groups_are_made_and_kept_in_step() {
    let fake = Fake::start().await;
    let app = app(&fake).await;
    let groups = app.groups();
    fake.answers(
        200,
        r#"{"conversationTag":2,"openConversationId":"cid==","chatid":"chat1"}"#,
    );
    let new = NewGroup {
        name: "制度通知".into(),
        owner_user_id: "u1".into(),
        member_user_ids: vec!["u1".into()],
        rules: None,
    };
    let made = groups.create(&new, NOW_MS).await.unwrap();
    assert_eq!(
        (made.open_conversation_id.as_str(), made.chat_id.as_str()),
        ("cid==", "chat1")
    );
    assert_eq!(
        last(&fake).1,
        json!({"name":"制度通知","owner":"u1","ownerType":"emp","useridlist":["u1"],"conversationTag":2})
    );
    fake.answers(200, r#"{"success":true}"#);
    let change = GroupChange {
        add_user_ids: vec!["u2".into()],
        remove_user_ids: vec!["u3".into()],
        ..GroupChange::default()
    };
    groups.update("chat1", &change, NOW_MS).await.unwrap();
    assert_eq!(
        last(&fake).1,
        json!({"chatid":"chat1","add_useridlist":["u2"],"del_useridlist":["u3"]})
    );
    fake.answers(
        200,
        r#"{"errcode":0,"chat_info":{"name":"n","owner":"u1","useridlist":["u1"],"status":"2"}}"#,
    );
    assert_eq!(groups.get("chat1", NOW_MS).await.unwrap().status, 2);
    assert_eq!(last(&fake).0, "GET /chat/get?chatid=chat1");
    fake.answers(200, r#"{"openConversationId":"cid=="}"#);
    assert_eq!(
        groups.open_conversation_id("chat1", NOW_MS).await.unwrap(),
        "cid=="
    );
    assert_eq!(
        last(&fake).0,
        "POST /v1.0/im/chat/chat1/convertToOpenConversationId"
    );
    fake.answers(
        200,
        r#"{"open_conversation_id":"cid2==","chat_id":"chat2"}"#,
    );
    let scene = NewSceneGroup {
        title: "t".into(),
        template_id: "tpl".into(),
        owner_user_id: "u1".into(),
        uuid: "k".into(),
        ..NewSceneGroup::default()
    };
    let made = groups.create_scene(&scene, NOW_MS).await.unwrap();
    assert_eq!(
        (made.open_conversation_id.as_str(), made.chat_id.as_str()),
        ("cid2==", "chat2")
    );
    fake.answers(200, r#"{"success":true}"#);
    groups
        .add_to_scene("cid2==", &["u2"], NOW_MS)
        .await
        .unwrap();
    assert_eq!(
        last(&fake),
        (
            "POST /v1.0/im/sceneGroup/member/add".into(),
            json!({"open_conversation_id":"cid2==","user_ids":["u2"]})
        )
    );
    fake.answers(
        200,
        r#"{"memberUserIds":["u1","u2"],"hasMore":true,"nextToken":"n"}"#,
    );
    let members = groups
        .members_of_scene("cid2==", 100, None, NOW_MS)
        .await
        .unwrap();
    assert_eq!((members.member_user_ids.len(), members.has_more), (2, true));
    let long = NewGroup {
        name: "长".repeat(21),
        ..new
    };
    assert!(matches!(
        groups.create(&long, NOW_MS).await,
        Err(Error::Message(_))
    ));
}

#[tokio::test]
async fn a_to_do_is_made_once_and_marked_done() {
    let fake = Fake::start().await;
    let app = app(&fake).await;
    let todos = app.todos("U0");
    let new = NewTodo {
        subject: "请阅读".into(),
        source_id: "k".into(),
        executor_union_ids: vec!["U1".into()],
        app_url: "https://e/".into(),
        pc_url: "https://e/".into(),
        due_ms: Some(NOW_MS),
        kind: TodoKind::Read,
        ..NewTodo::default()
    };
    fake.answers(200, r#"{"id":"t1","subject":"请阅读","done":false,"executorIds":["U1"],"createdTime":"1700000000000"}"#);
    assert_eq!(
        todos.create(&new, NOW_MS).await.unwrap().created_time,
        Some(NOW_MS)
    );
    assert_eq!(
        last(&fake),
        (
            "POST /v1.0/todo/users/U0/tasks?operatorId=U0".into(),
            json!({
                "subject":"请阅读","sourceId":"k","creatorId":"U0","executorIds":["U1"],"participantIds":[],
                "detailUrl":{"appUrl":"https://e/","pcUrl":"https://e/"},"isOnlyShowExecutor":false,"todoType":"READ",
                "notifyConfigs":{"dingNotify":"0"},"dueTime":NOW_MS
            })
        )
    );
    fake.answers(200, r#"{"result":true}"#);
    todos.set_done("t1", &[("U1", true)], NOW_MS).await.unwrap();
    assert_eq!(
        last(&fake),
        (
            "PUT /v1.0/todo/users/U0/tasks/t1/executorStatus?operatorId=U0".into(),
            json!({"executorStatusList":[{"id":"U1","isDone":true}]})
        )
    );
    fake.answers(200, r#"{"result":true,"requestId":"r"}"#);
    todos.delete("t1", NOW_MS).await.unwrap();
    assert_eq!(
        last(&fake).0,
        "DELETE /v1.0/todo/users/U0/tasks/t1?operatorId=U0"
    );
    fake.answers(
        200,
        r#"{"todoCards":[{"taskId":"t1","isDone":"true"}],"nextToken":"n"}"#,
    );
    assert!(todos.query(true, None, NOW_MS).await.unwrap().tasks[0].is_done);
    fake.answers(400, r#"{"code":"todo.taskCreate.paramError","message":"task exist, taskId is 61b2c3d4e5f6a7b8"}"#);
    let error = todos.create(&new, NOW_MS).await.unwrap_err();
    assert_eq!(
        error.reason(),
        Some(Reason::AlreadyExists {
            id: Some("61b2c3d4e5f6a7b8".into())
        })
    );
    let nowhere = NewTodo {
        app_url: String::new(),
        ..new
    };
    assert!(matches!(
        todos.create(&nowhere, NOW_MS).await,
        Err(Error::Message(_))
    ));
}

#[tokio::test]
async fn the_directory_is_read_page_by_page() {
    let fake = Fake::start().await;
    let app = app(&fake).await;
    let directory = app.directory();
    fake.answers(200, r#"{"errcode":0,"errmsg":"ok","auth_user_field":["name"],"condition_field":[],"auth_org_scopes":{"authed_user":["u9"],"authed_dept":[1]}}"#);
    assert!(
        directory
            .scopes(NOW_MS)
            .await
            .unwrap()
            .is_whole_organisation()
    );
    assert_eq!(last(&fake).0, "GET /auth/scopes");
    fake.answers(200, r#"{"errcode":0,"result":[{"dept_id":"2","name":"人事部","parent_id":1,"auto_add_user":true}]}"#);
    assert_eq!(
        directory.departments(1, NOW_MS).await.unwrap()[0].dept_id,
        2
    );
    fake.answers(200, r#"{"errcode":0,"result":{"has_more":true,"next_cursor":100,"list":[{"userid":"u1","unionid":"U1","name":"张伟","dept_id_list":[1,2],"active":true,"hired_date":1597573616828,"job_number":""}]}}"#);
    let page = directory.people(2, 0, NOW_MS).await.unwrap();
    assert_eq!(
        (page.has_more, page.next_cursor, page.list[0].active),
        (true, Some(100), Some(true))
    );
    assert_eq!(
        last(&fake).1,
        json!({"dept_id":2,"cursor":0,"size":100,"contain_access_limit":true})
    );
    fake.answers(200, r#"{"errcode":0,"result":{"userid":"u1","manager_userid":"u2","role_list":[{"id":507113578,"name":"主管","group_name":"默认"}],"leader_in_dept":[{"dept_id":2,"leader":"true"}]}}"#);
    let person = directory.person("u1", NOW_MS).await.unwrap().unwrap();
    assert_eq!(
        (
            person.role_list[0].id,
            person.leader_in_dept[0].leader,
            person.active
        ),
        (507_113_578, true, None)
    );
    fake.answers(200, r#"{"errcode":60121,"errmsg":"找不到该用户"}"#);
    assert_eq!(directory.person("gone", NOW_MS).await, Ok(None));
    fake.answers(200, r#"{"errcode":0,"result":{"userid":"u1"}}"#);
    assert_eq!(
        directory
            .by_mobile("13800000000", NOW_MS)
            .await
            .unwrap()
            .as_deref(),
        Some("u1")
    );
    fake.answers(200, r#"{"errcode":0,"result":{"count":"207"}}"#);
    assert_eq!(directory.count(true, NOW_MS).await.unwrap(), 207);
    fake.answers(200, r#"{"errcode":0,"result":{"userid_list":["u1"]}}"#);
    assert_eq!(directory.user_ids(1, NOW_MS).await.unwrap(), ["u1"]);
    fake.answers(200, r#"{"errcode":0,"result":{"dept_id_list":[2,-7]}}"#);
    assert_eq!(directory.department_ids(1, NOW_MS).await.unwrap(), [2, -7]);
    fake.answers(
        200,
        r#"{"errcode":0,"result":[{"userid":"u1","sys_level":1}]}"#,
    );
    assert_eq!(
        directory.administrators(NOW_MS).await.unwrap()[0].sys_level,
        1
    );
    fake.answers(200, r#"{"errcode":0,"result":{"hasMore":false,"list":[{"groupId":1,"name":"默认","roles":[{"id":2,"name":"主管"}]}]}}"#);
    assert_eq!(
        directory.roles(0, NOW_MS).await.unwrap().list[0].roles[0].id,
        2
    );
    fake.answers(200, r#"{"errcode":0,"result":{"hasMore":true,"nextCursor":100,"list":[{"userid":"u1","name":"n"}]}}"#);
    assert_eq!(
        directory
            .people_with_role(2, 0, NOW_MS)
            .await
            .unwrap()
            .next_cursor,
        Some(100)
    );
    fake.answers(200, r#"{"records":[{"userId":"u3","name":"n","leaveTime":"2026-01-01T00:00:00Z","leaveReason":"leave"}],"nextToken":"1"}"#);
    let leavers = directory
        .leavers("2026-01-01T00:00:00Z", None, "0", NOW_MS)
        .await
        .unwrap();
    assert_eq!(leavers.records[0].user_id, "u3");
    assert_eq!(
        last(&fake).0,
        "GET /v1.0/contact/empLeaveRecords?startTime=2026-01-01T00%3A00%3A00Z&nextToken=0&maxResults=50"
    );
    fake.answers(200, r#"{"errcode":0,"result":{"userid":"u1","unionid":"U1","name":"张伟","sys":true,"sys_level":"1"}}"#);
    let visitor = app.inside_visitor("code", NOW_MS).await.unwrap();
    assert_eq!((visitor.user_id.as_str(), visitor.sys_level), ("u1", 1));
    fake.answers(200, r#"{"jsapiTicket":"ticketOfTheTest","expireIn":7200}"#);
    let ticket = app.jsapi_ticket(NOW_MS).await.unwrap();
    assert!(!format!("{ticket:?}").contains("ticketOfTheTest"));
}

#[tokio::test]
async fn a_media_file_goes_out_as_one_part_with_its_chinese_name() {
    let fake = Fake::start().await;
    let app = app(&fake).await;
    fake.answers(
        200,
        r#"{"errcode":0,"errmsg":"ok","type":"file","media_id":"@lAz1","created_at":1}"#,
    );
    let id = app
        .upload_media(MediaKind::File, "制度\".pdf", "%PDF".into(), NOW_MS)
        .await
        .unwrap();
    assert_eq!(id, "@lAz1");
    let request = fake.requests().pop().unwrap();
    assert_eq!(
        (request.path.as_str(), request.query.as_str()),
        ("/media/upload", "access_token=T1&type=file")
    );
    assert!(
        request
            .content_type
            .starts_with("multipart/form-data; boundary=")
    );
    assert!(
        request
            .body
            .contains(r#"name="media"; filename="制度_.pdf""#),
        "{}",
        request.body
    );
    assert!(request.body.contains("%PDF"));
    for (name, bytes) in [("x.exe", "x"), ("noending", "x"), ("x.pdf", "")] {
        let refused = app
            .upload_media(MediaKind::File, name, bytes.into(), NOW_MS)
            .await;
        assert!(matches!(refused, Err(Error::Message(_))), "{name}");
    }
}

#[tokio::test]
async fn a_file_reaches_the_drive_in_three_steps_and_the_storage_sees_no_token() {
    let fake = Fake::start().await;
    let app = app(&fake).await;
    let drive = app.drive("U0");
    fake.answers(200, r#"{"space":{"spaceId":"s1"}}"#);
    assert_eq!(drive.group_space("cid==", NOW_MS).await.unwrap(), "s1");
    let place = FilePlace {
        space_id: "s1",
        parent_id: ROOT_FOLDER,
        name: "制度.pdf",
        on_conflict: OnConflict::Overwrite,
    };
    let info = json!({"uploadKey":"k","storageDriver":"DINGTALK","protocol":"HEADER_SIGNATURE","headerSignatureInfo":{
        "resourceUrls":[format!("{}/oss/object?sig=1", fake.base)],"headers":{"Authorization":"OSS signed","Content-Type":""},"expirationSeconds":900}});
    fake.answers(200, &info.to_string());
    fake.answers(200, "");
    fake.answers(200, r#"{"dentry":{"id":"f1","uuid":"uuid1","spaceId":"s1","parentId":"0","name":"制度.pdf","size":"4","version":2}}"#);
    let file = drive.upload(place, "%PDF".into(), NOW_MS).await.unwrap();
    assert_eq!((file.id.as_str(), file.size), ("f1", Some(4)));
    let requests = fake.requests();
    let [.., asked, put, committed] = requests.as_slice() else {
        panic!("three requests")
    };
    assert_eq!(
        asked.path,
        "/v1.0/storage/spaces/s1/files/uploadInfos/query"
    );
    assert_eq!(
        (put.method.as_str(), put.path.as_str(), put.body.as_str()),
        ("PUT", "/oss/object", "%PDF")
    );
    assert_eq!(
        (put.token_header.as_str(), put.content_type.as_str()),
        ("", "")
    );
    assert_eq!(
        serde_json::from_str::<Value>(&committed.body).unwrap(),
        json!({
            "uploadKey":"k","name":"制度.pdf","parentId":"0","option":{"size":4,"conflictStrategy":"OVERWRITE"}
        })
    );

    fake.answers(200, &info.to_string());
    fake.answers(
        403,
        "<Error><Code>AccessDenied</Code><Signature>sig=1</Signature></Error>",
    );
    let error = drive
        .upload(place, "%PDF".into(), NOW_MS)
        .await
        .unwrap_err();
    assert!(!format!("{error:?}").contains("sig=1"));

    fake.answers(200, r#"{"success":true}"#);
    drive
        .grant(
            "uuid1",
            FileRole::Reader,
            &[
                FileMember::Person("u1".into()),
                FileMember::Department {
                    corp_id: "c".into(),
                    id: 2,
                },
            ],
            NOW_MS,
        )
        .await
        .unwrap();
    assert_eq!(
        last(&fake),
        (
            "POST /v2.0/storage/spaces/dentries/uuid1/permissions?unionId=U0".into(),
            json!({
                "roleId":"READER","members":[{"type":"USER","id":"u1"},{"type":"DEPT","id":"2","corpId":"c"}]
            })
        )
    );
    fake.answers(200, "{}");
    drive
        .send_to_group("s1", "f1", "cid==", NOW_MS)
        .await
        .unwrap();
    assert_eq!(
        last(&fake),
        (
            "POST /v1.0/convFile/conversations/files/send?unionId=U0".into(),
            json!({"spaceId":"s1","dentryId":"f1","openConversationId":"cid=="})
        )
    );
    fake.answers(200, "{}");
    drive.send_to_person("s1", "f1", NOW_MS).await.unwrap();
    fake.answers(200, r#"{"url":"https://e/p","hasWaterMark":"true"}"#);
    assert!(
        drive
            .preview("s1", "f1", true, NOW_MS)
            .await
            .unwrap()
            .has_water_mark
    );
    fake.answers(200, OK);
    assert!(
        drive
            .create_folder(
                FilePlace {
                    name: "v2",
                    ..place
                },
                NOW_MS
            )
            .await
            .is_ok()
    );
    assert_eq!(
        last(&fake).0,
        "POST /v1.0/storage/spaces/s1/dentries/0/folders?unionId=U0"
    );
}
