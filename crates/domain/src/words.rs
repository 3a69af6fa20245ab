//! The one way an enum of this product becomes a stable word, and the refusal of a state machine.
//!
//! `words!` writes `ALL`, `as_str`, `FromStr`, `Display` and serde for an enum from one list, so the word in the
//! database, in JSON and in a log line cannot drift apart. Used by every module that owns a state or a kind.
//! Invariant: `as_str` and `parse` are inverse for every variant, and words are never renamed once released.

use thiserror::Error;

/// A word that is none of the known ones, for example in a request or in a row of a newer release.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("\"{word}\" is no {what}; expected one of: {expected}")]
pub struct UnknownWord {
    /// What was wanted, for example `requirement`.
    pub what: &'static str,
    pub word: String,
    /// The known words, separated by comma and space.
    pub expected: String,
}

/// A state machine's answer to an event that its state does not allow. The row stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a {what} that is {state} cannot {event}")]
pub struct Refused {
    pub what: &'static str,
    pub state: &'static str,
    pub event: &'static str,
}

macro_rules! words {
    ($(#[$meta:meta])* $what:literal $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vmeta])* $variant,)+ }

        impl $name {
            /// Every value, in the order of the declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable word: in the database, in JSON, in logs.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::words::UnknownWord;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::words::UnknownWord {
                        what: $what,
                        word: word.to_owned(),
                        expected: [$($word,)+].join(", "),
                    }),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
                word.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

/// A text newtype's serde: as its `Display`, read back through `FromStr`.
macro_rules! serde_as_text {
    ($name:ty) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text =
                    <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use serde_as_text;
pub(crate) use words;
