//! The sandbox's clock: the wall clock moved by an offset, or standing still.
//!
//! Every rule of the platform that speaks of time (signatures, tokens, the twenty messages a minute, the 24 hours of
//! read status) asks this clock, so a test shows a skewed server or the next day without waiting.
//! Invariant: the only place of this crate that reads the machine's clock.
//! Weakness: a frozen clock does not stop timers; an injected latency still takes real time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

const RUNNING: i64 = i64::MIN;

/// Shared: clones move together. Times are UTC epoch milliseconds.
#[derive(Clone, Debug)]
pub struct Clock {
    hands: Arc<Hands>,
}

#[derive(Debug)]
struct Hands {
    offset_ms: AtomicI64,
    frozen_ms: AtomicI64,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            hands: Arc::new(Hands {
                offset_ms: AtomicI64::new(0),
                frozen_ms: AtomicI64::new(RUNNING),
            }),
        }
    }
}

impl Clock {
    /// The sandbox's time: UTC epoch milliseconds.
    pub fn now_ms(&self) -> i64 {
        let frozen = self.hands.frozen_ms.load(Ordering::SeqCst);
        let base = if frozen == RUNNING { wall_ms() } else { frozen };
        base.saturating_add(self.offset_ms())
    }

    /// How far this clock is ahead of the machine's (or of the moment it was frozen at), in milliseconds.
    pub fn offset_ms(&self) -> i64 {
        self.hands.offset_ms.load(Ordering::SeqCst)
    }

    /// Sets the offset; zero is true time.
    pub fn set_offset_ms(&self, offset_ms: i64) {
        self.hands.offset_ms.store(offset_ms, Ordering::SeqCst);
    }

    /// Moves the clock on (or back) from where it stands.
    pub fn advance_ms(&self, by_ms: i64) {
        self.hands.offset_ms.fetch_add(by_ms, Ordering::SeqCst);
    }

    /// Stops the clock at a moment; only [`Clock::advance_ms`] moves it from then on. Clears the offset.
    pub fn freeze_at_ms(&self, at_ms: i64) {
        self.hands.offset_ms.store(0, Ordering::SeqCst);
        self.hands.frozen_ms.store(at_ms, Ordering::SeqCst);
    }

    /// Lets the clock run again with the machine's, without an offset.
    pub fn run(&self) {
        self.hands.offset_ms.store(0, Ordering::SeqCst);
        self.hands.frozen_ms.store(RUNNING, Ordering::SeqCst);
    }

    /// Whether the clock stands still.
    pub fn is_frozen(&self) -> bool {
        self.hands.frozen_ms.load(Ordering::SeqCst) != RUNNING
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one reading of the machine's clock in this crate"
)]
fn wall_ms() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| {
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        })
}

#[cfg(test)]
mod tests {
    use super::Clock;

    #[test]
    fn clones_move_together_and_a_frozen_clock_moves_only_when_told() {
        let clock = Clock::default();
        let same = clock.clone();
        clock.freeze_at_ms(1_000);
        same.advance_ms(500);
        assert_eq!(clock.now_ms(), 1_500);
        same.run();
        assert!(clock.now_ms() > 1_600_000_000_000);
    }
}
