//! ARCHITECTURE.md and the house rules that a compiler does not hold, read from `cargo metadata` and from the sources.
//!
//! Run by `./test` like every other test, without a network. Invariant: an arrow, a wrapper or a licence that is not
//! listed here fails; whoever adds one writes down why. Weakness: keys of texts that are put together at run time are
//! seen only by their prefix.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of the tests that cannot go on fails the test"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// Crate → the crates of this workspace it may call.
const ARROWS: &[(&str, &[&str])] = &[
    ("yuezhi-domain", &[]),
    ("yuezhi-documents", &[]),
    ("dingtalk", &[]),
    ("yuezhi-sandbox", &[]),
    ("yuezhi-store", &["yuezhi-domain"]),
    ("yuezhi-channels", &["yuezhi-domain", "dingtalk"]),
    (
        "yuezhi-server",
        &[
            "yuezhi-domain",
            "yuezhi-store",
            "yuezhi-documents",
            "yuezhi-channels",
            "yuezhi-sandbox",
        ],
    ),
];

/// Library → the crates that may name it.
const WRAPPERS: &[(&str, &[&str])] = &[
    ("rusqlite", &["yuezhi-store"]),
    ("postgres", &["yuezhi-store"]),
    ("tokio-postgres-rustls", &["yuezhi-store"]),
    ("lettre", &["yuezhi-channels"]),
    // The command line is a client of the API; the platform's client is `dingtalk`.
    ("reqwest", &["dingtalk", "yuezhi-server"]),
    ("axum", &["yuezhi-server", "yuezhi-sandbox"]),
    ("comrak", &["yuezhi-documents"]),
    ("ammonia", &["yuezhi-documents"]),
    ("zip", &["yuezhi-documents"]),
];

/// A second TLS stack or a C library that would have to be found on the target machine.
const BANNED: &[&str] = &[
    "openssl",
    "openssl-sys",
    "aws-lc-sys",
    "aws-lc-rs",
    "native-tls",
];

const LICENCES: &[&str] = &[
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "MIT",
    "MIT-0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "0BSD",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    // File-level copyleft: used unchanged, and its sources are public.
    "MPL-2.0",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "Unlicense",
    "Zlib",
];

const AREAS: &[&str] = &[
    "common", "console", "my", "messages", "chat", "setup", "errors", "cli",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// Name of each crate of the workspace with the names it depends on outside of its tests.
fn members(metadata: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let of_workspace: BTreeSet<&str> = list(metadata, "workspace_members")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    list(metadata, "packages")
        .iter()
        .filter(|package| of_workspace.contains(text(package, "id")))
        .map(|package| {
            let names = list(package, "dependencies")
                .iter()
                .filter(|dependency| dependency["kind"] != "dev")
                .map(|dependency| text(dependency, "name").to_owned());
            (text(package, "name").to_owned(), names.collect())
        })
        .collect()
}

#[test]
fn the_arrows_between_crates_are_those_of_the_architecture() {
    let members = members(&metadata());
    for (name, depends_on) in &members {
        let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| known == name) else {
            assert_eq!(
                name, "yuezhi-bench",
                "a crate without arrows in this test: {name}"
            );
            continue;
        };
        let wrong: Vec<_> = depends_on
            .iter()
            .filter(|other| members.contains_key(*other) && !allowed.contains(&other.as_str()))
            .collect();
        assert!(wrong.is_empty(), "{name} must not depend on {wrong:?}");
    }
    assert_eq!(members.len(), ARROWS.len() + 1, "{:?}", members.keys());
}

#[test]
fn each_outside_library_stays_behind_its_own_crate() {
    for (name, depends_on) in members(&metadata()) {
        for (library, allowed) in WRAPPERS {
            let named = depends_on.contains(*library);
            assert!(
                !named || allowed.contains(&name.as_str()) || name == "yuezhi-bench",
                "{name} must not name {library}"
            );
        }
    }
}

