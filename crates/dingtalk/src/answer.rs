//! Reads answers: the two envelopes of the platform and everything that is neither.
//!
//! Callers: [`Robot`](crate::Robot) and [`App`](crate::App).
//! Invariant: `Ok` means that the body itself says success. Numbers may come as strings.
//! Weakness: of an answer cut in the middle nothing is used.

use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use crate::error::{ApiRefusal, Error, OapiRefusal, OddAnswer, Oddity};
use crate::lenient;
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

#[derive(Default, Deserialize)]
#[serde(default)]
struct OapiEnvelope {
    errcode: Option<i64>,
    errmsg: Option<String>,
    sub_code: Option<String>,
    sub_msg: Option<String>,
    request_id: Option<String>,
    success: bool,
    status: Option<Value>,
    punish: Option<String>,
    wait: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ApiEnvelope {
    code: Option<String>,
    message: Option<String>,
    requestid: Option<String>,
    accessdenieddetail: Option<AccessDenied>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct AccessDenied {
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
        let Ok(envelope) = lenient::from_slice::<OapiEnvelope>(&self.body) else {
            return Err(self.odd(None, known));
        };
        match envelope.errcode {
            Some(0) if self.status < 300 => Ok(self.body),
            // A few answers say `success` only.
            None if self.status < 300 && envelope.success => Ok(self.body),
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
            if self.body.iter().all(u8::is_ascii_whitespace) {
                return Ok(Bytes::from_static(b"{}"));
            }
            let Ok(value) = serde_json::from_slice::<Value>(&self.body) else {
                return Err(self.odd(None, known));
            };
            if value.get("punish").is_some() {
                let envelope = lenient::from_value::<OapiEnvelope>(value).ok();
                return Err(self.odd(envelope.as_ref(), known));
            }
            return Ok(self.body);
        }
        if let Ok(envelope) = lenient::from_slice::<ApiEnvelope>(&self.body)
            && let Some(code) = envelope.code
        {
            return Err(Error::Api(Box::new(ApiRefusal {
                status: self.status,
                code: redact(&code, known),
                message: redact(&envelope.message.unwrap_or_default(), known),
                request_id: envelope.requestid,
                required_scopes: envelope
                    .accessdenieddetail
                    .map(|denied| denied.required_scopes)
                    .unwrap_or_default(),
                apply_url: None,
                retry_after: self.retry_after,
            })));
        }
        let envelope = lenient::from_slice::<OapiEnvelope>(&self.body).ok();
        Err(self.odd(envelope.as_ref(), known))
    }

    fn is_html(&self) -> bool {
        self.body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<')
    }

    fn odd(&self, envelope: Option<&OapiEnvelope>, known: &[&str]) -> Error {
        let banned = envelope.filter(|envelope| envelope.is_ban());
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

impl OapiEnvelope {
    /// `{"status":1111,"wait":5,"source":"x5","punish":"deny",…}`. `status` has other meanings in
    /// ordinary answers.
    fn is_ban(&self) -> bool {
        let status = self.status.as_ref();
        self.punish.is_some() || status.is_some_and(|status| *status == 1111 || *status == "1111")
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
        apply_url: None,
    }
}
