//! What became of each file of a watched folder.

use yuezhi_domain::UnixMillis;

use crate::{Row, StoreError, Tx, p};

const GET: &str = "SELECT source, path, hash, state, policy_no, version_no, error_code, error_detail, seen_at \
     FROM source_files WHERE source = ?1 AND path = ?2";
const LIST: &str = "SELECT source, path, hash, state, policy_no, version_no, error_code, error_detail, seen_at \
     FROM source_files WHERE source = ?1 ORDER BY path";
const PUT: &str = "INSERT INTO source_files (source, path, hash, state, policy_no, version_no, error_code, error_detail, \
     seen_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (source, path) DO UPDATE SET hash = excluded.hash, \
     state = excluded.state, policy_no = excluded.policy_no, version_no = excluded.version_no, \
     error_code = excluded.error_code, error_detail = excluded.error_detail, seen_at = excluded.seen_at";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Name of the watched folder.
    pub source: String,
    /// Below the folder, with `/`.
    pub path: String,
    /// SHA-256 of the bytes that were looked at last.
    pub hash: String,
    /// `published`, `unchanged`, `failed`, `removed`.
    pub state: String,
    pub policy_no: Option<i64>,
    pub version_no: Option<i64>,
    pub error_code: Option<String>,
    pub error_detail: Option<String>,
    pub seen_at: UnixMillis,
}

fn source_file(row: &Row) -> Result<SourceFile, StoreError> {
    let mut columns = row.columns();
    Ok(SourceFile {
        source: columns.take()?,
        path: columns.take()?,
        hash: columns.take()?,
        state: columns.take()?,
        policy_no: columns.take()?,
        version_no: columns.take()?,
        error_code: columns.take()?,
        error_detail: columns.take()?,
        seen_at: columns.take()?,
    })
}

pub fn get(tx: &mut Tx<'_>, source: &str, path: &str) -> Result<Option<SourceFile>, StoreError> {
    tx.read_opt(GET, p![source, path], source_file)
}

/// Adds the file or replaces what is known of it.
pub fn put(tx: &mut Tx<'_>, file: &SourceFile) -> Result<(), StoreError> {
    let params = p![
        file.source,
        file.path,
        file.hash,
        file.state,
        file.policy_no,
        file.version_no,
        file.error_code,
        file.error_detail,
        file.seen_at
    ];
    tx.exec(PUT, params).map(|_| ())
}

/// In the order of their paths.
pub fn list(tx: &mut Tx<'_>, source: &str) -> Result<Vec<SourceFile>, StoreError> {
    tx.read(LIST, p![source], source_file)
}
