//! The list of notices by state, and the line that stands for one notice wherever several are shown.

use askama::Template;
use axum::response::Response;
use axum_extra::extract::Query;
use serde::Deserialize;
use yuezhi_domain::{NoticeState, Requirement};
use yuezhi_store::notices::{self, NoticeFilter, NoticeRow};

use super::{
    frame::{Frame, render},
    session::{PageError, SignedIn},
    ui::{Markup, Share, address, grouped},
    words::{self, Tag},
};
use crate::{actions::ActionError, texts::Texts};

const PAGE: usize = 25;

/// One notice in a table.
pub(super) struct Line {
    pub id: String,
    pub href: String,
    pub title: String,
    pub language: &'static str,
    pub label: String,
    pub requirement: String,
    pub people: String,
    pub read: Markup,
    /// `None` where no confirmation is asked for.
    pub confirmed: Option<Markup>,
    pub due: Option<Markup>,
    pub late: String,
    pub state: Tag,
}

impl Line {
    pub fn of(me: &SignedIn, row: &NoticeRow) -> Self {
        let (notice, totals, tell) = (&row.notice, &row.totals, me.teller());
        let asked = totals.total - totals.exempted;
        let is_late = notice.state == NoticeState::Open
            && notice.due_at.is_some_and(|due| me.now > due)
            && totals.pending > 0;
        Self {
            id: notice.id.to_string(),
            href: format!("/console/notices/{}", notice.id),
            title: notice.title.clone(),
            language: notice.language.as_str(),
            label: row.version_label.clone(),
            requirement: words::requirement(me.t, notice.requirement),
            people: words::people(me.t, totals.total),
            read: Share::new(totals.opened, totals.total).line("read"),
            confirmed: (notice.requirement == Requirement::Confirm)
                .then(|| Share::new(totals.acknowledged, asked).line("")),
            due: notice.due_at.map(|due| tell.at(due)),
            late: if is_late {
                me.t.with("console.overdue_n", "n", grouped(totals.pending))
            } else {
                String::new()
            },
            state: words::notice_state(me.t, notice.state),
        }
    }
}

struct Tab {
    href: String,
    word: String,
    count: i64,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "console/notices.html")]
struct Page {
    f: Frame,
    t: Texts,
    tabs: Vec<Tab>,
    lines: Vec<Line>,
    next: Option<String>,
    is_first: bool,
    is_open_tab: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Asked {
    state: String,
    after: i64,
}

pub(super) async fn list(me: SignedIn, Query(asked): Query<Asked>) -> Result<Response, PageError> {
    let state: NoticeState = asked.state.parse().unwrap_or(NoticeState::Open);
    let filter = NoticeFilter {
        state: Some(state),
        policy_no: None,
    };
    let after = asked.after;
    let (rows, counts) = me
        .app
        .db
        .read(move |tx| {
            let mut counts = Vec::new();
            for state in NoticeState::ALL {
                counts.push((
                    *state,
                    notices::count(
                        tx,
                        &NoticeFilter {
                            state: Some(*state),
                            policy_no: None,
                        },
                    )?,
                ));
            }
            Ok::<_, ActionError>((notices::list(tx, &filter, after, PAGE + 1)?, counts))
        })
        .await?;
    let tabs = counts
        .into_iter()
        .filter(|(of, count)| *count > 0 || *of == state || *of == NoticeState::Open)
        .map(|(of, count)| Tab {
            href: address("/console/notices", &[("state", of.as_str())]),
            word: me.t.of_value("console.notice_state", of.as_str()),
            count,
            chosen: of == state,
        })
        .collect();
    let next = (rows.len() > PAGE)
        .then(|| rows.get(PAGE - 1).map(|row| row.notice.no.to_string()))
        .flatten()
        .map(|after| {
            address(
                "/console/notices",
                &[("state", state.as_str()), ("after", &after)],
            )
        });
    let lines = rows
        .iter()
        .take(PAGE)
        .map(|row| Line::of(&me, row))
        .collect();
    let page = Page {
        f: Frame::load(&me, "notices", me.t.get("console.nav.notices")).await?,
        t: me.t,
        tabs,
        lines,
        next,
        is_first: after == 0,
        is_open_tab: state == NoticeState::Open,
    };
    Ok(render(&me, &page))
}
