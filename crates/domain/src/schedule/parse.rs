//! Reads the plain forms of a schedule in both languages, and cron.
//!
//! `every workday 09:00` `每个工作日 09:00` `Fridays 17:00` `周一、周三 10:00` `daily 08:30` `monthly day 1 09:00`
//! `每月最后一个工作日 16:00` `0 9 * * 1-5`, each with an option for holidays in brackets: `(previous workday)` `（节假日跳过）`.
//! Invariant: what a rule shows of itself in either language reads back as the same rule.

use std::str::FromStr;

use jiff::civil::{Time, Weekday};
use thiserror::Error;

use super::{CronRule, Days, OnHoliday, ScheduleRule, When};
use crate::language::{half_width, parse_clock, weekday_en, weekday_zh};
use crate::words::serde_as_text;

/// Why a text is no schedule.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ScheduleError {
    #[error(
        "a schedule is missing; write for example: workdays 09:00, Fridays 17:00, monthly day 1 09:00, or cron"
    )]
    Empty,
    #[error("\"{0}\" names no time of day; add one like 09:00")]
    NoTime(String),
    #[error(
        "cannot tell which days \"{0}\" means; write for example: workdays, daily, Fridays, monthly day 1, last workday of month, or 每个工作日, 每天, 每周五, 每月1日, 每月最后一个工作日"
    )]
    UnknownDays(String),
    #[error("{0} is no day of a month; use 1 to 31 or last day")]
    DayOfMonth(u32),
    #[error("\"{text}\" is no cron expression of five fields: {detail}")]
    Cron { text: String, detail: String },
    #[error("\"{0}\" never happens; no calendar has such a day")]
    NeverFires(String),
    #[error(
        "\"{0}\" is no option for holidays; use: run on holidays, skip holidays, previous workday, next workday"
    )]
    UnknownOption(String),
    #[error("a rule by workdays follows the work calendar already; leave out \"{0}\"")]
    OptionOnWorkdays(String),
    #[error(
        "cron can run on holidays or skip them, not move; use a plain rule like Fridays 17:00 for \"{0}\""
    )]
    OptionOnCron(String),
}

impl FromStr for ScheduleRule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = half_width(text).trim().to_lowercase();
        let (body, option) = split_option(&text);
        let when = parse_when(body)?;
        let on_holiday = match option {
            None => when.default_on_holiday(),
            Some(option) => parse_option(option, &when)?,
        };
        Ok(Self { when, on_holiday })
    }
}

serde_as_text!(ScheduleRule);

fn split_option(text: &str) -> (&str, Option<&str>) {
    match text.split_once('(') {
        Some((body, option)) => (body.trim(), Some(option.trim_end_matches(')').trim())),
        None => (text, None),
    }
}

fn parse_option(option: &str, when: &When) -> Result<OnHoliday, ScheduleError> {
    let has = |words: &[&str]| words.iter().any(|word| option.contains(word));
    let on_holiday = if has(&["previous", "before", "提前"]) {
        OnHoliday::PreviousWorkday
    } else if has(&["next", "after", "顺延", "推迟"]) {
        OnHoliday::NextWorkday
    } else if has(&["skip", "跳过", "不发"]) {
        OnHoliday::Skip
    } else if has(&["run", "照常"]) {
        OnHoliday::Run
    } else {
        return Err(ScheduleError::UnknownOption(option.to_owned()));
    };
    match when {
        When::Days { days, .. } if days.follows_calendar() => {
            Err(ScheduleError::OptionOnWorkdays(option.to_owned()))
        }
        When::Cron(_) if !matches!(on_holiday, OnHoliday::Run | OnHoliday::Skip) => {
            Err(ScheduleError::OptionOnCron(option.to_owned()))
        }
        When::Days { .. } | When::Cron(_) => Ok(on_holiday),
    }
}

fn parse_when(body: &str) -> Result<When, ScheduleError> {
    if body.is_empty() {
        return Err(ScheduleError::Empty);
    }
    if looks_like_cron(body) {
        return CronRule::parse(body).map(When::Cron);
    }
    let (days, at) = split_time(body).ok_or_else(|| ScheduleError::NoTime(body.to_owned()))?;
    let days = parse_days(&days)?;
    Ok(When::Days { days, at })
}

/// Five fields of which the first two (minute, hour) are made of digits and cron's signs, or one of cron's nicknames.
fn looks_like_cron(body: &str) -> bool {
    let fields: Vec<_> = body.split_whitespace().collect();
    let numeric = |field: &str| {
        field
            .chars()
            .all(|letter| letter.is_ascii_digit() || "*/,-".contains(letter))
    };
    body.starts_with('@')
        || (fields.len() >= 5 && fields.iter().take(2).all(|field| numeric(field)))
}

