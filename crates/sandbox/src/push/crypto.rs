//! Signing and encryption of HTTP callbacks (回调加解密), as the platform's side does it.
//!
//! AES-256-CBC with the 43-character key, IV = its first 16 bytes, PKCS#7 padding to blocks of **32**; plain text is
//! random(16), length(4, big-endian, in bytes), message, owner key. The signature is the SHA-1 of the sorted token,
//! timestamp, nonce and cipher text. Source: `http-callback-overview`, open-dingtalk/DingTalk-Callback-Crypto.

use aes::Aes256;
use aes::cipher::{BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _};
use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::{Digest as _, Sha1};
use sha2::Sha256;

const PADDED_TO: usize = 32;

/// The last letter of most 43-letter keys has bits that no byte uses.
const KEY_LETTERS: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent),
);

/// The 32 key bytes of a 43-letter key; `None` for anything else.
pub(super) fn key(aes_key: &str) -> Option<[u8; 32]> {
    KEY_LETTERS.decode(aes_key).ok()?.try_into().ok()
}

pub(super) fn encrypt(key: &[u8; 32], salt: [u8; 16], message: &str, owner: &str) -> String {
    let length = u32::try_from(message.len()).expect("a callback is far smaller than 4 GB");
    let mut plain = salt.to_vec();
    plain.extend(length.to_be_bytes());
    plain.extend(message.as_bytes());
    plain.extend(owner.as_bytes());
    let missing = PADDED_TO - plain.len() % PADDED_TO;
    let padding = u8::try_from(missing).expect("a padding is at most 32");
    plain.extend(std::iter::repeat_n(padding, missing));
    let (key, iv) = (
        key.into(),
        key.first_chunk::<16>().expect("32 bytes have 16"),
    );
    let mut cipher = cbc::Encryptor::<Aes256>::new(key, iv.into());
    let (blocks, _) = plain.as_chunks_mut::<16>();
    for block in blocks {
        cipher.encrypt_block(block.into());
    }
    STANDARD.encode(plain)
}

/// The message, if the cipher text is whole and belongs to this owner.
pub(super) fn decrypt(key: &[u8; 32], encrypted: &str, owner: &str) -> Option<String> {
    let mut plain = STANDARD.decode(encrypted).ok()?;
    if plain.is_empty() || plain.len() % 16 != 0 {
        return None;
    }
    let (key, iv) = (key.into(), key.first_chunk::<16>()?);
    let mut cipher = cbc::Decryptor::<Aes256>::new(key, iv.into());
    let (blocks, _) = plain.as_chunks_mut::<16>();
    for block in blocks {
        cipher.decrypt_block(block.into());
    }
    let padding = usize::from(*plain.last()?);
    if padding == 0 || padding > PADDED_TO {
        return None;
    }
    let end = plain.len().checked_sub(padding)?;
    let length = u32::from_be_bytes(plain.get(16..20)?.try_into().ok()?) as usize;
    let message = plain.get(20..20_usize.checked_add(length)?)?;
    let found = plain.get(20 + length..end)?;
    (found == owner.as_bytes())
        .then(|| String::from_utf8(message.to_vec()).ok())
        .flatten()
}

/// Lower-case hexadecimal SHA-1.
pub(super) fn signature(token: &str, timestamp: &str, nonce: &str, encrypted: &str) -> String {
    let mut parts = [token, timestamp, nonce, encrypted];
    parts.sort_unstable();
    crate::ids::hex(&Sha1::digest(parts.concat().as_bytes()))
}

/// Base64 of HMAC-SHA256, as in `sign` of a robot's message and in `x-ddpaas-signature`.
pub(super) fn hmac(secret: &str, text: &str) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "1234567890123456789012345678901234567890123";
    const ENCRYPTED: &str =
        "YvkvaGe4hQxd3VxRmEty0dVlnCOAqwf56xwTRHDHoOURqhalbmBJQk5FNcRk42Gl5T0YQXZNwpwWSm1xAFJ5ZA==";
    const OWNER: &str = "dingsnotzck6pm5veliw";

    #[test]
    fn the_published_vector_is_read_and_signed() {
        let key = key(KEY).unwrap();
        assert_eq!(decrypt(&key, ENCRYPTED, OWNER).as_deref(), Some("success"));
        assert_eq!(decrypt(&key, ENCRYPTED, "dingother"), None);
        assert_eq!(
            signature("123456", "1614767836", "A7Co0cJLMzIDtMMI", ENCRYPTED),
            "9a95a004dd16f5c307e849b994173f76aa26e5eb"
        );
    }

    #[test]
    fn what_is_encrypted_comes_back_whatever_its_length() {
        let key = key(KEY).unwrap();
        for length in 0..70 {
            let message = "阅".repeat(length);
            let encrypted = encrypt(&key, [7; 16], &message, OWNER);
            assert_eq!(STANDARD.decode(&encrypted).unwrap().len() % PADDED_TO, 0);
            assert_eq!(decrypt(&key, &encrypted, OWNER), Some(message));
        }
    }

    #[test]
    fn the_headers_of_robots_and_cards_are_signed_as_published() {
        let secret = "this is a secret";
        assert_eq!(
            hmac(secret, &format!("1577262236757\n{secret}")),
            "DJrE6qdyVGCQz9z5r2MDuNcNAhwYnuAkyj13cx169CA="
        );
        assert_eq!(
            hmac("example-secret", "1577262236757"),
            "9EQUhx+gSqHfgSF/OnOV2ifDC9m1VzjPj00L/WOZeew="
        );
    }
}
