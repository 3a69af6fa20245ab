//! How much of the organisation's monthly DingTalk quotas is left, and what that allows.
//!
//! Asked by the dry run, the workers that may wait, and the console. Invariant: what must go out is never dropped for
//! want of budget; only asking who has read, and the dearer of two ways, are given up. Weakness: it knows this
//! installation's calls; the organisation's other apps share the quotas.

use jiff::{Timestamp, tz::TimeZone};
use yuezhi_domain::UnixMillis;
use yuezhi_store::{
    StoreError, Tx,
    meters::{self, MeterKind, Metered},
};

use crate::{actions::ActionError, app::App, config::DingTalkConfig};

/// This month's use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// `2026-11`, in Asia/Shanghai, where the platform's months begin.
    pub month: String,
    pub api: Share,
    pub push: Share,
    /// The most called first.
    pub by_interface: Vec<Metered>,
}

/// Used of a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    pub used: u64,
    pub quota: u64,
}

/// How far a quota is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Fine,
    /// Less than a fifth is left: administrators are warned, nobody is asked who has read.
    Low,
    /// Less than a twentieth is left: the cheapest way is taken.
    Scarce,
    /// Nothing is left: the platform allows at most five days more.
    Out,
}

impl Level {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Low => "low",
            Self::Scarce => "scarce",
            Self::Out => "out",
        }
    }
}

impl Share {
    pub const fn left(self) -> u64 {
        self.quota.saturating_sub(self.used)
    }

    pub const fn level(self) -> Level {
        let left = self.left();
        if left == 0 {
            Level::Out
        } else if left.saturating_mul(20) < self.quota {
            Level::Scarce
        } else if left.saturating_mul(5) < self.quota {
            Level::Low
        } else {
            Level::Fine
        }
    }

    /// The level after so many more.
    pub const fn after(self, more: u64) -> Level {
        Self {
            used: self.used.saturating_add(more),
            quota: self.quota,
        }
        .level()
    }

    /// 0–100, rounded down.
    pub const fn percent(self) -> u64 {
        if self.quota == 0 {
            return 100;
        }
        let percent = self.used.saturating_mul(100) / self.quota;
        if percent > 100 { 100 } else { percent }
    }
}

impl Budget {
    /// The worse of the two.
    pub fn level(&self) -> Level {
        self.api.level().max(self.push.level())
    }
}

/// What a share comes to at the month's end if it goes on as it went until now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forecast {
    pub used: u64,
    /// When nothing is left, if that is before the month ends.
    pub out_at: Option<UnixMillis>,
}

/// `None` within the month's first day, when one publication would be taken for a habit, and where nothing was used.
pub fn forecast(share: Share, now: UnixMillis) -> Option<Forecast> {
    const DAY: u64 = 24 * 3_600_000;
    let zone = TimeZone::get("Asia/Shanghai").unwrap_or(TimeZone::UTC);
    let today = now.in_zone(&zone).date();
    let at = |date: jiff::civil::Date| UnixMillis::of_local(date.at(0, 0, 0, 0), &zone);
    let begin = at(today.first_of_month())?;
    let end = at(today.last_of_month().tomorrow().ok()?)?;
    let passed = u64::try_from(now.0 - begin.0).ok()?;
    let whole = u64::try_from(end.0 - begin.0).ok()?;
    if passed < DAY || share.used == 0 {
        return None;
    }
    let scaled = |of: u64, by: u64, over: u64| {
        u64::try_from(u128::from(of) * u128::from(by) / u128::from(over)).unwrap_or(u64::MAX)
    };
    let used = scaled(share.used, whole, passed);
    let after = scaled(passed, share.quota, share.used);
    let out_at = (used > share.quota && share.left() > 0)
        .then(|| UnixMillis(begin.0.saturating_add_unsigned(after)));
    Some(Forecast { used, out_at })
}

/// The month that an instant belongs to, as the platform counts.
pub fn month_of(now: UnixMillis) -> String {
    let zone = TimeZone::get("Asia/Shanghai").unwrap_or(TimeZone::UTC);
    Timestamp::from_millisecond(now.0)
        .unwrap_or(Timestamp::UNIX_EPOCH)
        .to_zoned(zone)
        .strftime("%Y-%m")
        .to_string()
}

/// Reads this month's use of an installation.
pub async fn of(app: &App) -> Result<Budget, ActionError> {
    let (config, now) = (app.config.dingtalk.clone(), app.now());
    app.db
        .read(move |tx| Ok::<_, ActionError>(read(tx, &config, now)?))
        .await
}

/// Reads this month's use.
pub fn read(
    tx: &mut Tx<'_>,
    config: &DingTalkConfig,
    now: UnixMillis,
) -> Result<Budget, StoreError> {
    let month = month_of(now);
    let by_interface = meters::of_month(tx, &month)?;
    let used = |kind| {
        let calls = by_interface
            .iter()
            .filter(|one| one.kind == kind)
            .map(|one| one.calls);
        calls.sum::<i64>().max(0).unsigned_abs()
    };
    let (api_quota, push_quota) = config.monthly_quota();
    Ok(Budget {
        api: Share {
            used: used(MeterKind::Api),
            quota: api_quota,
        },
        push: Share {
            used: used(MeterKind::Push),
            quota: push_quota,
        },
        month,
        by_interface,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_begins_at_midnight_in_shanghai() {
        // 2026-11-30 15:59:59 and 16:00:00 UTC.
        assert_eq!(month_of(UnixMillis(1_796_054_399_000)), "2026-11");
        assert_eq!(month_of(UnixMillis(1_796_054_400_000)), "2026-12");
    }

    #[test]
    fn a_forecast_goes_on_as_it_went_and_says_when_nothing_is_left() {
        let share = |used| Share { used, quota: 5_000 };
        // 2026-11-11 00:00 in Shanghai: a third of the month is over.
        let now = UnixMillis(1_794_326_400_000);
        let fine = forecast(share(1_000), now).unwrap();
        assert_eq!((fine.used, fine.out_at), (3_000, None));
        let out = forecast(share(2_500), now).unwrap();
        assert_eq!(out.used, 7_500);
        // 2026-11-21 00:00.
        assert_eq!(out.out_at, Some(UnixMillis(1_795_190_400_000)));
        assert_eq!(forecast(share(0), now), None);
        assert_eq!(
            forecast(share(9), UnixMillis(1_793_467_200_000)),
            None,
            "the first morning says nothing"
        );
    }

    #[test]
    fn a_share_warns_before_it_is_used_up() {
        let level = |used| Share { used, quota: 5_000 }.level();
        assert_eq!(level(0), Level::Fine);
        assert_eq!(level(4_000), Level::Fine);
        assert_eq!(level(4_001), Level::Low);
        assert_eq!(level(4_751), Level::Scarce);
        assert_eq!(level(5_000), Level::Out);
        assert_eq!(level(9_000), Level::Out);
    }
}
