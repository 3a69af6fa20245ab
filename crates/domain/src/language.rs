//! The two languages of the product, and dates and weekdays as people write them in each.
//!
//! Used by everything here that describes itself to people, and by crates that choose a text.

use jiff::civil::{Time, Weekday};

use crate::words::words;

words! {
    /// The language of a text for people.
    "language" Language {
        ZhCn = "zh-CN",
        En = "en",
    }
}

/// Chinese, the language of the product's home.
impl Default for Language {
    fn default() -> Self {
        Self::ZhCn
    }
}

/// 一 … 日, as in 周一.
pub(crate) const fn weekday_zh(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "一",
        Weekday::Tuesday => "二",
        Weekday::Wednesday => "三",
        Weekday::Thursday => "四",
        Weekday::Friday => "五",
        Weekday::Saturday => "六",
        Weekday::Sunday => "日",
    }
}

pub(crate) const fn weekday_en(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}

/// `09:00`.
pub(crate) fn clock(time: Time) -> String {
    format!("{:02}:{:02}", time.hour(), time.minute())
}

/// Reads `9:00`, `09:00`, `09：00` (the Chinese colon); nothing after the minutes.
pub(crate) fn parse_clock(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once([':', '：'])?;
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !(1..=2).contains(&hour.len()) || minute.len() != 2 || !digits(hour) || !digits(minute) {
        return None;
    }
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

/// Chinese punctuation and full-width digits as their ASCII twins, so that both are accepted everywhere.
pub(crate) fn half_width(text: &str) -> String {
    text.chars()
        .map(|letter| match letter {
            '\u{3000}' => ' ',
            '，' | '、' | '；' => ',',
            // The full-width forms FF01..FF5E mirror ASCII 21..7E.
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(letter) - 0xfee0).unwrap_or(letter),
            _ => letter,
        })
        .collect()
}
