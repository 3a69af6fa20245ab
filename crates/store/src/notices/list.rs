//! The list of notices with their numbers, newest first.

use yuezhi_domain::{NoticeState, UnixMillis};

use super::{Notice, notice};
use crate::{
    Row, StoreError, Tx, Value,
    policies::{contains, newest_first},
    progress::{self, Totals},
    query::Query,
};

const SELECT: &str = "SELECT n.no, n.id, n.policy_no, n.version_no, n.state, n.title, n.requirement, n.audience, \
     n.consent_text, n.consent_hash, n.language, n.time_zone, n.due_at, n.channels, n.plan, n.planned_until, \
     n.next_reminder_at, n.expanded_to, n.issued_by, n.issued_at, n.closed_at, n.close_reason, \
     p.slug, p.title, v.label FROM notices n JOIN policies p ON p.no = n.policy_no JOIN versions v ON v.no = n.version_no \
     WHERE n.no < ?1";

/// Which notices; nothing set means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoticeFilter {
    pub state: Option<NoticeState>,
    pub policy_no: Option<i64>,
    /// Part of the title.
    pub search: Option<String>,
    /// Due before this time, and somebody still owes.
    pub overdue_at: Option<UnixMillis>,
}

/// A notice as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeRow {
    pub notice: Notice,
    pub policy_slug: String,
    pub policy_title: String,
    pub version_label: String,
    pub totals: Totals,
}

/// Newest first; the next page begins after the last number of this one. Begin with 0.
pub fn list(
    tx: &mut Tx<'_>,
    filter: &NoticeFilter,
    after_no: i64,
    limit: usize,
) -> Result<Vec<NoticeRow>, StoreError> {
    let mut query = Query::new(SELECT, vec![Value::Int(newest_first(after_no))]);
    narrow(&mut query, filter);
    query
        .push(" ORDER BY n.no DESC LIMIT ")
        .bind(Value::from_count(limit));
    let mut rows = tx.read(query.sql(), query.params(), |row: &Row| {
        Ok(NoticeRow {
            notice: notice(row)?,
            policy_slug: row.get(22)?,
            policy_title: row.get(23)?,
            version_label: row.get(24)?,
            totals: Totals::default(),
        })
    })?;
    let nos: Vec<i64> = rows.iter().map(|row| row.notice.no).collect();
    let totals = progress::totals_of(tx, &nos)?;
    for row in &mut rows {
        row.totals = totals.get(&row.notice.no).copied().unwrap_or_default();
    }
    Ok(rows)
}

pub fn count(tx: &mut Tx<'_>, filter: &NoticeFilter) -> Result<i64, StoreError> {
    let mut query = Query::new("SELECT count(*) FROM notices n WHERE 1 = 1", Vec::new());
    narrow(&mut query, filter);
    tx.read_one(query.sql(), query.params(), |row| row.get(0))
}

fn narrow(query: &mut Query, filter: &NoticeFilter) {
    if let Some(state) = filter.state {
        query.push(" AND n.state = ").bind_text(state.as_str());
    }
    if let Some(policy_no) = filter.policy_no {
        query
            .push(" AND n.policy_no = ")
            .bind(Value::Int(policy_no));
    }
    let search = filter.search.as_deref().map(str::trim);
    if let Some(text) = search.filter(|text| !text.is_empty()) {
        query
            .push(" AND n.title {like} ")
            .bind_text(&contains(text))
            .push(" ESCAPE '\\'");
    }
    if let Some(at) = filter.overdue_at {
        query.push(" AND n.due_at < ").bind(Value::Int(at.0)).push(
            " AND EXISTS (SELECT 1 FROM progress g WHERE g.notice_no = n.no AND g.pending > 0)",
        );
    }
}
