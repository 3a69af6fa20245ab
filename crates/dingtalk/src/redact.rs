//! Takes secrets out of text that came from outside, before it becomes part of an error.
//!
//! Callers: everything that builds an [`Error`](crate::Error) from a platform's words; the
//! channels use it for their own details.
//! Invariant: the result has at most [`DETAIL_CHARS`] characters and no value after the query
//! parameters and JSON fields that carry secrets. Weakness: a secret in an unknown shape is only found if it
//! is passed in `known`.

/// Longest detail kept of a platform's words, in characters.
pub(crate) const DETAIL_CHARS: usize = 500;

const NAMES: [&str; 9] = [
    "access_token=",
    "sign=",
    "appsecret=",
    "appSecret=",
    "client_secret=",
    "clientSecret=",
    "suite_access_token=",
    "session=",
    "ticket=",
];

/// The same in JSON: an answer that cannot be read may be the one that grants something.
const FIELDS: [&str; 9] = [
    "accessToken",
    "access_token",
    "refreshToken",
    "appSecret",
    "clientSecret",
    "apiSecret",
    "ticket",
    "jsapiTicket",
    "suite_access_token",
];

/// Replaces the values of secret query parameters and every string of `known` by `…`, and cuts
/// the rest to 500 characters. Known secrets shorter than 4 bytes are not looked for.
pub fn redact(text: &str, known: &[&str]) -> String {
    let mut clean = text.to_owned();
    for secret in known {
        if secret.len() >= 4 && clean.contains(secret) {
            clean = clean.replace(secret, "…");
        }
    }
    for name in NAMES {
        clean = without_values(&clean, name);
    }
    for field in FIELDS {
        for opening in ["\":\"", "\": \"", "\\\":\\\""] {
            clean = without_values(&clean, &format!("{field}{opening}"));
        }
    }
    if clean.chars().count() > DETAIL_CHARS {
        clean = clean.chars().take(DETAIL_CHARS - 1).chain(['…']).collect();
    }
    clean
}

fn without_values(text: &str, name: &str) -> String {
    let mut parts = text.split(name);
    let mut clean = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        clean.push_str(name);
        clean.push('…');
        clean.extend(part.chars().skip_while(|&c| {
            c.is_ascii_alphanumeric() || matches!(c, '%' | '+' | '/' | '=' | '-' | '_' | '.' | '…')
        }));
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_signatures_disappear() {
        let clean = redact(
            "POST https://oapi.dingtalk.com/robot/send?access_token=abc123&timestamp=1&sign=a%2Bb%3D failed (SECx1y2)",
            &["SECx1y2"],
        );
        assert_eq!(
            clean,
            "POST https://oapi.dingtalk.com/robot/send?access_token=…&timestamp=1&sign=… failed (…)"
        );
    }

    #[test]
    fn a_torn_answer_shows_no_token() {
        let clean = redact(
            r#"{"accessToken":"abc-12_3","expireIn":7200,"x": {\"ticket\":\"t/1\"}, "refreshToken": "r.9"#,
            &[],
        );
        assert_eq!(
            clean,
            r#"{"accessToken":"…","expireIn":7200,"x": {\"ticket\":\"…\"}, "refreshToken": "…"#
        );
        assert_eq!(
            redact("wss://g/connect?ticket=a%2Bb x", &[]),
            "wss://g/connect?ticket=… x"
        );
    }

    #[test]
    fn long_words_are_cut_on_a_character() {
        assert_eq!(redact(&"知".repeat(900), &[]).chars().count(), DETAIL_CHARS);
    }
}
