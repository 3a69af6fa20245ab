//! Tags of HTML: how much work they are for a parser, and the tree of what the sanitiser wrote.
//!
//! Called by the HTML reader. `check_effort` runs before the sanitiser's parser, on the raw file; `tree`
//! after it, on well-formed text. Invariant: depth is bounded in both.

use crate::{Limits, ReadError};

/// Refuses what makes an HTML parser work more than linearly: deep nesting times many tags.
pub(super) fn check_effort(html: &str, limits: &Limits) -> Result<(), ReadError> {
    const MAX_DEPTH_TIMES_TAGS: usize = 20_000_000;
    const FORMATTING: [&str; 14] = [
        "a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt",
        "u",
    ];
    const NOT_NESTED: [&str; 22] = [
        "br", "hr", "img", "meta", "link", "input", "col", "wbr", "area", "base", "p", "li", "td",
        "th", "tr", "option", "dt", "dd", "source", "param", "embed", "colgroup",
    ];
    let (mut tags, mut depth, mut deepest, mut formats, mut most_formats) =
        (0usize, 0usize, 0usize, 0usize, 0usize);
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = rest.get(at + 1..).unwrap_or_default();
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = comment
                .find("-->")
                .and_then(|end| comment.get(end..))
                .unwrap_or_default();
            continue;
        }
        let closing = rest.starts_with('/');
        let name: String = rest
            .chars()
            .skip(usize::from(closing))
            .take_while(char::is_ascii_alphanumeric)
            .take(16)
            .collect::<String>()
            .to_ascii_lowercase();
        if name.is_empty() {
            continue;
        }
        rest = after_tag(rest);
        tags += 1;
        if NOT_NESTED.contains(&name.as_str()) {
            continue;
        }
        let counter = if FORMATTING.contains(&name.as_str()) {
            &mut formats
        } else {
            &mut depth
        };
        *counter = if closing {
            counter.saturating_sub(1)
        } else {
            *counter + 1
        };
        deepest = deepest.max(depth);
        most_formats = most_formats.max(formats);
    }
    if deepest > limits.max_nesting || most_formats > limits.max_nesting {
        return Err(ReadError::too_complex("its HTML is nested too deeply"));
    }
    if tags > limits.max_elements
        || tags.saturating_mul(1 + deepest / 8 + most_formats) > MAX_DEPTH_TIMES_TAGS
    {
        return Err(ReadError::too_complex(
            "its HTML has too many nested elements",
        ));
    }
    Ok(())
}

/// What follows the `>` that ends the tag, quotes respected.
fn after_tag(rest: &str) -> &str {
    let mut quote = None;
    for (at, c) in rest.char_indices() {
        match (quote, c) {
            (None, '>') => return rest.get(at + 1..).unwrap_or_default(),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
    }
    ""
}

pub(super) enum Node {
    Text(String),
    Element(Element),
}

#[derive(Default)]
pub(super) struct Element {
    pub(super) name: String,
    /// The one attribute each allowed element may have: href, alt, colspan or start.
    pub(super) attribute: Option<String>,
    pub(super) children: Vec<Node>,
}

/// The tree of sanitised HTML, which always closes what it opens.
pub(super) fn tree(html: &str, limits: &Limits) -> Result<Vec<Node>, ReadError> {
    let mut stack = vec![Element::default()];
    let mut rest = html;
    loop {
        let (text, tail) = rest.split_at(rest.find('<').unwrap_or(rest.len()));
        if let (false, Some(top)) = (text.is_empty(), stack.last_mut()) {
            top.children.push(Node::Text(unescape(text)));
        }
        let Some(tag) = tail.strip_prefix('<') else {
            break;
        };
        rest = after_tag(tag);
        let tag = tag.strip_suffix(rest).unwrap_or(tag).trim_end_matches('>');
        if tag.starts_with('/') {
            close(&mut stack);
            continue;
        }
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        let attribute = attributes
            .split_once("=\"")
            .and_then(|(_, v)| v.split('"').next())
            .map(unescape);
        stack.push(Element {
            name: name.to_owned(),
            attribute,
            children: Vec::new(),
        });
        if matches!(name, "br" | "hr" | "img") {
            close(&mut stack);
        }
        if stack.len() > limits.max_nesting * 2 + 10 {
            return Err(ReadError::too_complex("its HTML is nested too deeply"));
        }
    }
    while stack.len() > 1 {
        close(&mut stack);
    }
    Ok(stack.pop().map(|root| root.children).unwrap_or_default())
}

fn close(stack: &mut Vec<Element>) {
    if stack.len() < 2 {
        return;
    }
    if let (Some(done), Some(parent)) = (stack.pop(), stack.last_mut()) {
        parent.children.push(Node::Element(done));
    }
}

/// The serialiser writes exactly these five.
fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&nbsp;", "\u{a0}")
        .replace("&amp;", "&")
}
