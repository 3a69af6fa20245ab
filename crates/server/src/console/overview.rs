//! The first page: what needs somebody, how open notices stand, what comes next.

use askama::Template;
use axum::response::Response;
use yuezhi_domain::{CalendarWarning, DayKind, NoticeState, UnixMillis};
use yuezhi_store::{
    deliveries, lanes, notices,
    notices::{NoticeFilter, NoticeRow},
    people, schedules, source_files,
};

use super::{
    frame::{Frame, render},
    notices::Line,
    session::{PageError, SignedIn},
    ui::{Markup, address, grouped},
    words,
};
use crate::{
    actions::{ActionError, import_calendar},
    budget::{self, Budget},
    texts::Texts,
};

/// Open notices shown here; the rest is one click away.
const NOTICES_SHOWN: usize = 8;
const NEXT_SHOWN: usize = 5;
/// Overdue notices named one by one.
const LATE_SHOWN: usize = 3;

/// Something an administrator or publisher should do.
struct Need {
    /// `bad` or `warn`.
    kind: &'static str,
    icon: &'static str,
    title: String,
    detail: String,
    href: String,
    act: String,
}

struct LaneLine {
    kind: &'static str,
    name: String,
    detail: String,
    word: String,
}

struct NextLine {
    at: i64,
    title: String,
    when: Markup,
    note: String,
    href: String,
}

#[derive(Template)]
#[template(path = "console/overview.html")]
struct Page {
    f: Frame,
    t: Texts,
    today: String,
    needs: Vec<Need>,
    lines: Vec<Line>,
    has_notices: bool,
    lanes: Vec<LaneLine>,
    next: Vec<NextLine>,
}

/// What the page reads, in one transaction.
struct Facts {
    open: Vec<NoticeRow>,
    late: Vec<NoticeRow>,
    late_count: i64,
    people: i64,
    lanes: Vec<lanes::Lane>,
    counts: Vec<deliveries::LaneCount>,
    schedules: Vec<schedules::Schedule>,
    broken_files: Vec<source_files::SourceFile>,
    budget: Budget,
}

pub(super) async fn show(me: SignedIn) -> Result<Response, PageError> {
    let sources: Vec<String> = me
        .app
        .config
        .source
        .iter()
        .map(|source| source.name.clone())
        .collect();
    let (now, dingtalk) = (me.now, me.app.config.dingtalk.clone());
    let facts = me
        .app
        .db
        .read(move |tx| {
            let mut broken_files = Vec::new();
            for source in &sources {
                broken_files.extend(
                    source_files::list(tx, source)?
                        .into_iter()
                        .filter(|file| file.state == "failed"),
                );
            }
            Ok::<_, ActionError>(Facts {
                open: notices::list(tx, &open(), 0, NOTICES_SHOWN)?,
                late: notices::list(tx, &overdue(now), 0, LATE_SHOWN)?,
                late_count: notices::count(tx, &overdue(now))?,
                people: people::count_active(tx)?,
                lanes: lanes::list(tx)?,
                counts: deliveries::counts_by_lane_state(tx)?,
                schedules: schedules::list(tx)?,
                broken_files,
                budget: budget::read(tx, &dingtalk, now)?,
            })
        })
        .await?;
    let page = Page {
        f: Frame::load(&me, "overview", me.t.get("console.nav.overview")).await?,
        t: me.t,
        today: today(&me),
        needs: needs(&me, &facts),
        lines: facts.open.iter().map(|row| Line::of(&me, row)).collect(),
        has_notices: !facts.open.is_empty(),
        lanes: lane_lines(&me, &facts),
        next: next_lines(&me, &facts),
    };
    Ok(render(&me, &page))
}

fn open() -> NoticeFilter {
    NoticeFilter {
        state: Some(NoticeState::Open),
        ..NoticeFilter::default()
    }
}

/// Open, past its due date, and somebody still owes.
pub(super) fn overdue(now: UnixMillis) -> NoticeFilter {
    NoticeFilter {
        overdue_at: Some(now),
        ..open()
    }
}

