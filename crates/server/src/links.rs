//! Personal links: who may open which notice, signed, so that no lookup and no account is needed.
//!
//! Mails carry `/n/{notice}?k=…`. The key names person and notice and is bound to both by HMAC-SHA256 under a key
//! that lives in the database (one backup is everything, every node knows it). Invariant: a link opens one notice
//! for one person and nothing else; it never signs anybody in. Sign-in links are another kind with an expiry.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use yuezhi_domain::{IdSource, UnixMillis};

use crate::refusal::ActionError;

/// 32 secret bytes; `Debug` shows none of them.
#[derive(Clone)]
pub struct LinkKey([u8; 32]);

impl std::fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LinkKey(…)")
    }
}

const NOTICE: &[u8] = b"notice-link\0";
const SIGN_IN: &[u8] = b"sign-in-link\0";
const STATE: &[u8] = b"oauth-state\0";
const SET_UP: &[u8] = b"set-up\0";
/// Without the letters that are taken for digits or for rude words.
const CODE_SIGNS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 80 bits: nobody guesses it.
const CODE_LENGTH: usize = 16;
const MAC_BYTES: usize = 16;

impl LinkKey {
    pub fn fresh(ids: &IdSource) -> Self {
        let mut bytes = [0u8; 32];
        ids.fill(&mut bytes);
        Self(bytes)
    }

    pub fn to_text(&self) -> String {
        hex::encode(self.0)
    }

    pub fn parse(text: &str) -> Result<Self, ActionError> {
        let mut bytes = [0u8; 32];
        hex::decode_to_slice(text, &mut bytes)
            .map_err(|_| ActionError::internal("the link key in the database is damaged"))?;
        Ok(Self(bytes))
    }

    /// The `k` of a notice's personal link.
    pub fn notice_link(&self, notice_no: i64, person_no: i64) -> String {
        self.seal(NOTICE, &[notice_no, person_no])
    }

    /// `(notice_no, person_no)` of an intact link.
    pub fn open_notice_link(&self, text: &str) -> Option<(i64, i64)> {
        match self.open(NOTICE, text)?.as_slice() {
            [notice_no, person_no] => Some((*notice_no, *person_no)),
            _ => None,
        }
    }

    /// A link that signs a person in until `expires`.
    pub fn sign_in_link(&self, person_no: i64, expires: UnixMillis) -> String {
        self.seal(SIGN_IN, &[person_no, expires.0])
    }

    pub fn open_sign_in_link(&self, text: &str, now: UnixMillis) -> Option<i64> {
        match self.open(SIGN_IN, text)?.as_slice() {
            [person_no, expires] if *expires > now.0 => Some(*person_no),
            _ => None,
        }
    }

    /// The `state` of an OAuth2 round trip, bound to a nonce kept in a cookie.
    pub fn oauth_state(&self, nonce: i64, expires: UnixMillis) -> String {
        self.seal(STATE, &[nonce, expires.0])
    }

    pub fn open_oauth_state(&self, text: &str, now: UnixMillis) -> Option<i64> {
        match self.open(STATE, text)?.as_slice() {
            [nonce, expires] if *expires > now.0 => Some(*nonce),
            _ => None,
        }
    }

    /// The code that the first account is made with, `7k2m-…` in four groups of four. It is the same on every node and
    /// after a restart; the first account makes it useless.
    pub fn set_up_code(&self) -> String {
        let mut code = String::with_capacity(CODE_LENGTH + 3);
        let mut bits = self
            .mac(SET_UP, &[])
            .iter()
            .fold(0u128, |bits, byte| (bits << 8) | u128::from(*byte));
        for at in 0..CODE_LENGTH {
            if at > 0 && at % 4 == 0 {
                code.push('-');
            }
            let sign = usize::try_from(bits & 31).expect("five bits");
            code.push(char::from(CODE_SIGNS[sign]));
            bits >>= 5;
        }
        code
    }

