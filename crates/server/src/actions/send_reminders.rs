//! Reminds those who still owe: by a plan, or because somebody clicked.
//!
//! Called by the `remind` worker ([`fire_due`]), the console, the API and `yuezhi remind` ([`remind`]). Invariant: an
//! occurrence is one row with a unique key, written together with its deliveries and the notice's new position, so
//! that it happens once whatever nodes, crashes and clocks do; who has settled gets nothing. Late within the grace:
//! once; beyond it: skipped, and shown as such.

use std::{sync::Arc, time::Duration};

use yuezhi_channels::{ChannelKind, Cost, Registry};
use yuezhi_domain::{
    DeliveryKind, NoticeId, NoticeState, OccurrenceId, OccurrenceOutcome, PlanFacts, ReminderPlan,
    Requirement, Sweep, UnixMillis, reminder::DEFAULT_GRACE,
};
use yuezhi_store::{Tx, audit, deliveries, notices, notices::Notice, obligations, occurrences};

use super::{ActionError, Actor, Refusal, publish_version::PlannedDelivery};
use crate::{
    app::App,
    budget,
    config::DingTalkConfig,
    fan_out::{Way, group_message, reminder_ways},
};

/// Two clicks within this time are one.
const REST_BETWEEN_CLICKS: Duration = Duration::from_secs(10 * 60);
/// The step of an occurrence that somebody asked for.
pub const CLICK: &str = "click";

/// A reminder that somebody asks for.
#[derive(Debug, Clone)]
pub struct RemindRequest {
    pub actor: Actor,
    pub notice_id: NoticeId,
    /// Only these people, by number; empty: everybody who still owes, and the group.
    pub person_nos: Vec<i64>,
    /// Count only.
    pub dry_run: bool,
}

/// What was sent, or would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reminded {
    pub outstanding: i64,
    pub deliveries: Vec<PlannedDelivery>,
}

/// Reminds now. Refused when nobody owes anything or it was done minutes ago.
pub async fn remind(app: &App, request: RemindRequest) -> Result<Reminded, ActionError> {
    let now = app.now();
    let id: OccurrenceId = app.ids.next(now);
    let means = Means::of(app);
    let dry_run = request.dry_run;
    let (notice_no, reminded) = app
        .db
        .write(move |tx| {
            let notice = notices::by_id(tx, &request.notice_id)?.ok_or_else(|| Refusal::not_found("notice_unknown"))?;
            if notice.state != NoticeState::Open || notice.requirement == Requirement::Inform {
                return Err(Refusal::conflict("notice_not_remindable").into());
            }
            // Takes the notice's row: on PostgreSQL two clicks at once stand in line here, and the second sees the first.
            if !notices::set_state(tx, notice.no, NoticeState::Open, NoticeState::Open, now, None)? {
                return Err(Refusal::conflict("notice_not_remindable").into());
            }
            refuse_if_just_done(tx, &notice, now)?;
            let occurrence = Occurrence { id, step: CLICK, planned_at: now, actor: request.actor.to_string() };
            let reminded = send(tx, &notice, &occurrence, &means, &request.person_nos, now)?;
            if reminded.outstanding == 0 {
                return Err(Refusal::conflict("nobody_outstanding").into());
            }
            if !request.person_nos.is_empty() && reminded.deliveries.is_empty() {
                return Err(Refusal::conflict("no_personal_channel").into());
            }
            if request.dry_run {
                return Err(Stop::DryRun(notice.no, reminded));
            }
            let detail = serde_json::json!({ "outstanding": reminded.outstanding, "people": request.person_nos.len() });
            audit::append(tx, now, &request.actor.to_string(), "notice.reminded", &format!("notice:{}", notice.id), &detail.to_string())?;
            Ok((notice.no, reminded))
        })
        .await
        .or_else(|stop| match stop {
            Stop::DryRun(notice_no, reminded) => Ok((notice_no, reminded)),
            Stop::Action(error) => Err(error),
        })?;
    if !dry_run {
        app.wake();
        app.announce(notice_no);
    }
    Ok(reminded)
}

/// Rolls back; a dry run is a real run that ends with this.
enum Stop {
    DryRun(i64, Reminded),
    Action(ActionError),
}

impl<E: Into<ActionError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Action(error.into())
    }
}

