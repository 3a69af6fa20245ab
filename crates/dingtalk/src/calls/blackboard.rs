//! Company announcements (企业公告, blackboard): written on the old host, read states with times on
//! the new one and without a 24-hour limit.
//!
//! Callers: a channel for company announcements, its collector of read states.
//! Invariant: the operator is an announcement administrator (公告管理员); changing and deleting is for
//! the main administrator or the author. Weakness: creating answers no id; find it by
//! [`Announcements::ids`] or the event `blackboard_sent`.
//! Source: 创建公告, 更新公告, 删除公告, 获取公告ID列表, 获取公告分类列表, 获取公告详情,
//! 查询公告已读未读人员列表.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::api::Api;
use crate::app::App;
use crate::call::Call;
use crate::error::Error;

/// Departments of one announcement's receivers.
pub const DEPARTMENTS_LIMIT: usize = 20;
/// People of one announcement's receivers.
pub const PEOPLE_LIMIT: usize = 1000;
/// Ids of one page.
pub const IDS_PER_PAGE: u32 = 30;
/// Readers of one page.
pub const READERS_PER_PAGE: u32 = 500;
/// As a department id among the receivers: the whole organisation.
pub const WHOLE_ORGANISATION: i64 = -1;

const MANAGE: &str = "qyapi_blackboard_manage";
const READ: &str = "qyapi_blackboard_read";
pub const CREATE: Api = Api::post("announcement_create", "/topapi/blackboard/create").scope(MANAGE);
pub const UPDATE: Api = Api::post("announcement_update", "/topapi/blackboard/update").scope(MANAGE);
pub const DELETE: Api = Api::post("announcement_delete", "/topapi/blackboard/delete").scope(MANAGE);
pub const IDS: Api = Api::post("announcement_ids", "/topapi/blackboard/listids").scope(READ);
pub const CATEGORIES: Api = Api::post(
    "announcement_categories",
    "/topapi/blackboard/category/list",
)
.scope(READ);
pub const GET: Api = Api::get("announcement_get", "/v1.0/blackboard/get_blackboard").scope(MANAGE);
pub const READERS: Api = Api::get("announcement_readers", "/v1.0/blackboard/readers").scope(MANAGE);
pub const APIS: &[Api] = &[CREATE, UPDATE, DELETE, IDS, CATEGORIES, GET, READERS];

/// Company announcements, by one acting person.
#[derive(Debug, Clone, Copy)]
pub struct Announcements<'a> {
    app: &'a App,
    operator: &'a str,
}

/// An announcement to publish.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct NewAnnouncement {
    pub title: String,
    pub content: String,
    #[serde(rename = "blackboard_receiver")]
    pub receivers: AnnouncementTo,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    #[serde(rename = "private_level")]
    pub secrecy: Secrecy,
    /// Also as a DING.
    pub ding: bool,
    #[serde(rename = "push_top")]
    pub on_top: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category_id: Option<String>,
    /// A media id.
    #[serde(rename = "coverpic_mediaid", skip_serializing_if = "Option::is_none")]
    pub cover: Option<String>,
}

/// Who receives an announcement.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct AnnouncementTo {
    /// At most [`DEPARTMENTS_LIMIT`]; [`WHOLE_ORGANISATION`] for everybody.
    #[serde(rename = "deptid_list", skip_serializing_if = "Vec::is_empty")]
    pub departments: Vec<i64>,
    /// Userids, at most [`PEOPLE_LIMIT`].
    #[serde(rename = "userid_list", skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<String>,
}

/// Written as 0 and 20. (The overview says 0 and 1.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(into = "u8")]
pub enum Secrecy {
    #[default]
    Ordinary,
    Confidential,
}

impl From<Secrecy> for u8 {
    fn from(secrecy: Secrecy) -> Self {
        match secrecy {
            Secrecy::Ordinary => 0,
            Secrecy::Confidential => 20,
        }
    }
}

/// New words for an announcement.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct AnnouncementChange {
    pub title: String,
    pub content: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    pub ding: bool,
    /// Tell the receivers.
    pub notify: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category_id: Option<String>,
    #[serde(rename = "coverpic_mediaid", skip_serializing_if = "Option::is_none")]
    pub cover: Option<String>,
}

/// What to list. Times as `yyyy-MM-dd HH:mm:ss`, at most 180 days apart; default the last month.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct AnnouncementFilter {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category_id: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct AnnouncementCategory {
    pub id: String,
    pub name: String,
}

