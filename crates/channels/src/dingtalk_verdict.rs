//! From DingTalk's verdict to an outcome, for everything that goes through the organisation's app: the whole status
//! table.
//!
//! Callers: the app's channels, their readers and checks. (A webhook robot has a table of its own: it has one target.)
//! Invariant: what concerns the app, its settings or its quotas says nothing about a delivery, so it holds or stops the
//! lane; what concerns a message or a person ends that delivery. No code here stands for two things to do.
//! Weakness: a refusal that nobody has seen yet is retried until the attempts run out.

use std::time::Duration;

use dingtalk::{ContentFault, Error, Misconfiguration, Reason, TransportPhase, Verdict, probe};
use yuezhi_domain::UnixMillis;

use crate::codes;
use crate::outcome::{CheckReport, Level, Outcome, ReadReport, Why};

/// A platform that cannot be reached says nothing about one delivery.
const UNREACHABLE: Duration = Duration::from_secs(30);
/// The monthly quota returns next month or when somebody buys more; ask every hour.
const QUOTA: Duration = Duration::from_hours(1);
/// Read states are made some time after sending.
const READS_LATER: Duration = Duration::from_mins(30);
/// An administrator has to act before asking again makes sense.
const SET_RIGHT: Duration = Duration::from_hours(6);
/// A day after the last of [`limits::WITHIN_A_WEEK`](crate::limits::WITHIN_A_WEEK).
const READS_END: Duration = Duration::from_hours(8 * 24);
/// The platform tells who has read within a day of sending.
pub(crate) const READ_WINDOW: Duration = Duration::from_hours(24);

/// What came of a call that failed.
pub(crate) fn outcome(error: &Error, now: UnixMillis) -> Outcome {
    if let Error::Transport(transport) = error
        && transport.phase == TransportPhase::Connect
    {
        return hold(UNREACHABLE, codes::DINGTALK_UNREACHABLE, error);
    }
    if let Some(outcome) = error.reason().and_then(|reason| of_reason(&reason, error)) {
        return outcome;
    }
    match error.verdict_at(now.get()) {
        Verdict::Retry { after, .. } if error.is_throttled() => hold(
            after.unwrap_or_default().max(Duration::from_secs(1)),
            codes::DINGTALK_THROTTLED,
            error,
        ),
        Verdict::Retry {
            after,
            maybe_delivered,
        } => Outcome::Retry {
            after,
            why: why(retry_code(error), error),
            maybe_delivered,
        },
        Verdict::Hold { for_ } => hold(for_, hold_code(error), error),
        Verdict::QuotaUsedUp => hold(QUOTA, codes::DINGTALK_QUOTA_USED_UP, error),
        Verdict::ContentRefused(fault) => reject(content_code(fault), error),
        Verdict::RecipientUnknown => reject(codes::DINGTALK_PERSON_UNKNOWN, error),
        Verdict::RecipientLimited => reject(codes::DINGTALK_PERSON_LIMIT, error),
        Verdict::TargetGone => reject(codes::DINGTALK_TARGET_GONE, error),
        Verdict::LoginCodeInvalid => reject(codes::DINGTALK_REFUSED, error),
        Verdict::PermissionMissing { .. } => {
            misconfigured(codes::DINGTALK_PERMISSION_MISSING, error)
        }
        Verdict::IpNotAllowed { .. } => misconfigured(codes::DINGTALK_IP_NOT_ALLOWED, error),
        Verdict::Misconfigured(what) => misconfigured(setup_code(what), error),
    }
}

/// The reason alone, for calls that deliver nothing.
pub(crate) fn why_of(error: &Error, now: UnixMillis) -> Why {
    let outcome = outcome(error, now);
    let why = outcome.why().cloned();
    why.unwrap_or_else(|| Why::new(codes::DINGTALK_REFUSED, ""))
}

/// One person of several is the cause: the others may get the message without them.
pub(crate) fn is_about_one_person(error: &Error) -> bool {
    matches!(
        error.verdict(),
        Verdict::RecipientUnknown | Verdict::RecipientLimited
    )
}

/// What came of changing a message that is there.
pub(crate) fn of_change(result: Result<(), Error>, now: UnixMillis) -> Outcome {
    match result {
        Ok(()) => Outcome::Sent { platform_id: None },
        Err(error) => outcome(&error, now),
    }
}

/// Why nobody's reading can be told now. Whatever asking again promises, it ends: every refused question may count
/// against the month.
pub(crate) fn no_readers(error: &Error, sent_at: UnixMillis, now: UnixMillis) -> ReadReport {
    match told_later(error, sent_at, now) {
        ReadReport::Later { why, .. } if now.since(sent_at) >= READS_END => {
            ReadReport::Over { why }
        }
        report => report,
    }
}

fn told_later(error: &Error, sent_at: UnixMillis, now: UnixMillis) -> ReadReport {
    if error.reason() == Some(Reason::NotYetOrExpired) {
        return if now.since(sent_at) + READS_LATER < READ_WINDOW {
            ReadReport::Later {
                after: READS_LATER,
                why: why(codes::DINGTALK_READS_NOT_YET, error),
            }
        } else {
            ReadReport::Over {
                why: why(codes::DINGTALK_READS_OVER, error),
            }
        };
    }
    match outcome(error, now) {
        Outcome::Retry { after, why, .. } => ReadReport::Later {
            after: after.unwrap_or(READS_LATER),
            why,
        },
        Outcome::Hold { lane_for, why } => ReadReport::Later {
            after: lane_for,
            why,
        },
        Outcome::Misconfigured { why } => ReadReport::Later {
            after: SET_RIGHT,
            why,
        },
        Outcome::Reject { why } => ReadReport::Over { why },
        Outcome::Sent { .. } => ReadReport::Unsupported,
    }
}

