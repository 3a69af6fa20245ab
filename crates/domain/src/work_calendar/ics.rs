//! Days off and make-up workdays from an iCalendar file (RFC 5545), as calendar programs export them.
//!
//! Invariant: only events that say so count; a calendar full of observances (情人节) makes nobody's day off.
//! An event is a workday if it says 班 or workday (or Apple's `X-APPLE-SPECIAL-DAY:ALTERNATE-WORKDAY`), else a day off if
//! it says 休, 假, holiday or closed (or `WORK-HOLIDAY`), else it is left out.
//! Weakness: repeating events are refused, because a company's calendar names its days one by one.

use std::collections::BTreeMap;

use jiff::ToSpan;
use jiff::civil::Date;

use super::file::{CalendarDay, CalendarFileError};

/// No single event of a work calendar is longer.
const LONGEST_EVENT_DAYS: i32 = 60;

/// The days that the file's events name, in order. Two events that contradict each other are an error.
pub(super) fn read(text: &str) -> Result<Vec<CalendarDay>, CalendarFileError> {
    let mut days: BTreeMap<Date, CalendarDay> = BTreeMap::new();
    let mut event: Option<Event> = None;
    for line in unfolded(text) {
        let (name, value) = property(&line);
        match (name.as_str(), value) {
            ("BEGIN", "VEVENT") => event = Some(Event::default()),
            ("END", "VEVENT") => {
                for day in event.take().unwrap_or_default().days()? {
                    let known = days.entry(day.date).or_insert_with(|| day.clone());
                    if known.is_off_day != day.is_off_day {
                        return Err(CalendarFileError::Twice(day.date));
                    }
                }
            }
            _ => {
                if let Some(event) = &mut event {
                    event.take(&name, value);
                }
            }
        }
    }
    if days.is_empty() {
        return Err(CalendarFileError::NothingSaid);
    }
    Ok(days.into_values().collect())
}

/// A line that begins with a space continues the one before (RFC 5545, section 3.1).
fn unfolded(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some(last)) => last.push_str(rest),
            _ => lines.push(line.to_owned()),
        }
    }
    lines
}

/// The name without its parameters, and the value. A colon in a quoted parameter does not end the name.
fn property(line: &str) -> (String, &str) {
    let mut quoted = false;
    let colon = line.find(|letter| {
        quoted ^= letter == '"';
        letter == ':' && !quoted
    });
    let (name, value) = colon
        .and_then(|at| line.split_at_checked(at))
        .unwrap_or((line, ""));
    let name = name.split(';').next().unwrap_or(name);
    (
        name.trim().to_uppercase(),
        value.trim_start_matches(':').trim(),
    )
}

#[derive(Default)]
struct Event {
    summary: String,
    special_day: String,
    start: String,
    end: String,
    duration: String,
    repeats: bool,
}

impl Event {
    fn take(&mut self, name: &str, value: &str) {
        match name {
            "SUMMARY" => self.summary = unescaped(value),
            "X-APPLE-SPECIAL-DAY" => value.clone_into(&mut self.special_day),
            "DTSTART" => value.clone_into(&mut self.start),
            "DTEND" => value.clone_into(&mut self.end),
            "DURATION" => value.clone_into(&mut self.duration),
            "RRULE" | "RDATE" => self.repeats = true,
            _ => {}
        }
    }

    fn days(self) -> Result<Vec<CalendarDay>, CalendarFileError> {
        let Some(is_off_day) = self.is_off_day() else {
            return Ok(Vec::new());
        };
        let refused = || CalendarFileError::Event(self.summary.clone());
        if self.repeats {
            return Err(refused());
        }
        let first = date(&self.start).ok_or_else(refused)?;
        let count = self.length(first).ok_or_else(refused)?;
        let days = (0..count).map(|offset| {
            Some(CalendarDay {
                name: self.summary.clone(),
                date: first.checked_add(offset.days()).ok()?,
                is_off_day,
            })
        });
        days.collect::<Option<_>>().ok_or_else(refused)
    }

    fn is_off_day(&self) -> Option<bool> {
        let text = self.summary.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        let special = self.special_day.as_str();
        if special == "ALTERNATE-WORKDAY" || says(&["班", "workday", "working day"]) {
            Some(false)
        } else if special == "WORK-HOLIDAY" || says(&["休", "假", "holiday", "closed"]) {
            Some(true)
        } else {
            None
        }
    }

    /// In days. `DTEND` is the day after the last one for all-day events (RFC 5545, section 3.6.1).
    fn length(&self, first: Date) -> Option<i32> {
        let count = if !self.end.is_empty() {
            let all_day = self.end.len() == 8;
            let span = (date(&self.end)? - first).get_days();
            span + i32::from(!all_day)
        } else if let Some(duration) = self.duration.strip_prefix('P') {
            duration.strip_suffix('D')?.parse().ok()?
        } else {
            1
        };
        (1..=LONGEST_EVENT_DAYS).contains(&count).then_some(count)
    }
}

/// `20270101` or the day of `20270101T000000`.
fn date(value: &str) -> Option<Date> {
    let digits = value.split('T').next()?;
    let number = |from: usize, to: usize| digits.get(from..to)?.parse::<i16>().ok();
    if digits.len() != 8 {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

fn unescaped(value: &str) -> String {
    value
        .replace("\\n", " ")
        .replace("\\,", ",")
        .replace("\\;", ";")
        .replace("\\\\", "\\")
}
