//! A message as the sandbox keeps it: who sent what into which conversation, and whom it mentions.
//!
//! Made by `webhook` and `robot_messages`, shown by `chat`, handed to tests by `GET /sandbox/messages` and
//! [`crate::SandboxHandle::messages`]. Texts are kept as they were sent; only the numbers of mentioned outsiders are
//! masked on arrival, as the platform does. Invariant: a message never changes except that it can be recalled.

use serde::{Deserialize, Serialize};

/// One bubble of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Grows by one with every message of this sandbox.
    pub id: u64,
    /// A group's `openConversationId`, or [`personal_conversation`] for a chat with an app robot.
    pub conversation: String,
    /// UTC epoch milliseconds by the sandbox's clock.
    pub at_ms: i64,
    pub sender: Sender,
    pub content: Content,
    /// userids of the members who are mentioned (被 @ 的人).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<String>,
    /// @所有人
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_all: bool,
    /// The webhook's idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub msg_uuid: Option<String>,
    /// Of a message of an app robot: one key per call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process_query_key: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recalled: bool,
}

/// Who is shown beside the bubble.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Sender {
    /// A custom robot of a group.
    Robot { name: String, access_token: String },
    /// An app's robot.
    App { name: String, robot_code: String },
    /// An employee who typed it in the chat client.
    Person { userid: String },
    /// The platform itself: a line without a bubble that counts as unread for nobody.
    System,
}

/// What is in the bubble.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Content {
    Text {
        text: String,
    },
    Link {
        title: String,
        text: String,
        url: String,
        picture: Option<String>,
    },
    Markdown {
        title: String,
        text: String,
    },
    ActionCard {
        title: String,
        text: String,
        layout: Layout,
        buttons: Vec<Button>,
    },
    FeedCard {
        links: Vec<FeedLink>,
    },
    Image {
        url: String,
    },
    File {
        name: String,
        file_type: String,
        /// Where the chat client opens it, a path of the sandbox; `None` where the sandbox has no bytes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        href: Option<String>,
    },
    Audio {
        duration_ms: u64,
    },
    /// A work notice of type `oa`; its status bar is kept with its task, for it can change.
    Oa(OaCard),
    Video {
        duration_s: u64,
    },
    /// An interactive card; what it shows stands in the card, which changes.
    Card {
        out_track_id: String,
        /// For the conversation list.
        summary: String,
    },
    /// What happened in the conversation: 「张伟 邀请 李娜 加入群聊」.
    System {
        text: String,
    },
}

/// A form-like card of a work notice (OA 消息).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OaCard {
    pub url: String,
    /// Opened on a computer in place of `url`.
    pub pc_url: String,
    /// `AARRGGBB` of the head; its text is replaced by the app's name.
    pub head_colour: String,
    pub title: String,
    /// Keys and values; six are shown.
    pub form: Vec<(String, String)>,
    /// A big number with its unit.
    pub rich: Option<(String, String)>,
    pub content: String,
    pub image: String,
    pub file_count: String,
    pub author: String,
}

/// How an action card shows its buttons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// 整体跳转: one button, the whole card opens it.
    Whole,
    Vertical,
    Horizontal,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Button {
    pub title: String,
    pub url: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedLink {
    pub title: String,
    pub url: String,
    pub picture: String,
}

/// The conversation of one person with one app robot.
pub fn personal_conversation(robot_code: &str, userid: &str) -> String {
    format!("oto/{robot_code}/{userid}")
}

impl Message {
    /// The userid of the one who receives a personal message; `None` in a group.
    pub fn recipient(&self) -> Option<&str> {
        self.conversation.strip_prefix("oto/")?.rsplit('/').next()
    }
}

impl Content {
    /// Every string a reader sees, for keyword rules, moderation and previews.
    pub fn visible_strings(&self) -> Vec<&str> {
        match self {
            Self::Text { text } | Self::System { text } => vec![text],
            Self::Link { title, text, .. } | Self::Markdown { title, text } => vec![title, text],
            Self::ActionCard {
                title,
                text,
                buttons,
                ..
            } => [title.as_str(), text]
                .into_iter()
                .chain(buttons.iter().map(|button| button.title.as_str()))
                .collect(),
            Self::FeedCard { links } => links.iter().map(|link| link.title.as_str()).collect(),
            Self::Oa(card) => [&card.title, &card.content, &card.author]
                .into_iter()
                .chain(card.form.iter().flat_map(|(key, value)| [key, value]))
                .map(String::as_str)
                .collect(),
            Self::File { name, .. } => vec![name],
            Self::Card { summary, .. } => vec![summary],
            Self::Image { .. } | Self::Audio { .. } | Self::Video { .. } => Vec::new(),
        }
    }

    /// Every address a tap can open, also those inside markdown as written there.
    pub fn urls(&self) -> Vec<&str> {
        match self {
            Self::Link { url, .. } => vec![url],
            Self::ActionCard { buttons, text, .. } => buttons
                .iter()
                .map(|button| button.url.as_str())
                .chain([text.as_str()])
                .collect(),
            Self::FeedCard { links } => links.iter().map(|link| link.url.as_str()).collect(),
            Self::Oa(card) => vec![&card.url, &card.pc_url],
            Self::Text { text } | Self::Markdown { text, .. } => vec![text],
            Self::Image { .. }
            | Self::File { .. }
            | Self::Audio { .. }
            | Self::Video { .. }
            | Self::Card { .. }
            | Self::System { .. } => Vec::new(),
        }
    }

    /// Every picture address, markdown texts included.
    pub fn pictures(&self) -> Vec<&str> {
        match self {
            Self::Link { picture, .. } => picture.iter().map(String::as_str).collect(),
            Self::Image { url } => vec![url],
            Self::FeedCard { links } => links.iter().map(|link| link.picture.as_str()).collect(),
            Self::Markdown { text, .. } | Self::ActionCard { text, .. } if text.contains("![") => {
                vec![text]
            }
            _ => Vec::new(),
        }
    }

    /// One line for the conversation list.
    pub fn preview(&self) -> String {
        let line = match self {
            Self::Text { text } | Self::System { text } => text.clone(),
            Self::Card { summary, .. } => summary.clone(),
            Self::Link { title, .. } => format!("[链接] {title}"),
            Self::Markdown { title, .. } | Self::ActionCard { title, .. } => title.clone(),
            Self::FeedCard { links } => links
                .first()
                .map_or_else(String::new, |link| link.title.clone()),
            Self::Oa(card) if card.title.is_empty() => card.content.clone(),
            Self::Oa(card) => card.title.clone(),
            Self::Image { .. } => "[图片]".into(),
            Self::File { name, .. } => format!("[文件] {name}"),
            Self::Audio { .. } => "[语音]".into(),
            Self::Video { .. } => "[视频]".into(),
        };
        line.split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .chars()
            .take(80)
            .collect()
    }
}
