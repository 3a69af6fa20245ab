//! Works one lane: claims, sends and records side by side until nothing is due or the lane closes.
//!
//! Three parts joined by two channels. The claimer stays a batch ahead of the sender, every message is sent by a task
//! of its own (so that all cores send), the recorder writes whatever has ended since its last transaction.
//! Invariants: a message counts as in flight until its outcome is on record, so a crash repeats at most
//! `Limits::in_flight`; only where answers come quicker than a disk writes, outcomes may wait, and a crash repeats at
//! most `Limits::unrecorded`; the lease of the lane is renewed until the last outcome is written; on a closed lane (held, misconfigured, node
//! stopping) what was claimed and not begun goes back unsent. Weakness: if outcomes cannot be written, their
//! deliveries are sent again, under the same keys, when the lease has run out.

mod bulk;

use std::{
    collections::BTreeSet,
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinSet,
    time::Instant,
};
use yuezhi_channels::Channel;
use yuezhi_store::lanes;

use super::{
    claim::{Ask, Claim, claim},
    prepare::{Desk, Letter},
    record::{Batch, Done, End, Watch},
};
use crate::{actions::ActionError, app::App};

/// After a crash another node (or the restarted one) goes on so much later. Nodes whose clocks differ by more than
/// what is left of it at a renewal would take lanes from each other.
pub(super) const LANE_LEASE: Duration = Duration::from_millis(3500);
const RENEWED_EVERY: Duration = Duration::from_secs(1);
/// Only a backstop: claimed deliveries are freed with their lane.
const DELIVERY_LEASE: Duration = Duration::from_mins(10);
/// The largest claim, and the most outcomes in one transaction. Outcomes wait for a claim that is being written.
const BATCH: usize = 512;
/// Of a lane with a pace: enough to see a burst whole.
const PACED_CLAIM: usize = 200;
/// A batch should keep the lane busy for about so long.
const BATCH_LASTS: Duration = Duration::from_secs(2);
/// An answer that came within this came about as quickly as a disk writes: the next message need not wait for its
/// record.
const QUICK: Duration = Duration::from_millis(10);
/// Open pages are told so often that something changed.
const ANNOUNCED_EVERY: Duration = Duration::from_millis(100);
/// How often a transaction that records outcomes is tried.
const TRIES: usize = 3;

/// Returns when the lane rests; whether something was claimed.
pub(super) async fn work(app: &App, channel: &Arc<dyn Channel>) -> Result<bool, ActionError> {
    let limits = channel.limits();
    let lane = Arc::new(Lane {
        app: app.clone(),
        channel: Arc::clone(channel),
        closed: AtomicBool::new(false),
        in_flight: Arc::new(Semaphore::new(limits.in_flight.max(1))),
        unrecorded: Arc::new(Semaphore::new(limits.unrecorded.max(1))),
    });
    let working = async {
        if channel.limits().people_per_call > 1 {
            let (ended_in, ended) = mpsc::channel(4 * BATCH);
            let (claimed, recorded) =
                tokio::join!(lane.work_sets(ended_in), lane.record_all(ended));
            return (claimed, Ok(()), recorded);
        }
        let (letters_in, letters) = mpsc::channel(1);
        let (ended_in, ended) = mpsc::channel(4 * BATCH);
        tokio::join!(
            lane.claim_all(letters_in, ended_in.clone()),
            send_all(&lane, letters, ended_in),
            lane.record_all(ended)
        )
    };
    // Boxed: the parts hold batches, and a tick holds several lanes.
    let (claimed, sent, recorded) = tokio::select! {
        ended = Box::pin(working) => ended,
        never = lane.renew_for_ever() => match never {},
    };
    let released = lane.release().await;
    recorded?;
    sent?;
    let claimed = claimed?;
    released?;
    Ok(claimed)
}

struct Lane {
    app: App,
    channel: Arc<dyn Channel>,
    /// Nothing more is to be claimed or begun.
    closed: AtomicBool,
    in_flight: Arc<Semaphore>,
    unrecorded: Arc<Semaphore>,
}

/// What became of a message, on its way to the ledger.
struct Ended {
    done: Done,
    /// Free again when this is dropped.
    places: Places,
}

/// What a message occupies until its outcome is on record.
#[derive(Default)]
struct Places {
    /// Given back early after a quick answer.
    _in_flight: Option<OwnedSemaphorePermit>,
    _unrecorded: Option<OwnedSemaphorePermit>,
}

