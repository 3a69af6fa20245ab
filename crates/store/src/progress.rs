//! The numbers of a notice by department, kept by the transactions that change obligations.
//!
//! Pages read a few rows here instead of counting a million obligations. Invariant: every number equals what counting
//! the obligations would give ([`check`]); only `obligations.rs` and `people.rs` change them, through `Delta`.
//! Weakness: confirmations of one department of one notice follow each other on PostgreSQL (one row is locked).

use std::collections::{BTreeMap, HashMap};

use yuezhi_domain::{ObligationState, Progress};

use crate::{Row, StoreError, Tx, domain_values::json, p};

const TOTALS: &str = "SELECT COALESCE(CAST(SUM(total) AS BIGINT), 0), COALESCE(CAST(SUM(pending) AS BIGINT), 0), \
     COALESCE(CAST(SUM(opened) AS BIGINT), 0), COALESCE(CAST(SUM(acknowledged) AS BIGINT), 0), \
     COALESCE(CAST(SUM(declined) AS BIGINT), 0), COALESCE(CAST(SUM(exempted) AS BIGINT), 0), \
     COALESCE(CAST(SUM(superseded) AS BIGINT), 0), COALESCE(CAST(SUM(closed) AS BIGINT), 0) \
     FROM progress WHERE notice_no = ?1";
const TOTALS_OF: &str = "SELECT CAST(SUM(total) AS BIGINT), CAST(SUM(pending) AS BIGINT), CAST(SUM(opened) AS BIGINT), \
     CAST(SUM(acknowledged) AS BIGINT), CAST(SUM(declined) AS BIGINT), CAST(SUM(exempted) AS BIGINT), \
     CAST(SUM(superseded) AS BIGINT), CAST(SUM(closed) AS BIGINT), notice_no \
     FROM progress WHERE notice_no {in_ids ?1} GROUP BY notice_no";
const BY_DEPARTMENT: &str = "SELECT r.total, r.pending, r.opened, r.acknowledged, r.declined, r.exempted, r.superseded, \
     r.closed, r.department_no, COALESCE(d.path, '') FROM progress r LEFT JOIN departments d ON d.no = r.department_no \
     WHERE r.notice_no = ?1 AND r.total > 0 ORDER BY COALESCE(d.path, ''), r.department_no";
const ADD: &str = "INSERT INTO progress (notice_no, department_no, total, pending, opened, acknowledged, declined, exempted, \
     superseded, closed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (notice_no, department_no) DO UPDATE SET \
     total = progress.total + excluded.total, pending = progress.pending + excluded.pending, \
     opened = progress.opened + excluded.opened, acknowledged = progress.acknowledged + excluded.acknowledged, \
     declined = progress.declined + excluded.declined, exempted = progress.exempted + excluded.exempted, \
     superseded = progress.superseded + excluded.superseded, closed = progress.closed + excluded.closed";
const COUNTED: &str = "SELECT count(*), COALESCE(SUM(CASE WHEN state = 'pending' THEN 1 ELSE 0 END), 0), \
     count(opened_at), COALESCE(SUM(CASE WHEN state = 'acknowledged' THEN 1 ELSE 0 END), 0), \
     COALESCE(SUM(CASE WHEN state = 'declined' THEN 1 ELSE 0 END), 0), \
     COALESCE(SUM(CASE WHEN state = 'exempted' THEN 1 ELSE 0 END), 0), \
     COALESCE(SUM(CASE WHEN state = 'superseded' THEN 1 ELSE 0 END), 0), \
     COALESCE(SUM(CASE WHEN state = 'closed' THEN 1 ELSE 0 END), 0), department_no \
     FROM obligations WHERE notice_no = ?1 GROUP BY department_no ORDER BY department_no";
const KEPT: &str = "SELECT total, pending, opened, acknowledged, declined, exempted, superseded, closed, department_no \
     FROM progress WHERE notice_no = ?1 AND total <> 0 ORDER BY department_no";
const FORGET: &str = "DELETE FROM progress WHERE notice_no = ?1";
pub(crate) const ADD_EXPANDED: &str = "INSERT INTO progress (notice_no, department_no, total, pending, opened, acknowledged, \
     declined, exempted, superseded, closed) SELECT notice_no, department_no, count(*), \
     SUM(CASE WHEN state = 'pending' THEN 1 ELSE 0 END), count(opened_at), \
     SUM(CASE WHEN state = 'acknowledged' THEN 1 ELSE 0 END), SUM(CASE WHEN state = 'declined' THEN 1 ELSE 0 END), \
     SUM(CASE WHEN state = 'exempted' THEN 1 ELSE 0 END), SUM(CASE WHEN state = 'superseded' THEN 1 ELSE 0 END), \
     SUM(CASE WHEN state = 'closed' THEN 1 ELSE 0 END) FROM obligations \
     WHERE notice_no = ?1 AND person_no > ?2 AND person_no <= ?3 GROUP BY notice_no, department_no \
     ON CONFLICT (notice_no, department_no) DO UPDATE SET \
     total = progress.total + excluded.total, pending = progress.pending + excluded.pending, \
     opened = progress.opened + excluded.opened, acknowledged = progress.acknowledged + excluded.acknowledged, \
     declined = progress.declined + excluded.declined, exempted = progress.exempted + excluded.exempted, \
     superseded = progress.superseded + excluded.superseded, closed = progress.closed + excluded.closed";

