//! Due dates as people write them, and the instant they mean.
//!
//! Publishing and dry run resolve a `DueRule` once; the notice stores the instant.
//! Invariant: a resolved due date lies after the time of issue.
//! `7d` are calendar days and may end on a day off (the answer says so); `5wd` count workdays only, the day of issue
//! not included. Both end with the working day, at 18:00 local time.
//! Weakness: workdays of a year without calendar data are Monday to Friday (the answer says that too).

use std::fmt;
use std::str::FromStr;

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Time, time};
use thiserror::Error;

use crate::language::{half_width, parse_clock};
use crate::schedule::chinese_number;
use crate::time::{TimeZoneName, UnixMillis};
use crate::words::serde_as_text;
use crate::work_calendar::{DayKind, WorkCalendar};

/// The local time at which a due day ends when none is given.
pub const END_OF_WORKING_DAY: Time = time(18, 0, 0, 0);

/// A due date before it is applied. `FromStr` reads both languages, `Display` is the short form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DueRule {
    /// `none`, 无.
    None,
    /// `7d`, 7天: calendar days after the day of issue.
    Days(u16),
    /// `5wd`, 5个工作日: workdays after the day of issue.
    Workdays(u16),
    /// `2026-12-31`: until the end of that working day.
    Date(Date),
    /// `2026-12-31 12:00`, local time.
    DateTime(DateTime),
}

/// A text that is no due date.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "\"{0}\" is no due date; write 7d (days), 5wd (workdays), 2026-12-31, 2026-12-31 18:00 or none"
)]
pub struct NotADueDate(pub String);

/// Why a due date cannot be used for this notice.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DueError {
    #[error("the due date {0} is already past; choose a later one")]
    Past(DateTime),
    #[error("the due date lies outside the calendar; choose a nearer one")]
    OutOfRange,
}

/// The instant, and what a publisher should know about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueDate {
    pub at: UnixMillis,
    pub local: DateTime,
    /// The day is off: its holiday's name, or an empty name for a weekend.
    pub day_off: Option<DayOff>,
    /// Workdays were counted in this year, whose holidays are not known.
    pub uncertain_year: Option<i16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DayOff {
    Weekend,
    Holiday { name: String },
}

impl DueRule {
    /// When a notice issued at `issued_at` is due; `Ok(None)` for a notice without a due date.
    pub fn resolve(
        self,
        issued_at: UnixMillis,
        zone: &TimeZoneName,
        calendar: &WorkCalendar,
    ) -> Result<Option<DueDate>, DueError> {
        let issued_on = issued_at.in_zone(zone.zone()).date();
        let local = match self {
            Self::None => return Ok(None),
            Self::Days(days) => end_of(issued_on.checked_add(i32::from(days).days()).ok()),
            Self::Workdays(days) => end_of(calendar.add_workdays(issued_on, i32::from(days))),
            Self::Date(date) => end_of(Some(date)),
            Self::DateTime(local) => Some(local),
        }
        .ok_or(DueError::OutOfRange)?;
        let at = UnixMillis::of_local(local, zone.zone()).ok_or(DueError::OutOfRange)?;
        if at <= issued_at {
            return Err(DueError::Past(local));
        }
        let counted = matches!(self, Self::Workdays(_));
        let uncertain_year =
            (issued_on.year()..=local.year()).find(|year| counted && !calendar.covers(*year));
        Ok(Some(DueDate {
            at,
            local,
            day_off: day_off(local.date(), calendar),
            uncertain_year,
        }))
    }
}

fn end_of(day: Option<Date>) -> Option<DateTime> {
    day.map(|day| day.to_datetime(END_OF_WORKING_DAY))
}

fn day_off(day: Date, calendar: &WorkCalendar) -> Option<DayOff> {
    match calendar.day(day) {
        DayKind::Workday | DayKind::MakeUpWorkday { .. } => None,
        DayKind::Weekend => Some(DayOff::Weekend),
        DayKind::Holiday { name } => Some(DayOff::Holiday {
            name: name.to_owned(),
        }),
    }
}

impl FromStr for DueRule {
    type Err = NotADueDate;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = half_width(text).trim().to_lowercase();
        if matches!(plain.as_str(), "none" | "无" | "不限" | "没有") {
            return Ok(Self::None);
        }
        count(&plain)
            .or_else(|| day_and_time(&plain))
            .ok_or_else(|| NotADueDate(text.to_owned()))
    }
}

/// `7d`, `7 days`, `7天`, `5wd`, `5 workdays`, `5个工作日`, `五个工作日`.
fn count(text: &str) -> Option<DueRule> {
    const WORKDAYS: [&str; 7] = [
        "wd",
        "workdays",
        "workday",
        "working days",
        "working day",
        "个工作日",
        "工作日",
    ];
    const DAYS: [&str; 6] = ["d", "days", "day", "天", "日", "个自然日"];
    let number = |units: &[&str]| {
        let digits = units.iter().find_map(|unit| text.strip_suffix(unit))?;
        let count = chinese_number(digits.trim())?;
        u16::try_from(count).ok().filter(|count| *count > 0)
    };
    match number(&WORKDAYS) {
        Some(days) => Some(DueRule::Workdays(days)),
        None => number(&DAYS).map(DueRule::Days),
    }
}

/// `2026-12-31`, `2026/12/31`, `2026年12月31日`, each with a time or without.
fn day_and_time(text: &str) -> Option<DueRule> {
    let plain = text
        .replace(['年', '月', '/'], "-")
        .replace(['日', 't'], " ");
    let mut parts = plain.split_whitespace();
    let mut numbers = parts.next()?.split('-');
    let mut number = || numbers.next()?.parse::<i16>().ok();
    let (year, month, day) = (number()?, number()?, number()?);
    let short = |number: i16| i8::try_from(number).ok();
    let date = Date::new(year, short(month)?, short(day)?).ok()?;
    let rule = match parts.next() {
        None => DueRule::Date(date),
        Some(clock) => DueRule::DateTime(date.to_datetime(parse_clock(clock)?)),
    };
    (numbers.next().is_none() && parts.next().is_none() && year >= 2000).then_some(rule)
}

impl fmt::Display for DueRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Days(days) => write!(f, "{days}d"),
            Self::Workdays(days) => write!(f, "{days}wd"),
            Self::Date(date) => write!(f, "{date}"),
            Self::DateTime(local) => write!(
                f,
                "{} {:02}:{:02}",
                local.date(),
                local.hour(),
                local.minute()
            ),
        }
    }
}

serde_as_text!(DueRule);
