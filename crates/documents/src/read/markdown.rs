//! Markdown (CommonMark with tables, footnotes, strikethrough, task lists) to blocks.
//!
//! Called by `read`. The parser is comrak; its tree is walked with a bound on depth.
//! Invariant: raw HTML never passes as it is: it goes through the HTML reader or loses its tags.
//! Weakness: inline HTML tags are dropped one by one, so their content stays even inside `<script>`.

use std::collections::{BTreeMap, HashMap};

use comrak::nodes::{AstNode, ListDelimType, ListType, NodeValue};
use comrak::{Arena, Options};

use crate::document::{
    Block, Cell, Document, Footnote, Inline, List, ListItem, TextTable, WarningCode, plain,
};
use crate::inlines::{split_at_labels, tidy};
use crate::read::html::{self, Report};
use crate::{Format, Limits, ReadError, encoding, front_matter, sanitise};

pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Result<Document, ReadError> {
    let source = encoding::decode(bytes)?;
    let (front_matter, body) = front_matter::split(&source)?;
    check_effort(body, limits)?;
    let arena = Arena::new();
    let root = comrak::parse_document(&arena, body, &options());
    let mut reader = Reader {
        limits,
        report: Report::default(),
        numbers: footnote_numbers(root),
        footnotes: BTreeMap::new(),
    };
    let blocks = reader.children(root, 0)?;
    let footnotes = std::mem::take(&mut reader.footnotes);
    let mut document = Document {
        format: Format::Markdown,
        title: None,
        front_matter,
        blocks,
        footnotes: footnotes.into_values().collect(),
        warnings: Vec::new(),
    };
    reader.report.tell(&mut document);
    Ok(document)
}

fn options() -> Options<'static> {
    let mut options = Options::default();
    options.extension.table = true;
    options.extension.strikethrough = true;
    options.extension.tasklist = true;
    options.extension.footnotes = true;
    options.extension.autolink = true;
    // Without this, comrak throws definitions away that nothing refers to.
    options.parse.leave_footnote_definitions = true;
    options.extension.cjk_friendly_emphasis = true;
    options
}

/// Containers are opened by the first characters of a line, so their depth is bounded by looking there.
fn check_effort(source: &str, limits: &Limits) -> Result<(), ReadError> {
    let deepest = source.lines().map(container_depth).max().unwrap_or(0);
    if deepest > limits.max_nesting * 2 {
        return Err(ReadError::too_complex(
            "its lists and quotes are nested too deeply",
        ));
    }
    Ok(())
}

fn container_depth(line: &str) -> usize {
    let mut depth = 0;
    let mut blanks = 0usize;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            ' ' => blanks += 1,
            '\t' => blanks += 4,
            '>' => depth += 1,
            '-' | '*' | '+' | '.' | ')' if chars.peek().is_none_or(|next| next.is_whitespace()) => {
                depth += 1;
            }
            '0'..='9' => {}
            _ => break,
        }
    }
    depth + blanks / 2
}

struct Reader<'l> {
    limits: &'l Limits,
    report: Report,
    /// Footnote names to numbers, in the order of first reference.
    numbers: HashMap<String, usize>,
    footnotes: BTreeMap<usize, Footnote>,
}

fn footnote_numbers<'a>(root: &'a AstNode<'a>) -> HashMap<String, usize> {
    let mut numbers = HashMap::new();
    for node in root.descendants() {
        if let NodeValue::FootnoteReference(reference) = &node.data.borrow().value {
            numbers.insert(
                reference.name.to_lowercase(),
                reference.ix.max(1) as usize - 1,
            );
        }
    }
    numbers
}

