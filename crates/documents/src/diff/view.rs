//! A diff as HTML: inline for phones, side by side for wide screens.
//!
//! Called by the employee page and the console. The words come from the caller's locale file. Changes are
//! marked by element, by class and by signs in the text, so they survive without colour and in a mail.
//! Invariant: the output went through the sanitiser; unchanged clauses appear only beside changed ones.

use super::likeness;
use super::{Change, ChangeKind, ClauseRef, Diff, Segment};
use crate::sanitise::{self, escape};

/// The words of the views, in the reader's language. `{}` in `omitted` stands for a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffLabels {
    pub reworded: String,
    pub renumbered: String,
    pub moved: String,
    pub moved_and_reworded: String,
    pub added: String,
    pub deleted: String,
    /// Before a former label: 原
    pub formerly: String,
    pub omitted: String,
    pub no_changes: String,
    pub old_version: String,
    pub new_version: String,
    /// Signs around inserted and deleted words.
    pub inserted_marks: (String, String),
    pub deleted_marks: (String, String),
}

impl DiffLabels {
    pub fn chinese() -> Self {
        Self::from_words([
            "修改",
            "序号调整",
            "移动",
            "移动并修改",
            "新增",
            "删除",
            "原",
            "……{} 段未变……",
            "两个版本的文字相同。",
            "修订前",
            "修订后",
        ])
    }

    pub fn english() -> Self {
        Self::from_words([
            "Changed",
            "Renumbered",
            "Moved",
            "Moved and changed",
            "Added",
            "Deleted",
            "formerly ",
            "… {} unchanged …",
            "Both versions have the same words.",
            "Before",
            "After",
        ])
    }

    fn from_words(words: [&str; 11]) -> Self {
        let [
            reworded,
            renumbered,
            moved,
            moved_and_reworded,
            added,
            deleted,
            formerly,
            omitted,
            no_changes,
            before,
            after,
        ] = words.map(str::to_owned);
        Self {
            reworded,
            renumbered,
            moved,
            moved_and_reworded,
            added,
            deleted,
            formerly,
            omitted,
            no_changes,
            old_version: before,
            new_version: after,
            inserted_marks: ("[+".to_owned(), "+]".to_owned()),
            deleted_marks: ("[-".to_owned(), "-]".to_owned()),
        }
    }

    fn of(&self, kind: ChangeKind) -> &str {
        match kind {
            ChangeKind::Unchanged => "",
            ChangeKind::Reworded => &self.reworded,
            ChangeKind::Renumbered => &self.renumbered,
            ChangeKind::Moved => &self.moved,
            ChangeKind::MovedAndReworded => &self.moved_and_reworded,
            ChangeKind::Added => &self.added,
            ChangeKind::Deleted => &self.deleted,
        }
    }
}

impl Diff {
    /// The changed clauses one below the other, each with the clause before and after it.
    pub fn html(&self, labels: &DiffLabels) -> String {
        let view = View { labels };
        let mut rows: Vec<String> = rows(&self.changes)
            .iter()
            .map(|row| view.inline_row(row))
            .collect();
        if self.is_empty() {
            rows.push(format!("<p>{}</p>\n", escape(&labels.no_changes)));
        }
        sanitise::outgoing(&format!("<div class=\"diff\">\n{}</div>\n", rows.concat()))
    }

    /// The same as a table: before on the left, after on the right.
    pub fn side_by_side_html(&self, labels: &DiffLabels) -> String {
        let view = View { labels };
        let mut rows: Vec<String> = rows(&self.changes)
            .iter()
            .map(|row| view.table_row(row))
            .collect();
        if self.is_empty() {
            rows.push(wide_row("unchanged", &escape(&labels.no_changes)));
        }
        let head = |words: &str| format!("<th scope=\"col\">{}</th>", escape(words));
        sanitise::outgoing(&format!(
            "<div class=\"table\" tabindex=\"0\"><table class=\"diff\">\n\
             <thead><tr>{}{}</tr></thead>\n<tbody>\n{}</tbody></table></div>\n",
            head(&labels.old_version),
            head(&labels.new_version),
            rows.concat()
        ))
    }

