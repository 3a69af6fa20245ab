//! When something happens again and again: a plain rule or cron, a time zone, and what to do about holidays.
//!
//! Standing messages own a `Schedule`; a reminder plan holds a `ScheduleRule` and takes the zone from its notice.
//! Defaults: workday rules follow the work calendar (make-up workdays count, holidays do not); weekly rules skip
//! statutory and company holidays; monthly rules move to the next workday, because a month has only one chance;
//! daily rules and cron run whatever day it is. Any of it can be said otherwise: `Fridays 17:00 (previous workday)`.
//! Invariant: occurrences strictly increase; a wall-clock time that a day skips happens at the end of the gap, one that
//! a day shows twice happens the first time.
//! Weakness: as good as the calendar; in a year without data a workday is Monday to Friday.

mod cron;
mod parse;
mod show;

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Time, Weekday};

use crate::time::{TimeZoneName, UnixMillis};
use crate::words::words;
use crate::work_calendar::WorkCalendar;

pub use cron::CronRule;
pub use parse::ScheduleError;
pub(crate) use parse::{chinese_number, split_time};

/// A rule in a time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    pub rule: ScheduleRule,
    pub zone: TimeZoneName,
}

/// A rule that still needs a time zone. `FromStr` reads the plain forms of both languages and cron, `Display` is English.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleRule {
    pub when: When,
    pub on_holiday: OnHoliday,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// Once on each of these days.
    Days { days: Days, at: Time },
    /// Five fields: minute, hour, day of month, month, day of week.
    Cron(CronRule),
}

/// Which days a plain rule names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Days {
    Every,
    /// As the work calendar says, make-up workdays included.
    Workdays,
    /// Monday first, no day twice, never empty.
    Weekly(Vec<Weekday>),
    /// 1 to 31; in a shorter month its last day.
    DayOfMonth(i8),
    LastDayOfMonth,
    FirstWorkdayOfMonth,
    LastWorkdayOfMonth,
}

words! {
    /// What a rule does on a day off.
    "holiday option" OnHoliday {
        /// Happen all the same.
        Run = "run",
        /// Not happen on a holiday; a plain weekend is no holiday.
        Skip = "skip",
        /// Happen on the workday before, when the day is a holiday or a weekend.
        PreviousWorkday = "previous_workday",
        /// Happen on the workday after, when the day is a holiday or a weekend.
        NextWorkday = "next_workday",
    }
}

/// One time at which a schedule happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occurrence {
    pub at: UnixMillis,
    /// What the rule wanted the local clock to show; a gap makes the real time later.
    pub local: DateTime,
    /// The day it was moved from because nobody works then.
    pub moved_from: Option<Date>,
}

/// Search this far for a day that fits; a rule that finds none in over five years does not happen any more.
const SEARCHED_DAYS: i32 = 2000;

impl Schedule {
    /// Reads a rule in a time zone.
    pub fn parse(rule: &str, zone: TimeZoneName) -> Result<Self, ScheduleError> {
        let rule = rule.parse()?;
        Ok(Self { rule, zone })
    }

    /// The first occurrence after `after`; `None` when there is none any more.
    pub fn next_after(&self, after: UnixMillis, calendar: &WorkCalendar) -> Option<Occurrence> {
        self.rule.next_after(after, &self.zone, calendar)
    }

    /// The occurrences after `after`, without end.
    pub fn after<'a>(
        &'a self,
        after: UnixMillis,
        calendar: &'a WorkCalendar,
    ) -> impl Iterator<Item = Occurrence> + 'a {
        self.rule.after(after, &self.zone, calendar)
    }

    /// The next `count` occurrences after `after`, for a preview.
    pub fn next_n(
        &self,
        after: UnixMillis,
        count: usize,
        calendar: &WorkCalendar,
    ) -> Vec<Occurrence> {
        self.after(after, calendar).take(count).collect()
    }

    /// The occurrences after `after` up to and including `until`.
    pub fn between(
        &self,
        after: UnixMillis,
        until: UnixMillis,
        calendar: &WorkCalendar,
    ) -> Vec<Occurrence> {
        self.after(after, calendar)
            .take_while(|occurrence| occurrence.at <= until)
            .collect()
    }
}

