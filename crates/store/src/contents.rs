//! Policy texts and files, named by the SHA-256 of their bytes.
//!
//! Written by publishing, read by pages, diffs and evidence. Invariant: what `get` returns has the hash it was asked for,
//! checked on every read; the same bytes are stored once. Weakness: a large file passes through memory whole.

use std::io::{Read, Write};

use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};
use yuezhi_domain::{ContentHash, UnixMillis};

use crate::{StoreError, Tx, p};

const GET: &str = "SELECT encoding, bytes, size FROM contents WHERE hash = ?1";
const EXISTS: &str = "SELECT 1 FROM contents WHERE hash = ?1";
const PUT: &str = "INSERT INTO contents (hash, size, encoding, bytes, created_at) VALUES (?1, ?2, ?3, ?4, ?5) \
                   ON CONFLICT (hash) DO NOTHING";

/// Larger contents are stored as they are: deflating them would hold up the writer.
const LARGEST_DEFLATED: usize = 4 * 1024 * 1024;

/// Stores bytes; the same bytes again cost one look-up.
pub fn put(tx: &mut Tx<'_>, bytes: &[u8], now: UnixMillis) -> Result<ContentHash, StoreError> {
    let hash = ContentHash::of(bytes);
    if tx.read_opt(EXISTS, p![hash], |_| Ok(()))?.is_some() {
        return Ok(hash);
    }
    match deflated(bytes) {
        Some(small) => tx.exec(PUT, p![hash, bytes.len(), "deflate", small, now])?,
        None => tx.exec(PUT, p![hash, bytes.len(), "plain", *bytes, now])?,
    };
    Ok(hash)
}

/// The bytes, checked against their name.
pub fn get(tx: &mut Tx<'_>, hash: &ContentHash) -> Result<Option<Vec<u8>>, StoreError> {
    let Some((encoding, stored, size)) = tx.read_opt(GET, p![hash], |row| {
        Ok((
            row.get::<String>(0)?,
            row.get::<Vec<u8>>(1)?,
            row.get::<usize>(2)?,
        ))
    })?
    else {
        return Ok(None);
    };
    let damaged = || StoreError::Damaged(format!("content {}", hash.short()));
    let bytes = match encoding.as_str() {
        "plain" => stored,
        "deflate" => inflated(&stored, size).ok_or_else(damaged)?,
        _ => return Err(damaged()),
    };
    if ContentHash::of(&bytes) == *hash {
        Ok(Some(bytes))
    } else {
        Err(damaged())
    }
}

/// `None` when it does not pay: office files, PDF and pictures are compressed already.
fn deflated(bytes: &[u8]) -> Option<Vec<u8>> {
    const COMPRESSED: [&[u8]; 5] = [b"PK\x03\x04", b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8"];
    if bytes.len() < 256
        || bytes.len() > LARGEST_DEFLATED
        || COMPRESSED.iter().any(|magic| bytes.starts_with(magic))
    {
        return None;
    }
    let mut encoder = DeflateEncoder::new(Vec::with_capacity(bytes.len() / 3), Compression::fast());
    // Writing to a Vec cannot fail; if it ever does, the plain bytes are as good.
    encoder.write_all(bytes).ok()?;
    encoder
        .finish()
        .ok()
        .filter(|small| small.len() < bytes.len() * 9 / 10)
}

/// Never makes more than `size` bytes of a damaged row.
fn inflated(stored: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(size.min(64 * 1024 * 1024));
    DeflateDecoder::new(stored)
        .take(size as u64)
        .read_to_end(&mut bytes)
        .ok()?;
    Some(bytes)
}
