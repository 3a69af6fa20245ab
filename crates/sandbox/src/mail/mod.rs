//! The organisation's mail server: takes mail by SMTP for the people of the directory and shows it at `/mail`.
//!
//! `smtp` is the listener, `dialogue` what it answers, `unstuff` the end of DATA; [`Mails`] keeps what came, [`letter`]
//! decodes it, `page` shows it to a persona. Invariant: a mail is answered `250` only when it is in the journal.
//! Weakness: no TLS, no login, no bounces; who may connect is up to the address listened on.

mod dialogue;
mod letter;
pub(crate) mod page;
pub(crate) mod smtp;
mod unstuff;

use std::collections::{HashSet, VecDeque};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How many mails are kept, and how many bytes of them; the oldest go first.
const KEPT: usize = 2_000;
const KEPT_BYTES: usize = 128 * 1024 * 1024;

/// A mail as it arrived, with its envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredMail {
    /// Grows with arrival; shared with the messages' ids.
    pub id: u64,
    /// When it arrived: UTC epoch milliseconds of the sandbox's clock.
    pub at_ms: i64,
    /// The envelope's sender; empty for `<>`.
    pub from: String,
    /// The envelope's recipients, in lower case.
    pub to: Vec<String>,
    /// Header and body without dot-stuffing, lines ended by CRLF as sent.
    #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
    pub raw: Vec<u8>,
}

impl StoredMail {
    /// The decoded subject; empty where there is none.
    pub fn subject(&self) -> String {
        letter::Letter::read(&self.raw).subject
    }

    /// The decoded plain-text body; made from the HTML part where a mail has no other.
    pub fn text(&self) -> String {
        letter::Letter::read(&self.raw).text
    }

    /// The decoded HTML part.
    pub fn html(&self) -> Option<String> {
        letter::Letter::read(&self.raw).html
    }
}

/// The newest mails of all mailboxes, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Mails {
    kept: VecDeque<StoredMail>,
    bytes: usize,
    /// (mail, userid) that have been looked at.
    opened: HashSet<(u64, String)>,
}

impl Mails {
    pub(crate) fn add(&mut self, mail: StoredMail) {
        self.bytes += mail.raw.len();
        self.kept.push_back(mail);
        while self.kept.len() > KEPT || (self.bytes > KEPT_BYTES && self.kept.len() > 1) {
            let Some(oldest) = self.kept.pop_front() else { break };
            self.bytes -= oldest.raw.len();
            for userid in self.openers(oldest.id) {
                self.opened.remove(&(oldest.id, userid));
            }
        }
    }

    pub(crate) fn open(&mut self, id: u64, userid: String) {
        if self.get(id).is_some() {
            self.opened.insert((id, userid));
        }
    }

    pub(crate) fn is_opened(&self, id: u64, userid: &str) -> bool {
        self.opened.contains(&(id, userid.to_owned()))
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn all(&self) -> impl DoubleEndedIterator<Item = &StoredMail> {
        self.kept.iter()
    }

    pub(crate) fn opened(&self) -> impl Iterator<Item = &(u64, String)> {
        self.opened.iter()
    }

    pub(crate) fn get(&self, id: u64) -> Option<&StoredMail> {
        let at = self.kept.binary_search_by_key(&id, |mail| mail.id).ok()?;
        self.kept.get(at)
    }

    /// The mailbox of an address, oldest first. An empty address has none.
    pub(crate) fn mailbox<'a>(&'a self, address: &str) -> impl DoubleEndedIterator<Item = &'a StoredMail> + use<'a> {
        let address = address.trim().to_lowercase();
        self.kept
            .iter()
            .filter(move |mail| !address.is_empty() && mail.to.contains(&address))
    }

    pub(crate) fn unread(&self, address: &str, userid: &str) -> usize {
        self.mailbox(address)
            .filter(|mail| !self.is_opened(mail.id, userid))
            .count()
    }

    fn openers(&self, id: u64) -> Vec<String> {
        let of_it = self.opened.iter().filter(|(mail, _)| *mail == id);
        of_it.map(|(_, userid)| userid.clone()).collect()
    }
}

fn to_base64<S: Serializer>(raw: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(raw))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    STANDARD.decode(text).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(id: u64, to: &str, size: usize) -> StoredMail {
        StoredMail {
            id,
            at_ms: 0,
            from: String::new(),
            to: vec![to.to_owned()],
            raw: vec![b'x'; size],
        }
    }

    #[test]
    fn the_oldest_mails_go_first_and_take_their_marks_with_them() {
        let mut mails = Mails::default();
        for id in 0..KEPT as u64 {
            mails.add(mail(id, "a@b.example", 1));
        }
        mails.open(0, "a".into());
        mails.open(1, "a".into());
        mails.add(mail(9_999, "a@b.example", 1));
        assert_eq!(mails.all().count(), KEPT);
        assert!(mails.get(0).is_none());
        assert_eq!(mails.opened().count(), 1);
        assert_eq!(mails.unread("A@B.example ", "a"), KEPT - 1);
    }

    #[test]
    fn large_mails_are_bounded_by_their_bytes() {
        let mut mails = Mails::default();
        for id in 0..20 {
            mails.add(mail(id, "a@b.example", KEPT_BYTES / 10));
        }
        assert_eq!(mails.all().count(), 10);
        assert_eq!(mails.mailbox("").count(), 0);
    }
}
