//! Which days are worked: statutory holidays and make-up workdays of China (法定节假日与调休) and a company's own days.
//!
//! Schedules, due dates and reminders ask it; `yuezhi calendar import` adds a year, `doctor` shows the warnings.
//! The dates come from the State Council's yearly notice; each year's file under `data/holidays` names it.
//! Invariant: a company's own day overrides an official day, which overrides Monday to Friday; of two official files
//! the later year's wins (the notice for 2019 also moved days of December 2018).
//! Weakness: a year without data counts Monday to Friday; `warnings` says so, loudly, from November of the year before.

mod file;
mod ics;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::LazyLock;

use jiff::civil::{Date, Weekday};

use crate::words::words;

pub use file::{CalendarDay, CalendarFile, CalendarFileError, CalendarYear};

/// What a day is for work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DayKind<'a> {
    Workday,
    /// Saturday or Sunday without a special rule.
    Weekend,
    /// Off by a statutory or company rule, also when it falls on a weekend.
    Holiday {
        name: &'a str,
    },
    /// Worked although it is a weekend (调休上班), by a statutory or company rule.
    MakeUpWorkday {
        name: &'a str,
    },
}

impl DayKind<'_> {
    pub const fn is_workday(self) -> bool {
        matches!(self, Self::Workday | Self::MakeUpWorkday { .. })
    }

    pub const fn is_holiday(self) -> bool {
        matches!(self, Self::Holiday { .. })
    }
}

words! {
    /// Who said that a day is special.
    "calendar origin" CalendarOrigin {
        /// The State Council's notice.
        Official = "official",
        Company = "company",
    }
}

/// Something that an administrator should know about the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalendarWarning {
    /// No statutory data for this running year: only Monday to Friday are counted.
    YearMissing { year: i16 },
    /// The coming year is not known yet; usually published in November.
    NextYearMissing { year: i16 },
}

impl CalendarWarning {
    pub const fn year(self) -> i16 {
        match self {
            Self::YearMissing { year } | Self::NextYearMissing { year } => year,
        }
    }
}

impl fmt::Display for CalendarWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::YearMissing { year } => write!(
                f,
                "the statutory holidays of {year} are not known: every Monday to Friday of {year} counts as a workday. Run `yuezhi calendar import {year}.json`"
            ),
            Self::NextYearMissing { year } => write!(
                f,
                "the statutory holidays of {year} are not known yet; the State Council publishes them in about November. Until `yuezhi calendar import {year}.json`, Monday to Friday of {year} count as workdays"
            ),
        }
    }
}

const EMBEDDED: [&str; 9] = [
    include_str!("../data/holidays/2018.json"),
    include_str!("../data/holidays/2019.json"),
    include_str!("../data/holidays/2020.json"),
    include_str!("../data/holidays/2021.json"),
    include_str!("../data/holidays/2022.json"),
    include_str!("../data/holidays/2023.json"),
    include_str!("../data/holidays/2024.json"),
    include_str!("../data/holidays/2025.json"),
    include_str!("../data/holidays/2026.json"),
];

static OFFICIAL: LazyLock<WorkCalendar> = LazyLock::new(|| {
    let mut calendar = WorkCalendar::plain();
    calendar.warns = true;
    for file in EMBEDDED {
        let year = file.parse().expect("a test reads every embedded year");
        calendar.add_official_year(year);
    }
    calendar
});

#[derive(Clone, Debug, PartialEq, Eq)]
struct SpecialDay {
    name: String,
    is_off_day: bool,
    /// The year of the file it came from.
    file: i16,
}

/// The work calendar of an installation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkCalendar {
    official: BTreeMap<Date, SpecialDay>,
    years: BTreeSet<i16>,
    company: BTreeMap<Date, SpecialDay>,
    /// Missing years are worth a warning (not so for a site outside China).
    warns: bool,
}

impl WorkCalendar {
    /// China's statutory calendar as far as this release knows it.
    pub fn official() -> Self {
        OFFICIAL.clone()
    }

    /// Monday to Friday and nothing else.
    pub fn plain() -> Self {
        Self::default()
    }

    /// Adds one official year, or replaces it.
    pub fn add_official_year(&mut self, year: CalendarYear) {
        self.official.retain(|_, day| day.file != year.year);
        self.years.insert(year.year);
        for CalendarDay {
            name,
            date,
            is_off_day,
        } in year.days
        {
            let known_later = self
                .official
                .get(&date)
                .is_some_and(|known| known.file > year.year);
            if !known_later {
                let file = year.year;
                self.official.insert(
                    date,
                    SpecialDay {
                        name,
                        is_off_day,
                        file,
                    },
                );
            }
        }
    }

