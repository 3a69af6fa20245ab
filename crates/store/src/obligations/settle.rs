//! One look and one change: what a person's own act or opening does to an obligation.
//!
//! Called by `confirm_reading` and `record_opening`, the two busiest transactions: one statement reads all that they
//! decide by, one changes the row, one counts. Invariants: the row changes only if it still stands as it was looked at;
//! the numbers of the department come last, because on PostgreSQL everybody of the department waits for that row until
//! the commit.

use yuezhi_domain::{ContentHash, NoticeState, ObligationState, Requirement, UnixMillis};

use crate::{StoreError, Tx, p, progress::Delta};

const LOOK: &str = "SELECT o.state, o.opened_at, o.acted_at, n.state, n.requirement, n.version_no, n.consent_hash, v.text_hash \
     FROM obligations o JOIN notices n ON n.no = o.notice_no JOIN versions v ON v.no = n.version_no \
     WHERE o.notice_no = ?1 AND o.person_no = ?2";
const SETTLE: &str = "UPDATE obligations SET state = ?5, acted_at = ?6, opened_at = COALESCE(opened_at, ?6), reason = ?7 \
     WHERE notice_no = ?1 AND person_no = ?2 AND state = ?3 AND (opened_at IS NULL) = ?4 RETURNING department_no";
const OPEN: &str = "UPDATE obligations SET opened_at = ?4 \
     WHERE notice_no = ?1 AND person_no = ?2 AND state = ?3 AND opened_at IS NULL RETURNING department_no";

/// An obligation as it stands, with what its notice asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub notice_no: i64,
    pub person_no: i64,
    pub state: ObligationState,
    /// When the text was opened first.
    pub opened_at: Option<UnixMillis>,
    pub acted_at: Option<UnixMillis>,
    pub notice_state: NoticeState,
    pub requirement: Requirement,
    pub version_no: i64,
    /// The words that are agreed to.
    pub consent_hash: ContentHash,
    /// The text that is read.
    pub text_hash: ContentHash,
}

/// What becomes of it. Every change is an opening too, if there was none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// Only opened: the state stays.
    Opened,
    To(ObligationState, Option<&'a str>),
}

/// `None` for a person who is not asked.
pub fn look(
    tx: &mut Tx<'_>,
    notice_no: i64,
    person_no: i64,
) -> Result<Option<Standing>, StoreError> {
    tx.read_opt(LOOK, p![notice_no, person_no], |row| {
        let mut columns = row.columns();
        Ok(Standing {
            notice_no,
            person_no,
            state: columns.take()?,
            opened_at: columns.take()?,
            acted_at: columns.take()?,
            notice_state: columns.take()?,
            requirement: columns.take()?,
            version_no: columns.take()?,
            consent_hash: columns.take()?,
            text_hash: columns.take()?,
        })
    })
}

/// Changes the obligation, then does what else belongs to it (`then`), then counts. False, and nothing was done, when it
/// stands differently by now: only on PostgreSQL, after another transaction was waited for; look again.
pub fn settle(
    tx: &mut Tx<'_>,
    found: &Standing,
    change: Change<'_>,
    at: UnixMillis,
    then: impl FnOnce(&mut Tx<'_>) -> Result<(), StoreError>,
) -> Result<bool, StoreError> {
    let (notice_no, person_no) = (found.notice_no, found.person_no);
    let first_opening = found.opened_at.is_none();
    let changed: Option<i64> = match change {
        Change::Opened => {
            let params = p![notice_no, person_no, found.state, at];
            tx.read_opt(OPEN, params, |row| row.get(0))?
        }
        Change::To(state, reason) => {
            let params = p![
                notice_no,
                person_no,
                found.state,
                first_opening,
                state,
                at,
                reason
            ];
            tx.read_opt(SETTLE, params, |row| row.get(0))?
        }
    };
    let Some(department_no) = changed else {
        return Ok(false);
    };
    then(tx)?;
    let mut delta = Delta::default();
    if let Change::To(state, _) = change {
        delta.moved(notice_no, department_no, found.state, state);
    }
    if first_opening {
        delta.of(notice_no, department_no).opened += 1;
    }
    delta.apply(tx)?;
    Ok(true)
}
