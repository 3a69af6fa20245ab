//! Word files: what Word shows is what is read.

use yuezhi_documents::{Limits, ReadError, WarningCode, read};

use crate::support::{docx, lines, open, paragraph, refusal, zip};

fn told(body: &str, parts: &[(&str, &str)]) -> Vec<String> {
    lines(&open("a.docx", &docx(body, parts)).clauses())
}

fn numbered(list: u32, level: u32, text: &str) -> String {
    format!(
        "<w:p><w:pPr><w:numPr><w:ilvl w:val=\"{level}\"/><w:numId w:val=\"{list}\"/></w:numPr></w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"
    )
}

const NUMBERING: &str = r#"
<w:abstractNum w:abstractNumId="0">
 <w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="chineseCountingThousand"/><w:lvlText w:val="第%1条"/></w:lvl>
 <w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="chineseCounting"/><w:suff w:val="nothing"/><w:lvlText w:val="（%2）"/></w:lvl>
</w:abstractNum>
<w:abstractNum w:abstractNumId="1">
 <w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1."/></w:lvl>
 <w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1.%2"/></w:lvl>
</w:abstractNum>
<w:abstractNum w:abstractNumId="2">
 <w:lvl w:ilvl="0"><w:numFmt w:val="bullet"/><w:lvlText w:val="·"/></w:lvl>
 <w:lvl w:ilvl="1"><w:numFmt w:val="bullet"/><w:lvlText w:val="o"/></w:lvl>
</w:abstractNum>
<w:abstractNum w:abstractNumId="3">
 <w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="chineseCounting"/><w:pStyle w:val="Ch"/><w:lvlText w:val="第%1章"/></w:lvl>
</w:abstractNum>
<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>
<w:num w:numId="2"><w:abstractNumId w:val="1"/></w:num>
<w:num w:numId="3"><w:abstractNumId w:val="2"/></w:num>
<w:num w:numId="4"><w:abstractNumId w:val="3"/></w:num>
<w:num w:numId="5"><w:abstractNumId w:val="0"/><w:lvlOverride w:ilvl="0"><w:startOverride w:val="8"/></w:lvlOverride></w:num>"#;

const STYLES: &str = r#"
<w:style w:styleId="a1"><w:name w:val="heading 1"/><w:pPr><w:outlineLvl w:val="0"/></w:pPr></w:style>
<w:style w:styleId="Ch"><w:name w:val="章标题"/><w:basedOn w:val="a1"/><w:pPr><w:numPr><w:numId w:val="4"/></w:numPr></w:pPr></w:style>
<w:style w:styleId="T"><w:name w:val="Title"/></w:style>
<w:style w:styleId="Toc"><w:name w:val="toc 1"/></w:style>
<w:style w:styleId="Loop"><w:name w:val="x"/><w:basedOn w:val="Loop"/></w:style>"#;

fn styled(style: &str, text: &str) -> String {
    format!("<w:p><w:pPr><w:pStyle w:val=\"{style}\"/></w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>")
}

#[test]
fn automatic_numbers_are_part_of_the_text() {
    let body = [
        styled("Ch", "总则"),
        numbered(1, 0, "为了规范管理。"),
        numbered(1, 0, "应当符合："),
        numbered(1, 1, "条件甲；"),
        numbered(1, 1, "条件乙。"),
        numbered(1, 0, "按照标准。"),
        styled("Ch", "附则"),
        numbered(5, 0, "自八起。"),
        numbered(2, 0, "One"),
        numbered(2, 1, "One one"),
        numbered(3, 0, "bullet"),
        numbered(3, 1, "deeper"),
    ]
    .concat();
    assert_eq!(
        told(
            &body,
            &[("numbering.xml", NUMBERING), ("styles.xml", STYLES)]
        ),
        [
            "第一章 总则",
            "第一条 为了规范管理。",
            "第二条 应当符合：",
            "（一） 条件甲；",
            "（二） 条件乙。",
            "第三条 按照标准。",
            "第二章 附则",
            "第八条 自八起。",
            "1. One",
            "1.1 One one",
            "• bullet",
            "• deeper"
        ]
    );
}

#[test]
fn titles_contents_and_circular_styles_are_understood() {
    let body = [
        styled("T", "差旅办法"),
        styled("Toc", "第一章 总则 1"),
        styled("Loop", "正文"),
        paragraph("第一章 总则"),
    ]
    .concat();
    let document = open("a.docx", &docx(&body, &[("styles.xml", STYLES)]));
    assert_eq!(document.title.as_deref(), Some("差旅办法"));
    assert_eq!(
        lines(&document.clauses()),
        ["差旅办法", "正文", "第一章 总则"]
    );
    assert!(
        document
            .warnings
            .iter()
            .any(|w| w.code == WarningCode::ContentsLeftOut)
    );
}

