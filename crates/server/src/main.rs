//! The `yuezhi` binary.
fn main() {}
