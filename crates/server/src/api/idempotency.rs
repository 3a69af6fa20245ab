//! `Idempotency-Key` on POST: for a day the same key with the same request gets the same answer and does nothing again.
//!
//! A layer below authentication, because a key belongs to its caller. Invariant: an answer is remembered before it is
//! given; a failure of ours (5xx) is not, so that it can be tried again. Two requests with one key at the same time:
//! the second is told to wait. Weakness: that last check is per node; if a node dies between doing and remembering, the
//! key does it again.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use yuezhi_store::idempotency;

use super::{caller::Caller, problem::ApiError};
use crate::{
    actions::{ActionError, Refusal},
    app::App,
};

const HEADER: &str = "idempotency-key";
const REPLAYED: &str = "idempotency-replayed";
/// Answers are small JSON; a larger one would be a mistake.
const LONGEST_ANSWER: usize = 4 * 1024 * 1024;

/// What the layer holds.
#[derive(Clone)]
pub(super) struct Keys {
    app: App,
    at_work: Arc<Mutex<HashSet<String>>>,
}

impl Keys {
    pub(super) fn new(app: App) -> Self {
        Self {
            app,
            at_work: Arc::default(),
        }
    }

    fn begin(&self, key: &str) -> Option<AtWork> {
        let mut at_work = self.at_work.lock().unwrap_or_else(PoisonError::into_inner);
        at_work.insert(key.to_owned()).then(|| AtWork {
            keys: Arc::clone(&self.at_work),
            key: key.to_owned(),
        })
    }
}

/// Frees the key however the request ends.
struct AtWork {
    keys: Arc<Mutex<HashSet<String>>>,
    key: String,
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.keys
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.key);
    }
}

/// Layer: answers a repeated POST from memory.
pub(super) async fn remember(State(keys): State<Keys>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST || !request.headers().contains_key(HEADER) {
        return next.run(request).await;
    }
    match once(&keys, request, next).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn once(keys: &Keys, request: Request, next: Next) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let key = key_of(&parts)?;
    let limit = usize::try_from(keys.app.max_upload_bytes())
        .unwrap_or(usize::MAX)
        .saturating_add(4 * 1024 * 1024);
    let body = to_bytes(body, limit).await.map_err(|_| {
        ApiError::Protocol(
            StatusCode::PAYLOAD_TOO_LARGE,
            Box::new(Refusal::conflict("body_too_large")),
        )
    })?;
    let hash = request_hash(&parts, &body);
    let Some(_at_work) = keys.begin(&key) else {
        return Err(Refusal::conflict("idempotency_at_work").into());
    };
    if let Some(answer) = remembered(&keys.app, &key, &hash).await? {
        return Ok(answer);
    }
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    if !response.status().is_success() {
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, LONGEST_ANSWER)
        .await
        .map_err(ActionError::internal)?;
    put(&keys.app, key, hash, parts.status, &body).await?;
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// Caller, route and key: another caller's or route's key is another key.
fn key_of(parts: &Parts) -> Result<String, ApiError> {
    let value = parts
        .headers
        .get(HEADER)
        .and_then(|v| v.to_str().ok())
        .map(str::trim)
        .unwrap_or_default();
    if value.is_empty() || value.len() > 200 {
        return Err(Refusal::invalid("Idempotency-Key", "idempotency_key_bad").into());
    }
    let caller = parts
        .extensions
        .get::<Caller>()
        .map(|caller| caller.actor.to_string())
        .unwrap_or_default();
    Ok(format!("{caller} {} {value}", parts.uri.path()))
}

/// A multipart body carries a boundary that is new every time: it is taken out before hashing.
fn request_hash(parts: &Parts, body: &Bytes) -> String {
    let kind = parts
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    let boundary = kind
        .split_once("boundary=")
        .map(|(_, b)| b.split(';').next().unwrap_or(b).trim_matches('"'));
    let mut hash = Sha256::new();
    hash.update(parts.uri.query().unwrap_or_default());
    hash.update([0]);
    match boundary.filter(|b| !b.is_empty()) {
        Some(boundary) => without(body, boundary.as_bytes(), |piece| hash.update(piece)),
        None => hash.update(body),
    }
    hex::encode(hash.finalize())
}

/// The pieces of `body` between occurrences of `mark`.
fn without(body: &[u8], mark: &[u8], mut piece: impl FnMut(&[u8])) {
    let mut from = 0;
    let mut at = 0;
    while let Some(window) = body.get(at..at + mark.len()) {
        if window == mark {
            piece(body.get(from..at).unwrap_or_default());
            piece(&[0]);
            at += mark.len();
            from = at;
        } else {
            at += 1;
        }
    }
    piece(body.get(from..).unwrap_or_default());
}

async fn remembered(app: &App, key: &str, hash: &str) -> Result<Option<Response>, ApiError> {
    let wanted = key.to_owned();
    let found = app
        .db
        .read(move |tx| Ok::<_, ActionError>(idempotency::get(tx, &wanted)?))
        .await?;
    let Some(kept) = found else { return Ok(None) };
    if kept.request_hash != hash {
        return Err(Refusal::conflict("idempotency_reused").into());
    }
    let status = StatusCode::from_u16(kept.status).unwrap_or(StatusCode::OK);
    let mut response = (status, kept.body).into_response();
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
        .headers_mut()
        .insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(Some(response))
}

async fn put(
    app: &App,
    key: String,
    hash: String,
    status: StatusCode,
    body: &Bytes,
) -> Result<(), ApiError> {
    let now = app.now();
    let body = String::from_utf8(body.to_vec()).map_err(ActionError::internal)?;
    let kept = idempotency::Kept {
        request_hash: hash,
        status: status.as_u16(),
        body,
        created_at: now,
    };
    let first = app
        .db
        .write(move |tx| Ok::<_, ActionError>(idempotency::put(tx, &key, &kept)?))
        .await?;
    if !first {
        tracing::warn!("two nodes answered requests with the same Idempotency-Key");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(boundary: &str, body: &str) -> String {
        let request = Request::builder()
            .uri("/api/v1/versions?dry_run=true")
            .header(
                header::CONTENT_TYPE,
                format!("multipart/form-data; boundary={boundary}"),
            )
            .body(Body::empty())
            .unwrap();
        request_hash(
            &request.into_parts().0,
            &Bytes::from(body.replace('@', boundary)),
        )
    }

    #[test]
    fn the_same_form_with_another_boundary_is_the_same_request() {
        let form = "--@\r\nfile a\r\n--@--";
        assert_eq!(hash("xYz", form), hash("1234567", form));
        assert_ne!(hash("xYz", form), hash("xYz", "--@\r\nfile b\r\n--@--"));
    }

    #[test]
    fn what_stands_between_the_marks_is_kept() {
        let mut pieces = Vec::new();
        without(b"ab--cd--", b"--", |piece| pieces.push(piece.to_vec()));
        assert_eq!(
            pieces,
            [b"ab".to_vec(), vec![0], b"cd".to_vec(), vec![0], Vec::new()]
        );
    }
}
