//! Which policy and which label a file's name speaks of, where its front matter does not say.
//!
//! Called when a version is settled, and by the watched folder for new paths.
//! `travel-3.0.docx` is version 3.0 of `travel`; `remote-work/2.0.md` is version 2.0 of `remote-work`. Two files of
//! the same name in different folders are two policies. Invariant: a path that was published once keeps its policy
//! (the caller looks there first), so what stands here decides only about new paths.

use std::cmp::Ordering;

use yuezhi_domain::Slug;

/// What a path says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Named<'a> {
    /// The folder that holds it, `""` at the top; for `remote-work/2.0.md` the folder above `remote-work`.
    pub folder: &'a str,
    pub stem: &'a str,
    pub label: Option<&'a str>,
}

pub(crate) fn read(path: &str) -> Named<'_> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let whole = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    match without_version(whole) {
        ("", Some(label)) if !folder.is_empty() => {
            let (above, stem) = folder.rsplit_once('/').unwrap_or(("", folder));
            Named {
                folder: above,
                stem,
                label: Some(label),
            }
        }
        ("", _) => Named {
            folder,
            stem: whole,
            label: None,
        },
        (stem, label) => Named {
            folder,
            stem,
            label,
        },
    }
}

/// The slug of a new path. `taken` are the slugs that files of this source hold, each with the folder it is read as.
pub(crate) fn slug(path: &str, title: &str, taken: &[(String, String)]) -> Slug {
    let named = read(path);
    let is_free = |slug: &Slug| {
        taken
            .iter()
            .all(|(held, folder)| held != slug.as_str() || folder == named.folder)
    };
    let mut name = named.stem.to_owned();
    let mut folder = named.folder;
    let mut found = from_stem(&name, title);
    while !is_free(&found) && !folder.is_empty() {
        let (above, parent) = folder.rsplit_once('/').unwrap_or(("", folder));
        name = format!("{parent}-{name}");
        folder = above;
        found = from_stem(&name, "");
    }
    if is_free(&found) {
        return found;
    }
    let numbered = (2..10_000)
        .map(|number| found.numbered(number))
        .find(is_free);
    numbered.unwrap_or(found)
}

/// A stem may hold dots of its own, which must not be taken for an extension.
fn from_stem(stem: &str, title: &str) -> Slug {
    Slug::from_file_name(&format!("{stem}.md"), title)
}

/// `travel-3.0` → (`travel`, `3.0`); `制度（V2.1）` → (`制度`, `2.1`); `制度 3.0版` too. A bare number without a dot or a `v` is
/// part of the name: `iso-27001`.
fn without_version(stem: &str) -> (&str, Option<&str>) {
    let whole = stem.trim();
    let inner = whole.trim_end_matches([')', '）', ']', '】']).trim_end();
    let inner = inner.strip_suffix('版').unwrap_or(inner).trim_end();
    let head = inner.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
    let Some(label) = inner.strip_prefix(head) else {
        return (whole, None);
    };
    let is_label = label.split('.').all(|part| (1..=4).contains(&part.len()));
    let before = head.strip_suffix(['v', 'V']);
    let marked =
        before.filter(|before| !before.ends_with(|letter: char| letter.is_ascii_alphanumeric()));
    let parted = head.is_empty()
        || head.ends_with(['-', '_', ' ', '(', '（', '[', '【'])
        || head.ends_with(|letter: char| !letter.is_ascii());
    let name = match marked {
        Some(name) => name,
        None if label.contains('.') && parted => head,
        None => return (whole, None),
    };
    if !is_label {
        return (whole, None);
    }
    let name = name
        .trim_end_matches(|letter: char| letter.is_whitespace() || "-_.(（[【".contains(letter));
    (name, Some(label))
}

