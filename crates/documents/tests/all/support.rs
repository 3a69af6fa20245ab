//! Small files built in the test: a docx from its parts, a diff as marked-up text.

use std::io::{Cursor, Write};

use yuezhi_documents::{Clause, Diff, Document, Limits, ReadError, Segment, read};
use zip::write::SimpleFileOptions;

pub(crate) fn zip(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        writer
            .start_file(*name, SimpleFileOptions::default())
            .unwrap();
        writer.write_all(content.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A docx with this body and these further parts (`styles.xml` and so on, under `word/`).
pub(crate) fn docx(body: &str, parts: &[(&str, &str)]) -> Vec<u8> {
    let wrap = |element: &str, content: &str| {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><w:{element} xmlns:w=\"w\" xmlns:r=\"r\" xmlns:wp=\"wp\" xmlns:a=\"a\" xmlns:mc=\"mc\" xmlns:wps=\"wps\" xmlns:v=\"v\">{content}</w:{element}>"
        )
    };
    let document = wrap("document", &format!("<w:body>{body}</w:body>"));
    let further: Vec<(String, String)> = parts
        .iter()
        .map(|(name, content)| {
            let root = match *name {
                "styles.xml" => "styles",
                "numbering.xml" => "numbering",
                "footnotes.xml" => "footnotes",
                _ => return (format!("word/{name}"), (*content).to_owned()),
            };
            (format!("word/{name}"), wrap(root, content))
        })
        .collect();
    let mut all = vec![("word/document.xml", document.as_str())];
    all.extend(
        further
            .iter()
            .map(|(name, content)| (name.as_str(), content.as_str())),
    );
    zip(&all)
}

pub(crate) fn paragraph(text: &str) -> String {
    format!("<w:p><w:r><w:t>{text}</w:t></w:r></w:p>")
}

pub(crate) fn open(name: &str, bytes: &[u8]) -> Document {
    read(name, bytes, &Limits::default()).unwrap()
}

pub(crate) fn refusal(name: &str, bytes: &[u8]) -> ReadError {
    read(name, bytes, &Limits::default()).unwrap_err()
}

pub(crate) fn markdown(text: &str) -> Document {
    open("policy.md", text.as_bytes())
}

/// `label heading/text` of each clause.
pub(crate) fn lines(clauses: &[Clause]) -> Vec<String> {
    clauses
        .iter()
        .map(|c| {
            format!("{} {}", c.label.as_deref().unwrap_or_default(), c.body())
                .trim()
                .to_owned()
        })
        .collect()
}

/// One line per changed clause: kind, labels, words with `[-gone-]` and `{+come+}`.
pub(crate) fn told(diff: &Diff) -> Vec<String> {
    let label = |c: &Option<yuezhi_documents::ClauseRef>| {
        c.as_ref().map_or("–".to_owned(), |c| {
            c.label.clone().unwrap_or_else(|| "¶".to_owned())
        })
    };
    let words = |segments: &[Segment]| -> String {
        segments
            .iter()
            .map(|s| match s {
                Segment::Same(text) => text.clone(),
                Segment::Inserted(text) => format!("{{+{text}+}}"),
                Segment::Deleted(text) => format!("[-{text}-]"),
            })
            .collect()
    };
    let changed = diff
        .changes
        .iter()
        .filter(|c| c.kind != yuezhi_documents::ChangeKind::Unchanged);
    changed
        .map(|c| {
            format!(
                "{:?} {}→{} {}",
                c.kind,
                label(&c.old),
                label(&c.new),
                words(&c.segments)
            )
            .trim()
            .to_owned()
        })
        .collect()
}

/// The characters of a text that are not white space.
pub(crate) fn bare(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

/// All clauses, labels and words, one after another.
pub(crate) fn joined(clauses: &[Clause]) -> String {
    clauses
        .iter()
        .map(|c| {
            format!(
                "{}{}{}",
                c.label.as_deref().unwrap_or_default(),
                c.heading.as_deref().unwrap_or_default(),
                c.text
            )
        })
        .collect()
}

/// The values of all `id` attributes, in order.
pub(crate) fn ids(html: &str) -> Vec<String> {
    html.split(" id=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .map(str::to_owned)
        .collect()
}

/// What a browser would show of rendered HTML.
pub(crate) fn visible(html: &str) -> String {
    let mut text = String::new();
    let mut in_tag = false;
    for c in html.chars() {
        match c {
            '<' => in_tag = true,
            '>' => in_tag = false,
            c if !in_tag => text.push(c),
            _ => {}
        }
    }
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&nbsp;", " ")
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
}
