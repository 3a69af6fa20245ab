//! Which clause of the new version is which clause of the old one.
//!
//! Called by `diff`. First equal words, in order (patience: rare lines anchor, their neighbours follow);
//! then equal or similar words anywhere, best first, judged by shared pairs of characters together with
//! label and neighbourhood. Invariant: each old clause is used at most once; work is near-linear, since
//! common character pairs are not looked up and each clause meets only a few candidates.

use std::collections::{HashMap, HashSet};

use similar::{Algorithm, DiffTag, capture_diff_slices};

use super::likeness::{Ids, Side, heaviest_increasing, is_heading, side, similarity};
use crate::clause::{Clause, ClauseKind};

/// For each new clause the old one it continues, if any.
pub(super) fn pairs(old: &[Clause], new: &[Clause]) -> Vec<Option<usize>> {
    let mut alignment = Alignment::new(old, new);
    alignment.anchor(0..old.len(), 0..new.len(), 0);
    alignment.pair_similar(Pass::Structure);
    alignment.pair_similar(Pass::Everything);
    alignment.pair_headings_of_pairs();
    alignment.to_old
}

/// For each new clause whether it changed its place among the others. What stays is the heaviest run of
/// pairs in the same order, so a short clause moves rather than a long one.
pub(super) fn moved(pairs: &[Option<usize>], old: &[Clause], new: &[Clause]) -> Vec<bool> {
    let matched: Vec<(usize, usize)> = pairs
        .iter()
        .enumerate()
        .filter_map(|(j, i)| Some((j, (*i)?)))
        .collect();
    // Who kept both place and label is the last to be called moved.
    let weight = |i: usize, j: usize| {
        let same_label = old[i].label.is_some() && old[i].label == new[j].label;
        (4 + new[j].body().chars().count() as u64) * if same_label { 2 } else { 1 }
    };
    let weights: Vec<u64> = matched.iter().map(|(j, i)| weight(*i, *j)).collect();
    let mut moved = vec![false; pairs.len()];
    let stays = heaviest_increasing(
        &matched.iter().map(|(_, i)| *i).collect::<Vec<_>>(),
        &weights,
    );
    for (at, (j, _)) in matched.iter().enumerate() {
        moved[*j] = !stays[at];
    }
    moved
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// Headings and articles, so that their paragraphs know where they belong.
    Structure,
    Everything,
}

struct Alignment<'c> {
    old: Side<'c>,
    new: Side<'c>,
    to_old: Vec<Option<usize>>,
    to_new: Vec<Option<usize>>,
}

const MAX_ANCHOR_DEPTH: usize = 12;
/// A character pair that more clauses share than this says nothing about any of them.
const MAX_SHARED_BY: usize = 48;
const CANDIDATES: usize = 6;

impl<'c> Alignment<'c> {
    fn new(old: &'c [Clause], new: &'c [Clause]) -> Self {
        let mut texts = Ids::default();
        let mut grams = Ids::default();
        let old_side = side(old, &mut texts, &mut grams);
        let new_side = side(new, &mut texts, &mut grams);
        Self {
            to_old: vec![None; new.len()],
            to_new: vec![None; old.len()],
            old: old_side,
            new: new_side,
        }
    }

    fn pair(&mut self, i: usize, j: usize) {
        self.to_old[j] = Some(i);
        self.to_new[i] = Some(j);
    }

    fn equal(&self, i: usize, j: usize) -> bool {
        self.old.texts[i] == self.new.texts[j]
    }

    /// Pairs equal texts inside a stretch of both sides, in order.
    fn anchor(&mut self, old: std::ops::Range<usize>, new: std::ops::Range<usize>, depth: usize) {
        let (mut old, mut new) = (old, new);
        while !old.is_empty() && !new.is_empty() && self.equal(old.start, new.start) {
            self.pair(old.start, new.start);
            (old.start, new.start) = (old.start + 1, new.start + 1);
        }
        while !old.is_empty() && !new.is_empty() && self.equal(old.end - 1, new.end - 1) {
            self.pair(old.end - 1, new.end - 1);
            (old.end, new.end) = (old.end - 1, new.end - 1);
        }
        if old.is_empty() || new.is_empty() || depth > MAX_ANCHOR_DEPTH {
            return;
        }
        let anchors = self.rare_pairs(old.clone(), new.clone());
        if anchors.is_empty() {
            self.pair_repeated(old, new);
            return;
        }
        let (mut from_old, mut from_new) = (old.start, new.start);
        for (i, j) in anchors {
            self.anchor(from_old..i, from_new..j, depth + 1);
            self.pair(i, j);
            (from_old, from_new) = (i + 1, j + 1);
        }
        self.anchor(from_old..old.end, from_new..new.end, depth + 1);
    }

