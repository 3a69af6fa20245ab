//! The app's robot writes to single people, asks who has read, and takes messages back.
//!
//! Callers: a channel for personal messages, a collector of read states.
//! Invariant: at most 20 people a call. Weakness: no idempotency key; after a timeout a repeat
//! may send twice. Read states exist for 24 hours only.
//! Source: 批量发送人与机器人会话中机器人消息, 批量查询人与机器人会话机器人消息是否已读,
//! 批量撤回人与机器人会话中机器人消息.

use serde::Deserialize;
use serde_json::json;

use crate::api::Api;
use crate::app::App;
use crate::call::Call;
use crate::calls::app_message::AppMessage;
use crate::error::Error;

/// People of one `batchSend`. (The page's error table says 100; its text says 20 twice.)
pub const PEOPLE_PER_SEND: usize = 20;
/// Keys of one recall.
pub const KEYS_PER_RECALL: usize = 20;
/// Read states and recalls end after this many milliseconds.
pub const READ_WINDOW_MS: i64 = 24 * 3_600_000;

pub const BATCH_SEND: Api = Api::post("robot_people_send", "/v1.0/robot/oToMessages/batchSend")
    .scope("qyapi_robot_sendmsg");
pub const READ_STATUS: Api = Api::get("robot_people_reads", "/v1.0/robot/oToMessages/readStatus")
    .scope("qyapi_robot_sendmsg");
/// Lower-case `oto` here only.
pub const BATCH_RECALL: Api =
    Api::post("robot_people_recall", "/v1.0/robot/otoMessages/batchRecall")
        .scope("qyapi_robot_sendmsg");
pub const APIS: &[Api] = &[BATCH_SEND, READ_STATUS, BATCH_RECALL];

/// The app's robot. For an internal app `robotCode` is the client id unless the console says other.
#[derive(Debug, Clone, Copy)]
pub struct AppRobot<'a> {
    pub(crate) app: &'a App,
    pub(crate) code: &'a str,
}

/// Who will get a message and who will not.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SentToPeople {
    /// Asks for read states and recalls.
    pub process_query_key: String,
    /// Unknown userids: not sent, never will be.
    #[serde(rename = "invalidStaffIdList")]
    pub invalid: Vec<String>,
    /// Throttled: not sent, send again later.
    #[serde(rename = "flowControlledStaffIdList")]
    pub flow_controlled: Vec<String>,
    /// Left out by the platform; only the SDK knows this list.
    #[serde(rename = "filteredStaffIdList")]
    pub filtered: Vec<String>,
}

/// What became of one person's message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PersonOutcome {
    Accepted,
    Invalid,
    FlowControlled,
    Filtered,
}

impl SentToPeople {
    /// HTTP 200 does not mean that everybody got it.
    pub fn of(&self, user_id: &str) -> PersonOutcome {
        let on = |list: &[String]| list.iter().any(|listed| listed == user_id);
        if on(&self.invalid) {
            PersonOutcome::Invalid
        } else if on(&self.flow_controlled) {
            PersonOutcome::FlowControlled
        } else if on(&self.filtered) {
            PersonOutcome::Filtered
        } else {
            PersonOutcome::Accepted
        }
    }
}

/// Where a sending is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SendStatus {
    /// The official sample spells it `SUCESS`.
    #[serde(alias = "SUCESS")]
    Success,
    Recalled,
    Processing,
    #[default]
    #[serde(other)]
    Unknown,
}

/// Read states of one sending.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PeopleReads {
    pub send_status: SendStatus,
    #[serde(rename = "messageReadInfoList")]
    pub people: Vec<PersonRead>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PersonRead {
    pub user_id: String,
    pub name: String,
    pub read_status: ReadStatus,
    /// Unix milliseconds; "暂不支持", in practice absent or 0.
    pub read_timestamp: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReadStatus {
    Read,
    Unread,
    #[default]
    #[serde(other)]
    Unknown,
}

/// Which messages were taken back.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Recalled {
    #[serde(rename = "successResult")]
    pub recalled: Vec<String>,
    /// Key → the platform's reason.
    #[serde(rename = "failedResult")]
    pub failed: std::collections::BTreeMap<String, String>,
}

impl App {
    /// The robot with this `robotCode`.
    pub fn robot<'a>(&'a self, robot_code: &'a str) -> AppRobot<'a> {
        AppRobot {
            app: self,
            code: robot_code,
        }
    }
}

impl AppRobot<'_> {
    /// Sends one message to at most [`PEOPLE_PER_SEND`] people by userid.
    pub async fn send_to_people(
        &self,
        user_ids: &[impl AsRef<str>],
        message: &AppMessage,
        now_ms: i64,
    ) -> Result<SentToPeople, Error> {
        let (key, param) = message.encoded()?;
        let user_ids: Vec<&str> = user_ids.iter().map(AsRef::as_ref).collect();
        let call = Call::of(&BATCH_SEND)
            .not_empty("the list of people", user_ids.is_empty())
            .at_most("people", PEOPLE_PER_SEND, user_ids.len())
            .json(&json!({
                "robotCode": self.code, "userIds": user_ids, "msgKey": key, "msgParam": param,
            }));
        self.app.read(call, now_ms).await
    }

    /// Who has read. `Reason::NotYetOrExpired` right after sending and after 24 hours.
    pub async fn people_reads(
        &self,
        process_query_key: &str,
        now_ms: i64,
    ) -> Result<PeopleReads, Error> {
        let call = Call::of(&READ_STATUS)
            .query("robotCode", self.code)
            .query("processQueryKey", process_query_key);
        self.app.read(call, now_ms).await
    }

    /// Takes messages back; leaves no trace in the conversation. At most [`KEYS_PER_RECALL`] keys.
    pub async fn recall_from_people(
        &self,
        process_query_keys: &[impl AsRef<str>],
        now_ms: i64,
    ) -> Result<Recalled, Error> {
        let keys: Vec<&str> = process_query_keys.iter().map(AsRef::as_ref).collect();
        let call = Call::of(&BATCH_RECALL)
            .not_empty("the list of keys", keys.is_empty())
            .at_most("keys", KEYS_PER_RECALL, keys.len())
            .json(&json!({ "robotCode": self.code, "processQueryKeys": keys }));
        self.app.read(call, now_ms).await
    }
}
