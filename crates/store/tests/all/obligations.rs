//! Obligations, their numbers, their lists.

use proptest::{prelude::*, test_runner::TestRunner};
use yuezhi_domain::{
    ContentHash, IdSource, Language, ObligationState, ReceiptKind, ReceiptSource, Requirement,
    UnixMillis,
};
use yuezhi_store::{
    StoreError, Tx,
    obligations::{self, Change, ObligationFilter, ObligationRow},
    people, progress, receipts,
};

use crate::support::{NOW, company, everyone, for_each_engine, in_each_engine, notice, person};

const FROM_ANY: &[ObligationState] = &[
    ObligationState::Pending,
    ObligationState::Declined,
    ObligationState::Exempted,
    ObligationState::Closed,
];

fn move_to(
    tx: &mut Tx<'_>,
    notice_no: i64,
    person_no: i64,
    to: ObligationState,
) -> Result<bool, StoreError> {
    obligations::transition(tx, notice_no, person_no, FROM_ANY, to, NOW, None)
}

fn settle(
    tx: &mut Tx<'_>,
    notice_no: i64,
    person_no: i64,
    change: Change<'_>,
) -> Result<bool, StoreError> {
    let found = obligations::look(tx, notice_no, person_no)?.unwrap();
    obligations::settle(tx, &found, change, NOW, |_| Ok(()))
}

#[test]
fn what_stands_differently_than_it_was_looked_at_is_left_alone() {
    in_each_engine(|tx| {
        let (_, nos) = company(tx, 2)?;
        let notice_no = notice(tx, "travel", &everyone())?;
        let acknowledged = Change::To(ObligationState::Acknowledged, None);
        assert_eq!(obligations::look(tx, notice_no, 999)?, None);

        let before_opening = obligations::look(tx, notice_no, nos[0])?.unwrap();
        assert!(settle(tx, notice_no, nos[0], Change::Opened)?);
        let never = |_: &mut Tx<'_>| panic!("nothing belongs to a change that was not made");
        assert!(!obligations::settle(
            tx,
            &before_opening,
            acknowledged,
            NOW,
            never
        )?);
        assert!(settle(tx, notice_no, nos[0], acknowledged)?);
        assert!(!obligations::settle(
            tx,
            &before_opening,
            Change::Opened,
            NOW,
            never
        )?);

        // Without an opening before it, the act is the opening.
        assert!(settle(tx, notice_no, nos[1], acknowledged)?);
        let stored = obligations::get(tx, notice_no, nos[1])?.unwrap();
        assert_eq!(
            (stored.state, stored.opened_at, stored.acted_at),
            (ObligationState::Acknowledged, Some(NOW), Some(NOW))
        );
        let totals = progress::totals(tx, notice_no)?;
        assert_eq!(
            (totals.opened, totals.acknowledged, totals.pending),
            (2, 2, 0)
        );
        assert!(progress::check(tx, notice_no)?);
        Ok(())
    });
}

#[test]
fn the_same_button_pressed_many_times_at_once_settles_once() {
    for_each_engine(|_, db| {
        let (notice_no, person_no) = db
            .write_blocking(|tx| {
                let (_, nos) = company(tx, 3)?;
                Ok::<_, StoreError>((notice(tx, "travel", &everyone())?, nos[0]))
            })
            .unwrap();
        let press = || {
            db.write_blocking(move |tx| {
                let found = obligations::look(tx, notice_no, person_no)?.unwrap();
                if found.state == ObligationState::Acknowledged {
                    return Ok::<_, StoreError>(false);
                }
                let change = Change::To(ObligationState::Acknowledged, None);
                obligations::settle(tx, &found, change, NOW, |_| Ok(()))
            })
            .unwrap()
        };
        let settled = std::thread::scope(|scope| {
            let presses: Vec<_> = (0..8).map(|_| scope.spawn(press)).collect();
            presses
                .into_iter()
                .map(|press| press.join().unwrap())
                .filter(|settled| *settled)
                .count()
        });
        assert_eq!(settled, 1);
        let totals = db
            .read_blocking(move |tx| progress::totals(tx, notice_no))
            .unwrap();
        assert_eq!((totals.acknowledged, totals.pending), (1, 2));
    });
}

