//! The dry run in words: who, when, through which channels, what falls, what to look at.

use yuezhi_domain::ChangeKind;

use super::short;
use crate::{
    actions::publish_version::PublishPlan,
    console::{
        session::SignedIn,
        ui::{Markup, grouped},
        versions, words,
    },
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
    pub metered: String,
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
            sample: plan
                .sample
                .join(if t.language == crate::texts::Language::En {
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
            metered: grouped(plan.metered_webhook_calls),
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
            detail: if delivery.personal {
                me.t.with("console.remind.personal", "n", grouped(delivery.messages))
            } else {
                me.t.get("console.remind.group").to_owned()
            },
            without: if delivery.undeliverable > 0 {
                me.t.with(
                    "console.remind.without",
                    "n",
                    grouped(delivery.undeliverable),
                )
            } else {
                String::new()
            },
        })
        .collect()
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
