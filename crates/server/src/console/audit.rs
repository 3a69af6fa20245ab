//! Who did what and when; nothing here is ever changed.

use askama::Template;
use axum::response::Response;
use axum_extra::extract::Query;
use serde::Deserialize;
use yuezhi_store::{StoreError, Tx, audit, notices, policies, schedules};

use super::{
    frame::{Frame, render},
    session::{PageError, SignedIn},
    ui::{Choice, address},
    words,
};
use crate::{actions::ActionError, texts::Texts};

const PAGE: usize = 50;

/// Every action that is recorded.
const ACTIONS: &[&str] = &[
    "version.published",
    "notice.reminded",
    "notice.cancelled",
    "people.imported",
    "schedule.created",
    "schedule.changed",
    "schedule.paused",
    "schedule.resumed",
    "schedule.skip_next",
    "schedule.skip_undone",
    "schedule.run",
    "schedule.deleted",
    "delivery.retried",
    "lane.retried",
    "lane.resumed",
    "robot.saved",
    "robot.removed",
    "token.created",
    "token.revoked",
    "calendar.imported",
    "account.created",
    "account.password_changed",
];

struct Line {
    when: String,
    actor: String,
    action: String,
    subject: String,
    href: Option<String>,
    detail: String,
    /// The JSON as it stands in the record.
    full: String,
}

#[derive(Template)]
#[template(path = "console/audit.html")]
struct Page {
    f: Frame,
    t: Texts,
    actor: String,
    actions: Vec<Choice>,
    lines: Vec<Line>,
    next: Option<String>,
    is_filtered: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Asked {
    actor: String,
    action: String,
    before: i64,
}

pub(super) async fn list(me: SignedIn, Query(asked): Query<Asked>) -> Result<Response, PageError> {
    let given = |text: &str| (!text.trim().is_empty()).then(|| text.trim().to_owned());
    let filter = audit::AuditFilter {
        subject: None,
        actor: given(&asked.actor).map(full_actor),
        action: given(&asked.action),
    };
    let before = asked.before;
    let (entries, titles) = me
        .app
        .db
        .read(move |tx| {
            let entries = audit::list(tx, &filter, before, PAGE + 1)?;
            let titles = entries
                .iter()
                .map(|entry| title(tx, &entry.subject))
                .collect::<Result<Vec<_>, _>>()?;
            Ok::<_, ActionError>((entries, titles))
        })
        .await?;
    let tell = me.teller();
    let next = (entries.len() > PAGE)
        .then(|| {
            entries.get(PAGE - 1).map(|entry| {
                address(
                    "/console/audit",
                    &[
                        ("actor", &asked.actor),
                        ("action", &asked.action),
                        ("before", &entry.seq.to_string()),
                    ],
                )
            })
        })
        .flatten();
    let all = Choice::new("", me.t.get("console.audit.every"), &asked.action);
    let actions = ACTIONS.iter().map(|action| {
        Choice::new(
            *action,
            me.t.of_value("console.action", action),
            &asked.action,
        )
    });
    let lines = entries
        .iter()
        .zip(titles)
        .take(PAGE)
        .map(|(entry, title)| Line {
            when: tell.exact(entry.at),
            actor: words::actor(me.t, &entry.actor),
            action: me.t.of_value("console.action", &entry.action),
            href: href(&entry.subject),
            subject: title.unwrap_or_else(|| {
                entry
                    .subject
                    .split_once(':')
                    .map_or_else(|| entry.subject.clone(), |(_, rest)| rest.to_owned())
            }),
            detail: detail(me.t, &entry.detail),
            full: if entry.detail == "{}" {
                String::new()
            } else {
                entry.detail.clone()
            },
        });
    let page = Page {
        f: Frame::load(&me, "audit", me.t.get("console.nav.audit")).await?,
        t: me.t,
        actions: std::iter::once(all).chain(actions).collect(),
        lines: lines.collect(),
        next,
        is_filtered: !asked.actor.trim().is_empty() || !asked.action.is_empty() || before > 0,
        actor: asked.actor,
    };
    Ok(render(&me, &page))
}

/// A bare login means an account.
fn full_actor(text: String) -> String {
    if text.contains(':') || text == "system" || text == "command-line" {
        text
    } else {
        format!("account:{text}")
    }
}

/// What a subject is called, where it has a name.
fn title(tx: &mut Tx<'_>, subject: &str) -> Result<Option<String>, StoreError> {
    let Some((kind, id)) = subject.split_once(':') else {
        return Ok(None);
    };
    Ok(match kind {
        "notice" => match id.parse() {
            Ok(id) => notices::by_id(tx, &id)?.map(|notice| notice.title),
            Err(_) => None,
        },
        "policy" => policies::by_slug(tx, id)?.map(|policy| policy.title),
        "schedule" => match id.parse() {
            Ok(id) => schedules::by_id(tx, &id)?.map(|schedule| schedule.name),
            Err(_) => None,
        },
        _ => None,
    })
}

fn href(subject: &str) -> Option<String> {
    let (kind, id) = subject.split_once(':')?;
    match kind {
        "notice" => Some(format!("/console/notices/{id}")),
        "schedule" => Some(format!("/console/schedules/{id}")),
        "policy" => Some(format!("/console/policies/{id}")),
        _ => None,
    }
}

/// Members of the detail that have words; hashes and ids stand in the full detail.
const TOLD: &[&str] = &[
    "version",
    "recipients",
    "requirement",
    "audience",
    "reason",
    "outstanding",
    "people",
    "pending_closed",
    "created",
    "updated",
    "left",
    "file",
    "rule",
    "name",
    "retried",
];

/// The JSON detail in words.
fn detail(t: Texts, json: &str) -> String {
    let Ok(serde_json::Value::Object(members)) = serde_json::from_str(json) else {
        return String::new();
    };
    let told = TOLD.iter().filter_map(|name| {
        let plain = match members.get(*name)? {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let value = match *name {
            "audience" => words::audience(t, &plain),
            "requirement" => t.of_value("console.requirement", &plain),
            _ => plain,
        };
        Some(format!("{} {value}", t.of_value("console.detail", name)))
    });
    told.collect::<Vec<_>>().join(" · ")
}
