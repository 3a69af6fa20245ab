//! What came of an attempt or a check, as data for the ledger and the console.
//!
//! Callers: the dispatch worker records it; the server translates [`Why::code`] into what to do.
//! Invariant: details are redacted and at most 500 characters; codes are stable.

use std::time::Duration;

/// What came of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Accepted by the platform or the relay.
    Sent {
        /// The platform's own name of the message, where it gives one.
        platform_id: Option<String>,
    },
    /// This delivery again later; it costs an attempt.
    Retry {
        /// Not before.
        after: Option<Duration>,
        why: Why,
        /// It may have arrived although no confirmation came.
        maybe_delivered: bool,
    },
    /// Nothing through this lane for a while. It says nothing about this delivery, which should
    /// stay due without losing an attempt.
    Hold { lane_for: Duration, why: Why },
    /// This delivery will never get through; others may.
    Reject { why: Why },
    /// Nothing will get through this lane until an administrator acts.
    Misconfigured { why: Why },
}

/// Who has read a message, as a platform tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadReport {
    /// The platform does not tell for this kind of message.
    Unsupported,
    /// What is known by now.
    Readers {
        /// Those who have read it.
        readers: Vec<Reader>,
        /// Those who never got it although sending was accepted.
        undelivered: Vec<Undelivered>,
    },
    /// Not now: again after this.
    Later { after: Duration, why: Why },
    /// The platform does not tell (any more).
    Over { why: Why },
}

/// Somebody who has read a message, as a platform tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    pub dingtalk_user_id: String,
    /// `None` where the platform tells that, but not when.
    pub at: Option<yuezhi_domain::UnixMillis>,
}

/// Somebody whom an accepted message did not reach, as a platform tells afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undelivered {
    pub dingtalk_user_id: String,
    pub why: Why,
}

impl ReadReport {
    /// A report of readers where the platform tells nothing of people who got nothing.
    pub(crate) fn readers(readers: Vec<Reader>) -> Self {
        Self::Readers {
            readers,
            undelivered: Vec::new(),
        }
    }
}

/// A reason: a stable code to translate, and the platform's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    /// snake_case, for example `robot_keyword_missing`.
    pub code: &'static str,
    /// Redacted, at most 500 characters, possibly empty.
    pub detail: String,
}

impl Why {
    /// `detail` must not hold secrets; pass the platform's words through [`Why::redacted`].
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }

    /// Takes `known` secrets and secret query parameters out of `detail`.
    pub fn redacted(code: &'static str, detail: &str, known: &[&str]) -> Self {
        Self {
            code,
            detail: dingtalk::redact(detail.trim(), known),
        }
    }
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.detail.is_empty() {
            f.write_str(self.code)
        } else {
            write!(f, "{}: {}", self.code, self.detail)
        }
    }
}

impl Outcome {
    /// The reason, unless it was sent.
    pub fn why(&self) -> Option<&Why> {
        match self {
            Self::Sent { .. } => None,
            Self::Retry { why, .. }
            | Self::Hold { why, .. }
            | Self::Reject { why }
            | Self::Misconfigured { why } => Some(why),
        }
    }
}

/// What a check found, in the order it looked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReport {
    pub findings: Vec<Finding>,
}

/// One thing found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub level: Level,
    pub why: Why,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Fine,
    Warning,
    Failed,
}

impl CheckReport {
    pub(crate) fn one(level: Level, why: Why) -> Self {
        Self {
            findings: vec![Finding { level, why }],
        }
    }

    pub(crate) fn of_outcome(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Sent { .. } => Self::default(),
            Outcome::Retry { why, .. } | Outcome::Hold { why, .. } => {
                Self::one(Level::Warning, why)
            }
            Outcome::Reject { why } | Outcome::Misconfigured { why } => {
                Self::one(Level::Failed, why)
            }
        }
    }

    /// The worst level; an empty report is fine.
    pub fn level(&self) -> Level {
        self.findings
            .iter()
            .map(|finding| finding.level)
            .max()
            .unwrap_or(Level::Fine)
    }
}
