//! PDF files, as a word processor writes them. The fixtures are invented texts exported by LibreOffice.

use yuezhi_documents::{Clause, ReadError, WarningCode};

use crate::support::{bare, joined, lines, open, refusal};

#[test]
fn a_chinese_pdf_gives_the_same_clauses_as_its_docx() {
    let pdf = open("travel.pdf", include_bytes!("../fixtures/travel.pdf"));
    let docx = open("travel.docx", include_bytes!("../fixtures/travel.docx"));
    assert_eq!(pdf.title.as_deref(), Some("差旅费管理办法"));
    let told = |clauses: &[Clause]| {
        lines(clauses)
            .iter()
            .map(|line| bare(line))
            .collect::<Vec<_>>()
    };
    assert_eq!(told(&pdf.clauses()), told(&docx.clauses()));
    assert_eq!(bare(&joined(&pdf.clauses())), bare(&pdf.text()));
}

#[test]
fn a_scanned_pdf_is_called_scanned() {
    assert_eq!(
        refusal("scan.pdf", include_bytes!("../fixtures/scanned.pdf")),
        ReadError::ScannedPdf { pages: 2 }
    );
}

#[test]
fn a_password_is_noticed_and_a_copying_ban_is_not_one() {
    assert_eq!(
        refusal("a.pdf", include_bytes!("../fixtures/locked.pdf")),
        ReadError::Encrypted
    );
    let readable = open("a.pdf", include_bytes!("../fixtures/no-copying.pdf"));
    assert_eq!(
        lines(&readable.clauses()),
        ["Notice", "1. Keep your badge with you."]
    );
}

/// A PDF of one font with the standard encoding; each page is a list of (x, y, text).
fn pdf(pages: &[Vec<(u32, u32, String)>], extra: &str) -> Vec<u8> {
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        String::new(),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
            .to_owned(),
    ];
    let mut kids = String::new();
    for page in pages {
        let number = objects.len() + 1;
        kids.push_str(&format!("{number} 0 R "));
        objects.push(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> {extra} >> /Contents {} 0 R >>",
            number + 1
        ));
        let text: String = page
            .iter()
            .map(|(x, y, text)| format!("BT /F1 10 Tf 1 0 0 1 {x} {y} Tm ({text}) Tj ET\n"))
            .collect();
        let content = format!("{text}{}", if extra.is_empty() { "" } else { "/X Do\n" });
        objects.push(format!(
            "<< /Length {} >>\nstream\n{content}\nendstream",
            content.len()
        ));
    }
    objects[1] = format!("<< /Type /Pages /Kids [{kids}] /Count {} >>", pages.len());
    if !extra.is_empty() {
        objects.push(String::new());
        let last = objects.len();
        let form = format!(
            "<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X {last} 0 R >> >> /Length 5 >>\nstream\n/X Do\nendstream"
        );
        objects[last - 1] = form;
    }
    let mut out = b"%PDF-1.4\n".to_vec();
    let mut offsets = Vec::new();
    for (at, object) in objects.iter().enumerate() {
        offsets.push(out.len());
        out.extend(format!("{} 0 obj\n{object}\nendobj\n", at + 1).into_bytes());
    }
    let table = out.len();
    out.extend(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).into_bytes());
    for offset in offsets {
        out.extend(format!("{offset:010} 00000 n \n").into_bytes());
    }
    out.extend(
        format!(
            "trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n",
            objects.len() + 1
        )
        .into_bytes(),
    );
    out
}

#[test]
fn running_heads_and_page_numbers_are_left_out() {
    let page = |n: u32| {
        vec![
            (50, 800, "Acme handbook".to_owned()),
            (
                50,
                700,
                format!("Rule number {} is to be read by everybody who works", n * 7),
            ),
            (50, 688, "in the office and at home.".to_owned()),
            (280, 30, format!("Page {n} of 4")),
        ]
    };
    let document = open("a.pdf", &pdf(&(1..=4).map(page).collect::<Vec<_>>(), ""));
    assert_eq!(
        document
            .warnings
            .iter()
            .find(|w| w.code == WarningCode::RunningHeadsLeftOut)
            .unwrap()
            .count,
        8
    );
    let told = lines(&document.clauses());
    assert_eq!(told.len(), 4, "{told:#?}");
    assert_eq!(
        told[1],
        "Rule number 14 is to be read by everybody who works in the office and at home."
    );
}

#[test]
fn a_form_that_draws_itself_is_refused() {
    let extra = "/XObject << /X 6 0 R >>";
    let bytes = pdf(&[vec![(50, 700, "Hello".to_owned())]], extra);
    assert_eq!(refusal("a.pdf", &bytes).code(), "too_complex");
}

#[test]
fn a_damaged_pdf_is_broken() {
    assert_eq!(refusal("a.pdf", b"%PDF-1.7\nnothing more").code(), "broken");
    let half = include_bytes!("../fixtures/travel.pdf");
    assert!(matches!(
        refusal("a.pdf", &half[..half.len() / 2]).code(),
        "broken" | "no_text"
    ));
}
