//! Interactive cards: what is refused, who sees what, what a click does.

use serde_json::{Value, json};
use yuezhi_sandbox::{
    CardAnswer, CardTemplate, Group, GroupKind, NotClickable, PushRules, PushSettings,
};

use crate::line::{CARD, Line, data_of};
use crate::support::{CID, NOON_MS, Trial, config};

const SCENE: &str = "cidSceneGroup==";
const DELIVER: &str = "/v1.0/card/instances/createAndDeliver";
const INSTANCES: &str = "/v1.0/card/instances";

async fn trial() -> Trial {
    let mut config = config();
    config.rules.push = PushRules {
        ping_every_ms: None,
        card_ack_ms: 200,
        ..PushRules::default()
    };
    config.rules.limits.calls_per_second = None;
    let mut scene = Group::new(SCENE, "制度发布群");
    scene.kind = GroupKind::Scene;
    scene.template_id = "scene-template".into();
    scene.members = vec!["lina".into(), "wangfang".into()];
    scene.app_robots = vec!["dingapp".into()];
    config.groups.push(scene);
    config.apps[0].push = PushSettings {
        templates: vec![CardTemplate {
            id: "draft.schema".into(),
            ..CardTemplate::default()
        }],
        ..PushSettings::default()
    };
    Trial::with(config).await
}

fn personal(track: &str) -> Value {
    json!({
        "cardTemplateId": "sandbox-confirm.schema",
        "outTrackId": track,
        "callbackType": "STREAM",
        "cardData": {"cardParamMap": {"title": "年休假管理办法", "summary": "请 **确认**", "url": "http://127.0.0.1/p"}},
        "imRobotOpenSpaceModel": {"supportForward": false, "lastMessageI18n": {"ZH_CN": "【制度更新】请确认"}},
        "openSpaceId": "dtv1.card//IM_ROBOT.lina;im_robot.wangfang;IM_ROBOT.nobody",
        "imRobotOpenDeliverModel": {"spaceType": "IM_ROBOT", "robotCode": "dingapp"},
        "userIdType": 1,
    })
}

