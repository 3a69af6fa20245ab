//! What a refusal means: the tables from the platform's codes to what to do.
//!
//! Caller: channels, through [`Error::verdict`].
//! Sources: the global error code list, the custom robot's page, the billing pages, and texts
//! seen in production for codes the documents lack (130101, 300001, 300005, 460101, 500100).
//! Weakness: 310000 covers four causes told apart by words in two languages only.

use std::time::Duration;

use crate::error::{ApiRefusal, Error, MessageProblem, OapiRefusal, OddAnswer, Oddity};

/// What to do about an [`Error`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Try this call again. `maybe_delivered`: without an idempotency key the message may appear twice.
    Retry {
        after: Option<Duration>,
        maybe_delivered: bool,
    },
    /// Nothing through this robot or app for a while.
    Hold { for_: Duration },
    /// The group, the robot in it, or whatever the call names does not exist (any more).
    TargetGone,
    /// The addressed person is unknown to the organisation.
    RecipientUnknown,
    /// The platform sends this person nothing more for now (daily limit, executive protection).
    RecipientLimited,
    /// This message will never be accepted.
    ContentRefused(ContentFault),
    /// The app lacks permissions; `apply_url` opens the page where an administrator grants them.
    PermissionMissing {
        scopes: Vec<String>,
        apply_url: Option<String>,
    },
    /// The organisation's monthly quota is used up.
    QuotaUsedUp,
    /// The address this server sends from is not on the robot's or app's list.
    IpNotAllowed { address: Option<String> },
    /// A login code was wrong, used or too old.
    LoginCodeInvalid,
    /// Nothing will be accepted until somebody changes the set-up.
    Misconfigured(Misconfiguration),
}

/// Why a message is refused for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentFault {
    /// A field is missing or has the wrong form.
    Malformed,
    TooLong,
    /// The platform's moderation objects (link, text, picture or content).
    Unsafe,
    CannotMention,
    TooManyMentions,
    /// The same content was sent to the same person today, or the thing exists already.
    Duplicate,
}

/// What an administrator has to put right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misconfiguration {
    /// None of the robot's keywords (自定义关键词) is in the message.
    KeywordMissing,
    /// The robot's signing secret (加签) is wrong or missing.
    SignatureWrong,
    /// This server's clock is more than an hour off.
    ClockWrong,
    /// A security setting of the robot refuses, the words do not say which.
    SecuritySettings,
    /// The robot's access token or robot code does not exist.
    RobotTokenUnknown,
    RobotDisabled,
    /// The app's client id or secret is wrong.
    AppSecretWrong,
    /// The access token stayed refused after a refresh.
    AccessTokenRefused,
    /// People, departments or groups lie outside what the app may see or change.
    OutsideScope,
    /// The agent id is not this app's.
    AgentIdWrong,
    /// The address answers, but it is not the expected interface.
    EndpointWrong,
    /// The HTTP client could not start (certificates).
    ClientBroken,
}

const SECOND: Duration = Duration::from_secs(1);
const FIVE_SECONDS: Duration = Duration::from_secs(5);
const MINUTE: Duration = Duration::from_mins(1);
const FIVE_MINUTES: Duration = Duration::from_mins(5);
/// "如果超过20条，会限流10分钟" (custom robots).
const ROBOT_THROTTLE: Duration = Duration::from_mins(10);

impl Error {
    /// What to do about it.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Message(problem) => Verdict::ContentRefused(of_problem(problem)),
            Self::Transport(transport) => Verdict::Retry {
                after: None,
                maybe_delivered: transport.maybe_delivered,
            },
            Self::Answer(answer) => of_answer(answer, self.maybe_delivered()),
            Self::Oapi(refusal) => of_oapi(refusal, self.maybe_delivered()),
            Self::Api(refusal) => of_api(refusal, self.maybe_delivered()),
            Self::Client { .. } => Verdict::Misconfigured(Misconfiguration::ClientBroken),
        }
    }
}

