//! Writes down the metered calls of the DingTalk app and tells it what is left of the month.
//!
//! The client counts; this worker drains the count into `meters` every few seconds and at stop. The first time in a
//! month that a quota reaches a level (low, scarce, out) an administrator finds it in the audit trail and in the log.
//! Weakness: what was counted and not yet drained is lost in a crash.

use yuezhi_channels::{BudgetLeft, MeteredKind};
use yuezhi_domain::UnixMillis;
use yuezhi_store::{
    StoreError, Tx, audit,
    meters::{self, MeterKind, Metered},
    settings,
};

use super::Next;
use crate::{
    actions::{ActionError, Actor},
    app::App,
    budget::{self, Budget, Level, Share},
};

/// Which levels were told of: `2026-11 api low`, one setting a kind.
const TOLD_SETTING: &str = "quota_told";

/// Drains the count.
pub async fn tick(app: &App) -> Result<Next, ActionError> {
    let channels = app.channels();
    let calls = channels.meter().take();
    if calls.is_empty() {
        // Other nodes count too, and a new month begins without a call.
        if channels.app().is_some() {
            hand_over(app, &budget::of(app).await?);
        }
        return Ok(Next::Idle);
    }
    let (now, config) = (app.now(), app.config.dingtalk.clone());
    let metered: Vec<Metered> = calls
        .iter()
        .map(|calls| Metered {
            kind: match calls.kind {
                MeteredKind::Api => MeterKind::Api,
                MeteredKind::Push => MeterKind::Push,
            },
            interface: calls.interface.to_owned(),
            calls: i64::try_from(calls.calls).unwrap_or(i64::MAX),
        })
        .collect();
    let budget = app
        .db
        .write(move |tx| {
            let month = budget::month_of(now);
            for one in &metered {
                meters::add(tx, &month, one)?;
            }
            let budget = budget::read(tx, &config, now)?;
            tell(tx, &budget, now)?;
            Ok::<_, ActionError>(budget)
        })
        .await?;
    hand_over(app, &budget);
    Ok(Next::Idle)
}

fn hand_over(app: &App, budget: &Budget) {
    if let Some(dingtalk) = app.channels().app() {
        dingtalk.set_budget(BudgetLeft {
            api: budget.api.left(),
            push: budget.push.left(),
        });
    }
}

/// Says once a month and level that a quota runs low.
fn tell(tx: &mut Tx<'_>, budget: &Budget, now: UnixMillis) -> Result<(), StoreError> {
    for (kind, share) in [("api", budget.api), ("push", budget.push)] {
        let level = share.level();
        if level == Level::Fine {
            continue;
        }
        let key = format!("{TOLD_SETTING}_{kind}");
        let told = settings::get(tx, &key)?.unwrap_or_default();
        if told_level(&told, &budget.month) >= level {
            continue;
        }
        settings::put(tx, &key, &format!("{} {}", budget.month, level.as_str()))?;
        record(tx, kind, share, &budget.month, now)?;
    }
    Ok(())
}

/// `2026-11 low`: of this month, or none.
fn told_level(told: &str, month: &str) -> Level {
    match told.split_once(' ') {
        Some((of, level)) if of == month => [Level::Low, Level::Scarce, Level::Out]
            .into_iter()
            .find(|known| known.as_str() == level)
            .unwrap_or(Level::Fine),
        _ => Level::Fine,
    }
}

fn record(
    tx: &mut Tx<'_>,
    kind: &str,
    share: Share,
    month: &str,
    now: UnixMillis,
) -> Result<(), StoreError> {
    let level = share.level().as_str();
    tracing::warn!(
        kind,
        level,
        used = share.used,
        quota = share.quota,
        "the month's DingTalk quota runs low"
    );
    let detail = serde_json::json!({ "level": level, "used": share.used, "quota": share.quota });
    let actor = Actor::System.to_string();
    audit::append(
        tx,
        now,
        &actor,
        "quota.reached",
        &format!("quota:{kind}:{month}"),
        &detail.to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_told_once_a_month() {
        assert_eq!(told_level("2026-11 low", "2026-11"), Level::Low);
        assert_eq!(told_level("2026-11 out", "2026-12"), Level::Fine);
        assert_eq!(told_level("", "2026-12"), Level::Fine);
    }
}
