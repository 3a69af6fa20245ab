//! Pieces of the walk through a docx that need no state: gathering rows, joining runs, nesting bullets.
//!
//! Called by `body` only.

use super::xml::Element;
use crate::document::{Block, Inline, List, ListItem};

/// Rows of a table and cells of a row can sit in content controls and tracked insertions.
pub(super) fn collect<'e>(container: &'e Element, name: &str, found: &mut Vec<&'e Element>) {
    for child in container.children() {
        match &*child.name {
            found_name if found_name == name => found.push(child),
            "sdt" | "sdtContent" | "ins" | "customXml" => collect(child, name, found),
            _ => {}
        }
    }
}

/// The lines of a cell's blocks.
pub(super) fn flatten(blocks: Vec<Block>, out: &mut Vec<Inline>) {
    for block in blocks {
        let mut lines: Vec<Vec<Inline>> = Vec::new();
        match block {
            Block::Heading { inlines, .. } | Block::Paragraph { inlines } => lines.push(inlines),
            Block::Code { text } => lines.push(vec![Inline::Code(text)]),
            Block::Table(table) => lines.extend(table.rows.into_iter().map(|row| {
                let mut line = Vec::new();
                for cell in row {
                    line.extend(cell.inlines);
                    line.push(Inline::Text(" ".to_owned()));
                }
                line
            })),
            Block::Quote { blocks } => flatten(blocks, out),
            Block::List(list) => {
                for (index, item) in list.items.iter().enumerate() {
                    let mark = Inline::Text(format!("{} ", list.marker_of(index)));
                    let mut line = vec![mark];
                    flatten(item.blocks.clone(), &mut line);
                    lines.push(line);
                }
            }
            Block::Rule => {}
        }
        for line in lines {
            if !out.is_empty() {
                out.push(Inline::Break);
            }
            out.extend(line);
        }
    }
}

/// Adds a bullet at its depth to the list that the last block may be.
pub(super) fn add_bullet(blocks: &mut Vec<Block>, indent: usize, inlines: Vec<Inline>) {
    if let Some(Block::List(list)) = blocks.last_mut()
        && list.start.is_none()
    {
        if indent == 0 {
            list.items.push(ListItem {
                blocks: vec![Block::Paragraph { inlines }],
            });
            return;
        }
        if let Some(item) = list.items.last_mut() {
            add_bullet(&mut item.blocks, indent - 1, inlines);
            return;
        }
    }
    let items = vec![ListItem {
        blocks: vec![Block::Paragraph { inlines }],
    }];
    blocks.push(Block::List(List {
        start: None,
        marker: '.',
        items,
    }));
}

/// Word splits a sentence into many runs; alike neighbours become one.
pub(super) fn add_run(out: &mut Vec<Inline>, inlines: Vec<Inline>) {
    for inline in inlines {
        match (out.last_mut(), inline) {
            (Some(Inline::Text(before)), Inline::Text(after)) => before.push_str(&after),
            (Some(Inline::Strong(before)), Inline::Strong(after))
            | (Some(Inline::Emphasis(before)), Inline::Emphasis(after))
            | (Some(Inline::Strike(before)), Inline::Strike(after)) => add_run(before, after),
            (_, other) => out.push(other),
        }
    }
}

pub(super) fn is_contents_field(sdt: &Element) -> bool {
    let gallery = sdt
        .child("sdtPr")
        .and_then(|p| p.child("docPartObj"))
        .and_then(|o| o.value("docPartGallery"));
    gallery == Some("Table of Contents")
}

pub(super) fn has_picture(element: &Element) -> bool {
    let mut found = Vec::new();
    for name in ["blip", "imagedata", "chart"] {
        element.find_all(name, &mut found);
    }
    !found.is_empty()
}

pub(super) fn math_text(element: &Element) -> String {
    let mut texts = Vec::new();
    element.find_all("t", &mut texts);
    texts.into_iter().map(Element::text).collect()
}

/// A character of a symbol font. The common tick boxes are named; others are private-use code points
/// that no other font has.
pub(super) fn symbol(element: &Element) -> String {
    let code = element
        .attribute("char")
        .and_then(|code| u32::from_str_radix(code, 16).ok())
        .unwrap_or_default();
    match code & 0xff {
        0xfe | 0x52 => "☑",
        0xa8 | 0xa3 | 0x6f => "☐",
        0xfc => "✓",
        0xb7 | 0x6c => "•",
        0xe0 => "→",
        _ => "□",
    }
    .to_owned()
}
