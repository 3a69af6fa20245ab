//! The list of notices by state, and the line that stands for one notice wherever several are shown.

use askama::Template;
use axum::response::Response;
use axum_extra::extract::Query;
use serde::Deserialize;
use yuezhi_domain::{NoticeState, Requirement, UnixMillis};
use yuezhi_store::notices::{self, NoticeFilter, NoticeRow};

use super::{
    frame::{Frame, render},
    overview,
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
    count: String,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "console/notices.html")]
struct Page {
    f: Frame,
    t: Texts,
    tabs: Vec<Tab>,
    q: String,
    /// The open tab, empty for the first.
    state: &'static str,
    lines: Vec<Line>,
    next: Option<String>,
    first: Option<String>,
    is_open_tab: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Asked {
    q: String,
    state: String,
    after: i64,
}

/// The tab of open notices that are past their due date; all others are states.
const OVERDUE: &str = "overdue";

fn filter_of(tab: &str, q: &str, now: UnixMillis) -> NoticeFilter {
    let filter = if tab == OVERDUE {
        overview::overdue(now)
    } else {
        NoticeFilter {
            state: Some(tab.parse().unwrap_or(NoticeState::Open)),
            ..NoticeFilter::default()
        }
    };
    NoticeFilter {
        search: Some(q.to_owned()),
        ..filter
    }
}

pub(super) async fn list(me: SignedIn, Query(asked): Query<Asked>) -> Result<Response, PageError> {
    let tabs = || {
        let states = NoticeState::ALL.iter().map(|state| state.as_str());
        std::iter::once(OVERDUE).chain(states)
    };
    let chosen = tabs()
        .find(|tab| *tab == asked.state)
        .unwrap_or(NoticeState::Open.as_str());
    let (q, after, now) = (asked.q.trim().to_owned(), asked.after, me.now);
    let search = q.clone();
    let (rows, counts) = me
        .app
        .db
        .read(move |tx| {
            let counts = tabs()
                .map(|tab| Ok((tab, notices::count(tx, &filter_of(tab, &search, now))?)))
                .collect::<Result<Vec<_>, ActionError>>()?;
            let filter = filter_of(chosen, &search, now);
            Ok::<_, ActionError>((notices::list(tx, &filter, after, PAGE + 1)?, counts))
        })
        .await?;
    let query = |tab: &str, after: &str| {
        let parameters = [("q", q.as_str()), ("state", tab), ("after", after)];
        address("/console/notices", &parameters)
    };
    let tabs = tabs_of(&me, counts, chosen, &|tab| query(tab, ""));
    let next = (rows.len() > PAGE)
        .then(|| rows.get(PAGE - 1).map(|row| row.notice.no.to_string()))
        .flatten()
        .map(|after| query(chosen, &after));
    let lines = rows
        .iter()
        .take(PAGE)
        .map(|row| Line::of(&me, row))
        .collect();
    let page = Page {
        f: Frame::load(&me, "notices", me.t.get("console.nav.notices")).await?,
        t: me.t,
        tabs,
        state: chosen,
        lines,
        next,
        first: (after > 0).then(|| query(chosen, "")),
        is_open_tab: chosen == NoticeState::Open.as_str(),
        q,
    };
    Ok(render(&me, &page))
}

/// What is open comes first, then what is late among it; other states only where there are some.
fn tabs_of(
    me: &SignedIn,
    counts: Vec<(&'static str, i64)>,
    chosen: &str,
    href: &dyn Fn(&str) -> String,
) -> Vec<Tab> {
    let open = NoticeState::Open.as_str();
    let mut tabs: Vec<_> = counts
        .into_iter()
        .filter(|(tab, count)| *count > 0 || *tab == chosen || *tab == open)
        .collect();
    tabs.sort_by_key(|(tab, _)| (*tab != open, *tab != OVERDUE));
    tabs.into_iter()
        .map(|(tab, count)| Tab {
            href: href(tab),
            word: me.t.of_value("console.notice_state", tab),
            count: grouped(count),
            chosen: tab == chosen,
        })
        .collect()
}
