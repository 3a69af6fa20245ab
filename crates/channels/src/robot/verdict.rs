//! From DingTalk's verdict to an outcome: the robot channel's whole status table.
//!
//! Caller: the robot channel. A robot has one target, its group: what is wrong with the target
//! or the settings is wrong for every message, so it stops the lane instead of the delivery.

use std::time::Duration;

use dingtalk::{ContentFault, Error, Misconfiguration, TransportPhase, Verdict};

use crate::codes;
use crate::outcome::{Outcome, Why};

/// A platform that cannot be reached says nothing about one delivery.
const UNREACHABLE: Duration = Duration::from_secs(30);
/// The monthly quota returns next month or when somebody buys more; ask every hour.
const QUOTA: Duration = Duration::from_hours(1);

pub(super) fn outcome(error: &Error) -> Outcome {
    if let Error::Transport(transport) = error
        && transport.phase == TransportPhase::Connect
    {
        return Outcome::Hold {
            lane_for: UNREACHABLE,
            why: why(codes::DINGTALK_UNREACHABLE, error),
        };
    }
    match error.verdict() {
        Verdict::Retry {
            after,
            maybe_delivered,
        } => Outcome::Retry {
            after,
            why: why(retry_code(error), error),
            maybe_delivered,
        },
        Verdict::Hold { for_ } => Outcome::Hold {
            lane_for: for_,
            why: why(hold_code(error), error),
        },
        Verdict::QuotaUsedUp => Outcome::Hold {
            lane_for: QUOTA,
            why: why(codes::DINGTALK_QUOTA_USED_UP, error),
        },
        Verdict::ContentRefused(fault) => Outcome::Reject {
            why: why(content_code(fault), error),
        },
        Verdict::RecipientUnknown => Outcome::Reject {
            why: why(codes::DINGTALK_PERSON_UNKNOWN, error),
        },
        Verdict::RecipientLimited => Outcome::Reject {
            why: why(codes::DINGTALK_PERSON_LIMIT, error),
        },
        Verdict::LoginCodeInvalid => Outcome::Reject {
            why: why(codes::DINGTALK_REFUSED, error),
        },
        Verdict::TargetGone => Outcome::Misconfigured {
            why: why(codes::ROBOT_GROUP_GONE, error),
        },
        Verdict::PermissionMissing { .. } => Outcome::Misconfigured {
            why: why(codes::DINGTALK_PERMISSION_MISSING, error),
        },
        Verdict::IpNotAllowed { .. } => Outcome::Misconfigured {
            why: why(codes::ROBOT_IP_NOT_ALLOWED, error),
        },
        Verdict::Misconfigured(what) => Outcome::Misconfigured {
            why: why(setup_code(what), error),
        },
    }
}

fn why(code: &'static str, error: &Error) -> Why {
    Why::redacted(code, &error.to_string(), &[])
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
        _ => codes::ROBOT_THROTTLED,
    }
}

fn content_code(fault: ContentFault) -> &'static str {
    match fault {
        ContentFault::Malformed => codes::ROBOT_MESSAGE_MALFORMED,
        ContentFault::TooLong => codes::ROBOT_MESSAGE_TOO_LONG,
        ContentFault::Unsafe => codes::ROBOT_CONTENT_REFUSED,
        ContentFault::CannotMention => codes::ROBOT_CANNOT_MENTION,
        ContentFault::TooManyMentions => codes::ROBOT_TOO_MANY_MENTIONS,
        ContentFault::Duplicate => codes::DINGTALK_DUPLICATE,
    }
}

fn setup_code(what: Misconfiguration) -> &'static str {
    match what {
        Misconfiguration::KeywordMissing => codes::ROBOT_KEYWORD_MISSING,
        Misconfiguration::SignatureWrong => codes::ROBOT_SIGNATURE_WRONG,
        Misconfiguration::ClockWrong => codes::ROBOT_CLOCK_WRONG,
        Misconfiguration::SecuritySettings => codes::ROBOT_SECURITY_SETTINGS,
        Misconfiguration::RobotTokenUnknown => codes::ROBOT_TOKEN_UNKNOWN,
        Misconfiguration::RobotDisabled => codes::ROBOT_DISABLED,
        Misconfiguration::AppSecretWrong => codes::DINGTALK_APP_SECRET_WRONG,
        Misconfiguration::AccessTokenRefused => codes::DINGTALK_TOKEN_REFUSED,
        Misconfiguration::OutsideScope => codes::DINGTALK_OUTSIDE_SCOPE,
        Misconfiguration::AgentIdWrong => codes::DINGTALK_AGENT_ID_WRONG,
        Misconfiguration::EndpointWrong => codes::DINGTALK_ENDPOINT_WRONG,
        Misconfiguration::ClientBroken => codes::DINGTALK_CLIENT_BROKEN,
    }
}
