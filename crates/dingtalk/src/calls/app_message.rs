//! What an app's robot can say: `msgKey` and its `msgParam`, a JSON text inside JSON.
//!
//! Callers: [`AppRobot`](crate::AppRobot), to people and to groups alike.
//! Invariant: field names are those of each `msgKey`; they differ in case from type to type
//! (`actionURL1` in cards of two to five buttons, `buttonUrl1` in the horizontal pair).
//! Weakness: the size limit is documented for groups; for people the same is assumed.
//! Source: 机器人发送消息的类型 (robot-message-type).

use serde_json::{Map, Value, json};

use crate::error::MessageProblem;
use crate::message::{Button, Orientation};

/// Largest `msgParam`, in bytes of its JSON text.
pub const MESSAGE_PARAM_LIMIT_BYTES: usize = 15_000;

/// One message of an app's robot. No `@` is possible on this way; only on webhooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppMessage {
    Text {
        content: String,
    },
    Markdown {
        /// Shown in the list of conversations.
        title: String,
        text: String,
    },
    Image {
        /// An address or a media id.
        photo_url: String,
    },
    Link {
        title: String,
        text: String,
        picture_url: String,
        message_url: String,
    },
    /// One button; two to five below each other; or two side by side.
    ActionCard {
        title: String,
        /// Markdown.
        text: String,
        buttons: Vec<Button>,
        orientation: Orientation,
    },
    Audio {
        media_id: String,
        duration_ms: u32,
    },
    File {
        media_id: String,
        file_name: String,
        /// `xlsx`, `pdf`, `zip`, `rar`, `doc` or `docx`.
        file_type: String,
    },
    Video {
        media_id: String,
        picture_media_id: String,
        duration_seconds: u32,
    },
}

impl AppMessage {
    /// The `msgKey`.
    ///
    /// Errors: a number of buttons that no card has.
    pub fn key(&self) -> Result<&'static str, MessageProblem> {
        Ok(match self {
            Self::Text { .. } => "sampleText",
            Self::Markdown { .. } => "sampleMarkdown",
            Self::Image { .. } => "sampleImageMsg",
            Self::Link { .. } => "sampleLink",
            Self::Audio { .. } => "sampleAudio",
            Self::File { .. } => "sampleFile",
            Self::Video { .. } => "sampleVideo",
            Self::ActionCard {
                buttons,
                orientation,
                ..
            } => match (buttons.len(), orientation) {
                (1, _) => "sampleActionCard",
                (2, Orientation::Horizontal) => "sampleActionCard6",
                (2, Orientation::Vertical) => "sampleActionCard2",
                (3, Orientation::Vertical) => "sampleActionCard3",
                (4, Orientation::Vertical) => "sampleActionCard4",
                (5, Orientation::Vertical) => "sampleActionCard5",
                _ => {
                    return Err(MessageProblem::Malformed {
                        what: "a card with this number of buttons (1 to 5 vertical, 2 horizontal)",
                    });
                }
            },
        })
    }

    /// The `msgParam`.
    pub fn param(&self) -> String {
        self.fields().to_string()
    }

    /// Bytes of the `msgParam`, to be compared with [`MESSAGE_PARAM_LIMIT_BYTES`].
    pub fn encoded_len(&self) -> usize {
        self.param().len()
    }

    pub fn fits(&self) -> bool {
        self.encoded_len() <= MESSAGE_PARAM_LIMIT_BYTES
    }

    /// `msgKey` and `msgParam`, if the message can be sent as it is.
    pub(crate) fn encoded(&self) -> Result<(&'static str, String), MessageProblem> {
        let key = self.key()?;
        if let Some(what) = self.missing() {
            return Err(MessageProblem::Empty { what });
        }
        let param = self.param();
        if param.len() > MESSAGE_PARAM_LIMIT_BYTES {
            return Err(MessageProblem::TooLarge {
                what: "the message",
                unit: "bytes",
                limit: MESSAGE_PARAM_LIMIT_BYTES,
                got: param.len(),
            });
        }
        Ok((key, param))
    }

    fn missing(&self) -> Option<&'static str> {
        let empty = |text: &str| text.trim().is_empty();
        match self {
            Self::Text { content } => empty(content).then_some("the text"),
            Self::Markdown { title, text } | Self::ActionCard { title, text, .. } => {
                if empty(title) {
                    Some("the title")
                } else {
                    empty(text).then_some("the text")
                }
            }
            Self::Link { message_url, .. } => empty(message_url).then_some("the link"),
            Self::Image { photo_url } => empty(photo_url).then_some("the picture"),
            Self::Audio { media_id, .. }
            | Self::File { media_id, .. }
            | Self::Video { media_id, .. } => empty(media_id).then_some("the media id"),
        }
    }

    fn fields(&self) -> Value {
        match self {
            Self::Text { content } => json!({ "content": content }),
            Self::Markdown { title, text } => json!({ "title": title, "text": text }),
            Self::Image { photo_url } => json!({ "photoURL": photo_url }),
            Self::Link {
                title,
                text,
                picture_url,
                message_url,
            } => json!({
                "title": title, "text": text, "picUrl": picture_url, "messageUrl": message_url,
            }),
            Self::ActionCard {
                title,
                text,
                buttons,
                orientation,
            } => card(title, text, buttons, *orientation),
            // The documents show both durations as strings.
            Self::Audio {
                media_id,
                duration_ms,
            } => json!({ "mediaId": media_id, "duration": duration_ms.to_string() }),
            Self::File {
                media_id,
                file_name,
                file_type,
            } => json!({ "mediaId": media_id, "fileName": file_name, "fileType": file_type }),
            Self::Video {
                media_id,
                picture_media_id,
                duration_seconds,
            } => json!({
                "videoMediaId": media_id, "picMediaId": picture_media_id, "videoType": "mp4",
                "duration": duration_seconds.to_string(),
            }),
        }
    }
}

