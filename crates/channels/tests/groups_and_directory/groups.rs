//! Messages to groups, the ladder of group announcements, groups kept in step.

use std::sync::Arc;

use serde_json::{Value, json};
use yuezhi_channels::group_admin::{self, GroupAt, GroupError, GroupToMake};
use yuezhi_channels::{
    AppSettings, ChannelKind, Level, Matter, Mention, Mentions, Outcome, Post, ReadReport,
    SentMessage,
};
use yuezhi_domain::{Language, UnixMillis};

use crate::platform::{CONVERSATION, OWNER, Platform, refusal};
use crate::posts::{KEY, NOW, message, post_of};

const SEND: &str = "/v1.0/robot/groupMessages/send";
const READS: &str = "/v1.0/robot/groupMessages/query";
const BLACKBOARD: &str = "/v1.0/groupBlackboard/blackboards/create";
const ANNOUNCE: &str = "/topapi/blackboard/create";
const IDS: &str = "/topapi/blackboard/listids";
const ANNOUNCEMENT: &str = "/v1.0/blackboard/get_blackboard";
const ANNOUNCEMENT_READERS: &str = "/v1.0/blackboard/readers";
const CARD: &str = "/v1.0/card/instances/createAndDeliver";
const HOUR_MS: i64 = 3_600_000;

fn group_post() -> Post {
    let mut words = message();
    words.matter = Some(Matter {
        notice: "0199b2c4-0000-7000-8000-00000000000a".into(),
        wants_confirmation: true,
        confirm_label: "我已阅读并理解".into(),
        confirmed_label: "已确认".into(),
        due_at: None,
    });
    Post {
        recipient: None,
        members: Arc::from(["u1".to_owned(), "u2".to_owned()]),
        ..post_of(words)
    }
}

fn sent(platform_id: &str) -> SentMessage {
    SentMessage {
        platform_id: platform_id.into(),
        recipients: Vec::new(),
        language: Language::ZhCn,
        sent_at: NOW,
    }
}

fn later(ms: i64) -> UnixMillis {
    UnixMillis(NOW.0 + ms)
}

fn with_operator(platform: &Platform) -> AppSettings {
    AppSettings {
        operator_user_id: Some("admin1".into()),
        card_template_id: Some("tpl.schema".into()),
        ..platform.settings()
    }
}

fn no_permission() -> (u16, Value) {
    (
        403,
        json!({
            "code": "Forbidden.AccessDenied.AccessTokenPermissionDenied", "message": "没有权限",
            "requestid": "r", "accessdenieddetail": { "requiredScopes": ["GroupBlackboard.Blackboard.Write"] },
        }),
    )
}

#[tokio::test]
async fn a_group_gets_a_card_with_a_button_and_the_names_of_those_meant() {
    let platform = Platform::start().await;
    platform.answers(SEND, 200, &json!({ "processQueryKey": "key1" }));
    let lane = platform.lane("group:hr", platform.settings(), false);
    assert_eq!(lane.kind(), ChannelKind::Group);
    let post = Post {
        mentions: Mentions {
            all: false,
            people: vec![Mention {
                name: "李四".into(),
                dingtalk_user_id: Some("u2".into()),
                mobile: None,
            }],
        },
        ..group_post()
    };
    let outcome = lane.send(&post).await;
    let platform_id = Some("key1".to_owned());
    assert_eq!(outcome, Outcome::Sent { platform_id });
    let body = &platform.asked(SEND)[0].body;
    assert_eq!(body["openConversationId"], CONVERSATION);
    assert_eq!(body["robotCode"], "dingclient1");
    assert_eq!(body["msgKey"], "sampleActionCard");
    let param: Value = serde_json::from_str(body["msgParam"].as_str().unwrap()).unwrap();
    assert_eq!(param["singleURL"], "https://p.example/n/1?a=1&b=2");
    assert!(
        param["text"]
            .as_str()
            .unwrap()
            .contains("请以下同事查看：李四")
    );
}

