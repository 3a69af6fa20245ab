//! Lines to paragraphs, and paragraphs to headings: for formats that say neither.
//!
//! `join` is called by the text and PDF readers, `promote_headings` for every document.
//! Invariant: only white space is lost. Weakness: judged by line length, indent and labels; a wrapped
//! line that is full to the margin and ends in a full stop may be joined with the next paragraph.

use crate::document::{Block, Document, Inline, List, ListItem, plain};
use crate::inlines::space_between;
use crate::label::{self, LabelKind};

/// A line with its horizontal place. For plain text one character is one unit (two for Chinese).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    pub(crate) text: String,
    pub(crate) left: f64,
    pub(crate) right: f64,
    /// Width of a Chinese character in the same unit.
    pub(crate) em: f64,
    /// A paragraph starts here whatever the text says (blank line, gap, other size).
    pub(crate) starts: bool,
}

impl Line {
    pub(crate) fn of_text(text: &str) -> Self {
        let width = |s: &str| {
            s.chars()
                .map(|c| if label::is_cjk(c) { 2.0 } else { 1.0 })
                .sum::<f64>()
        };
        let trimmed = text.trim();
        let left = width(text.strip_suffix(text.trim_start()).unwrap_or_default());
        Self {
            text: trimmed.to_owned(),
            left,
            right: left + width(trimmed),
            em: 2.0,
            starts: false,
        }
    }
}

/// Paragraphs of consecutive lines. A line without text ends a paragraph; a short one in larger type is
/// a heading.
pub(crate) fn join(lines: &[Line]) -> Vec<Block> {
    let margin = right_margin(lines);
    let body_left = usual_left(lines);
    let sizes = heading_sizes(lines);
    let mut blocks: Vec<Block> = Vec::new();
    let mut current = String::new();
    let mut first_em = 0.0;
    let mut previous: Option<&Line> = None;
    for line in lines {
        if line.text.is_empty() {
            previous = None;
            continue;
        }
        let starts = match previous {
            None => true,
            Some(before) => line.starts || starts_paragraph(before, line, margin, body_left),
        };
        if starts {
            push_paragraph(&mut current, first_em, &sizes, &mut blocks);
            first_em = line.em;
        }
        append(&mut current, &line.text);
        previous = Some(line);
    }
    push_paragraph(&mut current, first_em, &sizes, &mut blocks);
    blocks
}

/// Chapters become headings, and the first short line of a format without headings the title.
pub(crate) fn promote_headings(document: &mut Document) {
    let has_parts = document
        .blocks
        .iter()
        .any(|block| chapter_kind(block) == Some(LabelKind::Part));
    let has_headings = document
        .blocks
        .iter()
        .any(|block| matches!(block, Block::Heading { .. }));
    for block in &mut document.blocks {
        let Some(kind) = chapter_kind(block) else {
            continue;
        };
        let level = match kind {
            LabelKind::Part => 2,
            LabelKind::Chapter => 2 + u8::from(has_parts),
            _ => 3 + u8::from(has_parts),
        };
        if let Block::Paragraph { inlines } = block {
            *block = Block::Heading {
                level,
                inlines: std::mem::take(inlines),
            };
        }
    }
    if has_headings
        || matches!(
            document.format,
            crate::Format::Markdown | crate::Format::Html
        )
    {
        return;
    }
    if let Some(Block::Paragraph { inlines }) = document.blocks.first_mut()
        && is_title(&plain(inlines))
    {
        let inlines = std::mem::take(inlines);
        document.blocks[0] = Block::Heading { level: 1, inlines };
    }
}

fn chapter_kind(block: &Block) -> Option<LabelKind> {
    const MAX_HEADING_CHARS: usize = 40;
    let Block::Paragraph { inlines } = block else {
        return None;
    };
    let text = plain(inlines);
    let found = label::label(&text, false)?;
    let is_short = found.rest.chars().count() <= MAX_HEADING_CHARS
        && !found.rest.ends_with(['。', '；', '：']);
    (matches!(
        found.kind,
        LabelKind::Part | LabelKind::Chapter | LabelKind::Section
    ) && is_short)
        .then_some(found.kind)
}

