//! One open connection: reads frames, answers pings at once, writes the answers of handlers, and
//! notices when nothing comes any more.
//!
//! Caller: a slot of the client, one task per connection.
//! Invariant: no handler runs in here, so a ping is answered however busy the handlers are. After
//! a `disconnect` the link goes on reading until its replacement is open and ten seconds more.
//! When stopping, nothing more is read, but every answer that is still due is written.
//! Source: Stream 模式协议接入说明.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout, timeout_at};
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};

use super::dispatch::Dispatch;
use super::frame::{Frame, FrameKind, pong};
use super::liveness::Liveness;
use super::open::Socket;
use super::status::ProblemKind;

/// Answers that may wait to be written.
const ACKS_WAITING: usize = 1024;
/// A write that takes longer means that nobody reads on the other side.
const WRITE_WITHIN: Duration = Duration::from_secs(10);
const CLOSE_WITHIN: Duration = Duration::from_secs(1);
/// For the answers of handlers that are given up when the client stops.
const LAST_ANSWERS_WITHIN: Duration = Duration::from_millis(500);

/// Tells a link when the client stops: by when it must have ended.
pub(super) type Stop = watch::Receiver<Option<Instant>>;

/// Why a connection ended by itself.
pub(super) type Problem = (ProblemKind, String);

pub(super) struct Link {
    socket: Socket,
    slot: usize,
    dispatch: Arc<Dispatch>,
    liveness: Liveness,
    heard: Arc<AtomicBool>,
    go_away: Option<oneshot::Sender<()>>,
    acks: mpsc::Sender<String>,
    due: mpsc::Receiver<String>,
}

enum Step {
    Write(String),
    Read(Option<Result<Message, SocketError>>),
    Look,
    Replaced,
    Drained,
    Stop,
}

impl Link {
    /// `go_away` is told when the gateway asks to leave.
    pub(super) fn new(
        socket: Socket,
        slot: usize,
        dispatch: Arc<Dispatch>,
        go_away: oneshot::Sender<()>,
    ) -> Self {
        let (acks, due) = mpsc::channel(ACKS_WAITING);
        let options = &dispatch.options;
        let liveness = Liveness::new(Instant::now(), options.ping_every, options.dead_after);
        Self {
            socket,
            slot,
            dispatch,
            liveness,
            heard: Arc::default(),
            go_away: Some(go_away),
            acks,
            due,
        }
    }

