//! Notification groups (通知群): group chats that are kept in step with an audience.
//!
//! Made and changed by the console and the command line, worked by `workers/keep_groups`. Invariant: a member row
//! says that the platform was told so; what was not told is not there. Weakness: members whom somebody adds or removes
//! by hand in the chat are found by the comparison only.

use yuezhi_domain::UnixMillis;

use crate::{Row, StoreError, Tx, domain_values::json, domain_values::stored_words, p};

stored_words! {
    "a group's state" ChatGroupState {
        /// To be created on the platform.
        Wanted = "wanted",
        Active = "active",
        /// Its members are left as they are.
        Paused = "paused",
        /// Dissolved on the platform, or given up here.
        Gone = "gone",
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatGroup {
    pub no: i64,
    /// Short; the lane is `group:NAME`.
    pub name: String,
    pub title: String,
    /// The audience rule as text.
    pub audience: String,
    pub owner_user_id: String,
    /// A scene group (场景群) by this template; `None` for a plain group.
    pub scene_template_id: Option<String>,
    pub open_conversation_id: Option<String>,
    pub chat_id: Option<String>,
    pub state: ChatGroupState,
    /// Joiners are sent the guide.
    pub greets: bool,
    pub members: i64,
    pub sync_at: Option<UnixMillis>,
    pub synced_at: Option<UnixMillis>,
    pub error_code: Option<String>,
    pub error_detail: Option<String>,
    pub created_by: String,
    pub created_at: UnixMillis,
    pub updated_at: UnixMillis,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewChatGroup {
    pub name: String,
    pub title: String,
    pub audience: String,
    pub owner_user_id: String,
    pub scene_template_id: Option<String>,
    /// Of a group that exists already; `None` has it created.
    pub open_conversation_id: Option<String>,
    pub chat_id: Option<String>,
    pub greets: bool,
    pub created_by: String,
}

/// A member as the platform was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatGroupMember {
    pub user_id: String,
    pub person_no: i64,
    pub joined_at: UnixMillis,
    pub greeted_at: Option<UnixMillis>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT no, name, title, audience, owner_user_id, scene_template_id, open_conversation_id, chat_id, state, \
             greets, members, sync_at, synced_at, error_code, error_detail, created_by, created_at, updated_at \
             FROM chat_groups ",
            $rest
        )
    };
}

const LIST: &str = select!("ORDER BY name");
const GET: &str = select!("WHERE name = ?1");
const DUE: &str =
    select!("WHERE state IN ('wanted', 'active') AND sync_at <= ?1 ORDER BY sync_at, no");
const NEXT_SYNC: &str = "SELECT min(sync_at) FROM chat_groups WHERE state IN ('wanted', 'active')";
const INSERT: &str = "INSERT INTO chat_groups (name, title, audience, owner_user_id, scene_template_id, \
     open_conversation_id, chat_id, state, greets, members, sync_at, created_by, created_at, updated_at) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0, ?10, ?11, ?10, ?10) ON CONFLICT DO NOTHING RETURNING no";
const CHANGE: &str = "UPDATE chat_groups SET title = ?2, audience = ?3, owner_user_id = ?4, greets = ?5, sync_at = ?6, \
     updated_at = ?6 WHERE name = ?1 AND state <> 'gone'";
const CREATED: &str = "UPDATE chat_groups SET open_conversation_id = ?2, chat_id = ?3, state = 'active', sync_at = ?4, \
     error_code = NULL, error_detail = NULL, updated_at = ?4 WHERE no = ?1 AND state = 'wanted'";
const SYNCED: &str = "UPDATE chat_groups SET members = ?2, synced_at = ?3, sync_at = ?4, error_code = NULL, \
     error_detail = NULL WHERE no = ?1";
const TROUBLE: &str =
    "UPDATE chat_groups SET error_code = ?2, error_detail = ?3, sync_at = ?4 WHERE no = ?1";
const SET_STATE: &str = "UPDATE chat_groups SET state = ?2, sync_at = ?3, updated_at = ?4 WHERE name = ?1 AND state <> ?2";
const SYNC_ALL: &str = "UPDATE chat_groups SET sync_at = ?1 WHERE state = 'active' AND (sync_at IS NULL OR sync_at > ?1)";
const SYNC_ONE: &str =
    "UPDATE chat_groups SET sync_at = ?2 WHERE name = ?1 AND state IN ('wanted', 'active')";
