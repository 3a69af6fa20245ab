//! The signature of custom robots (加签): `base64(HMAC_SHA256(secret, "<ms>\n<secret>"))`.
//!
//! Callers: [`Robot`](crate::Robot), once per message. The keyed hash is prepared once.
//! Invariant: the value put into a URL is percent-encoded exactly once; the platform answers
//! 310000 to anything else. Source: 自定义机器人安全设置, the official document.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

/// Signs the sends of one robot.
#[derive(Clone)]
pub struct Signer {
    keyed: Hmac<Sha256>,
    secret: SecretString,
}

impl Signer {
    /// `secret` as shown by DingTalk, including its `SEC`.
    pub fn new(secret: SecretString) -> Self {
        let keyed = Hmac::new_from_slice(secret.expose_secret().as_bytes())
            .expect("HMAC takes a key of any length");
        Self { keyed, secret }
    }

    /// The signature for `timestamp_ms`, base64, not yet percent-encoded.
    pub fn sign(&self, timestamp_ms: i64) -> String {
        let mut mac = self.keyed.clone();
        mac.update(timestamp_ms.to_string().as_bytes());
        mac.update(b"\n");
        mac.update(self.secret.expose_secret().as_bytes());
        STANDARD.encode(mac.finalize().into_bytes())
    }

    /// Appends `&timestamp=…&sign=…`, ready for a URL.
    pub(crate) fn append_to_query(&self, timestamp_ms: i64, query: &mut String) {
        write!(query, "&timestamp={timestamp_ms}&sign=").expect("writing to a String cannot fail");
        for c in self.sign(timestamp_ms).chars() {
            match c {
                '+' => query.push_str("%2B"),
                '/' => query.push_str("%2F"),
                '=' => query.push_str("%3D"),
                c => query.push(c),
            }
        }
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VECTORS: [(&str, i64, &str); 3] = [
        (
            "this is secret",
            1_577_262_236_757,
            "hmPWwU+7lVdm3ZZz0r9tSfx0L4Q26jWOZr9+Gs6EZQM=",
        ),
        (
            "SEC000000000000000000000",
            1_700_000_000_000,
            "1zJ/w34EOSVAYr7cu7Vo8LnebmK2/GrCgegtr8mQrqM=",
        ),
        (
            "this is a secret",
            1_577_262_236_757,
            "DJrE6qdyVGCQz9z5r2MDuNcNAhwYnuAkyj13cx169CA=",
        ),
    ];

    #[test]
    fn signatures_match_the_known_vectors() {
        for (secret, ms, expected) in VECTORS {
            assert_eq!(Signer::new(secret.into()).sign(ms), expected);
        }
    }

    #[test]
    fn a_signature_is_percent_encoded_exactly_once() {
        let mut query = String::from("access_token=t");
        Signer::new("this is secret".into()).append_to_query(1_577_262_236_757, &mut query);
        assert_eq!(
            query,
            "access_token=t&timestamp=1577262236757&sign=hmPWwU%2B7lVdm3ZZz0r9tSfx0L4Q26jWOZr9%2BGs6EZQM%3D"
        );
        let mut url = url::Url::parse("https://oapi.dingtalk.com/robot/send").unwrap();
        url.set_query(Some(&query));
        assert_eq!(url.query(), Some(query.as_str()));
    }
}
