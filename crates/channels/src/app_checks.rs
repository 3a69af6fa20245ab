//! Looks over the app's set-up from the outside, without sending anybody anything: for the doctor and the console.
//!
//! Callers: `yuezhi doctor`, the connections page, the set-up wizard. Invariant: what was found is a stable code with the
//! platform's words (and the link where an administrator grants a permission) as detail; one failed check does not hide
//! the others, except wrong keys, which would fail them all.
//! Weakness: permissions whose interfaces only write (cards, DING, files) and the card template cannot be probed; they
//! are listed with their link. Some checks cost a metered call, made only where [`Checks::spends`] says so.
//! Source: 权限点 pages of each interface; 获取通讯录权限范围.

pub use dingtalk::apply_link;
use dingtalk::probe::{Finding as Found, ProbeAs, ScopeFinding, Sight};
use yuezhi_domain::UnixMillis;

use crate::app::DingTalkApp;
use crate::group::{self, GroupSettings};
use crate::outcome::{CheckReport, Finding, Level, Why};
use crate::stream::LinkStatus;
use crate::{codes, dingtalk_verdict};

/// What to look at besides the app itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Checks<'a> {
    pub groups: &'a [GroupSettings],
    /// `None`: Stream is switched off, or not run by this process.
    pub stream: Option<&'a LinkStatus>,
    pub quota: Option<QuotaState<'a>>,
    /// Metered calls may be made: about four, and one a group.
    pub spends: bool,
}

/// The month's quotas, as the server reckons them.
#[derive(Debug, Clone, Copy)]
pub struct QuotaState<'a> {
    /// As configured: `standard`, `professional`.
    pub edition: &'a str,
    pub api_left: u64,
    pub api_month: u64,
    pub push_left: u64,
    pub push_month: u64,
}

/// What a permission is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    SignIn,
    People,
    Leavers,
    Messages,
    Groups,
    Announcements,
    Todos,
    Cards,
    Ding,
    Files,
}

impl Purpose {
    /// Stable, for a translation.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::People => "people",
            Self::Leavers => "leavers",
            Self::Messages => "messages",
            Self::Groups => "groups",
            Self::Announcements => "announcements",
            Self::Todos => "todos",
            Self::Cards => "cards",
            Self::Ding => "ding",
            Self::Files => "files",
        }
    }
}

/// Every permission that something here needs. The page of each interface names it.
pub const SCOPES: &[(&str, Purpose)] = &[
    ("qyapi_base", Purpose::SignIn),
    ("Contact.User.Read", Purpose::SignIn),
    ("qyapi_get_department_list", Purpose::People),
    ("qyapi_get_department_member", Purpose::People),
    ("qyapi_get_member", Purpose::People),
    ("Contact.Common.Read", Purpose::Leavers),
    ("qyapi_robot_sendmsg", Purpose::Messages),
    ("qyapi_chat_manage", Purpose::Groups),
    ("qyapi_blackboard_manage", Purpose::Announcements),
    ("qyapi_blackboard_read", Purpose::Announcements),
    ("Todo.Todo.Write", Purpose::Todos),
    ("Todo.Todo.Read", Purpose::Todos),
    ("Card.Instance.Write", Purpose::Cards),
    ("Premium.Ding.Write", Purpose::Ding),
    ("ConvFile.Space.Read", Purpose::Files),
    ("ConvFile.File.Send", Purpose::Files),
    ("Storage.UploadInfo.Read", Purpose::Files),
    ("Storage.File.Write", Purpose::Files),
];

/// Permissions whose probe is a metered call; the others are free or cannot be probed.
const METERED_PROBES: [&str; 6] = [
    "qyapi_robot_sendmsg",
    "qyapi_chat_manage",
    "qyapi_blackboard_manage",
    "qyapi_blackboard_read",
    "Todo.Todo.Read",
    "ConvFile.Space.Read",
];

/// One permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeCheck {
    pub scope: &'static str,
    pub purpose: Purpose,
    /// `None`: it was not, or cannot be, found out.
    pub granted: Option<bool>,
    /// Where an administrator grants it.
    pub apply_url: String,
    /// Why it is unknown, where a probe failed.
    pub trouble: Option<Why>,
}

