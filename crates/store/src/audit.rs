//! The audit trail: who did what to what, in order. Only ever appended to.

use yuezhi_domain::UnixMillis;

use crate::{Row, StoreError, Tx, Value, p, policies::newest_first, query::Query};

const APPEND: &str =
    "INSERT INTO audit (at, actor, action, subject, detail) VALUES (?1, ?2, ?3, ?4, ?5)";
const LIST: &str = "SELECT seq, at, actor, action, subject, detail FROM audit WHERE seq < ?1";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub seq: i64,
    pub at: UnixMillis,
    /// `account:li`, `token:ci`, `person:1024`, `system`.
    pub actor: String,
    /// `version.published`.
    pub action: String,
    /// `kind:id`.
    pub subject: String,
    /// JSON.
    pub detail: String,
}

/// Which entries; nothing set means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    pub subject: Option<String>,
    pub actor: Option<String>,
    pub action: Option<String>,
}

pub fn append(
    tx: &mut Tx<'_>,
    at: UnixMillis,
    actor: &str,
    action: &str,
    subject: &str,
    detail: &str,
) -> Result<(), StoreError> {
    tx.exec(APPEND, p![at, actor, action, subject, detail])
        .map(|_| ())
}

/// Newest first; the next page begins before the last number of this one. Begin with 0.
pub fn list(
    tx: &mut Tx<'_>,
    filter: &AuditFilter,
    before_seq: i64,
    limit: usize,
) -> Result<Vec<Entry>, StoreError> {
    let mut query = Query::new(LIST, vec![Value::Int(newest_first(before_seq))]);
    for (column, wanted) in [
        ("subject", &filter.subject),
        ("actor", &filter.actor),
        ("action", &filter.action),
    ] {
        if let Some(wanted) = wanted {
            query
                .push(" AND ")
                .push(column)
                .push(" = ")
                .bind_text(wanted);
        }
    }
    query
        .push(" ORDER BY seq DESC LIMIT ")
        .bind(Value::from_count(limit));
    tx.read(query.sql(), query.params(), |row: &Row| {
        let mut columns = row.columns();
        Ok(Entry {
            seq: columns.take()?,
            at: columns.take()?,
            actor: columns.take()?,
            action: columns.take()?,
            subject: columns.take()?,
            detail: columns.take()?,
        })
    })
}
