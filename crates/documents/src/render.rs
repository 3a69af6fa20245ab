//! A document as HTML: sanitised, with an anchor on every clause, headings below the page's own `h1`.
//!
//! Called for the employee page, the console preview and mails. Walks the blocks in the order of
//! `clause::leaves`. Invariant: the n-th `id` in the output is the n-th clause's anchor.

use std::fmt::Write as _;

use crate::Document;
use crate::clause::split_footnote;
use crate::document::{Block, Inline, List, TextTable, footnote_label, plain, row_text};
use crate::nesting::footnote_anchor;
use crate::sanitise::{self, escape};

impl Document {
    /// The whole document. Headings are `h2` to `h6`; nothing in it loads anything.
    pub fn html(&self) -> String {
        let anchors: Vec<String> = self
            .clauses()
            .into_iter()
            .map(|clause| clause.anchor)
            .collect();
        let mut page = Page {
            out: String::new(),
            anchors: anchors.into_iter(),
            top_level: top_level(&self.blocks),
        };
        page.blocks(&self.blocks);
        page.footnotes(self);
        sanitise::outgoing(&page.out)
    }
}

/// The outermost heading level in use becomes `h2`.
fn top_level(blocks: &[Block]) -> u8 {
    let levels = blocks.iter().filter_map(|block| match block {
        Block::Heading { level, .. } => Some(*level),
        _ => None,
    });
    levels.min().unwrap_or(1)
}

struct Page {
    out: String,
    anchors: std::vec::IntoIter<String>,
    top_level: u8,
}

impl Page {
    /// ` id="…"` of the next clause.
    fn id(&mut self) -> String {
        self.anchors
            .next()
            .map(|anchor| format!(" id=\"{anchor}\""))
            .unwrap_or_default()
    }

    fn push(&mut self, html: &str) {
        self.out.push_str(html);
    }

    fn blocks(&mut self, blocks: &[Block]) {
        for block in blocks {
            match block {
                Block::Heading { level, inlines } if !plain(inlines).is_empty() => {
                    let tag = format!("h{}", (level.saturating_sub(self.top_level) + 2).min(6));
                    self.element(&tag, inlines);
                }
                Block::Paragraph { inlines } if !plain(inlines).is_empty() => {
                    self.element("p", inlines);
                }
                Block::Code { text } if !text.trim().is_empty() => {
                    let id = self.id();
                    self.push(&format!("<pre{id}><code>{}</code></pre>\n", escape(text)));
                }
                Block::Quote { blocks } => {
                    self.push("<blockquote>\n");
                    self.blocks(blocks);
                    self.push("</blockquote>\n");
                }
                Block::List(list) => self.list(list),
                Block::Table(table) => self.table(table),
                Block::Rule => self.push("<hr>\n"),
                Block::Heading { .. } | Block::Paragraph { .. } | Block::Code { .. } => {}
            }
        }
    }

    fn element(&mut self, tag: &str, inlines: &[Inline]) {
        let id = self.id();
        self.push(&format!("<{tag}{id}>"));
        self.inlines(inlines);
        self.push(&format!("</{tag}>\n"));
    }

    fn list(&mut self, list: &List) {
        match list.start {
            Some(1) => self.push("<ol>\n"),
            Some(start) => self.push(&format!("<ol start=\"{start}\">\n")),
            None => self.push("<ul>\n"),
        }
        for item in &list.items {
            let (beside, below) = item.split();
            let is_clause = list.start.is_some() || !plain(beside).is_empty();
            let id = if is_clause { self.id() } else { String::new() };
            self.push(&format!("<li{id}>"));
            self.inlines(beside);
            if !below.is_empty() {
                self.push("\n");
                self.blocks(below);
            }
            self.push("</li>\n");
        }
        self.push(if list.start.is_some() {
            "</ol>\n"
        } else {
            "</ul>\n"
        });
    }

    /// Wide tables scroll on their own; `tabindex` lets the keyboard do it.
    fn table(&mut self, table: &TextTable) {
        self.push("<div class=\"table\" tabindex=\"0\"><table>\n");
        let header_rows = table.header_rows.min(table.rows.len());
        for (index, row) in table.rows.iter().enumerate() {
            if index == 0 && header_rows > 0 {
                self.push("<thead>\n");
            }
            if index == header_rows {
                self.push("<tbody>\n");
            }
            let id = if row_text(row).trim().is_empty() {
                String::new()
            } else {
                self.id()
            };
            self.push(&format!("<tr{id}>"));
            for cell in row {
                let (open, close) = if index < header_rows {
                    ("<th scope=\"col\"", "</th>")
                } else {
                    ("<td", "</td>")
                };
                self.push(open);
                if cell.columns > 1 {
                    let _ = write!(self.out, " colspan=\"{}\"", cell.columns);
                }
                self.push(">");
                self.inlines(&cell.inlines);
                self.push(close);
            }
            self.push("</tr>\n");
            if index + 1 == header_rows {
                self.push("</thead>\n");
            }
        }
        self.push(if table.rows.len() > header_rows {
            "</tbody>\n</table></div>\n"
        } else {
            "</table></div>\n"
        });
    }

    fn footnotes(&mut self, document: &Document) {
        if document.footnotes.is_empty() {
            return;
        }
        self.push("<section class=\"footnotes\">\n<hr>\n");
        for (index, footnote) in document.footnotes.iter().enumerate() {
            let (beside, below) = split_footnote(&footnote.blocks);
            let id = self.id();
            self.push(&format!("<p{id}>{} ", footnote_label(index)));
            self.inlines(beside);
            self.push("</p>\n");
            self.blocks(below);
        }
        self.push("</section>\n");
    }

    fn inlines(&mut self, inlines: &[Inline]) {
        for inline in inlines {
            match inline {
                Inline::Text(text) | Inline::Picture(text) => self.push(&escape(text)),
                Inline::Code(text) => self.push(&format!("<code>{}</code>", escape(text))),
                Inline::Strong(inner) => self.wrapped("strong", inner),
                Inline::Emphasis(inner) => self.wrapped("em", inner),
                Inline::Strike(inner) => self.wrapped("s", inner),
                Inline::Link { href, inlines } if sanitise::is_allowed_target(href) => {
                    self.push(&format!("<a href=\"{}\">", escape(href)));
                    self.inlines(inlines);
                    self.push("</a>");
                }
                Inline::Link { inlines, .. } => self.inlines(inlines),
                Inline::FootnoteMark(index) => {
                    let mark = footnote_label(*index);
                    self.push(&format!(
                        "<sup><a href=\"#{}\">{mark}</a></sup>",
                        footnote_anchor(&mark)
                    ));
                }
                Inline::Break => self.push("<br>"),
            }
        }
    }

    fn wrapped(&mut self, tag: &str, inner: &[Inline]) {
        self.push(&format!("<{tag}>"));
        self.inlines(inner);
        self.push(&format!("</{tag}>"));
    }
}
