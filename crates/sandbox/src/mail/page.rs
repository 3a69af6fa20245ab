//! `/mail`: the persona's mailbox. Its data is JSON; the HTML part of a mail is a document of its own, locked in.
//!
//! Invariant: a persona sees the mails sent to its address and no others; a mail's HTML runs no script, whatever it
//! holds, because its own answer says so (`Content-Security-Policy: sandbox`), not only the frame around it.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::StoredMail;
use super::letter::Letter;
use crate::chat::{NOBODY, Refused, asset, mail_unread, persona_of, person_view};
use crate::journal::Entry;
use crate::shared::{Event, Shared};

const PAGE: usize = 40;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/mail", get(|| async { asset("mail.html") }))
        .route("/mail/list", get(list))
        .route("/mail/{id}", get(letter))
        .route("/mail/{id}/opening", post(open))
        .route("/mail/{id}/html", get(html))
        .route("/mail/{id}/source", get(source))
        .route("/mail/{id}/files/{number}", get(file))
}

const NOT_YOURS: Refused = Refused(
    StatusCode::NOT_FOUND,
    "没有这封邮件",
    "There is no such mail",
);

#[derive(Debug, Deserialize)]
struct Wanted {
    /// Only mails with a smaller id.
    before: Option<u64>,
}

/// A page of the mailbox, newest first.
async fn list(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Value>, Refused> {
    let world = shared.world();
    let person = persona_of(&world, &headers).ok_or(NOBODY)?;
    let before = wanted.before.unwrap_or(u64::MAX);
    let mut newest_first = world.mails.mailbox(&person.email).rev().filter(|mail| mail.id < before);
    let page: Vec<Value> = newest_first
        .by_ref()
        .take(PAGE)
        .map(|mail| row(mail, world.mails.is_opened(mail.id, &person.userid)))
        .collect();
    Ok(Json(json!({
        "organisation": world.organisation.name,
        "persona": person_view(&world, person),
        "address": person.email,
        "server": shared.mail.map(|address| address.to_string()),
        "unread": mail_unread(&shared, &world, person),
        "mails": page,
        "more": newest_first.next().is_some(),
        "now_ms": shared.clock.now_ms(),
    })))
}

fn row(mail: &StoredMail, opened: bool) -> Value {
    let letter = Letter::read(&mail.raw);
    json!({
        "id": mail.id,
        "at_ms": mail.at_ms,
        "from": letter.from,
        "envelope_from": mail.from,
        "subject": letter.subject,
        "preview": letter.preview(),
        "files": letter.files.len(),
        "unread": !opened,
    })
}

/// The persona's own mail, read.
fn own(shared: &Shared, headers: &HeaderMap, id: u64) -> Result<(StoredMail, Letter), Refused> {
    let mail = {
        let world = shared.world();
        let person = persona_of(&world, headers).ok_or(NOBODY)?;
        let address = person.email.trim().to_lowercase();
        let mail = world.mails.get(id).filter(|mail| mail.to.contains(&address));
        mail.ok_or(NOT_YOURS)?.clone()
    };
    let letter = Letter::read(&mail.raw);
    Ok((mail, letter))
}

async fn letter(State(shared): State<Arc<Shared>>, headers: HeaderMap, Path(id): Path<u64>) -> Result<Json<Value>, Refused> {
    let (mail, letter) = own(&shared, &headers, id)?;
    Ok(Json(json!({
        "id": mail.id,
        "at_ms": mail.at_ms,
        "envelope_from": mail.from,
        "has_html": letter.html.is_some(),
        "letter": letter,
    })))
}

/// The mail counts as read from here on; asking twice changes nothing.
async fn open(State(shared): State<Arc<Shared>>, headers: HeaderMap, Path(id): Path<u64>) -> Result<StatusCode, Refused> {
    let (mail, _) = own(&shared, &headers, id)?;
    let mut world = shared.world();
    let person = persona_of(&world, &headers).ok_or(NOBODY)?.clone();
    if !world.mails.is_opened(id, &person.userid) {
        world.record(Entry::MailOpened { id: mail.id, userid: person.userid });
        shared.tell(Event::Mail { to: vec![person.email.trim().to_lowercase()] });
    }
    Ok(StatusCode::NO_CONTENT)
}

const LOCKED_IN: &str = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src http: https: data:; \
                         style-src 'unsafe-inline'; font-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'";

async fn html(State(shared): State<Arc<Shared>>, headers: HeaderMap, Path(id): Path<u64>) -> Result<Response, Refused> {
    let (_, letter) = own(&shared, &headers, id)?;
    let html = letter.html.ok_or(NOT_YOURS)?;
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, LOCKED_IN),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, with_links_outside(&html)).into_response())
}

/// Links of the mail open beside the mailbox and not in its frame.
fn with_links_outside(html: &str) -> String {
    const BASE: &str = "<base target=\"_blank\">";
    let lower = html.to_ascii_lowercase();
    let after_head = lower
        .match_indices("<head")
        .find(|(at, _)| lower.as_bytes().get(at + 5).is_some_and(|next| matches!(next, b'>' | b' ' | b'\r' | b'\n' | b'\t')))
        .and_then(|(at, _)| lower.get(at..).and_then(|rest| rest.find('>')).map(|end| at + end + 1));
    match after_head.and_then(|at| html.split_at_checked(at)) {
        Some((head, rest)) => format!("{head}{BASE}{rest}"),
        None => format!("<!doctype html>{BASE}{html}"),
    }
}

async fn source(State(shared): State<Arc<Shared>>, headers: HeaderMap, Path(id): Path<u64>) -> Result<Response, Refused> {
    let (mail, _) = own(&shared, &headers, id)?;
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, mail.raw).into_response())
}

/// An attachment, always to be saved and never shown.
async fn file(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Path((id, number)): Path<(u64, usize)>,
) -> Result<Response, Refused> {
    let (_, letter) = own(&shared, &headers, id)?;
    let file = letter.files.into_iter().nth(number).ok_or(NOT_YOURS)?;
    let name: String = url::form_urlencoded::byte_serialize(file.name.as_bytes()).collect();
    let name = name.replace('+', "%20");
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename*=UTF-8''{name}")),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'".to_owned()),
    ];
    Ok((headers, file.bytes).into_response())
}

#[cfg(test)]
mod tests {
    use super::with_links_outside;

    #[test]
    fn links_open_beside_the_mailbox() {
        assert_eq!(with_links_outside("<html><HEAD lang=x><title>a"), "<html><HEAD lang=x><base target=\"_blank\"><title>a");
        assert_eq!(with_links_outside("<header>a</header>"), "<!doctype html><base target=\"_blank\"><header>a</header>");
    }
}
