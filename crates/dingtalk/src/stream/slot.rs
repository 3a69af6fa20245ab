//! One of the connections a client keeps: opened, replaced when the gateway asks to leave, opened
//! again when it is lost.
//!
//! Caller: the client, one task per slot.
//! Invariant: the new connection is open before the old one is closed, so nothing is lost in
//! between; every connection has a ticket of its own; a failing gateway is asked ever more
//! rarely, down to once a minute.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep};

use super::dispatch::Dispatch;
use super::link::{Link, Problem, Stop};
use super::open::{OpenError, Socket, open};
use super::status::{ConnectionState, ConnectionStatus, ProblemKind};
use crate::app::AppConfig;
use crate::http::{Endpoints, Http};

/// What a connection is opened with.
pub(super) struct Gateway {
    pub(super) http: Http,
    pub(super) endpoints: Endpoints,
    pub(super) app: AppConfig,
}

/// One of the wished connections.
pub(super) struct Slot {
    number: usize,
    dispatch: Arc<Dispatch>,
    gateway: Arc<Gateway>,
    stop: Stop,
    failures: u32,
    opened: u64,
    /// Links whose replacement is open.
    leaving: JoinSet<()>,
}

struct Running {
    task: JoinHandle<Option<Problem>>,
    /// Set by the link with the first frame that is not `disconnect`.
    heard: Arc<AtomicBool>,
    go_away: oneshot::Receiver<()>,
    replaced: oneshot::Sender<()>,
    since: Instant,
}

enum Change {
    GoAway,
    Ended(Option<Problem>),
    Stop,
}

impl Slot {
    pub(super) fn new(
        number: usize,
        dispatch: Arc<Dispatch>,
        gateway: Arc<Gateway>,
        stop: Stop,
    ) -> Self {
        Self {
            number,
            dispatch,
            gateway,
            stop,
            failures: 0,
            opened: 0,
            leaving: JoinSet::new(),
        }
    }

    /// Runs until the client stops.
    pub(super) async fn run(mut self) {
        let mut leaving: Option<Running> = None;
        while let Some(socket) = self.connect(leaving.as_ref()).await {
            let mut link = self.begin(socket);
            if let Some(old) = leaving.take() {
                self.let_go(old);
            }
            while self.leaving.try_join_next().is_some() {}
            let change = self.watch(&mut link).await;
            let lived = link.since.elapsed();
            let goes_on = match change {
                Change::GoAway => {
                    self.count(lived, &link);
                    leaving = Some(link);
                    self.pause_before_replacing().await
                }
                Change::Ended(problem) => {
                    self.count(lived, &link);
                    self.note_end(problem);
                    self.pause_after_loss().await
                }
                Change::Stop => {
                    leaving = Some(link);
                    false
                }
            };
            if !goes_on {
                break;
            }
        }
        if let Some(link) = leaving {
            let _ = link.task.await;
        }
        while self.leaving.join_next().await.is_some() {}
        self.update(|connection, _| {
            connection.state = ConnectionState::Stopped;
            connection.connected_since_ms = None;
        });
    }

    /// A connection, however long it takes; `None` when stopping.
    async fn connect(&mut self, old: Option<&Running>) -> Option<Socket> {
        loop {
            if self.stop.borrow().is_some() {
                return None;
            }
            let mut stop = self.stop.clone();
            let attempt = tokio::select! {
                () = stopped(&mut stop) => return None,
                attempt = Box::pin(self.attempt()) => attempt,
            };
            match attempt {
                Ok(socket) => return Some(socket),
                Err(error) => {
                    let is_auth = error.kind == ProblemKind::AuthFailed;
                    self.note_problem(error.kind, &error.detail);
                    if old.is_none_or(|old| old.task.is_finished()) {
                        self.note_disconnected();
                    }
                    // A wrong secret does not heal by asking often.
                    let wait = self.wait(if is_auth { u32::MAX } else { self.failures });
                    self.failures = self.failures.saturating_add(1);
                    if !self.pause(wait).await {
                        return None;
                    }
                }
            }
        }
    }

    async fn attempt(&self) -> Result<Socket, OpenError> {
        let Gateway {
            http,
            endpoints,
            app,
        } = &*self.gateway;
        let options = &self.dispatch.options;
        let ticket = open(http, endpoints, app, options).await?;
        ticket.connect(options.connect_within).await
    }

