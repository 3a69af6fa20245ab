//! Walks the body of a docx: paragraphs, runs, tables, and the containers around them.
//!
//! Called by the docx reader for the main text and for each note. Element names are those of ECMA-376
//! part 1, §17. Invariant: an unknown container is walked through, so its text is kept.

use std::collections::HashMap;

use super::numbering::{Mark, Numbering};
use super::styles::{Styles, outline_level};
use super::xml::Element;
use crate::document::{Block, Cell, Inline, List, ListItem, TextTable, plain};
use crate::inlines::tidy;
use crate::read::html::picture;
use crate::{Limits, ReadError, sanitise};

/// What was left out or accepted, counted.
#[derive(Debug, Default)]
pub(super) struct Noticed {
    pub(super) pictures: usize,
    pub(super) links: usize,
    pub(super) insertions: usize,
    pub(super) deletions: usize,
    pub(super) comments: usize,
    pub(super) hidden: usize,
    pub(super) contents: usize,
}

pub(super) struct Body<'a> {
    styles: &'a Styles,
    numbering: Numbering,
    links: &'a HashMap<String, String>,
    limits: &'a Limits,
    pub(super) noticed: Noticed,
    /// Kind (`footnote`, `endnote`) and id, in the order of reference.
    pub(super) note_references: Vec<(&'static str, String)>,
    /// Text boxes met inside a paragraph; they follow it.
    boxes: Vec<Block>,
    /// The beginning of a paragraph whose end mark was deleted: it runs on into the next.
    carried: Vec<Inline>,
}

impl<'a> Body<'a> {
    pub(super) fn new(
        styles: &'a Styles,
        numbering: Numbering,
        links: &'a HashMap<String, String>,
        limits: &'a Limits,
    ) -> Self {
        let noticed = Noticed::default();
        Self {
            styles,
            numbering,
            links,
            limits,
            noticed,
            note_references: Vec::new(),
            boxes: Vec::new(),
            carried: Vec::new(),
        }
    }

    /// The blocks inside a container: the body, a cell, a note, a text box.
    pub(super) fn blocks(
        &mut self,
        container: &Element,
        depth: usize,
    ) -> Result<Vec<Block>, ReadError> {
        if depth > self.limits.max_nesting {
            return Err(ReadError::too_complex(
                "its tables and boxes are nested too deeply",
            ));
        }
        let mut out = Vec::new();
        self.walk(container, depth, &mut out)?;
        let rest = tidy(std::mem::take(&mut self.carried));
        if !plain(&rest).is_empty() {
            out.push(Block::Paragraph { inlines: rest });
        }
        Ok(out)
    }

    fn walk(
        &mut self,
        container: &Element,
        depth: usize,
        out: &mut Vec<Block>,
    ) -> Result<(), ReadError> {
        for child in container.children() {
            match &*child.name {
                "p" => self.paragraph(child, depth, out)?,
                "tbl" => {
                    let table = self.table(child, depth)?;
                    out.push(Block::Table(table));
                }
                "del" | "moveFrom" => self.noticed.deletions += 1,
                "ins" | "moveTo" => {
                    self.noticed.insertions += 1;
                    self.walk(child, depth, out)?;
                }
                "sdt" if is_contents_field(child) => self.noticed.contents += 1,
                "AlternateContent" => {
                    if let Some(chosen) = child.child("Choice").or_else(|| child.child("Fallback"))
                    {
                        self.walk(chosen, depth, out)?;
                    }
                }
                "sectPr" | "tblPr" | "tcPr" | "sdtPr" => {}
                _ => self.walk(child, depth, out)?,
            }
        }
        Ok(())
    }

    fn paragraph(
        &mut self,
        element: &Element,
        depth: usize,
        out: &mut Vec<Block>,
    ) -> Result<(), ReadError> {
        let properties = element.child("pPr");
        let style = properties
            .and_then(|p| p.value("pStyle"))
            .unwrap_or_default();
        if self.styles.is_contents(style) {
            self.noticed.contents += 1;
            return Ok(());
        }
        let mut inlines = std::mem::take(&mut self.carried);
        self.runs(element, depth, &mut inlines)?;
        let marks = properties.and_then(|p| p.child("rPr"));
        if marks.is_some_and(|m| m.child("del").is_some() || m.child("moveFrom").is_some()) {
            self.noticed.deletions += 1;
            self.carried = inlines;
            return Ok(());
        }
        let mut inlines = tidy(inlines);
        let has_text = !plain(&inlines).is_empty();
        // Word counts an empty paragraph too, but nobody reads such a number as text.
        let mark = self.mark(properties, style);
        let level = properties
            .and_then(outline_level)
            .map(|l| (l + 1).min(6))
            .or_else(|| self.styles.heading_level(style));
        match (mark, level) {
            _ if !has_text => {}
            (Some((Mark::Bullet, indent)), None) => add_bullet(out, indent, inlines),
            (mark, level) => {
                if let Some((Mark::Label(label), _)) = mark {
                    inlines.insert(0, Inline::Text(label));
                }
                out.push(match level {
                    Some(level) => Block::Heading { level, inlines },
                    None => Block::Paragraph { inlines },
                });
            }
        }
        out.append(&mut self.boxes);
        Ok(())
    }