fn card(title: &str, text: &str, buttons: &[Button], orientation: Orientation) -> Value {
    let mut fields = Map::new();
    fields.insert("title".into(), title.into());
    fields.insert("text".into(), text.into());
    if let [only] = buttons {
        fields.insert("singleTitle".into(), only.title.clone().into());
        fields.insert("singleURL".into(), only.url.clone().into());
        return Value::Object(fields);
    }
    let (titles, urls) = match orientation {
        Orientation::Horizontal => ("buttonTitle", "buttonUrl"),
        Orientation::Vertical => ("actionTitle", "actionURL"),
    };
    for (index, button) in buttons.iter().enumerate() {
        fields.insert(
            format!("{titles}{}", index + 1),
            button.title.clone().into(),
        );
        fields.insert(format!("{urls}{}", index + 1), button.url.clone().into());
    }
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card_of(count: usize, orientation: Orientation) -> AppMessage {
        AppMessage::ActionCard {
            title: "t".into(),
            text: "x".into(),
            buttons: (1..=count)
                .map(|n| Button {
                    title: format!("b{n}"),
                    url: format!("https://e/{n}"),
                })
                .collect(),
            orientation,
        }
    }

    #[test]
    fn each_card_uses_the_spelling_of_its_key() {
        let single = card_of(1, Orientation::Vertical);
        assert_eq!(single.key(), Ok("sampleActionCard"));
        assert_eq!(
            serde_json::from_str::<Value>(&single.param()).unwrap(),
            json!({"title":"t","text":"x","singleTitle":"b1","singleURL":"https://e/1"})
        );
        let pair = card_of(2, Orientation::Horizontal);
        assert_eq!(pair.key(), Ok("sampleActionCard6"));
        assert!(pair.param().contains(r#""buttonUrl2":"https://e/2""#));
        let five = card_of(5, Orientation::Vertical);
        assert_eq!(five.key(), Ok("sampleActionCard5"));
        assert!(five.param().contains(r#""actionURL5":"https://e/5""#));
        assert!(card_of(6, Orientation::Vertical).key().is_err());
        assert!(card_of(3, Orientation::Horizontal).key().is_err());
        assert!(card_of(0, Orientation::Vertical).key().is_err());
    }

    #[test]
    fn size_is_measured_in_bytes_of_the_json_text() {
        let text = |count: usize| AppMessage::Text {
            content: "知".repeat(count),
        };
        assert_eq!(text(2).encoded_len(), r#"{"content":"知知"}"#.len());
        assert!(text(4995).fits());
        assert!(!text(4996).fits());
        assert!(text(4996).encoded().is_err());
        assert!(text(0).encoded().is_err());
    }
}
