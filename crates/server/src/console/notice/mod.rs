//! One notice: its numbers, who still owes, departments, what happened; reminding and withdrawing.
//!
//! Called by the console's routes. Invariant: the numbers come from `progress`, so the page costs the same for a
//! hundred people and for a million.

mod acts;
mod departments;
mod figures;
mod history;
mod outstanding;

use askama::Template;
use axum::{
    extract::Path,
    http::header,
    response::{IntoResponse, Response},
};
use axum_extra::extract::Query;
use yuezhi_domain::{NoticeId, NoticeState, Requirement};
use yuezhi_store::{
    Tx, notices, notices::Notice, policies, policies::Policy, versions, versions::Version,
};

pub(super) use acts::{cancel, remind, remind_preview};

use super::{
    frame::{Frame, render},
    session::{PageError, SignedIn},
    ui::{Markup, grouped},
    words::{self, Tag},
};
use crate::{
    actions::{ActionError, Refusal},
    texts::Texts,
};

/// A notice with what it belongs to.
struct Found {
    notice: Notice,
    policy: Policy,
    version: Version,
}

fn find(tx: &mut Tx<'_>, id: &str) -> Result<Found, ActionError> {
    let unknown = || ActionError::from(Refusal::not_found("notice_unknown"));
    let id: NoticeId = id.parse().map_err(|_| unknown())?;
    let notice = notices::by_id(tx, &id)?.ok_or_else(unknown)?;
    let policy = policies::get(tx, notice.policy_no)?.ok_or_else(unknown)?;
    let version = versions::get(tx, notice.version_no)?.ok_or_else(unknown)?;
    Ok(Found {
        notice,
        policy,
        version,
    })
}

#[derive(Template)]
#[template(path = "console/notice.html")]
struct Page {
    f: Frame,
    t: Texts,
    id: String,
    title: String,
    language: &'static str,
    label: String,
    state: Tag,
    lead: String,
    /// Why it is over, if it is.
    over: Option<String>,
    successor: Option<String>,
    figures: figures::Figures,
    outstanding: outstanding::List,
    departments: departments::Table,
    history: history::History,
    facts: Facts,
    may_remind: bool,
    may_cancel: bool,
    pending: String,
}

/// What the notice was issued with.
struct Facts {
    policy_href: String,
    version_href: String,
    changes_href: Option<String>,
    audience: String,
    requirement: String,
    due: Option<Markup>,
    due_note: String,
    channels: String,
    plan: String,
    next_reminder: Option<Markup>,
    issued_by: String,
    employee_href: String,
    deliveries_href: String,
}

pub(super) async fn show(
    me: SignedIn,
    Path(id): Path<String>,
    Query(asked): Query<outstanding::Asked>,
) -> Result<Response, PageError> {
    let wanted = asked.clone();
    let now = me.now;
    let (found, figures, list, by_department, history) = me
        .app
        .db
        .read(move |tx| {
            let found = find(tx, &id)?;
            let no = found.notice.no;
            let figures = figures::read(tx, no)?;
            let list = outstanding::read(tx, no, &wanted, now)?;
            let by_department = yuezhi_store::progress::by_department(tx, no)?;
            let history = history::read(tx, &found.notice)?;
            Ok::<_, ActionError>((found, figures, list, by_department, history))
        })
        .await?;
    let notice = &found.notice;
    let is_open = notice.state == NoticeState::Open;
    let page = Page {
        f: Frame::load(&me, "notices", &notice.title).await?,
        t: me.t,
        id: notice.id.to_string(),
        title: notice.title.clone(),
        language: notice.language.as_str(),
        label: found.version.label.clone(),
        state: words::notice_state(me.t, notice.state),
        lead: lead(&me, notice),
        over: over(&me, notice),
        successor: successor(notice),
        pending: grouped(figures.pending),
        may_remind: is_open && notice.requirement != Requirement::Inform && figures.pending > 0,
        may_cancel: matches!(notice.state, NoticeState::Open | NoticeState::Expanding),
        figures: figures::Figures::of(&me, notice, &figures),
        outstanding: outstanding::List::of(&me, notice, list, &asked),
        departments: departments::Table::of(&me, notice, &by_department, asked.every_department()),
        history: history::History::of(&me, notice, &history),
        facts: facts(&me, &found, figures.pending),
    };
    Ok(render(&me, &page))
}