    fn begin(&mut self, socket: Socket) -> Running {
        let (leave, go_away) = oneshot::channel();
        let (replaced, was_replaced) = oneshot::channel();
        let dispatch = Arc::clone(&self.dispatch);
        let link = Link::new(socket, self.number, dispatch, leave);
        let heard = link.heard();
        let task = tokio::spawn(Box::pin(link.run(was_replaced, self.stop.clone())));
        self.opened += 1;
        let reconnects = self.opened - 1;
        self.update(|connection, now_ms| {
            connection.state = ConnectionState::Connected;
            connection.connected_since_ms = Some(now_ms);
            connection.reconnects = reconnects;
            connection.failures = 0;
        });
        Running {
            task,
            heard,
            go_away,
            replaced,
            since: Instant::now(),
        }
    }

    /// The old link reads on for a while, now that its replacement is open.
    fn let_go(&mut self, old: Running) {
        let _ = old.replaced.send(());
        self.leaving.spawn(async move {
            // How a link ends that is replaced matters to nobody.
            let _ = old.task.await;
        });
    }

    async fn watch(&mut self, link: &mut Running) -> Change {
        tokio::select! {
            () = stopped(&mut self.stop) => Change::Stop,
            Ok(()) = &mut link.go_away => Change::GoAway,
            end = &mut link.task => Change::Ended(end.unwrap_or_else(|_| {
                let detail = "the connection's task failed".to_owned();
                Some((ProblemKind::Closed, detail))
            })),
        }
    }

    /// A connection that lived, or at least carried something, forgets the failures before it.
    fn count(&mut self, lived: Duration, link: &Running) {
        self.failures = if lived >= self.dispatch.options.healthy_after {
            0
        } else if link.heard.load(Ordering::Relaxed) {
            1
        } else {
            self.failures.saturating_add(1)
        };
    }

    /// The first replacement comes at once. A gateway that turns everybody away is asked more
    /// rarely, but still while the old connection is open.
    async fn pause_before_replacing(&mut self) -> bool {
        if self.failures < 2 {
            return true;
        }
        let wait = self.wait(self.failures - 2);
        self.pause(wait.min(self.dispatch.options.drain / 2)).await
    }

    async fn pause_after_loss(&mut self) -> bool {
        let wait = match self.failures {
            0 => self
                .dispatch
                .options
                .jitter((self.dispatch.sources.random)()),
            failures => self.wait(failures - 1),
        };
        self.pause(wait).await
    }

    fn wait(&self, failures: u32) -> Duration {
        let random = (self.dispatch.sources.random)();
        self.dispatch.options.wait(failures, random)
    }

    /// Waits before the next try. False: stopping.
    async fn pause(&mut self, wait: Duration) -> bool {
        let count = self.failures;
        self.update(|connection, _| {
            if connection.state != ConnectionState::Connected {
                connection.state = ConnectionState::Waiting;
            }
            connection.failures = count;
        });
        let goes_on = tokio::select! {
            () = stopped(&mut self.stop) => false,
            () = sleep(wait) => true,
        };
        self.update(|connection, _| {
            if connection.state == ConnectionState::Waiting {
                connection.state = ConnectionState::Connecting;
            }
        });
        goes_on
    }

    fn note_disconnected(&self) {
        self.update(|connection, _| {
            connection.state = ConnectionState::Waiting;
            connection.connected_since_ms = None;
        });
    }

    fn note_end(&self, problem: Option<Problem>) {
        self.note_disconnected();
        if let Some((kind, detail)) = problem {
            self.note_problem(kind, &detail);
        }
    }

    fn note_problem(&self, kind: ProblemKind, detail: &str) {
        let problem = self.dispatch.problem(kind, detail);
        self.dispatch.status.send_modify(|status| {
            if let Some(connection) = status.connections.get_mut(self.number) {
                connection.last_error = Some(problem.clone());
            }
            status.last_error = Some(problem);
        });
    }

    fn update(&self, change: impl FnOnce(&mut ConnectionStatus, i64)) {
        let now_ms = self.dispatch.now_ms();
        self.dispatch.status.send_modify(|status| {
            if let Some(connection) = status.connections.get_mut(self.number) {
                change(connection, now_ms);
            }
        });
    }
}

async fn stopped(stop: &mut Stop) {
    let _ = stop.wait_for(Option::is_some).await;
}
