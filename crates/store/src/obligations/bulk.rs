//! Changes that concern everybody of a notice, or everything of a person.

use yuezhi_domain::{ObligationState, Requirement, UnixMillis};

use crate::{Row, StoreError, Tx, domain_values::json, p, progress::Delta};

const CLOSE_ALL: &str = "UPDATE obligations SET state = ?2, acted_at = ?3, reason = ?4 \
     WHERE notice_no = ?1 AND state = 'pending' RETURNING department_no";
const CLOSE_FOR_PERSON: &str = "UPDATE obligations SET state = ?2, acted_at = ?3, reason = ?4 \
     WHERE person_no = ?1 AND state = 'pending' RETURNING notice_no, department_no";
const CARRY: &str = "UPDATE obligations SET state = ?3, acted_at = ?4, reason = 'carried' \
     WHERE notice_no = ?2 AND state = 'pending' AND person_no IN \
     (SELECT person_no FROM obligations WHERE notice_no = ?1 AND state = ?3) RETURNING department_no";
const CARRY_READ: &str = "UPDATE obligations SET state = 'closed', acted_at = ?3, reason = 'read' \
     WHERE notice_no = ?2 AND state = 'pending' AND person_no IN \
     (SELECT person_no FROM obligations WHERE notice_no = ?1 AND state = 'closed' AND reason = 'read') \
     RETURNING department_no";
const REMIND_ALL: &str = "UPDATE obligations SET reminded = reminded + 1, reminded_at = ?2 \
     WHERE notice_no = ?1 AND state = 'pending'";
const REMIND_SOME: &str = "UPDATE obligations SET reminded = reminded + 1, reminded_at = ?2 \
     WHERE notice_no = ?1 AND state = 'pending' AND person_no {in_ids ?3}";

/// Ends everything that is still pending under a notice; how many.
pub fn close_all_pending(
    tx: &mut Tx<'_>,
    notice_no: i64,
    to: ObligationState,
    at: UnixMillis,
    reason: Option<&str>,
) -> Result<u64, StoreError> {
    let mut moved = Moved::to(to);
    tx.each(CLOSE_ALL, p![notice_no, to, at, reason], |row| {
        moved.count(notice_no, row.get(0)?)
    })?;
    moved.finish(tx)
}

/// Ends everything that a person still owes; how many.
pub fn close_for_person(
    tx: &mut Tx<'_>,
    person_no: i64,
    to: ObligationState,
    at: UnixMillis,
    reason: Option<&str>,
) -> Result<u64, StoreError> {
    let mut moved = Moved::to(to);
    tx.each(
        CLOSE_FOR_PERSON,
        p![person_no, to, at, reason],
        |row: &Row| moved.count(row.get(0)?, row.get(1)?),
    )?;
    moved.finish(tx)
}

/// After a minor change, by the rule of `yuezhi_domain::succession`: who confirmed under the old notice, or was exempted
/// from it, is so under the new one with the reason `carried`; who read it need not read again where reading is all that
/// is asked. How many. The receipts follow by `receipts::carry_forward`.
pub fn carry_forward(
    tx: &mut Tx<'_>,
    from: i64,
    to: i64,
    requirement: Requirement,
    at: UnixMillis,
) -> Result<u64, StoreError> {
    let mut carried = 0;
    for state in [ObligationState::Acknowledged, ObligationState::Exempted] {
        let mut moved = Moved::to(state);
        tx.each(CARRY, p![from, to, state, at], |row| {
            moved.count(to, row.get(0)?)
        })?;
        carried += moved.finish(tx)?;
    }
    if requirement == Requirement::Read {
        let mut moved = Moved::to(ObligationState::Closed);
        tx.each(CARRY_READ, p![from, to, at], |row| {
            moved.count(to, row.get(0)?)
        })?;
        carried += moved.finish(tx)?;
    }
    Ok(carried)
}

/// Counts a reminder for everybody who still owes, or for those of `only` who do; how many.
pub fn mark_reminded(
    tx: &mut Tx<'_>,
    notice_no: i64,
    only: &[i64],
    at: UnixMillis,
) -> Result<u64, StoreError> {
    if only.is_empty() {
        tx.exec(REMIND_ALL, p![notice_no, at])
    } else {
        tx.exec(REMIND_SOME, p![notice_no, at, json(&only)])
    }
}

/// Rows that left the state pending, by department.
struct Moved {
    to: ObligationState,
    delta: Delta,
    rows: u64,
}

impl Moved {
    fn to(to: ObligationState) -> Self {
        Self {
            to,
            delta: Delta::default(),
            rows: 0,
        }
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "it is the last word of closures that read a row"
    )]
    fn count(&mut self, notice_no: i64, department_no: i64) -> Result<(), StoreError> {
        self.delta
            .moved(notice_no, department_no, ObligationState::Pending, self.to);
        self.rows += 1;
        Ok(())
    }

    fn finish(self, tx: &mut Tx<'_>) -> Result<u64, StoreError> {
        self.delta.apply(tx)?;
        Ok(self.rows)
    }
}
