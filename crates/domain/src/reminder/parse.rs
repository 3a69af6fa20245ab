//! Reads a reminder plan in both languages.
//!
//! Parts are separated by commas: `before 2d` `before 2wd 14:00` `on due` `after 1wd x5` `quiet 20:00-08:00` `max 10`,
//! any schedule (`workdays 09:00`), or `none`. Chinese: 到期前2天 到期当天 逾期后每1个工作日共5次 免打扰 20:00-08:00
//! 最多10次 每个工作日 09:00 不提醒.
//! Weakness: a list of weekdays uses the same commas; a part without a time is joined with the next one.

use std::str::FromStr;

use jiff::civil::Time;
use thiserror::Error;

use super::{DEFAULT_MAX_COUNT, Lead, PlanRule, QuietHours, REMINDER_TIME, ReminderPlan};
use crate::language::{half_width, parse_clock};
use crate::schedule::{ScheduleError, chinese_number, split_time};

/// More reminders of one notice than this would be noise.
const LARGEST_MAX_COUNT: u32 = 100;

/// Why a text is no reminder plan.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlanError {
    #[error(
        "\"{part}\" is no reminder rule; write before 2d, on due, after 1wd x5, quiet 20:00-08:00, max 10, or a schedule: {schedule}"
    )]
    Rule {
        part: String,
        schedule: ScheduleError,
    },
    #[error("\"{0}\" is no count of days; write 2d or 2wd")]
    Lead(String),
    #[error("\"{0}\" is no rule for overdue ones; write after 1wd x5")]
    After(String),
    #[error("\"{0}\" are no quiet hours; write quiet 20:00-08:00")]
    Quiet(String),
    #[error("\"{0}\" is no limit; write max 1 to max 100")]
    Max(String),
    #[error("the rule \"{0}\" stands in the plan twice")]
    Twice(String),
    #[error("none stands alone; leave it out when there are rules")]
    NoneWithRules,
}

impl PlanError {
    /// The part of the text that was refused.
    pub fn part(&self) -> &str {
        match self {
            Self::Rule { part, .. }
            | Self::Lead(part)
            | Self::After(part)
            | Self::Quiet(part)
            | Self::Max(part)
            | Self::Twice(part) => part,
            Self::NoneWithRules => "none",
        }
    }
}

impl FromStr for ReminderPlan {
    type Err = PlanError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = half_width(text).trim().to_lowercase();
        let mut plan = Self::default();
        if matches!(text.as_str(), "none" | "" | "不提醒" | "无") {
            return Ok(plan);
        }
        let mut held = String::new();
        let parts = text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty());
        let mut parts = parts.peekable();
        while let Some(part) = parts.next() {
            let joined = if held.is_empty() {
                part.to_owned()
            } else {
                format!("{held}, {part}")
            };
            held.clear();
            match plan.read(&joined) {
                // A part of a list of weekdays (`Mondays, Fridays 10:00`): its time comes later.
                Err(PlanError::Rule { .. }) if parts.peek().is_some() && !has_digit(part) => {
                    held = joined;
                }
                result => result?,
            }
        }
        Ok(plan)
    }
}

fn has_digit(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
}

impl ReminderPlan {
    fn read(&mut self, part: &str) -> Result<(), PlanError> {
        if matches!(part, "none" | "不提醒") {
            return Err(PlanError::NoneWithRules);
        }
        if let Some(hours) = after_any(part, &["quiet", "免打扰", "静默"]) {
            self.quiet = Some(quiet(hours).ok_or_else(|| PlanError::Quiet(part.to_owned()))?);
            return Ok(());
        }
        if let Some(count) = after_any(part, &["max", "最多"]) {
            let count = count.trim_end_matches('次').trim().parse().ok();
            self.max_count = count
                .filter(|count| (1..=LARGEST_MAX_COUNT).contains(count))
                .ok_or_else(|| PlanError::Max(part.to_owned()))?;
            return Ok(());
        }
        let rule = rule(part)?;
        if self.rules.iter().any(|known| known.step() == rule.step()) {
            return Err(PlanError::Twice(part.to_owned()));
        }
        self.rules.push(rule);
        Ok(())
    }
}

fn rule(part: &str) -> Result<PlanRule, PlanError> {
    let (body, at) = split_time(part).unwrap_or_else(|| (part.to_owned(), REMINDER_TIME));
    let body = body.trim_end_matches(" at").trim();
    if let Some(lead) = after_any(body, &["before due", "before", "到期前", "截止前", "提前"])
    {
        let lead = parse_lead(lead).ok_or_else(|| PlanError::Lead(part.to_owned()))?;
        return Ok(PlanRule::BeforeDue { lead, at });
    }
    if matches!(
        body,
        "on due" | "on due day" | "due" | "到期当天" | "到期日" | "截止当天"
    ) {
        return Ok(PlanRule::OnDue { at });
    }
    if let Some(rest) = after_any(body, &["after due", "after", "overdue", "逾期后", "逾期"]) {
        return after_due(rest, at).ok_or_else(|| PlanError::After(part.to_owned()));
    }
    part.parse()
        .map(PlanRule::Recurring)
        .map_err(|schedule| PlanError::Rule {
            part: part.to_owned(),
            schedule,
        })
}

/// What follows the first of `words` that the text begins with.
fn after_any<'a>(text: &'a str, words: &[&str]) -> Option<&'a str> {
    words
        .iter()
        .find_map(|word| text.strip_prefix(word))
        .map(str::trim)
}

fn parse_lead(text: &str) -> Option<Lead> {
    const WORKDAYS: [&str; 5] = ["wd", "workdays", "workday", "个工作日", "工作日"];
    const DAYS: [&str; 5] = ["d", "days", "day", "天", "日"];
    let number = |units: &[&str]| {
        let digits = units.iter().find_map(|unit| text.strip_suffix(unit))?;
        small(digits.trim())
    };
    match number(&WORKDAYS) {
        Some(days) => Some(Lead::Workdays(days)),
        None => number(&DAYS).map(Lead::Days),
    }
}

/// `1wd x5`, `every 1wd x5`, `每1个工作日共5次`, `每个工作日共5次`.
fn after_due(text: &str, at: Time) -> Option<PlanRule> {
    let text = text
        .trim_start_matches("every")
        .trim_start_matches('每')
        .trim();
    let (every, times) = text
        .split_once('x')
        .or_else(|| text.split_once('×'))
        .or_else(|| text.split_once('共'))
        .unwrap_or((text, "1"));
    let every = every.trim();
    let every_workdays = if matches!(every, "工作日" | "个工作日" | "workday") {
        1
    } else {
        match parse_lead(every)? {
            Lead::Workdays(days) => days,
            Lead::Days(_) => return None,
        }
    };
    let times = small(times.trim().trim_end_matches("次").trim())?;
    Some(PlanRule::AfterDue {
        every_workdays,
        times,
        at,
    })
}

fn small(digits: &str) -> Option<u16> {
    chinese_number(digits)
        .and_then(|number| u16::try_from(number).ok())
        .filter(|number| (1..=366).contains(number))
}

fn quiet(text: &str) -> Option<QuietHours> {
    let (from, to) = text.split_once(['-', '~', '–', '至', '到'])?;
    let hours = QuietHours {
        from: parse_clock(from.trim())?,
        to: parse_clock(to.trim())?,
    };
    (hours.from != hours.to).then_some(hours)
}

const _: () = assert!(DEFAULT_MAX_COUNT <= LARGEST_MAX_COUNT);
