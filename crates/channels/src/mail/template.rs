//! What all recipients of one message share, rendered once, with a gap for the personal address.
//!
//! Caller: `compose`.
//! Invariant: a template serves one message (the same allocation, kept alive here) and, unless the
//! address is one of the web, one address.
//! Weakness: a text that contains the placeholder would get the address in its place; the
//! placeholder lies in `.invalid`, which nobody can own.

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::render;
use crate::message::Message;

const PLACEHOLDER: &str = "https://personal-address.invalid/5d41402abc4b2a76";
/// Characters of all paragraphs together: in both parts and in base64 less than the channel's `max_bytes`.
const TEXT_CHARS: usize = 60_000;
/// RFC 5322 allows 998; longer lines go as base64.
const LINE_BYTES: usize = 900;
/// 57 bytes make the 76 characters of RFC 2045.
const BASE64_BYTES: usize = 57;

pub(super) struct Template {
    message: Arc<Message>,
    /// The address that is part of the texts, if they have no gap for it.
    fixed_url: Option<String>,
    /// From, Subject and so on, each with its line break.
    pub(super) headers: String,
    pub(super) plain: Part,
    pub(super) html: Part,
}

impl Template {
    pub(super) fn new(message: Arc<Message>, url: &str, headers: String, brand: &str) -> Self {
        let fixed_url = (!render::is_web(url)).then(|| url.to_owned());
        let shown = clipped(&message);
        let first_url = fixed_url.as_deref().unwrap_or(PLACEHOLDER);
        let plain = Part::new("plain", &render::plain(&shown, first_url), url);
        let html = Part::new("html", &render::html(&shown, first_url, brand), url);
        drop(shown);
        Self {
            message,
            fixed_url,
            headers,
            plain,
            html,
        }
    }

    pub(super) fn serves(&self, message: &Arc<Message>, url: &str) -> bool {
        Arc::ptr_eq(&self.message, message)
            && match &self.fixed_url {
                Some(fixed) => fixed == url,
                None => render::is_web(url),
            }
    }

    /// About how many bytes a mail has.
    pub(super) fn size_hint(&self) -> usize {
        (self.plain.bytes() + self.html.bytes()) * 3 / 2 + 2048
    }
}

/// One body part, in pieces between which the address belongs.
pub(super) struct Part {
    subtype: &'static str,
    pieces: Vec<String>,
    /// Can go as it is: ASCII, no long lines, with an ordinary address in the gaps.
    is_seven_bit: bool,
}

impl Part {
    fn new(subtype: &'static str, text: &str, url: &str) -> Self {
        let text = text.replace("\r\n", "\n").replace('\n', "\r\n");
        let longest = text.split("\r\n").map(str::len).max().unwrap_or_default();
        let is_seven_bit = text.is_ascii() && longest + 2 * url.len() < LINE_BYTES;
        Self {
            subtype,
            pieces: text.split(PLACEHOLDER).map(ToOwned::to_owned).collect(),
            is_seven_bit,
        }
    }

    fn bytes(&self) -> usize {
        self.pieces.iter().map(String::len).sum()
    }

    /// Headers and body.
    pub(super) fn write(&self, url: &str, mail: &mut Vec<u8>) {
        let is_seven_bit = self.is_seven_bit && url.is_ascii() && url.len() < 200;
        let encoding = if is_seven_bit { "7bit" } else { "base64" };
        for word in [
            "Content-Type: text/",
            self.subtype,
            "; charset=utf-8\r\nContent-Transfer-Encoding: ",
            encoding,
            "\r\n\r\n",
        ] {
            mail.extend_from_slice(word.as_bytes());
        }
        let url = if self.subtype == "html" {
            Cow::Owned(render::Escaped(url).to_string())
        } else {
            Cow::Borrowed(url)
        };
        let text = self.pieces.join(&url);
        if is_seven_bit {
            mail.extend_from_slice(text.as_bytes());
            mail.extend_from_slice(b"\r\n");
        } else {
            write_base64(text.as_bytes(), mail);
        }
    }
}

fn write_base64(bytes: &[u8], mail: &mut Vec<u8>) {
    for chunk in bytes.chunks(BASE64_BYTES) {
        let start = mail.len();
        mail.resize(start + chunk.len().div_ceil(3) * 4, 0);
        if let Some(space) = mail.get_mut(start..) {
            STANDARD
                .encode_slice(chunk, space)
                .expect("the space is what base64 of the chunk takes");
        }
        mail.extend_from_slice(b"\r\n");
    }
}

/// The message with its paragraphs cut short, if they are beyond what a notice can sensibly be.
fn clipped(message: &Arc<Message>) -> Arc<Message> {
    let total: usize = message
        .body
        .iter()
        .map(|para| para.text().chars().count())
        .sum();
    let mut message = Arc::clone(message);
    if total <= TEXT_CHARS {
        return message;
    }
    let mut left = TEXT_CHARS;
    Arc::make_mut(&mut message).body.retain_mut(|para| {
        let is_kept = left > 0;
        let words = para.text_mut();
        let length = words.chars().count();
        if is_kept && length > left {
            *words = words
                .chars()
                .take(left.saturating_sub(1))
                .chain(['…'])
                .collect();
        }
        left = left.saturating_sub(length);
        is_kept
    });
    message
}
