//! Finds out what is wrong with an app's set-up without sending anybody anything: for a doctor.
//!
//! Callers: a doctor command, a set-up page. Each probe is a read that fails harmlessly.
//! Invariant: nothing is changed and nobody is told. Some probes cost a metered call; each says so.
//! Weakness: a permission whose only interfaces write cannot be probed ([`ScopeFinding::NotProbed`]).

use serde_json::json;

use crate::api::apply_link;
use crate::app::App;
use crate::call::Call;
use crate::calls::directory::AuthScopes;
use crate::calls::{blackboard, directory, drive, groups, robot_people, todo, work_notice};
use crate::error::{Error, Transport};
use crate::reason::Reason;
use crate::verdict::{Misconfiguration, Verdict};

/// A name that no message, task or group has.
const NOBODYS: &str = "probe";

/// What a probe found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    Fine,
    /// The platform could not be reached from here.
    Unreachable(Transport),
    /// Client id or secret is wrong.
    AppSecretWrong,
    AgentIdWrong,
    RobotCodeUnknown,
    /// The app's robot is not switched on or not published.
    RobotSwitchedOff,
    /// This server's address is not on the app's list (服务器出口IP).
    IpNotAllowed {
        address: Option<String>,
    },
    PermissionMissing {
        scopes: Vec<String>,
        apply_url: Option<String>,
    },
    QuotaUsedUp,
    /// Anything else; ask again later or read the error.
    Unclear(Error),
}

/// Whether the app has a permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScopeFinding {
    Granted,
    /// An administrator grants it on this page.
    Missing {
        apply_url: String,
    },
    /// No read tells; the page shows it.
    NotProbed {
        apply_url: String,
    },
    /// The probe failed for another reason.
    Unclear(Finding),
}

/// How much of the organisation the app sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    WholeOrganisation,
    /// Only these departments and people: a sync would miss everybody else.
    Part(AuthScopes),
}

/// Whose name some reads need.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProbeAs<'a> {
    /// An announcement administrator.
    pub operator_user_id: Option<&'a str>,
    pub operator_union_id: Option<&'a str>,
}

/// The probes of one app.
#[derive(Debug, Clone, Copy)]
pub struct Probe<'a> {
    app: &'a App,
}

impl App {
    pub fn probe(&self) -> Probe<'_> {
        Probe { app: self }
    }
}

