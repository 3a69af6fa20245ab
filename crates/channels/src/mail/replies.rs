//! What the relay's answer means: the mail channel's whole status table.
//!
//! Callers: the pool makes a [`Failure`] of what went wrong, the channel asks for the outcome.
//! Rule: a refusal after RCPT concerns the recipient, one after MAIL or during login concerns us, one
//! after DATA concerns the content; the enhanced code (RFC 3463) and, last, the words refine it.
//! Weakness: relays use codes loosely; words of Chinese providers are matched by substring.

use std::error::Error as _;
use std::time::Duration;

use crate::codes;
use crate::outcome::{Outcome, Why};

/// How far a delivery had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Connect,
    Tls,
    Login,
    /// MAIL FROM
    Sender,
    /// RCPT TO
    Recipient,
    Data,
    /// From the first byte of the mail to the relay's answer.
    Body,
    /// RSET, NOOP
    Reset,
}

/// A delivery that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    stage: Stage,
    cause: Cause,
    /// Redacted.
    words: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    Reply {
        code: u16,
        enhanced: Option<(u16, u16)>,
    },
    Network,
    TimedOut,
    Tls,
    /// The relay lacks something this mail needs.
    Unsupported,
    /// Not SMTP.
    Garbled,
}

impl Failure {
    pub(super) fn of(stage: Stage, error: &lettre::transport::smtp::Error, known: &[&str]) -> Self {
        let words = error
            .source()
            .map_or_else(|| error.to_string(), ToString::to_string);
        let cause = if let Some(code) = error.status() {
            Cause::Reply {
                code: code.into(),
                enhanced: enhanced(&words),
            }
        } else if error.is_tls() || has_tls_error(error) {
            Cause::Tls
        } else if error.is_client() {
            Cause::Unsupported
        } else if error.is_response() && words != "incomplete response" {
            Cause::Garbled
        } else {
            Cause::Network
        };
        let words = match cause {
            Cause::Reply { code, .. } => format!("{code} {words}"),
            _ => words,
        };
        Self {
            stage,
            cause,
            words: dingtalk::redact(&words, known),
        }
    }

    pub(super) fn network(stage: Stage, words: &str) -> Self {
        Self {
            stage,
            cause: Cause::Network,
            words: words.to_owned(),
        }
    }

    pub(super) fn timed_out(stage: Stage) -> Self {
        Self {
            stage,
            cause: Cause::TimedOut,
            words: "no answer in time".to_owned(),
        }
    }

    /// A TLS handshake that failed: for a reason of TLS, or because the connection broke.
    pub(super) fn handshake(error: &std::io::Error) -> Self {
        if has_tls_error(error) {
            Self::tls(&error.to_string())
        } else {
            Self::network(Stage::Tls, &error.to_string())
        }
    }

    pub(super) fn tls(words: &str) -> Self {
        Self {
            stage: Stage::Tls,
            cause: Cause::Tls,
            words: words.to_owned(),
        }
    }

    pub(super) fn unsupported(words: &str) -> Self {
        Self {
            stage: Stage::Sender,
            cause: Cause::Unsupported,
            words: words.to_owned(),
        }
    }

    /// An idle connection that the relay had closed: the mail has certainly not been sent.
    pub(super) fn is_stale_connection(&self) -> bool {
        let closed = matches!(self.cause, Cause::Network | Cause::Reply { code: 421, .. });
        closed && matches!(self.stage, Stage::Sender | Stage::Recipient | Stage::Data)
    }

    /// The relay said so itself.
    pub(super) fn is_reply(&self) -> bool {
        matches!(self.cause, Cause::Reply { .. })
    }

    /// The relay said goodbye (RFC 5321 3.8).
    pub(super) fn closes_connection(&self) -> bool {
        matches!(self.cause, Cause::Reply { code: 421, .. })
    }

    /// The relay refused in an orderly way; after RSET the connection can go on.
    pub(super) fn leaves_connection_usable(&self) -> bool {
        match self.cause {
            Cause::Reply { code, .. } => {
                code != 421 && !matches!(self.stage, Stage::Connect | Stage::Tls | Stage::Login)
            }
            Cause::Unsupported => self.stage == Stage::Sender,
            _ => false,
        }
    }
}

