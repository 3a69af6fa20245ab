//! The Stream client against a small gateway on loopback.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of the tests that cannot go on fails the test"
)]

mod answers;
mod connections;
mod gateway;
mod repetitions;
mod session;
mod stopping;
