//! A DingTalk (钉钉) client that stands on its own: custom group robots, access tokens,
//! browser login. It knows nothing of the program around it.
//!
//! Who calls it: a channel hands a [`RobotMessage`] to [`Robot::send`]; the login pages use
//! [`App::login`]. One [`Http`] serves hundreds of robots.
//!
//! Invariant: an answer of HTTP 200 is a success only if its body says so; no error ever
//! shows an access token, a signature or a secret; the time is always an argument.
//!
//! Weakness: the classification of refusals ([`Error::verdict`]) rests on documents and field
//! reports; an error code nobody has seen yet counts as worth a retry.

mod answer;
pub mod api;
mod app;
mod call;
pub mod callback;
pub mod calls;
mod encode;
mod error;
mod http;
pub mod lenient;
mod message;
mod oauth;
mod observe;
pub mod pace;
pub mod probe;
mod reason;
mod redact;
mod robot;
mod sign;
pub mod stream;
mod token;
mod verdict;
mod webhook;
mod wire;

pub use api::{Api, Host, Method, apply_link};
pub use app::{App, AppConfig};
pub use call::{Call, Reply};
pub use calls::app_message::AppMessage;
pub use calls::robot_people::AppRobot;
pub use encode::{BODY_LIMIT_BYTES, Encoded, encode};
pub use error::{
    ApiRefusal, Error, MessageProblem, OapiRefusal, OddAnswer, Oddity, Transport, TransportPhase,
};
pub use http::{Endpoints, Http, Timeouts};
pub use message::{At, Button, Buttons, FeedLink, MENTIONS_LIMIT, Orientation, RobotMessage};
pub use oauth::{LoginError, Member, Visitor};
pub use observe::{CallObserver, CallReport};
pub use pace::Pacer;
pub use reason::Reason;
pub use redact::redact;
pub use robot::{Accepted, Robot, RobotConfig, SendOptions};
pub use sign::Signer;
pub use verdict::{ContentFault, Misconfiguration, Verdict};
pub use webhook::{Secret, SecretError, SecretWarning, Webhook, WebhookError, WebhookParts};
