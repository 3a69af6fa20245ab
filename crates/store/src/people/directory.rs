//! What DingTalk's directory says of people beyond a list's columns, and who is kept up to date by it.

use yuezhi_domain::UnixMillis;

use crate::{StoreError, Tx, domain_values::json, p};

const SET: &str = "UPDATE people SET dingtalk_union_id = ?2, dingtalk_active = ?3, source = 'dingtalk', updated_at = ?4 \
     WHERE no = ?1 AND (dingtalk_union_id IS NULL OR dingtalk_union_id <> ?2 OR dingtalk_active IS NULL \
     OR dingtalk_active <> ?3 OR source <> 'dingtalk')";
const SET_ACTIVE: &str =
    "UPDATE people SET dingtalk_active = ?2, updated_at = ?3 WHERE dingtalk_user_id = ?1";
const UNIONS: &str = "SELECT no, dingtalk_user_id, dingtalk_union_id FROM people WHERE no {in_ids ?1} \
     AND dingtalk_user_id IS NOT NULL ORDER BY no";
const NO_BY_UNION: &str = "SELECT no FROM people WHERE dingtalk_union_id = ?1 ORDER BY no LIMIT 1";
const NOS_BY_USER: &str =
    "SELECT dingtalk_user_id, no FROM people WHERE dingtalk_user_id {in_texts ?1}";
const SYNCED_NOT_IN: &str = "SELECT no FROM people WHERE state = 'active' AND source = 'dingtalk' \
     AND NOT dingtalk_user_id {in_texts ?1} ORDER BY no";
const COUNT_SYNCED: &str =
    "SELECT count(*) FROM people WHERE state = 'active' AND source = 'dingtalk'";
const INACTIVE: &str =
    "SELECT count(*) FROM people WHERE state = 'active' AND dingtalk_active = ?1";

/// How a person is called on DingTalk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DingTalkIds {
    pub person_no: i64,
    pub user_id: String,
    /// To-dos and drives know people by it.
    pub union_id: Option<String>,
}

/// From now on the directory keeps this person up to date; whether something changed.
pub fn set_directory(
    tx: &mut Tx<'_>,
    person_no: i64,
    union_id: &str,
    is_active: bool,
    now: UnixMillis,
) -> Result<bool, StoreError> {
    Ok(tx.exec(SET, p![person_no, union_id, is_active, now])? == 1)
}

/// Whether the person has activated DingTalk; false when nobody has this user id.
pub fn set_dingtalk_active(
    tx: &mut Tx<'_>,
    user_id: &str,
    is_active: bool,
    now: UnixMillis,
) -> Result<bool, StoreError> {
    Ok(tx.exec(SET_ACTIVE, p![user_id, is_active, now])? == 1)
}

/// People without a DingTalk user are left out.
pub fn dingtalk_ids(tx: &mut Tx<'_>, nos: &[i64]) -> Result<Vec<DingTalkIds>, StoreError> {
    tx.read(UNIONS, p![json(&nos)], |row| {
        Ok(DingTalkIds {
            person_no: row.get(0)?,
            user_id: row.get(1)?,
            union_id: row.get(2)?,
        })
    })
}

pub fn no_by_union_id(tx: &mut Tx<'_>, union_id: &str) -> Result<Option<i64>, StoreError> {
    tx.read_opt(NO_BY_UNION, p![union_id], |row| row.get(0))
}

/// Numbers by DingTalk user id; unknown ids are left out.
pub fn nos_by_dingtalk_user_ids(
    tx: &mut Tx<'_>,
    user_ids: &[String],
) -> Result<std::collections::HashMap<String, i64>, StoreError> {
    let rows = tx.read(NOS_BY_USER, p![json(&user_ids)], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    Ok(rows.into_iter().collect())
}

/// Active people whom the directory kept up to date and does not have any more.
pub fn synced_not_in(tx: &mut Tx<'_>, user_ids: &[&str]) -> Result<Vec<i64>, StoreError> {
    tx.read(SYNCED_NOT_IN, p![json(&user_ids)], |row| row.get(0))
}

/// Active people whom the directory keeps up to date.
pub fn count_synced(tx: &mut Tx<'_>) -> Result<i64, StoreError> {
    tx.read_one(COUNT_SYNCED, p![], |row| row.get(0))
}

/// Active people who have not activated DingTalk.
pub fn count_not_activated(tx: &mut Tx<'_>) -> Result<i64, StoreError> {
    tx.read_one(INACTIVE, p![false], |row| row.get(0))
}
