//! Standing schedules: a message to a group again and again, tied to no notice.
//!
//! Called by the console, the API and the `remind` worker. Invariant: an occurrence is one row with a unique key
//! (schedule, time), written together with its deliveries and the next time; nothing fires twice.

use std::time::Duration;

use yuezhi_domain::{
    OccurrenceId, OccurrenceOutcome, Schedule, ScheduleId, TimeZoneName, UnixMillis,
    reminder::{DEFAULT_GRACE, collapse},
};
use yuezhi_store::{Tx, audit, deliveries, occurrences, schedules};

use super::{ActionError, Actor, Refusal, send_reminders::CLICK};
use crate::{
    app::App,
    fan_out::{Way, group_message},
    refusals,
};

/// What somebody types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleInput {
    pub name: String,
    /// `每个工作日 09:00`, `Fridays 17:00`, `0 9 * * 1-5`.
    pub rule: String,
    /// IANA name; the installation's zone if missing.
    pub time_zone: Option<String>,
    pub lanes: Vec<String>,
    pub title: String,
    /// Markdown as the group sees it.
    pub body: String,
}

/// The next times of a rule, for a preview before saving.
pub fn preview(
    app: &App,
    rule: &str,
    zone: Option<&str>,
    count: usize,
) -> Result<Vec<UnixMillis>, Refusal> {
    let schedule = parse(app, rule, zone)?;
    Ok(schedule
        .next_n(app.now(), count, &app.calendar())
        .into_iter()
        .map(|o| o.at)
        .collect())
}

fn parse(app: &App, rule: &str, zone: Option<&str>) -> Result<Schedule, Refusal> {
    let zone = match zone.map(str::trim).filter(|z| !z.is_empty()) {
        Some(zone) => zone
            .parse()
            .map_err(|_| Refusal::invalid("time_zone", "zone_bad").with("zone", zone))?,
        None => app.time_zone.clone(),
    };
    let schedule = Schedule::parse(rule, zone).map_err(|error| refusals::schedule(rule, &error))?;
    if schedule.next_after(app.now(), &app.calendar()).is_none() {
        return Err(Refusal::invalid("rule", "rule_never").with("text", rule));
    }
    Ok(schedule)
}

fn check(app: &App, input: &ScheduleInput) -> Result<schedules::ScheduleFields, Refusal> {
    let schedule = parse(app, &input.rule, input.time_zone.as_deref())?;
    let name = input.name.trim();
    if name.is_empty() || name.chars().count() > 80 {
        return Err(Refusal::invalid("name", "schedule_name_missing"));
    }
    let title = if input.title.trim().is_empty() {
        name
    } else {
        input.title.trim()
    };
    if input.body.trim().is_empty() {
        return Err(Refusal::invalid("body", "schedule_text_missing"));
    }
    let channels = app.channels();
    let mut lanes = Vec::new();
    for lane in input
        .lanes
        .iter()
        .map(|l| l.trim())
        .filter(|l| !l.is_empty())
    {
        let group = channels
            .get(lane)
            .is_some_and(|channel| !channel.limits().personal);
        if !group {
            let known: Vec<_> = channels
                .lanes()
                .filter(|c| !c.limits().personal)
                .map(|c| c.lane().to_owned())
                .collect();
            return Err(Refusal::invalid("lanes", "channel_unknown")
                .with("lane", lane)
                .with("known", known.join(", ")));
        }
        lanes.push(lane.to_owned());
    }
    if lanes.is_empty() {
        return Err(Refusal::invalid("lanes", "schedule_lane_missing"));
    }
    Ok(schedules::ScheduleFields {
        name: name.to_owned(),
        rule: schedule.rule.to_string(),
        time_zone: schedule.zone.as_str().to_owned(),
        lanes,
        title: title.chars().take(120).collect(),
        body: input.body.trim().to_owned(),
        next_at: schedule
            .next_after(app.now(), &app.calendar())
            .map(|o| o.at),
    })
}

/// Creates a schedule; it is active at once.
pub async fn create(
    app: &App,
    actor: Actor,
    input: &ScheduleInput,
) -> Result<ScheduleId, ActionError> {
    let fields = check(app, input)?;
    let now = app.now();
    let id: ScheduleId = app.ids.next(now);
    app.db
        .write(move |tx| {
            let by = actor.to_string();
            schedules::insert(
                tx,
                &schedules::NewSchedule {
                    id,
                    fields: fields.clone(),
                    created_by: by.clone(),
                    created_at: now,
                },
            )?;
            record(tx, &by, "schedule.created", id, &fields.rule, now)
        })
        .await?;
    app.wake();
    Ok(id)
}

