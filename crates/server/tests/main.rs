//! The stories: what the system promises, told through its doors against a DingTalk and a mail relay that are real
//! enough to fail. `support` holds the world they play in.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of the tests that cannot go on fails the test"
)]

mod api;
mod browser;
mod browser_chat;
mod chat;
mod cli;
mod config;
mod confirm;
mod deliver;
mod dingtalk;
mod directory;
mod doors;
mod groups;
mod inside;
mod live;
mod pages;
mod people;
mod publish;
mod real_documents;
mod remind;
mod restart;
mod sentences;
mod setup;
mod support;
