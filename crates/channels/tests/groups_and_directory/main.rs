//! Groups, the directory, pushes, sign-in, files and checks, against a fake platform on loopback.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of the tests that cannot go on fails the test"
)]

mod app_checks;
mod directory_walk;
mod files;
mod groups;
mod login;
mod platform;
#[path = "../over_loopback/posts.rs"]
#[expect(dead_code, reason = "shared with tests that need more of it")]
mod posts;
mod pushes;
mod stream;
