//! `[dingtalk]` and `[console]`: the organisation's internal app, and who may administer through it.
//!
//! Read by `wiring` and the sign-in actions. Invariant: every key may be absent; what is absent takes away the
//! channels that need it and nothing else. Limits of the editions are the platform's billing page since 2025-11-19.

use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;

/// The organisation's internal app on the DingTalk open platform.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct DingTalkConfig {
    pub client_id: Option<String>,
    pub client_secret: Option<SecretString>,
    pub client_secret_file: Option<PathBuf>,
    /// AgentId: work notices and opening pages inside DingTalk.
    pub agent_id: Option<i64>,
    /// The app robot's code; the client id where it is not set.
    pub robot_code: Option<String>,
    pub corp_id: Option<String>,
    /// The published card template (互动卡片模板) with the confirming button.
    pub card_template_id: Option<String>,
    /// Announcement administrator (公告管理员); creates to-dos and owns groups.
    pub operator_user_id: Option<String>,
    /// `standard` (标准版) or `professional` (专业版): the monthly quotas.
    pub edition: String,
    /// Metered interface calls a month, in place of the edition's.
    pub api_calls_per_month: Option<u64>,
    /// Webhook and Stream messages a month, in place of the edition's.
    pub push_messages_per_month: Option<u64>,
    /// Keep a Stream connection for buttons, replies and changes of the directory.
    pub stream: bool,
    /// Take departments and people from the organisation's directory.
    pub sync_people: bool,
    /// Of the HTTP callback, where Stream cannot be used (签名 token).
    pub callback_token: Option<SecretString>,
    pub callback_token_file: Option<PathBuf>,
    /// Of the HTTP callback (加密 aes_key), 43 characters.
    pub callback_aes_key: Option<SecretString>,
    pub callback_aes_key_file: Option<PathBuf>,
    /// A script that gives pages `window.dd` in place of the one that comes along; for the sandbox.
    pub jsapi_url: Option<String>,
    pub api_base: String,
    pub oapi_base: String,
    pub login_base: String,
}

impl Default for DingTalkConfig {
    fn default() -> Self {
        Self {
            client_id: None,
            client_secret: None,
            client_secret_file: None,
            agent_id: None,
            robot_code: None,
            corp_id: None,
            card_template_id: None,
            operator_user_id: None,
            edition: "standard".to_owned(),
            api_calls_per_month: None,
            push_messages_per_month: None,
            stream: true,
            sync_people: false,
            callback_token: None,
            callback_token_file: None,
            callback_aes_key: None,
            callback_aes_key_file: None,
            jsapi_url: None,
            api_base: "https://api.dingtalk.com".to_owned(),
            oapi_base: "https://oapi.dingtalk.com".to_owned(),
            login_base: "https://login.dingtalk.com".to_owned(),
        }
    }
}

impl DingTalkConfig {
    /// Both keys of the app are there.
    pub const fn has_app(&self) -> bool {
        self.client_id.is_some() && self.client_secret.is_some()
    }

    /// Metered interface calls and webhook or Stream messages that a month holds.
    pub fn monthly_quota(&self) -> (u64, u64) {
        let (api, push) = match self.edition.as_str() {
            "professional" => (200_000, 50_000),
            _ => (5_000, 3_000),
        };
        (
            self.api_calls_per_month.unwrap_or(api),
            self.push_messages_per_month.unwrap_or(push),
        )
    }

    /// The key and what is wrong with its value, if something is.
    pub(super) fn problem(&self) -> Option<(&'static str, String)> {
        if !matches!(self.edition.as_str(), "standard" | "professional") {
            return Some((
                "dingtalk.edition",
                format!(
                    "«{}» is not known; standard and professional are.",
                    self.edition
                ),
            ));
        }
        if self.callback_token.is_some() != self.callback_aes_key.is_some() {
            return Some((
                "dingtalk.callback_token",
                "callback_token and callback_aes_key go together; set both or neither.".to_owned(),
            ));
        }
        if let Some(key) = &self.callback_aes_key
            && secrecy::ExposeSecret::expose_secret(key).trim().len() != 43
        {
            return Some((
                "dingtalk.callback_aes_key",
                "it has 43 characters on the platform's page (事件订阅 > 加密 aes_key).".to_owned(),
            ));
        }
        None
    }
}

/// Who may use the console beside its own accounts.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ConsoleConfig {
    /// Who may sign in through DingTalk: `main` (主管理员), `sub` (子管理员), or userids.
    pub dingtalk_admins: Vec<String>,
}
