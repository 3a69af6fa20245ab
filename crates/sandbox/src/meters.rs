//! The organisation's two monthly budgets: paid API calls, and Webhook & Stream messages.
//!
//! Spent by `gate` for calls, by `webhook` and `push` for messages; a month is a calendar month in Beijing.
//! Past the budget the platform goes on for a grace period (缓冲保护期, at most five days from the moment the budget
//! was used up) and then refuses. Source: `how-to-process-api-throttling-on-the-dingtalk-server`.
//! Invariant: what was spent is journaled before the answer, so a restart does not give a month back.

use crate::journal::Entry;
use crate::world::World;

/// Metered use of one month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Meter {
    /// 付费 API calls.
    pub calls: u32,
    /// Webhook & Stream messages.
    pub webhooks: u32,
    /// When the calls of the month were first used up; the grace period starts there.
    pub exhausted_ms: Option<i64>,
    /// The same for Webhook & Stream messages.
    pub webhooks_exhausted_ms: Option<i64>,
}

/// Whether a message may still be pushed with its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PushBudget {
    /// Counted; goes out as it is.
    Within,
    /// The month and its grace period are used up. A Stream frame or callback goes out without its content and with
    /// `errorCode`/`errCode` [`OVER_QUOTA_CODE`]; a webhook as `rules.webhook_past_quota` says.
    UsedUp,
}

/// What a push carries in place of its content when the month is used up.
pub(crate) const OVER_QUOTA_CODE: &str = "20001";
pub(crate) const OVER_QUOTA_TEXT: &str = "受调用量超量影响，当前我的消息服务已经暂停";

/// Counts a metered call; false when the month and its grace period are used up.
pub(crate) fn spend_call(world: &mut World, now_ms: i64) -> bool {
    let month = month_of(now_ms);
    let mut meter = world.meter(&month);
    let (limit, grace_ms) = (
        world.rules.limits.calls_per_month,
        world.rules.limits.month_grace_ms,
    );
    if limit.is_some_and(|limit| meter.calls >= limit)
        && now_ms - *meter.exhausted_ms.get_or_insert(now_ms) >= grace_ms
    {
        return false;
    }
    meter.calls += 1;
    world.put_meter(month, meter);
    true
}

/// Counts a webhook message, a received bot message, a metered event or a card callback.
pub(crate) fn spend_push(world: &mut World, now_ms: i64) -> PushBudget {
    let month = month_of(now_ms);
    let mut meter = world.meter(&month);
    let (limit, grace_ms) = (
        world.rules.limits.webhooks_per_month,
        world.rules.limits.month_grace_ms,
    );
    if limit.is_some_and(|limit| meter.webhooks >= limit)
        && now_ms - *meter.webhooks_exhausted_ms.get_or_insert(now_ms) >= grace_ms
    {
        return PushBudget::UsedUp;
    }
    meter.webhooks += 1;
    world.put_meter(month, meter);
    PushBudget::Within
}

/// The calendar month in Beijing, `2026-11`: quotas start anew with it.
pub(crate) fn month_of(now_ms: i64) -> String {
    beijing(now_ms, "%Y-%m")
}

/// The day in Beijing, `2026-11-22`: daily limits start anew with it.
pub(crate) fn day_of(now_ms: i64) -> String {
    beijing(now_ms, "%Y-%m-%d")
}

/// A moment as people in Beijing write it.
pub(crate) fn beijing(now_ms: i64, format: &str) -> String {
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(8));
    jiff::Timestamp::from_millisecond(now_ms).map_or_else(
        |_| "0000-00-00".to_owned(),
        |at| at.to_zoned(zone).strftime(format).to_string(),
    )
}

impl World {
    pub(crate) fn meter(&self, month: &str) -> Meter {
        self.meters.get(month).copied().unwrap_or_default()
    }

    pub(crate) fn put_meter(&mut self, month: String, meter: Meter) {
        let Meter {
            calls,
            webhooks,
            exhausted_ms,
            webhooks_exhausted_ms,
        } = meter;
        self.record(Entry::Metered {
            month,
            calls,
            webhooks,
            exhausted_ms,
            webhooks_exhausted_ms,
        });
    }
}
