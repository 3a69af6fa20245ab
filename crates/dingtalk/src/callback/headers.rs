//! The header signatures of robot messages and card clicks that arrive by HTTP.
//!
//! Callers: the web endpoints given as 消息接收地址 of a robot and as callback address of cards.
//! Invariant: compared in constant time, fresh within an hour.
//! Weakness: neither signature covers the body; see the module above.
//! Source: 机器人接收消息 and 事件回调 (卡片), the official documents.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use thiserror::Error;

use super::{FRESH_MS, is_fresh, timestamp_ms};

/// Why a request is not the platform's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum HeaderError {
    #[error("the signature header does not match; compare the secret with the one in 开发者后台")]
    SignatureMismatch,
    #[error("the timestamp header is not within an hour of now; check this machine's clock")]
    Stale,
}

/// A robot message: headers `timestamp` and `sign`, signed with the app's Client Secret.
pub fn verify_robot_headers(
    client_secret: &SecretString,
    timestamp: &str,
    sign: &str,
    now_ms: i64,
) -> Result<(), HeaderError> {
    let secret = client_secret.expose_secret();
    let expected = hmac_base64(secret, &[timestamp, "\n", secret]);
    verify(&expected, timestamp, sign, now_ms)
}

/// A card click: headers `x-ddpaas-signature-timestamp` and `x-ddpaas-signature`, signed with the
/// `apiSecret` given at registration.
pub fn verify_card_headers(
    api_secret: &SecretString,
    timestamp: &str,
    signature: &str,
    now_ms: i64,
) -> Result<(), HeaderError> {
    let expected = hmac_base64(api_secret.expose_secret(), &[timestamp]);
    verify(&expected, timestamp, signature, now_ms)
}

fn verify(expected: &str, timestamp: &str, given: &str, now_ms: i64) -> Result<(), HeaderError> {
    if !bool::from(expected.as_bytes().ct_eq(given.trim().as_bytes())) {
        return Err(HeaderError::SignatureMismatch);
    }
    match timestamp_ms(timestamp) {
        Some(at) if is_fresh(at, now_ms, FRESH_MS) => Ok(()),
        _ => Err(HeaderError::Stale),
    }
}

fn hmac_base64(key: &str, parts: &[&str]) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(part.as_bytes());
    }
    STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_577_262_236_757;

    #[test]
    fn a_robot_message_is_known_by_its_headers() {
        let secret = SecretString::from("this is a secret");
        let sign = "DJrE6qdyVGCQz9z5r2MDuNcNAhwYnuAkyj13cx169CA=";
        let verify =
            |timestamp, sign, now_ms| verify_robot_headers(&secret, timestamp, sign, now_ms);
        assert_eq!(verify("1577262236757", sign, MS), Ok(()));
        assert_eq!(verify("1577262236757", sign, MS + FRESH_MS), Ok(()));
        assert_eq!(
            verify("1577262236757", sign, MS + FRESH_MS + 1),
            Err(HeaderError::Stale)
        );
        for (timestamp, sign) in [("1577262236758", sign), ("1577262236757", ""), ("", sign)] {
            assert_eq!(
                verify(timestamp, sign, MS),
                Err(HeaderError::SignatureMismatch)
            );
        }
    }

    #[test]
    fn a_card_click_is_known_by_its_headers() {
        let secret = SecretString::from("example-secret");
        let sign = "9EQUhx+gSqHfgSF/OnOV2ifDC9m1VzjPj00L/WOZeew=";
        let verify =
            |timestamp, sign, now_ms| verify_card_headers(&secret, timestamp, sign, now_ms);
        assert_eq!(verify("1577262236757", sign, MS), Ok(()));
        assert_eq!(
            verify("1577262236757", sign, MS - FRESH_MS - 1),
            Err(HeaderError::Stale)
        );
        assert_eq!(
            verify("1577262236757", "x", MS),
            Err(HeaderError::SignatureMismatch)
        );
    }
}
