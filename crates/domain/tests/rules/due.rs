use proptest::prelude::*;
use yuezhi_domain::{DayOff, DueDate, DueError, DueRule, TimeZoneName, UnixMillis, WorkCalendar};

use crate::support::{local, shanghai};

fn resolve(rule: &str, issued: &str) -> Result<Option<DueDate>, DueError> {
    let rule: DueRule = rule.parse().unwrap();
    rule.resolve(
        shanghai(issued),
        &TimeZoneName::default(),
        &WorkCalendar::official(),
    )
}

fn due(rule: &str, issued: &str) -> (String, Option<DayOff>) {
    let due = resolve(rule, issued).unwrap().unwrap();
    (local(due.at, "Asia/Shanghai"), due.day_off)
}

#[test]
fn the_forms_of_both_languages_are_read() {
    let read = |text: &str| text.parse::<DueRule>().unwrap().to_string();
    for text in ["7d", "7 days", "7天", "七天", "７天", "7D"] {
        assert_eq!(read(text), "7d", "{text}");
    }
    for text in [
        "5wd",
        "5 workdays",
        "5个工作日",
        "五个工作日",
        "5 working days",
    ] {
        assert_eq!(read(text), "5wd", "{text}");
    }
    for text in ["2026-12-31", "2026/12/31", "2026年12月31日"] {
        assert_eq!(read(text), "2026-12-31", "{text}");
    }
    for text in [
        "2026-12-31 12:30",
        "2026-12-31T12:30",
        "2026年12月31日 12：30",
    ] {
        assert_eq!(read(text), "2026-12-31 12:30", "{text}");
    }
    assert_eq!(
        (read("none"), read("无")),
        ("none".to_owned(), "none".to_owned())
    );
    for text in [
        "",
        "soon",
        "0d",
        "-3d",
        "2026-02-30",
        "12-31",
        "2026-12-31 25:00",
        "7",
        "1999-01-01",
    ] {
        assert!(text.parse::<DueRule>().is_err(), "{text}");
    }
}

#[test]
fn days_end_with_the_working_day_and_tell_when_it_is_off() {
    assert_eq!(
        due("7d", "2026-11-23 10:00"),
        ("2026-11-30 18:00".to_owned(), None)
    );
    assert_eq!(
        due("5d", "2026-11-23 10:00"),
        ("2026-11-28 18:00".to_owned(), Some(DayOff::Weekend))
    );
    let holiday = DayOff::Holiday {
        name: "国庆节".to_owned(),
    };
    assert_eq!(
        due("2026-10-05", "2026-09-23 10:00"),
        ("2026-10-05 18:00".to_owned(), Some(holiday))
    );
}

#[test]
fn workdays_count_workdays_only() {
    assert_eq!(
        due("3wd", "2026-09-29 10:00"),
        ("2026-10-09 18:00".to_owned(), None)
    );
    assert_eq!(
        due("1wd", "2026-02-13 10:00"),
        ("2026-02-14 18:00".to_owned(), None)
    );
}

#[test]
fn workdays_counted_into_an_unknown_year_say_so() {
    let due = resolve("40wd", "2026-11-23 10:00").unwrap().unwrap();
    assert_eq!(due.uncertain_year, Some(2027));
    assert_eq!(
        resolve("5wd", "2026-11-23 10:00")
            .unwrap()
            .unwrap()
            .uncertain_year,
        None
    );
}

#[test]
fn a_due_date_in_the_past_is_refused() {
    assert!(matches!(
        resolve("2026-11-22", "2026-11-22 18:00"),
        Err(DueError::Past(_))
    ));
    assert!(resolve("2026-11-22", "2026-11-22 17:59").is_ok());
    assert_eq!(resolve("none", "2026-11-22 18:00"), Ok(None));
}

proptest! {
    #[test]
    fn a_due_date_is_always_later_than_the_issue(
        issued in 1_514_764_800_000_i64..1_830_000_000_000,
        days in 1_u16..400,
        workdays: bool,
    ) {
        let rule = if workdays { DueRule::Workdays(days) } else { DueRule::Days(days) };
        prop_assert_eq!(rule.to_string().parse(), Ok(rule));
        let zone = TimeZoneName::default();
        let due = rule.resolve(UnixMillis(issued), &zone, &WorkCalendar::official()).unwrap().unwrap();
        prop_assert!(due.at > UnixMillis(issued));
        prop_assert!(!workdays || due.day_off.is_none());
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "[0-9dw年月日天个工作 :t/-]{0,18}") {
        let _ = text.parse::<DueRule>();
    }
}
