//! Lists of obligations: of a notice with any filter, of a person. Every page costs the same.
//!
//! Pages of a notice are walked by state, department and person, along the index `obligations_state`; the cursor is the
//! last person's number, and where that person stands tells where to go on. Weakness: a person who changes state
//! between two pages of a list over several states may be seen twice or not at all.

use yuezhi_domain::{
    Language, NoticeId, NoticeState, ObligationState, PersonId, Requirement, UnixMillis,
};

use super::get;
use crate::{Row, StoreError, Tx, Value, domain_values::json, p, people, query::Query};

const SELECT: &str = "SELECT o.person_no, p.id, p.staff_no, p.name, p.title, p.email, p.mobile, o.department_no, \
     COALESCE(d.path, ''), o.state, o.reason, o.opened_at, o.acted_at, o.reminded, o.reminded_at, o.due_at \
     FROM (SELECT * FROM obligations o WHERE o.notice_no = ?1";
// The page is cut before the join: PostgreSQL's planner would walk through half of the people for a page of twenty.
const JOINED: &str = ") AS o JOIN people p ON p.no = o.person_no LEFT JOIN departments d ON d.no = o.department_no ORDER BY ";
const DEPARTMENTS: &str = "SELECT department_no FROM progress WHERE notice_no = ?1 AND total > 0 AND department_no >= ?2 \
     AND department_no {in_ids ?3} ORDER BY department_no";
const OF_PERSON: &str = "SELECT n.no, n.id, n.state, n.requirement, n.title, n.language, n.issued_at, p.no, p.slug, p.title, v.no, \
     v.label, v.summary, o.state, o.reason, o.due_at, o.opened_at, o.acted_at \
     FROM obligations o JOIN notices n ON n.no = o.notice_no JOIN policies p ON p.no = n.policy_no \
     JOIN versions v ON v.no = n.version_no WHERE o.person_no = ?1 ORDER BY o.notice_no DESC LIMIT ?2";
const PERSON_NOS: &str =
    "SELECT person_no FROM obligations WHERE notice_no = ?1 ORDER BY person_no";

/// Which obligations of a notice; nothing set means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObligationFilter {
    pub states: Vec<ObligationState>,
    pub department_nos: Vec<i64>,
    /// As in [`crate::people::PeopleFilter`].
    pub search: Option<String>,
    /// Due before this time.
    pub overdue_at: Option<UnixMillis>,
    pub opened: Option<bool>,
}

/// An obligation with the person it is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObligationRow {
    pub person_no: i64,
    pub person_id: PersonId,
    pub staff_no: String,
    pub name: String,
    pub title: Option<String>,
    pub email: Option<String>,
    pub mobile: Option<String>,
    pub department_no: i64,
    pub department_path: String,
    pub state: ObligationState,
    pub reason: Option<String>,
    pub opened_at: Option<UnixMillis>,
    pub acted_at: Option<UnixMillis>,
    pub reminded: i64,
    pub reminded_at: Option<UnixMillis>,
    pub due_at: Option<UnixMillis>,
}

/// An obligation with the notice it is under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonObligation {
    pub notice_no: i64,
    pub notice_id: NoticeId,
    pub notice_state: NoticeState,
    pub requirement: Requirement,
    /// Of the notice.
    pub title: String,
    /// Of the notice.
    pub language: Language,
    pub issued_at: UnixMillis,
    pub policy_no: i64,
    pub policy_slug: String,
    pub policy_title: String,
    pub version_no: i64,
    /// Of the version.
    pub label: String,
    /// What changed.
    pub summary: String,
    pub state: ObligationState,
    pub reason: Option<String>,
    pub due_at: Option<UnixMillis>,
    pub opened_at: Option<UnixMillis>,
    pub acted_at: Option<UnixMillis>,
}

fn obligation_row(row: &Row) -> Result<ObligationRow, StoreError> {
    let mut columns = row.columns();
    Ok(ObligationRow {
        person_no: columns.take()?,
        person_id: columns.take()?,
        staff_no: columns.take()?,
        name: columns.take()?,
        title: columns.take()?,
        email: columns.take()?,
        mobile: columns.take()?,
        department_no: columns.take()?,
        department_path: columns.take()?,
        state: columns.take()?,
        reason: columns.take()?,
        opened_at: columns.take()?,
        acted_at: columns.take()?,
        reminded: columns.take()?,
        reminded_at: columns.take()?,
        due_at: columns.take()?,
    })
}

/// A page; the next one begins after the last person of this one. Begin with 0.
pub fn list(
    tx: &mut Tx<'_>,
    notice_no: i64,
    filter: &ObligationFilter,
    after_person_no: i64,
    limit: usize,
) -> Result<Vec<ObligationRow>, StoreError> {
    let search = filter
        .search
        .as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty());
    if search.is_none() && (!filter.states.is_empty() || !filter.department_nos.is_empty()) {
        return walk(tx, notice_no, filter, after_person_no, limit);
    }
    let mut page = Page::new(notice_no, filter, limit);
    if let Some(text) = search {
        // The people are found first; they are few.
        let found = json(&people::find_nos(tx, text)?);
        page.query.push(" AND o.person_no ").bind_ids(found);
        if !filter.states.is_empty() {
            page.query
                .push(" AND o.state ")
                .bind_texts(json(&filter.states));
        }
        if !filter.department_nos.is_empty() {
            page.query
                .push(" AND o.department_no ")
                .bind_ids(json(&filter.department_nos));
        }
    }
    page.query.push(" AND o.person_no > ?2");
    page.cut("o.person_no");
    page.fetch(tx, after_person_no)?;
    Ok(page.rows)
}