/// An error of TLS itself (certificate, versions, not TLS at all) somewhere in the chain.
fn has_tls_error(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let inner = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        if error.is::<rustls::Error>() || inner.is_some() {
            return true;
        }
        next = error.source();
    }
    false
}

/// `5.1.1` at the beginning of the words, as (class-less) subject and detail.
fn enhanced(words: &str) -> Option<(u16, u16)> {
    let mut parts = words.split_whitespace().next()?.split('.');
    let class = parts.next()?;
    let numbers = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    (matches!(class, "4" | "5") && parts.next().is_none()).then_some(numbers)
}

/// What to do about it.
pub(super) fn outcome(failure: &Failure) -> Outcome {
    let why = |code| Why::new(code, failure.words.clone());
    let at_connect = matches!(failure.stage, Stage::Connect | Stage::Tls | Stage::Login);
    match failure.cause {
        Cause::Reply { code, enhanced } => of_reply(failure, code, enhanced),
        // Nothing was sent and no mail is to blame: the lane waits, the delivery loses no attempt.
        Cause::Network | Cause::TimedOut if at_connect => Outcome::Hold {
            lane_for: Duration::from_secs(30),
            why: why(codes::MAIL_UNREACHABLE),
        },
        Cause::Network | Cause::TimedOut => Outcome::Retry {
            after: None,
            why: why(if failure.cause == Cause::TimedOut {
                codes::MAIL_TIMEOUT
            } else {
                codes::MAIL_CONNECTION_BROKEN
            }),
            maybe_delivered: failure.stage == Stage::Body,
        },
        Cause::Tls => Outcome::Misconfigured {
            why: why(codes::MAIL_TLS_FAILED),
        },
        Cause::Unsupported if failure.stage == Stage::Login => Outcome::Misconfigured {
            why: why(codes::MAIL_LOGIN_UNSUPPORTED),
        },
        Cause::Unsupported => Outcome::Reject {
            why: why(codes::MAIL_ADDRESS_UNSUPPORTED),
        },
        Cause::Garbled if at_connect => Outcome::Misconfigured {
            why: why(codes::MAIL_NOT_SMTP),
        },
        Cause::Garbled => Outcome::Retry {
            after: None,
            why: why(codes::MAIL_ANSWER_ODD),
            maybe_delivered: failure.stage == Stage::Body,
        },
    }
}

fn of_reply(failure: &Failure, code: u16, enhanced: Option<(u16, u16)>) -> Outcome {
    let why = |code| Why::new(code, failure.words.clone());
    let words = failure.words.to_lowercase();
    if code < 500 {
        return temporary(failure.stage, code, &words, &why);
    }
    match failure.stage {
        Stage::Connect => Outcome::Hold {
            lane_for: Duration::from_mins(10),
            why: why(codes::MAIL_RELAY_REFUSES),
        },
        Stage::Tls => Outcome::Misconfigured {
            why: why(codes::MAIL_TLS_FAILED),
        },
        Stage::Login => Outcome::Misconfigured {
            why: why(codes::MAIL_LOGIN_REFUSED),
        },
        _ if code == 530 || code == 535 => Outcome::Misconfigured {
            why: why(codes::MAIL_LOGIN_REFUSED),
        },
        _ if says(&words, TOO_FAST) => Outcome::Hold {
            lane_for: Duration::from_mins(10),
            why: why(codes::MAIL_THROTTLED),
        },
        _ if says(&words, BLOCKED) => Outcome::Hold {
            lane_for: Duration::from_hours(1),
            why: why(codes::MAIL_SENDER_BLOCKED),
        },
        // RFC 3463: 2.2 mailbox full, 2.3 and 3.4 message too large.
        _ if matches!(enhanced, Some((2, 3) | (3, 4))) => Outcome::Reject {
            why: why(codes::MAIL_TOO_LARGE),
        },
        Stage::Sender if code == 552 => Outcome::Reject {
            why: why(codes::MAIL_TOO_LARGE),
        },
        Stage::Sender | Stage::Reset => Outcome::Misconfigured {
            why: why(codes::MAIL_SENDER_REFUSED),
        },
        Stage::Recipient => Outcome::Reject {
            why: why(recipient_code(code, enhanced, &words)),
        },
        Stage::Data | Stage::Body => {
            let mailbox = recipient_code(code, enhanced, &words);
            let about_mailbox = matches!(
                mailbox,
                codes::MAIL_MAILBOX_UNKNOWN
                    | codes::MAIL_MAILBOX_FULL
                    | codes::MAIL_MAILBOX_DISABLED
            );
            Outcome::Reject {
                why: why(if about_mailbox {
                    mailbox
                } else {
                    codes::MAIL_CONTENT_REFUSED
                }),
            }
        }
    }
}

