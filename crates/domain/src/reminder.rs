//! Reminder plans (催办): when those who still owe are reminded of one notice, and what a late wake-up does.
//!
//! Publishing stores a plan as text; the dry run shows `occurrences`; the reminding worker calls `sweep` and stores
//! what it answers (`decided_until`, `next_at`) with the notice.
//! Invariant: the plan is a pure function of the notice's facts and the calendar, so every node plans the same
//! occurrences; one instant holds one occurrence; there are never more than `max_count`.
//! Weakness: a calendar changed later moves occurrences that were not decided yet.

mod parse;
mod sweep;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Time, time};

use crate::language::{Language, clock};
use crate::notice::Requirement;
use crate::schedule::ScheduleRule;
use crate::time::{TimeZoneName, UnixMillis};
use crate::words::serde_as_text;
use crate::work_calendar::WorkCalendar;

pub use parse::PlanError;
pub use sweep::{DEFAULT_GRACE, Decision, OccurrenceOutcome, Sweep, collapse, decide};

/// When reminders go out unless a rule says another time.
pub const REMINDER_TIME: Time = time(9, 0, 0, 0);
/// Nobody is reminded of what was issued less than this before.
pub const REST_AFTER_ISSUE: Duration = Duration::from_hours(1);
/// The number of reminders of one notice when the plan says none.
pub const DEFAULT_MAX_COUNT: u32 = 20;

/// A plan. `FromStr` reads `before 2d, on due, after 1wd x5, workdays 09:00, quiet 20:00-08:00, max 10` and its Chinese
/// form; `Display` is English. No rules: nobody is reminded, shown as `none`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReminderPlan {
    pub rules: Vec<PlanRule>,
    pub quiet: Option<QuietHours>,
    /// Reminders in all, at most.
    pub max_count: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanRule {
    /// So long before the due date. Calendar days that end on a day off move to the workday before.
    BeforeDue { lead: Lead, at: Time },
    /// On the due day; on the workday before it when the due time comes before `at` or the day is off.
    OnDue { at: Time },
    /// Every so many workdays after the due day, `times` times.
    AfterDue {
        every_workdays: u16,
        times: u16,
        at: Time,
    },
    /// Again and again until settled, due date or not.
    Recurring(ScheduleRule),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lead {
    Days(u16),
    Workdays(u16),
}

/// No reminder at or after `from` and before `to`, local time; may span midnight. Reminders move to `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietHours {
    pub from: Time,
    pub to: Time,
}

/// What the planner must know of a notice.
#[derive(Clone, Copy, Debug)]
pub struct PlanFacts<'a> {
    pub issued_at: UnixMillis,
    pub due_at: Option<UnixMillis>,
    pub zone: &'a TimeZoneName,
}

/// One planned reminder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The stable name of its rule: `before_due_2d`, `on_due`, `after_due_1wd`, `workdays_0900`.
    pub step: String,
    pub at: UnixMillis,
    /// 1 for the notice's first reminder.
    pub number: u32,
}

/// No reminders.
impl Default for ReminderPlan {
    fn default() -> Self {
        Self {
            rules: Vec::new(),
            quiet: None,
            max_count: DEFAULT_MAX_COUNT,
        }
    }
}

impl ReminderPlan {
    /// What a notice gets when its publisher says nothing.
    pub fn default_for(requirement: Requirement, has_due_date: bool) -> Self {
        let text = match (requirement, has_due_date) {
            (Requirement::Inform, _) => "none",
            (Requirement::Read, true) => "before 1wd, on due",
            (Requirement::Read, false) => "Fridays 10:00, max 3",
            (Requirement::Confirm, true) => "before 2wd, on due, after 1wd x5",
            (Requirement::Confirm, false) => "Tuesdays and Fridays 10:00, max 8",
        };
        text.parse().expect("a test reads every default plan")
    }

    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The reminders planned after `after` up to and including `until`, in order.
    pub fn occurrences(
        &self,
        facts: PlanFacts<'_>,
        calendar: &WorkCalendar,
        after: UnixMillis,
        until: UnixMillis,
    ) -> Vec<Planned> {
        self.all(facts, calendar)
            .into_iter()
            .filter(|planned| planned.at > after && planned.at <= until)
            .collect()
    }

    /// The first reminder planned after `after`.
    pub fn next_after(
        &self,
        facts: PlanFacts<'_>,
        calendar: &WorkCalendar,
        after: UnixMillis,
    ) -> Option<Planned> {
        self.all(facts, calendar)
            .into_iter()
            .find(|planned| planned.at > after)
    }

    /// All reminders of the notice, should nobody ever settle it.
    fn all(&self, facts: PlanFacts<'_>, calendar: &WorkCalendar) -> Vec<Planned> {
        let mut steps: BTreeMap<UnixMillis, String> = BTreeMap::new();
        let earliest = facts.issued_at.plus(REST_AFTER_ISSUE);
        for rule in &self.rules {
            let step = rule.step();
            for at in rule.instants(facts, calendar, self.max_count) {
                let at = self.quiet.map_or(at, |quiet| quiet.moved(at, facts.zone));
                if at >= earliest {
                    // The rule that stands first names an instant that two rules share.
                    steps.entry(at).or_insert_with(|| step.clone());
                }
            }
        }
        let limit = self.max_count as usize;
        (1..)
            .zip(steps)
            .take(limit)
            .map(|(number, (at, step))| Planned { step, at, number })
            .collect()
    }