#[tokio::test]
async fn readers_of_a_group_are_read_page_by_page_within_a_day() {
    let platform = Platform::start().await;
    platform.answers_in_turn(
        READS,
        vec![
            (200, json!({ "sendStatus": "SUCCESS", "readUserIds": ["u1"], "hasMore": true, "nextToken": "n" })),
            (200, json!({ "sendStatus": "SUCESS", "readUserIds": ["u2"], "hasMore": "false" })),
        ],
    );
    let lane = platform.lane("group:hr", platform.settings(), false);
    let ReadReport::Readers { readers, .. } = lane.readers(&sent("key1"), later(HOUR_MS)).await
    else {
        panic!("no readers");
    };
    let ids: Vec<&str> = readers
        .iter()
        .map(|reader| reader.dingtalk_user_id.as_str())
        .collect();
    assert_eq!(ids, ["u1", "u2"]);
    assert_eq!(platform.asked(READS)[1].body["nextToken"], "n");
    let report = lane.readers(&sent("key1"), later(24 * HOUR_MS)).await;
    assert!(matches!(report, ReadReport::Over { .. }));
    assert_eq!(platform.asked(READS).len(), 2);
}

#[tokio::test]
async fn a_group_that_is_gone_stops_its_lane_and_a_busy_platform_does_not() {
    let platform = Platform::start().await;
    platform.answers_in_turn(
        SEND,
        vec![
            (400, refusal("group.disbanded")),
            (500, refusal("system.error")),
            (400, refusal("contain.notAllowed.text")),
        ],
    );
    let lane = platform.lane("group:hr", platform.settings(), false);
    let post = group_post();
    let gone = lane.send(&post).await;
    assert!(
        matches!(&gone, Outcome::Misconfigured { why } if why.code == "group_gone"),
        "{gone:?}"
    );
    assert!(matches!(lane.send(&post).await, Outcome::Retry { .. }));
    assert!(matches!(lane.send(&post).await, Outcome::Reject { .. }));
}

#[tokio::test]
async fn the_groups_own_announcement_is_the_first_rung() {
    let platform = Platform::start().await;
    platform.answers(BLACKBOARD, 200, &json!({ "success": true, "dataId": "b1" }));
    let lane = platform.lane("group_announcement:hr", with_operator(&platform), true);
    let outcome = lane.send(&group_post()).await;
    let platform_id = Some("blackboard:b1".to_owned());
    assert_eq!(outcome, Outcome::Sent { platform_id });
    let body = &platform.asked(BLACKBOARD)[0].body;
    assert_eq!(body["uniqueId"], KEY);
    assert_eq!(body["userId"], OWNER);
    assert_eq!(body["sticky"], true);
    let content = body["content"].as_str().unwrap();
    assert!(
        content.ends_with("[阅读并确认](https://p.example/n/1?a=1&b=2)"),
        "{content}"
    );
    assert_eq!(lane.cost(2).api_calls, 1, "what works is known");
    let report = lane.readers(&sent("blackboard:b1"), later(HOUR_MS)).await;
    assert_eq!(report, ReadReport::Unsupported);
}

