//! Receipts (回执): what was observed of a person or done by them. Never changed, never deleted.
//!
//! Written by confirmations, openings and carried confirmations; read by evidence. Invariant: a receipt names the text
//! that was shown and the words that were agreed to by their hashes.

use sha2::{Digest, Sha256};
use yuezhi_domain::{ContentHash, Language, ReceiptId, ReceiptKind, ReceiptSource, UnixMillis};

use crate::{Row, StoreError, ToValue, Tx, Value, p};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT no, id, notice_no, person_no, version_no, kind, source, at, language, text_hash, consent_hash, detail \
             FROM receipts ",
            $rest
        )
    };
}

const OF_NOTICE: &str = select!("WHERE notice_no = ?1 AND no > ?2 ORDER BY no LIMIT ?3");
const LATEST_OF_NOTICE: &str = select!("WHERE notice_no = ?1 ORDER BY no DESC LIMIT ?2");
const OF_OBLIGATION: &str = select!("WHERE person_no = ?2 AND notice_no = ?1 ORDER BY no");
const BY_ID: &str = select!("WHERE id = ?1");
const INSERT: &str = "INSERT INTO receipts (id, notice_no, person_no, version_no, kind, source, at, language, text_hash, \
     consent_hash, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
const LAST_CONFIRMED: &str = "SELECT r.version_no FROM receipts r JOIN notices n ON n.no = r.notice_no \
     WHERE r.person_no = ?1 AND n.policy_no = ?2 AND r.version_no <> ?3 AND r.kind IN ('acknowledged', 'carried') \
     ORDER BY r.no DESC LIMIT 1";
const LATEST: &str = "SELECT COALESCE(max(no), 0) FROM receipts";
/// Confirmations of the old notice by people whose new obligation was carried; each person's last.
const TO_CARRY: &str = "SELECT r.no, r.id, r.notice_no, r.person_no, r.version_no, r.kind, r.source, r.at, r.language, \
     r.text_hash, r.consent_hash, r.detail FROM receipts r \
     JOIN obligations o ON o.notice_no = ?2 AND o.person_no = r.person_no AND o.reason = 'carried' \
     WHERE r.notice_no = ?1 AND r.no > ?3 AND r.kind IN ('acknowledged', 'carried') \
     AND NOT EXISTS (SELECT 1 FROM receipts c WHERE c.person_no = r.person_no AND c.notice_no = ?2 AND c.kind = 'carried') \
     AND NOT EXISTS (SELECT 1 FROM receipts l WHERE l.person_no = r.person_no AND l.notice_no = ?1 AND l.no > r.no \
     AND l.kind IN ('acknowledged', 'carried')) ORDER BY r.no LIMIT ?4";
const READ_REPORTED: &str = "SELECT person_no FROM receipts WHERE person_no {in_ids ?2} AND notice_no = ?1 \
     AND kind = 'read_reported' AND detail = ?3";
