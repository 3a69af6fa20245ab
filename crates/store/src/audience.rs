//! An audience (适用范围) against the directory: who belongs to it, as SQL.
//!
//! Called by publishing, its dry run, and `obligations::expand`. Invariant: the one predicate of this file selects
//! exactly the active people for whom `Resolved::includes` is true; a property test holds the two together.

use std::cell::{Cell, RefCell};

use yuezhi_domain::{
    Audience, AudienceError, DepartmentTree, Directory, Resolved, audience::Candidate,
};

use crate::{
    StoreError, Tx, Value, departments,
    domain_values::json,
    p,
    people::{self, Person, is_small, person, select},
};

const NAMES_AND_NUMBERS: &str =
    "SELECT name, staff_no FROM people WHERE state = 'active' ORDER BY no LIMIT 50000";

/// The condition on `people p`, its parameters numbered from `first`.
pub(crate) fn predicate(
    tx: &mut Tx<'_>,
    resolved: &Resolved,
    first: usize,
) -> Result<(String, Vec<Value<'static>>), StoreError> {
    let mut params = Vec::new();
    let mut member = |tx: &mut Tx<'_>, department_nos: String| -> Result<String, StoreError> {
        let small = is_small(tx, &department_nos)?;
        params.push(Value::from_text(Some(department_nos)));
        let list = format!("{{ids ?{}}}", first + params.len() - 1);
        Ok(if small {
            format!("p.no IN (SELECT person_no FROM memberships WHERE department_no IN {list})")
        } else {
            format!(
                "EXISTS (SELECT 1 FROM memberships m WHERE m.person_no = p.no AND m.department_no IN {list})"
            )
        })
    };
    let mut include = Vec::new();
    if resolved.everyone {
        include.push("1 = 1".to_owned());
    } else if !resolved.department_nos.is_empty() {
        include.push(member(tx, json(&resolved.department_nos))?);
    }
    let mut exclude = Vec::new();
    if resolved.excluded_everyone {
        exclude.push("1 = 1".to_owned());
    }
    if !resolved.excluded_department_nos.is_empty() {
        exclude.push(member(tx, json(&resolved.excluded_department_nos))?);
    }
    for (nos, conditions) in [
        (&resolved.person_nos, &mut include),
        (&resolved.excluded_person_nos, &mut exclude),
    ] {
        if !nos.is_empty() {
            params.push(Value::from_text(Some(json(nos))));
            conditions.push(format!("p.no IN {{ids ?{}}}", first + params.len() - 1));
        }
    }
    if include.is_empty() {
        include.push("1 = 0".to_owned());
    }
    if exclude.is_empty() {
        exclude.push("1 = 0".to_owned());
    }
    let sql = format!(
        "p.state = 'active' AND ({}) AND NOT ({})",
        include.join(" OR "),
        exclude.join(" OR ")
    );
    Ok((sql, params))
}

/// How many people.
pub fn count(tx: &mut Tx<'_>, resolved: &Resolved) -> Result<i64, StoreError> {
    count_where(tx, resolved, "")
}

pub fn count_without_email(tx: &mut Tx<'_>, resolved: &Resolved) -> Result<i64, StoreError> {
    count_where(tx, resolved, " AND p.email IS NULL")
}

fn count_where(tx: &mut Tx<'_>, resolved: &Resolved, and: &str) -> Result<i64, StoreError> {
    let (predicate, params) = predicate(tx, resolved, 1)?;
    tx.read_one(
        &format!("SELECT count(*) FROM people p WHERE {predicate}{and}"),
        &params,
        |row| row.get(0),
    )
}

/// The first few, in the order of their numbers.
pub fn sample(
    tx: &mut Tx<'_>,
    resolved: &Resolved,
    limit: usize,
) -> Result<Vec<Person>, StoreError> {
    let (predicate, mut params) = predicate(tx, resolved, 2)?;
    params.insert(0, Value::from_count(limit));
    tx.read(
        &format!("{}{predicate} ORDER BY p.no LIMIT ?1", select!("WHERE ")),
        &params,
        person,
    )
}

pub fn names_without_email(
    tx: &mut Tx<'_>,
    resolved: &Resolved,
    limit: usize,
) -> Result<Vec<String>, StoreError> {
    let (predicate, mut params) = predicate(tx, resolved, 2)?;
    params.insert(0, Value::from_count(limit));
    let sql = format!(
        "SELECT p.name FROM people p WHERE {predicate} AND p.email IS NULL ORDER BY p.no LIMIT ?1"
    );
    tx.read(&sql, &params, |row| row.get(0))
}

/// People by the path of their primary department, in the order of the paths; an empty path for those without one.
pub fn by_department(
    tx: &mut Tx<'_>,
    resolved: &Resolved,
) -> Result<Vec<(String, i64)>, StoreError> {
    let (predicate, params) = predicate(tx, resolved, 1)?;
    let sql = format!(
        "SELECT COALESCE(d.path, ''), count(*) FROM people p LEFT JOIN departments d ON d.no = p.department_no \
         WHERE {predicate} GROUP BY COALESCE(d.path, '') ORDER BY 1"
    );
    tx.read(&sql, &params, |row| Ok((row.get(0)?, row.get(1)?)))
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
