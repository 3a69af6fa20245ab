//! Verifies and opens encrypted event pushes, and seals the answer `success`.
//!
//! Caller: the web endpoint registered as 请求网址 of the event subscription. It must answer within
//! 2.5 s with [`CallbackCrypto::success`]; anything else counts as a failed push and comes again.
//! Invariant: nothing is decrypted before the signature is right; a push for another owner, or
//! one signed more than an hour ago, is refused.
//! Source: 配置HTTP推送 and 回调事件消息体加解密, the official documents.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use sha1::{Digest as _, Sha1};
use subtle::ConstantTimeEq as _;
use thiserror::Error;

use super::cipher::{self, Fault};
use super::{FRESH_MS, is_fresh, timestamp_ms};

/// Token and key of one subscription.
#[derive(Clone)]
pub struct CallbackCrypto {
    token: SecretString,
    key: [u8; 32],
    owner: String,
}

/// Why the settings of a subscription cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CallbackKeyError {
    #[error("the 签名 token is empty; copy it from 开发者后台 > 事件订阅")]
    TokenEmpty,
    #[error(
        "the 加密 aes_key has {chars} characters; it has exactly 43 letters and digits in 开发者后台 > 事件订阅"
    )]
    KeyLength { chars: usize },
    #[error("the 加密 aes_key is not made of letters and digits")]
    KeyCharacters,
    #[error(
        "the owner is empty; it is the app's Client ID (the corp id for addresses registered by the old interface)"
    )]
    OwnerEmpty,
}

/// The query parameters of a push.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallbackQuery {
    /// `msg_signature`; the same value is also sent as `signature`.
    pub signature: String,
    /// Milliseconds, as text: the signature covers these characters.
    pub timestamp: String,
    pub nonce: String,
}

/// Why a push is refused. Answer with HTTP 400 or 403 and no details.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CallbackError {
    #[error("the push has no `encrypt` field")]
    NotEncrypted,
    #[error(
        "the signature does not match; compare the 签名 token with the one in 开发者后台 > 事件订阅"
    )]
    SignatureMismatch,
    #[error("the push was signed at another time than now; check this machine's clock")]
    Stale,
    #[error(
        "the push cannot be decrypted; compare the 加密 aes_key with the one in 开发者后台 > 事件订阅"
    )]
    Undecryptable,
    #[error("the push is meant for another app or organisation; compare the Client ID")]
    OtherOwner,
}

/// The body of the answer, JSON.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct SealedReply {
    pub msg_signature: String,
    #[serde(rename = "timeStamp")]
    pub timestamp: String,
    pub nonce: String,
    pub encrypt: String,
}

impl CallbackCrypto {
    /// `owner`: the Client ID for subscriptions of 开发者后台; the corp id for addresses registered
    /// by `/call_back/register_call_back`.
    pub fn new(token: &str, aes_key: &str, owner: &str) -> Result<Self, CallbackKeyError> {
        let (token, aes_key, owner) = (token.trim(), aes_key.trim(), owner.trim());
        if token.is_empty() {
            return Err(CallbackKeyError::TokenEmpty);
        }
        if owner.is_empty() {
            return Err(CallbackKeyError::OwnerEmpty);
        }
        let chars = aes_key.chars().count();
        if chars != cipher::KEY_CHARS {
            return Err(CallbackKeyError::KeyLength { chars });
        }
        Ok(Self {
            token: token.into(),
            key: cipher::key_bytes(aes_key).ok_or(CallbackKeyError::KeyCharacters)?,
            owner: owner.to_owned(),
        })
    }

    /// The plain JSON of a push; read it with [`Event::from_http`](crate::stream::Event::from_http).
    ///
    /// `body` is the HTTP body, `{"encrypt":"…"}`; `now_ms` Unix milliseconds.
    pub fn open(
        &self,
        query: &CallbackQuery,
        body: &[u8],
        now_ms: i64,
    ) -> Result<String, CallbackError> {
        let encrypted = encrypted_field(body).ok_or(CallbackError::NotEncrypted)?;
        self.verify(query, &encrypted, now_ms)?;
        cipher::decrypt(&self.key, &self.owner, &encrypted).map_err(|fault| match fault {
            Fault::Owner => CallbackError::OtherOwner,
            _ => CallbackError::Undecryptable,
        })
    }

    /// Encrypts and signs an answer. `nonce`: some letters and digits; `random`: 16 fresh bytes.
    pub fn seal(&self, text: &str, now_ms: i64, nonce: &str, random: [u8; 16]) -> SealedReply {
        let encrypt = cipher::encrypt(&self.key, &self.owner, text, random);
        let timestamp = now_ms.to_string();
        SealedReply {
            msg_signature: self.signature(&timestamp, nonce, &encrypt),
            timestamp,
            nonce: nonce.to_owned(),
            encrypt,
        }
    }