impl Probe<'_> {
    /// Whether the keys are right. Free.
    pub async fn token(&self, now_ms: i64) -> Finding {
        found(self.app.access_token(now_ms).await.map(|_| ()))
    }

    /// Whether the platform accepts calls from this address. Free.
    pub async fn address(&self, now_ms: i64) -> Finding {
        found(self.app.directory().scopes(now_ms).await.map(|_| ()))
    }

    /// How much of the directory the app sees. Free.
    pub async fn sight(&self, now_ms: i64) -> Result<Sight, Finding> {
        match self.app.directory().scopes(now_ms).await {
            Ok(scopes) if scopes.is_whole_organisation() => Ok(Sight::WholeOrganisation),
            Ok(scopes) => Ok(Sight::Part(scopes)),
            Err(error) => Err(finding(error)),
        }
    }

    /// Whether the agent id is this app's: asks for a task that is nobody's. One metered call.
    pub async fn agent_id(&self, agent_id: i64, now_ms: i64) -> Finding {
        let call =
            Call::of(&work_notice::PROGRESS).json(&json!({ "agent_id": agent_id, "task_id": 1 }));
        answered(self.app.call(call, now_ms).await.map(|_| ()))
    }

    /// Whether the robot is this app's and switched on: asks who has read a message that is
    /// nobody's. One metered call.
    pub async fn robot(&self, robot_code: &str, now_ms: i64) -> Finding {
        let robot = self.app.robot(robot_code);
        answered(robot.people_reads(NOBODYS, now_ms).await.map(|_| ()))
    }

    /// For each of `scopes` whether the app has it, in their order. One call each, mostly free.
    pub async fn scopes<'s>(
        &self,
        scopes: &[&'s str],
        on_behalf: ProbeAs<'_>,
        now_ms: i64,
    ) -> Vec<(&'s str, ScopeFinding)> {
        let mut findings = Vec::with_capacity(scopes.len());
        for scope in scopes {
            findings.push((*scope, self.scope(scope, on_behalf, now_ms).await));
        }
        findings
    }

    /// Whether the app has one permission.
    pub async fn scope(&self, scope: &str, on_behalf: ProbeAs<'_>, now_ms: i64) -> ScopeFinding {
        let apply_url = apply_link(self.app.client_id(), scope);
        let Some(call) = self.harmless(scope, on_behalf) else {
            return ScopeFinding::NotProbed { apply_url };
        };
        let result = self.app.call(call, now_ms).await.map(|_| ());
        // Not being an administrator of a thing comes after the check of the permission.
        if let Err(error) = &result
            && error.reason() == Some(Reason::OperatorNotAllowed)
        {
            return ScopeFinding::Granted;
        }
        match answered(result) {
            Finding::Fine | Finding::AgentIdWrong | Finding::RobotCodeUnknown => {
                ScopeFinding::Granted
            }
            Finding::PermissionMissing {
                apply_url: link, ..
            } => ScopeFinding::Missing {
                apply_url: link.unwrap_or(apply_url),
            },
            other => ScopeFinding::Unclear(other),
        }
    }

    fn harmless<'c>(&'c self, scope: &str, on_behalf: ProbeAs<'c>) -> Option<Call<'c>> {
        let root = json!({ "dept_id": directory::ROOT_DEPARTMENT });
        let of = Call::of;
        Some(match scope {
            "qyapi_base" => of(&crate::calls::jsapi::USER_INFO).json(&json!({ "code": NOBODYS })),
            "qyapi_get_department_list" => of(&directory::SUB).json(&root),
            "qyapi_get_department_member" => of(&directory::USER_IDS).json(&root),
            "qyapi_get_member" => of(&directory::COUNT).json(&json!({ "only_active": true })),
            "qyapi_get_member_by_mobile" => {
                of(&directory::BY_MOBILE).json(&json!({ "mobile": "10000000000" }))
            }
            "Contact.Common.Read" => of(&directory::LEAVERS)
                .query("startTime", "2024-01-01T00:00:00Z")
                .query("endTime", "2024-01-02T00:00:00Z")
                .query("nextToken", "0")
                .query("maxResults", "1"),
            "qyapi_robot_sendmsg" => of(&robot_people::READ_STATUS)
                .query("robotCode", self.app.client_id())
                .query("processQueryKey", NOBODYS),
            "qyapi_chat_manage" => of(&groups::GET).query("chatid", NOBODYS),
            "qyapi_blackboard_manage" => of(&blackboard::GET)
                .query("operationUserId", on_behalf.operator_user_id?)
                .query("blackboardId", NOBODYS),
            "qyapi_blackboard_read" => of(&blackboard::CATEGORIES)
                .json(&json!({ "operation_userid": on_behalf.operator_user_id? })),
            "Todo.Todo.Read" => of(&todo::QUERY)
                .at("unionId", on_behalf.operator_union_id?)
                .json(&json!({ "isDone": false, "roleTypes": [["executor"]] })),
            "ConvFile.Space.Read" => of(&drive::GROUP_SPACE)
                .query("unionId", on_behalf.operator_union_id?)
                .json(&json!({ "openConversationId": NOBODYS })),
            _ => return None,
        })
    }
}

fn found(result: Result<(), Error>) -> Finding {
    result.map_or_else(finding, |()| Finding::Fine)
}

/// Like [`found`] for a question about something that does not exist: being told so is fine.
fn answered(result: Result<(), Error>) -> Finding {
    match found(result) {
        Finding::Unclear(error) if is_about_nobodys(&error) => Finding::Fine,
        other => other,
    }
}

fn is_about_nobodys(error: &Error) -> bool {
    let refused = matches!(error, Error::Oapi(_) | Error::Api(_));
    let busy = error.is_throttled()
        || matches!(
            error.verdict(),
            Verdict::Hold { .. } | Verdict::Misconfigured(_)
        )
        || matches!(error, Error::Api(refusal) if refusal.status >= 500)
        || matches!(error, Error::Oapi(refusal) if matches!(refusal.cause(), -1 | 15 | 88));
    refused && !busy
}

fn finding(error: Error) -> Finding {
    if let Error::Transport(transport) = error {
        return Finding::Unreachable(transport);
    }
    match error.verdict() {
        Verdict::Misconfigured(Misconfiguration::AppSecretWrong) => Finding::AppSecretWrong,
        Verdict::Misconfigured(Misconfiguration::AgentIdWrong) => Finding::AgentIdWrong,
        Verdict::Misconfigured(Misconfiguration::RobotTokenUnknown) => Finding::RobotCodeUnknown,
        Verdict::Misconfigured(Misconfiguration::RobotDisabled) => Finding::RobotSwitchedOff,
        Verdict::IpNotAllowed { address } => Finding::IpNotAllowed { address },
        Verdict::PermissionMissing { scopes, apply_url } => {
            Finding::PermissionMissing { scopes, apply_url }
        }
        Verdict::QuotaUsedUp => Finding::QuotaUsedUp,
        _ => Finding::Unclear(error),
    }
}
