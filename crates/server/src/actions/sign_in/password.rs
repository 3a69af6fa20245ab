//! Administrators: the first account, and signing in with a password (argon2id).

use argon2::{
    Argon2,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use tokio::sync::Semaphore;
use yuezhi_domain::UnixMillis;
use yuezhi_store::{accounts, audit, sessions, settings};

use super::{ActionError, Refusal, RefusalKind, SessionCookie, Who, fresh_secret, open_session};
use crate::{actions::Actor, app::App};

const SHORTEST_PASSWORD: usize = 10;
const LONGEST_PASSWORD: usize = 200;
/// Passwords worked on at once: each takes 19 MiB and a processor, and anybody may ask.
static AT_ONCE: Semaphore = Semaphore::const_new(4);
/// Where it stands in `settings` that the first account was created: of two that are created at once, one wins.
const SET_UP_SETTING: &str = "set_up";

/// Whether the first account exists.
pub async fn is_set_up(app: &App) -> Result<bool, ActionError> {
    app.db
        .read(|tx| Ok::<_, ActionError>(accounts::count(tx)? > 0))
        .await
}

/// What the first account is made of.
#[derive(Clone, Copy)]
pub struct FirstAccount<'a> {
    /// What the server printed when it started, so that not whoever comes first becomes administrator.
    pub code: &'a str,
    pub login: &'a str,
    pub name: &'a str,
    pub password: &'a str,
}

/// Creates the first account for whoever knows the code; refused once there is one.
pub async fn set_up(
    app: &App,
    asked: FirstAccount<'_>,
    user_agent: &str,
) -> Result<SessionCookie, ActionError> {
    let now = app.now();
    check_code(app, asked.code, now)?;
    let (login, password) = (asked.login.trim().to_lowercase(), asked.password);
    let name = if asked.name.trim().is_empty() {
        login.clone()
    } else {
        asked.name.trim().to_owned()
    };
    if login.is_empty() || login.chars().count() > 60 || login.chars().any(char::is_whitespace) {
        return Err(Refusal::invalid("login", "login_not_usable").into());
    }
    check_strength(password, &login)?;
    let hash = hash(password).await?;
    let id: uuid::Uuid = app.ids.next(now);
    let no = app
        .db
        .write(move |tx| {
            let first = settings::insert_if_absent(tx, SET_UP_SETTING, &id.to_string())?;
            if accounts::count(tx)? > 0 || first != id.to_string() {
                return Err(Refusal::conflict("set_up_already").into());
            }
            let account = accounts::NewAccount {
                id: id.to_string(),
                login: login.clone(),
                name: name.clone(),
                password_hash: hash.clone(),
                language: None,
                created_at: now,
            };
            let no = accounts::insert(tx, &account)?;
            let actor = Actor::Account {
                no,
                login: login.clone(),
            };
            audit::append(
                tx,
                now,
                &actor.to_string(),
                "account.created",
                &format!("account:{id}"),
                "{}",
            )?;
            Ok::<_, ActionError>(no)
        })
        .await?;
    open_session(app, Who::Account(no), "password", user_agent, now).await
}

/// Only wrong codes count as tries: an administrator who is choosy about the password is not shut out.
fn check_code(app: &App, code: &str, now: UnixMillis) -> Result<(), Refusal> {
    app.set_up_tries.count(SET_UP_SETTING, now)?;
    if !app.link_key.is_set_up_code(code) {
        return Err(Refusal::invalid("code", "set_up_code_wrong"));
    }
    app.set_up_tries.forget(SET_UP_SETTING);
    Ok(())
}

/// Signs in to the console. Wrong name and wrong password are one and the same refusal, and take the same time.
pub async fn with_password(
    app: &App,
    login: &str,
    password: &str,
    user_agent: &str,
) -> Result<SessionCookie, ActionError> {
    let login = login.trim().to_lowercase();
    let now = app.now();
    app.tries.count(&login, now)?;
    let wanted = login.clone();
    let account = app
        .db
        .read(move |tx| Ok::<_, ActionError>(accounts::by_login(tx, &wanted)?))
        .await?
        .filter(|a| a.disabled_at.is_none());
    let stored = account
        .as_ref()
        .map_or_else(|| NOBODY.to_owned(), |a| a.password_hash.clone());
    let fits = verify(password, stored).await?;
    match account {
        Some(account) if fits => {
            app.tries.forget(&login);
            open_session(app, Who::Account(account.no), "password", user_agent, now).await
        }
        _ => Err(Refusal::new(RefusalKind::SignInNeeded, "wrong_login").into()),
    }
}

/// The login of the demo's administrator.
const DEMO_LOGIN: &str = "demo";

