//! The organisation's directory (通讯录): departments, people, who has left. None of it is metered.
//!
//! Callers: a sync of people, the login pages. Begin with [`Directory::scopes`]: an app sees only
//! what an administrator gave it, and answers nothing about the rest.
//! Invariant: pages go by the platform's cursor. Weakness: departments list one level only and
//! there is no "everybody"; walk down and drop people met twice. Ids of 0 and below belong to
//! the home-school directory; skip them.
//! Source: 获取通讯录权限范围, 获取部门列表, 获取部门用户详情, 查询用户详情, 查询离职记录列表.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::api::Api;
use crate::app::App;
use crate::call::Call;
use crate::error::Error;
use crate::verdict::Verdict;

/// The root department.
pub const ROOT_DEPARTMENT: i64 = 1;
/// People of one page.
pub const PEOPLE_PER_PAGE: u32 = 100;
/// Leavers of one page.
pub const LEAVERS_PER_PAGE: u32 = 50;

const DEPARTMENTS: &str = "qyapi_get_department_list";
const MEMBERS: &str = "qyapi_get_department_member";
const MEMBER: &str = "qyapi_get_member";
pub const SCOPES: Api = Api::get("auth_scopes", "/auth/scopes").free();
pub const SUB: Api = Api::post("department_list", "/topapi/v2/department/listsub")
    .scope(DEPARTMENTS)
    .free();
pub const SUB_IDS: Api = Api::post("department_ids", "/topapi/v2/department/listsubid")
    .scope(DEPARTMENTS)
    .free();
pub const DEPARTMENT: Api = Api::post("department_get", "/topapi/v2/department/get")
    .scope(DEPARTMENTS)
    .free();
pub const USERS: Api = Api::post("user_list", "/topapi/v2/user/list")
    .scope(MEMBERS)
    .free();
pub const USER_IDS: Api = Api::post("user_ids", "/topapi/user/listid")
    .scope(MEMBERS)
    .free();
pub const USER: Api = Api::post("user_get", "/topapi/v2/user/get")
    .scope(MEMBER)
    .free();
pub const BY_UNION_ID: Api = Api::post("user_by_union_id", "/topapi/user/getbyunionid")
    .scope(MEMBER)
    .free();
pub const BY_MOBILE: Api = Api::post("user_by_mobile", "/topapi/v2/user/getbymobile")
    .scope("qyapi_get_member_by_mobile")
    .free();
pub const COUNT: Api = Api::post("user_count", "/topapi/user/count")
    .scope(MEMBER)
    .free();
pub const ADMINS: Api = Api::post("user_admins", "/topapi/user/listadmin")
    .scope(MEMBER)
    .free();
pub const LEAVERS: Api = Api::get("user_leavers", "/v1.0/contact/empLeaveRecords")
    .scope("Contact.Common.Read")
    .free();
pub const APIS: &[Api] = &[
    SCOPES,
    SUB,
    SUB_IDS,
    DEPARTMENT,
    USERS,
    USER_IDS,
    USER,
    BY_UNION_ID,
    BY_MOBILE,
    COUNT,
    ADMINS,
    LEAVERS,
];

/// The directory as the app may see it.
#[derive(Debug, Clone, Copy)]
pub struct Directory<'a> {
    pub(crate) app: &'a App,
}

/// What the app may see (通讯录接口权限范围).
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct AuthScopes {
    #[serde(rename = "auth_org_scopes")]
    pub seen: SeenByApp,
    /// Fields of people, such as `mobile`; others are absent in every answer.
    #[serde(rename = "auth_user_field")]
    pub person_fields: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct SeenByApp {
    #[serde(rename = "authed_user")]
    pub user_ids: Vec<String>,
    #[serde(rename = "authed_dept")]
    pub departments: Vec<i64>,
}

impl AuthScopes {
    /// The app sees everybody.
    pub fn is_whole_organisation(&self) -> bool {
        self.seen.departments.contains(&ROOT_DEPARTMENT)
    }
}

/// A department in a list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Department {
    pub dept_id: i64,
    pub name: String,
    pub parent_id: i64,
}

/// A department in full.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DepartmentDetail {
    pub dept_id: i64,
    pub name: String,
    pub parent_id: i64,
    pub order: i64,
    pub dept_manager_userid_list: Vec<String>,
    pub org_dept_owner: Option<String>,
    pub dept_group_chat_id: Option<String>,
    pub hide_dept: bool,
    pub outer_dept: bool,
    /// With the departments below.
    pub member_count: Option<i64>,
    pub source_identifier: Option<String>,
}

/// A person. What the app has no field permission for is absent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Person {
    /// Unique inside the organisation, immutable. Notices and announcements go by it.
    #[serde(rename = "userid")]
    pub user_id: String,
    /// To-dos and files go by it.
    #[serde(rename = "unionid")]
    pub union_id: String,
    pub name: String,
    pub avatar: Option<String>,
    pub mobile: Option<String>,
    /// 工号; may be blank or used twice.
    pub job_number: Option<String>,
    pub title: Option<String>,
    pub email: Option<String>,
    /// The company's mailbox.
    pub org_email: Option<String>,
    pub work_place: Option<String>,
    /// In no order of importance.
    pub dept_id_list: Vec<i64>,
    /// Unix milliseconds.
    pub hired_date: Option<i64>,
    /// Without activation a person receives nothing.
    pub active: Option<bool>,
    pub admin: bool,
    pub boss: bool,
    pub leader: bool,
    pub senior: bool,
    pub manager_userid: Option<String>,
    /// JSON text of the organisation's own fields.
    pub extension: Option<String>,
    pub role_list: Vec<PersonRole>,
    pub leader_in_dept: Vec<LeaderIn>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PersonRole {
    pub id: i64,
    pub name: String,
    pub group_name: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LeaderIn {
    pub dept_id: i64,
    pub leader: bool,
}

/// A page of a department's own people.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct People {
    pub list: Vec<Person>,
    pub has_more: bool,
    pub next_cursor: Option<i64>,
}

