//! A closure on its way to a database thread and its result on the way back.
//!
//! `run` may be called again after a roll-back (PostgreSQL collisions), `answer` exactly once after the fate of the
//! transaction is known. Invariant: the caller gets `Ok` only after the commit that holds its work.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

use tokio::sync::oneshot;

use super::{
    error::StoreError,
    tx::{Session, Tx},
};

/// What a run of the closure came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ran {
    /// It wants its work kept.
    Fine,
    /// It returned an error, or panicked: its work must go.
    Refused,
}

pub(super) trait Job: Send {
    /// False when the caller gave up before its turn; then there is nothing to do.
    fn is_wanted(&self) -> bool;
    fn run(&mut self, session: &mut Session) -> Ran;
    /// Whether the last run panicked.
    fn panicked(&self) -> bool;
    /// Sends the result of the last run, or `fate` in its place.
    fn answer(self: Box<Self>, fate: Result<(), StoreError>);
}

pub(super) type BoxedJob = Box<dyn Job>;

struct Closure<F, T, E> {
    act: F,
    result: Option<Result<T, E>>,
    panicked: bool,
    answer: oneshot::Sender<Result<T, E>>,
}

/// The closure as a job, and where its result will come out.
pub(super) fn job<T, E, F>(act: F) -> (BoxedJob, oneshot::Receiver<Result<T, E>>)
where
    F: Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    let (answer, result) = oneshot::channel();
    (
        Box::new(Closure {
            act,
            result: None,
            panicked: false,
            answer,
        }),
        result,
    )
}

impl<F, T, E> Job for Closure<F, T, E>
where
    F: Fn(&mut Tx<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<StoreError> + Send,
{
    fn is_wanted(&self) -> bool {
        !self.answer.is_closed()
    }

    fn run(&mut self, session: &mut Session) -> Ran {
        session.begin_run();
        self.panicked = false;
        // The closure's captures are only dropped after a panic, and the transaction is rolled back: nothing is seen
        // in a broken state.
        let result = match catch_unwind(AssertUnwindSafe(|| (self.act)(&mut session.tx()))) {
            Ok(result) => result,
            Err(panic) => {
                self.panicked = true;
                Err(StoreError::Panicked(panic_text(panic.as_ref())).into())
            }
        };
        let result = match result {
            Ok(_) if session.has_failed() => Err(StoreError::WentOn.into()),
            result => result,
        };
        let ran = if result.is_ok() {
            Ran::Fine
        } else {
            Ran::Refused
        };
        self.result = Some(result);
        ran
    }

    fn panicked(&self) -> bool {
        self.panicked
    }

    fn answer(self: Box<Self>, fate: Result<(), StoreError>) {
        let result = match (fate, self.result) {
            (Err(error), _) => Err(error.into()),
            (Ok(()), Some(result)) => result,
            (Ok(()), None) => Err(StoreError::Closed.into()),
        };
        // A caller that no longer waits does not want to know.
        drop(self.answer.send(result));
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned())
}