fn refuse_if_just_done(tx: &mut Tx<'_>, notice: &Notice, now: UnixMillis) -> Result<(), Stop> {
    let last = occurrences::last_fired(tx, notice.no)?;
    if let Some(last) = last.filter(|at| now.since(*at) < REST_BETWEEN_CLICKS && *at <= now) {
        let minutes = now.since(last).as_secs() / 60;
        return Err(Refusal::conflict("reminded_just_now")
            .with("minutes", minutes.max(1))
            .into());
    }
    Ok(())
}

struct Occurrence<'a> {
    id: OccurrenceId,
    step: &'a str,
    planned_at: UnixMillis,
    actor: String,
}

/// Writes the occurrence and its deliveries. `only` narrows to these people and leaves the groups alone.
fn send(
    tx: &mut Tx<'_>,
    notice: &Notice,
    occurrence: &Occurrence<'_>,
    means: &Means,
    only: &[i64],
    now: UnixMillis,
) -> Result<Reminded, yuezhi_store::StoreError> {
    let outstanding = if only.is_empty() {
        obligations::count_outstanding(tx, notice.no)?
    } else {
        obligations::count_outstanding_among(tx, notice.no, only)?
    };
    let outcome = if outstanding == 0 {
        OccurrenceOutcome::Nobody
    } else {
        OccurrenceOutcome::Fired
    };
    let written = occurrences::insert(
        tx,
        &occurrences::NewOccurrence {
            id: occurrence.id,
            notice_no: notice.no,
            schedule_no: 0,
            step: occurrence.step.to_owned(),
            planned_at: occurrence.planned_at,
            decided_at: now,
            outcome,
            recipients: outstanding,
            actor: occurrence.actor.clone(),
        },
    )?;
    let (Some(occurrence_no), true) = (written, outstanding > 0) else {
        return Ok(Reminded {
            outstanding,
            deliveries: Vec::new(),
        });
    };
    let mut planned = Vec::new();
    for way in means.ways(tx, notice, now)? {
        let Some(address) = way.address else {
            if only.is_empty() {
                way.ensure(tx, now)?;
                deliveries::insert_group(
                    tx,
                    &group_message(&way.lane, notice.no, occurrence_no, now),
                )?;
                planned.push(means.for_group(way.lane));
            }
            continue;
        };
        way.ensure(tx, now)?;
        let counts = deliveries::expand_personal(
            tx,
            &deliveries::ExpandPersonal {
                notice_no: notice.no,
                occurrence_no,
                lane: &way.lane,
                address,
                unless: way.unless,
                kind: DeliveryKind::Reminder,
                after_person_no: 0,
                up_to_person_no: i64::MAX,
                only_pending: true,
                only_person_nos: only,
                due_at: now,
                now,
            },
        )?;
        planned.push(means.for_people(way.lane, counts));
    }
    // Nobody was reminded by what no channel carries.
    if planned.iter().any(|delivery| delivery.messages > 0) {
        obligations::mark_reminded(tx, notice.no, only, now)?;
    }
    Ok(Reminded {
        outstanding,
        deliveries: planned,
    })
}

/// Decides every planned reminder that is due; when the next one is.
pub async fn fire_due(app: &App) -> Result<Option<UnixMillis>, ActionError> {
    const AT_ONCE: usize = 100;
    let now = app.now();
    let mut failed = None;
    loop {
        let due = app
            .db
            .read(move |tx| Ok::<_, ActionError>(notices::due_for_reminder(tx, now, AT_ONCE)?))
            .await?;
        let more = due.len() == AT_ONCE;
        for notice in due {
            // One notice that cannot be decided must not keep the others waiting.
            match fire(app, &notice, now).await {
                Ok(true) => {
                    app.wake();
                    app.announce(notice.no);
                }
                Ok(false) => {}
                Err(error) => failed = Some(error),
            }
        }
        if !more || failed.is_some() {
            break;
        }
    }
    if let Some(error) = failed {
        return Err(error);
    }
    app.db
        .read(|tx| Ok::<_, ActionError>(notices::next_reminder_at_min(tx)?))
        .await
}

