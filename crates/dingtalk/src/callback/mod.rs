//! Pushes that arrive by HTTP: event subscription (HTTP 推送), robot messages and card clicks
//! sent to a public address instead of a Stream connection.
//!
//! Callers: an endpoint of a web server; it hands over headers, query and body and gets the
//! plain text, or the answer to send back. Stream mode needs none of this.
//! Invariant: signatures are compared in constant time and before anything is decrypted; time
//! and randomness are arguments; no error shows a token, a key or a signature.
//! Weakness: robot messages and card clicks are signed without their body, so whoever can read
//! one request can forge others for an hour: HTTPS only, and check `robotCode` and the corp id.

mod cipher;
mod crypto;
mod headers;

pub use crypto::{CallbackCrypto, CallbackError, CallbackKeyError, CallbackQuery, SealedReply};
pub use headers::{HeaderError, verify_card_headers, verify_robot_headers};

/// How old, or how far in the future, a signed timestamp may be: the hour of 机器人接收消息.
/// The pages on event subscription name none; the same hour is used there.
pub const FRESH_MS: i64 = 60 * 60 * 1000;

/// A timestamp in milliseconds; ten digits are seconds (the published vector has such a one).
fn timestamp_ms(text: &str) -> Option<i64> {
    let number: i64 = text.trim().parse().ok()?;
    if (1..100_000_000_000).contains(&number) {
        return Some(number * 1000);
    }
    Some(number)
}

fn is_fresh(timestamp_ms: i64, now_ms: i64, within_ms: i64) -> bool {
    now_ms.abs_diff(timestamp_ms) <= within_ms.unsigned_abs()
}
