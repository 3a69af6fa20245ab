//! What callers send: JSON bodies, queries, path ids and cursors, each refused by name when it is wrong.
//!
//! Used by every resource. Invariant: a member or parameter nobody knows is refused, not ignored; a wrong id in a path
//! is a 404 of that resource, because nothing of that name can exist.

use std::str::FromStr;

use axum::{
    extract::{FromRequest, FromRequestParts, Query, Request},
    http::{StatusCode, header, request::Parts},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use utoipa::ToSchema;

use super::problem::{ApiError, FieldRefusal};
use crate::{
    actions::{Refusal, RefusalKind},
    app::App,
};

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Give this as `after` to get the following page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

const DEFAULT_LIMIT: usize = 100;
const LARGEST_LIMIT: usize = 1000;

/// Where a page begins and how long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The number of the last row of the page before; 0 for the first page.
    pub after: i64,
    pub limit: usize,
}

impl Window {
    /// Reads `after` and `limit` of a query.
    pub fn of(after: Option<&str>, limit: Option<usize>) -> Result<Self, Refusal> {
        let after = match after {
            None | Some("") => 0,
            Some(text) => {
                let number = text.parse().ok().filter(|n| *n > 0);
                number.ok_or_else(|| Refusal::invalid("after", "cursor_bad"))?
            }
        };
        let limit = limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=LARGEST_LIMIT).contains(&limit) {
            return Err(Refusal::invalid("limit", "limit_bad").with("most", LARGEST_LIMIT));
        }
        Ok(Self { after, limit })
    }

    /// What to ask the store for: one more than shown tells whether another page follows.
    pub const fn to_ask(self) -> usize {
        self.limit + 1
    }

    /// A page out of `rows` asked for with [`Window::to_ask`]; `no` is the cursor of a row.
    pub fn page<R, T>(
        self,
        mut rows: Vec<R>,
        no: impl Fn(&R) -> i64,
        show: impl FnMut(R) -> T,
    ) -> Page<T> {
        let more = rows.len() > self.limit;
        rows.truncate(self.limit);
        let next = rows
            .last()
            .filter(|_| more)
            .map(|last| no(last).to_string());
        Page {
            items: rows.into_iter().map(show).collect(),
            next,
        }
    }
}

/// A JSON body of a known shape.
#[derive(Debug)]
pub struct Body<T>(pub T);

/// Longest JSON body; files come as multipart forms.
const LONGEST_BODY: usize = 1024 * 1024;

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, Self::Rejection> {
        let kind = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|t| t.to_str().ok())
            .unwrap_or_default();
        let is_json = kind
            .split(';')
            .next()
            .is_some_and(|t| t.trim().eq_ignore_ascii_case("application/json"));
        let bytes = Bytes::from_request(request, app)
            .await
            .map_err(|_| protocol(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"))?;
        if !is_json && !bytes.is_empty() {
            return Err(protocol(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "body_not_json",
            ));
        }
        if bytes.len() > LONGEST_BODY {
            return Err(protocol(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"));
        }
        // Nothing at all stands for an empty object.
        read_json(if bytes.is_empty() { b"{}" } else { &bytes }).map(Self)
    }
}

fn protocol(status: StatusCode, code: &'static str) -> ApiError {
    ApiError::Protocol(status, Box::new(Refusal::conflict(code)))
}

fn read_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut unknown = Vec::new();
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let read = serde_ignored::deserialize(&mut reader, |path| unknown.push(path.to_string()))
        .and_then(|value| reader.end().map(|()| value));
    // A misspelt member is most likely the one that is missing, so it is told first.
    match read {
        _ if !unknown.is_empty() => Err(unknown_fields(unknown)),
        Ok(value) => Ok(value),
        Err(error) => Err(Refusal::new(RefusalKind::Invalid, "body_bad")
            .with("detail", error)
            .into()),
    }
}

/// The refusal of members or parameters nobody knows.
pub fn unknown_fields(names: Vec<String>) -> ApiError {
    let refuse = |field: String| FieldRefusal {
        refusal: Refusal::new(RefusalKind::Invalid, "field_unknown").with("field", &field),
        field,
    };
    ApiError::Fields(names.into_iter().map(refuse).collect())
}

/// The query of a request; the shapes deny unknown parameters.
#[derive(Debug)]
pub struct Ask<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<App> for Ask<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Self::Rejection> {
        let read = Query::<T>::try_from_uri(&parts.uri);
        read.map(|Query(query)| Self(query))
            .map_err(|rejection| query_refusal(&rejection.body_text()))
    }
}

/// serde names the unknown parameter in backticks.
fn query_refusal(words: &str) -> ApiError {
    let named = words
        .split_once("unknown field `")
        .and_then(|(_, rest)| rest.split_once('`'))
        .map(|(name, _)| name);
    match named {
        Some(name) => unknown_fields(vec![name.to_owned()]),
        None => Refusal::new(RefusalKind::Invalid, "query_bad")
            .with("detail", words)
            .into(),
    }
}

/// An id out of a path; one that cannot be an id names nothing.
pub fn id<T: FromStr>(text: &str, unknown: &'static str) -> Result<T, Refusal> {
    text.parse().map_err(|_| Refusal::not_found(unknown))
}

/// One of the product's words; `code` is the refusal that lists the known ones.
pub fn word<T: FromStr>(field: &'static str, text: Option<&str>) -> Result<Option<T>, Refusal>
where
    T::Err: std::fmt::Display,
{
    text.map(str::trim)
        .filter(|text| !text.is_empty())
        .map(|text| {
            text.parse()
                .map_err(|error: T::Err| Refusal::invalid(field, "word_bad").with("detail", error))
        })
        .transpose()
}

/// Parameters of a list that has no filter.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// Cursor: the `next` of the page before.
    pub after: Option<String>,
    /// 1 to 1000; 100 if missing.
    pub limit: Option<usize>,
}

impl Paging {
    pub fn window(&self) -> Result<Window, Refusal> {
        Window::of(self.after.as_deref(), self.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Sample {
        #[serde(default)]
        #[expect(dead_code, reason = "only its name matters")]
        reason: String,
    }

    #[test]
    fn a_member_nobody_knows_is_refused_by_name() {
        let error = read_json::<Sample>(br#"{"reason":"x","resaon":1}"#).unwrap_err();
        let ApiError::Fields(fields) = error else {
            panic!("{error:?}")
        };
        assert!(fields.iter().any(|field| field.field == "resaon"));
    }

    #[test]
    fn what_stands_after_the_json_is_refused() {
        assert!(read_json::<Sample>(b"{} {}").is_err());
        assert!(read_json::<Sample>(b"").is_err());
    }

    #[test]
    fn an_unknown_parameter_is_refused_by_name() {
        let uri = "http://x/?limit=3&sate=due".parse().unwrap();
        let words = Query::<Paging>::try_from_uri(&uri).unwrap_err().body_text();
        let ApiError::Fields(fields) = query_refusal(&words) else {
            panic!("{words}")
        };
        assert_eq!(fields[0].field, "sate");
    }

    #[test]
    fn a_page_names_the_next_only_when_there_is_more() {
        let window = Window::of(None, Some(2)).unwrap();
        let page = window.page(vec![1_i64, 2, 3], |n| *n, |n| n);
        assert_eq!((page.items.len(), page.next.as_deref()), (2, Some("2")));
        let last = Window::of(Some("2"), Some(2))
            .unwrap()
            .page(vec![3_i64], |n| *n, |n| n);
        assert_eq!(last.next, None);
        assert!(Window::of(Some("x"), None).is_err());
        assert!(Window::of(None, Some(0)).is_err());
    }
}
