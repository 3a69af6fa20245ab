//! Keeps below the platform's rates: per app and interface, per minute of recipients, and off
//! the full hour.
//!
//! Callers: [`App::paced`](crate::App::paced) waits by itself; others ask for the time before
//! which a call must not start. Time is always an argument.
//! Invariant: in any second at most `per_second + burst` calls of one interface start.
//! Weakness: one process; several nodes with one app divide the rate among them.
//! Source: 调用频率限制 (20 calls a second per app and interface; keep well below), 异步发送工作通知
//! (5,000 recipients a minute), "建议错开整点时刻调用".

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use crate::api::Api;

/// What the free edition allows per app and interface.
pub const CALLS_PER_SECOND_LIMIT: u32 = 20;
/// Work notices: recipients per minute and app.
pub const NOTICE_RECIPIENTS_PER_MINUTE: usize = 5000;
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// Callers read the clock a little apart; more than this is another clock.
const CLOCK_SET_BACK_MS: i64 = MINUTE_MS;
const QUIET_MINUTES_MS: i64 = 10 * MINUTE_MS;

/// Spaces the calls of each interface.
#[derive(Debug)]
pub struct Pacer {
    gap_ms: i64,
    slack_ms: i64,
    due: Mutex<HashMap<&'static str, Due>>,
}

/// Of one interface, in Unix milliseconds.
#[derive(Debug, Clone, Copy)]
struct Due {
    /// When a perfectly even caller would call next.
    next_ms: i64,
    /// The latest time that anybody gave.
    seen_ms: i64,
}

impl Default for Pacer {
    /// 10 a second with bursts of 5: at most 15 in any second.
    fn default() -> Self {
        Self::new(10, 5)
    }
}

impl Pacer {
    /// `per_second` is at least 1; `burst` calls may start at once after a pause.
    pub fn new(per_second: u32, burst: u32) -> Self {
        // Rounded up, so that rounding never exceeds the rate.
        let gap_ms = (1000 + i64::from(per_second.max(1)) - 1) / i64::from(per_second.max(1));
        Self {
            gap_ms,
            slack_ms: gap_ms * i64::from(burst.max(1) - 1),
            due: Mutex::default(),
        }
    }

    /// Takes the next place of `api` and returns the time before which its call must not start;
    /// `now_ms` or earlier means at once.
    pub fn reserve(&self, api: &Api, now_ms: i64) -> i64 {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let due = due.entry(api.name).or_insert(Due {
            next_ms: now_ms,
            seen_ms: now_ms,
        });
        let back_ms = due.seen_ms.saturating_sub(now_ms);
        if back_ms > CLOCK_SET_BACK_MS {
            // The queue stays as long as it was; nobody waits for the old future.
            due.next_ms = due.next_ms.saturating_sub(back_ms);
            due.seen_ms = now_ms;
        }
        due.seen_ms = due.seen_ms.max(now_ms);
        let even = due.next_ms.max(now_ms);
        due.next_ms = even + self.gap_ms;
        (even - self.slack_ms).max(now_ms)
    }
}

/// Counts recipients over a sliding minute.
#[derive(Debug)]
pub struct RecipientWindow {
    limit: usize,
    taken: VecDeque<(i64, usize)>,
}

impl Default for RecipientWindow {
    fn default() -> Self {
        Self::new(NOTICE_RECIPIENTS_PER_MINUTE)
    }
}

impl RecipientWindow {
    pub fn new(per_minute: usize) -> Self {
        Self {
            limit: per_minute.max(1),
            taken: VecDeque::new(),
        }
    }

