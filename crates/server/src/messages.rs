//! Every message to people, composed here and nowhere else, in the reader's language.
//!
//! Called by the dispatcher for what is due, by sign-in for its link, by the connections page for a test. Texts stand
//! in `locales/<language>/messages.toml`; the channels turn a [`Message`] into a card, a chat line or a mail.
//! Invariant: what many readers share is one message, made once for each notice and language; what is somebody's own
//! (the personal link, the mentions) is added to the [`Post`](yuezhi_channels::Post). Weakness: a policy's title stays
//! in its own language, whatever the reader's.

pub mod chat;
mod direct;
mod reminder;

use jiff::civil::Weekday;
use yuezhi_channels::{Fact, Link, Matter, Message, Recipient};
use yuezhi_domain::{DeliveryKind, NoticeId, Requirement, TimeZoneName, UnixMillis};
use yuezhi_store::{notices::Notice, people::Person, policies::Policy, versions::Version};

pub use chat::welcome;
pub use direct::{sign_in_link, standing, test_message};
pub use reminder::{Round, reminder_to_group, reminder_to_person};

use crate::{
    app::App,
    texts::{Language, Texts},
};

/// More notices than this in one digest might exceed the 20,000 bytes that DingTalk takes.
pub const DIGEST_ITEMS: usize = 25;
/// A summary is one line on a phone; the page shows all of it.
const LEAD_CHARS: usize = 160;

/// What does not change from message to message.
#[derive(Debug, Clone)]
pub struct House {
    /// Without a slash at the end.
    pub public_url: String,
    pub organisation: String,
    pub zone: TimeZoneName,
}

impl House {
    pub fn of(app: &App) -> Self {
        Self {
            public_url: app.public_url().to_owned(),
            organisation: app.organisation().to_owned(),
            zone: app.time_zone.clone(),
        }
    }

    /// Where a notice is read.
    pub fn notice_url(&self, id: &NoticeId) -> String {
        format!("{}/n/{id}", self.public_url)
    }
}

/// What messages say about a notice.
#[derive(Debug, Clone)]
pub struct About {
    pub notice_no: i64,
    pub notice_id: NoticeId,
    pub title: String,
    pub requirement: Requirement,
    pub due_at: Option<UnixMillis>,
    /// Dates are told as in the notice's zone.
    pub zone: TimeZoneName,
    pub language: Language,
    pub label: String,
    pub summary: String,
    /// `YYYY-MM-DD`.
    pub effective_on: Option<String>,
    pub owner: String,
    pub slug: String,
    pub is_first_version: bool,
}

impl About {
    pub fn of(house: &House, notice: &Notice, version: &Version, policy: &Policy) -> Self {
        Self {
            notice_no: notice.no,
            notice_id: notice.id,
            title: notice.title.clone(),
            requirement: notice.requirement,
            due_at: notice.due_at,
            zone: notice
                .time_zone
                .parse()
                .unwrap_or_else(|_| house.zone.clone()),
            language: notice.language,
            label: version.label.clone(),
            summary: version.summary.clone(),
            effective_on: version.effective_on.clone(),
            owner: policy.owner.clone(),
            slug: policy.slug.clone(),
            is_first_version: version.number == 1,
        }
    }

    fn is_overdue(&self, now: UnixMillis) -> bool {
        self.due_at.is_some_and(|due| now > due)
    }

    /// The due date in words, if there is one.
    fn due(&self, language: Language, now: UnixMillis) -> Option<String> {
        self.due_at
            .map(|at| day_and_time(language, &self.zone, at, now))
    }

    /// For channels that can do more than show a message.
    fn matter(&self, texts: Texts) -> Matter {
        Matter {
            notice: self.notice_id.to_string(),
            wants_confirmation: self.requirement == Requirement::Confirm,
            confirm_label: texts.get("messages.card_confirm").to_owned(),
            confirmed_label: texts.get("messages.card_confirmed").to_owned(),
            due_at: self.due_at,
        }
    }

    fn link(&self, house: &House, texts: Texts) -> Link {
        let key = match self.requirement {
            Requirement::Confirm => "messages.button_confirm",
            Requirement::Read | Requirement::Inform => "messages.button_read",
        };
        Link {
            label: texts.get(key).to_owned(),
            url: house.notice_url(&self.notice_id),
        }
    }
}

/// A version was published. `own_link`: goes to one person alone, so the link will be theirs.
pub fn publish(
    house: &House,
    about: &About,
    language: Language,
    own_link: bool,
    now: UnixMillis,
) -> Message {
    let t = Texts::of(language);
    let title = if about.is_first_version {
        "messages.publish_title_first"
    } else {
        "messages.publish_title"
    };
    let summary = one_line(&about.summary, LEAD_CHARS);
    let lead = if summary.is_empty() {
        t.with("messages.publish_lead", "label", &about.label)
    } else {
        summary
    };
    let mut facts = vec![
        fact(t, "messages.fact_version", about.label.clone()),
        fact(
            t,
            "messages.fact_requirement",
            t.of_value("messages", &format!("requirement_{}", about.requirement)),
        ),
    ];
    facts.extend(
        about
            .due(language, now)
            .map(|due| fact(t, "messages.fact_due", due)),
    );
    facts.extend(
        about
            .effective_on
            .clone()
            .map(|day| fact(t, "messages.fact_effective", day)),
    );
    if !about.owner.is_empty() {
        facts.push(fact(t, "messages.fact_owner", about.owner.clone()));
    }
    Message {
        facts,
        links: vec![about.link(house, t)],
        footer: own_link.then(|| personal_footer(house, t)),
        matter: Some(about.matter(t)),
        list_id: Some(about.slug.clone()),
        ..Message::new(
            DeliveryKind::Publish,
            language,
            &t.with(title, "title", &about.title),
            &lead,
        )
    }
}