/// Everything, in the order in which an administrator puts it right.
pub async fn check(app: &DingTalkApp, checks: Checks<'_>, now: UnixMillis) -> CheckReport {
    let mut report = Report::default();
    let probe = app.client().probe();
    if !report.probed(probe.token(now.get()).await, codes::APP_KEYS_FINE, now) {
        return report.done();
    }
    if report.probed(probe.address(now.get()).await, codes::APP_ADDRESS_FINE, now) {
        report.sight(app, now).await;
    }
    for scope in scopes(app, checks.spends, now).await {
        report.scope(scope);
    }
    report.settings(app);
    if checks.spends {
        report.metered(app, now).await;
        for group in checks.groups {
            let found = group::check(app, &group.open_conversation_id, now).await;
            report.about(&group.name, found);
        }
    }
    report.stream(checks.stream);
    if let Some(quota) = checks.quota {
        report.quota(quota);
    }
    report.done()
}

/// One thing to look at, for whoever shows the answers one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Client id and secret.
    Keys,
    /// The list of egress addresses (服务器出口IP).
    Address,
    /// How much of the directory the app sees.
    Sight,
    /// One metered call.
    AgentId,
    /// One metered call.
    Robot,
    /// Whether the operator administers announcements. One metered call.
    Operator,
}

/// As [`check`], one thing only; nothing where it is not configured.
pub async fn look(app: &DingTalkApp, part: Part, now: UnixMillis) -> CheckReport {
    let mut report = Report::default();
    let probe = app.client().probe();
    match part {
        Part::Keys => {
            report.probed(probe.token(now.get()).await, codes::APP_KEYS_FINE, now);
        }
        Part::Address => {
            report.probed(probe.address(now.get()).await, codes::APP_ADDRESS_FINE, now);
        }
        Part::Sight => report.sight(app, now).await,
        Part::AgentId => report.agent_id(app, now).await,
        Part::Robot => {
            let found = probe.robot(app.robot_code(), now.get()).await;
            report.probed(found, codes::APP_ROBOT_FINE, now);
        }
        Part::Operator => report.operator(app, now).await,
    }
    report.done()
}

/// Whether the app has each permission of [`SCOPES`]. `spends`: also those whose probe is a metered call.
pub async fn scopes(app: &DingTalkApp, spends: bool, now: UnixMillis) -> Vec<ScopeCheck> {
    // Without one, some stay unknown.
    let operator_union_id = app.operator_union_id(now).await.unwrap_or_default();
    let on_behalf = ProbeAs {
        operator_user_id: app.settings().operator_user_id.as_deref(),
        operator_union_id,
    };
    let mut checks = Vec::with_capacity(SCOPES.len());
    for &(scope, purpose) in SCOPES {
        let link = apply_link(app.client().client_id(), scope);
        let mut check = ScopeCheck {
            scope,
            purpose,
            granted: None,
            apply_url: link,
            trouble: None,
        };
        if spends || !METERED_PROBES.contains(&scope) {
            let probe = app.client().probe();
            match probe.scope(scope, on_behalf, now.get()).await {
                ScopeFinding::Granted => check.granted = Some(true),
                ScopeFinding::Missing { apply_url } => {
                    check.granted = Some(false);
                    check.apply_url = apply_url;
                }
                ScopeFinding::NotProbed { .. } => {}
                ScopeFinding::Unclear(found) => {
                    let report = dingtalk_verdict::of_probe(found, now);
                    check.trouble = report.findings.into_iter().next().map(|first| first.why);
                }
            }
        }
        checks.push(check);
    }
    checks
}

#[derive(Default)]
struct Report(Vec<Finding>);

impl Report {
    fn add(&mut self, level: Level, code: &'static str, detail: impl Into<String>) {
        let why = Why::new(code, detail);
        self.0.push(Finding { level, why });
    }

    fn done(self) -> CheckReport {
        CheckReport { findings: self.0 }
    }

    /// Whether the probe found nothing wrong.
    fn probed(&mut self, found: Found, fine: &'static str, now: UnixMillis) -> bool {
        if found == Found::Fine {
            self.add(Level::Fine, fine, "");
            return true;
        }
        self.0
            .extend(dingtalk_verdict::of_probe(found, now).findings);
        false
    }

    /// Says of which group a report is.
    fn about(&mut self, name: &str, report: CheckReport) {
        for mut finding in report.findings {
            let detail = std::mem::take(&mut finding.why.detail);
            finding.why.detail = format!("{name} {detail}").trim_end().into();
            self.0.push(finding);
        }
    }

