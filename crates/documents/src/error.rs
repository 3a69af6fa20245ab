//! Why a file could not be read, in variants that the caller shows to a publisher.
//!
//! The server translates [`ReadError::code`]; the `Display` text is English, for logs and the CLI.
//! Invariant: codes are stable and snake_case. No variant carries text of the document.

use crate::Format;

/// A file that cannot become a document or a table, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    #[error("the file is empty")]
    Empty,
    #[error(
        "the file has {actual} bytes, the limit is {limit_bytes}; split it or leave out pictures"
    )]
    TooLarge { limit_bytes: u64, actual: u64 },
    #[error("the file is protected by a password; save it without one and upload it again")]
    Encrypted,
    #[error(
        "the PDF has {pages} scanned pages and no text; export it from the word processor, or run text recognition first"
    )]
    ScannedPdf { pages: usize },
    #[error("the {format} file is damaged: {detail}; open it, save it again and upload that copy")]
    Broken { format: Format, detail: String },
    #[error("{what} cannot be read as a policy text; use docx, pdf, md, html or txt")]
    Unsupported { what: String },
    #[error("the file is too complex to be read safely: {detail}")]
    TooComplex { detail: String },
    #[error("front matter, line {line}: {detail}")]
    FrontMatter { line: usize, detail: String },
    #[error("the file is not text: {detail}")]
    NotText { detail: String },
    #[error("the file contains no text")]
    NoText,
}

impl ReadError {
    /// A stable word for the kind of failure; texts for people are looked up by it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLarge { .. } => "too_large",
            Self::Encrypted => "encrypted",
            Self::ScannedPdf { .. } => "scanned_pdf",
            Self::Broken { .. } => "broken",
            Self::Unsupported { .. } => "unsupported",
            Self::TooComplex { .. } => "too_complex",
            Self::FrontMatter { .. } => "front_matter",
            Self::NotText { .. } => "not_text",
            Self::NoText => "no_text",
        }
    }

    pub(crate) fn too_complex(detail: impl Into<String>) -> Self {
        Self::TooComplex {
            detail: detail.into(),
        }
    }

    pub(crate) fn broken(format: Format, detail: impl Into<String>) -> Self {
        Self::Broken {
            format,
            detail: detail.into(),
        }
    }
}
