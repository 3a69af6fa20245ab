//! Employees in a browser through DingTalk's OAuth2 page.
//!
//! Source: DingTalk open platform, «登录第三方网站» (authorize page, userAccessToken, users/me, getbyunionid).
//! Only people of this directory get in: the userid that DingTalk names must be somebody's here.

use std::time::Duration;

use yuezhi_store::people;

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

fn redirect_uri(app: &App) -> String {
    format!("{}/my/sign-in/dingtalk/return", app.public_url())
}

/// Signs in the person whom DingTalk names.
pub async fn by_dingtalk(
    app: &App,
    back: DingTalkReturn<'_>,
    user_agent: &str,
) -> Result<SessionCookie, ActionError> {
    let now = app.now();
    let nonce = app.link_key.open_oauth_state(back.state, now);
    if nonce.is_none() || nonce != back.nonce {
        return Err(Refusal::new(RefusalKind::SignInNeeded, "sign_in_elsewhere").into());
    }
    let login = app
        .channels()
        .dingtalk_login()
        .ok_or_else(|| Refusal::conflict("dingtalk_not_configured"))?;
    let userid = login
        .userid_of(back.auth_code, now)
        .await
        .map_err(|error| {
            tracing::warn!(%error, "DingTalk did not name the person signing in");
            Refusal::new(RefusalKind::SignInNeeded, "dingtalk_sign_in_failed").with("detail", error)
        })?;
    let person = app
        .db
        .read(move |tx| {
            let known = people::by_dingtalk_user_id(tx, &userid)?;
            Ok::<_, ActionError>(match known {
                Some(person) => Some(person),
                // Whoever has another DingTalk id on file is not meant, though their staff number reads the same.
                None => people::by_staff_no(tx, &userid)?
                    .filter(|person| person.dingtalk_user_id.is_none()),
            })
        })
        .await?;
    let Some(person) = person.filter(people::Person::is_active) else {
        return Err(Refusal::new(RefusalKind::Forbidden, "person_not_in_directory").into());
    };
    open_session(app, Who::Person(person.no), "dingtalk", user_agent, now).await
}
