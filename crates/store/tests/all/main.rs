//! The engine's promises and every query of the nouns, on both engines.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something is not as it should be"
)]

mod audience;
mod backup;
mod deliveries;
mod directory;
mod engine;
mod obligations;
mod platform;
mod publishing;
mod scans;
mod small;
mod support;
