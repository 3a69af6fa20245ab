//! Lists of people by department, state and search text, page after page.

use super::{Person, PersonState, person, select};
use crate::{Row, StoreError, Tx, Value, domain_values::json, p, policies::contains, query::Query};

const PREFIX: &str = "SELECT no FROM people WHERE name {binary} >= ?1 AND name {binary} < ?2 \
     UNION SELECT no FROM people WHERE staff_no {binary} >= ?1 AND staff_no {binary} < ?2 \
     UNION SELECT no FROM people WHERE email {binary} >= ?3 AND email {binary} < ?4 ORDER BY 1 LIMIT ?5";
const ANYWHERE: &str = "SELECT no FROM people WHERE name {like} ?1 ESCAPE '\\' OR email {like} ?1 ESCAPE '\\' \
     OR staff_no {like} ?1 ESCAPE '\\' ORDER BY no LIMIT ?2";
const MEMBERS: &str = "SELECT count(*) FROM (SELECT 1 FROM memberships WHERE department_no {in_ids ?1} LIMIT ?2) AS few";

/// People found by a search text, at most; more are not told apart by scrolling.
const MOST_FOUND: usize = 2_000;
/// Up to so many members the list of them is made first; above, people are walked and asked where they belong.
const SMALL: i64 = 5_000;

/// Which people; empty means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeopleFilter {
    /// Members of any of these.
    pub department_nos: Vec<i64>,
    pub state: Option<PersonState>,
    /// Beginning of name, staff number or address; parts of them if nothing begins with it.
    pub search: Option<String>,
}

/// In the order of their numbers; the next page begins after the last number of this one. Begin with 0.
pub fn list(
    tx: &mut Tx<'_>,
    filter: &PeopleFilter,
    after_no: i64,
    limit: usize,
) -> Result<Vec<Person>, StoreError> {
    let mut query = Query::new(select!("WHERE p.no > ?1"), vec![Value::Int(after_no)]);
    narrow(tx, &mut query, filter)?;
    query
        .push(" ORDER BY p.no LIMIT ")
        .bind(Value::from_count(limit));
    tx.read(query.sql(), query.params(), person)
}

pub fn count(tx: &mut Tx<'_>, filter: &PeopleFilter) -> Result<i64, StoreError> {
    let mut query = Query::new("SELECT count(*) FROM people p WHERE 1 = 1", Vec::new());
    narrow(tx, &mut query, filter)?;
    tx.read_one(query.sql(), query.params(), |row| row.get(0))
}

fn narrow(tx: &mut Tx<'_>, query: &mut Query, filter: &PeopleFilter) -> Result<(), StoreError> {
    let search = filter.search.as_deref().map(str::trim);
    if let Some(text) = search.filter(|text| !text.is_empty()) {
        query
            .push(" AND p.no ")
            .bind_ids(json(&find_nos(tx, text)?));
    }
    if let Some(state) = filter.state {
        query
            .push(" AND p.state = '")
            .push(state.as_str())
            .push("'");
    }
    if !filter.department_nos.is_empty() {
        query.push(" AND ");
        push_member(tx, query, json(&filter.department_nos))?;
    }
    Ok(())
}

/// The condition that `people p` are members of one of these departments (JSON numbers).
pub(crate) fn push_member(
    tx: &mut Tx<'_>,
    query: &mut Query,
    department_nos: String,
) -> Result<(), StoreError> {
    if is_small(tx, &department_nos)? {
        query.push("p.no IN (SELECT person_no FROM memberships WHERE department_no ");
        query.bind_ids(department_nos).push(")");
    } else {
        // The plus keeps the planner from looking every department up for every person.
        query.push(
            "EXISTS (SELECT 1 FROM memberships m WHERE m.person_no = p.no AND +m.department_no ",
        );
        query.bind_any_id(department_nos).push(")");
    }
    Ok(())
}

/// Whether these departments (JSON numbers) have few members.
fn is_small(tx: &mut Tx<'_>, department_nos: &str) -> Result<bool, StoreError> {
    tx.read_one(MEMBERS, p![department_nos, SMALL], |row| {
        Ok(row.get::<i64>(0)? < SMALL)
    })
}

/// Numbers of the people whom a search text finds, in order.
pub(crate) fn find_nos(tx: &mut Tx<'_>, text: &str) -> Result<Vec<i64>, StoreError> {
    let no = |row: &Row| row.get::<i64>(0);
    let lower = text.to_lowercase();
    let ends = (after_prefix(text), after_prefix(&lower));
    let found = tx.read(PREFIX, p![text, ends.0, lower, ends.1, MOST_FOUND], no)?;
    if !found.is_empty() {
        return Ok(found);
    }
    tx.read(ANYWHERE, p![contains(text), MOST_FOUND], no)
}

/// The text that follows everything beginning with `text`, in the order of bytes.
fn after_prefix(text: &str) -> String {
    format!("{text}\u{10ffff}")
}
