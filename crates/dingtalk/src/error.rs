//! Everything that can go wrong with a call to DingTalk, as values.
//!
//! Callers act on [`Error::verdict`]; the words are for people.
//! Invariant: neither `Display` nor `Debug` of any variant contains a token, a signature or a
//! secret, because details pass through [`redact`](crate::redact()) before they get here.

use std::time::Duration;

use thiserror::Error;

/// A call that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Error {
    /// Refused here, before anything was sent.
    #[error("the message cannot be sent as it is: {0}")]
    Message(#[from] MessageProblem),
    /// No complete answer arrived.
    #[error("{0}")]
    Transport(Transport),
    /// An answer that is not the platform's usual JSON.
    #[error("{0}")]
    Answer(OddAnswer),
    /// The old host (oapi.dingtalk.com) or a robot refused: HTTP 200 with an `errcode` other than 0.
    #[error("{0}")]
    Oapi(OapiRefusal),
    /// The new host (api.dingtalk.com) refused: HTTP 4xx or 5xx with a `code`.
    #[error("{0}")]
    Api(Box<ApiRefusal>),
    /// The HTTP client could not be built.
    #[error("the HTTP client cannot start: {detail}")]
    Client { detail: String },
}

/// Why a message cannot be sent to a custom robot.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MessageProblem {
    #[error("a {kind} message cannot mention anybody; use text, markdown or actionCard")]
    CannotMention { kind: &'static str },
    #[error("{people} people are mentioned; a message can mention at most 50")]
    TooManyMentions { people: usize },
    #[error("{what} is empty")]
    Empty { what: &'static str },
    #[error("the message has {bytes} bytes and cannot be cut to the 20000 that DingTalk accepts")]
    TooLong { bytes: usize },
    /// More bytes or characters than an interface takes.
    #[error("{what} has {got} {unit}; DingTalk accepts {limit}")]
    TooLarge {
        what: &'static str,
        unit: &'static str,
        limit: usize,
        got: usize,
    },
    /// More people, keys or spaces than one call takes.
    #[error("{got} {what} are too many for one call; DingTalk accepts {limit}")]
    TooMany {
        what: &'static str,
        limit: usize,
        got: usize,
    },
    #[error("{what} is not usable")]
    Malformed { what: &'static str },
    #[error("the request's body cannot be written as JSON")]
    Unserialisable,
}

/// A connection that failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{} ({detail})", phase.words())]
pub struct Transport {
    pub phase: TransportPhase,
    /// The request may have been carried out although no answer came.
    pub maybe_delivered: bool,
    /// The cause without the URL.
    pub detail: String,
}

/// Where a connection failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransportPhase {
    /// No connection: refused, no route, name not found, TLS handshake.
    Connect,
    /// No answer in time.
    TimedOut,
    /// The connection ended in the middle.
    Broken,
}

impl TransportPhase {
    fn words(self) -> &'static str {
        match self {
            Self::Connect => "DingTalk could not be reached",
            Self::TimedOut => "DingTalk did not answer in time",
            Self::Broken => "the connection to DingTalk broke off",
        }
    }
}

/// An answer outside the platform's conventions.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{} (HTTP {status}): {excerpt}", oddity.words())]
pub struct OddAnswer {
    pub status: u16,
    pub oddity: Oddity,
    /// From a `Retry-After` header in seconds.
    pub retry_after: Option<Duration>,
    /// The beginning of the body, or where a redirect points.
    pub excerpt: String,
}

/// What is odd about an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oddity {
    /// A web page: an egress ban, a proxy or a login portal in between.
    Html,
    /// `{"status":1111,"punish":"deny",…}`: this egress address is banned for some minutes.
    Banned { minutes: u64 },
    /// HTTP 3xx. Never followed: it would carry the token elsewhere.
    Redirect,
    /// HTTP 429.
    TooManyRequests,
    /// HTTP 5xx without a code.
    ServerError,
    /// Not JSON, or JSON without the expected fields.
    Unreadable,
    /// The file storage refused an upload; its permission is short-lived and must be asked anew.
    StorageRefused,
    /// More than the answer limit.
    TooLarge,
}

