//! What is said, to whom, in a form that no platform prescribes.
//!
//! Callers build a [`Post`]; each channel renders it in its own way.
//! Invariant: all texts are already in the reader's language and plain, without markup.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use yuezhi_domain::{DeliveryKind, Language, UnixMillis};

use crate::RawRobot;

/// One message to one target, ready to send.
#[derive(Debug, Clone, PartialEq)]
pub struct Post {
    /// The same for every attempt: platforms that can, show one message per key. A UUID or alike.
    pub key: String,
    /// Shared by all who get the same words.
    pub message: Arc<Message>,
    /// This person's own address in place of the first link's.
    pub personal_url: Option<String>,
    /// The person, on personal channels.
    pub recipient: Option<Recipient>,
    /// Who is to be pointed at, on group channels.
    pub mentions: Mentions,
    /// The group's members (DingTalk user ids), where [`crate::Limits::needs_members`].
    pub members: Arc<[String]>,
    /// The time of this attempt: signatures and mail dates come from it.
    pub now: UnixMillis,
}

/// One message to many people in one call. Everybody gets the same links.
#[derive(Debug, Clone, PartialEq)]
pub struct Bulk {
    /// The same for every attempt at the same people.
    pub key: String,
    pub message: Arc<Message>,
    /// Never empty, at most [`crate::Limits::people_per_call`].
    pub recipients: Vec<Recipient>,
    pub now: UnixMillis,
}

impl Bulk {
    /// The same message to one of them.
    pub(crate) fn post(&self, index: usize) -> Post {
        Post {
            key: format!("{}-{index}", self.key),
            message: Arc::clone(&self.message),
            personal_url: None,
            recipient: self.recipients.get(index).cloned(),
            mentions: Mentions::default(),
            members: Arc::from([]),
            now: self.now,
        }
    }
}

/// A message that the platform has, and some of those whom it reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentMessage {
    /// As the outcome of sending named it.
    pub platform_id: String,
    pub recipients: Vec<Recipient>,
    pub language: Language,
    pub sent_at: UnixMillis,
}

/// What a message is about, for channels that can do more than show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matter {
    /// The notice's id (UUID).
    pub notice: String,
    /// Whether confirming is asked for (and not only reading).
    pub wants_confirmation: bool,
    /// On the button: 我已阅读并理解.
    pub confirm_label: String,
    /// In its place afterwards: 已确认.
    pub confirmed_label: String,
    pub due_at: Option<UnixMillis>,
}

/// What is said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    pub kind: DeliveryKind,
    /// One line; the mail's subject, the card's heading.
    pub title: String,
    /// One line below the title; what a phone shows before opening.
    pub lead: String,
    #[serde(default)]
    pub body: Vec<Para>,
    /// Label and value: version, due date, owner.
    #[serde(default)]
    pub facts: Vec<Fact>,
    /// The first is the one thing to do; a digest has one per policy.
    #[serde(default)]
    pub links: Vec<Link>,
    #[serde(default)]
    pub footer: Option<String>,
    pub language: Language,
    /// The key of the first mail of this matter to this person; later ones are shown below it.
    #[serde(default)]
    pub thread_key: Option<String>,
    /// Names the stream of mails for filters, for example the policy's slug.
    #[serde(default)]
    pub list_id: Option<String>,
    /// The notice it is about, if it is about one.
    #[serde(default)]
    pub matter: Option<Matter>,
    /// A robot message in the platform's own terms, sent as it is; other channels refuse it.
    #[serde(default)]
    pub raw: Option<RawRobot>,
}

/// A paragraph of plain text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Para {
    Text(String),
    Bullet(String),
    Quote(String),
}

impl Para {
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Text(words) | Self::Bullet(words) | Self::Quote(words) => words,
        }
    }

    pub(crate) fn text_mut(&mut self) -> &mut String {
        match self {
            Self::Text(words) | Self::Bullet(words) | Self::Quote(words) => words,
        }
    }
}

/// A labelled value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    pub label: String,
    pub value: String,
}

/// A labelled address, `https` or `http`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub label: String,
    pub url: String,
}

/// A person as the channels see one. Empty texts count as absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    pub name: String,
    pub email: Option<String>,
    pub staff_no: Option<String>,
    pub mobile: Option<String>,
    pub dingtalk_user_id: Option<String>,
    pub dingtalk_union_id: Option<String>,
}

/// Who is pointed at in a group message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mentions {
    pub all: bool,
    pub people: Vec<Mention>,
}

/// One person pointed at; the name stands in where the platform cannot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mention {
    pub name: String,
    pub dingtalk_user_id: Option<String>,
    pub mobile: Option<String>,
}

impl Post {
    /// The message's links with this person's own address in the first.
    pub fn links(&self) -> impl Iterator<Item = LinkTo<'_>> {
        let shared = self.message.links.first().map(|link| link.url.as_str());
        self.message
            .links_with(self.personal_url.as_deref().or(shared).unwrap_or_default())
    }
}

/// A link as one person gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkTo<'a> {
    pub label: &'a str,
    pub url: &'a str,
}

impl Message {
    /// The links with `first_url` in the first.
    pub(crate) fn links_with<'a>(&'a self, first_url: &'a str) -> impl Iterator<Item = LinkTo<'a>> {
        let link = move |(index, link): (usize, &'a Link)| LinkTo {
            label: &link.label,
            url: if index == 0 { first_url } else { &link.url },
        };
        self.links.iter().enumerate().map(link)
    }

    /// A message with a title and a lead and nothing else.
    pub fn new(kind: DeliveryKind, language: Language, title: &str, lead: &str) -> Self {
        Self {
            kind,
            title: title.to_owned(),
            lead: lead.to_owned(),
            body: Vec::new(),
            facts: Vec::new(),
            links: Vec::new(),
            footer: None,
            language,
            thread_key: None,
            list_id: None,
            matter: None,
            raw: None,
        }
    }
}

/// `text` on one line: no line breaks, no control characters, at most `limit` characters.
pub(crate) fn one_line(text: &str, limit: usize) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let flat: String = flat.chars().filter(|c| !c.is_control()).collect();
    if flat.chars().count() <= limit {
        return flat;
    }
    flat.chars()
        .take(limit.saturating_sub(1))
        .chain(['…'])
        .collect()
}

/// Between a label and its value.
pub(crate) fn colon(language: Language) -> &'static str {
    match language {
        Language::ZhCn => "：",
        Language::En => ": ",
    }
}

/// `Some` only for a text with something in it.
pub(crate) fn present(text: Option<&String>) -> Option<&str> {
    text.map(|text| text.trim()).filter(|text| !text.is_empty())
}