    fn scope(&mut self, check: ScopeCheck) {
        let detail = format!(
            "{} ({}) {}",
            check.scope,
            check.purpose.as_str(),
            check.apply_url
        );
        match (check.granted, check.trouble) {
            (Some(true), _) => self.add(Level::Fine, codes::APP_SCOPE_GRANTED, check.scope),
            (Some(false), _) => self.add(Level::Failed, codes::APP_SCOPE_MISSING, detail),
            (None, Some(trouble)) => {
                let detail = format!("{detail} {trouble}");
                self.add(Level::Warning, codes::APP_SCOPE_UNKNOWN, detail);
            }
            (None, None) => self.add(Level::Fine, codes::APP_SCOPE_UNKNOWN, detail),
        }
    }

    /// What is not configured leaves lanes out.
    fn settings(&mut self, app: &DingTalkApp) {
        let settings = app.settings();
        if settings.agent_id.is_none() {
            self.add(Level::Warning, codes::APP_AGENT_ID_MISSING, "");
        }
        match &settings.card_template_id {
            None => self.add(Level::Warning, codes::APP_CARD_TEMPLATE_MISSING, ""),
            Some(id) => self.add(Level::Fine, codes::APP_CARD_TEMPLATE_SET, id.clone()),
        }
        if settings.operator_user_id.is_none() {
            self.add(Level::Warning, codes::APP_OPERATOR_MISSING, "");
        }
    }

    /// What the address check has not said already.
    async fn sight(&mut self, app: &DingTalkApp, now: UnixMillis) {
        match app.client().probe().sight(now.get()).await {
            Ok(Sight::WholeOrganisation) => self.add(Level::Fine, codes::APP_SIGHT_WHOLE, ""),
            Ok(Sight::Part(seen)) => {
                let (departments, people) = (seen.seen.departments.len(), seen.seen.user_ids.len());
                self.add(
                    Level::Warning,
                    codes::DIRECTORY_PARTIAL_SIGHT,
                    format!("departments: {departments}, single people: {people}"),
                );
            }
            Err(found) => {
                self.probed(found, codes::APP_SIGHT_WHOLE, now);
            }
        }
    }

    async fn metered(&mut self, app: &DingTalkApp, now: UnixMillis) {
        self.agent_id(app, now).await;
        let found = app
            .client()
            .probe()
            .robot(app.robot_code(), now.get())
            .await;
        self.probed(found, codes::APP_ROBOT_FINE, now);
        self.operator(app, now).await;
    }

    async fn agent_id(&mut self, app: &DingTalkApp, now: UnixMillis) {
        if let Some(agent_id) = app.settings().agent_id {
            let found = app.client().probe().agent_id(agent_id, now.get()).await;
            self.probed(found, codes::APP_AGENT_ID_FINE, now);
        }
    }

    async fn operator(&mut self, app: &DingTalkApp, now: UnixMillis) {
        if let Some(operator) = &app.settings().operator_user_id {
            let announcements = app.client().announcements(operator);
            match announcements.categories(now.get()).await {
                Ok(_) => self.add(Level::Fine, codes::APP_OPERATOR_FINE, operator.clone()),
                Err(error) => {
                    let why = dingtalk_verdict::why_of(&error, now);
                    let level = Level::Failed;
                    self.0.push(Finding { level, why });
                }
            }
        }
    }

    fn stream(&mut self, status: Option<&LinkStatus>) {
        let Some(status) = status else {
            return self.add(Level::Warning, codes::APP_STREAM_OFF, "");
        };
        let open = format!("{}/{}", status.open, status.connections);
        if status.is_connected() {
            self.add(Level::Fine, codes::APP_STREAM_CONNECTED, open);
        } else {
            let words = status
                .last_error
                .as_ref()
                .map_or(open, |error| error.detail.clone());
            self.add(Level::Failed, codes::APP_STREAM_DOWN, words);
        }
        if status.over_quota > 0 {
            let times = status.over_quota.to_string();
            self.add(Level::Warning, codes::APP_STREAM_OVER_QUOTA, times);
        }
    }

    fn quota(&mut self, quota: QuotaState<'_>) {
        let words = format!(
            "{}: API {}/{}, Webhook & Stream {}/{}",
            quota.edition, quota.api_left, quota.api_month, quota.push_left, quota.push_month
        );
        let is_low = |left: u64, month: u64| left < month / LOW_PART;
        if is_low(quota.api_left, quota.api_month) || is_low(quota.push_left, quota.push_month) {
            self.add(Level::Warning, codes::APP_QUOTA_LOW, words);
        } else {
            self.add(Level::Fine, codes::APP_QUOTA_LEFT, words);
        }
    }
}

/// Below a fifth of the month an administrator is warned.
const LOW_PART: u64 = 5;