    /// Whether both versions are the same.
    pub fn is_empty(&self) -> bool {
        self.changes
            .iter()
            .all(|change| change.kind == ChangeKind::Unchanged)
    }
}

enum Row<'c> {
    Clause(&'c Change),
    /// A run of clauses that only got other numbers.
    Renumbered(&'c [Change]),
    Omitted(usize),
}

/// What is shown: changes with their neighbours, runs of renumbering as one, the rest counted.
fn rows(changes: &[Change]) -> Vec<Row<'_>> {
    let is_told =
        |change: &Change| !matches!(change.kind, ChangeKind::Unchanged | ChangeKind::Renumbered);
    let told: Vec<bool> = changes.iter().map(is_told).collect();
    let near = |at: usize| {
        told[at]
            || at.checked_sub(1).is_some_and(|before| told[before])
            || told.get(at + 1).copied().unwrap_or(false)
    };
    let mut rows = Vec::new();
    let mut at = 0;
    while let Some(change) = changes.get(at) {
        if near(at) {
            rows.push(Row::Clause(change));
            at += 1;
            continue;
        }
        let end = (at..changes.len())
            .find(|next| near(*next))
            .unwrap_or(changes.len());
        let quiet = &changes[at..end];
        let renumbered = |change: &Change| change.kind == ChangeKind::Renumbered;
        match (
            quiet.iter().position(renumbered),
            quiet.iter().rposition(renumbered),
        ) {
            (Some(first), Some(last)) => rows.push(Row::Renumbered(&quiet[first..=last])),
            _ => rows.push(Row::Omitted(quiet.len())),
        }
        at = end;
    }
    rows
}

struct View<'l> {
    labels: &'l DiffLabels,
}

