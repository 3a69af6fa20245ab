//! Runs a parser of outside input where it cannot take the process down: on a thread of its own with a
//! large stack, so that a panic becomes an error and deep recursion has room.
//!
//! Called by every reader. Weakness: it bounds neither time nor memory; the size checks before it do.

use crate::{Format, ReadError};

/// Enough for the recursion of any of the parsers at the nesting that the checks let through.
const STACK_BYTES: usize = 64 * 1024 * 1024;

/// The result of `parse`, or `Broken` if it panicked or no thread could be had.
pub(crate) fn isolated<T: Send>(
    format: Format,
    parse: impl FnOnce() -> Result<T, ReadError> + Send,
) -> Result<T, ReadError> {
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("read-document".to_owned())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, parse)
            .map_err(|error| ReadError::too_complex(format!("no thread to read it on: {error}")))?
            .join()
            .unwrap_or_else(|_| Err(ReadError::broken(format, "the parser gave up on it")))
    })
}