#[test]
fn a_confirmation_counts_once_and_is_never_overwritten() {
    in_each_engine(|tx| {
        let (_, nos) = company(tx, 3)?;
        let notice_no = notice(tx, "travel", &everyone())?;
        assert!(move_to(
            tx,
            notice_no,
            nos[0],
            ObligationState::Acknowledged
        )?);
        assert!(!move_to(tx, notice_no, nos[0], ObligationState::Declined)?);
        assert!(obligations::mark_opened(tx, notice_no, nos[0], NOW)?);
        assert!(!obligations::mark_opened(
            tx,
            notice_no,
            nos[0],
            UnixMillis(1)
        )?);
        assert!(!obligations::mark_opened(tx, notice_no, 999, NOW)?);
        let stored = obligations::get(tx, notice_no, nos[0])?.unwrap();
        assert_eq!((stored.acted_at, stored.opened_at), (Some(NOW), Some(NOW)));
        let closed = obligations::close_all_pending(
            tx,
            notice_no,
            ObligationState::Closed,
            NOW,
            Some("notice_closed"),
        )?;
        assert_eq!(closed, 2);
        let totals = progress::totals(tx, notice_no)?;
        assert_eq!(
            (
                totals.total,
                totals.acknowledged,
                totals.closed,
                totals.opened,
                totals.pending
            ),
            (3, 1, 2, 1, 0)
        );
        assert_eq!(totals.as_progress().acknowledged, 1);
        assert_eq!(
            progress::totals_of(tx, &[notice_no, 99])?.get(&notice_no),
            Some(&totals)
        );
        assert!(progress::check(tx, notice_no)?);
        assert_eq!(progress::totals(tx, 12345)?, progress::Totals::default());
        Ok(())
    });
}

#[test]
fn reminders_count_only_those_who_owe() {
    in_each_engine(|tx| {
        let (_, nos) = company(tx, 5)?;
        let notice_no = notice(tx, "travel", &everyone())?;
        move_to(tx, notice_no, nos[0], ObligationState::Acknowledged)?;
        assert_eq!(obligations::count_outstanding(tx, notice_no)?, 4);
        assert_eq!(
            obligations::count_outstanding_among(tx, notice_no, &nos[..2])?,
            1
        );
        assert_eq!(obligations::mark_reminded(tx, notice_no, &[], NOW)?, 4);
        assert_eq!(
            obligations::mark_reminded(tx, notice_no, &nos[..2], UnixMillis(NOW.0 + 5))?,
            1
        );
        let reminded = obligations::get(tx, notice_no, nos[1])?.unwrap();
        assert_eq!(
            (reminded.reminded, reminded.reminded_at),
            (2, Some(UnixMillis(NOW.0 + 5)))
        );
        assert_eq!(
            obligations::count_overdue(tx, notice_no, UnixMillis(NOW.0 + 1000))?,
            0
        );
        assert_eq!(
            obligations::count_overdue(tx, notice_no, UnixMillis(NOW.0 + 1001))?,
            4
        );
        Ok(())
    });
}

#[test]
fn a_minor_change_carries_confirmations_with_receipts_that_name_what_was_confirmed() {
    in_each_engine(|tx| {
        let ids = IdSource::seeded(11);
        let (_, nos) = company(tx, 5)?;
        let old = notice(tx, "travel", &everyone())?;
        for (person_no, at) in nos.iter().take(2).zip(1..) {
            move_to(tx, old, *person_no, ObligationState::Acknowledged)?;
            receipts::insert(tx, &acknowledged(ids.next(NOW), old, *person_no, at))?;
        }
        move_to(tx, old, nos[2], ObligationState::Exempted)?;
        let new = notice(tx, "travel", &everyone())?;
        assert_eq!(
            obligations::carry_forward(tx, old, new, Requirement::Confirm, NOW)?,
            3
        );
        assert_eq!(receipts::carry_forward(tx, old, new, NOW)?, 2);
        assert_eq!(
            receipts::carry_forward(tx, old, new, NOW)?,
            0,
            "repeated, it adds nothing"
        );
        assert!(progress::check(tx, new)?);
        assert_eq!(obligations::count_outstanding(tx, new)?, 2);
        let carried = receipts::of_obligation(tx, new, nos[0])?.pop().unwrap();
        let confirmed = receipts::of_obligation(tx, old, nos[0])?.pop().unwrap();
        assert_eq!(
            (carried.kind, carried.source),
            (ReceiptKind::Carried, ReceiptSource::System)
        );
        assert_eq!(
            (carried.text_hash, carried.consent_hash, carried.version_no),
            (
                confirmed.text_hash,
                confirmed.consent_hash,
                confirmed.version_no
            )
        );
        assert!(carried.detail.contains(&confirmed.id.to_string()));
        assert_eq!(receipts::by_id(tx, &carried.id)?.as_ref(), Some(&carried));
        // And once more, from the carried receipts.
        let third = notice(tx, "travel", &everyone())?;
        obligations::carry_forward(tx, new, third, Requirement::Confirm, NOW)?;
        assert_eq!(receipts::carry_forward(tx, new, third, NOW)?, 2);
        assert_eq!(
            receipts::latest_no(tx)?,
            receipts::of_notice(tx, third, 0, 10)?.last().unwrap().no
        );
        Ok(())
    });
}

