//! The outbox as the measures need it: filled with standing messages, and asked whether all is done.

use yuezhi_domain::{DeliveryKind, OccurrenceId, OccurrenceOutcome, ScheduleId, UnixMillis};
use yuezhi_server::app::App;
use yuezhi_store::{Db, StoreError, Tx, Value, deliveries, lanes, occurrences, schedules};

use crate::installation::FAST_LANE;

const CHUNK: i64 = 5_000;
const UNFINISHED: &str = "SELECT CAST(CASE WHEN EXISTS (SELECT 1 FROM deliveries WHERE state = 'due') \
     OR EXISTS (SELECT 1 FROM deliveries WHERE state = 'sending') THEN 1 ELSE 0 END AS BIGINT)";
const SENT: &str = "SELECT count(*) FROM deliveries WHERE state = 'sent'";
const DUE: &str = "SELECT count(*) FROM deliveries WHERE state = 'due'";

/// So many firings of one standing schedule, each a message to the group of the unlimited robot, all due now.
pub async fn fill(app: &App, messages: usize) -> anyhow::Result<()> {
    let now = app.now();
    let id: ScheduleId = app.ids.next(now);
    let schedule_no = app.db.write(move |tx| {
        lanes::ensure(tx, FAST_LANE, "robot", now)?;
        schedules::insert(tx, &schedule(id, now))
    }).await?;
    let mut first = 0;
    while first < messages as i64 {
        let last = (first + CHUNK).min(messages as i64);
        let ids: Vec<OccurrenceId> = (first..last).map(|_| app.ids.next(now)).collect();
        app.db
            .write(move |tx| {
                (first..last)
                    .zip(&ids)
                    .try_for_each(|(number, id)| fire(tx, schedule_no, number, *id, now))
            })
            .await?;
        first = last;
    }
    Ok(())
}

fn schedule(id: ScheduleId, now: UnixMillis) -> schedules::NewSchedule {
    schedules::NewSchedule {
        id,
        fields: schedules::ScheduleFields {
            name: "考勤提醒".to_owned(),
            rule: "0 9 * * 1-5".to_owned(),
            time_zone: "Asia/Shanghai".to_owned(),
            lanes: vec![FAST_LANE.to_owned()],
            title: "考勤提醒".to_owned(),
            body: "请于今日 18:00 前完成考勤确认，逾期未确认的按制度第七条处理。如有疑问，请联系人力资源部。".to_owned(),
            next_at: None,
        },
        created_by: "system".to_owned(),
        created_at: now,
    }
}

fn fire(tx: &mut Tx<'_>, schedule_no: i64, number: i64, id: OccurrenceId, now: UnixMillis) -> Result<(), StoreError> {
    let occurrence = occurrences::NewOccurrence {
        id,
        notice_no: 0,
        schedule_no,
        step: "schedule".to_owned(),
        planned_at: UnixMillis(now.0 - number),
        decided_at: now,
        outcome: OccurrenceOutcome::Fired,
        recipients: 1,
        actor: "system".to_owned(),
    };
    let occurrence_no = occurrences::insert(tx, &occurrence)?.ok_or(StoreError::Missing)?;
    let delivery = deliveries::NewDelivery {
        lane: FAST_LANE.to_owned(),
        kind: DeliveryKind::Standing,
        notice_no: 0,
        occurrence_no,
        person_no: 0,
        due_at: now,
        created_at: now,
    };
    deliveries::insert_group(tx, &delivery).map(|_| ())
}

/// Whether nothing is due and nothing is being sent.
pub async fn is_done(db: &Db) -> Result<bool, StoreError> {
    db.read(|tx| Ok::<_, StoreError>(tx.read_one(UNFINISHED, &[], |row| row.get::<i64>(0))? == 0)).await
}

pub async fn count_sent(db: &Db) -> Result<i64, StoreError> {
    count(db, SENT).await
}

pub async fn count_due(db: &Db) -> Result<i64, StoreError> {
    count(db, DUE).await
}

async fn count(db: &Db, sql: &'static str) -> Result<i64, StoreError> {
    db.read(move |tx| tx.read_one(sql, &[] as &[Value<'_>], |row| row.get(0))).await
}
