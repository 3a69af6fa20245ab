//! The dry run: who would get what, when and over which lanes, what falls and what is metered.
//!
//! Called by the console's preview, `--dry-run`, the API, and by `publish` itself, which acts on the same numbers.

use yuezhi_channels::{ChannelKind, Cost, Registry};
use yuezhi_documents::Diff;
use yuezhi_domain::{ChangeKind, Language, NoticeId, PlanFacts, Requirement, UnixMillis};
use yuezhi_store::{
    audience::{self, Address, Reach},
    progress,
};

use super::{
    ActionError,
    lanes::{cost_for, level_after},
    settle::Settled,
};
use crate::{
    actions::Refusal,
    app::App,
    budget::{self, Budget, Level, Share},
    fan_out::{self, Way},
};

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
    /// What all of it takes from the month's quotas; `None` where nothing of it is metered.
    pub budget: Option<PlannedBudget>,
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
    /// People whom the lane cannot reach.
    pub undeliverable: i64,
    /// Those of them who have not activated DingTalk; the others have no address.
    pub inactive: i64,
    /// Calls that count against the organisation's monthly quotas.
    pub cost: Cost,
}

/// The month's quotas before a publication, and how far it uses them up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedBudget {
    /// `2026-11`
    pub month: String,
    pub api: Share,
    pub push: Share,
    pub cost: Cost,
    pub api_after: Level,
    pub push_after: Level,
}

impl PlannedBudget {
    fn of(budget: Budget, cost: Cost) -> Self {
        Self {
            api_after: budget.api.after(cost.api_calls),
            push_after: budget.push.after(cost.push_messages),
            month: budget.month,
            api: budget.api,
            push: budget.push,
            cost,
        }
    }
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
    let ways = fan_out::first_ways(&settled.lanes);
    let counted = count(app, settled, ways.clone()).await?;
    let channels = app.channels();
    let deliveries: Vec<PlannedDelivery> = ways
        .into_iter()
        .zip(&counted.reach)
        .map(|(way, reach)| delivery(&channels, settled, way, reach.as_ref()))
        .collect();
    let cost = deliveries
        .iter()
        .map(|delivery| delivery.cost)
        .fold(Cost::default(), std::ops::Add::add);
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
        undeliverable_people: counted.unreached_names,
        metered_webhook_calls: i64::try_from(cost.push_messages).unwrap_or(i64::MAX),
        reminder_plan: settled.plan.to_string(),
        reminders: reminders(app, settled),
        supersedes: counted
            .totals
            .into_iter()
            .map(|(notice, totals)| superseded(settled, &notice, &totals))
            .collect(),
        diff: settled.diff.clone(),
        unchanged: settled.unchanged().is_some(),
        warnings: warnings(settled, &deliveries, &counted.budget, cost),
        budget: (cost != Cost::default()).then(|| PlannedBudget::of(counted.budget, cost)),
        clauses: settled.clauses.len(),
        html: settled.html.clone(),
        deliveries,
    })
}

struct Counted {
    recipients: i64,
    /// For each way; `None` for a group.
    reach: Vec<Option<Reach>>,
    /// Reached personally by no way, though there are such ways.
    unreached_names: Vec<String>,
    by_department: Vec<(String, i64)>,
    sample: Vec<String>,
    totals: Vec<(yuezhi_store::notices::Notice, progress::Totals)>,
    budget: Budget,
}

async fn count(app: &App, settled: &Settled, ways: Vec<Way>) -> Result<Counted, ActionError> {
    let resolved = settled.resolved.clone();
    let open: Vec<_> = settled.known.open_notices.clone();
    let (config, now) = (app.config.dingtalk.clone(), settled.now);
    let count = move |tx: &mut yuezhi_store::Tx<'_>| {
        let totals = open
            .iter()
            .map(|notice| Ok((notice.clone(), progress::totals(tx, notice.no)?)))
            .collect::<Result<Vec<_>, yuezhi_store::StoreError>>()?;
        let mut reach = Vec::with_capacity(ways.len());
        for way in &ways {
            reach.push(match way.address {
                Some(address) => Some(audience::reach(tx, &resolved, address, way.unless)?),
                None => None,
            });
        }
        let addresses: Vec<Address> = ways.iter().filter_map(|way| way.address).collect();
        let unreached_names = if addresses.is_empty() {
            Vec::new()
        } else {
            audience::names_unreached(tx, &resolved, &addresses, NAMES_SHOWN)?
        };
        Ok(Counted {
            recipients: audience::count(tx, &resolved)?,
            reach,
            unreached_names,
            by_department: audience::by_department(tx, &resolved)?,
            sample: audience::sample(tx, &resolved, 6)?
                .into_iter()
                .map(|person| person.name)
                .collect(),
            totals,
            budget: budget::read(tx, &config, now)?,
        })
    };
    app.db.read(count).await
}

fn delivery(
    channels: &Registry,
    settled: &Settled,
    way: Way,
    reach: Option<&Reach>,
) -> PlannedDelivery {
    let channel = channels.get(&way.lane);
    match reach {
        Some(reach) => PlannedDelivery {
            cost: channel.map_or_else(Cost::default, |channel| {
                cost_for(channel.as_ref(), reach, settled.language)
            }),
            lane: way.lane,
            personal: true,
            messages: reach.reached(),
            undeliverable: reach.unreached(),
            inactive: reach.inactive,
        },
        None => PlannedDelivery {
            cost: channel.map_or_else(Cost::default, |channel| channel.cost(1)),
            lane: way.lane,
            personal: false,
            messages: 1,
            undeliverable: 0,
            inactive: 0,
        },
    }
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

fn warnings(
    settled: &Settled,
    deliveries: &[PlannedDelivery],
    budget: &Budget,
    cost: Cost,
) -> Vec<Refusal> {
    let mut warnings = settled.warnings.clone();
    if deliveries.is_empty() {
        warnings.push(Refusal::invalid("channels", "nobody_is_told"));
    }
    let without_mail: i64 = of_mail(deliveries).map(|d| d.undeliverable).sum();
    if without_mail > 0 {
        warnings.push(Refusal::invalid("channels", "some_without_address").with("n", without_mail));
    }
    let in_dingtalk = |d: &&PlannedDelivery| !is_mail(d);
    let most = |of: fn(&PlannedDelivery) -> i64| {
        deliveries
            .iter()
            .filter(in_dingtalk)
            .map(of)
            .max()
            .unwrap_or(0)
    };
    for (code, n) in [
        (
            "some_without_dingtalk",
            most(|d| d.undeliverable - d.inactive),
        ),
        ("some_inactive", most(|d| d.inactive)),
    ] {
        if n > 0 {
            warnings.push(Refusal::invalid("channels", code).with("n", n));
        }
    }
    if cost != Cost::default() {
        let code = match level_after(budget, cost) {
            Level::Fine => None,
            Level::Low => Some("budget_low_after"),
            Level::Scarce => Some("budget_scarce_after"),
            Level::Out => Some("budget_out_after"),
        };
        warnings.extend(code.map(|code| {
            Refusal::invalid("channels", code)
                .with("api", budget.api.left())
                .with("push", budget.push.left())
        }));
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

fn is_mail(delivery: &PlannedDelivery) -> bool {
    ChannelKind::of_lane(&delivery.lane) == Some(ChannelKind::Mail)
}

fn of_mail(deliveries: &[PlannedDelivery]) -> impl Iterator<Item = &PlannedDelivery> {
    deliveries.iter().filter(|delivery| is_mail(delivery))
}
