//! Word files (docx) to blocks: text, headings, automatic numbers, tables, notes, links, tracked changes.
//!
//! Called by `read`. `xml` reads a part, `styles` and `numbering` explain it, `body` walks it.
//! Invariant: what Word shows with all changes accepted is in the document, and nothing else; each kind of
//! thing left out is a warning. Weakness: layout (columns, positions, text as pictures) is not seen.

mod body;
mod numbering;
mod pieces;
mod styles;
mod xml;

use std::collections::HashMap;

use crate::archive::Archive;
use crate::document::{Document, Footnote, WarningCode};
use crate::{Format, FrontMatter, Limits, ReadError};
use body::{Body, Noticed};
use numbering::Numbering;
use styles::Styles;
use xml::Element;

pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Result<Document, ReadError> {
    let mut parts = Parts {
        archive: Archive::open(Format::Docx, bytes, limits)?,
        budget: limits.max_elements,
        limits,
    };
    let main = parts.main_name()?;
    let document = parts
        .xml(&main)?
        .ok_or_else(|| ReadError::broken(Format::Docx, "it has no text part"))?;
    let beside = |name: &str| {
        format!(
            "{}/{name}",
            main.rsplit_once('/').map_or("word", |(folder, _)| folder)
        )
    };
    let styles = parts
        .xml(&beside("styles.xml"))?
        .map(|root| Styles::read(&root))
        .unwrap_or_default();
    let numbering = parts
        .xml(&beside("numbering.xml"))?
        .map(|root| Numbering::read(&root))
        .unwrap_or_default();
    let links = parts.links(&beside(&format!(
        "_rels/{}.rels",
        main.rsplit('/').next().unwrap_or_default()
    )))?;
    let notes = [
        ("footnote", parts.xml(&beside("footnotes.xml"))?),
        ("endnote", parts.xml(&beside("endnotes.xml"))?),
    ];
    let title = parts
        .xml("docProps/core.xml")?
        .and_then(|core| core.child("title").map(Element::text));

    let mut body = Body::new(&styles, numbering, &links, limits);
    let root = document
        .child("body")
        .ok_or_else(|| ReadError::broken(Format::Docx, "it has no body"))?;
    let blocks = body.blocks(root, 0)?;
    let footnotes = read_notes(&mut body, &notes)?;
    let mut read = Document {
        format: Format::Docx,
        title: title.map(|t| t.trim().to_owned()).filter(|t| !t.is_empty()),
        front_matter: FrontMatter::default(),
        blocks,
        footnotes,
        warnings: Vec::new(),
    };
    tell(&body.noticed, &mut read);
    Ok(read)
}

struct Parts<'a> {
    archive: Archive<'a>,
    budget: usize,
    limits: &'a Limits,
}

impl Parts<'_> {
    fn xml(&mut self, name: &str) -> Result<Option<Element>, ReadError> {
        match self.archive.part(name)? {
            Some(bytes) => xml::parse(&bytes, &mut self.budget, self.limits).map(Some),
            None => Ok(None),
        }
    }

    /// The main part is named by the package's relations; almost always `word/document.xml`.
    fn main_name(&mut self) -> Result<String, ReadError> {
        let relations = self.xml("_rels/.rels")?;
        let target = relations.as_ref().and_then(|root| {
            let main = root.children().find(|r| {
                r.attribute("Type")
                    .is_some_and(|t| t.ends_with("/officeDocument"))
            })?;
            main.attribute("Target")
                .map(|target| target.trim_start_matches('/').to_owned())
        });
        Ok(target.unwrap_or_else(|| "word/document.xml".to_owned()))
    }

    /// Relation ids to external targets.
    fn links(&mut self, name: &str) -> Result<HashMap<String, String>, ReadError> {
        let Some(root) = self.xml(name)? else {
            return Ok(HashMap::new());
        };
        let external = root
            .children()
            .filter(|r| r.attribute("TargetMode") == Some("External"));
        Ok(external
            .filter_map(|r| {
                Some((
                    r.attribute("Id")?.to_owned(),
                    r.attribute("Target")?.to_owned(),
                ))
            })
            .collect())
    }
}

/// The notes in the order in which the text refers to them; notes can refer to further notes.
fn read_notes(
    body: &mut Body<'_>,
    parts: &[(&'static str, Option<Element>); 2],
) -> Result<Vec<Footnote>, ReadError> {
    let mut notes = Vec::new();
    while let Some((kind, id)) = body.note_references.get(notes.len()).cloned() {
        let root = parts
            .iter()
            .find(|(name, _)| *name == kind)
            .and_then(|(_, root)| root.as_ref());
        let note = root.and_then(|root| {
            root.children()
                .find(|note| note.attribute("id") == Some(id.as_str()))
        });
        let blocks = note.map_or(Ok(Vec::new()), |note| body.blocks(note, 0))?;
        notes.push(Footnote { blocks });
    }
    Ok(notes)
}

fn tell(noticed: &Noticed, document: &mut Document) {
    document.warn(WarningCode::PicturesLeftOut, noticed.pictures);
    document.warn(WarningCode::LinkTargetDropped, noticed.links);
    document.warn(WarningCode::InsertionsAccepted, noticed.insertions);
    document.warn(WarningCode::DeletionsAccepted, noticed.deletions);
    document.warn(WarningCode::CommentsLeftOut, noticed.comments);
    document.warn(WarningCode::HiddenTextLeftOut, noticed.hidden);
    document.warn(WarningCode::ContentsLeftOut, noticed.contents);
}
