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
mod app;
mod encode;
mod error;
mod http;
mod message;
mod oauth;
mod redact;
mod robot;
mod sign;
mod token;
mod verdict;
mod webhook;
mod wire;

pub use app::{App, AppConfig};
pub use encode::{BODY_LIMIT_BYTES, Encoded, Template, encode};
pub use error::{
    ApiRefusal, Error, MessageProblem, OapiRefusal, OddAnswer, Oddity, Transport, TransportPhase,
};
pub use http::{Endpoints, Http, Timeouts};
pub use message::{At, Button, Buttons, FeedLink, MENTIONS_LIMIT, Orientation, RobotMessage};
pub use oauth::{LoginError, Member, Visitor};
pub use redact::redact;
pub use robot::{Accepted, Robot, RobotConfig, SendOptions};
pub use sign::Signer;
pub use verdict::{ContentFault, Misconfiguration, Verdict};
pub use webhook::{Secret, SecretError, SecretWarning, Webhook, WebhookError, WebhookParts};
