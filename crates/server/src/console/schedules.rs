//! Standing schedules: the list, one schedule with the times to come, and what may be done to it.

use askama::Template;
use axum::{extract::Path, response::Response};
use axum_extra::extract::{Form, Query};
use serde::Deserialize;
use yuezhi_domain::{DayKind, OccurrenceOutcome, Schedule as Rule, ScheduleId, UnixMillis};
use yuezhi_store::{
    occurrences::{self, Occurrence},
    schedules::{self, Schedule, ScheduleState},
};

use super::{
    frame::{Frame, render},
    session::{Flash, PageError, SignedIn},
    sign_in::with_status,
    ui::{Markup, address},
    words,
};
use crate::{
    actions::{
        ActionError, Refusal,
        change_schedule::{self, ScheduleInput},
    },
    pages::{self, status_of},
    texts::Texts,
};

/// Times to come shown in a preview.
const TIMES: usize = 5;
const SENT_SHOWN: usize = 8;
const PAGE: usize = 50;

struct Line {
    id: String,
    name: String,
    lanes: String,
    rule: String,
    next: Option<Markup>,
    is_paused: bool,
    skips: bool,
}

#[derive(Template)]
#[template(path = "console/schedules.html")]
struct ListPage {
    f: Frame,
    t: Texts,
    q: String,
    found: String,
    lines: Vec<Line>,
    next: Option<String>,
    first: Option<String>,
    /// There are enough to look for one.
    may_search: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Search {
    q: String,
    /// How many come before this page.
    after: usize,
}

/// Schedules are few: all are read, a page of them is told.
pub(super) async fn list(me: SignedIn, Query(asked): Query<Search>) -> Result<Response, PageError> {
    let mut rows = me
        .app
        .db
        .read(|tx| Ok::<_, ActionError>(schedules::list(tx)?))
        .await?;
    let may_search = rows.len() > PAGE;
    let q = asked.q.trim().to_owned();
    let wanted = q.to_lowercase();
    rows.retain(|row| row.name.to_lowercase().contains(&wanted));
    let end = asked.after.saturating_add(PAGE);
    let page = |after: &str| address("/console/schedules", &[("q", &q), ("after", after)]);
    let found = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let list = ListPage {
        f: Frame::load(&me, "schedules", me.t.get("console.nav.schedules")).await?,
        t: me.t,
        found: me.t.count("console.schedules.found", found),
        next: (rows.len() > end).then(|| page(&end.to_string())),
        first: (asked.after > 0).then(|| page("")),
        lines: rows
            .iter()
            .skip(asked.after)
            .take(PAGE)
            .map(|row| line(&me, row))
            .collect(),
        may_search,
        q,
    };
    Ok(render(&me, &list))
}

fn line(me: &SignedIn, row: &Schedule) -> Line {
    let is_paused = row.state == ScheduleState::Paused;
    Line {
        id: row.id.to_string(),
        name: row.name.clone(),
        lanes: row
            .lanes
            .iter()
            .map(|lane| words::lane(me.t, lane))
            .collect::<Vec<_>>()
            .join(" · "),
        rule: rule_of(row).map_or_else(|| row.rule.clone(), |rule| rule.rule.show(me.t.language)),
        next: row
            .next_at
            .filter(|_| !is_paused)
            .map(|at| me.teller().at(at)),
        is_paused,
        skips: row.skip_next,
    }
}

fn rule_of(row: &Schedule) -> Option<Rule> {
    Rule::parse(&row.rule, row.time_zone.parse().ok()?).ok()
}

/// A time to come and what is special about its day.
struct Time {
    when: Markup,
    note: String,
}

#[derive(Template)]
#[template(path = "console/schedule_times.html")]
struct TimesToCome {
    t: Texts,
    times: Vec<Time>,
    sentence: String,
    error: Option<(String, String)>,
}

impl TimesToCome {
    fn of(me: &SignedIn, rule: &str, zone: &str) -> Self {
        let zone = (!zone.trim().is_empty()).then(|| zone.trim());
        let empty = |error| Self {
            t: me.t,
            times: Vec::new(),
            sentence: String::new(),
            error,
        };
        if rule.trim().is_empty() {
            return empty(None);
        }
        match change_schedule::preview(&me.app, rule, zone, TIMES) {
            Ok(times) => Self {
                t: me.t,
                times: times.into_iter().map(|at| time(me, at)).collect(),
                sentence: sentence(me, rule, zone),
                error: None,
            },
            Err(refusal) => empty(Some((refusal.message(me.t), refusal.fix(me.t)))),
        }
    }
}

fn sentence(me: &SignedIn, rule: &str, zone: Option<&str>) -> String {
    let zone = zone
        .and_then(|zone| zone.parse().ok())
        .unwrap_or_else(|| me.app.time_zone.clone());
    Rule::parse(rule, zone)
        .map(|rule| rule.describe(me.t.language))
        .unwrap_or_default()
}

fn time(me: &SignedIn, at: UnixMillis) -> Time {
    let date = at.in_zone(me.app.time_zone.zone()).date();
    let calendar = me.app.calendar();
    let note = match calendar.day(date) {
        DayKind::Workday => String::new(),
        DayKind::Weekend => me.t.get("console.day.weekend").to_owned(),
        DayKind::Holiday { name } => name.to_owned(),
        DayKind::MakeUpWorkday { name } => me.t.with("console.day.make_up", "name", name),
    };
    let note = if note.is_empty() && !calendar.covers(date.year()) {
        me.t.get("console.day.uncertain").to_owned()
    } else {
        note
    };
    Time {
        when: me.teller().at(at),
        note,
    }
}

struct LaneChoice {
    value: String,
    name: String,
    chosen: bool,
}

struct Past {
    when: Markup,
    what: String,
    was_sent: bool,
}

#[derive(Template)]
#[template(path = "console/schedule.html")]
struct FormPage {
    f: Frame,
    t: Texts,
    /// `None` for a new one.
    id: Option<String>,
    asked: Asked,
    lanes: Vec<LaneChoice>,
    times: Vec<Time>,
    sentence: String,
    error: Option<(String, String)>,
    wrong: Option<(&'static str, String)>,
    zone: String,
    is_paused: bool,
    skips: bool,
    sent: Vec<Past>,
}

impl FormPage {
    fn wrong_at(&self, field: &str) -> Option<&str> {
        self.wrong
            .as_ref()
            .filter(|(at, _)| *at == field)
            .map(|(_, text)| text.as_str())
    }
}

#[derive(Debug, Clone, Deserialize, Default)]
#[serde(default)]
pub(super) struct Asked {
    name: String,
    rule: String,
    time_zone: String,
    lane: Vec<String>,
    title: String,
    body: String,
}

impl Asked {
    fn input(&self) -> ScheduleInput {
        ScheduleInput {
            name: self.name.clone(),
            rule: self.rule.clone(),
            time_zone: (!self.time_zone.trim().is_empty())
                .then(|| self.time_zone.trim().to_owned()),
            lanes: self.lane.clone(),
            title: self.title.clone(),
            body: self.body.clone(),
        }
    }

