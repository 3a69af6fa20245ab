//! Which frames and callbacks of a platform have been handled: a repeated one changes nothing.
//!
//! Invariant: [`first_time`] is called in the transaction that does the work, so that an event is either done and
//! remembered, or neither. Weakness: forgotten after a while; platforms repeat within minutes.

use yuezhi_domain::UnixMillis;

use crate::{StoreError, Tx, p};

const REMEMBER: &str =
    "INSERT INTO inbound_events (id, kind, at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
const FORGET: &str = "DELETE FROM inbound_events WHERE at < ?1";

/// Whether this event has not been seen before; from now on it has.
pub fn first_time(
    tx: &mut Tx<'_>,
    id: &str,
    kind: &str,
    now: UnixMillis,
) -> Result<bool, StoreError> {
    Ok(tx.exec(REMEMBER, p![id, kind, now])? == 1)
}

/// Forgets what was handled before `until`; how many.
pub fn forget(tx: &mut Tx<'_>, until: UnixMillis) -> Result<u64, StoreError> {
    tx.exec(FORGET, p![until])
}
