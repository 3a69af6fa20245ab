//! When a delivery that did not get through is tried again.
//!
//! The dispatcher asks after every outcome that allows a retry; jitter is its argument, so a test can fix it.
//! Invariant: the wait never falls below what the channel asked for, and tries end by count and by age.

use std::time::Duration;

/// Exponential back-off with full jitter (the wait is drawn evenly below a doubling ceiling), bounded by count and age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Ceiling of the first wait.
    pub first: Duration,
    /// Ceiling of every wait.
    pub longest: Duration,
    /// Attempts in all, the first included.
    pub max_attempts: u32,
    /// Age of the delivery beyond which it is given up.
    pub max_age: Duration,
}

/// Five seconds doubling to half an hour, at most 12 attempts within three days.
impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(5),
            longest: Duration::from_mins(30),
            max_attempts: 12,
            max_age: Duration::from_hours(72),
        }
    }
}

impl RetryPolicy {
    /// The wait before the next attempt, or `None` when the delivery is to be given up.
    ///
    /// `attempts` were made so far (at least one), `age` is the time since the delivery became due first, `after` is the
    /// channel's own wish (for example `Retry-After`) and the lower bound, `jitter` lies in `0.0..1.0`.
    pub fn next(
        &self,
        attempts: u32,
        age: Duration,
        after: Option<Duration>,
        jitter: f64,
    ) -> Option<Duration> {
        if attempts >= self.max_attempts {
            return None;
        }
        let ceiling = self.ceiling(attempts);
        // Half of the first ceiling is kept, so that a draw near zero does not hammer a channel that just refused.
        let floor = (self.first / 2).min(ceiling);
        let jitter = if jitter.is_finite() {
            jitter.clamp(0.0, 1.0)
        } else {
            1.0
        };
        let drawn = floor + ceiling.saturating_sub(floor).mul_f64(jitter);
        let wait = match after {
            // Spread those who were all told the same moment; never earlier than told.
            Some(after) => drawn.max(after.saturating_add(self.first.mul_f64(jitter))),
            None => drawn,
        };
        (age.saturating_add(wait) <= self.max_age).then_some(wait)
    }

    fn ceiling(&self, attempts: u32) -> Duration {
        let doublings = attempts.saturating_sub(1).min(31);
        self.first
            .saturating_mul(1 << doublings)
            .min(self.longest)
            .max(Duration::from_millis(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tries_end_by_count_and_by_age() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.next(12, Duration::ZERO, None, 0.5), None);
        assert_eq!(policy.next(1, Duration::from_hours(96), None, 0.5), None);
        assert_eq!(
            policy.next(1, Duration::ZERO, Some(Duration::MAX), 0.5),
            None
        );
    }

    #[test]
    fn the_ceiling_doubles_up_to_the_longest_wait() {
        let policy = RetryPolicy::default();
        let ceilings: Vec<_> = [1, 2, 3, 11]
            .map(|attempts| policy.next(attempts, Duration::ZERO, None, 1.0))
            .into_iter()
            .flatten()
            .map(|wait| wait.as_secs())
            .collect();
        assert_eq!(ceilings, [5, 10, 20, 1800]);
    }

    proptest! {
        #[test]
        fn a_wait_lies_between_the_wish_and_the_ceiling(
            attempts in 1_u32..12,
            jitter in 0.0_f64..1.0,
            wish in prop::option::of(0_u64..4000),
        ) {
            let policy = RetryPolicy::default();
            let wish = wish.map(Duration::from_secs);
            let wait = policy.next(attempts, Duration::ZERO, wish, jitter).unwrap();
            prop_assert!(wait >= wish.unwrap_or_default());
            prop_assert!(wait >= policy.first / 2);
            prop_assert!(wait <= policy.longest.max(wish.unwrap_or_default() + policy.first));
        }

        #[test]
        fn no_input_panics(attempts: u32, age: u64, after: Option<u64>, jitter: f64) {
            let after = after.map(Duration::from_secs);
            let _ = RetryPolicy::default().next(attempts, Duration::from_secs(age), after, jitter);
        }
    }
}
