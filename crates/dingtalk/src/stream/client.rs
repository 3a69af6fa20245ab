//! Keeps a number of connections open, each in its slot, and ends them in order.
//!
//! Caller: the program's start; it keeps the [`StreamClient`] and stops it at the end.
//! Invariant: when the gateway asks to leave (`disconnect`), the new connection is open before the
//! old one is closed, so nothing is lost in between; every connection has a ticket of its own; a
//! failing gateway is asked ever more rarely, down to once a minute.
//! Weakness: a second program with the same Client ID takes part of the pushes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::dispatch::{Dispatch, Push};
use super::link::{Link, LinkEnd, Stop};
use super::open::{OpenError, Socket, open};
use super::options::{Sources, StreamOptions};
use super::responder::Responder;
use super::status::{ConnectionState, ConnectionStatus, ProblemKind, StreamStatus};
use crate::app::AppConfig;
use crate::http::{Endpoints, Http};

/// A running client. Dropping it closes the connections without waiting for anything.
pub struct StreamClient {
    stop: watch::Sender<Option<Instant>>,
    status: watch::Receiver<StreamStatus>,
    slots: JoinSet<()>,
    dispatch: Arc<Dispatch>,
}

/// How a client stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    /// Handlers that were still running and were dropped.
    pub handlers_dropped: usize,
}

impl StreamClient {
    /// Starts connecting; must be called in a runtime of tokio.
    ///
    /// `handler` is called for every event and callback, many at once. It answers by its
    /// [`Responder`] as soon as the push is safely kept and may go on working afterwards.
    pub fn start<F, Fut>(
        http: Http,
        endpoints: Endpoints,
        app: AppConfig,
        options: StreamOptions,
        sources: Sources,
        handler: F,
    ) -> Self
    where
        F: Fn(Push, Responder) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let connections = vec![ConnectionStatus::default(); options.connections];
        let (sender, status) = watch::channel(StreamStatus {
            connections,
            ..StreamStatus::default()
        });
        let handler = Box::new(move |push, responder| {
            let handling: super::dispatch::Handling = Box::pin(handler(push, responder));
            handling
        });
        let dispatch = Arc::new(Dispatch::new(options, sources, sender, handler));
        let stop = watch::Sender::new(None);
        let gateway = Arc::new(Gateway {
            http,
            endpoints,
            app,
        });
        let mut slots = JoinSet::new();
        for number in 0..dispatch.options.connections {
            let slot = Slot {
                number,
                dispatch: Arc::clone(&dispatch),
                gateway: Arc::clone(&gateway),
                stop: stop.subscribe(),
                failures: 0,
                opened: 0,
                leaving: JoinSet::new(),
            };
            slots.spawn(slot.run());
        }
        Self {
            stop,
            status,
            slots,
            dispatch,
        }
    }

    /// The state, now and whenever it changes.
    pub fn status(&self) -> watch::Receiver<StreamStatus> {
        self.status.clone()
    }

    /// Reads nothing more, lets the handlers finish and their answers go out, and closes; all
    /// that in at most `within`.
    pub async fn stop(mut self, within: Duration) -> Stopped {
        let until = Instant::now() + within;
        self.stop.send_replace(Some(until));
        let handlers_dropped = self.dispatch.finish(sleep_until(until)).await;
        let _ = timeout_at(until + CLOSING, async {
            while self.slots.join_next().await.is_some() {}
        })
        .await;
        Stopped { handlers_dropped }
    }
}

/// What closing a connection may take beyond the time given to handlers.
const CLOSING: Duration = Duration::from_secs(2);

impl Drop for StreamClient {
    fn drop(&mut self) {
        self.stop.send_if_modified(|stop| {
            let is_running = stop.is_none();
            if is_running {
                *stop = Some(Instant::now());
            }
            is_running
        });
        self.slots.detach_all();
    }
}

