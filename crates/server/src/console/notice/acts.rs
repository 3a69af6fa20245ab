//! Reminding the outstanding, all or some, and withdrawing the notice.

use askama::Template;
use axum::{extract::Path, response::Response};
use axum_extra::extract::Form;
use serde::Deserialize;
use yuezhi_domain::NoticeId;

use super::find;
use crate::{
    actions::{
        ActionError, Refusal, cancel_notice,
        send_reminders::{self, RemindRequest, Reminded},
    },
    console::{
        frame::{Frame, render},
        session::{Flash, FlashKind, PageError, SignedIn},
        ui::{Markup, grouped},
        words,
    },
    texts::Texts,
};

#[derive(Template)]
#[template(path = "console/remind.html")]
struct Preview {
    f: Frame,
    t: Texts,
    id: String,
    title: String,
    language: &'static str,
    label: String,
    outstanding: String,
    lanes: Vec<LaneLine>,
    planned: Option<Markup>,
}

struct LaneLine {
    name: String,
    detail: String,
    without: String,
}

/// What reminding everybody outstanding would send.
pub(in crate::console) async fn remind_preview(
    me: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let wanted = id.clone();
    let found = me.app.db.read(move |tx| find(tx, &wanted)).await?;
    let request = RemindRequest {
        actor: me.actor(),
        notice_id: found.notice.id,
        person_nos: Vec::new(),
        dry_run: true,
    };
    let reminded = match send_reminders::remind(&me.app, request).await {
        Ok(reminded) => reminded,
        Err(error) => return me.back(&format!("/console/notices/{id}"), Err(error)),
    };
    let page = Preview {
        f: Frame::load(&me, "notices", me.t.get("console.remind.title")).await?,
        t: me.t,
        id,
        title: found.notice.title.clone(),
        language: found.notice.language.as_str(),
        label: found.version.label.clone(),
        outstanding: grouped(reminded.outstanding),
        lanes: lane_lines(me.t, &reminded),
        planned: found.notice.next_reminder_at.map(|at| me.teller().at(at)),
    };
    Ok(render(&me, &page))
}

fn lane_lines(t: Texts, reminded: &Reminded) -> Vec<LaneLine> {
    let line = |delivery: &crate::actions::publish_version::PlannedDelivery| LaneLine {
        name: words::lane(t, &delivery.lane),
        detail: if delivery.personal {
            t.with("console.remind.personal", "n", grouped(delivery.messages))
        } else {
            t.get("console.remind.group").to_owned()
        },
        without: if delivery.undeliverable > 0 {
            t.with(
                "console.remind.without",
                "n",
                grouped(delivery.undeliverable),
            )
        } else {
            String::new()
        },
    };
    reminded.deliveries.iter().map(line).collect()
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::console) struct RemindForm {
    /// Numbers of people; none: everybody who owes, and the groups.
    person: Vec<i64>,
}

pub(in crate::console) async fn remind(
    me: SignedIn,
    Path(id): Path<String>,
    Form(asked): Form<RemindForm>,
) -> Result<Response, PageError> {
    let notice_id = notice_id(&id)?;
    let request = RemindRequest {
        actor: me.actor(),
        notice_id,
        person_nos: asked.person,
        dry_run: false,
    };
    let outcome = send_reminders::remind(&me.app, request)
        .await
        .map(|reminded| told(me.t, &reminded));
    me.back(&format!("/console/notices/{id}"), outcome)
}

fn told(t: Texts, reminded: &Reminded) -> Flash {
    if reminded.deliveries.is_empty() {
        return Flash {
            kind: FlashKind::Warn,
            text: t.get("console.remind.nothing_sent").to_owned(),
            more: t.get("console.remind.nothing_sent_more").to_owned(),
        };
    }
    let more: Vec<String> = lane_lines(t, reminded)
        .into_iter()
        .map(|line| {
            if line.without.is_empty() {
                format!("{} {}", line.name, line.detail)
            } else {
                format!("{} {} · {}", line.name, line.detail, line.without)
            }
        })
        .collect();
    Flash::ok(t.with("console.remind.done", "n", grouped(reminded.outstanding)))
        .more(more.join("; "))
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::console) struct CancelForm {
    reason: String,
}

pub(in crate::console) async fn cancel(
    me: SignedIn,
    Path(id): Path<String>,
    Form(asked): Form<CancelForm>,
) -> Result<Response, PageError> {
    let outcome = cancel_notice::cancel(&me.app, me.actor(), notice_id(&id)?, &asked.reason)
        .await
        .map(|done| {
            let more = me.t.with2(
                "console.cancel.done_more",
                "pending",
                grouped(i64::try_from(done.pending_closed).unwrap_or(i64::MAX)),
                "deliveries",
                grouped(i64::try_from(done.deliveries_cancelled).unwrap_or(i64::MAX)),
            );
            Flash::ok(me.t.get("console.cancel.done")).more(more)
        });
    me.back(&format!("/console/notices/{id}"), outcome)
}

fn notice_id(id: &str) -> Result<NoticeId, ActionError> {
    id.parse()
        .map_err(|_| Refusal::not_found("notice_unknown").into())
}
