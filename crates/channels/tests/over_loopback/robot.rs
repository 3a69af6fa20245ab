//! How messages look in a group.

use yuezhi_channels::{Level, Link, Mention, Mentions, Message, Outcome, Para, Post, RawRobot};
use yuezhi_domain::{DeliveryKind, Language};

use crate::posts::{NOW, message, post, post_of};
use crate::robot_server::{RobotServer, robot_channel};

async fn sent(post: &Post) -> serde_json::Value {
    sent_with(post, &[]).await
}

async fn sent_with(post: &Post, keywords: &[&str]) -> serde_json::Value {
    let server = RobotServer::start().await;
    let outcome = robot_channel(&server.base, keywords).send(post).await;
    assert!(matches!(outcome, Outcome::Sent { .. }), "{outcome:?}");
    serde_json::from_str(&server.bodies()[0]).unwrap()
}

fn people(count: usize) -> Vec<Mention> {
    (0..count)
        .map(|n| Mention {
            name: format!("员工{n}"),
            dingtalk_user_id: Some(format!("u{n:03}")),
            mobile: None,
        })
        .collect()
}

fn reminder(mentions: Mentions) -> Post {
    let mut message = message();
    message.kind = DeliveryKind::Reminder;
    Post {
        mentions,
        ..post_of(message)
    }
}

#[tokio::test]
async fn a_notice_is_a_card_with_one_button() {
    insta::assert_json_snapshot!(sent(&post()).await);
}

#[tokio::test]
async fn a_reminder_is_text_so_that_mentions_can_be_tapped() {
    let mut mentions = Mentions {
        all: false,
        people: people(2),
    };
    mentions.people.push(Mention {
        name: "李娜".into(),
        dingtalk_user_id: None,
        mobile: Some("18000000000".into()),
    });
    mentions.people.push(Mention {
        name: "外聘王五".into(),
        dingtalk_user_id: Some(String::new()),
        mobile: None,
    });
    insta::assert_json_snapshot!(sent(&reminder(mentions)).await);
}

#[tokio::test]
async fn more_people_than_can_be_mentioned_are_counted() {
    let body = sent(&reminder(Mentions {
        all: false,
        people: people(73),
    }))
    .await;
    assert_eq!(body["at"]["atUserIds"].as_array().unwrap().len(), 50);
    assert!(
        body["text"]["content"]
            .as_str()
            .unwrap()
            .contains("另有 23 人")
    );
}

#[tokio::test]
async fn a_digest_lists_its_policies_as_links() {
    let mut message = Message::new(
        DeliveryKind::Digest,
        Language::En,
        "3 policies to read",
        "Due this week",
    );
    message.links = (1..4)
        .map(|n| Link {
            label: format!("Policy {n}"),
            url: format!("https://p.example/n/{n}"),
        })
        .collect();
    insta::assert_json_snapshot!(sent(&post_of(message)).await);
}

#[tokio::test]
async fn two_links_become_two_buttons() {
    let mut message = message();
    message.links.push(Link {
        label: "查看修订对比".into(),
        url: "https://p.example/d/1".into(),
    });
    let body = sent(&post_of(message)).await;
    assert_eq!(body["actionCard"]["btns"].as_array().unwrap().len(), 2);
    assert_eq!(
        body["actionCard"]["btns"][1]["actionURL"],
        "https://p.example/d/1"
    );
}

#[tokio::test]
async fn texts_of_people_cannot_form_links_or_headings() {
    let mut message = message();
    message.title = "# 标题 [点我](https://evil.example)".into();
    message.body = vec![Para::Text(
        "正常\n> 引用 ![图](https://evil.example/x.png)".into(),
    )];
    let body = sent(&post_of(message)).await;
    let text = body["actionCard"]["text"].as_str().unwrap();
    assert!(!text.contains("](https://evil"), "{text}");
    assert!(text.starts_with("#### ＃ 标题"), "{text}");
    assert!(text.contains("正常  \n＞ 引用"), "{text}");
}

#[tokio::test]
async fn a_raw_message_goes_out_as_it_is() {
    let mut message = Message::new(DeliveryKind::Custom, Language::ZhCn, "", "");
    message.raw = Some(RawRobot::Text {
        content: "制度：三分钟后开会".into(),
    });
    let mut post = post_of(message);
    post.mentions.all = true;
    let body = sent_with(&post, &["制度"]).await;
    assert_eq!(body["text"]["content"], "制度：三分钟后开会");
    assert_eq!(body["at"]["isAtAll"], true);
}

#[tokio::test]
async fn a_raw_message_that_cannot_mention_is_refused_before_sending() {
    let server = RobotServer::start().await;
    let mut message = message();
    message.raw = Some(RawRobot::Link {
        title: "t".into(),
        text: "x".into(),
        message_url: "https://a".into(),
        picture_url: None,
    });
    let mut post = post_of(message);
    post.mentions.all = true;
    let outcome = server.channel().send(&post).await;
    assert_eq!(outcome.why().unwrap().code, "robot_cannot_mention");
    assert!(server.bodies().is_empty());
}

#[tokio::test]
async fn a_check_knows_a_good_robot_by_the_refusal_of_a_nonsense_type() {
    let server = RobotServer::start().await;
    server.answers(200, r#"{"errcode":400105,"errmsg":"不支持的消息类型"}"#);
    assert_eq!(server.channel().check(NOW).await.level(), Level::Fine);
}

#[tokio::test]
async fn every_refusal_of_the_platform_has_its_code() {
    let server = RobotServer::start().await;
    let channel = server.channel();
    for (errcode, words, code) in [
        (310_000, "keywords not in content", "robot_keyword_missing"),
        (310_000, "sign not match", "robot_signature_wrong"),
        (310_000, "invalid timestamp", "robot_clock_wrong"),
        (
            310_000,
            "ip 1.2.3.4 not in whitelist",
            "robot_ip_not_allowed",
        ),
        (300_001, "token is not exist", "robot_token_unknown"),
        (400_102, "机器人已停用", "robot_disabled"),
        (400_106, "机器人不存在", "robot_group_gone"),
        (410_100, "发送速度太快而限流", "robot_throttled"),
        (430_101, "含有不安全的外链", "robot_content_refused"),
        (460_101, "body 大小不合法", "robot_message_too_long"),
        (90_020, "额度", "dingtalk_quota_used_up"),
        (-1, "系统繁忙", "dingtalk_busy"),
    ] {
        server.answers(
            200,
            &format!(r#"{{"errcode":{errcode},"errmsg":"{words}"}}"#),
        );
        assert_eq!(channel.send(&post()).await.why().unwrap().code, code);
    }
}
