//! HTML files, and HTML inside Markdown, to blocks.
//!
//! Called by `read` and by the Markdown reader. The sanitiser goes first; what it writes is well-formed, so
//! a small tag reader is enough after it. Invariant: nesting and the work of the HTML parser are bounded
//! before it starts. Weakness: layout by CSS or by tables is read in source order.

mod build;
mod tags;

use crate::document::{Block, Document, Inline, WarningCode};
use build::Builder;
use tags::{Node, check_effort, tree};

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

/// The words that stand for a picture.
pub(crate) fn picture(description: &str) -> Inline {
    let words = description.split_whitespace().collect::<Vec<_>>().join(" ");
    Inline::Picture(if words.is_empty() {
        "[图]".to_owned()
    } else {
        format!("[图：{words}]")
    })
}
