//! Answers in the chat: to the button of a card and to what somebody writes to the robot.
//!
//! Called by the Stream worker and the HTTP callback. Texts stand in `locales/<language>/chat.toml`. Markdown in the
//! subset that DingTalk documents: headings, bold, links, lists; a line break is two blanks and a newline.

use std::collections::BTreeMap;

use yuezhi_channels::{Link, Message, Para, card};
use yuezhi_domain::{DeliveryKind, UnixMillis};

use super::{House, clock_time, day_and_time};
use crate::{
    actions::answer_in_chat::{ChatAnswer, Said, Waiting},
    texts::{Language, Texts},
};

/// Listed in one answer; the page shows all.
const LISTED: usize = 10;

/// The answer as markdown; `in_group`: without anything that is only this person's business.
pub fn markdown(house: &House, answer: &ChatAnswer, in_group: bool, now: UnixMillis) -> String {
    let t = Texts::of(answer.language);
    let zone = &house.zone;
    match &answer.what {
        Said::Confirmed { title, at, left } => {
            let mut text = t.with2(
                "chat.confirmed",
                "title",
                title,
                "at",
                clock_time(zone, *at),
            );
            if *left > 0 && !in_group {
                text.push_str(BREAK);
                text.push_str(&t.with("chat.left", "n", left));
                text.push_str(&my_link(house, t));
            }
            text
        }
        Said::Already { title, at } => t.with2(
            "chat.already",
            "title",
            title,
            "at",
            day_and_time(answer.language, zone, *at, now),
        ),
        Said::Which(_) | Said::Owed(_) if in_group => t.get("chat.ask_privately").to_owned(),
        Said::Which(waiting) => {
            let mut text = t.with("chat.which", "n", waiting.len());
            list(&mut text, house, waiting, answer, t, now);
            if let Some(first) = waiting.first() {
                text.push_str(BREAK);
                text.push_str(&t.with("chat.which_how", "number", first.number));
            }
            text
        }
        Said::Owed(waiting) => {
            let mut text = t.with("chat.owed", "n", waiting.len());
            list(&mut text, house, waiting, answer, t, now);
            text
        }
        Said::NothingOwed => t.get("chat.nothing_owed").to_owned(),
        Said::NotOwed { number } => {
            let mut text = t.with("chat.not_owed", "number", number);
            text.push_str(&my_link(house, t));
            text
        }
        Said::Refused { code } => {
            let mut text = t.of_value("errors", code);
            text.push_str(BREAK);
            text.push_str(&t.of_value("errors", &format!("{code}_fix")));
            text
        }
        Said::Stranger => t.get("chat.stranger").to_owned(),
        Said::Help => {
            let mut text = t.get("chat.help").to_owned();
            text.push_str(&my_link(house, t));
            text
        }
    }
}

/// What the card shows to whoever pressed its button; the names of the template's variables.
pub fn on_card(house: &House, answer: &ChatAnswer) -> BTreeMap<String, String> {
    let mut shown = match answer.what {
        Said::Confirmed { .. } | Said::Already { .. } => card::confirmed(answer.language),
        _ => BTreeMap::new(),
    };
    shown.insert("state".to_owned(), headline(answer, house));
    shown
}

/// One line for a card, a push notice or the title of a markdown answer.
pub fn headline(answer: &ChatAnswer, house: &House) -> String {
    let t = Texts::of(answer.language);
    match &answer.what {
        Said::Confirmed { at, .. } | Said::Already { at, .. } => {
            t.with("chat.card_confirmed", "at", clock_time(&house.zone, *at))
        }
        Said::Refused { code } => t.of_value("errors", code),
        Said::Which(waiting) | Said::Owed(waiting) => t.with("chat.owed", "n", waiting.len()),
        Said::NothingOwed => t.get("chat.nothing_owed").to_owned(),
        Said::NotOwed { number } => t.with("chat.not_owed", "number", number),
        Said::Stranger => t.get("chat.stranger").to_owned(),
        Said::Help => t.get("chat.help_title").to_owned(),
    }
}

/// The first words to those who are new in a notification group: what it is for, and what the robot understands.
pub fn welcome(
    house: &House,
    group: &str,
    names: &[&str],
    is_new_group: bool,
    language: Language,
) -> Message {
    let t = Texts::of(language);
    let lead = if is_new_group {
        t.with("chat.welcome_all", "group", group)
    } else {
        let shown = names.iter().take(LISTED).copied().collect::<Vec<_>>();
        let shown = shown.join(t.get("chat.names_joined_by"));
        if names.len() > LISTED {
            t.with2("chat.welcome_many", "names", shown, "n", names.len())
        } else {
            t.with("chat.welcome", "names", shown)
        }
    };
    let title = t.with2(
        "chat.welcome_title",
        "organisation",
        &house.organisation,
        "group",
        group,
    );
    Message {
        body: ["welcome_told", "welcome_confirm", "welcome_ask"]
            .map(|key| Para::Bullet(t.of_value("chat", key)))
            .into(),
        links: vec![Link {
            label: t.get("chat.my").to_owned(),
            url: format!("{}/my", house.public_url),
        }],
        ..Message::new(DeliveryKind::Standing, language, &title, &lead)
    }
}

const BREAK: &str = "  \n";

fn list(
    text: &mut String,
    house: &House,
    waiting: &[Waiting],
    answer: &ChatAnswer,
    t: Texts,
    now: UnixMillis,
) {
    for one in waiting.iter().take(LISTED) {
        text.push_str("\n- ");
        let link = format!("[{}]({})", one.title, house.notice_url(&one.notice_id));
        text.push_str(&t.with2("chat.row", "number", one.number, "title", link));
        if let Some(due) = one.due_at {
            let due = day_and_time(answer.language, &house.zone, due, now);
            text.push_str(" · ");
            text.push_str(&t.with("messages.digest_before", "due", due));
        }
    }
    if waiting.len() > LISTED {
        text.push_str("\n- ");
        text.push_str(&t.with("chat.more", "n", waiting.len() - LISTED));
    }
    text.push('\n');
}

fn my_link(house: &House, t: Texts) -> String {
    format!("{BREAK}[{}]({}/my)", t.get("chat.my"), house.public_url)
}