    /// The answer to every push that was taken, `check_url` included.
    pub fn success(&self, now_ms: i64, random: [u8; 24]) -> SealedReply {
        let (nonce, block) = random
            .split_first_chunk::<8>()
            .expect("24 bytes begin with 8");
        let block = *block.first_chunk::<16>().expect("8 and 16 are 24");
        self.seal("success", now_ms, &hex::encode(nonce), block)
    }

    fn verify(
        &self,
        query: &CallbackQuery,
        encrypted: &str,
        now_ms: i64,
    ) -> Result<(), CallbackError> {
        let expected = self.signature(&query.timestamp, &query.nonce, encrypted);
        let given = query.signature.trim().to_ascii_lowercase();
        if !bool::from(expected.as_bytes().ct_eq(given.as_bytes())) {
            return Err(CallbackError::SignatureMismatch);
        }
        match timestamp_ms(&query.timestamp) {
            Some(at) if is_fresh(at, now_ms, FRESH_MS) => Ok(()),
            _ => Err(CallbackError::Stale),
        }
    }

    /// Lower-case hex SHA-1 of the four texts in lexicographical order.
    fn signature(&self, timestamp: &str, nonce: &str, encrypted: &str) -> String {
        let mut parts = [self.token.expose_secret(), timestamp, nonce, encrypted];
        parts.sort_unstable();
        let mut hash = Sha1::new();
        for part in parts {
            hash.update(part.as_bytes());
        }
        hex::encode(hash.finalize())
    }
}

impl std::fmt::Debug for CallbackCrypto {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallbackCrypto")
            .field("owner", &self.owner)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for SealedReply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealedReply")
            .field("timestamp", &self.timestamp)
            .finish_non_exhaustive()
    }
}

impl CallbackQuery {
    /// From the part of the URL after `?`. `msg_signature` goes before `signature`.
    pub fn parse(query: &str) -> Self {
        let mut parsed = Self::default();
        let mut fallback = String::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "msg_signature" => parsed.signature = value.into_owned(),
                "signature" => fallback = value.into_owned(),
                "timestamp" | "timeStamp" => parsed.timestamp = value.into_owned(),
                "nonce" => parsed.nonce = value.into_owned(),
                _ => {}
            }
        }
        if parsed.signature.is_empty() {
            parsed.signature = fallback;
        }
        parsed
    }
}

