//! Where a clause stands: its ancestors, its level, its anchor.
//!
//! Called by `Document::clauses` with every unit of text in reading order. Keeps the clauses that are
//! open; a new one closes those of its rank and below. Invariant: anchors are unique and depend only on
//! labels and words, so they survive changes elsewhere in the document.
//! Weakness: the ranks (一、 above （一） above 1.) are convention; a document that nests its labels another
//! way gets flatter paths, never lost text.

use std::collections::HashMap;

use crate::clause::{Clause, ClauseKind};
use crate::label::{self, Label, LabelKind};
use crate::numerals;

/// One unit of text in reading order. `render` walks the blocks in exactly this order.
pub(crate) struct Leaf {
    pub(crate) kind: LeafKind,
    pub(crate) text: String,
    /// How many list items are around it, its own included.
    pub(crate) depth: u16,
}

pub(crate) enum LeafKind {
    Heading(u8),
    Paragraph,
    Code,
    Row,
    Item(String),
    Footnote(String),
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

pub(crate) struct Nesting {
    open: Vec<Open>,
    used: HashMap<String, usize>,
    /// Added to ten times a heading's level so that headings without a label fit among 章 and 节.
    shift: i32,
    /// The document's own title is around everything and says nothing.
    title_level: Option<u8>,
}

impl Nesting {
    pub(crate) fn new(leaves: &[Leaf]) -> Self {
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

    pub(crate) fn place(&mut self, leaf: &Leaf) -> Clause {
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
fn hash(text: &str) -> u32 {
    let mut hash = 0x811c_9dc5u32;
    for c in text.chars().filter(|c| !c.is_whitespace()) {
        hash = (hash ^ c as u32).wrapping_mul(0x0100_0193);
    }
    hash
}
