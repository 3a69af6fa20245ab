//! Work that nobody waits for: sending, reminding, fan-out, watched folders, house-keeping.
//!
//! This file holds the only loop. A worker is an idempotent tick without input: it looks at the database, does what
//! is due, and says when it wants to be called again. It runs at that time, at the latest after its interval, and
//! at once when [`App::wake`] is called. Invariant: what a tick does is decided by rows, so a crash, a second node
//! or a clock jump needs no code of its own. Weakness: a tick that fails is tried again at its next interval only.

pub mod collect_reads;
pub mod dispatch;
pub mod expand;
pub mod follow_up;
pub mod housekeep;
pub mod keep_groups;
pub mod meter;
pub mod remind;
pub mod stream;
pub mod sync_people;
pub mod watch_sources;

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::{FutureExt as _, future::BoxFuture};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use yuezhi_domain::UnixMillis;

use crate::{actions::ActionError, app::App};

/// What a tick says when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Nothing known to be due; call at the interval.
    Idle,
    /// Something is due at this time.
    At(UnixMillis),
    /// More is due already.
    Now,
}

type Tick = fn(&App) -> BoxFuture<'_, Result<Next, ActionError>>;

struct Worker {
    name: &'static str,
    interval: Duration,
    tick: Tick,
}

/// Every worker of a node, one line each.
const WORKERS: &[Worker] = &[
    Worker {
        name: "expand",
        interval: Duration::from_secs(10),
        tick: |app| Box::pin(expand::tick(app)),
    },
    Worker {
        name: "remind",
        interval: Duration::from_secs(20),
        tick: |app| Box::pin(remind::tick(app)),
    },
    Worker {
        name: "dispatch",
        interval: Duration::from_secs(2),
        tick: |app| Box::pin(dispatch::tick(app)),
    },
    Worker {
        name: "follow_up",
        interval: Duration::from_secs(5),
        tick: |app| Box::pin(follow_up::tick(app)),
    },
    Worker {
        name: "collect_reads",
        interval: Duration::from_secs(60),
        tick: |app| Box::pin(collect_reads::tick(app)),
    },
    Worker {
        name: "sync_people",
        interval: Duration::from_secs(60),
        tick: |app| Box::pin(sync_people::tick(app)),
    },
    Worker {
        name: "keep_groups",
        interval: Duration::from_secs(60),
        tick: |app| Box::pin(keep_groups::tick(app)),
    },
    Worker {
        name: "meter",
        interval: Duration::from_secs(5),
        tick: |app| Box::pin(meter::tick(app)),
    },
    Worker {
        name: "watch_sources",
        interval: Duration::from_secs(1),
        tick: |app| Box::pin(watch_sources::tick(app)),
    },
    Worker {
        name: "housekeep",
        interval: Duration::from_mins(10),
        tick: |app| Box::pin(housekeep::tick(app)),
    },
];

/// How long messages that are being sent get to arrive.
const FAREWELL: Duration = Duration::from_secs(15);

/// The running workers of a node.
pub struct Workers {
    app: App,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Workers {
    pub fn start(app: &App) -> Self {
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        for worker in WORKERS {
            tasks.spawn(run(app.clone(), worker, stop.clone()));
        }
        Self {
            app: app.clone(),
            stop,
            tasks,
        }
    }

    /// Lets every tick finish what it has begun, and every lane what it is sending.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
        if let Err(error) = meter::tick(&self.app).await {
            tracing::error!(%error, "the last metered calls were not written down");
        }
        if tokio::time::timeout(FAREWELL, dispatch::stop(&self.app))
            .await
            .is_err()
        {
            tracing::warn!(
                "some messages were still being sent; they are sent again at the next start"
            );
        }
    }
}

async fn run(app: App, worker: &'static Worker, stop: CancellationToken) {
    let mut woken = app.woken();
    loop {
        // Seen before the tick, so that a wake during it is not lost.
        woken.mark_unchanged();
        // A panic is in the log already; the worker must outlive it, or nobody would be reminded until a restart.
        let ticked = AssertUnwindSafe((worker.tick)(&app))
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Err(ActionError::internal("the tick panicked")));
        let wait = match ticked {
            Ok(Next::Now) => continue_unless_stopped(&stop),
            Ok(Next::At(at)) => Some(at.since(app.now()).min(worker.interval)),
            Ok(Next::Idle) => Some(worker.interval),
            Err(error) => {
                tracing::error!(worker = worker.name, %error, "worker tick failed; next try at its interval");
                Some(worker.interval)
            }
        };
        let Some(wait) = wait else { return };
        tokio::select! {
            () = stop.cancelled() => return,
            _ = woken.changed() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

fn continue_unless_stopped(stop: &CancellationToken) -> Option<Duration> {
    (!stop.is_cancelled()).then_some(Duration::ZERO)
}

/// Runs every worker until none has anything due: for tests that crank the clock, and for one-shot commands.
pub async fn run_until_idle(app: &App) -> Result<(), ActionError> {
    const ROUNDS: usize = 10_000;
    for _ in 0..ROUNDS {
        let mut busy = false;
        for worker in WORKERS {
            let next = (worker.tick)(app).await?;
            busy |= next == Next::Now || matches!(next, Next::At(at) if at <= app.now());
        }
        if !busy {
            return Ok(());
        }
    }
    Err(ActionError::internal("the workers did not come to rest"))
}

/// Sends until nothing is due or every lane waits, for at most 20 seconds; where no worker loop runs.
pub async fn send_all(app: &App) -> Result<(), ActionError> {
    const AT_MOST: Duration = Duration::from_secs(20);
    let sending = async {
        while dispatch::send_due(app).await? {}
        Ok(())
    };
    match tokio::time::timeout(AT_MOST, Box::pin(sending)).await {
        Ok(sent) => sent,
        Err(_) => Ok(()),
    }
}