/// Whom a unionId belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByUnionId {
    pub user_id: String,
    /// An external contact, not a member.
    pub is_external: bool,
}

/// 1 main administrator, 2 sub-administrator.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Administrator {
    #[serde(rename = "userid")]
    pub user_id: String,
    pub sys_level: i64,
}

/// A page of people who have left.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Leavers {
    pub records: Vec<Leaver>,
    pub next_token: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Leaver {
    pub user_id: String,
    pub name: String,
    /// ISO 8601.
    pub leave_time: Option<String>,
    /// `oapi`, `cancel`, `leave`, `delete` or `unknown`.
    pub leave_reason: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Ids {
    dept_id_list: Vec<i64>,
    userid_list: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Found {
    contact_type: i64,
    userid: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Counted {
    count: i64,
}

impl App {
    pub fn directory(&self) -> Directory<'_> {
        Directory { app: self }
    }
}

impl Directory<'_> {
    /// What the app may see. A sync begins here.
    pub async fn scopes(&self, now_ms: i64) -> Result<AuthScopes, Error> {
        self.app.read(Call::of(&SCOPES), now_ms).await
    }

    /// The departments directly below one.
    pub async fn departments(&self, parent_id: i64, now_ms: i64) -> Result<Vec<Department>, Error> {
        let call = Call::of(&SUB).json(&json!({ "dept_id": parent_id }));
        self.app.list(call, now_ms).await
    }

    /// Their ids; not limited by what the app may see.
    pub async fn department_ids(&self, parent_id: i64, now_ms: i64) -> Result<Vec<i64>, Error> {
        let call = Call::of(&SUB_IDS).json(&json!({ "dept_id": parent_id }));
        Ok(self.app.list::<Ids>(call, now_ms).await?.dept_id_list)
    }

    pub async fn department(&self, id: i64, now_ms: i64) -> Result<DepartmentDetail, Error> {
        let call = Call::of(&DEPARTMENT).json(&json!({ "dept_id": id }));
        self.app.result(call, now_ms).await
    }

    /// One page of a department's own people, those with limited access (访问受限) among them; `cursor` begins at 0.
    pub async fn people(&self, department: i64, cursor: i64, now_ms: i64) -> Result<People, Error> {
        let call = Call::of(&USERS).json(&json!({
            "dept_id": department, "cursor": cursor, "size": PEOPLE_PER_PAGE,
            // Left out otherwise; whoever is missing from a whole walk is taken for one who left.
            "contain_access_limit": true,
        }));
        self.app.result(call, now_ms).await
    }

    /// The userids of a department's own people; not limited by what the app may see.
    pub async fn user_ids(&self, department: i64, now_ms: i64) -> Result<Vec<String>, Error> {
        let call = Call::of(&USER_IDS).json(&json!({ "dept_id": department }));
        Ok(self.app.list::<Ids>(call, now_ms).await?.userid_list)
    }

    /// `None`: there is no such person (any more).
    pub async fn person(&self, user_id: &str, now_ms: i64) -> Result<Option<Person>, Error> {
        let call = Call::of(&USER).json(&json!({ "userid": user_id }));
        known(self.app.result(call, now_ms).await)
    }

    pub async fn by_union_id(
        &self,
        union_id: &str,
        now_ms: i64,
    ) -> Result<Option<ByUnionId>, Error> {
        let call = Call::of(&BY_UNION_ID).json(&json!({ "unionid": union_id }));
        let found = known(self.app.result::<Found>(call, now_ms).await)?;
        Ok(found
            .filter(|found| !found.userid.is_empty())
            .map(|found| ByUnionId {
                user_id: found.userid,
                is_external: found.contact_type == 1,
            }))
    }

    /// The userid behind a mobile number, of active staff only.
    pub async fn by_mobile(&self, mobile: &str, now_ms: i64) -> Result<Option<String>, Error> {
        let call = Call::of(&BY_MOBILE).json(&json!({ "mobile": mobile }));
        let found = known(self.app.result::<Found>(call, now_ms).await)?;
        Ok(found
            .map(|found| found.userid)
            .filter(|user_id| !user_id.is_empty()))
    }

    /// How many people the organisation has.
    pub async fn count(&self, only_active: bool, now_ms: i64) -> Result<i64, Error> {
        let call = Call::of(&COUNT).json(&json!({ "only_active": only_active }));
        Ok(self.app.result::<Counted>(call, now_ms).await?.count)
    }

    pub async fn administrators(&self, now_ms: i64) -> Result<Vec<Administrator>, Error> {
        self.app
            .list(Call::of(&ADMINS).json(&json!({})), now_ms)
            .await
    }

    /// One page of people who left between two times (ISO 8601, at most 365 days apart).
    /// `next_token` begins as `"0"`.
    pub async fn leavers(
        &self,
        start_time: &str,
        end_time: Option<&str>,
        next_token: &str,
        now_ms: i64,
    ) -> Result<Leavers, Error> {
        let call = Call::of(&LEAVERS)
            .query("startTime", start_time)
            .maybe("endTime", end_time)
            .query("nextToken", next_token)
            .query("maxResults", LEAVERS_PER_PAGE.to_string());
        self.app.read(call, now_ms).await
    }
}

fn known<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.verdict() == Verdict::RecipientUnknown => Ok(None),
        Err(error) => Err(error),
    }
}
