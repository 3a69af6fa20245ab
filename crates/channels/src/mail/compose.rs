//! The MIME message: headers, plain text and HTML, safe for seven-bit relays.
//!
//! Caller: the mail channel.
//! Invariant: Message-ID, boundary and date come from the post alone, so the same post always
//! gives the same bytes. No line break of a text can become a header.
//! Weakness: no DKIM signature; that is the relay's job.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message as Mime};
use sha2::{Digest as _, Sha256};
use yuezhi_domain::UnixMillis;

use super::render;
use crate::codes;
use crate::message::{Post, one_line};
use crate::outcome::Why;

/// Characters of all paragraphs together: in both parts and in base64 less than the channel's `max_bytes`.
const TEXT_CHARS: usize = 60_000;

/// Writes mails of one sender.
pub(super) struct Composer {
    from: Mailbox,
    reply_to: Option<Mailbox>,
}

impl Composer {
    pub(super) fn new(from: Mailbox, reply_to: Option<Mailbox>) -> Self {
        Self { from, reply_to }
    }

    /// The whole mail, ready for DATA.
    pub(super) fn compose(&self, post: &Post, name: &str, to: &Address) -> Result<Vec<u8>, Why> {
        let message = &post.message;
        let name = one_line(name, 60);
        let to = Mailbox::new((!name.is_empty()).then_some(name), to.clone());
        let own_id = self.message_id(&post.key);
        let mut mail = Mime::builder()
            .from(self.from.clone())
            .to(to)
            .subject(one_line(&message.title, 200))
            .date(date(post.now))
            .message_id(Some(own_id.clone()))
            // RFC 3834: an out-of-office answer to this mail helps nobody.
            .raw_header(header("Auto-Submitted", "auto-generated"))
            .raw_header(header("X-Auto-Response-Suppress", "OOF, AutoReply"));
        if let Some(reply_to) = &self.reply_to {
            mail = mail.reply_to(reply_to.clone());
        }
        let first_id = message
            .thread_key
            .as_deref()
            .map(|key| self.message_id(key))
            .filter(|id| *id != own_id);
        if let Some(first_id) = first_id {
            mail = mail.in_reply_to(first_id.clone()).references(first_id);
        }
        if let Some(list) = message
            .list_id
            .as_deref()
            .map(label)
            .filter(|list| !list.is_empty())
        {
            let id = format!("<{list}.{}>", self.from.email.domain());
            mail = mail.raw_header(header("List-Id", &id));
        }
        let clipped = clipped(post);
        let post = clipped.as_ref().unwrap_or(post);
        let brand = self.from.name.as_deref().unwrap_or_default();
        let parts = MultiPart::alternative()
            .boundary(boundary(&post.key))
            .singlepart(SinglePart::plain(render::plain(post)))
            .singlepart(SinglePart::html(render::html(post, brand)));
        let mail = mail
            .multipart(parts)
            .map_err(|error| Why::new(codes::MAIL_MALFORMED, error.to_string()))?;
        Ok(mail.formatted())
    }

    fn message_id(&self, key: &str) -> String {
        format!("<{}@{}>", id_part(key), self.from.email.domain())
    }
}

/// The post with its paragraphs cut short, if they are beyond what a notice can sensibly be.
fn clipped(post: &Post) -> Option<Post> {
    let mut left = TEXT_CHARS;
    let fits = post.message.body.iter().all(|para| {
        left = left.saturating_sub(para.text().chars().count());
        left > 0
    });
    if fits {
        return None;
    }
    let mut short = post.clone();
    let message = Arc::make_mut(&mut short.message);
    let mut left = TEXT_CHARS;
    message.body.retain_mut(|para| {
        let is_kept = left > 0;
        let words = para.text_mut();
        let length = words.chars().count();
        if is_kept && length >= left {
            *words = words
                .chars()
                .take(left.saturating_sub(1))
                .chain(['…'])
                .collect();
        }
        left = left.saturating_sub(length);
        is_kept
    });
    Some(short)
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
        && key.len() <= 100
        && key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if harmless { key.to_owned() } else { hash(key) }
}

/// No text of a mail can contain it by accident: texts are not hashes of their own key.
fn boundary(key: &str) -> String {
    format!("=_{}", hash(key))
}

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