/// `2.0` before `10.0`: digits count as numbers.
pub(crate) fn natural_order(one: &str, other: &str) -> Ordering {
    let (mut left, mut right) = (one.chars().peekable(), other.chars().peekable());
    loop {
        let (Some(a), Some(b)) = (left.peek().copied(), right.peek().copied()) else {
            return left
                .peek()
                .is_some()
                .cmp(&right.peek().is_some())
                .then_with(|| one.cmp(other));
        };
        let order = if a.is_ascii_digit() && b.is_ascii_digit() {
            number(&mut left).cmp(&number(&mut right))
        } else {
            left.next();
            right.next();
            a.cmp(&b)
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// Reads the digits off; longer numbers are larger, whatever their size.
fn number(text: &mut std::iter::Peekable<std::str::Chars<'_>>) -> (usize, String) {
    let mut digits = String::new();
    while let Some(digit) = text.next_if(char::is_ascii_digit) {
        if digit != '0' || !digits.is_empty() {
            digits.push(digit);
        }
    }
    (digits.len(), digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_at_the_end_of_a_name_becomes_the_label() {
        for (path, stem, label) in [
            ("travel-expenses-3.0.md", "travel-expenses", Some("3.0")),
            ("remote-work_v2.docx", "remote-work", Some("2")),
            ("差旅费管理办法V2.1.docx", "差旅费管理办法", Some("2.1")),
            ("差旅费管理办法（V3.0）.pdf", "差旅费管理办法", Some("3.0")),
            ("差旅费管理办法 3.0版.docx", "差旅费管理办法", Some("3.0")),
            (
                "a/b/Travel Policy v2.1.3.docx",
                "Travel Policy",
                Some("2.1.3"),
            ),
            ("iso-27001.md", "iso-27001", None),
            ("IPv4.md", "IPv4", None),
            ("report-2026.md", "report-2026", None),
            ("2026年差旅办法.md", "2026年差旅办法", None),
            ("plain.md", "plain", None),
            ("hr/remote-work/2.0.md", "remote-work", Some("2.0")),
            ("2.0.md", "2.0", None),
            ("a..md", "a.", None),
        ] {
            let named = read(path);
            assert_eq!((named.stem, named.label), (stem, label), "{path}");
        }
        assert_eq!(read("hr/remote-work/2.0.md").folder, "hr");
    }

    #[test]
    fn files_of_one_name_in_two_folders_are_two_policies() {
        let held = |slug: &str, folder: &str| (slug.to_owned(), folder.to_owned());
        assert_eq!(slug("travel-3.0.docx", "", &[]).as_str(), "travel");
        assert_eq!(
            slug("travel-3.0.docx", "", &[held("travel", "")]).as_str(),
            "travel",
            "beside travel-2.0.docx"
        );
        assert_eq!(
            slug("hr/index.md", "", &[held("index", "it")]).as_str(),
            "hr-index"
        );
        assert_eq!(
            slug(
                "a/hr/index.md",
                "",
                &[held("index", "it"), held("hr-index", "b/hr")]
            )
            .as_str(),
            "a-hr-index"
        );
        assert_eq!(
            slug("index.md", "", &[held("index", "it")]).as_str(),
            "index-2"
        );
        assert_eq!(
            slug("差旅费-2.0.docx", "", &[]),
            slug("差旅费.pdf", "", &[])
        );
    }

    #[test]
    fn versions_are_taken_in_in_their_order() {
        let mut paths = ["b/10.0.md", "b/2.0.md", "a.md", "b/2.0.md.md", "b/02.0.md"];
        paths.sort_by(|one, other| natural_order(one, other));
        assert_eq!(
            paths,
            ["a.md", "b/02.0.md", "b/2.0.md", "b/2.0.md.md", "b/10.0.md"]
        );
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
        #[test]
        fn any_name_can_be_read(path in "\\PC{0,24}", title in "\\PC{0,8}") {
            let named = read(&path);
            assert!(path.contains(named.stem) && named.label.is_none_or(|label| path.contains(label)));
            let found = slug(&path, &title, &[]);
            assert_eq!(found.as_str().parse(), Ok(found.clone()));
        }
    }
}