impl std::fmt::Debug for StreamClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamClient")
            .field("connections", &self.slots.len())
            .finish_non_exhaustive()
    }
}

struct Gateway {
    http: Http,
    endpoints: Endpoints,
    app: AppConfig,
}

/// One of the wished connections.
struct Slot {
    number: usize,
    dispatch: Arc<Dispatch>,
    gateway: Arc<Gateway>,
    stop: Stop,
    failures: u32,
    opened: u64,
    /// Links whose replacement is open.
    leaving: JoinSet<LinkEnd>,
}

struct Running {
    task: JoinHandle<LinkEnd>,
    go_away: oneshot::Receiver<()>,
    replaced: oneshot::Sender<()>,
    since: Instant,
}

enum Change {
    GoAway,
    Ended(LinkEnd),
    Stop,
}

impl Slot {
    async fn run(mut self) {
        let mut leaving: Option<Running> = None;
        while let Some(socket) = self.connect(leaving.as_ref()).await {
            let mut link = self.begin(socket);
            if let Some(old) = leaving.take() {
                self.let_go(old);
            }
            while self.leaving.try_join_next().is_some() {}
            match self.watch(&mut link).await {
                Change::GoAway => {
                    self.count(link.since.elapsed());
                    leaving = Some(link);
                    // The first replacement comes at once; a gateway that turns everybody away
                    // is asked more rarely.
                    if self.failures > 1 && !self.pause(self.failures - 2, false).await {
                        break;
                    }
                }
                Change::Ended(end) => {
                    self.note_end(&end);
                    self.count(end.lived);
                    if !self
                        .pause(self.failures.saturating_sub(1), self.failures == 0)
                        .await
                    {
                        break;
                    }
                }
                Change::Stop => {
                    leaving = Some(link);
                    break;
                }
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
                    let failures = if is_auth { u32::MAX } else { self.failures };
                    self.failures = self.failures.saturating_add(1);
                    if !self.pause(failures, false).await {
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
        let task = tokio::spawn(Box::pin(link.run(was_replaced, self.stop.clone())));
        self.opened += 1;
        let reconnects = self.opened - 1;
        self.update(|connection, now_ms| {
            connection.state = ConnectionState::Connected;
            connection.connected_since_ms = Some(now_ms);
            connection.reconnects = reconnects;
        });
        Running {
            task,
            go_away,
            replaced,
            since: Instant::now(),
        }
    }

    /// The old link reads on for a while, now that its replacement is open.
    fn let_go(&mut self, old: Running) {
        let _ = old.replaced.send(());
        self.leaving.spawn(async move {
            old.task.await.unwrap_or(LinkEnd {
                lived: Duration::ZERO,
                problem: None,
            })
        });
    }

    async fn watch(&mut self, link: &mut Running) -> Change {
        tokio::select! {
            () = stopped(&mut self.stop) => Change::Stop,
            Ok(()) = &mut link.go_away => Change::GoAway,
            end = &mut link.task => Change::Ended(end.unwrap_or(LinkEnd {
                lived: Duration::ZERO,
                problem: Some((ProblemKind::Closed, "the connection's task failed".to_owned())),
            })),
        }
    }

    fn count(&mut self, lived: Duration) {
        let is_healthy = lived >= self.dispatch.options.healthy_after;
        self.failures = if is_healthy {
            0
        } else {
            self.failures.saturating_add(1)
        };
    }

    /// Waits before the next try. False: stopping.
    async fn pause(&mut self, failures: u32, only_jitter: bool) -> bool {
        let dispatch = &self.dispatch;
        let random = (dispatch.sources.random)();
        let wait = if only_jitter {
            dispatch.options.jitter(random)
        } else {
            dispatch.options.wait(failures, random)
        };
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

    fn note_end(&self, end: &LinkEnd) {
        self.note_disconnected();
        if let Some((kind, detail)) = &end.problem {
            self.note_problem(*kind, detail);
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
