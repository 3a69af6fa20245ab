//! The one place that reads the machine's clock and its randomness.
//!
//! Handlers and workers read [`Clock::now`] once at their edge and pass the value down. The demo shifts it, tests
//! set it by hand. Invariant: everything below actions and workers gets time as a value.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use yuezhi_domain::UnixMillis;

/// Wall clock with an offset, or a hand-cranked one.
#[derive(Debug, Clone)]
pub struct Clock {
    inner: Arc<Inner>,
}

#[derive(Debug)]
enum Inner {
    Shifted(AtomicI64),
    Fixed(AtomicI64),
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self::shifted(0)
    }

    /// The machine's clock moved by so many milliseconds.
    pub fn shifted(offset_ms: i64) -> Self {
        Self {
            inner: Arc::new(Inner::Shifted(AtomicI64::new(offset_ms))),
        }
    }

    /// A clock that only moves when told to.
    pub fn fixed(at: UnixMillis) -> Self {
        Self {
            inner: Arc::new(Inner::Fixed(AtomicI64::new(at.0))),
        }
    }

    pub fn now(&self) -> UnixMillis {
        match &*self.inner {
            Inner::Shifted(offset) => UnixMillis(machine_millis() + offset.load(Ordering::Relaxed)),
            Inner::Fixed(at) => UnixMillis(at.load(Ordering::Relaxed)),
        }
    }

    /// Moves the clock forward; milliseconds. Returns the whole offset (shifted) or the new time (fixed).
    pub fn advance(&self, by_ms: i64) -> i64 {
        match &*self.inner {
            Inner::Shifted(value) | Inner::Fixed(value) => {
                value.fetch_add(by_ms, Ordering::Relaxed) + by_ms
            }
        }
    }

    /// Milliseconds this clock is ahead of the machine's.
    pub fn offset_ms(&self) -> i64 {
        match &*self.inner {
            Inner::Shifted(offset) => offset.load(Ordering::Relaxed),
            Inner::Fixed(at) => at.load(Ordering::Relaxed) - machine_millis(),
        }
    }

    pub fn is_fixed(&self) -> bool {
        matches!(&*self.inner, Inner::Fixed(_))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the edge: the machine's clock is read here and nowhere else"
)]
fn machine_millis() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
}