    /// Adds what an imported file says.
    pub fn add(&mut self, file: CalendarFile) {
        match file {
            CalendarFile::Official(year) => self.add_official_year(year),
            CalendarFile::Company(days) => {
                for day in days {
                    self.set_company_day(day);
                }
            }
        }
    }

    /// Sets a company's own day: an extra holiday, or an extra workday.
    pub fn set_company_day(&mut self, day: CalendarDay) {
        let special = SpecialDay {
            name: day.name,
            is_off_day: day.is_off_day,
            file: 0,
        };
        self.company.insert(day.date, special);
    }

    pub fn day(&self, date: Date) -> DayKind<'_> {
        let weekend = matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday);
        match self.company.get(&date).or_else(|| self.official.get(&date)) {
            Some(SpecialDay {
                name,
                is_off_day: true,
                ..
            }) => DayKind::Holiday { name },
            Some(SpecialDay { name, .. }) if weekend => DayKind::MakeUpWorkday { name },
            None if weekend => DayKind::Weekend,
            Some(_) | None => DayKind::Workday,
        }
    }

    pub fn is_workday(&self, date: Date) -> bool {
        self.day(date).is_workday()
    }

    /// Statutory data for this year is known.
    pub fn covers(&self, year: i16) -> bool {
        self.years.contains(&year)
    }

    /// The special days of one year in order, for the console.
    pub fn days_of(&self, year: i16) -> Vec<(CalendarDay, CalendarOrigin)> {
        let mut days = BTreeMap::new();
        let official = self
            .official
            .iter()
            .map(|day| (day, CalendarOrigin::Official));
        let company = self
            .company
            .iter()
            .map(|day| (day, CalendarOrigin::Company));
        for ((date, day), origin) in official.chain(company) {
            if date.year() == year {
                let shown = CalendarDay {
                    name: day.name.clone(),
                    date: *date,
                    is_off_day: day.is_off_day,
                };
                days.insert(*date, (shown, origin));
            }
        }
        days.into_values().collect()
    }

    /// What is missing as seen from `today`: this year, and from November also the next.
    pub fn warnings(&self, today: Date) -> Vec<CalendarWarning> {
        let mut warnings = Vec::new();
        let year = today.year();
        if self.warns && !self.covers(year) {
            warnings.push(CalendarWarning::YearMissing { year });
        }
        if self.warns && today.month() >= 11 && !self.covers(year + 1) {
            warnings.push(CalendarWarning::NextYearMissing { year: year + 1 });
        }
        warnings
    }

    /// The `count`th workday after (negative: before) `date`; zero gives `date` itself. `None` beyond the year 9999, or
    /// when a year passes without any workday.
    pub fn add_workdays(&self, date: Date, count: i32) -> Option<Date> {
        let mut day = date;
        for _ in 0..count.unsigned_abs() {
            day = if count > 0 {
                self.next_workday(day)?
            } else {
                self.previous_workday(day)?
            };
        }
        Some(day)
    }

    /// The first workday after `date`.
    pub fn next_workday(&self, date: Date) -> Option<Date> {
        self.first_workday(date.tomorrow().ok()?, |day| day.tomorrow().ok())
    }

    /// The last workday before `date`.
    pub fn previous_workday(&self, date: Date) -> Option<Date> {
        self.first_workday(date.yesterday().ok()?, |day| day.yesterday().ok())
    }

    /// `date` if it is worked, else the next workday.
    pub fn workday_on_or_after(&self, date: Date) -> Option<Date> {
        self.first_workday(date, |day| day.tomorrow().ok())
    }

    /// `date` if it is worked, else the workday before it.
    pub fn workday_on_or_before(&self, date: Date) -> Option<Date> {
        self.first_workday(date, |day| day.yesterday().ok())
    }

    /// Workdays in `from..until`.
    pub fn workdays_between(&self, from: Date, until: Date) -> usize {
        std::iter::successors(Some(from), |day| day.tomorrow().ok())
            .take_while(|day| *day < until)
            .filter(|day| self.is_workday(*day))
            .count()
    }

    fn first_workday(&self, from: Date, step: impl Fn(&Date) -> Option<Date>) -> Option<Date> {
        std::iter::successors(Some(from), step)
            .take(366)
            .find(|day| self.is_workday(*day))
    }
}
