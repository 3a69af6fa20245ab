//! DingTalk's own Python SDK against the sandbox: `tests/sdk/official_sdk.py` and `official_platform.py`.

use std::path::Path;

use serde_json::json;
use yuezhi_sandbox::{Access, Rules};

use crate::support::{CID, Trial, config};

/// A sandbox on the machine's time, as a script in another process needs it.
async fn trial() -> Trial {
    let mut config = config();
    config.clock.run();
    config.seed = None;
    Trial::with(config).await
}

/// Runs a script of `tests/sdk` with the sandbox's address and these arguments; it must end well.
async fn run(trial: &Trial, script: &str, arguments: &[&str]) {
    let Some(python) = std::env::var_os("YUEZHI_TEST_PYTHON") else {
        panic!(
            "this test needs a Python with DingTalk's official SDK: run ./test, or set YUEZHI_TEST_PYTHON"
        );
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/sdk")
        .join(script);
    let mut command = tokio::process::Command::new(python);
    command
        .arg(script)
        .arg(trial.sandbox.addr().to_string())
        .args(arguments);
    let output = command
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .await
        .expect("Python starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
}

#[tokio::test]
async fn the_official_sdk_gets_the_documented_results() {
    let trial = trial().await;
    run(&trial, "official_sdk.py", &["dingapp", "app-secret", CID]).await;
    assert_eq!(trial.sandbox.messages().len(), 3);
    assert_eq!(
        trial.sandbox.messages_of("lina").len(),
        2,
        "one to her, one to her group"
    );
}

#[tokio::test]
async fn the_official_sdk_reads_what_is_answered_about_to_dos_announcements_and_ding() {
    let trial = trial().await;
    trial.sandbox.set_rules(Rules {
        access: Access {
            group_announcements: true,
            ..Access::default()
        },
        ..Rules::default()
    });
    let token = trial.token().await;
    let announcement = json!({"create_request": {
        "operation_userid": "zhangwei", "title": "年假办法", "content": "自 1 月 1 日起执行。",
        "blackboard_receiver": {"deptid_list": [2]},
    }});
    trial
        .oapi("/topapi/blackboard/create", &token, &announcement)
        .await;
    let id = trial.sandbox.announcements()[0].id.clone();
    assert!(trial.sandbox.read_announcement_as(&id, "lina"));
    let (code, _) = crate::login::code_of(&trial, "lina").await;
    let corp_id = "ding5a8c31e0b7f24d96";
    run(
        &trial,
        "official_platform.py",
        &["dingapp", "app-secret", CID, &id, corp_id, &code],
    )
    .await;
    let refused = trial.sandbox.calls();
    let refused: Vec<_> = refused
        .iter()
        .filter_map(|call| call.refusal.as_deref())
        .collect();
    assert_eq!(
        refused,
        ["todo.taskCreate.paramError"],
        "the one it expected"
    );
}
