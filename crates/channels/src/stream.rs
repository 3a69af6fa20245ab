//! What comes from DingTalk: presses on cards, replies to the robot, changes of the directory, reads.
//!
//! Callers: the server's Stream worker ([`StreamLink`]) and its callback address ([`callback`]). Both hand the same
//! [`Inbound`] to one handler, which keeps it and says what to answer.
//! Invariant: the client library is not seen from outside; the platform is answered within its time whatever the
//! handler does (an event that was not taken comes again); a repeated push reaches the handler once while remembered.
//! Weakness: messages to the robot are not promised to come again; whoever was cut off writes again.

mod callback;
mod inbound;
mod link;
mod say;

pub use callback::{Callback, CallbackKeys, CallbackRefused, HttpAnswer, callback};
pub use inbound::{
    AnnouncementOut, Answer, CardAnswer, CardPress, Change, Inbound, Reply, Saying, Session,
    TodoStep,
};
pub use link::{Handler, LinkOptions, LinkProblem, LinkProblemKind, LinkStatus, StreamLink};
pub use say::say;