impl Reader<'_> {
    fn children<'a>(
        &mut self,
        node: &'a AstNode<'a>,
        depth: usize,
    ) -> Result<Vec<Block>, ReadError> {
        if depth > self.limits.max_nesting {
            return Err(ReadError::too_complex(
                "its lists and quotes are nested too deeply",
            ));
        }
        let mut blocks = Vec::new();
        for child in node.children() {
            self.block(child, depth, &mut blocks)?;
        }
        Ok(blocks)
    }

    fn block<'a>(
        &mut self,
        node: &'a AstNode<'a>,
        depth: usize,
        out: &mut Vec<Block>,
    ) -> Result<(), ReadError> {
        let value = node.data.borrow().value.clone();
        match value {
            NodeValue::Heading(heading) => {
                let inlines = tidy(self.inlines(node, 0)?);
                out.push(Block::Heading {
                    level: heading.level,
                    inlines,
                });
            }
            NodeValue::Paragraph => {
                let lines = split_at_labels(self.inlines(node, 0)?);
                out.extend(lines.into_iter().map(|inlines| Block::Paragraph {
                    inlines: tidy(inlines),
                }));
            }
            NodeValue::BlockQuote => out.push(Block::Quote {
                blocks: self.children(node, depth + 1)?,
            }),
            NodeValue::List(list) => {
                let start = (list.list_type == ListType::Ordered)
                    .then_some(u32::try_from(list.start).unwrap_or(1));
                let marker = if list.delimiter == ListDelimType::Paren {
                    ')'
                } else {
                    '.'
                };
                let items: Result<Vec<ListItem>, ReadError> = node
                    .children()
                    .map(|item| self.list_item(item, depth))
                    .collect();
                out.push(Block::List(List {
                    start,
                    marker,
                    items: items?,
                }));
            }
            NodeValue::CodeBlock(code) => {
                out.push(Block::Code {
                    text: code.literal.trim_end_matches('\n').to_owned(),
                });
            }
            NodeValue::HtmlBlock(raw) => {
                out.extend(html::blocks(&raw.literal, self.limits, &mut self.report)?);
            }
            NodeValue::Table(_) => out.push(Block::Table(self.table(node)?)),
            NodeValue::ThematicBreak => out.push(Block::Rule),
            NodeValue::FootnoteDefinition(definition) => {
                let blocks = self.children(node, depth + 1)?;
                let after_all = self.numbers.len() + self.footnotes.len();
                let number = self
                    .numbers
                    .get(&definition.name.to_lowercase())
                    .copied()
                    .unwrap_or(after_all);
                let number = if self.footnotes.contains_key(&number) {
                    after_all
                } else {
                    number
                };
                self.footnotes.insert(number, Footnote { blocks });
            }
            other if other.block() => out.extend(self.children(node, depth + 1)?),
            _ => {
                let mut inlines = Vec::new();
                self.inline(node, 0, &mut inlines)?;
                out.push(Block::Paragraph {
                    inlines: tidy(inlines),
                });
            }
        }
        Ok(())
    }

    fn list_item<'a>(
        &mut self,
        item: &'a AstNode<'a>,
        depth: usize,
    ) -> Result<ListItem, ReadError> {
        let mut blocks = self.children(item, depth + 1)?;
        if let NodeValue::TaskItem(task) = &item.data.borrow().value {
            let mark = Inline::Text(
                if task.symbol.is_some() {
                    "☑ "
                } else {
                    "☐ "
                }
                .to_owned(),
            );
            match blocks.first_mut() {
                Some(Block::Paragraph { inlines }) => inlines.insert(0, mark),
                _ => blocks.insert(
                    0,
                    Block::Paragraph {
                        inlines: vec![mark],
                    },
                ),
            }
        }
        Ok(ListItem { blocks })
    }

    fn table<'a>(&mut self, table: &'a AstNode<'a>) -> Result<TextTable, ReadError> {
        let mut read = TextTable::default();
        for row in table.children() {
            if matches!(row.data.borrow().value, NodeValue::TableRow(true)) {
                read.header_rows += 1;
            }
            let cells: Result<Vec<Cell>, ReadError> = row
                .children()
                .map(|cell| {
                    Ok(Cell {
                        inlines: tidy(self.inlines(cell, 0)?),
                        columns: 1,
                    })
                })
                .collect();
            read.rows.push(cells?);
        }
        Ok(read)
    }

    fn inlines<'a>(
        &mut self,
        node: &'a AstNode<'a>,
        depth: usize,
    ) -> Result<Vec<Inline>, ReadError> {
        if depth > self.limits.max_nesting {
            return Err(ReadError::too_complex(
                "its emphasis and links are nested too deeply",
            ));
        }
        let mut out = Vec::new();
        for child in node.children() {
            self.inline(child, depth, &mut out)?;
        }
        Ok(out)
    }

    fn inline<'a>(
        &mut self,
        node: &'a AstNode<'a>,
        depth: usize,
        out: &mut Vec<Inline>,
    ) -> Result<(), ReadError> {
        let value = node.data.borrow().value.clone();
        out.push(match value {
            NodeValue::Text(text) => Inline::Text(text.into_owned()),
            NodeValue::SoftBreak => Inline::Text("\n".to_owned()),
            NodeValue::LineBreak => Inline::Break,
            NodeValue::Code(code) => Inline::Code(code.literal),
            NodeValue::Math(math) => Inline::Code(math.literal),
            NodeValue::Strong => Inline::Strong(self.inlines(node, depth + 1)?),
            NodeValue::Emph => Inline::Emphasis(self.inlines(node, depth + 1)?),
            NodeValue::Strikethrough => Inline::Strike(self.inlines(node, depth + 1)?),
            NodeValue::Link(link) => {
                let inlines = self.inlines(node, depth + 1)?;
                if sanitise::is_allowed_target(&link.url) {
                    Inline::Link {
                        href: link.url.clone(),
                        inlines,
                    }
                } else {
                    // A link inside the document has no target here that could be trusted.
                    self.report.links += usize::from(!link.url.starts_with('#'));
                    out.extend(inlines);
                    return Ok(());
                }
            }
            NodeValue::Image(_) => {
                self.report.pictures += 1;
                html::picture(&plain(&self.inlines(node, depth + 1)?))
            }
            NodeValue::FootnoteReference(reference) => {
                Inline::FootnoteMark(usize::try_from(reference.ix.max(1) - 1).unwrap_or(0))
            }
            NodeValue::HtmlInline(raw) => return self.raw_tag(&raw, out),
            _ => {
                out.extend(self.inlines(node, depth + 1)?);
                return Ok(());
            }
        });
        Ok(())
    }

    /// One tag at a time: a line break or a picture is kept, everything else loses its tag.
    fn raw_tag(&mut self, raw: &str, out: &mut Vec<Inline>) -> Result<(), ReadError> {
        let lower = raw.to_ascii_lowercase();
        if lower.starts_with("<br") {
            out.push(Inline::Break);
        } else if lower.starts_with("<img") {
            for block in html::blocks(raw, self.limits, &mut self.report)? {
                if let Block::Paragraph { inlines } = block {
                    out.extend(inlines);
                }
            }
        } else {
            self.report.unsafe_pieces += usize::from(sanitise::is_suspicious(raw));
        }
        Ok(())
    }
}

/// Tells the caller that keys in the front matter are read by nobody.
pub(crate) fn warn_unknown_keys(document: &mut Document) {
    for key in document.front_matter.unknown.clone() {
        let code = WarningCode::UnknownKey;
        document.warnings.push(crate::document::Warning {
            code,
            count: 1,
            detail: key,
        });
    }
}
