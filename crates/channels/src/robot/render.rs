//! A neutral message in the forms a group robot has.
//!
//! Caller: the robot channel.
//! A reminder that points at people is plain text: only there a mention is highlighted and can
//! be tapped (field reports on markdown and actionCard). Up to three links become buttons of an
//! actionCard; a digest is a markdown list, because a feedCard carries neither due dates nor mentions
//! and looks broken without pictures. A raw message goes out as it is.
//! Invariant: texts of people cannot form links or headings of their own.

use std::borrow::Cow;

use dingtalk::{At, Button, Buttons, MENTIONS_LIMIT, Orientation, RobotMessage};
use yuezhi_domain::{DeliveryKind, Language};

use crate::markdown::{self, title};
use crate::message::{Mentions, Para, Post, colon, one_line, present};

const BUTTONS: usize = 3;

pub(super) struct Rendered<'a> {
    pub message: Cow<'a, RobotMessage>,
    pub at: At,
}

pub(super) fn render(post: &Post) -> Rendered<'_> {
    let message = &post.message;
    let (at, named) = mentioned(&post.mentions, message.language);
    if let Some(raw) = &message.raw {
        return Rendered {
            message: Cow::Borrowed(raw),
            at,
        };
    }
    let points_at_people = at.count() > 0 || named.is_some();
    let rendered = match message.kind {
        DeliveryKind::Reminder if points_at_people => RobotMessage::Text {
            content: plain_text(post, named.as_deref()),
        },
        DeliveryKind::Digest => markdown_of(post, named.as_deref()),
        _ if message.links.is_empty() || message.links.len() > BUTTONS => {
            markdown_of(post, named.as_deref())
        }
        _ => RobotMessage::ActionCard {
            title: title(message),
            text: markdown_text(post, named.as_deref(), false),
            buttons: buttons(post),
        },
    };
    Rendered {
        message: Cow::Owned(rendered),
        at,
    }
}

/// The platform's mentions, and in words whom it cannot mention: people without an account here
/// and those beyond the fiftieth.
fn mentioned(mentions: &Mentions, language: Language) -> (At, Option<String>) {
    let mut at = At {
        all: mentions.all,
        ..At::default()
    };
    let mut named = Vec::new();
    let mut more = 0;
    for person in &mentions.people {
        if at.count() + named.len() >= MENTIONS_LIMIT {
            more += 1;
        } else if let Some(id) = present(person.dingtalk_user_id.as_ref()) {
            at.user_ids.push(id.to_owned());
        } else if let Some(mobile) = present(person.mobile.as_ref()) {
            at.mobiles.push(mobile.to_owned());
        } else {
            named.push(one_line(&person.name, 40));
        }
    }
    let mut words = match language {
        Language::ZhCn => named.join("、"),
        Language::En => named.join(", "),
    };
    if more > 0 {
        let rest = match language {
            Language::ZhCn => format!("另有 {more} 人"),
            Language::En => format!("and {more} more"),
        };
        if !words.is_empty() {
            words.push_str(match language {
                Language::ZhCn => "，",
                Language::En => " ",
            });
        }
        words.push_str(&rest);
    }
    (at, (!words.is_empty()).then_some(words))
}

fn buttons(post: &Post) -> Buttons {
    let mut buttons: Vec<Button> = post
        .links()
        .map(|link| Button {
            title: one_line(link.label, 20),
            url: link.url.to_owned(),
        })
        .collect();
    if buttons.len() == 1 {
        return Buttons::Whole(buttons.remove(0));
    }
    Buttons::Each {
        orientation: Orientation::Vertical,
        buttons,
    }
}

fn plain_text(post: &Post, named: Option<&str>) -> String {
    let message = &*post.message;
    let mut text = title(message);
    let mut line = |words: &str| {
        if !words.is_empty() {
            text.push('\n');
            text.push_str(words);
        }
    };
    line(&one_line(&message.lead, 500));
    for fact in &message.facts {
        line(&format!(
            "{}{}{}",
            fact.label,
            colon(message.language),
            one_line(&fact.value, 200)
        ));
    }
    for para in &message.body {
        match para {
            Para::Text(words) | Para::Quote(words) => line(words.trim()),
            Para::Bullet(words) => line(&format!("· {}", words.trim())),
        }
    }
    for link in post.links() {
        line(&format!(
            "{}{}{}",
            link.label,
            colon(message.language),
            link.url
        ));
    }
    line(message.footer.as_deref().unwrap_or_default().trim());
    line(named.unwrap_or_default());
    text
}

fn markdown_of(post: &Post, named: Option<&str>) -> RobotMessage {
    RobotMessage::Markdown {
        title: title(&post.message),
        text: markdown_text(post, named, true),
    }
}

fn markdown_text(post: &Post, named: Option<&str>, with_links: bool) -> String {
    markdown::markdown(&post.message, post.links().filter(|_| with_links), named)
}
