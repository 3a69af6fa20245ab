//! Login in a browser: DingTalk's OAuth2 page, and who came back from it.
//!
//! Callers: the login routes. [`App::authorize_url`] → the person agrees → [`App::login`].
//! Invariant: a [`Member`] belongs to this organisation; people of other organisations and
//! external contacts are refused.
//! Source: 获取登录用户的访问凭证, 获取用户通讯录个人信息, 根据unionid获取用户userid.

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use url::Url;

use crate::app::App;
use crate::error::Error;
use crate::http::{Endpoints, parsed};
use crate::verdict::Verdict;

/// A member of the organisation who has logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Unique inside the organisation, immutable.
    pub user_id: String,
    pub visitor: Visitor,
}

/// What the person's own profile says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Visitor {
    pub union_id: String,
    #[serde(default)]
    pub nick: String,
    #[serde(default)]
    pub avatar_url: Option<String>,
    /// The personal mailbox, often empty; not the company's.
    #[serde(default)]
    pub email: Option<String>,
    #[serde(default)]
    pub mobile: Option<String>,
}

/// Why somebody could not log in.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LoginError {
    #[error("the login code is wrong, used or too old; log in again")]
    CodeInvalid,
    #[error("this account belongs to another organisation")]
    OtherOrganisation,
    #[error("this account is an external contact, not a member of the organisation")]
    External,
    #[error("this account is not in the organisation's directory")]
    NotAMember,
    #[error(transparent)]
    Call(#[from] Error),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Exchange<'a> {
    client_id: &'a str,
    client_secret: &'a str,
    code: &'a str,
    grant_type: &'static str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserToken {
    access_token: SecretString,
    #[serde(default)]
    corp_id: Option<String>,
}

impl App {
    /// Where to send the browser. `redirect_uri` must be registered at 开发配置 > 安全设置;
    /// `state` comes back unchanged and must be checked by the caller.
    pub fn authorize_url(&self, redirect_uri: &str, state: &str) -> Url {
        let mut url = Endpoints::at(&self.endpoints.login, "/oauth2/auth");
        url.query_pairs_mut()
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.config.client_id)
            .append_pair("scope", "openid corpid")
            .append_pair("state", state)
            // Without it the page refuses (official document).
            .append_pair("prompt", "consent");
        url
    }

    /// From the `code` (or `authCode`) of the redirect to a member. `corp_id`: this
    /// organisation's id, if configured; another one is refused.
    pub async fn login(
        &self,
        code: &str,
        corp_id: Option<&str>,
        now_ms: i64,
    ) -> Result<Member, LoginError> {
        let token = self.exchange(code).await?;
        if let (Some(ours), Some(theirs)) = (corp_id, token.corp_id.as_deref())
            && ours != theirs
        {
            return Err(LoginError::OtherOrganisation);
        }
        let visitor = self.visitor(&token.access_token).await?;
        let user_id = self.user_id_by_union_id(&visitor.union_id, now_ms).await?;
        Ok(Member { user_id, visitor })
    }

    async fn exchange(&self, code: &str) -> Result<UserToken, LoginError> {
        let secret = self.config.client_secret.expose_secret();
        let ask = Exchange {
            client_id: &self.config.client_id,
            client_secret: secret,
            code,
            grant_type: "authorization_code",
        };
        let body = serde_json::to_vec(&ask).expect("strings always serialise");
        let url = Endpoints::at(&self.endpoints.api, "/v1.0/oauth2/userAccessToken");
        let answer = self.http.post_json(url, body, None).await?;
        match answer.api(&[secret, code]) {
            Ok(body) => Ok(parsed(&body, "the login token")?),
            // A refusal of the request itself, with keys and permissions in order, is about the code.
            Err(error @ Error::Api(_)) => match error.verdict() {
                Verdict::ContentRefused(_) | Verdict::LoginCodeInvalid => {
                    Err(LoginError::CodeInvalid)
                }
                _ => Err(error.into()),
            },
            Err(error) => Err(error.into()),
        }
    }

    async fn visitor(&self, user_token: &SecretString) -> Result<Visitor, Error> {
        let token = user_token.expose_secret();
        let url = Endpoints::at(&self.endpoints.api, "/v1.0/contact/users/me");
        let body = self
            .http
            .get_json(url, Some(token))
            .await?
            .api(&[token])
            .map_err(|error| self.explained(error, None))?;
        parsed(&body, "the person's profile")
    }

    async fn user_id_by_union_id(&self, union_id: &str, now_ms: i64) -> Result<String, LoginError> {
        match self.directory().by_union_id(union_id, now_ms).await? {
            None => Err(LoginError::NotAMember),
            Some(found) if found.is_external => Err(LoginError::External),
            Some(found) => Ok(found.user_id),
        }
    }
}
