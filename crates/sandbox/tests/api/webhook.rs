//! `POST /robot/send` as the documentation and observed answers have it.

use crate::support::{NOON_MS, Trial};
use base64::Engine;
use hmac::{KeyInit, Mac};
use serde_json::{Value, json};
use yuezhi_sandbox::{Codes, Content, ErrorLanguage, Layout, Moderation, RobotState, Rules};

fn signed(secret: &str, at_ms: i64) -> String {
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes())
        .expect("the sandbox answers as documented");
    mac.update(format!("{at_ms}\n{secret}").as_bytes());
    let sign = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
    let sign: String = url::form_urlencoded::byte_serialize(sign.as_bytes()).collect();
    format!("access_token=signed&timestamp={at_ms}&sign={sign}")
}

fn text(content: &str) -> Value {
    json!({"msgtype": "text", "text": {"content": content}})
}

#[tokio::test]
async fn each_bad_body_is_refused_with_its_code() {
    let trial = Trial::start().await;
    let rows = [
        (400_105, json!({"msgtype": "image", "image": {}})),
        (400_105, json!({"msgtype": "empty"})),
        (400_105, json!({})),
        (40_035, json!([1])),
        (400_403, json!({"msgtype": "text", "text": {}})),
        (
            400_403,
            json!({"msgtype": "text", "text": {"content": " "}}),
        ),
        (
            400_402,
            json!({"msgtype": "markdown", "markdown": {"text": "x"}}),
        ),
        (
            400_403,
            json!({"msgtype": "markdown", "markdown": {"title": "x"}}),
        ),
        (
            40_035,
            json!({"msgtype": "link", "link": {"title": "x", "text": "y", "messageURL": "https://a.example"}}),
        ),
        (
            40_035,
            json!({"msgtype": "actionCard", "actionCard": {"title": "x", "text": "y"}}),
        ),
        (
            40_035,
            json!({"msgtype": "actionCard", "actionCard": {"title": "x", "text": "y", "singleTitle": "看", "singleUrl": "https://a.example"}}),
        ),
        (
            40_035,
            json!({"msgtype": "actionCard", "actionCard": {"title": "x", "text": "y", "btns": [{"title": "看", "actionUrl": "https://a.example"}]}}),
        ),
        (
            40_035,
            json!({"msgtype": "feedCard", "feedCard": {"links": []}}),
        ),
        (
            40_035,
            json!({"msgtype": "feedCard", "feedCard": {"links": [{"title": "x", "messageUrl": "https://a.example", "picUrl": "https://a.example"}]}}),
        ),
        (
            40_035,
            json!({"msgtype": "text", "text": {"content": "x"}, "at": {"atUserIds": vec!["u"; 51]}}),
        ),
        (460_101, text(&"长".repeat(7_000))),
    ];
    for (errcode, body) in rows {
        let answer = trial.robot("access_token=open", &body).await;
        assert_eq!(answer["errcode"], errcode, "{body} {answer}");
    }
    assert!(
        trial.sandbox.messages().is_empty(),
        "nothing refused is shown"
    );
}

#[tokio::test]
async fn header_json_and_token_are_checked_first() {
    let trial = Trial::start().await;
    let send = async |query: &str, kind: &str, body: &str| -> Value {
        let request = trial
            .http
            .post(trial.url(&format!("/robot/send{query}")))
            .header("content-type", kind);
        request
            .body(body.to_owned())
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    };
    let good = r#"{"msgtype":"text","text":{"content":"x"}}"#;
    for (errcode, query, kind, body) in [
        (40_035, "", "application/json", good),
        (
            300_001,
            "?access_token=https%3A%2F%2Foapi",
            "application/json",
            good,
        ),
        (43_004, "?access_token=open", "text/plain", good),
        (
            43_004,
            "?access_token=open",
            "application/x-www-form-urlencoded",
            good,
        ),
        (
            40_035,
            "?access_token=open",
            "application/json",
            "{\"msgtype\":",
        ),
        (
            0,
            "?access_token=open",
            "application/json; charset=utf-8",
            good,
        ),
    ] {
        assert_eq!(
            send(query, kind, body).await["errcode"],
            errcode,
            "{query} {kind} {body}"
        );
    }
    trial.sandbox.set_rules(Rules {
        codes: Codes::Documented,
        ..Rules::default()
    });
    assert_eq!(
        send("?access_token=nobody", "application/json", good).await["errcode"],
        400_101
    );
}

