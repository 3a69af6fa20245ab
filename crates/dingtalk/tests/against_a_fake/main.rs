//! The client against a fake of the platform on loopback that replays recorded answers.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of the tests that cannot go on fails the test"
)]

mod login;
mod robot;
mod support;
