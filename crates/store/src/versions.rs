//! Versions (版本): immutable once published; only their state moves on.

use yuezhi_domain::{ChangeKind, ContentHash, Language, UnixMillis, VersionId, VersionState};

use crate::{Row, StoreError, Tx, p};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT no, id, policy_no, number, label, state, change_kind, summary, title, language, effective_on, \
             document_hash, html_hash, text_hash, original_hash, original_name, original_media_type, source, source_ref, \
             published_by, published_at FROM versions ",
            $rest
        )
    };
}

const GET: &str = select!("WHERE no = ?1");
const BY_ID: &str = select!("WHERE id = ?1");
const OF_POLICY: &str = select!("WHERE policy_no = ?1 ORDER BY number DESC");
const LATEST: &str = select!("WHERE policy_no = ?1 ORDER BY number DESC LIMIT 1");
const PREVIOUS: &str = select!("WHERE policy_no = ?1 AND number < ?2 ORDER BY number DESC LIMIT 1");
const BY_TEXT: &str =
    select!("WHERE policy_no = ?1 AND text_hash = ?2 ORDER BY number DESC LIMIT 1");
const NEXT_NUMBER: &str = "SELECT COALESCE(max(number), 0) + 1 FROM versions WHERE policy_no = ?1";
const INSERT: &str = "INSERT INTO versions (id, policy_no, number, label, state, change_kind, summary, title, language, \
     effective_on, document_hash, html_hash, text_hash, original_hash, original_name, original_media_type, source, \
     source_ref, published_by, published_at) VALUES (?1, ?2, ?3, ?4, 'published', ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, \
     ?14, ?15, ?16, ?17, ?18, ?19) RETURNING no";
const SUPERSEDE: &str =
    "UPDATE versions SET state = 'superseded' WHERE no = ?1 AND state = 'published'";
const ADD_FILE: &str = "INSERT INTO version_files (version_no, position, name, media_type, size, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const FILES: &str = "SELECT position, name, media_type, size, hash FROM version_files WHERE version_no = ?1 ORDER BY position";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    pub no: i64,
    pub id: VersionId,
    pub policy_no: i64,
    /// 1, 2, 3 … within the policy.
    pub number: i64,
    /// What people see, for example `2.1`.
    pub label: String,
    pub state: VersionState,
    pub change: ChangeKind,
    pub summary: String,
    pub title: String,
    pub language: Language,
    /// `YYYY-MM-DD`.
    pub effective_on: Option<String>,
    /// The extracted document as JSON.
    pub document_hash: ContentHash,
    /// The rendering that readers are shown.
    pub html_hash: ContentHash,
    /// The plain text: the identity of what was read.
    pub text_hash: ContentHash,
    /// The file as it came.
    pub original_hash: ContentHash,
    pub original_name: String,
    pub original_media_type: String,
    pub source: String,
    pub source_ref: Option<String>,
    pub published_by: String,
    pub published_at: UnixMillis,
}

/// A version to be published now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewVersion {
    pub id: VersionId,
    pub policy_no: i64,
    pub number: i64,
    pub label: String,
    pub change: ChangeKind,
    pub summary: String,
    pub title: String,
    pub language: Language,
    pub effective_on: Option<String>,
    pub document_hash: ContentHash,
    pub html_hash: ContentHash,
    pub text_hash: ContentHash,
    pub original_hash: ContentHash,
    pub original_name: String,
    pub original_media_type: String,
    pub source: String,
    pub source_ref: Option<String>,
    pub published_by: String,
    pub published_at: UnixMillis,
}

/// An attachment of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionFile {
    pub position: i64,
    pub name: String,
    pub media_type: String,
    /// Bytes.
    pub size: i64,
    pub hash: ContentHash,
}

fn version(row: &Row) -> Result<Version, StoreError> {
    let mut columns = row.columns();
    Ok(Version {
        no: columns.take()?,
        id: columns.take()?,
        policy_no: columns.take()?,
        number: columns.take()?,
        label: columns.take()?,
        state: columns.take()?,
        change: columns.take()?,
        summary: columns.take()?,
        title: columns.take()?,
        language: columns.take()?,
        effective_on: columns.take()?,
        document_hash: columns.take()?,
        html_hash: columns.take()?,
        text_hash: columns.take()?,
        original_hash: columns.take()?,
        original_name: columns.take()?,
        original_media_type: columns.take()?,
        source: columns.take()?,
        source_ref: columns.take()?,
        published_by: columns.take()?,
        published_at: columns.take()?,
    })
}

/// Its number. A `number` that exists within the policy is [`StoreError::NotUnique`]: somebody published at once.
pub fn insert(tx: &mut Tx<'_>, new: &NewVersion) -> Result<i64, StoreError> {
    let params = p![
        new.id,
        new.policy_no,
        new.number,
        new.label,
        new.change,
        new.summary,
        new.title,
        new.language,
        new.effective_on,
        new.document_hash,
        new.html_hash,
        new.text_hash,
        new.original_hash,
        new.original_name,
        new.original_media_type,
        new.source,
        new.source_ref,
        new.published_by,
        new.published_at,
    ];
    tx.read_one(INSERT, params, |row| row.get(0))
}

pub fn get(tx: &mut Tx<'_>, no: i64) -> Result<Option<Version>, StoreError> {
    tx.read_opt(GET, p![no], version)
}

pub fn by_id(tx: &mut Tx<'_>, id: &VersionId) -> Result<Option<Version>, StoreError> {
    tx.read_opt(BY_ID, p![id], version)
}

/// All versions of a policy, newest first.
pub fn list(tx: &mut Tx<'_>, policy_no: i64) -> Result<Vec<Version>, StoreError> {
    tx.read(OF_POLICY, p![policy_no], version)
}

pub fn latest(tx: &mut Tx<'_>, policy_no: i64) -> Result<Option<Version>, StoreError> {
    tx.read_opt(LATEST, p![policy_no], version)
}

/// The version before this number.
pub fn previous(
    tx: &mut Tx<'_>,
    policy_no: i64,
    number: i64,
) -> Result<Option<Version>, StoreError> {
    tx.read_opt(PREVIOUS, p![policy_no, number], version)
}

/// The newest version of the policy with exactly this text.
pub fn by_text_hash(
    tx: &mut Tx<'_>,
    policy_no: i64,
    text_hash: &ContentHash,
) -> Result<Option<Version>, StoreError> {
    tx.read_opt(BY_TEXT, p![policy_no, text_hash], version)
}

pub fn next_number(tx: &mut Tx<'_>, policy_no: i64) -> Result<i64, StoreError> {
    tx.read_one(NEXT_NUMBER, p![policy_no], |row| row.get(0))
}

/// Whether it was the published one before.
pub fn supersede(tx: &mut Tx<'_>, no: i64) -> Result<bool, StoreError> {
    Ok(tx.exec(SUPERSEDE, p![no])? == 1)
}

pub fn add_file(tx: &mut Tx<'_>, version_no: i64, file: &VersionFile) -> Result<(), StoreError> {
    let params = p![
        version_no,
        file.position,
        file.name,
        file.media_type,
        file.size,
        file.hash
    ];
    tx.exec(ADD_FILE, params).map(|_| ())
}

pub fn list_files(tx: &mut Tx<'_>, version_no: i64) -> Result<Vec<VersionFile>, StoreError> {
    tx.read(FILES, p![version_no], |row| {
        let mut columns = row.columns();
        Ok(VersionFile {
            position: columns.take()?,
            name: columns.take()?,
            media_type: columns.take()?,
            size: columns.take()?,
            hash: columns.take()?,
        })
    })
}
