//! What a mail looks like, how connections are used, and what the relay's answers mean.

use std::time::Duration;

use mail_parser::{MessageParser, MimeHeaders as _};
use yuezhi_channels::{
    ChannelConfig, ConfigError, Level, Link, MailConfig, MailTls, Message, Outcome, Para, open,
};
use yuezhi_domain::{DeliveryKind, Language};

use crate::posts::{KEY, NOW, message, post, post_of};
use crate::smtp_server::{Instead, SmtpServer, mail_channel};

async fn received(posts: &[yuezhi_channels::Post]) -> Vec<Vec<u8>> {
    let server = SmtpServer::start(MailTls::None).await;
    let channel = server.channel();
    for post in posts {
        let outcome = channel.send(post).await;
        assert!(matches!(outcome, Outcome::Sent { .. }), "{outcome:?}");
    }
    server.mails().into_iter().map(|mail| mail.data).collect()
}

#[tokio::test]
async fn a_mail_has_the_headers_of_an_automatic_notice() {
    let data = received(&[post()]).await.remove(0);
    assert!(data.is_ascii(), "seven-bit relays must pass it");
    assert!(
        data.split(|&byte| byte == b'\n')
            .all(|line| line.len() <= 998)
    );
    let mail = MessageParser::default().parse(&data).unwrap();
    let header = |name: &str| {
        let mut all = mail
            .headers_raw()
            .filter(|(other, _)| other.eq_ignore_ascii_case(name));
        all.next().map(|(_, value)| value.trim().to_owned())
    };
    assert_eq!(mail.subject(), Some("差旅费管理制度（第三版）已发布"));
    assert_eq!(
        mail.message_id(),
        Some(format!("{KEY}@example.com").as_str())
    );
    assert_eq!(mail.date().unwrap().to_rfc3339(), "2026-11-22T10:00:00Z");
    let from = mail.from().unwrap().first().unwrap();
    assert_eq!(
        (from.name(), from.address()),
        (Some("阅知"), Some("notice@example.com"))
    );
    let to = mail.to().unwrap().first().unwrap();
    assert_eq!(
        (to.name(), to.address()),
        (Some("张伟"), Some("zhang.wei@example.com"))
    );
    assert_eq!(header("Auto-Submitted").as_deref(), Some("auto-generated"));
    assert_eq!(
        header("X-Auto-Response-Suppress").as_deref(),
        Some("OOF, AutoReply")
    );
    assert_eq!(
        header("List-Id").as_deref(),
        Some("<travel-expenses.example.com>")
    );
    for absent in [
        "List-Unsubscribe",
        "References",
        "In-Reply-To",
        "Precedence",
        "Bcc",
    ] {
        assert_eq!(header(absent), None);
    }
    assert!(mail.content_type().unwrap().c_subtype.as_deref() == Some("alternative"));
    insta::assert_snapshot!("plain", mail.body_text(0).unwrap().replace("\r\n", "\n"));
    insta::assert_snapshot!("html", mail.body_html(0).unwrap().replace("\r\n", "\n"));
}

#[tokio::test]
async fn the_same_post_is_the_same_mail_and_a_reminder_is_shown_below_the_first() {
    let mut reminder = message();
    reminder.kind = DeliveryKind::Reminder;
    reminder.thread_key = Some(KEY.into());
    let mut reminder = post_of(reminder);
    reminder.key = "key with spaces <and> brackets".into();
    let mails = received(&[post(), post(), reminder]).await;
    assert_eq!(mails[0], mails[1]);
    let mail = MessageParser::default().parse(&mails[2]).unwrap();
    assert_eq!(
        mail.references().as_text(),
        Some(format!("{KEY}@example.com").as_str())
    );
    assert_eq!(
        mail.in_reply_to().as_text(),
        Some(format!("{KEY}@example.com").as_str())
    );
    let id = mail.message_id().unwrap();
    assert!(
        id.ends_with("@example.com")
            && id
                .chars()
                .all(|c| c.is_ascii_hexdigit() || "@exampl.co".contains(c)),
        "{id}"
    );
}

