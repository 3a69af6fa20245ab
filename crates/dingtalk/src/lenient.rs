//! Reads the platform's JSON the way it is really written: numbers and booleans as strings,
//! keys in any case and with or without underscores, `null` and missing alike, an object or a
//! list inside a string, one element where a list is announced.
//!
//! Callers: every answer of every call; usable for other DingTalk documents (events, callbacks).
//! Invariant: never panics, and an error names no value (values may be secrets).
//! Weakness: works on a whole `serde_json::Value`; answers are bounded in size, so that is cheap.

use std::fmt;

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{self, DeserializeOwned, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value};

/// JSON that does not fit even leniently. Shows what was expected, never what was there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unfit(String);

impl de::Error for Unfit {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self(format!("expected {expected}"))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self(format!("expected {expected}"))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self(format!("expected one of {}", expected.join(", ")))
    }
}

/// Reads JSON bytes leniently.
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Unfit> {
    let value = serde_json::from_slice(bytes).map_err(|error| {
        Unfit(format!(
            "not JSON (line {}, column {})",
            error.line(),
            error.column()
        ))
    })?;
    from_value(value)
}

/// Reads a JSON value leniently.
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, Unfit> {
    T::deserialize(Lenient(value))
}

struct Lenient(Value);

impl IntoDeserializer<'_, Unfit> for Lenient {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

fn wanted<T>(what: &str) -> Result<T, Unfit> {
    Err(Unfit(format!("expected {what}")))
}

/// An object or a list that was written into a string.
fn unwrapped(value: Value) -> Value {
    match value {
        Value::String(text) if text.trim_start().starts_with(['{', '[']) => {
            serde_json::from_str(&text).unwrap_or(Value::String(text))
        }
        other => other,
    }
}

impl Lenient {
    fn whole<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        match self.0 {
            Value::Number(number) => {
                if let Some(whole) = number.as_i64() {
                    visitor.visit_i64(whole)
                } else if let Some(whole) = number.as_u64() {
                    visitor.visit_u64(whole)
                } else {
                    // `1.0E12` is how some gateways write a whole number.
                    visitor.visit_i64(number.as_f64().unwrap_or_default() as i64)
                }
            }
            Value::String(text) => {
                let text = text.trim();
                if text.is_empty() {
                    visitor.visit_i64(0)
                } else if let Ok(whole) = text.parse::<i64>() {
                    visitor.visit_i64(whole)
                } else if let Ok(fraction) = text.parse::<f64>() {
                    visitor.visit_i64(fraction as i64)
                } else {
                    wanted("a whole number")
                }
            }
            Value::Bool(flag) => visitor.visit_i64(flag.into()),
            _ => wanted("a whole number"),
        }
    }
}

