//! The built program as people and scripts use it: results on standard output, exit codes 0, 1 and 2, JSON on request.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;
use yuezhi_sandbox::{Group, Organisation, Robot, Sandbox, SandboxConfig, SandboxHandle};

use crate::support::{
    people_csv,
    program::{Run, Server, run, run_in},
    travel,
};

const COMMANDS: &[&str] = &[
    "demo", "serve", "sandbox", "publish", "send", "notices", "status", "remind", "cancel",
    "people", "doctor", "token", "backup", "restore", "calendar",
];

#[tokio::test]
async fn help_names_every_command_and_every_command_has_help() {
    let help = run(&["--help"], &[]).await.expect(0);
    for command in COMMANDS {
        assert!(
            help.stdout.contains(&format!("  {command} ")),
            "{command} is missing in:\n{}",
            help.stdout
        );
        let own = run(&[command, "--help"], &[]).await.expect(0);
        assert!(own.stdout.contains("Usage:"), "{}", own.stdout);
    }
    let version = run(&["--version"], &[]).await.expect(0);
    assert_eq!(
        version.stdout.trim(),
        format!("yuezhi {}", env!("CARGO_PKG_VERSION"))
    );
}

#[tokio::test]
async fn wrong_usage_ends_with_two() {
    run(&[], &[]).await.expect(2);
    run(&["pubish"], &[]).await.expect(2);
    let wrong = run(&["publish", "--no-such-option", "x.md"], &[])
        .await
        .expect(2);
    assert!(wrong.stderr.contains("--no-such-option"));
    run(&["send", "text without a target"], &[]).await.expect(2);
    run(&["token"], &[]).await.expect(2);
}

#[tokio::test]
async fn a_client_without_a_server_says_how_to_reach_one() {
    let alone = run(&["notices"], &[]).await;
    assert_ne!(alone.code, 0);
    assert!(alone.stderr.contains("--url"), "{}", alone.stderr);
    let nobody = run(
        &[
            "--url",
            "http://127.0.0.1:9",
            "--token",
            "secret-token-value",
            "notices",
        ],
        &[],
    )
    .await
    .expect(1);
    assert!(nobody.stderr.contains("127.0.0.1:9"), "{}", nobody.stderr);
    assert!(!nobody.stderr.contains("secret-token-value"));
}

const SECRET: &str = "SECcommandline000000000000000000000000000000000000000000000000001";
const TOKEN: &str = "00000000000000000000000000000000000000000000000000000000000000c1";

async fn sandbox() -> SandboxHandle {
    let mut config = SandboxConfig::new(Organisation::small());
    let mut group = Group::new("all", "全员群");
    let mut robot = Robot::new(TOKEN, "制度助手");
    robot.security.secret = Some(SECRET.to_owned());
    group.robots = vec![robot];
    config.groups = vec![group];
    Sandbox::start(config).await.unwrap()
}

/// A folder with a configuration; commands run in it find both it and the server.
struct Machine {
    folder: TempDir,
    sandbox: SandboxHandle,
}

