//! Security settings of a custom robot (安全设置): address list, signature, keywords. All that are set must hold.
//!
//! `sign = base64(HMAC_SHA256(secret, timestamp_ms + "\n" + secret))`, both in the query, the timestamp within one
//! hour of the server's time. A `+` that was not percent-encoded arrives as a space and does not match: as in reality.

use std::net::{IpAddr, Ipv4Addr};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::refusals;
use crate::call::{Call, LegacyRefusal};
use crate::message::Content;
use crate::organisation::Security;
use crate::rules::Rules;

const ONE_HOUR_MS: i64 = 3_600_000;

pub(super) fn check_address(
    rules: &Rules,
    security: &Security,
    peer: IpAddr,
) -> Result<(), LegacyRefusal> {
    if security.ips.is_empty() || is_in_ranges(&security.ips, peer) {
        Ok(())
    } else {
        Err(refusals::address(rules, peer))
    }
}

/// Whether an IPv4 address is one of these or in one of these ranges.
pub(crate) fn is_in_ranges(ranges: &[String], peer: IpAddr) -> bool {
    let IpAddr::V4(address) = peer else {
        return false;
    };
    ranges.iter().any(|range| is_in(address, range))
}

pub(super) fn check_signature(
    rules: &Rules,
    security: &Security,
    call: &Call,
    now_ms: i64,
) -> Result<(), LegacyRefusal> {
    let Some(secret) = &security.secret else {
        return Ok(());
    };
    let (Some(timestamp), Some(sign)) = (call.query("timestamp"), call.query("sign")) else {
        return Err(refusals::signature(rules));
    };
    let at_ms: i64 = timestamp.parse().map_err(|_| refusals::timestamp(rules))?;
    if now_ms.abs_diff(at_ms) > ONE_HOUR_MS.unsigned_abs() {
        return Err(refusals::timestamp(rules));
    }
    let expected = signature(secret, timestamp);
    let same: bool = expected.as_bytes().ct_eq(sign.as_bytes()).into();
    if same {
        Ok(())
    } else {
        Err(refusals::signature(rules))
    }
}

pub(super) fn check_keywords(
    rules: &Rules,
    security: &Security,
    content: &Content,
) -> Result<(), LegacyRefusal> {
    let texts = content.visible_strings();
    let found = |keyword: &String| texts.iter().any(|text| text.contains(keyword.as_str()));
    if security.keywords.is_empty() || security.keywords.iter().any(found) {
        Ok(())
    } else {
        Err(refusals::keywords(rules))
    }
}

fn signature(secret: &str, timestamp: &str) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(format!("{timestamp}\n{secret}").as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// An IPv4 address or CIDR range; anything else matches nothing.
fn is_in(address: Ipv4Addr, range: &str) -> bool {
    let (base, bits) = range.split_once('/').unwrap_or((range, "32"));
    let (Ok(base), Ok(bits)) = (base.trim().parse::<Ipv4Addr>(), bits.trim().parse::<u32>()) else {
        return false;
    };
    let mask = u32::MAX
        .checked_shl(32_u32.saturating_sub(bits))
        .unwrap_or(0);
    bits <= 32 && (u32::from(address) & mask) == (u32::from(base) & mask)
}

#[cfg(test)]
mod tests {
    use super::{is_in, signature};

    #[test]
    fn signatures_match_the_published_recipe() {
        let rows = [
            (
                "this is secret",
                "1577262236757",
                "hmPWwU+7lVdm3ZZz0r9tSfx0L4Q26jWOZr9+Gs6EZQM=",
            ),
            (
                "SEC000000000000000000000",
                "1700000000000",
                "1zJ/w34EOSVAYr7cu7Vo8LnebmK2/GrCgegtr8mQrqM=",
            ),
        ];
        for (secret, timestamp, expected) in rows {
            assert_eq!(signature(secret, timestamp), expected);
        }
    }

    #[test]
    fn an_address_is_listed_alone_or_within_a_range() {
        let address = "10.1.2.3".parse().expect("an IPv4 address");
        for (range, expected) in [
            ("10.1.2.3", true),
            ("10.1.2.4", false),
            ("10.1.0.0/16", true),
            ("10.2.0.0/16", false),
            ("0.0.0.0/0", true),
            ("10.1.2.3/33", false),
            ("::1", false),
            ("nonsense", false),
        ] {
            assert_eq!(is_in(address, range), expected, "{range}");
        }
    }
}
