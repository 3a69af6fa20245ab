//! Shows a schedule to people in both languages, short (it reads back) or as a sentence, and names its step.

use std::fmt;

use super::{Days, OnHoliday, Schedule, ScheduleRule, When};
use crate::content_hash::ContentHash;
use crate::language::{Language, clock, weekday_en, weekday_zh};

impl ScheduleRule {
    /// The rule in a language; it reads back as the same rule.
    pub fn show(&self, language: Language) -> String {
        let body = match &self.when {
            When::Cron(cron) => cron.as_str().to_owned(),
            When::Days { days, at } => format!("{} {}", days.show(language), clock(*at)),
        };
        if self.on_holiday == self.when.default_on_holiday() {
            return body;
        }
        match language {
            Language::En => format!("{body} ({})", option_en(self.on_holiday)),
            Language::ZhCn => format!("{body}（{}）", option_zh(self.on_holiday)),
        }
    }

    /// A sentence about the rule, holidays included.
    pub fn describe(&self, language: Language) -> String {
        let body = match (&self.when, language) {
            (When::Cron(cron), Language::En) => {
                format!("{} (cron {})", cron.describe(), cron.as_str())
            }
            (When::Cron(cron), Language::ZhCn) => format!("按 cron 表达式 {}", cron.as_str()),
            (When::Days { days, at }, _) => format!("{} {}", days.show(language), clock(*at)),
        };
        let holidays = match &self.when {
            When::Days { days, .. } if days.follows_calendar() => match language {
                Language::En => "holidays off, make-up workdays on",
                Language::ZhCn => "节假日不发，调休上班日照发",
            },
            When::Days { .. } | When::Cron(_) => match language {
                Language::En => sentence_en(self.on_holiday),
                Language::ZhCn => option_zh(self.on_holiday),
            },
        };
        match language {
            Language::En => format!("{body}; {holidays}"),
            Language::ZhCn => format!("{body}，{holidays}"),
        }
    }

    /// A stable name for the occurrences of this rule, for example `workdays_0900`, `weekly_mon_wed_1000`.
    pub fn step(&self) -> String {
        let body = match &self.when {
            When::Cron(cron) => format!("cron_{}", ContentHash::of(cron.as_str()).short()),
            When::Days { days, at } => {
                format!("{}_{:02}{:02}", days.step(), at.hour(), at.minute())
            }
        };
        if self.on_holiday == self.when.default_on_holiday() {
            body
        } else {
            format!("{body}_{}", self.on_holiday)
        }
    }
}

impl Schedule {
    /// A sentence about the schedule, with its time zone.
    pub fn describe(&self, language: Language) -> String {
        let rule = self.rule.describe(language);
        match language {
            Language::En => format!("{rule} ({})", self.zone),
            Language::ZhCn => format!("{rule}（时区 {}）", self.zone),
        }
    }
}

impl fmt::Display for ScheduleRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.show(Language::En))
    }
}

impl Days {
    fn show(&self, language: Language) -> String {
        let zh = language == Language::ZhCn;
        let chosen = |zh_text: &str, en_text: &str| if zh { zh_text } else { en_text }.to_owned();
        match self {
            Self::Every => chosen("每天", "daily"),
            Self::Workdays => chosen("每个工作日", "workdays"),
            Self::Weekly(days) if zh => {
                let days: Vec<_> = days
                    .iter()
                    .map(|day| format!("周{}", weekday_zh(*day)))
                    .collect();
                format!("每{}", days.join("、"))
            }
            Self::Weekly(days) => {
                let days: Vec<_> = days
                    .iter()
                    .map(|day| format!("{}s", weekday_en(*day)))
                    .collect();
                days.join(" and ")
            }
            Self::DayOfMonth(day) if zh => format!("每月{day}日"),
            Self::DayOfMonth(day) => format!("monthly day {day}"),
            Self::LastDayOfMonth => chosen("每月最后一天", "last day of month"),
            Self::FirstWorkdayOfMonth => chosen("每月第一个工作日", "first workday of month"),
            Self::LastWorkdayOfMonth => chosen("每月最后一个工作日", "last workday of month"),
        }
    }

    fn step(&self) -> String {
        match self {
            Self::Every => "daily".to_owned(),
            Self::Workdays => "workdays".to_owned(),
            Self::Weekly(days) => {
                let short = days.iter().map(|day| {
                    weekday_en(*day)
                        .to_lowercase()
                        .chars()
                        .take(3)
                        .collect::<String>()
                });
                format!("weekly_{}", short.collect::<Vec<_>>().join("_"))
            }
            Self::DayOfMonth(day) => format!("monthly_{day}"),
            Self::LastDayOfMonth => "monthly_last_day".to_owned(),
            Self::FirstWorkdayOfMonth => "monthly_first_workday".to_owned(),
            Self::LastWorkdayOfMonth => "monthly_last_workday".to_owned(),
        }
    }
}

const fn option_en(option: OnHoliday) -> &'static str {
    match option {
        OnHoliday::Run => "run on holidays",
        OnHoliday::Skip => "skip holidays",
        OnHoliday::PreviousWorkday => "previous workday",
        OnHoliday::NextWorkday => "next workday",
    }
}

const fn sentence_en(option: OnHoliday) -> &'static str {
    match option {
        OnHoliday::Run => "also on holidays",
        OnHoliday::Skip => "not on holidays",
        OnHoliday::PreviousWorkday => "on the workday before when the day is off",
        OnHoliday::NextWorkday => "on the next workday when the day is off",
    }
}

const fn option_zh(option: OnHoliday) -> &'static str {
    match option {
        OnHoliday::Run => "节假日照常",
        OnHoliday::Skip => "节假日跳过",
        OnHoliday::PreviousWorkday => "遇休息日提前到前一个工作日",
        OnHoliday::NextWorkday => "遇休息日顺延到下一个工作日",
    }
}
