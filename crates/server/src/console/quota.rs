//! How much of the month's DingTalk quotas is used, where it went, and what the system does as it runs low.
//!
//! Shows what [`crate::budget`] reads; the overview takes its warning from here. Invariant: nothing is asked of the
//! platform, so looking costs nothing. Weakness: it knows this installation's calls only, and says so.

use askama::Template;
use axum::response::Response;
use yuezhi_store::meters::MeterKind;

use super::{
    frame::{Frame, render},
    session::{PageError, SignedIn},
    ui::{Markup, Share as Part, grouped},
};
use crate::{
    budget::{self, Budget, Level, Share},
    texts::Texts,
};

/// One of the two quotas.
struct Quota {
    name: String,
    what: String,
    used: String,
    left: String,
    of: String,
    bar: Markup,
    percent: u64,
    kind: &'static str,
    level: String,
    forecast: Option<String>,
    out_at: Option<String>,
}

struct Line {
    name: String,
    kind: String,
    share: Markup,
}

struct Step {
    word: String,
    text: String,
    is_now: bool,
}

#[derive(Template)]
#[template(path = "console/quota.html")]
struct Page {
    f: Frame,
    t: Texts,
    lead: String,
    quotas: [Quota; 2],
    lines: Vec<Line>,
    steps: Vec<Step>,
    edition: String,
    has_app: bool,
}

pub(super) async fn show(me: SignedIn) -> Result<Response, PageError> {
    let budget = budget::of(&me.app).await?;
    let level = budget.level();
    let edition = edition(&me);
    let page = Page {
        f: Frame::load(&me, "quota", me.t.get("setup.quota.title")).await?,
        t: me.t,
        lead: me.t.with2(
            "setup.quota.lead",
            "month",
            &budget.month,
            "edition",
            &edition,
        ),
        quotas: [
            quota(&me, "api", budget.api),
            quota(&me, "push", budget.push),
        ],
        lines: lines(&me, &budget),
        steps: [Level::Fine, Level::Low, Level::Scarce, Level::Out]
            .into_iter()
            .map(|of| Step {
                word: me
                    .t
                    .of_value("setup.quota", &format!("level_{}", of.as_str())),
                text: me
                    .t
                    .of_value("setup.quota", &format!("then_{}", of.as_str())),
                is_now: of == level,
            })
            .collect(),
        edition,
        has_app: me.app.config.dingtalk.has_app(),
    };
    Ok(render(&me, &page))
}

fn edition(me: &SignedIn) -> String {
    let config = &me.app.config.dingtalk;
    let own = config.api_calls_per_month.is_some() || config.push_messages_per_month.is_some();
    if own {
        me.t.get("setup.quota.edition_own").to_owned()
    } else {
        me.t.of_value("setup.quota", &format!("edition_{}", config.edition))
    }
}

/// The colour of a level: empty, `warn` or `bad`.
const fn colour(level: Level) -> &'static str {
    match level {
        Level::Fine => "",
        Level::Low => "warn",
        Level::Scarce | Level::Out => "bad",
    }
}

fn quota(me: &SignedIn, name: &str, share: Share) -> Quota {
    let forecast = budget::forecast(share, me.now);
    let level = share.level();
    Quota {
        name: me.t.of_value("setup.quota", name),
        what: me.t.of_value("setup.quota", &format!("{name}_what")),
        used: number(share.used),
        left: number(share.left()),
        of: number(share.quota),
        bar: Part::new(signed(share.used), signed(share.quota)).bar(colour(level)),
        percent: share.percent(),
        kind: if level == Level::Fine {
            "ok"
        } else {
            colour(level)
        },
        level: me
            .t
            .of_value("setup.quota", &format!("level_{}", level.as_str())),
        forecast: forecast.map(|forecast| number(forecast.used)),
        out_at: forecast.and_then(|forecast| forecast.out_at).map(|at| {
            let day = me.teller().day(at.in_zone(me.app.time_zone.zone()).date());
            me.t.with("setup.quota.out_at", "at", day)
        }),
    }
}

fn lines(me: &SignedIn, budget: &Budget) -> Vec<Line> {
    let of = |kind| match kind {
        MeterKind::Api => ("setup.quota.api", budget.api),
        MeterKind::Push => ("setup.quota.push", budget.push),
    };
    budget
        .by_interface
        .iter()
        .map(|one| {
            let (kind, share) = of(one.kind);
            Line {
                name: me.t.of_value("setup.quota.interface", &one.interface),
                kind: me.t.get(kind).to_owned(),
                share: Part::new(one.calls, signed(share.used)).line("read"),
            }
        })
        .collect()
}

/// The worse of the two quotas in one sentence, unless both are fine: its colour and the words.
pub(super) fn warning(t: Texts, budget: &Budget) -> Option<(&'static str, String)> {
    let level = budget.level();
    if level == Level::Fine {
        return None;
    }
    let (name, share) = if budget.api.level() == level {
        ("setup.quota.api", budget.api)
    } else {
        ("setup.quota.push", budget.push)
    };
    let key = format!("setup.quota.banner_{}", level.as_str());
    let words = t.with2(&key, "kind", t.get(name), "left", number(share.left()));
    Some((colour(level), words))
}

fn number(n: u64) -> String {
    grouped(signed(n))
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