impl Ended {
    /// It occupies no place: nothing was begun, or the calls of a set are counted elsewhere.
    fn unsent(done: Done) -> Self {
        Self {
            done,
            places: Places::default(),
        }
    }
}

/// Every letter in a task of its own. Dropped, it ends them; what they had sent is sent again later.
async fn send_all(
    lane: &Arc<Lane>,
    mut letters: mpsc::Receiver<Vec<Letter>>,
    ended: mpsc::Sender<Ended>,
) -> Result<(), ActionError> {
    let mut tasks = JoinSet::new();
    let whole = |joined: Result<(), _>| {
        joined.map_err(|error| ActionError::internal(format!("a send ended early: {error}")))
    };
    while let Some(batch) = letters.recv().await {
        for letter in batch {
            let unrecorded = place(&lane.unrecorded).await;
            let (lane, ended) = (Arc::clone(lane), ended.clone());
            tasks.spawn(async move {
                // Waited for here: whoever ends hands its place to a letter that is ready to go.
                let in_flight = place(&lane.in_flight).await;
                let begun = Instant::now();
                let done = lane.send(letter).await;
                let places = Places {
                    _in_flight: Some(in_flight).filter(|_| begun.elapsed() >= QUICK),
                    _unrecorded: Some(unrecorded),
                };
                // Only fails when the work is being dropped.
                drop(ended.send(Ended { done, places }).await);
            });
            while let Some(joined) = tasks.try_join_next() {
                whole(joined)?;
            }
        }
    }
    while let Some(joined) = tasks.join_next().await {
        whole(joined)?;
    }
    Ok(())
}

async fn place(of: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    Arc::clone(of)
        .acquire_owned()
        .await
        .expect("the semaphore is never closed")
}

impl Lane {
    fn name(&self) -> String {
        self.channel.lane().to_owned()
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed) || self.app.lanes_at_work.stop.is_cancelled()
    }

    async fn claim_all(
        &self,
        letters: mpsc::Sender<Vec<Letter>>,
        ended: mpsc::Sender<Ended>,
    ) -> Result<bool, ActionError> {
        let limits = self.channel.limits();
        let mut desk = Desk::new(&self.app, self.channel.lane(), limits.personal);
        let mut limit = if limits.pace.is_some() {
            PACED_CLAIM
        } else {
            (limits.in_flight * 4).clamp(16, BATCH)
        };
        let mut any = false;
        let mut last = Instant::now();
        // No permit: the sender is gone, which only happens when the work is being dropped.
        while let Ok(permit) = letters.reserve().await {
            if self.is_closed() {
                break;
            }
            let claim = self.claim(limit).await?;
            any |= claim.moved;
            let more = claim.more;
            let prepared = desk.prepare(claim).await?;
            for settled in prepared.settled {
                drop(ended.send(Ended::unsent(settled)).await);
            }
            permit.send(prepared.letters);
            if !more {
                break;
            }
            if limits.pace.is_none() {
                limit = next_limit(limit, limits.in_flight, last.elapsed());
                last = Instant::now();
            }
        }
        Ok(any)
    }

    async fn claim(&self, limit: usize) -> Result<Claim, ActionError> {
        let limits = self.channel.limits();
        let now = self.app.now();
        let ask = Ask {
            lane: self.name(),
            owner: self.app.node.clone(),
            now,
            lane_until: now.plus(LANE_LEASE),
            until: now.plus(DELIVERY_LEASE),
            limit,
            pace: limits.pace,
            merges: limits.coalesce_above.is_some(),
        };
        self.app
            .db
            .write(move |tx| Ok::<_, ActionError>(claim(tx, &ask)?))
            .await
    }

    async fn send(&self, mut letter: Letter) -> Done {
        if self.is_closed() {
            return Done {
                members: letter.members,
                end: End::Unsent,
            };
        }
        letter.post.now = self.app.now();
        let outcome = self.channel.send(&letter.post).await;
        let end = End::Attempted {
            outcome,
            at: self.app.now(),
        };
        if end.closes_lane() {
            self.close();
        }
        Done {
            members: letter.members,
            end,
        }
    }

    async fn record_all(&self, mut ended: mpsc::Receiver<Ended>) -> Result<(), ActionError> {
        let mut some = Vec::with_capacity(BATCH);
        let mut news = News::default();
        loop {
            let received = ended.recv_many(&mut some, BATCH);
            let count = match news.due_at() {
                None => received.await,
                Some(at) => match tokio::time::timeout_at(at, received).await {
                    Ok(count) => count,
                    Err(_) => {
                        news.announce(&self.app);
                        continue;
                    }
                },
            };
            if count == 0 {
                break;
            }
            let (done, places): (Vec<Done>, Vec<_>) =
                some.drain(..).map(|one| (one.done, one.places)).unzip();
            let watch = Watch::of(self.channel.as_ref());
            let jitter = || self.app.jitter();
            let batch = Batch::of(done, self.app.now(), &jitter, watch);
            batch.log(self.channel.lane());
            let notices = batch.notices.clone();
            if let Err(error) = self.record(batch).await {
                self.close();
                return Err(error);
            }
            drop(places);
            // Whoever has an answer waiting says so first: fewer, larger transactions.
            tokio::task::yield_now().await;
            news.add(notices);
            if news.due_at().is_some_and(|at| at <= Instant::now()) {
                news.announce(&self.app);
            }
        }
        news.announce(&self.app);
        Ok(())
    }

    async fn record(&self, batch: Batch) -> Result<(), ActionError> {
        let batch = Arc::new(batch);
        let mut tried = 0;
        loop {
            let (batch, lane, owner) = (Arc::clone(&batch), self.name(), self.app.node.clone());
            let written = self
                .app
                .db
                .write(move |tx| Ok::<_, ActionError>(batch.write(tx, &lane, &owner)?))
                .await;
            tried += 1;
            // Guarded by the lease's owner: what a lost answer had written already is left alone.
            if written.is_ok() || tried == TRIES {
                return written;
            }
        }
    }

    async fn renew_for_ever(&self) -> Infallible {
        loop {
            tokio::time::sleep(RENEWED_EVERY).await;
            let now = self.app.now();
            let (lane, owner) = (self.name(), self.app.node.clone());
            let renewed = self
                .app
                .db
                .write(move |tx| {
                    Ok::<_, ActionError>(lanes::acquire(
                        tx,
                        &lane,
                        &owner,
                        now,
                        now.plus(LANE_LEASE),
                    )?)
                })
                .await;
            match renewed {
                Ok(true) => {}
                // Another node took over; what is in flight ends, nothing more is begun.
                Ok(false) => self.close(),
                Err(error) => {
                    tracing::warn!(lane = self.channel.lane(), %error, "the lane's lease could not be renewed");
                }
            }
        }
    }

    async fn release(&self) -> Result<(), ActionError> {
        let (lane, owner) = (self.name(), self.app.node.clone());
        self.app
            .db
            .write(move |tx| Ok::<_, ActionError>(lanes::release_lease(tx, &lane, &owner)?))
            .await?;
        Ok(())
    }
}

