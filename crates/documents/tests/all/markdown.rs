//! Markdown and text files: structure, front matter, encodings.

use yuezhi_documents::{ClauseKind, Format, ReadError, WarningCode};

use crate::support::{bare, joined, lines, markdown, open, refusal};

const REGULATION: &str = "\
# 差旅费管理办法

2026年1月5日 发布

## 第一章　总 则

第一条　为了规范差旅费，制定本办法。

第二条　本办法适用于全体员工。

前款所称员工包括实习生。

## 第二章 标准

### 第一节 住宿

第三条 住宿费按下列标准：
（一）一线城市500元；
（二）其他城市350元：
1. 旺季上浮；
2. 淡季不变。

超出标准的，由个人承担。
";

#[test]
fn a_regulation_is_cut_into_articles_paragraphs_and_items() {
    let clauses = markdown(REGULATION).clauses();
    assert_eq!(
        lines(&clauses),
        [
            "差旅费管理办法",
            "2026年1月5日 发布",
            "第一章 总则",
            "第一条 为了规范差旅费，制定本办法。",
            "第二条 本办法适用于全体员工。",
            "前款所称员工包括实习生。",
            "第二章 标准",
            "第一节 住宿",
            "第三条 住宿费按下列标准：",
            "（一） 一线城市500元；",
            "（二） 其他城市350元：",
            "1. 旺季上浮；",
            "2. 淡季不变。",
            "超出标准的，由个人承担。"
        ]
    );
    let item = clauses
        .iter()
        .find(|c| c.label.as_deref() == Some("（二）"))
        .unwrap();
    assert_eq!(
        (item.kind, item.path.as_slice()),
        (
            ClauseKind::Item,
            ["第二章", "第一节", "第三条"].map(String::from).as_slice()
        )
    );
    assert_eq!(item.anchor, "c-3-2");
    let second_paragraph = clauses.iter().find(|c| c.text.starts_with("前款")).unwrap();
    assert_eq!(
        (second_paragraph.kind, second_paragraph.anchor.as_str()),
        (ClauseKind::Paragraph, "c-2-p2")
    );
    let last = clauses.last().unwrap();
    assert_eq!(last.citation().as_deref(), Some("第三条"));
}

#[test]
fn the_outline_names_chapters_with_their_anchors() {
    let outline = markdown(REGULATION).outline();
    let told: Vec<String> = outline
        .iter()
        .map(|e| {
            format!(
                "{} {} {}",
                e.label.as_deref().unwrap_or("-"),
                e.title,
                e.anchor
            )
        })
        .collect();
    assert_eq!(
        told[1..],
        [
            "第一章 总则 c-ch1",
            "第二章 标准 c-ch2",
            "第一节 住宿 c-ch2-s1"
        ]
    );
}

#[test]
fn a_handbook_keeps_lists_tables_code_notes_and_tasks() {
    let source = "# Handbook\n\nIntro with a [link](https://example.com) and `code`.[^a]\n\n## 1.1 Scope\n\n- one\n  - two\n\n3. three\n4. four\n\n- [x] done\n- [ ] open\n\n| Grade | Seat |\n|---|---|\n| A | first |\n\n```\nlet x = 1;\n```\n\n> quoted\n\n[^a]: The note.\n[^unused]: Nobody refers to me.\n";
    let document = markdown(source);
    let told = lines(&document.clauses());
    for expected in [
        "Intro with a link and code.[1]",
        "1.1 Scope",
        "• one",
        "• two",
        "3. three",
        "4. four",
        "• ☑ done",
        "• ☐ open",
        "Grade\tSeat",
        "A\tfirst",
        "let x = 1;",
        "quoted",
        "[1] The note.",
        "[2] Nobody refers to me.",
    ] {
        assert!(
            told.iter().any(|line| line == expected),
            "{expected} in {told:#?}"
        );
    }
    assert_eq!(document.title.as_deref(), Some("Handbook"));
    let nested = document
        .clauses()
        .into_iter()
        .find(|c| c.text == "two")
        .unwrap();
    assert_eq!(nested.level, 3);
}

#[test]
fn front_matter_is_read_and_unknown_keys_are_warned_of() {
    let document =
        markdown("---\n标识: travel\n标题: 差旅办法\n要求: 签收\n负责人: 张三\n---\n第一条 甲。\n");
    assert_eq!(document.title.as_deref(), Some("差旅办法"));
    assert_eq!(document.front_matter.require.as_deref(), Some("confirm"));
    assert_eq!(document.warnings[0].code, WarningCode::UnknownKey);
    assert_eq!(document.warnings[0].detail, "负责人");
    assert_eq!(lines(&document.clauses()), ["第一条 甲。"]);
    assert!(matches!(
        refusal("a.md", b"---\nrequire: perhaps\n---\nx"),
        ReadError::FrontMatter { line: 2, .. }
    ));
}

#[test]
fn a_text_file_in_gb18030_gets_chapters_and_a_title() {
    let text = "考勤管理规定\r\n\r\n第一章 总则\r\n第一条 员工应当按时上班。\r\n第二条 迟到三次的，予以提醒。\r\n";
    let (bytes, _, _) = encoding_rs::GB18030.encode(text);
    let document = open("考勤.txt", &bytes);
    assert_eq!(
        (document.format, document.title.as_deref()),
        (Format::Text, Some("考勤管理规定"))
    );
    let clauses = document.clauses();
    assert_eq!(clauses[1].kind, ClauseKind::Chapter);
    assert_eq!(bare(&joined(&clauses)), bare(text));
}

#[test]
fn what_is_no_document_is_refused_with_a_reason() {
    assert_eq!(refusal("a.md", b"").code(), "empty");
    assert_eq!(refusal("a.md", b" \n\n").code(), "no_text");
    assert_eq!(refusal("a.txt", &[0, 1, 2, 3, 250]).code(), "not_text");
    assert_eq!(
        refusal("a.png", b"\x89PNG\r\n\x1a\n....").code(),
        "unsupported"
    );
    let short = yuezhi_documents::Limits {
        max_text_chars: 3,
        ..Default::default()
    };
    for text in ["甲乙丙丁", "a long line of text"] {
        let error = yuezhi_documents::read("a.md", text.as_bytes(), &short).unwrap_err();
        assert_eq!(error.code(), "too_complex");
    }
    let limits = yuezhi_documents::Limits {
        max_file_bytes: 3,
        ..Default::default()
    };
    assert_eq!(
        yuezhi_documents::read("a.md", b"1234", &limits),
        Err(ReadError::TooLarge {
            limit_bytes: 3,
            actual: 4
        })
    );
}

#[test]
fn deep_nesting_is_refused_and_not_followed() {
    for source in [
        "> ".repeat(5_000),
        "- ".repeat(5_000),
        format!("{}x", "*a **b ".repeat(20_000)),
        "[".repeat(50_000),
    ] {
        let read = yuezhi_documents::read(
            "a.md",
            source.as_bytes(),
            &yuezhi_documents::Limits::default(),
        );
        assert!(read.is_ok() || read.is_err_and(|e| e.code() == "too_complex"));
    }
}

#[test]
fn a_document_survives_json() {
    let document = markdown(REGULATION);
    let json = serde_json::to_string(&document).unwrap();
    assert_eq!(
        serde_json::from_str::<yuezhi_documents::Document>(&json).unwrap(),
        document
    );
}