/// Takes the time of day out of a text: `09:00`, `9点`, `下午5点半`, `5pm`.
pub(crate) fn split_time(body: &str) -> Option<(String, Time)> {
    let mut found = None;
    let mut rest = Vec::new();
    // A Chinese day may stand right before its time: 每周五17:00.
    let spaced = spaced_numbers(body);
    for word in spaced.split_whitespace() {
        if found.is_none()
            && let Some(at) = parse_clock(word).or_else(|| spoken_time(word))
        {
            found = Some(at);
        } else {
            rest.push(word);
        }
    }
    Some((rest.join(" "), found?))
}

/// Puts a space between a Chinese letter and a time that follows it without one.
fn spaced_numbers(body: &str) -> String {
    let letters: Vec<char> = body.chars().collect();
    let mut spaced = String::with_capacity(body.len() + 4);
    for (at, letter) in letters.iter().enumerate() {
        let starts_time = letter.is_ascii_digit()
            && at > 0
            && !letters[at - 1].is_ascii()
            && letters[at..]
                .iter()
                .find(|next| !next.is_ascii_digit())
                .is_some_and(|next| matches!(next, ':' | '点' | '时'))
            && !matches!(letters[at - 1], '午' | '上' | '晨');
        let starts_half_day = matches!(letter, '上' | '下' | '中' | '晚' | '早')
            && letters
                .get(at + 1)
                .is_some_and(|next| matches!(next, '午' | '上' | '晨'))
            && at > 0;
        if starts_time || starts_half_day {
            spaced.push(' ');
        }
        spaced.push(*letter);
    }
    spaced
}

fn spoken_time(word: &str) -> Option<Time> {
    let (half, rest) = if let Some(rest) = word.strip_prefix("下午").or(word.strip_prefix("晚上"))
    {
        (Some(true), rest)
    } else if let Some(rest) = word.strip_prefix("上午").or(word.strip_prefix("早上")) {
        (Some(false), rest)
    } else if let Some(rest) = word.strip_prefix("中午") {
        (None, rest)
    } else if let Some(rest) = word.strip_suffix("pm") {
        (Some(true), rest)
    } else if let Some(rest) = word.strip_suffix("am") {
        (Some(false), rest)
    } else {
        (None, word)
    };
    let time = match parse_clock(rest) {
        Some(time) => time,
        None => whole_hour(rest, half.is_some() && rest.len() < word.len())?,
    };
    match half {
        Some(true) if time.hour() < 12 => Time::new(time.hour() + 12, time.minute(), 0, 0).ok(),
        // 12am is midnight.
        Some(false) if time.hour() == 12 => Time::new(0, time.minute(), 0, 0).ok(),
        _ => Some(time),
    }
}

/// `9点`, `9点半`, `9点30分`, `9时`; a bare `9` only together with am, pm, 上午 or 下午.
fn whole_hour(text: &str, bare_allowed: bool) -> Option<Time> {
    let (hour, minute) = match text.split_once(['点', '时']) {
        Some((hour, minute)) => (hour, minute.trim_start_matches('钟').trim_end_matches('分')),
        None if bare_allowed => (text, ""),
        None => return None,
    };
    let minute = match minute {
        "" | "整" => 0,
        "半" => 30,
        digits => digits.parse().ok()?,
    };
    Time::new(hour.parse().ok()?, minute, 0, 0).ok()
}

fn parse_days(text: &str) -> Result<Days, ScheduleError> {
    let unknown = || ScheduleError::UnknownDays(text.to_owned());
    if text.is_ascii() {
        english_days(text)?.ok_or_else(unknown)
    } else {
        chinese_days(text)?.ok_or_else(unknown)
    }
}

fn english_days(text: &str) -> Result<Option<Days>, ScheduleError> {
    const FILLERS: [&str; 10] = [
        "every", "each", "on", "at", "of", "the", "and", "in", "a", "weekly",
    ];
    let words: Vec<_> = text
        .split(|letter: char| letter.is_whitespace() || letter == ',')
        .filter(|word| !word.is_empty() && !FILLERS.contains(word))
        .collect();
    let monthly = |word: &&str| matches!(*word, "month" | "monthly");
    let by_month = words.iter().any(monthly);
    let words: Vec<_> = words.into_iter().filter(|word| !monthly(word)).collect();
    Ok(match (words.as_slice(), by_month) {
        (
            ["workday" | "workdays" | "weekday" | "weekdays"] | ["working", "day" | "days"],
            false,
        ) => Some(Days::Workdays),
        (["daily" | "day" | "days"], false) => Some(Days::Every),
        (["last", "day"], true) => Some(Days::LastDayOfMonth),
        (["first", "workday"] | ["first", "working", "day"], true) => {
            Some(Days::FirstWorkdayOfMonth)
        }
        (["last", "workday"] | ["last", "working", "day"], true) => Some(Days::LastWorkdayOfMonth),
        (["day", day] | [day, "day"] | [day], true) => {
            english_ordinal(day).map(day_of_month).transpose()?
        }
        ([], _) | (_, true) => None,
        (names, false) => {
            let days: Option<Vec<_>> = names.iter().map(|name| english_weekday(name)).collect();
            days.as_deref().map(weekly)
        }
    })
}

