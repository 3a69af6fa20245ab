//! Cron in five fields, searched on the local clock; daylight saving is the schedule's business.
//!
//! Invariant: a value exists only for an expression that fires at least once.

use std::fmt;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::{DateTime, date};

use super::ScheduleError;

/// A checked cron expression: minute, hour, day of month, month, day of week; `L`, `W`, `#` and names as in croner.
/// When day of month and day of week are both given, either is enough (as in Vixie cron).
#[derive(Clone)]
pub struct CronRule {
    text: String,
    cron: Box<Cron>,
}

impl CronRule {
    pub fn parse(text: &str) -> Result<Self, ScheduleError> {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let cron = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build()
            .parse(&text)
            .map_err(|error| ScheduleError::Cron {
                text: text.clone(),
                detail: error.to_string(),
            })?;
        let rule = Self {
            text,
            cron: Box::new(cron),
        };
        // Any date can recur only within a leap cycle, so this start stands for every other.
        if rule.next_after(date(2000, 1, 1).at(0, 0, 0, 0)).is_none() {
            return Err(ScheduleError::NeverFires(rule.text));
        }
        Ok(rule)
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn next_after(&self, local: DateTime) -> Option<DateTime> {
        self.cron.find_next_occurrence(&local, false).ok()
    }

    /// croner's English description.
    pub(super) fn describe(&self) -> String {
        self.cron.describe()
    }
}

impl PartialEq for CronRule {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for CronRule {}

impl fmt::Debug for CronRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CronRule({})", self.text)
    }
}
