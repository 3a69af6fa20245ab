//! Where every message went: waiting, sent, failed, without an address; each failure with what to do about it.

use askama::Template;
use axum::{extract::Path, response::Response};
use axum_extra::extract::{Form, Query};
use serde::Deserialize;
use yuezhi_channels::Rung;
use yuezhi_domain::{DeliveryState, NoticeId, UnixMillis};
use yuezhi_store::{
    deliveries::{self, Delivery, DeliveryFilter, DeliveryRow},
    lanes, notices,
};

use super::{
    frame::{Frame, render},
    session::{Flash, PageError, SignedIn, local_path},
    ui::{Choice, Markup, address, grouped},
    words::{self, Reason, Tag},
};
use crate::{
    actions::{ActionError, retry_delivery},
    texts::Texts,
};

const PAGE: usize = 50;

struct Line {
    no: i64,
    state: Tag,
    to: String,
    lane: String,
    what: String,
    reason: Option<Reason>,
    when: Markup,
    attempts: u32,
    may_retry: bool,
}

/// A lane that sends nothing until somebody acts or time passes.
struct Shut {
    name: String,
    value: String,
    is_stopped: bool,
    reason: Reason,
    until: Option<Markup>,
}

struct Tab {
    href: String,
    word: String,
    count: Option<String>,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "console/deliveries.html")]
