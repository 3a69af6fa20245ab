//! Properties over generated texts and damaged files.

use proptest::prelude::*;
use yuezhi_documents::{Document, Limits, diff, read, table};

use crate::support::{bare, docx, ids, joined, markdown, paragraph};

/// A line of a policy: prose of both scripts with every kind of label and some Markdown in it.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        "(第[一二三四五六七八九十]{1,3}[条章节编]|（[一二三四]）|[1-9]\\.|[1-9]\\.[1-9]|\\([a-d]\\)|[一二三]、)[ 　]?[员工报销标准费用，。；]{0,12}",
        "#{1,4} [一-龥 a-z]{0,8}",
        "[-*] [一-龥a-z]{0,6}",
        "  [-1]\\.? [一-龥a-z]{0,6}",
        "\\| [a-z一-龥]{0,3} \\| [a-z]{0,3} \\|",
        "> [一-龥a-z]{0,6}",
        "[一-龥，。；：（）“”0-9a-zA-Z <>&*_`\\[\\]()!~^|#-]{0,30}",
        Just(String::new()),
    ]
}

fn text() -> impl Strategy<Value = String> {
    proptest::collection::vec(line(), 0..30).prop_map(|lines| lines.join("\n"))
}

fn small() -> Limits {
    Limits {
        max_unpacked_bytes: 4 * 1024 * 1024,
        ..Limits::default()
    }
}

fn check(document: &Document) {
    let clauses = document.clauses();
    assert_eq!(
        bare(&joined(&clauses)),
        bare(&document.text()),
        "text is neither lost nor invented"
    );
    let anchors: Vec<String> = clauses.iter().map(|c| c.anchor.clone()).collect();
    let mut distinct = anchors.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), anchors.len(), "anchors are unique");
    assert_eq!(ids(&document.html()), anchors, "every clause is anchored");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_text_is_lost_between_document_clauses_and_page(source in text()) {
        for name in ["a.md", "a.txt"] {
            if let Ok(document) = read(name, source.as_bytes(), &small()) {
                check(&document);
                if name == "a.txt" {
                    prop_assert_eq!(bare(&document.text()), bare(&source));
                }
            }
        }
    }

    #[test]
    fn a_diff_applied_to_the_old_version_is_the_new_one(old in text(), new in text()) {
        let clauses = |source: &str| read("a.md", source.as_bytes(), &small()).map(|d| d.clauses()).unwrap_or_default();
        let (old, new) = (clauses(&old), clauses(&new));
        let changes = diff(&old, &new);
        prop_assert_eq!(changes.apply(&old), new.clone());
        for change in &changes.changes {
            let kept = |deleted: bool| -> String {
                let shown = change.segments.iter().filter(|s| match s {
                    yuezhi_documents::Segment::Same(_) => true,
                    yuezhi_documents::Segment::Deleted(_) => deleted,
                    yuezhi_documents::Segment::Inserted(_) => !deleted,
                });
                shown.map(|s| s.text().to_owned()).collect()
            };
            if let Some(reference) = &change.old {
                prop_assert_eq!(kept(true), old[reference.index].body());
            }
            if let Some(reference) = &change.new {
                prop_assert_eq!(kept(false), new[reference.index].body());
            }
        }
        let mut seen: Vec<usize> = changes.changes.iter().filter_map(|c| c.old.as_ref().map(|o| o.index)).collect();
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..old.len()).collect::<Vec<_>>());
    }

    #[test]
    fn small_edits_keep_the_rest_unchanged(source in text(), at in 0usize..30) {
        let mut lines: Vec<&str> = source.lines().collect();
        if at < lines.len() {
            lines.remove(at);
        }
        let (old, new) = (read("a.txt", source.as_bytes(), &small()), read("a.txt", lines.join("\n").as_bytes(), &small()));
        if let (Ok(old), Ok(new)) = (old, new) {
            let (old, new) = (old.clauses(), new.clauses());
            prop_assert_eq!(diff(&old, &new).apply(&old), new);
        }
    }

    #[test]
    fn random_bytes_never_panic(name in "a\\.(md|txt|html|docx|pdf|csv|xlsx)", bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&name, &bytes, &small());
        let _ = table::read(&name, &bytes, &small());
    }

    #[test]
    fn random_word_elements_never_panic(tags in proptest::collection::vec(
        prop_oneof![
            Just("<w:p>"), Just("</w:p>"), Just("<w:r>"), Just("</w:r>"), Just("<w:t>第一条 x</w:t>"), Just("<w:tbl>"), Just("</w:tbl>"),
            Just("<w:tr>"), Just("</w:tr>"), Just("<w:tc>"), Just("</w:tc>"), Just("<w:ins>"), Just("</w:ins>"), Just("<w:br/>"),
            Just("<w:pPr><w:numPr><w:ilvl w:val=\"99\"/><w:numId w:val=\"1\"/></w:numPr></w:pPr>"),
            Just("<w:pPr><w:rPr><w:del/></w:rPr></w:pPr>"), Just("<w:footnoteReference w:id=\"1\"/>"), Just("&#x4e00;"),
        ], 0..40)) {
        if let Ok(document) = read("a.docx", &docx(&tags.concat(), &[]), &small()) {
            check(&document);
        }
    }

    #[test]
    fn any_table_text_is_read_or_refused(source in "[a-z0-9一-龥,;\t\"\n\r ]{0,120}") {
        if let Ok(read) = table::read("a.csv", source.as_bytes(), &small()) {
            prop_assert!(read.rows.iter().all(|row| row.cells.len() == read.headers.len()));
        }
    }

    #[test]
    fn html_soup_never_panics_and_is_anchored(source in "(<(/?(p|div|b|i|table|tr|td|ul|li|ol|h2|pre|a href=\"x\"|script|br|blockquote))>|[一-龥a-z&;<>\" ]{0,6}){0,40}") {
        if let Ok(document) = read("a.html", source.as_bytes(), &small()) {
            check(&document);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn damaged_files_never_panic(which in 0usize..5, edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12), cut in any::<prop::sample::Index>()) {
        let built = docx(&paragraph("第一条 甲。"), &[("styles.xml", "<w:style w:styleId=\"a\"/>")]);
        let fixtures: [(&str, &[u8]); 5] = [
            ("a.pdf", include_bytes!("../fixtures/travel.pdf")),
            ("a.pdf", include_bytes!("../fixtures/scanned.pdf")),
            ("a.pdf", include_bytes!("../fixtures/no-copying.pdf")),
            ("a.docx", include_bytes!("../fixtures/travel.docx")),
            ("a.docx", &built),
        ];
        let (name, original) = fixtures[which];
        let mut bytes = original.to_vec();
        for (at, value) in edits {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let _ = read(name, &bytes, &small());
        bytes.truncate(cut.index(original.len()));
        let _ = read(name, &bytes, &small());
    }
}

#[test]
fn an_empty_comparison_is_empty() {
    let clauses = markdown("第一条 甲。").clauses();
    assert!(diff(&[], &[]).changes.is_empty());
    assert_eq!(diff(&[], &clauses).counts().added, 1);
    assert_eq!(diff(&clauses, &[]).counts().deleted, 1);
}
