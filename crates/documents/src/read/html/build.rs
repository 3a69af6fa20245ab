//! The tree of sanitised HTML to blocks and inlines.
//!
//! Called by the HTML reader. Invariant: an element without a meaning here is walked through, so its text
//! is kept.

use super::tags::{Element, Node};
use super::{Report, picture};
use crate::document::{Block, Cell, Inline, List, ListItem, TextTable, plain};
use crate::inlines::tidy;
use crate::sanitise;

pub(super) struct Builder<'r> {
    pub(super) blocks: Vec<Block>,
    pub(super) run: Vec<Inline>,
    pub(super) report: &'r mut Report,
}

impl Builder<'_> {
    pub(super) fn nodes(&mut self, nodes: &[Node]) {
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

    pub(super) fn flush(&mut self) {
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
