//! A mail decoded for people: names and subject out of RFC 2047 words, bodies out of quoted-printable and base64.
//!
//! Invariant: whatever arrives has a reading; what cannot be parsed is shown as text as it came.

use mail_parser::{Address, Message, MessageParser, MimeHeaders, PartType};
use serde::Serialize;

/// What a mailbox shows of a mail.
#[derive(Debug, Default, Serialize)]
pub(super) struct Letter {
    pub(super) subject: String,
    pub(super) from: Mailbox,
    pub(super) to: Vec<Mailbox>,
    pub(super) cc: Vec<Mailbox>,
    /// The `Date` field, UTC epoch milliseconds.
    pub(super) sent_ms: Option<i64>,
    pub(super) text: String,
    #[serde(skip)]
    pub(super) html: Option<String>,
    pub(super) files: Vec<Attachment>,
}

/// A name and an address; either may be empty.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Mailbox {
    pub(super) name: String,
    pub(super) address: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Attachment {
    pub(super) name: String,
    /// In bytes.
    pub(super) size: usize,
    #[serde(skip)]
    pub(super) bytes: Vec<u8>,
}

impl Letter {
    pub(super) fn read(raw: &[u8]) -> Self {
        let Some(message) = MessageParser::default().parse(raw) else {
            return Self { text: String::from_utf8_lossy(raw).into_owned(), ..Self::default() };
        };
        Self {
            subject: message.subject().unwrap_or_default().trim().to_owned(),
            from: message.from().map(mailboxes).unwrap_or_default().into_iter().next().unwrap_or_default(),
            to: message.to().map(mailboxes).unwrap_or_default(),
            cc: message.cc().map(mailboxes).unwrap_or_default(),
            sent_ms: message.date().map(|date| date.to_timestamp().saturating_mul(1_000)),
            text: message.body_text(0).unwrap_or_default().trim_end().to_owned(),
            html: html_of(&message),
            files: files_of(&message),
        }
    }

    /// The first words of the text, for the list.
    pub(super) fn preview(&self) -> String {
        let words = self.text.split_whitespace().flat_map(|word| word.chars().chain([' ']));
        words.take(140).collect::<String>().trim_end().to_owned()
    }
}

fn mailboxes(address: &Address<'_>) -> Vec<Mailbox> {
    let own = |text: Option<&str>| text.unwrap_or_default().to_owned();
    address.iter().map(|one| Mailbox { name: own(one.name()), address: own(one.address()) }).collect()
}

/// Only a real HTML part: the parser would make one from plain text.
fn html_of(message: &Message<'_>) -> Option<String> {
    message.html_bodies().find_map(|part| match &part.body {
        PartType::Html(html) => Some(html.clone().into_owned()),
        _ => None,
    })
}

fn files_of(message: &Message<'_>) -> Vec<Attachment> {
    let named = message.attachments().enumerate().map(|(number, part)| {
        let name = part.attachment_name().map_or_else(|| format!("{}.bin", number + 1), ToOwned::to_owned);
        let bytes = part.contents().to_vec();
        Attachment { name, size: bytes.len(), bytes }
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: &str = "From: =?utf-8?B?6ZiF55+l?= <policy@yunshan.example>\r\n\
        To: \"=?GBK?Q?=C0=EE=C4=C8?=\" <lina@yunshan.example>\r\n\
        Subject: =?UTF-8?Q?=E5=B7=AE=E6=97=85?= =?UTF-8?B?6LS55Yi25bqm?=\r\n\
        Date: Sun, 22 Nov 2026 19:48:00 +0800\r\n\
        MIME-Version: 1.0\r\n\
        Content-Type: multipart/mixed; boundary=m\r\n\r\n\
        --m\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n\
        --a\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=E8=AF=B7\r\n =E7=A1=AE=E8=AE=A4\r\n\
        --a\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nPGI+6K+3PC9iPg==\r\n\
        --a--\r\n\
        --m\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename*=utf-8''%E9%99%84%E4%BB%B6.txt\r\n\r\nabc\r\n--m--\r\n";

    #[test]
    fn words_and_bodies_are_decoded() {
        let letter = Letter::read(MAIL.as_bytes());
        assert_eq!(letter.subject, "差旅费制度");
        assert_eq!(letter.from, Mailbox { name: "阅知".into(), address: "policy@yunshan.example".into() });
        assert_eq!(letter.to[0].name, "李娜");
        assert_eq!(letter.sent_ms, Some(1_795_348_080_000));
        assert_eq!((letter.preview().as_str(), letter.html.as_deref()), ("请 确认", Some("<b>请</b>")));
        assert_eq!((letter.files[0].name.as_str(), letter.files[0].bytes.as_slice()), ("附件.txt", b"abc".as_slice()));
    }

    #[test]
    fn whatever_arrives_has_a_reading() {
        for raw in [&b""[..], b"\r\n\r\n", b"\xff\xfe", b"no header at all", b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x"] {
            let letter = Letter::read(raw);
            assert!(letter.html.is_none());
        }
        assert_eq!(Letter::read(b"Subject: a\r\n\r\nplain").text, "plain");
    }
}