impl Machine {
    async fn new() -> Self {
        let (folder, sandbox) = (tempfile::tempdir().unwrap(), sandbox().await);
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let config = format!(
            "[server]\nlisten = \"127.0.0.1:{port}\"\n\n[[robot]]\nname = \"all\"\nwebhook = \"{}/robot/send?access_token={TOKEN}\"\nsecret = \"{SECRET}\"\n",
            sandbox.url()
        );
        std::fs::write(folder.path().join("yuezhi.toml"), config).unwrap();
        std::fs::write(folder.path().join("people.csv"), people_csv()).unwrap();
        std::fs::write(folder.path().join("travel.md"), travel(500)).unwrap();
        Self { folder, sandbox }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    async fn run(&self, arguments: &[&str]) -> Run {
        run_in(self.path(), arguments, &[]).await
    }

    fn change_configuration(&self, from: &str, to: &str) {
        let path = self.path().join("yuezhi.toml");
        let config = std::fs::read_to_string(&path).unwrap().replace(from, to);
        std::fs::write(&path, config).unwrap();
    }

    async fn json(&self, arguments: &[&str]) -> Value {
        self.run(&[&["--json"], arguments].concat())
            .await
            .expect(0)
            .json()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_goes_its_way_by_the_command_line_alone() {
    let machine = Machine::new().await;
    let server = Server::start(machine.path(), &["serve"], &[]).await;

    let bad = machine.run(&["people", "import", "travel.md"]).await;
    assert_eq!(bad.code, 2, "{bad:?}");
    let imported = machine.json(&["people", "import", "people.csv"]).await;
    assert_eq!(imported["created"], 30, "{imported:#}");
    let listed = machine
        .run(&["people", "list", "--search", "许佳悦"])
        .await
        .expect(0);
    assert!(listed.stdout.contains("LC00041"), "{}", listed.stdout);

    let plan = machine
        .run(&["publish", "travel.md", "--dry-run", "--due", "5wd"])
        .await
        .expect(0);
    assert!(plan.stdout.contains("30"), "{}", plan.stdout);
    assert_eq!(
        machine.sandbox.messages().len(),
        0,
        "a dry run tells nobody"
    );
    let wrong = machine
        .run(&["publish", "travel.md", "--due", "soon"])
        .await
        .expect(2);
    assert!(
        wrong.stderr.contains("soon") && wrong.stderr.contains("5wd"),
        "it says what is right: {}",
        wrong.stderr
    );
    let missing = machine.run(&["publish", "nowhere.md"]).await.expect(2);
    assert!(missing.stderr.contains("nowhere.md"), "{}", missing.stderr);

    let published = machine
        .json(&["publish", "travel.md", "--due", "5wd"])
        .await;
    let notice = published["published"]["notice"]
        .as_str()
        .unwrap()
        .to_owned();
    let arrived = async {
        while machine.sandbox.messages().is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), arrived)
        .await
        .expect("the group hears of it");
    let again = machine.json(&["publish", "travel.md"]).await;
    assert_eq!(again["published"]["unchanged"], true);

    let notices = machine.json(&["notices"]).await;
    assert_eq!(notices[0]["id"], notice.as_str());
    let table = machine.run(&["notices"]).await.expect(0);
    assert!(table.stdout.contains("差旅费报销办法"), "{}", table.stdout);
    assert!(!table.stdout.contains('\u{1b}'), "no colours into a pipe");
    let status = machine.json(&["status", "travel"]).await;
    assert_eq!(status["notice"]["numbers"]["pending"], 30, "{status:#}");
    machine.run(&["status", "no-such-policy"]).await.expect(1);

    let would = machine.json(&["remind", "travel", "--dry-run"]).await;
    assert_eq!(would["outstanding"], 30);
    let reminded = machine.json(&["remind", &notice]).await;
    assert_eq!(reminded["outstanding"], 30);
    let twice = machine.run(&["remind", &notice]).await.expect(1);
    assert!(
        !twice.stderr.is_empty() && twice.stdout.is_empty(),
        "{twice:?}"
    );
    let chinese = machine
        .run(&["--language", "zh-CN", "remind", &notice])
        .await
        .expect(1);
    assert!(chinese.stderr.contains("催办"), "{}", chinese.stderr);

    let cancelled = machine
        .json(&["cancel", "travel", "--reason", "发错了版本"])
        .await;
    assert_eq!(cancelled["pending_closed"], 30);
    machine
        .run(&["cancel", "travel", "--reason", "again"])
        .await
        .expect(1);

    let calendar = machine.run(&["calendar", "check", "--year", "2026"]).await;
    assert!(
        calendar.stdout.contains("国庆") || calendar.stdout.contains("10-01"),
        "{calendar:?}"
    );
    std::fs::write(machine.path().join("broken.json"), "{}").unwrap();
    machine
        .run(&["calendar", "import", "broken.json"])
        .await
        .expect(2);
    server.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_opens_the_api_until_it_is_revoked() {
    let machine = Machine::new().await;
    let server = Server::start(machine.path(), &["serve"], &[]).await;
    let created = machine.run(&["token", "create", "nightly"]).await.expect(0);
    let token = created.stdout.trim().to_owned();
    assert!(
        token.starts_with("yuezhi_"),
        "only the token stands on standard output: {created:?}"
    );
    let elsewhere = |token: String| {
        let url = server.url().to_owned();
        async move {
            run(
                &["--url", &url, "--token", &token, "--json", "notices"],
                &[],
            )
            .await
        }
    };
    elsewhere(token.clone()).await.expect(0);
    elsewhere("yuezhi_wrong".to_owned()).await.expect(1);
    let listed = machine.json(&["token", "list"]).await;
    assert!(!listed.to_string().contains(&token));
    let id = listed[0]["id"].as_str().unwrap();
    machine.run(&["token", "revoke", id]).await.expect(0);
    elsewhere(token).await.expect(1);
    server.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_line_sends_to_a_group_without_a_server() {
    let sandbox = sandbox().await;
    let webhook = format!("{}/robot/send?access_token={TOKEN}", sandbox.url());
    let send = |more: &'static [&'static str]| {
        let webhook = webhook.clone();
        async move {
            run(
                &[&["send", "--webhook", &webhook, "--secret", SECRET], more].concat(),
                &[],
            )
            .await
        }
    };
    send(&["今天下午三点开会", "--at-all"]).await.expect(0);
    send(&["## 制度更新\n\n请查看", "--markdown"])
        .await
        .expect(0);
    send(&[
        "请查看新制度",
        "--title",
        "新制度",
        "--action-card",
        "查看=https://policy.example/n/1",
    ])
    .await
    .expect(0);
    let json = send(&["再来一条", "--json"]).await.expect(0).json();
    assert_eq!(json["sent"], true);
    let messages = sandbox.messages();
    assert_eq!(messages.len(), 4);
    assert!(messages[0].at_all);
    assert!(
        messages[1]
            .content
            .visible_strings()
            .join("")
            .contains("制度更新")
    );

    let unsigned = run(&["send", "--webhook", &webhook, "text"], &[])
        .await
        .expect(1);
    assert!(
        !unsigned.stderr.contains(TOKEN),
        "no secret in an error: {}",
        unsigned.stderr
    );
    assert!(
        unsigned.stderr.len() > 40,
        "it says what to do: {}",
        unsigned.stderr
    );
    let wrong = run(
        &[
            "send",
            "--webhook",
            &webhook,
            "--secret",
            "SECwrong",
            "text",
        ],
        &[],
    )
    .await
    .expect(1);
    assert!(!wrong.stderr.contains("SECwrong"), "{}", wrong.stderr);
    run(&["send", "--webhook", "no address", "text"], &[])
        .await
        .expect(2);
    assert_eq!(sandbox.messages().len(), 4);

    let machine = Machine::new().await;
    machine
        .run(&["send", "--robot", "all", "来自配置文件"])
        .await
        .expect(0);
    assert_eq!(machine.sandbox.messages().len(), 1);
    machine
        .run(&["send", "--robot", "nobody", "text"])
        .await
        .expect(2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_finds_what_is_wrong_and_sends_nothing_unasked() {
    let machine = Machine::new().await;
    let health = |findings: &Value, subject: &str| {
        let found = findings
            .as_array()
            .unwrap()
            .iter()
            .find(|finding| finding["subject"] == subject);
        found.unwrap_or_else(|| panic!("no finding about {subject}: {findings:#}"))["health"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let fine = machine.run(&["--json", "doctor"]).await.expect(0).json();
    assert_eq!(health(&fine, "database"), "fine");
    assert_eq!(health(&fine, "robot:all"), "fine");

    machine.change_configuration(TOKEN, &TOKEN.replace('c', "d"));
    let broken = machine.run(&["--json", "doctor"]).await.expect(1);
    assert_eq!(health(&broken.json(), "robot:all"), "broken");
    let words = machine.run(&["doctor"]).await.expect(1);
    assert!(words.stdout.contains('✗'), "{}", words.stdout);
    assert!(
        !format!("{words:?}").contains(&TOKEN.replace('c', "d")),
        "{words:?}"
    );
    assert_eq!(
        machine.sandbox.messages().len(),
        0,
        "the doctor disturbs nobody"
    );

    // Signatures are proved by a message only.
    machine.change_configuration(&TOKEN.replace('c', "d"), TOKEN);
    machine.run(&["doctor", "--send-test"]).await.expect(0);
    assert_eq!(machine.sandbox.messages().len(), 1);
    machine.change_configuration(SECRET, "SECsomethingelse");
    let unsigned = machine.run(&["doctor", "--send-test"]).await.expect(1);
    assert!(
        !format!("{unsigned:?}").contains("SECsomethingelse"),
        "{unsigned:?}"
    );
    assert_eq!(machine.sandbox.messages().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_brings_everything_back() {
    let machine = Machine::new().await;
    let server = Server::start(machine.path(), &["serve"], &[]).await;
    machine.json(&["people", "import", "people.csv"]).await;
    machine.json(&["publish", "travel.md"]).await;
    machine.run(&["backup", "all.backup"]).await.expect(0);
    machine.run(&["backup", "all.backup"]).await.expect(1);
    server.kill().await;

    let refused = machine.run(&["restore", "all.backup"]).await.expect(1);
    assert!(
        refused.stderr.contains("--force") || refused.stderr.contains("force"),
        "{}",
        refused.stderr
    );
    let elsewhere = Machine::new().await;
    std::fs::copy(
        machine.path().join("all.backup"),
        elsewhere.path().join("all.backup"),
    )
    .unwrap();
    let restored = elsewhere.json(&["restore", "all.backup"]).await;
    assert_eq!(
        (&restored["people"], &restored["notices"]),
        (&Value::from(30), &Value::from(1)),
        "{restored:#}"
    );
    let server = Server::start(elsewhere.path(), &["serve"], &[]).await;
    let notices = elsewhere.json(&["notices"]).await;
    assert_eq!(notices[0]["numbers"]["total"], 30);
    server.kill().await;
    std::fs::write(elsewhere.path().join("torn.backup"), b"not a backup").unwrap();
    elsewhere
        .run(&["restore", "torn.backup", "--force"])
        .await
        .expect(1);
}
