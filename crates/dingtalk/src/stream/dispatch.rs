//! Takes a push from a link to the handler and its answer back, in time.
//!
//! Caller: the links, which share one [`Dispatch`].
//! Invariant: a link never waits for a handler; a push is given to the handler at most once while
//! it is remembered; a frame that finds no free handler is left unanswered and comes again.
//! Weakness: a handler that blocks its thread blocks the answer too if the runtime has only one.

use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};

use super::frame::{Ack, Frame, FrameKind};
use super::options::{SilentEvent, Sources, StreamOptions};
use super::payload::{Payload, Withheld};
use super::responder::Responder;
use super::seen::{Admission, Asker, Seen};
use super::status::{ProblemKind, StreamProblem, StreamStatus};

/// An event or callback, as the handler gets it.
#[derive(Debug, Clone, PartialEq)]
pub struct Push {
    pub frame: Frame,
    pub payload: Payload,
    /// When it arrived, by the client's clock.
    pub received_ms: i64,
}

pub(super) type Handling = Pin<Box<dyn Future<Output = ()> + Send>>;
pub(super) type Handler = Box<dyn Fn(Push, Responder) -> Handling + Send + Sync>;

pub(super) struct Dispatch {
    pub(super) options: StreamOptions,
    pub(super) sources: Sources,
    pub(super) status: watch::Sender<StreamStatus>,
    handler: Handler,
    seen: Arc<Seen>,
    handlers: Arc<Semaphore>,
    abort: watch::Sender<bool>,
}

impl Dispatch {
    pub(super) fn new(
        options: StreamOptions,
        sources: Sources,
        status: watch::Sender<StreamStatus>,
        handler: Handler,
    ) -> Self {
        Self {
            handler,
            seen: Arc::new(Seen::new(options.remembered, options.remembered_for)),
            handlers: Arc::new(Semaphore::new(options.concurrent_handlers)),
            abort: watch::Sender::new(false),
            options,
            sources,
            status,
        }
    }

    pub(super) fn now_ms(&self) -> i64 {
        (self.sources.now_ms)()
    }

    /// An event or callback. Its answer goes to `acks`.
    pub(super) fn accept(self: &Arc<Self>, frame: Frame, acks: &mpsc::Sender<String>) {
        let now_ms = self.now_ms();
        let payload = Payload::of(&frame);
        self.note_push(&payload, now_ms);
        let asker = Asker {
            acks: acks.clone(),
            message_id: frame.message_id().unwrap_or_default().to_owned(),
        };
        match self.seen.admit(keys(&frame, &payload), &asker, now_ms) {
            Admission::Done(ack) => {
                self.status.send_modify(|status| status.repeated += 1);
                let _ = acks.try_send(ack.render(&asker.message_id));
            }
            Admission::InWork => self.status.send_modify(|status| status.repeated += 1),
            Admission::New(id) => match Arc::clone(&self.handlers).try_acquire_owned() {
                Ok(permit) => {
                    let push = Push {
                        frame,
                        payload,
                        received_ms: now_ms,
                    };
                    self.start(id, push, asker, permit);
                }
                Err(_) => {
                    self.seen.abandon(id);
                    self.status.send_modify(|status| status.overloaded += 1);
                }
            },
        }
    }

    /// Waits until no handler runs; then, or when `over` is done, gives up those that do.
    /// Returns how many those were.
    pub(super) async fn finish(&self, over: impl Future<Output = ()>) -> usize {
        let all = self.options.concurrent_handlers as u32;
        let finished = tokio::select! {
            biased;
            finished = self.handlers.acquire_many(all) => finished.is_ok(),
            () = over => false,
        };
        let left = if finished {
            0
        } else {
            self.options.concurrent_handlers - self.handlers.available_permits()
        };
        self.abort.send_replace(true);
        left
    }

    pub(super) fn problem(&self, kind: ProblemKind, detail: &str) -> StreamProblem {
        StreamProblem {
            at_ms: self.now_ms(),
            kind,
            detail: detail.to_owned(),
        }
    }

