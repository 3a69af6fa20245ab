//! Who is connected, which frames wait for an ack, and what became of every push.
//!
//! Held by `Shared` beside the world, under its own lock; `deliver` sends through it, `connection` registers with it.
//! Invariant: whoever holds this lock takes no other; the lock is never held across an await.
//! Weakness: all of it is in memory. What waits to be pushed again is lost with a restart.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::deliver::Push;

/// Failed pushes that are kept; the oldest go first.
const FAILED_KEPT: usize = 2_000;

#[derive(Debug)]
pub(crate) struct Switchboard {
    queue: mpsc::UnboundedSender<Push>,
    waiting: Mutex<Option<mpsc::UnboundedReceiver<Push>>>,
    lines: Mutex<Lines>,
}

#[derive(Debug, Default)]
pub(crate) struct Lines {
    pub(crate) tickets: HashMap<String, Ticket>,
    pub(crate) connections: Vec<Connection>,
    /// Apps that have opened a connection for events in this run.
    pub(crate) event_streams: HashSet<String>,
    /// messageId → who waits for its ack.
    pub(crate) awaiting: HashMap<String, oneshot::Sender<Ack>>,
    pub(crate) counts: BTreeMap<String, PushCounts>,
    pub(crate) failed: VecDeque<FailedPush>,
    next_connection: u64,
}

/// Lets one connection in, once.
#[derive(Clone, Debug)]
pub(crate) struct Ticket {
    pub(crate) client_id: String,
    pub(crate) subscriptions: Vec<Subscription>,
    pub(crate) expires_ms: i64,
}

/// What a connection wants: `EVENT` `*`, or `CALLBACK` with a topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Subscription {
    #[serde(rename = "type")]
    pub kind: String,
    pub topic: String,
}

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) seen: StreamConnection,
    pub(crate) out: mpsc::UnboundedSender<Out>,
}

/// An open Stream connection.
#[derive(Clone, Debug, Serialize)]
pub struct StreamConnection {
    pub id: String,
    pub client_id: String,
    pub subscriptions: Vec<Subscription>,
    /// UTC epoch milliseconds by the sandbox's clock.
    pub since_ms: i64,
    /// A SYSTEM disconnect was sent: nothing is delivered any more.
    pub leaving: bool,
    pub frames: u64,
    pub acks: u64,
    pub pings: u64,
    /// Pings whose `opaque` came back.
    pub pongs: u64,
}

/// What a connection's task is told.
#[derive(Debug)]
pub(crate) enum Out {
    Frame(String),
    Disconnect(String),
    Cut,
}

/// A client's answer to a frame.
#[derive(Clone, Debug)]
pub(crate) struct Ack {
    pub(crate) code: i64,
    /// Parsed from its JSON string; `Null` if it is none.
    pub(crate) data: Value,
}

/// What became of an app's pushes, repeats not counted except as such.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PushCounts {
    /// Waiting to be sent, acked, or sent again.
    pub queued: u64,
    /// Frames and callbacks that went out, repeats and lost ones included.
    pub delivered: u64,
    pub acked: u64,
    /// Answered, but not with success (LATER, or a code other than 200).
    pub refused: u64,
    /// Not answered in time.
    pub timed_out: u64,
    /// Sent again after a wait.
    pub repeated: u64,
    /// Given up: events in the failed list, messages to the robot and clicks that reached nobody.
    pub failed: u64,
    pub lost_by_switch: u64,
    pub duplicated_by_switch: u64,
    /// Acks for no frame that waits: too late, or a repeated one.
    pub stray_acks: u64,
}

/// An event that was given up.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FailedPush {
    pub client_id: String,
    pub event_type: String,
    pub event_id: String,
    /// When the event was born.
    pub event_ms: i64,
    /// When it was given up.
    pub failed_ms: i64,
    pub data: Value,
    /// Handed out by `get_call_back_failed_result`.
    pub fetched: bool,
}

