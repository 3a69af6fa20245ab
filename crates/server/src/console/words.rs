//! States, lanes, actors and reasons in the reader's words.
//!
//! Invariant: a value that has no words yet (of a newer release) is shown as it is, never hidden.

use yuezhi_domain::{DeliveryState, NoticeState, ReminderPlan, Requirement, UnixMillis};

use crate::{app::App, texts::Texts};

/// A word with its colour: empty, `ok`, `warn` or `bad`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    pub kind: &'static str,
    pub word: String,
}

pub fn notice_state(t: Texts, state: NoticeState) -> Tag {
    let kind = match state {
        NoticeState::Open => "ok",
        NoticeState::Expanding => "warn",
        NoticeState::Closed | NoticeState::Cancelled | NoticeState::Superseded => "",
    };
    Tag {
        kind,
        word: t.of_value("console.notice_state", state.as_str()),
    }
}

pub fn delivery_state(t: Texts, state: DeliveryState) -> Tag {
    let kind = match state {
        DeliveryState::Sent => "ok",
        DeliveryState::Undeliverable => "warn",
        DeliveryState::Failed => "bad",
        DeliveryState::Due | DeliveryState::Sending | DeliveryState::Cancelled => "",
    };
    Tag {
        kind,
        word: t.of_value("console.delivery_state", state.as_str()),
    }
}

pub fn requirement(t: Texts, requirement: Requirement) -> String {
    t.of_value("console.requirement", requirement.as_str())
}

/// `hr` of `robot:hr`; the word for mail.
pub fn lane(t: Texts, lane: &str) -> String {
    match lane.split_once(':') {
        Some(("group_announcement", name)) => {
            t.with("console.lane.group_announcement_of", "name", name)
        }
        Some((_, name)) => name.to_owned(),
        None => t.of_value("console.lane", lane),
    }
}

/// 群机器人, 邮件.
pub fn lane_kind(t: Texts, lane: &str) -> String {
    t.of_value("console.lane_kind", lane.split(':').next().unwrap_or(lane))
}

/// Who it was: `account:linyue` → linyue, `system` → the system.
pub fn actor(t: Texts, actor: &str) -> String {
    match actor.split_once(':') {
        Some(("account", login)) => login.to_owned(),
        Some((kind, name)) => t.with(&format!("console.actor.{kind}"), "name", name),
        None => t.of_value("console.actor", &actor.replace('-', "_")),
    }
}

/// What went wrong, what to do, and the platform's own words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reason {
    pub text: String,
    pub fix: String,
    pub detail: String,
}

/// The reason of a failed delivery or a stopped lane.
pub fn reason(t: Texts, code: &str, detail: Option<&str>) -> Reason {
    let key = format!("messages.reason.{code}");
    let fix_key = format!("{key}_fix");
    Reason {
        text: if t.has(&key) {
            t.get(&key).to_owned()
        } else {
            code.to_owned()
        },
        fix: if t.has(&fix_key) {
            t.get(&fix_key).to_owned()
        } else {
            String::new()
        },
        detail: detail.unwrap_or_default().to_owned(),
    }
}

/// `320 人`, `1 person`.
pub fn people(t: Texts, n: i64) -> String {
    t.count("console.people_n", n)
}

/// A reminder plan in the reader's language; a plan that no longer reads is shown as it was written.
pub fn plan(t: Texts, plan: &str) -> String {
    plan.parse::<ReminderPlan>()
        .map_or_else(|_| plan.to_owned(), |plan| plan.show(t.language))
}

/// An audience rule in the reader's language.
pub fn audience(t: Texts, rule: &str) -> String {
    rule.parse::<yuezhi_domain::Audience>()
        .map_or_else(|_| rule.to_owned(), |audience| audience.show(t.language))
}

/// The department that all others are below, `澜川科技集团`; empty where there are several.
pub fn root<'a>(mut paths: impl Iterator<Item = &'a str>) -> String {
    let first_of = |path: &'a str| path.split('/').next().unwrap_or_default();
    let Some(first) = paths.next().map(first_of) else {
        return String::new();
    };
    if paths.all(|path| first_of(path) == first) {
        first.to_owned()
    } else {
        String::new()
    }
}

/// A department's path without the one root of the company, which says nothing in a list.
pub fn below_root<'a>(root: &str, path: &'a str) -> &'a str {
    path.strip_prefix(root)
        .and_then(|rest| rest.strip_prefix('/'))
        .filter(|_| !root.is_empty())
        .unwrap_or(path)
}

/// How long until a due time: workdays left, today, or overdue.
pub fn due_note(app: &App, t: Texts, now: UnixMillis, due_at: UnixMillis) -> String {
    if now > due_at {
        return t.get("console.due.over").to_owned();
    }
    let zone = app.time_zone.zone();
    let (today, due) = (now.in_zone(zone).date(), due_at.in_zone(zone).date());
    if today == due {
        return t.get("console.due.today").to_owned();
    }
    let left = app.calendar().workdays_between(today, due) as i64;
    t.count("console.due.workdays", left)
}

/// A reminder's or a schedule's step: what made it happen.
pub fn step(t: Texts, step: &str) -> String {
    let kind = ["click", "schedule", "before_due", "on_due", "after_due"]
        .into_iter()
        .find(|kind| step.starts_with(kind));
    t.of_value("console.step", kind.unwrap_or("plan"))
}