fn of_problem(problem: &MessageProblem) -> ContentFault {
    match problem {
        MessageProblem::CannotMention { .. } => ContentFault::CannotMention,
        MessageProblem::TooManyMentions { .. } => ContentFault::TooManyMentions,
        MessageProblem::Empty { .. }
        | MessageProblem::Malformed { .. }
        | MessageProblem::Unserialisable => ContentFault::Malformed,
        MessageProblem::TooLong { .. }
        | MessageProblem::TooLarge { .. }
        | MessageProblem::TooMany { .. } => ContentFault::TooLong,
    }
}

fn of_answer(answer: &OddAnswer, maybe_delivered: bool) -> Verdict {
    match answer.oddity {
        Oddity::Banned { minutes } => Verdict::Hold {
            for_: Duration::from_mins(minutes.clamp(5, 60)),
        },
        // A captive portal or a proxy: it goes away by itself or an administrator sees the lane held.
        Oddity::Html | Oddity::Redirect => Verdict::Hold {
            for_: answer.retry_after.unwrap_or(FIVE_MINUTES),
        },
        Oddity::TooManyRequests => Verdict::Retry {
            after: Some(answer.retry_after.unwrap_or(MINUTE)),
            maybe_delivered,
        },
        Oddity::Unreadable if answer.status == 404 => {
            Verdict::Misconfigured(Misconfiguration::EndpointWrong)
        }
        Oddity::ServerError | Oddity::Unreadable | Oddity::StorageRefused | Oddity::TooLarge => {
            Verdict::Retry {
                after: answer.retry_after,
                maybe_delivered,
            }
        }
    }
}

fn of_oapi(refusal: &OapiRefusal, maybe_delivered: bool) -> Verdict {
    use ContentFault as Fault;
    use Misconfiguration as Setup;
    let retry = |after| Verdict::Retry {
        after,
        maybe_delivered,
    };
    match refusal.cause() {
        90_002 | 90_018 => retry(Some(SECOND)),
        143_103 | 143_104 | 1_430_003 => Verdict::Hold { for_: MINUTE },
        90_003..=90_010 | 90_017 => Verdict::Hold { for_: FIVE_MINUTES },
        90_020 => Verdict::QuotaUsedUp,
        130_101 | 410_100 => Verdict::Hold {
            for_: ROBOT_THROTTLE,
        },
        310_000 => of_security_words(&refusal.message),
        300_001 | 400_101 => Verdict::Misconfigured(Setup::RobotTokenUnknown),
        // Same words as 300001, but seen to come and go.
        300_005 => retry(Some(MINUTE)),
        400_102 => Verdict::Misconfigured(Setup::RobotDisabled),
        60_003 | 400_013 | 400_106 => Verdict::TargetGone,
        1 | 40_004 | 40_005 | 40_007 | 40_035 | 41_052 | 43_004 | 400_002 | 400_105 | 400_402
        | 400_403 | 665_036 | 1_430_000 => Verdict::ContentRefused(Fault::Malformed),
        1002 | 40_006 | 101_002 | 460_101 | 41_101 | 665_033 => {
            Verdict::ContentRefused(Fault::TooLong)
        }
        430_101..=430_104 | 1_430_002 | 40_048 => Verdict::ContentRefused(Fault::Unsafe),
        143_106 => Verdict::ContentRefused(Fault::Duplicate),
        143_105 | 1_430_004 => Verdict::RecipientLimited,
        // A scene group takes members some seconds after it was made.
        400_020 => retry(Some(FIVE_SECONDS)),
        33_012 | 40_031 | 40_104 | 60_121 => Verdict::RecipientUnknown,
        40_029 | 40_078 => Verdict::LoginCodeInvalid,
        40_089 | 40_096 => Verdict::Misconfigured(Setup::AppSecretWrong),
        40_001 | 40_014 | 41_001 | 42_001 => Verdict::Misconfigured(Setup::AccessTokenRefused),
        43_007 | 60_011 => Verdict::PermissionMissing {
            scopes: bracketed(&refusal.message, "requiredScopes=[")
                .or_else(|| bracketed(&refusal.message, "权限：["))
                .unwrap_or_default(),
            apply_url: link_in(&refusal.message).or_else(|| refusal.apply_url.clone()),
        },
        50_002 | 50_004 | 60_019 => Verdict::Misconfigured(Setup::OutsideScope),
        60_020 => Verdict::IpNotAllowed {
            address: address_in(&refusal.message),
        },
        52_010..=52_018 => Verdict::Misconfigured(Setup::SignatureWrong),
        40_056 | 52_019 => Verdict::Misconfigured(Setup::AgentIdWrong),
        22 | 404 => Verdict::Misconfigured(Setup::EndpointWrong),
        // -1 and 500100 say "busy"; 15 is a gateway timeout; an unknown code may pass.
        _ => retry(None),
    }
}

