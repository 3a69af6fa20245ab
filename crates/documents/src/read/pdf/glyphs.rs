//! Receives placed characters from pdf-extract and groups them into lines.
//!
//! Used once per page. Invariant: every character received is in a line, in the order of the content
//! stream. Weakness: text set in a wild order (some table exports) keeps that order.

use pdf_extract::{MediaBox, OutputDev, OutputError, Transform};

use crate::inlines::space_between;
use crate::paragraphs::Line;

#[derive(Debug, Default)]
pub(super) struct Glyphs {
    placed: Vec<Glyph>,
    /// Characters whose font does not say what they are.
    pub(super) unreadable: usize,
    /// Lower edge and height of the page.
    page: (f64, f64),
}

#[derive(Debug)]
struct Glyph {
    text: String,
    x: f64,
    y: f64,
    width: f64,
    size: f64,
}

/// A line with its place on the page; `y` grows upwards, `height` is 0 at the foot and 1 at the head.
#[derive(Debug, Clone)]
pub(super) struct PlacedLine {
    pub(super) line: Line,
    pub(super) y: f64,
    pub(super) height: f64,
}

/// Far more than a page of six-point type holds.
const MAX_GLYPHS: usize = 200_000;

impl Glyphs {
    pub(super) fn lines(&self) -> Vec<PlacedLine> {
        let mut lines: Vec<PlacedLine> = Vec::new();
        let mut last: Option<&Glyph> = None;
        for glyph in &self.placed {
            let same_line = last.is_some_and(|before| continues(before, glyph));
            match lines.last_mut().filter(|_| same_line) {
                Some(current) => {
                    let gap = glyph.x - current.line.right;
                    let (before, after) =
                        (current.line.text.chars().last(), glyph.text.chars().next());
                    let is_word_gap =
                        matches!((before, after), (Some(b), Some(a)) if space_between(b, a));
                    let cell_gap = glyph.size * if is_word_gap { 1.5 } else { 0.6 };
                    if gap > cell_gap {
                        // Too wide for a space: the next cell of a table.
                        current.line.text.push('\t');
                    } else if gap > glyph.size * 0.18 && is_word_gap {
                        current.line.text.push(' ');
                    }
                    current.line.text.push_str(&glyph.text);
                    current.line.right = current.line.right.max(glyph.x + glyph.width);
                    current.line.em = current.line.em.max(glyph.size);
                }
                None => lines.push(PlacedLine {
                    line: begin(glyph),
                    y: glyph.y,
                    height: self.height(glyph.y),
                }),
            }
            last = Some(glyph);
        }
        for placed in &mut lines {
            placed.line.text = close_gaps(placed.line.text.trim());
        }
        lines.retain(|placed| !placed.line.text.is_empty());
        lines
    }
}

impl Glyphs {
    /// A page without a sensible size has no edges: everything is in its middle.
    fn height(&self, y: f64) -> f64 {
        let (foot, size) = self.page;
        if size > 1.0 { (y - foot) / size } else { 0.5 }
    }
}

/// Private-use and replacement characters: a shape without a meaning.
fn is_unreadable(c: char) -> bool {
    matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{fffd}' | '\u{f0000}'..='\u{10ffff}')
}

fn begin(glyph: &Glyph) -> Line {
    Line {
        text: glyph.text.clone(),
        left: glyph.x,
        right: glyph.x + glyph.width,
        em: glyph.size,
        starts: false,
    }
}

fn continues(before: &Glyph, glyph: &Glyph) -> bool {
    let size = before.size.max(glyph.size);
    (glyph.y - before.y).abs() < size * 0.5 && glyph.x > before.x - size * 0.5
}

/// Justified Chinese is spaced out by its producer; those spaces are no text.
fn close_gaps(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != ' ' {
            out.push(c);
            continue;
        }
        while chars.next_if_eq(&' ').is_some() {}
        let label_space = out.starts_with('第') && out.ends_with(['条', '章', '节', '编']);
        let kept = match (out.chars().last(), chars.peek()) {
            (Some(before), Some(&after)) => label_space || space_between(before, after),
            _ => false,
        };
        if kept {
            out.push(' ');
        }
    }
    out
}

impl OutputDev for Glyphs {
    fn begin_page(
        &mut self,
        _: u32,
        sheet: &MediaBox,
        _: Option<(f64, f64, f64, f64)>,
    ) -> Result<(), OutputError> {
        self.page = (sheet.lly, sheet.ury - sheet.lly);
        Ok(())
    }

    fn end_page(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn output_character(
        &mut self,
        place: &Transform,
        width: f64,
        _spacing: f64,
        font_size: f64,
        character: &str,
    ) -> Result<(), OutputError> {
        let text: String = character
            .chars()
            .map(|c| if c.is_whitespace() { ' ' } else { c })
            .filter(|c| !c.is_control())
            .collect();
        if text.is_empty() || text.chars().any(is_unreadable) {
            self.unreadable += 1;
            return Ok(());
        }
        if self.placed.len() >= MAX_GLYPHS {
            return Err(OutputError::FormatError(std::fmt::Error));
        }
        let scale = (place.m11 * place.m22 - place.m12 * place.m21).abs().sqrt();
        let size = (font_size.abs() * scale).clamp(0.1, 1000.0);
        let finite = |n: f64| if n.is_finite() { n } else { 0.0 };
        let glyph = Glyph {
            text,
            x: finite(place.m31),
            y: finite(place.m32),
            width: finite(width * size),
            size,
        };
        self.placed.push(glyph);
        Ok(())
    }

    fn begin_word(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn end_word(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn end_line(&mut self) -> Result<(), OutputError> {
        Ok(())
    }
}
