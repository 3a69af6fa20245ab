//! Small pieces of markup and the telling of times, so that templates hold no arithmetic.
//!
//! Invariant: everything that comes out as [`Markup`] is made here from numbers and fixed words; no text of people.

use std::fmt;

use askama::filters::HtmlSafe;
use jiff::{Zoned, civil::Date, tz::TimeZone};
use yuezhi_domain::UnixMillis;

pub use crate::texts::grouped;
use crate::{
    app::App,
    pages::asset,
    texts::{Language, Texts},
};

/// HTML that is safe as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Markup(String);

impl fmt::Display for Markup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HtmlSafe for Markup {}

/// An icon of the sprite; decoration only, a word stands beside it.
pub fn icon(name: &str) -> Markup {
    Markup(format!(
        "<svg class=\"i\" aria-hidden=\"true\"><use href=\"{}#{name}\"></use></svg>",
        asset("icons.svg")
    ))
}

/// The product's sign.
pub fn mark() -> Markup {
    Markup(format!(
        "<svg class=\"mark\" aria-hidden=\"true\"><use href=\"{}#mark\"></use></svg>",
        asset("icons.svg")
    ))
}

/// Marks the open entry of a navigation.
pub fn current(is_open: bool) -> Markup {
    Markup(if is_open {
        " aria-current=\"page\"".to_owned()
    } else {
        String::new()
    })
}

/// A part of a whole, in people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Share {
    pub n: i64,
    pub of: i64,
}

impl Share {
    pub const fn new(n: i64, of: i64) -> Self {
        Self { n, of }
    }

    /// In tenths of a percent, rounded down: 100 only when nobody is left.
    fn permille(self) -> i64 {
        if self.of <= 0 {
            0
        } else {
            (self.n.max(0).saturating_mul(1000) / self.of).min(1000)
        }
    }

    pub fn percent(self) -> String {
        let permille = self.permille();
        if permille % 10 == 0 {
            format!("{}%", permille / 10)
        } else {
            format!("{}.{}%", permille / 10, permille % 10)
        }
    }

    /// A bar; `kind` is empty (an act), `read` (an observation), `warn` or `bad`.
    pub fn bar(self, kind: &str) -> Markup {
        let class = if kind.is_empty() {
            "bar".to_owned()
        } else {
            format!("bar bar-{kind}")
        };
        Markup(format!(
            "<svg class=\"{class}\" height=\"6\" aria-hidden=\"true\"><rect width=\"{}\" height=\"6\"></rect></svg>",
            self.percent()
        ))
    }

    /// Number, percent and bar for a table cell.
    pub fn line(self, kind: &str) -> Markup {
        Markup(format!(
            "<div class=\"bar-line\"><span><span>{}</span><span>{}</span></span>{}</div>",
            grouped(self.n),
            self.percent(),
            self.bar(kind)
        ))
    }

    /// The depth of a heat cell, 0 to 9, by what is missing.
    pub fn heat(self) -> i64 {
        if self.of <= 0 {
            0
        } else {
            ((self.of - self.n).max(0) * 9 + self.of / 2) / self.of
        }
    }
}

/// `86 KB`.
pub fn file_size(bytes: i64) -> String {
    let bytes = bytes.max(0) as f64;
    if bytes < 1024.0 {
        format!("{bytes} B")
    } else if bytes < 1_048_576.0 {
        format!("{:.0} KB", bytes / 1024.0)
    } else {
        format!("{:.1} MB", bytes / 1_048_576.0)
    }
}

/// Tells times in a language and a zone.
#[derive(Debug, Clone)]
pub struct Teller {
    pub t: Texts,
    pub zone: TimeZone,
    pub now: UnixMillis,
}

impl Teller {
    pub fn new(app: &App, t: Texts, now: UnixMillis) -> Self {
        Self {
            t,
            zone: app.time_zone.zone().clone(),
            now,
        }
    }

