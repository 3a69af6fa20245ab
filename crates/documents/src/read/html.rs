//! HTML files, and HTML inside Markdown, to blocks.
//!
//! Called by `read` and by the Markdown reader. The sanitiser goes first; what it writes is well-formed, so
//! a small tag reader is enough after it. Invariant: nesting and the work of the HTML parser are bounded
//! before it starts. Weakness: layout by CSS or by tables is read in source order.

use crate::document::{
    Block, Cell, Document, Inline, List, ListItem, TextTable, WarningCode, plain,
};
use crate::inlines::tidy;
use crate::{Format, FrontMatter, Limits, ReadError, encoding, sanitise};

pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Result<Document, ReadError> {
    let html = encoding::decode(bytes)?;
    let mut document = Document {
        format: Format::Html,
        title: title(&html),
        front_matter: FrontMatter::default(),
        blocks: Vec::new(),
        footnotes: Vec::new(),
        warnings: Vec::new(),
    };
    let mut report = Report::default();
    document.blocks = blocks(&html, limits, &mut report)?;
    report.tell(&mut document);
    Ok(document)
}

/// What was left out, counted.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) pictures: usize,
    pub(crate) links: usize,
    pub(crate) unsafe_pieces: usize,
}

impl Report {
    pub(crate) fn tell(&self, document: &mut Document) {
        document.warn(WarningCode::PicturesLeftOut, self.pictures);
        document.warn(WarningCode::LinkTargetDropped, self.links);
        document.warn(WarningCode::UnsafeHtmlRemoved, self.unsafe_pieces);
    }
}

/// The blocks of a piece of HTML.
pub(crate) fn blocks(
    html: &str,
    limits: &Limits,
    report: &mut Report,
) -> Result<Vec<Block>, ReadError> {
    check_effort(html, limits)?;
    report.unsafe_pieces += usize::from(sanitise::is_suspicious(html));
    let nodes = tree(&sanitise::incoming(html), limits)?;
    let mut builder = Builder {
        blocks: Vec::new(),
        run: Vec::new(),
        report,
    };
    builder.nodes(&nodes);
    builder.flush();
    Ok(builder.blocks)
}

fn title(html: &str) -> Option<String> {
    let lower = html.to_ascii_lowercase();
    let open = lower.find("<title")?;
    let start = open + lower.get(open..)?.find('>')? + 1;
    let end = start + lower.get(start..)?.find("</title")?;
    let nodes = tree(
        &sanitise::incoming(html.get(start..end)?),
        &Limits::default(),
    )
    .ok()?;
    let text = nodes.iter().filter_map(|node| {
        if let Node::Text(t) = node {
            Some(t.as_str())
        } else {
            None
        }
    });
    let title = text
        .collect::<String>()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    (!title.is_empty()).then_some(title)
}

/// Refuses what makes an HTML parser work more than linearly: deep nesting times many tags.
fn check_effort(html: &str, limits: &Limits) -> Result<(), ReadError> {
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

enum Node {
    Text(String),
    Element(Element),
}

#[derive(Default)]
struct Element {
    name: String,
    /// The one attribute each allowed element may have: href, alt, colspan or start.
    attribute: Option<String>,
    children: Vec<Node>,
}

/// The tree of sanitised HTML, which always closes what it opens.
fn tree(html: &str, limits: &Limits) -> Result<Vec<Node>, ReadError> {
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

struct Builder<'r> {
    blocks: Vec<Block>,
    run: Vec<Inline>,
    report: &'r mut Report,
}

impl Builder<'_> {
    fn nodes(&mut self, nodes: &[Node]) {
        for node in nodes {
            match node {
                Node::Element(element) => self.element(element),
                Node::Text(_) => {
                    let inline = inline(node, self.report);
                    self.run.extend(inline);
                }
            }
        }
    }

    fn element(&mut self, element: &Element) {
        let block = match element.name.as_str() {
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                let level = element.name.bytes().last().map_or(1, |b| b - b'0');
                Block::Heading {
                    level,
                    inlines: self.inline_content(element),
                }
            }
            "ul" | "ol" => Block::List(self.list(element)),
            "table" => return self.table(element),
            "blockquote" => Block::Quote {
                blocks: self.inner(element),
            },
            "pre" => Block::Code {
                text: raw_text(&element.children).trim_matches('\n').to_owned(),
            },
            "hr" => Block::Rule,
            "p" | "div" | "section" | "article" | "main" | "header" | "footer" | "nav"
            | "aside" | "figure" | "figcaption" | "dl" | "dt" | "dd" | "center" | "address"
            | "details" | "summary" | "li" | "caption" => {
                self.flush();
                self.nodes(&element.children);
                self.flush();
                return;
            }
            _ if holds_block(element) => {
                self.flush();
                self.nodes(&element.children);
                self.flush();
                return;
            }
            _ => {
                let inline = inline_element(element, self.report);
                self.run.extend(inline);
                return;
            }
        };
        self.flush();
        self.blocks.push(block);
    }

    fn flush(&mut self) {
        let inlines = tidy(std::mem::take(&mut self.run));
        if !plain(&inlines).is_empty() {
            self.blocks.push(Block::Paragraph { inlines });
        }
    }

    fn inner(&mut self, element: &Element) -> Vec<Block> {
        let mut builder = Builder {
            blocks: Vec::new(),
            run: Vec::new(),
            report: self.report,
        };
        builder.nodes(&element.children);
        builder.flush();
        builder.blocks
    }

    fn inline_content(&mut self, element: &Element) -> Vec<Inline> {
        let inlines = element
            .children
            .iter()
            .filter_map(|node| inline(node, self.report))
            .collect();
        tidy(inlines)
    }

    fn list(&mut self, element: &Element) -> List {
        let start = element
            .attribute
            .as_deref()
            .and_then(|start| start.parse().ok())
            .unwrap_or(1);
        let mut items = Vec::new();
        for node in &element.children {
            match node {
                Node::Element(child) => items.push(ListItem {
                    blocks: self.inner(child),
                }),
                Node::Text(text) if !text.trim().is_empty() => {
                    let inlines = tidy(vec![Inline::Text(text.clone())]);
                    items.push(ListItem {
                        blocks: vec![Block::Paragraph { inlines }],
                    });
                }
                Node::Text(_) => {}
            }
        }
        List {
            start: (element.name == "ol").then_some(start),
            marker: '.',
            items,
        }
    }

    /// A caption stands above its table as a paragraph; a table of one cell is its content.
    fn table(&mut self, element: &Element) {
        self.flush();
        let mut table = TextTable::default();
        let mut outside = Vec::new();
        collect_rows(element, &mut outside, &mut |row, in_head| {
            let cells: Vec<&Element> = elements(row).collect();
            let is_header =
                in_head || (table.rows.is_empty() && cells.iter().all(|cell| cell.name == "th"));
            if is_header && table.header_rows == table.rows.len() {
                table.header_rows += 1;
            }
            let read_cell = |cell: &&Element| Cell {
                inlines: tidy(cell_inlines(cell, self.report)),
                columns: cell
                    .attribute
                    .as_deref()
                    .and_then(|n| n.parse().ok())
                    .unwrap_or(1)
                    .clamp(1, 100),
            };
            table.rows.push(cells.iter().map(read_cell).collect());
        });
        for caption in outside {
            self.nodes(&caption.children);
            self.flush();
        }
        table.rows.retain(|row| !row.is_empty());
        table.header_rows = table.header_rows.min(table.rows.len());
        if !table.rows.is_empty() {
            self.blocks.push(Block::Table(table));
        }
    }
}