    /// Takes `recipients` places. `Err(time)`: none was taken, ask again at that time. More than
    /// a minute's worth at once goes through alone, in an empty minute.
    pub fn reserve(&mut self, recipients: usize, now_ms: i64) -> Result<(), i64> {
        while let Some(&(at, _)) = self.taken.front()
            // Also what stands in the future: the clock was set back.
            && (at <= now_ms - MINUTE_MS || at > now_ms + CLOCK_SET_BACK_MS)
        {
            self.taken.pop_front();
        }
        let mut used: usize = self.taken.iter().map(|&(_, count)| count).sum();
        if used == 0 || used + recipients <= self.limit {
            self.taken.push_back((now_ms, recipients));
            return Ok(());
        }
        let mut free_at = now_ms;
        for &(at, count) in &self.taken {
            used -= count;
            free_at = at + MINUTE_MS;
            if used == 0 || used + recipients <= self.limit {
                break;
            }
        }
        Err(free_at)
    }
}

/// `at_ms` unless it falls into the first ten minutes of an hour, where everybody's timers fire;
/// then ten past, plus `jitter_ms` (a random number below five minutes, from the caller).
pub fn off_the_full_hour(at_ms: i64, jitter_ms: u32) -> i64 {
    let into_hour = at_ms.rem_euclid(HOUR_MS);
    if into_hour >= QUIET_MINUTES_MS {
        return at_ms;
    }
    at_ms - into_hour + QUIET_MINUTES_MS + i64::from(jitter_ms) % (5 * MINUTE_MS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const API: Api = Api::post("x", "/v1.0/x");
    const OTHER: Api = Api::post("y", "/v1.0/y");

    #[test]
    fn a_burst_goes_at_once_and_the_rest_waits_its_turn() {
        let pacer = Pacer::new(10, 3);
        let starts: Vec<i64> = (0..5).map(|_| pacer.reserve(&API, 1000)).collect();
        assert_eq!(starts, [1000, 1000, 1000, 1100, 1200]);
        assert_eq!(pacer.reserve(&OTHER, 1000), 1000);
    }

    #[test]
    fn a_clock_set_back_does_not_stop_the_calls() {
        let pacer = Pacer::new(10, 1);
        for _ in 0..3 {
            pacer.reserve(&API, 10 * HOUR_MS);
        }
        assert_eq!(pacer.reserve(&API, 0), 300, "only behind those before it");
        let mut window = RecipientWindow::default();
        assert_eq!(window.reserve(5000, 10 * HOUR_MS), Ok(()));
        assert_eq!(window.reserve(100, 0), Ok(()));
    }

    #[test]
    fn five_thousand_recipients_fill_a_minute() {
        let mut window = RecipientWindow::default();
        for index in 0..50 {
            assert_eq!(window.reserve(100, index), Ok(()));
        }
        assert_eq!(window.reserve(100, 50), Err(MINUTE_MS));
        assert_eq!(window.reserve(200, 50), Err(MINUTE_MS + 1));
        assert_eq!(window.reserve(100, MINUTE_MS), Ok(()));
        assert_eq!(RecipientWindow::default().reserve(9000, 0), Ok(()));
    }

    #[test]
    fn the_first_ten_minutes_of_an_hour_are_avoided() {
        assert_eq!(off_the_full_hour(0, 7), QUIET_MINUTES_MS + 7);
        assert_eq!(
            off_the_full_hour(HOUR_MS + 1, 0),
            HOUR_MS + QUIET_MINUTES_MS
        );
        assert_eq!(off_the_full_hour(HOUR_MS / 2, 7), HOUR_MS / 2);
        assert_eq!(off_the_full_hour(-1, 7), -1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_second_sees_more_than_rate_and_burst(
            steps in prop::collection::vec(0_i64..200, 1..200), rate in 1_u32..15, burst in 1_u32..6,
        ) {
            let pacer = Pacer::new(rate, burst);
            let mut now = 0;
            let mut starts: Vec<i64> = steps.iter().map(|step| { now += step; pacer.reserve(&API, now) }).collect();
            starts.sort_unstable();
            for (index, start) in starts.iter().enumerate() {
                let within = starts.iter().skip(index).take_while(|at| **at < start + 1000).count();
                prop_assert!(within <= (rate + burst) as usize);
            }
        }
    }
}
