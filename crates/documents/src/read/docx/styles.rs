//! The paragraph styles that say what a paragraph is: heading, title, contents line, numbered.
//!
//! Called by the docx reader. Invariant: a chain of styles that runs in a circle ends.
//! Weakness: a heading that is only large and bold is a paragraph.

use std::collections::HashMap;

use super::xml::Element;

#[derive(Debug, Default)]
struct Style {
    name: String,
    based_on: Option<String>,
    outline_level: Option<u8>,
    num_id: Option<String>,
    num_level: Option<usize>,
}

#[derive(Debug, Default)]
pub(super) struct Styles {
    styles: HashMap<String, Style>,
}

const MAX_CHAIN: usize = 20;

impl Styles {
    pub(super) fn read(root: &Element) -> Self {
        let mut styles = HashMap::new();
        for element in root.children().filter(|e| &*e.name == "style") {
            let Some(id) = element.attribute("styleId") else {
                continue;
            };
            let properties = element.child("pPr");
            let numbers = properties.and_then(|p| p.child("numPr"));
            let style = Style {
                name: element.value("name").unwrap_or_default().to_lowercase(),
                based_on: element.value("basedOn").map(str::to_owned),
                outline_level: properties.and_then(outline_level),
                num_id: numbers.and_then(|n| n.value("numId")).map(str::to_owned),
                num_level: numbers
                    .and_then(|n| n.value("ilvl"))
                    .and_then(|n| n.parse().ok()),
            };
            styles.insert(id.to_owned(), style);
        }
        Self { styles }
    }

    /// 1 to 6 for a heading; `Some(1)` for the document's title.
    pub(super) fn heading_level(&self, style: &str) -> Option<u8> {
        self.first(style, |s| {
            if matches!(s.name.as_str(), "title" | "标题") {
                return Some(1);
            }
            let by_name = s
                .name
                .strip_prefix("heading ")
                .or_else(|| s.name.strip_prefix("标题 "))
                .or_else(|| s.name.strip_prefix("标题"))
                .and_then(|n| n.trim().parse::<u8>().ok())
                .filter(|n| (1..=9).contains(n));
            by_name
                .or(s.outline_level.map(|level| level + 1))
                .map(|level| level.min(6))
        })
    }

    /// Whether this is a line of the generated table of contents.
    pub(super) fn is_contents(&self, style: &str) -> bool {
        self.first(style, |s| {
            let numbered = |prefix: &str| {
                s.name
                    .strip_prefix(prefix)
                    .is_some_and(|n| n.trim().parse::<u8>().is_ok())
            };
            (numbered("toc ")
                || numbered("目录 ")
                || matches!(s.name.as_str(), "toc heading" | "table of figures"))
            .then_some(())
        })
        .is_some()
    }

    /// The list and level that the style puts its paragraphs in.
    pub(super) fn numbering(&self, style: &str) -> Option<(String, Option<usize>)> {
        self.first(style, |s| s.num_id.clone().map(|id| (id, s.num_level)))
    }

    /// The styles from `style` upwards, as far as one of them is linked to a level of a list.
    pub(super) fn chain<'s>(&'s self, style: &'s str) -> Vec<&'s str> {
        let mut chain = vec![style];
        while let Some(next) = chain
            .last()
            .and_then(|id| self.styles.get(*id))
            .and_then(|s| s.based_on.as_deref())
        {
            if chain.len() >= MAX_CHAIN {
                break;
            }
            chain.push(next);
        }
        chain
    }

    fn first<T>(&self, style: &str, look: impl Fn(&Style) -> Option<T>) -> Option<T> {
        self.chain(style)
            .into_iter()
            .filter_map(|id| self.styles.get(id))
            .find_map(look)
    }
}

/// `outlineLvl` is 0 to 8 for headings, 9 for body text (ECMA-376 part 1, §17.3.1.20).
pub(super) fn outline_level(properties: &Element) -> Option<u8> {
    properties
        .value("outlineLvl")?
        .parse::<u8>()
        .ok()
        .filter(|level| *level < 9)
}
