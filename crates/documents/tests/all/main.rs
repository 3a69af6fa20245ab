//! What the crate promises, told through its public API. One binary, so it links once.

#![expect(
    clippy::unwrap_used,
    clippy::format_collect,
    clippy::format_push_string,
    reason = "a helper of tests panics like the test itself, and its speed does not matter"
)]

mod diffs;
mod docx;
mod markdown;
mod pages;
mod pdf;
mod properties;
mod support;
mod tables;
