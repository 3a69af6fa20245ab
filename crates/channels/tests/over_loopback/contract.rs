//! What holds for every channel, whatever is behind it. A new channel adds one `Bench` here.

use std::sync::Arc;

use serde_json::Value;
use yuezhi_channels::{BoxFuture, Channel, Level, MailTls, Outcome, Para, Recipient};

use crate::app_server::{self, AppServer};
use crate::posts::{message, post, post_of};
use crate::robot_server::{RobotServer, SECRET, TOKEN, robot_channel};
use crate::smtp_server::{Instead, PASSWORD, SmtpServer, mail_channel};

/// What goes wrong outside.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Throttled,
    ServerError,
    SilentAfterTheMessage,
    CutAfterTheMessage,
    ContentRefused,
    CredentialsRefused,
    EchoesSecrets,
}

/// A channel and the fake it talks to.
trait Bench: Send + Sync {
    fn channel(&self) -> Arc<dyn Channel>;
    fn unreachable(&self) -> Arc<dyn Channel>;
    fn cause(&self, fault: Fault);
    /// Texts as they arrived.
    fn arrived(&self) -> Vec<String>;
    fn secrets(&self) -> &'static [&'static str];
}

struct RobotBench(RobotServer);

impl Bench for RobotBench {
    fn channel(&self) -> Arc<dyn Channel> {
        self.0.channel().into()
    }

    fn unreachable(&self) -> Arc<dyn Channel> {
        robot_channel("http://127.0.0.1:9", &[]).into()
    }

