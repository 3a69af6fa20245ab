//! The departments of a company as a tree, to find everything below one of them and to show paths.
//!
//! Built by the caller from the directory for one resolution; numbers are the directory's own.
//! Invariant: no department is above itself; a tree with such a cycle cannot be built.

use std::collections::{BTreeSet, HashMap};

use thiserror::Error;

#[derive(Clone, Debug, Default)]
pub struct DepartmentTree {
    departments: HashMap<i64, Department>,
    children: HashMap<i64, Vec<i64>>,
}

#[derive(Clone, Debug)]
struct Department {
    parent: Option<i64>,
    name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TreeError {
    #[error("department {0} is above itself")]
    Cycle(i64),
    #[error("department number {0} occurs twice")]
    Twice(i64),
}

impl DepartmentTree {
    /// From (number, parent's number, name). A parent that is not among them makes its child a root: a directory
    /// shows only the part of the company that the application may see.
    pub fn new(
        rows: impl IntoIterator<Item = (i64, Option<i64>, String)>,
    ) -> Result<Self, TreeError> {
        let mut tree = Self::default();
        for (no, parent, name) in rows {
            if tree
                .departments
                .insert(no, Department { parent, name })
                .is_some()
            {
                return Err(TreeError::Twice(no));
            }
        }
        let mut numbers: Vec<_> = tree.departments.keys().copied().collect();
        numbers.sort_unstable();
        for no in numbers {
            tree.refuse_cycle(no)?;
            if let Some(parent) = tree.parent(no) {
                tree.children.entry(parent).or_default().push(no);
            }
        }
        Ok(tree)
    }

    pub fn contains(&self, no: i64) -> bool {
        self.departments.contains_key(&no)
    }

    /// The parent, unless this is a root.
    pub fn parent(&self, no: i64) -> Option<i64> {
        let parent = self.departments.get(&no)?.parent?;
        self.contains(parent).then_some(parent)
    }

    /// `总部/财务部`, from the root down. `None` for an unknown number.
    pub fn path(&self, no: i64) -> Option<String> {
        let mut names = vec![self.departments.get(&no)?.name.as_str()];
        let mut above = self.parent(no);
        while let Some(parent) = above {
            names.push(&self.departments.get(&parent)?.name);
            above = self.parent(parent);
        }
        names.reverse();
        Some(names.join("/"))
    }

    /// The departments whose path ends with `reference` (`财务部`, `总部/财务部`), in the order of their numbers.
    /// Whole names only; a department whose full path is `reference` hides all others.
    pub fn find(&self, reference: &str) -> Vec<i64> {
        let wanted: Vec<_> = reference
            .split('/')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .collect();
        if wanted.is_empty() {
            return Vec::new();
        }
        let mut found = Vec::new();
        let mut exact = Vec::new();
        for no in self.departments.keys().copied() {
            if !self.ends_with(no, &wanted) {
                continue;
            }
            found.push(no);
            if self.depth(no) == wanted.len() {
                exact.push(no);
            }
        }
        if exact.len() == 1 && wanted.len() > 1 {
            return exact;
        }
        found.sort_unstable();
        found
    }

    /// The department itself and everything below it; empty for an unknown number.
    pub fn with_sub(&self, no: i64) -> BTreeSet<i64> {
        let mut all = BTreeSet::new();
        let mut open: Vec<i64> = self.contains(no).then_some(no).into_iter().collect();
        while let Some(next) = open.pop() {
            if all.insert(next) {
                open.extend(self.children.get(&next).into_iter().flatten());
            }
        }
        all
    }

    /// Whether the names from `no` upwards are those of `wanted` from its end.
    fn ends_with(&self, no: i64, wanted: &[&str]) -> bool {
        let mut at = Some(no);
        wanted.iter().rev().all(|name| {
            let department = at.and_then(|here| self.departments.get(&here));
            at = at.and_then(|here| self.parent(here));
            department.is_some_and(|department| department.name == *name)
        })
    }

    /// The number of names in the path.
    fn depth(&self, no: i64) -> usize {
        std::iter::successors(Some(no), |here| self.parent(*here)).count()
    }

    fn refuse_cycle(&self, no: i64) -> Result<(), TreeError> {
        let mut above = self.parent(no);
        // A path longer than the number of departments has met one twice.
        for _ in 0..self.departments.len() {
            match above {
                None => return Ok(()),
                Some(parent) if parent == no => return Err(TreeError::Cycle(no)),
                Some(parent) => above = self.parent(parent),
            }
        }
        // Above `no` there is a cycle; the check of its own members names one of them.
        Err(TreeError::Cycle(above.unwrap_or(no)))
    }
}