fn temporary(stage: Stage, code: u16, words: &str, why: &dyn Fn(&'static str) -> Why) -> Outcome {
    let minute = Duration::from_mins(1);
    if says(words, TOO_FAST) {
        return Outcome::Hold {
            lane_for: Duration::from_mins(5),
            why: why(codes::MAIL_THROTTLED),
        };
    }
    match (stage, code) {
        (Stage::Connect | Stage::Tls | Stage::Login, _) => Outcome::Hold {
            lane_for: minute,
            why: why(codes::MAIL_RELAY_BUSY),
        },
        (_, 421) => Outcome::Retry {
            after: Some(minute),
            why: why(codes::MAIL_RELAY_BUSY),
            maybe_delivered: false,
        },
        (_, 452) => Outcome::Retry {
            after: Some(minute),
            why: why(codes::MAIL_RELAY_FULL),
            maybe_delivered: false,
        },
        (Stage::Recipient, _) => Outcome::Retry {
            after: Some(minute),
            why: why(codes::MAIL_MAILBOX_BUSY),
            maybe_delivered: false,
        },
        _ => Outcome::Retry {
            after: None,
            why: why(codes::MAIL_RELAY_BUSY),
            maybe_delivered: false,
        },
    }
}

fn recipient_code(code: u16, enhanced: Option<(u16, u16)>, words: &str) -> &'static str {
    match enhanced {
        Some((1, 1..=3 | 6 | 10)) => codes::MAIL_MAILBOX_UNKNOWN,
        Some((2, 1)) => codes::MAIL_MAILBOX_DISABLED,
        Some((2, 2)) => codes::MAIL_MAILBOX_FULL,
        Some((7, _)) => codes::MAIL_POLICY_REFUSED,
        _ if says(words, FULL) || code == 552 => codes::MAIL_MAILBOX_FULL,
        _ if says(words, UNKNOWN) || matches!(code, 551 | 553) => codes::MAIL_MAILBOX_UNKNOWN,
        _ if says(words, RELAY) => codes::MAIL_POLICY_REFUSED,
        _ if code == 550 => codes::MAIL_MAILBOX_UNKNOWN,
        _ => codes::MAIL_RECIPIENT_REFUSED,
    }
}

const TOO_FAST: &[&str] = &[
    "too fast",
    "too many",
    "too much mail",
    "frequency",
    "rate limit",
    "sending limit",
    "sending quota",
    "daily limit",
    "频率",
    "频次",
];
const BLOCKED: &[&str] = &[
    "spamhaus",
    "blacklist",
    "blocklist",
    "block list",
    "dnsbl",
    "rbl",
    "blocked using",
];
const FULL: &[&str] = &[
    "mailbox full",
    "mailbox is full",
    "over quota",
    "quota exceeded",
    "insufficient storage",
];
const UNKNOWN: &[&str] = &[
    "unknown",
    "no such",
    "not exist",
    "not found",
    "invalid recipient",
    "unavailable",
    "不存在",
];
const RELAY: &[&str] = &["relay", "not permitted", "denied", "policy"];

fn says(words: &str, list: &[&str]) -> bool {
    list.iter().any(|phrase| words.contains(phrase))
}
