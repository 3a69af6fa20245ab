//! Works one lane: claims, sends and records side by side until nothing is due or the lane closes.
//!
//! Three parts joined by two channels. The claimer stays a batch ahead of the sender, the recorder writes whatever
//! has ended since its last transaction; so the endpoint never waits for the disk, nor the disk for the endpoint.
//! Invariants: the lease of the lane is renewed until the last outcome is written; on a closed lane (held,
//! misconfigured, node stopping) what was claimed and not begun goes back unsent. Weakness: if outcomes cannot be
//! written, their deliveries are sent again, under the same keys, when the lease has run out.

mod bulk;

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt as _, stream};
use tokio::{sync::mpsc, time::Instant};
use tokio_stream::wrappers::ReceiverStream;
use yuezhi_channels::Channel;
use yuezhi_store::lanes;

use super::{
    claim::{Ask, Claim, claim},
    prepare::{Desk, Letter},
    record::{Batch, Done, End, Watch},
};
use crate::{actions::ActionError, app::App};

/// After a crash another node (or the restarted one) goes on so much later.
const LANE_LEASE: Duration = Duration::from_secs(5);
const RENEWED_EVERY: Duration = Duration::from_millis(1500);
/// Only a backstop: claimed deliveries are freed with their lane.
const DELIVERY_LEASE: Duration = Duration::from_mins(10);
/// The largest claim, and the most outcomes in one transaction.
const BATCH: usize = 1_000;
/// Of a lane with a pace: enough to see a burst whole.
const PACED_CLAIM: usize = 200;
/// A batch should keep the lane busy for about so long.
const BATCH_LASTS: Duration = Duration::from_secs(2);
/// How often a transaction that records outcomes is tried.
const TRIES: usize = 3;

/// Returns when the lane rests; whether something was claimed.
pub(super) async fn work(app: &App, channel: &Arc<dyn Channel>) -> Result<bool, ActionError> {
    let lane = Lane {
        app,
        channel,
        closed: AtomicBool::new(false),
    };
    let working = async {
        if channel.limits().people_per_call > 1 {
            let (done_in, done) = mpsc::channel(4 * BATCH);
            let (claimed, recorded) =
                tokio::join!(lane.work_sets(done_in), lane.record_all(done));
            return (claimed, (), recorded);
        }
        let (letters_in, letters) = mpsc::channel(1);
        let (done_in, done) = mpsc::channel(4 * BATCH);
        tokio::join!(
            lane.claim_all(letters_in, done_in.clone()),
            lane.send_all(letters, done_in),
            lane.record_all(done)
        )
    };
    // Boxed: the parts hold batches, and a tick holds several lanes.
    let (claimed, (), recorded) = tokio::select! {
        ended = Box::pin(working) => ended,
        never = lane.renew_for_ever() => match never {},
    };
    let released = lane.release().await;
    recorded?;
    let claimed = claimed?;
    released?;
    Ok(claimed)
}

struct Lane<'a> {
    app: &'a App,
    channel: &'a Arc<dyn Channel>,
    /// Nothing more is to be claimed or begun.
    closed: AtomicBool,
}

impl Lane<'_> {
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
        done: mpsc::Sender<Done>,
    ) -> Result<bool, ActionError> {
        let limits = self.channel.limits();
        let mut desk = Desk::new(self.app, self.channel.lane(), limits.personal);
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
                drop(done.send(settled).await);
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

    async fn send_all(&self, letters: mpsc::Receiver<Vec<Letter>>, done: mpsc::Sender<Done>) {
        ReceiverStream::new(letters)
            .flat_map(stream::iter)
            .map(|letter| self.send(letter))
            .buffer_unordered(self.channel.limits().in_flight.max(1))
            // Only fails when the work is being dropped.
            .for_each(async |one| drop(done.send(one).await))
            .await;
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

    async fn record_all(&self, mut done: mpsc::Receiver<Done>) -> Result<(), ActionError> {
        let mut ended = Vec::with_capacity(BATCH);
        while done.recv_many(&mut ended, BATCH).await > 0 {
            let watch = Watch::of(self.channel.as_ref());
            let jitter = || self.app.jitter();
            let batch = Batch::of(std::mem::take(&mut ended), self.app.now(), &jitter, watch);
            batch.log(self.channel.lane());
            let notices = batch.notices.clone();
            if let Err(error) = self.record(batch).await {
                self.close();
                return Err(error);
            }
            // Beyond a handful it is cheaper to tell every open page to look.
            match notices.as_slice() {
                many if many.len() > 8 => self.app.announce(0),
                few => few
                    .iter()
                    .for_each(|notice_no| self.app.announce(*notice_no)),
            }
        }
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