/// The `encrypt` field of a body, whatever the case of its key.
fn encrypted_field(body: &[u8]) -> Option<String> {
    let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(body).ok()?;
    fields
        .into_iter()
        .find_map(|(key, value)| match value {
            serde_json::Value::String(text) if key.eq_ignore_ascii_case("encrypt") => Some(text),
            _ => None,
        })
        .filter(|text| !text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The vector published with 回调事件消息体加解密.
    const TOKEN: &str = "123456";
    const KEY: &str = "1234567890123456789012345678901234567890123";
    const OWNER: &str = "dingsnotzck6pm5veliw";
    const SIGNATURE: &str = "9a95a004dd16f5c307e849b994173f76aa26e5eb";
    const ENCRYPT: &str =
        "YvkvaGe4hQxd3VxRmEty0dVlnCOAqwf56xwTRHDHoOURqhalbmBJQk5FNcRk42Gl5T0YQXZNwpwWSm1xAFJ5ZA==";
    const NOW_MS: i64 = 1_614_767_836_000;

    fn crypto() -> CallbackCrypto {
        CallbackCrypto::new(TOKEN, KEY, OWNER).unwrap()
    }

    fn query() -> CallbackQuery {
        CallbackQuery::parse(&format!(
            "signature=other&msg_signature={SIGNATURE}&timestamp=1614767836&nonce=A7Co0cJLMzIDtMMI"
        ))
    }

    fn body(encrypt: &str) -> Vec<u8> {
        serde_json::json!({ "encrypt": encrypt })
            .to_string()
            .into_bytes()
    }

    #[test]
    fn the_published_vector_opens() {
        let opened = crypto().open(&query(), &body(ENCRYPT), NOW_MS);
        assert_eq!(opened.as_deref(), Ok("success"));
    }

    #[test]
    fn the_published_vector_is_what_the_same_bytes_give() {
        use base64::Engine as _;
        // Its 16 random bytes are found by decrypting; sealing with them must give its text.
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(ENCRYPT)
            .unwrap();
        let mut first: [u8; 16] = *bytes.first_chunk().unwrap();
        let key = cipher::key_bytes(KEY).unwrap();
        let mut mode = <cbc::Decryptor<aes::Aes256> as aes::cipher::KeyIvInit>::new(
            &aes::cipher::Array::from(key),
            &aes::cipher::Array::from(*key.first_chunk::<16>().unwrap()),
        );
        aes::cipher::BlockModeDecrypt::decrypt_block(&mut mode, (&mut first).into());
        let reply = crypto().seal("success", 1_614_767_836, "A7Co0cJLMzIDtMMI", first);
        assert_eq!(reply.encrypt, ENCRYPT);
        assert_eq!(reply.msg_signature, SIGNATURE);
    }

    #[test]
    fn a_reply_opens_with_the_same_settings() {
        let reply = crypto().success(NOW_MS, [9; 24]);
        let query = CallbackQuery {
            signature: reply.msg_signature.clone(),
            timestamp: reply.timestamp.clone(),
            nonce: reply.nonce.clone(),
        };
        let opened = crypto().open(&query, &body(&reply.encrypt), NOW_MS);
        assert_eq!(opened.as_deref(), Ok("success"));
        let json = serde_json::to_value(&reply).unwrap();
        let mut keys: Vec<_> = json.as_object().unwrap().keys().cloned().collect();
        keys.sort_unstable();
        assert_eq!(keys, ["encrypt", "msg_signature", "nonce", "timeStamp"]);
    }

    #[test]
    fn wrong_tokens_times_and_owners_are_told_apart() {
        let open = |crypto: &CallbackCrypto, query: &CallbackQuery, now_ms| {
            crypto.open(query, &body(ENCRYPT), now_ms)
        };
        let other_token = CallbackCrypto::new("654321", KEY, OWNER).unwrap();
        assert_eq!(
            open(&other_token, &query(), NOW_MS),
            Err(CallbackError::SignatureMismatch)
        );
        let empty = CallbackQuery::default();
        assert_eq!(
            open(&crypto(), &empty, NOW_MS),
            Err(CallbackError::SignatureMismatch)
        );
        let late = NOW_MS + FRESH_MS + 1;
        assert_eq!(open(&crypto(), &query(), late), Err(CallbackError::Stale));
        let early = NOW_MS - FRESH_MS - 1;
        assert_eq!(open(&crypto(), &query(), early), Err(CallbackError::Stale));
        let other_owner = CallbackCrypto::new(TOKEN, KEY, "dingother").unwrap();
        assert_eq!(
            open(&other_owner, &query(), NOW_MS),
            Err(CallbackError::OtherOwner)
        );
        let other_key = CallbackCrypto::new(TOKEN, &"a".repeat(43), OWNER).unwrap();
        assert_eq!(
            open(&other_key, &query(), NOW_MS),
            Err(CallbackError::Undecryptable)
        );
        assert_eq!(
            crypto().open(&query(), b"<html>", NOW_MS),
            Err(CallbackError::NotEncrypted)
        );
    }

    #[test]
    fn settings_that_cannot_work_say_why() {
        let new = |token, key, owner| CallbackCrypto::new(token, key, owner).unwrap_err();
        assert_eq!(new(" ", KEY, OWNER), CallbackKeyError::TokenEmpty);
        assert_eq!(
            new(TOKEN, "abc", OWNER),
            CallbackKeyError::KeyLength { chars: 3 }
        );
        let odd = "!".repeat(43);
        assert_eq!(new(TOKEN, &odd, OWNER), CallbackKeyError::KeyCharacters);
        assert_eq!(new(TOKEN, KEY, ""), CallbackKeyError::OwnerEmpty);
        assert!(CallbackCrypto::new(" 123456\n", &format!("{KEY} "), OWNER).is_ok());
        let shown = format!("{:?} {:?}", crypto(), crypto().success(1, [0; 24]));
        assert!(!shown.contains(TOKEN) && !shown.contains(KEY), "{shown}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn a_mutated_push_is_refused(at: prop::sample::Index, with in "[A-Za-z0-9+/=]") {
            let at = at.index(ENCRYPT.len());
            let mutated: String = ENCRYPT
                .chars()
                .enumerate()
                .map(|(index, c)| if index == at { with.chars().next().unwrap() } else { c })
                .collect();
            let opened = crypto().open(&query(), &body(&mutated), NOW_MS);
            if mutated == ENCRYPT {
                prop_assert!(opened.is_ok());
            } else {
                prop_assert_eq!(opened, Err(CallbackError::SignatureMismatch));
            }
        }

        #[test]
        fn no_request_panics(query in any::<String>(), body in proptest::collection::vec(any::<u8>(), 0..200), now_ms: i64) {
            prop_assert!(crypto().open(&CallbackQuery::parse(&query), &body, now_ms).is_err());
        }
    }
}
