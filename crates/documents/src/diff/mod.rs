//! What changed between two versions, clause by clause.
//!
//! Called by the publish action (summary, preview) and for each employee against the version that person
//! last confirmed. `align` pairs the clauses, `words` compares the text of a pair, `view` shows it,
//! `summary` says it in a sentence.
//! Invariant: `diff(old, new).apply(old) == new`; the kept and deleted text of a change is the old clause,
//! the kept and inserted text the new one. Weakness: a clause split in two shows as reworded and added.

mod align;
mod likeness;
mod summary;
mod view;
mod words;

use serde::{Deserialize, Serialize};

use crate::clause::{Clause, ClauseKind};
use crate::label;

pub use summary::Language;
pub use view::DiffLabels;

/// All clauses of both versions: in the order of the new one, deletions where they stood.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diff {
    pub changes: Vec<Change>,
}

/// One clause before and after. `old` is `None` for an added clause, `new` for a deleted one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub kind: ChangeKind,
    pub old: Option<ClauseRef>,
    pub new: Option<ClauseRef>,
    /// The heading or text of the clause, without its label.
    pub segments: Vec<Segment>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// Same words (widths of characters and white space do not count).
    Unchanged,
    /// Other words; the label may differ too.
    Reworded,
    /// Same words under another label.
    Renumbered,
    /// Same words at another place.
    Moved,
    MovedAndReworded,
    Added,
    Deleted,
}

/// A clause without its words. `index` is its place among the clauses of its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClauseRef {
    pub index: usize,
    pub label: Option<String>,
    pub kind: ClauseKind,
    pub level: u8,
    pub path: Vec<String>,
    pub anchor: String,
    pub is_heading: bool,
    /// The label or heading that people cite it by: the article around it.
    pub citation: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "text", rename_all = "snake_case")]
pub enum Segment {
    Same(String),
    Inserted(String),
    Deleted(String),
}

/// How many clauses changed in which way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub unchanged: usize,
    pub reworded: usize,
    pub renumbered: usize,
    pub moved: usize,
    pub moved_and_reworded: usize,
    pub added: usize,
    pub deleted: usize,
}

/// Compares two versions. Linear in the length of the texts but for a bounded part.
pub fn diff(old: &[Clause], new: &[Clause]) -> Diff {
    let pairs = align::pairs(old, new);
    let moved = align::moved(&pairs, old, new);
    let mut effort = words::Effort::default();
    let mut changes = Vec::with_capacity(new.len());
    for (at_old, at_new) in reading_order(&pairs, &moved, old.len()) {
        changes.push(match (at_old, at_new) {
            (Some(i), Some(j)) => matched((i, &old[i]), (j, &new[j]), moved[j], &mut effort),
            (Some(i), None) => one_sided(ChangeKind::Deleted, i, &old[i]),
            (None, Some(j)) => one_sided(ChangeKind::Added, j, &new[j]),
            (None, None) => continue,
        });
    }
    Diff { changes }
}

impl Diff {
    /// The new version's clauses, rebuilt from the old ones and this diff.
    pub fn apply(&self, old: &[Clause]) -> Vec<Clause> {
        self.changes
            .iter()
            .filter_map(|change| rebuilt(change, old))
            .collect()
    }

    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for change in &self.changes {
            *match change.kind {
                ChangeKind::Unchanged => &mut counts.unchanged,
                ChangeKind::Reworded => &mut counts.reworded,
                ChangeKind::Renumbered => &mut counts.renumbered,
                ChangeKind::Moved => &mut counts.moved,
                ChangeKind::MovedAndReworded => &mut counts.moved_and_reworded,
                ChangeKind::Added => &mut counts.added,
                ChangeKind::Deleted => &mut counts.deleted,
            } += 1;
        }
        counts
    }

    /// Whether any words changed, came or went. Renumbering and moving alone do not count.
    pub fn has_new_words(&self) -> bool {
        self.changes.iter().any(|change| {
            !matches!(
                change.kind,
                ChangeKind::Unchanged | ChangeKind::Renumbered | ChangeKind::Moved
            )
        })
    }
}

impl Counts {
    /// All clauses that are not as they were.
    pub fn changed(&self) -> usize {
        self.reworded
            + self.renumbered
            + self.moved
            + self.moved_and_reworded
            + self.added
            + self.deleted
    }
}

