//! Gives the people of an audience their obligations, chunk by chunk.

use yuezhi_domain::{ObligationState, Resolved, UnixMillis};

use crate::{
    StoreError, Tx, Value, audience,
    progress::{self, ADD_EXPANDED},
    query::Query,
};

const ANY_BEYOND: &str =
    "SELECT 1 FROM obligations WHERE notice_no = ?1 AND person_no > ?2 LIMIT 1";
// The casts tell PostgreSQL what a parameter in a select list is.
const INSERT: &str = "INSERT INTO obligations (notice_no, person_no, department_no, state, due_at, reason, reminded) \
     SELECT CAST(?1 AS BIGINT), p.no, p.department_no, ?4, CAST(?5 AS BIGINT), ?6, 0 FROM people p WHERE p.no > ?2 AND ";
const LAST: &str = "SELECT COALESCE(max(person_no), ?2) FROM obligations WHERE notice_no = ?1";
const LAST_OF_CHUNK: &str =
    "SELECT count(*), COALESCE(max(no), ?1) FROM (SELECT p.no FROM people p WHERE p.no > ?1 AND ";

/// The next chunk of an audience.
#[derive(Clone, Copy, Debug)]
pub struct Expand<'a> {
    pub notice_no: i64,
    pub resolved: &'a Resolved,
    /// The last number of the chunk before; 0 to begin.
    pub after_person_no: i64,
    /// People of this chunk, at most.
    pub limit_people: i64,
    pub due_at: Option<UnixMillis>,
    /// Pending, or closed where nothing is owed.
    pub initial: ObligationState,
    pub reason: Option<&'a str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expanded {
    pub inserted: u64,
    /// Where the next chunk goes on.
    pub last_person_no: i64,
    /// Nobody is left.
    pub done: bool,
}

/// Writes a chunk. People who have their obligation already are passed over.
pub fn expand(tx: &mut Tx<'_>, chunk: &Expand<'_>) -> Result<Expanded, StoreError> {
    let begin = [chunk.notice_no, chunk.after_person_no].map(Value::Int);
    let is_first = tx.row_opt(ANY_BEYOND, &begin)?.is_none();
    // Where nobody has an obligation yet, the last one written tells how far the chunk reached.
    let reached = if is_first {
        None
    } else {
        Some(reach(tx, chunk)?)
    };
    let inserted = insert(tx, chunk, is_first)?;
    let (last_person_no, done) = if let Some(reached) = reached {
        reached
    } else {
        let last = tx.read_one(LAST, &begin, |row| row.get(0))?;
        (last, (inserted as i64) < chunk.limit_people)
    };
    if is_first {
        let range = [chunk.notice_no, chunk.after_person_no, last_person_no].map(Value::Int);
        tx.exec(ADD_EXPANDED, &range)?;
    } else {
        progress::recount(tx, chunk.notice_no)?;
    }
    Ok(Expanded {
        inserted,
        last_person_no,
        done,
    })
}

/// Where nobody has an obligation yet there is no conflict to look for, which PostgreSQL does row by row. Should another
/// node write the same chunk at this moment, the unique key refuses ours.
fn insert(tx: &mut Tx<'_>, chunk: &Expand<'_>, is_first: bool) -> Result<u64, StoreError> {
    let params = vec![
        Value::Int(chunk.notice_no),
        Value::Int(chunk.after_person_no),
        Value::Int(chunk.limit_people),
        Value::from_text(Some(chunk.initial.as_str().to_owned())),
        chunk.due_at.map_or(Value::Null, |at| Value::Int(at.0)),
        Value::from_text(chunk.reason.map(ToOwned::to_owned)),
    ];
    let mut query = Query::new(INSERT, params);
    audience::push_predicate(tx, &mut query, chunk.resolved)?;
    query.push(" ORDER BY p.no LIMIT ?3");
    if !is_first {
        query.push(" ON CONFLICT DO NOTHING");
    }
    tx.exec(query.sql(), query.params())
}

/// The last person of the chunk, and whether nobody comes after.
fn reach(tx: &mut Tx<'_>, chunk: &Expand<'_>) -> Result<(i64, bool), StoreError> {
    let params = [chunk.after_person_no, chunk.limit_people].map(Value::Int);
    let mut query = Query::new(LAST_OF_CHUNK, params.to_vec());
    audience::push_predicate(tx, &mut query, chunk.resolved)?;
    query.push(" ORDER BY p.no LIMIT ?2) AS chunk");
    tx.read_one(query.sql(), query.params(), |row| {
        Ok((row.get(1)?, row.get::<i64>(0)? < chunk.limit_people))
    })
}
