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
const ADOPT: &str = "UPDATE departments SET source_id = ?2 WHERE no = ?1";
const OPEN_OF: &str = "SELECT no, source_id FROM departments WHERE closed_at IS NULL AND source_id LIKE ?1 ORDER BY no";
const IS_EMPTY: &str = "SELECT count(*) FROM memberships m JOIN people p ON p.no = m.person_no \
                        WHERE m.department_no = ?1 AND p.state = 'active'";
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

/// Gives the department with this path, if it came from a list, the directory's id; whether there was one.
pub fn adopt(tx: &mut Tx<'_>, path: &str, source_id: &str) -> Result<bool, StoreError> {
    if tx.read_opt(BY_SOURCE, p![source_id], department)?.is_some() {
        return Ok(false);
    }
    let Some(known) = tx.read_opt(BY_SOURCE, p![path], department)? else {
        return Ok(false);
    };
    Ok(tx.exec(ADOPT, p![known.no, source_id])? == 1)
}

/// Open departments whose `source_id` begins so: number and `source_id`.
pub fn open_with_source(
    tx: &mut Tx<'_>,
    beginning: &str,
) -> Result<Vec<(i64, String)>, StoreError> {
    let pattern = format!("{beginning}%");
    tx.read(OPEN_OF, p![pattern], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// The number of the department with this `source_id`.
pub fn no_of_source(tx: &mut Tx<'_>, source_id: &str) -> Result<Option<i64>, StoreError> {
    let known = tx.read_opt(BY_SOURCE, p![source_id], department)?;
    Ok(known.map(|known| known.no))
}

/// Whether no active person belongs to it.
pub fn is_empty(tx: &mut Tx<'_>, no: i64) -> Result<bool, StoreError> {
    let people: i64 = tx.read_one(IS_EMPTY, p![no], |row| row.get(0))?;
    Ok(people == 0)
}

/// Whether it was open before.
pub fn close(tx: &mut Tx<'_>, no: i64, at: UnixMillis) -> Result<bool, StoreError> {
    Ok(tx.exec(CLOSE, p![no, at])? == 1)
}
