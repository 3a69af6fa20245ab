//! The mailbox: SMTP in, pages out.

use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::support::{Trial, config};

const LETTER: &str = "From: =?UTF-8?B?6ZiF55+l?= <policy@yunshan.example>\r\n\
    To: lina@yunshan.example\r\n\
    Subject: =?UTF-8?B?6K+356Gu6K6k?=\r\n\
    Message-ID: <1@yunshan.example>\r\n\
    MIME-Version: 1.0\r\n\
    Content-Type: multipart/alternative; boundary=b\r\n\r\n\
    --b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n..dot\r\nplease read\r\n\
    --b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>read</p><script>alert(1)</script>\r\n--b--\r\n";

struct Relay(BufReader<TcpStream>);

impl Relay {
    async fn connect(trial: &Trial) -> Self {
        let address = trial.sandbox.mail_addr().expect("mail is on");
        let mut relay = Self(BufReader::new(
            TcpStream::connect(address).await.expect("SMTP"),
        ));
        assert!(relay.reply().await.starts_with("220 "));
        relay
    }

    async fn reply(&mut self) -> String {
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).await.expect("a reply");
            if line.chars().nth(3) != Some('-') {
                return line;
            }
        }
    }

    async fn say(&mut self, line: &str) -> String {
        self.0
            .write_all(format!("{line}\r\n").as_bytes())
            .await
            .expect("open");
        self.reply().await
    }
}

async fn trial() -> Trial {
    let mut config = config();
    config.mail_listen = Some(([127, 0, 0, 1], 0).into());
    Trial::with(config).await
}