/// People by what became of their obligation. The states add up to `total`; `opened` counts across them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub total: i64,
    pub pending: i64,
    pub opened: i64,
    pub acknowledged: i64,
    pub declined: i64,
    pub exempted: i64,
    pub superseded: i64,
    pub closed: i64,
}

/// The part of one department. `path` is empty for people without one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DepartmentProgress {
    pub department_no: i64,
    pub path: String,
    pub totals: Totals,
}

fn totals_of_row(row: &Row) -> Result<Totals, StoreError> {
    let mut columns = row.columns();
    Ok(Totals {
        total: columns.take()?,
        pending: columns.take()?,
        opened: columns.take()?,
        acknowledged: columns.take()?,
        declined: columns.take()?,
        exempted: columns.take()?,
        superseded: columns.take()?,
        closed: columns.take()?,
    })
}

impl Totals {
    /// As the domain's rules want it. `overdue` and `undeliverable` are not kept here and stay 0.
    pub fn as_progress(&self) -> Progress {
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        Progress {
            total: count(self.total),
            pending: count(self.pending),
            acknowledged: count(self.acknowledged),
            declined: count(self.declined),
            exempted: count(self.exempted),
            superseded: count(self.superseded),
            closed: count(self.closed),
            opened: count(self.opened),
            overdue: 0,
            undeliverable: 0,
        }
    }

    pub(crate) fn of_state(&mut self, state: ObligationState) -> &mut i64 {
        match state {
            ObligationState::Pending => &mut self.pending,
            ObligationState::Acknowledged => &mut self.acknowledged,
            ObligationState::Declined => &mut self.declined,
            ObligationState::Exempted => &mut self.exempted,
            ObligationState::Superseded => &mut self.superseded,
            ObligationState::Closed => &mut self.closed,
        }
    }
}

/// Changes to be added to the numbers of several departments, each once.
#[derive(Debug, Default)]
pub(crate) struct Delta(BTreeMap<(i64, i64), Totals>);

impl Delta {
    /// The changes of one department under one notice.
    pub(crate) fn of(&mut self, notice_no: i64, department_no: i64) -> &mut Totals {
        self.0.entry((notice_no, department_no)).or_default()
    }

    /// One person's obligation goes from one state to another.
    pub(crate) fn moved(
        &mut self,
        notice_no: i64,
        department_no: i64,
        from: ObligationState,
        to: ObligationState,
    ) {
        let totals = self.of(notice_no, department_no);
        *totals.of_state(from) -= 1;
        *totals.of_state(to) += 1;
    }

    /// In the order of the keys, so that two transactions cannot lock each other's rows crosswise.
    pub(crate) fn apply(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        for ((notice_no, department_no), t) in &self.0 {
            let params = p![
                notice_no,
                department_no,
                t.total,
                t.pending,
                t.opened,
                t.acknowledged,
                t.declined,
                t.exempted,
                t.superseded,
                t.closed
            ];
            tx.exec(ADD, params)?;
        }
        Ok(())
    }
}

/// All zero for a notice that has nobody.
pub fn totals(tx: &mut Tx<'_>, notice_no: i64) -> Result<Totals, StoreError> {
    tx.read_one(TOTALS, p![notice_no], totals_of_row)
}

/// The totals of several notices by number; a notice that has nobody is left out.
pub fn totals_of(tx: &mut Tx<'_>, notice_nos: &[i64]) -> Result<HashMap<i64, Totals>, StoreError> {
    let rows = tx.read(TOTALS_OF, p![json(&notice_nos)], |row| {
        Ok((row.get(8)?, totals_of_row(row)?))
    })?;
    Ok(rows.into_iter().collect())
}

/// In the order of the departments' paths.
pub fn by_department(
    tx: &mut Tx<'_>,
    notice_no: i64,
) -> Result<Vec<DepartmentProgress>, StoreError> {
    tx.read(BY_DEPARTMENT, p![notice_no], |row| {
        Ok(DepartmentProgress {
            department_no: row.get(8)?,
            path: row.get(9)?,
            totals: totals_of_row(row)?,
        })
    })
}

/// Counts the obligations and writes the numbers anew.
pub fn recount(tx: &mut Tx<'_>, notice_no: i64) -> Result<(), StoreError> {
    let counted = tx.read(COUNTED, p![notice_no], |row| {
        Ok((row.get::<i64>(8)?, totals_of_row(row)?))
    })?;
    tx.exec(FORGET, p![notice_no])?;
    let mut delta = Delta::default();
    for (department_no, totals) in counted {
        *delta.of(notice_no, department_no) = totals;
    }
    delta.apply(tx)
}

/// Whether the kept numbers are what counting gives.
pub fn check(tx: &mut Tx<'_>, notice_no: i64) -> Result<bool, StoreError> {
    let read = |row: &Row| Ok((row.get::<i64>(8)?, totals_of_row(row)?));
    Ok(tx.read(COUNTED, p![notice_no], read)? == tx.read(KEPT, p![notice_no], read)?)
}