/// Everybody who still owes, as a table for a spreadsheet.
pub(super) async fn outstanding_csv(
    me: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let t = me.t;
    let tell = me.teller();
    let (name, text) = me
        .app
        .db
        .read(move |tx| {
            let found = find(tx, &id)?;
            let name = format!(
                "{}-{}-outstanding.csv",
                found.policy.slug, found.version.label
            );
            Ok::<_, ActionError>((name, outstanding::csv(tx, found.notice.no, t, &tell)?))
        })
        .await?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, text).into_response())
}

fn lead(me: &SignedIn, notice: &Notice) -> String {
    let tell = me.teller();
    let by = words::actor(me.t, &notice.issued_by);
    let issued = me.t.with2(
        "console.notice.issued",
        "at",
        tell.text(notice.issued_at),
        "by",
        by,
    );
    match notice.due_at {
        Some(due) => format!(
            "{issued}{}",
            me.t.with("console.notice.issued_due", "due", tell.text(due))
        ),
        None => issued,
    }
}

fn over(me: &SignedIn, notice: &Notice) -> Option<String> {
    let at = me.teller().text(notice.closed_at?);
    match notice.state {
        NoticeState::Cancelled => {
            let reason = notice.close_reason.clone().unwrap_or_default();
            Some(me.t.with2("console.notice.cancelled", "at", at, "reason", reason))
        }
        NoticeState::Superseded => Some(me.t.with("console.notice.superseded", "at", at)),
        NoticeState::Closed => Some(me.t.with("console.notice.closed", "at", at)),
        NoticeState::Open | NoticeState::Expanding => None,
    }
}

/// The notice that took this one's place.
fn successor(notice: &Notice) -> Option<String> {
    let id: NoticeId = notice
        .close_reason
        .as_deref()
        .filter(|_| notice.state == NoticeState::Superseded)?
        .parse()
        .ok()?;
    Some(format!("/console/notices/{id}"))
}

fn facts(me: &SignedIn, found: &Found, pending: i64) -> Facts {
    let Found {
        notice,
        policy,
        version,
    } = found;
    let tell = me.teller();
    let is_open = notice.state == NoticeState::Open;
    let lanes: Vec<String> = notice
        .channels
        .iter()
        .map(|lane| words::lane(me.t, lane))
        .collect();
    let base = format!("/console/policies/{}", policy.slug);
    Facts {
        version_href: format!("{base}/versions/{}", version.number),
        changes_href: (version.number > 1).then(|| format!("{base}/changes?to={}", version.number)),
        policy_href: base,
        audience: words::audience(me.t, &notice.audience),
        requirement: words::requirement(me.t, notice.requirement),
        due: notice.due_at.map(|due| tell.at(due)),
        due_note: notice
            .due_at
            .filter(|_| is_open && pending > 0)
            .map(|due| words::due_note(&me.app, me.t, me.now, due))
            .unwrap_or_default(),
        channels: if lanes.is_empty() {
            me.t.get("console.nobody_told").to_owned()
        } else {
            lanes.join(" · ")
        },
        plan: words::plan(me.t, &notice.plan),
        next_reminder: notice
            .next_reminder_at
            .filter(|_| is_open && pending > 0)
            .map(|at| tell.at(at)),
        issued_by: words::actor(me.t, &notice.issued_by),
        employee_href: format!("/n/{}", notice.id),
        deliveries_href: format!("/console/deliveries?notice={}", notice.id),
    }
}
