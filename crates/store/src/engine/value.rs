//! What goes into a statement and what comes out of a row: six kinds of value, the same on both engines.
//!
//! `p![…]` turns Rust values into parameters through [`ToValue`]; [`FromValue`] turns columns back. Domain types take
//! part through `domain_values.rs`. Invariant: `Debug` shows no text and no bytes, because drivers log parameters at
//! debug level and a parameter may be a robot's webhook.
//! Weakness: booleans come back as 0 and 1 on both engines; only the reading type tells them from numbers.

use std::{borrow::Cow, fmt};

/// A parameter (borrowed where possible) or a column's value (owned).
#[derive(Clone, PartialEq)]
pub enum Value<'a> {
    Null,
    Int(i64),
    Real(f64),
    Bool(bool),
    Text(Cow<'a, str>),
    Blob(Cow<'a, [u8]>),
}

impl Value<'static> {
    /// A text of its own, or NULL.
    pub fn from_text(text: Option<String>) -> Self {
        text.map_or(Value::Null, |text| Value::Text(Cow::Owned(text)))
    }

    /// A number of rows.
    pub fn from_count(count: usize) -> Self {
        Value::Int(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

impl Value<'_> {
    /// The kind, for errors.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Int(_) => "an integer",
            Self::Real(_) => "a real number",
            Self::Bool(_) => "a boolean",
            Self::Text(_) => "a text",
            Self::Blob(_) => "bytes",
        }
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(number) => write!(f, "{number}"),
            Self::Real(number) => write!(f, "{number}"),
            Self::Bool(yes) => write!(f, "{yes}"),
            Self::Null => f.write_str("NULL"),
            Self::Text(text) => write!(f, "<{} bytes of text>", text.len()),
            Self::Blob(bytes) => write!(f, "<{} bytes>", bytes.len()),
        }
    }
}

/// Something that can be a parameter.
pub trait ToValue {
    fn to_value(&self) -> Value<'_>;
}

/// Something that a column can be read as.
pub trait FromValue: Sized {
    /// What it wants, for errors: `an integer`, `a notice state`.
    const WANTED: &'static str;

    /// `None`: the value is not of this kind, or its text is not one this type knows.
    fn from_value(value: &Value<'_>) -> Option<Self>;
}

/// The parameters of a statement: `p![notice_no, state, now]`.
#[macro_export]
macro_rules! p {
    ($($value:expr),* $(,)?) => {
        &[$($crate::ToValue::to_value(&$value)),*]
    };
}

impl<T: ToValue + ?Sized> ToValue for &T {
    fn to_value(&self) -> Value<'_> {
        (**self).to_value()
    }
}

impl<T: ToValue> ToValue for Option<T> {
    fn to_value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, ToValue::to_value)
    }
}

impl<T: FromValue> FromValue for Option<T> {
    const WANTED: &'static str = T::WANTED;

    fn from_value(value: &Value<'_>) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

impl ToValue for Value<'_> {
    fn to_value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Int(number) => Value::Int(*number),
            Self::Real(number) => Value::Real(*number),
            Self::Bool(yes) => Value::Bool(*yes),
            Self::Text(text) => Value::Text(Cow::Borrowed(text)),
            Self::Blob(bytes) => Value::Blob(Cow::Borrowed(bytes)),
        }
    }
}

impl FromValue for Value<'static> {
    const WANTED: &'static str = "anything";

    fn from_value(value: &Value<'_>) -> Option<Self> {
        Some(match value {
            Value::Null => Value::Null,
            Value::Int(number) => Value::Int(*number),
            Value::Real(number) => Value::Real(*number),
            Value::Bool(yes) => Value::Bool(*yes),
            Value::Text(text) => Value::Text(Cow::Owned(text.clone().into_owned())),
            Value::Blob(bytes) => Value::Blob(Cow::Owned(bytes.clone().into_owned())),
        })
    }
}

impl ToValue for i64 {
    fn to_value(&self) -> Value<'_> {
        Value::Int(*self)
    }
}

impl FromValue for i64 {
    const WANTED: &'static str = "an integer";

    fn from_value(value: &Value<'_>) -> Option<Self> {
        match value {
            Value::Int(number) => Some(*number),
            _ => None,
        }
    }
}

macro_rules! smaller_integers {
    ($($integer:ty),+) => {$(
        impl ToValue for $integer {
            /// Beyond `i64` (no row count or size gets there) it is the largest one.
            fn to_value(&self) -> Value<'_> {
                Value::Int(i64::try_from(*self).unwrap_or(i64::MAX))
            }
        }

        impl FromValue for $integer {
            const WANTED: &'static str = concat!("an integer that fits ", stringify!($integer));

            fn from_value(value: &Value<'_>) -> Option<Self> {
                i64::from_value(value).and_then(|number| Self::try_from(number).ok())
            }
        }
    )+};
}

smaller_integers!(i32, u16, u32, u64, usize);

impl ToValue for f64 {
    fn to_value(&self) -> Value<'_> {
        Value::Real(*self)
    }
}

impl FromValue for f64 {
    const WANTED: &'static str = "a real number";

    fn from_value(value: &Value<'_>) -> Option<Self> {
        match value {
            Value::Real(number) => Some(*number),
            _ => None,
        }
    }
}

impl ToValue for bool {
    fn to_value(&self) -> Value<'_> {
        Value::Bool(*self)
    }
}

impl FromValue for bool {
    const WANTED: &'static str = "a boolean";

    fn from_value(value: &Value<'_>) -> Option<Self> {
        match value {
            Value::Bool(yes) => Some(*yes),
            Value::Int(0) => Some(false),
            Value::Int(1) => Some(true),
            _ => None,
        }
    }
}

impl ToValue for str {
    fn to_value(&self) -> Value<'_> {
        Value::Text(Cow::Borrowed(self))
    }
}

impl ToValue for String {
    fn to_value(&self) -> Value<'_> {
        Value::Text(Cow::Borrowed(self))
    }
}

impl FromValue for String {
    const WANTED: &'static str = "a text";

    fn from_value(value: &Value<'_>) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text.clone().into_owned()),
            _ => None,
        }
    }
}

impl ToValue for [u8] {
    fn to_value(&self) -> Value<'_> {
        Value::Blob(Cow::Borrowed(self))
    }
}

impl ToValue for Vec<u8> {
    fn to_value(&self) -> Value<'_> {
        Value::Blob(Cow::Borrowed(self))
    }
}

impl FromValue for Vec<u8> {
    const WANTED: &'static str = "bytes";

    fn from_value(value: &Value<'_>) -> Option<Self> {
        match value {
            Value::Blob(bytes) => Some(bytes.clone().into_owned()),
            _ => None,
        }
    }
}