    /// The automatic number of a paragraph: its own, or its style's. `numId` 0 switches it off.
    fn mark(&mut self, properties: Option<&Element>, style: &str) -> Option<(Mark, usize)> {
        let own = properties.and_then(|p| p.child("numPr"));
        let own_id = own.and_then(|n| n.value("numId")).map(str::to_owned);
        let own_level = own
            .and_then(|n| n.value("ilvl"))
            .and_then(|n| n.parse::<usize>().ok());
        let by_style = self.styles.numbering(style);
        let id = own_id.or_else(|| by_style.as_ref().map(|(id, _)| id.clone()))?;
        if id == "0" {
            return None;
        }
        let tied = || {
            self.styles
                .chain(style)
                .into_iter()
                .find_map(|s| self.numbering.level_of_style(&id, s))
        };
        let level = own_level
            .or_else(tied)
            .or(by_style.and_then(|(_, level)| level))
            .unwrap_or(0);
        self.numbering.next(&id, level).map(|mark| (mark, level))
    }

    fn runs(
        &mut self,
        container: &Element,
        depth: usize,
        out: &mut Vec<Inline>,
    ) -> Result<(), ReadError> {
        for child in container.children() {
            match &*child.name {
                "r" => self.run(child, depth, out)?,
                "hyperlink" => self.link(child, depth, out)?,
                "del" | "moveFrom" => self.noticed.deletions += 1,
                "ins" | "moveTo" => {
                    self.noticed.insertions += 1;
                    self.runs(child, depth, out)?;
                }
                "oMath" | "oMathPara" => out.push(Inline::Code(math_text(child))),
                "ruby" => self.ruby(child, depth, out)?,
                "pPr" | "rPr" | "sdtPr" | "fldData" => {}
                "commentRangeStart" => self.noticed.comments += 1,
                "AlternateContent" => {
                    if let Some(chosen) = child.child("Choice").or_else(|| child.child("Fallback"))
                    {
                        self.runs(chosen, depth, out)?;
                    }
                }
                _ => self.runs(child, depth, out)?,
            }
        }
        Ok(())
    }

    fn link(
        &mut self,
        element: &Element,
        depth: usize,
        out: &mut Vec<Inline>,
    ) -> Result<(), ReadError> {
        let mut inlines = Vec::new();
        self.runs(element, depth, &mut inlines)?;
        let target = element.attribute("id").and_then(|id| self.links.get(id));
        if let Some(href) = target.filter(|href| sanitise::is_allowed_target(href)) {
            out.push(Inline::Link {
                href: href.clone(),
                inlines,
            });
        } else {
            // An anchor alone is a link inside the document.
            self.noticed.links += usize::from(target.is_some());
            out.extend(inlines);
        }
        Ok(())
    }

    fn run(&mut self, run: &Element, depth: usize, out: &mut Vec<Inline>) -> Result<(), ReadError> {
        let properties = run.child("rPr");
        if properties.is_some_and(|p| p.is_on("vanish")) {
            self.noticed.hidden += 1;
            return Ok(());
        }
        let mut inlines = Vec::new();
        self.run_content(run, depth, &mut inlines)?;
        if inlines.is_empty() {
            return Ok(());
        }
        let is = |name: &str| properties.is_some_and(|p| p.is_on(name));
        if is("strike") || is("dstrike") {
            inlines = vec![Inline::Strike(inlines)];
        }
        if is("i") {
            inlines = vec![Inline::Emphasis(inlines)];
        }
        if is("b") {
            inlines = vec![Inline::Strong(inlines)];
        }
        add_run(out, inlines);
        Ok(())
    }

    fn run_content(
        &mut self,
        run: &Element,
        depth: usize,
        out: &mut Vec<Inline>,
    ) -> Result<(), ReadError> {
        for child in run.children() {
            match &*child.name {
                "t" => out.push(Inline::Text(child.text())),
                "tab" | "ptab" => out.push(Inline::Text("\t".to_owned())),
                "noBreakHyphen" => out.push(Inline::Text("-".to_owned())),
                "br" if matches!(child.attribute("type"), Some("page" | "column")) => {}
                "br" | "cr" => out.push(Inline::Break),
                "sym" => out.push(Inline::Text(symbol(child))),
                "footnoteReference" => self.note_mark("footnote", child, out),
                "endnoteReference" => self.note_mark("endnote", child, out),
                "drawing" | "pict" | "object" => self.drawing(child, depth, out)?,
                "ruby" => self.ruby(child, depth, out)?,
                "AlternateContent" => {
                    if let Some(chosen) = child.child("Choice").or_else(|| child.child("Fallback"))
                    {
                        self.run_content(chosen, depth, out)?;
                    }
                }
                "commentReference" => self.noticed.comments = self.noticed.comments.max(1),
                _ => {}
            }
        }
        Ok(())
    }

