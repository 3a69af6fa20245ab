//! Roles (角色) of the directory, and who has them. Not metered.
//!
//! Callers: a sync of people. Invariant: pages go by offset, at most 200 roles or 100 people.
//! Source: 获取角色列表, 获取指定角色的员工列表.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::api::Api;
use crate::call::Call;
use crate::calls::directory::Directory;
use crate::error::Error;

/// Roles of one page.
pub const ROLES_PER_PAGE: u32 = 200;
/// People of one page.
pub const PEOPLE_PER_PAGE: u32 = 100;

pub const LIST: Api = Api::post("role_list", "/topapi/role/list")
    .scope("qyapi_get_department_list")
    .free();
pub const PEOPLE: Api = Api::post("role_people", "/topapi/role/simplelist")
    .scope("qyapi_get_department_list")
    .free();
pub const APIS: &[Api] = &[LIST, PEOPLE];

/// A page of role groups.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct RoleGroups {
    pub list: Vec<RoleGroup>,
    pub has_more: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RoleGroup {
    pub group_id: i64,
    pub name: String,
    pub roles: Vec<Role>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Role {
    pub id: i64,
    pub name: String,
}

/// A page of people with a role.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct RolePeople {
    pub list: Vec<RolePerson>,
    pub has_more: bool,
    pub next_cursor: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct RolePerson {
    #[serde(rename = "userid")]
    pub user_id: String,
    pub name: String,
}

impl Directory<'_> {
    /// One page of role groups with their roles; `offset` begins at 0.
    pub async fn roles(&self, offset: u32, now_ms: i64) -> Result<RoleGroups, Error> {
        let call = Call::of(&LIST).json(&json!({ "size": ROLES_PER_PAGE, "offset": offset }));
        self.app.result(call, now_ms).await
    }

    /// One page of the people with a role; `offset` begins at 0, then `next_cursor`.
    pub async fn people_with_role(
        &self,
        role_id: i64,
        offset: i64,
        now_ms: i64,
    ) -> Result<RolePeople, Error> {
        let call = Call::of(&PEOPLE).json(&json!({
            "role_id": role_id, "size": PEOPLE_PER_PAGE, "offset": offset,
        }));
        self.app.result(call, now_ms).await
    }
}