impl View<'_> {
    fn inline_row(&self, row: &Row<'_>) -> String {
        match row {
            Row::Clause(change) => self.inline(change),
            Row::Renumbered(run) => {
                format!(
                    "<div class=\"change renumbered\">{}</div>\n",
                    self.renumbered(run)
                )
            }
            Row::Omitted(count) => format!("<p class=\"omitted\">{}</p>\n", self.omitted(*count)),
        }
    }

    fn table_row(&self, row: &Row<'_>) -> String {
        match row {
            Row::Clause(change) => self.beside(change),
            Row::Renumbered(run) => wide_row("renumbered", &self.renumbered(run)),
            Row::Omitted(count) => wide_row("omitted", &self.omitted(*count)),
        }
    }

    fn inline(&self, change: &Change) -> String {
        let class = class(change.kind);
        if change.kind == ChangeKind::Unchanged {
            return format!(
                "<div class=\"change {class}\"><p>{}{}</p></div>\n",
                self.number(change),
                self.words(change, true, true)
            );
        }
        format!(
            "<div class=\"change {class}\"><p class=\"about\">{}</p><p>{}{}</p></div>\n",
            self.about(change),
            self.number(change),
            self.words(change, true, true)
        )
    }

    fn beside(&self, change: &Change) -> String {
        let side = |clause: Option<&ClauseRef>, old: bool| match clause {
            Some(clause) => {
                let number = clause
                    .label
                    .as_deref()
                    .map(|l| format!("<strong>{}</strong> ", escape(l)))
                    .unwrap_or_default();
                format!("{number}{}", self.words(change, old, !old))
            }
            None => String::new(),
        };
        let about = if change.kind == ChangeKind::Unchanged {
            String::new()
        } else {
            format!("<p class=\"about\">{}</p>", self.about(change))
        };
        format!(
            "<tr class=\"{}\"><td>{}</td><td>{about}{}</td></tr>\n",
            class(change.kind),
            side(change.old.as_ref(), true),
            side(change.new.as_ref(), false)
        )
    }

    /// Kind, place and former label of a change.
    fn about(&self, change: &Change) -> String {
        let clause = change.new.as_ref().or(change.old.as_ref());
        let place = clause.map(|c| c.path.join(" › ")).unwrap_or_default();
        let former = match (&change.old, &change.new) {
            (Some(old), Some(new)) if old.label != new.label => {
                old.label.as_deref().or(old.citation.as_deref())
            }
            (Some(old), Some(new)) if old.citation != new.citation => old.citation.as_deref(),
            _ => None,
        };
        let former = former
            .map(|label| format!(" ({}{})", escape(&self.labels.formerly), escape(label)))
            .unwrap_or_default();
        format!(
            "<strong>{}</strong> {}{former}",
            escape(self.labels.of(change.kind)),
            escape(&place)
        )
    }

    fn number(&self, change: &Change) -> String {
        let label = |clause: &Option<ClauseRef>| clause.as_ref().and_then(|c| c.label.clone());
        let (old, new) = (label(&change.old), label(&change.new));
        let bold = |text: &str| format!("<strong>{}</strong> ", escape(text));
        match (old, new) {
            (Some(old), Some(new)) if old != new => {
                format!("{}{} ", self.deleted(&old), self.inserted(&new))
            }
            (old, new) => new.or(old).map(|label| bold(&label)).unwrap_or_default(),
        }
    }

    /// The words of a clause: `old` shows what went, `new` what came.
    fn words(&self, change: &Change, old: bool, new: bool) -> String {
        // Differences in width and white space are no change to a reader.
        if change.kind == ChangeKind::Unchanged {
            let shown = |s: &&Segment| !matches!(s, Segment::Deleted(_));
            return change
                .segments
                .iter()
                .filter(shown)
                .map(|s| lines(s.text()))
                .collect();
        }
        let mut out = String::new();
        let mut segments = change.segments.iter().peekable();
        while let Some(segment) = segments.next() {
            match segment {
                Segment::Same(text) => out.push_str(&lines(text)),
                Segment::Deleted(gone) => match segments.peek() {
                    Some(Segment::Inserted(came))
                        if likeness::normalised(gone) == likeness::normalised(came) =>
                    {
                        out.push_str(&lines(if new { came } else { gone }));
                        segments.next();
                    }
                    _ if old => out.push_str(&self.deleted(gone)),
                    _ => {}
                },
                Segment::Inserted(text) if new => out.push_str(&self.inserted(text)),
                Segment::Inserted(_) => {}
            }
        }
        out
    }

    fn inserted(&self, text: &str) -> String {
        let (open, close) = &self.labels.inserted_marks;
        format!("<ins>{}{}{}</ins>", mark(open), lines(text), mark(close))
    }

    fn deleted(&self, text: &str) -> String {
        let (open, close) = &self.labels.deleted_marks;
        format!("<del>{}{}{}</del>", mark(open), lines(text), mark(close))
    }

    /// 「序号调整 第八条–第二十条 → 第九条–第二十一条」
    fn renumbered(&self, run: &[Change]) -> String {
        let span = |side: fn(&Change) -> Option<&ClauseRef>| {
            let label = |change: Option<&Change>| {
                change
                    .and_then(side)
                    .and_then(|c| c.label.clone())
                    .unwrap_or_default()
            };
            let (first, last) = (label(run.first()), label(run.last()));
            if first == last {
                first
            } else {
                format!("{first} – {last}")
            }
        };
        let (old, new) = (span(|c| c.old.as_ref()), span(|c| c.new.as_ref()));
        format!(
            "<strong>{}</strong> {} → {}",
            escape(&self.labels.renumbered),
            escape(&old),
            escape(&new)
        )
    }

    fn omitted(&self, count: usize) -> String {
        escape(&self.labels.omitted.replace("{}", &count.to_string()))
    }
}

fn wide_row(class: &str, html: &str) -> String {
    format!("<tr class=\"{class}\"><td colspan=\"2\">{html}</td></tr>\n")
}

fn class(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Unchanged => "unchanged",
        ChangeKind::Reworded => "reworded",
        ChangeKind::Renumbered => "renumbered",
        ChangeKind::Moved => "moved",
        ChangeKind::MovedAndReworded => "moved reworded",
        ChangeKind::Added => "added",
        ChangeKind::Deleted => "deleted",
    }
}

fn mark(sign: &str) -> String {
    format!("<span class=\"mark\">{}</span>", escape(sign))
}

fn lines(text: &str) -> String {
    escape(text).replace('\n', "<br>")
}
