//! What changed inside one clause, in words rather than letters.
//!
//! Called by `diff` for each pair of clauses. Chinese is compared by character, numbers and article
//! references as a whole, other scripts by word; short agreements between changes are given up, so that a
//! reader sees a few phrases and no confetti. Invariant: same and deleted segments are the old text, same
//! and inserted ones the new. Work is bounded per pair and over all pairs of a diff.

use similar::{Algorithm, DiffTag, capture_diff_slices};

use super::Segment;
use crate::label::is_cjk;
use crate::numerals::is_numeral;

/// Comparisons left for a whole diff; beyond it sentences are compared instead of words.
pub(super) struct Effort(usize);

impl Default for Effort {
    fn default() -> Self {
        Self(60_000_000)
    }
}

const MAX_PER_PAIR: usize = 4_000_000;
/// Below this share of agreement two texts are shown one after the other.
const MIN_SAME_PERCENT: usize = 25;

pub(super) fn compare(old: &str, new: &str, effort: &mut Effort) -> Vec<Segment> {
    if old == new {
        return if old.is_empty() {
            Vec::new()
        } else {
            vec![Segment::Same(new.to_owned())]
        };
    }
    let mut edits = Edits::default();
    let (old_words, new_words) = (tokens(old), tokens(new));
    if effort.allows(old_words.len(), new_words.len()) {
        edits.add(&old_words, &new_words);
    } else {
        by_sentence(old, new, effort, &mut edits);
    }
    edits.clean();
    let same: usize = edits
        .pieces
        .iter()
        .map(|piece| piece.same.chars().count())
        .sum();
    let longest = old.chars().count().max(new.chars().count());
    if same * 100 < longest * MIN_SAME_PERCENT {
        return Edits {
            pieces: vec![Piece {
                same: String::new(),
                del: old.to_owned(),
                ins: new.to_owned(),
            }],
        }
        .segments();
    }
    edits.segments()
}

impl Effort {
    /// Takes the cost of a comparison of that size off, if there is enough left.
    fn allows(&mut self, old: usize, new: usize) -> bool {
        let cost = old.saturating_mul(new);
        if cost > MAX_PER_PAIR || cost > self.0 {
            return false;
        }
        self.0 -= cost;
        true
    }
}

fn by_sentence(old: &str, new: &str, effort: &mut Effort, edits: &mut Edits) {
    let (old_parts, new_parts) = (sentences(old), sentences(new));
    if !effort.allows(old_parts.len(), new_parts.len()) {
        edits.change(old, new);
        return;
    }
    for op in capture_diff_slices(Algorithm::Myers, &old_parts, &new_parts) {
        let (before, after) = (
            old_parts[op.old_range()].concat(),
            new_parts[op.new_range()].concat(),
        );
        if op.tag() == DiffTag::Equal {
            edits.keep(&after);
            continue;
        }
        let (old_words, new_words) = (tokens(&before), tokens(&after));
        if effort.allows(old_words.len(), new_words.len()) {
            edits.add(&old_words, &new_words);
        } else {
            edits.change(&before, &after);
        }
    }
}

fn sentences(text: &str) -> Vec<&str> {
    text.split_inclusive(['。', '；', '！', '？', '\n', '.', ';', '!', '?'])
        .collect()
}

/// A stretch both have, then what one has instead of the other.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Piece {
    same: String,
    del: String,
    ins: String,
}

#[derive(Debug, Default)]
struct Edits {
    pieces: Vec<Piece>,
}

impl Edits {
    fn add(&mut self, old: &[&str], new: &[&str]) {
        for op in capture_diff_slices(Algorithm::Myers, old, new) {
            match op.tag() {
                DiffTag::Equal => self.keep(&new[op.new_range()].concat()),
                _ => self.change(&old[op.old_range()].concat(), &new[op.new_range()].concat()),
            }
        }
    }

    fn keep(&mut self, text: &str) {
        match self.pieces.last_mut() {
            Some(piece) if piece.del.is_empty() && piece.ins.is_empty() => {
                piece.same.push_str(text);
            }
            _ => self.pieces.push(Piece {
                same: text.to_owned(),
                ..Piece::default()
            }),
        }
    }

    fn change(&mut self, del: &str, ins: &str) {
        if self.pieces.is_empty() {
            self.pieces.push(Piece::default());
        }
        if let Some(piece) = self.pieces.last_mut() {
            piece.del.push_str(del);
            piece.ins.push_str(ins);
        }
    }

