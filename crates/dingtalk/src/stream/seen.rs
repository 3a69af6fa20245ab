//! Pushes of the last minutes, to recognise repetitions and to answer them alike.
//!
//! Callers: dispatch for every push; responders when an answer is known.
//! Invariant: a push is known by its messageId, its eventId and the robot's msgId; while it is
//! being handled repetitions wait for the same answer; an answer that asks for a repetition
//! (`LATER`, 500) is forgotten, so that the repetition is handled.
//! Weakness: kept in memory; after a restart repetitions are handled again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;

use super::frame::Ack;

/// Somebody to answer: the link a frame came from and the frame's id.
#[derive(Debug, Clone)]
pub(super) struct Asker {
    pub(super) acks: mpsc::Sender<String>,
    pub(super) message_id: String,
}

/// What is known about a push.
#[derive(Debug)]
pub(super) enum Admission {
    /// Never seen: handle it under this number.
    New(u64),
    /// Being handled; the asker will be answered when that is done.
    InWork,
    /// Handled: answer this.
    Done(Ack),
}

#[derive(Debug)]
pub(super) struct Seen {
    capacity: usize,
    keep_ms: i64,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    ids: HashMap<String, u64>,
    entries: HashMap<u64, Entry>,
    order: VecDeque<(u64, i64)>,
}

#[derive(Debug)]
struct Entry {
    keys: Vec<String>,
    state: State,
}

#[derive(Debug)]
enum State {
    InWork(Vec<Asker>),
    Done(Ack),
}

impl Seen {
    pub(super) fn new(capacity: usize, keep: Duration) -> Self {
        Self {
            capacity: capacity.max(1),
            keep_ms: i64::try_from(keep.as_millis()).unwrap_or(i64::MAX),
            inner: Mutex::default(),
        }
    }

    /// Looks a push up by all its `keys` and notes it if it is new.
    pub(super) fn admit(&self, keys: Vec<String>, asker: &Asker, now_ms: i64) -> Admission {
        let mut inner = self.lock();
        inner.forget_before(now_ms.saturating_sub(self.keep_ms));
        let known = keys.iter().find_map(|key| inner.ids.get(key).copied());
        if let Some(id) = known
            && let Some(entry) = inner.entries.get_mut(&id)
        {
            return match &mut entry.state {
                State::Done(ack) => Admission::Done(ack.clone()),
                State::InWork(askers) => {
                    askers.push(asker.clone());
                    Admission::InWork
                }
            };
        }
        inner.make_room(self.capacity);
        let id = inner.next;
        inner.next += 1;
        for key in &keys {
            inner.ids.insert(key.clone(), id);
        }
        let state = State::InWork(Vec::new());
        inner.entries.insert(id, Entry { keys, state });
        inner.order.push_back((id, now_ms));
        Admission::New(id)
    }

    /// Notes the answer and gives it to those who wait. An answer that asks for a repetition makes
    /// the push unknown again.
    pub(super) fn settle(&self, id: u64, ack: &Ack) {
        let waiting = {
            let mut inner = self.lock();
            let Some(entry) = inner.entries.get_mut(&id) else {
                return;
            };
            let before = std::mem::replace(&mut entry.state, State::Done(ack.clone()));
            if !ack.is_final() {
                inner.forget(id);
            }
            before
        };
        if let State::InWork(askers) = waiting {
            for asker in askers {
                // A full or closed link leaves the frame unanswered: it comes again.
                let _ = asker.acks.try_send(ack.render(&asker.message_id));
            }
        }
    }

    /// Makes a push unknown again, unless an answer is noted.
    pub(super) fn abandon(&self, id: u64) {
        let mut inner = self.lock();
        let is_in_work = inner
            .entries
            .get(&id)
            .is_some_and(|entry| matches!(entry.state, State::InWork(_)));
        if is_in_work {
            inner.forget(id);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn forget(&mut self, id: u64) {
        let Some(entry) = self.entries.remove(&id) else {
            return;
        };
        for key in entry.keys {
            if self.ids.get(&key) == Some(&id) {
                self.ids.remove(&key);
            }
        }
    }

    fn forget_before(&mut self, before_ms: i64) {
        while let Some(&(id, at_ms)) = self.order.front()
            && at_ms < before_ms
        {
            self.order.pop_front();
            self.forget(id);
        }
    }

    /// Drops the oldest. Forgotten entries keep their place in the order until it is their turn.
    fn make_room(&mut self, capacity: usize) {
        while self.order.len() >= capacity
            && let Some((id, _)) = self.order.pop_front()
        {
            self.forget(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asker(name: &str) -> (Asker, mpsc::Receiver<String>) {
        let (acks, received) = mpsc::channel(8);
        let message_id = name.to_owned();
        (Asker { acks, message_id }, received)
    }

    fn keys(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn a_repetition_is_known_by_any_of_its_ids() {
        let seen = Seen::new(10, Duration::from_secs(300));
        let (first, _kept) = asker("m1");
        let Admission::New(id) = seen.admit(keys(&["m1", "e1"]), &first, 0) else {
            panic!("it is new")
        };
        let (again, mut received) = asker("m2");
        assert!(matches!(
            seen.admit(keys(&["m2", "e1"]), &again, 1),
            Admission::InWork
        ));
        seen.settle(id, &Ack::event_success());
        assert!(received.try_recv().unwrap().contains("\"m2\""));
        let after = seen.admit(keys(&["m3", "e1"]), &again, 2);
        assert!(matches!(after, Admission::Done(ack) if ack == Ack::event_success()));
    }

    #[test]
    fn what_shall_come_again_is_handled_again() {
        let seen = Seen::new(10, Duration::from_secs(300));
        let (asker, _kept) = asker("m");
        let admit = |name| seen.admit(keys(&[name]), &asker, 0);
        let Admission::New(id) = admit("e1") else {
            panic!()
        };
        seen.settle(id, &Ack::event_later());
        let Admission::New(id) = admit("e1") else {
            panic!()
        };
        seen.abandon(id);
        let Admission::New(id) = admit("e1") else {
            panic!()
        };
        seen.settle(id, &Ack::event_success());
        seen.abandon(id);
        assert!(matches!(admit("e1"), Admission::Done(_)));
    }

    #[test]
    fn old_and_surplus_pushes_are_forgotten() {
        let seen = Seen::new(3, Duration::from_secs(1));
        let (asker, _kept) = asker("m");
        let is_new =
            |name: &str, at| matches!(seen.admit(keys(&[name]), &asker, at), Admission::New(_));
        assert!(is_new("a", 0) && is_new("b", 0) && is_new("c", 0));
        assert!(is_new("d", 0) && is_new("a", 0), "the oldest went first");
        assert!(!is_new("d", 1000), "a second is kept");
        assert!(is_new("d", 1001), "and no longer");
        for n in 0..100 {
            is_new(&n.to_string(), 2000);
        }
        assert!(seen.lock().entries.len() <= 3 && seen.lock().ids.len() <= 3);
    }
}