#[tokio::test]
async fn line_breaks_in_texts_form_no_headers_and_markup_is_escaped() {
    let mut message = Message::new(
        DeliveryKind::Custom,
        Language::En,
        "Hello\r\nBcc: all@example.com",
        "<script>alert(1)</script>",
    );
    message.body = vec![Para::Text("a < b & \"c\"".into())];
    message.links = vec![Link {
        label: "open".into(),
        url: "javascript:alert(1)".into(),
    }];
    let mut post = post_of(message);
    post.recipient.as_mut().unwrap().name = "Eve\r\nCc: x@example.com".into();
    let data = received(&[post]).await.remove(0);
    let mail = MessageParser::default().parse(&data).unwrap();
    assert!(mail.bcc().is_none() && mail.cc().is_none());
    assert_eq!(mail.to().unwrap().iter().count(), 1);
    let html = mail.body_html(0).unwrap();
    assert!(
        html.contains("&lt;script&gt;")
            && !html.contains("<script")
            && !html.contains("href=\"javascript")
    );
    assert!(html.contains("a &lt; b &amp; &quot;c&quot;"));
}

#[tokio::test]
async fn a_line_of_a_single_dot_does_not_end_the_mail() {
    let mut message = message();
    message.body = vec![Para::Text("before\n.\nafter".into())];
    message.language = Language::En;
    let data = received(&[post_of(message)]).await.remove(0);
    assert!(
        MessageParser::default()
            .parse(&data)
            .unwrap()
            .body_text(0)
            .unwrap()
            .contains("after")
    );
}

#[tokio::test]
async fn a_personal_address_takes_the_place_of_the_shared_one() {
    let mut post = post();
    post.personal_url = Some("https://p.example/n/1?k=mine".into());
    let data = received(&[post]).await.remove(0);
    let mail = MessageParser::default().parse(&data).unwrap();
    for body in [mail.body_html(0).unwrap(), mail.body_text(0).unwrap()] {
        assert!(
            body.contains("https://p.example/n/1?k=mine") && !body.contains("a=1"),
            "{body}"
        );
    }
}

#[tokio::test]
async fn people_who_share_a_message_get_their_own_address_each() {
    let shared = post();
    let posts: Vec<_> = [
        "https://p.example/?k=a&x=1",
        "https://p.example/?k=b&x=2",
        "not a web address",
    ]
    .map(|url| {
        let mut post = shared.clone();
        post.personal_url = Some(url.into());
        post
    })
    .into();
    let mails = received(&posts).await;
    for (data, post) in mails.iter().zip(&posts) {
        let own = post.personal_url.as_deref().unwrap();
        let mail = MessageParser::default().parse(data).unwrap();
        let html = mail.body_html(0).unwrap().replace("&amp;", "&");
        assert!(mail.body_text(0).unwrap().contains(own) && html.contains(own));
        assert_eq!(
            html.contains(&format!("href=\"{own}\"")),
            own.starts_with("https")
        );
        assert!(!html.contains(".invalid"));
    }
}

#[tokio::test]
async fn an_english_mail_is_readable_on_the_wire_and_long_lines_are_encoded() {
    let mut message = Message::new(
        DeliveryKind::Publish,
        Language::En,
        "Travel policy",
        "Please read it",
    );
    message.body = vec![Para::Text("short".into())];
    let short = received(&[post_of(message.clone())]).await.remove(0);
    let wire = String::from_utf8(short).unwrap();
    assert!(
        wire.contains("Content-Transfer-Encoding: 7bit\r\n\r\nTravel policy\r\n"),
        "{wire}"
    );
    message.body = vec![Para::Text("word ".repeat(400))];
    let long = received(&[post_of(message)]).await.remove(0);
    assert!(
        long.split(|&byte| byte == b'\n')
            .all(|line| line.len() <= 998)
    );
    assert!(
        MessageParser::default()
            .parse(&long)
            .unwrap()
            .body_text(0)
            .unwrap()
            .contains("word word")
    );
}

