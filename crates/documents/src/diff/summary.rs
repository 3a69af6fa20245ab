//! A diff in one sentence, to propose as the change summary.
//!
//! Called when a version is prepared; the publisher edits the result. Invariant: names clauses by the
//! labels that readers cite (articles where there are any, else headings), changed and added ones by their
//! new label, deleted ones by their old. Weakness: says which clauses changed, not what they now mean.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::{Change, ChangeKind, ClauseRef, Diff};
use crate::label;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Language {
    #[serde(rename = "zh-CN")]
    Chinese,
    #[serde(rename = "en")]
    English,
}

/// How many clauses a sentence names before it only counts them.
const MAX_NAMED: usize = 8;

impl Diff {
    /// For example 「修改第八条、第十二条；新增第十五条；删除第二十条」. Empty if nothing changed.
    pub fn proposed_summary(&self, language: Language) -> String {
        let phrases = Phrases::of(language);
        let context = Context::of(&self.changes);
        let mut named = Named::default();
        for change in &self.changes {
            named.note(change, &context, &phrases);
        }
        let lists = [
            (phrases.changed, &named.changed),
            (phrases.added, &named.added),
            (phrases.deleted, &named.deleted),
            (phrases.moved, &named.moved),
        ];
        let filled = lists.iter().filter(|(_, names)| !names.is_empty());
        let mut parts: Vec<String> = filled
            .map(|(verb, names)| phrases.list(verb, names))
            .collect();
        if !named.renumbered.is_empty() {
            parts.push(
                phrases
                    .renumbered
                    .replace("{}", &named.renumbered.len().to_string()),
            );
        }
        if parts.is_empty() && named.others > 0 {
            parts.push(phrases.others.replace("{}", &named.others.to_string()));
        }
        let sentence = parts.join(phrases.between_parts);
        let mut letters = sentence.chars();
        letters
            .next()
            .map(|first| first.to_uppercase().chain(letters).collect())
            .unwrap_or_default()
    }
}

/// How the articles of the two versions relate, whatever happened to their single paragraphs.
struct Context<'d> {
    /// Old citation → the citation under which its words now stand.
    continued: HashMap<&'d str, &'d str>,
    /// Articles of the new version that hold words of the old one in place.
    kept_new: HashSet<&'d str>,
    /// All citations of the new version.
    in_new: HashSet<&'d str>,
}

impl<'d> Context<'d> {
    fn of(changes: &'d [Change]) -> Self {
        let mut context = Self {
            continued: HashMap::new(),
            kept_new: HashSet::new(),
            in_new: HashSet::new(),
        };
        for change in changes {
            let new = change.new.as_ref().and_then(|c| c.citation.as_deref());
            context.in_new.extend(new);
            let stays = !matches!(
                change.kind,
                ChangeKind::Moved | ChangeKind::MovedAndReworded
            );
            let old = change.old.as_ref().and_then(|c| c.citation.as_deref());
            if let (Some(old), Some(new), true) = (old, new, stays) {
                let is_article_itself = change.old.as_ref().is_some_and(is_cited_itself);
                if is_article_itself || !context.continued.contains_key(old) {
                    context.continued.insert(old, new);
                }
                context.kept_new.insert(new);
            }
        }
        context
    }
}

/// Citations, each in the first list that it belongs to.
#[derive(Default)]
struct Named {
    changed: Vec<String>,
    added: Vec<String>,
    deleted: Vec<String>,
    moved: Vec<String>,
    renumbered: Vec<String>,
    /// Changed clauses that have nothing to be cited by.
    others: usize,
}

impl Named {
    fn note(&mut self, change: &Change, context: &Context<'_>, phrases: &Phrases) {
        if change.kind == ChangeKind::Unchanged {
            return;
        }
        let Some(clause) = change.new.as_ref().or(change.old.as_ref()) else {
            return;
        };
        let Some(citation) = clause.citation.as_deref() else {
            self.others += 1;
            return;
        };
        let is_whole = is_cited_itself(clause);
        let (list, name) = match change.kind {
            // A new first paragraph does not make a new article.
            ChangeKind::Added if !context.kept_new.contains(citation) => {
                (&mut self.added, phrases.name(citation))
            }
            ChangeKind::Deleted => match context.continued.get(citation) {
                Some(now) => (&mut self.changed, phrases.name(now)),
                None if context.in_new.contains(citation) => (
                    &mut self.deleted,
                    format!("{}{}", phrases.former, phrases.name(citation)),
                ),
                None => (&mut self.deleted, phrases.name(citation)),
            },
            ChangeKind::Moved if is_whole => (&mut self.moved, phrases.name(citation)),
            ChangeKind::Renumbered if is_whole => (&mut self.renumbered, phrases.name(citation)),
            ChangeKind::Renumbered | ChangeKind::Moved => return,
            _ => (&mut self.changed, phrases.name(citation)),
        };
        if !list.contains(&name) {
            list.push(name);
        }
    }
}

/// Whether the clause is the article or heading itself and not a paragraph of it.
fn is_cited_itself(clause: &ClauseRef) -> bool {
    let own = clause.label.as_deref().map(label::normalised);
    clause.is_heading || (own.is_some() && own == clause.citation.as_deref().map(label::normalised))
}

struct Phrases {
    changed: &'static str,
    added: &'static str,
    deleted: &'static str,
    moved: &'static str,
    /// Before an old label that means another clause now.
    former: &'static str,
    renumbered: &'static str,
    others: &'static str,
    more: &'static str,
    quotes: (char, char),
    between_names: &'static str,
    between_parts: &'static str,
}

const CHINESE: Phrases = Phrases {
    changed: "修改",
    added: "新增",
    deleted: "删除",
    moved: "移动",
    former: "原",
    renumbered: "另有{}条仅调整序号",
    others: "修改{}处文字",
    more: "等{}处",
    quotes: ('「', '」'),
    between_names: "、",
    between_parts: "；",
};

const ENGLISH: Phrases = Phrases {
    changed: "changed ",
    added: "added ",
    deleted: "deleted ",
    moved: "moved ",
    former: "former ",
    renumbered: "{} renumbered only",
    others: "{} paragraphs changed",
    more: " and others, {} in all",
    quotes: ('“', '”'),
    between_names: ", ",
    between_parts: "; ",
};

impl Phrases {
    fn of(language: Language) -> Self {
        match language {
            Language::Chinese => CHINESE,
            Language::English => ENGLISH,
        }
    }

    fn list(&self, verb: &str, names: &[String]) -> String {
        let named: Vec<&str> = names.iter().take(MAX_NAMED).map(String::as_str).collect();
        let more = self.more.replace("{}", &names.len().to_string());
        let more = if names.len() > MAX_NAMED {
            more
        } else {
            String::new()
        };
        format!("{verb}{}{more}", named.join(self.between_names))
    }

    /// A label as it is, the words of a heading in quotes.
    fn name(&self, citation: &str) -> String {
        const NAME_CHARS: usize = 40;
        if label::label(citation, true).is_some_and(|found| found.rest.is_empty())
            || citation.chars().count() <= 1
        {
            return citation.to_owned();
        }
        let mut words: String = citation
            .trim_start_matches("• ")
            .chars()
            .take(NAME_CHARS)
            .collect();
        if citation.chars().count() > NAME_CHARS {
            words.push('…');
        }
        format!("{}{words}{}", self.quotes.0, self.quotes.1)
    }
}