#[tokio::test]
async fn a_mail_is_kept_as_sent_and_shown_to_its_reader() {
    let trial = trial().await;
    let mut relay = Relay::connect(&trial).await;
    for (line, expected) in [
        ("EHLO relay", "250 "),
        (
            "MAIL FROM:<policy@yunshan.example> SIZE=100 BODY=8BITMIME",
            "250 ",
        ),
        ("RCPT TO:<LiNa@yunshan.example>", "250 "),
        ("DATA", "354 "),
    ] {
        assert!(relay.say(line).await.starts_with(expected), "{line}");
    }
    assert!(relay.say(&format!("{LETTER}.")).await.starts_with("250 "));
    assert!(relay.say("QUIT").await.starts_with("221 "));

    let mail = trial.sandbox.mails().remove(0);
    assert_eq!(
        String::from_utf8(mail.raw).unwrap(),
        LETTER.replace("\r\n..dot", "\r\n.dot")
    );
    assert_eq!(mail.to, ["LiNa@yunshan.example"]);
    let ask = async |persona: &str, path: &str| {
        let cookie = format!("dingtalk_sandbox_persona={persona}");
        let answer = trial
            .http
            .get(trial.url(path))
            .header("cookie", cookie)
            .send()
            .await
            .unwrap();
        answer.text().await.unwrap()
    };
    assert!(
        ask("lina", "/chat/home")
            .await
            .contains(r#""mails_unread":1"#)
    );
    let list = ask("lina", "/chat/mails").await;
    assert!(
        list.contains("阅知 <policy@yunshan.example>") && list.contains("请确认"),
        "{list}"
    );
    assert!(
        ask("wangfang", "/chat/mails")
            .await
            .contains(r#""mails":[]"#)
    );
    assert!(
        ask("wangfang", "/chat/mails?all=true")
            .await
            .contains("请确认")
    );
    assert!(
        ask("lina", "/chat/mails/1")
            .await
            .contains(r#""has_html":true"#)
    );
    assert!(
        ask("lina", "/chat/home")
            .await
            .contains(r#""mails_unread":0"#)
    );
    let frame = trial
        .http
        .get(trial.url("/chat/mails/1/html"))
        .send()
        .await
        .unwrap();
    let security = frame.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        security.contains("default-src 'none'") && security.contains("sandbox allow-popups"),
        "{security}"
    );
    let whole = trial
        .http
        .get(trial.url("/sandbox/mails"))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(whole.contains("1@yunshan.example"), "{whole}");
}

#[tokio::test]
async fn commands_out_of_order_are_refused_and_an_unfinished_mail_leaves_nothing() {
    let trial = trial().await;
    let mut relay = Relay::connect(&trial).await;
    for (line, expected) in [
        ("HELO relay", "250 "),
        ("DATA", "503 "),
        ("RCPT TO:<lina@yunshan.example>", "503 "),
        ("MAIL FROM:policy", "501 "),
        ("MAIL FROM:<>", "250 "),
        ("RCPT TO:<nobody>", "501 "),
        ("RCPT TO:<lina@yunshan.example>", "250 "),
        ("RSET", "250 "),
        ("DATA", "503 "),
        ("STARTTLS", "502 "),
        ("NOOP", "250 "),
        ("MAIL FROM:<a@b.example>", "250 "),
        ("RCPT TO:<lina@yunshan.example>", "250 "),
        ("DATA", "354 "),
    ] {
        assert!(relay.say(line).await.starts_with(expected), "{line}");
    }
    relay.0.write_all(b"Subject: half\r\n").await.unwrap();
    drop(relay);
    let mut next = Relay::connect(&trial).await;
    assert!(next.say("NOOP").await.starts_with("250 "));
    assert!(trial.sandbox.mails().is_empty());
}

#[tokio::test]
async fn mails_survive_a_restart_and_are_cleared_with_the_messages() {
    let folder = tempfile::tempdir().unwrap();
    let kept = || {
        let mut config = config();
        config.mail_listen = Some(([127, 0, 0, 1], 0).into());
        config.data_dir = Some(folder.path().to_path_buf());
        config
    };
    let trial = Trial::with(kept()).await;
    let mut relay = Relay::connect(&trial).await;
    for line in [
        "MAIL FROM:<a@b.example>",
        "RCPT TO:<lina@yunshan.example>",
        "DATA",
        "Subject: x\r\n\r\nlong\r\n.",
    ] {
        relay.say(line).await;
    }
    let mails = trial.sandbox.mails();
    assert_eq!(mails.len(), 1);
    trial.sandbox.shutdown().await;
    let trial = Trial::with(kept()).await;
    assert_eq!(trial.sandbox.mails(), mails);
    let cleared = trial
        .http
        .delete(trial.url("/sandbox/messages"))
        .json(&json!({}))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (cleared.status().as_u16(), trial.sandbox.mails().len()),
        (204, 0)
    );
}

#[tokio::test]
async fn an_address_that_is_nobodys_is_refused_and_the_others_get_their_mail() {
    let trial = trial().await;
    let mut relay = Relay::connect(&trial).await;
    assert!(
        relay
            .say("EHLO relay\r\nMAIL FROM:<policy@yunshan.example>")
            .await
            .starts_with("250 SIZE")
    );
    assert!(relay.reply().await.starts_with("250 2.1.0"));
    let refusal = relay.say("RCPT TO:<nobody@yunshan.example>").await;
    assert!(
        refusal.starts_with("550 5.1.1 <nobody@yunshan.example>"),
        "{refusal}"
    );
    assert!(relay.say("DATA").await.starts_with("554 "), "nobody yet");
    for line in [
        "RCPT TO:<lina@yunshan.example>",
        "DATA",
        "Subject: a\r\n\r\nb\r\n.",
    ] {
        relay.say(line).await;
    }
    assert_eq!(trial.sandbox.mails()[0].to, ["lina@yunshan.example"]);
}

#[tokio::test]
async fn a_second_mail_cannot_be_smuggled_in_behind_a_lone_line_feed() {
    let trial = trial().await;
    let mut relay = Relay::connect(&trial).await;
    for line in [
        "EHLO relay",
        "MAIL FROM:<a@b.example>",
        "RCPT TO:<lina@yunshan.example>",
        "DATA",
        "Subject: one\r\n\r\nx\n.\nMAIL FROM:<boss@yunshan.example>\n.\r\nmore\r\n.",
    ] {
        relay.say(line).await;
    }
    assert!(relay.say("QUIT").await.starts_with("221 "));
    assert_eq!(trial.sandbox.mails().len(), 1);
}

#[tokio::test]
async fn only_a_recipients_look_counts_as_read() {
    let trial = trial().await;
    let mut relay = Relay::connect(&trial).await;
    for line in [
        "EHLO relay",
        "MAIL FROM:<a@b.example>",
        "RCPT TO:<lina@yunshan.example>",
        "DATA",
        "Subject: a\r\n\r\nb\r\n.",
    ] {
        relay.say(line).await;
    }
    let unread = async |persona: &str, path: &str| {
        let asked = trial.http.get(trial.url(path));
        let cookie = format!("dingtalk_sandbox_persona={persona}");
        let answer = asked.header("cookie", cookie).send().await.unwrap();
        answer.text().await.unwrap()
    };
    unread("wangfang", "/chat/mails/1").await;
    assert!(
        unread("lina", "/chat/home")
            .await
            .contains(r#""mails_unread":1"#)
    );
}

#[tokio::test]
async fn a_common_mail_library_delivers_and_learns_of_refusals() {
    use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

    let trial = trial().await;
    let address = trial.sandbox.mail_addr().expect("mail is on");
    let relay = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(address.ip().to_string())
        .port(address.port())
        .build();
    let mail = |to: &str| {
        Message::builder()
            .from("阅知 <policy@yunshan.example>".parse().unwrap())
            .to(to.parse().unwrap())
            .subject("差旅费管理办法 3.0，请在 11 月 27 日前确认")
            .body(format!("{}\n.\n..\n", "请阅读。".repeat(400)))
            .unwrap()
    };
    relay.send(mail("lina@yunshan.example")).await.unwrap();
    let refused = relay.send(mail("nobody@yunshan.example")).await;
    let refused = refused.unwrap_err();
    assert!(refused.is_permanent(), "{refused}");
    let kept = trial.sandbox.mails();
    assert_eq!(kept.len(), 1);
    let read = mail_parser::MessageParser::default()
        .parse(&kept[0].raw)
        .unwrap();
    assert_eq!(
        read.subject(),
        Some("差旅费管理办法 3.0，请在 11 月 27 日前确认")
    );
    let text = read.body_text(0).unwrap();
    assert!(
        text.starts_with("请阅读。") && text.contains("\n.\n..\n")
            || text.contains("\r\n.\r\n..\r\n")
    );
}
