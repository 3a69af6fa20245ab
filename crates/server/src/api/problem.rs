//! Errors as `application/problem+json` (RFC 9457), in the caller's language.
//!
//! Handlers end with an [`ApiError`]; [`localise`] wraps every route of the API and writes the body, because only it
//! knows the language. Invariant: `code` is stable and every code has a text in both languages; an internal error is
//! logged once, here, and shown by number only. Weakness: words of the JSON parser itself are English.

use std::sync::Arc;

use axum::{
    Json,
    body::HttpBody as _,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;
use yuezhi_store::StoreError;

use crate::{
    actions::{ActionError, Refusal, RefusalKind},
    app::App,
    pages::{Reader, status_of},
    texts::Texts,
};

/// What an API handler ends with instead of its answer.
#[derive(Debug)]
pub enum ApiError {
    Action(ActionError),
    /// Several members of the request are wrong.
    Fields(Vec<FieldRefusal>),
    /// A refusal of the protocol itself: 405, 413, 415.
    Protocol(StatusCode, Box<Refusal>),
}

/// One wrong member; the name is the caller's.
#[derive(Debug)]
pub struct FieldRefusal {
    pub field: String,
    pub refusal: Refusal,
}

impl From<ActionError> for ApiError {
    fn from(error: ActionError) -> Self {
        Self::Action(error)
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        Self::Action(refusal.into())
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::Action(error.into())
    }
}

/// The body of every answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `urn:yuezhi:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// What sort of error it is, in the caller's language.
    pub title: String,
    /// The HTTP status again.
    pub status: u16,
    /// Stable; decide by this.
    pub code: String,
    /// What happened.
    pub detail: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// The members of the request that are wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ProblemField>,
    /// Of an internal error: the log line has the same number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
}

/// One wrong member of the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemField {
    pub field: String,
    pub code: String,
    pub message: String,
}

impl ApiError {
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Action(ActionError::Refused(refusal)) => status_of(refusal.kind),
            Self::Action(ActionError::Internal(_)) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Fields(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Protocol(status, _) => *status,
        }
    }

    /// The problem in one language.
    pub fn problem(&self, texts: Texts) -> Problem {
        let status = self.status();
        match self {
            Self::Action(ActionError::Refused(refusal)) | Self::Protocol(_, refusal) => {
                let errors = refusal.field.map(|field| of_field(field, refusal, texts));
                of_refusal(status, refusal, errors.into_iter().collect(), texts)
            }
            Self::Action(ActionError::Internal(inside)) => internal(inside, texts),
            Self::Fields(fields) => {
                let errors = fields
                    .iter()
                    .map(|f| of_field(&f.field, &f.refusal, texts))
                    .collect();
                match fields.first() {
                    Some(first) => of_refusal(status, &first.refusal, errors, texts),
                    None => internal("a refusal without a field", texts),
                }
            }
        }
    }
}

fn of_field(field: &str, refusal: &Refusal, texts: Texts) -> ProblemField {
    ProblemField {
        field: field.to_owned(),
        code: refusal.code.clone(),
        message: refusal.message(texts),
    }
}

fn of_refusal(
    status: StatusCode,
    refusal: &Refusal,
    errors: Vec<ProblemField>,
    texts: Texts,
) -> Problem {
    Problem {
        kind: format!("urn:yuezhi:{}", refusal.code),
        title: title(status, texts),
        status: status.as_u16(),
        code: refusal.code.clone(),
        detail: refusal.message(texts),
        fix: Some(refusal.fix(texts)).filter(|fix| !fix.is_empty()),
        errors,
        number: None,
    }
}

fn internal(inside: &str, texts: Texts) -> Problem {
    let number: String = hex::encode(Sha256::digest(inside.as_bytes()))
        .chars()
        .take(8)
        .collect();
    tracing::error!(number, error = %inside, "a request of the API failed");
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    Problem {
        number: Some(number),
        ..of_refusal(status, &Refusal::conflict("internal"), Vec::new(), texts)
    }
}

