//! Any policy file in; clean structured text, safe HTML, clauses and a clause-aligned diff out.
//!
//! Called by the server when a version is uploaded, shown or compared, and by the people import
//! ([`table`]). Pure computation: no clock, no network, no files.
//! Invariant: no input makes a call here panic, and what a person can read in the file is in the result.
//! Weakness: time is bounded through sizes only; a hostile PDF within the bounds can take seconds.

mod archive;
mod clause;
mod diff;
mod document;
mod encoding;
mod error;
mod format;
mod front_matter;
mod inlines;
mod isolate;
mod label;
mod limits;
mod nesting;
mod numerals;
mod paragraphs;
mod read;
mod render;
mod sanitise;
pub mod table;

pub use clause::{Clause, ClauseKind, OutlineEntry};
pub use diff::{Change, ChangeKind, ClauseRef, Counts, Diff, DiffLabels, Language, Segment, diff};
pub use document::{
    Block, Cell, Document, Footnote, Inline, List, ListItem, TextTable, Warning, WarningCode,
};
pub use error::ReadError;
pub use format::Format;
pub use front_matter::FrontMatter;
pub use limits::Limits;

/// Reads a file of any supported format.
///
/// `file_name` serves only to tell the text formats apart. Every failure is a [`ReadError`]; a document
/// without any text is [`ReadError::NoText`].
pub fn read(file_name: &str, bytes: &[u8], limits: &Limits) -> Result<Document, ReadError> {
    check_size(bytes, limits)?;
    let format = Format::detect(file_name, bytes)?;
    check_text_size(format, bytes, limits)?;
    let mut document = isolate::isolated(format, || match format {
        Format::Markdown => read::markdown::read(bytes, limits),
        Format::Text => read::text::read(bytes),
        Format::Html => read::html::read(bytes, limits),
        Format::Docx => read::docx::read(bytes, limits),
        Format::Pdf => read::pdf::read(bytes, limits),
    })?;
    paragraphs::promote_headings(&mut document);
    read::markdown::warn_unknown_keys(&mut document);
    document.title = title(&document);
    let text = document.text();
    if text.trim().is_empty() {
        return Err(ReadError::NoText);
    }
    if text.chars().count() > limits.max_text_chars {
        return Err(too_long(limits));
    }
    Ok(document)
}

fn check_size(bytes: &[u8], limits: &Limits) -> Result<(), ReadError> {
    let actual = bytes.len() as u64;
    if actual > limits.max_file_bytes {
        return Err(ReadError::TooLarge {
            limit_bytes: limits.max_file_bytes,
            actual,
        });
    }
    if bytes.is_empty() {
        Err(ReadError::Empty)
    } else {
        Ok(())
    }
}

/// A file that is all text cannot be much larger than its text; no parser should see one that is.
fn check_text_size(format: Format, bytes: &[u8], limits: &Limits) -> Result<(), ReadError> {
    const MAX_BYTES_PER_CHAR: usize = 4;
    let is_text = matches!(format, Format::Markdown | Format::Text | Format::Html);
    if is_text && bytes.len() > limits.max_text_chars.saturating_mul(MAX_BYTES_PER_CHAR) {
        return Err(too_long(limits));
    }
    Ok(())
}

fn too_long(limits: &Limits) -> ReadError {
    ReadError::too_complex(format!(
        "its text is longer than {} characters",
        limits.max_text_chars
    ))
}

/// The front matter's title, else the first heading of the text, else what the file says about itself.
fn title(document: &Document) -> Option<String> {
    let first_heading = document
        .blocks
        .iter()
        .take(5)
        .find_map(|block| match block {
            Block::Heading { level: 1, inlines } => {
                Some(label::close_spaced_han(&document::plain(inlines)))
            }
            _ => None,
        });
    document
        .front_matter
        .title
        .clone()
        .or(first_heading)
        .or_else(|| document.title.clone())
        .filter(|t| !t.is_empty())
}