#[test]
fn having_read_is_carried_only_where_reading_is_asked() {
    in_each_engine(|tx| {
        let (_, nos) = company(tx, 2)?;
        let old = notice(tx, "travel", &everyone())?;
        obligations::transition(
            tx,
            old,
            nos[0],
            FROM_ANY,
            ObligationState::Closed,
            NOW,
            Some(yuezhi_domain::CloseReason::Read.as_str()),
        )?;
        let (confirm, read) = (
            notice(tx, "travel", &everyone())?,
            notice(tx, "travel", &everyone())?,
        );
        assert_eq!(
            obligations::carry_forward(tx, old, confirm, Requirement::Confirm, NOW)?,
            0
        );
        assert_eq!(
            obligations::carry_forward(tx, old, read, Requirement::Read, NOW)?,
            1
        );
        assert!(progress::check(tx, read)?);
        Ok(())
    });
}

fn acknowledged(
    id: yuezhi_domain::ReceiptId,
    notice_no: i64,
    person_no: i64,
    at: i64,
) -> receipts::NewReceipt {
    receipts::NewReceipt {
        id,
        notice_no,
        person_no,
        version_no: 1,
        kind: ReceiptKind::Acknowledged,
        source: ReceiptSource::Page,
        at: UnixMillis(NOW.0 + at),
        language: Language::ZhCn,
        text_hash: ContentHash::of("text"),
        consent_hash: Some(ContentHash::of("consent")),
        detail: "{}".to_owned(),
    }
}

/// All rows of a list, page by page.
fn all_pages(
    tx: &mut Tx<'_>,
    notice_no: i64,
    filter: &ObligationFilter,
    size: usize,
) -> Result<Vec<ObligationRow>, StoreError> {
    let mut all: Vec<ObligationRow> = Vec::new();
    loop {
        let after = all.last().map_or(0, |row| row.person_no);
        let page = obligations::list(tx, notice_no, filter, after, size)?;
        let full = page.len() == size;
        all.extend(page);
        if !full {
            return Ok(all);
        }
    }
}

#[test]
fn pages_of_any_filter_hold_everybody_once() {
    in_each_engine(|tx| {
        let ids = IdSource::seeded(12);
        let (departments, mut nos) = company(tx, 23)?;
        nos.push(people::upsert(tx, &person(60, &[]), ids.next(NOW), NOW)?.no);
        let notice_no = notice(tx, "travel", &everyone())?;
        for (index, person_no) in nos.iter().enumerate() {
            match index % 4 {
                0 => {
                    move_to(tx, notice_no, *person_no, ObligationState::Acknowledged)?;
                }
                1 => {
                    obligations::mark_opened(tx, notice_no, *person_no, NOW)?;
                }
                2 => {
                    move_to(tx, notice_no, *person_no, ObligationState::Declined)?;
                }
                _ => {}
            }
        }
        let states = [
            vec![],
            vec![ObligationState::Pending],
            vec![ObligationState::Declined, ObligationState::Acknowledged],
        ];
        let wanted_departments = [
            vec![],
            vec![departments[0]],
            vec![departments[1], departments[0]],
        ];
        for states in &states {
            for department_nos in &wanted_departments {
                for opened in [None, Some(true), Some(false)] {
                    for search in [None, Some("员工1".to_owned())] {
                        let filter = ObligationFilter {
                            states: states.clone(),
                            department_nos: department_nos.clone(),
                            opened,
                            search,
                            overdue_at: Some(UnixMillis(NOW.0 + 5000)),
                        };
                        check_filter(tx, notice_no, &nos, &filter)?;
                    }
                }
            }
        }
        let outstanding = obligations::outstanding_batches(tx, notice_no, 0, 100)?;
        assert_eq!(
            outstanding.len() as i64,
            obligations::count_outstanding(tx, notice_no)?
        );
        Ok(())
    });
}

