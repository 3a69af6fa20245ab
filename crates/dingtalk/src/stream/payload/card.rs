//! A click on an interactive card, and the answer that changes the card.
//!
//! Callers: frames of [`CARD_TOPIC`](super::CARD_TOPIC), endpoints of the HTTP mode.
//! Invariant: a response is only sent with values the platform takes (texts of at most 1 KB).
//! Weakness: the platform names no unique click, so whatever a click does must be repeatable
//! per card and person. Do not call the update interface before the answer is given.
//! Source: 事件回调 (互动卡片), the official document.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use thiserror::Error;

use super::lenient::Fields;

/// Longest name of a card variable.
pub const CARD_KEY_LIMIT_BYTES: usize = 100;
/// Longest value of a card variable.
pub const CARD_VALUE_LIMIT_BYTES: usize = 1024;

/// One click.
#[derive(Debug, Clone, PartialEq)]
pub struct CardCallback {
    /// `actionCallback`
    pub kind: String,
    /// The card, as named when it was created.
    pub out_track_id: String,
    pub user_id: String,
    /// 1: `user_id` is a userid; 2: a unionId.
    pub user_id_type: Option<i64>,
    pub corp_id: Option<String>,
    /// Ids of the clicked components.
    pub action_ids: Vec<String>,
    /// What the button carries (回传参数).
    pub params: Map<String, Value>,
    pub space_id: Option<String>,
    pub space_type: Option<String>,
    /// An object where it could be read as one.
    pub extension: Option<Value>,
    /// The platform's JSON.
    pub raw: Value,
}

impl CardCallback {
    /// From the JSON body of an HTTP callback. `None`: not a card callback, or not JSON.
    pub fn from_http(body: &[u8]) -> Option<Self> {
        let data: Value = serde_json::from_slice(body).ok()?;
        let fields = Fields::of(&data);
        fields.has("outtrackid").then(|| Self::of(&fields, data))
    }

    pub(super) fn of(fields: &Fields, raw: Value) -> Self {
        let content = fields.object("content");
        let private = content.object("cardprivatedata");
        let params = match private.value("params") {
            Some(Value::Object(params)) => params.clone(),
            Some(Value::String(text)) => serde_json::from_str(text).unwrap_or_default(),
            _ => Map::new(),
        };
        let extension = fields.value("extension").map(|value| match value {
            Value::String(text) => {
                serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()))
            }
            other => other.clone(),
        });
        Self {
            kind: fields.text_or_empty("type"),
            out_track_id: fields.text_or_empty("outtrackid"),
            user_id: fields.text_or_empty("userid"),
            user_id_type: fields.number("useridtype"),
            corp_id: fields.text("corpid"),
            action_ids: private.texts("actionids"),
            params,
            space_id: fields.text("spaceid"),
            space_type: fields.text("spacetype"),
            extension,
            raw,
        }
    }

    /// A parameter as text; numbers and booleans too.
    pub fn param(&self, name: &str) -> Option<String> {
        match self.params.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Null => None,
            other => Some(other.to_string()),
        }
    }
}

/// What the card is to show after a click. Keys that are not named stay as they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CardResponse {
    for_all: BTreeMap<String, String>,
    for_clicker: BTreeMap<String, String>,
}

/// A variable that the platform would refuse.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "the card variable {key} has {bytes} bytes; a name can have 100 and a value 1024. Show a summary and link to the rest"
)]
pub struct CardValueTooLong {
    pub key: String,
    pub bytes: usize,
}

impl CardResponse {
    /// The card stays as it is.
    pub fn unchanged() -> Self {
        Self::default()
    }

    /// A variable that everybody sees. Numbers and booleans go as their text.
    pub fn for_all(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.for_all.insert(key.into(), value.into());
        self
    }

    /// A variable that only the person who clicked sees.
    pub fn for_clicker(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.for_clicker.insert(key.into(), value.into());
        self
    }

    /// Whether the platform takes every variable.
    pub fn check(&self) -> Result<(), CardValueTooLong> {
        for (key, value) in self.for_all.iter().chain(&self.for_clicker) {
            let too_long = |bytes| CardValueTooLong {
                key: key.chars().take(100).collect(),
                bytes,
            };
            if key.len() > CARD_KEY_LIMIT_BYTES {
                return Err(too_long(key.len()));
            }
            if value.len() > CARD_VALUE_LIMIT_BYTES {
                return Err(too_long(value.len()));
            }
        }
        Ok(())
    }

    /// The body of an HTTP answer; in Stream mode the client wraps it in `response`.
    pub fn to_json(&self) -> Value {
        let mut body = Map::new();
        if self.for_all.is_empty() && self.for_clicker.is_empty() {
            return Value::Object(body);
        }
        body.insert(
            "cardUpdateOptions".to_owned(),
            json!({
                "updateCardDataByKey": !self.for_all.is_empty(),
                "updatePrivateDataByKey": !self.for_clicker.is_empty(),
            }),
        );
        for (name, variables) in [
            ("cardData", &self.for_all),
            ("userPrivateData", &self.for_clicker),
        ] {
            if !variables.is_empty() {
                body.insert(name.to_owned(), json!({ "cardParamMap": variables }));
            }
        }
        Value::Object(body)
    }
}
