//! What happened to a notice and what is planned: reminders, the last openings and confirmations, failed messages.

use yuezhi_domain::{DeliveryState, NoticeState, OccurrenceOutcome, ReceiptKind};
use yuezhi_store::{
    StoreError, Tx,
    deliveries::{self, DeliveryFilter, DeliveryRow},
    notices::Notice,
    occurrences::{self, Occurrence},
    people,
    receipts::{self, Receipt},
};

use crate::console::{
    session::SignedIn,
    ui::{Markup, grouped},
    words,
};

const RECEIPTS_SHOWN: usize = 8;
const OCCURRENCES_SHOWN: usize = 12;
const FAILURES_SHOWN: usize = 5;

pub(super) struct Rows {
    receipts: Vec<(Receipt, String)>,
    occurrences: Vec<Occurrence>,
    failures: Vec<DeliveryRow>,
}

pub(super) fn read(tx: &mut Tx<'_>, notice: &Notice) -> Result<Rows, StoreError> {
    let latest = receipts::latest_of_notice(tx, notice.no, RECEIPTS_SHOWN)?;
    let nos: Vec<i64> = latest.iter().map(|receipt| receipt.person_no).collect();
    let names = people::names(tx, &nos)?;
    let failed = DeliveryFilter {
        state: Some(DeliveryState::Failed),
        notice_no: Some(notice.no),
        ..DeliveryFilter::default()
    };
    Ok(Rows {
        receipts: latest
            .into_iter()
            .map(|receipt| {
                let name = names.get(&receipt.person_no).cloned().unwrap_or_default();
                (receipt, name)
            })
            .collect(),
        occurrences: occurrences::list_of_notice(tx, notice.no, OCCURRENCES_SHOWN)?,
        failures: deliveries::list(tx, &failed, 0, FAILURES_SHOWN)?,
    })
}

/// One entry of the line of time.
pub(super) struct Event {
    at: i64,
    /// `done`, `bad`, or empty for what is planned.
    pub kind: &'static str,
    pub title: String,
    pub detail: String,
    pub when: Markup,
}

pub(super) struct History {
    pub events: Vec<Event>,
}

impl History {
    pub fn of(me: &SignedIn, notice: &Notice, rows: &Rows) -> Self {
        let mut events: Vec<Event> = rows.occurrences.iter().map(|o| reminder(me, o)).collect();
        events.extend(
            rows.receipts
                .iter()
                .map(|(receipt, name)| seen(me, receipt, name)),
        );
        events.extend(rows.failures.iter().map(|row| failure(me, row)));
        events.push(issued(me, notice));
        events.extend(ended(me, notice));
        events.extend(planned(me, notice));
        events.sort_by_key(|event| std::cmp::Reverse(event.at));
        Self { events }
    }
}

fn planned(me: &SignedIn, notice: &Notice) -> Option<Event> {
    let at = notice
        .next_reminder_at
        .filter(|_| notice.state == NoticeState::Open)?;
    Some(Event {
        at: at.0.max(me.now.0),
        kind: "",
        title: me.t.get("console.history.planned").to_owned(),
        detail: String::new(),
        when: me.teller().at(at),
    })
}

fn reminder(me: &SignedIn, occurrence: &Occurrence) -> Event {
    let title = match occurrence.outcome {
        OccurrenceOutcome::Fired => me.t.with(
            "console.history.reminded",
            "n",
            grouped(occurrence.recipients),
        ),
        other => me.t.of_value("console.outcome", other.as_str()),
    };
    let by = words::step(me.t, &occurrence.step);
    let detail = if occurrence.step == "click" {
        format!("{by} · {}", words::actor(me.t, &occurrence.actor))
    } else {
        by
    };
    let kind = if occurrence.outcome == OccurrenceOutcome::Fired {
        "done"
    } else {
        ""
    };
    Event {
        at: occurrence.decided_at.0,
        kind,
        title,
        detail,
        when: me.teller().ago(occurrence.decided_at),
    }
}

fn seen(me: &SignedIn, receipt: &Receipt, name: &str) -> Event {
    let kind = if receipt.kind == ReceiptKind::Acknowledged {
        "done"
    } else {
        ""
    };
    Event {
        at: receipt.at.0,
        kind,
        title: me
            .t
            .with(&format!("console.receipt.{}", receipt.kind), "name", name),
        detail: me
            .t
            .of_value("console.receipt_source", receipt.source.as_str()),
        when: me.teller().ago(receipt.at),
    }
}

fn failure(me: &SignedIn, row: &DeliveryRow) -> Event {
    let delivery = &row.delivery;
    let to = row
        .person_name
        .clone()
        .unwrap_or_else(|| words::lane(me.t, &delivery.lane));
    let reason = words::reason(
        me.t,
        delivery.error_code.as_deref().unwrap_or_default(),
        None,
    );
    Event {
        at: delivery.due_at.0,
        kind: "bad",
        title: me.t.with("console.history.failed", "to", to),
        detail: reason.text,
        when: me.teller().ago(delivery.due_at),
    }
}

fn issued(me: &SignedIn, notice: &Notice) -> Event {
    Event {
        at: notice.issued_at.0,
        kind: "done",
        title: me.t.get("console.history.issued").to_owned(),
        detail: words::actor(me.t, &notice.issued_by),
        when: me.teller().ago(notice.issued_at),
    }
}

fn ended(me: &SignedIn, notice: &Notice) -> Option<Event> {
    let at = notice.closed_at?;
    let title = words::notice_state(me.t, notice.state).word;
    Some(Event {
        at: at.0,
        kind: "done",
        title,
        detail: String::new(),
        when: me.teller().ago(at),
    })
}