fn with(mut body: Value, path: &str, value: Value) -> Value {
    *body.pointer_mut(path).unwrap_or(&mut Value::Null) = value.clone();
    if body.pointer(path).is_none() {
        body[path.trim_start_matches('/')] = value;
    }
    body
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

async fn made(trial: &Trial, body: &Value) -> Value {
    let token = trial.token().await;
    let (status, answer) = trial.api("POST", DELIVER, Some(&token), body).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

#[tokio::test]
async fn a_card_reaches_those_who_exist_and_says_who_does_not() {
    let trial = trial().await;
    let answer = made(&trial, &personal("c1")).await;
    assert_eq!(answer["success"], true);
    assert_eq!(answer["result"]["outTrackId"], "c1");
    let rows = answer["result"]["deliverResults"].as_array().unwrap();
    let said: Vec<_> = rows
        .iter()
        .map(|row| (row["spaceId"].as_str().unwrap(), row["success"] == true))
        .collect();
    assert_eq!(
        said,
        [("lina", true), ("wangfang", true), ("nobody", false)]
    );
    assert!(rows[2]["errorMsg"].is_string());
    let shown = trial.sandbox.messages_of("lina");
    assert_eq!(
        shown.last().unwrap().content.preview(),
        "【制度更新】请确认"
    );

    // The carrier id answers who has read, as a robot message's key does.
    trial.sandbox.read_all_as("lina");
    trial.sandbox.clock().advance_ms(1_000);
    let token = trial.token().await;
    let key = encoded(rows[0]["carrierId"].as_str().unwrap());
    let path =
        format!("/v1.0/robot/oToMessages/readStatus?robotCode=dingapp&processQueryKey={key}");
    let (_, read) = trial.api("GET", &path, Some(&token), &Value::Null).await;
    assert_eq!(
        read["messageReadInfoList"][0]["readStatus"], "READ",
        "{read}"
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_card_is_refused_by_its_code() {
    let trial = trial().await;
    let token = trial.token().await;
    made(&trial, &personal("known")).await;
    let long = |chars: usize| Value::from("长".repeat(chars));
    let cases = [
        (personal("known"), "param.cardAlreadyExist"),
        (
            with(personal("a"), "/cardTemplateId", "no.schema".into()),
            "param.templateNotExist",
        ),
        (
            with(personal("a"), "/cardTemplateId", "draft.schema".into()),
            "param.templateUnpublished",
        ),
        (
            with(personal("a"), "/outTrackId", long(101)),
            "param.invalid",
        ),
        (
            with(personal("a"), "/cardData/cardParamMap/title", json!(7)),
            "param.invalid",
        ),
        (
            with(personal("a"), "/cardData/cardParamMap/title", long(342)),
            "param.invalid",
        ),
        (
            with(personal("a"), "/callbackType", "stream".into()),
            "param.invalid",
        ),
        (
            with(personal("a"), "/imRobotOpenSpaceModel", Value::Null),
            "param.invalid",
        ),
        (
            with(personal("a"), "/openSpaceId", "IM_ROBOT.lina".into()),
            "param.openSpaceIdInvalid",
        ),
        (
            with(personal("a"), "/openSpaceId", "dtv1.card//DOC.x".into()),
            "param.openSpaceIdInvalid",
        ),
        (
            with(
                personal("a"),
                "/openSpaceId",
                format!("dtv1.card//IM_ROBOT.{}", "x".repeat(990)).into(),
            ),
            "param.openSpaceIdInvalid",
        ),
        (
            with(personal("a"), "/imRobotOpenDeliverModel", Value::Null),
            "param.openDeliverModelError",
        ),
        (
            with(
                personal("a"),
                "/imRobotOpenDeliverModel/robotCode",
                "other".into(),
            ),
            "param.openDeliverModelError",
        ),
        (
            with(
                personal("a"),
                "/privateData",
                json!({"nobody": {"cardParamMap": {}}}),
            ),
            "param.userIdNotExist",
        ),
    ];
    for (body, code) in cases {
        let (status, refusal) = trial.api("POST", DELIVER, Some(&token), &body).await;
        assert_eq!(
            (status, refusal["code"].as_str()),
            (400, Some(code)),
            "{refusal}"
        );
    }
    let before = trial.sandbox.messages().len();
    assert_eq!(before, 2, "a refused card is delivered nowhere");
}

#[tokio::test]
async fn unsafe_words_make_a_card_unsafe() {
    let trial = trial().await;
    let token = trial.token().await;
    let rules = json!({"moderation": {"texts": ["违禁"]}});
    let (status, _) = trial.api("POST", "/sandbox/rules", None, &rules).await;
    assert_eq!(status, 200);
    let body = with(
        personal("u"),
        "/cardData/cardParamMap/summary",
        "违禁品".into(),
    );
    let (_, refusal) = trial.api("POST", DELIVER, Some(&token), &body).await;
    assert_eq!(refusal["code"], "param.contentUnsafe");
}

#[tokio::test]
async fn an_update_overwrites_unless_it_says_by_key() {
    let trial = trial().await;
    let token = trial.token().await;
    made(&trial, &personal("u1")).await;
    let put = async |body: Value| trial.api("PUT", INSTANCES, Some(&token), &body).await;
    let by_key = json!({
        "outTrackId": "u1",
        "cardData": {"cardParamMap": {"tag": "新"}},
        "privateData": {"lina": {"cardParamMap": {"confirmed": "true"}}},
        "cardUpdateOptions": {"updateCardDataByKey": true, "updatePrivateDataByKey": true},
    });
    let (status, answer) = put(by_key).await;
    assert_eq!(
        (status, &answer),
        (200, &json!({"success": true, "result": true}))
    );
    let hers = trial.sandbox.card("u1", "lina").unwrap();
    assert_eq!(
        (hers["title"].as_str(), hers["tag"].as_str()),
        (Some("年休假管理办法"), Some("新"))
    );
    assert_eq!(hers["buttons"][1]["text"], "已确认");
    assert_eq!(
        trial.sandbox.card("u1", "wangfang").unwrap()["buttons"][1]["text"],
        "确认已读"
    );

    put(json!({"outTrackId": "u1", "cardData": {"cardParamMap": {"tag": "旧"}}})).await;
    let hers = trial.sandbox.card("u1", "lina").unwrap();
    assert_eq!(hers["title"], "", "all other keys are gone");
    assert_eq!(
        hers["buttons"][1]["text"], "已确认",
        "private data was not named"
    );
    let (_, refusal) = put(json!({"outTrackId": "nowhere"})).await;
    assert_eq!(refusal["code"], "param.cardNotExist");
}

#[tokio::test]
async fn a_card_can_be_made_first_and_delivered_later() {
    let trial = trial().await;
    let token = trial.token().await;
    let post = async |path: &str, body: &Value| trial.api("POST", path, Some(&token), body).await;
    let (status, answer) = post(INSTANCES, &personal("two-steps")).await;
    assert_eq!(status, 200, "{answer}");
    assert!(trial.sandbox.messages().is_empty());
    let group = json!({
        "outTrackId": "two-steps",
        "openSpaceId": format!("dtv1.card//IM_GROUP.{CID}"),
        "imGroupOpenDeliverModel": {
            "robotCode": "dingapp", "atUserIds": {"lina": "李娜"}, "recipients": ["lina", "zhangwei"],
        },
    });
    let deliver = "/v1.0/card/instances/deliver";
    let (status, refusal) = post(deliver, &group).await;
    assert_eq!(status, 400, "the space is not opened yet: {refusal}");
    let space =
        json!({"outTrackId": "two-steps", "imGroupOpenSpaceModel": {"supportForward": true}});
    let (status, _) = trial
        .api("PUT", "/v1.0/card/instances/spaces", Some(&token), &space)
        .await;
    assert_eq!(status, 200);
    let (_, answer) = post(deliver, &group).await;
    assert_eq!(answer["result"][0]["success"], true, "{answer}");
    let message = trial.sandbox.messages().last().cloned().unwrap();
    assert_eq!(message.mentions, ["lina"]);
    let page = async |userid: &str| {
        let url = trial.url(&format!("/chat/messages?conversation={}", encoded(CID)));
        let request = trial.http.get(url);
        let cookie = format!("dingtalk_sandbox_persona={userid}");
        let answer = request.header("Cookie", cookie).send().await.unwrap();
        answer.json::<Value>().await.unwrap()["messages"].clone()
    };
    assert_eq!(page("lina").await.as_array().unwrap().len(), 1);
    assert_eq!(page("wangfang").await, json!([]), "only recipients see it");
}

#[tokio::test]
async fn a_streamed_variable_grows_and_can_be_replaced() {
    let trial = trial().await;
    let token = trial.token().await;
    made(&trial, &personal("s1")).await;
    let put = async |content: &str, is_full: bool| {
        let body = json!({
            "outTrackId": "s1", "guid": content, "key": "summary", "content": content,
            "isFull": is_full, "isFinalize": false,
        });
        let path = "/v1.0/card/streaming";
        assert_eq!(trial.api("PUT", path, Some(&token), &body).await.0, 200);
    };
    put("甲", true).await;
    put("乙", false).await;
    assert_eq!(
        trial.sandbox.card("s1", "lina").unwrap()["markdown"],
        "甲乙"
    );
}

#[tokio::test]
async fn a_click_shows_what_the_app_answers_in_time() {
    let trial = trial().await;
    made(&trial, &personal("k1")).await;
    let click = |userid: &'static str| trial.sandbox.click_card("k1", userid, "confirm");
    assert_eq!(
        click("lina").await,
        Ok(CardAnswer::NotDelivered),
        "nobody connected"
    );
    let mut line = Line::connect(&trial).await;
    let answer = async |line: &mut Line, code: i64, response: Value| {
        let frame = line.frame().await;
        line.ack(&frame, code, &json!({ "response": response }))
            .await;
        frame
    };

    let (clicked, _) = tokio::join!(click("lina"), line.frame());
    assert_eq!(clicked, Ok(CardAnswer::Unanswered));
    let (clicked, frame) = tokio::join!(click("lina"), answer(&mut line, 200, Value::Null));
    assert_eq!(clicked, Ok(CardAnswer::Answered));
    assert_eq!(frame["headers"]["topic"], CARD);
    let said = data_of(&frame);
    assert_eq!(said["type"], "actionCallback");
    assert_eq!(
        (said["outTrackId"].as_str(), said["userId"].as_str()),
        (Some("k1"), Some("lina"))
    );
    let content: Value = serde_json::from_str(said["content"].as_str().unwrap()).unwrap();
    let expected = json!({"actionIds": ["confirm"], "params": {"action": "confirm"}});
    assert_eq!(content["cardPrivateData"], expected);

    let (clicked, _) = tokio::join!(click("lina"), answer(&mut line, 500, Value::Null));
    assert_eq!(clicked, Ok(CardAnswer::Refused));
    let number = json!({"userPrivateData": {"cardParamMap": {"confirmed": true}}});
    let (clicked, _) = tokio::join!(click("lina"), answer(&mut line, 200, number));
    assert_eq!(clicked, Ok(CardAnswer::Refused), "values are strings");

    let confirmed = json!({
        "cardUpdateOptions": {"updateCardDataByKey": true, "updatePrivateDataByKey": true},
        "userPrivateData": {"cardParamMap": {"confirmed": "true"}},
    });
    let (clicked, _) = tokio::join!(click("lina"), answer(&mut line, 200, confirmed));
    assert_eq!(clicked, Ok(CardAnswer::Updated));
    assert_eq!(
        trial.sandbox.card("k1", "lina").unwrap()["buttons"][1]["text"],
        "已确认"
    );
    assert_eq!(
        click("lina").await,
        Err(NotClickable::NoButton),
        "it is gone for her"
    );
    assert_eq!(
        trial.sandbox.card("k1", "wangfang").unwrap()["buttons"][1]["text"],
        "确认已读"
    );
    assert_eq!(click("zhaolei").await, Err(NotClickable::NoCard), "not his");
    let failed = trial.sandbox.push_counts("dingapp").failed;
    assert_eq!(failed, 3, "never pushed again");
}

#[tokio::test]
async fn without_a_callback_type_a_click_reaches_nobody() {
    let trial = trial().await;
    let mut body = personal("mute");
    body.as_object_mut().unwrap().remove("callbackType");
    made(&trial, &body).await;
    let mut line = Line::connect(&trial).await;
    let clicked = trial.sandbox.click_card("mute", "lina", "confirm").await;
    assert_eq!(clicked, Ok(CardAnswer::NotDelivered));
    assert!(line.is_silent().await);
}

#[tokio::test]
async fn the_chat_client_draws_and_clicks_cards() {
    let trial = trial().await;
    let mut body = personal("h1");
    body["cardData"]["cardParamMap"]["title"] = "<script>制度".into();
    body["cardData"]["cardParamMap"]["url"] = "javascript:alert(1)".into();
    made(&trial, &body).await;
    let mut line = Line::connect(&trial).await;
    let as_lina = |request: reqwest::RequestBuilder| {
        request.header("Cookie", "dingtalk_sandbox_persona=lina")
    };
    let page = trial.url("/chat/messages?conversation=oto/dingapp/lina");
    let page = as_lina(trial.http.get(page)).send().await.unwrap();
    let page: Value = page.json().await.unwrap();
    let html = page["messages"][0]["html"].as_str().unwrap();
    assert!(
        html.contains("&lt;script&gt;制度") && !html.contains("javascript:"),
        "{html}"
    );
    assert!(
        html.contains(r#"data-card="h1" data-action="confirm""#),
        "{html}"
    );
    assert!(
        html.contains("<strong>确认</strong>") || html.contains("<b>确认</b>"),
        "{html}"
    );
    let view = as_lina(trial.http.get(trial.url("/chat/cards/h1"))).send();
    let view: Value = view.await.unwrap().json().await.unwrap();
    assert_eq!(view["buttons"][1]["action_id"], "confirm");
    assert_eq!(view["buttons"][0]["url"], Value::Null);

    let click = as_lina(trial.http.post(trial.url("/chat/cards/click")))
        .json(&json!({"out_track_id": "h1", "action_id": "confirm"}))
        .send();
    let answer = async {
        let frame = line.frame().await;
        let response = json!({"userPrivateData": {"cardParamMap": {"confirmed": "true"}}});
        line.ack(&frame, 200, &json!({ "response": response }))
            .await;
    };
    let (clicked, ()) = tokio::join!(click, answer);
    let clicked: Value = clicked.unwrap().json().await.unwrap();
    assert_eq!(clicked["result"], "updated");
    assert_eq!(clicked["card"]["buttons"][1]["text"], "已确认");
    let again = as_lina(trial.http.post(trial.url("/chat/cards/click")))
        .json(&json!({"out_track_id": "h1", "action_id": "confirm"}));
    assert_eq!(again.send().await.unwrap().status(), 409);
}

#[tokio::test]
async fn a_scene_group_holds_ten_cards_at_its_top() {
    let trial = trial().await;
    let token = trial.token().await;
    let top = |track: &str, group: &str, until_ms: i64| {
        json!({
            "cardTemplateId": "sandbox-confirm.schema", "outTrackId": track,
            "cardData": {"cardParamMap": {"title": "置顶"}},
            "topOpenSpaceModel": {"spaceType": "ONE_BOX"},
            "openSpaceId": format!("dtv1.card//ONE_BOX.{group}"),
            "topOpenDeliverModel": {"expiredTimeMillis": until_ms, "userIds": ["lina"]},
        })
    };
    let works = async |body: &Value| {
        made(&trial, body).await["result"]["deliverResults"][0]["success"] == true
    };
    let later = NOON_MS + 3_600_000;
    assert!(!works(&top("plain", CID, later)).await, "not a scene group");
    for n in 0..10 {
        assert!(works(&top(&format!("t{n}"), SCENE, later)).await);
    }
    assert!(!works(&top("t10", SCENE, later)).await, "ten are open");
    let close = format!("/v1.0/card/tops/close?outTrackId=t0&openConversationId={SCENE}");
    let (_, closed) = trial.api("POST", &close, Some(&token), &Value::Null).await;
    assert_eq!(closed, json!({"success": true, "result": true}));
    assert!(works(&top("t11", SCENE, later)).await);
    let tops = async |userid: &str| {
        let url = trial.url(&format!("/chat/tops?conversation={}", encoded(SCENE)));
        let cookie = format!("dingtalk_sandbox_persona={userid}");
        let request = trial.http.get(url).header("Cookie", cookie);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        answer["tops"].as_array().unwrap().len()
    };
    assert_eq!((tops("lina").await, tops("wangfang").await), (10, 0));
    trial.sandbox.clock().advance_ms(3_600_001);
    assert_eq!(tops("lina").await, 0, "expired");

    let token = trial.token().await;
    let old = json!({
        "cardTemplateId": "sandbox-confirm.schema", "outTrackId": "old", "conversationType": 1,
        "openConversationId": SCENE, "groupTemplateId": "scene-template",
        "cardData": {"cardParamMap": {"title": "旧接口"}}, "platforms": "ios|mac|android|win",
    });
    let path = "/v2.0/im/topBoxes";
    let wrong = with(old.clone(), "/groupTemplateId", "other".into());
    assert_eq!(trial.api("POST", path, Some(&token), &wrong).await.0, 400);
    let (status, answer) = trial.api("POST", path, Some(&token), &old).await;
    assert_eq!((status, answer), (200, json!({"success": true})));
    assert_eq!(tops("wangfang").await, 1);
    let close = json!({"outTrackId": "old", "openConversationId": SCENE, "conversationType": 1});
    trial
        .api("POST", "/v2.0/im/topBoxes/close", Some(&token), &close)
        .await;
    assert_eq!(tops("wangfang").await, 0);
}

#[tokio::test]
async fn cards_and_sessions_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let start = async || {
        let mut config = config();
        config.data_dir = Some(folder.path().to_owned());
        Trial::with(config).await
    };
    let before = start().await;
    made(&before, &personal("kept")).await;
    let view = before.sandbox.card("kept", "lina");
    before.sandbox.shutdown().await;
    let after = start().await;
    assert_eq!(after.sandbox.card("kept", "lina"), view);
    assert!(view.is_some());
}

#[tokio::test]
async fn a_template_goes_out_and_in_as_the_card_builders_file() {
    let trial = trial().await;
    let none = Value::Null;
    let (status, file) = trial
        .api(
            "GET",
            "/sandbox/templates/sandbox-confirm.schema",
            None,
            &none,
        )
        .await;
    assert_eq!((status, file["mode"].as_str()), (200, Some("card")));
    let import = trial.url("/sandbox/templates?client_id=dingapp&id=own.schema");
    let post = async |body: &Value| {
        let request = trial.http.post(&import).json(body);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(post(&none).await, 422);
    assert_eq!(post(&file).await, 204);
    made(
        &trial,
        &with(personal("i1"), "/cardTemplateId", "own.schema".into()),
    )
    .await;
    let card = trial.sandbox.card("i1", "lina").unwrap();
    assert_eq!(card["buttons"][1]["action_id"], "confirm", "{card}");
}
