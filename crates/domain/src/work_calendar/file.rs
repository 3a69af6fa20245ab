//! Calendar files as they are imported: an official year, a company's own days, or an iCalendar file.
//!
//! Read by `yuezhi calendar import` and the console; the caller stores the days and rebuilds the `WorkCalendar`.
//! Invariant: a file that was read names every day once.

use std::collections::BTreeSet;
use std::str::FromStr;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::ics;

/// What an imported file is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CalendarFile {
    /// JSON with a `year`: the State Council's days of that year.
    Official(CalendarYear),
    /// JSON with `days` and no `year`, or iCalendar: a company's own days.
    Company(Vec<CalendarDay>),
}

#[derive(Deserialize)]
struct CompanyDays {
    days: Vec<CalendarDay>,
}

/// Reads and checks a file of any of the three kinds.
impl FromStr for CalendarFile {
    type Err = CalendarFileError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = plain(text);
        if text.starts_with("BEGIN:VCALENDAR") {
            return ics::read(text).map(Self::Company);
        }
        let shape = |error: serde_json::Error| CalendarFileError::Shape(error.to_string());
        let value: serde_json::Value = serde_json::from_str(text).map_err(shape)?;
        if value.get("year").is_some() {
            return text.parse().map(Self::Official);
        }
        let CompanyDays { days } = serde_json::from_value(value).map_err(shape)?;
        if days.is_empty() {
            return Err(CalendarFileError::NothingSaid);
        }
        refuse_twice(&days)?;
        Ok(Self::Company(days))
    }
}

/// Some editors put a byte order mark in front.
fn plain(text: &str) -> &str {
    text.trim_start_matches('\u{feff}').trim()
}

pub(super) fn refuse_twice(days: &[CalendarDay]) -> Result<(), CalendarFileError> {
    let mut seen = BTreeSet::new();
    match days.iter().find(|day| !seen.insert(day.date)) {
        Some(day) => Err(CalendarFileError::Twice(day.date)),
        None => Ok(()),
    }
}

/// One special day, in the shape of the public holiday files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalendarDay {
    pub name: String,
    pub date: Date,
    #[serde(rename = "isOffDay")]
    pub is_off_day: bool,
}

/// One year's file: `{"year": 2026, "papers": ["https://…"], "days": [{"name", "date", "isOffDay"}]}`.
/// A year's file may hold days of the neighbouring years.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalendarYear {
    pub year: i16,
    /// Where the dates were published.
    #[serde(default)]
    pub papers: Vec<String>,
    pub days: Vec<CalendarDay>,
}

/// Why a calendar file was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CalendarFileError {
    #[error(
        "this is no calendar file: {0}. Expected {{\"year\": 2027, \"days\": [{{\"name\": \"元旦\", \"date\": \"2027-01-01\", \"isOffDay\": true}}]}}"
    )]
    Shape(String),
    #[error("{date} does not belong into the file of {year}")]
    ForeignDay { year: i16, date: Date },
    #[error("{0} stands in the file twice")]
    Twice(Date),
    #[error("the file of {0} holds no day; a year always has holidays")]
    Empty(i16),
    #[error(
        "the file names no day off and no make-up workday: events must say 休, 假 or holiday, or 班 or workday"
    )]
    NothingSaid,
    #[error("the event \"{0}\" cannot be read; export all-day events without repetition")]
    Event(String),
}

impl CalendarYear {
    fn check(&self) -> Result<(), CalendarFileError> {
        if self.days.is_empty() {
            return Err(CalendarFileError::Empty(self.year));
        }
        for CalendarDay { date, .. } in &self.days {
            // A notice moves days around New Year, never further than the month next to the year.
            let near = date.year() == self.year
                || (date.year() == self.year - 1 && date.month() == 12)
                || (date.year() == self.year + 1 && date.month() == 1);
            if !near {
                return Err(CalendarFileError::ForeignDay {
                    year: self.year,
                    date: *date,
                });
            }
        }
        refuse_twice(&self.days)
    }
}

/// Reads and checks one year's file.
impl FromStr for CalendarYear {
    type Err = CalendarFileError;

    fn from_str(json: &str) -> Result<Self, Self::Err> {
        let year: Self = serde_json::from_str(plain(json))
            .map_err(|error| CalendarFileError::Shape(error.to_string()))?;
        year.check()?;
        Ok(year)
    }
}