    /// Texts that occur several times (table rows, standing phrases), in order.
    fn pair_repeated(&mut self, old: std::ops::Range<usize>, new: std::ops::Range<usize>) {
        const MAX_COMPARISONS: usize = 4_000_000;
        let in_new: HashSet<u32> = new.clone().map(|j| self.new.texts[j]).collect();
        let old: Vec<usize> = old
            .filter(|i| in_new.contains(&self.old.texts[*i]))
            .collect();
        let in_old: HashSet<u32> = old.iter().map(|i| self.old.texts[*i]).collect();
        let new: Vec<usize> = new
            .filter(|j| in_old.contains(&self.new.texts[*j]))
            .collect();
        if old.len().saturating_mul(new.len()) > MAX_COMPARISONS {
            let mut next = 0;
            for j in new {
                let rest = old.get(next..).unwrap_or_default();
                if let Some(at) = rest.iter().take(CANDIDATES).position(|i| self.equal(*i, j)) {
                    self.pair(rest[at], j);
                    next += at + 1;
                }
            }
            return;
        }
        let old_texts: Vec<u32> = old.iter().map(|i| self.old.texts[*i]).collect();
        let new_texts: Vec<u32> = new.iter().map(|j| self.new.texts[*j]).collect();
        for op in capture_diff_slices(Algorithm::Myers, &old_texts, &new_texts) {
            if op.tag() == DiffTag::Equal {
                for (i, j) in old[op.old_range()].iter().zip(&new[op.new_range()]) {
                    self.pair(*i, *j);
                }
            }
        }
    }

