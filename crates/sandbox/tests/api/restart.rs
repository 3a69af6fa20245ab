//! What a data directory keeps.

use serde_json::json;
use yuezhi_sandbox::{Organisation, Sandbox, SandboxConfig, StartError};

use crate::support::{Trial, config};

fn kept_in(folder: &std::path::Path) -> SandboxConfig {
    SandboxConfig {
        data_dir: Some(folder.to_path_buf()),
        ..config()
    }
}

#[tokio::test]
async fn a_restart_loses_no_chat_robot_person_read_or_token() {
    let folder = tempfile::tempdir().unwrap();
    let trial = Trial::with(kept_in(folder.path())).await;
    let body = json!({"msgtype": "text", "text": {"content": "早"}, "msgUuid": "u"});
    trial.robot("access_token=open", &body).await;
    let token = trial.token().await;
    trial.sandbox.read_all_as("lina");
    let mut group = trial.sandbox.groups().remove(0);
    group.robots[0].name = "新名字".into();
    trial.sandbox.put_group(group);
    let (messages, groups, quota) = (
        trial.sandbox.messages(),
        trial.sandbox.groups(),
        trial.sandbox.quota(),
    );
    trial.sandbox.shutdown().await;

    let again = SandboxConfig {
        organisation: Organisation::default(),
        groups: Vec::new(),
        ..kept_in(folder.path())
    };
    let trial = Trial::with(again).await;
    assert_eq!(
        (
            trial.sandbox.messages(),
            trial.sandbox.groups(),
            trial.sandbox.quota()
        ),
        (messages, groups, quota)
    );
    assert_eq!(
        trial.sandbox.read_all_as("lina"),
        0,
        "what was read stays read"
    );
    assert_eq!(trial.sandbox.read_all_as("zhangwei"), 1);
    assert_eq!(trial.token().await, token);
    trial.robot("access_token=open", &body).await;
    assert_eq!(
        trial.sandbox.messages().len(),
        1,
        "the idempotency key is remembered"
    );
    assert_eq!(trial.say("open", "晚").await, 0);
    assert_eq!(trial.sandbox.messages()[1].id, 2);
}

#[tokio::test]
async fn a_line_cut_off_by_a_kill_is_dropped_and_a_damaged_one_refuses_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sandbox.jsonl");
    let trial = Trial::with(kept_in(folder.path())).await;
    trial.say("open", "早").await;
    trial.sandbox.shutdown().await;
    let whole = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{whole}{{\"entry\":\"mess")).unwrap();
    let trial = Trial::with(kept_in(folder.path())).await;
    assert_eq!(trial.sandbox.messages().len(), 1);
    assert_eq!(trial.say("open", "晚").await, 0);
    trial.sandbox.shutdown().await;
    let trial = Trial::with(kept_in(folder.path())).await;
    assert_eq!(trial.sandbox.messages().len(), 2);
    trial.sandbox.shutdown().await;

    std::fs::write(&file, format!("nonsense\n{whole}")).unwrap();
    let refused = Sandbox::start(kept_in(folder.path())).await;
    assert!(matches!(refused, Err(StartError::Journal(_))));
}

#[tokio::test]
async fn clearing_removes_messages_and_ids_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let trial = Trial::with(kept_in(folder.path())).await;
    trial.say("open", "早").await;
    trial.sandbox.clear();
    trial.sandbox.shutdown().await;
    let trial = Trial::with(kept_in(folder.path())).await;
    assert!(trial.sandbox.messages().is_empty());
    trial.say("open", "晚").await;
    assert_eq!(trial.sandbox.messages()[0].id, 2);
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let trial = Trial::start().await;
    let taken = SandboxConfig {
        listen: trial.sandbox.addr(),
        ..config()
    };
    let error = Sandbox::start(taken).await.unwrap_err().to_string();
    assert!(error.contains(&trial.sandbox.addr().to_string()), "{error}");
}
