//! The Stream connections of one app, held until told to stop.
//!
//! Caller: the server's Stream worker. Invariant: an event is answered "taken" only after the handler returned; what it
//! did not take comes again. Weakness: a second program with the same Client ID takes part of the pushes.

use std::sync::Arc;
use std::time::Duration;

use dingtalk::stream::{
    ConnectionState, Payload, ProblemKind, Push, Responder, Sources, StreamClient, StreamOptions,
    StreamStatus,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use yuezhi_domain::UnixMillis;

use super::inbound::{Answer, Inbound};
use super::say::say_or_log;
use crate::app::DingTalkApp;
use crate::channel::BoxFuture;

/// Keeps what came, and says what to answer. Called many times at once.
pub type Handler = Arc<dyn Fn(Inbound) -> BoxFuture<'static, Answer> + Send + Sync>;

/// How to hold the connections.
pub struct LinkOptions {
    /// Connections at once, at least 1; the platform picks one for each push.
    pub connections: usize,
    /// The program's clock.
    pub now: Arc<dyn Fn() -> UnixMillis + Send + Sync>,
    /// The program's source of randomness.
    pub random: Arc<dyn Fn() -> u64 + Send + Sync>,
    /// First wait after a failed connection, doubled up to a minute.
    pub retry_base: Duration,
    /// How long handlers may go on when it stops.
    pub stop_within: Duration,
}

impl LinkOptions {
    pub fn new(
        now: impl Fn() -> UnixMillis + Send + Sync + 'static,
        random: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Self {
        Self {
            connections: 1,
            now: Arc::new(now),
            random: Arc::new(random),
            retry_base: Duration::from_secs(1),
            stop_within: Duration::from_secs(10),
        }
    }
}

/// Running connections. Dropping it closes them.
pub struct StreamLink {
    client: StreamClient,
    status: watch::Receiver<StreamStatus>,
    stop_within: Duration,
}

impl StreamLink {
    /// Starts connecting; must be called in a runtime of tokio.
    pub fn start(app: Arc<DingTalkApp>, options: LinkOptions, handler: Handler) -> Self {
        let LinkOptions {
            connections,
            now,
            random,
            retry_base,
            stop_within,
        } = options;
        let clock = Arc::clone(&now);
        let client = StreamClient::start(
            app.client().http().clone(),
            app.client().endpoints().clone(),
            app.client().config().clone(),
            StreamOptions {
                connections: connections.max(1),
                user_agent: "yuezhi".to_owned(),
                retry_base,
                ..StreamOptions::default()
            },
            Sources::new(move || now().get(), move || random()),
            move |push, responder| {
                take(
                    Arc::clone(&app),
                    Arc::clone(&handler),
                    Arc::clone(&clock),
                    push,
                    responder,
                )
            },
        );
        Self {
            status: client.status(),
            stop_within,
            client,
        }
    }

    pub fn status(&self) -> LinkStatus {
        LinkStatus::of(&self.status.borrow())
    }

    /// Reads the status after the link was given away, for a page.
    pub fn watcher(&self) -> impl Fn() -> LinkStatus + Clone + Send + Sync + 'static {
        let status = self.status.clone();
        move || LinkStatus::of(&status.borrow())
    }

    /// Holds the connections until `stop`, then lets the handlers finish.
    pub async fn run_until(self, stop: CancellationToken) {
        stop.cancelled().await;
        self.client.stop(self.stop_within).await;
    }
}

impl std::fmt::Debug for StreamLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamLink").finish_non_exhaustive()
    }
}

