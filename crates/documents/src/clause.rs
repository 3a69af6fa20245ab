//! Clauses: the units of a policy that are linked to, compared and cited. One per heading, paragraph,
//! list item, table row, code block and footnote.
//!
//! Called by `Document::clauses`, `outline` and `render` (which gives the n-th clause's anchor to the n-th
//! leaf). Invariant: label, heading and text of all clauses, one after another, are `Document::text`
//! modulo white space; anchors are unique and survive changes elsewhere in the document.
//! Weakness: the nesting of labels (一、 above （一） above 1.) is convention; a document that nests them
//! another way gets flatter paths, never lost text.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::Document;
use crate::document::{self, Block, Inline};
use crate::label::{self, Label, LabelKind};
use crate::numerals;

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

/// One unit of text in reading order. `render` walks the blocks in exactly this order.
struct Leaf {
    kind: LeafKind,
    text: String,
    /// How many list items are around it, its own included.
    depth: u16,
}

enum LeafKind {
    Heading(u8),
    Paragraph,
    Code,
    Row,
    Item(String),
    Footnote(String),
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

/// An open clause: later ones of a higher rank are inside it.
struct Open {
    rank: u16,
    name: String,
    anchor: String,
    /// Unlabelled paragraphs seen directly in it; the article's own is the first.
    paragraphs: usize,
}

const PART: u16 = 10;
const CHAPTER: u16 = 20;
const SECTION: u16 = 30;
const CHINESE_NUMBER: u16 = 50;
const ARTICLE: u16 = 60;
/// A paragraph without a label closes everything from here on.
const BELOW_PARAGRAPH: u16 = 66;
const ITEM: u16 = 70;
const NUMBER: u16 = 80;
const SUB_ITEM: u16 = 90;
const LETTER: u16 = 92;
const LIST: u16 = 100;

struct Nesting {
    open: Vec<Open>,
    used: HashMap<String, usize>,
    /// Added to ten times a heading's level so that headings without a label fit among 章 and 节.
    shift: i32,
    /// The document's own title is around everything and says nothing.
    title_level: Option<u8>,
}

impl Nesting {
    fn new(leaves: &[Leaf]) -> Self {
        let headings = || {
            leaves.iter().filter_map(|leaf| match leaf.kind {
                LeafKind::Heading(level) => Some((level, label::label(&leaf.text, true))),
                _ => None,
            })
        };
        let shift = headings()
            .find_map(|(level, label)| {
                Some(i32::from(structural_rank(label?.kind)?) - 10 * i32::from(level))
            })
            .unwrap_or(0);
        let top = headings().map(|(level, _)| level).min();
        let alone = headings().filter(|(level, _)| Some(*level) == top).count() == 1;
        let first_is_top = headings()
            .next()
            .is_some_and(|(level, label)| Some(level) == top && label.is_none());
        Self {
            open: Vec::new(),
            used: HashMap::new(),
            shift,
            title_level: top.filter(|_| alone && first_is_top),
        }
    }

    fn place(&mut self, leaf: &Leaf) -> Clause {
        match &leaf.kind {
            LeafKind::Heading(level) => self.heading(*level, &leaf.text),
            LeafKind::Paragraph => self.paragraph(leaf),
            LeafKind::Code => self.unlabelled(leaf, ClauseKind::Code),
            LeafKind::Row => self.unlabelled(leaf, ClauseKind::TableRow),
            LeafKind::Item(marker) => self.list_item(marker, leaf),
            LeafKind::Footnote(mark) => self.footnote(mark, leaf),
        }
    }

    fn heading(&mut self, level: u8, text: &str) -> Clause {
        let found = label::label(text, true);
        let by_level = (10 * i32::from(level) + self.shift).clamp(5, 58) as u16;
        let rank = found
            .as_ref()
            .and_then(|l| structural_rank(l.kind))
            .unwrap_or(by_level);
        let rest = label::close_spaced_han(found.as_ref().map_or(text, |l| l.rest));
        self.close_from(rank);
        let kind = found
            .as_ref()
            .map_or(ClauseKind::Heading, |l| heading_kind(l.kind));
        let is_title = self.title_level == Some(level);
        let clause = self.clause(found.as_ref(), kind, Some(rest), String::new());
        if !is_title {
            self.push(rank, &clause);
        }
        clause
    }

