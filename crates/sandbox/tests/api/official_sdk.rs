//! DingTalk's own Python SDK against the sandbox: `tests/sdk/official_sdk.py`.

use std::path::Path;

use crate::support::{CID, Trial, config};

#[tokio::test]
async fn the_official_sdk_gets_the_documented_results() {
    let Some(python) = std::env::var_os("YUEZHI_TEST_PYTHON") else {
        panic!(
            "this test needs a Python with DingTalk's official SDK: run ./test, or set YUEZHI_TEST_PYTHON"
        );
    };
    let mut config = config();
    config.clock.run();
    config.seed = None;
    let trial = Trial::with(config).await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk/official_sdk.py");
    let mut command = tokio::process::Command::new(python);
    command
        .arg(script)
        .arg(trial.sandbox.addr().to_string())
        .args(["dingapp", "app-secret", CID]);
    let output = command
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .await
        .expect("Python starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert_eq!(trial.sandbox.messages().len(), 3);
    assert_eq!(
        trial.sandbox.messages_of("lina").len(),
        2,
        "one to her, one to her group"
    );
}
