//! The dry run: who would get what, when and over which lanes, what falls and what is metered.
//!
//! Called by the console's preview, `--dry-run`, the API, and by `publish` itself, which acts on the same numbers.

use yuezhi_documents::Diff;
use yuezhi_domain::{ChangeKind, Language, NoticeId, PlanFacts, Requirement, UnixMillis};
use yuezhi_store::{audience, progress};

use super::{ActionError, settle::Settled};
use crate::{actions::Refusal, app::App};

/// What would happen.
#[derive(Debug, Clone)]
pub struct PublishPlan {
    pub policy_slug: String,
    pub title: String,
    pub category: String,
    pub owner: String,
    pub is_new_policy: bool,
    pub label: String,
    pub change: ChangeKind,
    pub summary: String,
    /// The summary was made from the differences; nobody wrote it.
    pub summary_is_proposed: bool,
    pub requirement: Requirement,
    pub effective_on: Option<String>,
    pub language: Language,
    /// The rule, in the product's English form.
    pub audience: String,
    pub recipients: i64,
    /// Department path and people, largest first.
    pub by_department: Vec<(String, i64)>,
    /// A few names.
    pub sample: Vec<String>,
    pub due_at: Option<UnixMillis>,
    pub deliveries: Vec<PlannedDelivery>,
    /// Names of people whom no personal lane reaches; at most 50.
    pub undeliverable_people: Vec<String>,
    /// Messages that count against the organisation's monthly webhook quota.
    pub metered_webhook_calls: i64,
    pub reminder_plan: String,
    /// The next ones, should nobody confirm; at most eight.
    pub reminders: Vec<PlannedReminder>,
    pub supersedes: Vec<Superseded>,
    pub diff: Option<Diff>,
    /// The newest version holds this text already.
    pub unchanged: bool,
    pub warnings: Vec<Refusal>,
    pub clauses: usize,
    /// The rendering that readers will see.
    pub html: String,
}

/// Messages on one lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedDelivery {
    pub lane: String,
    /// One message a person; otherwise one for the group.
    pub personal: bool,
    pub messages: i64,
    pub undeliverable: i64,
}

/// One reminder to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedReminder {
    pub step: String,
    pub at: UnixMillis,
}

/// An open notice of the policy that ends with the new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Superseded {
    pub notice_id: NoticeId,
    pub notice_no: i64,
    pub title: String,
    pub pending: i64,
    pub acknowledged: i64,
    /// A minor change: who confirmed the old text need not confirm again.
    pub carried_forward: bool,
}

impl PublishPlan {
    /// What forbids publishing though every field is well-formed.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        (self.recipients == 0).then(|| Refusal::invalid("audience", "audience_empty"))
    }
}

const REMINDERS_SHOWN: usize = 8;
const NAMES_SHOWN: usize = 50;