    fn note_push(&self, payload: &Payload, now_ms: i64) {
        self.status.send_modify(|status| {
            status.last_push_ms = Some(now_ms);
            if let Payload::Withheld(withheld) = payload
                && Withheld::is_over_quota(withheld)
            {
                status.over_quota += 1;
                status.over_quota_ms = Some(now_ms);
            }
        });
    }

    /// The handler and its deadline run in two tasks: neither can hold up the other.
    fn start(self: &Arc<Self>, id: u64, push: Push, asker: Asker, permit: OwnedSemaphorePermit) {
        self.status.send_modify(|status| status.handled += 1);
        let silence = self.silence(&push.frame.kind);
        let (answer, answered) = oneshot::channel();
        let kind = push.frame.kind.clone();
        let seen = Arc::clone(&self.seen);
        let responder = Responder::new(kind.clone(), silence.clone(), answer, seen, id);
        let dispatch = Arc::clone(self);
        tokio::spawn(async move { dispatch.answer(id, &kind, silence, answered, asker).await });
        let dispatch = Arc::clone(self);
        tokio::spawn(async move {
            let _permit = permit;
            dispatch.handle(push, responder).await;
        });
    }

    async fn handle(&self, push: Push, responder: Responder) {
        let mut abort = self.abort.subscribe();
        tokio::select! {
            () = (self.handler)(push, responder) => {}
            () = sleep(self.options.handler_limit) => {
                self.status.send_modify(|status| status.handlers_dropped += 1);
            }
            () = async { let _ = abort.wait_for(|&abort| abort).await; } => {}
        }
    }

    async fn answer(
        &self,
        id: u64,
        kind: &FrameKind,
        silence: Option<Ack>,
        mut answered: oneshot::Receiver<Ack>,
        asker: Asker,
    ) {
        let within = if *kind == FrameKind::Event {
            self.options.event_answer_within
        } else {
            self.options.callback_answer_within
        };
        let ack = match timeout(within, &mut answered).await {
            Ok(Ok(ack)) => ack,
            Ok(Err(_)) => return,
            Err(_) => {
                answered.close();
                match answered.try_recv() {
                    // It came between the deadline and the closing.
                    Ok(ack) => ack,
                    Err(_) => {
                        self.status.send_modify(|status| status.answered_late += 1);
                        return self.answer_silence(id, silence, &asker).await;
                    }
                }
            }
        };
        self.seen.settle(id, &ack);
        // A closed link: the push comes again and finds its answer noted.
        let _ = asker.acks.send(ack.render(&asker.message_id)).await;
    }

    /// `LATER` leaves the push in work: if the handler succeeds after all, the repetition is
    /// answered without handling it twice.
    async fn answer_silence(&self, id: u64, silence: Option<Ack>, asker: &Asker) {
        let Some(silence) = silence else { return };
        if silence.is_final() {
            self.seen.settle(id, &silence);
        }
        let _ = asker.acks.send(silence.render(&asker.message_id)).await;
    }

    fn silence(&self, kind: &FrameKind) -> Option<Ack> {
        if *kind != FrameKind::Event {
            return Some(Ack::response(&serde_json::Value::Null));
        }
        match self.options.silent_event {
            SilentEvent::Later => Some(Ack::event_later()),
            SilentEvent::Success => Some(Ack::event_success()),
            SilentEvent::Unanswered => None,
        }
    }
}

/// The names under which a push may come again.
fn keys(frame: &Frame, payload: &Payload) -> Vec<String> {
    let event_id = match payload {
        Payload::Event(event) => Some(event.event_id.as_str()),
        _ => frame.header("eventId"),
    };
    let bot_id = match payload {
        Payload::Bot(message) => Some(message.msg_id.as_str()),
        _ => None,
    };
    [("m", frame.message_id()), ("e", event_id), ("b", bot_id)]
        .into_iter()
        .filter_map(|(prefix, id)| Some(format!("{prefix}:{}", id.filter(|id| !id.is_empty())?)))
        .collect()
}
