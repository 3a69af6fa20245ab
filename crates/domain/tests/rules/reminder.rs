use std::time::Duration;

use proptest::prelude::*;
use yuezhi_domain::notice::Requirement;
use yuezhi_domain::reminder::{DEFAULT_GRACE, Decision, PlanError, collapse, decide};
use yuezhi_domain::{
    Language, OccurrenceOutcome, PlanFacts, Planned, ReminderPlan, TimeZoneName, UnixMillis,
    WorkCalendar,
};

use crate::support::{local, shanghai};

fn plan(text: &str) -> ReminderPlan {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn facts<'a>(issued: &str, due: Option<&str>, zone: &'a TimeZoneName) -> PlanFacts<'a> {
    PlanFacts {
        issued_at: shanghai(issued),
        due_at: due.map(shanghai),
        zone,
    }
}

/// All reminders as `step local-time`.
fn planned(text: &str, issued: &str, due: Option<&str>) -> Vec<String> {
    let zone = TimeZoneName::default();
    let facts = facts(issued, due, &zone);
    plan(text)
        .occurrences(
            facts,
            &WorkCalendar::official(),
            facts.issued_at,
            UnixMillis::MAX,
        )
        .iter()
        .map(|planned| format!("{} {}", planned.step, local(planned.at, "Asia/Shanghai")))
        .collect()
}

#[test]
fn a_plan_reads_the_same_in_both_languages() {
    let english =
        plan("before 2d, on due, after 1wd x5, workdays 09:00, quiet 20:00-08:00, max 10");
    let chinese = plan(
        "到期前2天，到期当天，逾期后每1个工作日共5次，每个工作日 09:00，免打扰 20:00-08:00，最多10次",
    );
    assert_eq!(english, chinese);
    assert_eq!(
        english.to_string(),
        "before 2d, on due, after 1wd x5, workdays 09:00, quiet 20:00-08:00, max 10"
    );
    assert_eq!(plan(&english.show(Language::ZhCn)), english);
    assert_eq!(
        plan("before 2wd 14:00, on due at 10:00, 周一、周五 10:00").show(Language::En),
        "before 2wd 14:00, on due 10:00, Mondays and Fridays 10:00"
    );
    assert_eq!(plan("逾期每个工作日共三次"), plan("after 1wd x3"));
    assert_eq!(plan("不提醒"), ReminderPlan::default());
}

#[test]
fn what_cannot_be_read_is_refused_with_the_part() {
    let error = |text: &str| text.parse::<ReminderPlan>().unwrap_err();
    assert!(
        matches!(error("on due, whenever"), PlanError::Rule { part, .. } if part == "whenever")
    );
    assert_eq!(error("before 2x"), PlanError::Lead("before 2x".to_owned()));
    assert_eq!(
        error("after 2d x3"),
        PlanError::After("after 2d x3".to_owned())
    );
    assert_eq!(error("quiet now"), PlanError::Quiet("quiet now".to_owned()));
    assert_eq!(error("max 0"), PlanError::Max("max 0".to_owned()));
    assert_eq!(
        error("on due, on due"),
        PlanError::Twice("on due".to_owned())
    );
    assert_eq!(error("none, on due"), PlanError::NoneWithRules);
}

#[test]
fn every_default_plan_is_readable_and_informs_are_never_chased() {
    for requirement in Requirement::ALL {
        for has_due_date in [true, false] {
            let plan = ReminderPlan::default_for(*requirement, has_due_date);
            assert_eq!(plan.is_empty(), *requirement == Requirement::Inform);
        }
    }
}

#[test]
fn reminders_stand_around_the_due_date_on_workdays() {
    assert_eq!(
        planned(
            "before 2d, on due, after 1wd x2",
            "2026-11-16 10:00",
            Some("2026-11-23 18:00")
        ),
        [
            // Two days before a Monday is a Saturday, so the Friday before.
            "before_due_2d 2026-11-20 09:00",
            "on_due 2026-11-23 09:00",
            "after_due_1wd 2026-11-24 09:00",
            "after_due_1wd 2026-11-25 09:00",
        ]
    );
    assert_eq!(
        planned(
            "before 1wd, after 2wd x2",
            "2026-09-21 10:00",
            Some("2026-09-30 18:00")
        ),
        [
            "before_due_1wd 2026-09-29 09:00",
            "after_due_2wd 2026-10-09 09:00",
            "after_due_2wd 2026-10-12 09:00",
        ]
    );
}

