//! The document that every reader produces: blocks of inlines, footnotes, front matter, warnings.
//!
//! Built by the readers, stored as JSON with a version, walked by `clause` and `render`.
//! Invariant: everything a person can read in the file is in `blocks` or `footnotes`, as text; nothing in
//! it refers to anything outside (pictures are kept as their description).

use serde::{Deserialize, Serialize};

use crate::{Format, FrontMatter};

/// A policy text, whatever file it came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    pub format: Format,
    /// From the front matter, else the first top heading or the file's own title.
    pub title: Option<String>,
    pub front_matter: FrontMatter,
    pub blocks: Vec<Block>,
    pub footnotes: Vec<Footnote>,
    /// What was left out or guessed; shown to the publisher before anything is sent.
    pub warnings: Vec<Warning>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Block {
    /// `level` is 1 to 6 as in the file.
    Heading {
        level: u8,
        inlines: Vec<Inline>,
    },
    Paragraph {
        inlines: Vec<Inline>,
    },
    List(List),
    Quote {
        blocks: Vec<Block>,
    },
    Code {
        text: String,
    },
    Table(TextTable),
    Rule,
}

/// A list whose markers are not part of the text. `marker` is what follows the number: `.` or `)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct List {
    /// The first number; `None` for a bullet list.
    pub start: Option<u32>,
    pub marker: char,
    pub items: Vec<ListItem>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ListItem {
    pub blocks: Vec<Block>,
}

/// `header_rows` counts the leading rows that name the columns.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TextTable {
    pub header_rows: usize,
    pub rows: Vec<Vec<Cell>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    pub inlines: Vec<Inline>,
    /// Columns covered, at least 1.
    pub columns: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "content", rename_all = "snake_case")]
pub enum Inline {
    Text(String),
    Strong(Vec<Inline>),
    Emphasis(Vec<Inline>),
    Strike(Vec<Inline>),
    Code(String),
    /// `href` is http, https or mailto; other targets are dropped by the readers.
    Link {
        href: String,
        inlines: Vec<Inline>,
    },
    /// A picture, as the words that stand for it: its description, or `[图]`.
    Picture(String),
    /// Index into `Document::footnotes`.
    FootnoteMark(usize),
    Break,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Footnote {
    pub blocks: Vec<Block>,
}

/// Something the publisher should know about this reading. `code` says which text to show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    pub code: WarningCode,
    /// How often it happened, or the page.
    pub count: usize,
    /// A word to show with it (an unknown key); empty if there is none.
    pub detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WarningCode {
    /// Front matter has a key that nobody reads.
    UnknownKey,
    /// Pictures are not part of the text; their descriptions are.
    PicturesLeftOut,
    /// A link's target was neither http, https nor mailto.
    LinkTargetDropped,
    /// Raw HTML outside the allowed set was removed.
    UnsafeHtmlRemoved,
    /// Tracked insertions were taken as text.
    InsertionsAccepted,
    /// Tracked deletions were left out.
    DeletionsAccepted,
    /// Reviewers' comments were left out.
    CommentsLeftOut,
    /// Text formatted as hidden was left out.
    HiddenTextLeftOut,
    /// The generated table of contents was left out.
    ContentsLeftOut,
    /// Running headers, footers and page numbers were left out.
    RunningHeadsLeftOut,
    /// Characters of the PDF whose font does not say what they are (bullets, mostly).
    CharactersUnreadable,
    /// A page of the PDF could not be read; `count` is its number.
    PageUnreadable,
    /// A page of the PDF is only a picture; `count` is its number.
    PageScanned,
}

impl Document {
    /// The whole text: one line per paragraph, list markers included, table cells set apart by tabs.
    pub fn text(&self) -> String {
        let mut lines = Vec::new();
        write_blocks(&self.blocks, &mut lines);
        for (index, footnote) in self.footnotes.iter().enumerate() {
            lines.push(footnote_label(index));
            write_blocks(&footnote.blocks, &mut lines);
        }
        lines.join("\n")
    }

    pub(crate) fn warn(&mut self, code: WarningCode, count: usize) {
        if count > 0 {
            self.warnings.push(Warning {
                code,
                count,
                detail: String::new(),
            });
        }
    }
}

/// `[1]` for the first footnote, where it is referred to and where it stands.
pub(crate) fn footnote_label(index: usize) -> String {
    format!("[{}]", index + 1)
}

impl List {
    /// The marker of the item at `index`, as text: `3.`, `3)` or `•`.
    pub(crate) fn marker_of(&self, index: usize) -> String {
        match self.start {
            Some(start) => format!("{}{}", u64::from(start) + index as u64, self.marker),
            None => "•".to_owned(),
        }
    }
}

impl ListItem {
    /// The paragraph beside the marker, and the blocks below it.
    pub(crate) fn split(&self) -> (&[Inline], &[Block]) {
        match self.blocks.split_first() {
            Some((Block::Paragraph { inlines }, rest)) => (inlines, rest),
            _ => (&[], &self.blocks),
        }
    }
}

/// The text of inlines, without leading and trailing white space.
pub(crate) fn plain(inlines: &[Inline]) -> String {
    let mut text = String::new();
    write_inlines(inlines, &mut text);
    text.trim().to_owned()
}

fn write_inlines(inlines: &[Inline], text: &mut String) {
    for inline in inlines {
        match inline {
            Inline::Text(part) | Inline::Code(part) | Inline::Picture(part) => text.push_str(part),
            Inline::Strong(inner)
            | Inline::Emphasis(inner)
            | Inline::Strike(inner)
            | Inline::Link { inlines: inner, .. } => write_inlines(inner, text),
            Inline::FootnoteMark(index) => text.push_str(&footnote_label(*index)),
            Inline::Break => text.push('\n'),
        }
    }
}

/// The cells of a row, set apart by tabs.
pub(crate) fn row_text(row: &[Cell]) -> String {
    let cells: Vec<String> = row.iter().map(|cell| plain(&cell.inlines)).collect();
    cells.join("\t").trim().to_owned()
}

fn write_blocks(blocks: &[Block], lines: &mut Vec<String>) {
    for block in blocks {
        match block {
            Block::Heading { inlines, .. } | Block::Paragraph { inlines } => {
                lines.push(plain(inlines));
            }
            Block::Code { text } => lines.push(text.clone()),
            Block::Quote { blocks } => write_blocks(blocks, lines),
            Block::Table(table) => lines.extend(table.rows.iter().map(|row| row_text(row))),
            Block::List(list) => write_list(list, lines),
            Block::Rule => {}
        }
    }
}

fn write_list(list: &List, lines: &mut Vec<String>) {
    for (index, item) in list.items.iter().enumerate() {
        let (beside, below) = item.split();
        let text = plain(beside);
        if !text.is_empty() || list.start.is_some() {
            lines.push(format!("{} {text}", list.marker_of(index)));
        }
        write_blocks(below, lines);
    }
}
