//! The stories: what the system promises, told through its doors against a DingTalk and a mail relay that are real
//! enough to fail. `support` holds the world they play in.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of the tests that cannot go on fails the test"
)]

mod api;
mod browser;
mod cli;
mod config;
mod confirm;
mod deliver;
mod doors;
mod live;
mod pages;
mod people;
mod publish;
mod real_documents;
mod remind;
mod restart;
mod support;