    /// Texts that occur once on each side of the stretch; the heaviest of them that are in order.
    fn rare_pairs(
        &self,
        old: std::ops::Range<usize>,
        new: std::ops::Range<usize>,
    ) -> Vec<(usize, usize)> {
        let once = |side: &Side<'_>, range: std::ops::Range<usize>| {
            let mut places: HashMap<u32, Option<usize>> = HashMap::new();
            for at in range {
                places
                    .entry(side.texts[at])
                    .and_modify(|place| *place = None)
                    .or_insert(Some(at));
            }
            places
        };
        let in_old = once(&self.old, old);
        let mut found: Vec<(usize, usize)> = once(&self.new, new)
            .into_iter()
            .filter_map(|(text, j)| Some((in_old.get(&text).copied().flatten()?, j?)))
            .collect();
        found.sort_by_key(|(_, j)| *j);
        let weights: Vec<u64> = found
            .iter()
            .map(|(i, _)| 1 + self.old.lengths[*i] as u64)
            .collect();
        let stays =
            heaviest_increasing(&found.iter().map(|(i, _)| *i).collect::<Vec<_>>(), &weights);
        found
            .into_iter()
            .zip(stays)
            .filter_map(|(pair, stays)| stays.then_some(pair))
            .collect()
    }

    fn pair_similar(&mut self, pass: Pass) {
        let gaps = self.gaps();
        let index = self.index(pass);
        let mut candidates: Vec<(u32, usize, usize)> = Vec::new();
        for j in 0..self.to_old.len() {
            if self.to_old[j].is_some() || !takes_part(&self.new.clauses[j], pass) {
                continue;
            }
            for i in self.candidates(j, &index, &gaps, pass) {
                if let Some(score) = self.score(i, j, &gaps) {
                    candidates.push((score, i, j));
                }
            }
        }
        candidates.sort_by(|a, b| b.0.cmp(&a.0).then((a.2, a.1).cmp(&(b.2, b.1))));
        for (_, i, j) in candidates {
            if self.to_new[i].is_none() && self.to_old[j].is_none() {
                self.pair(i, j);
            }
        }
    }

    /// A heading with quite other words is still the heading of the clause that follows it.
    fn pair_headings_of_pairs(&mut self) {
        for j in (0..self.to_old.len().saturating_sub(1)).rev() {
            let below = self.to_old[j + 1].and_then(|i| i.checked_sub(1));
            let Some(i) = below.filter(|i| self.to_old[j].is_none() && self.to_new[*i].is_none())
            else {
                continue;
            };
            let (before, after) = (&self.old.clauses[i], &self.new.clauses[j]);
            if is_heading(before)
                && is_heading(after)
                && before.kind == after.kind
                && before.level == after.level
            {
                self.pair(i, j);
            }
        }
    }

    /// Character pair → unpaired old clauses that have it.
    fn index(&self, pass: Pass) -> HashMap<u32, Vec<usize>> {
        let mut index: HashMap<u32, Vec<usize>> = HashMap::new();
        for i in 0..self.to_new.len() {
            if self.to_new[i].is_none() && takes_part(&self.old.clauses[i], pass) {
                for gram in &self.old.grams[i] {
                    index.entry(*gram).or_default().push(i);
                }
            }
        }
        index
    }

    fn candidates(
        &self,
        j: usize,
        index: &HashMap<u32, Vec<usize>>,
        gaps: &Gaps,
        pass: Pass,
    ) -> Vec<usize> {
        let mut hits: HashMap<usize, u32> = HashMap::new();
        for gram in &self.new.grams[j] {
            for i in index
                .get(gram)
                .filter(|found| found.len() <= MAX_SHARED_BY)
                .into_iter()
                .flatten()
            {
                *hits.entry(*i).or_default() += 1;
            }
        }
        let mut best: Vec<(u32, usize)> = hits.into_iter().map(|(i, count)| (count, i)).collect();
        best.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut found: Vec<usize> = best.into_iter().take(CANDIDATES).map(|(_, i)| i).collect();
        // Neighbours in the same gap are looked at even if their words are all common ones.
        for i in gaps.old_in_gap_of(j).into_iter().flatten() {
            if self.to_new[*i].is_none()
                && takes_part(&self.old.clauses[*i], pass)
                && !found.contains(i)
            {
                found.push(*i);
            }
        }
        found
    }

    /// How much two clauses are the same one; `None` if they are not.
    fn score(&self, i: usize, j: usize, gaps: &Gaps) -> Option<u32> {
        let (before, after) = (&self.old.clauses[i], &self.new.clauses[j]);
        if is_heading(before) != is_heading(after) {
            return None;
        }
        let equal = self.equal(i, j);
        let similarity = if equal {
            100
        } else {
            similarity(&self.old.grams[i], &self.new.grams[j])
        };
        let same_gap = gaps.of_old[i] == gaps.of_new[j];
        let same_label = self.old.labels[i].is_some() && self.old.labels[i] == self.new.labels[j];
        let (old_parent, new_parent) = (self.old.parents[i], self.new.parents[j]);
        let same_parent =
            old_parent != i && new_parent != j && self.to_old[new_parent] == Some(old_parent);
        let beside = |i: Option<usize>, j: Option<usize>| match (i, j) {
            (Some(i), Some(j)) => j < self.to_old.len() && self.to_old[j] == Some(i),
            _ => false,
        };
        let neighbour =
            beside(i.checked_sub(1), j.checked_sub(1)) || beside(Some(i + 1), Some(j + 1));
        let length = self.old.lengths[i].min(self.new.lengths[j]);
        let needed = match (same_gap || same_parent, same_label) {
            (true, true) => 30,
            (true, false) => 45,
            // Far away only what is long enough not to be alike by chance.
            (false, _) if length < 8 => 101,
            (false, true) => 55,
            (false, false) => 62,
        };
        if similarity < needed {
            return None;
        }
        let bonus = |holds: bool, points: u32| if holds { points } else { 0 };
        Some(
            similarity
                + bonus(equal, 40)
                + bonus(same_label, 12)
                + bonus(same_gap, 10)
                + bonus(same_parent, 14)
                + bonus(neighbour, 8)
                + bonus(before.kind == after.kind, 10),
        )
    }

    /// Numbers the stretches between pairs that are in order, on both sides.
    fn gaps(&self) -> Gaps {
        let matched: Vec<(usize, usize)> = self
            .to_old
            .iter()
            .enumerate()
            .filter_map(|(j, i)| Some(((*i)?, j)))
            .collect();
        let weights: Vec<u64> = matched
            .iter()
            .map(|(i, _)| 1 + self.old.lengths[*i] as u64)
            .collect();
        let stays = heaviest_increasing(
            &matched.iter().map(|(i, _)| *i).collect::<Vec<_>>(),
            &weights,
        );
        let mut gaps = Gaps {
            of_old: vec![0; self.to_new.len()],
            of_new: vec![0; self.to_old.len()],
            old_free: HashMap::new(),
        };
        let backbone = matched
            .iter()
            .zip(&stays)
            .filter(|(_, stays)| **stays)
            .map(|(pair, _)| *pair);
        let (mut from_old, mut from_new) = (0, 0);
        let ends = backbone.chain([(self.to_new.len(), self.to_old.len())]);
        for (number, (i, j)) in ends.enumerate() {
            gaps.of_old[from_old..i].fill(number);
            gaps.of_new[from_new..j].fill(number);
            let free: Vec<usize> = (from_old..i)
                .filter(|i| self.to_new[*i].is_none())
                .collect();
            if free.len() <= Gaps::SMALL && j - from_new <= Gaps::SMALL {
                gaps.old_free.insert(number, free);
            }
            (from_old, from_new) = (
                (i + 1).min(self.to_new.len()),
                (j + 1).min(self.to_old.len()),
            );
        }
        gaps
    }
}

struct Gaps {
    of_old: Vec<usize>,
    of_new: Vec<usize>,
    /// The unpaired old clauses of each gap that is small enough to try all pairs.
    old_free: HashMap<usize, Vec<usize>>,
}

impl Gaps {
    const SMALL: usize = 16;

    fn old_in_gap_of(&self, j: usize) -> Option<&Vec<usize>> {
        self.old_free.get(&self.of_new[j])
    }
}

fn takes_part(clause: &Clause, pass: Pass) -> bool {
    pass == Pass::Everything || is_heading(clause) || clause.kind == ClauseKind::Article
}