impl Default for Switchboard {
    fn default() -> Self {
        let (queue, waiting) = mpsc::unbounded_channel();
        Self {
            queue,
            waiting: Mutex::new(Some(waiting)),
            lines: Mutex::default(),
        }
    }
}

impl Switchboard {
    pub(crate) fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a push to the delivering task. After a shutdown nobody takes it, which is no error.
    pub(super) fn enqueue(&self, push: Push) {
        self.lines().counts_of(&push.client_id).queued += 1;
        drop(self.queue.send(push));
    }

    /// The other end of the queue; `None` once it was taken.
    pub(super) fn take_queue(&self) -> Option<mpsc::UnboundedReceiver<Push>> {
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl Lines {
    pub(crate) fn counts_of(&mut self, client_id: &str) -> &mut PushCounts {
        self.counts.entry(client_id.to_owned()).or_default()
    }

    /// Uses a ticket up.
    pub(super) fn redeem(&mut self, ticket: &str, now_ms: i64) -> Option<Ticket> {
        let ticket = self.tickets.remove(ticket);
        self.tickets.retain(|_, other| other.expires_ms > now_ms);
        ticket.filter(|ticket| ticket.expires_ms > now_ms)
    }

    pub(super) fn connect(
        &mut self,
        ticket: Ticket,
        now_ms: i64,
    ) -> (String, mpsc::UnboundedReceiver<Out>) {
        self.next_connection += 1;
        let id = format!("connection-{}", self.next_connection);
        if ticket.subscriptions.iter().any(|one| one.kind == "EVENT") {
            self.event_streams.insert(ticket.client_id.clone());
        }
        let (out, told) = mpsc::unbounded_channel();
        let seen = StreamConnection {
            id: id.clone(),
            client_id: ticket.client_id,
            subscriptions: ticket.subscriptions,
            since_ms: now_ms,
            leaving: false,
            frames: 0,
            acks: 0,
            pings: 0,
            pongs: 0,
        };
        self.connections.push(Connection { seen, out });
        (id, told)
    }

    pub(super) fn connection(&mut self, id: &str) -> Option<&mut StreamConnection> {
        self.connections
            .iter_mut()
            .map(|connection| &mut connection.seen)
            .find(|seen| seen.id == id)
    }

    pub(super) fn hang_up(&mut self, id: &str) {
        self.connections
            .retain(|connection| connection.seen.id != id);
    }

    /// The connections of an app that take this kind of frame.
    pub(super) fn open_for(
        &mut self,
        client_id: &str,
        kind: &str,
        topic: &str,
    ) -> Vec<&mut Connection> {
        self.connections
            .iter_mut()
            .filter(|connection| {
                let seen = &connection.seen;
                seen.client_id == client_id
                    && !seen.leaving
                    && seen
                        .subscriptions
                        .iter()
                        .any(|one| one.kind == kind && one.topic == topic)
            })
            .collect()
    }

    /// Tells all connections (of one app) something; returns how many.
    pub(super) fn tell_all(&self, client_id: Option<&str>, out: impl Fn() -> Out) -> usize {
        let chosen = self
            .connections
            .iter()
            .filter(|connection| client_id.is_none_or(|id| id == connection.seen.client_id));
        chosen
            .filter(|connection| connection.out.send(out()).is_ok())
            .count()
    }

    pub(super) fn give_up(&mut self, failed: FailedPush) {
        self.failed.push_back(failed);
        while self.failed.len() > FAILED_KEPT {
            self.failed.pop_front();
        }
    }
}

impl Switchboard {
    /// Keeps a ticket for `connect`.
    pub(crate) fn admit(
        &self,
        ticket: String,
        client_id: &str,
        subscriptions: Vec<Subscription>,
        expires_ms: i64,
    ) {
        let ticket_of = Ticket {
            client_id: client_id.to_owned(),
            subscriptions,
            expires_ms,
        };
        self.lines().tickets.insert(ticket, ticket_of);
    }
}
