//! Real regulations and a real handbook, where `YUEZHI_TEST_DATA` names a folder that holds some.
//!
//! Nothing of them is in this repository. The folder has `zh/NAME(YYYY-MM-DD).md`, versions of the same regulation by
//! their date, and `handbook.bundle`, a git bundle with Markdown policies.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use yuezhi_documents::{ChangeKind, Clause, Diff, Limits, Segment};
use yuezhi_server::config::SourceConfig;
use yuezhi_store::source_files;

use crate::support::{Engine, TestApp, minutes, publish_text};

fn data() -> Option<PathBuf> {
    let folder = std::env::var_os("YUEZHI_TEST_DATA")
        .map(|data| PathBuf::from(data).join("policies"))
        .filter(|folder| folder.is_dir());
    if folder.is_none() {
        println!("off: YUEZHI_TEST_DATA names no folder with policies");
    }
    folder
}

/// Name of a regulation with its versions, oldest first.
fn regulations(folder: &Path) -> BTreeMap<String, Vec<(String, String)>> {
    let mut found: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let Some((name, date)) = stem.split_once('(') else {
            continue;
        };
        let text = fs::read_to_string(&path).unwrap();
        found
            .entry(name.to_owned())
            .or_default()
            .push((date.trim_end_matches(')').to_owned(), text));
    }
    for versions in found.values_mut() {
        versions.sort();
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dated_versions_of_a_regulation_are_compared_clause_by_clause() {
    let Some(data) = data() else { return };
    let app = TestApp::start(Engine::Sqlite).await;
    let all = regulations(&data.join("zh"));
    assert!(
        all.values().any(|versions| versions.len() >= 3),
        "{:?}",
        all.keys()
    );
    for (number, (name, versions)) in all.iter().enumerate() {
        for (at, (date, text)) in versions.iter().enumerate() {
            let mut request = publish_text(&format!("{name}.md"), text);
            request.policy = Some(format!("regulation-{number}"));
            request.title = Some(name.clone());
            request.label = Some(date.clone());
            request.channels = Some(Vec::new());
            let published = app.publish(request).await;
            let plan = &published.plan;
            assert!(plan.clauses > 20, "{name} {date}: {} clauses", plan.clauses);
            let Some(diff) = &plan.diff else {
                assert_eq!(at, 0, "{name} {date} is compared with nothing");
                continue;
            };
            let unchanged = diff
                .changes
                .iter()
                .filter(|change| change.kind == ChangeKind::Unchanged)
                .count();
            let changed = diff.changes.len() - unchanged;
            assert!(changed > 0, "{name} {date}");
            println!(
                "{name} {date}: {} clauses, {changed} changed; {}",
                plan.clauses, plan.summary
            );
            let before = clauses(&versions[at - 1].1);
            assert_rebuilds(diff, &before, &clauses(text));
        }
    }
}

fn clauses(text: &str) -> Vec<Clause> {
    yuezhi_documents::read("regulation.md", text.as_bytes(), &Limits::default())
        .unwrap()
        .clauses()
}

/// What a diff shows as the new text is the new text; the same for the old one.
fn assert_rebuilds(diff: &Diff, before: &[Clause], after: &[Clause]) {
    for change in diff
        .changes
        .iter()
        .filter(|change| !change.segments.is_empty())
    {
        let (mut old, mut new) = (String::new(), String::new());
        for segment in &change.segments {
            if !matches!(segment, Segment::Inserted(_)) {
                old.push_str(segment.text());
            }
            if !matches!(segment, Segment::Deleted(_)) {
                new.push_str(segment.text());
            }
        }
        if let Some(clause) = &change.old {
            assert_eq!(
                plain(&old),
                plain(before[clause.index].body()),
                "{clause:?}"
            );
        }
        if let Some(clause) = &change.new {
            assert_eq!(plain(&new), plain(after[clause.index].body()), "{clause:?}");
        }
    }
}

fn plain(text: &str) -> String {
    text.split_whitespace().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handbook_in_git_is_published_from_a_folder_without_a_failure() {
    let Some(data) = data() else { return };
    let folder = tempfile::tempdir().unwrap();
    let clone = folder.path().join("handbook");
    let cloned = Command::new("git")
        .args(["clone", "--quiet"])
        .arg(data.join("handbook.bundle"))
        .arg(&clone)
        .status()
        .unwrap();
    assert!(cloned.success());
    let files = markdown(&clone);
    assert!(files > 10, "{files}");
    let source = SourceConfig {
        name: "handbook".to_owned(),
        folder: clone,
        audience: None,
        channels: Vec::new(),
        settle_seconds: 2,
        quiet_first_import: true,
    };
    let app = TestApp::with(Engine::Sqlite)
        .with_source(source)
        .start()
        .await;
    for _ in 0..3 {
        app.advance(minutes(1)).await;
    }
    let seen = app.read(|tx| source_files::list(tx, "handbook")).await;
    let failed: Vec<_> = seen
        .iter()
        .filter(|file| file.state == "failed")
        .map(|file| (&file.path, &file.error_code, &file.error_detail))
        .collect();
    assert!(
        failed.is_empty(),
        "{} of {files} failed: {failed:#?}",
        failed.len()
    );
    let published = seen.iter().filter(|file| file.state == "published").count();
    assert_eq!(published, files);
}

fn markdown(folder: &Path) -> usize {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            !path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with('.'))
        })
        .map(|path| {
            if path.is_dir() {
                markdown(&path)
            } else {
                usize::from(
                    path.extension()
                        .is_some_and(|end| end == "md" || end == "markdown"),
                )
            }
        })
        .sum()
}
