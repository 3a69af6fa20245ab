//! What holds for every channel, whatever is behind it. A new channel adds one `Bench` here.

use yuezhi_channels::{BoxFuture, Channel, Level, MailTls, Outcome, Para, Recipient};

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
    fn channel(&self) -> Box<dyn Channel>;
    fn unreachable(&self) -> Box<dyn Channel>;
    fn cause(&self, fault: Fault);
    /// Texts as they arrived.
    fn arrived(&self) -> Vec<String>;
    fn secrets(&self) -> &'static [&'static str];
}

struct RobotBench(RobotServer);

impl Bench for RobotBench {
    fn channel(&self) -> Box<dyn Channel> {
        self.0.channel()
    }

    fn unreachable(&self) -> Box<dyn Channel> {
        robot_channel("http://127.0.0.1:9", &[])
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
    fn channel(&self) -> Box<dyn Channel> {
        self.0.channel()
    }

    fn unreachable(&self) -> Box<dyn Channel> {
        mail_channel(yuezhi_channels::MailConfig {
            port: 9,
            ..self.0.config()
        })
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

async fn benches() -> Vec<Box<dyn Bench>> {
    let robot: BoxFuture<'_, Box<dyn Bench>> =
        Box::pin(async { Box::new(RobotBench(RobotServer::start().await)) as _ });
    let mail: BoxFuture<'_, Box<dyn Bench>> =
        Box::pin(async { Box::new(MailBench(SmtpServer::start(MailTls::None).await)) as _ });
    vec![robot.await, mail.await]
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