fn english_ordinal(text: &str) -> Option<u32> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_lowercase());
    let ending = text.strip_prefix(digits)?;
    matches!(ending, "" | "st" | "nd" | "rd" | "th")
        .then(|| digits.parse().ok())
        .flatten()
}

fn english_weekday(name: &str) -> Option<Weekday> {
    const SHORT: [&str; 12] = [
        "mon", "tue", "tues", "wed", "weds", "thu", "thur", "thurs", "fri", "sat", "sun", "",
    ];
    let name = name.trim_end_matches('.');
    WEEK.into_iter().find(|day| {
        let long = weekday_en(*day).to_lowercase();
        name == long
            || name.strip_suffix('s') == Some(&long)
            || (SHORT.contains(&name) && !name.is_empty() && long.starts_with(name))
            || (name == "weds" && *day == Weekday::Wednesday)
    })
}

fn chinese_days(text: &str) -> Result<Option<Days>, ScheduleError> {
    let joined: String = text
        .chars()
        .filter(|letter| !letter.is_whitespace())
        .collect();
    let body = joined
        .trim_start_matches('每')
        .trim_start_matches('个')
        .trim_end_matches('的');
    if body == "工作日" {
        return Ok(Some(Days::Workdays));
    }
    if matches!(body, "天" | "日") {
        return Ok(Some(Days::Every));
    }
    if let Some(day) = body.strip_prefix('月') {
        return chinese_day_of_month(day.trim_start_matches('的'));
    }
    Ok(chinese_weekdays(body).as_deref().map(weekly))
}

fn chinese_day_of_month(text: &str) -> Result<Option<Days>, ScheduleError> {
    match text {
        "最后一天" | "最后1天" | "末" | "底" => return Ok(Some(Days::LastDayOfMonth)),
        "最后一个工作日" | "最后1个工作日" | "最后工作日" => {
            return Ok(Some(Days::LastWorkdayOfMonth));
        }
        "第一个工作日" | "第1个工作日" | "首个工作日" => {
            return Ok(Some(Days::FirstWorkdayOfMonth));
        }
        _ => {}
    }
    let number = text.trim_end_matches(['日', '号']);
    chinese_number(number).map(day_of_month).transpose()
}

/// Up to 99, in digits or in Chinese: 15, 十五, 二十一.
pub(crate) fn chinese_number(text: &str) -> Option<u32> {
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    let digit = |text: &str| {
        ["一", "二", "三", "四", "五", "六", "七", "八", "九"]
            .iter()
            .position(|known| *known == text || (*known == "二" && text == "两"))
            .map(|at| at as u32 + 1)
    };
    match text.split_once('十') {
        None => digit(text),
        Some((tens, ones)) => {
            let tens = if tens.is_empty() { 1 } else { digit(tens)? };
            let ones = if ones.is_empty() { 0 } else { digit(ones)? };
            Some(tens * 10 + ones)
        }
    }
}

/// 周五, 星期五, 周一,周三, 周一三五, 周一至周五, 周一和周三.
fn chinese_weekdays(text: &str) -> Option<Vec<Weekday>> {
    let plain = text
        .replace("星期", "周")
        .replace("礼拜", "周")
        .replace("每周", "周");
    let mut days: Vec<Weekday> = Vec::new();
    let mut range = false;
    let mut letters = plain.strip_prefix('周')?.chars();
    for letter in letters.by_ref() {
        match letter {
            '周' | ',' | '和' | '及' => {}
            '至' | '到' | '-' | '~' => range = true,
            _ => {
                let day = WEEK
                    .into_iter()
                    .find(|day| weekday_zh(*day).starts_with(letter))
                    .or((letter == '天').then_some(Weekday::Sunday))?;
                if std::mem::take(&mut range) {
                    let mut next = days.last()?.next();
                    while next != day {
                        days.push(next);
                        next = next.next();
                    }
                }
                days.push(day);
            }
        }
    }
    (!range && !days.is_empty()).then_some(days)
}

const WEEK: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

/// All seven are a week's every day all the same: the option for holidays stays that of a weekly rule.
fn weekly(days: &[Weekday]) -> Days {
    Days::Weekly(WEEK.into_iter().filter(|day| days.contains(day)).collect())
}

fn day_of_month(day: u32) -> Result<Days, ScheduleError> {
    match i8::try_from(day) {
        Ok(day @ 1..=31) => Ok(Days::DayOfMonth(day)),
        _ => Err(ScheduleError::DayOfMonth(day)),
    }
}
