//! Where one verdict covers cases that a caller of single interfaces treats differently: the
//! platform's reason in a word; and the end of a throttle that the platform announces itself.
//!
//! Callers: code that makes cards, to-dos or groups again after a lost answer, read collectors,
//! the doctor. Invariant: a reason never contradicts [`Error::verdict`].
//! Sources: the error tables of each interface's page; 全局错误码.

use std::time::Duration;

use crate::error::Error;
use crate::verdict::Verdict;

/// The platform's reason, where it says more than the verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// What was to be made exists: an earlier attempt got through. `id` where the words name it.
    AlreadyExists { id: Option<String> },
    /// The card, announcement, department or group named does not exist.
    NotFound,
    /// Read data that is not there yet (just sent) or not any more (after 24 hours).
    NotYetOrExpired,
    /// More people than one call, one group or one result query takes.
    TooManyPeople,
    /// The robot code is not this app's, or there is no such robot.
    RobotCodeUnknown,
    /// The app's robot is not switched on, or may not write to single people.
    RobotSwitchedOff,
    /// The card or group template does not exist or is not published.
    TemplateUnavailable,
    /// Made by another app; only that app may change it.
    OtherApps,
    /// The acting person is not an administrator (or the sender) of the thing.
    OperatorNotAllowed,
    /// No DING left; paid packs are bought apart from the monthly quota.
    DingQuota,
    /// Senior-executive protection (高管保护) shields this person from the app.
    ExecutiveProtection,
    /// The monthly quota of paid calls.
    MonthlyQuota,
}

/// Longer than any ban seen; a longer announcement is taken for a misreading.
const LONGEST_BAN_MS: i64 = 24 * 3_600_000;

impl Error {
    /// The platform's reason, where there is more to say than [`Error::verdict`].
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Oapi(refusal) => of_oapi(refusal.cause()),
            Self::Api(refusal) => of_api(&refusal.code.to_ascii_lowercase(), &refusal.message),
            _ => None,
        }
    }

    /// When the throttle ends, in Unix milliseconds, if the platform says so
    /// (`限制将在 2026-09-03 00:01:03 结束`, China Standard Time).
    pub fn throttled_until_ms(&self) -> Option<i64> {
        end_in(self.words())
    }

    /// [`Error::verdict`] with waiting times lengthened to an end the platform announces.
    pub fn verdict_at(&self, now_ms: i64) -> Verdict {
        let verdict = self.verdict();
        let Some(left_ms) = self
            .throttled_until_ms()
            .map(|end| end.saturating_sub(now_ms))
            .filter(|left| (1..=LONGEST_BAN_MS).contains(left))
        else {
            return verdict;
        };
        let left = Duration::from_millis(left_ms as u64);
        match verdict {
            Verdict::Retry {
                after,
                maybe_delivered,
            } => Verdict::Retry {
                after: Some(after.map_or(left, |after| after.max(left))),
                maybe_delivered,
            },
            Verdict::Hold { .. } => Verdict::Hold { for_: left },
            other => other,
        }
    }
}

fn of_oapi(cause: i64) -> Option<Reason> {
    Some(match cause {
        60_003 => Reason::NotFound,
        41_052 | 665_033 => Reason::TooManyPeople,
        665_036 => Reason::TemplateUnavailable,
        1_430_004 => Reason::ExecutiveProtection,
        90_020 => Reason::MonthlyQuota,
        _ => return None,
    })
}

fn of_api(code: &str, words: &str) -> Option<Reason> {
    Some(match code {
        "param.cardalreadyexist" | "param.callbackroutekeyexist" => {
            Reason::AlreadyExists { id: None }
        }
        _ if words.contains("task exist") => Reason::AlreadyExists {
            id: longest_id(words),
        },
        _ if words.contains("not belong to bizTag") => Reason::OtherApps,
        "param.cardnotexist" | "resource.not.found" => Reason::NotFound,
        "processquerykey.expiretime" => Reason::NotYetOrExpired,
        "too.many.people" | "ding.receivercount.limit" | "invalidparameter.userids.overmax" => {
            Reason::TooManyPeople
        }
        "invalidparameter.robotcode.notexsit"
        | "invalidparameter.robotcode.notexist"
        | "invalidparameter.robotcode.auth"
        | "invalid.chatbotid" => Reason::RobotCodeUnknown,
        "send.forbidden" | "chatbotid.notallow.sendoto" | "robot.oto.notexist" | "bot.stopped" => {
            Reason::RobotSwitchedOff
        }
        "param.templatenotexist" | "param.templateunpublished" | "template.stopped" => {
            Reason::TemplateUnavailable
        }
        "accessdenied" | "permession.checkfailed" | "permission.checkfailed" => {
            Reason::OperatorNotAllowed
        }
        "ding.serverquota.insufficient" => Reason::DingQuota,
        "forbidden.accessdenied.apicountlimitfororg" => Reason::MonthlyQuota,
        _ => return None,
    })
}

/// The task id in the words of a repeated to-do: the longest run of hex digits.
fn longest_id(words: &str) -> Option<String> {
    words
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| word.len() >= 8 && word.chars().any(|c| c.is_ascii_digit()))
        .max_by_key(|word| word.len())
        .map(ToOwned::to_owned)
}

fn end_in(words: &str) -> Option<i64> {
    let (_, rest) = words
        .split_once("限制将在")
        .or_else(|| words.split_once("处罚将在"))?;
    let (time, _) = rest.split_once("结束")?;
    let numbers: Vec<i64> = time
        .split(|c: char| !c.is_ascii_digit())
        .filter(|part| !part.is_empty())
        .map_while(|part| part.parse().ok())
        .collect();
    let [year, month, day, hour, minute, second] = *numbers.as_slice() else {
        return None;
    };
    let plausible = (2000..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&second);
    plausible.then(|| {
        let seconds = ((days_since_1970(year, month, day) * 24 + hour - 8) * 60 + minute) * 60;
        (seconds + second) * 1000
    })
}

/// Days of a Gregorian date, by counting years from March.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year / 4 - year / 100 + year / 400 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announced_end_is_china_standard_time() {
        let words = "当前所有钉钉应用调用该接口次数过多, apiPath(dingtalk.oapi.v2.department.listsub), 从 2026-09-03 00:01:02 到 2026-09-03 00:01:02 请求总次数超过 1200 次, 限制将在 2026-09-03 00:01:03 结束.";
        assert_eq!(end_in(words), Some(1_788_364_863_000));
        assert_eq!(
            end_in("处罚将在 1970-01-01 08:00:00 结束"),
            None,
            "before 2000 is a misreading"
        );
        assert_eq!(end_in("处罚将在 稍后 结束"), None);
        assert_eq!(days_since_1970(1970, 1, 1), 0);
        assert_eq!(days_since_1970(2024, 2, 29), 19_782);
    }

    #[test]
    fn a_repeated_to_do_names_the_first() {
        assert_eq!(
            of_api(
                "todo.taskcreate.paramerror",
                "task exist, taskId:1a2b3c4d5e6f7a8b"
            ),
            Some(Reason::AlreadyExists {
                id: Some("1a2b3c4d5e6f7a8b".into())
            })
        );
    }
}