impl Oddity {
    fn words(self) -> &'static str {
        match self {
            Self::Html => "a web page came instead of an answer",
            Self::Banned { .. } => "DingTalk has banned this network address for some minutes",
            Self::Redirect => "a redirect came instead of an answer",
            Self::TooManyRequests => "DingTalk asks to slow down",
            Self::ServerError => "DingTalk has an internal error",
            Self::Unreadable => "DingTalk's answer cannot be read",
            Self::StorageRefused => "DingTalk's file storage refused the upload",
            Self::TooLarge => "DingTalk's answer is too large",
        }
    }
}

/// A refusal of the old host or of a custom robot.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("DingTalk refused with errcode {errcode}{}: {message}", sub_code.as_ref().map(|sub| format!(" ({sub})")).unwrap_or_default())]
pub struct OapiRefusal {
    pub errcode: i64,
    /// The real cause where `errcode` is the gateway's 88.
    pub sub_code: Option<String>,
    /// `errmsg`, or `sub_msg` where there is one; redacted.
    pub message: String,
    pub request_id: Option<String>,
    /// Where to grant the missing permission, if the answer's words do not say it themselves.
    pub apply_url: Option<String>,
}

impl OapiRefusal {
    /// The number that names the cause: the sub code of gateway errors, else `errcode`.
    pub fn cause(&self) -> i64 {
        match (
            self.errcode,
            self.sub_code
                .as_deref()
                .and_then(|sub| sub.trim().parse().ok()),
        ) {
            (88, Some(sub)) => sub,
            _ => self.errcode,
        }
    }
}

/// A refusal of the new host.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("DingTalk refused with {code} (HTTP {status}): {message}")]
pub struct ApiRefusal {
    pub status: u16,
    pub code: String,
    /// The platform's words, redacted.
    pub message: String,
    /// DingTalk's support asks for it.
    pub request_id: Option<String>,
    /// Scopes the app lacks.
    pub required_scopes: Vec<String>,
    /// Where to grant them, if the answer's words do not say it themselves.
    pub apply_url: Option<String>,
    pub retry_after: Option<Duration>,
}

impl Error {
    /// The access token was refused: a new one may help (both hosts' spellings).
    pub fn is_token_refused(&self) -> bool {
        match self {
            Self::Oapi(refusal) => matches!(refusal.cause(), 40014 | 42001 | 40001),
            Self::Api(refusal) => {
                refusal.status == 401
                    || refusal.code.eq_ignore_ascii_case("InvalidAuthentication")
                    || matches!(refusal.code.as_str(), "40014" | "42001" | "40001")
            }
            _ => false,
        }
    }

    /// Too many calls in a short time; such calls do not count against the monthly quota.
    pub fn is_throttled(&self) -> bool {
        match self {
            Self::Oapi(refusal) => matches!(refusal.cause(), 90_002..=90_010 | 90_017 | 90_018),
            Self::Api(refusal) => {
                refusal.status == 429
                    || (refusal.code.starts_with("Forbidden.AccessDenied.Q")
                        && refusal.code.contains("LimitFor"))
            }
            Self::Answer(answer) => {
                matches!(
                    answer.oddity,
                    Oddity::TooManyRequests | Oddity::Banned { .. }
                )
            }
            Self::Message(_) | Self::Transport(_) | Self::Client { .. } => false,
        }
    }

    /// The platform's id of the refused call.
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Oapi(refusal) => refusal.request_id.as_deref(),
            Self::Api(refusal) => refusal.request_id.as_deref(),
            _ => None,
        }
    }

    /// The platform's own words, redacted; empty where there are none.
    pub(crate) fn words(&self) -> &str {
        match self {
            Self::Oapi(refusal) => &refusal.message,
            Self::Api(refusal) => &refusal.message,
            _ => "",
        }
    }

    /// The request may have been carried out although this error came back.
    pub fn maybe_delivered(&self) -> bool {
        match self {
            Self::Transport(transport) => transport.maybe_delivered,
            Self::Answer(answer) => {
                matches!(
                    answer.oddity,
                    Oddity::ServerError | Oddity::Unreadable | Oddity::TooLarge
                )
            }
            Self::Oapi(refusal) => matches!(refusal.cause(), -1 | 15 | 88 | 500_100),
            Self::Api(refusal) => refusal.status >= 500,
            Self::Message(_) | Self::Client { .. } => false,
        }
    }
}
