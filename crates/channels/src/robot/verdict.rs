//! From DingTalk's verdict to an outcome: the robot channel's whole status table.
//!
//! Caller: the robot channel. A robot has one target, its group: what is wrong with the target
//! or the settings is wrong for every message, so it stops the lane instead of the delivery.

use std::time::Duration;

use dingtalk::{ContentFault, Error, Misconfiguration, TransportPhase, Verdict};

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
            why: why("dingtalk_unreachable", error),
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
            why: why("dingtalk_quota_used_up", error),
        },
        Verdict::ContentRefused(fault) => Outcome::Reject {
            why: why(content_code(fault), error),
        },
        Verdict::RecipientUnknown => Outcome::Reject {
            why: why("dingtalk_person_unknown", error),
        },
        Verdict::RecipientLimited => Outcome::Reject {
            why: why("dingtalk_person_limit", error),
        },
        Verdict::LoginCodeInvalid => Outcome::Reject {
            why: why("dingtalk_refused", error),
        },
        Verdict::TargetGone => Outcome::Misconfigured {
            why: why("robot_group_gone", error),
        },
        Verdict::PermissionMissing { .. } => Outcome::Misconfigured {
            why: why("dingtalk_permission_missing", error),
        },
        Verdict::IpNotAllowed { .. } => Outcome::Misconfigured {
            why: why("robot_ip_not_allowed", error),
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
            "dingtalk_timeout"
        }
        Error::Transport(_) => "dingtalk_connection_broken",
        Error::Answer(_) => "dingtalk_answer_odd",
        _ => "dingtalk_busy",
    }
}

fn hold_code(error: &Error) -> &'static str {
    match error {
        Error::Answer(_) => "dingtalk_answer_odd",
        _ => "robot_throttled",
    }
}

fn content_code(fault: ContentFault) -> &'static str {
    match fault {
        ContentFault::Malformed => "robot_message_malformed",
        ContentFault::TooLong => "robot_message_too_long",
        ContentFault::Unsafe => "robot_content_refused",
        ContentFault::CannotMention => "robot_cannot_mention",
        ContentFault::TooManyMentions => "robot_too_many_mentions",
        ContentFault::Duplicate => "dingtalk_duplicate",
    }
}

fn setup_code(what: Misconfiguration) -> &'static str {
    match what {
        Misconfiguration::KeywordMissing => "robot_keyword_missing",
        Misconfiguration::SignatureWrong => "robot_signature_wrong",
        Misconfiguration::ClockWrong => "robot_clock_wrong",
        Misconfiguration::SecuritySettings => "robot_security_settings",
        Misconfiguration::RobotTokenUnknown => "robot_token_unknown",
        Misconfiguration::RobotDisabled => "robot_disabled",
        Misconfiguration::AppSecretWrong => "dingtalk_app_secret_wrong",
        Misconfiguration::AccessTokenRefused => "dingtalk_token_refused",
        Misconfiguration::OutsideScope => "dingtalk_outside_scope",
        Misconfiguration::AgentIdWrong => "dingtalk_agent_id_wrong",
        Misconfiguration::EndpointWrong => "dingtalk_endpoint_wrong",
        Misconfiguration::ClientBroken => "dingtalk_client_broken",
    }
}
