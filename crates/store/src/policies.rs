//! Policies (制度): what versions belong to and notices are issued about.

use yuezhi_domain::{Language, PolicyId, UnixMillis};

use crate::{Row, StoreError, Tx, p};

const BY_SLUG: &str = "SELECT no, id, slug, title, category, owner, language, current_version_no, repealed_at, created_at, \
                       updated_at FROM policies WHERE slug = ?1";
const BY_ID: &str = "SELECT no, id, slug, title, category, owner, language, current_version_no, repealed_at, created_at, \
                     updated_at FROM policies WHERE id = ?1";
const GET: &str = "SELECT no, id, slug, title, category, owner, language, current_version_no, repealed_at, created_at, \
                   updated_at FROM policies WHERE no = ?1";
const INSERT: &str = "INSERT INTO policies (id, slug, title, category, owner, language, created_at, updated_at) \
                      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7) RETURNING no";
const UPDATE: &str = "UPDATE policies SET title = ?2, category = ?3, owner = ?4, language = ?5, updated_at = ?6 WHERE no = ?1";
const SET_CURRENT: &str =
    "UPDATE policies SET current_version_no = ?2, updated_at = ?3 WHERE no = ?1";
const REPEAL: &str =
    "UPDATE policies SET repealed_at = ?2, updated_at = ?2 WHERE no = ?1 AND repealed_at IS NULL";
const LIST: &str = "SELECT p.no, p.id, p.slug, p.title, p.category, p.owner, p.language, p.repealed_at, p.updated_at, \
     v.label, v.published_at, v.effective_on, (SELECT count(*) FROM notices n \
     WHERE n.policy_no = p.no AND n.state IN ('open', 'expanding')) \
     FROM policies p LEFT JOIN versions v ON v.no = p.current_version_no WHERE p.no < ?1";
const MATCHES: &str = " AND (p.title {like} ?3 ESCAPE '\\' OR p.slug {like} ?3 ESCAPE '\\' OR p.category {like} ?3 ESCAPE '\\' \
     OR p.owner {like} ?3 ESCAPE '\\')";
const NEWEST_FIRST: &str = " ORDER BY p.no DESC LIMIT ?2";
const COUNT: &str = "SELECT count(*) FROM policies";
const COUNT_ALIKE: &str = "SELECT count(*) FROM policies p WHERE 1 = 1";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub no: i64,
    pub id: PolicyId,
    pub slug: String,
    pub title: String,
    pub category: String,
    /// The owner department (归口部门), as text.
    pub owner: String,
    pub language: Language,
    pub current_version_no: Option<i64>,
    pub repealed_at: Option<UnixMillis>,
    pub created_at: UnixMillis,
    pub updated_at: UnixMillis,
}

/// What every publication sets anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFields {
    pub title: String,
    pub category: String,
    pub owner: String,
    pub language: Language,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPolicy {
    pub id: PolicyId,
    pub slug: String,
    pub fields: PolicyFields,
    pub created_at: UnixMillis,
}

/// Which policies; nothing set means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyFilter {
    /// Part of title, slug, category or owner.
    pub search: Option<String>,
}

/// A policy as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyRow {
    pub no: i64,
    pub id: PolicyId,
    pub slug: String,
    pub title: String,
    pub category: String,
    pub owner: String,
    pub language: Language,
    pub repealed_at: Option<UnixMillis>,
    pub updated_at: UnixMillis,
    /// Of the current version.
    pub version_label: Option<String>,
    pub published_at: Option<UnixMillis>,
    pub effective_on: Option<String>,
    pub open_notices: i64,
}

fn policy(row: &Row) -> Result<Policy, StoreError> {
    let mut columns = row.columns();
    Ok(Policy {
        no: columns.take()?,
        id: columns.take()?,
        slug: columns.take()?,
        title: columns.take()?,
        category: columns.take()?,
        owner: columns.take()?,
        language: columns.take()?,
        current_version_no: columns.take()?,
        repealed_at: columns.take()?,
        created_at: columns.take()?,
        updated_at: columns.take()?,
    })
}

