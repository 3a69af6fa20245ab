//! Reads the fields of a push whatever the case of their keys and the type of their values.
//!
//! Callers: the payloads of this folder. The pages show `userId` and `UserId`, numbers and the
//! same numbers as strings, objects and the same objects as JSON strings.
//! Invariant: a field of an unexpected shape counts as absent; nothing here fails.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// An object with its keys in lower case. Ask with lower-case names.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields(BTreeMap<String, Value>);

impl Fields {
    /// An object, or the JSON string of one; anything else has no fields.
    pub(crate) fn of(value: &Value) -> Self {
        match value {
            Value::Object(map) => Self::of_map(map),
            Value::String(text) => match serde_json::from_str(text) {
                Ok(Value::Object(map)) => Self::of_map(&map),
                _ => Self::default(),
            },
            _ => Self::default(),
        }
    }

    fn of_map(map: &Map<String, Value>) -> Self {
        let lowered = map
            .iter()
            .map(|(key, value)| (key.to_ascii_lowercase(), value.clone()));
        Self(lowered.collect())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| !value.is_null())
    }

    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A text that is not empty; numbers and booleans as text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.0
            .get(name)
            .and_then(text_of)
            .filter(|text| !text.is_empty())
    }

    pub(crate) fn text_or_empty(&self, name: &str) -> String {
        self.text(name).unwrap_or_default()
    }

    pub(crate) fn number(&self, name: &str) -> Option<i64> {
        self.0.get(name).and_then(number_of)
    }

    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        match self.0.get(name)? {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
            Value::Number(number) => Some(number.as_i64() != Some(0)),
            _ => None,
        }
    }

    /// A list of texts; one text counts as a list of one.
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        self.items(name).iter().filter_map(text_of).collect()
    }

    pub(crate) fn numbers(&self, name: &str) -> Vec<i64> {
        self.items(name).iter().filter_map(number_of).collect()
    }

    pub(crate) fn object(&self, name: &str) -> Self {
        self.0.get(name).map(Self::of).unwrap_or_default()
    }

    /// The elements of a list, of a JSON string of a list, or one value alone.
    pub(crate) fn items(&self, name: &str) -> Vec<Value> {
        match self.value(name) {
            None => Vec::new(),
            Some(Value::Array(items)) => items.clone(),
            Some(Value::String(text)) if text.trim_start().starts_with('[') => {
                match serde_json::from_str(text) {
                    Ok(Value::Array(items)) => items,
                    _ => Vec::new(),
                }
            }
            Some(Value::String(text)) if text.is_empty() => Vec::new(),
            Some(other) => vec![other.clone()],
        }
    }
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

fn number_of(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}