pub(super) async fn plan(app: &App, settled: &Settled) -> Result<PublishPlan, ActionError> {
    let resolved = settled.resolved.clone();
    let open: Vec<_> = settled.known.open_notices.clone();
    let counted = app
        .db
        .read(move |tx| {
            let totals = open
                .iter()
                .map(|notice| Ok((notice.clone(), progress::totals(tx, notice.no)?)))
                .collect::<Result<Vec<_>, yuezhi_store::StoreError>>()?;
            Ok::<_, ActionError>(Counted {
                recipients: audience::count(tx, &resolved)?,
                without_mail: audience::count_without_email(tx, &resolved)?,
                without_mail_names: audience::names_without_email(tx, &resolved, NAMES_SHOWN)?,
                by_department: audience::by_department(tx, &resolved)?,
                sample: audience::sample(tx, &resolved, 6)?
                    .into_iter()
                    .map(|person| person.name)
                    .collect(),
                totals,
            })
        })
        .await?;
    let deliveries = deliveries(app, settled, &counted);
    let mail = deliveries.iter().any(|d| d.personal);
    let metered = deliveries
        .iter()
        .filter(|d| !d.personal)
        .map(|d| d.messages)
        .sum();
    Ok(PublishPlan {
        policy_slug: settled.slug.to_string(),
        title: settled.title.clone(),
        category: settled.category.clone(),
        owner: settled.owner.clone(),
        is_new_policy: settled.known.policy.is_none(),
        label: settled.label.clone(),
        change: settled.change,
        summary: settled.summary.clone(),
        summary_is_proposed: settled.summary_is_proposed,
        requirement: settled.requirement,
        effective_on: settled.effective_on.clone(),
        language: settled.language,
        audience: settled.audience.to_string(),
        recipients: counted.recipients,
        by_department: counted.by_department,
        sample: counted.sample,
        due_at: settled.due.as_ref().map(|due| due.at),
        undeliverable_people: if mail {
            counted.without_mail_names
        } else {
            Vec::new()
        },
        metered_webhook_calls: metered,
        reminder_plan: settled.plan.to_string(),
        reminders: reminders(app, settled),
        supersedes: counted
            .totals
            .into_iter()
            .map(|(notice, totals)| superseded(settled, &notice, &totals))
            .collect(),
        diff: settled.diff.clone(),
        unchanged: settled.unchanged().is_some(),
        warnings: warnings(settled, &deliveries),
        clauses: settled.clauses.len(),
        html: settled.html.clone(),
        deliveries,
    })
}

struct Counted {
    recipients: i64,
    without_mail: i64,
    without_mail_names: Vec<String>,
    by_department: Vec<(String, i64)>,
    sample: Vec<String>,
    totals: Vec<(yuezhi_store::notices::Notice, progress::Totals)>,
}

fn deliveries(app: &App, settled: &Settled, counted: &Counted) -> Vec<PlannedDelivery> {
    let channels = app.channels();
    settled
        .lanes
        .iter()
        .map(|lane| {
            let personal = channels
                .get(lane)
                .is_some_and(|channel| channel.limits().personal);
            let undeliverable = if personal { counted.without_mail } else { 0 };
            PlannedDelivery {
                lane: lane.clone(),
                personal,
                messages: if personal {
                    counted.recipients - undeliverable
                } else {
                    1
                },
                undeliverable,
            }
        })
        .collect()
}

fn reminders(app: &App, settled: &Settled) -> Vec<PlannedReminder> {
    let facts = PlanFacts {
        issued_at: settled.now,
        due_at: settled.due.as_ref().map(|due| due.at),
        zone: &app.time_zone,
    };
    settled
        .plan
        .occurrences(facts, &app.calendar(), settled.now, UnixMillis::MAX)
        .into_iter()
        .take(REMINDERS_SHOWN)
        .map(|planned| PlannedReminder {
            step: planned.step,
            at: planned.at,
        })
        .collect()
}

fn superseded(
    settled: &Settled,
    notice: &yuezhi_store::notices::Notice,
    totals: &progress::Totals,
) -> Superseded {
    Superseded {
        notice_id: notice.id,
        notice_no: notice.no,
        title: notice.title.clone(),
        pending: totals.pending,
        acknowledged: totals.acknowledged,
        carried_forward: settled.change == ChangeKind::Minor,
    }
}

fn warnings(settled: &Settled, deliveries: &[PlannedDelivery]) -> Vec<Refusal> {
    let mut warnings = settled.warnings.clone();
    if deliveries.is_empty() {
        warnings.push(Refusal::invalid("channels", "nobody_is_told"));
    }
    let lost: i64 = deliveries.iter().map(|d| d.undeliverable).sum();
    if lost > 0 {
        warnings.push(Refusal::invalid("channels", "some_without_address").with("n", lost));
    }
    for warning in &settled.document.warnings {
        let warning = Refusal::invalid(
            "file",
            format!("reading_{}", crate::documents::word(&warning.code)),
        )
        .with("count", warning.count)
        .with("detail", &warning.detail);
        warnings.push(warning);
    }
    warnings
}
