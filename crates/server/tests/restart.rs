//! A server that is killed in the middle of its work loses nothing, and repeats at most what was under way.

use std::{collections::BTreeMap, time::Duration};

use yuezhi_sandbox::{Group, Organisation, Robot, Sandbox, SandboxConfig};

use crate::support::{
    MailServer,
    program::{Server, run_in},
    travel,
};

const PEOPLE: usize = 600;
const GROUPS: usize = 30;
/// Connections to the relay: mails that can be under way at once.
const CONNECTIONS: usize = 4;
/// Mails that were accepted but not yet written down as sent when the server died.
const UNRECORDED: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_while_it_sends_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mail = MailServer::slow(0.01);
    let mut config = SandboxConfig::new(Organisation::small());
    config.groups = (0..GROUPS)
        .map(|n| {
            let mut group = Group::new(format!("group-{n}"), format!("群 {n}"));
            group.robots = vec![Robot::new(token(n), "制度助手")];
            group
        })
        .collect();
    let sandbox = Sandbox::start(config).await.unwrap();
    write_configuration(folder.path(), mail.port, &sandbox.url());

    let server = Server::start(folder.path(), &["serve"], &[]).await;
    run_in(folder.path(), &["people", "import", "people.csv"], &[])
        .await
        .expect(0);
    run_in(
        folder.path(),
        &["publish", "travel.md", "--remind", "none"],
        &[],
    )
    .await
    .expect(0);
    wait_for("a third of the mails", || mail.mails().len() >= PEOPLE / 3).await;
    server.kill().await;
    let at_kill = mail.mails().len();
    assert!(at_kill < PEOPLE, "it was killed too late to tell anything");

    let server = Server::start(folder.path(), &["serve"], &[]).await;
    wait_for("every mail", || by_address(&mail).len() == PEOPLE).await;
    wait_for("every group", || by_group(&sandbox).len() == GROUPS).await;
    let counted = || async {
        let deliveries = run_in(
            folder.path(),
            &["--json", "status", "travel", "--limit", "0"],
            &[],
        )
        .await
        .expect(0)
        .json();
        deliveries["notice"]["numbers"]["total"].as_u64()
    };
    assert_eq!(counted().await, Some(PEOPLE as u64));
    let before_third = mail.mails().len();
    server.kill().await;

    // A third start finds nothing left to do.
    let server = Server::start(folder.path(), &["serve"], &[]).await;
    tokio::time::sleep(Duration::from_secs(8)).await;
    server.kill().await;
    let mails = mail.mails().len();
    assert!(
        mails - before_third <= CONNECTIONS + UNRECORDED,
        "{before_third} mails became {mails}"
    );

    let repeated: usize = by_address(&mail)
        .values()
        .map(|copies| copies.len() - 1)
        .sum();
    println!("{at_kill} mails at the kill, {repeated} repeated");
    assert!(
        repeated <= 2 * (CONNECTIONS + UNRECORDED),
        "{repeated} mails were repeated"
    );
    for copies in by_address(&mail).values() {
        assert!(
            copies.iter().all(|id| *id == copies[0]),
            "a repeat has the same Message-ID: {copies:?}"
        );
    }
    for (group, messages) in by_group(&sandbox) {
        assert_eq!(
            messages, 1,
            "{group}: the platform knows a repeat by its key"
        );
    }
}

fn token(n: usize) -> String {
    format!("{n:064x}")
}

fn write_configuration(folder: &std::path::Path, mail_port: u16, sandbox: &str) {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mut config = format!(
        "[server]\nlisten = \"127.0.0.1:{port}\"\n\n[mail]\nhost = \"127.0.0.1\"\nport = {mail_port}\ntls = \"none\"\nfrom = \"policy@lanchuan.example\"\nconnections = {CONNECTIONS}\n"
    );
    let mut people = String::from("工号,姓名,部门,邮箱\n");
    for n in 0..GROUPS {
        config.push_str(&format!("\n[[robot]]\nname = \"group-{n}\"\nwebhook = \"{sandbox}/robot/send?access_token={}\"\n", token(n)));
    }
    for n in 0..PEOPLE {
        people.push_str(&format!(
            "K{n:04},员工{n},部门{},k{n:04}@lanchuan.example\n",
            n % 7
        ));
    }
    std::fs::write(folder.join("yuezhi.toml"), config).unwrap();
    std::fs::write(folder.join("people.csv"), people).unwrap();
    std::fs::write(folder.join("travel.md"), travel(500)).unwrap();
}

/// Message-IDs by address.
fn by_address(mail: &MailServer) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for mail in mail.mails() {
        found.entry(mail.to).or_default().push(mail.message_id);
    }
    found
}

fn by_group(sandbox: &yuezhi_sandbox::SandboxHandle) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for message in sandbox.messages() {
        *found.entry(message.conversation).or_insert(0) += 1;
    }
    found
}

async fn wait_for(what: &str, mut is_there: impl FnMut() -> bool) {
    let waiting = async {
        while !is_there() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(90), waiting)
        .await
        .unwrap_or_else(|_| panic!("{what}: not within the time"));
}
