//! The one answer to one push.
//!
//! Caller: the handler, which gets a [`Responder`] with every push. Whoever answers late is told
//! so; the platform has then been answered already, and a card is changed by the update call.
//! Invariant: every push is answered at most once per frame, in time, whatever the handler does;
//! dropping a responder gives the answer of silence at once.

use std::sync::Arc;

use serde_json::Value;
use thiserror::Error;
use tokio::sync::oneshot;

use super::frame::{Ack, FrameKind};
use super::payload::{CardResponse, CardValueTooLong};
use super::seen::Seen;

/// Answers one push.
#[derive(Debug)]
pub struct Responder {
    kind: FrameKind,
    /// What is answered if nothing is said; `None`: nothing.
    silence: Option<Ack>,
    answer: Option<oneshot::Sender<Ack>>,
    seen: Arc<Seen>,
    id: u64,
}

/// An answer that did not reach the platform.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AnswerError {
    /// The client has answered by itself. Repetitions will get this answer.
    #[error("the answer came after the time the platform allows")]
    Late,
    /// An empty response was sent instead.
    #[error("{0}")]
    Card(#[from] CardValueTooLong),
}

impl Responder {
    pub(super) fn new(
        kind: FrameKind,
        silence: Option<Ack>,
        answer: oneshot::Sender<Ack>,
        seen: Arc<Seen>,
        id: u64,
    ) -> Self {
        Self {
            kind,
            silence,
            answer: Some(answer),
            seen,
            id,
        }
    }

    /// The push is taken: call it as soon as it is safely kept, then go on working.
    pub fn success(mut self) -> Result<(), AnswerError> {
        let ack = if self.kind == FrameKind::Event {
            Ack::event_success()
        } else {
            Ack::response(&Value::Null)
        };
        self.give(ack)
    }

    /// Push it again (events: `LATER`; callbacks: an error, which may or may not come again).
    pub fn later(mut self) -> Result<(), AnswerError> {
        let ack = if self.kind == FrameKind::Event {
            Ack::event_later()
        } else {
            Ack::failure(500, "later")
        };
        self.give(ack)
    }

    /// What the card is to show.
    pub fn card(mut self, response: &CardResponse) -> Result<(), AnswerError> {
        if let Err(too_long) = response.check() {
            self.give(Ack::response(&CardResponse::unchanged().to_json()))?;
            return Err(too_long.into());
        }
        self.give(Ack::response(&response.to_json()))
    }

    /// The object that another callback topic asks for.
    pub fn respond(mut self, response: &Value) -> Result<(), AnswerError> {
        self.give(Ack::response(response))
    }

    /// Nobody here handles this topic (404).
    pub fn unknown_topic(mut self) -> Result<(), AnswerError> {
        self.give(Ack::failure(404, "no handler"))
    }

    /// The time is over; the client has answered by itself.
    pub fn is_late(&self) -> bool {
        self.answer.as_ref().is_none_or(oneshot::Sender::is_closed)
    }

    fn give(&mut self, ack: Ack) -> Result<(), AnswerError> {
        let Some(answer) = self.answer.take() else {
            return Err(AnswerError::Late);
        };
        match answer.send(ack) {
            Ok(()) => Ok(()),
            Err(ack) => {
                if ack.is_final() {
                    self.seen.settle(self.id, &ack);
                } else {
                    self.seen.abandon(self.id);
                }
                Err(AnswerError::Late)
            }
        }
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        if self.answer.is_none() {
            return;
        }
        match self.silence.take() {
            Some(silence) => {
                // Late: the deadline has given the same answer.
                let _ = self.give(silence);
            }
            None => self.seen.abandon(self.id),
        }
    }
}