    /// Whether that code was typed; hyphens, spaces and capitals do not matter. Takes the same time for every code.
    pub fn is_set_up_code(&self, typed: &str) -> bool {
        let plain = |text: &str| -> String {
            text.chars()
                .filter(char::is_ascii_alphanumeric)
                .take(4 * CODE_LENGTH)
                .map(|c| match c.to_ascii_lowercase() {
                    'o' => '0',
                    'i' | 'l' => '1',
                    c => c,
                })
                .collect()
        };
        plain(&self.set_up_code())
            .as_bytes()
            .ct_eq(plain(typed).as_bytes())
            .into()
    }

    fn mac(&self, kind: &[u8], body: &[u8]) -> [u8; MAC_BYTES] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(kind);
        mac.update(body);
        let whole = mac.finalize().into_bytes();
        let mut out = [0u8; MAC_BYTES];
        out.copy_from_slice(whole.get(..MAC_BYTES).expect("SHA-256 gives 32 bytes"));
        out
    }

    fn seal(&self, kind: &[u8], numbers: &[i64]) -> String {
        let mut body: Vec<u8> = Vec::with_capacity(32 + MAC_BYTES);
        for number in numbers {
            let mut rest = *number as u64;
            loop {
                let low = (rest & 0x7f) as u8;
                rest >>= 7;
                body.push(if rest == 0 { low } else { low | 0x80 });
                if rest == 0 {
                    break;
                }
            }
        }
        let mac = self.mac(kind, &body);
        body.extend_from_slice(&mac);
        BASE64.encode(body)
    }

    fn open(&self, kind: &[u8], text: &str) -> Option<Vec<i64>> {
        let bytes = BASE64.decode(text.trim()).ok()?;
        let (body, mac) = bytes.split_at_checked(bytes.len().checked_sub(MAC_BYTES)?)?;
        if !bool::from(self.mac(kind, body).ct_eq(mac)) {
            return None;
        }
        let mut numbers = Vec::new();
        let (mut value, mut shift) = (0u64, 0u32);
        for byte in body {
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            shift += 7;
            if byte & 0x80 == 0 {
                numbers.push(value as i64);
                (value, shift) = (0, 0);
            }
        }
        (shift == 0).then_some(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> LinkKey {
        LinkKey([7; 32])
    }

    proptest! {
        #[test]
        fn a_link_opens_for_exactly_its_person_and_notice(a in any::<i64>(), b in any::<i64>()) {
            let text = key().notice_link(a, b);
            prop_assert_eq!(key().open_notice_link(&text), Some((a, b)));
            prop_assert_eq!(LinkKey([8; 32]).open_notice_link(&text), None);
            prop_assert_eq!(key().open_sign_in_link(&text, UnixMillis(0)), None);
        }

        #[test]
        fn a_changed_link_opens_nothing(at in 0usize..30, flip in 1u8..=255) {
            let mut bytes = BASE64.decode(key().notice_link(3, 900)).unwrap();
            let at = at % bytes.len();
            bytes[at] ^= flip;
            prop_assert_eq!(key().open_notice_link(&BASE64.encode(bytes)), None);
        }

        #[test]
        fn any_text_is_survived(text in ".{0,80}") {
            prop_assert_eq!(key().open_notice_link(&text), None);
        }
    }

    #[test]
    fn the_set_up_code_may_be_typed_by_hand() {
        let code = key().set_up_code();
        assert_eq!(code.len(), 19, "{code}");
        assert!(key().is_set_up_code(&code));
        let typed = format!(
            " {} ",
            code.to_uppercase().replace('-', " ").replace('0', "O")
        );
        assert!(key().is_set_up_code(&typed), "{typed}");
        assert!(!LinkKey([8; 32]).is_set_up_code(&code));
        assert!(!key().is_set_up_code(""));
    }

    #[test]
    fn a_sign_in_link_ends() {
        let text = key().sign_in_link(5, UnixMillis(1_000));
        assert_eq!(key().open_sign_in_link(&text, UnixMillis(999)), Some(5));
        assert_eq!(key().open_sign_in_link(&text, UnixMillis(1_000)), None);
    }
}
