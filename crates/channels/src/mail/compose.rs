//! The MIME message of one post: headers, plain text and HTML, safe for seven-bit relays.
//!
//! Caller: the mail channel. What all recipients of a message share is rendered and encoded once
//! and kept as a [`Template`]; a mail then costs little more than its base64.
//! Invariant: Message-ID, boundary and date come from the post alone, so the same post always
//! gives the same bytes. No line break of a text can become a header.
//! Weakness: no DKIM signature; that is the relay's job.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use lettre::Address;
use lettre::message::header::{
    Date, From as FromHeader, HeaderName, HeaderValue, Headers, ReplyTo, Subject, To,
};
use lettre::message::{Mailbox, Mailboxes};
use sha2::{Digest as _, Sha256};
use yuezhi_domain::UnixMillis;

use super::template::Template;
use crate::message::{Message, Post, one_line};

/// Messages sent at the same time: one per notice and language.
const TEMPLATES: usize = 16;

/// Writes mails of one sender.
pub(super) struct Composer {
    from: Mailbox,
    reply_to: Option<Mailbox>,
    /// The most recently used last.
    templates: Mutex<Vec<Arc<Template>>>,
}

impl Composer {
    pub(super) fn new(from: Mailbox, reply_to: Option<Mailbox>) -> Self {
        Self {
            from,
            reply_to,
            templates: Mutex::default(),
        }
    }

    /// The whole mail, ready for DATA.
    pub(super) fn compose(&self, post: &Post, name: &str, to: &Address) -> Vec<u8> {
        let url = post.links().next().map(|link| link.url).unwrap_or_default();
        let template = self.template(&post.message, url);
        let mut mail = template.headers.clone().into_bytes();
        mail.reserve(template.size_hint());
        mail.extend_from_slice(self.own_headers(post, name, to).as_bytes());
        let boundary = format!("=_{}", hash(&post.key));
        line(
            &mut mail,
            &[
                "MIME-Version: 1.0\r\nContent-Type: multipart/alternative;\r\n boundary=\"",
                &boundary,
                "\"\r\n",
            ],
        );
        for part in [&template.plain, &template.html] {
            line(&mut mail, &["--", &boundary]);
            part.write(url, &mut mail);
        }
        line(&mut mail, &["--", &boundary, "--"]);
        mail
    }

    fn template(&self, message: &Arc<Message>, url: &str) -> Arc<Template> {
        let mut templates = self
            .templates
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = templates
            .iter()
            .position(|template| template.serves(message, url))
        {
            let found = templates.remove(at);
            templates.push(Arc::clone(&found));
            return found;
        }
        let brand = self.from.name.as_deref().unwrap_or_default();
        let made = Arc::new(Template::new(
            Arc::clone(message),
            url,
            self.shared_headers(message),
            brand,
        ));
        if templates.len() == TEMPLATES {
            templates.remove(0);
        }
        templates.push(Arc::clone(&made));
        made
    }

    fn shared_headers(&self, message: &Message) -> String {
        let mut headers = Headers::new();
        headers.set(FromHeader::from(Mailboxes::from(self.from.clone())));
        if let Some(reply_to) = &self.reply_to {
            headers.set(ReplyTo::from(Mailboxes::from(reply_to.clone())));
        }
        headers.set(Subject::from(one_line(&message.title, 200)));
        // RFC 3834: an out-of-office answer to this mail helps nobody.
        headers.insert_raw(header("Auto-Submitted", "auto-generated"));
        headers.insert_raw(header("X-Auto-Response-Suppress", "OOF, AutoReply"));
        if let Some(list) = message
            .list_id
            .as_deref()
            .map(label)
            .filter(|list| !list.is_empty())
        {
            headers.insert_raw(header(
                "List-Id",
                &format!("<{list}.{}>", self.from.email.domain()),
            ));
        }
        headers.to_string()
    }

    fn own_headers(&self, post: &Post, name: &str, to: &Address) -> String {
        let name = one_line(name, 60);
        let to = Mailbox::new((!name.is_empty()).then_some(name), to.clone());
        let own_id = self.message_id(&post.key);
        let mut headers = Headers::new();
        headers.set(To::from(Mailboxes::from(to)));
        headers.set(Date::new(date(post.now)));
        headers.insert_raw(header("Message-ID", &own_id));
        let first_id = post
            .message
            .thread_key
            .as_deref()
            .map(|key| self.message_id(key))
            .filter(|id| *id != own_id);
        if let Some(first_id) = first_id {
            headers.insert_raw(header("In-Reply-To", &first_id));
            headers.insert_raw(header("References", &first_id));
        }
        headers.to_string()
    }

    fn message_id(&self, key: &str) -> String {
        format!("<{}@{}>", id_part(key), self.from.email.domain())
    }
}

fn line(mail: &mut Vec<u8>, words: &[&str]) {
    for word in words {
        mail.extend_from_slice(word.as_bytes());
    }
    mail.extend_from_slice(b"\r\n");
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

fn date(now: UnixMillis) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(now.get().max(0).unsigned_abs())
}

/// A key as the left side of a Message-ID: itself if harmless, else its hash.
fn id_part(key: &str) -> String {
    let harmless = !key.is_empty()
        && key.len() <= 60
        && key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if harmless { key.to_owned() } else { hash(key) }
}

/// As a boundary: no text contains it by accident, texts are not hashes of their own key.
fn hash(key: &str) -> String {
    hex::encode(
        Sha256::digest(key.as_bytes())
            .get(..16)
            .expect("a SHA-256 digest has 32 bytes"),
    )
}

/// Letters, digits, `-` and `.` of a list's name; other characters become `-`.
fn label(name: &str) -> String {
    let clean: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '.' {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .collect();
    clean.trim_matches(['-', '.']).chars().take(60).collect()
}
