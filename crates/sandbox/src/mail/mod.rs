//! A mailbox for everyone: takes in whatever is sent by SMTP and shows it beside the chats.
//!
//! `smtp` accepts mail for the people of the directory, `world` keeps the newest, this file shows them. A persona sees the mails to its own address, or on demand all of them.
//! Invariant: the HTML of a mail is shown only in a frame without script and of a foreign origin.
//! Weakness: pictures inside a mail (`cid:`) are not shown; attachments are named, not kept apart.

mod dialogue;
mod smtp;
mod unstuff;

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mail_parser::{Address, MessageParser, MimeHeaders};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use crate::chat::{NOBODY, Refused, persona_of};
use crate::journal::Entry;
use crate::shared::Shared;

pub(crate) use self::smtp::serve;

/// A mail as it was handed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// Grows by one with every mail of this sandbox.
    pub id: u64,
    /// UTC epoch milliseconds by the sandbox's clock.
    pub at_ms: i64,
    /// The envelope's sender; empty for a bounce.
    pub from: String,
    /// The envelope's recipients.
    pub to: Vec<String>,
    /// Header and body with CRLF line ends, exactly as sent.
    #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
    pub raw: Vec<u8>,
}

impl Mail {
    /// Whether the envelope names this address; letters' case does not matter.
    pub fn is_to(&self, address: &str) -> bool {
        !address.is_empty() && self.to.iter().any(|to| to.eq_ignore_ascii_case(address))
    }
}

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/mail", get(|| async { Redirect::to("/#/mail") }))
        .route("/chat/mails", get(list))
        .route("/chat/mails/{id}", get(open))
        .route("/chat/mails/{id}/html", get(html))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wanted {
    /// Everyone's mails, not the persona's alone.
    all: bool,
}

/// At most 200 mails, newest first.
async fn list(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Value>, Refused> {
    let world = shared.world();
    let person = persona_of(&world, &headers).ok_or(NOBODY)?;
    let found = world
        .mails
        .iter()
        .rev()
        .filter(|mail| wanted.all || mail.is_to(&person.email))
        .take(200);
    let rows = found.map(|mail| {
        let mut row = head(mail);
        row["unread"] = (!world.mails_read.contains(&mail.id)).into();
        row
    });
    Ok(Json(
        json!({ "address": person.email, "mails": rows.collect::<Vec<_>>() }),
    ))
}

/// One mail; a recipient's opening marks it as read.
async fn open(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Path(id): Path<u64>,
) -> Result<Json<Value>, Refused> {
    let mut world = shared.world();
    let mail = world
        .mails
        .iter()
        .find(|mail| mail.id == id)
        .ok_or(NO_MAIL)?;
    let answer = whole(mail);
    let is_own = persona_of(&world, &headers).is_some_and(|person| mail.is_to(&person.email));
    if is_own && !world.mails_read.contains(&id) {
        world.record(Entry::MailRead { id });
    }
    Ok(Json(answer))
}

/// The HTML part alone, for the frame.
async fn html(State(shared): State<Arc<Shared>>, Path(id): Path<u64>) -> Result<Response, Refused> {
    let world = shared.world();
    let mail = world
        .mails
        .iter()
        .find(|mail| mail.id == id)
        .ok_or(NO_MAIL)?;
    let parsed = MessageParser::default().parse(&mail.raw);
    let page = parsed
        .as_ref()
        .and_then(|message| message.body_html(0))
        .unwrap_or_default();
    let page = with_links_outside(&page);
    let security = "default-src 'none'; img-src http: https: data:; style-src 'unsafe-inline'; \
                    sandbox allow-popups allow-popups-to-escape-sandbox";
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, security),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    Ok((headers, page).into_response())
}

/// Links of the mail open beside the mailbox and not in its frame; its `<!doctype>` stays where it counts.
fn with_links_outside(html: &str) -> String {
    const BASE: &str = "<base target=\"_blank\">";
    let lower = html.to_ascii_lowercase();
    let head = lower.match_indices("<head").map(|(at, _)| at).find(|at| {
        let next = lower.as_bytes().get(at + "<head".len());
        next.is_some_and(|next| *next == b'>' || next.is_ascii_whitespace())
    });
    let end = head.and_then(|at| Some(at + lower.get(at..)?.find('>')? + 1));
    match end.and_then(|at| html.split_at_checked(at)) {
        Some((head, rest)) => format!("{head}{BASE}{rest}"),
        None => format!("<!doctype html>{BASE}{html}"),
    }
}

const NO_MAIL: Refused = Refused(
    StatusCode::NOT_FOUND,
    "没有这封邮件",
    "There is no such mail",
);

/// Sender, recipients, subject and the first words.
fn head(mail: &Mail) -> Value {
    let parsed = MessageParser::default().parse(&mail.raw);
    let message = parsed.as_ref();
    let from = message
        .and_then(|message| message.from())
        .map_or_else(|| mail.from.clone(), written);
    let text = message
        .and_then(|message| message.body_text(0))
        .unwrap_or_default();
    let preview: String = text
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(90)
        .collect();
    json!({
        "id": mail.id,
        "at_ms": mail.at_ms,
        "from": from,
        "to": mail.to,
        "subject": message.and_then(|message| message.subject()).unwrap_or_default(),
        "preview": preview,
    })
}

/// What `head` says, the text, and the headers a reader may ask for.
pub(crate) fn whole(mail: &Mail) -> Value {
    let mut view = head(mail);
    let Some(message) = MessageParser::default().parse(&mail.raw) else {
        return view;
    };
    let has_html = message.html_body.iter().any(|at| {
        message
            .part(*at)
            .is_some_and(mail_parser::MessagePart::is_text_html)
    });
    let names = message
        .attachments()
        .map(|part| part.attachment_name().unwrap_or("—").to_owned());
    view["attachments"] = names.collect::<Vec<_>>().into();
    view["text"] = message.body_text(0).unwrap_or_default().into();
    view["has_html"] = has_html.into();
    view["message_id"] = message.message_id().into();
    view["headers"] = message
        .headers_raw()
        .map(|(name, value)| json!([name, value.trim()]))
        .collect::<Vec<_>>()
        .into();
    view
}

/// `阅知 <policy@a.example>, …`
fn written(address: &Address<'_>) -> String {
    let one = |addr: &mail_parser::Addr<'_>| match (addr.name(), addr.address()) {
        (Some(name), Some(address)) => format!("{name} <{address}>"),
        (_, Some(address)) => address.to_owned(),
        (name, None) => name.unwrap_or_default().to_owned(),
    };
    address.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn to_base64<S: Serializer>(raw: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(raw))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    STANDARD
        .decode(String::deserialize(deserializer)?)
        .map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::with_links_outside;

    #[test]
    fn links_of_a_mail_open_beside_the_mailbox() {
        let inside = with_links_outside("<!doctype html><html><HEAD lang=x><title>a");
        assert_eq!(
            inside,
            "<!doctype html><html><HEAD lang=x><base target=\"_blank\"><title>a"
        );
        let fragment = with_links_outside("<header>a</header>");
        assert_eq!(
            fragment,
            "<!doctype html><base target=\"_blank\"><header>a</header>"
        );
    }
}