#[test]
fn only_the_command_line_makes_http_requests_in_the_server() {
    let source = root().join("crates/server/src");
    let wrong: Vec<_> = files(&source, "rs")
        .into_iter()
        .filter(|path| !path.starts_with(source.join("cli")))
        // Asks our own address and the platform's clock, for the doctor and the console alike.
        .filter(|path| !path.ends_with("actions/check_setup/surroundings.rs"))
        .filter(|path| fs::read_to_string(path).unwrap().contains("reqwest"))
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn database_drivers_are_named_in_the_engine_only() {
    let source = root().join("crates/store/src");
    let wrong: Vec<_> = files(&source, "rs")
        .into_iter()
        .filter(|path| !path.starts_with(source.join("engine")))
        .filter(|path| {
            let text = fs::read_to_string(path).unwrap();
            text.contains("rusqlite::") || text.contains("use postgres")
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn only_the_binary_reads_the_console_of_the_system() {
    // A library that prints speaks past `--json` and past the log.
    for name in [
        "domain",
        "store",
        "documents",
        "dingtalk",
        "channels",
        "sandbox",
    ] {
        for path in files(&root().join("crates").join(name).join("src"), "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let (code, _) = text
                .split_once("#[cfg(test)]")
                .unwrap_or((text.as_str(), ""));
            let prints = code
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .any(|line| line.contains("println!("));
            assert!(!prints, "{} prints", path.display());
        }
    }
}

#[test]
fn no_second_tls_stack_comes_in() {
    let metadata = metadata();
    let used = used_packages(&metadata);
    let banned: Vec<_> = used
        .iter()
        .map(|package| text(package, "name"))
        .filter(|name| BANNED.contains(name))
        .collect();
    assert!(banned.is_empty(), "{banned:?}");
}

#[test]
fn every_package_is_licensed_under_terms_that_are_allowed() {
    let metadata = metadata();
    let wrong: Vec<_> = used_packages(&metadata)
        .into_iter()
        .filter(|package| !is_allowed(text(package, "license")))
        .map(|package| {
            format!(
                "{} {}: {}",
                text(package, "name"),
                text(package, "version"),
                package["license"]
            )
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_licence_expression_is_read_with_its_operators() {
    assert!(is_allowed("MIT OR GPL-3.0"));
    assert!(is_allowed("MIT/Apache-2.0"));
    assert!(is_allowed("(MIT OR GPL-3.0) AND Unicode-3.0"));
    assert!(!is_allowed("MIT AND GPL-3.0"));
    assert!(!is_allowed("(GPL-3.0 OR LGPL-3.0) AND MIT"));
    assert!(!is_allowed(""));
}

fn used_packages(metadata: &Value) -> Vec<&Value> {
    let used: BTreeSet<&str> = list(&metadata["resolve"], "nodes")
        .iter()
        .map(|node| text(node, "id"))
        .collect();
    list(metadata, "packages")
        .iter()
        .filter(|package| used.contains(text(package, "id")))
        .collect()
}

/// SPDX: `OR` binds weaker than `AND`; parentheses; the old `/` means `OR`.
fn is_allowed(expression: &str) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let mut words: Vec<String> = Vec::new();
    for word in spaced.split_whitespace() {
        let joined = words
            .last()
            .is_some_and(|last| last == "WITH" || last.ends_with(" WITH"));
        match words.last_mut() {
            Some(last) if word == "WITH" => last.push_str(" WITH"),
            Some(last) if joined => {
                last.push(' ');
                last.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
    }
    let mut words = words.into_iter().peekable();
    !expression.trim().is_empty() && any_of(&mut words)
}

type Words = std::iter::Peekable<std::vec::IntoIter<String>>;

fn any_of(words: &mut Words) -> bool {
    let mut allowed = all_of(words);
    while words.next_if(|word| word == "OR").is_some() {
        allowed |= all_of(words);
    }
    allowed
}

fn all_of(words: &mut Words) -> bool {
    let mut allowed = one(words);
    while words.next_if(|word| word == "AND").is_some() {
        allowed &= one(words);
    }
    allowed
}

fn one(words: &mut Words) -> bool {
    if words.next_if(|word| word == "(").is_some() {
        let allowed = any_of(words);
        words.next();
        return allowed;
    }
    words
        .next()
        .is_some_and(|licence| LICENCES.contains(&licence.as_str()))
}

#[test]
fn the_paths_of_the_code_map_exist() {
    let architecture = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let map = section(&architecture, "## Code map");
    let paths: Vec<&str> = map
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    assert!(paths.len() > 10, "{paths:?}");
    let missing: Vec<_> = paths
        .into_iter()
        .filter(|path| !root().join(path).exists())
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_files_of_the_walkthrough_exist() {
    let architecture = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let walkthrough = section(&architecture, "## Walkthrough");
    let source = root().join("crates/server/src");
    let named: Vec<&str> = walkthrough.split('`').skip(1).step_by(2).collect();
    let missing: Vec<_> = named
        .iter()
        .filter(|word| Path::new(word).extension().is_some_and(|e| e == "rs"))
        .filter(|path| {
            !source.join(path).exists() && !source.join(path.trim_end_matches(".rs")).is_dir()
        })
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_architecture_can_be_read_in_a_few_minutes() {
    let architecture = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    assert!(architecture.lines().count() <= 150);
}

fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let (_, after) = text.split_once(heading).unwrap();
    after
        .split_once("\n## ")
        .map_or(after, |(inside, _)| inside)
}

#[test]
fn every_text_that_pages_and_code_ask_for_exists_in_both_languages() {
    let server = root().join("crates/server");
    let languages = [("zh-CN", catalogue("zh-CN")), ("en", catalogue("en"))];
    let mut missing = BTreeSet::new();
    let sources = files(&server.join("src"), "rs")
        .into_iter()
        .chain(files(&server.join("templates"), "html"));
    for path in sources {
        let whole = fs::read_to_string(&path).unwrap();
        let (code, _) = whole
            .split_once("#[cfg(test)]")
            .unwrap_or((whole.as_str(), ""));
        let keys = literals(code).map(|literal| literal.split('{').next().unwrap_or_default());
        for key in keys.filter(|literal| is_key(literal)) {
            for (language, known) in &languages {
                // A prefix of keys is put together with a value at run time.
                let whole = key.trim_end_matches(['.', '_']);
                if !known.iter().any(|k| {
                    k == key
                        || k.strip_prefix(whole)
                            .is_some_and(|rest| rest.starts_with(['.', '_']))
                }) {
                    missing.insert(format!(
                        "{language} lacks {key} ({})",
                        path.strip_prefix(&server).unwrap().display()
                    ));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_refusal_has_a_text_in_both_languages() {
    let server = root().join("crates/server");
    let languages = [("zh-CN", catalogue("zh-CN")), ("en", catalogue("en"))];
    let mut missing = BTreeSet::new();
    for path in files(&server.join("src"), "rs") {
        let whole = fs::read_to_string(&path).unwrap();
        let (code, _) = whole
            .split_once("#[cfg(test)]")
            .unwrap_or((whole.as_str(), ""));
        for refusal in refusals(code) {
            for (language, known) in &languages {
                if !known.contains(&format!("errors.{refusal}")) {
                    missing.insert(format!(
                        "{language} lacks errors.{refusal} ({})",
                        path.strip_prefix(&server).unwrap().display()
                    ));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

/// The codes in `Refusal::invalid("field", "code")`, `not_found("code")`, `conflict("code")`, `new(kind, "code")`.
fn refusals(code: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (call, position) in [
        ("::invalid(", 1),
        ("::not_found(", 0),
        ("::conflict(", 0),
        ("::new(RefusalKind::", 0),
    ] {
        for after in code.split(&format!("Refusal{call}")).skip(1) {
            let inside = after.split([')', ';']).next().unwrap_or_default();
            if let Some(literal) = literals(inside)
                .nth(position)
                .filter(|l| l.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
            {
                found.push(literal);
            }
        }
    }
    found
}

#[test]
fn every_reason_a_channel_gives_is_explained_in_both_languages() {
    for language in ["zh-CN", "en"] {
        let known = catalogue(language);
        let missing: Vec<_> = yuezhi_channels::codes::ALL
            .iter()
            .filter(|code| !known.contains(&format!("messages.reason.{code}")))
            .collect();
        assert!(missing.is_empty(), "{language}: {missing:?}");
    }
}

fn is_key(literal: &str) -> bool {
    let known_area = literal
        .split_once('.')
        .is_some_and(|(area, rest)| AREAS.contains(&area) && !rest.is_empty());
    let plain = literal
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '.'));
    let file = [".css", ".html", ".toml", ".js", ".rs", ".json"]
        .iter()
        .any(|end| literal.ends_with(end));
    // A key of the configuration file.
    let setting = literal == "console.dingtalk_admins";
    known_area && plain && !file && !setting
}

/// What stands between double quotes, line by line.
fn literals(code: &str) -> impl Iterator<Item = &str> {
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split('"').skip(1).step_by(2))
}

fn catalogue(language: &str) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for area in AREAS {
        let path = root().join(format!("crates/server/locales/{language}/{area}.toml"));
        let table: toml::Table = toml::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        collect(area, &table, &mut keys);
    }
    keys
}

fn collect(prefix: &str, table: &toml::Table, keys: &mut BTreeSet<String>) {
    for (key, value) in table {
        let path = format!("{prefix}.{key}");
        match value {
            toml::Value::Table(inner) => collect(&path, inner, keys),
            _ => drop(keys.insert(path)),
        }
    }
}

/// Every file below a folder whose name ends so.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
    found
}