#[tokio::test]
async fn a_refused_rung_leads_to_the_next_and_is_tried_again_after_a_day() {
    let platform = Platform::start().await;
    platform.answers_in_turn(
        BLACKBOARD,
        vec![
            no_permission(),
            (200, json!({ "success": true, "dataId": "b2" })),
        ],
    );
    platform.answers(
        ANNOUNCE,
        200,
        &json!({ "errcode": 0, "result": true, "success": true }),
    );
    platform.answers(IDS, 200, &json!({ "errcode": 0, "result": ["a9", "a8"] }));
    platform.rule(ANNOUNCEMENT, |asked| {
        let title = if asked.query.contains("a8") {
            "差旅费管理制度（第三版）已发布"
        } else {
            "别的"
        };
        (200, json!({ "id": "x", "title": title }))
    });
    platform.answers(
        ANNOUNCEMENT_READERS,
        200,
        &json!({ "users": [
            { "userId": "u1", "read": "true", "readTimestamp": 1_795_341_700_000_i64 },
            { "userId": "u2", "read": "false" },
        ] }),
    );
    let lane = platform.lane("group_announcement:hr", with_operator(&platform), false);
    let outcome = lane.send(&group_post()).await;
    let platform_id = Some("announcement:a8".to_owned());
    assert_eq!(outcome, Outcome::Sent { platform_id });
    let receivers = &platform.asked(ANNOUNCE)[0].body["create_request"]["blackboard_receiver"];
    assert_eq!(receivers["userid_list"], json!(["u1", "u2"]));

    let ReadReport::Readers { readers, .. } = lane
        .readers(&sent("announcement:a8"), later(30 * HOUR_MS))
        .await
    else {
        panic!("no readers");
    };
    assert_eq!(readers.len(), 1);
    assert_eq!(readers[0].at, Some(UnixMillis(1_795_341_700_000)));

    let soon = Post {
        now: later(HOUR_MS),
        ..group_post()
    };
    assert!(matches!(lane.send(&soon).await, Outcome::Sent { .. }));
    assert_eq!(platform.asked(BLACKBOARD).len(), 1, "known to be refused");
    let report = lane.check(NOW).await;
    assert!(
        report
            .findings
            .iter()
            .any(|found| found.why.code == "group_announcement_refused"
                && found
                    .why
                    .detail
                    .starts_with("blackboard: dingtalk_permission_missing")),
        "{report:?}"
    );
    let tomorrow = Post {
        now: later(25 * HOUR_MS),
        ..group_post()
    };
    let platform_id = Some("blackboard:b2".to_owned());
    assert_eq!(lane.send(&tomorrow).await, Outcome::Sent { platform_id });
}

#[tokio::test]
async fn a_scene_group_without_announcements_gets_a_card_on_top() {
    let platform = Platform::start().await;
    platform.rule(BLACKBOARD, |_| no_permission());
    platform.answers(
        ANNOUNCE,
        200,
        &json!({ "errcode": 60_011, "errmsg": "应用尚未开通所需的权限" }),
    );
    platform.rule(CARD, |asked| {
        let id = asked.body["outTrackId"].clone();
        (
            200,
            json!({ "success": true, "result": { "outTrackId": id, "deliverResults": [
            { "spaceType": "ONE_BOX", "spaceId": CONVERSATION, "success": true } ] } }),
        )
    });
    let lane = platform.lane("group_announcement:hr", with_operator(&platform), true);
    let outcome = lane.send(&group_post()).await;
    let Outcome::Sent {
        platform_id: Some(id),
    } = &outcome
    else {
        panic!("{outcome:?}");
    };
    assert!(
        id.starts_with("top_card:yz.0199b2c4-0000-7000-8000-00000000000a."),
        "{id}"
    );
    let body = &platform.asked(CARD)[0].body;
    assert_eq!(
        body["openSpaceId"],
        format!("dtv1.card//ONE_BOX.{CONVERSATION}")
    );
    assert_eq!(body["cardData"]["cardParamMap"]["asks"], "true");
    let week = 7 * 24 * HOUR_MS;
    assert_eq!(
        body["topOpenDeliverModel"]["expiredTimeMillis"],
        NOW.0 + week
    );
}

