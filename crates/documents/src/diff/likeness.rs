//! How alike two clauses are, and which order of pairs is the heaviest.
//!
//! Called by `align`. Each side is prepared once: an id per distinct text, and its pairs of neighbouring
//! characters, sorted. Invariant: comparing two clauses is linear in their length, which is capped.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization as _;

use crate::clause::{Clause, ClauseKind};
use crate::label;

/// Text as compared: widths of characters and white space do not count.
pub(super) fn normalised(text: &str) -> String {
    text.nfkc().filter(|c| !c.is_whitespace()).collect()
}

/// One side, prepared: an id per distinct text, and its pairs of characters sorted.
pub(super) struct Side<'c> {
    pub(super) clauses: &'c [Clause],
    pub(super) texts: Vec<u32>,
    pub(super) grams: Vec<Vec<u32>>,
    pub(super) lengths: Vec<usize>,
    pub(super) labels: Vec<Option<String>>,
    /// The nearest heading or article at or before the clause.
    pub(super) parents: Vec<usize>,
}

/// Ids for equal things, shared by both sides.
#[derive(Default)]
pub(super) struct Ids<K>(HashMap<K, u32>);

impl<K: std::hash::Hash + Eq> Ids<K> {
    fn of(&mut self, key: K) -> u32 {
        let next = self.0.len() as u32;
        *self.0.entry(key).or_insert(next)
    }
}

const MAX_GRAMS: usize = 4_000;

pub(super) fn side<'c>(
    clauses: &'c [Clause],
    texts: &mut Ids<String>,
    grams: &mut Ids<(char, char)>,
) -> Side<'c> {
    let mut side = Side {
        clauses,
        texts: Vec::new(),
        grams: Vec::new(),
        lengths: Vec::new(),
        labels: Vec::new(),
        parents: Vec::new(),
    };
    let mut parent = 0;
    for (at, clause) in clauses.iter().enumerate() {
        let text = normalised(clause.body());
        let chars: Vec<char> = text
            .chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect();
        let mut pairs: Vec<u32> = chars
            .windows(2)
            .take(MAX_GRAMS)
            .map(|pair| grams.of((pair[0], pair[1])))
            .collect();
        pairs.sort_unstable();
        pairs.dedup();
        let label = clause.label.as_deref().map(label::normalised);
        if is_heading(clause) || clause.kind == ClauseKind::Article {
            parent = at;
        }
        // Clauses that are nothing but a label are equal if the labels are.
        let key = if text.is_empty() {
            format!("\0{}", label.as_deref().unwrap_or_default())
        } else {
            text
        };
        side.texts.push(texts.of(key));
        side.lengths.push(chars.len());
        side.grams.push(pairs);
        side.labels.push(label);
        side.parents.push(parent);
    }
    side
}

pub(super) fn is_heading(clause: &Clause) -> bool {
    clause.heading.is_some()
        || matches!(
            clause.kind,
            ClauseKind::Part | ClauseKind::Chapter | ClauseKind::Section
        )
}

/// 0 to 100: the share of pairs in common, or how much of the shorter text is in the longer one.
pub(super) fn similarity(a: &[u32], b: &[u32]) -> u32 {
    const MIN_CONTAINED: usize = 10;
    let shorter = a.len().min(b.len());
    if shorter == 0 {
        return 0;
    }
    let shared = in_common(a, b);
    let dice = 200 * shared / (a.len() + b.len());
    let contained = 100 * shared / shorter;
    let by_containment = if shorter >= MIN_CONTAINED && contained >= 75 {
        contained * 8 / 10
    } else {
        0
    };
    dice.max(by_containment) as u32
}

fn in_common(a: &[u32], b: &[u32]) -> usize {
    let (mut i, mut j, mut count) = (0, 0, 0);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        match x.cmp(y) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                count += 1;
                i += 1;
                j += 1;
            }
        }
    }
    count
}

/// Marks the increasing subsequence with the largest sum of weights. All values are distinct.
pub(super) fn heaviest_increasing(values: &[usize], weights: &[u64]) -> Vec<bool> {
    let size = values.iter().max().map_or(0, |max| max + 1);
    // A Fenwick tree over the values: the best sum that ends at or below a value, and where.
    let mut tree: Vec<(u64, Option<usize>)> = vec![(0, None); size + 1];
    let mut before: Vec<Option<usize>> = vec![None; values.len()];
    let mut best: (u64, Option<usize>) = (0, None);
    for (at, (&value, &weight)) in values.iter().zip(weights).enumerate() {
        let mut below: (u64, Option<usize>) = (0, None);
        let mut node = value;
        while node > 0 {
            below = below.max(tree[node]);
            node &= node - 1;
        }
        before[at] = below.1;
        let sum = (below.0 + weight, Some(at));
        best = best.max(sum);
        let mut node = value + 1;
        while node <= size {
            tree[node] = tree[node].max(sum);
            node += node & node.wrapping_neg();
        }
    }
    let mut marked = vec![false; values.len()];
    let mut last = best.1;
    while let Some(at) = last {
        marked[at] = true;
        last = before[at];
    }
    marked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heaviest_order_keeps_the_long_clause_in_place() {
        assert_eq!(
            heaviest_increasing(&[0, 3, 1, 2], &[1, 100, 1, 1]),
            [true, true, false, false]
        );
        assert_eq!(
            heaviest_increasing(&[0, 3, 1, 2], &[1, 1, 1, 1]),
            [true, false, true, true]
        );
        assert_eq!(heaviest_increasing(&[], &[]), Vec::<bool>::new());
    }
}
