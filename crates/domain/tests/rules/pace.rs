use std::time::Duration;

use proptest::prelude::*;
use yuezhi_domain::{Pace, PaceLog, UnixMillis};

const ROBOT: Pace = Pace::per_minute(20);

/// The most sends in any closed interval as long as the window.
fn busiest(sends: &[(i64, usize)], window: i64) -> usize {
    let mut most = 0;
    for (start, _) in sends {
        let inside = sends
            .iter()
            .filter(|(at, _)| at >= start && *at <= start + window);
        most = most.max(inside.map(|(_, count)| count).sum());
    }
    most
}

#[test]
fn the_twenty_first_message_waits_until_the_first_has_left_the_window() {
    let mut log = PaceLog::new();
    let start = UnixMillis(1_000_000);
    let first = log.allow(ROBOT, start, 25);
    assert_eq!(first.granted, 20);
    assert_eq!(first.next_at, UnixMillis(1_060_001));
    assert_eq!(log.allow(ROBOT, UnixMillis(1_060_000), 5).granted, 0);
    assert_eq!(log.allow(ROBOT, UnixMillis(1_060_001), 5).granted, 5);
}

#[test]
fn while_room_is_left_the_next_may_go_at_once() {
    let grant = PaceLog::new().allow(ROBOT, UnixMillis(5), 3);
    assert_eq!((grant.granted, grant.next_at), (3, UnixMillis(5)));
}

#[test]
fn a_lowered_limit_counts_what_was_sent_under_the_old_one() {
    let mut log = PaceLog::new();
    log.allow(ROBOT, UnixMillis(0), 10);
    log.allow(ROBOT, UnixMillis(10), 10);
    let grant = log.allow(Pace::per_minute(5), UnixMillis(20), 1);
    assert_eq!((grant.granted, grant.next_at), (0, UnixMillis(60_011)));
}

#[test]
fn a_clock_set_back_by_an_hour_costs_one_window_and_not_an_hour() {
    let mut log = PaceLog::new();
    log.allow(ROBOT, UnixMillis(3_600_000), 20);
    let grant = log.allow(ROBOT, UnixMillis(0), 1);
    assert_eq!((grant.granted, grant.next_at), (0, UnixMillis(60_001)));
    assert_eq!(log.allow(ROBOT, UnixMillis(60_001), 20).granted, 20);
}

#[test]
fn a_limit_of_zero_grants_nothing_and_asks_again_later() {
    let grant = PaceLog::new().allow(Pace::per_minute(0), UnixMillis(7), 1);
    assert_eq!((grant.granted, grant.next_at), (0, UnixMillis(60_007)));
}

#[test]
fn broken_text_is_no_log() {
    for text in [
        "x",
        "1x",
        "1+0",
        "1+-5",
        "1x2x3",
        "+",
        "9223372036854775807+1",
    ] {
        assert!(text.parse::<PaceLog>().is_err(), "{text}");
    }
    assert_eq!("".parse(), Ok(PaceLog::new()));
}

proptest! {
    #[test]
    fn no_window_ever_holds_more_than_the_limit(
        limit in 1_u32..200,
        window in 1_i64..3000,
        arrivals in prop::collection::vec((0_i64..400, 0_usize..120), 1..150),
    ) {
        let pace = Pace::new(limit, Duration::from_millis(window as u64));
        let mut log = PaceLog::new();
        let mut now = 0;
        let mut sends = Vec::new();
        for (gap, wanted) in arrivals {
            now += gap;
            let grant = log.allow(pace, UnixMillis(now), wanted);
            prop_assert!(grant.granted <= wanted);
            prop_assert!(grant.next_at >= UnixMillis(now));
            sends.push((now, grant.granted));
            // As after a restart.
            let text = log.to_string();
            log = text.parse().unwrap();
            prop_assert_eq!(log.to_string(), text);
        }
        prop_assert!(busiest(&sends, window) <= limit as usize);
    }

    #[test]
    fn who_waits_until_told_gets_at_least_95_percent(limit in 1_u32..3000, window in 1000_i64..60_000) {
        let pace = Pace::new(limit, Duration::from_millis(window as u64));
        let mut log = PaceLog::new();
        let (mut now, mut sent) = (UnixMillis(0), 0);
        let end = UnixMillis(window * 40);
        while now < end {
            let grant = log.allow(pace, now, 7);
            prop_assert!(grant.granted > 0, "told to come at {now:?}");
            sent += grant.granted;
            now = grant.next_at.max(UnixMillis(now.0 + 1));
        }
        // Only a limit above 7 per millisecond could not be used up by these steps.
        prop_assert!(sent as f64 >= 0.95 * f64::from(limit) * 40.0, "{sent} of {}", limit * 40);
    }

    #[test]
    fn the_log_stays_small(limit in 1_u32..5000, arrivals in prop::collection::vec(0_i64..40, 1..600)) {
        let pace = Pace::per_second(limit);
        let mut log = PaceLog::new();
        let mut now = 0;
        for gap in arrivals {
            now += gap;
            log.allow(pace, UnixMillis(now), 3);
        }
        prop_assert!(log.to_string().len() < 700, "{log}");
    }

    #[test]
    fn a_clock_that_jumps_about_never_lets_more_through_in_real_time(
        steps in prop::collection::vec((0_i64..30, -200_i64..200), 1..150),
        limit in 1_u32..150,
    ) {
        let pace = Pace::new(limit, Duration::from_millis(100));
        let mut log = PaceLog::new();
        let (mut real, mut shift) = (0_i64, 0_i64);
        let mut sends = Vec::new();
        for (gap, jump) in steps {
            real += gap;
            // A clock that jumps forward hides how little time has passed; only jumps back can be made safe.
            shift += jump.min(0);
            let grant = log.allow(pace, UnixMillis(real + shift), 40);
            sends.push((real, grant.granted));
        }
        prop_assert!(busiest(&sends, 100) <= limit as usize);
    }
}
