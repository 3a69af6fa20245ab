//! How the domain's types stand in the database: words and ids as text, instants as integers.
//!
//! Invariant: what `to_value` writes `from_value` reads back; a word of a newer release is an error, never a guess.

use std::borrow::Cow;

use yuezhi_domain::{
    ChangeKind, CloseReason, ContentHash, DeliveryKind, DeliveryState, DepartmentId, Language,
    NoticeId, NoticeState, ObligationState, OccurrenceId, OccurrenceOutcome, PersonId, PolicyId,
    ReceiptId, ReceiptKind, ReceiptSource, Requirement, Resolved, ScheduleId, TokenId, UnixMillis,
    VersionId, VersionState,
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
    "a language" Language;
    "a notice state" NoticeState;
    "an obligation state" ObligationState;
    "an occurrence outcome" OccurrenceOutcome;
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

macro_rules! as_json {
    ($($wanted:literal $structure:ty;)+) => {$(
        impl ToValue for $structure {
            fn to_value(&self) -> Value<'_> {
                Value::Text(Cow::Owned(json(self)))
            }
        }

        impl FromValue for $structure {
            const WANTED: &'static str = $wanted;

            fn from_value(value: &Value<'_>) -> Option<Self> {
                match value {
                    Value::Text(text) => serde_json::from_str(text).ok(),
                    _ => None,
                }
            }
        }
    )+};
}

as_json! {
    "a JSON list of numbers" Vec<i64>;
    "a JSON list of texts" Vec<String>;
    "a resolved audience as JSON" Resolved;
}

/// The JSON text of numbers and words, for columns and for `{in_ids ?1}` and `{in_texts ?1}`.
pub(crate) fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("lists of numbers and texts can always be written as JSON")
}

/// An enum of stable words that only the database knows.
macro_rules! stored_words {
    ($(#[$meta:meta])* $wanted:literal $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vmeta])* $variant,)+ }

        impl $name {
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl $crate::ToValue for $name {
            fn to_value(&self) -> $crate::Value<'_> {
                $crate::Value::Text(std::borrow::Cow::Borrowed(self.as_str()))
            }
        }

        impl $crate::FromValue for $name {
            const WANTED: &'static str = $wanted;

            fn from_value(value: &$crate::Value<'_>) -> Option<Self> {
                match value {
                    $crate::Value::Text(text) => match text.as_ref() {
                        $($word => Some(Self::$variant),)+
                        _ => None,
                    },
                    _ => None,
                }
            }
        }
    };
}

pub(crate) use stored_words;
