//! What the lanes of one app have in common.

use std::time::Duration;

use crate::app::DingTalkApp;
use crate::channel::{ChannelKind, Limits};
use crate::codes;
use crate::outcome::{ReadReport, Why};

const HOUR: Duration = Duration::from_hours(1);

/// When to ask who has read, where the platform tells for a day.
pub(crate) const WITHIN_A_DAY: &[Duration] =
    &[HOUR, Duration::from_hours(8), Duration::from_hours(23)];

/// The same where it goes on telling.
pub(crate) const WITHIN_A_WEEK: &[Duration] = &[
    HOUR,
    Duration::from_hours(8),
    Duration::from_hours(23),
    Duration::from_hours(3 * 24),
    Duration::from_hours(7 * 24),
];

/// A personal lane of `app`; each sets what differs.
pub(crate) fn of(kind: ChannelKind, app: &DingTalkApp) -> Limits {
    Limits {
        pace: app.lane_pace(),
        hold_after_throttle: Duration::from_mins(1),
        in_flight: 2,
        unrecorded: 2,
        coalesce_above: None,
        max_bytes: 15_000,
        personal: true,
        idempotent: false,
        people_per_call: 1,
        address: kind.address(),
        follows_up: false,
        read_checks: &[],
        needs_members: false,
    }
}

/// Asked later than the platform tells.
pub(crate) fn reads_over() -> ReadReport {
    ReadReport::Over {
        why: Why::new(codes::DINGTALK_READS_OVER, ""),
    }
}

/// Nothing is left of the month for what can be done without.
pub(crate) fn no_budget() -> ReadReport {
    ReadReport::Later {
        after: HOUR,
        why: Why::new(codes::DINGTALK_QUOTA_USED_UP, ""),
    }
}
