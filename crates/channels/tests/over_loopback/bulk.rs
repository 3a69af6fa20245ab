//! One call for many people: an outcome for each, and what the platform is sent.

use serde_json::{Value, json};
use yuezhi_channels::{Bulk, Outcome, Recipient, card};
use yuezhi_domain::{DeliveryKind, Language};

use crate::app_server::{
    self, ANNOUNCE, AppServer, CARD_CREATE, DING_SEND, NOTICE_SEND, ROBOT_SEND, TODO_CREATE,
};
use crate::many::{NOTICE, bulk};
use crate::posts::KEY;

/// The code of each outcome, `sent` for those sent.
fn codes(outcomes: &[Outcome]) -> Vec<&str> {
    outcomes
        .iter()
        .map(|outcome| outcome.why().map_or("sent", |why| why.code))
        .collect()
}

fn platform_id(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Sent { platform_id } => platform_id.as_deref().unwrap_or("none"),
        other => panic!("{other:?}"),
    }
}

fn inner(text: &Value) -> Value {
    serde_json::from_str(text.as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn a_work_notice_goes_to_a_hundred_people_in_one_call() {
    let server = AppServer::start().await;
    let outcomes = server.channel("work_notice").send_many(&bulk(100)).await;
    assert_eq!(outcomes.len(), 100);
    assert_eq!(platform_id(&outcomes[99]), "256271667526");
    let calls = server.to(NOTICE_SEND);
    let body = &calls[0].body;
    assert_eq!((calls.len(), &body["agent_id"]), (1, &json!(123_456)));
    let people = body["userid_list"].as_str().unwrap();
    assert_eq!(people.split(',').count(), 100);
    let card = &body["msg"]["action_card"];
    assert_eq!(card["single_url"], "https://p.example/n/1?a=1&b=2");
    assert_eq!(card["single_title"], "阅读并确认");
    assert!(card["markdown"].as_str().unwrap().contains("2026-11-29"));
    assert!(body["msg"].to_string().len() <= 2048);
}

#[tokio::test]
async fn up_to_five_who_are_asked_to_confirm_get_rows_and_a_status_bar() {
    let server = AppServer::start().await;
    let channel = server.channel("work_notice");
    channel.send_many(&bulk(5)).await;
    channel.send_many(&bulk(6)).await;
    let calls = server.to(NOTICE_SEND);
    let form = &calls[0].body["msg"]["oa"];
    assert_eq!(form["status_bar"]["status_value"], "需要确认");
    assert_eq!(form["body"]["form"][1]["value"], "2026-11-29 18:00");
    assert_eq!(calls[1].body["msg"]["msgtype"], "action_card");
}

#[tokio::test]
async fn no_two_reminders_have_the_same_words_but_every_attempt_at_one_has() {
    let server = AppServer::start().await;
    let channel = server.channel("work_notice");
    let mut reminder = bulk(10);
    let mut message = (*reminder.message).clone();
    message.kind = DeliveryKind::Reminder;
    reminder.message = message.into();
    let next = Bulk {
        key: "another".into(),
        ..reminder.clone()
    };
    for one in [&reminder, &reminder, &next] {
        channel.send_many(one).await;
    }
    let said: Vec<String> = server
        .to(NOTICE_SEND)
        .iter()
        .map(|call| call.body["msg"].to_string())
        .collect();
    assert_eq!(said[0], said[1]);
    assert_ne!(said[0], said[2]);
}

#[tokio::test]
async fn a_person_the_platform_refuses_does_not_keep_the_others_from_it() {
    let server = AppServer::start().await;
    // The whole; its first half; of its second half: the first, then the second.
    let unknown = r#"{"errcode":33012,"errmsg":"无效的userId"}"#;
    let fine = r#"{"errcode":0,"task_id":7}"#;
    for answer in [unknown, fine, unknown, unknown] {
        server.says(NOTICE_SEND, 200, answer);
    }
    let outcomes = server.channel("work_notice").send_many(&bulk(4)).await;
    assert_eq!(
        codes(&outcomes),
        ["sent", "sent", "dingtalk_person_unknown", "sent"]
    );
    assert_eq!(server.to(NOTICE_SEND).len(), 5);
}

#[tokio::test]
async fn people_without_an_address_are_not_asked_of_the_platform() {
    let server = AppServer::start().await;
    let mut some = bulk(3);
    some.recipients[1] = Recipient::default();
    let outcomes = server.channel("app_robot").send_many(&some).await;
    assert_eq!(
        codes(&outcomes),
        ["sent", "dingtalk_user_id_missing", "sent"]
    );
    let outcomes = server.channel("todo").send_many(&some).await;
    assert_eq!(codes(&outcomes)[1], "dingtalk_union_id_missing");
    assert_eq!(
        server.to(ROBOT_SEND)[0].body["userIds"],
        json!(["user0000", "user0002"])
    );
}

#[tokio::test]
async fn the_robot_names_whom_it_does_not_know_and_whom_it_throttled() {
    let server = AppServer::start().await;
    server.says(
        ROBOT_SEND,
        200,
        r#"{"processQueryKey":"key2=","invalidStaffIdList":["user0001"],"flowControlledStaffIdList":["user0002"],"filteredStaffIdList":["user0003"]}"#,
    );
    let outcomes = server.channel("app_robot").send_many(&bulk(5)).await;
    assert_eq!(
        codes(&outcomes),
        [
            "sent",
            "dingtalk_person_unknown",
            "dingtalk_person_throttled",
            "dingtalk_person_filtered",
            "sent"
        ]
    );
    assert!(matches!(
        outcomes[2],
        Outcome::Retry {
            after: Some(_),
            maybe_delivered: false,
            ..
        }
    ));
    assert_eq!(platform_id(&outcomes[0]), "key2=");
    let body = &server.to(ROBOT_SEND)[0].body;
    assert_eq!(body["msgKey"], "sampleActionCard");
    let param = inner(&body["msgParam"]);
    assert_eq!(param["singleURL"], "https://p.example/n/1?a=1&b=2");
}

#[tokio::test]
async fn a_card_names_its_notice_and_shows_each_person_their_own_state() {
    let server = AppServer::start().await;
    server.says(
        CARD_CREATE,
        200,
        r#"{"success":true,"result":{"outTrackId":"x","deliverResults":[
            {"spaceType":"IM_ROBOT","spaceId":"user0000","success":true,"carrierId":"c="},
            {"spaceType":"IM_ROBOT","spaceId":"user0001","success":false,"errorMsg":"user not in scope"}]}}"#,
    );
    let outcomes = server.channel("card").send_many(&bulk(2)).await;
    assert_eq!(codes(&outcomes), ["sent", "dingtalk_card_not_delivered"]);
    let body = &server.to(CARD_CREATE)[0].body;
    let track = body["outTrackId"].as_str().unwrap();
    assert_eq!(platform_id(&outcomes[0]), track);
    assert_eq!(card::notice_of(track), Some(NOTICE));
    assert!(track.len() <= 64);
    assert_eq!(card::notice_of("other"), None);
    assert_eq!(body["callbackType"], "STREAM");
    assert_eq!(
        body["openSpaceId"],
        "dtv1.card//IM_ROBOT.user0000;IM_ROBOT.user0001"
    );
    let data = &body["cardData"]["cardParamMap"];
    assert_eq!(data["confirm_label"], "我已阅读并理解");
    assert_eq!(data["url"], "https://p.example/n/1?a=1&b=2");
    let own = &body["privateData"]["user0001"]["cardParamMap"];
    assert_eq!(
        own,
        &json!({"confirmed":"false","asks":"true","state":"待确认"})
    );
}

