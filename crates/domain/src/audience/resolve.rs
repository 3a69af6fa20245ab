//! Turns the references of an audience into numbers of the directory.
//!
//! The caller's `Directory` looks names up; publishing, dry run and re-resolution all go through `Audience::resolve`.
//! Invariant: a name that fits nobody or more than one is an error with the candidates, never a guess.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Audience, DepartmentTree, Term};

/// A department or person that fits a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub no: i64,
    /// Enough to tell it from the others: a department's path, a person's name with staff number and department.
    pub label: String,
}

/// What the resolver asks of the people and departments known to the caller.
pub trait Directory {
    fn tree(&self) -> &DepartmentTree;

    /// The people whom a reference fits: staff number, name, mail address, DingTalk user id.
    fn people(&self, reference: &str) -> Vec<Candidate>;

    /// The known name nearest to one that fits nothing, if any is near.
    fn nearest(&self, reference: &str) -> Option<String>;

    /// The departments whom a reference fits: the directory's number, name or path.
    fn departments(&self, reference: &str) -> Vec<Candidate> {
        let tree = self.tree();
        let mut numbers = tree.find(reference);
        if numbers.is_empty() {
            numbers.extend(
                reference
                    .parse::<i64>()
                    .ok()
                    .filter(|no| tree.contains(*no)),
            );
        }
        numbers
            .into_iter()
            .map(|no| Candidate {
                no,
                label: tree.path(no).unwrap_or_default(),
            })
            .collect()
    }
}

/// Why an audience cannot be resolved. Absence of people is not an error here: the caller counts them.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AudienceError {
    #[error("\"{reference}\" is no known {what}{}", nearest.as_ref().map(|name| format!("; did you mean \"{name}\"?")).unwrap_or_default())]
    Unknown {
        /// `department`, `person`, or `department or person`.
        what: &'static str,
        reference: String,
        nearest: Option<String>,
    },
    #[error("\"{reference}\" fits more than one: {}", labels(candidates))]
    Ambiguous {
        reference: String,
        candidates: Vec<Candidate>,
    },
    #[error("the audience includes nobody: name everyone, a department or a person")]
    Empty,
}

fn labels(candidates: &[Candidate]) -> String {
    let shown: Vec<_> = candidates
        .iter()
        .take(5)
        .map(|candidate| candidate.label.as_str())
        .collect();
    let more = candidates.len().saturating_sub(shown.len());
    let list = shown.join(", ");
    if more == 0 {
        list
    } else {
        format!("{list} and {more} more")
    }
}

/// An audience in numbers of the directory, departments expanded: ready for a query or for `includes`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolved {
    pub everyone: bool,
    pub department_nos: BTreeSet<i64>,
    pub person_nos: BTreeSet<i64>,
    pub excluded_everyone: bool,
    pub excluded_department_nos: BTreeSet<i64>,
    pub excluded_person_nos: BTreeSet<i64>,
}

impl Resolved {
    /// Whether a person with these departments belongs to the audience. An exclusion overrides.
    pub fn includes(&self, person_no: i64, department_nos: &[i64]) -> bool {
        let among = |set: &BTreeSet<i64>| department_nos.iter().any(|no| set.contains(no));
        let included =
            self.everyone || self.person_nos.contains(&person_no) || among(&self.department_nos);
        let excluded = self.excluded_everyone
            || self.excluded_person_nos.contains(&person_no)
            || among(&self.excluded_department_nos);
        included && !excluded
    }
}

enum Found {
    Everyone,
    Departments(BTreeSet<i64>),
    Person(i64),
}

impl Audience {
    /// The audience in numbers, or the first reference that is not clear.
    pub fn resolve(&self, directory: &impl Directory) -> Result<Resolved, AudienceError> {
        let mut resolved = Resolved::default();
        for term in &self.include {
            match term.find(directory)? {
                Found::Everyone => resolved.everyone = true,
                Found::Departments(nos) => resolved.department_nos.extend(nos),
                Found::Person(no) => {
                    resolved.person_nos.insert(no);
                }
            }
        }
        for term in &self.exclude {
            match term.find(directory)? {
                Found::Everyone => resolved.excluded_everyone = true,
                Found::Departments(nos) => resolved.excluded_department_nos.extend(nos),
                Found::Person(no) => {
                    resolved.excluded_person_nos.insert(no);
                }
            }
        }
        if self.include.is_empty() || resolved.excluded_everyone {
            return Err(AudienceError::Empty);
        }
        Ok(resolved)
    }
}

impl Term {
    fn find(&self, directory: &impl Directory) -> Result<Found, AudienceError> {
        match self {
            Self::Everyone => Ok(Found::Everyone),
            Self::Department {
                reference,
                with_sub,
            } => {
                let candidates = directory.departments(reference);
                let no = only(directory, "department", reference, candidates)?;
                Ok(Found::Departments(if *with_sub {
                    directory.tree().with_sub(no)
                } else {
                    BTreeSet::from([no])
                }))
            }
            Self::Person(reference) => {
                let candidates = directory.people(reference);
                only(directory, "person", reference, candidates).map(Found::Person)
            }
            Self::Named(reference) => find_named(directory, reference),
        }
    }
}

fn find_named(directory: &impl Directory, reference: &str) -> Result<Found, AudienceError> {
    let departments = directory.departments(reference);
    let mut both = departments.clone();
    both.extend(directory.people(reference));
    let no = only(directory, "department or person", reference, both)?;
    Ok(if departments.is_empty() {
        Found::Person(no)
    } else {
        Found::Departments(directory.tree().with_sub(no))
    })
}

fn only(
    directory: &impl Directory,
    what: &'static str,
    reference: &str,
    mut candidates: Vec<Candidate>,
) -> Result<i64, AudienceError> {
    if candidates.len() > 1 {
        return Err(AudienceError::Ambiguous {
            reference: reference.to_owned(),
            candidates,
        });
    }
    candidates
        .pop()
        .map(|candidate| candidate.no)
        .ok_or_else(|| AudienceError::Unknown {
            what,
            reference: reference.to_owned(),
            nearest: directory.nearest(reference),
        })
}