#[tokio::test]
async fn one_connection_carries_many_mails_up_to_its_limit() {
    let server = SmtpServer::start(MailTls::None).await;
    let channel = mail_channel(MailConfig {
        mails_per_connection: 3,
        ..server.config()
    });
    for _ in 0..6 {
        assert!(matches!(channel.send(&post()).await, Outcome::Sent { .. }));
    }
    assert_eq!(server.connections(), 2);
    assert_eq!(
        server
            .commands()
            .iter()
            .filter(|line| line.starts_with("AUTH"))
            .count(),
        2
    );
    assert_eq!(server.mails()[0].from, "notice@example.com");
    assert_eq!(server.mails()[0].to, "zhang.wei@example.com");
}

#[tokio::test]
async fn no_more_connections_than_configured_are_opened() {
    let server = SmtpServer::start(MailTls::None).await;
    let channel = mail_channel(MailConfig {
        connections: 2,
        timeout: Duration::from_secs(5),
        ..server.config()
    });
    let post = post();
    let sends: Vec<_> = (0..20).map(|_| channel.send(&post)).collect();
    for (index, send) in sends.into_iter().enumerate() {
        assert!(matches!(send.await, Outcome::Sent { .. }), "{index}");
    }
    let (one, two, three) = tokio::join!(
        channel.send(&post),
        channel.send(&post),
        channel.send(&post)
    );
    assert!(
        [one, two, three]
            .iter()
            .all(|outcome| matches!(outcome, Outcome::Sent { .. }))
    );
    assert!(server.connections() <= 2);
}

#[tokio::test]
async fn an_idle_connection_closed_by_the_relay_is_replaced_without_a_trace() {
    let server = SmtpServer::start(MailTls::None).await;
    let channel = server.channel();
    assert!(matches!(channel.send(&post()).await, Outcome::Sent { .. }));
    for instead in [Instead::Cut, Instead::Say("421 4.4.2 idle too long")] {
        server.instead("MAIL", instead);
        assert!(matches!(channel.send(&post()).await, Outcome::Sent { .. }));
    }
    assert_eq!((server.mails().len(), server.connections()), (3, 3));
}

#[tokio::test]
async fn a_rested_connection_is_asked_first_and_an_old_one_dropped() {
    let server = SmtpServer::start(MailTls::None).await;
    let channel = server.channel();
    for (rest, connections, noops) in [(0, 1, 0), (10, 1, 1), (120, 2, 1)] {
        let mut post = post();
        post.now = NOW.plus(Duration::from_secs(rest));
        assert!(matches!(channel.send(&post).await, Outcome::Sent { .. }));
        assert_eq!(server.connections(), connections);
        assert_eq!(
            server
                .commands()
                .iter()
                .filter(|line| line.starts_with("NOOP"))
                .count(),
            noops
        );
    }
}

#[tokio::test]
async fn a_refused_recipient_leaves_the_connection_to_the_next_mail() {
    let server = SmtpServer::start(MailTls::None).await;
    let channel = server.channel();
    server.instead(
        "RCPT",
        Instead::Say("550 5.1.1 <zhang.wei@example.com> user unknown"),
    );
    assert_eq!(
        channel.send(&post()).await.why().unwrap().code,
        "mail_mailbox_unknown"
    );
    assert!(matches!(channel.send(&post()).await, Outcome::Sent { .. }));
    assert_eq!((server.mails().len(), server.connections()), (1, 1));
}

fn kind(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Sent { .. } => "sent",
        Outcome::Retry { .. } => "retry",
        Outcome::Hold { .. } => "hold",
        Outcome::Reject { .. } => "reject",
        Outcome::Misconfigured { .. } => "misconfigured",
    }
}

