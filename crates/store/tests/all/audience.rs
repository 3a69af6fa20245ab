//! The SQL of an audience against the domain's rule.

use std::collections::BTreeSet;

use proptest::{prelude::*, test_runner::TestRunner};
use yuezhi_domain::{Audience, AudienceError, Resolved};
use yuezhi_store::{Db, Scratch, StoreError, audience, people};

use crate::support::{NOW, company, expand, in_each_engine, notice, person};

const PEOPLE: i64 = 14;

fn some_resolved() -> impl Strategy<Value = Resolved> {
    let nos = |most: i64| prop::collection::btree_set(1..=most, 0..4);
    (
        any::<bool>(),
        nos(4),
        nos(PEOPLE + 2),
        prop::bool::weighted(0.1),
        nos(4),
        nos(PEOPLE + 2),
    )
        .prop_map(
            |(
                everyone,
                department_nos,
                person_nos,
                excluded_everyone,
                excluded_department_nos,
                excluded_person_nos,
            )| {
                Resolved {
                    everyone,
                    department_nos,
                    person_nos,
                    excluded_everyone,
                    excluded_department_nos,
                    excluded_person_nos,
                }
            },
        )
}

/// The company, some in two departments, one in none, one gone.
fn populate(db: &Db) {
    db.write_blocking(|tx| {
        let ids = yuezhi_domain::IdSource::seeded(3);
        let (departments, nos) = company(tx, PEOPLE as usize - 1)?;
        people::upsert(tx, &person(3, &departments), ids.next(NOW), NOW)?;
        people::upsert(
            tx,
            &person(4, &[departments[1], departments[0]]),
            ids.next(NOW),
            NOW,
        )?;
        people::upsert(tx, &person(50, &[]), ids.next(NOW), NOW)?;
        people::mark_left(tx, nos[5], NOW)?;
        Ok::<_, StoreError>(())
    })
    .unwrap();
}

#[test]
fn the_sql_selects_whom_the_rule_includes() {
    let folder = tempfile::tempdir().unwrap();
    for scratch in Scratch::for_each_engine(folder.path()) {
        let db = scratch.open().unwrap();
        populate(&db);
        let config = ProptestConfig {
            cases: 64,
            failure_persistence: None,
            ..ProptestConfig::default()
        };
        TestRunner::new(config)
            .run(&some_resolved(), |resolved| {
                let (by_sql, by_rule, count, without_email, sum) = db
                    .read_blocking(move |tx| {
                        let by_sql: BTreeSet<i64> = audience::sample(tx, &resolved, 1000)?
                            .iter()
                            .map(|person| person.no)
                            .collect();
                        let mut by_rule = BTreeSet::new();
                        for person in people::list(tx, &people::PeopleFilter::default(), 0, 1000)? {
                            let departments = people::department_nos(tx, person.no)?;
                            if person.is_active() && resolved.includes(person.no, &departments) {
                                by_rule.insert(person.no);
                            }
                        }
                        let mail = audience::Address::Mail;
                        let names = audience::names_unreached(tx, &resolved, &[mail], 1000)?;
                        let reach = audience::reach(tx, &resolved, mail, None)?;
                        assert_eq!(reach.unreached(), names.len() as i64);
                        assert_eq!(
                            reach.reached() + reach.unreached(),
                            audience::count(tx, &resolved)?
                        );
                        let sum: i64 = audience::by_department(tx, &resolved)?
                            .iter()
                            .map(|(_, count)| count)
                            .sum();
                        Ok::<_, StoreError>((
                            by_sql,
                            by_rule,
                            audience::count(tx, &resolved)?,
                            names.len(),
                            sum,
                        ))
                    })
                    .unwrap();
                prop_assert_eq!(&by_sql, &by_rule);
                prop_assert_eq!(count, by_sql.len() as i64);
                prop_assert_eq!(sum, count);
                prop_assert!(without_email <= by_sql.len());
                Ok(())
            })
            .unwrap();
    }
}

#[test]
fn an_expansion_in_chunks_reaches_the_same_people() {
    in_each_engine(|tx| {
        let (departments, nos) = company(tx, 25)?;
        let resolved = Resolved {
            department_nos: BTreeSet::from([departments[0]]),
            person_nos: BTreeSet::from([nos[1]]),
            excluded_person_nos: BTreeSet::from([nos[4]]),
            ..Resolved::default()
        };
        let whole = notice(tx, "whole", &resolved)?;
        let pieces = notice(tx, "pieces", &Resolved::default())?;
        let (mut after, mut inserted, mut rounds) = (0, 0, 0);
        loop {
            let chunk = yuezhi_store::obligations::Expand {
                notice_no: pieces,
                resolved: &resolved,
                after_person_no: after,
                limit_people: 5,
                due_at: None,
                initial: yuezhi_domain::ObligationState::Pending,
                reason: None,
            };
            let expanded = yuezhi_store::obligations::expand(tx, &chunk)?;
            inserted += expanded.inserted;
            after = expanded.last_person_no;
            rounds += 1;
            if expanded.done {
                break;
            }
        }
        assert_eq!((inserted, rounds), (13, 3));
        let of = yuezhi_store::obligations::person_nos;
        assert_eq!(of(tx, whole)?, of(tx, pieces)?);
        assert!(yuezhi_store::progress::check(tx, pieces)?);
        assert_eq!(
            expand(tx, whole, &resolved)?.inserted,
            0,
            "repeated, it adds nothing"
        );
        assert!(yuezhi_store::progress::check(tx, whole)?);
        Ok(())
    });
}

#[test]
fn names_in_an_audience_are_looked_up_and_unclear_ones_refused() {
    in_each_engine(|tx| {
        let ids = yuezhi_domain::IdSource::seeded(4);
        let (departments, nos) = company(tx, 4)?;
        let twin = people::NewPerson {
            name: "员工1".to_owned(),
            ..person(77, &departments)
        };
        people::upsert(tx, &twin, ids.next(NOW), NOW)?;
        let mut resolve = |text: &str| audience::resolve(tx, &text.parse::<Audience>().unwrap());
        let resolved = resolve("部门:总部，-人员:1001")?.unwrap();
        assert_eq!(resolved.department_nos.len(), 3);
        assert_eq!(resolved.excluded_person_nos, BTreeSet::from([nos[1]]));
        assert!(
            matches!(resolve("人员:员工1")?, Err(AudienceError::Ambiguous { candidates, .. }) if candidates.len() == 2)
        );
        let unknown = resolve("部门:财物部")?.unwrap_err();
        assert!(
            matches!(&unknown, AudienceError::Unknown { nearest: Some(name), .. } if name == "财务部"),
            "{unknown}"
        );
        assert_eq!(
            resolve("人员:p3@example.com")?.unwrap().person_nos,
            BTreeSet::from([nos[3]])
        );
        Ok(())
    });
}
