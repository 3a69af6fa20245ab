//! The message types a custom robot can send, as values: text, link, markdown, actionCard, feedCard.
//!
//! Callers build a [`RobotMessage`] and an [`At`]; [`encode`](crate::encode()) turns them into the
//! exact JSON of the platform (whose key case differs from type to type).
//! Source: 机器人消息类型, the official document.

use serde::{Deserialize, Serialize};

/// Most people one message can mention (official document).
pub const MENTIONS_LIMIT: usize = 50;

/// What a custom robot can say in a group. `markdown` texts use the platform's subset: headings,
/// quotes, bold, italic, links, images, lists; no tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum RobotMessage {
    /// Plain text; the only type whose mentions can be tapped.
    Text { content: String },
    /// One link with a thumbnail. Cannot mention anybody.
    Link {
        title: String,
        text: String,
        message_url: String,
        picture_url: Option<String>,
    },
    /// `title` is what the conversation list shows; it must not be empty.
    Markdown { title: String, text: String },
    /// Markdown above one or several buttons. Buttons only open URLs.
    ActionCard {
        title: String,
        text: String,
        buttons: Buttons,
    },
    /// Several links, the first one large. Cannot mention anybody.
    FeedCard { links: Vec<FeedLink> },
}

/// Buttons of an actionCard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Buttons {
    /// The whole card opens one URL (整体跳转).
    Whole(Button),
    /// Each button opens its own URL (独立跳转).
    Each {
        orientation: Orientation,
        buttons: Vec<Button>,
    },
}

/// How several buttons are arranged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Orientation {
    Vertical,
    Horizontal,
}

/// A labelled URL of an actionCard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Button {
    pub title: String,
    pub url: String,
}

/// One row of a feedCard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedLink {
    pub title: String,
    pub message_url: String,
    pub picture_url: Option<String>,
}

/// Who is mentioned. Only members of the group can be; others' numbers are masked by the platform.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct At {
    #[serde(rename = "atMobiles", skip_serializing_if = "Vec::is_empty", default)]
    pub mobiles: Vec<String>,
    #[serde(rename = "atUserIds", skip_serializing_if = "Vec::is_empty", default)]
    pub user_ids: Vec<String>,
    #[serde(rename = "isAtAll", default)]
    pub all: bool,
}

impl At {
    /// Nobody.
    pub const NOBODY: At = At {
        mobiles: Vec::new(),
        user_ids: Vec::new(),
        all: false,
    };

    /// `@all`.
    pub const ALL: At = At {
        mobiles: Vec::new(),
        user_ids: Vec::new(),
        all: true,
    };

    pub fn is_nobody(&self) -> bool {
        !self.all && self.mobiles.is_empty() && self.user_ids.is_empty()
    }

    /// People named one by one.
    pub fn count(&self) -> usize {
        self.mobiles.len() + self.user_ids.len()
    }
}

impl RobotMessage {
    /// The platform's `msgtype`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Text { .. } => "text",
            Self::Link { .. } => "link",
            Self::Markdown { .. } => "markdown",
            Self::ActionCard { .. } => "actionCard",
            Self::FeedCard { .. } => "feedCard",
        }
    }

    /// link and feedCard cannot mention anybody.
    pub fn can_mention(&self) -> bool {
        !matches!(self, Self::Link { .. } | Self::FeedCard { .. })
    }
}
