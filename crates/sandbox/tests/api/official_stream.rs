//! DingTalk's own Python Stream client against the sandbox: `tests/sdk/official_stream.py`.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use yuezhi_sandbox::{CardAnswer, Group, GroupKind};

use crate::line::until;
use crate::support::{Trial, config};

const CHAT: &str = "oto/dingapp/lina";

fn python() -> std::ffi::OsString {
    std::env::var_os("YUEZHI_TEST_PYTHON").expect(
        "this test needs a Python with DingTalk's official SDKs: run ./test, or set YUEZHI_TEST_PYTHON",
    )
}

struct Client {
    _child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Client {
    fn start(trial: &Trial) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk/official_stream.py");
        let mut child = Command::new(python())
            .arg(script)
            .args(["dingapp", "app-secret"])
            .env("DINGTALK_OPENAPI_ENDPOINT", trial.sandbox.url())
            .env("NO_PROXY", "127.0.0.1")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("Python starts");
        let stdout = child.stdout.take().expect("piped");
        Self {
            _child: child,
            lines: BufReader::new(stdout).lines(),
        }
    }

    async fn says(&mut self) -> String {
        let next = tokio::time::timeout(Duration::from_secs(20), self.lines.next_line());
        let line = next.await.expect("a line in time").expect("readable");
        line.expect("the client is still there")
    }
}

/// Python takes its time to start.
async fn connected(trial: &Trial) {
    for _ in 0..6 {
        if !trial.sandbox.stream_connections().is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    until("the client's connection", || {
        let connections = trial.sandbox.stream_connections();
        connections.iter().any(|one| !one.leaving)
    })
    .await;
}

async fn answered(trial: &Trial, client: &mut Client, text: &str) {
    trial.sandbox.say_as("lina", CHAT, text);
    assert_eq!(client.says().await, format!("bot {text}"));
    let wanted = format!("收到：{text}");
    until("the answer in the chat", || {
        let messages = trial.sandbox.messages_of("lina");
        messages
            .last()
            .is_some_and(|last| last.content.preview() == wanted)
    })
    .await;
}

#[tokio::test]
async fn the_official_stream_client_replies_confirms_and_comes_back() {
    let mut config = config();
    config.clock.run();
    config.rules.push.disconnect_linger_ms = 2_000;
    config.rules.push.ping_every_ms = Some(100);
    let trial = Trial::with(config).await;
    let mut client = Client::start(&trial);
    connected(&trial).await;
    answered(&trial, &mut client, "你好").await;

    let token = trial.token().await;
    let card = json!({
        "cardTemplateId": "sandbox-confirm.schema",
        "outTrackId": "policy-1",
        "callbackType": "STREAM",
        "cardData": {"cardParamMap": {"title": "年休假管理办法", "url": "http://127.0.0.1/1"}},
        "imRobotOpenSpaceModel": {"supportForward": false},
        "openSpaceId": "dtv1.card//IM_ROBOT.lina;IM_ROBOT.wangfang",
        "imRobotOpenDeliverModel": {"spaceType": "IM_ROBOT", "robotCode": "dingapp"},
    });
    let path = "/v1.0/card/instances/createAndDeliver";
    let (status, made) = trial.api("POST", path, Some(&token), &card).await;
    assert_eq!(status, 200, "{made}");
    let clicked = trial
        .sandbox
        .click_card("policy-1", "lina", "confirm")
        .await;
    assert_eq!(clicked, Ok(CardAnswer::Updated));
    assert_eq!(client.says().await, "card confirm lina");
    let hers = trial.sandbox.card("policy-1", "lina").unwrap();
    assert_eq!(hers["buttons"][1]["text"], "已确认", "{hers}");
    let other = trial.sandbox.card("policy-1", "wangfang").unwrap();
    assert_eq!(other["buttons"][1]["text"], "确认已读");
    assert_eq!(other["tag"], "1 人已确认");

    trial
        .sandbox
        .emit("user_add_org", json!({"userId": ["new"]}));
    let event = r#"event user_add_org {"userId": ["new"]}"#;
    assert_eq!(client.says().await, event);

    let first = trial.sandbox.stream_connections()[0].id.clone();
    trial
        .sandbox
        .disconnect_streams(None, "connection is expired");
    until("another connection", || {
        let connections = trial.sandbox.stream_connections();
        connections
            .iter()
            .any(|one| one.id != first && !one.leaving)
    })
    .await;
    answered(&trial, &mut client, "断开之后").await;

    let second = trial
        .sandbox
        .stream_connections()
        .last()
        .unwrap()
        .id
        .clone();
    trial.sandbox.cut_streams(None);
    until("a third connection", || {
        let connections = trial.sandbox.stream_connections();
        connections
            .iter()
            .any(|one| one.id != first && one.id != second)
    })
    .await;
    answered(&trial, &mut client, "断线之后").await;
    until("a pong", || {
        let connections = trial.sandbox.stream_connections();
        connections.iter().any(|one| one.pongs > 0)
    })
    .await;
}

#[tokio::test]
async fn the_official_sdk_makes_and_changes_cards() {
    let mut config = config();
    config.clock.run();
    let mut scene = Group::new("cidScene==", "制度发布群");
    scene.kind = GroupKind::Scene;
    scene.template_id = "scene-template".into();
    scene.members = vec!["lina".into()];
    scene.app_robots = vec!["dingapp".into()];
    config.groups.push(scene);
    let trial = Trial::with(config).await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk/official_cards.py");
    let output = Command::new(python())
        .arg(script)
        .arg(trial.sandbox.addr().to_string())
        .args(["dingapp", "app-secret", "cidScene==", "scene-template"])
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .await
        .expect("Python starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let hers = trial.sandbox.card("sdk-1", "lina").unwrap();
    assert_eq!(hers["markdown"], "全文");
    assert_eq!(hers["buttons"][1]["text"], "已确认");
}