impl ClauseRef {
    fn of(index: usize, clause: &Clause) -> Self {
        Self {
            index,
            label: clause.label.clone(),
            kind: clause.kind,
            level: clause.level,
            path: clause.path.clone(),
            anchor: clause.anchor.clone(),
            is_heading: clause.heading.is_some(),
            citation: clause.citation(),
        }
    }
}

impl Segment {
    pub fn text(&self) -> &str {
        match self {
            Self::Same(text) | Self::Inserted(text) | Self::Deleted(text) => text,
        }
    }
}

fn matched(
    old: (usize, &Clause),
    new: (usize, &Clause),
    moved: bool,
    effort: &mut words::Effort,
) -> Change {
    let same_words = likeness::normalised(old.1.body()) == likeness::normalised(new.1.body());
    // A paragraph that lost or got a label beside it has the same words and no other number.
    let number = |clause: &Clause| clause.label.as_deref().map(label::normalised);
    let renumbered = matches!((number(old.1), number(new.1)), (Some(a), Some(b)) if a != b);
    let kind = match (same_words, moved) {
        (true, true) => ChangeKind::Moved,
        (false, true) => ChangeKind::MovedAndReworded,
        (false, false) => ChangeKind::Reworded,
        (true, false) if renumbered => ChangeKind::Renumbered,
        (true, false) => ChangeKind::Unchanged,
    };
    let segments = words::compare(old.1.body(), new.1.body(), effort);
    Change {
        kind,
        old: Some(ClauseRef::of(old.0, old.1)),
        new: Some(ClauseRef::of(new.0, new.1)),
        segments,
    }
}

fn one_sided(kind: ChangeKind, index: usize, clause: &Clause) -> Change {
    let reference = ClauseRef::of(index, clause);
    let body = clause.body().to_owned();
    let is_added = kind == ChangeKind::Added;
    let segment = if is_added {
        Segment::Inserted(body)
    } else {
        Segment::Deleted(body)
    };
    let (old, new) = if is_added {
        (None, Some(reference))
    } else {
        (Some(reference), None)
    };
    Change {
        kind,
        old,
        new,
        segments: if segment.text().is_empty() {
            Vec::new()
        } else {
            vec![segment]
        },
    }
}

/// The new clauses in order, each deleted one before the next old clause that kept its place.
fn reading_order(
    pairs: &[Option<usize>],
    moved: &[bool],
    old_len: usize,
) -> Vec<(Option<usize>, Option<usize>)> {
    let mut kept = vec![false; old_len];
    for old in pairs.iter().flatten() {
        kept[*old] = true;
    }
    let mut order = Vec::with_capacity(pairs.len());
    let mut next_old = 0;
    for (j, pair) in pairs.iter().enumerate() {
        if let Some(i) = pair.filter(|_| !moved[j]) {
            order.extend(
                (next_old..i)
                    .filter(|old| !kept[*old])
                    .map(|old| (Some(old), None)),
            );
            next_old = next_old.max(i + 1);
        }
        order.push((*pair, Some(j)));
    }
    order.extend(
        (next_old..old_len)
            .filter(|old| !kept[*old])
            .map(|old| (Some(old), None)),
    );
    order
}

fn rebuilt(change: &Change, old: &[Clause]) -> Option<Clause> {
    let new = change.new.as_ref()?;
    let before = change
        .old
        .as_ref()
        .and_then(|reference| old.get(reference.index));
    let mut source = before.map(Clause::body).unwrap_or_default().chars();
    let mut body = String::new();
    for segment in &change.segments {
        match segment {
            Segment::Same(text) => body.extend(source.by_ref().take(text.chars().count())),
            Segment::Deleted(text) => source.by_ref().take(text.chars().count()).for_each(drop),
            Segment::Inserted(text) => body.push_str(text),
        }
    }
    let (heading, text) = if new.is_heading {
        (Some(body), String::new())
    } else {
        (None, body)
    };
    Some(Clause {
        label: new.label.clone(),
        kind: new.kind,
        level: new.level,
        path: new.path.clone(),
        heading,
        text,
        anchor: new.anchor.clone(),
    })
}
