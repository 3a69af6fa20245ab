use jiff::ToSpan;
use jiff::civil::{Date, date};
use proptest::prelude::*;
use yuezhi_domain::work_calendar::{CalendarFileError, CalendarOrigin};
use yuezhi_domain::{
    CalendarDay, CalendarFile, CalendarWarning, CalendarYear, DayKind, WorkCalendar,
};

fn day(name: &str, date: Date, is_off_day: bool) -> CalendarDay {
    CalendarDay {
        name: name.to_owned(),
        date,
        is_off_day,
    }
}

#[test]
fn statutory_days_are_known() {
    let calendar = WorkCalendar::official();
    assert_eq!(
        calendar.day(date(2026, 2, 17)),
        DayKind::Holiday { name: "春节" }
    );
    assert_eq!(
        calendar.day(date(2026, 2, 14)),
        DayKind::MakeUpWorkday { name: "春节" }
    );
    assert_eq!(
        calendar.day(date(2026, 10, 3)),
        DayKind::Holiday { name: "国庆节" }
    );
    assert_eq!(calendar.day(date(2026, 11, 21)), DayKind::Weekend);
    assert_eq!(calendar.day(date(2026, 11, 23)), DayKind::Workday);
}

#[test]
fn a_notice_for_one_year_also_rules_the_december_before() {
    let calendar = WorkCalendar::official();
    assert_eq!(
        calendar.day(date(2018, 12, 29)),
        DayKind::MakeUpWorkday { name: "元旦" }
    );
    assert_eq!(
        calendar.day(date(2018, 12, 31)),
        DayKind::Holiday { name: "元旦" }
    );
    assert_eq!(
        calendar.day(date(2022, 12, 31)),
        DayKind::Holiday { name: "元旦" }
    );
}

#[test]
fn a_workday_name_never_stands_on_a_day_off() {
    let calendar = WorkCalendar::official();
    for year in 2018..=2026 {
        let days = calendar.days_of(year);
        assert!(days.len() > 25, "{year}");
        for (
            CalendarDay {
                date, is_off_day, ..
            },
            origin,
        ) in days
        {
            assert_eq!(calendar.is_workday(date), !is_off_day, "{date}");
            assert_eq!(origin, CalendarOrigin::Official);
        }
    }
}

#[test]
fn five_workdays_before_the_spring_festival_count_the_make_up_saturday() {
    let calendar = WorkCalendar::official();
    assert_eq!(
        calendar.add_workdays(date(2026, 2, 9), 5),
        Some(date(2026, 2, 14))
    );
    assert_eq!(
        calendar.next_workday(date(2026, 2, 14)),
        Some(date(2026, 2, 24))
    );
    assert_eq!(
        calendar.workdays_between(date(2026, 10, 1), date(2026, 10, 8)),
        0
    );
}

#[test]
fn a_missing_year_is_said_loudly_from_november() {
    let calendar = WorkCalendar::official();
    assert_eq!(calendar.warnings(date(2026, 10, 31)), []);
    let warnings = calendar.warnings(date(2026, 11, 22));
    assert_eq!(warnings, [CalendarWarning::NextYearMissing { year: 2027 }]);
    assert!(
        warnings[0]
            .to_string()
            .contains("yuezhi calendar import 2027.json")
    );
    assert_eq!(
        calendar.warnings(date(2027, 3, 1)),
        [CalendarWarning::YearMissing { year: 2027 }]
    );
    assert_eq!(WorkCalendar::plain().warnings(date(2026, 11, 22)), []);
}

#[test]
fn an_imported_year_replaces_the_known_one_and_silences_the_warning() {
    let mut calendar = WorkCalendar::official();
    let json = r#"{"year": 2027, "papers": [], "days": [
        {"name": "元旦", "date": "2026-12-31", "isOffDay": true},
        {"name": "元旦", "date": "2027-01-01", "isOffDay": true}]}"#;
    calendar.add_official_year(json.parse().unwrap());
    assert!(calendar.warnings(date(2026, 11, 22)).is_empty());
    assert!(!calendar.is_workday(date(2026, 12, 31)));
    let corrected = CalendarYear {
        year: 2027,
        papers: Vec::new(),
        days: vec![day("元旦", date(2027, 1, 4), true)],
    };
    calendar.add_official_year(corrected);
    assert!(calendar.is_workday(date(2026, 12, 31)));
    assert!(!calendar.is_workday(date(2027, 1, 4)));
}

#[test]
fn a_companys_own_day_overrides_the_official_one() {
    let mut calendar = WorkCalendar::official();
    calendar.set_company_day(day("司庆", date(2026, 11, 23), true));
    calendar.set_company_day(day("值班", date(2026, 11, 22), false));
    calendar.set_company_day(day("加班", date(2026, 10, 1), false));
    assert_eq!(
        calendar.day(date(2026, 11, 23)),
        DayKind::Holiday { name: "司庆" }
    );
    assert_eq!(
        calendar.day(date(2026, 11, 22)),
        DayKind::MakeUpWorkday { name: "值班" }
    );
    assert!(calendar.is_workday(date(2026, 10, 1)));
}

