//! One frame of a Stream connection, read leniently, and the answer to it.
//!
//! Caller: the link, for every text it receives.
//! Invariant: whatever comes, reading gives a frame or says why not; unknown headers are kept.
//! Source: Stream 模式协议接入说明; its examples and the platform's own SDKs differ in `header` and
//! `headers`, and in numbers written as strings.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value, json};
use thiserror::Error;

/// A push, a ping or a notice of the gateway.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    pub kind: FrameKind,
    /// As sent; read them with [`Frame::header`].
    pub headers: BTreeMap<String, String>,
    /// JSON as a string.
    pub data: String,
}

/// `type` of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FrameKind {
    System,
    Event,
    Callback,
    Other(String),
}

/// Why a text is no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FrameError {
    #[error("the frame is not a JSON object")]
    NotAnObject,
    #[error("the frame has neither a type nor a topic")]
    NoKind,
}

impl fmt::Debug for Frame {
    /// Without the data: it may hold the address of a session.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("kind", &self.kind)
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}

impl Frame {
    /// Reads a frame.
    pub fn parse(text: &str) -> Result<Self, FrameError> {
        let map: Map<String, Value> =
            serde_json::from_str(text).map_err(|_| FrameError::NotAnObject)?;
        let find = |name: &str| {
            map.iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value)
        };
        let headers: BTreeMap<String, String> = ["headers", "header"]
            .iter()
            .find_map(|name| find(name)?.as_object())
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.clone(), plain(value)?)))
            .collect();
        let data = find("data").and_then(plain).unwrap_or_default();
        let kind = find("type").and_then(Value::as_str).unwrap_or_default();
        let mut frame = Self {
            kind: FrameKind::Other(kind.to_owned()),
            headers,
            data,
        };
        frame.kind = match kind.to_ascii_uppercase().as_str() {
            "SYSTEM" => FrameKind::System,
            "EVENT" => FrameKind::Event,
            "CALLBACK" => FrameKind::Callback,
            "" if frame.header("eventType").is_some() => FrameKind::Event,
            "" if frame.topic().is_some_and(|topic| topic.starts_with('/')) => FrameKind::Callback,
            "" if frame.topic().is_some() => FrameKind::System,
            "" => return Err(FrameError::NoKind),
            _ => frame.kind,
        };
        Ok(frame)
    }

    /// A header, whatever the case of its name; empty ones count as absent.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, value)| key.eq_ignore_ascii_case(name) && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    pub fn topic(&self) -> Option<&str> {
        self.header("topic")
    }

    /// What an answer must name.
    pub fn message_id(&self) -> Option<&str> {
        self.header("messageId")
    }

    /// When the gateway sent it, Unix milliseconds.
    pub fn time_ms(&self) -> Option<i64> {
        self.header("time")?.trim().parse().ok()
    }
}

/// Strings as they are, everything else as its JSON.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// The answer to a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ack {
    code: u16,
    message: String,
    data: String,
    is_final: bool,
}

impl Ack {
    /// The event was taken.
    pub(super) fn event_success() -> Self {
        Self::ok(&json!({"status": "SUCCESS", "message": "success"}))
    }

    /// The event is to be pushed again.
    pub(super) fn event_later() -> Self {
        Self {
            is_final: false,
            ..Self::ok(&json!({"status": "LATER", "message": "later"}))
        }
    }

    /// The object a callback asked for, or null.
    pub(super) fn response(response: &Value) -> Self {
        Self::ok(&json!({ "response": response }))
    }

    /// 400, 404 or 500.
    pub(super) fn failure(code: u16, message: &str) -> Self {
        Self {
            code,
            message: message.to_owned(),
            data: json!({ "response": null }).to_string(),
            is_final: false,
        }
    }

    fn ok(data: &Value) -> Self {
        Self {
            code: 200,
            message: "OK".to_owned(),
            data: data.to_string(),
            is_final: true,
        }
    }

