//! Settings of a Stream client, and where it takes time and randomness from.
//!
//! Invariant: the defaults stay inside the platform's limits: a card is answered within 2 s, an
//! event within 3 s. Sources: Stream 模式协议接入说明, 事件回调 (互动卡片), 配置Stream推送.

use std::fmt;
use std::time::Duration;

/// What to subscribe to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscriptions {
    /// All events ticked in 开发者后台 > 事件订阅. The platform takes only `*`.
    pub events: bool,
    /// Messages to the robot.
    pub bot: bool,
    /// Clicks on cards created with `callbackType` STREAM.
    pub cards: bool,
    /// Further callback topics.
    pub topics: Vec<String>,
}

impl Default for Subscriptions {
    fn default() -> Self {
        Self {
            events: true,
            bot: true,
            cards: true,
            topics: Vec::new(),
        }
    }
}

/// What is answered to an event whose handler has not answered in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SilentEvent {
    /// `LATER`: push it again.
    #[default]
    Later,
    /// `SUCCESS`: for handlers that keep what they were given before they return.
    Success,
    /// Nothing: the platform pushes it again after its own time-out.
    Unanswered,
}

/// How a client behaves. The defaults suit one internal app.
#[derive(Debug, Clone)]
pub struct StreamOptions {
    /// Connections at once; the platform picks one at random for each push.
    pub connections: usize,
    pub subscriptions: Subscriptions,
    /// `ua` of the opening call.
    pub user_agent: String,
    /// `localIp` of the opening call, shown in 开发者后台; several with commas.
    pub local_ip: Option<String>,
    /// After this a callback is answered with an empty response (the platform waits 2 s).
    pub callback_answer_within: Duration,
    /// After this an event is answered as `silent_event` says (the platform waits 3 s).
    pub event_answer_within: Duration,
    pub silent_event: SilentEvent,
    /// Handlers at once; frames beyond are left unanswered, so that they come again.
    pub concurrent_handlers: usize,
    /// A handler that runs longer is dropped.
    pub handler_limit: Duration,
    /// Between two WebSocket pings of ours.
    pub ping_every: Duration,
    /// A connection without a frame or a pong for this long is given up.
    pub dead_after: Duration,
    /// How long an old connection is read after its replacement is open.
    pub drain: Duration,
    /// For the WebSocket handshake; the opening call has the HTTP client's limits.
    pub connect_within: Duration,
    /// First wait after a failure; doubled up to `retry_max`, plus up to a second of jitter.
    pub retry_base: Duration,
    pub retry_max: Duration,
    /// A connection that lived this long was a good one: losing it is no reason to wait.
    pub healthy_after: Duration,
    /// Pushes remembered to recognise repetitions, and for how long.
    pub remembered: usize,
    pub remembered_for: Duration,
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self {
            connections: 1,
            subscriptions: Subscriptions::default(),
            user_agent: concat!("dingtalk-rust/", env!("CARGO_PKG_VERSION")).to_owned(),
            local_ip: None,
            callback_answer_within: Duration::from_millis(1500),
            event_answer_within: Duration::from_millis(2500),
            silent_event: SilentEvent::Later,
            concurrent_handlers: 100,
            handler_limit: Duration::from_secs(120),
            ping_every: Duration::from_secs(30),
            dead_after: Duration::from_secs(75),
            drain: Duration::from_secs(10),
            connect_within: Duration::from_secs(10),
            retry_base: Duration::from_secs(1),
            retry_max: Duration::from_secs(60),
            healthy_after: Duration::from_secs(10),
            remembered: 10_000,
            remembered_for: Duration::from_secs(300),
        }
    }
}

type NowMs = Box<dyn Fn() -> i64 + Send + Sync>;
type Random = Box<dyn Fn() -> u64 + Send + Sync>;

/// The program's clock (Unix milliseconds) and its source of randomness.
pub struct Sources {
    pub(super) now_ms: NowMs,
    pub(super) random: Random,
}

impl Sources {
    pub fn new(
        now_ms: impl Fn() -> i64 + Send + Sync + 'static,
        random: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Self {
        Self {
            now_ms: Box::new(now_ms),
            random: Box::new(random),
        }
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sources(…)")
    }
}

/// Most jitter of a wait.
const JITTER_MS: u64 = 1000;

impl StreamOptions {
    /// The wait before the next try: `retry_base · 2^failures`, at most `retry_max`, plus up to a
    /// second (never more than `retry_base`) taken from `random`.
    pub(super) fn wait(&self, failures: u32, random: u64) -> Duration {
        self.retry_base
            .saturating_mul(2_u32.saturating_pow(failures))
            .min(self.retry_max)
            + self.jitter(random)
    }

    pub(super) fn jitter(&self, random: u64) -> Duration {
        let most = Duration::from_millis(JITTER_MS).min(self.retry_base);
        Duration::from_micros(random % (most.as_micros() as u64).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute() {
        let options = StreamOptions::default();
        let waits: Vec<u64> = (0..9).map(|n| options.wait(n, 0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(options.wait(u32::MAX, 0).as_secs(), 60);
        assert!(options.wait(0, u64::MAX) < Duration::from_secs(2));
        assert!(options.wait(0, 999_999) > Duration::from_millis(1999));
    }
}
