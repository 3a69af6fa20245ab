//! The dry run in words: who, when, through which channels, what falls, what to look at.

use yuezhi_domain::ChangeKind;

use super::short;
use crate::{
    actions::publish_version::{PlannedDelivery, PublishPlan},
    budget::Level,
    console::{
        session::SignedIn,
        ui::{Markup, grouped},
        versions, words,
    },
    texts::{Language, Texts},
};

pub(super) struct LaneLine {
    pub name: String,
    pub detail: String,
    pub without: String,
}

/// An open notice of the policy that would end.
pub(super) struct Falls {
    pub href: String,
    pub text: String,
}

/// What it takes from a monthly quota.
pub(super) struct BudgetLine {
    pub text: String,
    /// Little is left afterwards.
    pub is_low: bool,
}

pub(super) struct Note {
    pub message: String,
    pub fix: String,
}

pub(super) struct Preview {
    pub title: String,
    pub slug: String,
    pub is_new: bool,
    pub label: String,
    pub change: String,
    pub requirement: String,
    pub audience: String,
    pub recipients: String,
    pub departments: Vec<(String, String)>,
    pub more_departments: usize,
    pub sample: String,
    pub due: Option<Markup>,
    pub due_note: String,
    pub lanes: Vec<LaneLine>,
    pub without_address: Vec<String>,
    pub budget: Vec<BudgetLine>,
    pub plan: String,
    pub reminders: Vec<(String, Markup)>,
    pub falls: Vec<Falls>,
    pub warnings: Vec<Note>,
    pub unchanged: bool,
    pub clauses: usize,
    pub language: &'static str,
    /// Sanitised by the documents crate.
    pub html: String,
    pub diff: Option<String>,
    pub diff_counts: String,
}

const DEPARTMENTS_SHOWN: usize = 8;

impl Preview {
    pub fn of(me: &SignedIn, plan: PublishPlan) -> Self {
        let (t, tell) = (me.t, me.teller());
        let departments = plan.by_department.iter().take(DEPARTMENTS_SHOWN);
        let notes = plan
            .warnings
            .iter()
            .map(|warning| Note {
                message: warning.message(t),
                fix: warning.fix(t),
            })
            .collect();
        Self {
            departments: departments
                .map(|(path, n)| (short(path).to_owned(), grouped(*n)))
                .collect(),
            more_departments: plan.by_department.len().saturating_sub(DEPARTMENTS_SHOWN),
            sample: plan.sample.join(if t.language == Language::En {
                ", "
            } else {
                "、"
            }),
            lanes: lanes(me, &plan),
            falls: falls(me, &plan),
            warnings: notes,
            reminders: plan
                .reminders
                .iter()
                .map(|r| (words::step(t, &r.step), tell.at(r.at)))
                .collect(),
            diff: plan
                .diff
                .as_ref()
                .map(|diff| diff.html(&versions::labels(t, None, None))),
            diff_counts: plan
                .diff
                .as_ref()
                .map(|diff| versions::counts(t, diff))
                .unwrap_or_default(),
            due: plan.due_at.map(|due| tell.at(due)),
            due_note: plan
                .due_at
                .map(|due| words::due_note(&me.app, t, me.now, due))
                .unwrap_or_default(),
            change: t.of_value("console.change", plan.change.as_str()),
            requirement: words::requirement(t, plan.requirement),
            audience: words::audience(t, &plan.audience),
            plan: words::plan(t, &plan.reminder_plan),
            recipients: grouped(plan.recipients),
            budget: budget(me, &plan),
            title: plan.title,
            slug: plan.policy_slug,
            is_new: plan.is_new_policy,
            label: plan.label,
            without_address: plan.undeliverable_people,
            unchanged: plan.unchanged,
            clauses: plan.clauses,
            language: plan.language.as_str(),
            html: plan.html,
        }
    }
}

fn lanes(me: &SignedIn, plan: &PublishPlan) -> Vec<LaneLine> {
    plan.deliveries
        .iter()
        .map(|delivery| LaneLine {
            name: words::lane(me.t, &delivery.lane),
            detail: detail(me.t, delivery),
            without: without(me.t, delivery),
        })
        .collect()
}

/// `1,000 人 · 10 次调用`
fn detail(t: Texts, delivery: &PlannedDelivery) -> String {
    let told = if delivery.personal {
        t.with(
            "console.publish.lane_people",
            "n",
            grouped(delivery.messages),
        )
    } else {
        t.get("console.publish.lane_group").to_owned()
    };
    let metered = [
        ("console.publish.lane_calls", delivery.cost.api_calls),
        ("console.publish.lane_push", delivery.cost.push_messages),
    ];
    metered
        .into_iter()
        .filter(|(_, n)| *n > 0)
        .fold(told, |told, (key, n)| {
            format!("{told} · {}", t.with(key, "n", counted(n)))
        })
}

fn without(t: Texts, delivery: &PlannedDelivery) -> String {
    let mut parts = Vec::new();
    if delivery.undeliverable > 0 {
        let n = grouped(delivery.undeliverable);
        parts.push(t.with("console.remind.without", "n", n));
    }
    if delivery.inactive > 0 {
        let n = grouped(delivery.inactive);
        parts.push(t.with("console.publish.lane_inactive", "n", n));
    }
    parts.join(if t.language == Language::En {
        "; "
    } else {
        "，"
    })
}

fn budget(me: &SignedIn, plan: &PublishPlan) -> Vec<BudgetLine> {
    let Some(budget) = &plan.budget else {
        return Vec::new();
    };
    let edition = format!("edition_{}", me.app.config.dingtalk.edition);
    let edition = me.t.of_value("console.publish", &edition);
    let cost = budget.cost;
    let shares = [
        (
            "console.publish.metered_api",
            budget.api,
            cost.api_calls,
            budget.api_after,
        ),
        (
            "console.publish.metered_push",
            budget.push,
            cost.push_messages,
            budget.push_after,
        ),
    ];
    shares
        .into_iter()
        .filter(|(_, _, takes, _)| *takes > 0)
        .map(|(key, share, takes, after)| BudgetLine {
            text: me.t.fill(
                key,
                &[
                    ("takes", &counted(takes)),
                    ("edition", &edition),
                    ("quota", &counted(share.quota)),
                    ("left", &counted(share.left())),
                    ("after", &counted(share.left().saturating_sub(takes))),
                ],
            ),
            is_low: after > Level::Fine,
        })
        .collect()
}

fn counted(n: u64) -> String {
    grouped(i64::try_from(n).unwrap_or(i64::MAX))
}

fn falls(me: &SignedIn, plan: &PublishPlan) -> Vec<Falls> {
    let key = match plan.change {
        ChangeKind::Major => "console.publish.falls_major",
        ChangeKind::Minor => "console.publish.falls_minor",
    };
    plan.supersedes
        .iter()
        .map(|old| Falls {
            href: format!("/console/notices/{}", old.notice_id),
            text: me.t.fill(
                key,
                &[
                    ("title", &old.title),
                    ("pending", &grouped(old.pending)),
                    ("acknowledged", &grouped(old.acknowledged)),
                ],
            ),
        })
        .collect()
}
