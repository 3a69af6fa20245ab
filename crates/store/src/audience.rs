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

/// By which of a person's names a personal lane knows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Address {
    Mail,
    /// `userid`, of somebody who has activated DingTalk.
    DingTalkUser,
    /// `unionid`, of such a person: to-dos.
    DingTalkUnion,
}

impl Address {
    /// The condition on `people p`. Who is not known to be inactive counts as active.
    pub(crate) const fn is_there(self) -> &'static str {
        match self {
            Self::Mail => "(p.email IS NOT NULL)",
            Self::DingTalkUser => {
                "(p.dingtalk_user_id IS NOT NULL AND p.dingtalk_active IS NOT FALSE)"
            }
            Self::DingTalkUnion => {
                "(p.dingtalk_union_id IS NOT NULL AND p.dingtalk_active IS NOT FALSE)"
            }
        }
    }

    /// For somebody for whom [`Self::is_there`] is false: the code of the reason, as an expression.
    pub(crate) const fn why_not(self) -> &'static str {
        match self {
            Self::Mail => "'no_address'",
            Self::DingTalkUser => {
                "CASE WHEN p.dingtalk_user_id IS NULL THEN 'no_address' ELSE 'dingtalk_inactive' END"
            }
            Self::DingTalkUnion => {
                "CASE WHEN p.dingtalk_union_id IS NULL THEN 'no_address' ELSE 'dingtalk_inactive' END"
            }
        }
    }
}

/// Whom of an audience a lane reaches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Those it reaches, by the language that stands in their row.
    pub by_language: Vec<(Option<String>, i64)>,
    pub no_address: i64,
    /// They are in the organisation's DingTalk and have not activated it.
    pub inactive: i64,
}

impl Reach {
    pub fn reached(&self) -> i64 {
        self.by_language.iter().map(|(_, people)| people).sum()
    }

    pub const fn unreached(&self) -> i64 {
        self.no_address + self.inactive
    }
}

/// Whom a lane reaches that knows people by `address`. `unless`: leaves out whom that other name reaches.
pub fn reach(
    tx: &mut Tx<'_>,
    resolved: &Resolved,
    address: Address,
    unless: Option<Address>,
) -> Result<Reach, StoreError> {
    let select = format!(
        "SELECT language, code, count(*) FROM (SELECT p.language AS language, CASE WHEN {} THEN '' ELSE {} END AS code \
         FROM people p",
        address.is_there(),
        address.why_not()
    );
    let mut query = selected(tx, &select, resolved)?;
    if let Some(other) = unless {
        query.push(" AND NOT ").push(other.is_there());
    }
    query.push(") AS person GROUP BY language, code ORDER BY language, code");
    let mut reach = Reach::default();
    tx.each(query.sql(), query.params(), |row| {
        let (language, code, people): (Option<String>, String, i64) =
            (row.get(0)?, row.get(1)?, row.get(2)?);
        match code.as_str() {
            "" => reach.by_language.push((language, people)),
            "dingtalk_inactive" => reach.inactive += people,
            _ => reach.no_address += people,
        }
        Ok(())
    })?;
    Ok(reach)
}

/// The first few whom none of these reaches, in the order of their numbers.
pub fn names_unreached(
    tx: &mut Tx<'_>,
    resolved: &Resolved,
    addresses: &[Address],
    limit: usize,
) -> Result<Vec<String>, StoreError> {
    let mut query = selected(tx, "SELECT p.name FROM people p", resolved)?;
    for address in addresses {
        query.push(" AND NOT ").push(address.is_there());
    }
    query
        .push(" ORDER BY p.no LIMIT ")
        .bind(Value::from_count(limit));
    tx.read(query.sql(), query.params(), |row| row.get(0))
}

/// How many people.
pub fn count(tx: &mut Tx<'_>, resolved: &Resolved) -> Result<i64, StoreError> {
    let query = selected(tx, "SELECT count(*) FROM people p", resolved)?;
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

/// Somebody of an audience as a chat group knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatName {
    pub person_no: i64,
    pub name: String,
    /// `None`: not in the organisation's DingTalk, or not activated there.
    pub dingtalk_user_id: Option<String>,
}

/// Everybody, in the order of their numbers.
pub fn chat_names(tx: &mut Tx<'_>, resolved: &Resolved) -> Result<Vec<ChatName>, StoreError> {
    let select = format!(
        "SELECT p.no, p.name, CASE WHEN {} THEN p.dingtalk_user_id END FROM people p",
        Address::DingTalkUser.is_there()
    );
    let mut query = selected(tx, &select, resolved)?;
    query.push(" ORDER BY p.no");
    tx.read(query.sql(), query.params(), |row| {
        Ok(ChatName {
            person_no: row.get(0)?,
            name: row.get(1)?,
            dingtalk_user_id: row.get(2)?,
        })
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