const COLUMNS: [&str; 11] = [
    "id",
    "notice_no",
    "person_no",
    "version_no",
    "kind",
    "source",
    "at",
    "language",
    "text_hash",
    "consent_hash",
    "detail",
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub no: i64,
    pub id: ReceiptId,
    pub notice_no: i64,
    pub person_no: i64,
    pub version_no: i64,
    pub kind: ReceiptKind,
    pub source: ReceiptSource,
    pub at: UnixMillis,
    /// In which the text was shown.
    pub language: Language,
    pub text_hash: ContentHash,
    pub consent_hash: Option<ContentHash>,
    /// JSON.
    pub detail: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReceipt {
    pub id: ReceiptId,
    pub notice_no: i64,
    pub person_no: i64,
    pub version_no: i64,
    pub kind: ReceiptKind,
    pub source: ReceiptSource,
    pub at: UnixMillis,
    pub language: Language,
    pub text_hash: ContentHash,
    pub consent_hash: Option<ContentHash>,
    /// JSON: how the person was known, which kind of device.
    pub detail: String,
}

fn receipt(row: &Row) -> Result<Receipt, StoreError> {
    let mut columns = row.columns();
    Ok(Receipt {
        no: columns.take()?,
        id: columns.take()?,
        notice_no: columns.take()?,
        person_no: columns.take()?,
        version_no: columns.take()?,
        kind: columns.take()?,
        source: columns.take()?,
        at: columns.take()?,
        language: columns.take()?,
        text_hash: columns.take()?,
        consent_hash: columns.take()?,
        detail: columns.take()?,
    })
}

pub fn insert(tx: &mut Tx<'_>, new: &NewReceipt) -> Result<(), StoreError> {
    let params = p![
        new.id,
        new.notice_no,
        new.person_no,
        new.version_no,
        new.kind,
        new.source,
        new.at,
        new.language,
        new.text_hash,
        new.consent_hash,
        new.detail,
    ];
    tx.exec(INSERT, params).map(|_| ())
}

pub fn by_id(tx: &mut Tx<'_>, id: &ReceiptId) -> Result<Option<Receipt>, StoreError> {
    tx.read_opt(BY_ID, p![id], receipt)
}

/// In the order in which they were written; the next page begins after the last number of this one. Begin with 0.
pub fn of_notice(
    tx: &mut Tx<'_>,
    notice_no: i64,
    after_no: i64,
    limit: usize,
) -> Result<Vec<Receipt>, StoreError> {
    tx.read(OF_NOTICE, p![notice_no, after_no, limit], receipt)
}

/// Newest first.
pub fn latest_of_notice(
    tx: &mut Tx<'_>,
    notice_no: i64,
    limit: usize,
) -> Result<Vec<Receipt>, StoreError> {
    tx.read(LATEST_OF_NOTICE, p![notice_no, limit], receipt)
}

pub fn of_obligation(
    tx: &mut Tx<'_>,
    notice_no: i64,
    person_no: i64,
) -> Result<Vec<Receipt>, StoreError> {
    tx.read(OF_OBLIGATION, p![notice_no, person_no], receipt)
}

/// The last number given; 0 for none.
pub fn latest_no(tx: &mut Tx<'_>) -> Result<i64, StoreError> {
    tx.read_one(LATEST, p![], |row| row.get(0))
}

/// The version of a policy that this person confirmed last, other than `except_version_no`.
pub fn last_confirmed_version(
    tx: &mut Tx<'_>,
    policy_no: i64,
    person_no: i64,
    except_version_no: i64,
) -> Result<Option<i64>, StoreError> {
    tx.read_opt(
        LAST_CONFIRMED,
        p![person_no, policy_no, except_version_no],
        |row| row.get(0),
    )
}

/// After `obligations::carry_forward`: a receipt under the new notice for every carried confirmation, of kind `carried`,
/// with version, text and consent of what was really confirmed, and naming the receipt it stands on. Repeated, it adds
/// nothing. How many.
pub fn carry_forward(
    tx: &mut Tx<'_>,
    from: i64,
    to: i64,
    at: UnixMillis,
) -> Result<u64, StoreError> {
    const AT_ONCE: usize = 1_000;
    let (mut after, mut carried) = (0, 0);
    loop {
        let old = tx.read(TO_CARRY, p![from, to, after, AT_ONCE], receipt)?;
        let Some(last) = old.last() else {
            return Ok(carried);
        };
        after = last.no;
        carried += tx.bulk_insert(
            "receipts",
            &COLUMNS,
            old.iter().map(|old| {
                [
                    Value::from_text(Some(carried_id(old.id, to).to_string())),
                    Value::Int(to),
                    Value::Int(old.person_no),
                    Value::Int(old.version_no),
                    ReceiptKind::Carried.as_str().to_value(),
                    ReceiptSource::System.as_str().to_value(),
                    Value::Int(at.0),
                    old.language.as_str().to_value(),
                    old.text_hash.to_value(),
                    old.consent_hash.to_value(),
                    Value::from_text(Some(format!("{{\"receipt\":\"{}\"}}", old.id))),
                ]
            }),
        )?;
    }
}

/// A UUID version 8 (RFC 9562) made from the old receipt and the new notice, so that a repeated transaction makes the same.
fn carried_id(old: ReceiptId, notice_no: i64) -> ReceiptId {
    let digest = Sha256::new()
        .chain_update(b"carried receipt")
        .chain_update(old.0.as_bytes())
        .chain_update(notice_no.to_be_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(digest.finalize().get(..16).expect("a SHA-256 has 32 bytes"));
    ReceiptId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

/// Those of these people of whom a channel has reported, with exactly this detail, that they read the message.
pub fn read_reported(
    tx: &mut Tx<'_>,
    notice_no: i64,
    person_nos: &[i64],
    detail: &str,
) -> Result<std::collections::HashSet<i64>, StoreError> {
    let people = crate::domain_values::json(&person_nos);
    let rows = tx.read(READ_REPORTED, p![notice_no, people, detail], |row| {
        row.get(0)
    })?;
    Ok(rows.into_iter().collect())
}
