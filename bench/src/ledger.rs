//! The outbox as the measures need it: filled with messages to a group, and asked whether all is done.

use yuezhi_domain::{DeliveryKind, UnixMillis};
use yuezhi_server::app::App;
use yuezhi_store::{Db, StoreError, Tx, Value, deliveries};

use crate::installation::{self, FAST_LANE};

const CHUNK: i64 = 5_000;
const PEOPLE: usize = 40;
const UNFINISHED: &str = "SELECT CAST(CASE WHEN EXISTS (SELECT 1 FROM deliveries WHERE state = 'due') \
     OR EXISTS (SELECT 1 FROM deliveries WHERE state = 'sending') THEN 1 ELSE 0 END AS BIGINT)";
const SENT: &str = "SELECT count(*) FROM deliveries WHERE state = 'sent'";
const DUE: &str = "SELECT count(*) FROM deliveries WHERE state = 'due'";

/// So many messages about one notice to the group of the unlimited robot, all due now, each with a key of its own.
pub(crate) async fn fill(app: &App, messages: usize) -> anyhow::Result<()> {
    installation::fill_company(app, PEOPLE).await?;
    let notice_no = installation::publish(app, 1, &[]).await?.notice_no;
    let now = app.now();
    let mut first = 1;
    while first <= messages as i64 {
        let last = (first + CHUNK - 1).min(messages as i64);
        app.db
            .write(move |tx| {
                (first..=last).try_for_each(|number| insert(tx, notice_no, number, now))
            })
            .await?;
        first = last + 1;
    }
    Ok(())
}

fn insert(tx: &mut Tx<'_>, notice_no: i64, number: i64, now: UnixMillis) -> Result<(), StoreError> {
    let delivery = deliveries::NewDelivery {
        lane: FAST_LANE.to_owned(),
        kind: DeliveryKind::Custom,
        notice_no,
        occurrence_no: number,
        person_no: 0,
        due_at: now,
        created_at: now,
    };
    deliveries::insert_group(tx, &delivery).map(|_| ())
}

/// Whether nothing is due and nothing is being sent.
pub(crate) async fn is_done(db: &Db) -> Result<bool, StoreError> {
    db.read(|tx| Ok::<_, StoreError>(tx.read_one(UNFINISHED, &[], |row| row.get::<i64>(0))? == 0))
        .await
}

pub(crate) async fn count_sent(db: &Db) -> Result<i64, StoreError> {
    count(db, SENT).await
}

pub(crate) async fn count_due(db: &Db) -> Result<i64, StoreError> {
    count(db, DUE).await
}

async fn count(db: &Db, sql: &'static str) -> Result<i64, StoreError> {
    db.read(move |tx| tx.read_one(sql, &[] as &[Value<'_>], |row| row.get(0)))
        .await
}
