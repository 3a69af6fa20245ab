//! Clauses: the units of a policy that are linked to, compared and cited. One per heading, paragraph,
//! list item, table row, code block and footnote.
//!
//! Called by `Document::clauses`, `outline` and `render` (which gives the n-th clause's anchor to the n-th
//! leaf). Invariant: label, heading and text of all clauses, one after another, are `Document::text`
//! modulo white space; anchors are unique and survive changes elsewhere in the document.
//! Weakness: see `nesting`, which decides what is inside what.

use serde::{Deserialize, Serialize};

use crate::Document;
use crate::document::{self, Block, Inline};
use crate::nesting::{Leaf, LeafKind, Nesting};

/// One clause. A heading has no `text`; everything else has no `heading`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clause {
    /// As printed, without inner white space: 第八条, （一）, 1.1, •, \[1\].
    pub label: Option<String>,
    pub kind: ClauseKind,
    /// Depth below the document, 1 for the outermost.
    pub level: u8,
    /// Labels of the clauses around this one, outermost first; the words of a heading without a label.
    pub path: Vec<String>,
    pub heading: Option<String>,
    pub text: String,
    /// Unique in the document; starts with `c-`, ASCII.
    pub anchor: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClauseKind {
    /// 编
    Part,
    /// 章
    Chapter,
    /// 节
    Section,
    /// 条
    Article,
    /// 款, or a paragraph without a label
    Paragraph,
    /// 项: （一）; also 一、
    Item,
    /// 目: 1., （1）, (a), 1.1
    SubItem,
    Heading,
    ListItem,
    TableRow,
    Code,
    Footnote,
}

/// A line of the table of contents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutlineEntry {
    pub level: u8,
    pub label: Option<String>,
    pub title: String,
    pub anchor: String,
}

impl Clause {
    /// What is compared: the heading of a heading, the text of anything else. Without the label.
    pub fn body(&self) -> &str {
        self.heading.as_deref().unwrap_or(&self.text)
    }

    /// The nearest label that people cite: the article around it, else its own label or heading.
    pub fn citation(&self) -> Option<String> {
        let is_article = |l: &&String| l.starts_with('第') && l.contains('条');
        let cited = match self.kind {
            ClauseKind::Part | ClauseKind::Chapter | ClauseKind::Section | ClauseKind::Article => {
                self.label.as_ref()
            }
            ClauseKind::Heading => self.label.as_ref().or(self.heading.as_ref()),
            _ => self
                .path
                .iter()
                .rev()
                .find(is_article)
                .or_else(|| self.own_or_parent()),
        };
        cited.map(|label| {
            label
                .trim_end_matches(['、', '.', '：', ':', '，'])
                .to_owned()
        })
    }

    fn own_or_parent(&self) -> Option<&String> {
        self.label
            .as_ref()
            .filter(|label| label.starts_with(|c: char| c != '•'))
            .or(self.path.last())
    }
}

impl Document {
    /// All clauses in the order of the text.
    pub fn clauses(&self) -> Vec<Clause> {
        let leaves = leaves(self);
        let mut outline = Nesting::new(&leaves);
        leaves.iter().map(|leaf| outline.place(leaf)).collect()
    }

    /// The headings and chapters; the articles where there are no others.
    pub fn outline(&self) -> Vec<OutlineEntry> {
        let clauses = self.clauses();
        let is_heading = |c: &&Clause| {
            c.heading.is_some()
                || matches!(
                    c.kind,
                    ClauseKind::Part | ClauseKind::Chapter | ClauseKind::Section
                )
        };
        let mut entries: Vec<OutlineEntry> = clauses.iter().filter(is_heading).map(entry).collect();
        if entries.len() < 2 {
            entries = clauses
                .iter()
                .filter(|c| is_heading(c) || c.kind == ClauseKind::Article)
                .map(entry)
                .collect();
        }
        entries
    }
}

fn entry(clause: &Clause) -> OutlineEntry {
    const TITLE_CHARS: usize = 40;
    let body = clause.body();
    let mut title: String = body.chars().take(TITLE_CHARS).collect();
    if title.len() < body.len() {
        title.push('…');
    }
    OutlineEntry {
        level: clause.level,
        label: clause.label.clone(),
        title,
        anchor: clause.anchor.clone(),
    }
}

fn leaves(document: &Document) -> Vec<Leaf> {
    let mut out = Vec::new();
    collect(&document.blocks, 0, &mut out);
    for (index, footnote) in document.footnotes.iter().enumerate() {
        let (beside, below) = split_footnote(&footnote.blocks);
        let kind = LeafKind::Footnote(document::footnote_label(index));
        out.push(Leaf {
            kind,
            text: document::plain(beside),
            depth: 1,
        });
        collect(below, 1, &mut out);
    }
    out
}

/// The paragraph beside the footnote's mark, and what is below it.
pub(crate) fn split_footnote(blocks: &[Block]) -> (&[Inline], &[Block]) {
    match blocks.split_first() {
        Some((Block::Paragraph { inlines }, rest)) => (inlines, rest),
        _ => (&[], blocks),
    }
}

fn collect(blocks: &[Block], depth: u16, out: &mut Vec<Leaf>) {
    let push = |kind, text: String, out: &mut Vec<Leaf>| {
        if !text.trim().is_empty() {
            out.push(Leaf { kind, text, depth });
        }
    };
    for block in blocks {
        match block {
            Block::Heading { level, inlines } => {
                push(LeafKind::Heading(*level), document::plain(inlines), out);
            }
            Block::Paragraph { inlines } => {
                push(LeafKind::Paragraph, document::plain(inlines), out);
            }
            Block::Code { text } => push(LeafKind::Code, text.clone(), out),
            Block::Table(table) => {
                for row in &table.rows {
                    push(LeafKind::Row, document::row_text(row), out);
                }
            }
            Block::Quote { blocks } => collect(blocks, depth, out),
            Block::List(list) => {
                for (index, item) in list.items.iter().enumerate() {
                    let (beside, below) = item.split();
                    let text = document::plain(beside);
                    if !text.is_empty() || list.start.is_some() {
                        out.push(Leaf {
                            kind: LeafKind::Item(list.marker_of(index)),
                            text,
                            depth: depth + 1,
                        });
                    }
                    collect(below, depth + 1, out);
                }
            }
            Block::Rule => {}
        }
    }
}