/// Changes everything about a schedule.
pub async fn update(
    app: &App,
    actor: Actor,
    id: ScheduleId,
    input: &ScheduleInput,
) -> Result<(), ActionError> {
    let fields = check(app, input)?;
    change(
        app,
        actor,
        id,
        "schedule.changed",
        move |tx, schedule, now| Ok(schedules::update(tx, schedule.no, &fields, now)?),
    )
    .await
}

/// Pauses, or goes on from the next time to come: what fell into the pause is not made up for.
pub async fn set_paused(
    app: &App,
    actor: Actor,
    id: ScheduleId,
    paused: bool,
) -> Result<(), ActionError> {
    let calendar = app.calendar();
    let action = if paused {
        "schedule.paused"
    } else {
        "schedule.resumed"
    };
    change(app, actor, id, action, move |tx, schedule, now| {
        let next = of_row(schedule)
            .and_then(|s| s.next_after(now, &calendar))
            .map(|o| o.at);
        Ok(schedules::set_paused(tx, schedule.no, paused, next, now)?)
    })
    .await
}

/// Leaves out the next occurrence, or takes that back.
pub async fn skip_next(
    app: &App,
    actor: Actor,
    id: ScheduleId,
    skip: bool,
) -> Result<(), ActionError> {
    let action = if skip {
        "schedule.skip_next"
    } else {
        "schedule.skip_undone"
    };
    change(app, actor, id, action, move |tx, schedule, now| {
        Ok(schedules::set_skip_next(tx, schedule.no, skip, now)?)
    })
    .await
}

/// Removes a schedule; what it sent stays recorded.
pub async fn delete(app: &App, actor: Actor, id: ScheduleId) -> Result<(), ActionError> {
    change(app, actor, id, "schedule.deleted", |tx, schedule, _| {
        Ok(schedules::delete(tx, schedule.no)?)
    })
    .await
}

/// Two clicks within this time are one: the second is a slip of the finger.
const REST_BETWEEN_CLICKS: Duration = Duration::from_secs(10);

/// Sends the message now, beside its regular times.
pub async fn run_now(app: &App, actor: Actor, id: ScheduleId) -> Result<(), ActionError> {
    let occurrence_id: OccurrenceId = app.ids.next(app.now());
    let by = actor.to_string();
    change(app, actor, id, "schedule.run", move |tx, schedule, now| {
        let just_now = |at: UnixMillis| at <= now && now.since(at) < REST_BETWEEN_CLICKS;
        let again = occurrences::list_of_schedule(tx, schedule.no, 1)?
            .iter()
            .any(|last| last.step == CLICK && just_now(last.decided_at));
        // Two clicks that are worked on at once do not see each other, but they fall upon the same planned time.
        let rest = i64::try_from(REST_BETWEEN_CLICKS.as_millis()).expect("ten seconds");
        let planned_at = UnixMillis(now.0 - now.0.rem_euclid(rest));
        if again || !send(tx, schedule, occurrence_id, CLICK, planned_at, now, &by)? {
            return Err(Refusal::conflict("schedule_ran_just_now").into());
        }
        Ok(true)
    })
    .await
}