fn is_title(text: &str) -> bool {
    const MAX_TITLE_CHARS: usize = 60;
    text.chars().count() <= MAX_TITLE_CHARS
        && label::label(text, false).is_none()
        && !text.ends_with(['。', '；', '：', '，', '.', ':', ',', ';', '!', '?'])
}

fn starts_paragraph(before: &Line, line: &Line, margin: f64, body_left: f64) -> bool {
    if label::label(&line.text, false).is_some_and(|l| is_certain(l.kind, &line.text))
        || is_bullet(&line.text)
    {
        return true;
    }
    // What follows a bullet hangs below its text, not left of the bullet.
    if is_bullet(&before.text) && line.left < before.left - line.em * 0.5 {
        return true;
    }
    let is_han = line.text.chars().any(label::is_han);
    // Chinese sets to the full width; English leaves room for the next word.
    let first_word = line
        .text
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .chars()
        .count() as f64;
    let ends = before.text.ends_with([
        '。', '！', '？', '；', '：', '.', '!', '?', ':', ';', '”', '）', ')',
    ]);
    let room = match (is_han, before.text.ends_with('。')) {
        // One more character would have fitted, and the sentence was over.
        (true, true) => 0.9 * line.em,
        (true, false) => 2.0 * line.em,
        (false, _) => (first_word + 2.0) * line.em * 0.6,
    };
    let is_short = before.right < margin - room;
    let from_body = line.left > body_left + line.em * 1.2;
    let indented = from_body && (ends || (is_han && line.left > before.left + line.em * 1.2));
    (is_short && (ends || is_han || before.right < margin * 0.6)) || indented
}

/// Labels that a wrapped line hardly ever starts with by accident.
fn is_certain(kind: LabelKind, text: &str) -> bool {
    !matches!(
        kind,
        LabelKind::Decimal(_) | LabelKind::Number | LabelKind::Letter
    ) || text.chars().nth(1) != Some(')')
}

fn is_bullet(text: &str) -> bool {
    let mut chars = text.chars();
    matches!(
        chars.next(),
        Some('•' | '●' | '■' | '◆' | '·' | '-' | '*' | '–' | '▪' | '○')
    ) && chars.next().is_some_and(char::is_whitespace)
}

/// The place that most full lines reach: the tenth-widest of a hundred.
fn right_margin(lines: &[Line]) -> f64 {
    let mut ends: Vec<f64> = lines
        .iter()
        .filter(|line| !line.text.is_empty())
        .map(|line| line.right)
        .collect();
    ends.sort_by(f64::total_cmp);
    ends.get(ends.len().saturating_sub(1 + ends.len() / 10))
        .copied()
        .unwrap_or(0.0)
}

fn usual_left(lines: &[Line]) -> f64 {
    let mut starts: Vec<f64> = lines
        .iter()
        .filter(|line| !line.text.is_empty())
        .map(|line| line.left)
        .collect();
    starts.sort_by(f64::total_cmp);
    starts.get(starts.len() / 10).copied().unwrap_or(0.0)
}

fn append(paragraph: &mut String, text: &str) {
    if let (Some(before), Some(after)) = (paragraph.chars().last(), text.chars().next())
        && space_between(before, after)
    {
        paragraph.push(' ');
    }
    paragraph.push_str(text);
}

fn push_paragraph(text: &mut String, em: f64, sizes: &[i64], blocks: &mut Vec<Block>) {
    if text.is_empty() {
        return;
    }
    if let Some(words) = text.strip_prefix("• ") {
        push_bullet(words.to_owned(), blocks);
        text.clear();
        return;
    }
    let level = sizes
        .iter()
        .position(|size| *size == size_class(em))
        .filter(|_| is_title(text));
    let inlines = vec![Inline::Text(std::mem::take(text))];
    blocks.push(match level {
        Some(larger) => Block::Heading {
            level: u8::try_from(larger + 1).unwrap_or(6).min(6),
            inlines,
        },
        None => Block::Paragraph { inlines },
    });
}

