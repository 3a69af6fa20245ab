//! Signing in through DingTalk: in a browser by its OAuth2 page, inside its client by a code that needs no click (免登).
//!
//! Source: DingTalk open platform, «登录第三方网站» (authorize page, userAccessToken, users/me, getbyunionid) and
//! «企业内部应用免登» (requestAuthCode, topapi/v2/user/getuserinfo). Only people of this directory get in: the userid
//! that DingTalk names must be somebody's here. Administrators are named in the configuration file.

use std::time::Duration;

use yuezhi_domain::UnixMillis;
use yuezhi_store::{Tx, people};

use super::{ActionError, Refusal, RefusalKind, SessionCookie, Who, open_session};
use crate::app::App;

const ROUND_TRIP: Duration = Duration::from_secs(10 * 60);

/// What DingTalk's page sends back, and the nonce from our own cookie.
#[derive(Debug)]
pub struct DingTalkReturn<'a> {
    pub auth_code: &'a str,
    pub state: &'a str,
    pub nonce: Option<i64>,
}

/// The address to send the browser to, and the nonce for a cookie that binds the way back to this browser.
pub fn dingtalk_sign_in_url(app: &App) -> Result<(url::Url, i64), ActionError> {
    let now = app.now();
    let mut bytes = [0u8; 8];
    app.ids.fill(&mut bytes);
    let nonce = i64::from_le_bytes(bytes) & i64::MAX;
    let state = app.link_key.oauth_state(nonce, now.plus(ROUND_TRIP));
    let login = app
        .channels()
        .dingtalk_login()
        .ok_or_else(|| Refusal::conflict("dingtalk_not_configured"))?;
    Ok((login.authorize_url(&redirect_uri(app), &state), nonce))
}

/// One address for employees and administrators: each has to be registered on the platform.
fn redirect_uri(app: &App) -> String {
    format!("{}/my/sign-in/dingtalk/return", app.public_url())
}

/// Signs in the person whom DingTalk's page names.
pub async fn by_dingtalk(
    app: &App,
    back: DingTalkReturn<'_>,
    user_agent: &str,
) -> Result<SessionCookie, ActionError> {
    let user_id = returned_user_id(app, back).await?;
    open_for(app, user_id, "dingtalk", user_agent).await
}

/// Signs in the person whom DingTalk's client names; `code` is good once, for five minutes.
pub async fn by_dingtalk_code(
    app: &App,
    code: &str,
    user_agent: &str,
) -> Result<SessionCookie, ActionError> {
    let login = app
        .channels()
        .dingtalk_login()
        .ok_or_else(|| Refusal::conflict("dingtalk_not_configured"))?;
    let visitor = login
        .userid_of_app_code(code, app.now())
        .await
        .map_err(not_named)?;
    open_for(app, visitor.user_id, "dingtalk_inside", user_agent).await
}

/// The userid behind the code that came back, if the way back belongs to this browser.
pub(super) async fn returned_user_id(
    app: &App,
    back: DingTalkReturn<'_>,
) -> Result<String, ActionError> {
    let now = app.now();
    let nonce = app.link_key.open_oauth_state(back.state, now);
    if nonce.is_none() || nonce != back.nonce {
        return Err(Refusal::new(RefusalKind::SignInNeeded, "sign_in_elsewhere").into());
    }
    let login = app
        .channels()
        .dingtalk_login()
        .ok_or_else(|| Refusal::conflict("dingtalk_not_configured"))?;
    let named = login.userid_of(back.auth_code, now).await;
    named.map_err(not_named)
}

fn not_named(error: impl std::fmt::Display) -> ActionError {
    tracing::warn!(%error, "DingTalk did not name the person signing in");
    Refusal::new(RefusalKind::SignInNeeded, "dingtalk_sign_in_failed")
        .with("detail", error)
        .into()
}

async fn open_for(
    app: &App,
    user_id: String,
    method: &'static str,
    user_agent: &str,
) -> Result<SessionCookie, ActionError> {
    let now: UnixMillis = app.now();
    let person = app
        .db
        .read(move |tx| Ok::<_, ActionError>(person_of_user_id(tx, &user_id)?))
        .await?;
    let Some(person) = person.filter(people::Person::is_active) else {
        return Err(Refusal::new(RefusalKind::Forbidden, "person_not_in_directory").into());
    };
    open_session(app, Who::Person(person.no), method, user_agent, now).await
}

/// The person with this DingTalk userid; people imported without one are known by a staff number that reads the same.
pub(super) fn person_of_user_id(
    tx: &mut Tx<'_>,
    user_id: &str,
) -> Result<Option<people::Person>, yuezhi_store::StoreError> {
    Ok(match people::by_dingtalk_user_id(tx, user_id)? {
        Some(person) => Some(person),
        // Whoever has another DingTalk id on file is not meant, though their staff number reads the same.
        None => {
            people::by_staff_no(tx, user_id)?.filter(|person| person.dingtalk_user_id.is_none())
        }
    })
}
