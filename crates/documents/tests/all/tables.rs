//! Tables for the people import.

use yuezhi_documents::{Limits, table};

use crate::support::zip;

fn csv(text: &str) -> table::Table {
    table::read("people.csv", text.as_bytes(), &Limits::default()).unwrap()
}

#[test]
fn every_usual_separator_and_encoding_is_read() {
    let expected = csv("姓名,手机\n张三,13800000000\n");
    assert_eq!(expected.headers, ["姓名", "手机"]);
    assert_eq!(expected.rows[0].cells, ["张三", "13800000000"]);
    assert_eq!(csv("\u{feff}姓名;手机\r\n张三;13800000000\r\n"), expected);
    assert_eq!(csv("姓名\t手机\n\"张三\"\t 13800000000 \n"), expected);
    let (gb, _, _) = encoding_rs::GB18030.encode("姓名,手机\n张三,13800000000\n");
    assert_eq!(
        table::read("people.csv", &gb, &Limits::default()).unwrap(),
        expected
    );
}

#[test]
fn rows_keep_their_line_and_get_the_width_of_the_header() {
    let read = csv("a,b,c,\n\n1,2\n,,\n\"x\ny\",5,6,7\n");
    assert_eq!(read.headers, ["a", "b", "c", ""]);
    assert_eq!(read.rows.iter().map(|r| r.line).collect::<Vec<_>>(), [3, 5]);
    assert_eq!(read.rows[0].cells, ["1", "2", "", ""]);
    assert_eq!(read.rows[1].cells, ["x\ny", "5", "6", "7"]);
}

const WORKBOOK: &str = r#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="人员" sheetId="1" r:id="rId1"/></sheets></workbook>"#;
const RELATIONS: &str = r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>"#;
const PACKAGE: &str = r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;
const STYLES: &str = r#"<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>"#;

fn workbook(rows: &str) -> Vec<u8> {
    let sheet = format!(
        r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{rows}</sheetData></worksheet>"#
    );
    zip(&[
        ("_rels/.rels", PACKAGE),
        ("xl/workbook.xml", WORKBOOK),
        ("xl/_rels/workbook.xml.rels", RELATIONS),
        ("xl/styles.xml", STYLES),
        ("xl/worksheets/sheet1.xml", &sheet),
    ])
}

#[test]
fn a_workbook_gives_phone_numbers_and_dates_as_people_see_them() {
    let bytes = workbook(
        r#"<row r="2"><c r="A2" t="inlineStr"><is><t> 姓名 </t></is></c><c r="B2" t="inlineStr"><is><t>手机</t></is></c><c r="C2" t="inlineStr"><is><t>入职</t></is></c></row><row r="4"><c r="A4" t="inlineStr"><is><t>张三</t></is></c><c r="B4"><v>13800000000</v></c><c r="C4" s="1"><v>46000</v></c></row>"#,
    );
    let read = table::read("people.xlsx", &bytes, &Limits::default()).unwrap();
    assert_eq!(read.headers, ["姓名", "手机", "入职"]);
    assert_eq!(read.rows[0].line, 4);
    assert_eq!(read.rows[0].cells, ["张三", "13800000000", "2025-12-09"]);
}

#[test]
fn a_cell_in_the_last_corner_costs_nothing() {
    let bytes = workbook(
        r#"<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>"#,
    );
    let error = table::read("people.xlsx", &bytes, &Limits::default()).unwrap_err();
    assert_eq!(error.code(), "too_complex");
}

#[test]
fn what_is_no_table_is_refused() {
    let code = |name: &str, bytes: &[u8]| {
        table::read(name, bytes, &Limits::default())
            .unwrap_err()
            .code()
    };
    assert_eq!(code("a.csv", b""), "empty");
    assert_eq!(code("a.csv", b"\n\n"), "no_text");
    assert_eq!(code("a.xlsx", b"PK\x03\x04 broken"), "not_text");
    assert_eq!(
        code(
            "a.xls",
            &[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1, 0, 0]
        ),
        "unsupported"
    );
    assert_eq!(code("a.xlsx", &zip(&[("x.txt", "y")])), "unsupported");
    let limits = Limits {
        max_rows: 2,
        ..Limits::default()
    };
    assert_eq!(
        table::read("a.csv", b"a\nb\nc\nd\n", &limits)
            .unwrap_err()
            .code(),
        "too_complex"
    );
}