    fn paragraph(&mut self, leaf: &Leaf) -> Clause {
        let found = if leaf.depth == 0 {
            label::label(&leaf.text, false)
        } else {
            None
        };
        let Some(found) = found else {
            return self.unlabelled(leaf, ClauseKind::Paragraph);
        };
        let rank = self.rank(found.kind);
        self.close_from(rank);
        let clause = self.clause(
            Some(&found),
            paragraph_kind(found.kind),
            None,
            found.rest.to_owned(),
        );
        self.push(rank, &clause);
        clause
    }

    fn unlabelled(&mut self, leaf: &Leaf, kind: ClauseKind) -> Clause {
        if leaf.depth > 0 {
            self.close_from(LIST + leaf.depth + 1);
        } else if self.open.iter().any(|open| open.rank == ARTICLE) {
            self.close_from(ARTICLE + 1);
        } else {
            self.close_from(BELOW_PARAGRAPH);
        }
        self.clause(None, kind, None, leaf.text.clone())
    }

    fn list_item(&mut self, marker: &str, leaf: &Leaf) -> Clause {
        let rank = LIST + leaf.depth;
        self.close_from(rank);
        let inner = label::label(&leaf.text, false).filter(|_| marker == "•");
        let rest = inner.as_ref().map_or(leaf.text.as_str(), |l| l.rest);
        let printed = format!("{marker}{}", inner.as_ref().map_or("", |l| &l.printed));
        let label = Label {
            kind: LabelKind::Number,
            printed,
            rest,
        };
        let clause = self.clause(Some(&label), ClauseKind::ListItem, None, rest.to_owned());
        if marker == "•" && inner.is_none() {
            let clause = Clause {
                label: Some(format!("• {}", head(&clause.text))),
                ..clause.clone()
            };
            self.push(rank, &clause);
        } else {
            self.push(rank, &clause);
        }
        clause
    }

    fn footnote(&mut self, mark: &str, leaf: &Leaf) -> Clause {
        self.open.clear();
        let label = Label {
            kind: LabelKind::Number,
            printed: mark.to_owned(),
            rest: &leaf.text,
        };
        let mut clause = self.clause(Some(&label), ClauseKind::Footnote, None, leaf.text.clone());
        clause.anchor = self.unique(footnote_anchor(mark));
        self.push(LIST + 1, &clause);
        clause
    }

    fn rank(&self, kind: LabelKind) -> u16 {
        let in_article = self.open.iter().any(|open| open.rank == ARTICLE);
        let in_item = self.open.iter().any(|open| open.rank == ITEM);
        match kind {
            LabelKind::ChineseNumber if in_article => ARTICLE + 5,
            LabelKind::ChineseNumber => CHINESE_NUMBER,
            LabelKind::Item => ITEM,
            LabelKind::Decimal(numbers) if in_article || in_item => {
                NUMBER + (numbers as u16).min(9)
            }
            LabelKind::Decimal(numbers) => CHINESE_NUMBER + (numbers as u16).min(9),
            LabelKind::Number if in_article || in_item => NUMBER,
            LabelKind::Number => CHINESE_NUMBER + 1,
            LabelKind::SubItem => SUB_ITEM,
            LabelKind::Letter => LETTER,
            LabelKind::Part | LabelKind::Chapter | LabelKind::Section | LabelKind::Article => {
                structural_rank(kind).unwrap_or(ARTICLE)
            }
        }
    }

    fn close_from(&mut self, rank: u16) {
        while self.open.last().is_some_and(|open| open.rank >= rank) {
            self.open.pop();
        }
    }

    fn push(&mut self, rank: u16, clause: &Clause) {
        let name = clause
            .label
            .clone()
            .or_else(|| clause.heading.clone())
            .unwrap_or_default();
        self.open.push(Open {
            rank,
            name,
            anchor: clause.anchor.clone(),
            paragraphs: 1,
        });
    }

    fn clause(
        &mut self,
        label: Option<&Label<'_>>,
        kind: ClauseKind,
        heading: Option<String>,
        text: String,
    ) -> Clause {
        let heading = heading.filter(|words| !words.is_empty());
        let printed = label.map(|l| l.printed.clone());
        let anchor = self.anchor(label, kind, heading.as_deref().unwrap_or(&text));
        let path: Vec<String> = self.open.iter().map(|open| open.name.clone()).collect();
        let level = u8::try_from(path.len() + 1).unwrap_or(u8::MAX);
        Clause {
            label: printed,
            kind,
            level,
            path,
            heading,
            text,
            anchor,
        }
    }

