//! What one reading may cost: bytes, unpacked bytes, characters, nesting, rows.
//!
//! Every reader is handed one of these and refuses, rather than trims, what goes beyond.
//! Invariant: no reader trusts a size that a file claims about itself; all are counted while reading.

/// The bounds of one reading. `Default` suits a publishing form: files up to 50 MiB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Size of the file as uploaded, in bytes.
    pub max_file_bytes: u64,
    /// Sum of all parts after decompression, in bytes (docx, xlsx, pdf streams).
    pub max_unpacked_bytes: u64,
    /// Characters of text in the finished document.
    pub max_text_chars: usize,
    /// Depth of nested elements, lists and quotes.
    pub max_nesting: usize,
    /// Elements of one XML part, operations of one PDF.
    pub max_elements: usize,
    /// Pages of a PDF.
    pub max_pages: usize,
    /// Rows of a table that is read for import.
    pub max_rows: usize,
    /// Columns of a table that is read for import.
    pub max_columns: usize,
}

const MIB: u64 = 1024 * 1024;

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_file_bytes: 50 * MIB,
            max_unpacked_bytes: 200 * MIB,
            max_text_chars: 3_000_000,
            max_nesting: 100,
            max_elements: 3_000_000,
            max_pages: 2_000,
            max_rows: 200_000,
            max_columns: 256,
        }
    }
}
