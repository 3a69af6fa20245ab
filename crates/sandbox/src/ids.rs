//! Tokens, codes, keys and request ids: the only randomness of this crate.
//!
//! Invariant: with a seed the sequence is the same in every run. Weakness: the values only look like the platform's.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

#[derive(Debug)]
pub(crate) struct Ids {
    rng: StdRng,
}

impl Ids {
    /// `run` keeps a seeded sandbox that was restarted from repeating the ids it has already given out.
    pub(crate) fn new(seed: Option<u64>, run: u64) -> Self {
        let rng = seed.map_or_else(rand::make_rng, |seed| {
            StdRng::seed_from_u64(seed ^ run.wrapping_mul(0x9e37_79b9_7f4a_7c15))
        });
        Self { rng }
    }

    /// 32 hexadecimal digits, like an app's access token.
    pub(crate) fn token(&mut self) -> String {
        hex(&self.rng.random::<[u8; 16]>())
    }

    /// 64 hexadecimal digits, like a webhook's `access_token`.
    pub(crate) fn webhook_token(&mut self) -> String {
        hex(&self.rng.random::<[u8; 32]>())
    }

    /// `SEC` and 64 hexadecimal digits, like a robot's signing secret.
    pub(crate) fn secret(&mut self) -> String {
        format!("SEC{}", self.webhook_token())
    }

    /// Standard base64 with `+`, `/` and `=`, as real `processQueryKey`s have them: they must be percent-encoded.
    pub(crate) fn process_query_key(&mut self) -> String {
        let mut bytes = self.rng.random::<[u8; 32]>().to_vec();
        bytes.splice(0..3, [0xfb, 0xff, 0xbe]);
        STANDARD.encode(bytes)
    }

    /// A one-time code or refresh token for an address line.
    pub(crate) fn code(&mut self) -> String {
        URL_SAFE_NO_PAD.encode(self.rng.random::<[u8; 24]>())
    }

    /// As in `requestid` of api.dingtalk.com.
    pub(crate) fn request_id(&mut self) -> String {
        uuid::Builder::from_random_bytes(self.rng.random())
            .into_uuid()
            .to_string()
            .to_uppercase()
    }

    /// A ticket, or the id of a frame, an event: a lower-case UUID.
    pub(crate) fn message_id(&mut self) -> String {
        self.request_id().to_lowercase()
    }

    /// The random start of an encrypted callback.
    pub(crate) fn salt(&mut self) -> [u8; 16] {
        self.rng.random()
    }

    /// One of `0..end`; 0 if there is none.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.rng.random_range(0..end.max(1))
    }

    /// As in `request_id` of oapi.dingtalk.com.
    pub(crate) fn short_request_id(&mut self) -> String {
        hex(&self.rng.random::<[u8; 6]>())
    }

    /// True in this share (0 to 1) of calls.
    pub(crate) fn chance(&mut self, share: f64) -> bool {
        self.rng.random_bool(share.clamp(0.0, 1.0))
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            write!(text, "{byte:02x}").expect("writing to a String cannot fail");
            text
        })
}
