//! Work on runs of inlines that several readers share: white space, line breaks, splitting paragraphs.
//!
//! Readers write a line end of the source as `\n` inside `Inline::Text`; [`tidy`] turns each into a space
//! or, between Chinese characters, into nothing. Invariant: only white space is added or removed.

use crate::document::{Inline, plain};
use crate::label::{self, LabelKind};

/// Collapses white space and resolves line ends. The result has no empty texts.
pub(crate) fn tidy(mut inlines: Vec<Inline>) -> Vec<Inline> {
    let mut state = Flow { last: None };
    flow(&mut inlines, &mut state);
    inlines.retain(|inline| !is_hollow(inline));
    inlines
}

/// Splits where a line of the paragraph starts with a label of its own: typed lists that the format
/// took for one paragraph.
pub(crate) fn split_at_labels(inlines: Vec<Inline>) -> Vec<Vec<Inline>> {
    let mut lines: Vec<Vec<Inline>> = vec![Vec::new()];
    for inline in inlines {
        let ends_line = is_line_end(&inline);
        if let Some(line) = lines.last_mut() {
            line.push(inline);
        }
        if ends_line {
            lines.push(Vec::new());
        }
    }
    let mut paragraphs: Vec<Vec<Inline>> = Vec::new();
    for line in lines {
        match paragraphs.last_mut() {
            Some(paragraph) if !opens_paragraph(&line) => paragraph.extend(line),
            _ => paragraphs.push(line),
        }
    }
    for paragraph in &mut paragraphs {
        while paragraph.last().is_some_and(is_line_end) {
            paragraph.pop();
        }
    }
    paragraphs
}

/// Whether a space belongs between two characters that a line end set apart.
pub(crate) fn space_between(before: char, after: char) -> bool {
    !(label::is_cjk(before) && (label::is_cjk(after) || after.is_ascii_digit())
        || label::is_cjk(after) && before.is_ascii_digit())
}

fn is_line_end(inline: &Inline) -> bool {
    matches!(inline, Inline::Break) || matches!(inline, Inline::Text(text) if text == "\n")
}

fn opens_paragraph(line: &[Inline]) -> bool {
    let text = plain(line);
    label::label(&text, false).is_some_and(|found| {
        !matches!(
            found.kind,
            LabelKind::Decimal(_) | LabelKind::Number | LabelKind::Letter
        ) || text.chars().any(label::is_han)
    })
}

/// The last character written, over all inlines of the run.
struct Flow {
    last: Option<char>,
}

fn flow(inlines: &mut [Inline], state: &mut Flow) {
    for inline in inlines {
        match inline {
            Inline::Text(text) => *text = flow_text(text, state),
            Inline::Strong(inner)
            | Inline::Emphasis(inner)
            | Inline::Strike(inner)
            | Inline::Link { inlines: inner, .. } => flow(inner, state),
            Inline::Code(text) | Inline::Picture(text) => {
                state.last = text.chars().last().or(state.last);
            }
            Inline::FootnoteMark(_) => state.last = Some(']'),
            Inline::Break => state.last = None,
        }
    }
}

/// A run of white space becomes one space; a run with a line end in it may become nothing.
fn flow_text(text: &str, state: &mut Flow) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if !c.is_whitespace() {
            out.push(c);
            state.last = Some(c);
            continue;
        }
        let mut line_end = c == '\n';
        while let Some(next) = chars.next_if(|next| next.is_whitespace()) {
            line_end |= next == '\n';
        }
        let Some(last) = state.last else { continue };
        let joined = line_end && chars.peek().is_some_and(|&next| !space_between(last, next));
        let at_edge = line_end && chars.peek().is_none() && label::is_cjk(last);
        if !joined && !at_edge && last != ' ' {
            out.push(' ');
            state.last = Some(' ');
        }
    }
    out
}

fn is_hollow(inline: &Inline) -> bool {
    match inline {
        Inline::Text(text) | Inline::Code(text) => text.is_empty(),
        Inline::Strong(inner) | Inline::Emphasis(inner) | Inline::Strike(inner) => {
            inner.iter().all(is_hollow)
        }
        Inline::Link { inlines, .. } => inlines.iter().all(is_hollow),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(words: &str) -> Inline {
        Inline::Text(words.to_owned())
    }

    #[test]
    fn a_line_end_is_a_space_in_english_and_nothing_in_chinese() {
        let joined = |a: &str, b: &str| plain(&tidy(vec![text(&format!("{a}\n{b}"))]));
        assert_eq!(joined("annual", "leave"), "annual leave");
        assert_eq!(joined("年休", "假"), "年休假");
        assert_eq!(joined("不超过", "5日"), "不超过5日");
    }

    #[test]
    fn typed_items_become_paragraphs_of_their_own() {
        let split = split_at_labels(vec![
            text("应当："),
            text("\n"),
            text("（一）登记"),
            text("\n"),
            text("（二）付款"),
        ]);
        let texts: Vec<String> = split.iter().map(|p| plain(p)).collect();
        assert_eq!(texts, ["应当：", "（一）登记", "（二）付款"]);
    }
}
