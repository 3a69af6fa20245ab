//! What an administrator configures of the app, section `[dingtalk]`.

use secrecy::{ExposeSecret as _, SecretString};
use yuezhi_domain::Language;

use super::CALLS_PER_SECOND;

/// The app as configured. What is absent leaves out the lanes that need it.
#[derive(Debug, Clone)]
pub struct AppSettings {
    /// Client ID (AppKey).
    pub client_id: String,
    /// Client Secret (AppSecret).
    pub client_secret: SecretString,
    /// For work notices; stands beside the client id in the developer console.
    pub agent_id: Option<i64>,
    /// Of the app's robot; the client id if absent.
    pub robot_code: Option<String>,
    /// The organisation; messages and sign-ins of others are refused.
    pub corp_id: Option<String>,
    /// Of the published confirmation card.
    pub card_template_id: Option<String>,
    /// The registered key of the HTTP callback for card buttons; `None`: over Stream.
    pub card_callback_route: Option<String>,
    /// User id of the announcement administrator who also creates to-dos.
    pub operator_user_id: Option<String>,
    /// Texts that belong to no message.
    pub language: Language,
    /// Calls of one interface a second instead of [`CALLS_PER_SECOND`]; 0 is unlimited. For private platforms and tests.
    pub calls_per_second: Option<u32>,
    pub api_base: String,
    pub oapi_base: String,
    pub login_base: String,
}

impl AppSettings {
    /// An app on the public platform with nothing but its keys.
    pub fn new(client_id: &str, client_secret: SecretString, language: Language) -> Self {
        Self {
            client_id: client_id.to_owned(),
            client_secret,
            agent_id: None,
            robot_code: None,
            corp_id: None,
            card_template_id: None,
            card_callback_route: None,
            operator_user_id: None,
            language,
            calls_per_second: None,
            api_base: "https://api.dingtalk.com".into(),
            oapi_base: "https://oapi.dingtalk.com".into(),
            login_base: "https://login.dingtalk.com".into(),
        }
    }

    /// The robot that speaks for the app.
    pub fn robot_code(&self) -> &str {
        let code = self.robot_code.as_deref().map(str::trim);
        code.filter(|code| !code.is_empty())
            .unwrap_or(self.client_id.trim())
    }

    /// `None`: unlimited.
    pub(crate) fn per_second(&self) -> Option<u32> {
        match self.calls_per_second.unwrap_or(CALLS_PER_SECOND) {
            0 => None,
            per_second => Some(per_second),
        }
    }

    /// Nothing differs, so an app that is already running can go on.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        let text = |settings: &Self| {
            (
                settings.client_id.clone(),
                settings.client_secret.expose_secret().to_owned(),
                settings.agent_id,
                settings.robot_code.clone(),
                settings.corp_id.clone(),
                settings.card_template_id.clone(),
                settings.card_callback_route.clone(),
                settings.operator_user_id.clone(),
                (settings.language, settings.calls_per_second),
                settings.api_base.clone(),
                settings.oapi_base.clone(),
                settings.login_base.clone(),
            )
        };
        text(self) == text(other)
    }
}
