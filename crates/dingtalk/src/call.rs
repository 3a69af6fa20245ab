//! One call in preparation: interface, path parameters, query, body.
//!
//! Callers: the typed calls, and anybody with an interface this crate lacks.
//! Invariant: whatever is put into path or query is percent-encoded exactly once; what cannot
//! be sent (an empty path parameter) is an error before anything leaves.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::Api;
use crate::error::{Error, MessageProblem};
use crate::http::parsed;

/// A call that [`App::call`](crate::App::call) can make, and repeat.
#[derive(Clone)]
pub struct Call<'a> {
    pub(crate) api: &'a Api,
    pub(crate) path: String,
    pub(crate) query: Vec<(&'a str, Cow<'a, str>)>,
    pub(crate) body: Body,
    pub(crate) problem: Option<MessageProblem>,
}

#[derive(Clone)]
pub(crate) enum Body {
    Nothing,
    Json(Bytes),
    /// `media/upload`: one part named `media`.
    Media {
        file_name: String,
        content_type: &'static str,
        bytes: Bytes,
    },
}

impl<'a> Call<'a> {
    pub fn of(api: &'a Api) -> Self {
        Self {
            api,
            path: api.path.to_owned(),
            query: Vec::new(),
            body: Body::Nothing,
            problem: None,
        }
    }

    /// Fills `{name}` of the path.
    #[must_use]
    pub fn at(mut self, name: &'static str, value: &str) -> Self {
        if matches!(value, "" | "." | "..") {
            self.problem
                .get_or_insert(MessageProblem::Empty { what: name });
        }
        self.path = self.path.replace(&format!("{{{name}}}"), &segment(value));
        self
    }

    /// Adds a query parameter.
    #[must_use]
    pub fn query(mut self, name: &'a str, value: impl Into<Cow<'a, str>>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// Adds a query parameter if there is a value.
    #[must_use]
    pub fn maybe(self, name: &'a str, value: Option<&'a str>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    /// Sets a JSON body.
    #[must_use]
    pub fn json<B: Serialize + ?Sized>(mut self, body: &B) -> Self {
        match serde_json::to_vec(body) {
            Ok(bytes) => self.body = Body::Json(bytes.into()),
            Err(_) => {
                self.problem.get_or_insert(MessageProblem::Unserialisable);
            }
        }
        self
    }

    /// Refuses the call before it leaves unless `got` ≤ `limit`.
    #[must_use]
    pub(crate) fn at_most(mut self, what: &'static str, limit: usize, got: usize) -> Self {
        if got > limit {
            self.problem
                .get_or_insert(MessageProblem::TooMany { what, limit, got });
        }
        self
    }

    /// Refuses the call before it leaves if there is nothing.
    #[must_use]
    pub(crate) fn not_empty(mut self, what: &'static str, is_empty: bool) -> Self {
        if is_empty {
            self.problem.get_or_insert(MessageProblem::Empty { what });
        }
        self
    }

    pub(crate) fn media(
        mut self,
        file_name: String,
        content_type: &'static str,
        bytes: Bytes,
    ) -> Self {
        self.body = Body::Media {
            file_name,
            content_type,
            bytes,
        };
        self
    }
}

/// A successful answer.
#[derive(Clone)]
pub struct Reply {
    pub body: Bytes,
    what: &'static str,
}

impl Reply {
    pub(crate) fn new(body: Bytes, what: &'static str) -> Self {
        Self { body, what }
    }

    /// Reads it leniently.
    ///
    /// Errors: [`Error::Answer`] where even that fails.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Error> {
        parsed(&self.body, self.what)
    }
}

impl fmt::Debug for Call<'_> {
    /// Without query and body: they may hold login codes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("api", &self.api.name)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Reply {
    /// Without the body: it may hold a ticket.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("api", &self.what)
            .field("bytes", &self.body.len())
            .finish()
    }
}

fn segment(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("writing to a String cannot fail");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_parameter_is_encoded_once() {
        const API: Api = Api::post("x", "/v1.0/im/chat/{chatId}/convertToOpenConversationId");
        let call = Call::of(&API).at("chatId", "a/b+c==%");
        assert_eq!(
            call.path,
            "/v1.0/im/chat/a%2Fb%2Bc%3D%3D%25/convertToOpenConversationId"
        );
        assert_eq!(
            Call::of(&API).at("chatId", "").problem,
            Some(MessageProblem::Empty { what: "chatId" })
        );
    }
}
