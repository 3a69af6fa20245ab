//! Who still owes: filtered by state, department and name, page after page; and as a table to take away.

use serde::Deserialize;
use yuezhi_domain::{NoticeState, ObligationState, Requirement, UnixMillis};
use yuezhi_store::{
    StoreError, Tx, departments,
    notices::Notice,
    obligations::{self, ObligationFilter, ObligationRow},
};

use crate::{
    console::{
        session::SignedIn,
        ui::{Choice, Markup, Teller, address},
        words::{self, Tag},
    },
    texts::Texts,
};

const PAGE: usize = 20;
/// People written into a table at once.
const BATCH: usize = 2_000;

#[derive(Debug, Clone, Deserialize, Default)]
#[serde(default)]
pub(in crate::console) struct Asked {
    q: String,
    state: String,
    /// A path; departments below it included.
    department: String,
    after: i64,
    /// `all` shows every department of the table.
    departments: String,
}

impl Asked {
    pub(super) fn every_department(&self) -> bool {
        self.departments == "all"
    }
}

pub(super) struct Rows {
    rows: Vec<ObligationRow>,
    departments: Vec<String>,
}

pub(super) fn read(
    tx: &mut Tx<'_>,
    notice_no: i64,
    asked: &Asked,
    now: UnixMillis,
) -> Result<Rows, StoreError> {
    let tree = departments::tree(tx)?;
    let below = format!("{}/", asked.department);
    let department_nos: Vec<i64> = tree
        .iter()
        .filter(|d| {
            !asked.department.is_empty()
                && (d.path == asked.department || d.path.starts_with(&below))
        })
        .map(|d| d.no)
        .collect();
    let filter = ObligationFilter {
        department_nos,
        search: (!asked.q.trim().is_empty()).then(|| asked.q.trim().to_owned()),
        ..by_state(&asked.state, now)
    };
    Ok(Rows {
        rows: obligations::list(tx, notice_no, &filter, asked.after, PAGE + 1)?,
        departments: tree.into_iter().map(|d| d.path).collect(),
    })
}

fn by_state(state: &str, now: UnixMillis) -> ObligationFilter {
    let states = |states: &[ObligationState]| ObligationFilter {
        states: states.to_vec(),
        ..ObligationFilter::default()
    };
    let pending = states(&[ObligationState::Pending]);
    match state {
        "unread" => ObligationFilter {
            opened: Some(false),
            ..pending
        },
        "read" => ObligationFilter {
            opened: Some(true),
            ..pending
        },
        "overdue" => ObligationFilter {
            overdue_at: Some(now),
            ..pending
        },
        "done" => states(&[ObligationState::Acknowledged, ObligationState::Closed]),
        "all" => ObligationFilter::default(),
        _ => pending,
    }
}

/// One person of the list.
pub(super) struct Line {
    pub person_no: i64,
    pub href: String,
    pub name: String,
    pub staff_no: String,
    pub department: String,
    pub opened: Option<Markup>,
    pub acted: Option<Markup>,
    pub reminded: i64,
    pub state: Tag,
    pub owes: bool,
}

/// The list as the page shows it.
pub(super) struct List {
    pub lines: Vec<Line>,
    pub q: String,
    pub states: Vec<Choice>,
    pub departments: Vec<Choice>,
    pub next: Option<String>,
    pub first: Option<String>,
    pub is_filtered: bool,
    pub may_remind: bool,
}

impl List {
    pub fn of(me: &SignedIn, notice: &Notice, read: Rows, asked: &Asked) -> Self {
        let path = format!("/console/notices/{}", notice.id);
        let query = |after: &str| {
            let parameters = [
                ("q", asked.q.trim()),
                ("state", asked.state.as_str()),
                ("department", asked.department.as_str()),
                ("after", after),
            ];
            format!("{}#outstanding", address(&path, &parameters))
        };
        let next = (read.rows.len() > PAGE)
            .then(|| {
                read.rows
                    .get(PAGE - 1)
                    .map(|row| query(&row.person_no.to_string()))
            })
            .flatten();
        let tell = me.teller();
        let root = words::root(read.departments.iter().map(String::as_str));
        let whole = me.t.get("console.all_departments");
        let departments = std::iter::once(Choice::new("", whole, &asked.department))
            .chain(read.departments.into_iter().map(|path| {
                let label = words::below_root(&root, &path).to_owned();
                Choice::new(path, label, &asked.department)
            }))
            .collect();
        Self {
            lines: read
                .rows
                .iter()
                .take(PAGE)
                .map(|row| line(me, notice, &tell, &root, row))
                .collect(),
            q: asked.q.clone(),
            states: states(me.t, notice, &asked.state),
            departments,
            next,
            first: (asked.after > 0).then(|| query("")),
            is_filtered: !asked.q.trim().is_empty()
                || !asked.department.is_empty()
                || !asked.state.is_empty(),
            may_remind: notice.state == NoticeState::Open
                && notice.requirement != Requirement::Inform,
        }
    }
}