/// Its number. A slug that is taken is [`StoreError::NotUnique`].
pub fn insert(tx: &mut Tx<'_>, new: &NewPolicy) -> Result<i64, StoreError> {
    let fields = &new.fields;
    let params = p![
        new.id,
        new.slug,
        fields.title,
        fields.category,
        fields.owner,
        fields.language,
        new.created_at
    ];
    tx.read_one(INSERT, params, |row| row.get(0))
}

pub fn get(tx: &mut Tx<'_>, no: i64) -> Result<Option<Policy>, StoreError> {
    tx.read_opt(GET, p![no], policy)
}

pub fn by_id(tx: &mut Tx<'_>, id: &PolicyId) -> Result<Option<Policy>, StoreError> {
    tx.read_opt(BY_ID, p![id], policy)
}

pub fn by_slug(tx: &mut Tx<'_>, slug: &str) -> Result<Option<Policy>, StoreError> {
    tx.read_opt(BY_SLUG, p![slug], policy)
}

pub fn update(
    tx: &mut Tx<'_>,
    no: i64,
    fields: &PolicyFields,
    now: UnixMillis,
) -> Result<bool, StoreError> {
    Ok(tx.exec(
        UPDATE,
        p![
            no,
            fields.title,
            fields.category,
            fields.owner,
            fields.language,
            now
        ],
    )? == 1)
}

pub fn set_current_version(
    tx: &mut Tx<'_>,
    no: i64,
    version_no: i64,
    now: UnixMillis,
) -> Result<bool, StoreError> {
    Ok(tx.exec(SET_CURRENT, p![no, version_no, now])? == 1)
}

/// Whether it was in force before.
pub fn repeal(tx: &mut Tx<'_>, no: i64, at: UnixMillis) -> Result<bool, StoreError> {
    Ok(tx.exec(REPEAL, p![no, at])? == 1)
}

pub fn count(tx: &mut Tx<'_>) -> Result<i64, StoreError> {
    tx.read_one(COUNT, p![], |row| row.get(0))
}

/// How many [`list`] would show.
pub fn count_found(tx: &mut Tx<'_>, filter: &PolicyFilter) -> Result<i64, StoreError> {
    let search = filter.search.as_deref().map(str::trim);
    let Some(text) = search.filter(|text| !text.is_empty()) else {
        return count(tx);
    };
    let sql = format!("{COUNT_ALIKE}{}", MATCHES.replace("?3", "?1"));
    tx.read_one(&sql, p![contains(text)], |row| row.get(0))
}

/// Newest first; the next page begins after the last number of this one. Begin with 0.
pub fn list(
    tx: &mut Tx<'_>,
    filter: &PolicyFilter,
    after_no: i64,
    limit: usize,
) -> Result<Vec<PolicyRow>, StoreError> {
    let before = newest_first(after_no);
    let search = filter
        .search
        .as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty());
    match search.map(contains) {
        Some(pattern) => {
            let sql = format!("{LIST}{MATCHES}{NEWEST_FIRST}");
            tx.read(&sql, p![before, limit, pattern], policy_row)
        }
        None => tx.read(
            &format!("{LIST}{NEWEST_FIRST}"),
            p![before, limit],
            policy_row,
        ),
    }
}

fn policy_row(row: &Row) -> Result<PolicyRow, StoreError> {
    let mut columns = row.columns();
    Ok(PolicyRow {
        no: columns.take()?,
        id: columns.take()?,
        slug: columns.take()?,
        title: columns.take()?,
        category: columns.take()?,
        owner: columns.take()?,
        language: columns.take()?,
        repealed_at: columns.take()?,
        updated_at: columns.take()?,
        version_label: columns.take()?,
        published_at: columns.take()?,
        effective_on: columns.take()?,
        open_notices: columns.take()?,
    })
}

/// Lists that show the newest first go downwards from here; 0 begins.
pub(crate) fn newest_first(after_no: i64) -> i64 {
    if after_no == 0 { i64::MAX } else { after_no }
}

/// A LIKE pattern for "holds this text", the text taken literally (`ESCAPE '\'`).
pub(crate) fn contains(text: &str) -> String {
    let literal = text
        .replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_");
    format!("%{literal}%")
}