#[test]
fn tracked_changes_are_read_as_accepted() {
    let body = "<w:p><w:r><w:t>年休假</w:t></w:r><w:del><w:r><w:delText>五</w:delText></w:r></w:del><w:ins><w:r><w:t>十</w:t></w:r></w:ins><w:r><w:t>天</w:t></w:r></w:p>\
        <w:p><w:pPr><w:rPr><w:del/></w:rPr></w:pPr><w:r><w:t>前半</w:t></w:r></w:p><w:p><w:r><w:t>后半</w:t></w:r></w:p>";
    let document = open("a.docx", &docx(body, &[]));
    assert_eq!(lines(&document.clauses()), ["年休假十天", "前半后半"]);
    let codes: Vec<WarningCode> = document.warnings.iter().map(|w| w.code).collect();
    assert_eq!(
        codes,
        [
            WarningCode::InsertionsAccepted,
            WarningCode::DeletionsAccepted
        ]
    );
}

#[test]
fn tables_notes_links_boxes_and_pictures_are_kept() {
    let body = r#"<w:tbl><w:tblPr><w:tblLook w:firstRow="1"/></w:tblPr><w:tr><w:tc><w:p><w:r><w:t>级别</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>标准</w:t></w:r></w:p></w:tc></w:tr>
        <w:tr><w:tc><w:tcPr><w:gridSpan w:val="2"/></w:tcPr><w:p><w:r><w:t>员工</w:t></w:r></w:p><w:p><w:r><w:t>实习生</w:t></w:r></w:p></w:tc></w:tr></w:tbl>
        <w:p><w:r><w:t xml:space="preserve">见注</w:t></w:r><w:r><w:footnoteReference w:id="2"/></w:r><w:hyperlink r:id="rId1"><w:r><w:t>官网</w:t></w:r></w:hyperlink><w:hyperlink r:id="rId2"><w:r><w:t>本地</w:t></w:r></w:hyperlink>
        <w:r><w:drawing><wp:inline><wp:docPr id="1" name="x" descr="组织图"/><a:blip/></wp:inline></w:drawing></w:r>
        <w:r><mc:AlternateContent><mc:Choice><w:drawing><wps:txbx><w:txbxContent><w:p><w:r><w:t>框内文字</w:t></w:r></w:p></w:txbxContent></wps:txbx></w:drawing></mc:Choice><mc:Fallback><w:pict><v:textbox><w:txbxContent><w:p><w:r><w:t>框内文字</w:t></w:r></w:p></w:txbxContent></v:textbox></w:pict></mc:Fallback></mc:AlternateContent></w:r>
        <w:r><w:rPr><w:vanish/></w:rPr><w:t>隐藏</w:t></w:r></w:p>"#;
    let relations = r#"<Relationships><Relationship Id="rId1" Target="https://example.com/a" TargetMode="External"/><Relationship Id="rId2" Target="file:///c:/x" TargetMode="External"/></Relationships>"#;
    let notes = r#"<w:footnote w:id="2"><w:p><w:r><w:t>注文</w:t></w:r></w:p></w:footnote>"#;
    let document = open(
        "a.docx",
        &docx(
            body,
            &[
                ("_rels/document.xml.rels", relations),
                ("footnotes.xml", notes),
            ],
        ),
    );
    assert_eq!(
        lines(&document.clauses()),
        [
            "级别\t标准",
            "员工\n实习生",
            "见注[1]官网本地[图：组织图]",
            "框内文字",
            "[1] 注文"
        ]
    );
    let html = document.html();
    assert!(
        html.contains("<th scope=\"col\">级别</th>") && html.contains("colspan=\"2\""),
        "{html}"
    );
    assert!(
        html.contains("href=\"https://example.com/a\"") && !html.contains("file:"),
        "{html}"
    );
    let codes: Vec<WarningCode> = document.warnings.iter().map(|w| w.code).collect();
    assert_eq!(
        codes,
        [
            WarningCode::PicturesLeftOut,
            WarningCode::LinkTargetDropped,
            WarningCode::HiddenTextLeftOut
        ]
    );
}

#[test]
fn entities_nesting_and_bombs_are_refused() {
    let with = |document: &str| zip(&[("word/document.xml", document)]);
    let entities = r#"<!DOCTYPE x [<!ENTITY a "aaaa">]><w:document><w:body><w:p><w:r><w:t>&a;</w:t></w:r></w:p></w:body></w:document>"#;
    assert_eq!(refusal("a.docx", &with(entities)).code(), "too_complex");
    let deep = format!(
        "<d><body>{}{}</body></d>",
        "<p>".repeat(5_000),
        "</p>".repeat(5_000)
    );
    assert_eq!(refusal("a.docx", &with(&deep)).code(), "too_complex");
    let limits = Limits {
        max_unpacked_bytes: 10_000,
        ..Limits::default()
    };
    let large = docx(&paragraph(&"字".repeat(20_000)), &[]);
    assert_eq!(
        read("a.docx", &large, &limits).unwrap_err().code(),
        "too_complex"
    );
    assert_eq!(
        refusal("a.docx", &with("<w:document><w:body>")).code(),
        "broken"
    );
    assert_eq!(refusal("a.docx", b"PK\x03\x04junk").code(), "broken");
}

#[test]
fn other_office_files_are_named() {
    let workbook = zip(&[("xl/workbook.xml", "<x/>")]);
    assert!(
        matches!(refusal("a.docx", &workbook), ReadError::Unsupported { what } if what.contains("xlsx"))
    );
}