const BEGIN_ANEW: &str = "UPDATE chat_groups SET state = 'wanted', open_conversation_id = NULL, chat_id = NULL, members = 0, \
     synced_at = NULL, sync_at = ?2, error_code = NULL, error_detail = NULL, updated_at = ?2 \
     WHERE no = ?1 AND state = 'gone'";
const DELETE: &str = "DELETE FROM chat_groups WHERE no = ?1";
const DELETE_MEMBERS: &str = "DELETE FROM chat_group_members WHERE group_no = ?1";
const MEMBERS: &str = "SELECT user_id, person_no, joined_at, greeted_at FROM chat_group_members WHERE group_no = ?1 \
     ORDER BY user_id";
const ADD_MEMBER: &str = "INSERT INTO chat_group_members (group_no, user_id, person_no, joined_at) VALUES (?1, ?2, ?3, ?4) \
     ON CONFLICT DO NOTHING";
const REMOVE_MEMBERS: &str =
    "DELETE FROM chat_group_members WHERE group_no = ?1 AND user_id {in_texts ?2}";
const GREETED: &str = "UPDATE chat_group_members SET greeted_at = ?3 WHERE group_no = ?1 AND user_id {in_texts ?2} \
     AND greeted_at IS NULL";

fn chat_group(row: &Row) -> Result<ChatGroup, StoreError> {
    let mut columns = row.columns();
    Ok(ChatGroup {
        no: columns.take()?,
        name: columns.take()?,
        title: columns.take()?,
        audience: columns.take()?,
        owner_user_id: columns.take()?,
        scene_template_id: columns.take()?,
        open_conversation_id: columns.take()?,
        chat_id: columns.take()?,
        state: columns.take()?,
        greets: columns.take()?,
        members: columns.take()?,
        sync_at: columns.take()?,
        synced_at: columns.take()?,
        error_code: columns.take()?,
        error_detail: columns.take()?,
        created_by: columns.take()?,
        created_at: columns.take()?,
        updated_at: columns.take()?,
    })
}

/// By name.
pub fn list(tx: &mut Tx<'_>) -> Result<Vec<ChatGroup>, StoreError> {
    tx.read(LIST, p![], chat_group)
}

pub fn get(tx: &mut Tx<'_>, name: &str) -> Result<Option<ChatGroup>, StoreError> {
    tx.read_opt(GET, p![name], chat_group)
}

/// Its number; `None` when the name is taken.
pub fn insert(
    tx: &mut Tx<'_>,
    new: &NewChatGroup,
    now: UnixMillis,
) -> Result<Option<i64>, StoreError> {
    let state = if new.open_conversation_id.is_some() {
        ChatGroupState::Active
    } else {
        ChatGroupState::Wanted
    };
    let params = p![
        new.name,
        new.title,
        new.audience,
        new.owner_user_id,
        new.scene_template_id,
        new.open_conversation_id,
        new.chat_id,
        state,
        new.greets,
        now,
        new.created_by
    ];
    tx.read_opt(INSERT, params, |row| row.get(0))
}

/// Another title, audience, owner or greeting, to be brought to the platform at once; whether the group is there.
pub fn change(
    tx: &mut Tx<'_>,
    name: &str,
    title: &str,
    audience: &str,
    owner_user_id: &str,
    greets: bool,
    now: UnixMillis,
) -> Result<bool, StoreError> {
    Ok(tx.exec(
        CHANGE,
        p![name, title, audience, owner_user_id, greets, now],
    )? == 1)
}

/// Those whose turn has come.
pub fn due(tx: &mut Tx<'_>, now: UnixMillis) -> Result<Vec<ChatGroup>, StoreError> {
    tx.read(DUE, p![now], chat_group)
}

pub fn next_sync_at(tx: &mut Tx<'_>) -> Result<Option<UnixMillis>, StoreError> {
    tx.read_one(NEXT_SYNC, p![], |row| row.get(0))
}

