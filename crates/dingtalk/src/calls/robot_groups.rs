//! The app's robot writes to groups of its own organisation.
//!
//! Callers: a channel for group messages, a collector of read states.
//! Invariant: the robot must be in the group. Weakness: the query lists readers only; who has
//! not read is the group's members without them.
//! Source: 机器人发送群聊消息, 查询企业机器人群聊消息用户已读状态, 企业机器人撤回内部群消息,
//! 获取群内机器人列表.

use serde::Deserialize;
use serde_json::json;

use crate::api::Api;
use crate::call::Call;
use crate::calls::app_message::AppMessage;
use crate::calls::robot_people::{AppRobot, KEYS_PER_RECALL, Recalled, SendStatus};
use crate::error::Error;

/// Readers of one page.
pub const READERS_PER_PAGE: usize = 200;

pub const SEND: Api =
    Api::post("robot_group_send", "/v1.0/robot/groupMessages/send").scope("qyapi_robot_sendmsg");
pub const QUERY: Api =
    Api::post("robot_group_reads", "/v1.0/robot/groupMessages/query").scope("qyapi_robot_sendmsg");
pub const RECALL: Api = Api::post("robot_group_recall", "/v1.0/robot/groupMessages/recall")
    .scope("qyapi_robot_sendmsg");
pub const ROBOTS: Api = Api::post("group_robots", "/v1.0/robot/groups/robots/query");
pub const INSTALLED: Api = Api::post(
    "robot_installed_groups",
    "/v1.0/robot/installed/groups/query",
)
.sdk_only();
pub const ADD: Api = Api::post("robot_add_to_group", "/v1.0/robot/groups/orgRobots/add").sdk_only();
pub const APIS: &[Api] = &[SEND, QUERY, RECALL, ROBOTS, INSTALLED, ADD];

/// A page of readers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct GroupReads {
    pub send_status: SendStatus,
    pub read_user_ids: Vec<String>,
    pub has_more: bool,
    pub next_token: Option<String>,
}

/// A robot in a group.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RobotInGroup {
    pub robot_code: String,
    pub name: String,
    /// 1 public or custom, 2 internal app, 3 third-party, 4 scene group.
    pub open_robot_type: i64,
}

/// A page of groups.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct InstalledGroups {
    pub open_conversation_ids: Vec<String>,
    pub has_more: bool,
    pub next_token: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Sent {
    process_query_key: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Robots {
    #[serde(rename = "chatbotInstanceVOList")]
    robots: Vec<RobotInGroup>,
}

impl AppRobot<'_> {
    /// Sends to one group; returns the `processQueryKey` for reads and recall.
    pub async fn send_to_group(
        &self,
        open_conversation_id: &str,
        message: &AppMessage,
        now_ms: i64,
    ) -> Result<String, Error> {
        let (key, param) = message.encoded()?;
        let call = Call::of(&SEND).json(&json!({
            "openConversationId": open_conversation_id, "robotCode": self.code,
            "msgKey": key, "msgParam": param,
        }));
        Ok(self.app.read::<Sent>(call, now_ms).await?.process_query_key)
    }

    /// One page of those who have read; within 24 hours of sending.
    pub async fn group_reads(
        &self,
        open_conversation_id: &str,
        process_query_key: &str,
        next_token: Option<&str>,
        now_ms: i64,
    ) -> Result<GroupReads, Error> {
        let mut body = json!({
            "openConversationId": open_conversation_id, "robotCode": self.code,
            "processQueryKey": process_query_key, "maxResults": READERS_PER_PAGE,
        });
        if let Some(token) = next_token {
            body["nextToken"] = token.into();
        }
        self.app.read(Call::of(&QUERY).json(&body), now_ms).await
    }

    /// Takes messages back from a group; at most [`KEYS_PER_RECALL`] keys.
    pub async fn recall_from_group(
        &self,
        open_conversation_id: &str,
        process_query_keys: &[impl AsRef<str>],
        now_ms: i64,
    ) -> Result<Recalled, Error> {
        let keys: Vec<&str> = process_query_keys.iter().map(AsRef::as_ref).collect();
        let call = Call::of(&RECALL)
            .not_empty("the list of keys", keys.is_empty())
            .at_most("keys", KEYS_PER_RECALL, keys.len())
            .json(&json!({
                "openConversationId": open_conversation_id, "robotCode": self.code,
                "processQueryKeys": keys,
            }));
        self.app.read(call, now_ms).await
    }

    /// The robots in a group.
    pub async fn robots_in_group(
        &self,
        open_conversation_id: &str,
        now_ms: i64,
    ) -> Result<Vec<RobotInGroup>, Error> {
        let call = Call::of(&ROBOTS).json(&json!({ "openConversationId": open_conversation_id }));
        Ok(self.app.read::<Robots>(call, now_ms).await?.robots)
    }

    /// One page of the groups this robot is in. SDK only. (`maxResult`, singular.)
    pub async fn installed_groups(
        &self,
        max_results: u32,
        next_token: Option<&str>,
        now_ms: i64,
    ) -> Result<InstalledGroups, Error> {
        let mut body = json!({ "robotCode": self.code, "maxResult": max_results });
        if let Some(token) = next_token {
            body["nextToken"] = token.into();
        }
        self.app
            .read(Call::of(&INSTALLED).json(&body), now_ms)
            .await
    }

    /// Adds this robot to a group. SDK only.
    pub async fn join_group(&self, open_conversation_id: &str, now_ms: i64) -> Result<(), Error> {
        let call = Call::of(&ADD).json(&json!({
            "openConversationId": open_conversation_id, "robotCode": self.code,
        }));
        self.app.done(call, now_ms).await
    }
}