async fn take(
    app: Arc<DingTalkApp>,
    handler: Handler,
    now: Arc<dyn Fn() -> UnixMillis + Send + Sync>,
    push: Push,
    responder: Responder,
) {
    if let Some(interface) = metered(&push.payload) {
        app.count_push(interface);
    }
    let id = push.frame.message_id().unwrap_or_default().to_owned();
    let is_card = matches!(push.payload, Payload::Card(_));
    let inbound = Inbound::of(push.payload, &id);
    let reply = match &inbound {
        Inbound::Reply(reply) => Some(reply.clone()),
        _ => None,
    };
    // An answer that comes too late is no failure here: the client has answered by itself, the handler has kept what
    // came, and a card is brought up to date by its follow-up.
    match (handler(inbound).await, reply) {
        (Answer::Later, _) => drop(responder.later()),
        (Answer::Card(answer), _) if is_card => drop(responder.card(&answer.to_response())),
        (Answer::Say(saying), Some(reply)) => {
            drop(responder.success());
            say_or_log(&app, &reply, &saying, now()).await;
        }
        (Answer::Taken | Answer::Card(_) | Answer::Say(_), _) => drop(responder.success()),
    }
}

/// Counts against the Webhook & Stream quota, and as what. Whether a press on a card does is not documented; it is
/// counted.
fn metered(payload: &Payload) -> Option<&'static str> {
    match payload {
        Payload::Bot(_) => Some("stream_message"),
        Payload::Card(_) => Some("stream_card"),
        Payload::Event(event) if event.is_metered() => Some("stream_event"),
        Payload::Event(_) | Payload::Withheld(_) | Payload::Other(_) => None,
    }
}

/// How the connections are, for a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkStatus {
    /// Wished connections, and how many of them are open.
    pub connections: usize,
    pub open: usize,
    /// The oldest that is open.
    pub connected_since: Option<UnixMillis>,
    pub last_frame: Option<UnixMillis>,
    /// The last event, press or message.
    pub last_push: Option<UnixMillis>,
    pub reconnects: u64,
    pub handled: u64,
    /// Pushed again by the platform and recognised.
    pub repeated: u64,
    /// Answered by the client because the handler was slow.
    pub answered_late: u64,
    /// Pushes without content because the month's quota is used up.
    pub over_quota: u64,
    pub over_quota_at: Option<UnixMillis>,
    pub last_error: Option<LinkProblem>,
}

/// What went wrong last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkProblem {
    pub at: UnixMillis,
    pub kind: LinkProblemKind,
    /// Redacted.
    pub detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkProblemKind {
    /// Client ID or Client Secret is wrong.
    KeysRefused,
    /// No connection came about.
    Unreachable,
    /// The connection was open and ended.
    Lost,
    /// Something arrived that is no frame.
    Unreadable,
}

impl LinkStatus {
    fn of(status: &StreamStatus) -> Self {
        let open = || {
            status
                .connections
                .iter()
                .filter(|connection| connection.state == ConnectionState::Connected)
        };
        Self {
            connections: status.connections.len(),
            open: open().count(),
            connected_since: open()
                .filter_map(|connection| connection.connected_since_ms)
                .min()
                .map(UnixMillis),
            last_frame: status.last_frame_ms.map(UnixMillis),
            last_push: status.last_push_ms.map(UnixMillis),
            reconnects: status
                .connections
                .iter()
                .map(|connection| connection.reconnects)
                .sum(),
            handled: status.handled,
            repeated: status.repeated,
            answered_late: status.answered_late,
            over_quota: status.over_quota,
            over_quota_at: status.over_quota_ms.map(UnixMillis),
            last_error: status.last_error.as_ref().map(|problem| LinkProblem {
                at: UnixMillis(problem.at_ms),
                kind: match problem.kind {
                    ProblemKind::AuthFailed => LinkProblemKind::KeysRefused,
                    ProblemKind::Open | ProblemKind::Connect => LinkProblemKind::Unreachable,
                    ProblemKind::Dead | ProblemKind::Closed => LinkProblemKind::Lost,
                    ProblemKind::Unreadable => LinkProblemKind::Unreadable,
                },
                detail: problem.detail.clone(),
            }),
        }
    }

    pub fn is_connected(&self) -> bool {
        self.open > 0
    }
}
