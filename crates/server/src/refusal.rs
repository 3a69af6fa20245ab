//! Why an action did not happen, in a form that every edge can show in the user's language.
//!
//! Actions return [`ActionError`]; pages, API and command line render it. Invariant: a refusal names a key under
//! `errors.` in both locale files (tested) and says what to do; an internal error is logged once at the edge and
//! shown without its inside.

use std::fmt::Display;

use crate::texts::Texts;

/// The kind decides the HTTP status and the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// The input is wrong: 422, exit code 2.
    Invalid,
    /// There is no such thing: 404.
    NotFound,
    /// The state has moved on, or it exists already: 409.
    Conflict,
    /// Not signed in: 401.
    SignInNeeded,
    /// Signed in but not allowed: 403.
    Forbidden,
    /// Too many tries: 429.
    TooMany,
}

/// A refusal with the values its text needs and the form field it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub kind: RefusalKind,
    /// `errors.<code>` holds the text, `errors.<code>_fix` what to do.
    pub code: String,
    pub values: Vec<(String, String)>,
    /// The form field, API member or option it is about.
    pub field: Option<&'static str>,
}

impl Refusal {
    pub fn new(kind: RefusalKind, code: impl Into<String>) -> Self {
        Self {
            kind,
            code: code.into(),
            values: Vec::new(),
            field: None,
        }
    }

    pub fn invalid(field: &'static str, code: impl Into<String>) -> Self {
        Self {
            field: Some(field),
            ..Self::new(RefusalKind::Invalid, code)
        }
    }

    pub fn not_found(code: impl Into<String>) -> Self {
        Self::new(RefusalKind::NotFound, code)
    }

    pub fn conflict(code: impl Into<String>) -> Self {
        Self::new(RefusalKind::Conflict, code)
    }

    pub fn with(mut self, name: &str, value: impl Display) -> Self {
        self.values.push((name.to_owned(), value.to_string()));
        self
    }

    /// What happened, in the reader's language.
    pub fn message(&self, texts: Texts) -> String {
        self.text(texts, &format!("errors.{}", self.code))
    }

    /// What to do about it; empty where the message says it all.
    pub fn fix(&self, texts: Texts) -> String {
        let key = format!("errors.{}_fix", self.code);
        if texts.has(&key) {
            self.text(texts, &key)
        } else {
            String::new()
        }
    }

    /// Message and advice in one line.
    pub fn sentence(&self, texts: Texts) -> String {
        let fix = self.fix(texts);
        if fix.is_empty() {
            self.message(texts)
        } else {
            format!("{} {fix}", self.message(texts))
        }
    }

    fn text(&self, texts: Texts, key: &str) -> String {
        let values: Vec<(&str, &dyn Display)> = self
            .values
            .iter()
            .map(|(n, v)| (n.as_str(), v as &dyn Display))
            .collect();
        texts.fill(key, &values)
    }
}

/// What an action can end with instead of its result.
#[derive(Debug, thiserror::Error)]
pub enum ActionError {
    #[error("refused: {}", .0.code)]
    Refused(Box<Refusal>),
    #[error("internal error: {0}")]
    Internal(String),
}

impl From<Refusal> for ActionError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl From<yuezhi_store::StoreError> for ActionError {
    fn from(error: yuezhi_store::StoreError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl ActionError {
    pub fn internal(error: impl Display) -> Self {
        Self::Internal(error.to_string())
    }

    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Internal(_) => None,
        }
    }
}
