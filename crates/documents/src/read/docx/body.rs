//! Walks the body of a docx: paragraphs, runs, tables, and the containers around them.
//!
//! Called by the docx reader for the main text and for each note. Element names are those of ECMA-376
//! part 1, §17. Invariant: an unknown container is walked through, so its text is kept.

use std::collections::HashMap;

use super::numbering::{Mark, Numbering};
use super::pieces::{
    add_bullet, add_run, collect, flatten, has_picture, is_contents_field, math_text, symbol,
};
use super::styles::{Styles, outline_level};
use super::xml::Element;
use crate::document::{Block, Cell, Inline, TextTable, plain};
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
