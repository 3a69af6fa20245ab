//! The measured claims of docs/performance.md.
fn main() {}
