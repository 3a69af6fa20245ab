//! What the database did, as counters for `/metrics` and `doctor`.
//!
//! Invariant: reading them never waits. Weakness: the numbers are read one by one, so they may be a commit apart.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// Upper ends of the commit latency buckets, in microseconds; the last bucket has none.
pub const COMMIT_BUCKETS_MICROS: [u64; 8] =
    [200, 500, 1_000, 2_000, 5_000, 20_000, 100_000, 1_000_000];

/// A reading of the counters. All count from the start of the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Write transactions waiting for their turn.
    pub writes_waiting: u64,
    /// Read transactions waiting for their turn.
    pub reads_waiting: u64,
    /// Write transactions that were committed.
    pub writes: u64,
    /// Write transactions that ended in an error and were rolled back.
    pub write_errors: u64,
    pub reads: u64,
    /// Durable commits; below `writes` when commits were shared.
    pub commits: u64,
    /// Most write transactions that shared one commit.
    pub largest_batch: u64,
    /// Time spent in COMMIT, in microseconds.
    pub commit_micros: u64,
    /// Commits by latency: one bucket for each of [`COMMIT_BUCKETS_MICROS`], then all slower ones.
    pub commit_buckets: [u64; COMMIT_BUCKETS_MICROS.len() + 1],
    pub panics: u64,
    /// Rows that statements stepped over without an index; SQLite only. A steep rise tells of a missing index.
    pub scanned_rows: u64,
    /// Runs repeated after a collision with another transaction (PostgreSQL).
    pub reruns: u64,
    /// Connections made anew after one was lost (PostgreSQL).
    pub reconnects: u64,
}

#[derive(Default)]
pub(super) struct Counters {
    pub(super) writes: AtomicU64,
    pub(super) write_errors: AtomicU64,
    pub(super) reads: AtomicU64,
    pub(super) panics: AtomicU64,
    pub(super) scanned_rows: AtomicU64,
    pub(super) reruns: AtomicU64,
    pub(super) reconnects: AtomicU64,
    commits: AtomicU64,
    largest_batch: AtomicU64,
    commit_micros: AtomicU64,
    commit_buckets: [AtomicU64; COMMIT_BUCKETS_MICROS.len() + 1],
}

impl Counters {
    /// A commit that `batch` transactions shared.
    pub(super) fn committed(&self, batch: u64, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = COMMIT_BUCKETS_MICROS.iter().position(|end| micros <= *end);
        self.commits.fetch_add(1, Relaxed);
        self.writes.fetch_add(batch, Relaxed);
        self.largest_batch.fetch_max(batch, Relaxed);
        self.commit_micros.fetch_add(micros, Relaxed);
        self.commit_buckets[bucket.unwrap_or(COMMIT_BUCKETS_MICROS.len())].fetch_add(1, Relaxed);
    }

    pub(super) fn read(&self, writes_waiting: usize, reads_waiting: usize) -> Stats {
        Stats {
            writes_waiting: writes_waiting as u64,
            reads_waiting: reads_waiting as u64,
            writes: self.writes.load(Relaxed),
            write_errors: self.write_errors.load(Relaxed),
            reads: self.reads.load(Relaxed),
            commits: self.commits.load(Relaxed),
            largest_batch: self.largest_batch.load(Relaxed),
            commit_micros: self.commit_micros.load(Relaxed),
            commit_buckets: std::array::from_fn(|bucket| self.commit_buckets[bucket].load(Relaxed)),
            panics: self.panics.load(Relaxed),
            scanned_rows: self.scanned_rows.load(Relaxed),
            reruns: self.reruns.load(Relaxed),
            reconnects: self.reconnects.load(Relaxed),
        }
    }
}

/// Measures how long the machine takes; never decides what a row says.
pub(super) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(
        clippy::disallowed_methods,
        reason = "measures the engine itself; no rule depends on it"
    )]
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