/// 「11-24 周二 · 工作日」
fn today(me: &SignedIn) -> String {
    let tell = me.teller();
    let today = tell.today();
    let calendar = me.app.calendar();
    let kind = match calendar.day(today) {
        DayKind::Workday => me.t.get("console.day.workday").to_owned(),
        DayKind::Weekend => me.t.get("console.day.weekend").to_owned(),
        DayKind::Holiday { name } => name.to_owned(),
        DayKind::MakeUpWorkday { name } => me.t.with("console.day.make_up", "name", name),
    };
    format!("{} · {kind}", tell.day(today))
}

fn needs(me: &SignedIn, facts: &Facts) -> Vec<Need> {
    let mut needs = stopped_lanes(me, facts);
    needs.extend(quota(me, facts));
    needs.extend(trouble(me, facts));
    needs.extend(late_notices(me, facts));
    needs.extend(broken_files(me, facts));
    needs.extend(setup(me));
    if facts.people == 0 {
        needs.push(Need {
            kind: "warn",
            icon: "people",
            title: me.t.get("console.people_page.none").to_owned(),
            detail: me.t.get("console.people_page.none_hint").to_owned(),
            href: "/console/people/import".to_owned(),
            act: me.t.get("console.import.title").to_owned(),
        });
    }
    for warning in import_calendar::warnings(&me.app, me.now) {
        let key = match warning {
            CalendarWarning::YearMissing { .. } => "console.need.year_missing",
            CalendarWarning::NextYearMissing { .. } => "console.need.next_year_missing",
        };
        needs.push(Need {
            kind: "warn",
            icon: "calendar",
            title: me.t.with(key, "year", warning.year()),
            detail: me.t.get("console.need.year_missing_detail").to_owned(),
            href: "/console/settings#calendar".to_owned(),
            act: me.t.get("console.need.import").to_owned(),
        });
    }
    needs
}

/// Little is left of a monthly quota.
fn quota(me: &SignedIn, facts: &Facts) -> Option<Need> {
    let (kind, title) = super::quota::warning(me.t, &facts.budget)?;
    Some(Need {
        kind,
        icon: "warn",
        title,
        detail: me.t.get("setup.quota.banner_detail").to_owned(),
        href: "/console/quota".to_owned(),
        act: me.t.get("console.need.look").to_owned(),
    })
}

fn stopped_lanes(me: &SignedIn, facts: &Facts) -> Vec<Need> {
    let need = |lane: &lanes::Lane| {
        let reason = words::reason(me.t, lane.reason_code.as_deref().unwrap_or_default(), None);
        let key = if lane.stopped_at.is_some() {
            "console.need.lane_stopped"
        } else {
            "console.need.lane_held"
        };
        Need {
            kind: if lane.stopped_at.is_some() {
                "bad"
            } else {
                "warn"
            },
            icon: "warn",
            title: me.t.with2(
                key,
                "lane",
                words::lane(me.t, &lane.name),
                "reason",
                &reason.text,
            ),
            detail: reason.fix,
            href: address("/console/deliveries", &[("lane", &lane.name)]),
            act: me.t.get("console.need.look").to_owned(),
        }
    };
    facts
        .lanes
        .iter()
        .filter(|lane| !lane.is_open(me.now))
        .map(need)
        .collect()
}

fn trouble(me: &SignedIn, facts: &Facts) -> Vec<Need> {
    let of = |state: &str| {
        facts
            .counts
            .iter()
            .filter(|c| c.state.as_str() == state)
            .map(|c| c.count)
            .sum::<i64>()
    };
    let mut needs = Vec::new();
    for (state, kind, icon) in [
        ("failed", "bad", "delivery"),
        ("undeliverable", "warn", "people"),
    ] {
        let count = of(state);
        if count > 0 {
            needs.push(Need {
                kind,
                icon,
                title: me.t.count(&format!("console.need.{state}"), count),
                detail: me.t.get(&format!("console.need.{state}_detail")).to_owned(),
                href: address("/console/deliveries", &[("state", state)]),
                act: me.t.get("console.need.look").to_owned(),
            });
        }
    }
    needs
}

