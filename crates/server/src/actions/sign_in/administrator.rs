//! Administrators through DingTalk: who is named by `[console] dingtalk_admins` needs no password of ours.
//!
//! Invariant: an account made here is one person's, by the userid; nobody can sign in to it with a password; it is
//! good only as long as the configuration names the person and they have not left. Weakness: whether somebody is
//! still 主管理员 or 子管理员 is asked when they sign in, not at every page.

use yuezhi_channels::directory;
use yuezhi_store::{
    Tx,
    accounts::{self, Account},
    audit,
};

use super::{
    ActionError, DingTalkReturn, Refusal, RefusalKind, SessionCookie, Who,
    dingtalk::{person_of_user_id, returned_user_id},
    fresh_secret, open_session, password,
};
use crate::{actions::Actor, app::App};

/// Begins the login of an account that belongs to somebody of DingTalk. No typed login begins so.
const LOGIN: &str = "dingtalk:";

/// Whether the console may be entered through DingTalk at all.
pub fn lets_administrators_in(app: &App) -> bool {
    !app.config.console.dingtalk_admins.is_empty() && app.channels().dingtalk_login().is_some()
}

/// Signs in the administrator whom DingTalk's page names; their account is made at the first visit.
pub async fn administrator_by_dingtalk(
    app: &App,
    back: DingTalkReturn<'_>,
    user_agent: &str,
) -> Result<SessionCookie, ActionError> {
    if !lets_administrators_in(app) {
        return Err(Refusal::new(RefusalKind::Forbidden, "not_an_administrator").into());
    }
    let user_id = returned_user_id(app, back).await?;
    if !is_named(app, &user_id).await? {
        return Err(Refusal::new(RefusalKind::Forbidden, "not_an_administrator").into());
    }
    let now = app.now();
    let hash = password::hash(&fresh_secret(app)).await?;
    let id: uuid::Uuid = app.ids.next(now);
    let no = app
        .db
        .write(move |tx| {
            let person = person_of_user_id(tx, &user_id)?;
            if person.as_ref().is_some_and(|person| !person.is_active()) {
                return Err(Refusal::new(RefusalKind::Forbidden, "person_left").into());
            }
            let login = format!("{LOGIN}{user_id}");
            if let Some(known) = accounts::by_login(tx, &login)? {
                if known.disabled_at.is_some() {
                    return Err(Refusal::new(RefusalKind::Forbidden, "not_an_administrator").into());
                }
                return Ok::<_, ActionError>(known.no);
            }
            let name = person.map_or_else(|| user_id.clone(), |person| person.name);
            let account = accounts::NewAccount {
                id: id.to_string(),
                login: login.clone(),
                name,
                password_hash: hash.clone(),
                language: None,
                created_at: now,
            };
            let no = accounts::insert(tx, &account)?;
            let actor = Actor::Account { no, login }.to_string();
            let detail = serde_json::json!({ "through": "dingtalk" }).to_string();
            audit::append(
                tx,
                now,
                &actor,
                "account.created",
                &format!("account:{id}"),
                &detail,
            )?;
            Ok(no)
        })
        .await?;
    open_session(app, Who::Account(no), "dingtalk", user_agent, now).await
}

/// By userid, or as 主管理员 (`main`) or 子管理员 (`sub`) of the organisation.
async fn is_named(app: &App, user_id: &str) -> Result<bool, ActionError> {
    let named = &app.config.console.dingtalk_admins;
    if named.iter().any(|name| name == user_id && !is_level(name)) {
        return Ok(true);
    }
    if !named.iter().any(|name| is_level(name)) {
        return Ok(false);
    }
    let Some(dingtalk) = app.channels().app().cloned() else {
        return Ok(false);
    };
    let admins = directory::admins(&dingtalk, app.now())
        .await
        .map_err(|why| {
            tracing::warn!(code = why.code, "DingTalk did not name the administrators");
            Refusal::new(RefusalKind::SignInNeeded, "dingtalk_sign_in_failed").with("detail", why)
        })?;
    Ok(admins.iter().any(|admin| {
        let level = if admin.is_main { MAIN } else { SUB };
        admin.user_id == user_id && named.iter().any(|name| name == level)
    }))
}

const MAIN: &str = "main";
const SUB: &str = "sub";

fn is_level(name: &str) -> bool {
    matches!(name, MAIN | SUB)
}

/// Whether an account may still be used: one of DingTalk only while it is let in and its person is here.
pub(super) fn is_still_good(
    app: &App,
    tx: &mut Tx<'_>,
    account: &Account,
) -> Result<bool, yuezhi_store::StoreError> {
    let Some(user_id) = account.login.strip_prefix(LOGIN) else {
        return Ok(true);
    };
    let named = &app.config.console.dingtalk_admins;
    if !named.iter().any(|name| name == user_id || is_level(name)) {
        return Ok(false);
    }
    Ok(person_of_user_id(tx, user_id)?.is_none_or(|person| person.is_active()))
}
