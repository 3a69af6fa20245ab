//! Plain text files to paragraphs.
//!
//! Called by `read`. Typed regulations put a paragraph on a line, mails wrap at column 72; `paragraphs`
//! tells the two apart. Invariant: every character that is not white space is kept.

use crate::document::Document;
use crate::paragraphs::{self, Line};
use crate::{Format, ReadError, encoding, front_matter};

pub(crate) fn read(bytes: &[u8]) -> Result<Document, ReadError> {
    let source = encoding::decode(bytes)?;
    let (front_matter, body) = front_matter::split(&source)?;
    let lines: Vec<Line> = body.split('\n').map(Line::of_text).collect();
    Ok(Document {
        format: Format::Text,
        title: None,
        front_matter,
        blocks: paragraphs::join(&lines),
        footnotes: Vec::new(),
        warnings: Vec::new(),
    })
}
