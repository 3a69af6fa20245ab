//! The company's departments, as imported files or the directory name them.
//!
//! Invariant: `path` holds the names from the root down, joined by `/`; an imported department's `source_id` is its path.

use yuezhi_domain::{DepartmentId, IdSource, UnixMillis};

use crate::{Row, StoreError, Tx, p};

const COLUMNS: &str = "no, id, source_id, parent_no, name, path, closed_at";
const BY_SOURCE: &str = "SELECT no, id, source_id, parent_no, name, path, closed_at FROM departments WHERE source_id = ?1";
const GET: &str =
    "SELECT no, id, source_id, parent_no, name, path, closed_at FROM departments WHERE no = ?1";
const BY_PATH: &str = "SELECT no, id, source_id, parent_no, name, path, closed_at FROM departments WHERE path = ?1 ORDER BY no LIMIT 1";
const TREE: &str = "SELECT no, id, source_id, parent_no, name, path, closed_at FROM departments \
                    WHERE closed_at IS NULL ORDER BY path, no";
const INSERT: &str = "INSERT INTO departments (id, source_id, parent_no, name, path) VALUES (?1, ?2, ?3, ?4, ?5) RETURNING no";
const UPDATE: &str =
    "UPDATE departments SET parent_no = ?2, name = ?3, path = ?4, closed_at = NULL WHERE no = ?1";
const REOPEN: &str =
    "UPDATE departments SET closed_at = NULL WHERE no = ?1 AND closed_at IS NOT NULL";
const CLOSE: &str = "UPDATE departments SET closed_at = ?2 WHERE no = ?1 AND closed_at IS NULL";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Department {
    pub no: i64,
    pub id: DepartmentId,
    pub source_id: String,
    pub parent_no: Option<i64>,
    pub name: String,
    pub path: String,
    pub closed_at: Option<UnixMillis>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDepartment {
    pub source_id: String,
    pub parent_no: Option<i64>,
    pub name: String,
    pub path: String,
}

fn department(row: &Row) -> Result<Department, StoreError> {
    let mut columns = row.columns();
    Ok(Department {
        no: columns.take()?,
        id: columns.take()?,
        source_id: columns.take()?,
        parent_no: columns.take()?,
        name: columns.take()?,
        path: columns.take()?,
        closed_at: columns.take()?,
    })
}

pub fn get(tx: &mut Tx<'_>, no: i64) -> Result<Option<Department>, StoreError> {
    tx.read_opt(GET, p![no], department)
}

pub fn by_path(tx: &mut Tx<'_>, path: &str) -> Result<Option<Department>, StoreError> {
    tx.read_opt(BY_PATH, p![path], department)
}

/// These departments, in the order of their numbers; unknown numbers are left out.
pub fn of_nos(tx: &mut Tx<'_>, nos: &[i64]) -> Result<Vec<Department>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM departments WHERE no {{in_ids ?1}} ORDER BY no");
    tx.read(&sql, p![crate::domain_values::json(&nos)], department)
}

/// All departments that are not closed, in the order of their paths.
pub fn tree(tx: &mut Tx<'_>) -> Result<Vec<Department>, StoreError> {
    tx.read(TREE, p![], department)
}

/// Adds a department or brings it up to date, found by its `source_id`; its number.
pub fn upsert(
    tx: &mut Tx<'_>,
    new: &NewDepartment,
    ids: &IdSource,
    now: UnixMillis,
) -> Result<i64, StoreError> {
    if let Some(known) = tx.read_opt(BY_SOURCE, p![new.source_id], department)? {
        let same =
            known.parent_no == new.parent_no && known.name == new.name && known.path == new.path;
        if !same || known.closed_at.is_some() {
            tx.exec(UPDATE, p![known.no, new.parent_no, new.name, new.path])?;
        }
        return Ok(known.no);
    }
    let id: DepartmentId = ids.next(now);
    tx.read_one(
        INSERT,
        p![id, new.source_id, new.parent_no, new.name, new.path],
        |row| row.get(0),
    )
}

/// The number of the department with this path (`总部/财务部`); it and those above it are made if missing.
pub fn ensure_path(
    tx: &mut Tx<'_>,
    path: &str,
    ids: &IdSource,
    now: UnixMillis,
) -> Result<i64, StoreError> {
    let names: Vec<&str> = path
        .split('/')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect();
    let whole = names.join("/");
    if let Some(known) = tx.read_opt(BY_SOURCE, p![whole], department)? {
        tx.exec(REOPEN, p![known.no])?;
        return Ok(known.no);
    }
    let mut parent_no = None;
    let mut path = String::new();
    for name in names {
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(name);
        let new = NewDepartment {
            source_id: path.clone(),
            parent_no,
            name: name.to_owned(),
            path: path.clone(),
        };
        parent_no = Some(upsert(tx, &new, ids, now)?);
    }
    parent_no.ok_or_else(|| StoreError::Refused("a department's path is empty".to_owned()))
}

/// Whether it was open before.
pub fn close(tx: &mut Tx<'_>, no: i64, at: UnixMillis) -> Result<bool, StoreError> {
    Ok(tx.exec(CLOSE, p![no, at])? == 1)
}
