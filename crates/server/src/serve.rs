//! Brings a node up and takes it down: database, workers, listener.
//!
//! Called by `yuezhi serve`, by `yuezhi demo` and by tests that need a real socket. Invariant: on a signal no request
//! is cut off and no tick is left half done; what was claimed and not sent is due again when its lease ends.

use std::{net::SocketAddr, time::Duration};

use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use yuezhi_domain::IdSource;
use yuezhi_store::{DatabaseConfig as StoreConfig, Db};

use crate::{
    actions::ActionError,
    app::App,
    clock::Clock,
    config::Config,
    http,
    workers::{Workers, stream::Stream},
};

/// A running node.
pub struct Node {
    pub app: App,
    pub address: SocketAddr,
    stop: CancellationToken,
    server: JoinHandle<()>,
    workers: Workers,
    stream: Option<Stream>,
}

/// How long open connections get to finish.
const FAREWELL: Duration = Duration::from_secs(10);

impl Node {
    /// Starts workers and listener on an address that is already bound.
    pub fn start(app: App, listener: TcpListener) -> Result<Self, ActionError> {
        let address = listener.local_addr().map_err(ActionError::internal)?;
        let router = http::router(app.clone())?;
        let stop = CancellationToken::new();
        let stopping = stop.clone();
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let server = tokio::spawn(async move {
            let serving =
                axum::serve(listener, service).with_graceful_shutdown(stopping.cancelled_owned());
            if let Err(error) = serving.await {
                tracing::error!(%error, "the listener ended");
            }
        });
        let workers = Workers::start(&app);
        let stream = Stream::start(&app);
        Ok(Self {
            app,
            address,
            stop,
            server,
            workers,
            stream,
        })
    }

    /// Stops taking requests, finishes what is under way.
    pub async fn stop(self) {
        self.stop.cancel();
        self.app.close_streams();
        // First, so that what comes in is still worked on and metered.
        if let Some(stream) = self.stream {
            stream.stop().await;
        }
        self.workers.stop().await;
        if tokio::time::timeout(FAREWELL, self.server).await.is_err() {
            tracing::warn!("some connections did not end in time");
        }
    }
}

/// Opens the database the configuration names.
pub async fn open_database(config: &Config) -> Result<Db, ActionError> {
    let store = store_config(config);
    tokio::task::spawn_blocking(move || Db::open(&store))
        .await
        .map_err(ActionError::internal)?
        .map_err(ActionError::internal)
}

/// Where the configured database is.
pub fn store_config(config: &Config) -> StoreConfig {
    StoreConfig::new(&config.database.url).with_password(config.database.password.clone())
}

/// The operating system's randomness as the source of ids and secrets.
pub fn system_ids() -> IdSource {
    struct System;
    impl yuezhi_domain::Random for System {
        fn fill(&mut self, bytes: &mut [u8]) {
            rand::fill(bytes);
        }
    }
    IdSource::new(System)
}

/// Waits for Ctrl-C or a termination signal.
pub async fn until_told_to_stop() {
    let interrupt = tokio::signal::ctrl_c();
    let mut terminate =
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(signal) => signal,
            Err(error) => {
                tracing::warn!(%error, "no termination signal on this system");
                drop(interrupt.await);
                return;
            }
        };
    tokio::select! {
        _ = interrupt => {}
        _ = terminate.recv() => {}
    }
}

/// Starts everything a configuration describes, on the machine's clock.
pub async fn start(config: Config, clock: Clock) -> Result<Node, ActionError> {
    let db = open_database(&config).await?;
    let listener = TcpListener::bind(&config.server.listen)
        .await
        .map_err(|error| {
            ActionError::internal(format!(
                "cannot listen on {}: {error}. Choose another address with server.listen.",
                config.server.listen
            ))
        })?;
    let mut config = config;
    if config.server.public_url.is_none() {
        let address = listener.local_addr().map_err(ActionError::internal)?;
        config.server.public_url = Some(format!("http://{address}"));
    }
    let app = App::start(crate::app::Start {
        config,
        db,
        clock,
        ids: system_ids(),
        demo: None,
    })
    .await?;
    Node::start(app, listener)
}