    /// The plan in a language; it reads back as the same plan.
    pub fn show(&self, language: Language) -> String {
        let zh = language == Language::ZhCn;
        if self.rules.is_empty() {
            return if zh { "不提醒" } else { "none" }.to_owned();
        }
        let mut parts: Vec<_> = self.rules.iter().map(|rule| rule.show(language)).collect();
        if let Some(QuietHours { from, to }) = self.quiet {
            let word = if zh { "免打扰" } else { "quiet" };
            parts.push(format!("{word} {}-{}", clock(from), clock(to)));
        }
        if self.max_count != DEFAULT_MAX_COUNT {
            let max = self.max_count;
            parts.push(if zh {
                format!("最多{max}次")
            } else {
                format!("max {max}")
            });
        }
        parts.join(if zh { "，" } else { ", " })
    }
}

impl PlanRule {
    /// The stable name of the rule, kept with each occurrence.
    pub fn step(&self) -> String {
        let (name, at) = match self {
            Self::BeforeDue { lead, at } => (format!("before_due_{lead}"), at),
            Self::OnDue { at } => ("on_due".to_owned(), at),
            Self::AfterDue {
                every_workdays, at, ..
            } => (format!("after_due_{every_workdays}wd"), at),
            Self::Recurring(rule) => return rule.step(),
        };
        if *at == REMINDER_TIME {
            name
        } else {
            format!("{name}_{:02}{:02}", at.hour(), at.minute())
        }
    }

    fn show(&self, language: Language) -> String {
        let zh = language == Language::ZhCn;
        let (body, at) = match self {
            Self::BeforeDue { lead, at } if zh => (format!("到期前{}", lead.show_zh()), at),
            Self::BeforeDue { lead, at } => (format!("before {lead}"), at),
            Self::OnDue { at } => (if zh { "到期当天" } else { "on due" }.to_owned(), at),
            Self::AfterDue {
                every_workdays,
                times,
                at,
            } if zh => (format!("逾期后每{every_workdays}个工作日共{times}次"), at),
            Self::AfterDue {
                every_workdays,
                times,
                at,
            } => (format!("after {every_workdays}wd x{times}"), at),
            Self::Recurring(rule) => return rule.show(language),
        };
        if *at == REMINDER_TIME {
            body
        } else {
            format!("{body} {}", clock(*at))
        }
    }

    /// At most `limit` instants of this rule, in order.
    fn instants(
        &self,
        facts: PlanFacts<'_>,
        calendar: &WorkCalendar,
        limit: u32,
    ) -> Vec<UnixMillis> {
        if let Self::Recurring(rule) = self {
            return rule
                .after(
                    facts.issued_at.plus(REST_AFTER_ISSUE).minus(ONE_MILLI),
                    facts.zone,
                    calendar,
                )
                .take(limit as usize)
                .map(|occurrence| occurrence.at)
                .collect();
        }
        let Some(due_at) = facts.due_at else {
            return Vec::new();
        };
        let due = due_at.in_zone(facts.zone.zone()).datetime();
        self.local_times(due, calendar, limit)
            .into_iter()
            .filter_map(|local| UnixMillis::of_local(local, facts.zone.zone()))
            .collect()
    }

    fn local_times(&self, due: DateTime, calendar: &WorkCalendar, limit: u32) -> Vec<DateTime> {
        match self {
            Self::BeforeDue { lead, at } => lead
                .before(due.date(), calendar)
                .map(|day| day.to_datetime(*at))
                .into_iter()
                .collect(),
            Self::OnDue { at } => {
                let day = calendar.workday_on_or_before(due.date());
                let early = day.and_then(|day| {
                    let same_day = day.to_datetime(*at);
                    if same_day < due {
                        Some(same_day)
                    } else {
                        Some(calendar.previous_workday(day)?.to_datetime(*at))
                    }
                });
                early.into_iter().collect()
            }
            Self::AfterDue {
                every_workdays,
                times,
                at,
            } => {
                let step = i32::from((*every_workdays).max(1));
                let count = usize::from(*times).min(limit as usize);
                let next = |day: &Date| calendar.add_workdays(*day, step);
                std::iter::successors(next(&due.date()), next)
                    .take(count)
                    .map(|day| day.to_datetime(*at))
                    .collect()
            }
            Self::Recurring(_) => Vec::new(),
        }
    }
}

const ONE_MILLI: Duration = Duration::from_millis(1);

impl Lead {
    fn before(self, due: Date, calendar: &WorkCalendar) -> Option<Date> {
        match self {
            Self::Days(days) => {
                let day = due.checked_sub(i32::from(days).days()).ok()?;
                calendar.workday_on_or_before(day)
            }
            Self::Workdays(days) => calendar.add_workdays(due, -i32::from(days)),
        }
    }

    fn show_zh(self) -> String {
        match self {
            Self::Days(days) => format!("{days}天"),
            Self::Workdays(days) => format!("{days}个工作日"),
        }
    }
}

impl QuietHours {
    /// The instant itself, or the end of the quiet hours it lies in.
    pub fn moved(self, at: UnixMillis, zone: &TimeZoneName) -> UnixMillis {
        let local = at.in_zone(zone.zone()).datetime();
        if !self.contains(local.time()) {
            return at;
        }
        let day = if local.time() < self.to {
            Some(local.date())
        } else {
            local.date().tomorrow().ok()
        };
        day.and_then(|day| UnixMillis::of_local(day.to_datetime(self.to), zone.zone()))
            .map_or(at, |end| end.max(at))
    }

    fn contains(self, time: Time) -> bool {
        if self.from <= self.to {
            time >= self.from && time < self.to
        } else {
            time >= self.from || time < self.to
        }
    }
}

impl fmt::Display for Lead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Days(days) => write!(f, "{days}d"),
            Self::Workdays(days) => write!(f, "{days}wd"),
        }
    }
}

impl fmt::Display for ReminderPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.show(Language::En))
    }
}

serde_as_text!(ReminderPlan);
