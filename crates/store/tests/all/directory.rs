//! Departments and people.

use yuezhi_domain::{CloseReason, ObligationState};
use yuezhi_store::{
    StoreError, departments, obligations,
    people::{self, Change, NewPerson, PeopleFilter, PersonState},
    progress,
};

use crate::support::{NOW, company, everyone, ids, in_each_engine, notice, person};

#[test]
fn a_path_makes_the_departments_above_it_once() {
    in_each_engine(|tx| {
        let ids = ids();
        let finance = departments::ensure_path(tx, " 总部 / 财务部 ", &ids, NOW)?;
        assert_eq!(
            departments::ensure_path(tx, "总部/财务部", &ids, NOW)?,
            finance
        );
        let tree = departments::tree(tx)?;
        let paths: Vec<_> = tree
            .iter()
            .map(|d| (d.path.as_str(), d.parent_no.is_some()))
            .collect();
        assert_eq!(paths, [("总部", false), ("总部/财务部", true)]);
        assert!(departments::ensure_path(tx, " / ", &ids, NOW).is_err());
        Ok(())
    });
}

#[test]
fn a_closed_department_is_opened_again_by_its_path() {
    in_each_engine(|tx| {
        let ids = ids();
        let no = departments::ensure_path(tx, "总部", &ids, NOW)?;
        assert!(departments::close(tx, no, NOW)?);
        assert!(!departments::close(tx, no, NOW)?);
        assert!(departments::tree(tx)?.is_empty());
        departments::ensure_path(tx, "总部", &ids, NOW)?;
        assert_eq!(departments::get(tx, no)?.unwrap().closed_at, None);
        assert_eq!(departments::by_path(tx, "总部")?.unwrap().no, no);
        assert_eq!(departments::of_nos(tx, &[no, 999])?.len(), 1);
        Ok(())
    });
}

#[test]
fn an_import_tells_created_updated_unchanged_and_rejoined_apart() {
    in_each_engine(|tx| {
        let ids = ids();
        let (departments, _) = company(tx, 0)?;
        let mut new = NewPerson {
            email: Some(" Li@Example.COM".to_owned()),
            ..person(1, &[departments[0], departments[1]])
        };
        let created = people::upsert(tx, &new, ids.next(NOW), NOW)?;
        assert_eq!(created.change, Change::Created);
        assert_eq!(
            people::upsert(tx, &new, ids.next(NOW), NOW)?.change,
            Change::Unchanged
        );
        new.name = "李雷".to_owned();
        assert_eq!(
            people::upsert(tx, &new, ids.next(NOW), NOW)?.change,
            Change::Updated
        );
        new.department_nos = vec![departments[1]];
        assert_eq!(
            people::upsert(tx, &new, ids.next(NOW), NOW)?.change,
            Change::Updated
        );
        assert!(people::mark_left(tx, created.no, NOW)?);
        assert!(!people::mark_left(tx, created.no, NOW)?);
        assert_eq!(
            people::upsert(tx, &new, ids.next(NOW), NOW)?.change,
            Change::Rejoined
        );
        let stored = people::get(tx, created.no)?.unwrap();
        assert!(stored.is_active());
        assert_eq!(
            (stored.name.as_str(), stored.department_path.as_str()),
            ("李雷", "总部/人事部")
        );
        assert_eq!(people::department_nos(tx, created.no)?, [departments[1]]);
        assert_eq!(people::by_email(tx, "li@example.com")?.len(), 1);
        assert_eq!(people::by_name(tx, "李雷")?.len(), 1);
        assert_eq!(people::by_id(tx, &stored.id)?.as_ref(), Some(&stored));
        assert_eq!(people::by_staff_no(tx, "1001")?.as_ref(), Some(&stored));
        assert_eq!(
            people::by_dingtalk_user_id(tx, "user1")?.as_ref(),
            Some(&stored)
        );
        assert_eq!(people::by_nos(tx, &[created.no])?, [stored]);
        assert_eq!(people::names(tx, &[created.no, 77])?.len(), 1);
        Ok(())
    });
}