#[test]
fn a_due_time_before_the_reminder_time_is_announced_the_workday_before() {
    assert_eq!(
        planned("on due", "2026-11-16 10:00", Some("2026-11-23 08:00")),
        ["on_due 2026-11-20 09:00"]
    );
}

#[test]
fn nothing_is_reminded_before_it_was_issued_or_right_after() {
    assert_eq!(
        planned(
            "before 2d, on due",
            "2026-11-23 08:30",
            Some("2026-11-23 18:00")
        ),
        Vec::<String>::new()
    );
    assert_eq!(
        planned("workdays 09:00, max 1", "2026-11-23 08:30", None),
        ["workdays_0900 2026-11-24 09:00"]
    );
    assert_eq!(
        planned("workdays 09:00, max 1", "2026-11-23 08:00", None),
        ["workdays_0900 2026-11-23 09:00"]
    );
}

#[test]
fn a_recurring_rule_goes_on_until_the_limit_and_shares_an_instant() {
    assert_eq!(
        planned(
            "on due, workdays 09:00, max 3",
            "2026-11-16 10:00",
            Some("2026-11-18 18:00")
        ),
        [
            "workdays_0900 2026-11-17 09:00",
            "on_due 2026-11-18 09:00",
            "workdays_0900 2026-11-19 09:00",
        ]
    );
}

#[test]
fn quiet_hours_move_a_reminder_to_their_end() {
    assert_eq!(
        planned(
            "daily 22:00, quiet 20:00-08:00, max 1",
            "2026-11-16 10:00",
            None
        ),
        ["daily_2200 2026-11-17 08:00"]
    );
    assert_eq!(
        planned(
            "daily 06:00, quiet 20:00-08:00, max 1",
            "2026-11-16 10:00",
            None
        ),
        ["daily_0600 2026-11-17 08:00"]
    );
}

#[test]
fn a_late_occurrence_fires_within_its_grace_and_not_after() {
    let (planned_at, grace) = (UnixMillis(1000), Duration::from_millis(500));
    assert_eq!(decide(planned_at, UnixMillis(999), grace), Decision::Wait);
    assert_eq!(decide(planned_at, UnixMillis(1000), grace), Decision::Fire);
    assert_eq!(decide(planned_at, UnixMillis(1500), grace), Decision::Fire);
    assert_eq!(
        decide(planned_at, UnixMillis(1501), grace),
        Decision::SkipLate
    );
}

#[test]
fn after_a_long_sleep_people_are_reminded_once_and_the_rest_is_recorded() {
    let zone = TimeZoneName::default();
    let calendar = WorkCalendar::official();
    let facts = facts("2026-11-16 10:00", None, &zone);
    let plan = plan("workdays 09:00, workdays 10:00");
    let sweep = plan.sweep(
        facts,
        &calendar,
        facts.issued_at,
        shanghai("2026-11-18 10:30"),
        DEFAULT_GRACE,
    );
    let fired = sweep.fire.unwrap();
    assert_eq!((fired.step.as_str(), fired.number), ("workdays_1000", 4));
    let outcomes: Vec<_> = sweep.skipped.iter().map(|(_, outcome)| *outcome).collect();
    assert_eq!(
        outcomes,
        [
            OccurrenceOutcome::SkippedLate,
            OccurrenceOutcome::SkippedLate,
            OccurrenceOutcome::Collapsed,
        ]
    );
    assert_eq!(sweep.next_at, Some(shanghai("2026-11-19 09:00")));
    let again = plan.sweep(
        facts,
        &calendar,
        sweep.decided_until,
        shanghai("2026-11-18 11:00"),
        DEFAULT_GRACE,
    );
    assert_eq!((again.fire, again.skipped.len()), (None, 0));
}

