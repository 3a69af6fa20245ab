//! DING: a message that insists, inside DingTalk, by SMS or by phone.
//!
//! Callers: the last rung of an escalation. Invariant: 200 people inside DingTalk, 20 by SMS or phone.
//! Weakness: the page says paid editions only, a later notice says all editions; probe by the
//! first use. SMS and phone need paid packs ([`Reason::DingQuota`](crate::Reason)).
//! Source: 机器人发送DING消息 (robot-sends-nail-message).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use crate::api::Api;
use crate::call::Call;
use crate::calls::robot_people::{AppRobot, ReadStatus};
use crate::error::Error;

/// Receivers of one DING inside DingTalk.
pub const IN_APP_RECEIVERS: usize = 200;
/// Receivers of one DING by SMS or phone.
pub const SMS_OR_PHONE_RECEIVERS: usize = 20;

pub const SEND: Api = Api::post("ding_send", "/v1.0/robot/ding/send").scope("Premium.Ding.Write");
pub const RECALL: Api =
    Api::post("ding_recall", "/v1.0/robot/ding/recall").scope("Premium.Ding.Write");
pub const READS: Api = Api::post("ding_reads", "/v1.0/robot/ding/readStatuses/query").sdk_only();
pub const APIS: &[Api] = &[SEND, RECALL, READS];

/// How a DING insists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DingBy {
    App,
    Sms,
    Phone,
}

/// A DING that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DingSent {
    pub open_ding_id: String,
    /// Reason → userids that get nothing.
    #[serde(rename = "failedList")]
    pub failed: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DingRead {
    pub user_id: String,
    pub read_status: ReadStatus,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Reads {
    robot_ding_read_info_list: Vec<DingRead>,
}

impl AppRobot<'_> {
    pub async fn ding(
        &self,
        by: DingBy,
        user_ids: &[impl AsRef<str>],
        content: &str,
        now_ms: i64,
    ) -> Result<DingSent, Error> {
        let (kind, limit) = match by {
            DingBy::App => (1, IN_APP_RECEIVERS),
            DingBy::Sms => (2, SMS_OR_PHONE_RECEIVERS),
            DingBy::Phone => (3, SMS_OR_PHONE_RECEIVERS),
        };
        let receivers: Vec<&str> = user_ids.iter().map(AsRef::as_ref).collect();
        let mut body = json!({
            "robotCode": self.code, "remindType": kind, "receiverUserIdList": receivers,
            "content": content,
        });
        if by == DingBy::Phone {
            body["callVoice"] = "Standard_Female_Voice".into();
        }
        let call = Call::of(&SEND)
            .not_empty("the list of people", receivers.is_empty())
            .not_empty("the text", content.trim().is_empty())
            .at_most("people", limit, receivers.len())
            .json(&body);
        self.app.read(call, now_ms).await
    }

    pub async fn recall_ding(&self, open_ding_id: &str, now_ms: i64) -> Result<(), Error> {
        let call =
            Call::of(&RECALL).json(&json!({ "robotCode": self.code, "openDingId": open_ding_id }));
        self.app.done(call, now_ms).await
    }

    /// Who has read a DING. SDK only.
    pub async fn ding_reads(
        &self,
        open_ding_id: &str,
        now_ms: i64,
    ) -> Result<Vec<DingRead>, Error> {
        let call =
            Call::of(&READS).json(&json!({ "robotCode": self.code, "openDingId": open_ding_id }));
        let reads: Reads = self.app.result(call, now_ms).await?;
        Ok(reads.robot_ding_read_info_list)
    }
}
