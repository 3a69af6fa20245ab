//! How fast a lane may send: at most `limit` messages in any window, and not much less.
//!
//! The dispatcher keeps one `PaceLog` per lane, stores it as text with the lane's row and asks it before every batch.
//! Invariant: no closed interval as long as the window holds more than `limit` granted sends, also across restarts.
//! The log holds at most 66 entries whatever the limit: above 64 it works in steps of about a 64th of the window and
//! rounds every send up to the next step, which costs that much of the rate, under 2 % for windows of 100 ms and more.
//! Weakness: it believes the node's clock; two nodes with clocks apart must not work the same lane at once (lease).

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::time::UnixMillis;

/// At most `limit` sends in every `window`, for example 20 in 60 s for a DingTalk robot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    pub limit: u32,
    pub window: Duration,
}

impl Pace {
    pub const fn new(limit: u32, window: Duration) -> Self {
        Self { limit, window }
    }

    pub const fn per_second(limit: u32) -> Self {
        Self::new(limit, Duration::from_secs(1))
    }

    pub const fn per_minute(limit: u32) -> Self {
        Self::new(limit, Duration::from_mins(1))
    }

    fn window_millis(self) -> i64 {
        i64::try_from(self.window.as_millis().max(1)).unwrap_or(i64::MAX)
    }

    /// Sends within one step share an entry of the log; one millisecond while the log is small anyway.
    fn step_millis(self) -> i64 {
        if self.limit <= 64 {
            1
        } else {
            self.window_millis() / 64 + 1
        }
    }
}

/// The answer to "may I send `wanted` messages now?".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// So many, possibly none; they are recorded as sent.
    pub granted: usize,
    /// The earliest time at which at least one more will be granted; `now` when one more would be granted at once.
    pub next_at: UnixMillis,
}

/// The sends of the last window. Empty for a new lane; `Display` and `FromStr` are its compact form for the database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaceLog {
    /// (instant, sends), oldest first, instants strictly increasing.
    sends: VecDeque<(i64, u32)>,
}

impl PaceLog {
    pub fn new() -> Self {
        Self::default()
    }

    /// Grants as many of `wanted` as the pace allows at `now` and records them.
    pub fn allow(&mut self, pace: Pace, now: UnixMillis, wanted: usize) -> Grant {
        let free = self.available(pace, now);
        let granted = wanted.min(free);
        if granted > 0 {
            self.record(pace, now, granted as u32);
        }
        let next_at = if granted < free {
            now
        } else {
            self.next_at(pace, now)
        };
        Grant { granted, next_at }
    }

    /// How many sends would be granted at `now`; forgets what left the window.
    pub fn available(&mut self, pace: Pace, now: UnixMillis) -> usize {
        self.settle(pace, now.0);
        let used: u64 = self.sends.iter().map(|(_, count)| u64::from(*count)).sum();
        u64::from(pace.limit).saturating_sub(used) as usize
    }

    fn record(&mut self, pace: Pace, now: UnixMillis, count: u32) {
        let at = round_up(now.0, pace.step_millis());
        match self.sends.back_mut() {
            Some((last, sends)) if *last >= at => *sends = sends.saturating_add(count),
            _ => self.sends.push_back((at, count)),
        }
    }

    fn next_at(&self, pace: Pace, now: UnixMillis) -> UnixMillis {
        let mut over: u64 = self.sends.iter().map(|(_, count)| u64::from(*count)).sum();
        // After a limit was lowered, more than one entry may have to leave before one send is free.
        for (at, count) in &self.sends {
            over = over.saturating_sub(u64::from(*count));
            if over < u64::from(pace.limit) {
                // One millisecond more: the interval between two sends is closed at both ends.
                return UnixMillis(at.saturating_add(pace.window_millis()).saturating_add(1))
                    .max(now);
            }
        }
        now.plus(pace.window)
    }

    /// Drops what left the window and pulls entries out of the future: when the clock stepped back, those sends
    /// happened no later than now, so counting them from now can only be too careful.
    fn settle(&mut self, pace: Pace, now: i64) {
        let latest = round_up(now, pace.step_millis());
        let mut pulled: u32 = 0;
        while let Some((at, count)) = self.sends.back().copied() {
            if at < latest {
                break;
            }
            pulled = pulled.saturating_add(count);
            self.sends.pop_back();
        }
        if pulled > 0 {
            self.sends.push_back((latest, pulled));
        }
        while let Some((at, _)) = self.sends.front() {
            if at.saturating_add(pace.window_millis()) >= now {
                break;
            }
            self.sends.pop_front();
        }
    }
}

fn round_up(at: i64, step: i64) -> i64 {
    let past = at.rem_euclid(step);
    if past == 0 {
        at
    } else {
        at.saturating_add(step - past)
    }
}

/// `1795341600000x3+1500x1+20`: the first instant, then the gaps, each with its number of sends if not one.
impl fmt::Display for PaceLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = None;
        for (at, count) in &self.sends {
            match last {
                None => write!(f, "{at}")?,
                Some(last) => write!(f, "+{}", at - last)?,
            }
            if *count != 1 {
                write!(f, "x{count}")?;
            }
            last = Some(*at);
        }
        Ok(())
    }
}

/// A text that is no stored log.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("\"{0}\" is no log of sends")]
pub struct NotAPaceLog(pub String);

impl FromStr for PaceLog {
    type Err = NotAPaceLog;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || NotAPaceLog(text.to_owned());
        let mut sends = VecDeque::new();
        let mut at: i64 = 0;
        for (index, part) in text.split('+').filter(|_| !text.is_empty()).enumerate() {
            let (gap, count) = part.split_once('x').unwrap_or((part, "1"));
            let gap: i64 = gap.parse().map_err(|_| refused())?;
            at = at.checked_add(gap).ok_or_else(refused)?;
            if index > 0 && gap <= 0 {
                return Err(refused());
            }
            sends.push_back((at, count.parse().map_err(|_| refused())?));
        }
        Ok(Self { sends })
    }
}
