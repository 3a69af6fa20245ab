//! Holds the DingTalk Stream connection of a node: what DingTalk tells comes in here.
//!
//! Started and stopped with the node, beside the ticking workers: it waits for others, not for time. Invariant: after
//! [`Stream::stop`] nothing that came is half done. Every node holds its own connection; the platform picks one for
//! each push. Weakness: without it (switched off, no keys) buttons and replies do nothing, unless the HTTP callback
//! is configured.

use std::{sync::Arc, time::Duration};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use yuezhi_channels::stream::{Handler, LinkOptions, LinkStatus, StreamLink};

use crate::{actions::hear_dingtalk, app::App};

/// The platform asks for patience; doubled with each failure, up to a minute.
const RETRY_BASE: Duration = Duration::from_secs(1);

/// A held connection.
pub struct Stream {
    app: App,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// How the connection is, for whoever shows it.
pub type Watcher = Arc<dyn Fn() -> LinkStatus + Send + Sync>;

impl Stream {
    /// Connects; `None` where Stream is switched off or the app's keys are not configured.
    pub fn start(app: &App) -> Option<Self> {
        Self::start_patient(app, RETRY_BASE)
    }

    /// As [`Self::start`], with another first wait after a connection that failed.
    pub fn start_patient(app: &App, retry_base: Duration) -> Option<Self> {
        if !app.config.dingtalk.stream {
            return None;
        }
        let dingtalk = Arc::clone(app.channels().app()?);
        let (clock, ids, hearing) = (app.clock.clone(), app.ids.clone(), app.clone());
        let mut options = LinkOptions::new(
            move || clock.now(),
            move || {
                let mut bytes = [0u8; 8];
                ids.fill(&mut bytes);
                u64::from_le_bytes(bytes)
            },
        );
        options.retry_base = retry_base;
        let handler: Handler = Arc::new(move |inbound| {
            let app = hearing.clone();
            Box::pin(async move { hear_dingtalk::hear(&app, inbound).await })
        });
        let link = StreamLink::start(dingtalk, options, handler);
        app.watch_stream(Some(Arc::new(link.watcher())));
        let stop = CancellationToken::new();
        Some(Self {
            app: app.clone(),
            task: tokio::spawn(link.run_until(stop.clone())),
            stop,
        })
    }

    /// Takes nothing more, finishes what came, and disconnects.
    pub async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the DingTalk Stream connection ended badly");
        }
        self.app.watch_stream(None);
    }
}
