//! What is asked all day long finds its rows by an index, however large the tables are.

use yuezhi_domain::{DeliveryKind, ObligationState, UnixMillis};
use yuezhi_store::{
    Db, Scratch, StoreError, Tx,
    audience::Address,
    deliveries::{self, DeliveryFilter, ExpandPersonal},
    lanes, notices,
    obligations::{self, Change, ObligationFilter},
    people, progress, receipts, schedules,
};

use crate::support::{NOW, company, everyone, notice};

type Query = fn(&mut Tx<'_>) -> Result<(), StoreError>;

fn filter() -> ObligationFilter {
    ObligationFilter {
        states: vec![ObligationState::Pending],
        ..ObligationFilter::default()
    }
}

const QUERIES: &[(&str, Query)] = &[
    ("claim", |tx| {
        deliveries::claim(tx, "mail", "a", NOW, UnixMillis(NOW.0 + 1), 5).map(drop)
    }),
    ("orphans", |tx| {
        deliveries::has_orphans(tx, NOW, &[]).map(drop)
    }),
    ("lanes with due", |tx| {
        deliveries::lanes_with_due(tx, NOW).map(drop)
    }),
    ("cancel for a person", |tx| {
        deliveries::cancel_pending_for_person(tx, 1, 3).map(drop)
    }),
    ("deliveries of a notice", |tx| {
        deliveries::list(
            tx,
            &DeliveryFilter {
                notice_no: Some(1),
                ..DeliveryFilter::default()
            },
            0,
            5,
        )
        .map(drop)
    }),
    ("outstanding", |tx| {
        obligations::list(tx, 1, &filter(), 7, 5).map(drop)
    }),
    ("outstanding of a department", |tx| {
        let filter = ObligationFilter {
            department_nos: vec![2],
            ..filter()
        };
        obligations::list(tx, 1, &filter, 7, 5).map(drop)
    }),
    ("declined", |tx| {
        let filter = ObligationFilter {
            states: vec![ObligationState::Declined],
            ..ObligationFilter::default()
        };
        obligations::list(tx, 1, &filter, 0, 5).map(drop)
    }),
    ("everybody", |tx| {
        obligations::list(tx, 1, &ObligationFilter::default(), 7, 5).map(drop)
    }),
    ("found", |tx| {
        let filter = ObligationFilter {
            search: Some("员工7".to_owned()),
            ..filter()
        };
        obligations::list(tx, 1, &filter, 0, 5).map(drop)
    }),
    ("of a person", |tx| {
        obligations::of_person(tx, 3, 50).map(drop)
    }),
    ("totals", |tx| progress::totals(tx, 1).map(drop)),
    ("open", |tx| {
        let found = obligations::look(tx, 1, 3)?.ok_or(StoreError::Missing)?;
        obligations::settle(tx, &found, Change::Opened, NOW, |_| Ok(())).map(drop)
    }),
    ("confirm", |tx| {
        let found = obligations::look(tx, 1, 3)?.ok_or(StoreError::Missing)?;
        let change = Change::To(ObligationState::Acknowledged, None);
        obligations::settle(tx, &found, change, NOW, |_| Ok(())).map(drop)
    }),
    ("exempt", |tx| {
        let to = ObligationState::Exempted;
        obligations::transition(tx, 1, 4, &[ObligationState::Pending], to, NOW, None).map(drop)
    }),
    ("mark opened", |tx| {
        obligations::mark_opened(tx, 1, 4, NOW).map(drop)
    }),
    ("receipts", |tx| receipts::of_obligation(tx, 1, 3).map(drop)),
    ("person by mail", |tx| {
        people::by_email(tx, "p3@example.com").map(drop)
    }),
    ("person by number", |tx| {
        people::by_staff_no(tx, "1003").map(drop)
    }),
    ("reminders due", |tx| {
        notices::due_for_reminder(tx, NOW, 5).map(drop)
    }),
    ("schedules due", |tx| schedules::due(tx, NOW, 5).map(drop)),
];

#[test]
fn everyday_queries_step_over_few_rows() {
    let folder = tempfile::tempdir().unwrap();
    let db = Scratch::sqlite(folder.path()).open().unwrap();
    db.write_blocking(|tx| {
        company(tx, 400)?;
        lanes::ensure(tx, "mail", "mail", NOW)?;
        for slug in ["a", "b", "c"] {
            let notice_no = notice(tx, slug, &everyone())?;
            deliveries::expand_personal(
                tx,
                &ExpandPersonal {
                    notice_no,
                    occurrence_no: 0,
                    lane: "mail",
                    address: Address::Mail,
                    unless: None,
                    kind: DeliveryKind::Publish,
                    after_person_no: 0,
                    up_to_person_no: i64::MAX,
                    only_pending: false,
                    only_person_nos: &[],
                    due_at: NOW,
                    now: NOW,
                },
            )?;
        }
        Ok::<_, StoreError>(())
    })
    .unwrap();
    for (name, query) in QUERIES {
        let scanned = rows_scanned(&db, *query);
        assert!(scanned < 30, "{name} stepped over {scanned} rows");
    }
}

fn rows_scanned(db: &Db, query: Query) -> u64 {
    let before = db.stats().scanned_rows;
    db.write_blocking(query).unwrap();
    db.stats().scanned_rows - before
}
