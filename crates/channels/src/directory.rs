//! The organisation's directory (通讯录), as far as the app may see it.
//!
//! Caller: the server's action that syncs people. Invariant: a person stands once, however many departments list them;
//! departments with an id of 0 or less (家校通讯录 and the like) are left out with their people.

use crate::outcome::Finding;

/// What a full walk found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DirectorySnapshot {
    /// Parents before children.
    pub departments: Vec<DirectoryDepartment>,
    pub people: Vec<DirectoryPerson>,
    /// Everything the app is allowed to see was read; only then may a missing person be taken for one who left.
    pub complete: bool,
    /// How many people the platform counts in the whole organisation.
    pub counted: Option<u64>,
    /// Permissions that lack, fields that never came, departments that could not be read.
    pub findings: Vec<Finding>,
}

/// A department of the directory; the root has the id 1.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DirectoryDepartment {
    pub id: i64,
    pub name: String,
    /// `None` for the root, and where the parent is outside what the app may see.
    pub parent_id: Option<i64>,
}

/// A person of the directory. Fields without permission are absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DirectoryPerson {
    pub user_id: String,
    pub union_id: Option<String>,
    pub name: String,
    pub title: Option<String>,
    /// 工号: may be blank or stand twice.
    pub job_number: Option<String>,
    /// Company address, else the personal one.
    pub email: Option<String>,
    pub mobile: Option<String>,
    /// `YYYY-MM-DD` in Asia/Shanghai.
    pub hired_on: Option<String>,
    pub manager_user_id: Option<String>,
    /// In the platform's order, which says nothing about a main department.
    pub department_ids: Vec<i64>,
    /// Departments this person leads (主管).
    pub leads: Vec<i64>,
    /// Has activated DingTalk.
    pub active: bool,
    /// 主管理员 or 子管理员.
    pub admin: bool,
}