fn title(status: StatusCode, texts: Texts) -> String {
    let key = format!("errors.title_{}", status.as_u16());
    if texts.has(&key) {
        texts.get(&key).to_owned()
    } else {
        status.canonical_reason().unwrap_or_default().to_owned()
    }
}

impl IntoResponse for ApiError {
    /// Without a body: [`localise`] writes it.
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

/// Layer: gives every error of the routes below it its body.
pub async fn localise(State(app): State<App>, request: Request, next: Next) -> Response {
    let texts = Reader::from_headers(&app, request.headers()).texts;
    let mut response = next.run(request).await;
    let error = response
        .extensions_mut()
        .remove::<Arc<ApiError>>()
        .or_else(|| of_bare_status(&response));
    let Some(error) = error else { return response };
    let problem = error.problem(texts);
    let mut answer = (error.status(), Json(problem)).into_response();
    answer.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    answer.headers_mut().insert(
        header::CONTENT_LANGUAGE,
        HeaderValue::from_static(texts.language.as_str()),
    );
    for name in [header::ALLOW, header::WWW_AUTHENTICATE] {
        if let Some(value) = response.headers().get(&name) {
            answer.headers_mut().insert(name, value.clone());
        }
    }
    answer
}

/// Errors that the web framework answers by itself, with an empty or a plain body.
fn of_bare_status(response: &Response) -> Option<Arc<ApiError>> {
    let status = response.status();
    let is_ours = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|t| t == "application/problem+json");
    if is_ours || !(status.is_client_error() || status.is_server_error()) {
        return None;
    }
    let refusal = match status {
        StatusCode::METHOD_NOT_ALLOWED => Refusal::conflict("method_not_allowed"),
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::conflict("body_too_large"),
        StatusCode::NOT_FOUND => Refusal::not_found("resource_unknown"),
        _ => {
            tracing::debug!(%status, size = ?response.body().size_hint().exact(), "an answer without a problem");
            Refusal::conflict("body_bad")
                .with("detail", status.canonical_reason().unwrap_or_default())
        }
    };
    Some(Arc::new(ApiError::Protocol(status, Box::new(refusal))))
}

/// There is nothing at this address.
pub async fn unknown_resource() -> ApiError {
    Refusal::not_found("resource_unknown").into()
}

/// Nobody is signed in, or the token is not good.
pub fn sign_in_needed(code: &'static str) -> Response {
    let mut response =
        ApiError::from(Refusal::new(RefusalKind::SignInNeeded, code)).into_response();
    response.headers_mut().insert(
        header::WWW_AUTHENTICATE,
        HeaderValue::from_static("Bearer realm=\"yuezhi\""),
    );
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use yuezhi_domain::Language;

    #[test]
    fn a_refusal_of_a_field_names_it_and_says_what_to_do() {
        let error =
            ApiError::from(Refusal::invalid("due", "due_past").with("at", "2026-11-01 18:00"));
        let problem = error.problem(Texts::of(Language::En));
        assert_eq!((problem.status, problem.code.as_str()), (422, "due_past"));
        assert!(problem.detail.contains("2026-11-01 18:00"));
        assert_eq!(problem.errors[0].field, "due");
        assert!(problem.fix.is_some());
        let chinese = error.problem(Texts::of(Language::ZhCn));
        assert!(chinese.detail.contains("已经过去"));
    }

    #[test]
    fn an_internal_error_shows_a_number_and_nothing_of_its_inside() {
        let error = ApiError::from(ActionError::internal("password hunter2"));
        let shown = serde_json::to_string(&error.problem(Texts::of(Language::En))).unwrap();
        assert!(!shown.contains("hunter2"));
        assert!(
            error
                .problem(Texts::of(Language::En))
                .number
                .is_some_and(|n| n.len() == 8)
        );
    }

    #[test]
    fn every_status_of_the_api_has_a_title_in_both_languages() {
        for language in [Language::ZhCn, Language::En] {
            for status in [401, 403, 404, 405, 409, 413, 415, 422, 429, 500] {
                assert!(
                    Texts::of(language).has(&format!("errors.title_{status}")),
                    "{language} {status}"
                );
            }
        }
    }
}