#[test]
fn what_is_owed_moves_with_the_person_and_what_is_settled_stays() {
    in_each_engine(|tx| {
        let ids = ids();
        let (departments, nos) = company(tx, 4)?;
        let notice_no = notice(tx, "travel", &everyone())?;
        obligations::mark_opened(tx, notice_no, nos[0], NOW)?;
        let settled = obligations::transition(
            tx,
            notice_no,
            nos[2],
            &[ObligationState::Pending],
            ObligationState::Acknowledged,
            NOW,
            None,
        )?;
        assert!(settled);
        for number in [0, 2] {
            people::upsert(tx, &person(number, &[departments[1]]), ids.next(NOW), NOW)?;
        }
        assert!(progress::check(tx, notice_no)?);
        assert_eq!(
            obligations::get(tx, notice_no, nos[0])?
                .unwrap()
                .department_no,
            departments[1]
        );
        assert_eq!(
            obligations::get(tx, notice_no, nos[2])?
                .unwrap()
                .department_no,
            departments[0]
        );
        let by_department = progress::by_department(tx, notice_no)?;
        let counts: Vec<_> = by_department
            .iter()
            .map(|d| {
                (
                    d.path.as_str(),
                    d.totals.total,
                    d.totals.pending,
                    d.totals.opened,
                )
            })
            .collect();
        assert_eq!(counts, [("总部/人事部", 3, 3, 1), ("总部/财务部", 1, 0, 0)]);
        Ok(())
    });
}

#[test]
fn who_is_missing_from_a_complete_list_is_found_and_owes_nothing_any_more() {
    in_each_engine(|tx| {
        let (_, nos) = company(tx, 6)?;
        let notice_no = notice(tx, "travel", &everyone())?;
        let missing = people::active_not_in(tx, &["1000", "1001", "1002", "1003"])?;
        assert_eq!(missing, nos[4..]);
        let reason = Some(CloseReason::LeftCompany.as_str());
        assert_eq!(
            obligations::close_for_person(tx, missing[0], ObligationState::Closed, NOW, reason)?,
            1
        );
        assert_eq!(
            obligations::close_for_person(tx, missing[0], ObligationState::Closed, NOW, reason)?,
            0
        );
        people::mark_left(tx, missing[0], NOW)?;
        assert_eq!(people::count_active(tx)?, 5);
        assert!(progress::check(tx, notice_no)?);
        assert_eq!(progress::totals(tx, notice_no)?.closed, 1);
        Ok(())
    });
}

#[test]
fn people_are_listed_by_department_state_and_search() {
    in_each_engine(|tx| {
        let (departments, nos) = company(tx, 12)?;
        people::mark_left(tx, nos[2], NOW)?;
        let finance = PeopleFilter {
            department_nos: vec![departments[0]],
            ..PeopleFilter::default()
        };
        let first = people::list(tx, &finance, 0, 4)?;
        let second = people::list(tx, &finance, first[3].no, 4)?;
        assert_eq!((first.len(), second.len()), (4, 2));
        assert_eq!(people::count(tx, &finance)?, 6);
        let active = PeopleFilter {
            state: Some(PersonState::Active),
            ..finance
        };
        assert_eq!(people::count(tx, &active)?, 5);
        let mut search = |text: &str| {
            let filter = PeopleFilter {
                search: Some(text.to_owned()),
                ..PeopleFilter::default()
            };
            Ok::<_, StoreError>(
                people::list(tx, &filter, 0, 50)?
                    .into_iter()
                    .map(|p| p.staff_no)
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(search("员工1")?, ["1001", "1010", "1011"]);
        assert_eq!(search("1003")?, ["1003"]);
        assert_eq!(search("P4@")?, ["1004"]);
        assert_eq!(search("工7")?, ["1007"], "in the middle of a name");
        assert_eq!(search("%")?, Vec::<String>::new(), "no pattern of its own");
        assert_eq!(search("没有")?, Vec::<String>::new());
        Ok(())
    });
}

#[test]
fn many_people_are_added_at_once_and_numbers_go_on_after_them() {
    in_each_engine(|tx| {
        let ids = yuezhi_domain::IdSource::seeded(8);
        let (departments, _) = company(tx, 1)?;
        let many: Vec<_> = (10..510)
            .map(|number| (ids.next(NOW), person(number, &[departments[0]])))
            .collect();
        assert_eq!(people::insert_many(tx, &many, NOW)?, 500);
        let next = people::upsert(tx, &person(900, &departments), ids.next(NOW), NOW)?;
        assert_eq!(next.change, Change::Created);
        assert_eq!(people::count(tx, &PeopleFilter::default())?, 502);
        let finance = PeopleFilter {
            department_nos: vec![departments[0]],
            ..PeopleFilter::default()
        };
        assert_eq!(people::count(tx, &finance)?, 502);
        Ok(())
    });
}
