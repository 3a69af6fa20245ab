//! Tells the platform what has been settled elsewhere: the to-do is done, the card shows 已确认.
//!
//! Confirmations of one message that came close together go in one call. Invariant: a follow-up ends as done or
//! failed; one that the platform could not take now waits, without holding up others. Weakness: it is late by
//! [`GATHERS`], longer when the month's budget is low.

use std::{collections::BTreeMap, time::Duration};

use yuezhi_channels::{Outcome, SentMessage};
use yuezhi_domain::{RetryPolicy, UnixMillis};
use yuezhi_store::{
    followups::{self, Followup, FollowupKind},
    people,
};

use super::Next;
use crate::{
    actions::ActionError,
    app::App,
    budget::{self, Level},
    messages,
};

/// A confirmation waits so long for others of the same message.
pub const GATHERS: Duration = Duration::from_secs(5);
/// The same when the budget is low.
const GATHERS_LONG: Duration = Duration::from_mins(10);
/// Looked at in one tick.
const AT_ONCE: usize = 2_000;
/// A channel that cannot be used now is asked again after this.
const STOPPED: Duration = Duration::from_mins(10);

/// Works what is due.
pub async fn tick(app: &App) -> Result<Next, ActionError> {
    let now = app.now();
    let config = app.config.dingtalk.clone();
    let (due, level, next) = app
        .db
        .read(move |tx| {
            Ok::<_, ActionError>((
                followups::due(tx, now, AT_ONCE)?,
                budget::read(tx, &config, now)?.api.level(),
                followups::next_due_at(tx)?,
            ))
        })
        .await?;
    if due.is_empty() {
        return Ok(next.map_or(Next::Idle, Next::At));
    }
    let more = due.len() == AT_ONCE;
    let mut groups: BTreeMap<(String, String, &'static str), Vec<Followup>> = BTreeMap::new();
    for one in due {
        let key = (one.lane.clone(), one.platform_id.clone(), one.kind.as_str());
        groups.entry(key).or_default().push(one);
    }
    for ((lane, ..), group) in groups {
        if level >= Level::Low && is_young(&group, now) {
            let again = now.plus(GATHERS_LONG);
            record(
                app,
                &group,
                Told::Later(again, "dingtalk_budget_low", String::new(), false),
            )
            .await?;
            continue;
        }
        let told = tell(app, &lane, &group, now).await?;
        record(app, &group, told).await?;
    }
    Ok(if more { Next::Now } else { Next::Idle })
}

/// Waits for its first time.
fn is_young(group: &[Followup], now: UnixMillis) -> bool {
    group
        .iter()
        .all(|one| one.attempts == 0 && now.since(one.due_at) < GATHERS_LONG)
        && group.len() < 50
}

/// What came of telling a group.
enum Told {
    Done,
    Later(UnixMillis, &'static str, String, bool),
    Failed(&'static str, String),
}

async fn tell(
    app: &App,
    lane: &str,
    group: &[Followup],
    now: UnixMillis,
) -> Result<Told, ActionError> {
    let Some(channel) = app.channels().get(lane).cloned() else {
        return Ok(Told::Failed("channel_missing", String::new()));
    };
    let Some(first) = group.first() else {
        return Ok(Told::Done);
    };
    let nos: Vec<i64> = group.iter().map(|one| one.person_no).collect();
    let people = app
        .db
        .read(move |tx| Ok::<_, ActionError>(people::by_nos(tx, &nos)?))
        .await?;
    let sent = SentMessage {
        platform_id: first.platform_id.clone(),
        recipients: people.iter().map(messages::recipient).collect(),
        language: app.language,
        sent_at: first.due_at,
    };
    let outcome = match first.kind {
        FollowupKind::Settle => channel.settle(&sent, now).await,
        FollowupKind::Withdraw => channel.withdraw(&sent, now).await,
    };
    let attempts = group.iter().map(|one| one.attempts).max().unwrap_or(0);
    Ok(match outcome {
        Outcome::Sent { .. } => Told::Done,
        Outcome::Retry { after, why, .. } => {
            let tried = u32::try_from(attempts)
                .unwrap_or(u32::MAX)
                .saturating_add(1);
            match RetryPolicy::default().next(tried, Duration::ZERO, after, app.jitter()) {
                Some(wait) => Told::Later(now.plus(wait), why.code, why.detail, true),
                None => Told::Failed(why.code, why.detail),
            }
        }
        Outcome::Hold { lane_for, why } => {
            Told::Later(now.plus(lane_for), why.code, why.detail, false)
        }
        Outcome::Misconfigured { why } => {
            Told::Later(now.plus(STOPPED), why.code, why.detail, false)
        }
        Outcome::Reject { why } => Told::Failed(why.code, why.detail),
    })
}

async fn record(app: &App, group: &[Followup], told: Told) -> Result<(), ActionError> {
    let nos: Vec<i64> = group.iter().map(|one| one.no).collect();
    if let Told::Failed(code, _) = &told {
        tracing::warn!(
            lane = %group.first().map_or("", |one| one.lane.as_str()),
            people = nos.len(),
            code,
            "the platform was not told what has been settled"
        );
    }
    app.db
        .write(move |tx| {
            match &told {
                Told::Done => followups::record_done(tx, &nos)?,
                Told::Later(at, code, detail, counts) => {
                    followups::record_retry(tx, &nos, *at, code, detail, *counts)?
                }
                Told::Failed(code, detail) => followups::record_failed(tx, &nos, code, detail)?,
            };
            Ok(())
        })
        .await
}