    fn cause(&self, fault: Fault) {
        let echo = format!(
            r#"{{"errcode":500100,"errmsg":"/robot/send?access_token={TOKEN}&sign=a%2Bb"}}"#
        );
        match fault {
            Fault::Throttled => self.0.answers(
                200,
                r#"{"errcode":130101,"errmsg":"send too fast, exceed 20 times per minute"}"#,
            ),
            Fault::ServerError => self.0.answers(503, "busy"),
            Fault::SilentAfterTheMessage => self.0.stalls(),
            Fault::CutAfterTheMessage => self.0.answers(200, r#"{"errcode":0,"#),
            Fault::ContentRefused => self
                .0
                .answers(200, r#"{"errcode":430104,"errmsg":"含有不合适的内容"}"#),
            Fault::CredentialsRefused => self
                .0
                .answers(200, r#"{"errcode":310000,"errmsg":"sign not match"}"#),
            Fault::EchoesSecrets => self.0.answers(200, &echo),
        }
    }

    fn arrived(&self) -> Vec<String> {
        self.0.bodies()
    }

    fn secrets(&self) -> &'static [&'static str] {
        &[TOKEN, SECRET, "a%2Bb"]
    }
}

struct MailBench(SmtpServer);

impl Bench for MailBench {
    fn channel(&self) -> Arc<dyn Channel> {
        self.0.channel().into()
    }

    fn unreachable(&self) -> Arc<dyn Channel> {
        mail_channel(yuezhi_channels::MailConfig {
            port: 9,
            ..self.0.config()
        })
        .into()
    }

    fn cause(&self, fault: Fault) {
        let (verb, instead) = match fault {
            Fault::Throttled => ("MAIL", Instead::Say("450 4.7.1 sending too fast")),
            Fault::ServerError => ("BODY", Instead::Say("451 4.3.0 local error")),
            Fault::SilentAfterTheMessage => ("BODY", Instead::Stall),
            Fault::CutAfterTheMessage => ("BODY", Instead::Cut),
            Fault::ContentRefused => ("BODY", Instead::Say("554 5.7.1 content denied")),
            Fault::CredentialsRefused => ("AUTH", Instead::Say("535 5.7.8 wrong password")),
            // The base64 of "\0notice@example.com\0" + PASSWORD, as AUTH PLAIN sends it.
            Fault::EchoesSecrets => (
                "AUTH",
                Instead::Say(
                    "454 4.7.0 failed: mailPasswordVerySecret AG5vdGljZUBleGFtcGxlLmNvbQBtYWlsUGFzc3dvcmRWZXJ5U2VjcmV0",
                ),
            ),
        };
        self.0.instead(verb, instead);
    }

    fn arrived(&self) -> Vec<String> {
        let parser = mail_parser::MessageParser::default();
        let text = |data: &[u8]| {
            parser
                .parse(data)
                .unwrap()
                .body_text(0)
                .unwrap()
                .into_owned()
        };
        self.0.mails().iter().map(|mail| text(&mail.data)).collect()
    }

    fn secrets(&self) -> &'static [&'static str] {
        &[
            PASSWORD,
            "AG5vdGljZUBleGFtcGxlLmNvbQBtYWlsUGFzc3dvcmRWZXJ5U2VjcmV0",
        ]
    }
}

/// One lane of the organisation's app.
struct AppBench {
    server: AppServer,
    lane: &'static str,
    /// Where its messages go.
    path: &'static str,
    /// What a person sees of a request there.
    shown: fn(&Value) -> Vec<&Value>,
}

impl AppBench {
    /// In the words of the host that the lane talks to.
    fn refusal(&self, errcode: &str, status: u16, code: &str, words: &str) {
        let (status, body) = if self.path.starts_with("/v1.0") {
            (
                status,
                format!(r#"{{"code":"{code}","message":"{words}","requestid":"r"}}"#),
            )
        } else {
            (
                200,
                format!(r#"{{"errcode":{errcode},"errmsg":"{words}"}}"#),
            )
        };
        self.server.says(self.path, status, &body);
    }
}

impl Bench for AppBench {
    fn channel(&self) -> Arc<dyn Channel> {
        self.server.channel(self.lane)
    }

    fn unreachable(&self) -> Arc<dyn Channel> {
        let app = app_server::app(app_server::settings("http://127.0.0.1:9"));
        app_server::channel(&app, self.lane)
    }

    fn cause(&self, fault: Fault) {
        // What was announced is not found, so nobody knows whether it is out.
        let none = r#"{"errcode":0,"result":[]}"#;
        self.server.says(app_server::ANNOUNCEMENT_IDS, 200, none);
        match fault {
            Fault::Throttled => self.refusal("143103", 400, "send.too.fast", "too fast"),
            Fault::ServerError => self.server.says(self.path, 503, "busy"),
            Fault::SilentAfterTheMessage => self.server.stalls(self.path),
            Fault::CutAfterTheMessage => self.server.says(self.path, 200, r#"{"errcode":0,"#),
            Fault::ContentRefused => {
                self.refusal("1430002", 400, "contain.notAllowed.content", "违禁内容");
            }
            Fault::CredentialsRefused => self.server.says(
                app_server::TOKEN,
                400,
                r#"{"requestid":"r","code":"invalidClientIdOrSecret","message":"无效的clientId或者clientSecret"}"#,
            ),
            Fault::EchoesSecrets => {
                let words = format!(
                    "/x?access_token={} x-acs-dingtalk-access-token: {}",
                    app_server::ACCESS_TOKEN,
                    app_server::ACCESS_TOKEN
                );
                self.refusal("-1", 500, "system.error", &words);
            }
        }
    }

    fn arrived(&self) -> Vec<String> {
        let text = |value: &Value| match value.as_str() {
            Some(text) => text.to_owned(),
            None => value.to_string(),
        };
        let words = |request: &app_server::Request| {
            let shown = (self.shown)(&request.body).into_iter();
            shown.map(text).collect()
        };
        self.server.to(self.path).iter().map(words).collect()
    }

    fn secrets(&self) -> &'static [&'static str] {
        &[app_server::ACCESS_TOKEN, app_server::CLIENT_SECRET]
    }
}

async fn app_benches() -> Vec<Box<dyn Bench>> {
    type Shown = fn(&Value) -> Vec<&Value>;
    let ways: [(&'static str, &'static str, Shown); 6] = [
        ("work_notice", app_server::NOTICE_SEND, |body| {
            vec![&body["msg"]]
        }),
        ("app_robot", app_server::ROBOT_SEND, |body| {
            vec![&body["msgParam"]]
        }),
        ("card", app_server::CARD_CREATE, |body| {
            vec![&body["cardData"]["cardParamMap"]]
        }),
        ("todo", app_server::TODO_CREATE, |body| {
            vec![&body["subject"]]
        }),
        ("ding", app_server::DING_SEND, |body| vec![&body["content"]]),
        ("announcement", app_server::ANNOUNCE, |body| {
            let request = &body["create_request"];
            vec![&request["title"], &request["content"]]
        }),
    ];
    let mut benches: Vec<Box<dyn Bench>> = Vec::new();
    for (lane, path, shown) in ways {
        benches.push(Box::new(AppBench {
            server: AppServer::start().await,
            lane,
            path,
            shown,
        }));
    }
    benches
}

async fn benches() -> Vec<Box<dyn Bench>> {
    let robot: BoxFuture<'_, Box<dyn Bench>> =
        Box::pin(async { Box::new(RobotBench(RobotServer::start().await)) as _ });
    let mail: BoxFuture<'_, Box<dyn Bench>> =
        Box::pin(async { Box::new(MailBench(SmtpServer::start(MailTls::None).await)) as _ });
    let mut benches = vec![robot.await, mail.await];
    benches.extend(app_benches().await);
    benches
}

async fn outcome_of(bench: &dyn Bench, fault: Fault) -> Outcome {
    bench.cause(fault);
    let outcome = bench.channel().send(&post()).await;
    let shown = format!("{outcome:?}");
    for secret in bench.secrets() {
        assert!(!shown.contains(secret), "{fault:?} shows a secret: {shown}");
    }
    outcome
}

#[tokio::test]
async fn a_message_is_sent() {
    for bench in benches().await {
        let outcome = bench.channel().send(&post()).await;
        assert!(matches!(outcome, Outcome::Sent { .. }), "{outcome:?}");
        assert_eq!(bench.arrived().len(), 1);
        assert!(bench.arrived()[0].contains("差旅费管理制度"));
    }
}

#[tokio::test]
async fn throttling_holds_the_lane() {
    for bench in benches().await {
        let outcome = outcome_of(&*bench, Fault::Throttled).await;
        assert!(matches!(outcome, Outcome::Hold { .. }), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_server_error_is_retried() {
    for bench in benches().await {
        let outcome = outcome_of(&*bench, Fault::ServerError).await;
        assert!(matches!(outcome, Outcome::Retry { .. }), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_lost_answer_is_retried_and_said_to_be_perhaps_delivered() {
    for bench in benches().await {
        for fault in [Fault::SilentAfterTheMessage, Fault::CutAfterTheMessage] {
            let outcome = outcome_of(&*bench, fault).await;
            assert!(
                matches!(
                    outcome,
                    Outcome::Retry {
                        maybe_delivered: true,
                        ..
                    }
                ),
                "{fault:?} {outcome:?}"
            );
        }
    }
}

#[tokio::test]
async fn an_unreachable_platform_holds_the_lane_and_costs_no_attempt() {
    for bench in benches().await {
        let outcome = bench.unreachable().send(&post()).await;
        assert!(matches!(outcome, Outcome::Hold { .. }), "{outcome:?}");
    }
}

#[tokio::test]
async fn refused_content_ends_the_delivery() {
    for bench in benches().await {
        let outcome = outcome_of(&*bench, Fault::ContentRefused).await;
        assert!(matches!(outcome, Outcome::Reject { .. }), "{outcome:?}");
    }
}

#[tokio::test]
async fn refused_credentials_stop_the_lane() {
    for bench in benches().await {
        let outcome = outcome_of(&*bench, Fault::CredentialsRefused).await;
        assert!(
            matches!(outcome, Outcome::Misconfigured { .. }),
            "{outcome:?}"
        );
    }
}

#[tokio::test]
async fn a_secret_sent_back_by_the_platform_is_not_repeated() {
    for bench in benches().await {
        let outcome = outcome_of(&*bench, Fault::EchoesSecrets).await;
        let why = outcome.why().unwrap();
        assert!(!why.detail.is_empty() && why.detail.chars().count() <= 500);
    }
}

#[tokio::test]
async fn an_over_long_text_arrives_without_a_split_character() {
    for bench in benches().await {
        let mut message = message();
        message.body = vec![Para::Text("👨‍👩‍👧第一条 制度全文。".repeat(8000))];
        // Not every way shows the body.
        message.lead = "👨‍👩‍👧请阅读。".repeat(800);
        let outcome = bench.channel().send(&post_of(message)).await;
        assert!(matches!(outcome, Outcome::Sent { .. }), "{outcome:?}");
        let text = bench.arrived().remove(0);
        assert!(text.contains("👨‍👩‍👧") && !text.contains('\u{fffd}'));
        assert!(text.len() <= bench.channel().limits().max_bytes);
    }
}

#[tokio::test]
async fn lanes_and_limits_are_what_the_dispatcher_expects() {
    for bench in benches().await {
        let channel = bench.channel();
        assert!(
            channel.lane().starts_with(channel.kind().as_str()),
            "{}",
            channel.lane()
        );
        let limits = channel.limits();
        assert!(limits.in_flight > 0 && limits.max_bytes > 1000);
        let nobody = Recipient::default();
        assert_eq!(channel.reaches(&nobody).is_ok(), !limits.personal);
        if limits.personal {
            let mut post = post();
            post.recipient = Some(nobody);
            assert!(matches!(channel.send(&post).await, Outcome::Reject { .. }));
            assert!(bench.arrived().is_empty());
        }
    }
}

#[tokio::test]
async fn a_check_sends_no_message_and_finds_wrong_credentials() {
    for bench in benches().await {
        if bench.channel().lane().starts_with("robot") {
            // What a robot answers to the probe.
            bench.cause(Fault::CredentialsRefused);
        } else {
            assert_ne!(
                bench.channel().check(post().now).await.level(),
                Level::Failed
            );
            assert!(bench.arrived().is_empty());
            bench.cause(Fault::CredentialsRefused);
        }
        let report = bench.channel().check(post().now).await;
        assert_eq!(report.level(), Level::Failed, "{report:?}");
        for secret in bench.secrets() {
            assert!(!format!("{report:?}").contains(secret));
        }
    }
}