fn check_filter(
    tx: &mut Tx<'_>,
    notice_no: i64,
    nos: &[i64],
    filter: &ObligationFilter,
) -> Result<(), StoreError> {
    let mut wanted = Vec::new();
    for no in nos {
        let o = obligations::get(tx, notice_no, *no)?.unwrap();
        let person = people::get(tx, *no)?.unwrap();
        let fits = (filter.states.is_empty() || filter.states.contains(&o.state))
            && (filter.department_nos.is_empty()
                || filter.department_nos.contains(&o.department_no))
            && filter
                .opened
                .is_none_or(|opened| opened == o.opened_at.is_some())
            && filter
                .search
                .as_ref()
                .is_none_or(|text| person.name.starts_with(text));
        if fits {
            wanted.push(*no);
        }
    }
    let mut found: Vec<i64> = all_pages(tx, notice_no, filter, 3)?
        .iter()
        .map(|row| row.person_no)
        .collect();
    found.sort_unstable();
    assert_eq!(found, wanted, "{filter:?}");
    Ok(())
}

#[test]
fn a_person_sees_what_they_owe_newest_first() {
    in_each_engine(|tx| {
        let (_, nos) = company(tx, 2)?;
        let (first, second) = (
            notice(tx, "travel", &everyone())?,
            notice(tx, "leave", &everyone())?,
        );
        move_to(tx, first, nos[0], ObligationState::Acknowledged)?;
        let mine = obligations::of_person(tx, nos[0], 10)?;
        assert_eq!(
            mine.iter().map(|o| o.notice_no).collect::<Vec<_>>(),
            [second, first]
        );
        assert_eq!(
            (mine[0].policy_slug.as_str(), mine[0].label.as_str()),
            ("leave", "1.0")
        );
        assert_eq!(mine[1].state, ObligationState::Acknowledged);
        assert_eq!(obligations::of_person(tx, nos[0], 1)?.len(), 1);
        Ok(())
    });
}

/// One thing that happens to a notice of six people.
#[derive(Clone, Debug)]
enum Step {
    Open(usize),
    Settle(usize, Option<ObligationState>),
    Move(usize, ObligationState),
    MoveHouse(usize, usize),
    Leave(usize),
    Close,
    Expand,
}

fn some_step() -> impl Strategy<Value = Step> {
    let who = 0_usize..6;
    prop_oneof![
        who.clone().prop_map(Step::Open),
        (
            who.clone(),
            prop::option::of(prop::sample::select(ObligationState::ALL))
        )
            .prop_map(|(who, to)| Step::Settle(who, to)),
        (who.clone(), prop::sample::select(ObligationState::ALL))
            .prop_map(|(who, to)| Step::Move(who, to)),
        (who.clone(), 0_usize..2).prop_map(|(who, to)| Step::MoveHouse(who, to)),
        who.prop_map(Step::Leave),
        Just(Step::Close),
        Just(Step::Expand),
    ]
}

#[test]
fn kept_numbers_equal_counted_ones_whatever_happens() {
    for_each_engine(|_, db| {
        let (departments, nos) = db.write_blocking(|tx| company(tx, 6)).unwrap();
        let config = ProptestConfig {
            cases: 24,
            failure_persistence: None,
            ..ProptestConfig::default()
        };
        TestRunner::new(config)
            .run(&prop::collection::vec(some_step(), 1..25), |steps| {
                let (departments, nos) = (departments.clone(), nos.clone());
                let fine = db
                    .write_blocking(move |tx| {
                        let ids = IdSource::seeded(13);
                        let notice_no = notice(tx, "travel", &everyone())?;
                        for step in &steps {
                            match step {
                                Step::Open(who) => {
                                    obligations::mark_opened(tx, notice_no, nos[*who], NOW)?;
                                }
                                Step::Settle(who, to) => {
                                    let change =
                                        to.map_or(Change::Opened, |to| Change::To(to, None));
                                    settle(tx, notice_no, nos[*who], change)?;
                                }
                                Step::Move(who, to) => {
                                    move_to(tx, notice_no, nos[*who], *to)?;
                                }
                                Step::MoveHouse(who, to) => {
                                    let moved = person(*who, &[departments[*to]]);
                                    people::upsert(tx, &moved, ids.next(NOW), NOW)?;
                                }
                                Step::Leave(who) => {
                                    obligations::close_for_person(
                                        tx,
                                        nos[*who],
                                        ObligationState::Closed,
                                        NOW,
                                        None,
                                    )?;
                                }
                                Step::Close => {
                                    obligations::close_all_pending(
                                        tx,
                                        notice_no,
                                        ObligationState::Superseded,
                                        NOW,
                                        None,
                                    )?;
                                }
                                Step::Expand => {
                                    crate::support::expand(tx, notice_no, &everyone())?;
                                }
                            }
                        }
                        let kept = progress::check(tx, notice_no)?;
                        progress::recount(tx, notice_no)?;
                        Ok::<_, StoreError>(kept && progress::check(tx, notice_no)?)
                    })
                    .unwrap();
                prop_assert!(fine);
                Ok(())
            })
            .unwrap();
    });
}