    /// True once a frame other than `disconnect` has come.
    pub(super) fn heard(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.heard)
    }

    /// Runs until the connection ends. `replaced` comes true when another link has taken over.
    /// Returns what went wrong; `None`: replaced or stopped.
    pub(super) async fn run(
        mut self,
        replaced: oneshot::Receiver<()>,
        mut stop: Stop,
    ) -> Option<Problem> {
        let problem = self.serve(replaced, &mut stop).await.err();
        if problem.is_none() {
            self.finish(&stop).await;
        }
        problem
    }

    async fn serve(
        &mut self,
        mut replaced: oneshot::Receiver<()>,
        stop: &mut Stop,
    ) -> Result<(), Problem> {
        let mut looks = interval(self.liveness.look_every());
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut drained_at: Option<Instant> = None;
        let mut replacement_is_open = false;
        loop {
            let step = tokio::select! {
                biased;
                () = async { let _ = stop.wait_for(Option::is_some).await; } => Step::Stop,
                Some(text) = self.due.recv() => Step::Write(text),
                _ = &mut replaced, if !replacement_is_open => Step::Replaced,
                () = sleep_until(drained_at.unwrap_or_else(Instant::now)), if drained_at.is_some() => Step::Drained,
                message = self.socket.next() => Step::Read(message),
                _ = looks.tick() => Step::Look,
            };
            match step {
                Step::Write(text) => self.write(Message::text(text)).await?,
                Step::Read(message) => self.read(message).await?,
                Step::Look => self.look().await?,
                Step::Replaced => {
                    replacement_is_open = true;
                    drained_at = Some(Instant::now() + self.dispatch.options.drain);
                }
                Step::Drained | Step::Stop => return Ok(()),
            }
        }
    }

    async fn read(&mut self, message: Option<Result<Message, SocketError>>) -> Result<(), Problem> {
        let closed = |detail: String| Err((ProblemKind::Closed, detail));
        let text = match message {
            None => return closed("the gateway closed the connection".to_owned()),
            Some(Err(error)) => return closed(crate::redact(&error.to_string(), &[])),
            Some(Ok(Message::Close(frame))) => {
                let why = frame.map(|frame| frame.to_string()).unwrap_or_default();
                return closed(format!("the gateway closed the connection: {why}"));
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {
                self.liveness.sign(Instant::now());
                return Ok(());
            }
            Some(Ok(message)) => message,
        };
        self.note_frame();
        let frame = text
            .to_text()
            .map_err(|error| error.to_string())
            .and_then(|text| Frame::parse(text).map_err(|error| error.to_string()));
        match frame {
            Ok(frame) => self.take(frame).await,
            Err(detail) => {
                self.note_unreadable(&detail);
                Ok(())
            }
        }
    }

    async fn take(&mut self, frame: Frame) -> Result<(), Problem> {
        if frame.topic() != Some("disconnect") {
            self.heard.store(true, Ordering::Relaxed);
        }
        match (&frame.kind, frame.topic()) {
            (FrameKind::System, Some("ping")) => {
                self.liveness.gateway_ping(Instant::now());
                self.write(Message::text(pong(&frame))).await
            }
            (FrameKind::System, Some("disconnect")) => {
                if let Some(go_away) = self.go_away.take() {
                    let _ = go_away.send(());
                }
                Ok(())
            }
            // CONNECTED, REGISTERED, KEEPALIVE: signs of life that want no answer.
            (FrameKind::System | FrameKind::Other(_), _) => Ok(()),
            (FrameKind::Event | FrameKind::Callback, _) => {
                self.dispatch.accept(frame, &self.acks);
                Ok(())
            }
        }
    }

    async fn look(&mut self) -> Result<(), Problem> {
        let now = Instant::now();
        if self.liveness.is_dead(now) {
            let detail = "nothing came from the gateway for too long".to_owned();
            return Err((ProblemKind::Dead, detail));
        }
        if self.liveness.ping_is_due(now) {
            return self.write(Message::Ping("yz".into())).await;
        }
        Ok(())
    }

    async fn write(&mut self, message: Message) -> Result<(), Problem> {
        match timeout(WRITE_WITHIN, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err((ProblemKind::Closed, crate::redact(&error.to_string(), &[]))),
            Err(_) => Err((ProblemKind::Dead, "the gateway reads nothing".to_owned())),
        }
    }

    /// Writes the answers that are still due, then closes. Repetitions of what came on this link
    /// will be answered on another one.
    async fn finish(self, stop: &Stop) {
        let Self {
            mut socket,
            acks,
            mut due,
            dispatch,
            ..
        } = self;
        drop(acks);
        let options = &dispatch.options;
        let longest = options
            .event_answer_within
            .max(options.callback_answer_within);
        let own = Instant::now() + longest;
        let until = stop
            .borrow()
            .map_or(own, |stop| own.min(stop + LAST_ANSWERS_WITHIN));
        while let Ok(Some(text)) = timeout_at(until, due.recv()).await {
            let sending = socket.send(Message::text(text));
            if !matches!(timeout(CLOSE_WITHIN, sending).await, Ok(Ok(()))) {
                return;
            }
        }
        let _ = timeout(CLOSE_WITHIN, socket.close(None)).await;
    }

    fn note_frame(&mut self) {
        self.liveness.frame(Instant::now());
        let now_ms = self.dispatch.now_ms();
        let slot = self.slot;
        self.dispatch.status.send_modify(|status| {
            status.last_frame_ms = Some(now_ms);
            if let Some(connection) = status.connections.get_mut(slot) {
                connection.last_frame_ms = Some(now_ms);
            }
        });
    }

    fn note_unreadable(&self, detail: &str) {
        let problem = self.dispatch.problem(ProblemKind::Unreadable, detail);
        self.dispatch.status.send_modify(|status| {
            status.unreadable += 1;
            status.last_error = Some(problem);
        });
    }
}
