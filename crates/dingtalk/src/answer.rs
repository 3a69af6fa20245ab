//! Reads answers: the two envelopes of the platform and everything that is neither.
//!
//! Callers: [`Robot`](crate::Robot) and [`App`](crate::App).
//! Invariant: `Ok` means that the body itself says success. Numbers may come as strings.
//! Weakness: of an answer cut in the middle nothing is used.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Deserializer};

use crate::error::{ApiRefusal, Error, OapiRefusal, OddAnswer, Oddity};
use crate::redact::redact;

/// A complete HTTP answer of bounded size.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub status: u16,
    pub retry_after: Option<Duration>,
    /// Where a redirect points, without its query.
    pub location: Option<String>,
    pub body: Bytes,
}

#[derive(Deserialize)]
struct OapiEnvelope {
    #[serde(default, deserialize_with = "number_or_string")]
    errcode: Option<i64>,
    #[serde(default)]
    errmsg: Option<String>,
    #[serde(default, deserialize_with = "string_or_number")]
    sub_code: Option<String>,
    #[serde(default)]
    sub_msg: Option<String>,
    #[serde(default)]
    request_id: Option<String>,
    #[serde(default, deserialize_with = "number_or_string")]
    status: Option<i64>,
    #[serde(default)]
    punish: Option<String>,
    #[serde(default, deserialize_with = "number_or_string")]
    wait: Option<i64>,
}

#[derive(Deserialize)]
struct ApiEnvelope {
    #[serde(alias = "Code", default, deserialize_with = "string_or_number")]
    code: Option<String>,
    #[serde(alias = "Message", default)]
    message: Option<String>,
    #[serde(alias = "RequestId", alias = "requestId", default)]
    requestid: Option<String>,
    #[serde(alias = "AccessDeniedDetail", alias = "accessDeniedDetail", default)]
    accessdenieddetail: Option<AccessDenied>,
}

#[derive(Deserialize)]
struct AccessDenied {
    #[serde(rename = "requiredScopes", alias = "RequiredScopes", default)]
    required_scopes: Vec<String>,
}

impl Answer {
    /// Success of the old host: HTTP 2xx and `errcode` 0.
    pub(crate) fn oapi(self, known: &[&str]) -> Result<Bytes, Error> {
        // What nearly every send comes back with; spares the parser.
        if self.status == 200 && &*self.body == br#"{"errcode":0,"errmsg":"ok"}"# {
            return Ok(self.body);
        }
        if matches!(self.status, 300..=399 | 429 | 500..) {
            return Err(self.odd(None, known));
        }
        let Ok(envelope) = serde_json::from_slice::<OapiEnvelope>(&self.body) else {
            return Err(self.odd(None, known));
        };
        match envelope.errcode {
            Some(0) if self.status < 300 => Ok(self.body),
            Some(errcode) if errcode != 0 => Err(Error::Oapi(refusal(errcode, &envelope, known))),
            _ => Err(self.odd(Some(&envelope), known)),
        }
    }

    /// Success of the new host: HTTP 2xx.
    pub(crate) fn api(self, known: &[&str]) -> Result<Bytes, Error> {
        if matches!(self.status, 300..=399) || self.is_html() {
            return Err(self.odd(None, known));
        }
        if (200..300).contains(&self.status) {
            return match serde_json::from_slice::<OapiEnvelope>(&self.body) {
                Ok(envelope) if envelope.punish.is_some() => Err(self.odd(Some(&envelope), known)),
                Ok(_) => Ok(self.body),
                Err(_) => Err(self.odd(None, known)),
            };
        }
        if let Ok(envelope) = serde_json::from_slice::<ApiEnvelope>(&self.body)
            && let Some(code) = envelope.code
        {
            return Err(Error::Api(ApiRefusal {
                status: self.status,
                code: redact(&code, known),
                message: redact(&envelope.message.unwrap_or_default(), known),
                request_id: envelope.requestid,
                required_scopes: envelope
                    .accessdenieddetail
                    .map(|denied| denied.required_scopes)
                    .unwrap_or_default(),
                retry_after: self.retry_after,
            }));
        }
        let envelope = serde_json::from_slice::<OapiEnvelope>(&self.body).ok();
        Err(self.odd(envelope.as_ref(), known))
    }

    fn is_html(&self) -> bool {
        self.body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<')
    }

    fn odd(&self, envelope: Option<&OapiEnvelope>, known: &[&str]) -> Error {
        let banned =
            envelope.filter(|envelope| envelope.status == Some(1111) || envelope.punish.is_some());
        let oddity = match self.status {
            300..=399 => Oddity::Redirect,
            429 => Oddity::TooManyRequests,
            500.. => Oddity::ServerError,
            _ => match banned {
                Some(ban) => Oddity::Banned {
                    minutes: ban.wait.and_then(|wait| wait.try_into().ok()).unwrap_or(5),
                },
                None if self.is_html() => Oddity::Html,
                None => Oddity::Unreadable,
            },
        };
        let words = self.location.clone().unwrap_or_else(|| {
            String::from_utf8_lossy(
                self.body
                    .get(..self.body.len().min(400))
                    .unwrap_or_default(),
            )
            .into_owned()
        });
        Error::Answer(OddAnswer {
            status: self.status,
            oddity,
            retry_after: self.retry_after,
            excerpt: redact(&words, known),
        })
    }
}

fn refusal(errcode: i64, envelope: &OapiEnvelope, known: &[&str]) -> OapiRefusal {
    let words = envelope.errmsg.as_deref().unwrap_or_default();
    // Some answers carry the sub code only inside the words: `ding talk error[subcode=40014,submsg=…]`.
    let in_words = || {
        let (_, rest) = words.split_once("subcode=")?;
        let code: String = rest
            .chars()
            .take_while(|c| !matches!(c, ',' | ']'))
            .collect();
        Some(code)
    };
    let sub_code = envelope
        .sub_code
        .clone()
        .filter(|code| !code.is_empty())
        .or_else(in_words);
    let message = envelope
        .sub_msg
        .as_deref()
        .filter(|message| !message.is_empty())
        .unwrap_or(words);
    OapiRefusal {
        errcode,
        sub_code,
        message: redact(message, known),
        request_id: envelope.request_id.clone(),
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Lenient {
    Number(i64),
    Text(String),
    // Any other JSON value must not make the whole answer unreadable.
    Other(serde::de::IgnoredAny),
}

fn number_or_string<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    Ok(match Lenient::deserialize(from)? {
        Lenient::Number(number) => Some(number),
        Lenient::Text(text) => text.trim().parse().ok(),
        Lenient::Other(_) => None,
    })
}

fn string_or_number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(match Lenient::deserialize(from)? {
        Lenient::Number(number) => Some(number.to_string()),
        Lenient::Text(text) => Some(text),
        Lenient::Other(_) => None,
    })
}
