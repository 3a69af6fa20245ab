//! A neutral message in the forms a group robot has.
//!
//! Caller: the robot channel.
//! A reminder that points at people is plain text: only there a mention is highlighted and can
//! be tapped (field reports on markdown and actionCard). Up to three links become buttons of an
//! actionCard; a digest is a markdown list, because a feedCard carries neither due dates nor mentions
//! and looks broken without pictures. A raw message goes out as it is.
//! Invariant: texts of people cannot form links or headings of their own.

use std::borrow::Cow;
use std::fmt::Write as _;

use dingtalk::{At, Button, Buttons, MENTIONS_LIMIT, Orientation, RobotMessage};
use yuezhi_domain::{DeliveryKind, Language};

use crate::message::{LinkTo, Mentions, Message, Para, Post, colon, one_line, present};

/// What the conversation list shows is shorter still.
const TITLE_CHARS: usize = 100;
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
        DeliveryKind::Digest => markdown(post, named.as_deref()),
        _ if message.links.is_empty() || message.links.len() > BUTTONS => {
            markdown(post, named.as_deref())
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

fn title(message: &Message) -> String {
    one_line(&message.title, TITLE_CHARS)
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

fn markdown(post: &Post, named: Option<&str>) -> RobotMessage {
    RobotMessage::Markdown {
        title: title(&post.message),
        text: markdown_text(post, named, true),
    }
}

/// Blocks are parted by blank lines: a single line break does not break (field reports).
fn markdown_text(post: &Post, named: Option<&str>, with_links: bool) -> String {
    let message = &*post.message;
    let mut text = format!("#### {}", inert(&title(message)));
    let mut block = |words: &str| {
        if !words.is_empty() {
            text.push_str("\n\n");
            text.push_str(words);
        }
    };
    block(&inert(&one_line(&message.lead, 500)));
    block(&facts(message));
    let mut bullets = String::new();
    for para in &message.body {
        if let Para::Bullet(words) = para {
            let _ = write!(
                bullets,
                "{}- {}",
                if bullets.is_empty() { "" } else { "\n" },
                inert(&one_line(words, 1000))
            );
            continue;
        }
        block(&std::mem::take(&mut bullets));
        match para {
            Para::Quote(words) => block(&format!(
                "> {}",
                inert(words.trim()).replace('\n', "  \n> ")
            )),
            Para::Text(words) | Para::Bullet(words) => {
                block(&inert(words.trim()).replace('\n', "  \n"));
            }
        }
    }
    block(&bullets);
    let row = |link: LinkTo<'_>| format!("- [{}]({})", inert(&one_line(link.label, 200)), link.url);
    let rows: Vec<String> = post.links().filter(|_| with_links).map(row).collect();
    block(&rows.join("\n"));
    block(&inert(message.footer.as_deref().unwrap_or_default().trim()));
    block(&inert(named.unwrap_or_default()));
    text
}

fn facts(message: &Message) -> String {
    let rows: Vec<String> = message
        .facts
        .iter()
        .map(|fact| {
            let label = inert(&one_line(&fact.label, 40));
            format!(
                "> **{label}**{}{}",
                colon(message.language),
                inert(&one_line(&fact.value, 200))
            )
        })
        .collect();
    rows.join("  \n")
}

/// Takes the meaning out of markdown in people's texts by full-width look-alikes: the platform
/// knows no escapes. Only what could form links, images, headings or quotes is touched.
fn inert(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            clean.push('\n');
        }
        let line = line.trim_end_matches('\r');
        let line = match line.trim_start().chars().next() {
            Some('#') => Cow::Owned(line.replacen('#', "＃", 1)),
            Some('>') => Cow::Owned(line.replacen('>', "＞", 1)),
            _ => Cow::Borrowed(line),
        };
        clean.push_str(&line.replace("](", "]（"));
    }
    clean
}
