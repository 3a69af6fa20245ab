//! Instants as the database keeps them, and names of time zones.
//!
//! Every crate passes `UnixMillis`; only rules and views turn one into local time, with a `TimeZoneName`.
//! Invariant: arithmetic saturates, so no stored number can make a rule panic.
//! Weakness: milliseconds only; two events in one millisecond have no order here (ids keep one).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, Zoned};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::words::serde_as_text;

/// Milliseconds since 1970-01-01T00:00:00Z. In JSON and in the database: the number.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct UnixMillis(pub i64);

impl UnixMillis {
    pub const EPOCH: Self = Self(0);
    pub const MAX: Self = Self(i64::MAX);

    pub const fn get(self) -> i64 {
        self.0
    }

    /// Later by `span`; stops at the largest instant instead of overflowing.
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span_millis(span)))
    }

    /// Earlier by `span`; stops at the smallest instant instead of overflowing.
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(span_millis(span)))
    }

    /// How long after `earlier` this is; zero when it is not after it (a clock may step back).
    pub fn since(self, earlier: Self) -> Duration {
        let span = i128::from(self.0) - i128::from(earlier.0);
        Duration::from_millis(u64::try_from(span).unwrap_or(0))
    }

    /// The same instant for jiff; beyond jiff's years -9999..9999 it is the nearest end.
    pub fn to_timestamp(self) -> Timestamp {
        Timestamp::from_millisecond(self.0).unwrap_or(if self.0 < 0 {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        })
    }

    /// When a local clock first shows `local`. A time that occurs twice (clocks go back) is the first of the two; a time
    /// that a day leaves out (clocks go forward) is the first instant after the gap. `None` outside jiff's years.
    pub fn of_local(local: DateTime, zone: &TimeZone) -> Option<Self> {
        let ambiguous = zone.to_ambiguous_timestamp(local);
        let AmbiguousOffset::Gap { before, .. } = ambiguous.offset() else {
            return ambiguous.earlier().ok().map(Self::from);
        };
        // Counted with the offset from before the gap, the left-out time lies at or after the change.
        let counted_on = Self::from(before.to_timestamp(local).ok()?);
        let change = zone
            .preceding(Self(counted_on.0.saturating_add(1)).to_timestamp())
            .next();
        Some(change.map_or(counted_on, |change| Self::from(change.timestamp())))
    }

    pub fn in_zone(self, zone: &TimeZone) -> Zoned {
        self.to_timestamp().to_zoned(zone.clone())
    }
}

fn span_millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

impl From<Timestamp> for UnixMillis {
    fn from(timestamp: Timestamp) -> Self {
        Self(timestamp.as_millisecond())
    }
}

impl From<&Zoned> for UnixMillis {
    fn from(zoned: &Zoned) -> Self {
        Self(zoned.timestamp().as_millisecond())
    }
}

impl From<UnixMillis> for Timestamp {
    fn from(instant: UnixMillis) -> Self {
        instant.to_timestamp()
    }
}

/// RFC 3339 in UTC with milliseconds, for example `2026-11-22T10:00:00.000Z`.
impl fmt::Display for UnixMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.to_timestamp())
    }
}

/// A text that is no RFC 3339 instant.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("\"{0}\" is no instant like 2026-11-22T10:00:00Z")]
pub struct NotAnInstant(pub String);

impl FromStr for UnixMillis {
    type Err = NotAnInstant;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<Timestamp>()
            .map(Self::from)
            .map_err(|_| NotAnInstant(text.to_owned()))
    }
}

/// The name of a known IANA time zone, for example `Asia/Shanghai`.
///
/// Invariant: the name was found in the zone database (the system's, else the bundled one) when this value was made.
#[derive(Clone, PartialEq, Eq)]
pub struct TimeZoneName {
    name: String,
    zone: TimeZone,
}