#[tokio::test]
async fn robots_that_were_stopped_removed_or_lost_their_group_refuse() {
    let trial = Trial::start().await;
    let mut group = trial.sandbox.groups().remove(0);
    group.robots[0].state = RobotState::Disabled;
    group.robots[1].state = RobotState::Removed;
    trial.sandbox.put_group(group.clone());
    assert_eq!(trial.say("open", "x").await, 400_102);
    assert_eq!(trial.say("keyword", "制度").await, 400_106);
    group.dissolved = true;
    trial.sandbox.put_group(group);
    assert_eq!(trial.say("here", "x").await, 400_013);
}

#[tokio::test]
async fn security_settings_refuse_in_all_three_generations_of_texts() {
    let trial = Trial::start().await;
    let hour = 3_600_000;
    let plus_as_space = signed("SECtest", NOON_MS).replace("%2B", "+");
    let rows = [
        (
            "access_token=keyword".to_owned(),
            "关键词不匹配",
            "keywords not in content",
        ),
        (
            "access_token=signed".to_owned(),
            "签名不匹配",
            "sign not match",
        ),
        (signed("SECother", NOON_MS), "签名不匹配", "sign not match"),
        (
            signed("SECtest", NOON_MS - hour - 1),
            "签名过期",
            "invalid timestamp",
        ),
        (
            signed("SECtest", NOON_MS + hour + 1),
            "签名过期",
            "invalid timestamp",
        ),
        (
            "access_token=elsewhere".to_owned(),
            "ip 不在白名单中",
            "ip 127.0.0.1 not in whitelist",
        ),
    ];
    for (language, prefix) in [
        (ErrorLanguage::Description, "description:"),
        (ErrorLanguage::Labelled, "错误描述:"),
        (ErrorLanguage::English, ""),
    ] {
        trial.sandbox.set_rules(Rules {
            error_language: language,
            ..Rules::default()
        });
        for (query, chinese, english) in &rows {
            let answer = trial.robot(query, &text("你好")).await;
            let errmsg = answer["errmsg"].as_str().unwrap();
            assert_eq!(answer["errcode"], 310_000, "{query}");
            let expected = if prefix.is_empty() { english } else { chinese };
            assert!(
                errmsg.starts_with(prefix) && errmsg.contains(expected),
                "{errmsg}"
            );
        }
    }
    assert_eq!(
        trial.robot("access_token=keyword", &text("新制度")).await["errcode"],
        0
    );
    assert_eq!(
        trial.robot("access_token=here", &text("你好")).await["errcode"],
        0
    );
    assert_eq!(
        trial
            .robot(&signed("SECtest", NOON_MS - hour), &text("你好"))
            .await["errcode"],
        0
    );
    if plus_as_space != signed("SECtest", NOON_MS) {
        assert_eq!(
            trial.robot(&plus_as_space, &text("你好")).await["errcode"],
            310_000
        );
    }
}

#[tokio::test]
async fn the_twenty_first_message_of_a_minute_holds_the_robot_for_ten() {
    let trial = Trial::start().await;
    for _ in 0..20 {
        assert_eq!(trial.say("open", "x").await, 0);
    }
    assert_eq!(trial.say("open", "x").await, 130_101);
    assert_eq!(trial.say("here", "another robot").await, 0);
    trial.sandbox.clock().advance_ms(9 * 60_000);
    trial.sandbox.set_rules(Rules {
        codes: Codes::Documented,
        ..Rules::default()
    });
    assert_eq!(trial.say("open", "x").await, 410_100);
    trial.sandbox.clock().advance_ms(60_000);
    assert_eq!(trial.say("open", "x").await, 0);
    assert_eq!(trial.sandbox.quota().webhooks, 22);
}

