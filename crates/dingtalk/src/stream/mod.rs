//! Stream mode (Stream 模式): events, messages to the robot and clicks on cards through a
//! WebSocket that the app opens itself, so that no public address is needed.
//!
//! Caller: a program starts one [`StreamClient`] per app and gives it a handler.
//! Invariant: every push is answered within the platform's time whatever the handler does; pushes
//! that come twice reach the handler once; pings are answered at once.
//! Weakness: what was pushed while no connection was open may be gone (messages to the robot are
//! not promised to come again), so anything that matters needs a second way.
//!
//! ```no_run
//! # async fn example(http: dingtalk::Http, now_ms: fn() -> i64, random: fn() -> u64) {
//! use dingtalk::stream::{CardResponse, Payload, Sources, StreamClient, StreamOptions};
//! use dingtalk::{AppConfig, Endpoints};
//!
//! let client = StreamClient::start(
//!     http,
//!     Endpoints::default(),
//!     AppConfig::new("dingabc", "secret"),
//!     StreamOptions::default(),
//!     Sources::new(now_ms, random),
//!     |push, responder| async move {
//!         let answer = match push.payload {
//!             Payload::Card(click) if click.param("action").as_deref() == Some("confirm") => {
//!                 responder.card(&CardResponse::unchanged().for_clicker("confirmed", "true"))
//!             }
//!             _ => responder.success(),
//!         };
//!         if answer.is_err() { /* too late: change the card by the update call */ }
//!     },
//! );
//! client.stop(std::time::Duration::from_secs(10)).await;
//! # }
//! ```

mod client;
mod dispatch;
mod frame;
mod link;
mod liveness;
mod open;
mod options;
mod payload;
mod responder;
mod seen;
mod session;
mod slot;
mod status;

pub use client::{Stopped, StreamClient};
pub use dispatch::Push;
pub use frame::{Frame, FrameError, FrameKind};
pub use options::{SilentEvent, Sources, StreamOptions, Subscriptions};
pub use payload::{
    AtUser, BOT_DELEGATE_TOPIC, BOT_TOPIC, BlackboardSent, BotBody, BotMessage,
    CARD_KEY_LIMIT_BYTES, CARD_TOPIC, CARD_VALUE_LIMIT_BYTES, CardCallback, CardResponse,
    CardValueTooLong, ContactEvent, ConversationKind, DepartmentChange, Event, EventBody,
    MessageMark, OVER_QUOTA_CODE, Payload, RichPart, ScopesChanged, Sender, TodoChange, TodoEvent,
    UNMETERED_EVENTS, UserChange, UserDiff, Withheld, is_metered,
};
pub use responder::{AnswerError, Responder};
pub use session::{ReplyError, SessionWebhook};
pub use status::{ConnectionState, ConnectionStatus, ProblemKind, StreamProblem, StreamStatus};
