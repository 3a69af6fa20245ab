//! The measuring itself works, at sizes whose figures mean nothing.

use std::process::Command;

#[test]
fn every_measure_runs_and_prints_its_table() {
    let output = Command::new(env!("CARGO_BIN_EXE_yuezhi-bench"))
        .args(["all", "--smoke"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for measure in ["P1", "P2", "P3", "P4", "P5", "P7", "P8", "P12"] {
        assert!(
            text.contains(&format!("### {measure} — ")),
            "{measure} is missing in\n{text}"
        );
    }
}
