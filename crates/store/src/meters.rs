//! The meter of the platform's monthly quotas: how many counted calls this installation has made.
//!
//! Added to by the worker that collects what the client counted, read by the dry run, the console and whoever decides
//! what can be afforded. Invariant: numbers of a month only grow. Weakness: it knows our calls, not those of the
//! organisation's other apps, which share the same quota.

use crate::{StoreError, Tx, domain_values::stored_words, p};

stored_words! {
    /// Which of the two monthly quotas a call counts against.
    "a kind of quota" MeterKind {
        /// Calls of the open platform's interfaces (付费 API 调用量).
        Api = "api",
        /// Webhook and Stream messages (Webhook & Stream 调用量).
        Push = "push",
    }
}

/// Calls of one interface in a month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metered {
    pub kind: MeterKind,
    pub interface: String,
    pub calls: i64,
}

const ADD: &str = "INSERT INTO meters (month, kind, interface, calls) VALUES (?1, ?2, ?3, ?4) \
     ON CONFLICT (month, kind, interface) DO UPDATE SET calls = meters.calls + excluded.calls";
const OF_MONTH: &str =
    "SELECT kind, interface, calls FROM meters WHERE month = ?1 ORDER BY calls DESC, interface";
const TOTAL: &str =
    "SELECT CAST(COALESCE(sum(calls), 0) AS BIGINT) FROM meters WHERE month = ?1 AND kind = ?2";

/// `month` as `2026-11`.
pub fn add(tx: &mut Tx<'_>, month: &str, metered: &Metered) -> Result<(), StoreError> {
    tx.exec(
        ADD,
        p![month, metered.kind, metered.interface, metered.calls],
    )
    .map(|_| ())
}

/// The most called first.
pub fn of_month(tx: &mut Tx<'_>, month: &str) -> Result<Vec<Metered>, StoreError> {
    tx.read(OF_MONTH, p![month], |row| {
        Ok(Metered {
            kind: row.get(0)?,
            interface: row.get(1)?,
            calls: row.get(2)?,
        })
    })
}

pub fn total(tx: &mut Tx<'_>, month: &str, kind: MeterKind) -> Result<i64, StoreError> {
    tx.read_one(TOTAL, p![month, kind], |row| row.get(0))
}
