//! What the crate promises, told through its public API. One binary, so it links once.

mod diffs;
mod docx;
mod markdown;
mod pages;
mod pdf;
mod properties;
mod support;
mod tables;
