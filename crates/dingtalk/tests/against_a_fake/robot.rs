//! What a custom robot sends, and what it makes of every answer.

use std::time::Duration;

use crate::support::{Fake, NOW_MS, SECRET, TOKEN, plain, robot_at};
use dingtalk::{
    At, BODY_LIMIT_BYTES, Button, Buttons, ContentFault, Error, FeedLink, MessageProblem,
    Misconfiguration as Setup, Orientation, RobotMessage, SendOptions, Verdict, encode,
};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

fn text(content: &str) -> RobotMessage {
    RobotMessage::Text {
        content: content.to_owned(),
    }
}

fn markdown(content: &str) -> RobotMessage {
    RobotMessage::Markdown {
        title: "考勤制度".to_owned(),
        text: content.to_owned(),
    }
}

fn button(title: &str) -> Button {
    Button {
        title: title.to_owned(),
        url: "https://p.example/n/1".to_owned(),
    }
}

fn body_of(message: &RobotMessage, at: &At, keywords: &[&str]) -> String {
    let keywords: Vec<String> = keywords.iter().map(|&word| word.to_owned()).collect();
    String::from_utf8(encode(message, at, &keywords, None).unwrap().body).unwrap()
}

#[tokio::test]
async fn a_message_arrives_signed_and_with_its_key() {
    let fake = Fake::start().await;
    let accepted = fake
        .robot(Some(SECRET), &[])
        .send(&text("你好"), &plain())
        .await
        .unwrap();
    assert!(!accepted.cut);
    let request = fake.requests().remove(0);
    assert_eq!(request.path, "/robot/send");
    assert_eq!(
        request.query,
        format!(
            "access_token={TOKEN}&timestamp={NOW_MS}&sign=1zJ%2Fw34EOSVAYr7cu7Vo8LnebmK2%2FGrCgegtr8mQrqM%3D"
        )
    );
    assert_eq!(request.content_type, "application/json; charset=utf-8");
    assert_eq!(
        request.body,
        r#"{"msgtype":"text","msgUuid":"key-1","text":{"content":"你好"}}"#
    );
}

#[test]
fn every_type_has_the_documented_keys() {
    let link = RobotMessage::Link {
        title: "t".into(),
        text: "x".into(),
        message_url: "https://a".into(),
        picture_url: Some("https://p".into()),
    };
    let feed_link = |title: &str| FeedLink {
        title: title.into(),
        message_url: "https://a".into(),
        picture_url: Some("https://p".into()),
    };
    let card = |buttons| RobotMessage::ActionCard {
        title: "t".into(),
        text: "x".into(),
        buttons,
    };
    for (message, expected) in [
        (
            link,
            r#"{"msgtype":"link","link":{"title":"t","text":"x","messageUrl":"https://a","picUrl":"https://p"}}"#,
        ),
        (
            markdown("x"),
            r#"{"msgtype":"markdown","markdown":{"title":"考勤制度","text":"x"}}"#,
        ),
        (
            card(Buttons::Whole(button("阅读全文"))),
            r#"{"msgtype":"actionCard","actionCard":{"title":"t","text":"x","btnOrientation":"0","singleTitle":"阅读全文","singleURL":"https://p.example/n/1"}}"#,
        ),
        (
            card(Buttons::Each {
                orientation: Orientation::Horizontal,
                buttons: vec![button("A"), button("B")],
            }),
            r#"{"msgtype":"actionCard","actionCard":{"title":"t","text":"x","btnOrientation":"1","btns":[{"title":"A","actionURL":"https://p.example/n/1"},{"title":"B","actionURL":"https://p.example/n/1"}]}}"#,
        ),
        (
            RobotMessage::FeedCard {
                links: vec![feed_link("1"), feed_link("2")],
            },
            r#"{"msgtype":"feedCard","feedCard":{"links":[{"title":"1","messageURL":"https://a","picURL":"https://p"},{"title":"2","messageURL":"https://a","picURL":"https://p"}]}}"#,
        ),
    ] {
        assert_eq!(body_of(&message, &At::NOBODY, &[]), expected);
    }
}

