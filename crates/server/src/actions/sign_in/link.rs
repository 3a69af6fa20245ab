//! Employees without DingTalk: a link by mail that signs in for a quarter of an hour.
//!
//! Whoever asks is always told the same, so that the page is no directory of who works here.

use std::time::Duration;

use yuezhi_domain::UnixMillis;
use yuezhi_store::{people, people::Person};

use super::{ActionError, Refusal, RefusalKind, SessionCookie, Who, open_session};
use crate::{app::App, messages};

const LINK_LIFETIME: Duration = Duration::from_secs(15 * 60);

/// Sends the link to the address on file, if the staff number or address is somebody's. `next` is a path to go on to.
pub async fn request_link(
    app: &App,
    staff_no_or_email: &str,
    next: &str,
) -> Result<(), ActionError> {
    let wanted = staff_no_or_email.trim().to_owned();
    if wanted.is_empty() {
        return Err(Refusal::invalid("who", "who_missing").into());
    }
    let now = app.now();
    app.tries.count(&format!("link {wanted}"), now)?;
    let Some(mail) = app.channels().mail() else {
        return Err(Refusal::new(RefusalKind::Conflict, "mail_not_configured").into());
    };
    let Some(person) = find(app, wanted).await? else {
        return Ok(());
    };
    let url = sign_in_url(app, &person, now, next);
    let post = messages::sign_in_link(app, &person, &url, now);
    // Neither the answer nor its time depends on the sending: the page must not tell who works here.
    tokio::spawn(async move {
        if let Some(why) = mail.send(&post).await.why() {
            tracing::warn!(code = %why.code, "a sign-in link could not be mailed");
        }
    });
    Ok(())
}

async fn find(app: &App, wanted: String) -> Result<Option<Person>, ActionError> {
    app.db
        .read(move |tx| {
            let found = match people::by_staff_no(tx, &wanted)? {
                Some(person) => Some(person),
                None => match people::by_email(tx, &wanted.to_lowercase())?.as_slice() {
                    [one] => Some(one.clone()),
                    _ => None,
                },
            };
            Ok::<_, ActionError>(found.filter(|p| p.is_active() && p.email.is_some()))
        })
        .await
}

fn sign_in_url(app: &App, person: &Person, now: UnixMillis, next: &str) -> String {
    let key = app
        .link_key
        .sign_in_link(person.no, now.plus(LINK_LIFETIME));
    let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
    format!("{}/my/sign-in/link?k={key}&next={next}", app.public_url())
}

/// Signs in whoever holds an intact link that has not run out.
pub async fn by_link(app: &App, key: &str, user_agent: &str) -> Result<SessionCookie, ActionError> {
    let now = app.now();
    let person_no = app
        .link_key
        .open_sign_in_link(key, now)
        .ok_or_else(|| Refusal::new(RefusalKind::SignInNeeded, "sign_in_link_over"))?;
    let person = app
        .db
        .read(move |tx| Ok::<_, ActionError>(people::get(tx, person_no)?))
        .await?;
    if !person.is_some_and(|p| p.is_active()) {
        return Err(Refusal::new(RefusalKind::Forbidden, "person_left").into());
    }
    open_session(app, Who::Person(person_no), "mail_link", user_agent, now).await
}