fn push_bullet(words: String, blocks: &mut Vec<Block>) {
    let item = ListItem {
        blocks: vec![Block::Paragraph {
            inlines: vec![Inline::Text(words)],
        }],
    };
    match blocks.last_mut() {
        Some(Block::List(list)) => list.items.push(item),
        _ => blocks.push(Block::List(List {
            start: None,
            marker: '.',
            items: vec![item],
        })),
    }
}

/// The type sizes clearly larger than the usual one, largest first.
fn heading_sizes(lines: &[Line]) -> Vec<i64> {
    let mut by_size: Vec<(f64, usize)> = lines
        .iter()
        .map(|l| (l.em, l.text.chars().count()))
        .collect();
    by_size.sort_by(|a, b| a.0.total_cmp(&b.0));
    let half: usize = by_size.iter().map(|(_, chars)| chars).sum::<usize>() / 2;
    let mut seen = 0;
    let usual = by_size.iter().find(|(_, chars)| {
        seen += chars;
        seen > half
    });
    let usual = usual.map_or(0.0, |(em, _)| *em);
    let mut sizes: Vec<i64> = by_size
        .iter()
        .filter(|(em, _)| *em > usual * 1.15)
        .map(|(em, _)| size_class(*em))
        .collect();
    sizes.dedup();
    sizes.reverse();
    sizes
}

/// Half points: sizes that differ less are the same.
fn size_class(em: f64) -> i64 {
    (em * 2.0).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(text: &str) -> Vec<String> {
        let lines: Vec<Line> = text.lines().map(Line::of_text).collect();
        join(&lines)
            .iter()
            .map(|block| match block {
                Block::Paragraph { inlines } => plain(inlines),
                _ => String::new(),
            })
            .collect()
    }

    #[test]
    fn a_paragraph_per_line_stays_a_paragraph_per_line() {
        let text = "差旅费管理办法\n第一条 为了规范差旅费的管理，制定本办法。\n第二条 本办法适用于全体员工。\n（一）正式员工；\n（二）实习生。";
        assert_eq!(joined(text), text.lines().collect::<Vec<_>>());
    }

    #[test]
    fn larger_type_is_a_heading_and_a_bullet_an_item() {
        let line = |text: &str, em: f64| Line {
            em,
            starts: true,
            ..Line::of_text(text)
        };
        let blocks = join(&[
            line("Handbook", 9.0),
            line("Leave", 6.0),
            line(
                "Everybody has twenty days of leave in a year, and eleven holidays.",
                4.0,
            ),
            line("• ask early", 4.0),
            line("• tell the team", 4.0),
        ]);
        let levels: Vec<Option<u8>> = blocks
            .iter()
            .map(|block| {
                if let Block::Heading { level, .. } = block {
                    Some(*level)
                } else {
                    None
                }
            })
            .collect();
        assert_eq!(levels, [Some(1), Some(2), None, None]);
        assert!(matches!(&blocks[3], Block::List(list) if list.items.len() == 2));
    }

    #[test]
    fn wrapped_lines_are_joined() {
        let english = "Employees may claim the cost of travel that was approved before the\ntrip started. Claims need receipts and are filed within thirty days of\nreturn.\n\nNext paragraph.";
        assert_eq!(joined(english).len(), 2);
        let chinese = "第一条 员工因公出差发生的交通费、住宿费和伙食补助费，按照本办法规定的标\n准报销，超出标准的部分由个人承担。\n第二条 略。";
        assert_eq!(
            joined(chinese),
            [
                "第一条 员工因公出差发生的交通费、住宿费和伙食补助费，按照本办法规定的标准报销，超出标准的部分由个人承担。",
                "第二条 略。"
            ]
        );
    }
}
