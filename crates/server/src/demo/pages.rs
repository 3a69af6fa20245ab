//! The demo's own addresses: the printed entry link and the clock.