macro_rules! whole {
    ($($name:ident)*) => {$(
        fn $name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
            self.whole(visitor)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Lenient {
    type Error = Unfit;

    whole! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        match self.0 {
            Value::Number(number) => visitor.visit_f64(number.as_f64().unwrap_or_default()),
            Value::String(text) => match text.trim().parse() {
                Ok(number) => visitor.visit_f64(number),
                Err(_) => wanted("a number"),
            },
            _ => wanted("a number"),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        match self.0 {
            Value::Bool(flag) => visitor.visit_bool(flag),
            Value::Number(number) => visitor.visit_bool(number.as_f64() != Some(0.0)),
            Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "1" | "y" | "yes" => visitor.visit_bool(true),
                "false" | "0" | "n" | "no" | "" => visitor.visit_bool(false),
                _ => wanted("true or false"),
            },
            _ => wanted("true or false"),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        match self.0 {
            Value::String(text) => visitor.visit_string(text),
            Value::Number(number) => visitor.visit_string(number.to_string()),
            Value::Bool(flag) => visitor.visit_string(flag.to_string()),
            Value::Null => visitor.visit_string(String::new()),
            Value::Array(_) | Value::Object(_) => wanted("a text"),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        self.deserialize_string(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        self.deserialize_string(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        self.deserialize_string(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Unfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        let items = match unwrapped(self.0) {
            Value::Array(items) => items,
            Value::Null => Vec::new(),
            Value::String(text) if text.trim().is_empty() => Vec::new(),
            one => vec![one],
        };
        visitor.visit_seq(SeqDeserializer::new(items.into_iter().map(Lenient)))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        let entries = entries(self.0)?;
        visitor.visit_map(MapDeserializer::new(
            entries
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (key, Lenient(value))),
        ))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unfit> {
        let named = matched(entries(self.0)?, fields);
        visitor.visit_map(MapDeserializer::new(
            named.into_iter().map(|(key, value)| (key, Lenient(value))),
        ))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unfit> {
        let text = match self.0 {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            Value::Bool(flag) => flag.to_string(),
            _ => return wanted("a word"),
        };
        let known = variants
            .iter()
            .find(|variant| **variant == text)
            .or_else(|| {
                variants
                    .iter()
                    .find(|variant| folded(variant) == folded(&text))
            })
            .map_or(text.as_str(), |variant| *variant);
        visitor.visit_enum(IntoDeserializer::<Unfit>::into_deserializer(
            known.to_owned(),
        ))
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(flag) => visitor.visit_bool(flag),
            Value::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(whole), _) => visitor.visit_i64(whole),
                (None, Some(whole)) => visitor.visit_u64(whole),
                (None, None) => visitor.visit_f64(number.as_f64().unwrap_or_default()),
            },
            Value::String(text) => visitor.visit_string(text),
            Value::Array(items) => {
                visitor.visit_seq(SeqDeserializer::new(items.into_iter().map(Lenient)))
            }
            Value::Object(entries) => visitor.visit_map(MapDeserializer::new(
                entries
                    .into_iter()
                    .map(|(key, value)| (key, Lenient(value))),
            )),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i128 u128 bytes byte_buf unit unit_struct tuple tuple_struct
    }
}

fn entries(value: Value) -> Result<Map<String, Value>, Unfit> {
    match unwrapped(value) {
        Value::Object(entries) => Ok(entries),
        Value::Null => Ok(Map::new()),
        Value::String(text) if text.trim().is_empty() => Ok(Map::new()),
        _ => wanted("an object"),
    }
}

/// Each field at most once: its exact name wins, then the first that differs in case or
/// underscores only.
fn matched(
    entries: Map<String, Value>,
    fields: &'static [&'static str],
) -> Vec<(&'static str, Value)> {
    let mut found: Vec<(&'static str, Value)> = Vec::with_capacity(fields.len());
    let mut others = Vec::new();
    for (key, value) in entries {
        if value.is_null() {
            continue;
        }
        match fields.iter().find(|field| **field == key) {
            Some(field) => found.push((field, value)),
            None => others.push((folded(&key), value)),
        }
    }
    for (key, value) in others {
        if let Some(field) = fields.iter().find(|field| folded(field) == key)
            && !found.iter().any(|(taken, _)| taken == field)
        {
            found.push((field, value));
        }
    }
    found
}

fn folded(key: &str) -> String {
    key.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Person {
        user_id: String,
        read: bool,
        read_timestamp: Option<i64>,
        dept_ids: Vec<i64>,
        state: State,
    }

    #[derive(Debug, PartialEq, Default, Deserialize)]
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    enum State {
        Read,
        #[default]
        #[serde(other)]
        Unknown,
    }

    #[test]
    fn the_same_person_is_read_from_every_spelling() {
        let expected = Person {
            user_id: "7".into(),
            read: true,
            read_timestamp: Some(1_700_000_000_000),
            dept_ids: vec![1, -1],
            state: State::Read,
        };
        for text in [
            r#"{"userId":"7","read":true,"readTimestamp":1700000000000,"deptIds":[1,-1],"state":"READ"}"#,
            r#"{"userid":7,"read":"true","read_timestamp":"1700000000000","dept_ids":["1","-1"],"state":"read"}"#,
            r#"{"UserId":"7","Read":1,"ReadTimestamp":1.7E12,"DEPTIDS":"[1,-1]","State":"Read","more":{}}"#,
            r#"{"userId":"7","userid":"other","read":"True","readTimestamp":1700000000000,"deptIds":[1,"-1"],"state":"READ"}"#,
        ] {
            assert_eq!(
                from_slice::<Person>(text.as_bytes()).unwrap(),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn missing_null_and_unknown_leave_the_default() {
        for text in ["{}", r#"{"userId":null,"state":"NEW"}"#, "null", r#""{}""#] {
            assert_eq!(
                from_slice::<Person>(text.as_bytes()).unwrap(),
                Person::default()
            );
        }
    }

    #[test]
    fn an_error_does_not_show_the_value() {
        let error = from_slice::<Person>(br#"{"read":"verySecret"}"#).unwrap_err();
        assert_eq!(error.to_string(), "expected true or false");
        let error = from_slice::<Person>(br#"{"userId":{"token":"verySecret"}}"#).unwrap_err();
        assert!(!error.to_string().contains("verySecret"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in "\\PC*") {
            let _ = from_slice::<Person>(text.as_bytes());
        }

        #[test]
        fn numbers_and_flags_mean_the_same_as_strings(id: i64, read: bool, at: i64) {
            let plain = format!(r#"{{"userId":{id},"read":{read},"readTimestamp":{at}}}"#);
            let texts = format!(r#"{{"userid":"{id}","READ":"{read}","read_timestamp":" {at} "}}"#);
            prop_assert_eq!(
                from_slice::<Person>(plain.as_bytes()).unwrap(),
                from_slice::<Person>(texts.as_bytes()).unwrap()
            );
        }
    }
}
