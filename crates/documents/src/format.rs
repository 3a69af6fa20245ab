//! Which kind of file this is: by content first, by extension only among plain text formats.
//!
//! Called by `read`. Invariant: a file that merely carries another format's extension is read as what
//! it is, and a container that cannot be a policy text is named in the error.

use serde::{Deserialize, Serialize};

use crate::{Limits, ReadError, archive};

/// The formats that become a [`crate::Document`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    Markdown,
    Text,
    Html,
    Docx,
    Pdf,
}

impl Format {
    /// The format of a file. Looks at the content; `file_name` decides among the text formats.
    pub fn detect(file_name: &str, bytes: &[u8]) -> Result<Self, ReadError> {
        if bytes.is_empty() {
            return Err(ReadError::Empty);
        }
        let head = bytes.get(..bytes.len().min(1024)).unwrap_or(bytes);
        if find(head, b"%PDF-").is_some() {
            return Ok(Self::Pdf);
        }
        if is_zip(head) {
            return detect_zip(bytes);
        }
        if head.starts_with(&[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]) {
            return Err(ole_file(bytes));
        }
        if let Some(what) = other_binary(head) {
            return Err(ReadError::Unsupported {
                what: what.to_owned(),
            });
        }
        Ok(detect_text(file_name, head))
    }

    /// The word used in JSON and in error texts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Markdown => "markdown",
            Self::Text => "text",
            Self::Html => "html",
            Self::Docx => "docx",
            Self::Pdf => "pdf",
        }
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The lower-case extension without its dot, or `""`.
pub(crate) fn extension(file_name: &str) -> String {
    let name = file_name.rsplit(['/', '\\']).next().unwrap_or_default();
    name.rsplit_once('.')
        .map(|(_, extension)| extension.to_lowercase())
        .unwrap_or_default()
}

/// Local file header or, for an empty archive, the end record (APPNOTE 4.3).
pub(crate) fn is_zip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")
}

fn detect_zip(bytes: &[u8]) -> Result<Format, ReadError> {
    let names = archive::Archive::open(Format::Docx, bytes, &Limits::default())?.names();
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    if has("word/document.xml")
        || names
            .iter()
            .any(|n| n.starts_with("word/document") && extension(n) == "xml")
    {
        return Ok(Format::Docx);
    }
    let what = if has("xl/workbook.xml") || has("xl/workbook.bin") {
        "a spreadsheet (xlsx)"
    } else if has("ppt/presentation.xml") {
        "a presentation (pptx)"
    } else if has("content.xml") && has("mimetype") {
        "an OpenDocument file (odt)"
    } else {
        "a zip archive"
    };
    Err(ReadError::Unsupported {
        what: what.to_owned(),
    })
}

/// An OLE container: a password-protected docx, or a format of Word before 2007 [MS-CFB, MS-OFFCRYPTO].
fn ole_file(bytes: &[u8]) -> ReadError {
    let holds = |name: &str| {
        let wanted: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        find(bytes, &wanted).is_some()
    };
    if holds("EncryptedPackage") || holds("EncryptionInfo") {
        return ReadError::Encrypted;
    }
    let what = if holds("WordDocument") {
        "a Word 97–2003 file (doc); save it as docx"
    } else if holds("Workbook") {
        "an Excel 97–2003 file (xls)"
    } else if holds("PowerPoint Document") {
        "a PowerPoint 97–2003 file (ppt)"
    } else {
        "an OLE file"
    };
    ReadError::Unsupported {
        what: what.to_owned(),
    }
}

fn other_binary(head: &[u8]) -> Option<&'static str> {
    let marks: [(&[u8], &str); 9] = [
        (b"{\\rtf", "a rich text file (rtf); save it as docx"),
        (b"\x89PNG", "a picture (png)"),
        (b"\xff\xd8\xff", "a picture (jpeg)"),
        (b"GIF8", "a picture (gif)"),
        (b"BM", "a picture (bmp)"),
        (b"RIFF", "a picture (webp)"),
        (b"Rar!", "a rar archive"),
        (b"7z\xbc\xaf", "a 7z archive"),
        (b"\x1f\x8b", "a gzip archive"),
    ];
    let found = marks.iter().find(|(mark, _)| head.starts_with(mark))?;
    // "BM" and "RIFF" may start a text; a picture has zero bytes right after.
    let short_mark = found.0.len() <= 4 && found.0.is_ascii() && found.0 != b"Rar!";
    (!short_mark || head.contains(&0)).then_some(found.1)
}

fn detect_text(file_name: &str, head: &[u8]) -> Format {
    let start: Vec<u8> = head
        .iter()
        .filter(|b| b.is_ascii_graphic())
        .take(64)
        .map(u8::to_ascii_lowercase)
        .collect();
    match extension(file_name).as_str() {
        "md" | "markdown" | "mdown" => Format::Markdown,
        "html" | "htm" | "xhtml" => Format::Html,
        _ if start.starts_with(b"<!doctypehtml") || start.starts_with(b"<html") => Format::Html,
        "txt" | "text" => Format::Text,
        _ if start.starts_with(b"---") || start.starts_with(b"#") => Format::Markdown,
        _ => Format::Text,
    }
}

pub(crate) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_wins_over_the_extension() {
        assert_eq!(Format::detect("a.txt", b"%PDF-1.7 ..."), Ok(Format::Pdf));
        assert_eq!(
            Format::detect("a.doc", b"<!DOCTYPE html><p>x"),
            Ok(Format::Html)
        );
        assert_eq!(
            Format::detect("a.md", "# 标题".as_bytes()),
            Ok(Format::Markdown)
        );
        assert_eq!(Format::detect("README", b"# Title"), Ok(Format::Markdown));
        assert_eq!(Format::detect("notes.txt", b"BMW cars"), Ok(Format::Text));
        assert_eq!(
            Format::detect("notes.txt", b"PK exam dates"),
            Ok(Format::Text)
        );
    }

    #[test]
    fn old_and_protected_word_files_are_told_apart() {
        let ole = |name: &str| {
            let mut bytes = vec![0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];
            bytes.extend(name.encode_utf16().flat_map(u16::to_le_bytes));
            Format::detect("a.docx", &bytes).unwrap_err()
        };
        assert_eq!(ole("EncryptedPackage"), ReadError::Encrypted);
        assert_eq!(ole("WordDocument").code(), "unsupported");
    }
}