/// 310000 means keyword, signature, clock or address; the texts changed over the years from
/// short English to `description:…;solution:…` and `错误描述:…;解决方案:…`. Only the
/// description counts: the solution of one cause mentions words of another.
fn of_security_words(message: &str) -> Verdict {
    let description = message.split("solution:").next().unwrap_or(message);
    let description = description
        .split("解决方案")
        .next()
        .unwrap_or(description)
        .to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| description.contains(word));
    if says(&["keyword", "关键词", "关键字"]) {
        Verdict::Misconfigured(Misconfiguration::KeywordMissing)
    } else if says(&["whitelist", "白名单"]) {
        Verdict::IpNotAllowed {
            address: address_in(message),
        }
    } else if says(&["sign not match", "签名"]) {
        Verdict::Misconfigured(Misconfiguration::SignatureWrong)
    } else if says(&["timestamp", "时间戳"]) {
        Verdict::Misconfigured(Misconfiguration::ClockWrong)
    } else {
        Verdict::Misconfigured(Misconfiguration::SecuritySettings)
    }
}

fn of_api(refusal: &ApiRefusal, maybe_delivered: bool) -> Verdict {
    use ContentFault as Fault;
    use Misconfiguration as Setup;
    let retry = |default| Verdict::Retry {
        after: Some(refusal.retry_after.unwrap_or(default)),
        maybe_delivered,
    };
    // The platform itself mixes cases (`systemBusy`, `system.busy`, `notExsit`, `notExist`).
    let code = refusal.code.to_ascii_lowercase();
    match code.as_str() {
        "invalidauthentication" | "authenticationfailed.missingparameter" => {
            Verdict::Misconfigured(Setup::AccessTokenRefused)
        }
        "invalidclientidorsecret" | "authfailed" | "invalid.client" | "unauthorized.client" => {
            Verdict::Misconfigured(Setup::AppSecretWrong)
        }
        "forbidden.accessdenied.accesstokenpermissiondenied" => missing(refusal),
        // Not a permission point of the app: the acting person is no administrator of the thing.
        "accessdenied" | "addspace.forbiden" => Verdict::PermissionMissing {
            scopes: Vec::new(),
            apply_url: None,
        },
        "forbidden.accessdenied.ipnotinwhitelist" => Verdict::IpNotAllowed {
            address: address_in(&refusal.message),
        },
        "forbidden.accessdenied.apicountlimitfororg" | "ding.serverquota.insufficient" => {
            Verdict::QuotaUsedUp
        }
        "forbidden.accessdenied.qpslimitforappkeyandapi"
        | "forbidden.accessdenied.qpslimitforapi"
        | "system.busy"
        | "systembusy"
        | "system.error"
        | "send.ding.exception"
        | "todo.taskcreate.lockerror" => retry(SECOND),
        "forbidden.accessdenied.qpmlimitforappkeyandapi"
        | "send.too.fast"
        | "send.bytoken.toofast"
        | "toomuch.msg" => Verdict::Hold { for_: MINUTE },
        // Too early and too late come with the same code.
        "processquerykey.expiretime" | "todo.taskcreate.flowcontrolerror" => retry(MINUTE),
        "send.forbidden" | "chatbotid.notallow.sendoto" | "robot.oto.notexist" | "bot.stopped" => {
            Verdict::Misconfigured(Setup::RobotDisabled)
        }
        "invalidparameter.robotcode.notexsit"
        | "invalidparameter.robotcode.notexist"
        | "invalidparameter.robotcode.auth"
        | "invalid.chatbotid" => Verdict::Misconfigured(Setup::RobotTokenUnknown),
        "permession.checkfailed" | "permission.checkfailed" => {
            Verdict::Misconfigured(Setup::OutsideScope)
        }
        "staffid.notexisted" | "miss.staffid" | "param.useridnotexist" => Verdict::RecipientUnknown,
        "group.disbanded"
        | "conversation.org.notmatch"
        | "resource.not.found"
        | "param.cardnotexist" => Verdict::TargetGone,
        "only.groupadmin.canatall" => Verdict::ContentRefused(Fault::CannotMention),
        "too.many.people"
        | "too.many.group"
        | "ding.receivercount.limit"
        | "invalidparameter.userids.overmax"
        | "invalidparameter.msgparam.toolong" => Verdict::ContentRefused(Fault::TooLong),
        "contain.unsafe.url"
        | "contain.notallowed.text"
        | "contain.notallowed.picture"
        | "contain.notallowed.content"
        | "param.contentunsafe" => Verdict::ContentRefused(Fault::Unsafe),
        "param.cardalreadyexist" | "param.callbackroutekeyexist" => {
            Verdict::ContentRefused(Fault::Duplicate)
        }
        "todo.taskcreate.paramerror" => Verdict::ContentRefused(of_todo_words(&refusal.message)),
        code if code.starts_with("invalidparameter.authcode") => Verdict::LoginCodeInvalid,
        _ => of_status(refusal, maybe_delivered),
    }
}