    fn anchor(&mut self, label: Option<&Label<'_>>, kind: ClauseKind, body: &str) -> String {
        let numbers = label.map(|l| numbers_of(&l.printed)).unwrap_or_default();
        let by_words = || format!("c-x{:08x}", hash(body));
        let inside = |rank: u16| {
            self.open
                .iter()
                .rev()
                .find(|open| open.rank == rank)
                .map(|open| open.anchor.as_str())
        };
        let wanted = match kind {
            _ if numbers.is_empty() && label.is_some() => by_words(),
            ClauseKind::Part => format!("c-part{numbers}"),
            ClauseKind::Chapter => format!("c-ch{numbers}"),
            ClauseKind::Section => format!("{}-s{numbers}", inside(CHAPTER).unwrap_or("c")),
            ClauseKind::Article => format!("c-{numbers}"),
            ClauseKind::Item | ClauseKind::SubItem => {
                match self.open.last().filter(|open| open.rank >= CHINESE_NUMBER) {
                    Some(parent) => format!("{}-{numbers}", parent.anchor),
                    None => format!("c-n{numbers}"),
                }
            }
            ClauseKind::Heading if label.is_some() => format!("c-n{numbers}"),
            ClauseKind::Paragraph if inside(ARTICLE).is_some() => self.next_paragraph(),
            _ => by_words(),
        };
        self.unique(wanted)
    }

    /// The second paragraph of an article is its second 款.
    fn next_paragraph(&mut self) -> String {
        match self.open.last_mut() {
            Some(parent) => {
                parent.paragraphs += 1;
                format!("{}-p{}", parent.anchor, parent.paragraphs)
            }
            None => "c-p".to_owned(),
        }
    }

    fn unique(&mut self, wanted: String) -> String {
        let seen = self.used.entry(wanted.clone()).or_insert(0);
        *seen += 1;
        if *seen == 1 {
            return wanted;
        }
        let next = format!("{wanted}_{seen}");
        // `_` occurs in no wanted anchor, so this one is new.
        self.used.insert(next.clone(), 1);
        next
    }
}

/// The anchor of the footnote with this mark, before it is made unique (marks are).
pub(crate) fn footnote_anchor(mark: &str) -> String {
    format!("c-fn{}", mark.trim_matches(['[', ']']))
}

fn structural_rank(kind: LabelKind) -> Option<u16> {
    match kind {
        LabelKind::Part => Some(PART),
        LabelKind::Chapter => Some(CHAPTER),
        LabelKind::Section => Some(SECTION),
        LabelKind::Article => Some(ARTICLE),
        _ => None,
    }
}

fn heading_kind(kind: LabelKind) -> ClauseKind {
    match kind {
        LabelKind::Part => ClauseKind::Part,
        LabelKind::Chapter => ClauseKind::Chapter,
        LabelKind::Section => ClauseKind::Section,
        LabelKind::Article => ClauseKind::Article,
        _ => ClauseKind::Heading,
    }
}

fn paragraph_kind(kind: LabelKind) -> ClauseKind {
    match kind {
        LabelKind::ChineseNumber | LabelKind::Item => ClauseKind::Item,
        LabelKind::Decimal(_) | LabelKind::Number | LabelKind::SubItem | LabelKind::Letter => {
            ClauseKind::SubItem
        }
        structural => heading_kind(structural),
    }
}

/// `第八条之一` → `8-1`, `1.1` → `1-1`, `（一）` → `1`, `(a)` → `a`; empty if there is nothing to name it by.
fn numbers_of(label: &str) -> String {
    let normalised = label::normalised(label);
    let mut parts: Vec<String> = Vec::new();
    let mut run = String::new();
    for c in normalised.chars().chain(['.']) {
        if numerals::is_numeral(c) {
            run.push(c);
        } else if !run.is_empty() {
            parts.extend(numerals::value(&run).map(|value| value.to_string()));
            run.clear();
        }
    }
    if parts.is_empty() && normalised.chars().all(|c| c.is_ascii_lowercase()) {
        return normalised;
    }
    parts.join("-")
}

fn head(text: &str) -> String {
    const HEAD_CHARS: usize = 12;
    text.chars().take(HEAD_CHARS).collect()
}

/// FNV-1a over the characters that are not white space: stable across versions of this program.
pub(crate) fn hash(text: &str) -> u32 {
    let mut hash = 0x811c_9dc5u32;
    for c in text.chars().filter(|c| !c.is_whitespace()) {
        hash = (hash ^ c as u32).wrapping_mul(0x0100_0193);
    }
    hash
}
