//! A configuration that is wrong is refused before anything starts, in words that say what to do and hold no secret.

use crate::support::program::{Run, run_in};

async fn serve(config: &str, variables: &[(&str, &str)]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("yuezhi.toml"), config).unwrap();
    run_in(folder.path(), &["serve"], variables).await
}

async fn refused(config: &str, words: &[&str]) {
    let run = serve(config, &[]).await;
    assert_eq!(run.code, 2, "{run:?}");
    for word in words {
        assert!(
            run.stderr.contains(word),
            "«{word}» is missing in: {}",
            run.stderr
        );
    }
    assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
    assert!(run.stdout.is_empty(), "{}", run.stdout);
}

#[tokio::test]
async fn an_unknown_key_is_answered_with_the_nearest() {
    refused(
        "[server]\nlisen = \"127.0.0.1:0\"\n",
        &["lisen", "server.listen"],
    )
    .await;
}

#[tokio::test]
async fn a_section_nobody_knows_is_refused() {
    refused("[srver]\nlisten = \"127.0.0.1:0\"\n", &["srver"]).await;
}

#[tokio::test]
async fn a_text_that_is_no_toml_is_refused_with_its_line() {
    refused(
        "[mail]\nhost = \"h\"\npassword = \"hunter2\nfrom = 1\n",
        &["line 3"],
    )
    .await;
}

#[tokio::test]
async fn a_wrong_time_zone_is_refused_with_an_example() {
    refused(
        "[server]\ntime_zone = \"Peking\"\n",
        &["Peking", "Asia/Shanghai"],
    )
    .await;
}

#[tokio::test]
async fn a_wrong_address_is_refused_with_an_example() {
    refused("[server]\nlisten = \"8790\"\n", &["8790", "0.0.0.0:8790"]).await;
}

#[tokio::test]
async fn a_secret_given_twice_is_refused_without_telling_it() {
    refused("[mail]\nhost = \"h\"\nfrom = \"a@b.example\"\npassword = \"hunter2\"\npassword_file = \"/x\"\n", &["mail.password_file"]).await;
}

#[tokio::test]
async fn a_robot_without_an_address_is_refused_by_name() {
    refused("[[robot]]\nname = \"hr\"\n", &["hr", "webhook"]).await;
}

#[tokio::test]
async fn a_database_of_an_unknown_kind_is_refused() {
    let run = serve(
        "[server]\nlisten = \"127.0.0.1:0\"\n[database]\nurl = \"mysql://hunter2@h/x\"\n",
        &[],
    )
    .await;
    assert_ne!(run.code, 0, "{run:?}");
    assert!(
        run.stderr.contains("sqlite") && run.stderr.contains("postgres"),
        "{}",
        run.stderr
    );
    assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
}

#[tokio::test]
async fn an_unknown_variable_is_refused_with_the_nearest() {
    let run = serve("", &[("YUEZHI_SERVER__LISTN", "127.0.0.1:0")]).await;
    assert_eq!(run.code, 2, "{run:?}");
    assert!(
        run.stderr.contains("YUEZHI_SERVER__LISTEN"),
        "{}",
        run.stderr
    );
}

#[tokio::test]
async fn a_missing_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let run = run_in(folder.path(), &["--config", "nowhere.toml", "serve"], &[]).await;
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.stderr.contains("nowhere.toml"), "{}", run.stderr);
}

#[tokio::test]
async fn the_example_configuration_is_valid() {
    let text = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../yuezhi.example.toml"
    ))
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("yuezhi.toml");
    // As it is shipped, and with everything that is commented out switched on (secrets in files aside).
    let all: String = text
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(code)
                if !code.contains("_file")
                    && (code.starts_with('[') || code.contains(" = "))
                    && !code.starts_with(' ') =>
            {
                format!("{code}\n")
            }
            _ => format!("{line}\n"),
        })
        .filter(|line| !line.starts_with("url = \"postgres") && !line.starts_with("ca_file"))
        .collect();
    for text in [&text, &all] {
        std::fs::write(&path, text).unwrap();
        let config = yuezhi_server::config::Config::load(Some(&path), [])
            .unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(config.server.time_zone, "Asia/Shanghai");
    }
}