/// Notices whose open pages are to look again.
#[derive(Default)]
struct News {
    notices: BTreeSet<i64>,
    told: Option<Instant>,
}

impl News {
    fn add(&mut self, notices: Vec<i64>) {
        self.notices.extend(notices);
    }

    /// When pages are to be told, if there is anything to tell.
    fn due_at(&self) -> Option<Instant> {
        let next = self
            .told
            .map_or_else(Instant::now, |told| told + ANNOUNCED_EVERY);
        (!self.notices.is_empty()).then_some(next)
    }

    fn announce(&mut self, app: &App) {
        let notices = std::mem::take(&mut self.notices);
        self.told = Some(Instant::now());
        // Beyond a handful it is cheaper to tell every open page to look.
        if notices.len() > 8 {
            app.announce(0);
        } else {
            for notice_no in notices {
                app.announce(notice_no);
            }
        }
    }
}

/// Larger while batches are sent quickly, smaller when one takes long: what is claimed waits in memory, and a node
/// that stops gives back as little as possible.
fn next_limit(limit: usize, in_flight: usize, took: Duration) -> usize {
    let wanted = if took * 2 < BATCH_LASTS {
        limit * 2
    } else if took > BATCH_LASTS * 2 {
        limit / 2
    } else {
        limit
    };
    wanted.clamp((in_flight * 2).clamp(16, BATCH), BATCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_claim_grows_on_a_fast_lane_and_shrinks_on_a_slow_one() {
        let fast = Duration::from_millis(10);
        let slow = Duration::from_secs(20);
        assert_eq!(
            (0..10).fold(16, |limit, _| next_limit(limit, 4, fast)),
            BATCH
        );
        assert_eq!(
            (0..10).fold(BATCH, |limit, _| next_limit(limit, 4, slow)),
            16
        );
        assert_eq!(next_limit(100, 4, BATCH_LASTS), 100);
    }
}
