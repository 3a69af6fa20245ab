//! The channels against fakes of the outside world on loopback.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of the tests that cannot go on fails the test"
)]

mod app;
mod app_server;
mod bulk;
mod contract;
mod follow_up;
mod mail;
mod many;
mod posts;
mod readers;
mod registry;
mod robot;
mod robot_server;
mod smtp_server;