/// Those who still owe: [`list`] with one state.
pub fn outstanding_batches(
    tx: &mut Tx<'_>,
    notice_no: i64,
    after_person_no: i64,
    limit: usize,
) -> Result<Vec<ObligationRow>, StoreError> {
    let filter = ObligationFilter {
        states: vec![ObligationState::Pending],
        ..ObligationFilter::default()
    };
    list(tx, notice_no, &filter, after_person_no, limit)
}

/// Numbers of everybody under a notice, in order.
pub fn person_nos(tx: &mut Tx<'_>, notice_no: i64) -> Result<Vec<i64>, StoreError> {
    tx.read(PERSON_NOS, p![notice_no], |row| row.get(0))
}

/// Everything of a person, newest notice first.
pub fn of_person(
    tx: &mut Tx<'_>,
    person_no: i64,
    limit: usize,
) -> Result<Vec<PersonObligation>, StoreError> {
    tx.read(OF_PERSON, p![person_no, limit], |row| {
        let mut columns = row.columns();
        Ok(PersonObligation {
            notice_no: columns.take()?,
            notice_id: columns.take()?,
            notice_state: columns.take()?,
            requirement: columns.take()?,
            title: columns.take()?,
            language: columns.take()?,
            issued_at: columns.take()?,
            policy_no: columns.take()?,
            policy_slug: columns.take()?,
            policy_title: columns.take()?,
            version_no: columns.take()?,
            label: columns.take()?,
            summary: columns.take()?,
            state: columns.take()?,
            reason: columns.take()?,
            due_at: columns.take()?,
            opened_at: columns.take()?,
            acted_at: columns.take()?,
        })
    })
}

/// Along the index: state after state, department after department.
fn walk(
    tx: &mut Tx<'_>,
    notice_no: i64,
    filter: &ObligationFilter,
    after_person_no: i64,
    limit: usize,
) -> Result<Vec<ObligationRow>, StoreError> {
    let mut states = if filter.states.is_empty() {
        ObligationState::ALL.to_vec()
    } else {
        filter.states.clone()
    };
    states.sort_unstable();
    states.dedup();
    let cursor = if after_person_no > 0 {
        get(tx, notice_no, after_person_no)?
    } else {
        None
    };
    let mut begin = cursor.map_or((0, 0), |at| {
        // Whoever left the list's states since the page before still marks the place where it ended.
        if let Some(index) = states.iter().position(|state| *state == at.state) {
            states.drain(..index);
        }
        (at.department_no, after_person_no)
    });
    let mut rows = Vec::new();
    for state in states {
        let mut page = Page::new(notice_no, filter, limit - rows.len());
        page.query.push(" AND o.state = '").push(state.as_str());
        if filter.department_nos.is_empty() {
            page.query
                .push("' AND (o.department_no, o.person_no) > (")
                .bind(Value::Int(begin.0));
            page.query.push(", ?2)");
            page.cut("o.department_no, o.person_no");
            page.fetch(tx, begin.1)?;
        } else {
            page.query
                .push("' AND o.department_no = ")
                .bind(Value::Null);
            let place = page.query.last_place();
            page.query.push(" AND o.person_no > ?2");
            page.cut("o.person_no");
            let wanted = json(&filter.department_nos);
            let nos: Vec<i64> = tx.read(DEPARTMENTS, p![notice_no, begin.0, wanted], |row| {
                row.get(0)
            })?;
            for no in nos {
                page.query.set(place, Value::Int(no));
                page.fetch(tx, if no == begin.0 { begin.1 } else { 0 })?;
                if page.limit == 0 {
                    break;
                }
            }
        }
        rows.append(&mut page.rows);
        if rows.len() >= limit {
            break;
        }
        begin = (0, 0);
    }
    Ok(rows)
}

/// One statement and the rows it has brought so far. Its first parameters: 1 the notice, 2 after which person, 3 how many.
struct Page {
    query: Query,
    limit: usize,
    rows: Vec<ObligationRow>,
}

impl Page {
    fn new(notice_no: i64, filter: &ObligationFilter, limit: usize) -> Self {
        let params = vec![
            Value::Int(notice_no),
            Value::Int(0),
            Value::from_count(limit),
        ];
        let mut query = Query::new(SELECT, params);
        if let Some(at) = filter.overdue_at {
            query.push(" AND o.due_at < ").bind(Value::Int(at.0));
        }
        match filter.opened {
            Some(true) => query.push(" AND o.opened_at IS NOT NULL"),
            Some(false) => query.push(" AND o.opened_at IS NULL"),
            None => &mut query,
        };
        Self {
            query,
            limit,
            rows: Vec::new(),
        }
    }

    /// The last part of the statement. `order` is a text of this file.
    fn cut(&mut self, order: &str) {
        self.query
            .push(" ORDER BY ")
            .push(order)
            .push(" LIMIT ?3")
            .push(JOINED)
            .push(order);
    }

    fn fetch(&mut self, tx: &mut Tx<'_>, after: i64) -> Result<(), StoreError> {
        self.query.set(2, Value::Int(after));
        self.query.set(3, Value::from_count(self.limit));
        let fetched = tx.read(self.query.sql(), self.query.params(), obligation_row)?;
        self.limit -= fetched.len();
        self.rows.extend(fetched);
        Ok(())
    }
}
