//! Lines of pages to one run of lines: running heads and page numbers out, gaps marked.
//!
//! Called by the PDF reader. Invariant: a line is dropped only if it repeats at the edge of most pages, or
//! is nothing but a page number at the edge. Weakness: a file of one or two pages keeps its running heads.

use std::collections::HashMap;

use super::glyphs::PlacedLine;
use crate::paragraphs::Line;

/// Lines from each edge that can be running heads.
const EDGE: usize = 2;

pub(super) fn is_blank(lines: Option<&Vec<PlacedLine>>) -> bool {
    const FEW_CHARS: usize = 4;
    lines.is_none_or(|lines| {
        lines
            .iter()
            .map(|l| l.line.text.chars().count())
            .sum::<usize>()
            < FEW_CHARS
    })
}

/// Returns how many lines were dropped.
pub(super) fn drop_running_heads(pages: &mut [Vec<PlacedLine>]) -> usize {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for page in pages.iter() {
        let mut of_page: Vec<String> = edges(page)
            .into_iter()
            .map(|at| shape(&page[at].line.text))
            .collect();
        of_page.sort();
        of_page.dedup();
        for text in of_page {
            *seen.entry(text).or_default() += 1;
        }
    }
    let often = (pages.len() / 2 + 1).max(3);
    let mut dropped = 0;
    for page in pages.iter_mut() {
        let mut out: Vec<usize> = edges(page)
            .into_iter()
            .filter(|&at| {
                let text = &page[at].line.text;
                seen.get(&shape(text)).is_some_and(|count| *count >= often) || is_page_number(text)
            })
            .collect();
        out.sort_unstable();
        for at in out.into_iter().rev() {
            page.remove(at);
            dropped += 1;
        }
    }
    dropped
}

/// All pages as one run; a large gap or another size starts a paragraph.
pub(super) fn merge(pages: &[Vec<PlacedLine>]) -> Vec<Line> {
    let pitch = usual_pitch(pages);
    let mut lines: Vec<Line> = Vec::new();
    for page in pages {
        let mut above: Option<&PlacedLine> = None;
        for placed in page {
            let mut line = placed.line.clone();
            if let Some(above) = above {
                let gap = (above.y - placed.y).abs();
                let other_size = (above.line.em - line.em).abs() > line.em * 0.15;
                line.starts = gap > pitch * 1.5 || other_size;
            }
            lines.push(line);
            above = Some(placed);
        }
    }
    lines
}

/// The positions of the highest and the lowest lines, as far as they are in the margins.
fn edges(page: &[PlacedLine]) -> Vec<usize> {
    const MARGIN: f64 = 0.12;
    let mut by_height: Vec<usize> = (0..page.len()).collect();
    by_height.sort_by(|a, b| page[*b].y.total_cmp(&page[*a].y));
    let in_head = |at: &&usize| page[**at].height > 1.0 - MARGIN;
    let in_foot = |at: &&usize| page[**at].height < MARGIN;
    let heads = by_height.iter().take(EDGE).filter(in_head);
    let feet = by_height.iter().rev().take(EDGE).filter(in_foot);
    let mut edges: Vec<usize> = heads.chain(feet).copied().collect();
    edges.sort_unstable();
    edges.dedup();
    edges
}

/// The line with its digits masked, so that `3 / 10` is `4 / 10`.
fn shape(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect()
}

/// `3`, `- 3 -`, `3 / 10`, `第 3 页`, `第3页 共10页`, `Page 3 of 10`
fn is_page_number(text: &str) -> bool {
    let bare: String = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .collect::<String>()
        .to_lowercase();
    let words = ["第", "页", "共", "page", "of"]
        .iter()
        .fold(bare.clone(), |rest, word| rest.replace(word, ""));
    let rest = words.trim_matches(['-', '–', '—', '/', '·', '|', ',', '，', '~']);
    let has_digit = bare.chars().any(|c| c.is_ascii_digit());
    has_digit
        && bare.chars().count() <= 16
        && rest
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '/' | '-'))
        && rest.len() <= 7
}

/// The usual distance between lines.
fn usual_pitch(pages: &[Vec<PlacedLine>]) -> f64 {
    let mut gaps: Vec<f64> = pages
        .iter()
        .flat_map(|page| page.windows(2).map(|pair| (pair[0].y - pair[1].y).abs()))
        .filter(|gap| *gap > 1.0)
        .collect();
    gaps.sort_by(f64::total_cmp);
    gaps.get(gaps.len() / 2).copied().unwrap_or(f64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_numbers_are_told_from_text() {
        for number in [
            "3",
            "- 3 -",
            "3 / 10",
            "第 3 页",
            "第3页 共10页",
            "Page 3 of 10",
            "—12—",
        ] {
            assert!(is_page_number(number), "{number}");
        }
        for text in ["第三条", "2026年12月1日", "3.5", "Section 3", "合计"] {
            assert!(!is_page_number(text), "{text}");
        }
    }
}
