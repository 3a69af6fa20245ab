//! Login through DingTalk for the server, which does not see the client library: by its page in a browser (OAuth2),
//! inside its client without a click (免登).
//!
//! Caller: the sign-in action. Invariant: only members of the app's own organisation come back: both ways end in a
//! userid that the app's own token vouches for, and another organisation's id is refused where ours is configured.
//! Source: 登录第三方网站 (OAuth2), 通过免登码获取用户信息 (getuserinfo).

use std::sync::Arc;

use dingtalk::{App, AppConfig, Endpoints, Error, Http, LoginError, Misconfiguration, Verdict};
use secrecy::SecretString;
use url::Url;
use yuezhi_domain::UnixMillis;

use crate::app::DingTalkApp;
use crate::codes;
use crate::directory::AdminLevel;
use crate::outcome::Why;
use crate::registry::{ConfigError, base};

/// The app's keys and the platform's hosts.
#[derive(Debug, Clone)]
pub struct LoginSettings {
    pub client_id: String,
    pub client_secret: SecretString,
    pub api_base: String,
    pub oapi_base: String,
    pub login_base: String,
}

/// One app of one organisation, for signing people in.
#[derive(Debug)]
pub struct DingTalkLogin {
    keys: Keys,
}

enum Keys {
    /// Shared with the app's channels: one token, one pace.
    Shared(Arc<DingTalkApp>),
    Own(Box<App>),
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(…)")
    }
}

/// Who opened a page inside DingTalk's client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InsideVisitor {
    pub user_id: String,
    pub union_id: String,
    pub name: String,
    pub level: AdminLevel,
}

impl DingTalkLogin {
    /// Signs in through the app that the channels use.
    pub(crate) fn of_app(app: Arc<DingTalkApp>) -> Self {
        Self {
            keys: Keys::Shared(app),
        }
    }

    pub(crate) fn new(http: Http, settings: &LoginSettings) -> Result<Self, ConfigError> {
        let endpoints = Endpoints {
            api: base("dingtalk.api_base", &settings.api_base)?,
            oapi: base("dingtalk.oapi_base", &settings.oapi_base)?,
            login: base("dingtalk.login_base", &settings.login_base)?,
        };
        let secret = secrecy::ExposeSecret::expose_secret(&settings.client_secret);
        let config = AppConfig::new(&settings.client_id, secret);
        Ok(Self {
            keys: Keys::Own(Box::new(App::new(http, endpoints, config))),
        })
    }

    fn app(&self) -> &App {
        match &self.keys {
            Keys::Shared(app) => app.client(),
            Keys::Own(app) => app,
        }
    }

    fn corp_id(&self) -> Option<&str> {
        match &self.keys {
            Keys::Shared(app) => app.settings().corp_id.as_deref(),
            Keys::Own(_) => None,
        }
    }

    /// Where to send the browser; `state` comes back unchanged.
    pub fn authorize_url(&self, redirect_uri: &str, state: &str) -> Url {
        self.app().authorize_url(redirect_uri, state)
    }

    /// The `userid` of whoever came back with `code`.
    pub async fn userid_of(&self, code: &str, now: UnixMillis) -> Result<String, LoginError> {
        let member = self.app().login(code, self.corp_id(), now.get()).await?;
        Ok(member.user_id)
    }

    /// Who is behind a code that `dd.requestAuthCode` gave a page; it is good once, for five minutes.
    pub async fn userid_of_app_code(
        &self,
        code: &str,
        now: UnixMillis,
    ) -> Result<InsideVisitor, LoginError> {
        let code = code.trim();
        if code.is_empty() || code.len() > CODE_LIMIT_BYTES {
            return Err(LoginError::CodeInvalid);
        }
        let visitor = match self.app().inside_visitor(code, now.get()).await {
            Ok(visitor) if visitor.user_id.is_empty() => return Err(LoginError::NotAMember),
            Ok(visitor) => visitor,
            Err(error) => {
                return Err(match error.verdict() {
                    Verdict::LoginCodeInvalid => LoginError::CodeInvalid,
                    Verdict::RecipientUnknown => LoginError::NotAMember,
                    _ => error.into(),
                });
            }
        };
        Ok(InsideVisitor {
            user_id: visitor.user_id,
            union_id: visitor.union_id,
            name: visitor.name,
            level: AdminLevel::of(visitor.sys_level),
        })
    }

    /// Whether the platform takes the app's keys, for the doctor. Nobody sees anything of it.
    pub async fn check(&self, now: UnixMillis) -> Result<(), Why> {
        let Err(error) = self.app().access_token(now.get()).await else {
            return Ok(());
        };
        let code = match (&error, error.verdict()) {
            (Error::Transport(_), _) => codes::DINGTALK_UNREACHABLE,
            (_, Verdict::Misconfigured(Misconfiguration::AppSecretWrong)) => {
                codes::DINGTALK_APP_SECRET_WRONG
            }
            (Error::Answer(_), _) => codes::DINGTALK_ANSWER_ODD,
            _ => codes::DINGTALK_REFUSED,
        };
        Err(Why::redacted(code, &error.to_string(), &[]))
    }
}

/// Real codes have 32 characters; this comes from a browser.
const CODE_LIMIT_BYTES: usize = 512;
