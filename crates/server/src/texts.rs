//! Every text people see, zh-CN and en, from `locales/<language>/<area>.toml`.
//!
//! Pages, messages, errors and the command line ask here by key (`area.key`). Invariant (tested): both languages
//! hold the same keys, and every key named in a template or in code exists. A missing key shows as itself.

use std::{
    collections::HashMap,
    fmt::{self, Write as _},
    sync::LazyLock,
};

pub use yuezhi_domain::Language;

/// `zh`, `zh-CN`, `zh-Hans` … and `en`, `en-US` …; anything else is not spoken.
pub fn parse_language(tag: &str) -> Option<Language> {
    let primary = tag.trim().split(['-', '_']).next()?.to_ascii_lowercase();
    match primary.as_str() {
        "zh" => Some(Language::ZhCn),
        "en" => Some(Language::En),
        _ => None,
    }
}

/// The first language of an `Accept-Language` header that is spoken here.
pub fn accepted_language(header: &str) -> Option<Language> {
    header
        .split(',')
        .find_map(|part| parse_language(part.split(';').next()?))
}

type Catalogue = HashMap<String, String>;

macro_rules! catalogue {
    ($language:literal: $($area:literal),+ $(,)?) => {{
        let mut all = Catalogue::new();
        $(add_area(&mut all, $area, include_str!(concat!("../locales/", $language, "/", $area, ".toml")));)+
        all
    }};
}

static CHINESE: LazyLock<Catalogue> = LazyLock::new(
    || catalogue!("zh-CN": "common", "console", "my", "messages", "chat", "setup", "errors", "cli"),
);
static ENGLISH: LazyLock<Catalogue> = LazyLock::new(
    || catalogue!("en": "common", "console", "my", "messages", "chat", "setup", "errors", "cli"),
);

fn add_area(all: &mut Catalogue, area: &str, text: &str) {
    let table: toml::Table =
        toml::from_str(text).expect("the embedded locale files are valid TOML; a test reads them");
    flatten(all, area, &table);
}

fn flatten(all: &mut Catalogue, prefix: &str, table: &toml::Table) {
    for (key, value) in table {
        let path = format!("{prefix}.{key}");
        match value {
            toml::Value::Table(inner) => flatten(all, &path, inner),
            toml::Value::String(text) => {
                all.insert(path, text.clone());
            }
            other => {
                all.insert(path, other.to_string());
            }
        }
    }
}

/// The texts of one language; `Copy`, handed to every template as `t`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Texts {
    pub language: Language,
}

impl Texts {
    pub const fn of(language: Language) -> Self {
        Self { language }
    }

    fn catalogue(self) -> &'static Catalogue {
        match self.language {
            Language::ZhCn => &CHINESE,
            Language::En => &ENGLISH,
        }
    }

    /// The text of a key, or the key itself where there is none.
    pub fn get<'a>(&self, key: &'a str) -> &'a str {
        self.catalogue().get(key).map_or(key, |text| text.as_str())
    }

    /// The text of `area.` + a value known at run time (a state, an error code), or that value itself.
    pub fn of_value(&self, prefix: &str, value: &str) -> String {
        self.catalogue()
            .get(&format!("{prefix}.{value}"))
            .map_or_else(|| value.to_owned(), Clone::clone)
    }

    pub fn has(&self, key: &str) -> bool {
        self.catalogue().contains_key(key)
    }

    /// Fills `{name}` places.
    pub fn fill(&self, key: &str, values: &[(&str, &dyn fmt::Display)]) -> String {
        fill(self.get(key), values)
    }

    /// One value, for templates: `{name}` is replaced wherever it stands.
    pub fn with(&self, key: &str, name: &str, value: impl fmt::Display) -> String {
        self.fill(key, &[(name, &value)])
    }

    /// Two values.
    pub fn with2(
        &self,
        key: &str,
        name: &str,
        value: impl fmt::Display,
        name2: &str,
        value2: impl fmt::Display,
    ) -> String {
        self.fill(key, &[(name, &value), (name2, &value2)])
    }

    /// A number of things: English takes `key_one` for 1 where it exists.
    pub fn count(&self, key: &str, n: i64) -> String {
        let one = format!("{key}_one");
        let text = if n == 1 && self.has(&one) {
            self.get(&one).to_owned()
        } else {
            self.get(key).to_owned()
        };
        fill(&text, &[("n", &grouped(n))])
    }
}

/// `12,345`.
pub fn grouped(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut out = String::with_capacity(digits.len() + 4);
    if n < 0 {
        out.push('-');
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn fill(text: &str, values: &[(&str, &dyn fmt::Display)]) -> String {
    let mut out = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((name, tail)) = after.split_once('}') else {
            out.push('{');
            rest = after;
            continue;
        };
        match values.iter().find(|(n, _)| *n == name) {
            Some((_, value)) => {
                write!(out, "{value}").expect("writing to a String cannot fail");
            }
            None => {
                out.push('{');
                out.push_str(name);
                out.push('}');
            }
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_hold_the_same_keys() {
        let missing: Vec<_> = CHINESE
            .keys()
            .filter(|k| !ENGLISH.contains_key(*k))
            .map(|k| format!("en lacks {k}"))
            .chain(
                ENGLISH
                    .keys()
                    .filter(|k| !CHINESE.contains_key(*k) && !k.ends_with("_one"))
                    .map(|k| format!("zh-CN lacks {k}")),
            )
            .collect();
        assert!(missing.is_empty(), "{missing:#?}");
    }

    #[test]
    fn both_languages_have_the_same_places() {
        let places = |text: &str| {
            let mut found: Vec<String> = text
                .split('{')
                .skip(1)
                .filter_map(|p| p.split_once('}'))
                .map(|(n, _)| n.to_owned())
                .collect();
            found.sort();
            found.dedup();
            found
        };
        let odd: Vec<_> = CHINESE
            .iter()
            .filter(|(key, text)| {
                ENGLISH
                    .get(*key)
                    .is_some_and(|en| places(en) != places(text))
            })
            .map(|(key, _)| key)
            .collect();
        assert!(odd.is_empty(), "places differ: {odd:?}");
    }

    #[test]
    fn a_place_without_a_value_stays_as_it_is() {
        assert_eq!(fill("{a} and {b}", &[("a", &1)]), "1 and {b}");
        assert_eq!(fill("{", &[]), "{");
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(-12), "-12");
        assert_eq!(grouped(100), "100");
    }

    #[test]
    fn the_first_spoken_language_is_taken() {
        assert_eq!(accepted_language("fr, en-GB;q=0.8, zh"), Some(Language::En));
        assert_eq!(accepted_language("*"), None);
    }
}
