//! What happened in a call, for whoever keeps the meter of the monthly quota or a log.
//!
//! Caller: [`App`](crate::App) after every attempt, also after one whose token was refused.
//! Invariant: a report carries no secret.
//! Source: "因应用维度QPS限流、全局限流、网络失败的调用不计入" (billing model page).

use crate::api::Api;
use crate::error::Error;

/// Looks at finished calls. Called inline: must be quick and must not block.
pub trait CallObserver: Send + Sync {
    fn after(&self, report: &CallReport<'_>);
}

impl<F: Fn(&CallReport<'_>) + Send + Sync> CallObserver for F {
    fn after(&self, report: &CallReport<'_>) {
        self(report);
    }
}

/// One attempt of a call.
#[derive(Debug, Clone, Copy)]
pub struct CallReport<'a> {
    pub api: &'a Api,
    pub outcome: Result<(), &'a Error>,
    /// The platform's id of the call; its support asks for it.
    pub request_id: Option<&'a str>,
    /// The time given to the call.
    pub now_ms: i64,
}

impl CallReport<'_> {
    /// It counts against the monthly quota of paid calls. Throttled calls and calls without an
    /// answer do not; whether other refusals do is not documented, so they are counted.
    pub fn counts(&self) -> bool {
        let uncounted = match self.outcome {
            Ok(()) => false,
            Err(Error::Message(_) | Error::Transport(_) | Error::Client { .. }) => true,
            Err(Error::Answer(answer)) => !(200..300).contains(&answer.status),
            Err(error) => error.is_throttled() || error.is_token_refused(),
        };
        self.api.metered && !uncounted
    }
}
