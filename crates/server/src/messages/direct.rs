//! Messages that belong to no notice: of a schedule, of a sign-in, of a test.

use std::sync::Arc;

use yuezhi_channels::{Link, Mentions, Message, Para, Post};
use yuezhi_domain::{DeliveryKind, UnixMillis};
use yuezhi_store::{people::Person, schedules::Schedule};

use super::{House, day, day_and_time, fact, recipient};
use crate::{
    app::App,
    texts::{Language, Texts, parse_language},
};

/// A schedule's message to a group. The day stands in the title: DingTalk drops a text that it has seen.
pub fn standing(house: &House, schedule: &Schedule, language: Language, at: UnixMillis) -> Message {
    let t = Texts::of(language);
    let zone = schedule
        .time_zone
        .parse()
        .unwrap_or_else(|_| house.zone.clone());
    let day = day(language, &zone, at, at)
        .replace('（', " ")
        .replace('）', "");
    let mut body = paragraphs(&schedule.body);
    let lead = match body.first() {
        Some(Para::Text(_)) => match body.remove(0) {
            Para::Text(words) => words,
            Para::Bullet(_) | Para::Quote(_) => String::new(),
        },
        _ => String::new(),
    };
    Message {
        body,
        links: vec![Link {
            label: t.get("messages.standing_button").to_owned(),
            url: format!("{}/my/policies", house.public_url),
        }],
        ..Message::new(
            DeliveryKind::Standing,
            language,
            &t.with2(
                "messages.standing_title",
                "title",
                &schedule.title,
                "day",
                day,
            ),
            &lead,
        )
    }
}

/// Blank lines part paragraphs; a line that begins with `- ` or `* ` is a bullet, with `> ` a quotation.
fn paragraphs(text: &str) -> Vec<Para> {
    let mut all = Vec::new();
    let mut open = String::new();
    for line in text.lines().map(str::trim).chain([""]) {
        let bullet = line.strip_prefix("- ").or_else(|| line.strip_prefix("* "));
        let quote = line.strip_prefix("> ");
        if line.is_empty() || bullet.is_some() || quote.is_some() {
            if !open.is_empty() {
                all.push(Para::Text(std::mem::take(&mut open)));
            }
            all.extend(bullet.map(|words| Para::Bullet(words.to_owned())));
            all.extend(quote.map(|words| Para::Quote(words.to_owned())));
            continue;
        }
        if !open.is_empty() {
            open.push('\n');
        }
        open.push_str(line);
    }
    all
}

/// The mail with the link that signs a person in.
pub fn sign_in_link(app: &App, person: &Person, url: &str, now: UnixMillis) -> Post {
    let language = person
        .language
        .as_deref()
        .and_then(parse_language)
        .unwrap_or(app.language);
    let t = Texts::of(language);
    let message = Message {
        links: vec![Link {
            label: t.get("messages.sign_in_button").to_owned(),
            url: url.to_owned(),
        }],
        footer: Some(t.get("messages.sign_in_footer").to_owned()),
        ..Message::new(
            DeliveryKind::Custom,
            language,
            &t.with("messages.sign_in_title", "organisation", app.organisation()),
            t.get("messages.sign_in_lead"),
        )
    };
    Post {
        recipient: Some(recipient(person)),
        ..post(app, message, now)
    }
}

/// What the connections page sends to try a channel; `by` is who pressed the button.
pub fn test_message(app: &App, by: &str, now: UnixMillis) -> Post {
    let t = app.texts();
    let by = by.split_once(':').map_or(by, |(_, name)| name).to_owned();
    let message = Message {
        facts: vec![
            fact(t, "messages.test_by", by),
            fact(
                t,
                "messages.test_at",
                day_and_time(t.language, &app.time_zone, now, now),
            ),
        ],
        ..Message::new(
            DeliveryKind::Custom,
            t.language,
            t.get("messages.test_title"),
            t.get("messages.test_lead"),
        )
    };
    post(app, message, now)
}

/// Sent once and at once: its key is new, a second press is a second message.
fn post(app: &App, message: Message, now: UnixMillis) -> Post {
    Post {
        key: app.ids.next::<uuid::Uuid>(now).to_string(),
        message: Arc::new(message),
        personal_url: None,
        recipient: None,
        mentions: Mentions::default(),
        members: Arc::from([]),
        now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedules_body_becomes_paragraphs_and_bullets() {
        let read = paragraphs("one\ntwo\n\n- a\n* b\n> c\nthree");
        assert_eq!(
            read,
            [
                Para::Text("one\ntwo".into()),
                Para::Bullet("a".into()),
                Para::Bullet("b".into()),
                Para::Quote("c".into()),
                Para::Text("three".into()),
            ]
        );
    }
}