    /// Nothing more is expected for this push: the same answer holds for every repetition.
    pub(super) fn is_final(&self) -> bool {
        self.is_final
    }

    /// The text to send for the frame called `message_id`.
    pub(super) fn render(&self, message_id: &str) -> String {
        render(self.code, &self.message, &self.data, message_id)
    }
}

/// The answer to a ping: its own data.
pub(super) fn pong(frame: &Frame) -> String {
    let message_id = frame.message_id().unwrap_or_default();
    render(200, "OK", &frame.data, message_id)
}

fn render(code: u16, message: &str, data: &str, message_id: &str) -> String {
    json!({
        "code": code,
        "headers": { "messageId": message_id, "contentType": "application/json" },
        "message": message,
        "data": data,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_documented_frame_is_read() {
        let text = r#"{"specVersion":"1.0","type":"EVENT","headers":{"topic":"*","messageId":"213d_1","time":"1693221579964","eventType":"user_add_org","xNew":"kept"},"data":"{\"userId\":[\"a\"]}"}"#;
        let frame = Frame::parse(text).unwrap();
        assert_eq!(frame.kind, FrameKind::Event);
        assert_eq!(frame.message_id(), Some("213d_1"));
        assert_eq!(frame.time_ms(), Some(1_693_221_579_964));
        assert_eq!(frame.header("xnew"), Some("kept"));
        assert_eq!(frame.data, r#"{"userId":["a"]}"#);
    }

    #[test]
    fn other_spellings_are_read_too() {
        let text = r#"{"Type":"callback","Header":{"Topic":"/v1.0/x","messageID":7,"time":12},"data":{"a":1},"time":5}"#;
        let frame = Frame::parse(text).unwrap();
        assert_eq!(frame.kind, FrameKind::Callback);
        assert_eq!(frame.message_id(), Some("7"));
        assert_eq!(frame.time_ms(), Some(12));
        assert_eq!(frame.data, r#"{"a":1}"#);
        let kind = |text| Frame::parse(text).map(|frame| frame.kind);
        assert_eq!(
            kind(r#"{"headers":{"topic":"ping"}}"#),
            Ok(FrameKind::System)
        );
        assert_eq!(
            kind(r#"{"headers":{"topic":"/v1.0/x"}}"#),
            Ok(FrameKind::Callback)
        );
        assert_eq!(
            kind(r#"{"headers":{"eventType":"x"}}"#),
            Ok(FrameKind::Event)
        );
        assert_eq!(
            kind(r#"{"type":"NEWS"}"#),
            Ok(FrameKind::Other("NEWS".into()))
        );
        assert_eq!(kind("{}"), Err(FrameError::NoKind));
        assert_eq!(kind("[]"), Err(FrameError::NotAnObject));
    }

    #[test]
    fn answers_have_the_documented_shape() {
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let ack = read(&Ack::response(&Value::Null).render("m1"));
        assert_eq!(
            ack,
            json!({"code":200,"headers":{"messageId":"m1","contentType":"application/json"},"message":"OK","data":"{\"response\":null}"})
        );
        let success = read(&Ack::event_success().render("m1"));
        let data = read(success["data"].as_str().unwrap());
        assert_eq!(data, json!({"status":"SUCCESS","message":"success"}));
        let ping = Frame::parse(r#"{"type":"SYSTEM","headers":{"topic":"ping","messageId":"p"},"data":"{\"opaque\":\"x\"}"}"#).unwrap();
        assert_eq!(read(&pong(&ping))["data"], json!("{\"opaque\":\"x\"}"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_text_panics(text in any::<String>(), key in "[a-zA-Z]{0,8}", value in any::<String>()) {
            let _ = Frame::parse(&text);
            let _ = Frame::parse(&json!({"type": value, "headers": {key.clone(): value, "x": [1]}, key: {}}).to_string());
        }
    }
}
