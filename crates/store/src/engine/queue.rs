//! The bounded queue between async callers and the database's own threads.
//!
//! A full queue makes callers wait (back-pressure) instead of growing. Invariant: jobs leave in the order in which they
//! came; after `close` no new job enters and the waiting ones are still served.

use std::{
    collections::VecDeque,
    pin::pin,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use tokio::sync::Semaphore;

pub(super) struct Queue<J> {
    /// Free places; a job holds one from before it enters until a thread takes it out.
    places: Semaphore,
    waiting: Mutex<Waiting<J>>,
    ready: Condvar,
}

struct Waiting<J> {
    jobs: VecDeque<J>,
    closed: bool,
    /// Threads asleep in `pop`; without one there is nobody to wake.
    idle: usize,
}

/// The queue was closed; the job comes back.
pub(super) struct Closed<J>(pub(super) J);

impl<J> Queue<J> {
    pub(super) fn new(places: usize) -> Self {
        Self {
            places: Semaphore::new(places.max(1)),
            waiting: Mutex::new(Waiting {
                jobs: VecDeque::new(),
                closed: false,
                idle: 0,
            }),
            ready: Condvar::new(),
        }
    }

    /// Waits for a place, then enters.
    pub(super) async fn push(&self, job: J) -> Result<(), Closed<J>> {
        match self.places.acquire().await {
            Ok(place) => place.forget(),
            Err(_) => return Err(Closed(job)),
        }
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(Closed(job));
        }
        waiting.jobs.push_back(job);
        let wake = waiting.idle > 0;
        drop(waiting);
        if wake {
            self.ready.notify_one();
        }
        Ok(())
    }

    /// Waits for a job; `None` after `close` when none is left.
    pub(super) fn pop(&self) -> Option<J> {
        let mut waiting = self.wait();
        let job = waiting.jobs.pop_front();
        drop(waiting);
        if job.is_some() {
            self.places.add_permits(1);
        }
        job
    }

    /// Waits for a job and takes all that wait, at most `limit`; false after `close` when none is left.
    pub(super) fn pop_all(&self, limit: usize, into: &mut VecDeque<J>) -> bool {
        let mut waiting = self.wait();
        let taken = waiting.jobs.len().min(limit);
        into.extend(waiting.jobs.drain(..taken));
        drop(waiting);
        self.places.add_permits(taken);
        taken > 0
    }

    pub(super) fn len(&self) -> usize {
        self.lock().jobs.len()
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.places.close();
        self.ready.notify_all();
    }

    fn wait(&self) -> MutexGuard<'_, Waiting<J>> {
        let mut waiting = self.lock();
        while waiting.jobs.is_empty() && !waiting.closed {
            waiting.idle += 1;
            waiting = self
                .ready
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
            waiting.idle -= 1;
        }
        waiting
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<J>> {
        // No code of a caller runs under the lock, so the state is whole even after a panic.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for a future on a thread that runs no async code: the command line, tests.
pub(super) fn wait_for<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}
