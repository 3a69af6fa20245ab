//! The one HTTP client: keep-alive, no redirects, bounded answers, errors without URLs.
//!
//! Callers: every robot and app share a clone of one [`Http`].
//! Invariant: a request URL (which carries the access token on the old host) never reaches an error.
//! Weakness: certificates come from the operating system; a container without them reaches nobody.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER};
use url::Url;

use crate::answer::Answer;
use crate::api::Method;
use crate::call::Body;
use crate::error::{Error, MessageProblem, OddAnswer, Oddity, Transport, TransportPhase};

/// No answer to a robot comes near this.
const ANSWER_LIMIT_BYTES: usize = 64 * 1024;
/// A page of a directory or a read list may be long.
const PAGE_LIMIT_BYTES: usize = 4 * 1024 * 1024;

/// How long to wait.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    pub connect: Duration,
    /// From the first byte sent to the last byte received.
    pub whole: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            whole: Duration::from_secs(15),
        }
    }
}

/// The hosts of the platform. Private deployments and sandboxes have others.
#[derive(Debug, Clone)]
pub struct Endpoints {
    /// New interfaces, default `https://api.dingtalk.com/`.
    pub api: Url,
    /// Old interfaces and custom robots, default `https://oapi.dingtalk.com/`.
    pub oapi: Url,
    /// The browser's login page, default `https://login.dingtalk.com/`.
    pub login: Url,
}

impl Default for Endpoints {
    fn default() -> Self {
        let url = |text| Url::parse(text).expect("a constant URL");
        Self {
            api: url("https://api.dingtalk.com/"),
            oapi: url("https://oapi.dingtalk.com/"),
            login: url("https://login.dingtalk.com/"),
        }
    }
}

impl Endpoints {
    /// `path` below `base`, whether or not the base ends in `/`.
    pub(crate) fn at(base: &Url, path: &str) -> Url {
        let mut url = base.clone();
        let joined = format!("{}{path}", base.path().trim_end_matches('/'));
        url.set_path(&joined);
        url
    }
}

/// A shared HTTP client. Cloning is cheap and shares the connections.
#[derive(Debug, Clone)]
pub struct Http {
    client: reqwest::Client,
}

impl Http {
    /// Installs *ring* as the process's TLS provider if there is none yet.
    ///
    /// Errors: [`Error::Client`] where the client cannot be built (no certificates found).
    pub fn new(timeouts: Timeouts) -> Result<Self, Error> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Losing a race against another installer is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let client = reqwest::Client::builder()
            .connect_timeout(timeouts.connect)
            .timeout(timeouts.whole)
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            .tcp_nodelay(true)
            .pool_max_idle_per_host(256)
            .pool_idle_timeout(Duration::from_secs(50))
            .referer(false)
            .build()
            .map_err(|error| Error::Client {
                detail: chain(&error.without_url()),
            })?;
        Ok(Self { client })
    }

    /// Posts JSON. `token` goes into the new host's header.
    pub(crate) async fn post_json(
        &self,
        url: Url,
        body: Vec<u8>,
        token: Option<&str>,
    ) -> Result<Answer, Error> {
        let request = self
            .client
            .post(url)
            // Without it the gateway of Stream mode may answer in XML.
            .header(ACCEPT, HeaderValue::from_static("application/json"))
            .header(
                CONTENT_TYPE,
                HeaderValue::from_static("application/json; charset=utf-8"),
            )
            .body(body);
        read(with_token(request, token), ANSWER_LIMIT_BYTES).await
    }

    /// Any call of an app. `token` goes into the new host's header.
    pub(crate) async fn send(
        &self,
        method: Method,
        url: Url,
        body: Body,
        token: Option<&str>,
    ) -> Result<Answer, Error> {
        let request = match method {
            Method::Get => self.client.get(url),
            Method::Post => self.client.post(url),
            Method::Put => self.client.put(url),
            Method::Delete => self.client.delete(url),
        };
        let request = match body {
            Body::Nothing => request,
            Body::Json(bytes) => request
                .header(
                    CONTENT_TYPE,
                    HeaderValue::from_static("application/json; charset=utf-8"),
                )
                .body(bytes),
            Body::Media {
                file_name,
                content_type,
                bytes,
            } => request.multipart(media_form(file_name, content_type, bytes)?),
        };
        read(with_token(request, token), PAGE_LIMIT_BYTES).await
    }

    /// Puts bytes to a storage address that carries its own signature: no token, and no
    /// Content-Type unless the signature covers one.
    pub(crate) async fn put_signed(
        &self,
        url: Url,
        headers: impl Iterator<Item = (&str, &str)>,
        bytes: Bytes,
    ) -> Result<Answer, Error> {
        let mut request = self.client.put(url).body(bytes);
        for (name, value) in headers.filter(|(_, value)| !value.is_empty()) {
            request = request.header(name, value);
        }
        read(request, ANSWER_LIMIT_BYTES).await
    }

    /// Gets JSON with the new host's token header.
    pub(crate) async fn get_json(&self, url: Url, token: Option<&str>) -> Result<Answer, Error> {
        read(with_token(self.client.get(url), token), ANSWER_LIMIT_BYTES).await
    }
}

