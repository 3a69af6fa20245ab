//! Lanes: every limited way out, with its pace, its troubles and the node that works it.
//!
//! The dispatcher works a lane under a lease; the console stops and resumes it. Invariant: pace is reserved only by the
//! node that holds the lease, so that two nodes together never send faster than one may.

use yuezhi_domain::{PaceLog, UnixMillis};

use crate::{FromValue, Row, StoreError, ToValue, Tx, Value, p};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT name, kind, pace_log, held_until, stopped_at, reason_code, reason_detail, lease_owner, lease_until, \
             updated_at FROM lanes ",
            $rest
        )
    };
}

const GET: &str = select!("WHERE name = ?1");
const LIST: &str = select!("ORDER BY name");
const ENSURE: &str = "INSERT INTO lanes (name, kind, pace_log, updated_at) VALUES (?1, ?2, '', ?3) ON CONFLICT DO NOTHING";
const ACQUIRE: &str = "UPDATE lanes SET lease_owner = ?2, lease_until = ?4 \
     WHERE name = ?1 AND (lease_owner IS NULL OR lease_owner = ?2 OR lease_until < ?3)";
const RELEASE: &str =
    "UPDATE lanes SET lease_owner = NULL, lease_until = NULL WHERE name = ?1 AND lease_owner = ?2";
const RESERVE: &str = "UPDATE lanes SET pace_log = ?3 WHERE name = ?1 AND lease_owner = ?2";
const HOLD: &str = "UPDATE lanes SET held_until = ?2, reason_code = ?3, reason_detail = ?4 \
     WHERE name = ?1 AND stopped_at IS NULL";
const STOP: &str = "UPDATE lanes SET stopped_at = ?2, reason_code = ?3, reason_detail = ?4, updated_at = ?2 \
     WHERE name = ?1 AND stopped_at IS NULL";
const RESUME: &str = "UPDATE lanes SET stopped_at = NULL, held_until = NULL, reason_code = NULL, reason_detail = NULL, \
     updated_at = ?2 WHERE name = ?1";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// `robot:hr`, `mail`.
    pub name: String,
    pub kind: String,
    pub pace_log: PaceLog,
    /// The platform asked for silence until then.
    pub held_until: Option<UnixMillis>,
    /// An administrator must act.
    pub stopped_at: Option<UnixMillis>,
    /// Why it is held or stopped.
    pub reason_code: Option<String>,
    pub reason_detail: Option<String>,
    pub lease_owner: Option<String>,
    pub lease_until: Option<UnixMillis>,
    pub updated_at: UnixMillis,
}

impl Lane {
    /// Neither stopped nor held at `now`.
    pub fn is_open(&self, now: UnixMillis) -> bool {
        self.stopped_at.is_none() && self.held_until.is_none_or(|until| until <= now)
    }
}

impl ToValue for PaceLog {
    fn to_value(&self) -> Value<'_> {
        Value::from_text(Some(self.to_string()))
    }
}

impl FromValue for PaceLog {
    const WANTED: &'static str = "a log of sends";

    fn from_value(value: &Value<'_>) -> Option<Self> {
        String::from_value(value).and_then(|text| text.parse().ok())
    }
}

fn lane(row: &Row) -> Result<Lane, StoreError> {
    let mut columns = row.columns();
    Ok(Lane {
        name: columns.take()?,
        kind: columns.take()?,
        pace_log: columns.take()?,
        held_until: columns.take()?,
        stopped_at: columns.take()?,
        reason_code: columns.take()?,
        reason_detail: columns.take()?,
        lease_owner: columns.take()?,
        lease_until: columns.take()?,
        updated_at: columns.take()?,
    })
}

/// Makes the lane's row if it is not there.
pub fn ensure(tx: &mut Tx<'_>, name: &str, kind: &str, now: UnixMillis) -> Result<(), StoreError> {
    tx.exec(ENSURE, p![name, kind, now]).map(|_| ())
}

pub fn get(tx: &mut Tx<'_>, name: &str) -> Result<Option<Lane>, StoreError> {
    tx.read_opt(GET, p![name], lane)
}

pub fn list(tx: &mut Tx<'_>) -> Result<Vec<Lane>, StoreError> {
    tx.read(LIST, p![], lane)
}

/// Takes or renews the lease; false while another node holds it.
pub fn acquire(
    tx: &mut Tx<'_>,
    name: &str,
    owner: &str,
    now: UnixMillis,
    until: UnixMillis,
) -> Result<bool, StoreError> {
    Ok(tx.exec(ACQUIRE, p![name, owner, now, until])? == 1)
}

/// Whether it was `owner`'s.
pub fn release_lease(tx: &mut Tx<'_>, name: &str, owner: &str) -> Result<bool, StoreError> {
    Ok(tx.exec(RELEASE, p![name, owner])? == 1)
}

/// Stores the log after sends were granted; false when the lease is another's by now.
pub fn reserve(
    tx: &mut Tx<'_>,
    name: &str,
    owner: &str,
    pace_log: &PaceLog,
) -> Result<bool, StoreError> {
    Ok(tx.exec(RESERVE, p![name, owner, pace_log])? == 1)
}

/// Silence until then, at the platform's wish. A stopped lane stays stopped.
pub fn hold(
    tx: &mut Tx<'_>,
    name: &str,
    until: UnixMillis,
    code: &str,
    detail: &str,
) -> Result<bool, StoreError> {
    Ok(tx.exec(HOLD, p![name, until, code, detail])? == 1)
}

/// Nothing more until an administrator resumes it; whether it was going before.
pub fn stop(
    tx: &mut Tx<'_>,
    name: &str,
    at: UnixMillis,
    code: &str,
    detail: &str,
) -> Result<bool, StoreError> {
    Ok(tx.exec(STOP, p![name, at, code, detail])? == 1)
}

/// Ends a stop or a hold; whether the lane exists.
pub fn resume(tx: &mut Tx<'_>, name: &str, now: UnixMillis) -> Result<bool, StoreError> {
    Ok(tx.exec(RESUME, p![name, now])? == 1)
}