#[tokio::test]
async fn cards_of_people_with_long_ids_are_split_by_the_list_of_places() {
    let server = AppServer::start().await;
    let mut many = bulk(25);
    for (number, person) in many.recipients.iter_mut().enumerate() {
        person.dingtalk_user_id = Some(format!("{number:064}"));
    }
    let outcomes = server.channel("card").send_many(&many).await;
    assert!(codes(&outcomes).iter().all(|code| *code == "sent"));
    let calls = server.to(CARD_CREATE);
    assert_eq!(calls.len(), 2);
    let mut tracks: Vec<&Value> = Vec::new();
    for call in &calls {
        assert!(call.body["openSpaceId"].as_str().unwrap().len() <= 1000);
        tracks.push(&call.body["outTrackId"]);
    }
    assert_ne!(tracks[0], tracks[1]);
    assert_ne!(platform_id(&outcomes[0]), platform_id(&outcomes[24]));
}

#[tokio::test]
async fn a_card_that_is_there_already_was_sent() {
    let server = AppServer::start().await;
    server.says(
        CARD_CREATE,
        400,
        r#"{"code":"param.cardAlreadyExist","message":"card already exist","requestid":"r"}"#,
    );
    let outcomes = server.channel("card").send_many(&bulk(2)).await;
    assert_eq!(codes(&outcomes), ["sent", "sent"]);
    assert_eq!(card::notice_of(platform_id(&outcomes[0])), Some(NOTICE));
}

