//! Sends what is due, lane by lane.
//!
//! The tick looks which lanes have something due and may send, and works each of them beside the others; a slow lane
//! delays nobody. A lane is worked by one node at a time, under a short lease that is renewed while it is worked
//! (`lane.rs`): what is claimed there belongs to that lease, so that whatever a dead node left behind is due again
//! within seconds. At least once: a crash between sending and recording sends again under the same key.
//! Invariants: nothing is sent that was not claimed in a committed transaction; pace is reserved in that transaction;
//! nothing here polls, the tick says when something will be due or a dead node's lease runs out. Weakness: a
//! delivery that will be due behind one that waits for its lane's pace is found at the worker's interval.

mod claim;
mod group;
mod key;
mod lane;
mod prepare;
mod record;
mod sets;
mod unworkable;

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::future;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use yuezhi_channels::Channel;
use yuezhi_domain::{Pace, PaceLog, UnixMillis};
use yuezhi_store::{Dialect, deliveries, lanes};

use super::Next;
use crate::{actions::ActionError, app::App};

/// Which lanes this node works; part of [`App`].
#[derive(Debug, Default)]
pub struct LanesAtWork {
    lanes: Mutex<BTreeSet<String>>,
    /// Woken whenever a lane comes to rest.
    rested: Notify,
    /// No more claims: the node stops.
    stop: CancellationToken,
    recovered: AtomicBool,
}

impl LanesAtWork {
    fn begin(&self, lane: &str) -> bool {
        self.lanes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(lane.to_owned())
    }

    fn end(&self, lane: &str) {
        self.lanes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(lane);
        self.rested.notify_waiters();
    }

