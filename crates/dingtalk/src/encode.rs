//! From a [`RobotMessage`] to the bytes of one request: mentions in the text, keyword rule, size limit.
//!
//! Caller: [`Robot::send`](crate::Robot::send), once per message.
//! Invariant: the body has at most [`BODY_LIMIT_BYTES`] bytes; a cut falls between two
//! graphemes and keeps a closing link line and the mentions.
//! Weakness: a message whose size is not in its one long text (feedCard) is refused, not cut.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation as _;

use crate::error::MessageProblem;
use crate::message::{At, Buttons, MENTIONS_LIMIT, RobotMessage};
use crate::wire::serialise;

/// Largest request body a custom robot accepts; above it the platform answers 460101.
pub const BODY_LIMIT_BYTES: usize = 20_000;

const ELLIPSIS: &str = "…";

/// A request body, ready to post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    pub body: Vec<u8>,
    /// The text was too long and ends early.
    pub cut: bool,
}

/// A body made once, to be posted many times under keys of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    before: Vec<u8>,
    after: Vec<u8>,
    /// The text was too long and ends early.
    pub cut: bool,
}

/// Where the key belongs; as long as the UUIDs that take its place.
const PLACEHOLDER: &str = "00000000-0000-0000-0000-000000000000";

impl Template {
    /// Like [`encode`], with a gap for the key.
    pub fn new(
        message: &RobotMessage,
        at: &At,
        keywords: &[String],
    ) -> Result<Self, MessageProblem> {
        let Encoded { body, cut } = encode(message, at, keywords, Some(PLACEHOLDER))?;
        // The first one: only `msgtype`, a word of ours, stands before `msgUuid`.
        let gap = body
            .windows(PLACEHOLDER.len())
            .position(|window| window == PLACEHOLDER.as_bytes())
            .expect("the key was put in");
        let mut before = body;
        let after = before.split_off(gap + PLACEHOLDER.len());
        before.truncate(gap);
        Ok(Self { before, after, cut })
    }

    /// The body under this key; `None` where the key is not a UUID in its usual form and would need escapes or more
    /// room.
    pub fn body(&self, key: &str) -> Option<Vec<u8>> {
        let is_uuid = key.len() == PLACEHOLDER.len()
            && key
                .bytes()
                .all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        is_uuid.then(|| [&*self.before, key.as_bytes(), &*self.after].concat())
    }
}

/// Builds the request body. `keywords`: the robot's 自定义关键词; if none of them occurs in the
/// message, the first one is put before it as `【…】`.
///
/// Errors: what the platform would refuse for certain (mentions on link or feedCard, more than
/// 50 people, an empty text or title, too many bytes).
pub fn encode(
    message: &RobotMessage,
    at: &At,
    keywords: &[String],
    msg_uuid: Option<&str>,
) -> Result<Encoded, MessageProblem> {
    check(message, at)?;
    let tail = mention_tail(message, at);
    let tag = missing_keyword(message, keywords);
    let head = tagged(message, tag);
    let full = joined(&head, &tail);
    let body = serialise(message, &full, at, tag, msg_uuid);
    if body.len() <= BODY_LIMIT_BYTES {
        return Ok(Encoded { body, cut: false });
    }
    let too_long = MessageProblem::TooLong { bytes: body.len() };
    let around = body.len() - json_len(&full);
    let room = BODY_LIMIT_BYTES
        .checked_sub(around + json_len(&tail))
        .ok_or(too_long.clone())?;
    let short = cut_to(&head, room).ok_or(too_long.clone())?;
    let body = serialise(message, &joined(&short, &tail), at, tag, msg_uuid);
    if body.len() > BODY_LIMIT_BYTES {
        return Err(too_long);
    }
    Ok(Encoded { body, cut: true })
}

fn check(message: &RobotMessage, at: &At) -> Result<(), MessageProblem> {
    if !at.is_nobody() && !message.can_mention() {
        return Err(MessageProblem::CannotMention {
            kind: message.kind(),
        });
    }
    if at.count() > MENTIONS_LIMIT {
        return Err(MessageProblem::TooManyMentions { people: at.count() });
    }
    let empty = |what: &'static str, text: &str| {
        if text.trim().is_empty() {
            Err(MessageProblem::Empty { what })
        } else {
            Ok(())
        }
    };
    match message {
        RobotMessage::Text { content } => empty("text.content", content),
        RobotMessage::Link {
            title,
            text,
            message_url,
            ..
        } => empty("link.title", title)
            .and_then(|()| empty("link.text", text))
            .and_then(|()| empty("link.messageUrl", message_url)),
        RobotMessage::Markdown { title, text } => {
            empty("markdown.title", title).and_then(|()| empty("markdown.text", text))
        }
        RobotMessage::ActionCard {
            title,
            text,
            buttons,
        } => {
            empty("actionCard.title", title).and_then(|()| empty("actionCard.text", text))?;
            let buttons = match buttons {
                Buttons::Whole(button) => std::slice::from_ref(button),
                Buttons::Each { buttons, .. } => buttons,
            };
            if buttons.is_empty() {
                return Err(MessageProblem::Empty {
                    what: "actionCard.btns",
                });
            }
            buttons.iter().try_for_each(|button| {
                empty("actionCard button title", &button.title)
                    .and_then(|()| empty("actionCard button URL", &button.url))
            })
        }
        RobotMessage::FeedCard { links } if links.is_empty() => Err(MessageProblem::Empty {
            what: "feedCard.links",
        }),
        RobotMessage::FeedCard { links } => links.iter().try_for_each(|link| {
            empty("feedCard title", &link.title)
                .and_then(|()| empty("feedCard messageURL", &link.message_url))
        }),
    }
}