#[tokio::test]
async fn an_unpublished_template_stops_the_lane() {
    let server = AppServer::start().await;
    server.says(
        CARD_CREATE,
        400,
        r#"{"code":"param.templateUnpublished","message":"m","requestid":"r"}"#,
    );
    let outcomes = server.channel("card").send_many(&bulk(2)).await;
    assert!(matches!(outcomes[0], Outcome::Misconfigured { .. }));
    assert_eq!(codes(&outcomes)[1], "dingtalk_card_template_unavailable");
}

#[tokio::test]
async fn a_to_do_is_made_once_by_its_key() {
    let server = AppServer::start().await;
    let channel = server.channel("todo");
    let outcomes = channel.send_many(&bulk(2)).await;
    assert_eq!(platform_id(&outcomes[1]), "task1");
    server.says(
        TODO_CREATE,
        400,
        r#"{"code":"todo.taskCreate.paramError","message":"task exist, taskId:1a2b3c4d5e6f7a8b","requestid":"r"}"#,
    );
    let again = channel.send_many(&bulk(2)).await;
    assert_eq!(platform_id(&again[0]), "1a2b3c4d5e6f7a8b");
    let call = &server.to(TODO_CREATE)[0];
    assert_eq!(call.query, "operatorId=unionOfOperator");
    let body = &call.body;
    assert_eq!(body["sourceId"], KEY);
    assert_eq!(body["executorIds"], json!(["union0000", "union0001"]));
    assert_eq!(body["isOnlyShowExecutor"], true);
    assert_eq!(
        body["dueTime"],
        json!(1_795_341_600_000_i64 + 7 * 86_400_000)
    );
    assert_eq!(body["detailUrl"]["pcUrl"], "https://p.example/n/1?a=1&b=2");
}

#[tokio::test]
async fn an_operator_nobody_knows_stops_the_to_dos() {
    let server = AppServer::start().await;
    server.says(
        "/topapi/v2/user/get",
        200,
        r#"{"errcode":60121,"errmsg":"找不到该用户"}"#,
    );
    let outcomes = server.channel("todo").send_many(&bulk(2)).await;
    assert_eq!(codes(&outcomes), ["dingtalk_operator_unknown"; 2]);
    assert!(matches!(outcomes[0], Outcome::Misconfigured { .. }));
    assert!(server.to(TODO_CREATE).is_empty());
}

#[tokio::test]
async fn a_ding_names_whom_it_missed() {
    let server = AppServer::start().await;
    server.says(
        DING_SEND,
        200,
        r#"{"openDingId":"d2","failedList":{"user not active":["user0001"]}}"#,
    );
    let outcomes = server.channel("ding").send_many(&bulk(2)).await;
    assert_eq!(codes(&outcomes), ["sent", "dingtalk_ding_not_delivered"]);
    assert_eq!(outcomes[1].why().unwrap().detail, "user not active");
    let body = &server.to(DING_SEND)[0].body;
    assert_eq!(body["remindType"], 1);
    assert!(
        body["content"]
            .as_str()
            .unwrap()
            .ends_with("https://p.example/n/1?a=1&b=2")
    );
}

