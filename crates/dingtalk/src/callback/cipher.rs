//! The envelope of encrypted pushes: AES-256-CBC over `random(16) ‖ length(4) ‖ text ‖ owner`.
//!
//! Caller: [`CallbackCrypto`](super::CallbackCrypto), after the signature was found right.
//! Invariant: no input makes it panic; the length counts bytes, most significant first; padding
//! is PKCS#7 with blocks of 32 bytes although AES has blocks of 16.
//! Source: 回调事件消息体加解密, the official document and its published vector.

use aes::Aes256;
use aes::cipher::{Array, BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _};
use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Characters of an `aes_key`.
pub(super) const KEY_CHARS: usize = 43;
const KEY_BYTES: usize = 32;
const BLOCK_BYTES: usize = 16;
const PADDING_BYTES: usize = 32;
const RANDOM_BYTES: usize = 16;
const LENGTH_BYTES: usize = 4;

/// Most keys of 43 characters end in bits that do not fit into 32 bytes; they are ignored.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What is wrong with a ciphertext.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    NotBase64,
    Length,
    Padding,
    TextLength,
    NotUtf8,
    Owner,
}

/// The 32 key bytes of an `aes_key`.
pub(super) fn key_bytes(aes_key: &str) -> Option<[u8; KEY_BYTES]> {
    if aes_key.chars().count() != KEY_CHARS {
        return None;
    }
    LENIENT.decode(aes_key).ok()?.try_into().ok()
}

/// The text in `encrypted` (base64), if it is meant for `owner`.
pub(super) fn decrypt(
    key: &[u8; KEY_BYTES],
    owner: &str,
    encrypted: &str,
) -> Result<String, Fault> {
    let mut bytes = LENIENT
        .decode(encrypted.trim())
        .map_err(|_| Fault::NotBase64)?;
    if bytes.is_empty() || !bytes.len().is_multiple_of(BLOCK_BYTES) {
        return Err(Fault::Length);
    }
    let mut mode = cbc::Decryptor::<Aes256>::new(&Array::from(*key), &Array::from(first_half(key)));
    for block in bytes.chunks_exact_mut(BLOCK_BYTES) {
        mode.decrypt_block(block.try_into().expect("chunks of the block size"));
    }
    let plain = without_padding(&bytes)?;
    let (length, rest) = plain
        .get(RANDOM_BYTES..)
        .and_then(<[u8]>::split_first_chunk::<LENGTH_BYTES>)
        .ok_or(Fault::TextLength)?;
    let length = u32::from_be_bytes(*length) as usize;
    let (text, tail) = rest.split_at_checked(length).ok_or(Fault::TextLength)?;
    if tail != owner.as_bytes() {
        return Err(Fault::Owner);
    }
    String::from_utf8(text.to_vec()).map_err(|_| Fault::NotUtf8)
}

/// Base64 of the encrypted `text`.
pub(super) fn encrypt(
    key: &[u8; KEY_BYTES],
    owner: &str,
    text: &str,
    random: [u8; RANDOM_BYTES],
) -> String {
    let length = u32::try_from(text.len()).expect("a text below 4 GB");
    let mut bytes = Vec::with_capacity(text.len() + owner.len() + 2 * PADDING_BYTES + LENGTH_BYTES);
    bytes.extend_from_slice(&random);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes.extend_from_slice(owner.as_bytes());
    let padding = PADDING_BYTES - bytes.len() % PADDING_BYTES;
    bytes.resize(bytes.len() + padding, padding as u8);
    let mut mode = cbc::Encryptor::<Aes256>::new(&Array::from(*key), &Array::from(first_half(key)));
    for block in bytes.chunks_exact_mut(BLOCK_BYTES) {
        mode.encrypt_block(block.try_into().expect("chunks of the block size"));
    }
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// The initialisation vector is the beginning of the key.
fn first_half(key: &[u8; KEY_BYTES]) -> [u8; BLOCK_BYTES] {
    *key.first_chunk().expect("32 bytes have a first half")
}

fn without_padding(bytes: &[u8]) -> Result<&[u8], Fault> {
    let count = usize::from(*bytes.last().ok_or(Fault::Padding)?);
    if !(1..=PADDING_BYTES).contains(&count) || count > bytes.len() {
        return Err(Fault::Padding);
    }
    let (plain, padding) = bytes.split_at(bytes.len() - count);
    if padding.iter().any(|&byte| usize::from(byte) != count) {
        return Err(Fault::Padding);
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: &str = "1234567890123456789012345678901234567890123";

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn what_is_encrypted_is_decrypted(text in any::<String>(), owner in "[a-z0-9]{1,40}", random: [u8; 16], key in "[a-zA-Z0-9]{43}") {
            let key = key_bytes(&key).unwrap();
            let encrypted = encrypt(&key, &owner, &text, random);
            prop_assert_eq!(decrypt(&key, &owner, &encrypted), Ok(text));
        }

        #[test]
        fn garbage_never_panics(garbage in any::<String>(), bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let key = key_bytes(KEY).unwrap();
            prop_assert!(decrypt(&key, "owner", &garbage).is_err());
            let encoded = base64::engine::general_purpose::STANDARD.encode(bytes);
            prop_assert!(decrypt(&key, "owner", &encoded).is_err());
        }

        #[test]
        fn a_mutated_ciphertext_is_never_taken_for_another_owner(at: prop::sample::Index, flip in 1u8..=255, text in "[a-z]{0,90}") {
            let key = key_bytes(KEY).unwrap();
            let encoded = encrypt(&key, "dingowner", &text, [7; 16]);
            let mut bytes = base64::engine::general_purpose::STANDARD.decode(&encoded).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            let mutated = base64::engine::general_purpose::STANDARD.encode(&bytes);
            if let Ok(read) = decrypt(&key, "dingowner", &mutated) {
                prop_assert!(read.len() <= bytes.len());
            }
            for length in 0..bytes.len() {
                let cut = base64::engine::general_purpose::STANDARD.encode(&bytes[..length]);
                prop_assert!(decrypt(&key, "dingowner", &cut).is_err());
            }
        }
    }

    #[test]
    fn a_text_longer_than_a_byte_can_count_comes_back() {
        let key = key_bytes(KEY).unwrap();
        for length in [0, 1, 127, 128, 200, 255, 256, 300, 70_000] {
            let text = "知".repeat(length);
            let encrypted = encrypt(&key, "o", &text, [0x80; 16]);
            assert_eq!(decrypt(&key, "o", &encrypted).as_deref(), Ok(text.as_str()));
        }
    }

    #[test]
    fn the_padding_fills_blocks_of_32_bytes() {
        let key = key_bytes(KEY).unwrap();
        for length in 0..70 {
            let encrypted = encrypt(&key, "o", &"a".repeat(length), [1; 16]);
            let bytes = base64::engine::general_purpose::STANDARD
                .decode(encrypted)
                .unwrap();
            assert_eq!(bytes.len() % 32, 0, "{length}");
        }
    }

    #[test]
    fn keys_with_leftover_bits_are_keys() {
        for last in ['0', '1', '5', 'Z', 'z', '9'] {
            let key = format!("{}{last}", "a".repeat(42));
            assert!(key_bytes(&key).is_some(), "{key}");
        }
        for wrong in ["", "short", &"a".repeat(44), &"!".repeat(43)] {
            assert!(key_bytes(wrong).is_none(), "{wrong}");
        }
    }
}