/// The platform has made it; whether it was still wanted.
pub fn record_created(
    tx: &mut Tx<'_>,
    no: i64,
    open_conversation_id: &str,
    chat_id: Option<&str>,
    now: UnixMillis,
) -> Result<bool, StoreError> {
    Ok(tx.exec(CREATED, p![no, open_conversation_id, chat_id, now])? == 1)
}

/// Members are as they should be.
pub fn record_synced(
    tx: &mut Tx<'_>,
    no: i64,
    members: i64,
    now: UnixMillis,
    next: UnixMillis,
) -> Result<bool, StoreError> {
    Ok(tx.exec(SYNCED, p![no, members, now, next])? == 1)
}

/// Something went wrong; tried again then (`None`: not by itself).
pub fn record_trouble(
    tx: &mut Tx<'_>,
    no: i64,
    code: &str,
    detail: &str,
    next: Option<UnixMillis>,
) -> Result<bool, StoreError> {
    Ok(tx.exec(TROUBLE, p![no, code, detail, next])? == 1)
}

/// Pauses, resumes or gives up; whether that changed something.
pub fn set_state(
    tx: &mut Tx<'_>,
    name: &str,
    state: ChatGroupState,
    now: UnixMillis,
) -> Result<bool, StoreError> {
    let sync_at = matches!(state, ChatGroupState::Active | ChatGroupState::Wanted).then_some(now);
    Ok(tx.exec(SET_STATE, p![name, state, sync_at, now])? == 1)
}

/// People or departments changed: every active group is compared at `at`; how many.
pub fn sync_all_at(tx: &mut Tx<'_>, at: UnixMillis) -> Result<u64, StoreError> {
    tx.exec(SYNC_ALL, p![at])
}

/// This group is compared at `at`; whether it is one that is kept.
pub fn sync_one_at(tx: &mut Tx<'_>, name: &str, at: UnixMillis) -> Result<bool, StoreError> {
    Ok(tx.exec(SYNC_ONE, p![name, at])? == 1)
}

/// A group that is gone on the platform is to be made again; whether it was gone.
pub fn begin_anew(tx: &mut Tx<'_>, no: i64, now: UnixMillis) -> Result<bool, StoreError> {
    if tx.exec(BEGIN_ANEW, p![no, now])? == 0 {
        return Ok(false);
    }
    tx.exec(DELETE_MEMBERS, p![no])?;
    Ok(true)
}

/// Forgets the group here; on the platform it stays.
pub fn delete(tx: &mut Tx<'_>, no: i64) -> Result<bool, StoreError> {
    tx.exec(DELETE_MEMBERS, p![no])?;
    Ok(tx.exec(DELETE, p![no])? == 1)
}

/// By user id.
pub fn members(tx: &mut Tx<'_>, group_no: i64) -> Result<Vec<ChatGroupMember>, StoreError> {
    tx.read(MEMBERS, p![group_no], |row| {
        Ok(ChatGroupMember {
            user_id: row.get(0)?,
            person_no: row.get(1)?,
            joined_at: row.get(2)?,
            greeted_at: row.get(3)?,
        })
    })
}

/// The platform took these in (user id, person number); how many are new.
pub fn add_members(
    tx: &mut Tx<'_>,
    group_no: i64,
    joined: &[(String, i64)],
    now: UnixMillis,
) -> Result<u64, StoreError> {
    let mut added = 0;
    for (user_id, person_no) in joined {
        added += tx.exec(ADD_MEMBER, p![group_no, user_id, person_no, now])?;
    }
    Ok(added)
}

/// The platform let these go; how many were members.
pub fn remove_members(
    tx: &mut Tx<'_>,
    group_no: i64,
    user_ids: &[String],
) -> Result<u64, StoreError> {
    tx.exec(REMOVE_MEMBERS, p![group_no, json(&user_ids)])
}

/// These were sent the guide.
pub fn mark_greeted(
    tx: &mut Tx<'_>,
    group_no: i64,
    user_ids: &[String],
    at: UnixMillis,
) -> Result<u64, StoreError> {
    tx.exec(GREETED, p![group_no, json(&user_ids), at])
}
