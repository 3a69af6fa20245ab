//! Signing in: administrators by password or through DingTalk, employees by a link in a mail or through DingTalk.
//!
//! Called by the console's and the employees' sign-in pages. A session is 32 random bytes in a cookie; the database
//! holds only their hash. Invariant: nobody becomes anybody by GET alone except through a sign-in link that was
//! asked for minutes ago, and a link that opens one notice never signs in. Weakness: tries are counted per node.

mod administrator;
mod dingtalk;
mod link;
mod password;

pub use administrator::{administrator_by_dingtalk, lets_administrators_in};
pub use dingtalk::{DingTalkReturn, by_dingtalk, by_dingtalk_code, dingtalk_sign_in_url};
pub use link::{by_link, request_link};
pub use password::{FirstAccount, change_password, into_demo, is_set_up, set_up, with_password};

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use sha2::{Digest as _, Sha256};
use yuezhi_domain::UnixMillis;
use yuezhi_store::{accounts::Account, people::Person, sessions};

use super::{ActionError, Refusal, RefusalKind};
use crate::app::App;

/// A console session ends after a working week, an employee's after a month.
pub const ACCOUNT_SESSION: Duration = Duration::from_secs(7 * 24 * 3600);
pub const PERSON_SESSION: Duration = Duration::from_secs(30 * 24 * 3600);

/// The value of a session cookie; shown to nobody else.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionCookie(pub String);

impl std::fmt::Debug for SessionCookie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionCookie(…)")
    }
}

/// SHA-256 of a secret as it stands in the database.
pub fn secret_hash(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}

/// 32 random bytes as text.
pub fn fresh_secret(app: &App) -> String {
    let mut bytes = [0u8; 32];
    app.ids.fill(&mut bytes);
    BASE64.encode(bytes)
}

enum Who {
    Account(i64),
    Person(i64),
}

async fn open_session(
    app: &App,
    who: Who,
    method: &'static str,
    user_agent: &str,
    now: UnixMillis,
) -> Result<SessionCookie, ActionError> {
    let cookie = fresh_secret(app);
    let (account_no, person_no, lifetime) = match who {
        Who::Account(no) => (Some(no), None, ACCOUNT_SESSION),
        Who::Person(no) => (None, Some(no), PERSON_SESSION),
    };
    let session = sessions::Session {
        hash: secret_hash(&cookie),
        account_no,
        person_no,
        method: method.to_owned(),
        created_at: now,
        expires_at: now.plus(lifetime),
        user_agent: user_agent.chars().take(200).collect(),
    };
    app.db
        .write(move |tx| Ok::<_, ActionError>(sessions::insert(tx, &session)?))
        .await?;
    Ok(SessionCookie(cookie))
}

/// The account a console cookie belongs to, if it is still good.
pub async fn account_of(app: &App, cookie: &str) -> Result<Option<Account>, ActionError> {
    let (hash, now) = (secret_hash(cookie), app.now());
    let here = app.clone();
    app.db
        .read(move |tx| {
            let Some(no) = sessions::by_hash(tx, &hash, now)?.and_then(|s| s.account_no) else {
                return Ok::<_, ActionError>(None);
            };
            let account = yuezhi_store::accounts::get(tx, no)?.filter(|a| a.disabled_at.is_none());
            Ok(match account {
                Some(account) if administrator::is_still_good(&here, tx, &account)? => {
                    Some(account)
                }
                _ => None,
            })
        })
        .await
}

/// The person an employee's cookie belongs to; nobody once they have left.
pub async fn person_of(app: &App, cookie: &str) -> Result<Option<Person>, ActionError> {
    let (hash, now) = (secret_hash(cookie), app.now());
    app.db
        .read(move |tx| {
            let Some(no) = sessions::by_hash(tx, &hash, now)?.and_then(|s| s.person_no) else {
                return Ok::<_, ActionError>(None);
            };
            Ok(yuezhi_store::people::get(tx, no)?.filter(Person::is_active))
        })
        .await
}

/// Ends one session. Ending one that is over is fine.
pub async fn sign_out(app: &App, cookie: &str) -> Result<(), ActionError> {
    let hash = secret_hash(cookie);
    app.db
        .write(move |tx| {
            sessions::delete(tx, &hash)?;
            Ok::<_, ActionError>(())
        })
        .await
}

/// Counts tries by name: five within a quarter of an hour, then silence until it is over.
#[derive(Debug, Default)]
pub struct Tries(Mutex<HashMap<String, (u32, UnixMillis)>>);

const TRIES: u32 = 5;
/// Names kept at once, about 10 MB at most. Above it those whose window is over are dropped, else all: a flood of
/// names may win a few tries, but no memory, and no look through all of them at every try.
const MOST_NAMES: usize = 50_000;
const TRY_WINDOW: Duration = Duration::from_secs(15 * 60);

impl Tries {
    /// Counts one try; refuses when there were too many.
    fn count(&self, name: &str, now: UnixMillis) -> Result<(), Refusal> {
        let name = tried_name(name);
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tries.len() >= MOST_NAMES && !tries.contains_key(&name) {
            tries.retain(|_, (_, since)| now < since.plus(TRY_WINDOW));
            // Dropping a few at a time would look through all of them again at the next try.
            if tries.len() > MOST_NAMES / 2 {
                tries.clear();
            }
        }
        let entry = tries.entry(name).or_insert((0, now));
        if now >= entry.1.plus(TRY_WINDOW) {
            *entry = (0, now);
        }
        entry.0 += 1;
        if entry.0 > TRIES {
            return Err(Refusal::new(RefusalKind::TooMany, "too_many_tries")
                .with("minutes", TRY_WINDOW.as_secs() / 60));
        }
        Ok(())
    }

    fn forget(&self, name: &str) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&tried_name(name));
    }
}

/// Bounded, because anybody may type anything of any length.
fn tried_name(name: &str) -> String {
    name.chars().take(100).collect::<String>().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_try_is_refused_until_a_quarter_of_an_hour_is_over() {
        let tries = Tries::default();
        for _ in 0..TRIES {
            tries.count("li", UnixMillis(0)).unwrap();
        }
        assert!(tries.count("LI", UnixMillis(1)).is_err());
        assert!(tries.count("wang", UnixMillis(1)).is_ok());
        assert!(tries.count("li", UnixMillis(0).plus(TRY_WINDOW)).is_ok());
    }

    #[test]
    fn a_flood_of_names_takes_no_more_room_than_allowed() {
        let tries = Tries::default();
        for n in 0..=MOST_NAMES {
            tries.count(&n.to_string(), UnixMillis(0)).unwrap();
        }
        assert!(tries.0.lock().unwrap().len() <= MOST_NAMES);
    }
}
