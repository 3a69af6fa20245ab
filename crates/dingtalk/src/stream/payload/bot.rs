//! A message that somebody wrote to the robot, alone with it or by @ in a group.
//!
//! Callers: frames of [`BOT_TOPIC`](super::BOT_TOPIC); endpoints of the HTTP mode
//! ([`BotMessage::from_http`]).
//! Weakness: `staff_id` is empty for outsiders and before the app's version is published.
//! Source: 机器人接收消息 and 机器人消息类型, the official documents.

use serde_json::Value;

use super::lenient::Fields;
use super::{Withheld, withheld};
use crate::stream::session::SessionWebhook;

/// One message to the robot.
#[derive(Debug, Clone, PartialEq)]
pub struct BotMessage {
    /// The same for every push of this message.
    pub msg_id: String,
    pub robot_code: String,
    pub body: BotBody,
    pub conversation_id: String,
    pub conversation: ConversationKind,
    /// Of a group.
    pub conversation_title: Option<String>,
    pub sender: Sender,
    pub chatbot_corp_id: Option<String>,
    pub chatbot_user_id: Option<String>,
    /// Unix milliseconds.
    pub created_at_ms: Option<i64>,
    /// The robot itself was mentioned.
    pub is_mentioned: bool,
    pub at_users: Vec<AtUser>,
    /// Where an answer can be posted for about 90 minutes.
    pub session: Option<SessionWebhook>,
    /// The platform's JSON without the address of the session, which is a secret.
    pub raw: Value,
}

/// Where a message was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConversationKind {
    /// `"1"`: alone with the robot.
    Single,
    /// `"2"`
    Group,
    Other(String),
}

/// Who wrote.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sender {
    /// Encrypted id, always there.
    pub id: String,
    /// The userid in the organisation.
    pub staff_id: Option<String>,
    pub union_id: Option<String>,
    pub nick: String,
    pub corp_id: Option<String>,
    /// `Mac`, `iOS`, …
    pub platform: Option<String>,
    pub is_admin: bool,
}

/// Somebody mentioned in the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AtUser {
    pub id: String,
    pub staff_id: Option<String>,
    pub union_id: Option<String>,
}

/// What was written.
#[derive(Debug, Clone, PartialEq)]
pub enum BotBody {
    /// Without the spaces that a mention leaves at its beginning.
    Text(String),
    RichText(Vec<RichPart>),
    Picture {
        download_code: String,
    },
    /// `recognition`: what the platform heard.
    Audio {
        recognition: String,
        download_code: String,
        duration_ms: Option<i64>,
    },
    Video {
        download_code: String,
        duration: Option<i64>,
        video_type: Option<String>,
    },
    File {
        download_code: String,
        file_name: String,
    },
    /// `unknownMsgType` and types of later days.
    Unknown {
        msgtype: String,
    },
}

/// A piece of rich text.
#[derive(Debug, Clone, PartialEq)]
pub enum RichPart {
    Text(String),
    Picture { download_code: String },
    Other(Value),
}

impl BotMessage {
    /// From the JSON body of an HTTP push. `None`: not a robot message, or not JSON.
    ///
    /// Errors: [`Withheld`] where the platform keeps the content back.
    pub fn from_http(body: &[u8]) -> Result<Option<Self>, Withheld> {
        let Ok(data) = serde_json::from_slice::<Value>(body) else {
            return Ok(None);
        };
        let fields = Fields::of(&data);
        if let Some(withheld) = withheld(&fields, super::BOT_TOPIC, true) {
            return Err(withheld);
        }
        let is_message = fields.has("msgtype") && fields.has("conversationid");
        Ok(is_message.then(|| Self::of(&fields, data)))
    }

    pub(super) fn of(fields: &Fields, mut raw: Value) -> Self {
        if let Value::Object(keys) = &mut raw {
            keys.retain(|key, _| !key.eq_ignore_ascii_case("sessionWebhook"));
        }
        let conversation = match fields.text_or_empty("conversationtype").as_str() {
            "1" => ConversationKind::Single,
            "2" => ConversationKind::Group,
            other => ConversationKind::Other(other.to_owned()),
        };
        let at_users = fields.items("atusers").iter().map(at_user).collect();
        Self {
            msg_id: fields.text_or_empty("msgid"),
            robot_code: fields.text_or_empty("robotcode"),
            body: BotBody::of(fields),
            conversation_id: fields.text_or_empty("conversationid"),
            conversation,
            conversation_title: fields.text("conversationtitle"),
            sender: Sender {
                id: fields.text_or_empty("senderid"),
                staff_id: fields.text("senderstaffid"),
                union_id: fields.text("senderunionid"),
                nick: fields.text_or_empty("sendernick"),
                corp_id: fields.text("sendercorpid"),
                platform: fields.text("senderplatform"),
                is_admin: fields.flag("isadmin").unwrap_or(false),
            },
            chatbot_corp_id: fields.text("chatbotcorpid"),
            chatbot_user_id: fields.text("chatbotuserid"),
            created_at_ms: fields.number("createat"),
            is_mentioned: fields.flag("isinatlist").unwrap_or(false),
            at_users,
            session: SessionWebhook::of(
                fields.text("sessionwebhook").as_deref(),
                fields.number("sessionwebhookexpiredtime"),
            ),
            raw,
        }
    }

    /// The words of the message: of a text, of the texts in rich text, or heard in audio.
    pub fn words(&self) -> Option<String> {
        match &self.body {
            BotBody::Text(text) => Some(text.clone()),
            BotBody::Audio { recognition, .. } if !recognition.is_empty() => {
                Some(recognition.clone())
            }
            BotBody::RichText(parts) => {
                let words: String = parts
                    .iter()
                    .filter_map(|part| match part {
                        RichPart::Text(text) => Some(text.as_str()),
                        _ => None,
                    })
                    .collect();
                Some(words.trim().to_owned())
            }
            _ => None,
        }
    }
}

impl BotBody {
    fn of(fields: &Fields) -> Self {
        let content = fields.object("content");
        let download_code = || content.text_or_empty("downloadcode");
        match fields.text_or_empty("msgtype").as_str() {
            "text" => {
                let text = fields.object("text");
                Self::Text(
                    text.text("content")
                        .unwrap_or_else(|| content.text_or_empty("content")),
                )
            }
            "richText" => Self::RichText(
                content
                    .items("richtext")
                    .into_iter()
                    .map(rich_part)
                    .collect(),
            ),
            "picture" => Self::Picture {
                download_code: download_code(),
            },
            "audio" => Self::Audio {
                recognition: content.text_or_empty("recognition"),
                download_code: download_code(),
                duration_ms: content.number("duration"),
            },
            "video" => Self::Video {
                download_code: download_code(),
                duration: content.number("duration"),
                video_type: content.text("videotype"),
            },
            "file" => Self::File {
                download_code: download_code(),
                file_name: content.text_or_empty("filename"),
            },
            other => Self::Unknown {
                msgtype: other.to_owned(),
            },
        }
    }
}

fn rich_part(value: Value) -> RichPart {
    let fields = Fields::of(&value);
    if let Some(Value::String(text)) = fields.value("text") {
        return RichPart::Text(text.clone());
    }
    match fields.text("downloadcode") {
        Some(download_code) => RichPart::Picture { download_code },
        None => RichPart::Other(value),
    }
}

fn at_user(value: &Value) -> AtUser {
    let fields = Fields::of(value);
    AtUser {
        id: fields.text_or_empty("dingtalkid"),
        staff_id: fields.text("staffid"),
        union_id: fields.text("unionid"),
    }
}