/// An announcement as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Announcement {
    pub id: String,
    pub sender_staff_id: String,
    pub title: String,
    pub content: String,
    pub category_id: Option<String>,
    pub category_name: Option<String>,
    pub private_level: i64,
    pub is_push_top: bool,
    /// Unix milliseconds or a written time; the documents do not say.
    pub gmt_create: Option<String>,
    pub gmt_modified: Option<String>,
    pub read_count: i64,
    pub un_read_count: i64,
}

/// One receiver and whether the announcement was read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct AnnouncementReader {
    pub user_id: String,
    pub read: bool,
    /// Unix milliseconds.
    pub read_timestamp: Option<i64>,
}

/// A page of receivers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct AnnouncementReaders {
    pub users: Vec<AnnouncementReader>,
    /// None or empty: this was the last page.
    pub next_token: Option<String>,
}

impl App {
    /// Company announcements on behalf of `operator_user_id`.
    pub fn announcements<'a>(&'a self, operator_user_id: &'a str) -> Announcements<'a> {
        Announcements {
            app: self,
            operator: operator_user_id,
        }
    }
}

impl Announcements<'_> {
    /// Publishes. No id is answered: see [`Announcements::ids`].
    pub async fn create(&self, new: &NewAnnouncement, now_ms: i64) -> Result<(), Error> {
        let to = &new.receivers;
        let call = Call::of(&CREATE)
            .not_empty("the title", new.title.trim().is_empty())
            .not_empty("the text", new.content.trim().is_empty())
            .not_empty(
                "the list of receivers",
                to.departments.is_empty() && to.people.is_empty(),
            )
            .at_most("departments", DEPARTMENTS_LIMIT, to.departments.len())
            .at_most("people", PEOPLE_LIMIT, to.people.len())
            .json(&self.request("create_request", new, None));
        self.app.done(call, now_ms).await
    }

    pub async fn update(
        &self,
        id: &str,
        change: &AnnouncementChange,
        now_ms: i64,
    ) -> Result<(), Error> {
        let call = Call::of(&UPDATE).json(&self.request("update_request", change, Some(id)));
        self.app.done(call, now_ms).await
    }

    pub async fn delete(&self, id: &str, now_ms: i64) -> Result<(), Error> {
        let call = Call::of(&DELETE)
            .json(&json!({ "blackboard_id": id, "operation_userid": self.operator }));
        self.app.done(call, now_ms).await
    }

    /// One page of ids, newest first as far as seen; `page` begins at 1.
    pub async fn ids(
        &self,
        filter: &AnnouncementFilter,
        page: u32,
        now_ms: i64,
    ) -> Result<Vec<String>, Error> {
        let mut body = self.request("query_request", filter, None);
        body["query_request"]["page"] = page.max(1).into();
        body["query_request"]["page_size"] = IDS_PER_PAGE.into();
        self.app.list(Call::of(&IDS).json(&body), now_ms).await
    }

    pub async fn categories(&self, now_ms: i64) -> Result<Vec<AnnouncementCategory>, Error> {
        let call = Call::of(&CATEGORIES).json(&json!({ "operation_userid": self.operator }));
        self.app.list(call, now_ms).await
    }

    pub async fn get(&self, id: &str, now_ms: i64) -> Result<Announcement, Error> {
        let call = Call::of(&GET)
            .query("operationUserId", self.operator)
            .query("blackboardId", id);
        self.app.read(call, now_ms).await
    }

    /// One page of who has read and when. For main administrators and the sender only.
    pub async fn readers(
        &self,
        id: &str,
        next_token: Option<&str>,
        now_ms: i64,
    ) -> Result<AnnouncementReaders, Error> {
        let call = Call::of(&READERS)
            .query("operationUserId", self.operator)
            .query("blackboardId", id)
            .query("maxResults", READERS_PER_PAGE.to_string())
            .maybe("nextToken", next_token);
        self.app.read(call, now_ms).await
    }

    fn request(
        &self,
        name: &'static str,
        body: &impl Serialize,
        id: Option<&str>,
    ) -> serde_json::Value {
        let mut request = json!(body);
        request["operation_userid"] = self.operator.into();
        if let Some(id) = id {
            request["blackboard_id"] = id.into();
        }
        let mut whole = json!({});
        whole[name] = request;
        whole
    }
}