#[tokio::test]
async fn the_same_uuid_is_accepted_twice_and_shown_once() {
    let trial = Trial::start().await;
    let body = json!({"msgtype": "text", "text": {"content": "一次"}, "msgUuid": "u-1"});
    for _ in 0..2 {
        assert_eq!(
            trial.robot("access_token=open", &body).await,
            json!({"errcode": 0, "errmsg": "ok"})
        );
    }
    assert_eq!(trial.robot("access_token=here", &body).await["errcode"], 0);
    assert_eq!(
        trial.sandbox.messages().len(),
        2,
        "the key counts per robot"
    );
}

#[tokio::test]
async fn moderation_words_refuse_with_their_codes() {
    let trial = Trial::start().await;
    let moderation = Moderation {
        links: vec!["unsafe.example".into()],
        texts: vec!["违禁".into()],
        pictures: vec!["bad.png".into()],
        contents: vec!["整体".into()],
    };
    trial.sandbox.set_rules(Rules {
        moderation,
        ..Rules::default()
    });
    let link = |title: &str, url: &str, picture: &str| json!({"msgtype": "link", "link": {"title": title, "text": "t", "messageUrl": url, "picUrl": picture}});
    for (errcode, body) in [
        (430_101, link("x", "https://unsafe.example/", "")),
        (430_102, text("违禁词")),
        (
            430_103,
            link("x", "https://a.example/", "https://a.example/bad.png"),
        ),
        (430_104, text("整体不合适")),
    ] {
        assert_eq!(
            trial.robot("access_token=open", &body).await["errcode"],
            errcode,
            "{body}"
        );
    }
}

#[tokio::test]
async fn only_members_are_mentioned_and_the_numbers_of_others_are_masked() {
    let trial = Trial::start().await;
    let body = json!({
        "msgtype": "text",
        "text": {"content": "@13800000002 @wangfang @13900001234 @13800000004 请看"},
        "at": {"atMobiles": ["13800000002", "13900001234", "13800000004"], "atUserIds": ["wangfang", "zhaolei"], "isAtAll": "true"},
    });
    trial.robot("access_token=open", &body).await;
    let message = trial.sandbox.messages().remove(0);
    assert_eq!(message.mentions, ["lina", "wangfang"]);
    assert!(message.at_all);
    assert_eq!(
        message.content,
        Content::Text {
            text: "@13800000002 @wangfang @139****1234 @138****0004 请看".into()
        }
    );
    let link = json!({"msgtype": "link", "link": {"title": "x", "text": "y", "messageUrl": "https://a.example"}, "at": {"isAtAll": true}});
    trial.robot("access_token=open", &link).await;
    assert!(
        !trial.sandbox.messages()[1].at_all,
        "a link cannot mention anyone"
    );
}

#[tokio::test]
async fn every_message_type_is_accepted_as_documented() {
    let trial = Trial::start().await;
    let single = json!({"title": "t", "text": "**b**", "btnOrientation": "1", "singleTitle": "看", "singleURL": "https://a.example/", "btns": [{"title": "x", "actionURL": "y"}]});
    let many = json!({"title": "t", "text": "b", "btnOrientation": "1", "btns": [{"title": "甲", "actionURL": "https://a.example/1"}, {"title": "乙", "actionURL": "https://a.example/2"}]});
    for body in [
        text("文本"),
        json!({"msgtype": "link", "link": {"title": "t", "text": "x", "messageUrl": "https://a.example/", "picUrl": "@media"}}),
        json!({"msgtype": "markdown", "markdown": {"title": "t", "text": "# x"}}),
        json!({"msgtype": "actionCard", "actionCard": single}),
        json!({"msgtype": "actionCard", "actionCard": many}),
        json!({"msgtype": "feedCard", "feedCard": {"links": [{"title": "t", "messageURL": "https://a.example/", "picURL": "https://a.example/p.png"}]}}),
    ] {
        assert_eq!(
            trial.robot("access_token=open", &body).await["errcode"],
            0,
            "{body}"
        );
    }
    let layouts =
        trial
            .sandbox
            .messages()
            .into_iter()
            .filter_map(|message| match message.content {
                Content::ActionCard {
                    layout, buttons, ..
                } => Some((layout, buttons.len())),
                _ => None,
            });
    assert_eq!(
        layouts.collect::<Vec<_>>(),
        [(Layout::Whole, 1), (Layout::Horizontal, 2)]
    );
}