/// One notice: sweeps its plan up to now. Whether something was sent.
async fn fire(app: &App, notice: &Notice, now: UnixMillis) -> Result<bool, ActionError> {
    let sweep = sweep(app, notice, now);
    let means = Means::of(app);
    let fire_id: OccurrenceId = app.ids.next(now);
    let skipped: Vec<(OccurrenceId, yuezhi_domain::Planned, OccurrenceOutcome)> = sweep
        .skipped
        .iter()
        .map(|(planned, outcome)| (app.ids.next(now), planned.clone(), *outcome))
        .collect();
    let notice = notice.clone();
    app.db
        .write(move |tx| {
            // Another node may have swept meanwhile: then this changes no row and nothing is sent.
            if !notices::set_reminder_position(
                tx,
                notice.no,
                notice.planned_until,
                sweep.decided_until,
                sweep.next_at,
            )? {
                return Ok::<_, ActionError>(false);
            }
            for (id, planned, outcome) in &skipped {
                occurrences::insert(
                    tx,
                    &occurrences::NewOccurrence {
                        id: *id,
                        notice_no: notice.no,
                        schedule_no: 0,
                        step: planned.step.clone(),
                        planned_at: planned.at,
                        decided_at: now,
                        outcome: *outcome,
                        recipients: 0,
                        actor: Actor::System.to_string(),
                    },
                )?;
            }
            let Some(planned) = &sweep.fire else {
                return Ok(false);
            };
            let occurrence = Occurrence {
                id: fire_id,
                step: &planned.step,
                planned_at: planned.at,
                actor: Actor::System.to_string(),
            };
            let reminded = send(tx, &notice, &occurrence, &means, &[], now)?;
            Ok(!reminded.deliveries.is_empty())
        })
        .await
}

/// How soon a notice that is still being filled in is looked at again.
const EXPANDING_FOR: Duration = Duration::from_secs(60);

fn sweep(app: &App, notice: &Notice, now: UnixMillis) -> Sweep {
    if notice.state == NoticeState::Expanding {
        // Nothing is decided before everybody has their obligation; the plan keeps its place.
        return Sweep {
            fire: None,
            skipped: Vec::new(),
            decided_until: notice.planned_until,
            next_at: Some(now.plus(EXPANDING_FOR)),
        };
    }
    let open = notice.state == NoticeState::Open;
    // A plan was checked when it was stored; one that no longer reads (an older release) reminds nobody and is shown.
    let plan = notice.plan.parse::<ReminderPlan>().unwrap_or_default();
    if !open || plan.is_empty() {
        return Sweep {
            fire: None,
            skipped: Vec::new(),
            decided_until: now,
            next_at: None,
        };
    }
    let zone = notice
        .time_zone
        .parse()
        .unwrap_or_else(|_| app.time_zone.clone());
    let facts = PlanFacts {
        issued_at: notice.issued_at,
        due_at: notice.due_at,
        zone: &zone,
    };
    plan.sweep(
        facts,
        &app.calendar(),
        notice.planned_until,
        now,
        DEFAULT_GRACE,
    )
}

/// What a reminder can go over on this node, and what it takes there.
struct Means {
    channels: Arc<Registry>,
    config: DingTalkConfig,
}

impl Means {
    fn of(app: &App) -> Self {
        Self {
            channels: app.channels(),
            config: app.config.dingtalk.clone(),
        }
    }

    fn ways(
        &self,
        tx: &mut Tx<'_>,
        notice: &Notice,
        now: UnixMillis,
    ) -> Result<Vec<Way>, yuezhi_store::StoreError> {
        let budget = budget::read(tx, &self.config, now)?;
        let is_configured = |kind: ChannelKind| self.channels.get(kind.as_str()).is_some();
        let level = budget.api.level().max(budget.push.level());
        Ok(reminder_ways(&notice.channels, is_configured, level))
    }

    fn for_people(&self, lane: String, counts: deliveries::ExpandedPersonal) -> PlannedDelivery {
        PlannedDelivery {
            cost: self.cost(&lane, counts.due),
            lane,
            personal: true,
            messages: counts.due,
            undeliverable: counts.undeliverable,
            inactive: 0,
        }
    }

    fn for_group(&self, lane: String) -> PlannedDelivery {
        PlannedDelivery {
            cost: self.cost(&lane, 1),
            lane,
            personal: false,
            messages: 1,
            undeliverable: 0,
            inactive: 0,
        }
    }

    /// People who read other languages may take a call more.
    fn cost(&self, lane: &str, people: i64) -> Cost {
        let people = usize::try_from(people).unwrap_or(0);
        match self.channels.get(lane) {
            Some(channel) if people > 0 => channel.cost(people),
            _ => Cost::default(),
        }
    }
}