fn elements(element: &Element) -> impl Iterator<Item = &Element> {
    element.children.iter().filter_map(|node| match node {
        Node::Element(child) => Some(child),
        Node::Text(_) => None,
    })
}

fn collect_rows<'e>(
    table: &'e Element,
    outside: &mut Vec<&'e Element>,
    row: &mut impl FnMut(&'e Element, bool),
) {
    for child in elements(table) {
        match child.name.as_str() {
            "tr" => row(child, table.name == "thead"),
            "thead" | "tbody" | "tfoot" => collect_rows(child, outside, row),
            _ => outside.push(child),
        }
    }
}

/// A cell's blocks as lines of one run.
fn cell_inlines(cell: &Element, report: &mut Report) -> Vec<Inline> {
    let mut run = Vec::new();
    for node in &cell.children {
        match node {
            Node::Element(child) if is_block(&child.name) || holds_block(child) => {
                if !run.is_empty() && !matches!(run.last(), Some(Inline::Break)) {
                    run.push(Inline::Break);
                }
                run.extend(cell_inlines(child, report));
                run.push(Inline::Break);
            }
            other => run.extend(inline(other, report)),
        }
    }
    while matches!(run.last(), Some(Inline::Break)) {
        run.pop();
    }
    run
}

fn is_block(name: &str) -> bool {
    !matches!(
        name,
        "a" | "b"
            | "strong"
            | "i"
            | "em"
            | "s"
            | "del"
            | "strike"
            | "code"
            | "kbd"
            | "samp"
            | "tt"
            | "img"
            | "br"
    )
}

fn holds_block(element: &Element) -> bool {
    elements(element).any(|child| is_block(&child.name) || holds_block(child))
}

fn inline(node: &Node, report: &mut Report) -> Option<Inline> {
    match node {
        Node::Text(text) => Some(Inline::Text(text.clone())),
        Node::Element(element) => inline_element(element, report),
    }
}

fn inline_element(element: &Element, report: &mut Report) -> Option<Inline> {
    let inner: Vec<Inline> = element
        .children
        .iter()
        .filter_map(|node| inline(node, report))
        .collect();
    Some(match element.name.as_str() {
        "b" | "strong" => Inline::Strong(inner),
        "i" | "em" => Inline::Emphasis(inner),
        "s" | "del" | "strike" => Inline::Strike(inner),
        "code" | "kbd" | "samp" | "tt" => Inline::Code(raw_text(&element.children)),
        "br" => Inline::Break,
        "hr" => return None,
        "img" => {
            report.pictures += 1;
            picture(element.attribute.as_deref().unwrap_or_default())
        }
        "a" => {
            if let Some(href) = element
                .attribute
                .as_deref()
                .filter(|href| sanitise::is_allowed_target(href))
            {
                Inline::Link {
                    href: href.to_owned(),
                    inlines: inner,
                }
            } else {
                report.links += 1;
                grouped(inner)?
            }
        }
        _ => grouped(inner)?,
    })
}

/// Several inlines where one is wanted; a link without a target is the plainest group there is.
fn grouped(mut inner: Vec<Inline>) -> Option<Inline> {
    match inner.len() {
        0 => None,
        1 => inner.pop(),
        _ => Some(Inline::Link {
            href: String::new(),
            inlines: inner,
        }),
    }
}

/// The words that stand for a picture.
pub(crate) fn picture(description: &str) -> Inline {
    let words = description.split_whitespace().collect::<Vec<_>>().join(" ");
    Inline::Picture(if words.is_empty() {
        "[图]".to_owned()
    } else {
        format!("[图：{words}]")
    })
}

fn raw_text(nodes: &[Node]) -> String {
    nodes
        .iter()
        .map(|node| match node {
            Node::Text(text) => text.clone(),
            Node::Element(element) if element.name == "br" => "\n".to_owned(),
            Node::Element(element) => raw_text(&element.children),
        })
        .collect()
}