#[test]
fn a_file_that_is_no_calendar_is_refused_with_the_reason() {
    let refused = |json: &str| json.parse::<CalendarYear>().unwrap_err();
    assert!(matches!(refused("{}"), CalendarFileError::Shape(_)));
    assert!(matches!(
        refused(r#"{"year":2027,"days":[]}"#),
        CalendarFileError::Empty(2027)
    ));
    let foreign = r#"{"year":2027,"days":[{"name":"元旦","date":"2026-01-01","isOffDay":true}]}"#;
    assert!(matches!(
        refused(foreign),
        CalendarFileError::ForeignDay { .. }
    ));
    let twice = r#"{"year":2027,"days":[{"name":"元旦","date":"2027-01-01","isOffDay":true},{"name":"元旦","date":"2027-01-01","isOffDay":false}]}"#;
    assert_eq!(refused(twice), CalendarFileError::Twice(date(2027, 1, 1)));
}

#[test]
fn a_companys_days_are_read_from_json() {
    let json = r#"{"days": [{"name": "司庆", "date": "2027-03-08", "isOffDay": true}]}"#;
    let file: CalendarFile = json.parse().unwrap();
    assert_eq!(
        file,
        CalendarFile::Company(vec![day("司庆", date(2027, 3, 8), true)])
    );
    let mut calendar = WorkCalendar::official();
    calendar.add(file.clone());
    assert!(!calendar.is_workday(date(2027, 3, 8)));
    let stored = serde_json::to_string(&file).unwrap();
    assert_eq!(serde_json::from_str::<CalendarFile>(&stored).unwrap(), file);
    let official =
        r#"{"year": 2027, "days": [{"name": "元旦", "date": "2027-01-01", "isOffDay": true}]}"#;
    assert!(matches!(official.parse(), Ok(CalendarFile::Official(year)) if year.year == 2027));
}

#[test]
fn an_icalendar_file_gives_what_it_says_and_no_observances() {
    let ics = "\u{feff}BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20270101\r\nDTEND;VALUE=DATE:20270103\r\nSUMMARY:元旦 放\r\n 假\r\nEND:VEVENT\r\n\
        BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20270109\r\nSUMMARY:元旦（补班）\r\nEND:VEVENT\r\n\
        BEGIN:VEVENT\r\nDTSTART;X-A=\"b:c\";VALUE=DATE:20270301\r\nDURATION:P2D\r\nSUMMARY:Company holiday\\, spring\r\nEND:VEVENT\r\n\
        BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20270214\r\nSUMMARY:情人节\r\nRRULE:FREQ=YEARLY\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    let CalendarFile::Company(days) = ics.parse().unwrap() else {
        panic!("an iCalendar file holds a company's days");
    };
    assert_eq!(
        days,
        [
            day("元旦 放假", date(2027, 1, 1), true),
            day("元旦 放假", date(2027, 1, 2), true),
            day("元旦（补班）", date(2027, 1, 9), false),
            day("Company holiday, spring", date(2027, 3, 1), true),
            day("Company holiday, spring", date(2027, 3, 2), true),
        ]
    );
}

#[test]
fn an_icalendar_file_that_says_nothing_clear_is_refused() {
    let refused = |events: &str| {
        let text = format!("BEGIN:VCALENDAR\n{events}\nEND:VCALENDAR");
        text.parse::<CalendarFile>().unwrap_err()
    };
    let event = |lines: &str| format!("BEGIN:VEVENT\n{lines}\nEND:VEVENT\n");
    assert_eq!(
        refused(&event("DTSTART:20270214\nSUMMARY:情人节")),
        CalendarFileError::NothingSaid
    );
    let repeating = event("DTSTART:20270214\nSUMMARY:司庆放假\nRRULE:FREQ=YEARLY");
    assert!(matches!(refused(&repeating), CalendarFileError::Event(_)));
    let endless = event("DTSTART:20270101\nDTEND:20280101\nSUMMARY:放假");
    assert!(matches!(refused(&endless), CalendarFileError::Event(_)));
    let both = event("DTSTART:20270101\nSUMMARY:放假") + &event("DTSTART:20270101\nSUMMARY:上班");
    assert_eq!(refused(&both), CalendarFileError::Twice(date(2027, 1, 1)));
}

#[test]
fn a_calendar_without_workdays_has_no_next_one() {
    let mut calendar = WorkCalendar::plain();
    let start = date(2026, 1, 1);
    for offset in 0..800 {
        calendar.set_company_day(day("休", start + offset.days(), true));
    }
    assert_eq!(calendar.next_workday(start), None);
    assert_eq!(calendar.add_workdays(start, 3), None);
}

proptest! {
    #[test]
    fn counting_workdays_agrees_with_looking_at_every_day(offset in 0_i32..3200, count in 1_i32..60) {
        let calendar = WorkCalendar::official();
        let from = date(2018, 1, 1) + offset.days();
        let to = calendar.add_workdays(from, count).unwrap();
        prop_assert!(calendar.is_workday(to));
        prop_assert_eq!(calendar.workdays_between(from.tomorrow().unwrap(), to), count as usize - 1);
        let back = calendar.add_workdays(to, -count).unwrap();
        prop_assert_eq!(back, calendar.workday_on_or_before(from).unwrap());
    }

    #[test]
    fn no_text_makes_the_reader_panic(lines in prop::collection::vec("(BEGIN:VEVENT|END:VEVENT|SUMMARY:[班休a]{0,3}|DT(START|END)[;:]?[0-9T年]{0,12}|DURATION:P[0-9]{0,12}D| \\PC{0,6})", 0..12)) {
        let _ = format!("BEGIN:VCALENDAR\n{}", lines.join("\n")).parse::<CalendarFile>();
        let _ = lines.join("\n").parse::<CalendarFile>();
    }
}