/// A name that the zone database does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("\"{0}\" is no known time zone; use a name like Asia/Shanghai or Europe/Berlin")]
pub struct UnknownTimeZone(pub String);

impl TimeZoneName {
    pub fn as_str(&self) -> &str {
        &self.name
    }

    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }
}

/// `Asia/Shanghai`, the product's default.
impl Default for TimeZoneName {
    fn default() -> Self {
        "Asia/Shanghai"
            .parse()
            .expect("the bundled zone database holds Asia/Shanghai")
    }
}

impl FromStr for TimeZoneName {
    type Err = UnknownTimeZone;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let zone =
            TimeZone::get(name.trim()).map_err(|_| UnknownTimeZone(name.trim().to_owned()))?;
        // jiff spells a name as the database does, whatever the case of the input.
        let name = zone.iana_name().unwrap_or("UTC").to_owned();
        Ok(Self { name, zone })
    }
}

impl fmt::Display for TimeZoneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name)
    }
}

impl fmt::Debug for TimeZoneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TimeZoneName({})", self.name)
    }
}

serde_as_text!(TimeZoneName);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_instant_is_shown_as_rfc_3339_in_utc() {
        let instant = UnixMillis(1_795_341_600_000);
        assert_eq!(instant.to_string(), "2026-11-22T10:00:00.000Z");
        assert_eq!("2026-11-22T18:00:00+08:00".parse(), Ok(instant));
    }

    #[test]
    fn a_time_in_a_gap_is_the_end_of_the_gap_and_a_time_met_twice_is_the_first() {
        let shown = |local: &str, zone: &str| {
            let zone = TimeZone::get(zone).unwrap();
            UnixMillis::of_local(local.parse().unwrap(), &zone)
                .unwrap()
                .to_string()
        };
        let new_york = "America/New_York";
        assert_eq!(
            shown("2026-03-08T01:59", new_york),
            "2026-03-08T06:59:00.000Z"
        );
        assert_eq!(
            shown("2026-03-08T02:00", new_york),
            "2026-03-08T07:00:00.000Z"
        );
        assert_eq!(
            shown("2026-03-08T02:30", new_york),
            "2026-03-08T07:00:00.000Z"
        );
        assert_eq!(
            shown("2026-03-08T03:00", new_york),
            "2026-03-08T07:00:00.000Z"
        );
        assert_eq!(
            shown("2026-11-01T01:30", new_york),
            "2026-11-01T05:30:00.000Z"
        );
        let lord_howe = "Australia/Lord_Howe";
        assert_eq!(
            shown("2026-10-04T02:15", lord_howe),
            "2026-10-03T15:30:00.000Z"
        );
        assert_eq!(
            shown("2026-04-05T01:45", lord_howe),
            "2026-04-04T14:45:00.000Z"
        );
    }

    #[test]
    fn a_zone_name_is_known_or_refused() {
        let zone: TimeZoneName = "asia/shanghai".parse().unwrap();
        assert_eq!(zone.as_str(), "Asia/Shanghai");
        assert!("Asia/Atlantis".parse::<TimeZoneName>().is_err());
        let json = serde_json::to_string(&zone).unwrap();
        assert_eq!(json, "\"Asia/Shanghai\"");
        assert_eq!(serde_json::from_str::<TimeZoneName>(&json).unwrap(), zone);
    }

    proptest! {
        #[test]
        fn arithmetic_never_panics(at: i64, millis: u64) {
            let span = Duration::from_millis(millis);
            let instant = UnixMillis(at);
            prop_assert!(instant.plus(span) >= instant);
            prop_assert!(instant.minus(span) <= instant);
            let _ = instant.to_string();
            let _ = instant.since(UnixMillis(millis as i64));
        }

        #[test]
        fn an_instant_reads_back_what_it_shows(at in -62_135_596_800_000_i64..253_402_214_400_000) {
            prop_assert_eq!(UnixMillis(at).to_string().parse(), Ok(UnixMillis(at)));
        }
    }
}