/// The one text of a message that can be long.
fn long_text(message: &RobotMessage) -> &str {
    match message {
        RobotMessage::Text { content } => content,
        RobotMessage::Link { text, .. }
        | RobotMessage::Markdown { text, .. }
        | RobotMessage::ActionCard { text, .. } => text,
        RobotMessage::FeedCard { .. } => "",
    }
}

/// Mentions count only if they also stand in the text (official document); those that the author
/// has already written there are not repeated.
fn mention_tail(message: &RobotMessage, at: &At) -> String {
    if at.count() == 0 {
        return String::new();
    }
    let text = long_text(message);
    let mut tail = String::new();
    for who in at.mobiles.iter().chain(&at.user_ids) {
        if !mentions(text, who) {
            tail.push_str(" @");
            tail.push_str(who);
        }
    }
    match message {
        _ if tail.is_empty() => {}
        // A text of several lines ends in a line of mentions.
        RobotMessage::Text { content } if content.contains('\n') => tail.replace_range(..1, "\n"),
        RobotMessage::Text { .. } => {}
        _ => tail.replace_range(..1, "\n\n"),
    }
    tail
}

/// `@who` occurs and is not merely the beginning of a longer number or id.
fn mentions(text: &str, who: &str) -> bool {
    text.match_indices('@').any(|(at, _)| {
        text.get(at + 1..)
            .and_then(|rest| rest.strip_prefix(who))
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
    })
}

fn missing_keyword<'k>(message: &RobotMessage, keywords: &'k [String]) -> Option<&'k str> {
    let first = keywords.iter().find(|keyword| !keyword.is_empty())?;
    let found = |text: &str| {
        keywords
            .iter()
            .any(|keyword| !keyword.is_empty() && text.contains(keyword.as_str()))
    };
    let present = match message {
        // Only the body of a message is known to count for certain, so a title does not satisfy the rule here.
        RobotMessage::FeedCard { links } => links.iter().any(|link| found(&link.title)),
        RobotMessage::Link { title, text, .. } => found(title) || found(text),
        other => found(long_text(other)),
    };
    (!present).then_some(first.as_str())
}

fn tagged<'m>(message: &'m RobotMessage, tag: Option<&str>) -> Cow<'m, str> {
    let text = long_text(message);
    match (tag, message) {
        (None, _) | (_, RobotMessage::FeedCard { .. }) => Cow::Borrowed(text),
        (Some(tag), RobotMessage::Text { .. }) => Cow::Owned(format!("【{tag}】\n{text}")),
        (Some(tag), RobotMessage::Link { .. }) => Cow::Owned(format!("【{tag}】{text}")),
        (Some(tag), _) => Cow::Owned(format!("【{tag}】\n\n{text}")),
    }
}

fn joined<'a>(head: &'a str, tail: &str) -> Cow<'a, str> {
    if tail.is_empty() {
        Cow::Borrowed(head)
    } else {
        Cow::Owned(format!("{head}{tail}"))
    }
}

/// Cuts `text` so that its JSON form has at most `room` bytes, between graphemes, ending in `…`
/// and, where the last line is a link, that line.
fn cut_to(text: &str, room: usize) -> Option<String> {
    let closing = text
        .trim_end()
        .rsplit('\n')
        .next()
        .filter(|line| line.contains("](http") || line.starts_with("http"));
    let with_closing = closing
        .map(|line| format!("{ELLIPSIS}\n\n{line}"))
        .filter(|end| json_len(end) <= room / 2);
    let end = with_closing.unwrap_or_else(|| ELLIPSIS.to_owned());
    let mut left = room.checked_sub(json_len(&end))?;
    let mut kept = 0;
    for (start, grapheme) in text.grapheme_indices(true) {
        let Some(rest) = left.checked_sub(json_len(grapheme)) else {
            break;
        };
        left = rest;
        kept = start + grapheme.len();
    }
    Some(format!("{}{end}", text.get(..kept)?.trim_end()))
}

/// Bytes of `text` inside a JSON string, without the quotes; as `serde_json` escapes it.
fn json_len(text: &str) -> usize {
    text.bytes()
        .map(|byte| match byte {
            b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
            0..=0x1f => 6,
            _ => 1,
        })
        .sum()
}
