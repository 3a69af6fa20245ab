//! The dry run as JSON: who would get what, when, over which channels, what falls.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    actions::publish_version as action,
    app::App,
    budget::{Level, Share},
    texts::Texts,
};

/// What publishing would do. Nothing of it has happened.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Plan {
    /// Slug.
    pub policy: String,
    pub is_new_policy: bool,
    pub title: String,
    pub category: String,
    pub owner: String,
    /// What people would see as the version.
    pub label: String,
    pub change: String,
    pub summary: String,
    /// Nobody wrote the summary; it was made from the differences.
    pub summary_is_proposed: bool,
    pub requirement: String,
    pub effective_on: Option<String>,
    pub language: String,
    /// The rule as it was understood.
    pub audience: String,
    pub recipients: i64,
    /// Largest first.
    pub departments: Vec<PeopleOfDepartment>,
    /// A few names.
    pub sample: Vec<String>,
    pub due_at: Option<String>,
    /// Of due date and reminders; IANA name.
    pub time_zone: String,
    pub deliveries: Vec<PlannedDelivery>,
    /// Names of people whom no personal channel reaches; at most 50.
    pub undeliverable_people: Vec<String>,
    /// Webhook and Stream messages that count against the organisation's monthly quota.
    pub metered_webhook_calls: i64,
    /// What all of it takes from the month's quotas; absent where nothing of it is metered.
    pub budget: Option<PlannedBudget>,
    pub reminder_plan: String,
    /// The next ones, should nobody confirm; at most eight.
    pub reminders: Vec<PlannedReminder>,
    pub supersedes: Vec<Superseded>,
    /// Clauses with other words, against the newest version; absent for a new policy.
    pub changed_clauses: Option<usize>,
    pub added_clauses: Option<usize>,
    pub deleted_clauses: Option<usize>,
    pub clauses: usize,
    /// The newest version holds this text already: publishing would do nothing.
    pub unchanged: bool,
    pub warnings: Vec<PlanWarning>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PeopleOfDepartment {
    pub department: String,
    pub people: i64,
}

/// Messages on one channel.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PlannedDelivery {
    pub channel: String,
    /// One message a person; otherwise one for the group.
    pub personal: bool,
    pub messages: i64,
    /// People whom this channel cannot reach.
    pub undeliverable: i64,
    /// Those of them who have not activated DingTalk; the others have no address here.
    #[serde(default)]
    pub inactive: i64,
    /// Metered calls of the open platform's interfaces.
    #[serde(default)]
    pub api_calls: u64,
    /// Metered webhook and Stream messages.
    #[serde(default)]
    pub push_messages: u64,
}

/// The organisation's two monthly quotas before and after.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PlannedBudget {
    /// `2026-11`, in Asia/Shanghai.
    pub month: String,
    /// Interface calls.
    pub api: PlannedShare,
    /// Webhook and Stream messages.
    pub push: PlannedShare,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PlannedShare {
    pub quota: u64,
    pub left: u64,
    pub takes: u64,
    pub left_after: u64,
    /// Afterwards: `fine`, `low` (less than a fifth is left), `scarce` (less than a twentieth) or `out`.
    pub level_after: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PlannedReminder {
    /// Which rule of the plan.
    pub step: String,
    pub at: String,
}

/// An open notice that ends with the new one.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Superseded {
    pub notice: String,
    pub title: String,
    pub pending: i64,
    pub acknowledged: i64,
    /// A minor change: who confirmed the old text need not confirm again.
    pub carried_forward: bool,
}

/// Something a publisher should know; nothing that prevents publishing.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PlanWarning {
    pub code: String,
    pub field: Option<String>,
    pub message: String,
    pub fix: Option<String>,
}

/// A plan of the action in the caller's language.
pub(super) fn shown(app: &App, plan: action::PublishPlan, texts: Texts) -> Plan {
    let counts = plan.diff.as_ref().map(yuezhi_documents::Diff::counts);
    Plan {
        policy: plan.policy_slug,
        is_new_policy: plan.is_new_policy,
        title: plan.title,
        category: plan.category,
        owner: plan.owner,
        label: plan.label,
        change: plan.change.to_string(),
        summary: plan.summary,
        summary_is_proposed: plan.summary_is_proposed,
        requirement: plan.requirement.to_string(),
        effective_on: plan.effective_on,
        language: plan.language.to_string(),
        audience: plan.audience,
        recipients: plan.recipients,
        departments: plan
            .by_department
            .into_iter()
            .map(|(department, people)| PeopleOfDepartment { department, people })
            .collect(),
        sample: plan.sample,
        due_at: plan.due_at.map(|at| at.to_string()),
        time_zone: app.time_zone.as_str().to_owned(),
        deliveries: plan.deliveries.into_iter().map(delivery).collect(),
        undeliverable_people: plan.undeliverable_people,
        metered_webhook_calls: plan.metered_webhook_calls,
        budget: plan.budget.map(budget),
        reminder_plan: plan.reminder_plan,
        reminders: plan
            .reminders
            .into_iter()
            .map(|r| PlannedReminder {
                step: r.step,
                at: r.at.to_string(),
            })
            .collect(),
        supersedes: plan.supersedes.into_iter().map(superseded).collect(),
        changed_clauses: counts.map(|c| c.reworded + c.moved_and_reworded),
        added_clauses: counts.map(|c| c.added),
        deleted_clauses: counts.map(|c| c.deleted),
        clauses: plan.clauses,
        unchanged: plan.unchanged,
        warnings: plan
            .warnings
            .iter()
            .map(|warning| of_warning(warning, texts))
            .collect(),
    }
}

/// Also used by reminders, which plan the same way.
pub(in crate::api) fn delivery(planned: action::PlannedDelivery) -> PlannedDelivery {
    PlannedDelivery {
        channel: planned.lane,
        personal: planned.personal,
        messages: planned.messages,
        undeliverable: planned.undeliverable,
        inactive: planned.inactive,
        api_calls: planned.cost.api_calls,
        push_messages: planned.cost.push_messages,
    }
}

fn budget(planned: action::PlannedBudget) -> PlannedBudget {
    let share = |share: Share, takes: u64, after: Level| PlannedShare {
        quota: share.quota,
        left: share.left(),
        takes,
        left_after: share.left().saturating_sub(takes),
        level_after: after.as_str().to_owned(),
    };
    PlannedBudget {
        api: share(planned.api, planned.cost.api_calls, planned.api_after),
        push: share(planned.push, planned.cost.push_messages, planned.push_after),
        month: planned.month,
    }
}

fn superseded(old: action::Superseded) -> Superseded {
    Superseded {
        notice: old.notice_id.to_string(),
        title: old.title,
        pending: old.pending,
        acknowledged: old.acknowledged,
        carried_forward: old.carried_forward,
    }
}

fn of_warning(warning: &crate::actions::Refusal, texts: Texts) -> PlanWarning {
    PlanWarning {
        code: warning.code.clone(),
        field: warning.field.map(ToOwned::to_owned),
        message: warning.message(texts),
        fix: Some(warning.fix(texts)).filter(|fix| !fix.is_empty()),
    }
}
