//! Gives the people of an audience their obligations, chunk by chunk.

use yuezhi_domain::{ObligationState, Resolved, UnixMillis};

use crate::{
    StoreError, Tx, Value, audience,
    progress::{self, ADD_EXPANDED},
    query::Query,
};

const ANY_IN_RANGE: &str =
    "SELECT 1 FROM obligations WHERE notice_no = ?1 AND person_no > ?2 AND person_no <= ?3 LIMIT 1";

// The casts tell PostgreSQL what a parameter in a select list is.
const INSERT: &str = "INSERT INTO obligations (notice_no, person_no, department_no, state, due_at, reason, reminded) \
     SELECT CAST(?1 AS BIGINT), p.no, p.department_no, ?4, CAST(?5 AS BIGINT), ?6, 0 FROM people p \
     WHERE p.no > ?2 AND p.no <= ?3 AND ";
const LAST_OF_CHUNK: &str =
    "SELECT count(*), max(no) FROM (SELECT p.no FROM people p WHERE p.no > ?1 AND ";

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
    let (count, last_person_no) = last_of_chunk(tx, chunk)?;
    let done = count < chunk.limit_people;
    let Some(last_person_no) = last_person_no else {
        return Ok(Expanded {
            inserted: 0,
            last_person_no: chunk.after_person_no,
            done,
        });
    };
    let range = [chunk.notice_no, chunk.after_person_no, last_person_no].map(Value::Int);
    let was_empty = tx.row_opt(ANY_IN_RANGE, &range)?.is_none();
    let mut params = range.to_vec();
    params.push(Value::from_text(Some(chunk.initial.as_str().to_owned())));
    params.push(chunk.due_at.map_or(Value::Null, |at| Value::Int(at.0)));
    params.push(Value::from_text(chunk.reason.map(ToOwned::to_owned)));
    let mut query = Query::new(INSERT, params);
    audience::push_predicate(tx, &mut query, chunk.resolved)?;
    query.push(" ORDER BY p.no ON CONFLICT DO NOTHING");
    let inserted = tx.exec(query.sql(), query.params())?;
    if was_empty {
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

/// How many people the chunk has, and the last one's number.
fn last_of_chunk(tx: &mut Tx<'_>, chunk: &Expand<'_>) -> Result<(i64, Option<i64>), StoreError> {
    let params = [chunk.after_person_no, chunk.limit_people].map(Value::Int);
    let mut query = Query::new(LAST_OF_CHUNK, params.to_vec());
    audience::push_predicate(tx, &mut query, chunk.resolved)?;
    query.push(" ORDER BY p.no LIMIT ?2) AS chunk");
    tx.read_one(query.sql(), query.params(), |row| {
        Ok((row.get(0)?, row.get(1)?))
    })
}
