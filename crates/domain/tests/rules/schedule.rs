use jiff::ToSpan;
use jiff::civil::{Weekday, date, time};
use proptest::prelude::*;
use yuezhi_domain::schedule::{CronRule, Days, When};
use yuezhi_domain::{
    Language, OnHoliday, Schedule, ScheduleError, ScheduleRule, UnixMillis, WorkCalendar,
};

use crate::support::{ZONES, at, local, shanghai, zone};

fn rule(text: &str) -> ScheduleRule {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The next `count` times in a zone, as local texts.
fn next(text: &str, after: &str, zone_name: &str, count: usize) -> Vec<String> {
    let schedule = Schedule::parse(text, zone(zone_name)).unwrap();
    schedule
        .next_n(at(after, zone_name), count, &WorkCalendar::official())
        .into_iter()
        .map(|occurrence| local(occurrence.at, zone_name))
        .collect()
}

fn next_shanghai(text: &str, after: &str, count: usize) -> Vec<String> {
    next(text, after, "Asia/Shanghai", count)
}

#[test]
fn the_plain_forms_of_both_languages_are_the_same_rules() {
    let same = [
        (
            "workdays 09:00",
            vec![
                "每个工作日 09:00",
                "every workday 9:00",
                "工作日9点",
                "每工作日上午9点",
                "every working day at 9am",
                "每个工作日 ０９：００",
            ],
        ),
        (
            "daily 08:30",
            vec![
                "每天 08:30",
                "every day at 8:30",
                "每日8点半",
                "每天早上8:30",
                "每天上午8点30分",
            ],
        ),
        (
            "Fridays 17:00",
            vec![
                "每周五 17:00",
                "every Friday 17:00",
                "周五17:00",
                "每星期五下午5点",
                "fri 5pm",
                "weekly on Friday 17:00",
                "每周五17:00",
            ],
        ),
        (
            "Mondays and Wednesdays 10:00",
            vec![
                "周一、周三 10:00",
                "每周一、周三 10:00",
                "Monday, Wednesday 10:00",
                "每周一三 10:00",
                "wed,mon 10:00",
                "每周一和周三 10:00",
            ],
        ),
        (
            "Mondays and Tuesdays and Wednesdays 10:00",
            vec!["周一至周三 10:00", "每周一到周三 10:00"],
        ),
        (
            "Saturdays and Sundays 10:00",
            vec!["周六、周日 10:00", "周六、周天 10:00"],
        ),
        (
            "monthly day 1 09:00",
            vec![
                "每月1日 09:00",
                "每月1号 9:00",
                "1st of every month 09:00",
                "monthly on day 1 09:00",
                "day 1 of month 09:00",
                "每月一号 9点",
            ],
        ),
        (
            "monthly day 25 09:00",
            vec!["每月二十五日 09:00", "每月25日09:00"],
        ),
        (
            "last day of month 16:00",
            vec![
                "每月最后一天 16:00",
                "last day of the month 16:00",
                "每月末 16:00",
            ],
        ),
        (
            "last workday of month 16:00",
            vec![
                "每月最后一个工作日 16:00",
                "last workday of every month at 4pm",
                "每月的最后一个工作日 16:00",
            ],
        ),
        (
            "first workday of month 09:00",
            vec!["每月第一个工作日 09:00", "monthly first workday 09:00"],
        ),
        ("0 9 * * 1-5", vec!["0  9 * * 1-5 "]),
    ];
    for (canonical, others) in same {
        assert_eq!(
            rule(canonical).to_string().to_lowercase(),
            canonical.to_lowercase()
        );
        for other in others {
            assert_eq!(rule(other), rule(canonical), "{other}");
        }
    }
}

#[test]
fn what_cannot_be_read_is_refused_with_the_reason() {
    let error = |text: &str| text.parse::<ScheduleRule>().unwrap_err();
    assert_eq!(error(" "), ScheduleError::Empty);
    assert_eq!(
        error("Fridays"),
        ScheduleError::NoTime("fridays".to_owned())
    );
    assert_eq!(
        error("25:00 daily"),
        ScheduleError::NoTime("25:00 daily".to_owned())
    );
    assert_eq!(
        error("sometimes 09:00"),
        ScheduleError::UnknownDays("sometimes".to_owned())
    );
    assert_eq!(error("每月32日 09:00"), ScheduleError::DayOfMonth(32));
    assert_eq!(
        error("0 0 30 2 *"),
        ScheduleError::NeverFires("0 0 30 2 *".to_owned())
    );
    assert!(matches!(error("0 99 * * *"), ScheduleError::Cron { .. }));
    assert!(matches!(error("0 9 * * * *"), ScheduleError::Cron { .. }));
    assert_eq!(
        error("Fridays 17:00 (dance)"),
        ScheduleError::UnknownOption("dance".to_owned())
    );
    assert!(matches!(
        error("workdays 09:00 (skip holidays)"),
        ScheduleError::OptionOnWorkdays(_)
    ));
    assert!(matches!(
        error("0 9 * * 5 (previous workday)"),
        ScheduleError::OptionOnCron(_)
    ));
    for text in [
        "09:00",
        "day 1 09:00",
        "每周 09:00",
        "周一至 09:00",
        "monthly 09:00",
        "每月 09:00",
    ] {
        assert!(
            matches!(error(text), ScheduleError::UnknownDays(_)),
            "{text}"
        );
    }
}

#[test]
fn workdays_leave_out_holidays_and_take_in_make_up_days() {
    // 2026-02-14 (Saturday) is worked for the Spring Festival of 15 to 23 February.
    assert_eq!(
        next_shanghai("每个工作日 09:00", "2026-02-12 09:00", 4),
        [
            "2026-02-13 09:00",
            "2026-02-14 09:00",
            "2026-02-24 09:00",
            "2026-02-25 09:00"
        ]
    );
}

#[test]
fn a_weekly_rule_skips_a_holiday_unless_told_otherwise() {
    // Friday 2026-10-02 is in the National Day holiday of 1 to 7 October.
    let after = "2026-09-28 18:00";
    assert_eq!(
        next_shanghai("Fridays 17:00", after, 1),
        ["2026-10-09 17:00"]
    );
    assert_eq!(
        next_shanghai("Fridays 17:00 (run on holidays)", after, 1),
        ["2026-10-02 17:00"]
    );
    assert_eq!(
        next_shanghai("每周五 17:00（提前）", after, 2),
        ["2026-09-30 17:00", "2026-10-09 17:00"]
    );
    assert_eq!(
        next_shanghai("每周五 17:00（顺延）", after, 2),
        ["2026-10-08 17:00", "2026-10-09 17:00"]
    );
}

#[test]
fn a_weekly_rule_on_saturday_is_not_skipped_for_being_a_weekend() {
    assert_eq!(
        next_shanghai("Saturdays 10:00", "2026-11-22 00:00", 1),
        ["2026-11-28 10:00"]
    );
}

#[test]
fn a_monthly_rule_is_never_lost() {
    assert_eq!(
        next_shanghai("每月1日 09:00", "2026-09-15 00:00", 3),
        ["2026-10-08 09:00", "2026-11-02 09:00", "2026-12-01 09:00"]
    );
    assert_eq!(
        next_shanghai(
            "monthly day 31 09:00 (run on holidays)",
            "2026-01-31 10:00",
            2
        ),
        ["2026-02-28 09:00", "2026-03-31 09:00"]
    );
    assert_eq!(
        next_shanghai("last workday of month 16:00", "2026-01-01 00:00", 2),
        ["2026-01-30 16:00", "2026-02-28 16:00"]
    );
}

#[test]
fn what_was_moved_to_today_is_still_to_come() {
    // Thursday 2022-10-06 moves to the make-up Saturday 2022-10-08.
    assert_eq!(
        next_shanghai("Thursdays 11:00 (next workday)", "2022-10-08 10:00", 1),
        ["2022-10-08 11:00"]
    );
}

#[test]
fn a_moved_occurrence_says_from_which_day() {
    let schedule = Schedule::parse("每月1日 09:00", zone("Asia/Shanghai")).unwrap();
    let calendar = WorkCalendar::official();
    let first = schedule
        .next_after(shanghai("2026-09-15 00:00"), &calendar)
        .unwrap();
    assert_eq!(first.moved_from, Some(date(2026, 10, 1)));
    let later = schedule
        .next_after(shanghai("2026-11-15 00:00"), &calendar)
        .unwrap();
    assert_eq!(later.moved_from, None);
}

#[test]
fn a_time_that_a_day_skips_happens_once_at_the_end_of_the_gap() {
    assert_eq!(
        next("daily 02:30", "2026-03-07 12:00", "America/New_York", 2),
        ["2026-03-08 03:00", "2026-03-09 02:30"]
    );
    assert_eq!(
        next("*/15 2,3 * * *", "2026-03-08 01:00", "America/New_York", 3),
        ["2026-03-08 03:00", "2026-03-08 03:15", "2026-03-08 03:30"]
    );
}

#[test]
fn a_time_that_a_day_shows_twice_happens_the_first_time_only() {
    let schedule = Schedule::parse("30 1 * * *", zone("America/New_York")).unwrap();
    let calendar = WorkCalendar::plain();
    let times = schedule.next_n(at("2026-11-01 00:00", "America/New_York"), 2, &calendar);
    assert_eq!(times[0].at.to_string(), "2026-11-01T05:30:00.000Z");
    assert_eq!(times[1].at.to_string(), "2026-11-02T06:30:00.000Z");
    // Asked in the middle of the second pass.
    let second_pass: UnixMillis = "2026-11-01T06:10:00Z".parse().unwrap();
    assert_eq!(
        schedule.next_after(second_pass, &calendar).unwrap().at,
        times[1].at
    );
}

#[test]
fn a_day_that_a_zone_left_out_does_not_stop_a_schedule() {
    // Samoa crossed the date line: there was no 2011-12-30.
    assert_eq!(
        next("daily 09:00", "2011-12-29 10:00", "Pacific/Apia", 2),
        ["2011-12-31 00:00", "2011-12-31 09:00"]
    );
}

#[test]
fn cron_knows_leap_days_and_last_days() {
    assert_eq!(
        next_shanghai("0 9 29 2 *", "2026-01-01 00:00", 1),
        ["2028-02-29 09:00"]
    );
    assert_eq!(
        next_shanghai("0 9 L * *", "2026-02-01 00:00", 1),
        ["2026-02-28 09:00"]
    );
    assert_eq!(
        next_shanghai("0 9 * * fri#2", "2026-11-01 00:00", 1),
        ["2026-11-13 09:00"]
    );
    assert_eq!(
        next_shanghai("@daily", "2026-11-22 12:00", 1),
        ["2026-11-23 00:00"]
    );
}

#[test]
fn cron_can_leave_out_holidays() {
    assert_eq!(
        next_shanghai("0 9 * * * (skip holidays)", "2026-09-30 10:00", 1),
        ["2026-10-08 09:00"]
    );
    // New Year's Day is a holiday in every year with data; without data it is not known as one.
    assert_eq!(
        next_shanghai("0 9 1 1 * (skip holidays)", "2025-12-01 00:00", 1),
        ["2027-01-01 09:00"]
    );
}

#[test]
fn between_includes_its_end_and_not_its_start() {
    let schedule = Schedule::parse("daily 09:00", zone("Asia/Shanghai")).unwrap();
    let (from, until) = (shanghai("2026-11-20 09:00"), shanghai("2026-11-22 09:00"));
    let times = schedule.between(from, until, &WorkCalendar::official());
    assert_eq!(times.len(), 2);
}

#[test]
fn a_rule_describes_itself() {
    let describe = |text: &str, language| rule(text).describe(language);
    assert_eq!(
        describe("workdays 09:00", Language::ZhCn),
        "每个工作日 09:00，节假日不发，调休上班日照发"
    );
    assert_eq!(
        describe("Fridays 17:00", Language::En),
        "Fridays 17:00; not on holidays"
    );
    assert_eq!(rule("workdays 09:00").step(), "workdays_0900");
    assert_eq!(rule("周一、周三 10:00").step(), "weekly_mon_wed_1000");
    assert_eq!(
        rule("Fridays 17:00 (previous workday)").step(),
        "weekly_fri_1700_previous_workday"
    );
    let schedule = Schedule::parse("每天 08:30", zone("Asia/Shanghai")).unwrap();
    assert_eq!(
        schedule.describe(Language::ZhCn),
        "每天 08:30，节假日照常（时区 Asia/Shanghai）"
    );
}

fn any_rule() -> impl Strategy<Value = ScheduleRule> {
    const WEEK: [Weekday; 7] = [
        Weekday::Monday,
        Weekday::Tuesday,
        Weekday::Wednesday,
        Weekday::Thursday,
        Weekday::Friday,
        Weekday::Saturday,
        Weekday::Sunday,
    ];
    let free = prop_oneof![
        Just(Days::Every),
        Just(Days::LastDayOfMonth),
        (1_i8..=31).prop_map(Days::DayOfMonth),
        prop::sample::subsequence(WEEK.to_vec(), 1..=7).prop_map(Days::Weekly),
    ];
    let bound = prop::sample::select(vec![
        Days::Workdays,
        Days::FirstWorkdayOfMonth,
        Days::LastWorkdayOfMonth,
    ]);
    let clock = || (0_i8..24, 0_i8..60).prop_map(|(hour, minute)| time(hour, minute, 0, 0));
    let option = prop::sample::select(OnHoliday::ALL);
    let cron = prop::sample::select(vec![
        "*/20 * * * *",
        "5 2 * * *",
        "0 9 * * 1-5",
        "30 1,2,3 1,15 * 0",
    ]);
    prop_oneof![
        (free, clock(), option).prop_map(|(days, at, on_holiday)| ScheduleRule {
            when: When::Days { days, at },
            on_holiday,
        }),
        (bound, clock()).prop_map(|(days, at)| ScheduleRule {
            when: When::Days { days, at },
            on_holiday: OnHoliday::Run,
        }),
        (cron, any::<bool>()).prop_map(|(cron, run)| ScheduleRule {
            when: When::Cron(CronRule::parse(cron).unwrap()),
            on_holiday: if run { OnHoliday::Run } else { OnHoliday::Skip },
        }),
    ]
}

proptest! {
    #[test]
    fn a_rule_reads_back_in_both_languages(rule in any_rule()) {
        for language in Language::ALL {
            let shown = rule.show(*language);
            prop_assert_eq!(shown.parse(), Ok(rule.clone()), "{}", shown);
        }
    }

    #[test]
    fn occurrences_strictly_increase_and_none_is_left_out(
        rule in any_rule(),
        zone_name in prop::sample::select(ZONES.to_vec()),
        start in 1_514_764_800_000_i64..1_830_000_000_000,
        ask in 0_i64..20,
    ) {
        let schedule = Schedule { rule, zone: zone(zone_name) };
        let calendar = WorkCalendar::official();
        let times = schedule.next_n(UnixMillis(start), 6, &calendar);
        prop_assert!(times.first().is_none_or(|first| first.at > UnixMillis(start)));
        prop_assert!(times.windows(2).all(|pair| pair[0].at < pair[1].at));
        // Whenever one asks between two of them, the answer is the later one.
        for pair in times.windows(2) {
            let (from, until) = (pair[0].at.get(), pair[1].at.get());
            let between = UnixMillis(from + (until - 1 - from) * ask / 20);
            prop_assert_eq!(schedule.next_after(between, &calendar).map(|next| next.at), Some(pair[1].at));
        }
    }

    #[test]
    fn a_daily_rule_happens_exactly_once_on_every_local_day(
        zone_name in prop::sample::select(ZONES.to_vec()),
        offset in 0_i32..3000,
        hour in 0_i8..24,
        minute in 0_i8..60,
    ) {
        let day = date(2018, 1, 1) + offset.days();
        let when = When::Days { days: Days::Every, at: time(hour, minute, 0, 0) };
        let rule = ScheduleRule { on_holiday: when.default_on_holiday(), when };
        let schedule = Schedule { rule, zone: zone(zone_name) };
        let start = at(&format!("{day} 00:00"), zone_name);
        let just_before = UnixMillis(start.get() - 1);
        let times = schedule.next_n(just_before, 40, &WorkCalendar::official());
        for (number, occurrence) in times.iter().enumerate() {
            let expected = day + (number as i64).days();
            prop_assert_eq!(occurrence.at.in_zone(zone(zone_name).zone()).date(), expected);
        }
    }

    #[test]
    fn a_workday_rule_happens_on_workdays_only_and_on_all_of_them(offset in 0_i32..3000) {
        let calendar = WorkCalendar::official();
        let day = date(2018, 1, 1) + offset.days();
        let from = shanghai(&format!("{day} 12:00"));
        let until = shanghai(&format!("{} 12:00", day + 30.days()));
        let schedule = Schedule { rule: rule("workdays 09:00"), zone: zone("Asia/Shanghai") };
        let times = schedule.between(from, until, &calendar);
        prop_assert!(times.iter().all(|time| calendar.is_workday(time.local.date())));
        prop_assert_eq!(times.len(), calendar.workdays_between(day + 1.day(), day + 31.days()));
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "[0-9a-z每周月日工作最后一:：,、()（） *@/#-]{0,24}") {
        let _ = text.parse::<ScheduleRule>();
    }
}