    fn of(me: &SignedIn, row: &Schedule) -> Self {
        Self {
            name: row.name.clone(),
            rule: rule_of(row)
                .map_or_else(|| row.rule.clone(), |rule| rule.rule.show(me.t.language)),
            time_zone: row.time_zone.clone(),
            lane: row.lanes.clone(),
            title: row.title.clone(),
            body: row.body.clone(),
        }
    }
}

pub(super) async fn new_form(me: SignedIn) -> Result<Response, PageError> {
    form(
        &me,
        None,
        Asked {
            time_zone: me.app.time_zone.as_str().to_owned(),
            ..Asked::default()
        },
        None,
    )
    .await
}

pub(super) async fn edit_form(me: SignedIn, Path(id): Path<String>) -> Result<Response, PageError> {
    let row = find(&me, &id).await?;
    let asked = Asked::of(&me, &row);
    form(&me, Some(row), asked, None).await
}

async fn find(me: &SignedIn, id: &str) -> Result<Schedule, ActionError> {
    let unknown = || ActionError::from(Refusal::not_found("schedule_unknown"));
    let id: ScheduleId = id.parse().map_err(|_| unknown())?;
    me.app
        .db
        .read(move |tx| Ok::<_, ActionError>(schedules::by_id(tx, &id)?))
        .await?
        .ok_or_else(unknown)
}

async fn form(
    me: &SignedIn,
    row: Option<Schedule>,
    asked: Asked,
    refusal: Option<&Refusal>,
) -> Result<Response, PageError> {
    let sent = match &row {
        Some(row) => {
            let no = row.no;
            me.app
                .db
                .read(move |tx| {
                    Ok::<_, ActionError>(occurrences::list_of_schedule(tx, no, SENT_SHOWN)?)
                })
                .await?
        }
        None => Vec::new(),
    };
    let title = row.as_ref().map_or_else(
        || me.t.get("console.schedules.new").to_owned(),
        |row| row.name.clone(),
    );
    let lanes = group_lanes(me, &asked.lane);
    let TimesToCome {
        times,
        sentence,
        error,
        ..
    } = TimesToCome::of(me, &asked.rule, &asked.time_zone);
    let page = FormPage {
        f: Frame::load(me, "schedules", title).await?,
        t: me.t,
        is_paused: row
            .as_ref()
            .is_some_and(|row| row.state == ScheduleState::Paused),
        skips: row.as_ref().is_some_and(|row| row.skip_next),
        id: row.map(|row| row.id.to_string()),
        lanes,
        times,
        sentence,
        error,
        wrong: refusal.map(|refusal| (refusal.field.unwrap_or_default(), refusal.sentence(me.t))),
        zone: me.app.time_zone.as_str().to_owned(),
        sent: sent
            .iter()
            .map(|occurrence| sent_line(me, occurrence))
            .collect(),
        asked,
    };
    let response = render(me, &page);
    Ok(match refusal {
        Some(refusal) => with_status(status_of(refusal.kind), response),
        None => response,
    })
}

fn group_lanes(me: &SignedIn, chosen: &[String]) -> Vec<LaneChoice> {
    let channels = me.app.channels();
    channels
        .lanes()
        .filter(|channel| !channel.limits().personal)
        .map(|channel| LaneChoice {
            value: channel.lane().to_owned(),
            name: words::lane(me.t, channel.lane()),
            chosen: chosen.iter().any(|lane| lane == channel.lane()),
        })
        .collect()
}

fn sent_line(me: &SignedIn, occurrence: &Occurrence) -> Past {
    let was_sent = occurrence.outcome == OccurrenceOutcome::Fired;
    let what = if was_sent {
        me.t.with("console.schedules.sent_to", "n", occurrence.recipients)
    } else {
        me.t.of_value("console.outcome", occurrence.outcome.as_str())
    };
    Past {
        when: me.teller().ago(occurrence.planned_at),
        what,
        was_sent,
    }
}

pub(super) async fn create(me: SignedIn, Form(asked): Form<Asked>) -> Result<Response, PageError> {
    match change_schedule::create(&me.app, me.actor(), &asked.input()).await {
        Ok(id) => me.back(
            &format!("/console/schedules/{id}"),
            Ok(Flash::ok(me.t.get("console.schedules.created"))),
        ),
        Err(ActionError::Refused(refusal)) => form(&me, None, asked, Some(&refusal)).await,
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn update(
    me: SignedIn,
    Path(id): Path<String>,
    Form(asked): Form<Asked>,
) -> Result<Response, PageError> {
    let row = find(&me, &id).await?;
    match change_schedule::update(&me.app, me.actor(), row.id, &asked.input()).await {
        Ok(()) => me.back(
            &format!("/console/schedules/{id}"),
            Ok(Flash::ok(me.t.get("console.saved"))),
        ),
        Err(ActionError::Refused(refusal)) => form(&me, Some(row), asked, Some(&refusal)).await,
        Err(error) => Err(error.into()),
    }
}

/// The times to come of a rule, while it is being typed.
pub(super) async fn preview(me: SignedIn, Form(asked): Form<Asked>) -> Response {
    pages::page(me.t, &TimesToCome::of(&me, &asked.rule, &asked.time_zone))
}

pub(super) async fn act(
    me: SignedIn,
    Path((id, act)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let schedule_id = find(&me, &id).await?.id;
    let (app, actor) = (&me.app, me.actor());
    let page = format!("/console/schedules/{id}");
    let (outcome, key, path) = match act.as_str() {
        "pause" => (
            change_schedule::set_paused(app, actor, schedule_id, true).await,
            "console.schedules.paused",
            page.as_str(),
        ),
        "resume" => (
            change_schedule::set_paused(app, actor, schedule_id, false).await,
            "console.schedules.resumed",
            page.as_str(),
        ),
        "skip" => (
            change_schedule::skip_next(app, actor, schedule_id, true).await,
            "console.schedules.skipping",
            page.as_str(),
        ),
        "unskip" => (
            change_schedule::skip_next(app, actor, schedule_id, false).await,
            "console.schedules.not_skipping",
            page.as_str(),
        ),
        "run" => (
            change_schedule::run_now(app, actor, schedule_id).await,
            "console.schedules.ran",
            page.as_str(),
        ),
        "delete" => (
            change_schedule::delete(app, actor, schedule_id).await,
            "console.schedules.deleted",
            "/console/schedules",
        ),
        _ => return Err(Refusal::not_found("page_unknown").into()),
    };
    me.back(path, outcome.map(|()| Flash::ok(me.t.get(key))))
}
