//! PDF files with a text layer to paragraphs.
//!
//! Called by `read`, on its own thread. `guard` bounds the file and takes out what text does not need,
//! `glyphs` collects placed characters, `layout` makes lines and paragraphs of them.
//! Invariant: a page that cannot be read is reported, never silently empty. Weakness: columns and tables
//! come out in the order in which the producer wrote them; time is bounded only through sizes.

mod glyphs;
mod guard;
mod layout;

use std::panic::{AssertUnwindSafe, catch_unwind};

use pdf_extract::Document as Pdf;

use crate::document::{Document, Warning, WarningCode};
use crate::paragraphs;
use crate::{Format, FrontMatter, Limits, ReadError};
use glyphs::Glyphs;

pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Result<Document, ReadError> {
    guard::check_streams(bytes, limits)?;
    let mut pdf = load(bytes, limits)?;
    let page_ids = pdf.get_pages();
    if page_ids.is_empty() {
        return Err(broken("it has no pages"));
    }
    if page_ids.len() > limits.max_pages {
        return Err(ReadError::too_complex(format!(
            "it has {} pages",
            page_ids.len()
        )));
    }
    let title = title(&pdf);
    let pictures = guard::keep_text_only(&mut pdf, limits)?;
    let mut pages = Vec::new();
    let mut unreadable = Vec::new();
    let mut characters_lost = 0;
    for &number in page_ids.keys() {
        match page(&pdf, number) {
            Some(glyphs) => {
                characters_lost += glyphs.unreadable;
                pages.push(glyphs.lines());
            }
            None => unreadable.push(number as usize),
        }
    }
    if unreadable.len() == page_ids.len() {
        return Err(broken("none of its pages can be read"));
    }
    let scanned: Vec<usize> = page_ids
        .iter()
        .zip(1..)
        .filter(|((number, id), index)| {
            !unreadable.contains(&(**number as usize))
                && pictures.contains(id)
                && layout::is_blank(
                    pages.get(index - 1 - unreadable.iter().filter(|u| **u < *index).count()),
                )
        })
        .map(|(_, index)| index)
        .collect();
    if pages.iter().all(|lines| layout::is_blank(Some(lines))) {
        return Err(if scanned.is_empty() {
            ReadError::NoText
        } else {
            ReadError::ScannedPdf {
                pages: page_ids.len(),
            }
        });
    }
    let running_heads = layout::drop_running_heads(&mut pages);
    let lines = layout::merge(&pages);
    let mut document = Document {
        format: Format::Pdf,
        title,
        front_matter: FrontMatter::default(),
        blocks: paragraphs::join(&lines),
        footnotes: Vec::new(),
        warnings: Vec::new(),
    };
    document.warn(WarningCode::RunningHeadsLeftOut, running_heads);
    document.warn(WarningCode::CharactersUnreadable, characters_lost);
    let on_page = |code| {
        move |&page: &usize| Warning {
            code,
            count: page,
            detail: String::new(),
        }
    };
    document
        .warnings
        .extend(unreadable.iter().map(on_page(WarningCode::PageUnreadable)));
    document
        .warnings
        .extend(scanned.iter().map(on_page(WarningCode::PageScanned)));
    Ok(document)
}

fn load(bytes: &[u8], limits: &Limits) -> Result<Pdf, ReadError> {
    let parsed =
        catch_unwind(|| Pdf::load_mem(bytes)).map_err(|_| broken("the parser gave up on it"))?;
    let mut pdf = match parsed {
        Ok(pdf) => pdf,
        Err(error) => {
            let text = error.to_string().to_lowercase();
            let locked =
                text.contains("password") || text.contains("decrypt") || text.contains("encrypt");
            return Err(if locked {
                ReadError::Encrypted
            } else {
                broken("its structure does not parse")
            });
        }
    };
    if pdf.is_encrypted() {
        // Many exports forbid copying with an empty password: they open for everybody.
        let opened = catch_unwind(AssertUnwindSafe(|| pdf.decrypt("").is_ok())).unwrap_or(false);
        if !opened {
            return Err(ReadError::Encrypted);
        }
        guard::check_decrypted(&pdf, limits)?;
    }
    Ok(pdf)
}

/// The characters of a page, or `None` if the extractor fails on it.
fn page(pdf: &Pdf, number: u32) -> Option<Glyphs> {
    let mut glyphs = Glyphs::default();
    let extracted = catch_unwind(AssertUnwindSafe(|| {
        pdf_extract::output_doc_page(pdf, &mut glyphs, number).is_ok()
    }))
    .unwrap_or(false);
    extracted.then_some(glyphs)
}

/// The title in the file's information dictionary, where it is one and not a file name.
fn title(pdf: &Pdf) -> Option<String> {
    let info = pdf.trailer.get(b"Info").ok()?.as_reference().ok()?;
    let title = pdf
        .get_dictionary(info)
        .ok()?
        .get(b"Title")
        .ok()?
        .as_str()
        .ok()?;
    let text = match title {
        [0xfe, 0xff, rest @ ..] => encoding_rs::UTF_16BE
            .decode_without_bom_handling(rest)
            .0
            .into_owned(),
        other => String::from_utf8(other.to_vec()).ok()?,
    };
    let text = text
        .trim()
        .trim_start_matches("Microsoft Word - ")
        .to_owned();
    let is_name = [".doc", ".docx", ".pdf", ".wps", ".txt"]
        .iter()
        .any(|end| text.to_lowercase().ends_with(end));
    (!text.is_empty() && !is_name && !text.contains('\u{fffd}')).then_some(text)
}

fn broken(detail: &str) -> ReadError {
    ReadError::broken(Format::Pdf, detail)
}
