//! An audience (适用范围) against the directory: who belongs to it, as SQL.
//!
//! Called by publishing, its dry run, and `obligations::expand`. Invariant: the one predicate of this file selects
//! exactly the active people for whom `Resolved::includes` is true; a property test holds the two together.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
};

use yuezhi_domain::{
    Audience, AudienceError, DepartmentTree, Directory, Resolved, audience::Candidate,
};

use crate::{
    StoreError, Tx, Value, departments,
    domain_values::json,
    p,
    people::{self, Person, person, push_member, select},
    query::Query,
};

const NAMES_AND_NUMBERS: &str =
    "SELECT name, staff_no FROM people WHERE state = 'active' ORDER BY no LIMIT 50000";

/// Puts the condition on `people p` into a query.
pub(crate) fn push_predicate(
    tx: &mut Tx<'_>,
    query: &mut Query,
    resolved: &Resolved,
) -> Result<(), StoreError> {
    query.push("p.state = 'active' AND (");
    let (departments, people) = (&resolved.department_nos, &resolved.person_nos);
    push_any(tx, query, resolved.everyone, departments, people)?;
    query.push(") AND NOT (");
    let (departments, people) = (
        &resolved.excluded_department_nos,
        &resolved.excluded_person_nos,
    );
    push_any(tx, query, resolved.excluded_everyone, departments, people)?;
    query.push(")");
    Ok(())
}

/// Everybody, or those in any of these departments, or these people.
fn push_any(
    tx: &mut Tx<'_>,
    query: &mut Query,
    everyone: bool,
    department_nos: &BTreeSet<i64>,
    person_nos: &BTreeSet<i64>,
) -> Result<(), StoreError> {
    query.push(if everyone { "1 = 1" } else { "1 = 0" });
    if everyone {
        return Ok(());
    }
    if !department_nos.is_empty() {
        query.push(" OR ");
        push_member(tx, query, json(department_nos))?;
    }
    if !person_nos.is_empty() {
        query.push(" OR p.no ").bind_ids(json(person_nos));
    }
    Ok(())
}

/// How many people.
pub fn count(tx: &mut Tx<'_>, resolved: &Resolved) -> Result<i64, StoreError> {
    let query = selected(tx, "SELECT count(*) FROM people p", resolved)?;
    tx.read_one(query.sql(), query.params(), |row| row.get(0))
}

pub fn count_without_email(tx: &mut Tx<'_>, resolved: &Resolved) -> Result<i64, StoreError> {
    let mut query = selected(tx, "SELECT count(*) FROM people p", resolved)?;
    query.push(" AND p.email IS NULL");
    tx.read_one(query.sql(), query.params(), |row| row.get(0))
}

/// The first few, in the order of their numbers.
pub fn sample(
    tx: &mut Tx<'_>,
    resolved: &Resolved,
    limit: usize,
) -> Result<Vec<Person>, StoreError> {
    let mut query = selected(tx, select!(""), resolved)?;
    query
        .push(" ORDER BY p.no LIMIT ")
        .bind(Value::from_count(limit));
    tx.read(query.sql(), query.params(), person)
}

pub fn names_without_email(
    tx: &mut Tx<'_>,
    resolved: &Resolved,
    limit: usize,
) -> Result<Vec<String>, StoreError> {
    let mut query = selected(tx, "SELECT p.name FROM people p", resolved)?;
    query
        .push(" AND p.email IS NULL ORDER BY p.no LIMIT ")
        .bind(Value::from_count(limit));
    tx.read(query.sql(), query.params(), |row| row.get(0))
}

/// People by the path of their primary department, in the order of the paths; an empty path for those without one.
pub fn by_department(
    tx: &mut Tx<'_>,
    resolved: &Resolved,
) -> Result<Vec<(String, i64)>, StoreError> {
    const SELECT: &str = "SELECT COALESCE(d.path, ''), count(*) FROM people p \
         LEFT JOIN departments d ON d.no = p.department_no";
    let mut query = selected(tx, SELECT, resolved)?;
    query.push(" GROUP BY COALESCE(d.path, '') ORDER BY 1");
    tx.read(query.sql(), query.params(), |row| {
        Ok((row.get(0)?, row.get(1)?))
    })
}

fn selected(tx: &mut Tx<'_>, select: &str, resolved: &Resolved) -> Result<Query, StoreError> {
    let mut query = Query::new(select, Vec::new());
    query.push(" WHERE ");
    push_predicate(tx, &mut query, resolved)?;
    Ok(query)
}

/// Looks the audience's names up; the inner error says which name is not clear.
pub fn resolve(
    tx: &mut Tx<'_>,
    audience: &Audience,
) -> Result<Result<Resolved, AudienceError>, StoreError> {
    let rows = departments::tree(tx)?
        .into_iter()
        .map(|d| (d.no, d.parent_no, d.name));
    let tree = DepartmentTree::new(rows).map_err(|error| StoreError::Damaged(error.to_string()))?;
    let directory = InDatabase {
        tx: RefCell::new(tx),
        tree,
        failed: Cell::new(None),
    };
    let resolved = audience.resolve(&directory);
    match directory.failed.into_inner() {
        Some(error) => Err(error),
        None => Ok(resolved),
    }
}

/// The directory as the domain's resolver asks for it. An error of the database waits in `failed`.
struct InDatabase<'a, 'db> {
    tx: RefCell<&'a mut Tx<'db>>,
    tree: DepartmentTree,
    failed: Cell<Option<StoreError>>,
}

impl InDatabase<'_, '_> {
    fn ask<T: Default>(&self, ask: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError>) -> T {
        ask(&mut self.tx.borrow_mut()).unwrap_or_else(|error| {
            self.failed.set(Some(error));
            T::default()
        })
    }
}

impl Directory for InDatabase<'_, '_> {
    fn tree(&self) -> &DepartmentTree {
        &self.tree
    }

    fn people(&self, reference: &str) -> Vec<Candidate> {
        let found = self.ask(|tx| {
            // A number or an id is exact; only then may a name or an address be meant.
            for exact in [
                people::by_staff_no(tx, reference)?,
                people::by_dingtalk_user_id(tx, reference)?,
            ] {
                if let Some(person) = exact.filter(Person::is_active) {
                    return Ok(vec![person]);
                }
            }
            let mut found = people::by_name(tx, reference)?;
            found.extend(people::by_email(tx, &reference.to_lowercase())?);
            found.retain(Person::is_active);
            Ok(found)
        });
        let label = |person: &Person| {
            let department = if person.department_path.is_empty() {
                ""
            } else {
                ", "
            };
            format!(
                "{} ({}{department}{})",
                person.name, person.staff_no, person.department_path
            )
        };
        found
            .iter()
            .map(|person| Candidate {
                no: person.no,
                label: label(person),
            })
            .collect()
    }

    fn nearest(&self, reference: &str) -> Option<String> {
        let mut names = self.ask(|tx| {
            let mut names = Vec::new();
            for department in departments::tree(tx)? {
                names.extend([department.name, department.path]);
            }
            tx.each(NAMES_AND_NUMBERS, p![], |row| {
                names.extend([row.get::<String>(0)?, row.get::<String>(1)?]);
                Ok(())
            })?;
            Ok(names)
        });
        names.retain(|name| name.chars().count().abs_diff(reference.chars().count()) <= 3);
        let most = (reference.chars().count() / 3).clamp(1, 3);
        names
            .into_iter()
            .map(|name| (strsim::damerau_levenshtein(&name, reference), name))
            .filter(|(distance, _)| *distance <= most)
            .min()
            .map(|(_, name)| name)
    }
}