struct Page {
    f: Frame,
    t: Texts,
    tabs: Vec<Tab>,
    lanes: Vec<Choice>,
    notice: Option<(String, String)>,
    state: String,
    shut: Vec<Shut>,
    lines: Vec<Line>,
    next: Option<String>,
    first: Option<String>,
    here: String,
    retry_lanes: Vec<(String, String, String)>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Asked {
    state: String,
    lane: String,
    notice: String,
    after: i64,
}

pub(super) async fn list(me: SignedIn, Query(asked): Query<Asked>) -> Result<Response, PageError> {
    let state: Option<DeliveryState> = asked.state.parse().ok();
    let notice_id: Option<NoticeId> = asked.notice.parse().ok();
    let (lane, after) = (asked.lane.clone(), asked.after);
    let (rows, counts, lane_rows, notice) = me
        .app
        .db
        .read(move |tx| {
            let notice = notice_id
                .map(|id| notices::by_id(tx, &id))
                .transpose()?
                .flatten();
            let filter = DeliveryFilter {
                lane: (!lane.is_empty()).then_some(lane.clone()),
                state,
                notice_no: notice.as_ref().map(|n| n.no),
                person_no: None,
            };
            let rows = deliveries::list(tx, &filter, after, PAGE + 1)?;
            Ok::<_, ActionError>((
                rows,
                deliveries::counts_by_lane_state(tx)?,
                lanes::list(tx)?,
                notice,
            ))
        })
        .await?;
    let query = |state: &str, after: &str| {
        address(
            "/console/deliveries",
            &[
                ("state", state),
                ("lane", &asked.lane),
                ("notice", &asked.notice),
                ("after", after),
            ],
        )
    };
    let count = |state: DeliveryState| {
        counts
            .iter()
            .filter(|c| c.state == state)
            .map(|c| c.count)
            .sum::<i64>()
    };
    let next = (rows.len() > PAGE)
        .then(|| {
            rows.get(PAGE - 1)
                .map(|row| query(&asked.state, &row.delivery.no.to_string()))
        })
        .flatten();
    let page = Page {
        f: Frame::load(&me, "deliveries", me.t.get("console.nav.deliveries")).await?,
        t: me.t,
        tabs: tabs(&me, state, &query, &count),
        lanes: lane_choices(&me, &lane_rows, &asked.lane),
        notice: notice.map(|n| (format!("/console/notices/{}", n.id), n.title)),
        state: asked.state.clone(),
        shut: lane_rows
            .iter()
            .filter(|lane| !lane.is_open(me.now))
            .map(|lane| shut(&me, lane))
            .collect(),
        lines: rows.iter().take(PAGE).map(|row| line(&me, row)).collect(),
        next,
        first: (after > 0).then(|| query(&asked.state, "")),
        here: query(&asked.state, ""),
        retry_lanes: counts
            .iter()
            .filter(|c| c.state == DeliveryState::Failed && c.count > 0)
            .map(|c| (c.lane.clone(), words::lane(me.t, &c.lane), grouped(c.count)))
            .collect(),
    };
    Ok(render(&me, &page))
}

fn tabs(
    me: &SignedIn,
    current: Option<DeliveryState>,
    query: &dyn Fn(&str, &str) -> String,
    count: &dyn Fn(DeliveryState) -> i64,
) -> Vec<Tab> {
    let counted = [
        DeliveryState::Failed,
        DeliveryState::Undeliverable,
        DeliveryState::Due,
        DeliveryState::Sending,
    ];
    let all = Tab {
        href: query("", ""),
        word: me.t.get("console.all").to_owned(),
        count: None,
        chosen: current.is_none(),
    };
    let states = counted
        .into_iter()
        .chain([DeliveryState::Sent, DeliveryState::Cancelled]);
    std::iter::once(all)
        .chain(states.map(|state| Tab {
            href: query(state.as_str(), ""),
            word: me.t.of_value("console.delivery_state", state.as_str()),
            count: counted.contains(&state).then(|| grouped(count(state))),
            chosen: current == Some(state),
        }))
        .collect()
}

fn lane_choices(me: &SignedIn, lane_rows: &[lanes::Lane], current: &str) -> Vec<Choice> {
    std::iter::once(Choice::new("", me.t.get("console.all_channels"), current))
        .chain(
            lane_rows
                .iter()
                .map(|lane| Choice::new(lane.name.clone(), words::lane(me.t, &lane.name), current)),
        )
        .collect()
}

fn shut(me: &SignedIn, lane: &lanes::Lane) -> Shut {
    Shut {
        name: words::lane(me.t, &lane.name),
        value: lane.name.clone(),
        is_stopped: lane.stopped_at.is_some(),
        reason: words::reason(
            me.t,
            lane.reason_code.as_deref().unwrap_or_default(),
            lane.reason_detail.as_deref(),
        ),
        until: lane.held_until.map(|until| me.teller().at(until)),
    }
}

fn line(me: &SignedIn, row: &DeliveryRow) -> Line {
    let delivery = &row.delivery;
    let at: UnixMillis = delivery.sent_at.unwrap_or(delivery.due_at);
    let kind =
        me.t.of_value("console.delivery_kind", delivery.kind.as_str());
    Line {
        no: delivery.no,
        state: words::delivery_state(me.t, delivery.state),
        to: row
            .person_name
            .clone()
            .unwrap_or_else(|| words::lane(me.t, &delivery.lane)),
        lane: lane_words(me.t, delivery),
        what: row
            .notice_title
            .as_ref()
            .map_or_else(|| kind.clone(), |title| format!("{title} · {kind}")),
        reason: delivery
            .error_code
            .as_deref()
            .filter(|_| delivery.state != DeliveryState::Sent)
            .map(|code| words::reason(me.t, code, delivery.error_detail.as_deref())),
        when: if at > me.now {
            me.teller().at(at)
        } else {
            me.teller().ago(at)
        },
        attempts: delivery.attempts,
        may_retry: matches!(
            delivery.state,
            DeliveryState::Failed | DeliveryState::Undeliverable
        ),
    }
}

/// The kind of channel; for a group announcement also the way that was open to it.
fn lane_words(t: Texts, delivery: &Delivery) -> String {
    let kind = words::lane_kind(t, &delivery.lane);
    let rung = delivery
        .platform_id
        .as_deref()
        .filter(|_| delivery.lane.starts_with("group_announcement:"))
        .and_then(Rung::of_platform_id);
    match rung {
        Some((rung, _)) => format!("{kind} · {}", t.of_value("setup.rung", rung.as_str())),
        None => kind,
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Back {
    back: String,
    lane: String,
}

/// The page an act came from; only a list of deliveries is meant.
fn return_path(back: &str) -> &str {
    if back.starts_with("/console/") {
        local_path(back)
    } else {
        "/console/deliveries"
    }
}

pub(super) async fn retry(
    me: SignedIn,
    Path(no): Path<i64>,
    Form(asked): Form<Back>,
) -> Result<Response, PageError> {
    let outcome = retry_delivery::retry(&me.app, me.actor(), no).await;
    let told = outcome.map(|()| Flash::ok(me.t.get("console.deliveries.retried")));
    me.back(return_path(&asked.back), told)
}

pub(super) async fn retry_lane(
    me: SignedIn,
    Form(asked): Form<Back>,
) -> Result<Response, PageError> {
    let outcome = retry_delivery::retry_lane(&me.app, me.actor(), &asked.lane).await;
    let told = outcome.map(|n| Flash::ok(me.t.with("console.deliveries.retried_n", "n", n)));
    me.back(return_path(&asked.back), told)
}

pub(super) async fn resume_lane(
    me: SignedIn,
    Form(asked): Form<Back>,
) -> Result<Response, PageError> {
    let outcome = retry_delivery::resume_lane(&me.app, me.actor(), &asked.lane).await;
    let told = outcome.map(|()| {
        Flash::ok(me.t.with(
            "console.deliveries.resumed",
            "lane",
            words::lane(me.t, &asked.lane),
        ))
    });
    me.back(return_path(&asked.back), told)
}
