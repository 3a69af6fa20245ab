//! A running Stream client: started with a handler, watched, stopped in order.
//!
//! Caller: the program's start; it keeps the [`StreamClient`] and stops it at the end.
//! Invariant: after [`StreamClient::stop`] no handler runs and no connection is open.
//! Weakness: a second program with the same Client ID takes part of the pushes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::dispatch::{Dispatch, Push};
use super::options::{Sources, StreamOptions};
use super::responder::Responder;
use super::slot::{Gateway, Slot};
use super::status::{ConnectionStatus, StreamStatus};
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
            let (dispatch, gateway) = (Arc::clone(&dispatch), Arc::clone(&gateway));
            slots.spawn(Slot::new(number, dispatch, gateway, stop.subscribe()).run());
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
