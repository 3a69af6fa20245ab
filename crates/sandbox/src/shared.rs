//! What every handler holds: the world under its lock, the clock, faults, and the wire to the open chat clients.
//!
//! Invariant: the lock is never held across an await; events are sent after the change they tell of.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use crate::call_log::CallRecord;
use crate::clock::Clock;
use crate::faults::Faults;
use crate::ids::Ids;
use crate::journal::Entry;
use crate::message::Message;
use crate::push::Switchboard;
use crate::world::World;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    pub(crate) faults: Faults,
    pub(crate) events: broadcast::Sender<Event>,
    /// Every logged call, for the panel that shows them; apart from `events`, so that a burst of calls cannot make
    /// the chat reload.
    pub(crate) calls: broadcast::Sender<Arc<CallRecord>>,
    pub(crate) push: Switchboard,
    pub(crate) stop: CancellationToken,
    /// Without a slash at the end; webhook addresses shown to people start with it.
    pub(crate) public_url: String,
    world: Mutex<World>,
    ids: Mutex<Ids>,
}

/// Tells open chat clients what to look at again.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Message(Arc<Message>),
    /// Someone has seen a conversation.
    Read {
        conversation: String,
        userid: String,
    },
    /// A card with this `outTrackId` was made or changed.
    Card(String),
    /// A mail with this id came in.
    Mail(u64),
    /// A group's robots or state, or the messages as a whole, changed.
    Changed,
}

impl Shared {
    pub(crate) fn new(world: World, ids: Ids, clock: Clock, public_url: String) -> Arc<Self> {
        Arc::new(Self {
            clock,
            faults: Faults::default(),
            events: broadcast::channel(1_024).0,
            calls: broadcast::channel(1_024).0,
            push: Switchboard::default(),
            stop: CancellationToken::new(),
            public_url,
            world: Mutex::new(world),
            ids: Mutex::new(ids),
        })
    }

    /// A panic of another handler does not take the sandbox down: the state is whole after every statement.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn ids(&self) -> MutexGuard<'_, Ids> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a message into its conversation (`id` and time are set here) and shows it in the open clients.
    pub(crate) fn post(&self, world: &mut World, mut message: Message) -> u64 {
        message.id = world.next_id;
        message.at_ms = self.clock.now_ms();
        let id = message.id;
        world.record(Entry::Message(message.clone()));
        self.tell(Event::Message(Arc::new(message)));
        id
    }

    /// Without an open client nobody listens, which is no error.
    pub(crate) fn tell(&self, event: Event) {
        drop(self.events.send(event));
    }
}
