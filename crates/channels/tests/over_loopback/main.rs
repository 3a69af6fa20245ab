//! The channels against fakes of the outside world on loopback.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of the tests that cannot go on fails the test"
)]

mod contract;
mod mail;
mod posts;
mod registry;
mod robot;
mod robot_server;
mod smtp_server;
