//! Reminders: to those who still owe, and to nobody else.
//!
//! Invariant: two reminders of one notice never have the same words, because DingTalk drops a repeated text: the
//! wording turns with the round, and the round and its time stand in the message.

use yuezhi_channels::{Mention, Mentions, Message, Para};
use yuezhi_domain::{DeliveryKind, Requirement, TimeZoneName, UnixMillis};
use yuezhi_store::people::Person;

use super::{About, House, day_and_time, fact, personal_footer};
use crate::texts::{Language, Texts};

const GROUP_WORDINGS: i64 = 4;
const PERSON_WORDINGS: i64 = 3;

/// Which reminder of its notice it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Round {
    /// Counted from 1.
    pub number: i64,
    pub at: UnixMillis,
}

impl Round {
    fn wording(self, of: i64) -> i64 {
        (self.number - 1).rem_euclid(of)
    }
}

/// To a group. `named` are those of the `outstanding` who can be pointed at, in so many as the platform bears.
pub fn reminder_to_group(
    house: &House,
    about: &About,
    round: Round,
    outstanding: i64,
    named: &[Person],
) -> (Message, Mentions) {
    let language = about.language;
    let t = Texts::of(language);
    let overdue = about.is_overdue(round.at);
    let wording = format!(
        "messages.group_lead_{}{}",
        if overdue { "overdue_" } else { "" },
        round.wording(GROUP_WORDINGS)
    );
    let title = match (overdue, about.requirement) {
        (true, _) => "messages.group_title_overdue",
        (false, Requirement::Read) => "messages.group_title_read",
        (false, Requirement::Confirm | Requirement::Inform) => "messages.group_title_confirm",
    };
    let mut facts = vec![fact(t, "messages.fact_version", about.label.clone())];
    facts.extend(
        about
            .due(language, round.at)
            .map(|due| fact(t, "messages.fact_due", due)),
    );
    facts.push(fact(
        t,
        "messages.fact_outstanding",
        t.with("messages.people", "n", outstanding),
    ));
    let mut body = Vec::new();
    if !named.is_empty() && (named.len() as i64) < outstanding {
        body.push(Para::Text(t.with(
            "messages.group_some_named",
            "n",
            named.len(),
        )));
    }
    let message = Message {
        facts,
        body,
        links: vec![about.link(house, t)],
        footer: Some(round_in_words(t, &about.zone, round)),
        matter: Some(about.matter(t)),
        ..Message::new(
            DeliveryKind::Reminder,
            language,
            &t.with(title, "title", &about.title),
            &t.with(&wording, "n", outstanding),
        )
    };
    let people = named.iter().map(|person| Mention {
        name: person.name.clone(),
        dingtalk_user_id: person.dingtalk_user_id.clone(),
        mobile: person.mobile.clone(),
    });
    (
        message,
        Mentions {
            all: false,
            people: people.collect(),
        },
    )
}

/// To a person, in that person's language. `own_link`: to that person alone; then `thread_key` is still to be set.
pub fn reminder_to_person(
    house: &House,
    about: &About,
    language: Language,
    round: Round,
    own_link: bool,
) -> Message {
    let t = Texts::of(language);
    let due = about.due(language, round.at);
    let overdue = about.is_overdue(round.at);
    let form = match (overdue, due.is_some()) {
        (true, _) => "overdue_",
        (false, true) => "",
        (false, false) => "open_",
    };
    let wording = format!(
        "messages.person_lead_{form}{}",
        round.wording(PERSON_WORDINGS)
    );
    let title = match (overdue, about.requirement) {
        (true, _) => "messages.person_title_overdue",
        (false, Requirement::Read) => "messages.person_title_read",
        (false, Requirement::Confirm | Requirement::Inform) => "messages.person_title_confirm",
    };
    let mut facts = vec![fact(t, "messages.fact_version", about.label.clone())];
    facts.extend(due.clone().map(|due| fact(t, "messages.fact_due", due)));
    if !about.owner.is_empty() {
        facts.push(fact(t, "messages.fact_owner", about.owner.clone()));
    }
    let mut footer = round_in_words(t, &about.zone, round);
    if own_link {
        footer.push('\n');
        footer.push_str(&personal_footer(house, t));
    }
    Message {
        facts,
        links: vec![about.link(house, t)],
        footer: Some(footer),
        matter: Some(about.matter(t)),
        list_id: Some(about.slug.clone()),
        ..Message::new(
            DeliveryKind::Reminder,
            language,
            &t.with(title, "title", &about.title),
            &t.with(&wording, "due", due.unwrap_or_default()),
        )
    }
}

fn round_in_words(t: Texts, zone: &TimeZoneName, round: Round) -> String {
    let at = day_and_time(t.language, zone, round.at, round.at);
    t.with2("messages.group_round", "n", round.number, "at", at)
}
