//! The client against a fake of the platform on loopback that replays recorded answers.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of the tests that cannot go on fails the test"
)]

mod app_calls;
mod calls;
mod codes;
mod login;
mod probes;
mod robot;
mod support;