/// Several publications in one message to a group.
pub fn digest(house: &House, notices: &[&About], language: Language, now: UnixMillis) -> Message {
    let t = Texts::of(language);
    let links = notices.iter().map(|about| Link {
        label: digest_row(about, t, now),
        url: house.notice_url(&about.notice_id),
    });
    Message {
        links: links.collect(),
        ..Message::new(
            DeliveryKind::Digest,
            language,
            &t.with("messages.digest_title", "n", notices.len()),
            t.get("messages.digest_lead"),
        )
    }
}

/// `差旅费管理制度（2.1 版） · 需确认 · 11 月 30 日（周一）18:00 前`.
fn digest_row(about: &About, t: Texts, now: UnixMillis) -> String {
    let mut row = t.with2(
        "messages.digest_item",
        "title",
        &about.title,
        "label",
        &about.label,
    );
    let asked = match about.requirement {
        Requirement::Inform => return row,
        Requirement::Read => "messages.digest_read",
        Requirement::Confirm => "messages.digest_confirm",
    };
    row.push_str(" · ");
    row.push_str(t.get(asked));
    if let Some(due) = about.due(t.language, now) {
        row.push_str(" · ");
        row.push_str(&t.with("messages.digest_before", "due", due));
    }
    row
}

/// A person as the channels see one.
pub fn recipient(person: &Person) -> Recipient {
    Recipient {
        name: person.name.clone(),
        email: person.email.clone(),
        staff_no: Some(person.staff_no.clone()),
        mobile: person.mobile.clone(),
        dingtalk_user_id: person.dingtalk_user_id.clone(),
        dingtalk_union_id: person.dingtalk_union_id.clone(),
    }
}

fn personal_footer(house: &House, t: Texts) -> String {
    t.with(
        "messages.personal_footer",
        "organisation",
        &house.organisation,
    )
}

fn fact(t: Texts, key: &str, value: String) -> Fact {
    Fact {
        label: t.get(key).to_owned(),
        value,
    }
}

/// `14:05`
fn clock_time(zone: &TimeZoneName, at: UnixMillis) -> String {
    let local = at.in_zone(zone.zone());
    format!("{:02}:{:02}", local.hour(), local.minute())
}

/// `11 月 30 日（周一）18:00` / `Mon 30 Nov, 18:00`; with the year when it is not this one.
fn day_and_time(
    language: Language,
    zone: &TimeZoneName,
    at: UnixMillis,
    now: UnixMillis,
) -> String {
    let local = at.in_zone(zone.zone());
    let clock = format!("{:02}:{:02}", local.hour(), local.minute());
    match language {
        Language::ZhCn => format!("{}{clock}", day(language, zone, at, now)),
        Language::En => format!("{}, {clock}", day(language, zone, at, now)),
    }
}

/// `11 月 30 日（周一）` / `Mon 30 Nov`; with the year when it is not this one.
fn day(language: Language, zone: &TimeZoneName, at: UnixMillis, now: UnixMillis) -> String {
    let local = at.in_zone(zone.zone());
    let this_year = local.year() == now.in_zone(zone.zone()).year();
    match language {
        Language::ZhCn => {
            let year = if this_year {
                String::new()
            } else {
                format!("{} 年 ", local.year())
            };
            format!(
                "{year}{} 月 {} 日（周{}）",
                local.month(),
                local.day(),
                weekday(local.weekday())
            )
        }
        Language::En => local
            .strftime(if this_year {
                "%a %-d %b"
            } else {
                "%a %-d %b %Y"
            })
            .to_string(),
    }
}

const fn weekday(day: Weekday) -> char {
    match day {
        Weekday::Monday => '一',
        Weekday::Tuesday => '二',
        Weekday::Wednesday => '三',
        Weekday::Thursday => '四',
        Weekday::Friday => '五',
        Weekday::Saturday => '六',
        Weekday::Sunday => '日',
    }
}

/// On one line, at most `limit` characters. Lines of Chinese are joined without a space.
fn one_line(text: &str, limit: usize) -> String {
    let mut flat = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        let spaced = |letter: Option<char>| letter.is_some_and(|letter| letter < '\u{2e80}');
        if spaced(flat.chars().next_back()) || (!flat.is_empty() && spaced(word.chars().next())) {
            flat.push(' ');
        }
        flat.push_str(word);
    }
    if flat.chars().count() <= limit {
        return flat;
    }
    flat.chars().take(limit - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests;