#[tokio::test]
async fn a_used_up_ding_quota_holds_the_lane_under_its_own_name() {
    let server = AppServer::start().await;
    server.says(
        DING_SEND,
        400,
        r#"{"code":"ding.serverquota.insufficient","message":"ding server quota insufficient","requestid":"r"}"#,
    );
    let outcomes = server.channel("ding").send_many(&bulk(3)).await;
    assert!(matches!(outcomes[0], Outcome::Hold { .. }));
    assert_eq!(codes(&outcomes), ["dingtalk_ding_quota"; 3]);
}

#[tokio::test]
async fn an_announcement_is_found_again_by_its_title() {
    let server = AppServer::start().await;
    let channel = server.channel("announcement");
    server.says(
        app_server::ANNOUNCEMENT_IDS,
        200,
        r#"{"errcode":0,"result":["other","notice1"]}"#,
    );
    server.says(
        app_server::ANNOUNCEMENT,
        200,
        r#"{"id":"other","title":"放假通知"}"#,
    );
    let outcomes = channel.send_many(&bulk(2)).await;
    assert_eq!(platform_id(&outcomes[0]), "notice1");
    let request = &server.to(ANNOUNCE)[0].body["create_request"];
    assert_eq!(request["operation_userid"], "operator1");
    assert_eq!(
        request["blackboard_receiver"]["userid_list"],
        json!(["user0000", "user0001"])
    );
    let listed = &server.to(app_server::ANNOUNCEMENT_IDS)[0].body["query_request"];
    assert_eq!(listed["start_time"], "2026-11-22 17:50:00");
    // The next thousand get the same title: the first announcement is not taken for theirs.
    let outcomes = channel.send_many(&bulk(2)).await;
    assert_eq!(platform_id(&outcomes[0]), "none");
}

#[tokio::test]
async fn an_announcement_whose_answer_was_lost_is_not_made_again() {
    let server = AppServer::start().await;
    server.stalls(ANNOUNCE);
    let outcomes = server.channel("announcement").send_many(&bulk(2)).await;
    assert_eq!(platform_id(&outcomes[0]), "notice1");
    let server = AppServer::start().await;
    server.says(
        ANNOUNCE,
        200,
        r#"{"errcode":50002,"errmsg":"员工不在授权范围"}"#,
    );
    let outcomes = server.channel("announcement").send_many(&bulk(2)).await;
    assert_eq!(codes(&outcomes), ["dingtalk_outside_scope"; 2]);
    assert!(server.to(app_server::ANNOUNCEMENT_IDS).is_empty());
}

#[tokio::test]
async fn an_answer_that_stops_the_lane_stops_the_calls() {
    let server = AppServer::start().await;
    let used_up =
        r#"{"code":"Forbidden.AccessDenied.ApiCountLimitForOrg","message":"m","requestid":"r"}"#;
    server.says(ROBOT_SEND, 403, used_up);
    let outcomes = server.channel("app_robot").send_many(&bulk(45)).await;
    assert_eq!(codes(&outcomes), ["dingtalk_quota_used_up"; 45]);
    assert_eq!(server.to(ROBOT_SEND).len(), 1);
}

#[test]
fn the_template_has_the_variables_that_cards_fill() {
    let file: Value = serde_json::from_str(card::template()).unwrap();
    let editor = inner(&file["editorData"]);
    let variables = editor["variableList"].as_array().unwrap();
    let private = |name: &str| {
        let found = variables.iter().find(|one| one["name"] == name);
        found.map(|one| one["private"].as_bool().unwrap())
    };
    for name in [
        "title",
        "tag",
        "summary",
        "deadline",
        "url",
        "open_label",
        "confirm_label",
        "confirmed_label",
    ] {
        assert_eq!(private(name), Some(false), "{name}");
    }
    for name in card::confirmed(Language::En).keys() {
        assert_eq!(private(name), Some(true), "{name}");
    }
}
