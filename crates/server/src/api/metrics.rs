//! `/metrics`: numbers for Prometheus, read from the database and from this node's counters.
//!
//! Invariant: no label holds a name or an address of a person, and the number of lines does not grow with people or
//! notices. Weakness: whoever reaches the port reads it; keep it from the public by the reverse proxy.

use std::fmt::Write as _;

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use yuezhi_domain::{NoticeState, UnixMillis};
use yuezhi_store::{
    COMMIT_BUCKETS_MICROS, Stats,
    deliveries::{self, LaneCount},
    lanes::{self, Lane},
    notices::{self, NoticeFilter},
    progress,
};

use crate::{
    actions::ActionError,
    app::App,
    budget::{self, Budget},
};

/// What the database says.
struct Counted {
    deliveries: Vec<LaneCount>,
    lanes: Vec<Lane>,
    next_due_at: Option<UnixMillis>,
    open_notices: i64,
    pending: i64,
    acknowledged: i64,
    budget: Budget,
}

/// Open notices beyond this are not added up.
const MOST_NOTICES: usize = 10_000;

pub async fn metrics(State(app): State<App>) -> Response {
    match counted(&app).await {
        Ok(counted) => {
            let text = text(&counted, &app.db.stats(), app.now());
            (
                [(
                    header::CONTENT_TYPE,
                    "text/plain; version=0.0.4; charset=utf-8",
                )],
                text,
            )
                .into_response()
        }
        Err(error) => {
            tracing::error!(%error, "the metrics could not be read");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

async fn counted(app: &App) -> Result<Counted, ActionError> {
    let (dingtalk, now) = (app.config.dingtalk.clone(), app.now());
    app.db
        .read(move |tx| {
            let mut nos = Vec::new();
            for state in [NoticeState::Expanding, NoticeState::Open] {
                let filter = NoticeFilter {
                    state: Some(state),
                    ..NoticeFilter::default()
                };
                nos.extend(
                    notices::list(tx, &filter, 0, MOST_NOTICES)?
                        .into_iter()
                        .map(|row| row.notice.no),
                );
            }
            let totals = progress::totals_of(tx, &nos)?;
            Ok(Counted {
                deliveries: deliveries::counts_by_lane_state(tx)?,
                lanes: lanes::list(tx)?,
                next_due_at: deliveries::next_due_at(tx)?,
                open_notices: nos.len() as i64,
                pending: totals.values().map(|t| t.pending).sum(),
                acknowledged: totals.values().map(|t| t.acknowledged).sum(),
                budget: budget::read(tx, &dingtalk, now)?,
            })
        })
        .await
}

struct Text(String);

impl Text {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.0, "{line}").expect("writing to a String cannot fail");
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
        self.head(name, kind, help);
        self.line(format_args!("{name} {value}"));
    }
}

fn text(counted: &Counted, stats: &Stats, now: UnixMillis) -> String {
    let mut out = Text(String::with_capacity(4096));
    out.head(
        "yuezhi_deliveries",
        "gauge",
        "Deliveries by channel and state.",
    );
    for count in &counted.deliveries {
        let channel = label(&count.lane);
        out.line(format_args!(
            "yuezhi_deliveries{{channel=\"{channel}\",state=\"{}\"}} {}",
            count.state, count.count
        ));
    }
    out.head(
        "yuezhi_channel_open",
        "gauge",
        "1 while a channel takes messages, 0 while it is held or stopped.",
    );
    for lane in &counted.lanes {
        let is_open = i32::from(lane.is_open(now));
        out.line(format_args!(
            "yuezhi_channel_open{{channel=\"{}\"}} {is_open}",
            label(&lane.name)
        ));
    }
    let late = counted
        .next_due_at
        .map_or(0.0, |due| now.since(due).as_secs_f64());
    out.one(
        "yuezhi_oldest_due_delivery_seconds",
        "gauge",
        "How long the oldest due delivery has been waiting.",
        late,
    );
    out.one(
        "yuezhi_open_notices",
        "gauge",
        "Notices that are open.",
        counted.open_notices,
    );
    out.head(
        "yuezhi_obligations",
        "gauge",
        "Obligations of open notices by state.",
    );
    out.line(format_args!(
        "yuezhi_obligations{{state=\"pending\"}} {}",
        counted.pending
    ));
    out.line(format_args!(
        "yuezhi_obligations{{state=\"acknowledged\"}} {}",
        counted.acknowledged
    ));
    of_quotas(&mut out, &counted.budget);
    of_database(&mut out, stats);
    out.0
}

/// The month's quotas begin anew, so these are gauges.
fn of_quotas(out: &mut Text, budget: &Budget) {
    let shares = [("api", budget.api), ("push", budget.push)];
    out.head(
        "yuezhi_dingtalk_quota",
        "gauge",
        "Calls that the month holds, by kind.",
    );
    for (kind, share) in shares {
        out.line(format_args!(
            "yuezhi_dingtalk_quota{{kind=\"{kind}\"}} {}",
            share.quota
        ));
    }
    out.head(
        "yuezhi_dingtalk_calls",
        "gauge",
        "Metered calls of this month, by kind and interface.",
    );
    for one in &budget.by_interface {
        out.line(format_args!(
            "yuezhi_dingtalk_calls{{kind=\"{}\",interface=\"{}\"}} {}",
            one.kind.as_str(),
            label(&one.interface),
            one.calls
        ));
    }
}

fn of_database(out: &mut Text, stats: &Stats) {
    out.head(
        "yuezhi_db_waiting",
        "gauge",
        "Transactions waiting for their turn on this node.",
    );
    out.line(format_args!(
        "yuezhi_db_waiting{{kind=\"write\"}} {}",
        stats.writes_waiting
    ));
    out.line(format_args!(
        "yuezhi_db_waiting{{kind=\"read\"}} {}",
        stats.reads_waiting
    ));
    out.one(
        "yuezhi_db_writes_total",
        "counter",
        "Write transactions committed.",
        stats.writes,
    );
    out.one(
        "yuezhi_db_write_errors_total",
        "counter",
        "Write transactions rolled back.",
        stats.write_errors,
    );
    out.one(
        "yuezhi_db_reads_total",
        "counter",
        "Read transactions.",
        stats.reads,
    );
    out.one(
        "yuezhi_db_reruns_total",
        "counter",
        "Transactions run again after a collision.",
        stats.reruns,
    );
    out.one(
        "yuezhi_db_reconnects_total",
        "counter",
        "Connections made anew.",
        stats.reconnects,
    );
    out.one(
        "yuezhi_db_panics_total",
        "counter",
        "Transactions that panicked.",
        stats.panics,
    );
    out.one(
        "yuezhi_db_largest_batch",
        "gauge",
        "Most write transactions that shared one commit.",
        stats.largest_batch,
    );
    out.head(
        "yuezhi_db_commit_seconds",
        "histogram",
        "Duration of durable commits.",
    );
    let mut sum = 0;
    for (end, count) in COMMIT_BUCKETS_MICROS.iter().zip(stats.commit_buckets) {
        sum += count;
        out.line(format_args!(
            "yuezhi_db_commit_seconds_bucket{{le=\"{}\"}} {sum}",
            *end as f64 / 1e6
        ));
    }
    out.line(format_args!(
        "yuezhi_db_commit_seconds_bucket{{le=\"+Inf\"}} {}",
        stats.commits
    ));
    out.line(format_args!(
        "yuezhi_db_commit_seconds_sum {}",
        stats.commit_micros as f64 / 1e6
    ));
    out.line(format_args!(
        "yuezhi_db_commit_seconds_count {}",
        stats.commits
    ));
}

/// A label's value as the format wants it.
fn label(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_comment_or_a_sample_and_every_sample_has_a_type() {
        let counted = Counted {
            deliveries: vec![LaneCount {
                lane: "robot:\"x\"".to_owned(),
                state: yuezhi_domain::DeliveryState::Due,
                count: 3,
            }],
            lanes: Vec::new(),
            next_due_at: None,
            open_notices: 1,
            pending: 2,
            acknowledged: 3,
            budget: Budget {
                month: "2026-11".to_owned(),
                api: budget::Share {
                    used: 7,
                    quota: 5_000,
                },
                push: budget::Share {
                    used: 0,
                    quota: 3_000,
                },
                by_interface: vec![yuezhi_store::meters::Metered {
                    kind: yuezhi_store::meters::MeterKind::Api,
                    interface: "notice_send".to_owned(),
                    calls: 7,
                }],
            },
        };
        let text = text(&counted, &Stats::default(), UnixMillis(0));
        assert!(text.contains("yuezhi_deliveries{channel=\"robot:\\\"x\\\"\",state=\"due\"} 3"));
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let name = line.split(['{', ' ']).next().unwrap();
            let base = name
                .trim_end_matches("_bucket")
                .trim_end_matches("_sum")
                .trim_end_matches("_count");
            assert!(
                text.contains(&format!("# TYPE {name} "))
                    || text.contains(&format!("# TYPE {base} ")),
                "{line}"
            );
            assert!(
                line.rsplit(' ').next().unwrap().parse::<f64>().is_ok(),
                "{line}"
            );
        }
    }
}