    fn names(&self) -> BTreeSet<String> {
        self.lanes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Stops claiming, lets what is under way be recorded, returns when every lane rests.
pub async fn stop(app: &App) {
    app.lanes_at_work.stop.cancel();
    while any_at_work(app).await {}
}

/// Whether a lane is being worked; if so, returns when one has come to rest.
async fn any_at_work(app: &App) -> bool {
    let mut rested = std::pin::pin!(app.lanes_at_work.rested.notified());
    rested.as_mut().enable();
    let busy = !app.lanes_at_work.names().is_empty();
    if busy {
        rested.await;
    }
    busy
}

/// Looks once. On a clock that stands still (tests) it also waits for what it set going.
pub async fn tick(app: &App) -> Result<Next, ActionError> {
    run(app, app.clock.is_fixed()).await
}

/// [`tick`], waiting for what it set going. `false`: nothing is left that could be sent now.
pub async fn send_due(app: &App) -> Result<bool, ActionError> {
    let next = run(app, true).await?;
    Ok(next == Next::Now || any_at_work(app).await)
}

async fn run(app: &App, wait: bool) -> Result<Next, ActionError> {
    recover(app).await?;
    let now = app.now();
    let look = look(app, now).await?;
    if look.orphans && reclaim(app, now).await? > 0 {
        return Ok(Next::Now);
    }
    let mut changed = unworkable::mend(app, &look.lanes, now).await?;
    let mut next = look
        .next_due_at
        .filter(|at| *at > now)
        .into_iter()
        .chain(elsewhere_until(&look.lanes, &app.node, now))
        .min();
    let mut ready = Vec::new();
    for row in look.lanes.iter().filter(|row| look.due.contains(&row.name)) {
        let Some(channel) = app.channels().get(&row.name).cloned() else {
            changed |= unworkable::settle(app, &row.name, now).await?;
            continue;
        };
        match waits_for_pace(&row.pace_log, channel.limits().pace, now) {
            Some(at) => next = Some(next.map_or(at, |next| next.min(at))),
            None if app.lanes_at_work.begin(&row.name) => ready.push(AtWork {
                app: app.clone(),
                channel,
            }),
            None => {}
        }
    }
    if wait {
        for worked in future::join_all(ready.into_iter().map(AtWork::work)).await {
            changed |= worked?;
        }
    } else {
        for lane in ready {
            tokio::spawn(lane.work_and_wake());
        }
    }
    Ok(if changed {
        Next::Now
    } else {
        next.map_or(Next::Idle, Next::At)
    })
}

struct Look {
    /// Something is marked as being sent by nobody.
    orphans: bool,
    due: Vec<String>,
    lanes: Vec<lanes::Lane>,
    next_due_at: Option<UnixMillis>,
}

async fn look(app: &App, now: UnixMillis) -> Result<Look, ActionError> {
    let mine: Vec<String> = app.lanes_at_work.names().into_iter().collect();
    app.db
        .read(move |tx| {
            Ok::<_, ActionError>(Look {
                orphans: deliveries::has_orphans(tx, now, &mine)?,
                due: deliveries::lanes_with_due(tx, now)?,
                lanes: lanes::list(tx)?,
                next_due_at: deliveries::next_due_at(tx)?,
            })
        })
        .await
}

async fn reclaim(app: &App, now: UnixMillis) -> Result<u64, ActionError> {
    let mine: Vec<String> = app.lanes_at_work.names().into_iter().collect();
    let reclaimed = app
        .db
        .write(move |tx| Ok::<_, ActionError>(deliveries::reclaim_orphans(tx, now, &mine)?))
        .await?;
    if reclaimed > 0 {
        tracing::warn!(
            deliveries = reclaimed,
            "deliveries of a node that stopped are due again"
        );
    }
    Ok(reclaimed)
}

/// On SQLite there is one node: at its start every lease is a dead one's, and nothing needs to wait for it to run out.
async fn recover(app: &App) -> Result<(), ActionError> {
    if app.lanes_at_work.recovered.swap(true, Ordering::Relaxed)
        || app.db.dialect() != Dialect::Sqlite
    {
        return Ok(());
    }
    let node = app.node.clone();
    app.db
        .write(move |tx| {
            for lane in lanes::list(tx)? {
                if let Some(owner) = lane.lease_owner.filter(|owner| *owner != node) {
                    lanes::release_lease(tx, &lane.name, &owner)?;
                }
            }
            Ok(())
        })
        .await
}

/// When the first of the lanes that other nodes work would be free if its node had died.
fn elsewhere_until(lanes: &[lanes::Lane], node: &str, now: UnixMillis) -> Option<UnixMillis> {
    lanes
        .iter()
        .filter(|lane| {
            lane.lease_owner
                .as_deref()
                .is_some_and(|owner| owner != node)
        })
        .filter_map(|lane| lane.lease_until.filter(|until| *until >= now))
        .map(|until| until.plus(Duration::from_millis(1)))
        .min()
}

/// When the lane may send again, if not now.
fn waits_for_pace(log: &PaceLog, pace: Option<Pace>, now: UnixMillis) -> Option<UnixMillis> {
    let pace = pace?;
    let mut log = log.clone();
    (log.available(pace, now) == 0).then(|| log.allow(pace, now, 0).next_at)
}

/// A lane that this node has begun to work; at rest again when dropped.
struct AtWork {
    app: App,
    channel: Arc<dyn Channel>,
}

impl AtWork {
    /// Whether something was claimed.
    async fn work(self) -> Result<bool, ActionError> {
        lane::work(&self.app, &self.channel).await
    }

    async fn work_and_wake(self) {
        let app = self.app.clone();
        let name = self.channel.lane().to_owned();
        match self.work().await {
            // What came in after the last claim found the lane at work: look again.
            Ok(true) => app.wake(),
            Ok(false) => {}
            Err(error) => {
                tracing::error!(lane = %name, %error, "a lane could not be worked; next try at the interval");
            }
        }
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.app.lanes_at_work.end(self.channel.lane());
    }
}

#[cfg(test)]
mod tests;