#[tokio::test]
async fn at_the_foot_of_the_ladder_the_robot_writes() {
    let platform = Platform::start().await;
    platform.rule(BLACKBOARD, |_| no_permission());
    platform.answers(SEND, 200, &json!({ "processQueryKey": "key9" }));
    platform.answers(
        READS,
        200,
        &json!({ "sendStatus": "SUCCESS", "readUserIds": ["u1"] }),
    );
    let lane = platform.lane("group_announcement:hr", platform.settings(), false);
    assert_eq!(lane.cost(2).api_calls, 2, "nothing is known yet");
    let outcome = lane.send(&group_post()).await;
    let platform_id = Some("message:key9".to_owned());
    assert_eq!(outcome, Outcome::Sent { platform_id });
    let param = platform.asked(SEND)[0].body["msgParam"].to_string();
    assert!(param.contains("请全体成员查看"), "{param}");
    assert_eq!(lane.cost(2).api_calls, 1);
    let report = lane.readers(&sent("message:key9"), later(HOUR_MS)).await;
    assert!(matches!(report, ReadReport::Readers { readers, .. } if readers.len() == 1));
}

#[tokio::test]
async fn a_busy_platform_or_refused_words_go_down_no_rung() {
    let platform = Platform::start().await;
    platform.answers_in_turn(
        BLACKBOARD,
        vec![
            (503, refusal("system.busy")),
            (400, refusal("contain.notAllowed.content")),
        ],
    );
    platform.answers(SEND, 200, &json!({ "processQueryKey": "key9" }));
    let lane = platform.lane("group_announcement:hr", platform.settings(), false);
    let post = group_post();
    assert!(matches!(lane.send(&post).await, Outcome::Retry { .. }));
    assert!(matches!(lane.send(&post).await, Outcome::Reject { .. }));
    assert!(platform.asked(SEND).is_empty());
}

fn people(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("u{number}")).collect()
}

#[tokio::test]
async fn a_plain_group_is_made_with_forty_and_filled_in_chunks() {
    let platform = Platform::start().await;
    platform.answers(
        "/v1.0/im/group/create",
        200,
        &json!({ "conversationTag": 2, "openConversationId": "cid9==", "chatid": "chat9" }),
    );
    platform.answers("/v1.0/im/group/update", 200, &json!({ "success": true }));
    let new = GroupToMake {
        title: "制度通知群：总部与各分公司全体同事请都进来看看".into(),
        owner_user_id: OWNER.into(),
        member_user_ids: people(100),
        ..GroupToMake::default()
    };
    let made = group_admin::create(&platform.app(), &new, NOW)
        .await
        .unwrap();
    assert_eq!(made.group.chat_id.as_deref(), Some("chat9"));
    assert_eq!(made.members.done.len(), 101);
    let create = &platform.asked("/v1.0/im/group/create")[0].body;
    assert_eq!(create["useridlist"].as_array().unwrap().len(), 40);
    assert_eq!(create["useridlist"][0], OWNER);
    assert!(create["name"].as_str().unwrap().chars().count() <= 20);
    let updates = platform.asked("/v1.0/im/group/update");
    let sizes: Vec<usize> = updates
        .iter()
        .map(|asked| asked.body["add_useridlist"].as_array().unwrap().len())
        .collect();
    assert_eq!(sizes, [40, 21]);
}

#[tokio::test]
async fn more_than_a_group_takes_is_refused_before_anything_is_made() {
    let platform = Platform::start().await;
    let new = GroupToMake {
        title: "全员".into(),
        owner_user_id: OWNER.into(),
        member_user_ids: people(1000),
        ..GroupToMake::default()
    };
    let refused = group_admin::create(&platform.app(), &new, NOW).await;
    assert_eq!(
        refused,
        Err(GroupError::Full {
            limit: 1000,
            wanted: 1001
        })
    );
    assert!(platform.paths().is_empty());
}

