//! What a push says, as types: a message to the robot, a click on a card, an event, or the
//! notice that the month's quota is used up.
//!
//! Callers: the client for every frame; web endpoints for pushes that come by HTTP.
//! Invariant: reading never fails; what is not understood is [`Payload::Other`] or
//! [`EventBody::Unknown`], with the platform's JSON beside it.

mod bot;
mod card;
mod event;
mod lenient;
mod notices;

pub use bot::{AtUser, BotBody, BotMessage, ConversationKind, RichPart, Sender};
pub use card::{
    CARD_KEY_LIMIT_BYTES, CARD_VALUE_LIMIT_BYTES, CardCallback, CardResponse, CardValueTooLong,
};
pub use event::{
    ContactEvent, DepartmentChange, Event, EventBody, UNMETERED_EVENTS, UserChange, UserDiff,
    is_metered,
};
pub use notices::{BlackboardSent, MessageMark, ScopesChanged, TodoChange, TodoEvent};

pub(crate) use lenient::Fields;
use serde_json::Value;

use super::frame::{Frame, FrameKind};

/// Topic of messages to the robot.
pub const BOT_TOPIC: &str = "/v1.0/im/bot/messages/get";
/// Topic of messages to a robot that speaks for somebody; the same shape.
pub const BOT_DELEGATE_TOPIC: &str = "/v1.0/im/bot/messages/delegate";
/// Topic of clicks on cards.
pub const CARD_TOPIC: &str = "/v1.0/card/instances/callback";

/// The error code of a push without content because the quota is used up.
pub const OVER_QUOTA_CODE: i64 = 20_001;

/// What a frame carries.
#[derive(Debug, Clone, PartialEq)]
pub enum Payload {
    Bot(Box<BotMessage>),
    Card(Box<CardCallback>),
    Event(Box<Event>),
    /// Something came, but without its content.
    Withheld(Withheld),
    /// A topic this crate has no type for; the `data` as JSON where it is JSON.
    Other(Value),
}

/// A push whose content the platform keeps back (机器人消息类型: 受调用量超量影响…).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withheld {
    /// `errorCode` or `errCode`; 20001 is the used-up quota of the month.
    pub code: i64,
    /// The platform's words.
    pub message: String,
    /// The topic of a callback, or the type of an event.
    pub about: String,
}

impl Withheld {
    /// The Webhook&Stream quota of the month is used up.
    pub fn is_over_quota(&self) -> bool {
        self.code == OVER_QUOTA_CODE
    }
}

impl Payload {
    pub(crate) fn of(frame: &Frame) -> Self {
        let data: Value =
            serde_json::from_str(&frame.data).unwrap_or_else(|_| Value::String(frame.data.clone()));
        let fields = Fields::of(&data);
        let about = frame
            .header("eventType")
            .or_else(|| frame.topic())
            .unwrap_or_default();
        let is_bot = matches!(frame.topic(), Some(BOT_TOPIC | BOT_DELEGATE_TOPIC));
        if let Some(withheld) = withheld(&fields, about, is_bot) {
            return Self::Withheld(withheld);
        }
        match (&frame.kind, frame.topic()) {
            (FrameKind::Event, _) => Self::Event(Box::new(Event::of_frame(frame, data))),
            (_, Some(BOT_TOPIC | BOT_DELEGATE_TOPIC)) => {
                Self::Bot(Box::new(BotMessage::of(&fields, data)))
            }
            (_, Some(CARD_TOPIC)) => Self::Card(Box::new(CardCallback::of(&fields, data))),
            _ => Self::Other(data),
        }
    }
}

/// The code of the used-up quota; in a robot message any code in the place of its content.
fn withheld(fields: &Fields, about: &str, is_bot: bool) -> Option<Withheld> {
    let code = fields
        .number("errorcode")
        .or_else(|| fields.number("errcode"))
        .filter(|&code| code != 0)?;
    let has_content = fields.has("text") || fields.has("content");
    if code != OVER_QUOTA_CODE && (has_content || !is_bot) {
        return None;
    }
    let message = fields
        .text("errormessage")
        .or_else(|| fields.text("errormsg"))
        .or_else(|| fields.text("errmsg"))
        .unwrap_or_default();
    Some(Withheld {
        code,
        message,
        about: about.to_owned(),
    })
}

#[cfg(test)]
mod tests;
