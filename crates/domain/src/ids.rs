//! Identities of rows, and the one injected source of ids and randomness.
//!
//! The edge builds an `IdSource` over the operating system's generator once and hands clones to actions and workers.
//! Invariant: ids of one source strictly increase, also within one millisecond and when the clock steps back,
//! so `ORDER BY id` is the order of creation on one node.
//! Weakness: the time inside an id is a hint for people; rules use the columns that say what they mean.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use crate::time::UnixMillis;

/// Random bytes from outside: the operating system in production, a seed in tests.
pub trait Random: Send {
    fn fill(&mut self, bytes: &mut [u8]);
}

/// A text that is no id of the wanted kind.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("\"{text}\" is no {what} id")]
pub struct NotAnId {
    pub what: &'static str,
    pub text: String,
}

macro_rules! ids {
    ($($(#[$meta:meta])* $what:literal $name:ident;)+) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::try_parse(text.trim())
                    .map(Self)
                    .map_err(|_| NotAnId { what: $what, text: text.to_owned() })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    )+};
}

ids! {
    "policy" PolicyId;
    "version" VersionId;
    "file" FileId;
    "notice" NoticeId;
    "obligation" ObligationId;
    "receipt" ReceiptId;
    "delivery" DeliveryId;
    "attempt" AttemptId;
    "lane" LaneId;
    "person" PersonId;
    "department" DepartmentId;
    "schedule" ScheduleId;
    /// One planned firing of a schedule or of a reminder plan's step.
    "occurrence" OccurrenceId;
    "source" SourceId;
    "token" TokenId;
    "webhook" WebhookId;
}

/// Makes ids, random bytes and jitter. Cheap to clone; clones share one sequence.
#[derive(Clone)]
pub struct IdSource(Arc<Mutex<Sequence>>);

struct Sequence {
    random: Box<dyn Random>,
    millis: u64,
    /// The 12 bits of `rand_a`, counting up within one millisecond (RFC 9562, section 6.2, method 1).
    counter: u16,
}

const COUNTER_LIMIT: u16 = 1 << 12;

impl IdSource {
    pub fn new(random: impl Random + 'static) -> Self {
        Self(Arc::new(Mutex::new(Sequence {
            random: Box::new(random),
            millis: 0,
            counter: 0,
        })))
    }

    /// A repeatable source for tests.
    pub fn seeded(seed: u64) -> Self {
        Self::new(SeededRandom::new(seed))
    }

    /// The next id, a UUIDv7: `let id: PolicyId = ids.next(now);`
    pub fn next<T: From<Uuid>>(&self, now: UnixMillis) -> T {
        T::from(self.with(|sequence| sequence.next(now)))
    }

    /// Fills `bytes`, for tokens and keys.
    pub fn fill(&self, bytes: &mut [u8]) {
        self.with(|sequence| sequence.random.fill(bytes));
    }

    /// An evenly spread number in `0.0..1.0`, for jitter.
    pub fn fraction(&self) -> f64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        // 53 bits are all that an f64 in 0..1 can hold evenly.
        (u64::from_le_bytes(bytes) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn with<T>(&self, act: impl FnOnce(&mut Sequence) -> T) -> T {
        // A panic while the lock was held leaves numbers that are still valid and still increasing.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for IdSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdSource")
    }
}

impl Sequence {
    fn next(&mut self, now: UnixMillis) -> Uuid {
        let mut bytes = [0; 10];
        self.random.fill(&mut bytes);
        let now = u64::try_from(now.0).unwrap_or(0);
        if now > self.millis {
            self.millis = now;
            // Start in the lower half, so that a burst has at least 2,048 ids before it borrows a millisecond.
            self.counter = u16::from_le_bytes([bytes[0], bytes[1]]) % (COUNTER_LIMIT / 2);
        } else {
            self.counter += 1;
            if self.counter == COUNTER_LIMIT {
                self.millis += 1;
                self.counter = 0;
            }
        }
        [bytes[0], bytes[1]] = self.counter.to_be_bytes();
        uuid::Builder::from_unix_timestamp_millis(self.millis, &bytes).into_uuid()
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): repeatable bytes for tests and demos. Never for secrets.
#[derive(Clone, Debug)]
pub struct SeededRandom(u64);

impl SeededRandom {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Random for SeededRandom {
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let word = self.next_u64().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_id_is_a_version_7_uuid_and_reads_back() {
        let id: PolicyId = IdSource::seeded(1).next(UnixMillis(1_795_341_600_000));
        assert_eq!(id.as_uuid().get_version_num(), 7);
        assert_eq!(id.to_string().parse(), Ok(id));
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(json, format!("\"{id}\""));
        assert_eq!(
            "nonsense".parse::<NoticeId>().unwrap_err().to_string(),
            "\"nonsense\" is no notice id"
        );
    }

    #[test]
    fn the_same_seed_gives_the_same_ids() {
        let ids = |seed| IdSource::seeded(seed).next::<Uuid>(UnixMillis(5));
        assert_eq!(ids(7), ids(7));
        assert_ne!(ids(7), ids(8));
    }

    proptest! {
        #[test]
        fn ids_increase_whatever_the_clock_does(
            seed: u64,
            clock in prop::collection::vec(0_i64..5, 1..200),
            burst in 1_usize..6000,
        ) {
            let source = IdSource::seeded(seed);
            let mut last = Uuid::nil();
            for now in clock.into_iter().chain(std::iter::repeat_n(6, burst)) {
                let id: Uuid = source.next(UnixMillis(now));
                prop_assert!(id > last);
                last = id;
            }
        }

        #[test]
        fn a_fraction_lies_between_zero_and_one(seed: u64) {
            let fraction = IdSource::seeded(seed).fraction();
            prop_assert!((0.0..1.0).contains(&fraction));
        }
    }
}