async fn change(
    app: &App,
    actor: Actor,
    id: ScheduleId,
    action: &'static str,
    apply: impl Fn(&mut Tx<'_>, &schedules::Schedule, UnixMillis) -> Result<bool, ActionError>
    + Send
    + 'static,
) -> Result<(), ActionError> {
    let now = app.now();
    app.db
        .write(move |tx| {
            let schedule =
                schedules::by_id(tx, &id)?.ok_or_else(|| Refusal::not_found("schedule_unknown"))?;
            if !apply(tx, &schedule, now)? {
                return Err(Refusal::conflict("schedule_moved_on").into());
            }
            record(tx, &actor.to_string(), action, id, &schedule.rule, now)
        })
        .await?;
    app.wake();
    Ok(())
}

fn record(
    tx: &mut Tx<'_>,
    by: &str,
    action: &str,
    id: ScheduleId,
    rule: &str,
    now: UnixMillis,
) -> Result<(), ActionError> {
    let detail = serde_json::json!({ "rule": rule }).to_string();
    audit::append(tx, now, by, action, &format!("schedule:{id}"), &detail)?;
    Ok(())
}

fn of_row(row: &schedules::Schedule) -> Option<Schedule> {
    let zone: TimeZoneName = row.time_zone.parse().ok()?;
    Schedule::parse(&row.rule, zone).ok()
}

/// Writes the occurrence and its messages; false when it is there already.
fn send(
    tx: &mut Tx<'_>,
    schedule: &schedules::Schedule,
    id: OccurrenceId,
    step: &str,
    planned_at: UnixMillis,
    now: UnixMillis,
    actor: &str,
) -> Result<bool, yuezhi_store::StoreError> {
    let written = occurrences::insert(
        tx,
        &occurrences::NewOccurrence {
            id,
            notice_no: 0,
            schedule_no: schedule.no,
            step: step.to_owned(),
            planned_at,
            decided_at: now,
            outcome: OccurrenceOutcome::Fired,
            recipients: schedule.lanes.len() as i64,
            actor: actor.to_owned(),
        },
    )?;
    let Some(occurrence_no) = written else {
        return Ok(false);
    };
    for lane in &schedule.lanes {
        Way::of_lane(lane).ensure(tx, now)?;
        deliveries::insert_group(tx, &group_message(lane, 0, occurrence_no, now))?;
    }
    Ok(true)
}

/// Fires every schedule that is due; when the next one is.
pub async fn fire_due(app: &App) -> Result<Option<UnixMillis>, ActionError> {
    const AT_ONCE: usize = 100;
    let now = app.now();
    let due = app
        .db
        .read(move |tx| Ok::<_, ActionError>(schedules::due(tx, now, AT_ONCE)?))
        .await?;
    let mut failed = None;
    for row in due {
        // One schedule that cannot fire must not keep the others waiting.
        if let Err(error) = fire(app, row, now).await {
            failed = Some(error);
        }
    }
    if let Some(error) = failed {
        return Err(error);
    }
    app.db
        .read(|tx| Ok::<_, ActionError>(schedules::next_at_min(tx)?))
        .await
}

/// Missed occurrences recorded one by one after a long sleep.
const MISSED_SHOWN: usize = 50;

async fn fire(app: &App, row: schedules::Schedule, now: UnixMillis) -> Result<(), ActionError> {
    let calendar = app.calendar();
    let schedule = of_row(&row);
    let from = row.next_at.unwrap_or(now).minus(Duration::from_millis(1));
    let missed = schedule
        .as_ref()
        .map(|s| s.between(from, now, &calendar))
        .unwrap_or_default();
    let next = schedule
        .as_ref()
        .and_then(|s| s.next_after(now, &calendar))
        .map(|o| o.at);
    let (mut fired, mut skipped) = collapse(missed, |o| o.at, now, DEFAULT_GRACE);
    if row.skip_next
        && let Some(occurrence) = fired.take()
    {
        skipped.push((occurrence, OccurrenceOutcome::SkippedOnce));
    }
    // A minutely rule after a night off: the last ones tell enough.
    let skipped = skipped.split_off(skipped.len().saturating_sub(MISSED_SHOWN));
    let fire_id: OccurrenceId = app.ids.next(now);
    let skipped: Vec<_> = skipped
        .into_iter()
        .map(|(o, outcome)| (app.ids.next::<OccurrenceId>(now), o.at, outcome))
        .collect();
    let sent = app
        .db
        .write(move |tx| {
            // Another node may have fired it meanwhile.
            if !schedules::set_next(tx, row.no, row.next_at, next)? {
                return Ok::<_, ActionError>(false);
            }
            for (id, planned_at, outcome) in &skipped {
                occurrences::insert(
                    tx,
                    &occurrences::NewOccurrence {
                        id: *id,
                        notice_no: 0,
                        schedule_no: row.no,
                        step: "schedule".to_owned(),
                        planned_at: *planned_at,
                        decided_at: now,
                        outcome: *outcome,
                        recipients: 0,
                        actor: Actor::System.to_string(),
                    },
                )?;
            }
            if row.skip_next && !skipped.is_empty() {
                schedules::set_skip_next(tx, row.no, false, now)?;
            }
            let Some(occurrence) = &fired else {
                return Ok(false);
            };
            send(
                tx,
                &row,
                fire_id,
                "schedule",
                occurrence.at,
                now,
                &Actor::System.to_string(),
            )?;
            Ok(true)
        })
        .await?;
    if sent {
        app.wake();
    }
    Ok(())
}