/// What a probe found, for the doctor.
pub(crate) fn of_probe(found: probe::Finding, now: UnixMillis) -> CheckReport {
    let report =
        |level, code, detail: String| CheckReport::one(level, Why::redacted(code, &detail, &[]));
    match found {
        probe::Finding::Fine => report(Level::Fine, codes::DINGTALK_APP_READY, String::new()),
        probe::Finding::Unreachable(transport) => report(
            Level::Warning,
            codes::DINGTALK_UNREACHABLE,
            transport.to_string(),
        ),
        probe::Finding::AppSecretWrong => report(
            Level::Failed,
            codes::DINGTALK_APP_SECRET_WRONG,
            String::new(),
        ),
        probe::Finding::AgentIdWrong => {
            report(Level::Failed, codes::DINGTALK_AGENT_ID_WRONG, String::new())
        }
        probe::Finding::RobotCodeUnknown => {
            report(Level::Failed, codes::DINGTALK_ROBOT_UNKNOWN, String::new())
        }
        probe::Finding::RobotSwitchedOff => {
            report(Level::Failed, codes::DINGTALK_ROBOT_DISABLED, String::new())
        }
        probe::Finding::IpNotAllowed { address } => report(
            Level::Failed,
            codes::DINGTALK_IP_NOT_ALLOWED,
            address.unwrap_or_default(),
        ),
        probe::Finding::PermissionMissing { scopes, apply_url } => report(
            Level::Failed,
            codes::DINGTALK_PERMISSION_MISSING,
            format!("{} {}", scopes.join(", "), apply_url.unwrap_or_default()),
        ),
        probe::Finding::QuotaUsedUp => {
            report(Level::Warning, codes::DINGTALK_QUOTA_USED_UP, String::new())
        }
        probe::Finding::Unclear(error) => CheckReport::of_outcome(outcome(&error, now)),
    }
}

fn of_reason(reason: &Reason, error: &Error) -> Option<Outcome> {
    Some(match reason {
        // The page says the caller's argument is wrong; what is wrong is the set-up.
        Reason::TemplateUnavailable => {
            misconfigured(codes::DINGTALK_CARD_TEMPLATE_UNAVAILABLE, error)
        }
        Reason::OperatorNotAllowed => misconfigured(codes::DINGTALK_OPERATOR_NOT_ALLOWED, error),
        Reason::DingQuota => hold(QUOTA, codes::DINGTALK_DING_QUOTA, error),
        Reason::OtherApps => reject(codes::DINGTALK_OTHER_APPS, error),
        Reason::ExecutiveProtection => reject(codes::DINGTALK_PERSON_PROTECTED, error),
        _ => return None,
    })
}

fn why(code: &'static str, error: &Error) -> Why {
    Why::redacted(code, &error.to_string(), &[])
}

fn hold(lane_for: Duration, code: &'static str, error: &Error) -> Outcome {
    Outcome::Hold {
        lane_for,
        why: why(code, error),
    }
}

fn reject(code: &'static str, error: &Error) -> Outcome {
    Outcome::Reject {
        why: why(code, error),
    }
}

fn misconfigured(code: &'static str, error: &Error) -> Outcome {
    Outcome::Misconfigured {
        why: why(code, error),
    }
}

fn retry_code(error: &Error) -> &'static str {
    match error {
        Error::Transport(transport) if transport.phase == TransportPhase::TimedOut => {
            codes::DINGTALK_TIMEOUT
        }
        Error::Transport(_) => codes::DINGTALK_CONNECTION_BROKEN,
        Error::Answer(_) => codes::DINGTALK_ANSWER_ODD,
        _ => codes::DINGTALK_BUSY,
    }
}

fn hold_code(error: &Error) -> &'static str {
    match error {
        Error::Answer(_) => codes::DINGTALK_ANSWER_ODD,
        _ => codes::DINGTALK_THROTTLED,
    }
}

fn content_code(fault: ContentFault) -> &'static str {
    match fault {
        ContentFault::Malformed | ContentFault::CannotMention => codes::DINGTALK_MESSAGE_MALFORMED,
        ContentFault::TooLong | ContentFault::TooManyMentions => codes::DINGTALK_MESSAGE_TOO_LONG,
        ContentFault::Unsafe => codes::DINGTALK_CONTENT_REFUSED,
        ContentFault::Duplicate => codes::DINGTALK_DUPLICATE,
    }
}

fn setup_code(what: Misconfiguration) -> &'static str {
    match what {
        Misconfiguration::RobotTokenUnknown => codes::DINGTALK_ROBOT_UNKNOWN,
        Misconfiguration::RobotDisabled
        | Misconfiguration::KeywordMissing
        | Misconfiguration::SecuritySettings => codes::DINGTALK_ROBOT_DISABLED,
        Misconfiguration::ClockWrong => codes::ROBOT_CLOCK_WRONG,
        Misconfiguration::SignatureWrong | Misconfiguration::AccessTokenRefused => {
            codes::DINGTALK_TOKEN_REFUSED
        }
        Misconfiguration::AppSecretWrong => codes::DINGTALK_APP_SECRET_WRONG,
        Misconfiguration::OutsideScope => codes::DINGTALK_OUTSIDE_SCOPE,
        Misconfiguration::AgentIdWrong => codes::DINGTALK_AGENT_ID_WRONG,
        Misconfiguration::EndpointWrong => codes::DINGTALK_ENDPOINT_WRONG,
        Misconfiguration::ClientBroken => codes::DINGTALK_CLIENT_BROKEN,
    }
}
