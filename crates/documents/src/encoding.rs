//! Bytes of a text file to a string: UTF-8 and UTF-16 with or without a byte order mark, GB18030.
//!
//! Called by the text, Markdown, HTML and CSV readers.
//! Invariant: no replacement character is ever invented; what does not decode cleanly is refused.
//! Weakness: a legacy Western file whose bytes happen to be valid GB18030 is taken for that.

use encoding_rs::{Encoding, GB18030, UTF_8, UTF_16BE, UTF_16LE};

use crate::ReadError;

/// The text of `bytes`, with line ends as `\n` and without a byte order mark.
pub(crate) fn decode(bytes: &[u8]) -> Result<String, ReadError> {
    let text = decode_raw(bytes)?;
    if let Some(control) = text.chars().find(|&c| is_binary_control(c)) {
        return Err(not_text(&format!(
            "it contains the control character U+{:04X}",
            control as u32
        )));
    }
    Ok(text.replace("\r\n", "\n").replace('\r', "\n"))
}

fn decode_raw(bytes: &[u8]) -> Result<String, ReadError> {
    if let Some((encoding, mark_length)) = Encoding::for_bom(bytes) {
        let body = bytes.get(mark_length..).unwrap_or_default();
        return decode_as(encoding, body)
            .ok_or_else(|| not_text(&format!("it is marked as {} but is not", encoding.name())));
    }
    if let Some(encoding) = utf16_without_mark(bytes)
        && let Some(text) = decode_as(encoding, bytes)
    {
        return Ok(text);
    }
    decode_as(UTF_8, bytes)
        .or_else(|| decode_as(GB18030, bytes))
        .ok_or_else(|| not_text("it is neither UTF-8 nor UTF-16 nor GB18030"))
}

fn decode_as(encoding: &'static Encoding, bytes: &[u8]) -> Option<String> {
    encoding
        .decode_without_bom_handling_and_without_replacement(bytes)
        .map(std::borrow::Cow::into_owned)
}

/// Only UTF-16 has zero bytes; of its two orders the one that reads as usual characters is right.
fn utf16_without_mark(bytes: &[u8]) -> Option<&'static Encoding> {
    if bytes.len() < 4 || !bytes.len().is_multiple_of(2) {
        return None;
    }
    let sample = bytes.get(..bytes.len().min(4096)).unwrap_or(bytes);
    if !sample.contains(&0) {
        return None;
    }
    let usual = |encoding: &'static Encoding| {
        let (text, _) = encoding.decode_without_bom_handling(sample);
        text.chars().filter(|&c| is_usual(c)).count()
    };
    let (little, big) = (usual(UTF_16LE), usual(UTF_16BE));
    let enough = |count: usize| count * 2 * 10 >= sample.len() * 8;
    match little.cmp(&big) {
        std::cmp::Ordering::Greater if enough(little) => Some(UTF_16LE),
        std::cmp::Ordering::Less if enough(big) => Some(UTF_16BE),
        _ => None,
    }
}

fn is_usual(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\t' | ' '..='~' | '\u{3000}'..='\u{303f}' | '\u{4e00}'..='\u{9fff}' | '\u{ff00}'..='\u{ff5e}')
}

/// Control characters that no text file has. Form feed and the vertical tab do occur.
fn is_binary_control(c: char) -> bool {
    matches!(c, '\0'..='\x08' | '\x0e'..='\x1a' | '\x1c'..='\x1f' | '\u{fffe}' | '\u{ffff}')
}

fn not_text(detail: &str) -> ReadError {
    ReadError::NotText {
        detail: detail.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_text_is_read_in_every_usual_encoding() {
        let text = "第一条 为了规范\n第二条 费用";
        let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let utf16_be: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let marked = [&[0xff, 0xfe][..], &utf16].concat();
        let utf8_marked = [&[0xef, 0xbb, 0xbf][..], text.as_bytes()].concat();
        let (gb, _, _) = GB18030.encode(text);
        for bytes in [
            text.as_bytes(),
            &utf16,
            &utf16_be,
            &marked,
            &utf8_marked,
            &gb,
        ] {
            assert_eq!(decode(bytes).as_deref(), Ok(text));
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        assert_eq!(
            decode(&[0, 159, 146, 150, 1, 2, 3]).unwrap_err().code(),
            "not_text"
        );
        assert_eq!(decode(b"ab\0cd").unwrap_err().code(), "not_text");
    }
}
