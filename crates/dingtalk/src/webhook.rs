//! Reads what people paste: a robot's webhook address and its signing secret.
//!
//! Callers: configuration, the console's robot form, the `send` command.
//! Invariant: errors say what was pasted wrongly, never the pasted value itself.
//! Weakness: any address ending in `/robot/send` is taken for a DingTalk robot, because private
//! deployments and sandboxes have hosts of their own.

use secrecy::SecretString;
use thiserror::Error;
use url::Url;

use crate::http::Endpoints;

/// Reads webhook addresses.
#[derive(Debug, Clone, Copy)]
pub struct Webhook;

/// Where a robot listens and by which token.
#[derive(Debug, Clone)]
pub struct WebhookParts {
    /// Without query, for example `https://oapi.dingtalk.com/robot/send`.
    pub base: Url,
    pub access_token: SecretString,
}

/// What is wrong with a pasted webhook address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WebhookError {
    #[error("nothing was pasted; copy the webhook address from the robot's settings in the group")]
    Empty,
    #[error(
        "this is not the address of a DingTalk robot; it should begin with https://oapi.dingtalk.com/robot/send?access_token="
    )]
    NotDingTalk,
    #[error("the address has no access_token; copy the whole webhook address again")]
    TokenMissing,
    #[error(
        "this is the signing secret (it begins with SEC); it belongs into the field for the secret, here goes the webhook address"
    )]
    LooksLikeSecret,
    #[error("this is neither a webhook address nor an access token")]
    Unreadable,
}

impl Webhook {
    /// Takes a whole address (with quotes, spaces, line breaks, a stale `&timestamp=…&sign=…`), a
    /// `curl '…'` line, or the bare access token.
    pub fn parse(pasted: &str) -> Result<WebhookParts, WebhookError> {
        Self::parse_at(pasted, &Endpoints::default().oapi)
    }

    /// As [`Webhook::parse`]; a bare access token belongs to the host `oapi`.
    pub fn parse_at(pasted: &str, oapi: &Url) -> Result<WebhookParts, WebhookError> {
        let text = unquoted(pasted);
        if text.is_empty() {
            return Err(WebhookError::Empty);
        }
        if let Some(address) = address_in(pasted) {
            return from_address(&address);
        }
        if is_secret(text) {
            return Err(WebhookError::LooksLikeSecret);
        }
        let token = text.strip_prefix("access_token=").unwrap_or(text);
        if !is_token(token) {
            return Err(WebhookError::Unreadable);
        }
        let base = Endpoints::at(oapi, "/robot/send");
        Ok(WebhookParts {
            base,
            access_token: token.into(),
        })
    }
}

/// The first `http(s)` address in the pasted text; line breaks inside it (from a chat or a mail)
/// are dropped.
fn address_in(pasted: &str) -> Option<String> {
    let start = pasted.find("https://").or_else(|| pasted.find("http://"))?;
    let flat: String = pasted
        .get(start..)?
        .replace("\\\n", " ")
        .replace("&amp;", "&")
        .chars()
        .filter(|c| !matches!(c, '\n' | '\r'))
        .collect();
    let end = flat
        .find(|c: char| {
            c.is_whitespace()
                || matches!(
                    c,
                    '\'' | '"' | '`' | '”' | '“' | '’' | '‘' | '>' | '<' | '，' | '。'
                )
        })
        .unwrap_or(flat.len());
    flat.get(..end).map(ToOwned::to_owned)
}

fn from_address(address: &str) -> Result<WebhookParts, WebhookError> {
    let mut base = Url::parse(address).map_err(|_| WebhookError::Unreadable)?;
    let host = base.host_str().unwrap_or_default().to_owned();
    if !base.path().trim_end_matches('/').ends_with("/robot/send") {
        return Err(
            if host.ends_with("dingtalk.com") && base.query().is_none() {
                WebhookError::TokenMissing
            } else {
                WebhookError::NotDingTalk
            },
        );
    }
    let token = base
        .query_pairs()
        .find(|(name, _)| name == "access_token")
        .map(|(_, value)| value.trim().to_owned());
    let token = token
        .filter(|token| !token.is_empty())
        .ok_or(WebhookError::TokenMissing)?;
    if is_secret(&token) {
        return Err(WebhookError::LooksLikeSecret);
    }
    if host.ends_with(".dingtalk.com") && base.scheme() == "http" {
        // The token must not travel in the clear; the real host speaks https only.
        base.set_scheme("https").expect("http can become https");
    }
    base.set_query(None);
    base.set_fragment(None);
    let _ = base.set_username("");
    let _ = base.set_password(None);
    Ok(WebhookParts {
        base,
        access_token: token.into(),
    })
}

/// Reads signing secrets (加签).
#[derive(Debug, Clone)]
pub struct Secret {
    pub value: SecretString,
    /// Worth showing; the secret is used all the same.
    pub warning: Option<SecretWarning>,
}

/// Something unusual about a signing secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SecretWarning {
    #[error("signing secrets begin with SEC; this one does not, so sends will probably be refused")]
    NoPrefix,
}

