//! The exact JSON of the platform, whose key case differs from type to type: `messageUrl` in link,
//! `messageURL` in feedCard, `actionURL` in buttons, `singleURL` for a whole card.
//!
//! Caller: [`encode`](crate::encode()). Source: 机器人消息类型, the official document.

use std::borrow::Cow;

use serde::Serialize;

use crate::message::{At, Buttons, Orientation, RobotMessage};

#[derive(Serialize)]
struct Body<'a> {
    msgtype: &'static str,
    #[serde(rename = "msgUuid", skip_serializing_if = "Option::is_none")]
    msg_uuid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<TextBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<LinkBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    markdown: Option<MarkdownBody<'a>>,
    #[serde(rename = "actionCard", skip_serializing_if = "Option::is_none")]
    action_card: Option<CardBody<'a>>,
    #[serde(rename = "feedCard", skip_serializing_if = "Option::is_none")]
    feed_card: Option<FeedBody<'a>>,
    #[serde(skip_serializing_if = "At::is_nobody")]
    at: &'a At,
}

#[derive(Serialize)]
struct TextBody<'a> {
    content: &'a str,
}

#[derive(Serialize)]
struct LinkBody<'a> {
    title: &'a str,
    text: &'a str,
    #[serde(rename = "messageUrl")]
    message_url: &'a str,
    #[serde(rename = "picUrl", skip_serializing_if = "Option::is_none")]
    picture_url: Option<&'a str>,
}

#[derive(Serialize)]
struct MarkdownBody<'a> {
    title: &'a str,
    text: &'a str,
}

#[derive(Serialize)]
struct CardBody<'a> {
    title: &'a str,
    text: &'a str,
    #[serde(rename = "btnOrientation")]
    orientation: &'static str,
    #[serde(rename = "singleTitle", skip_serializing_if = "Option::is_none")]
    single_title: Option<&'a str>,
    #[serde(rename = "singleURL", skip_serializing_if = "Option::is_none")]
    single_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    btns: Vec<ButtonBody<'a>>,
}

#[derive(Serialize)]
struct ButtonBody<'a> {
    title: &'a str,
    #[serde(rename = "actionURL")]
    url: &'a str,
}

#[derive(Serialize)]
struct FeedBody<'a> {
    links: Vec<FeedLinkBody<'a>>,
}

#[derive(Serialize)]
struct FeedLinkBody<'a> {
    title: Cow<'a, str>,
    #[serde(rename = "messageURL")]
    message_url: &'a str,
    #[serde(rename = "picURL", skip_serializing_if = "Option::is_none")]
    picture_url: Option<&'a str>,
}

/// The body of one request. `long`: the message's long text as it is to be sent; `tag`: a keyword
/// to put before the first title of a feedCard.
pub(crate) fn serialise(
    message: &RobotMessage,
    long: &str,
    at: &At,
    tag: Option<&str>,
    msg_uuid: Option<&str>,
) -> Vec<u8> {
    let mut body = Body {
        msgtype: message.kind(),
        msg_uuid,
        text: None,
        link: None,
        markdown: None,
        action_card: None,
        feed_card: None,
        at,
    };
    match message {
        RobotMessage::Text { .. } => body.text = Some(TextBody { content: long }),
        RobotMessage::Link {
            title,
            message_url,
            picture_url,
            ..
        } => {
            body.link = Some(LinkBody {
                title,
                text: long,
                message_url,
                picture_url: picture_url.as_deref(),
            });
        }
        RobotMessage::Markdown { title, .. } => {
            body.markdown = Some(MarkdownBody { title, text: long });
        }
        RobotMessage::ActionCard { title, buttons, .. } => {
            body.action_card = Some(card(title, long, buttons));
        }
        RobotMessage::FeedCard { links } => {
            body.feed_card = Some(FeedBody {
                links: links
                    .iter()
                    .enumerate()
                    .map(|(index, link)| FeedLinkBody {
                        title: match tag {
                            Some(tag) if index == 0 => {
                                Cow::Owned(format!("【{tag}】{}", link.title))
                            }
                            _ => Cow::Borrowed(link.title.as_str()),
                        },
                        message_url: &link.message_url,
                        picture_url: link.picture_url.as_deref(),
                    })
                    .collect(),
            });
        }
    }
    serde_json::to_vec(&body).expect("strings always serialise")
}

fn card<'a>(title: &'a str, text: &'a str, buttons: &'a Buttons) -> CardBody<'a> {
    match buttons {
        Buttons::Whole(button) => CardBody {
            title,
            text,
            orientation: "0",
            single_title: Some(&button.title),
            single_url: Some(&button.url),
            btns: Vec::new(),
        },
        Buttons::Each {
            orientation,
            buttons,
        } => CardBody {
            title,
            text,
            orientation: match orientation {
                Orientation::Vertical => "0",
                Orientation::Horizontal => "1",
            },
            single_title: None,
            single_url: None,
            btns: buttons
                .iter()
                .map(|button| ButtonBody {
                    title: &button.title,
                    url: &button.url,
                })
                .collect(),
        },
    }
}