#[tokio::test]
async fn an_owner_outside_the_apps_sight_is_named() {
    let platform = Platform::start().await;
    platform.answers(
        "/v1.0/im/sceneGroup/create",
        400,
        &json!({ "code": "permession.checkFailed", "message": "群主不在应用可见性内" }),
    );
    let new = GroupToMake {
        title: "通知".into(),
        owner_user_id: OWNER.into(),
        member_user_ids: Vec::new(),
        scene_template_id: Some("tpl".into()),
        key: "k1".into(),
    };
    let refused = group_admin::create(&platform.app(), &new, NOW)
        .await
        .unwrap_err();
    assert!(
        matches!(
            &refused,
            GroupError::OutsideScope(_) | GroupError::Misconfigured(_)
        ),
        "{refused:?}"
    );
    assert!(refused.to_string().contains("群主不在应用可见性内"));
    assert_eq!(
        platform.asked("/v1.0/im/sceneGroup/create")[0].body["uuid"],
        "k1"
    );
}

#[tokio::test]
async fn one_refused_person_does_not_keep_the_others_out() {
    let platform = Platform::start().await;
    platform.rule("/v1.0/im/sceneGroup/member/add", |asked| {
        let people = asked.body["user_ids"].as_array().unwrap();
        if people.contains(&json!("u77")) {
            (
                400,
                json!({ "code": "parameter.invalid", "message": "userId 不存在" }),
            )
        } else {
            (200, json!({ "success": true }))
        }
    });
    let group = GroupAt {
        open_conversation_id: CONVERSATION.into(),
        chat_id: None,
        is_scene: true,
    };
    let changed = group_admin::add(&platform.app(), &group, &people(150), NOW).await;
    assert_eq!(changed.stopped, None);
    assert_eq!(changed.done.len(), 149);
    assert_eq!(changed.refused.len(), 1);
    assert_eq!(changed.refused[0].0, "u77");
    assert!(platform.paths().len() < 20, "{}", platform.paths().len());
}

#[tokio::test]
async fn a_group_that_takes_nobody_does_not_use_up_the_month() {
    let platform = Platform::start().await;
    platform.answers(
        "/v1.0/im/sceneGroup/member/add",
        400,
        &refusal("parameter.invalid"),
    );
    let group = GroupAt {
        open_conversation_id: CONVERSATION.into(),
        chat_id: None,
        is_scene: true,
    };
    let changed = group_admin::add(&platform.app(), &group, &people(500), NOW).await;
    assert_eq!((changed.refused.len(), changed.stopped), (500, None));
    assert!(platform.paths().len() < 35, "{}", platform.paths().len());
}

#[tokio::test]
async fn what_is_announced_already_is_not_said_again_one_rung_below() {
    let platform = Platform::start().await;
    platform.answers(BLACKBOARD, 400, &refusal("param.cardAlreadyExist"));
    let lane = platform.lane("group_announcement:hr", platform.settings(), false);
    let outcome = lane.send(&group_post()).await;
    assert!(matches!(outcome, Outcome::Reject { .. }), "{outcome:?}");
    assert_eq!(platform.paths().len(), 1);
}

#[tokio::test]
async fn an_answer_without_an_id_gives_no_empty_id() {
    let platform = Platform::start().await;
    platform.answers(BLACKBOARD, 200, &json!({ "success": true }));
    platform.answers(SEND, 200, &json!({}));
    let lane = platform.lane("group_announcement:hr", platform.settings(), false);
    let platform_id = Some(format!("blackboard:?{KEY}"));
    assert_eq!(
        lane.send(&group_post()).await,
        Outcome::Sent { platform_id }
    );
    let lane = platform.lane("group:hr", platform.settings(), false);
    let platform_id = None;
    assert_eq!(
        lane.send(&group_post()).await,
        Outcome::Sent { platform_id }
    );
}

#[tokio::test]
async fn a_refused_question_about_readers_is_not_asked_for_ever() {
    let platform = Platform::start().await;
    platform.rule(ANNOUNCEMENT_READERS, |_| no_permission());
    let lane = platform.lane("group_announcement:hr", with_operator(&platform), false);
    let at = |ms| {
        let lane = &lane;
        async move { lane.readers(&sent("announcement:a8"), later(ms)).await }
    };
    assert!(matches!(at(HOUR_MS).await, ReadReport::Later { .. }));
    assert!(matches!(
        at(9 * 24 * HOUR_MS).await,
        ReadReport::Over { .. }
    ));
}