    fn local(&self, at: UnixMillis) -> Zoned {
        at.in_zone(&self.zone)
    }

    pub fn today(&self) -> Date {
        self.local(self.now).date()
    }

    /// `11-24 周二 10:20`, `Tue 24 Nov 10:20`; with the year when it is another.
    pub fn text(&self, at: UnixMillis) -> String {
        let local = self.local(at);
        format!(
            "{} {:02}:{:02}",
            self.day(local.date()),
            local.hour(),
            local.minute()
        )
    }

    /// `11-24 周二`, `Tue 24 Nov`; with the year when it is another.
    pub fn day(&self, date: Date) -> String {
        let this_year = date.year() == self.today().year();
        match (self.t.language, this_year) {
            (Language::ZhCn, true) => format!("{} {}", date.strftime("%m-%d"), weekday(date)),
            (Language::ZhCn, false) => format!("{} {}", date.strftime("%Y-%m-%d"), weekday(date)),
            (Language::En, true) => date.strftime("%a %-d %b").to_string(),
            (Language::En, false) => date.strftime("%a %-d %b %Y").to_string(),
        }
    }

    /// `2026-11-24`.
    pub fn date(&self, at: UnixMillis) -> String {
        self.local(at).date().to_string()
    }

    /// `2026-11-24 10:20:07`.
    pub fn exact(&self, at: UnixMillis) -> String {
        self.local(at).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// A past time: told relatively by the script, exactly without it.
    pub fn ago(&self, at: UnixMillis) -> Markup {
        self.time(at, " data-rel")
    }

    /// A time told exactly.
    pub fn at(&self, at: UnixMillis) -> Markup {
        self.time(at, "")
    }

    fn time(&self, at: UnixMillis, extra: &str) -> Markup {
        let local = self.local(at);
        Markup(format!(
            "<time datetime=\"{}\"{extra}>{}</time>",
            local.strftime("%Y-%m-%dT%H:%M:%S%:z"),
            self.text(at)
        ))
    }
}

fn weekday(date: Date) -> &'static str {
    use jiff::civil::Weekday;
    match date.weekday() {
        Weekday::Monday => "周一",
        Weekday::Tuesday => "周二",
        Weekday::Wednesday => "周三",
        Weekday::Thursday => "周四",
        Weekday::Friday => "周五",
        Weekday::Saturday => "周六",
        Weekday::Sunday => "周日",
    }
}

/// One entry of a `<select>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    pub value: String,
    pub label: String,
    pub chosen: bool,
}

impl Choice {
    pub fn new(value: impl Into<String>, label: impl Into<String>, current: &str) -> Self {
        let value = value.into();
        Self {
            chosen: value == current,
            label: label.into(),
            value,
        }
    }
}

/// An address with these query parameters; empty values are left out.
pub fn address(path: &str, query: &[(&str, &str)]) -> String {
    let mut serializer = url::form_urlencoded::Serializer::new(String::new());
    let mut any = false;
    for (name, value) in query.iter().filter(|(_, value)| !value.is_empty()) {
        serializer.append_pair(name, value);
        any = true;
    }
    if any {
        format!("{path}?{}", serializer.finish())
    } else {
        path.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_reaches_a_hundred_only_when_nobody_is_left() {
        assert_eq!(Share::new(999_999, 1_000_000).percent(), "99.9%");
        assert_eq!(Share::new(320, 320).percent(), "100%");
        assert_eq!(Share::new(0, 0).percent(), "0%");
        assert_eq!(
            (Share::new(0, 10).heat(), Share::new(10, 10).heat()),
            (9, 0)
        );
    }

    #[test]
    fn an_address_keeps_only_what_was_given() {
        assert_eq!(
            address("/a", &[("q", ""), ("s", "张 三")]),
            "/a?s=%E5%BC%A0+%E4%B8%89"
        );
        assert_eq!(address("/a", &[("q", "")]), "/a");
    }
}