fn of_status(refusal: &ApiRefusal, maybe_delivered: bool) -> Verdict {
    match refusal.status {
        429 => Verdict::Retry {
            after: Some(refusal.retry_after.unwrap_or(SECOND)),
            maybe_delivered,
        },
        401 => Verdict::Misconfigured(Misconfiguration::AccessTokenRefused),
        403 => missing(refusal),
        404 => Verdict::Misconfigured(Misconfiguration::EndpointWrong),
        500.. => Verdict::Retry {
            after: refusal.retry_after,
            maybe_delivered,
        },
        _ => Verdict::ContentRefused(ContentFault::Malformed),
    }
}

fn missing(refusal: &ApiRefusal) -> Verdict {
    Verdict::PermissionMissing {
        scopes: refusal.required_scopes.clone(),
        apply_url: link_in(&refusal.message).or_else(|| refusal.apply_url.clone()),
    }
}

fn of_todo_words(message: &str) -> ContentFault {
    if message.contains("task exist") {
        ContentFault::Duplicate
    } else if message.contains("oversize") {
        ContentFault::TooLong
    } else {
        ContentFault::Malformed
    }
}

fn bracketed(text: &str, opening: &str) -> Option<Vec<String>> {
    let (_, rest) = text.split_once(opening)?;
    let (inside, _) = rest.split_once(']')?;
    Some(
        inside
            .split(',')
            .map(|scope| scope.trim().to_owned())
            .filter(|scope| !scope.is_empty())
            .collect(),
    )
}

fn link_in(text: &str) -> Option<String> {
    let start = text.find("https://")?;
    let link: String = text
        .get(start..)?
        .chars()
        .take_while(|c| c.is_ascii_graphic() && !matches!(c, ',' | ';' | '"'))
        .collect();
    Some(link)
}

/// The first IPv4 or IPv6 address named in a text.
fn address_in(text: &str) -> Option<String> {
    text.split(|c: char| !(c.is_ascii_hexdigit() || c == '.' || c == ':'))
        .map(|word| word.trim_matches([':', '.']))
        .find(|word| word.parse::<std::net::IpAddr>().is_ok())
        .map(ToOwned::to_owned)
}