    /// Gives up an agreement that is no longer than the changes on both sides of it
    /// (the semantic clean-up of diff-match-patch).
    fn clean(&mut self) {
        let mut cleaned: Vec<Piece> = Vec::with_capacity(self.pieces.len());
        for piece in std::mem::take(&mut self.pieces) {
            cleaned.push(piece);
            while let [.., before, last] = cleaned.as_slice() {
                if !is_noise(before, last) {
                    break;
                }
                let Some(last) = cleaned.pop() else { break };
                if let Some(before) = cleaned.last_mut() {
                    before.del.push_str(&last.same);
                    before.ins.push_str(&last.same);
                    before.del.push_str(&last.del);
                    before.ins.push_str(&last.ins);
                }
            }
        }
        self.pieces = cleaned;
    }

    fn segments(self) -> Vec<Segment> {
        let mut segments = Vec::new();
        for piece in self.pieces {
            let parts = [
                Segment::Same(piece.same),
                Segment::Deleted(piece.del),
                Segment::Inserted(piece.ins),
            ];
            segments.extend(
                parts
                    .into_iter()
                    .filter(|segment| !segment.text().is_empty()),
            );
        }
        segments
    }
}

/// Whether the agreement between two changes only looks like one.
fn is_noise(before: &Piece, last: &Piece) -> bool {
    let size = |piece: &Piece| piece.del.chars().count().max(piece.ins.chars().count());
    let (left, right) = (size(before), size(last));
    let kept = last.same.chars().filter(|c| c.is_alphanumeric()).count();
    left > 0 && right > 0 && kept <= left && kept <= right
}

/// Chinese characters one by one, numbers and 第…条 whole, other letters by word.
fn tokens(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '第' => reference_length(rest),
            c if c.is_ascii_digit() => {
                run(rest, |c| c.is_ascii_digit() || matches!(c, '.' | ',' | '%'))
            }
            c if is_numeral(c) => run(rest, is_numeral),
            c if c.is_whitespace() => run(rest, char::is_whitespace),
            c if c.is_alphanumeric() && !is_cjk(c) => {
                run(rest, |c| (c.is_alphanumeric() && !is_cjk(c)) || c == '\'')
            }
            c => c.len_utf8(),
        };
        let (token, tail) = rest.split_at(length);
        found.push(token);
        rest = tail;
    }
    found
}

fn run(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.char_indices()
        .find(|(_, c)| !belongs(*c))
        .map_or(text.len(), |(at, _)| at)
}

/// 第三十二条 as one word.
fn reference_length(text: &str) -> usize {
    let after = '第'.len_utf8();
    let Some(tail) = text.get(after..) else {
        return after;
    };
    let number = run(tail, is_numeral);
    let unit = tail.get(number..).and_then(|rest| rest.chars().next());
    match unit {
        Some(c) if number > 0 && "编章节条款项目".contains(c) => {
            after + number + c.len_utf8()
        }
        _ => after,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(old: &str, new: &str) -> String {
        let segments = compare(old, new, &mut Effort::default());
        let show = |s: &Segment| match s {
            Segment::Same(text) => text.clone(),
            Segment::Inserted(text) => format!("{{+{text}+}}"),
            Segment::Deleted(text) => format!("[-{text}-]"),
        };
        segments.iter().map(show).collect()
    }

    #[test]
    fn a_changed_number_is_shown_whole() {
        assert_eq!(
            marked("年休假五天，提前申请。", "年休假十天，提前申请。"),
            "年休假[-五-]{+十+}天，提前申请。"
        );
        assert_eq!(
            marked("符合本法第三十二条规定的", "符合本法第三十五条规定的"),
            "符合本法[-第三十二条-]{+第三十五条+}规定的"
        );
        assert_eq!(
            marked("within 30 days of return", "within 45 days of return"),
            "within [-30-]{+45+} days of return"
        );
    }

    #[test]
    fn short_agreements_between_changes_are_given_up() {
        let shown = marked(
            "员工应当在三日内向部门经理提出申请",
            "职工须于五个工作日内向人力资源部提出申请",
        );
        assert!(shown.matches("[-").count() <= 3, "{shown}");
    }

    #[test]
    fn unrelated_texts_stand_one_after_the_other() {
        assert_eq!(
            marked("甲乙丙丁戊己庚辛", "子丑寅卯辰巳午未"),
            "[-甲乙丙丁戊己庚辛-]{+子丑寅卯辰巳午未+}"
        );
    }
}
