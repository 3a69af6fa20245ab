//! Login through DingTalk for the server, which does not see the client library.
//!
//! Caller: the sign-in action. Invariant: only members of the app's own organisation come back.

use dingtalk::{App, AppConfig, Endpoints, Error, Http, LoginError, Misconfiguration, Verdict};
use secrecy::SecretString;
use url::Url;
use yuezhi_domain::UnixMillis;

use crate::codes;
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
    app: App,
}

impl DingTalkLogin {
    pub(crate) fn new(http: Http, settings: &LoginSettings) -> Result<Self, ConfigError> {
        let endpoints = Endpoints {
            api: base("dingtalk.api_base", &settings.api_base)?,
            oapi: base("dingtalk.oapi_base", &settings.oapi_base)?,
            login: base("dingtalk.login_base", &settings.login_base)?,
        };
        let secret = secrecy::ExposeSecret::expose_secret(&settings.client_secret);
        let config = AppConfig::new(&settings.client_id, secret);
        Ok(Self {
            app: App::new(http, endpoints, config),
        })
    }

    /// Where to send the browser; `state` comes back unchanged.
    pub fn authorize_url(&self, redirect_uri: &str, state: &str) -> Url {
        self.app.authorize_url(redirect_uri, state)
    }

    /// The `userid` of whoever came back with `code`.
    pub async fn userid_of(&self, code: &str, now: UnixMillis) -> Result<String, LoginError> {
        Ok(self.app.login(code, None, now.get()).await?.user_id)
    }

    /// Whether the platform takes the app's keys, for the doctor. Nobody sees anything of it.
    pub async fn check(&self, now: UnixMillis) -> Result<(), Why> {
        let Err(error) = self.app.access_token(now.get()).await else {
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