#[tokio::test]
async fn a_busy_platform_stops_a_change_and_keeps_what_is_done() {
    let platform = Platform::start().await;
    platform.answers_in_turn(
        "/v1.0/im/sceneGroup/member/delete",
        vec![
            (200, json!({ "success": true })),
            (
                403,
                refusal("Forbidden.AccessDenied.QpsLimitForAppkeyAndApi"),
            ),
        ],
    );
    let group = GroupAt {
        open_conversation_id: CONVERSATION.into(),
        chat_id: None,
        is_scene: true,
    };
    let changed = group_admin::remove(&platform.app(), &group, &people(150), NOW).await;
    assert_eq!(changed.done.len(), 100);
    assert!(
        matches!(changed.stopped, Some(GroupError::Later { .. })),
        "{changed:?}"
    );
}

#[tokio::test]
async fn members_of_both_kinds_of_groups_are_read_and_a_disbanded_one_is_gone() {
    let platform = Platform::start().await;
    platform.answers_in_turn(
        "/v1.0/im/sceneGroups/members/batchQuery",
        vec![
            (
                200,
                json!({ "memberUserIds": ["u1"], "hasMore": true, "nextToken": "t" }),
            ),
            (200, json!({ "memberUserIds": ["u2"], "hasMore": false })),
        ],
    );
    platform.answers_in_turn(
        "/chat/get",
        vec![
            (200, json!({ "errcode": 0, "chat_info": { "name": "n", "useridlist": ["u3"], "status": 1 } })),
            (200, json!({ "errcode": 0, "chat_info": { "name": "n", "useridlist": [], "status": "2" } })),
        ],
    );
    let app = platform.app();
    let scene = GroupAt {
        open_conversation_id: CONVERSATION.into(),
        chat_id: None,
        is_scene: true,
    };
    assert_eq!(
        group_admin::members(&app, &scene, NOW).await.unwrap(),
        ["u1", "u2"]
    );
    let plain = GroupAt {
        chat_id: Some("chat1".into()),
        is_scene: false,
        ..scene.clone()
    };
    assert_eq!(
        group_admin::members(&app, &plain, NOW).await.unwrap(),
        ["u3"]
    );
    let gone = group_admin::members(&app, &plain, NOW).await;
    assert!(matches!(gone, Err(GroupError::Gone(_))), "{gone:?}");
    let by_hand = GroupAt {
        chat_id: None,
        ..plain
    };
    let refused = group_admin::members(&app, &by_hand, NOW).await;
    assert_eq!(refused, Err(GroupError::NotMadeHere));
}

#[tokio::test]
async fn the_robot_is_added_only_where_it_lacks() {
    let platform = Platform::start().await;
    platform.answers_in_turn(
        "/v1.0/robot/groups/robots/query",
        vec![
            (
                200,
                json!({ "chatbotInstanceVOList": [{ "robotCode": "other" }] }),
            ),
            (
                200,
                json!({ "chatbotInstanceVOList": [{ "robotCode": "dingclient1" }] }),
            ),
        ],
    );
    platform.answers(
        "/v1.0/robot/groups/orgRobots/add",
        200,
        &json!({ "result": true }),
    );
    let app = platform.app();
    group_admin::add_robot(&app, CONVERSATION, NOW)
        .await
        .unwrap();
    group_admin::add_robot(&app, CONVERSATION, NOW)
        .await
        .unwrap();
    assert_eq!(platform.asked("/v1.0/robot/groups/orgRobots/add").len(), 1);
    let lane = platform.lane("group:hr", platform.settings(), false);
    assert_eq!(lane.check(NOW).await.level(), Level::Fine);
}
