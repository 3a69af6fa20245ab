//! How the domain's types stand in the database: words and ids as text, instants as integers.
//!
//! Invariant: what `to_value` writes `from_value` reads back; a word of a newer release is an error, never a guess.

use std::borrow::Cow;

use yuezhi_domain::{
    ChangeKind, CloseReason, ContentHash, DeliveryKind, DeliveryState, DepartmentId, NoticeId,
    NoticeState, ObligationState, OccurrenceId, PersonId, PolicyId, ReceiptId, ReceiptKind,
    ReceiptSource, Requirement, ScheduleId, TokenId, UnixMillis, VersionId, VersionState,
};

use crate::{FromValue, ToValue, Value};

macro_rules! words {
    ($($wanted:literal $word:ty;)+) => {$(
        impl ToValue for $word {
            fn to_value(&self) -> Value<'_> {
                Value::Text(Cow::Borrowed(self.as_str()))
            }
        }

        impl FromValue for $word {
            const WANTED: &'static str = $wanted;

            fn from_value(value: &Value<'_>) -> Option<Self> {
                match value {
                    Value::Text(text) => text.parse().ok(),
                    _ => None,
                }
            }
        }
    )+};
}

words! {
    "a change kind" ChangeKind;
    "a close reason" CloseReason;
    "a delivery kind" DeliveryKind;
    "a delivery state" DeliveryState;
    "a notice state" NoticeState;
    "an obligation state" ObligationState;
    "a receipt kind" ReceiptKind;
    "a receipt source" ReceiptSource;
    "a requirement" Requirement;
    "a version state" VersionState;
}

macro_rules! texts {
    ($($wanted:literal $text:ty;)+) => {$(
        impl ToValue for $text {
            fn to_value(&self) -> Value<'_> {
                Value::Text(Cow::Owned(self.to_string()))
            }
        }

        impl FromValue for $text {
            const WANTED: &'static str = $wanted;

            fn from_value(value: &Value<'_>) -> Option<Self> {
                match value {
                    Value::Text(text) => text.parse().ok(),
                    _ => None,
                }
            }
        }
    )+};
}

texts! {
    "a content hash" ContentHash;
    "a department id" DepartmentId;
    "a notice id" NoticeId;
    "an occurrence id" OccurrenceId;
    "a person id" PersonId;
    "a policy id" PolicyId;
    "a receipt id" ReceiptId;
    "a schedule id" ScheduleId;
    "a token id" TokenId;
    "a version id" VersionId;
}

impl ToValue for UnixMillis {
    fn to_value(&self) -> Value<'_> {
        Value::Int(self.0)
    }
}

impl FromValue for UnixMillis {
    const WANTED: &'static str = "an instant in milliseconds";

    fn from_value(value: &Value<'_>) -> Option<Self> {
        i64::from_value(value).map(Self)
    }
}