#[test]
fn a_wake_up_in_quiet_hours_waits_for_their_end() {
    let zone = TimeZoneName::default();
    let calendar = WorkCalendar::official();
    let facts = facts("2026-11-16 10:00", None, &zone);
    let plan = plan("workdays 19:00, quiet 20:00-08:00");
    let late = shanghai("2026-11-16 20:30");
    let sweep = plan.sweep(facts, &calendar, facts.issued_at, late, DEFAULT_GRACE);
    assert_eq!(sweep.fire, None);
    assert_eq!(sweep.decided_until, facts.issued_at);
    assert_eq!(sweep.next_at, Some(shanghai("2026-11-17 08:00")));
}

fn any_part() -> impl Strategy<Value = String> {
    prop_oneof![
        (1_u8..9).prop_map(|days| format!("before {days}d")),
        (1_u8..9, 0_u8..24).prop_map(|(days, hour)| format!("before {days}wd {hour:02}:30")),
        Just("on due".to_owned()),
        (1_u8..5, 1_u8..7).prop_map(|(every, times)| format!("after {every}wd x{times}")),
        prop::sample::select(vec![
            "workdays 09:00",
            "Fridays 17:00",
            "daily 21:00",
            "0 7 * * 1"
        ])
        .prop_map(str::to_owned),
    ]
}

proptest! {
    #[test]
    fn a_plan_is_ordered_bounded_and_reads_back(
        parts in prop::collection::btree_set(any_part(), 1..5),
        max in 1_u32..30,
        quiet: bool,
        issued in 1_600_000_000_000_i64..1_790_000_000_000,
        due_days in prop::option::of(1_i64..40),
        split in 0_i64..60,
    ) {
        let rules = parts.into_iter().collect::<Vec<_>>().join(", ");
        let quiet = if quiet { ", quiet 20:00-08:00" } else { "" };
        let text = format!("{rules}, max {max}{quiet}");
        let Ok(plan) = text.parse::<ReminderPlan>() else {
            // The same step twice.
            return Ok(());
        };
        for language in Language::ALL {
            let shown = plan.show(*language);
            prop_assert_eq!(shown.parse(), Ok(plan.clone()), "{}", shown);
        }
        let zone = TimeZoneName::default();
        let day = 24 * 3_600_000;
        let facts = PlanFacts {
            issued_at: UnixMillis(issued),
            due_at: due_days.map(|days| UnixMillis(issued + days * day)),
            zone: &zone,
        };
        let calendar = WorkCalendar::official();
        let all = plan.occurrences(facts, &calendar, facts.issued_at, UnixMillis::MAX);
        prop_assert!(all.len() <= max as usize);
        prop_assert!(all.iter().all(|planned| planned.at > facts.issued_at));
        prop_assert!(all.windows(2).all(|pair| pair[0].at < pair[1].at && pair[0].number + 1 == pair[1].number));
        // Asking in two steps gives the same as asking at once.
        let middle = UnixMillis(issued + split * day);
        let mut halves = plan.occurrences(facts, &calendar, facts.issued_at, middle);
        prop_assert_eq!(
            plan.next_after(facts, &calendar, middle),
            all.iter().find(|planned| planned.at > middle).cloned()
        );
        halves.extend(plan.occurrences(facts, &calendar, middle, UnixMillis::MAX));
        prop_assert_eq!(halves, all);
    }

    #[test]
    fn of_several_due_occurrences_one_fires_at_most_and_none_is_forgotten(
        gaps in prop::collection::vec(1_i64..100, 0..20),
        now in 0_i64..1500,
        grace in 0_u64..300,
    ) {
        let mut at = 0;
        let planned: Vec<_> = gaps
            .iter()
            .map(|gap| {
                at += gap;
                Planned { step: "x".to_owned(), at: UnixMillis(at), number: 1 }
            })
            .collect();
        let due: Vec<_> = planned.iter().filter(|planned| planned.at.get() <= now).cloned().collect();
        let (fire, skipped) = collapse(planned, |planned| planned.at, UnixMillis(now), Duration::from_millis(grace));
        prop_assert_eq!(skipped.len() + usize::from(fire.is_some()), due.len());
        if let Some(fire) = fire {
            prop_assert_eq!(Some(&fire), due.last());
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "[a-z0-9前后每工作日到期逾最多次静默:：,， x-]{0,30}") {
        let _ = text.parse::<ReminderPlan>();
    }
}
