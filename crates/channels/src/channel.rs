//! The trait that every way out implements, and its limits as data.
//!
//! Callers: the dispatch worker (`send`, `limits`), the doctor (`check`), the dry run (`reaches`).
//! Invariant: `lane` is stable across restarts; pace and holds are kept under that name.

use std::pin::Pin;
use std::time::Duration;

use yuezhi_domain::{Pace, UnixMillis};

use crate::message::{Post, Recipient};
use crate::outcome::{CheckReport, Outcome, Why};

/// A future that a worker can hold without knowing the channel.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One configured way out.
pub trait Channel: Send + Sync {
    /// The endpoint with a limit of its own: `robot:hr`, `mail`.
    fn lane(&self) -> &str;

    fn kind(&self) -> ChannelKind;

    fn limits(&self) -> &Limits;

    /// Whether this person has an address here; the reason if not. Group channels reach everybody.
    fn reaches(&self, recipient: &Recipient) -> Result<(), Why>;

    /// One attempt. Cancelling the future leaves nothing half-used behind, but the message may
    /// already have gone out.
    fn send<'a>(&'a self, post: &'a Post) -> BoxFuture<'a, Outcome>;

    /// For the doctor: as much as can be found out without sending a message to anybody.
    fn check(&self, now: UnixMillis) -> BoxFuture<'_, CheckReport>;
}

/// What a channel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChannelKind {
    /// Custom group robot (自定义机器人).
    Robot,
    /// Mail over SMTP.
    Mail,
}

impl ChannelKind {
    pub const ALL: [Self; 2] = [Self::Robot, Self::Mail];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Robot => "robot",
            Self::Mail => "mail",
        }
    }
}

impl std::fmt::Display for ChannelKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a lane can bear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Sends per window; `None` means as fast as it goes.
    pub pace: Option<Pace>,
    /// How long the platform refuses after the pace was exceeded.
    pub hold_after_throttle: Duration,
    /// Messages under way at the same time. Each counts until its outcome is on record, so a crash repeats at most so
    /// many.
    pub in_flight: usize,
    /// The same where answers come quicker than a disk writes: then outcomes may wait to be recorded together.
    pub unrecorded: usize,
    /// More due messages than this for one target are better merged into a digest.
    pub coalesce_above: Option<usize>,
    /// Largest message; longer texts are cut on a character boundary.
    pub max_bytes: usize,
    /// One message per person (`Post::recipient` is required) rather than one per group.
    pub personal: bool,
    /// A repeated send with the same key shows one message.
    pub idempotent: bool,
}
