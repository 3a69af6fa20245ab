//! What the relay's answer means: the mail channel's whole status table.
//!
//! Callers: the pool makes a [`Failure`] of what went wrong, the channel asks for the outcome.
//! Rule: a refusal after RCPT concerns the recipient, one after MAIL or during login concerns us, one
//! after DATA concerns the content; the enhanced code (RFC 3463) and, last, the words refine it.
//! Weakness: relays use codes loosely; words of Chinese providers are matched by substring.

use std::error::Error as _;
use std::time::Duration;

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
        } else if error.is_tls() {
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
    let at_connect = failure.stage == Stage::Connect;
    match failure.cause {
        Cause::Reply { code, enhanced } => of_reply(failure, code, enhanced),
        // Nothing was sent and no mail is to blame: the lane waits, the delivery loses no attempt.
        Cause::Network | Cause::TimedOut if at_connect => Outcome::Hold {
            lane_for: Duration::from_secs(30),
            why: why("mail_unreachable"),
        },
        Cause::Network | Cause::TimedOut => Outcome::Retry {
            after: None,
            why: why(if failure.cause == Cause::TimedOut {
                "mail_timeout"
            } else {
                "mail_connection_broken"
            }),
            maybe_delivered: failure.stage == Stage::Body,
        },
        Cause::Tls => Outcome::Misconfigured {
            why: why("mail_tls_failed"),
        },
        Cause::Unsupported if failure.stage == Stage::Login => Outcome::Misconfigured {
            why: why("mail_login_unsupported"),
        },
        Cause::Unsupported => Outcome::Reject {
            why: why("mail_address_unsupported"),
        },
        Cause::Garbled if at_connect => Outcome::Misconfigured {
            why: why("mail_not_smtp"),
        },
        Cause::Garbled => Outcome::Retry {
            after: None,
            why: why("mail_answer_odd"),
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
            why: why("mail_relay_refuses"),
        },
        Stage::Tls => Outcome::Misconfigured {
            why: why("mail_tls_failed"),
        },
        Stage::Login => Outcome::Misconfigured {
            why: why("mail_login_refused"),
        },
        _ if code == 530 || code == 535 => Outcome::Misconfigured {
            why: why("mail_login_refused"),
        },
        _ if says(&words, TOO_FAST) => Outcome::Hold {
            lane_for: Duration::from_mins(10),
            why: why("mail_throttled"),
        },
        _ if says(&words, BLOCKED) => Outcome::Hold {
            lane_for: Duration::from_hours(1),
            why: why("mail_sender_blocked"),
        },
        // RFC 3463: 2.2 mailbox full, 2.3 and 3.4 message too large.
        _ if matches!(enhanced, Some((2, 3) | (3, 4))) => Outcome::Reject {
            why: why("mail_too_large"),
        },
        Stage::Sender if code == 552 => Outcome::Reject {
            why: why("mail_too_large"),
        },
        Stage::Sender | Stage::Reset => Outcome::Misconfigured {
            why: why("mail_sender_refused"),
        },
        Stage::Recipient => Outcome::Reject {
            why: why(recipient_code(code, enhanced, &words)),
        },
        Stage::Data | Stage::Body => {
            let mailbox = recipient_code(code, enhanced, &words);
            let about_mailbox = matches!(
                mailbox,
                "mail_mailbox_unknown" | "mail_mailbox_full" | "mail_mailbox_disabled"
            );
            Outcome::Reject {
                why: why(if about_mailbox {
                    mailbox
                } else {
                    "mail_content_refused"
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
            why: why("mail_throttled"),
        };
    }
    match (stage, code) {
        (Stage::Connect | Stage::Tls | Stage::Login, _) => Outcome::Hold {
            lane_for: minute,
            why: why("mail_relay_busy"),
        },
        (_, 421) => Outcome::Retry {
            after: Some(minute),
            why: why("mail_relay_busy"),
            maybe_delivered: false,
        },
        (_, 452) => Outcome::Retry {
            after: Some(minute),
            why: why("mail_relay_full"),
            maybe_delivered: false,
        },
        (Stage::Recipient, _) => Outcome::Retry {
            after: Some(minute),
            why: why("mail_mailbox_busy"),
            maybe_delivered: false,
        },
        _ => Outcome::Retry {
            after: None,
            why: why("mail_relay_busy"),
            maybe_delivered: false,
        },
    }
}

fn recipient_code(code: u16, enhanced: Option<(u16, u16)>, words: &str) -> &'static str {
    match enhanced {
        Some((1, 1..=3 | 6 | 10)) => "mail_mailbox_unknown",
        Some((2, 1)) => "mail_mailbox_disabled",
        Some((2, 2)) => "mail_mailbox_full",
        Some((7, _)) => "mail_policy_refused",
        _ if says(words, FULL) || code == 552 => "mail_mailbox_full",
        _ if says(words, UNKNOWN) || matches!(code, 551 | 553) => "mail_mailbox_unknown",
        _ if says(words, RELAY) => "mail_policy_refused",
        _ if code == 550 => "mail_mailbox_unknown",
        _ => "mail_recipient_refused",
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
