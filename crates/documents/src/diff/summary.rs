//! A diff in one sentence, to propose as the change summary.
//!
//! Called when a version is prepared; the publisher edits the result. Invariant: names clauses by the
//! labels that readers cite (articles where there are any, else headings). Weakness: says which clauses
//! changed, not what they now mean.

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
        let mut named = Named::default();
        for change in &self.changes {
            named.note(change);
        }
        let phrases = Phrases::of(language);
        let lists = [
            (phrases.changed, &named.changed),
            (phrases.added, &named.added),
            (phrases.deleted, &named.deleted),
            (phrases.moved, &named.moved),
        ];
        let mut parts: Vec<String> = lists
            .iter()
            .filter(|(_, names)| !names.is_empty())
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
        let mut sentence = parts.join(phrases.between_parts);
        if language == Language::English
            && let Some(first) = sentence.get(..1).map(str::to_uppercase)
        {
            sentence.replace_range(..1, &first);
        }
        sentence
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
    fn note(&mut self, change: &Change) {
        let Some(clause) = change.new.as_ref().or(change.old.as_ref()) else {
            return;
        };
        if change.kind == ChangeKind::Unchanged {
            return;
        }
        let Some(name) = clause.citation.as_deref().map(|name| clean(name, clause)) else {
            self.others += 1;
            return;
        };
        let is_whole = is_cited_itself(clause);
        let list = match change.kind {
            ChangeKind::Added if is_whole => &mut self.added,
            ChangeKind::Deleted if is_whole => &mut self.deleted,
            ChangeKind::Moved if is_whole => &mut self.moved,
            ChangeKind::Renumbered if is_whole => &mut self.renumbered,
            ChangeKind::Renumbered | ChangeKind::Moved => return,
            ChangeKind::Added if self.added.contains(&name) => return,
            ChangeKind::Deleted if self.deleted.contains(&name) => return,
            _ => &mut self.changed,
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

fn clean(name: &str, clause: &ClauseRef) -> String {
    const NAME_CHARS: usize = 24;
    let is_label = label::label(name, true).is_some_and(|found| found.rest.is_empty());
    if is_label {
        return name.to_owned();
    }
    let words: String = name
        .trim_start_matches("• ")
        .chars()
        .take(NAME_CHARS)
        .collect();
    let is_han = words.chars().any(label::is_han)
        || clause.path.iter().any(|p| p.chars().any(label::is_han));
    if is_han {
        format!("「{words}」")
    } else {
        format!("“{words}”")
    }
}

struct Phrases {
    changed: &'static str,
    added: &'static str,
    deleted: &'static str,
    moved: &'static str,
    renumbered: &'static str,
    others: &'static str,
    more: &'static str,
    between_names: &'static str,
    between_parts: &'static str,
}

impl Phrases {
    fn of(language: Language) -> Self {
        match language {
            Language::Chinese => Self {
                changed: "修改",
                added: "新增",
                deleted: "删除",
                moved: "移动",
                renumbered: "另有{}条仅调整序号",
                others: "修改{}处文字",
                more: "等{}处",
                between_names: "、",
                between_parts: "；",
            },
            Language::English => Self {
                changed: "changed ",
                added: "added ",
                deleted: "deleted ",
                moved: "moved ",
                renumbered: "{} renumbered only",
                others: "{} paragraphs changed",
                more: " and others, {} in all",
                between_names: ", ",
                between_parts: "; ",
            },
        }
    }

    fn list(&self, verb: &str, names: &[String]) -> String {
        let named: Vec<&str> = names.iter().take(MAX_NAMED).map(String::as_str).collect();
        let more = if names.len() > MAX_NAMED {
            self.more.replace("{}", &names.len().to_string())
        } else {
            String::new()
        };
        format!("{verb}{}{more}", named.join(self.between_names))
    }
}