fn with_token(request: reqwest::RequestBuilder, token: Option<&str>) -> reqwest::RequestBuilder {
    match token {
        Some(token) => {
            // An invalid header value surfaces as an error of `send`.
            let value = HeaderValue::from_str(token).map(|mut value| {
                value.set_sensitive(true);
                value
            });
            match value {
                Ok(value) => request.header("x-acs-dingtalk-access-token", value),
                Err(_) => request.header("x-acs-dingtalk-access-token", token),
            }
        }
        None => request,
    }
}

/// The file's name goes out raw: the platform does not read RFC 5987 names.
fn media_form(
    file_name: String,
    content_type: &str,
    bytes: Bytes,
) -> Result<reqwest::multipart::Form, Error> {
    let length = bytes.len() as u64;
    let part = reqwest::multipart::Part::stream_with_length(reqwest::Body::from(bytes), length)
        .file_name(file_name)
        .mime_str(content_type)
        .map_err(|_| MessageProblem::Malformed {
            what: "the content type",
        })?;
    Ok(reqwest::multipart::Form::new()
        .percent_encode_noop()
        .part("media", part))
}

async fn read(request: reqwest::RequestBuilder, limit: usize) -> Result<Answer, Error> {
    let mut response = request.send().await.map_err(failed)?;
    let status = response.status().as_u16();
    let header = |name| {
        response
            .headers()
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    let retry_after = header(RETRY_AFTER)
        .and_then(|seconds| seconds.trim().parse().ok())
        .map(Duration::from_secs);
    let location = header(LOCATION)
        .map(|to| format!("to {}", to.split(['?', '#']).next().unwrap_or_default()));
    let first = response.chunk().await.map_err(failed)?.unwrap_or_default();
    let Some(second) = response.chunk().await.map_err(failed)? else {
        let answer = Answer {
            status,
            retry_after,
            location,
            body: first,
        };
        return bounded(answer, limit);
    };
    let mut body = BytesMut::from(&*first);
    let mut next = Some(second);
    while let Some(chunk) = next {
        body.extend_from_slice(&chunk);
        if body.len() > limit {
            break;
        }
        next = response.chunk().await.map_err(failed)?;
    }
    let answer = Answer {
        status,
        retry_after,
        location,
        body: body.freeze(),
    };
    bounded(answer, limit)
}

fn bounded(answer: Answer, limit: usize) -> Result<Answer, Error> {
    if answer.body.len() <= limit {
        return Ok(answer);
    }
    Err(Error::Answer(OddAnswer {
        status: answer.status,
        oddity: Oddity::TooLarge,
        retry_after: None,
        excerpt: format!("more than {limit} bytes"),
    }))
}

fn failed(error: reqwest::Error) -> Error {
    let error = error.without_url();
    let phase = if error.is_connect() {
        TransportPhase::Connect
    } else if error.is_timeout() {
        TransportPhase::TimedOut
    } else {
        TransportPhase::Broken
    };
    Error::Transport(Transport {
        phase,
        maybe_delivered: phase != TransportPhase::Connect && !error.is_builder(),
        detail: crate::redact(&chain(&error), &[]),
    })
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words.push_str(": ");
        words.push_str(&cause.to_string());
        source = cause.source();
    }
    words
}

/// The bytes of a body as a value, read leniently; `what` names it in the error.
pub(crate) fn parsed<T: serde::de::DeserializeOwned>(body: &Bytes, what: &str) -> Result<T, Error> {
    crate::lenient::from_slice(body).map_err(|error| {
        Error::Answer(OddAnswer {
            status: 200,
            oddity: Oddity::Unreadable,
            retry_after: None,
            excerpt: format!("{what}: {error}"),
        })
    })
}