fn late_notices(me: &SignedIn, facts: &Facts) -> Vec<Need> {
    let need = |row: &NoticeRow| Need {
        kind: "warn",
        icon: "bell",
        title: me.t.fill(
            "console.need.overdue",
            &[
                ("title", &row.notice.title),
                ("label", &row.version_label),
                ("n", &grouped(row.totals.pending)),
            ],
        ),
        detail: me.t.with(
            "console.need.overdue_detail",
            "due",
            row.notice
                .due_at
                .map(|due| me.teller().text(due))
                .unwrap_or_default(),
        ),
        href: format!("/console/notices/{}#outstanding", row.notice.id),
        act: me.t.get("console.need.list").to_owned(),
    };
    let mut needs: Vec<Need> = facts.late.iter().map(need).collect();
    let more = facts.late_count - LATE_SHOWN as i64;
    if more > 0 {
        needs.push(Need {
            kind: "warn",
            icon: "bell",
            title: me.t.count("console.need.overdue_more", more),
            detail: String::new(),
            href: "/console/notices?state=overdue".to_owned(),
            act: me.t.get("console.need.look").to_owned(),
        });
    }
    needs
}

fn broken_files(me: &SignedIn, facts: &Facts) -> Vec<Need> {
    if facts.broken_files.is_empty() {
        return Vec::new();
    }
    let names: Vec<&str> = facts
        .broken_files
        .iter()
        .take(3)
        .map(|file| file.path.as_str())
        .collect();
    vec![Need {
        kind: "bad",
        icon: "upload",
        title: me
            .t
            .count("console.need.files", facts.broken_files.len() as i64),
        detail: names.join(" · "),
        href: "/console/sources".to_owned(),
        act: me.t.get("console.need.look").to_owned(),
    }]
}

/// A fresh installation: no way out yet.
fn setup(me: &SignedIn) -> Option<Need> {
    let none = me.app.channels().lanes().next().is_none();
    none.then(|| Need {
        kind: "warn",
        icon: "robot",
        title: me.t.get("console.need.no_channel").to_owned(),
        detail: me.t.get("console.need.no_channel_detail").to_owned(),
        href: "/console/connections".to_owned(),
        act: me.t.get("console.need.connect").to_owned(),
    })
}

fn lane_lines(me: &SignedIn, facts: &Facts) -> Vec<LaneLine> {
    let channels = me.app.channels();
    let line = |name: &str| {
        let lane = facts.lanes.iter().find(|lane| lane.name == name);
        let waiting: i64 = facts
            .counts
            .iter()
            .filter(|c| c.lane == name && c.state.as_str() == "due")
            .map(|c| c.count)
            .sum();
        let (kind, word) = match lane {
            Some(lane) if lane.stopped_at.is_some() => ("bad", "console.lane_state.stopped"),
            Some(lane) if lane.held_until.is_some_and(|until| until > me.now) => {
                ("warn", "console.lane_state.held")
            }
            _ => ("ok", "console.lane_state.ok"),
        };
        let mut detail = words::lane_kind(me.t, name);
        if waiting > 0 {
            detail = format!(
                "{detail} · {}",
                me.t.with("console.waiting_n", "n", grouped(waiting))
            );
        }
        LaneLine {
            kind,
            name: words::lane(me.t, name),
            detail,
            word: me.t.get(word).to_owned(),
        }
    };
    channels
        .lanes()
        .map(|channel| line(channel.lane()))
        .collect()
}

fn next_lines(me: &SignedIn, facts: &Facts) -> Vec<NextLine> {
    let tell = me.teller();
    let standing = facts
        .schedules
        .iter()
        .filter(|schedule| schedule.state == schedules::ScheduleState::Active)
        .filter_map(|schedule| {
            let at = schedule.next_at?;
            Some(NextLine {
                at: at.0,
                title: schedule.name.clone(),
                when: tell.at(at),
                note: schedule
                    .lanes
                    .iter()
                    .map(|lane| words::lane(me.t, lane))
                    .collect::<Vec<_>>()
                    .join(" · "),
                href: format!("/console/schedules/{}", schedule.id),
            })
        });
    let reminders = facts.open.iter().filter_map(|row| {
        let at = row
            .notice
            .next_reminder_at
            .filter(|_| row.totals.pending > 0)?;
        Some(NextLine {
            at: at.0,
            title: me
                .t
                .with("console.next.reminder", "title", &row.notice.title),
            when: tell.at(at),
            note: words::people(me.t, row.totals.pending),
            href: format!("/console/notices/{}", row.notice.id),
        })
    });
    let mut next: Vec<NextLine> = standing.chain(reminders).collect();
    next.sort_by_key(|line| line.at);
    next.truncate(NEXT_SHOWN);
    next
}