impl ScheduleRule {
    pub fn next_after(
        &self,
        after: UnixMillis,
        zone: &TimeZoneName,
        calendar: &WorkCalendar,
    ) -> Option<Occurrence> {
        let mut local = after.in_zone(zone.zone()).datetime();
        loop {
            let (next, moved_from) = self.next_local(local, calendar)?;
            let at = UnixMillis::of_local(next, zone.zone())?;
            // In the second pass of a repeated hour, the rule's times have happened already.
            if at > after {
                return Some(Occurrence {
                    at,
                    local: next,
                    moved_from,
                });
            }
            local = next;
        }
    }

    pub fn after<'a>(
        &'a self,
        after: UnixMillis,
        zone: &'a TimeZoneName,
        calendar: &'a WorkCalendar,
    ) -> impl Iterator<Item = Occurrence> + 'a {
        let first = self.next_after(after, zone, calendar);
        std::iter::successors(first, move |last| self.next_after(last.at, zone, calendar))
    }

    /// The first local time after `local`, and the day it was moved from.
    fn next_local(
        &self,
        local: DateTime,
        calendar: &WorkCalendar,
    ) -> Option<(DateTime, Option<Date>)> {
        match &self.when {
            When::Days { days, at } => self.next_day(days, *at, local, calendar),
            When::Cron(cron) => self
                .next_cron(cron, local, calendar)
                .map(|next| (next, None)),
        }
    }

    fn next_day(
        &self,
        days: &Days,
        at: Time,
        local: DateTime,
        calendar: &WorkCalendar,
    ) -> Option<(DateTime, Option<Date>)> {
        // A day before the last workday was moved to that workday at the latest; later ones may have been moved to today.
        let start = calendar
            .previous_workday(local.date())
            .unwrap_or(local.date());
        (0..SEARCHED_DAYS).find_map(|offset| {
            let named = start.checked_add(offset.days()).ok()?;
            if !days.name(named, calendar) {
                return None;
            }
            let day = self.on_holiday.moved(named, calendar)?;
            let moved_from = (day != named && !days.name(day, calendar)).then_some(named);
            let next = day.to_datetime(at);
            (next > local).then_some((next, moved_from))
        })
    }

    fn next_cron(
        &self,
        cron: &CronRule,
        local: DateTime,
        calendar: &WorkCalendar,
    ) -> Option<DateTime> {
        let mut from = local;
        for _ in 0..SEARCHED_DAYS {
            let next = cron.next_after(from)?;
            if self.on_holiday.moved(next.date(), calendar).is_some() {
                return Some(next);
            }
            from = next.date().at(23, 59, 59, 0);
        }
        None
    }
}

impl Days {
    /// The rule names this day, before holidays are considered.
    fn name(&self, day: Date, calendar: &WorkCalendar) -> bool {
        match self {
            Self::Every => true,
            Self::Workdays => calendar.is_workday(day),
            Self::Weekly(weekdays) => weekdays.contains(&day.weekday()),
            Self::DayOfMonth(wanted) => day.day() == (*wanted).min(day.days_in_month()),
            Self::LastDayOfMonth => day.day() == day.days_in_month(),
            Self::FirstWorkdayOfMonth => {
                calendar.workday_on_or_after(day.first_of_month()) == Some(day)
            }
            Self::LastWorkdayOfMonth => {
                calendar.workday_on_or_before(day.last_of_month()) == Some(day)
            }
        }
    }

    /// The rule follows the work calendar by itself, so an option for holidays would contradict it.
    const fn follows_calendar(&self) -> bool {
        matches!(
            self,
            Self::Workdays | Self::FirstWorkdayOfMonth | Self::LastWorkdayOfMonth
        )
    }
}

impl When {
    /// What such a rule does on a holiday when nothing is said.
    pub const fn default_on_holiday(&self) -> OnHoliday {
        match self {
            Self::Cron(_)
            | Self::Days {
                days:
                    Days::Every | Days::Workdays | Days::FirstWorkdayOfMonth | Days::LastWorkdayOfMonth,
                ..
            } => OnHoliday::Run,
            Self::Days {
                days: Days::Weekly(_),
                ..
            } => OnHoliday::Skip,
            Self::Days {
                days: Days::DayOfMonth(_) | Days::LastDayOfMonth,
                ..
            } => OnHoliday::NextWorkday,
        }
    }
}

impl OnHoliday {
    /// The day on which the rule happens instead of `day`; `None`: not at all.
    fn moved(self, day: Date, calendar: &WorkCalendar) -> Option<Date> {
        match self {
            Self::Run => Some(day),
            Self::Skip => (!calendar.day(day).is_holiday()).then_some(day),
            Self::PreviousWorkday => calendar.workday_on_or_before(day),
            Self::NextWorkday => calendar.workday_on_or_after(day),
        }
    }
}
