//! How a Stream client is doing, for a console.
//!
//! Callers: the client writes, everybody with a receiver of
//! [`StreamClient::status`](super::StreamClient::status) reads.
//! Invariant: no secret and no content of a push in here.

/// State of a client. Times are Unix milliseconds of the client's clock.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StreamStatus {
    /// One per wished connection.
    pub connections: Vec<ConnectionStatus>,
    /// The last frame of any kind.
    pub last_frame_ms: Option<i64>,
    /// The last event or callback.
    pub last_push_ms: Option<i64>,
    /// Events and callbacks given to the handler.
    pub handled: u64,
    /// Repetitions that were not given to the handler.
    pub repeated: u64,
    /// Pushes the client answered by itself because the handler was slow.
    pub answered_late: u64,
    /// Pushes left unanswered because too many handlers were running.
    pub overloaded: u64,
    /// Handlers dropped because they ran too long.
    pub handlers_dropped: u64,
    /// Frames that could not be read.
    pub unreadable: u64,
    /// Pushes without content because the month's quota is used up, and when the last one came.
    pub over_quota: u64,
    pub over_quota_ms: Option<i64>,
    pub last_error: Option<StreamProblem>,
}

/// State of one connection.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConnectionStatus {
    pub state: ConnectionState,
    /// Of the present connection.
    pub connected_since_ms: Option<i64>,
    /// Connections opened beyond the first.
    pub reconnects: u64,
    /// Failures in a row.
    pub failures: u32,
    pub last_frame_ms: Option<i64>,
    pub last_error: Option<StreamProblem>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConnectionState {
    /// Opening or handshaking.
    #[default]
    Connecting,
    Connected,
    /// Until the next try.
    Waiting,
    Stopped,
}

/// Something that went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamProblem {
    pub at_ms: i64,
    pub kind: ProblemKind,
    /// What happened; redacted.
    pub detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// HTTP 401 `authFailed`: check Client ID and Client Secret; trying goes on once a minute.
    AuthFailed,
    /// The opening call failed.
    Open,
    /// The WebSocket could not be connected.
    Connect,
    /// Nothing came for too long.
    Dead,
    /// The other side closed.
    Closed,
    /// A frame could not be read.
    Unreadable,
}

impl StreamStatus {
    /// At least one connection is open.
    pub fn is_connected(&self) -> bool {
        self.connections
            .iter()
            .any(|connection| connection.state == ConnectionState::Connected)
    }
}
