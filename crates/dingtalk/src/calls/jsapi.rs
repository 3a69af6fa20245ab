//! Pages inside DingTalk: who opened them (免登), and the ticket for pages that sign JSAPI calls.
//!
//! Callers: the pages employees open. Not metered. Invariant: a code works once, for five minutes.
//! Source: 通过免登码获取用户信息 (getuserinfo), 创建jsapi ticket.

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;

use crate::api::Api;
use crate::app::App;
use crate::call::Call;
use crate::error::Error;

pub const USER_INFO: Api = Api::post("user_by_code", "/topapi/v2/user/getuserinfo")
    .scope("qyapi_base")
    .free();
pub const TICKET: Api = Api::post("jsapi_ticket", "/v1.0/oauth2/jsapiTickets").free();
pub const APIS: &[Api] = &[USER_INFO, TICKET];

/// Who opened a page inside DingTalk.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct InsideVisitor {
    #[serde(rename = "userid")]
    pub user_id: String,
    #[serde(rename = "unionid")]
    pub union_id: String,
    pub name: String,
    pub device_id: Option<String>,
    /// An administrator.
    pub sys: bool,
    /// 1 main administrator, 2 sub-administrator, 100 owner, 0 others.
    pub sys_level: i64,
}

/// A ticket to sign pages with; dies 24 hours after it was made, whatever `expire_in` says.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JsapiTicket {
    pub jsapi_ticket: SecretString,
    /// Seconds.
    #[serde(default)]
    pub expire_in: i64,
}

impl App {
    /// Who is behind the code that `dd.requestAuthCode` gave a page.
    /// [`Verdict::LoginCodeInvalid`](crate::Verdict) for a used or old one.
    pub async fn inside_visitor(&self, code: &str, now_ms: i64) -> Result<InsideVisitor, Error> {
        let call = Call::of(&USER_INFO)
            .not_empty("the login code", code.is_empty())
            .json(&json!({ "code": code }));
        self.result(call, now_ms).await
    }

    pub async fn jsapi_ticket(&self, now_ms: i64) -> Result<JsapiTicket, Error> {
        self.read(Call::of(&TICKET).json(&json!({})), now_ms).await
    }
}
