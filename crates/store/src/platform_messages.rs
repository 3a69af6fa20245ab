//! Messages of a platform that one call carried to many: under which name it can be asked who has read them.
//!
//! Written when such a call was recorded as sent, worked by the collector of read flags, shown on a notice's page.
//! Invariant: one row per lane and platform id, whatever is repeated. Weakness: a crash between the call and its
//! record leaves a message that nobody asks about; its people are told again under another id.

use yuezhi_domain::UnixMillis;

use crate::{Row, StoreError, Tx, p};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT no, lane, platform_id, notice_no, occurrence_no, people, sent_at, check_at, checks, readers, \
             recalled_at FROM platform_messages ",
            $rest
        )
    };
}

const INSERT: &str = "INSERT INTO platform_messages (lane, platform_id, notice_no, occurrence_no, people, sent_at, \
     check_at, checks, readers) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, 0) ON CONFLICT DO NOTHING";
const DUE: &str =
    select!("WHERE check_at IS NOT NULL AND check_at <= ?1 ORDER BY check_at, no LIMIT ?2");
const NEXT_CHECK: &str = "SELECT min(check_at) FROM platform_messages WHERE check_at IS NOT NULL";
const OF_NOTICE: &str = select!("WHERE notice_no = ?1 ORDER BY no DESC LIMIT ?2");
const BY_PLATFORM_ID: &str = select!("WHERE lane = ?1 AND platform_id = ?2");
const CHECKED: &str = "UPDATE platform_messages SET check_at = ?3, checks = checks + 1, readers = ?4 \
     WHERE no = ?1 AND checks = ?2";
const POSTPONE: &str = "UPDATE platform_messages SET check_at = ?3 WHERE no = ?1 AND checks = ?2";
const RECALLED: &str = "UPDATE platform_messages SET recalled_at = ?2, check_at = NULL WHERE no = ?1 AND recalled_at IS NULL";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformMessage {
    pub no: i64,
    pub lane: String,
    pub platform_id: String,
    /// 0 for none.
    pub notice_no: i64,
    pub occurrence_no: i64,
    /// Person numbers; empty for a group.
    pub people: Vec<i64>,
    pub sent_at: UnixMillis,
    pub check_at: Option<UnixMillis>,
    pub checks: i64,
    pub readers: i64,
    pub recalled_at: Option<UnixMillis>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPlatformMessage {
    pub lane: String,
    pub platform_id: String,
    pub notice_no: i64,
    pub occurrence_no: i64,
    pub people: Vec<i64>,
    pub sent_at: UnixMillis,
    /// When to ask first who has read it; `None` where the platform cannot say.
    pub check_at: Option<UnixMillis>,
}

fn platform_message(row: &Row) -> Result<PlatformMessage, StoreError> {
    let mut columns = row.columns();
    Ok(PlatformMessage {
        no: columns.take()?,
        lane: columns.take()?,
        platform_id: columns.take()?,
        notice_no: columns.take()?,
        occurrence_no: columns.take()?,
        people: columns.take()?,
        sent_at: columns.take()?,
        check_at: columns.take()?,
        checks: columns.take()?,
        readers: columns.take()?,
        recalled_at: columns.take()?,
    })
}

/// Repeated, it adds nothing.
pub fn insert(tx: &mut Tx<'_>, new: &NewPlatformMessage) -> Result<bool, StoreError> {
    let inserted = tx.exec(
        INSERT,
        p![
            new.lane,
            new.platform_id,
            new.notice_no,
            new.occurrence_no,
            new.people,
            new.sent_at,
            new.check_at
        ],
    )?;
    Ok(inserted == 1)
}

/// Those to be asked about by now, the longest due first.
pub fn due_for_check(
    tx: &mut Tx<'_>,
    now: UnixMillis,
    limit: usize,
) -> Result<Vec<PlatformMessage>, StoreError> {
    tx.read(DUE, p![now, limit], platform_message)
}

pub fn next_check_at(tx: &mut Tx<'_>) -> Result<Option<UnixMillis>, StoreError> {
    tx.read_one(NEXT_CHECK, p![], |row| row.get(0))
}

/// Newest first.
pub fn of_notice(
    tx: &mut Tx<'_>,
    notice_no: i64,
    limit: usize,
) -> Result<Vec<PlatformMessage>, StoreError> {
    tx.read(OF_NOTICE, p![notice_no, limit], platform_message)
}

pub fn by_platform_id(
    tx: &mut Tx<'_>,
    lane: &str,
    platform_id: &str,
) -> Result<Option<PlatformMessage>, StoreError> {
    tx.read_opt(BY_PLATFORM_ID, p![lane, platform_id], platform_message)
}

/// An answer came; false when another node was faster.
pub fn record_check(
    tx: &mut Tx<'_>,
    message: &PlatformMessage,
    next: Option<UnixMillis>,
    readers: i64,
) -> Result<bool, StoreError> {
    Ok(tx.exec(CHECKED, p![message.no, message.checks, next, readers])? == 1)
}

/// It could not be asked now (budget, error): again then, or never.
pub fn postpone_check(
    tx: &mut Tx<'_>,
    message: &PlatformMessage,
    next: Option<UnixMillis>,
) -> Result<bool, StoreError> {
    Ok(tx.exec(POSTPONE, p![message.no, message.checks, next])? == 1)
}

/// Taken back on the platform; whether it had not been.
pub fn mark_recalled(tx: &mut Tx<'_>, no: i64, at: UnixMillis) -> Result<bool, StoreError> {
    Ok(tx.exec(RECALLED, p![no, at])? == 1)
}