/// What is wrong with a pasted signing secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SecretError {
    #[error("the secret is empty")]
    Empty,
    #[error(
        "this is a web address; the secret begins with SEC and stands next to 加签 in the robot's security settings"
    )]
    LooksLikeAddress,
}

impl Secret {
    /// Trims spaces and quotes.
    pub fn parse(pasted: &str) -> Result<Self, SecretError> {
        let text = unquoted(pasted);
        if text.is_empty() {
            return Err(SecretError::Empty);
        }
        if text.contains("://") {
            return Err(SecretError::LooksLikeAddress);
        }
        let warning = (!text.starts_with("SEC")).then_some(SecretWarning::NoPrefix);
        Ok(Self {
            value: text.into(),
            warning,
        })
    }
}

fn unquoted(pasted: &str) -> &str {
    pasted.trim_matches(|c: char| {
        c.is_whitespace()
            || matches!(
                c,
                '\'' | '"' | '`' | '“' | '”' | '‘' | '’' | '\u{feff}' | '\u{200b}' | ',' | ';'
            )
    })
}

fn is_secret(text: &str) -> bool {
    text.strip_prefix("SEC")
        .is_some_and(|rest| rest.len() >= 16 && rest.chars().all(|c| c.is_ascii_alphanumeric()))
}

fn is_token(text: &str) -> bool {
    text.len() >= 8
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn read(pasted: &str) -> (String, String) {
        let parts = Webhook::parse(pasted).unwrap();
        (
            parts.base.to_string(),
            parts.access_token.expose_secret().to_owned(),
        )
    }

    #[test]
    fn whatever_people_paste_is_understood() {
        let expected = (
            "https://oapi.dingtalk.com/robot/send".to_owned(),
            "0a1b2c3d4e5f6071".to_owned(),
        );
        for pasted in [
            "https://oapi.dingtalk.com/robot/send?access_token=0a1b2c3d4e5f6071",
            "  \"https://oapi.dingtalk.com/robot/send?access_token=0a1b2c3d4e5f6071\"\n",
            "https://oapi.dingtalk.com/robot/send?access_token=0a1b2c3d4e5f6071&timestamp=1&sign=x%3D",
            "https://oapi.dingtalk.com/robot/send?access_token=0a1b2c\n3d4e5f6071",
            "http://oapi.dingtalk.com/robot/send?access_token=0a1b2c3d4e5f6071",
            "https://oapi.dingtalk.com/robot/send?timestamp=1&amp;access_token=0a1b2c3d4e5f6071",
            "curl 'https://oapi.dingtalk.com/robot/send?access_token=0a1b2c3d4e5f6071' \\\n -H 'Content-Type: application/json'",
            "Webhook：https://oapi.dingtalk.com/robot/send?access_token=0a1b2c3d4e5f6071",
            "0a1b2c3d4e5f6071",
            "access_token=0a1b2c3d4e5f6071",
            "“0a1b2c3d4e5f6071”",
        ] {
            assert_eq!(read(pasted), expected, "{pasted}");
        }
    }

    #[test]
    fn a_private_host_is_kept() {
        assert_eq!(
            read("http://127.0.0.1:8791/robot/send?access_token=abcdefgh"),
            (
                "http://127.0.0.1:8791/robot/send".to_owned(),
                "abcdefgh".to_owned()
            )
        );
    }

    #[test]
    fn mistakes_are_named_without_repeating_the_value() {
        for (pasted, expected) in [
            ("", WebhookError::Empty),
            (" \"\" ", WebhookError::Empty),
            (
                "https://oapi.dingtalk.com/robot/send",
                WebhookError::TokenMissing,
            ),
            (
                "https://oapi.dingtalk.com/robot/send?access_token=",
                WebhookError::TokenMissing,
            ),
            (
                "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=1",
                WebhookError::NotDingTalk,
            ),
            (
                "https://open.feishu.cn/open-apis/bot/v2/hook/1",
                WebhookError::NotDingTalk,
            ),
            (
                "SEC0123456789abcdef0123456789",
                WebhookError::LooksLikeSecret,
            ),
            (
                "https://oapi.dingtalk.com/robot/send?access_token=SEC0123456789abcdef0123456789",
                WebhookError::LooksLikeSecret,
            ),
            ("你好", WebhookError::Unreadable),
        ] {
            assert_eq!(Webhook::parse(pasted).unwrap_err(), expected, "{pasted}");
        }
    }

    #[test]
    fn a_secret_is_trimmed_and_judged() {
        let secret = Secret::parse(" 'SECabc' \n").unwrap();
        assert_eq!(secret.value.expose_secret(), "SECabc");
        assert_eq!(secret.warning, None);
        assert_eq!(
            Secret::parse("abc").unwrap().warning,
            Some(SecretWarning::NoPrefix)
        );
        assert_eq!(
            Secret::parse("https://x/").unwrap_err(),
            SecretError::LooksLikeAddress
        );
        assert_eq!(Secret::parse(" ").unwrap_err(), SecretError::Empty);
    }
}