#[tokio::test]
async fn every_answer_of_a_relay_has_its_outcome_and_code() {
    for (verb, words, expected, code) in [
        ("CONNECT", "421 4.3.2 try later", "hold", "mail_relay_busy"),
        (
            "CONNECT",
            "554 5.7.1 no service for you",
            "hold",
            "mail_relay_refuses",
        ),
        (
            "CONNECT",
            "HTTP/1.1 400 Bad Request",
            "misconfigured",
            "mail_not_smtp",
        ),
        (
            "AUTH",
            "535 5.7.8 authentication failed",
            "misconfigured",
            "mail_login_refused",
        ),
        (
            "AUTH",
            "526 Authentication failure[0]",
            "misconfigured",
            "mail_login_refused",
        ),
        (
            "AUTH",
            "454 4.7.0 temporary authentication failure",
            "hold",
            "mail_relay_busy",
        ),
        (
            "MAIL",
            "530 5.7.0 must authenticate",
            "misconfigured",
            "mail_login_refused",
        ),
        (
            "MAIL",
            "553 5.7.1 sender not owned by user",
            "misconfigured",
            "mail_sender_refused",
        ),
        (
            "MAIL",
            "552 5.3.4 message size exceeds limit",
            "reject",
            "mail_too_large",
        ),
        ("MAIL", "421 4.7.0 closing", "retry", "mail_relay_busy"),
        (
            "RCPT",
            "550 5.1.1 user unknown",
            "reject",
            "mail_mailbox_unknown",
        ),
        (
            "RCPT",
            "550 No such user here",
            "reject",
            "mail_mailbox_unknown",
        ),
        (
            "RCPT",
            "550 5.2.1 mailbox disabled",
            "reject",
            "mail_mailbox_disabled",
        ),
        (
            "RCPT",
            "552 5.2.2 over quota",
            "reject",
            "mail_mailbox_full",
        ),
        (
            "RCPT",
            "554 5.7.1 relay access denied",
            "reject",
            "mail_policy_refused",
        ),
        (
            "RCPT",
            "554 5.7.1 blocked using zen.spamhaus.org",
            "hold",
            "mail_sender_blocked",
        ),
        ("RCPT", "450 4.2.0 greylisted", "retry", "mail_mailbox_busy"),
        (
            "RCPT",
            "452 4.3.1 insufficient system storage",
            "retry",
            "mail_relay_full",
        ),
        (
            "RCPT",
            "450 4.7.1 too many recipients per minute",
            "hold",
            "mail_throttled",
        ),
        (
            "RCPT",
            "550 Connection frequency limited",
            "hold",
            "mail_throttled",
        ),
        ("DATA", "451 4.3.0 queue error", "retry", "mail_relay_busy"),
        (
            "BODY",
            "554 5.7.1 looks like spam",
            "reject",
            "mail_content_refused",
        ),
        ("BODY", "552 5.3.4 too large", "reject", "mail_too_large"),
        (
            "BODY",
            "550 5.1.1 unknown",
            "reject",
            "mail_mailbox_unknown",
        ),
        ("BODY", "451 4.7.0 try again", "retry", "mail_relay_busy"),
    ] {
        for pipelines in [false, true] {
            let server = SmtpServer::start(MailTls::None).await;
            if pipelines {
                server.pipeline();
            }
            server.instead(verb, Instead::Say(words));
            let outcome = server.channel().send(&post()).await;
            assert_eq!(
                (kind(&outcome), outcome.why().unwrap().code),
                (expected, code),
                "{verb} {words}, pipelining {pipelines}: {outcome:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_relay_that_takes_several_commands_at_once_gets_the_same_mails() {
    let server = SmtpServer::start(MailTls::None).await;
    assert!(matches!(
        server.channel().send(&post()).await,
        Outcome::Sent { .. }
    ));
    server.pipeline();
    let channel = server.channel();
    server.instead("RCPT", Instead::Say("550 5.1.1 user unknown"));
    assert_eq!(
        channel.send(&post()).await.why().unwrap().code,
        "mail_mailbox_unknown"
    );
    for _ in 0..2 {
        assert!(matches!(channel.send(&post()).await, Outcome::Sent { .. }));
    }
    let mails = server.mails();
    assert_eq!((mails.len(), server.connections()), (3, 2));
    assert!(mails.iter().all(|mail| *mail == mails[0]));
}

#[tokio::test]
async fn a_relay_that_asks_for_the_mail_of_a_refused_recipient_never_gets_it() {
    let server = SmtpServer::start(MailTls::None).await;
    server.pipeline();
    server.be_careless();
    let channel = server.channel();
    server.instead("RCPT", Instead::Say("550 5.1.1 user unknown"));
    assert_eq!(
        channel.send(&post()).await.why().unwrap().code,
        "mail_mailbox_unknown"
    );
    assert!(matches!(channel.send(&post()).await, Outcome::Sent { .. }));
    assert_eq!((server.mails().len(), server.connections()), (1, 2));
}

#[tokio::test]
async fn both_kinds_of_tls_work_and_a_strange_certificate_is_refused() {
    for tls in [MailTls::StartTls, MailTls::Implicit] {
        let server = SmtpServer::start(tls).await;
        let channel = mail_channel(MailConfig {
            timeout: Duration::from_secs(5),
            ..server.config()
        });
        let outcome = channel.send(&post()).await;
        assert!(
            matches!(outcome, Outcome::Sent { .. }),
            "{tls:?} {outcome:?}"
        );
        assert_eq!(channel.check(NOW).await.level(), Level::Fine);
        let strange = MailConfig {
            ca_pem: None,
            timeout: Duration::from_secs(5),
            ..server.config()
        };
        let http = dingtalk::Http::new(dingtalk::Timeouts::default()).unwrap();
        match open(ChannelConfig::Mail(strange), &http) {
            Ok(channel) => assert_eq!(
                channel.send(&post()).await.why().unwrap().code,
                "mail_tls_failed"
            ),
            // A machine without any certificate authorities.
            Err(error) => assert!(matches!(error, ConfigError::Tls { .. }), "{error}"),
        }
    }
}

#[tokio::test]
async fn a_relay_without_starttls_gets_neither_password_nor_mail() {
    let server = SmtpServer::start(MailTls::None).await;
    let channel = mail_channel(MailConfig {
        tls: MailTls::StartTls,
        ..server.config()
    });
    assert_eq!(
        channel.send(&post()).await.why().unwrap().code,
        "mail_tls_failed"
    );
    assert!(
        server
            .commands()
            .iter()
            .all(|line| line.starts_with("EHLO") || line == "QUIT")
    );
}

#[tokio::test]
async fn a_check_of_an_unencrypted_relay_warns() {
    let server = SmtpServer::start(MailTls::None).await;
    assert_eq!(server.channel().check(NOW).await.level(), Level::Warning);
    assert!(server.mails().is_empty());
}

#[test]
fn a_config_that_would_give_the_password_away_is_refused() {
    let http = dingtalk::Http::new(dingtalk::Timeouts::default()).unwrap();
    let config = MailConfig {
        tls: MailTls::None,
        username: Some("u".into()),
        password: Some("verysecretpassword".into()),
        ..MailConfig::new("mail.example.com", "notice@example.com")
    };
    let error = open(ChannelConfig::Mail(config.clone()), &http)
        .err()
        .unwrap();
    assert_eq!(
        error,
        ConfigError::PasswordInClear {
            host: "mail.example.com".into()
        }
    );
    let error = open(
        ChannelConfig::Mail(MailConfig {
            password: None,
            ..config.clone()
        }),
        &http,
    )
    .err()
    .unwrap();
    assert!(matches!(error, ConfigError::Incomplete { .. }));
    let error = open(
        ChannelConfig::Mail(MailConfig {
            from: "nobody".into(),
            ..config
        }),
        &http,
    )
    .err()
    .unwrap();
    assert!(matches!(error, ConfigError::Address { .. }));
}

#[tokio::test]
async fn addresses_that_cannot_work_end_the_delivery_before_connecting() {
    let server = SmtpServer::start(MailTls::None).await;
    for (email, code) in [
        (None, "mail_address_missing"),
        (Some("  "), "mail_address_missing"),
        (Some("zhang wei"), "mail_address_invalid"),
    ] {
        let mut post = post();
        post.recipient.as_mut().unwrap().email = email.map(ToOwned::to_owned);
        assert_eq!(server.channel().send(&post).await.why().unwrap().code, code);
    }
    assert_eq!(server.connections(), 0);
}
