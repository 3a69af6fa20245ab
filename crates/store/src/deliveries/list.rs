//! Deliveries as people look at them: by lane, state, notice and person.

use yuezhi_domain::{DeliveryState, UnixMillis};

use super::{COLUMNS, Delivery, delivery};
use crate::{StoreError, Tx, Value, p, policies::newest_first, query::Query};

// `sent` and `cancelled` are history and not counted: every other state has a small index of its own.
const COUNTS: &str = "SELECT lane, 'due', count(*) FROM deliveries WHERE state = 'due' GROUP BY lane \
     UNION ALL SELECT lane, 'sending', count(*) FROM deliveries WHERE state = 'sending' GROUP BY lane \
     UNION ALL SELECT lane, 'failed', count(*) FROM deliveries WHERE state = 'failed' GROUP BY lane \
     UNION ALL SELECT lane, 'undeliverable', count(*) FROM deliveries WHERE state = 'undeliverable' GROUP BY lane \
     ORDER BY 1, 2";
const ATTEMPTS: &str = "SELECT number, at, outcome, error_code, error_detail FROM attempts WHERE delivery_no = ?1 \
     ORDER BY number";

/// Which deliveries; nothing set means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    pub lane: Option<String>,
    pub state: Option<DeliveryState>,
    pub notice_no: Option<i64>,
    pub person_no: Option<i64>,
}

/// A delivery with the names people know it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRow {
    pub delivery: Delivery,
    /// `None` for a group.
    pub person_name: Option<String>,
    /// `None` for a standing message.
    pub notice_title: Option<String>,
}

/// So many deliveries of a lane are in a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneCount {
    pub lane: String,
    pub state: DeliveryState,
    pub count: i64,
}

/// An attempt that did not end as sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub number: i64,
    pub at: UnixMillis,
    /// `retry`, `hold`, `rejected`, `exhausted`, `misconfigured`, `lease_lost`.
    pub outcome: String,
    pub error_code: String,
    pub error_detail: String,
}

pub fn get(tx: &mut Tx<'_>, no: i64) -> Result<Option<Delivery>, StoreError> {
    tx.read_opt(
        &format!("SELECT {COLUMNS} FROM deliveries WHERE no = ?1"),
        p![no],
        delivery,
    )
}

/// First attempt first.
pub fn attempts(tx: &mut Tx<'_>, no: i64) -> Result<Vec<Attempt>, StoreError> {
    tx.read(ATTEMPTS, p![no], |row| {
        let mut columns = row.columns();
        Ok(Attempt {
            number: columns.take()?,
            at: columns.take()?,
            outcome: columns.take()?,
            error_code: columns.take()?,
            error_detail: columns.take()?,
        })
    })
}

/// Newest first; the next page begins after the last number of this one. Begin with 0.
pub fn list(
    tx: &mut Tx<'_>,
    filter: &DeliveryFilter,
    after_no: i64,
    limit: usize,
) -> Result<Vec<DeliveryRow>, StoreError> {
    let select = format!(
        "SELECT {COLUMNS}, p.name, n.title FROM deliveries LEFT JOIN people p ON p.no = deliveries.person_no \
         LEFT JOIN notices n ON n.no = deliveries.notice_no WHERE deliveries.no < ?1"
    );
    let mut query = Query::new(&select, vec![Value::Int(newest_first(after_no))]);
    if let Some(state) = filter.state {
        // Written out, so that the small index of the state is used.
        query
            .push(" AND deliveries.state = '")
            .push(state.as_str())
            .push("'");
    }
    if let Some(lane) = &filter.lane {
        query.push(" AND deliveries.lane = ").bind_text(lane);
    }
    if let Some(notice_no) = filter.notice_no {
        query
            .push(" AND deliveries.notice_no = ")
            .bind(Value::Int(notice_no));
    }
    if let Some(person_no) = filter.person_no {
        // The second condition is the one that the index of people's deliveries was made with.
        query
            .push(" AND deliveries.person_no <> 0 AND deliveries.person_no = ")
            .bind(Value::Int(person_no));
    }
    query
        .push(" ORDER BY deliveries.no DESC LIMIT ")
        .bind(Value::from_count(limit));
    tx.read(query.sql(), query.params(), |row| {
        Ok(DeliveryRow {
            delivery: delivery(row)?,
            person_name: row.get(17)?,
            notice_title: row.get(18)?,
        })
    })
}

/// What waits, is being sent, failed or has no address, by lane. What was sent is not counted.
pub fn counts_by_lane_state(tx: &mut Tx<'_>) -> Result<Vec<LaneCount>, StoreError> {
    tx.read(COUNTS, p![], |row| {
        Ok(LaneCount {
            lane: row.get(0)?,
            state: row.get(1)?,
            count: row.get(2)?,
        })
    })
}
