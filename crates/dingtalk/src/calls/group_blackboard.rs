//! Group announcements (群公告). In the platform's SDK since 2.2, in no public document: which
//! editions, groups and people may is unknown, so be ready for a refusal and fall back.
//!
//! Callers: a channel for group announcements, behind a probe.
//! Invariant: `unique_id` makes publishing idempotent. Weakness: `readCount` only, not who.
//! Source: module group_blackboard_1_0 of the official SDK.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::Api;
use crate::app::App;
use crate::call::Call;
use crate::error::Error;

pub const CREATE: Api = Api::post(
    "group_notice_create",
    "/v1.0/groupBlackboard/blackboards/create",
)
.sdk_only();
pub const EDIT: Api = Api::post(
    "group_notice_edit",
    "/v1.0/groupBlackboard/blackboards/edit",
)
.sdk_only();
pub const DELETE: Api = Api::post(
    "group_notice_delete",
    "/v1.0/groupBlackboard/blackboards/delete",
)
.sdk_only();
pub const GET: Api =
    Api::post("group_notice_get", "/v1.0/groupBlackboard/blackboards/get").sdk_only();
pub const LIST: Api = Api::post(
    "group_notice_list",
    "/v1.0/groupBlackboard/blackboards/list",
)
.sdk_only();
pub const APIS: &[Api] = &[CREATE, EDIT, DELETE, GET, LIST];

/// The announcements of one group, by one of its members.
#[derive(Debug, Clone, Copy)]
pub struct GroupNotices<'a> {
    app: &'a App,
    open_conversation_id: &'a str,
    user_id: &'a str,
}

/// A group announcement to publish.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewGroupNotice {
    pub content: String,
    /// The same id publishes once.
    pub unique_id: String,
    /// Keep it at the top of the group.
    pub sticky: bool,
    pub send_ding: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct GroupNotice {
    pub data_id: String,
    pub title: String,
    pub content: String,
    pub sticky: bool,
    pub read_count: i64,
    pub gmt_create: Option<String>,
    pub gmt_modified: Option<String>,
    pub user_id: Option<String>,
    pub user_name: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct GroupNoticePage {
    #[serde(rename = "blackboardList")]
    pub notices: Vec<GroupNotice>,
    pub has_more: bool,
    pub next_page_cursor: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Made {
    data_id: String,
}

impl App {
    pub fn group_notices<'a>(
        &'a self,
        open_conversation_id: &'a str,
        user_id: &'a str,
    ) -> GroupNotices<'a> {
        GroupNotices {
            app: self,
            open_conversation_id,
            user_id,
        }
    }
}

impl GroupNotices<'_> {
    /// Publishes; returns the announcement's id.
    pub async fn create(&self, new: &NewGroupNotice, now_ms: i64) -> Result<String, Error> {
        let body = self.body(json!({
            "content": new.content, "uniqueId": new.unique_id, "sticky": new.sticky,
            "sendDing": new.send_ding,
        }));
        let call = Call::of(&CREATE)
            .not_empty("the text", new.content.trim().is_empty())
            .json(&body);
        self.made(call, now_ms).await
    }

    pub async fn edit(
        &self,
        data_id: &str,
        content: &str,
        sticky: bool,
        now_ms: i64,
    ) -> Result<(), Error> {
        let body = self.body(json!({ "dataId": data_id, "content": content, "sticky": sticky }));
        self.made(Call::of(&EDIT).json(&body), now_ms).await?;
        Ok(())
    }

    pub async fn delete(&self, data_id: &str, now_ms: i64) -> Result<(), Error> {
        let body = self.body(json!({ "dataId": data_id }));
        self.app.done(Call::of(&DELETE).json(&body), now_ms).await
    }

    pub async fn get(&self, data_id: &str, now_ms: i64) -> Result<GroupNotice, Error> {
        let body = self.body(json!({ "dataId": data_id }));
        self.app.result(Call::of(&GET).json(&body), now_ms).await
    }

    pub async fn list(
        &self,
        page_size: u32,
        cursor: Option<&str>,
        now_ms: i64,
    ) -> Result<GroupNoticePage, Error> {
        let mut body = self.body(json!({ "pageSize": page_size }));
        if let Some(cursor) = cursor {
            body["nextPageCursor"] = cursor.into();
        }
        self.app.read(Call::of(&LIST).json(&body), now_ms).await
    }

    async fn made(&self, call: Call<'_>, now_ms: i64) -> Result<String, Error> {
        let reply = self.app.call(call, now_ms).await?;
        crate::calls::undenied(&reply)?;
        Ok(reply.read::<Made>()?.data_id)
    }

    fn body(&self, mut fields: Value) -> Value {
        fields["openConversationId"] = self.open_conversation_id.into();
        fields["userId"] = self.user_id.into();
        fields
    }
}