#[test]
fn mentions_stand_in_the_text_too() {
    let at = At {
        mobiles: vec!["18000000000".into()],
        user_ids: vec!["1024".into()],
        all: false,
    };
    assert_eq!(
        body_of(&text("请确认 @1024 谢谢"), &at, &[]),
        r#"{"msgtype":"text","text":{"content":"请确认 @1024 谢谢 @18000000000"},"at":{"atMobiles":["18000000000"],"atUserIds":["1024"],"isAtAll":false}}"#
    );
    assert!(body_of(&markdown("x"), &at, &[]).contains(r#""text":"x\n\n@18000000000 @1024""#));
    assert!(body_of(&text("x @10245"), &at, &[]).contains("@10245 @18000000000 @1024"));
    assert!(body_of(&text("x"), &At::ALL, &[]).contains(r#""at":{"isAtAll":true}"#));
}

#[tokio::test]
async fn mentions_that_cannot_work_are_refused_before_sending() {
    let fake = Fake::start().await;
    let link = RobotMessage::Link {
        title: "t".into(),
        text: "x".into(),
        message_url: "https://a".into(),
        picture_url: None,
    };
    let options = SendOptions {
        at: &At::ALL,
        ..plain()
    };
    let error = fake
        .robot(None, &[])
        .send(&link, &options)
        .await
        .unwrap_err();
    assert_eq!(
        error,
        Error::Message(MessageProblem::CannotMention { kind: "link" })
    );
    let crowd = At {
        user_ids: (0..51).map(|n| n.to_string()).collect(),
        ..At::default()
    };
    let error = encode(&text("x"), &crowd, &[], None).unwrap_err();
    assert_eq!(error, MessageProblem::TooManyMentions { people: 51 });
    assert!(fake.requests().is_empty());
}

#[test]
fn a_missing_keyword_is_put_before_the_message() {
    let words = ["制度", "通知"];
    assert!(body_of(&text("考勤"), &At::NOBODY, &words).contains(r#""content":"【制度】\n考勤""#));
    assert!(body_of(&text("新通知"), &At::NOBODY, &words).contains(r#""content":"新通知""#));
    assert!(
        body_of(&markdown("#### 考勤"), &At::NOBODY, &words)
            .contains(r#""text":"【制度】\n\n#### 考勤""#)
    );
    let feed = RobotMessage::FeedCard {
        links: vec![FeedLink {
            title: "考勤".into(),
            message_url: "https://a".into(),
            picture_url: None,
        }],
    };
    assert!(body_of(&feed, &At::NOBODY, &words).contains(r#""title":"【制度】考勤""#));
}

#[test]
fn an_empty_text_or_title_is_refused() {
    for message in [
        text("  "),
        RobotMessage::Markdown {
            title: String::new(),
            text: "x".into(),
        },
        RobotMessage::ActionCard {
            title: "t".into(),
            text: "x".into(),
            buttons: Buttons::Each {
                orientation: Orientation::Vertical,
                buttons: vec![],
            },
        },
        RobotMessage::FeedCard { links: vec![] },
    ] {
        assert!(
            matches!(
                encode(&message, &At::NOBODY, &[], None),
                Err(MessageProblem::Empty { .. })
            ),
            "{message:?}"
        );
    }
}

#[test]
fn a_long_text_keeps_its_closing_link_and_its_mentions() {
    let long = format!(
        "{}\n\n[阅读全文](https://p.example/n/1)",
        "第一条 考勤。\n".repeat(2000)
    );
    let at = At {
        user_ids: vec!["1024".into()],
        ..At::default()
    };
    let encoded = encode(&markdown(&long), &at, &["制度".to_owned()], None).unwrap();
    assert!(encoded.cut);
    assert!(encoded.body.len() <= BODY_LIMIT_BYTES && encoded.body.len() > BODY_LIMIT_BYTES - 40);
    let body = String::from_utf8(encoded.body).unwrap();
    assert!(body.contains(r#""text":"【制度】"#));
    assert!(
        body.contains(r"…\n\n[阅读全文](https://p.example/n/1)\n\n@1024"),
        "{body}"
    );
}

#[test]
fn a_feed_too_long_to_cut_is_refused() {
    let links = vec![
        FeedLink {
            title: "长".repeat(500),
            message_url: "https://a".into(),
            picture_url: None
        };
        40
    ];
    assert!(matches!(
        encode(&RobotMessage::FeedCard { links }, &At::NOBODY, &[], None),
        Err(MessageProblem::TooLong { .. })
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_cut_never_splits_a_character(unit in "[\\PC\\n\"\\\\👨‍👩‍👧🇨🇳é]{1,40}", times in 1usize..1200) {
        let content = format!("x{}", unit.repeat(times));
        let encoded = encode(&text(&content), &At::NOBODY, &[], Some("k")).unwrap();
        prop_assert!(encoded.body.len() <= BODY_LIMIT_BYTES);
        let body = String::from_utf8(encoded.body).unwrap();
        let value: std::collections::HashMap<String, serde_json::Value> = serde_json::from_str(&body).unwrap();
        let sent = value["text"]["content"].as_str().unwrap();
        let kept = if encoded.cut { sent.strip_suffix('…').unwrap() } else { sent };
        prop_assert!(content.starts_with(kept));
    }
}

fn retry(after: Option<u64>, maybe_delivered: bool) -> Verdict {
    Verdict::Retry {
        after: after.map(Duration::from_secs),
        maybe_delivered,
    }
}

fn hold(minutes: u64) -> Verdict {
    Verdict::Hold {
        for_: Duration::from_mins(minutes),
    }
}

/// Recorded shapes; where the source gives both languages, both stand here.
fn refusals() -> Vec<(&'static str, Verdict)> {
    let setup = Verdict::Misconfigured;
    let content = Verdict::ContentRefused;
    vec![
        (r#"{"errcode":-1,"errmsg":"系统繁忙"}"#, retry(None, true)),
        (r#"{"errcode":"-1","errmsg":"系统繁忙"}"#, retry(None, true)),
        (r#"{"errcode":500100,"errmsg":"description:系统异常，请稍后再试;"}"#, retry(None, true)),
        (r#"{"errcode":15,"errmsg":"isp.top-remote-connection-timeout"}"#, retry(None, true)),
        (r#"{"errcode":40035,"errmsg":"缺少参数 json"}"#, content(ContentFault::Malformed)),
        (r#"{"errcode":43004,"errmsg":"无效的HTTP HEADER Content-Type"}"#, content(ContentFault::Malformed)),
        (r#"{"errcode":310000,"errmsg":"keywords not in content"}"#, setup(Setup::KeywordMissing)),
        (
            r#"{"errcode":310000,"errmsg":"错误描述:关键词不匹配;解决方案:请联系群管理员查看此机器人的关键词，并在发送的信息中包含此关键词;"}"#,
            setup(Setup::KeywordMissing),
        ),
        (r#"{"errcode":310000,"errmsg":"sign not match"}"#, setup(Setup::SignatureWrong)),
        (
            r#"{"errcode":310000,"errmsg":"description:机器人发送签名不匹配;solution:请确认签名和生成签名的时间戳必须都放在调用的网址中，请确认机器人的密钥加密和填写正确;link:https://open.dingtalk.com/document/"}"#,
            setup(Setup::SignatureWrong),
        ),
        (r#"{"errcode":310000,"errmsg":"invalid timestamp"}"#, setup(Setup::ClockWrong)),
        (
            r#"{"errcode":"310000","errmsg":"ip 203.0.113.9 not in whitelist"}"#,
            Verdict::IpNotAllowed { address: Some("203.0.113.9".into()) },
        ),
        (
            r#"{"errcode":310000,"errmsg":"description:ip 不在白名单中;solution:请联系对应群的管理员，设置机器人安全ip地址段"}"#,
            Verdict::IpNotAllowed { address: None },
        ),
        (r#"{"errcode":310000,"errmsg":"description:something new"}"#, setup(Setup::SecuritySettings)),
        (r#"{"errcode":300001,"errmsg":"token is not exist"}"#, setup(Setup::RobotTokenUnknown)),
        (r#"{"errcode":400101,"errmsg":"access_token不存在"}"#, setup(Setup::RobotTokenUnknown)),
        (r#"{"errcode":300005,"errmsg":"token is not exist"}"#, retry(Some(60), false)),
        (r#"{"errcode":400013,"errmsg":"群已被解散"}"#, Verdict::TargetGone),
        (r#"{"errcode":400106,"errmsg":"机器人不存在"}"#, Verdict::TargetGone),
        (r#"{"errcode":400102,"errmsg":"机器人已停用"}"#, setup(Setup::RobotDisabled)),
        (r#"{"errcode":400105,"errmsg":"不支持的消息类型"}"#, content(ContentFault::Malformed)),
        (r#"{"errcode":400402,"errmsg":"description:参数 markdown --》 title 缺失，或者参数格式不正确; "}"#, content(ContentFault::Malformed)),
        (r#"{"errcode":400403,"errmsg":"description:参数 markdown --》 text 缺失"}"#, content(ContentFault::Malformed)),
        (r#"{"errcode":410100,"errmsg":"发送速度太快而限流"}"#, hold(10)),
        (r#"{"errcode":130101,"errmsg":"send too fast, exceed 20 times per minute"}"#, hold(10)),
        (r#"{"errcode":430101,"errmsg":"含有不安全的外链"}"#, content(ContentFault::Unsafe)),
        (r#"{"errcode":430102,"errmsg":"含有不合适的文本"}"#, content(ContentFault::Unsafe)),
        (r#"{"errcode":430103,"errmsg":"含有不合适的图片"}"#, content(ContentFault::Unsafe)),
        (r#"{"errcode":430104,"errmsg":"含有不合适的内容"}"#, content(ContentFault::Unsafe)),
        (
            r#"{"errcode":460101,"errmsg":"description: body 大小不合法;solution:请保持大小在 20000bytes 以内;"}"#,
            content(ContentFault::TooLong),
        ),
        (r#"{"errcode":101002,"errmsg":"message is too long"}"#, content(ContentFault::TooLong)),
        (r#"{"errcode":90002,"errmsg":"请求总次数超过了 300 次"}"#, retry(Some(1), false)),
        (r#"{"errcode":88,"sub_code":"90018","sub_msg":"超过qps","errmsg":"ding talk error[subcode=90018,submsg=超过qps]"}"#, retry(Some(1), false)),
        (r#"{"errcode":90020,"errmsg":"额度已用完"}"#, Verdict::QuotaUsedUp),
        (r#"{"errcode":143103,"errmsg":"too many"}"#, hold(1)),
        (r#"{"errcode":90004,"errmsg":"banned"}"#, hold(5)),
        (r#"{"errcode":143106,"errmsg":"duplicate"}"#, content(ContentFault::Duplicate)),
        (r#"{"errcode":143105,"errmsg":"too many today"}"#, Verdict::RecipientLimited),
        (r#"{"errcode":60121,"errmsg":"找不到该用户"}"#, Verdict::RecipientUnknown),
        (r#"{"errcode":40078,"errmsg":"不存在的临时授权码"}"#, Verdict::LoginCodeInvalid),
        (r#"{"errcode":40096,"errmsg":"不合法的appKey或appSecret"}"#, setup(Setup::AppSecretWrong)),
        (r#"{"errcode":88,"sub_code":"40014","sub_msg":"不合法的access_token","errmsg":"ding talk error[subcode=40014,submsg=不合法的access_token]","request_id":"16l4"}"#, setup(Setup::AccessTokenRefused)),
        (r#"{"errcode":88,"errmsg":"ding talk error[subcode=40014,submsg=不合法的access_token]"}"#, setup(Setup::AccessTokenRefused)),
        (
            r#"{"errcode":88,"sub_code":"60011","sub_msg":"应用尚未开通所需的权限：[qyapi_get_department_list]，点击链接申请并开通即可：https://open-dev.dingtalk.com/appscope/apply?content=ding1%23qyapi_get_department_list, {requiredScopes=[qyapi_get_department_list]}","errmsg":"x"}"#,
            Verdict::PermissionMissing {
                scopes: vec!["qyapi_get_department_list".into()],
                apply_url: Some("https://open-dev.dingtalk.com/appscope/apply?content=ding1%23qyapi_get_department_list".into()),
            },
        ),
        (r#"{"errcode":88,"sub_code":"60020","sub_msg":"访问ip不在白名单之中,request ip=203.0.113.9 appKey(ding1)","errmsg":"x"}"#, Verdict::IpNotAllowed { address: Some("203.0.113.9".into()) }),
        (r#"{"errcode":50002,"errmsg":"企业员工不在授权范围"}"#, setup(Setup::OutsideScope)),
        (r#"{"errcode":40056,"errmsg":"不合法的agentid"}"#, setup(Setup::AgentIdWrong)),
        (r#"{"errcode":404,"errmsg":"请求的URI地址不存在"}"#, setup(Setup::EndpointWrong)),
        (r#"{"errcode":987654,"errmsg":"never seen"}"#, retry(None, false)),
        (r#"{"status":1111,"wait":5,"source":"x5","punish":"deny","uuid":"u"}"#, hold(5)),
        ("<html><body>访问被拒绝</body></html>", hold(5)),
        (r#"{"hello":1}"#, retry(None, true)),
        (r#"{"errcode":0,"errm"#, retry(None, true)),
        ("", retry(None, true)),
    ]
}

#[tokio::test]
async fn every_refusal_within_http_200_is_an_error_with_its_verdict() {
    let fake = Fake::start().await;
    let robot = fake.robot(Some(SECRET), &[]);
    for (body, expected) in refusals() {
        fake.answers(200, body);
        let error = robot.send(&text("x"), &plain()).await.expect_err(body);
        assert_eq!(error.verdict(), expected, "{body}");
    }
}

#[tokio::test]
async fn success_is_read_leniently() {
    let fake = Fake::start().await;
    for body in [
        r#"{"errcode":"0","errmsg":"ok"}"#,
        r#"{ "errmsg":"ok", "errcode": 0, "request_id":"r" }"#,
    ] {
        fake.answers(200, body);
        fake.robot(None, &[])
            .send(&text("x"), &plain())
            .await
            .expect(body);
    }
}

#[tokio::test]
async fn http_errors_are_told_apart() {
    let fake = Fake::start().await;
    let robot = fake.robot(None, &[]);
    let after = |seconds: &str| vec![("retry-after", seconds.to_owned())];
    for (status, headers, body, expected) in [
        (500, vec![], "oops", retry(None, true)),
        (502, vec![], "<html>bad gateway</html>", retry(None, true)),
        (503, after("7"), "", retry(Some(7), true)),
        (429, vec![], "", retry(Some(60), false)),
        (429, after("3"), "", retry(Some(3), false)),
        (403, vec![], "<html>denied</html>", hold(5)),
        (
            302,
            vec![(
                "location",
                "https://portal.example/login?token=abc".to_owned(),
            )],
            "",
            hold(5),
        ),
        (
            404,
            vec![],
            "not here",
            Verdict::Misconfigured(Setup::EndpointWrong),
        ),
    ] {
        fake.answers_with(status, body, headers);
        let error = robot.send(&text("x"), &plain()).await.unwrap_err();
        assert_eq!(error.verdict(), expected, "HTTP {status} {body}");
        assert!(!error.to_string().contains("abc"), "{error}");
    }
    assert_eq!(fake.requests().len(), 8, "a redirect is never followed");
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let fake = Fake::start().await;
    fake.answers(200, &"x".repeat(200_000));
    let error = fake
        .robot(None, &[])
        .send(&text("x"), &plain())
        .await
        .unwrap_err();
    assert_eq!(error.verdict(), retry(None, true));
    assert!(error.to_string().contains("too large"), "{error}");
}

#[tokio::test]
async fn broken_connections_say_whether_the_message_may_have_arrived() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let refused = robot_at(&base, Some(SECRET), &[])
        .send(&text("x"), &plain())
        .await
        .unwrap_err();
    assert_eq!(refused.verdict(), retry(None, false));

    // "" says nothing and closes, "…" closes in the middle of the body, "wait" never answers.
    for words in [
        "",
        "HTTP/1.1 200 OK\r\ncontent-length: 27\r\n\r\n{\"errcode\":0,",
        "wait",
    ] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let mut open = Vec::new();
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut seen = [0; 4096];
                let _ = socket.read(&mut seen).await;
                if words == "wait" {
                    open.push(socket);
                } else {
                    socket.write_all(words.as_bytes()).await.unwrap();
                }
            }
        });
        let error = robot_at(&base, Some(SECRET), &[])
            .send(&text("x"), &plain())
            .await
            .unwrap_err();
        assert_eq!(error.verdict(), retry(None, true), "{words}: {error}");
        for shown in [format!("{error}"), format!("{error:?}")] {
            assert!(
                !shown.contains(TOKEN)
                    && !shown.contains(SECRET)
                    && !shown.contains("sign=")
                    && !shown.contains("http://"),
                "{shown}"
            );
        }
        server.abort();
    }
}

#[tokio::test]
async fn no_error_repeats_a_secret_that_the_platform_sends_back() {
    let fake = Fake::start().await;
    let robot = fake.robot(Some(SECRET), &[]);
    for body in [
        format!(
            r#"{{"errcode":310000,"errmsg":"sign not match, url=/robot/send?access_token={TOKEN}&timestamp=1&sign=aa%2Bbb"}}"#
        ),
        format!("<html>{TOKEN}</html>"),
        format!(
            r#"{{"errcode":400101,"errmsg":"{TOKEN} {}"}}"#,
            "很".repeat(2000)
        ),
    ] {
        fake.answers(200, &body);
        let error = robot.send(&text("x"), &plain()).await.unwrap_err();
        for shown in [format!("{error}"), format!("{error:?}")] {
            assert!(
                !shown.contains(TOKEN) && !shown.contains("aa%2Bbb"),
                "{shown}"
            );
            assert!(shown.chars().count() < 800);
        }
    }
    assert!(!format!("{robot:?}").contains(TOKEN));
}

#[tokio::test]
async fn a_probe_shows_no_message_and_knows_a_good_robot() {
    let fake = Fake::start().await;
    let robot = fake.robot(Some(SECRET), &[]);
    fake.answers(200, r#"{"errcode":400105,"errmsg":"不支持的消息类型"}"#);
    assert_eq!(robot.probe(NOW_MS).await, Ok(()));
    fake.answers(200, r#"{"errcode":300001,"errmsg":"token is not exist"}"#);
    assert_eq!(
        robot.probe(NOW_MS).await.unwrap_err().verdict(),
        Verdict::Misconfigured(Setup::RobotTokenUnknown)
    );
    assert!(
        fake.requests()
            .iter()
            .all(|request| request.body == r#"{"msgtype":"probe"}"#)
    );
}

#[test]
fn a_template_gives_the_same_bytes_as_encoding_each_time() {
    let key = "0192f0c1-5a3e-8d21-9abc-0123456789ab";
    let keywords = ["制度".to_owned()];
    for words in ["短", &"很长的正文。".repeat(4_000)] {
        let message = markdown(words);
        let template = dingtalk::Template::new(&message, &At::NOBODY, &keywords).unwrap();
        let encoded = encode(&message, &At::NOBODY, &keywords, Some(key)).unwrap();
        assert_eq!(template.body(key).unwrap(), encoded.body);
        assert_eq!(template.cut, encoded.cut);
        assert_eq!(template.body("a key with \"quotes\""), None);
    }
}
