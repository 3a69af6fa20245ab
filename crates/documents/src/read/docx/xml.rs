//! One part of a docx as a tree of elements, read with bounds.
//!
//! Called by the docx reader only. Namespace prefixes are dropped: WordprocessingML, drawing and maths
//! elements do not share the names that matter here. Invariant: no entity but the five predefined ones
//! and character references is resolved, so nothing can expand; depth and number of elements are bounded.

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};

use crate::{Format, Limits, ReadError};

#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) name: Box<str>,
    attributes: Vec<(Box<str>, Box<str>)>,
    pub(super) nodes: Vec<Node>,
}

#[derive(Debug)]
pub(super) enum Node {
    Element(Element),
    Text(Box<str>),
}

impl Element {
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(key, _)| &**key == name)
            .map(|(_, value)| &**value)
    }

    pub(super) fn children(&self) -> impl Iterator<Item = &Element> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    pub(super) fn child(&self, name: &str) -> Option<&Element> {
        self.children().find(|child| &*child.name == name)
    }

    /// The `val` attribute of a child: how WordprocessingML writes most properties.
    pub(super) fn value(&self, child: &str) -> Option<&str> {
        self.child(child)?.attribute("val")
    }

    /// Whether an on/off property is there and not switched off.
    pub(super) fn is_on(&self, child: &str) -> bool {
        self.child(child)
            .is_some_and(|e| !matches!(e.attribute("val"), Some("0" | "false" | "off" | "none")))
    }

    pub(super) fn text(&self) -> String {
        self.nodes
            .iter()
            .map(|node| match node {
                Node::Text(text) => text.to_string(),
                Node::Element(element) => element.text(),
            })
            .collect()
    }

    /// All descendants of that name, outermost first.
    pub(super) fn find_all<'e>(&'e self, name: &str, found: &mut Vec<&'e Element>) {
        for child in self.children() {
            if &*child.name == name {
                found.push(child);
            } else {
                child.find_all(name, found);
            }
        }
    }
}

/// WordprocessingML nests a dozen levels per table, so its bound is wider than that of a text.
const NESTING_FACTOR: usize = 4;

/// The root element of a part. `budget` is the number of elements left for the whole file.
pub(super) fn parse(
    bytes: &[u8],
    budget: &mut usize,
    limits: &Limits,
) -> Result<Element, ReadError> {
    let broken = |detail: &str| {
        ReadError::broken(
            Format::Docx,
            format!("its XML is not well-formed ({detail})"),
        )
    };
    let text = crate::encoding::decode(bytes).map_err(|_| broken("not UTF-8"))?;
    let mut reader = Reader::from_str(&text);
    let mut stack = vec![Element::default()];
    loop {
        let event = reader
            .read_event()
            .map_err(|error| broken(&error.to_string()))?;
        match event {
            Event::Start(start) => {
                stack.push(open(&start, budget)?);
                if stack.len() > limits.max_nesting * NESTING_FACTOR {
                    return Err(ReadError::too_complex("its elements are nested too deeply"));
                }
            }
            Event::Empty(start) => {
                let element = open(&start, budget)?;
                add(&mut stack, Node::Element(element));
            }
            Event::End(_) => {
                if stack.len() > 1
                    && let Some(done) = stack.pop()
                {
                    add(&mut stack, Node::Element(done));
                }
            }
            Event::Text(text) => add(&mut stack, Node::Text(text.xml10_content().into())),
            Event::CData(text) => add(&mut stack, Node::Text(text.xml10_content().into())),
            Event::GeneralRef(reference) => {
                let c = reference
                    .resolve_char_ref()
                    .map_err(|error| broken(&error.to_string()))?;
                let resolved = c
                    .map(String::from)
                    .or_else(|| predefined(&reference.into_inner()).map(str::to_owned));
                let resolved = resolved.ok_or_else(|| broken("an unknown entity"))?;
                add(&mut stack, Node::Text(resolved.into()));
            }
            Event::DocType(_) => {
                return Err(ReadError::too_complex("its XML declares a document type"));
            }
            Event::Eof => break,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
    if stack.len() != 1 {
        return Err(broken("it ends too early"));
    }
    let root = stack
        .pop()
        .and_then(|holder| holder.nodes.into_iter().find_map(element));
    root.ok_or_else(|| broken("it has no root"))
}

fn element(node: Node) -> Option<Element> {
    match node {
        Node::Element(element) => Some(element),
        Node::Text(_) => None,
    }
}

fn open(start: &BytesStart<'_>, budget: &mut usize) -> Result<Element, ReadError> {
    *budget = budget
        .checked_sub(1)
        .ok_or_else(|| ReadError::too_complex("it has too many elements"))?;
    let mut attributes = Vec::new();
    for attribute in start
        .attributes()
        .with_checks(false)
        .filter_map(Result::ok)
        .take(64)
    {
        let value = attribute
            .normalized_value(XmlVersion::default())
            .unwrap_or_default();
        attributes.push((local(attribute.key.0), Box::from(&*value)));
    }
    Ok(Element {
        name: local(start.name().0),
        attributes,
        nodes: Vec::new(),
    })
}

fn local(name: &str) -> Box<str> {
    name.rsplit(':').next().unwrap_or(name).into()
}

fn add(stack: &mut [Element], node: Node) {
    if let Some(parent) = stack.last_mut() {
        parent.nodes.push(node);
    }
}

fn predefined(name: &str) -> Option<&'static str> {
    Some(match name {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        _ => return None,
    })
}