    fn note_mark(&mut self, kind: &'static str, reference: &Element, out: &mut Vec<Inline>) {
        let Some(id) = reference.attribute("id") else {
            return;
        };
        let key = (kind, id.to_owned());
        let known = self.note_references.iter().position(|seen| *seen == key);
        let index = known.unwrap_or(self.note_references.len());
        if known.is_none() {
            self.note_references.push(key);
        }
        out.push(Inline::FootnoteMark(index));
    }

    /// A text box becomes blocks after the paragraph; anything else is a picture.
    fn drawing(
        &mut self,
        element: &Element,
        depth: usize,
        out: &mut Vec<Inline>,
    ) -> Result<(), ReadError> {
        let mut contents = Vec::new();
        element.find_all("txbxContent", &mut contents);
        for content in &contents {
            let outer = (
                std::mem::take(&mut self.boxes),
                std::mem::take(&mut self.carried),
            );
            let blocks = self.blocks(content, depth + 1)?;
            (self.boxes, self.carried) = outer;
            self.boxes.extend(blocks);
        }
        if contents.is_empty() && has_picture(element) {
            let mut properties = Vec::new();
            element.find_all("docPr", &mut properties);
            element.find_all("shape", &mut properties);
            let described = properties
                .iter()
                .find_map(|p| p.attribute("descr").or_else(|| p.attribute("alt")));
            self.noticed.pictures += 1;
            out.push(picture(described.unwrap_or_default()));
        }
        Ok(())
    }

    /// Text with a reading above it: the text alone.
    fn ruby(
        &mut self,
        element: &Element,
        depth: usize,
        out: &mut Vec<Inline>,
    ) -> Result<(), ReadError> {
        element
            .child("rubyBase")
            .map_or(Ok(()), |base| self.runs(base, depth, out))
    }

    fn table(&mut self, element: &Element, depth: usize) -> Result<TextTable, ReadError> {
        let mut rows = Vec::new();
        collect(element, "tr", &mut rows);
        let first_is_header = element
            .child("tblPr")
            .and_then(|p| p.child("tblLook"))
            .is_some_and(|look| look.attribute("firstRow") == Some("1"));
        let mut table = TextTable::default();
        for row in rows {
            let properties = row.child("trPr");
            if properties.is_some_and(|p| p.child("del").is_some()) {
                self.noticed.deletions += 1;
                continue;
            }
            let is_header = properties.is_some_and(|p| p.is_on("tblHeader"))
                || (table.rows.is_empty() && first_is_header);
            let mut cells = Vec::new();
            collect(row, "tc", &mut cells);
            let cells: Result<Vec<Cell>, ReadError> = cells
                .into_iter()
                .map(|cell| self.cell(cell, depth))
                .collect();
            if is_header && table.header_rows == table.rows.len() {
                table.header_rows += 1;
            }
            table.rows.push(cells?);
        }
        // A table of one row has nothing below its header.
        if table.header_rows == table.rows.len() {
            table.header_rows = 0;
        }
        Ok(table)
    }

    fn cell(&mut self, cell: &Element, depth: usize) -> Result<Cell, ReadError> {
        let span = cell
            .child("tcPr")
            .and_then(|p| p.value("gridSpan"))
            .and_then(|n| n.parse().ok())
            .unwrap_or(1u32);
        let outer = std::mem::take(&mut self.carried);
        let blocks = self.blocks(cell, depth + 1)?;
        self.carried = outer;
        let mut inlines = Vec::new();
        flatten(blocks, &mut inlines);
        Ok(Cell {
            inlines,
            columns: span.clamp(1, 100),
        })
    }
}

/// Rows of a table and cells of a row can sit in content controls and tracked insertions.
fn collect<'e>(container: &'e Element, name: &str, found: &mut Vec<&'e Element>) {
    for child in container.children() {
        match &*child.name {
            found_name if found_name == name => found.push(child),
            "sdt" | "sdtContent" | "ins" | "customXml" => collect(child, name, found),
            _ => {}
        }
    }
}

/// The lines of a cell's blocks.
fn flatten(blocks: Vec<Block>, out: &mut Vec<Inline>) {
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
fn add_bullet(blocks: &mut Vec<Block>, indent: usize, inlines: Vec<Inline>) {
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
fn add_run(out: &mut Vec<Inline>, inlines: Vec<Inline>) {
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

fn is_contents_field(sdt: &Element) -> bool {
    let gallery = sdt
        .child("sdtPr")
        .and_then(|p| p.child("docPartObj"))
        .and_then(|o| o.value("docPartGallery"));
    gallery == Some("Table of Contents")
}

fn has_picture(element: &Element) -> bool {
    let mut found = Vec::new();
    for name in ["blip", "imagedata", "chart"] {
        element.find_all(name, &mut found);
    }
    !found.is_empty()
}

fn math_text(element: &Element) -> String {
    let mut texts = Vec::new();
    element.find_all("t", &mut texts);
    texts.into_iter().map(Element::text).collect()
}

/// A character of a symbol font. The common tick boxes are named; others are private-use code points
/// that no other font has.
fn symbol(element: &Element) -> String {
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