fn states(t: Texts, notice: &Notice, current: &str) -> Vec<Choice> {
    let mut words = vec!["", "unread"];
    if notice.requirement == Requirement::Confirm {
        words.push("read");
    }
    if notice.due_at.is_some() {
        words.push("overdue");
    }
    words.extend(["done", "all"]);
    words
        .into_iter()
        .map(|word| {
            let key = if word.is_empty() { "pending" } else { word };
            Choice::new(word, t.of_value("console.outstanding", key), current)
        })
        .collect()
}

fn line(me: &SignedIn, notice: &Notice, tell: &Teller, root: &str, row: &ObligationRow) -> Line {
    Line {
        person_no: row.person_no,
        href: format!("/console/people/{}", row.person_id),
        name: row.name.clone(),
        staff_no: row.staff_no.clone(),
        department: words::below_root(root, &row.department_path).to_owned(),
        opened: row.opened_at.map(|at| tell.ago(at)),
        acted: row.acted_at.map(|at| tell.ago(at)),
        reminded: row.reminded,
        state: state(me.t, notice, me.now, row),
        owes: row.state == ObligationState::Pending,
    }
}

fn state(t: Texts, notice: &Notice, now: UnixMillis, row: &ObligationRow) -> Tag {
    let tag = |kind, key: &str| Tag {
        kind,
        word: t.of_value("console.obligation", key),
    };
    match row.state {
        ObligationState::Pending if row.due_at.is_some_and(|due| now > due) => {
            tag("bad", "overdue")
        }
        ObligationState::Pending
            if row.opened_at.is_some() && notice.requirement == Requirement::Confirm =>
        {
            tag("warn", "read_only")
        }
        ObligationState::Pending => tag("", "unread"),
        ObligationState::Acknowledged => tag("ok", "acknowledged"),
        ObligationState::Closed => match row.reason.as_deref() {
            Some(reason) => tag("", &format!("closed_{reason}")),
            None => tag("", "closed"),
        },
        other => tag("", other.as_str()),
    }
}

/// Comma-separated, with the mark that makes spreadsheets read UTF-8. A cell that begins like a formula is quoted off.
pub(super) fn csv(
    tx: &mut Tx<'_>,
    notice_no: i64,
    t: Texts,
    tell: &Teller,
) -> Result<String, StoreError> {
    let mut out = String::from("\u{feff}");
    let head = [
        "staff_no",
        "name",
        "department",
        "email",
        "opened",
        "reminded",
    ];
    push_row(
        &mut out,
        head.iter().map(|key| t.of_value("console.csv", key)),
    );
    let mut after = 0;
    loop {
        let rows = obligations::outstanding_batches(tx, notice_no, after, BATCH)?;
        for row in &rows {
            let opened = row.opened_at.map(|at| tell.exact(at)).unwrap_or_default();
            let cells = [
                row.staff_no.clone(),
                row.name.clone(),
                row.department_path.clone(),
                row.email.clone().unwrap_or_default(),
                opened,
                row.reminded.to_string(),
            ];
            push_row(&mut out, cells.into_iter());
        }
        match rows.last() {
            Some(last) if rows.len() == BATCH => after = last.person_no,
            _ => return Ok(out),
        }
    }
}

fn push_row(out: &mut String, cells: impl Iterator<Item = String>) {
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            out.push(',');
        }
        let formula = cell.starts_with(['=', '+', '-', '@', '\t']);
        out.push('"');
        if formula {
            out.push('\'');
        }
        out.push_str(&cell.replace('"', "\"\""));
        out.push('"');
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_never_a_formula() {
        let mut out = String::new();
        push_row(&mut out, ["=1+1".to_owned(), "a\"b".to_owned()].into_iter());
        assert_eq!(out, "\"'=1+1\",\"a\"\"b\"\r\n");
    }
}