/// Opens the console of a demo: as its administrator, who is made at the first visit and has no password anybody knows.
pub async fn into_demo(
    app: &App,
    name: &str,
    user_agent: &str,
) -> Result<SessionCookie, ActionError> {
    let now = app.now();
    let hash = hash(&fresh_secret(app)).await?;
    let (id, name): (uuid::Uuid, _) = (app.ids.next(now), name.to_owned());
    let no = app
        .db
        .write(move |tx| {
            if let Some(account) = accounts::by_login(tx, DEMO_LOGIN)? {
                return Ok::<_, ActionError>(account.no);
            }
            let account = accounts::NewAccount {
                id: id.to_string(),
                login: DEMO_LOGIN.to_owned(),
                name: name.clone(),
                password_hash: hash.clone(),
                language: None,
                created_at: now,
            };
            Ok(accounts::insert(tx, &account)?)
        })
        .await?;
    open_session(app, Who::Account(no), "demo", user_agent, now).await
}

/// Sets a new password and ends every other session of the account.
pub async fn change_password(
    app: &App,
    account_no: i64,
    login: &str,
    old: &str,
    new: &str,
) -> Result<(), ActionError> {
    let now = app.now();
    app.tries.count(login, now)?;
    let account = app
        .db
        .read(move |tx| Ok::<_, ActionError>(accounts::get(tx, account_no)?))
        .await?
        .ok_or_else(|| Refusal::new(RefusalKind::SignInNeeded, "wrong_login"))?;
    if !verify(old, account.password_hash).await? {
        return Err(Refusal::invalid("old_password", "wrong_password").into());
    }
    check_strength(new, login)?;
    app.tries.forget(login);
    let hash = hash(new).await?;
    let actor = Actor::Account {
        no: account_no,
        login: login.to_owned(),
    }
    .to_string();
    app.db
        .write(move |tx| {
            accounts::set_password(tx, account_no, &hash)?;
            sessions::delete_for_account(tx, account_no)?;
            audit::append(
                tx,
                now,
                &actor,
                "account.password_changed",
                &format!("account:{account_no}"),
                "{}",
            )?;
            Ok::<_, ActionError>(())
        })
        .await
}

/// A hash of nothing anybody knows: makes an unknown name cost what a known one costs.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$dmVyeXNhbHR5c2FsdHk$7zfTr9rZpG6v4wT0pOnm0rLbr4s1H6Fz1GQ3mO3Zs9k";

fn check_strength(password: &str, login: &str) -> Result<(), Refusal> {
    let length = password.chars().count();
    if length < SHORTEST_PASSWORD {
        return Err(
            Refusal::invalid("password", "password_too_short").with("least", SHORTEST_PASSWORD)
        );
    }
    if length > LONGEST_PASSWORD {
        return Err(
            Refusal::invalid("password", "password_too_long").with("most", LONGEST_PASSWORD)
        );
    }
    let first = password.chars().next();
    let same = password.chars().all(|c| Some(c) == first);
    if same || password.to_lowercase().contains(login) {
        return Err(Refusal::invalid("password", "password_guessable"));
    }
    Ok(())
}

pub(super) async fn hash(password: &str) -> Result<String, ActionError> {
    let _turn = AT_ONCE.acquire().await.map_err(ActionError::internal)?;
    let password = password.to_owned();
    tokio::task::spawn_blocking(move || {
        Argon2::default()
            .hash_password(password.as_bytes())
            .map(|hash: PasswordHash| hash.to_string())
    })
    .await
    .map_err(ActionError::internal)?
    .map_err(ActionError::internal)
}

async fn verify(password: &str, stored: String) -> Result<bool, ActionError> {
    // No such password was ever set: not worth hashing a large upload.
    if password.chars().count() > LONGEST_PASSWORD {
        return Ok(false);
    }
    let _turn = AT_ONCE.acquire().await.map_err(ActionError::internal)?;
    let password = password.to_owned();
    tokio::task::spawn_blocking(move || {
        PasswordHash::new(&stored).is_ok_and(|hash| {
            Argon2::default()
                .verify_password(password.as_bytes(), &hash)
                .is_ok()
        })
    })
    .await
    .map_err(ActionError::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_fits_its_own_hash_only() {
        let stored = hash("correct horse battery").await.unwrap();
        assert!(
            verify("correct horse battery", stored.clone())
                .await
                .unwrap()
        );
        assert!(!verify("correct horse batteri", stored).await.unwrap());
        assert!(PasswordHash::new(NOBODY).is_ok());
    }

    #[test]
    fn a_guessable_password_is_refused() {
        assert_eq!(
            check_strength("short", "li").unwrap_err().code,
            "password_too_short"
        );
        assert_eq!(
            check_strength("aaaaaaaaaaaa", "li").unwrap_err().code,
            "password_guessable"
        );
        assert_eq!(
            check_strength("lihua-lihua", "lihua").unwrap_err().code,
            "password_guessable"
        );
        assert!(check_strength("三月里的小雨淅沥淅沥", "lihua").is_ok());
    }
}
