//! What reaches a browser: safe, anchored, accessible.

use yuezhi_documents::{DiffLabels, WarningCode, diff};

use crate::support::{bare, ids, markdown, open, visible};

const PAYLOADS: [&str; 12] = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<a href=\"javascript:alert(1)\">x</a>",
    "<a href=\"data:text/html,<script>alert(1)</script>\">x</a>",
    "<svg><script>alert(1)</script></svg>",
    "<svg/onload=alert(1)>",
    "<meta http-equiv=refresh content=\"0;url=//evil.example\">",
    "<iframe src=\"//evil.example\"></iframe>",
    "<style>*{background:url(//evil.example)}</style>",
    "<p style=\"background:url(//evil.example)\">x</p>",
    "<img src=\"https://evil.example/pixel.png\" alt=\"pixel\">",
    "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
];

fn assert_harmless(html: &str) {
    let lower = html.to_lowercase();
    for tag in lower
        .split('<')
        .skip(1)
        .filter_map(|rest| rest.split('>').next())
    {
        for sign in [
            "script",
            "img",
            "svg",
            "iframe",
            "style",
            "meta",
            "src=",
            "javascript:",
            "data:",
            " on",
        ] {
            assert!(!tag.contains(sign), "{sign} in {tag}");
        }
    }
}

#[test]
fn no_payload_survives_in_html_or_markdown() {
    for payload in PAYLOADS {
        let page = format!("<html><body><p>before</p>{payload}<p>after</p></body></html>");
        let html = open("a.html", page.as_bytes()).html();
        assert_harmless(&html);
        assert!(html.contains("before"), "{payload}");
        assert_harmless(
            &markdown(&format!("before\n\n{payload}\n\nafter {payload} more\n")).html(),
        );
    }
    assert_harmless(
        &markdown("x [a](javascript:alert(1)) ![b](https://evil.example/p.png) <b onclick=x>c</b>")
            .html(),
    );
    assert_harmless(&markdown("| a |\n|---|\n| <script>x</script> |\n").html());
}

#[test]
fn a_picture_becomes_its_description() {
    let document = markdown("See ![the org chart](https://example.com/a.png) and ![](b.png).");
    assert_eq!(document.text(), "See [图：the org chart] and [图].");
    assert!(
        document
            .warnings
            .iter()
            .any(|w| w.code == WarningCode::PicturesLeftOut && w.count == 2)
    );
}

#[test]
fn links_keep_http_and_mail_only() {
    let html = markdown("[a](https://example.com/?a=1&b=2) [b](mailto:hr@example.com) [c](file:///etc) [d](../x.md) [e](#f)").html();
    assert_eq!(html.matches("<a href").count(), 2, "{html}");
    assert!(html.contains("rel=\"noopener noreferrer\""));
}

#[test]
fn every_clause_has_its_anchor_in_order() {
    let document = markdown(
        "# 甲\n\n## 第一章 乙\n\n第一条 丙\n\n- 丁\n  1. 戊\n\n     己\n- \n\n| 庚 | 辛 |\n|---|---|\n| 壬 |  |\n\n> 癸[^1]\n\n```\n子\n```\n\n[^1]: 丑\n",
    );
    let anchors: Vec<String> = document.clauses().into_iter().map(|c| c.anchor).collect();
    assert_eq!(ids(&document.html()), anchors);
}

#[test]
fn headings_start_at_two_and_tables_name_their_columns() {
    let html = markdown("# A\n\n## B\n\n###### C\n\n| x | y |\n|---|---|\n| 1 | 2 |\n").html();
    assert!(
        html.contains("<h2 id=")
            && html.contains("<h3 id=")
            && html.contains("<h6 id=")
            && !html.contains("<h1")
    );
    assert!(html.contains("<th scope=\"col\">x</th>"));
}

#[test]
fn an_html_page_becomes_blocks_without_losing_text() {
    let page = "<html><head><title>考勤  规定</title></head><body><div><h1>考勤规定</h1><p>第一条 员工<b>应当</b>\n按时上班。</p><ul><li>甲<ul><li>乙</li></ul></li></ul>\
        <ol start=\"3\"><li>丙</li></ol><table><caption>表一</caption><thead><tr><th>级别</th></tr></thead><tr><td><p>一</p><p>二</p></td></tr></table>\
        <dl><dt>术语</dt><dd>解释</dd></dl><pre>a\n b</pre>尾<br>巴</div></body></html>";
    let document = open("a.html", page.as_bytes());
    assert_eq!(document.title.as_deref(), Some("考勤规定"));
    assert_eq!(
        bare(&document.text()),
        "考勤规定第一条员工应当按时上班。•甲•乙3.丙表一级别一二术语解释ab尾巴"
    );
    assert_eq!(
        bare(&visible(&document.html())),
        bare(&document.text()).replace(['•'], "").replace("3.", "")
    );
}

#[test]
fn html_that_would_keep_a_parser_busy_is_refused() {
    let limits = yuezhi_documents::Limits::default();
    for page in [
        "<div>".repeat(100_000),
        format!("{}{}", "<b>".repeat(90), "<p>x".repeat(300_000)),
        "<table><tr><td>".repeat(20_000),
    ] {
        let read = yuezhi_documents::read("a.html", page.as_bytes(), &limits);
        assert!(read.is_err_and(|error| error.code() == "too_complex"));
    }
}

#[test]
fn a_diff_page_escapes_and_marks_in_words() {
    let old = markdown(
        "第一条 甲 &lt;script&gt; 乙丙丁戊己庚辛五天。\n\n第二条 不变。\n\n第三条 不变二。\n\n第四条 不变三。",
    );
    let new = markdown(
        "第一条 甲 &lt;script&gt; 乙丙丁戊己庚辛十天。\n\n第二条 不变。\n\n第三条 不变二。\n\n第四条 不变三。",
    );
    let changes = diff(&old.clauses(), &new.clauses());
    for html in [
        changes.html(&DiffLabels::chinese()),
        changes.side_by_side_html(&DiffLabels::chinese()),
    ] {
        assert_harmless(&html);
        assert!(
            html.contains(
                "<ins><span class=\"mark\">[+</span>十<span class=\"mark\">+]</span></ins>"
            ),
            "{html}"
        );
        assert!(
            html.contains("<del>") && html.contains("修改") && html.contains("……2 段未变……"),
            "{html}"
        );
    }
    let same = diff(&old.clauses(), &old.clauses());
    assert!(
        same.html(&DiffLabels::english())
            .contains("Both versions have the same words.")
    );
}
