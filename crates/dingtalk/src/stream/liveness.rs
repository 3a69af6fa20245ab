//! Whether a connection still carries anything.
//!
//! Caller: the link, at every tick.
//! Invariant: time is an argument. A link is dead when neither a frame nor a pong came for
//! `dead_after`; and, although pongs come, when the gateway's own pings have stopped for three
//! of their periods (connected but nothing delivered is a fault seen in the field).
//! Weakness: the second rule needs two pings of the gateway on this very connection.

use std::time::Duration;

use tokio::time::Instant;

/// Periods of the gateway's pings that may be missed.
const MISSED_PINGS: u32 = 3;

#[derive(Debug)]
pub(super) struct Liveness {
    dead_after: Duration,
    ping_every: Duration,
    last_sign: Instant,
    last_frame: Instant,
    last_ping_sent: Instant,
    gateway_ping: Option<Instant>,
    gateway_period: Option<Duration>,
}

impl Liveness {
    pub(super) fn new(now: Instant, ping_every: Duration, dead_after: Duration) -> Self {
        Self {
            dead_after,
            ping_every,
            last_sign: now,
            last_frame: now,
            last_ping_sent: now,
            gateway_ping: None,
            gateway_period: None,
        }
    }

    /// How often to look.
    pub(super) fn look_every(&self) -> Duration {
        (self.ping_every.min(self.dead_after) / 4).max(Duration::from_millis(5))
    }

    /// A WebSocket ping or pong.
    pub(super) fn sign(&mut self, now: Instant) {
        self.last_sign = now;
    }

    pub(super) fn frame(&mut self, now: Instant) {
        self.last_sign = now;
        self.last_frame = now;
    }

    pub(super) fn gateway_ping(&mut self, now: Instant) {
        if let Some(before) = self.gateway_ping {
            let period = now.duration_since(before);
            self.gateway_period = Some(self.gateway_period.unwrap_or(period).max(period));
        }
        self.gateway_ping = Some(now);
    }

    /// True, once per `ping_every`: send a ping.
    pub(super) fn ping_is_due(&mut self, now: Instant) -> bool {
        let is_due = now.duration_since(self.last_ping_sent) >= self.ping_every;
        if is_due {
            self.last_ping_sent = now;
        }
        is_due
    }

    pub(super) fn is_dead(&self, now: Instant) -> bool {
        if now.duration_since(self.last_sign) >= self.dead_after {
            return true;
        }
        self.gateway_period.is_some_and(|period| {
            let patience = (period * MISSED_PINGS).max(self.dead_after);
            now.duration_since(self.last_frame) >= patience
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PING: Duration = Duration::from_secs(30);
    const DEAD: Duration = Duration::from_secs(75);

    #[tokio::test]
    async fn silence_is_death_and_pongs_are_life() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut link = Liveness::new(start, PING, DEAD);
        assert!(!link.is_dead(at(74)));
        assert!(link.is_dead(at(75)));
        link.sign(at(60));
        assert!(!link.is_dead(at(134)));
        assert!(link.is_dead(at(135)));
        assert!(!link.ping_is_due(at(29)));
        assert!(link.ping_is_due(at(30)));
        assert!(!link.ping_is_due(at(59)));
    }

    #[tokio::test]
    async fn a_gateway_that_stops_pinging_is_dead_although_it_pongs() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut link = Liveness::new(start, PING, DEAD);
        for seconds in [0, 60] {
            link.frame(at(seconds));
            link.gateway_ping(at(seconds));
        }
        for seconds in (60..240).step_by(30) {
            link.sign(at(seconds));
            assert!(!link.is_dead(at(seconds)), "{seconds}");
        }
        link.sign(at(240));
        assert!(link.is_dead(at(240)));
    }
}
