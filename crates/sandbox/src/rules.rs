//! The platform's rules that a test or a reader may want different: texts, codes, limits, moderation words.
//!
//! Read by every refusal; changed by [`crate::SandboxHandle::set_rules`] and `POST /sandbox/rules`.
//! The defaults are the documented limits of a free organisation (钉钉标准版). Weakness: what the platform says when
//! an organisation's webhook quota is used up is not documented, so the sandbox counts and goes on accepting.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    pub error_language: ErrorLanguage,
    pub codes: Codes,
    pub limits: Limits,
    pub moderation: Moderation,
}

/// Which generation of `errmsg` a webhook answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorLanguage {
    /// `description:…;solution:…;link:…`
    #[default]
    Description,
    /// `错误描述:…;解决方案:…;`
    Labelled,
    /// The short English texts of former years, e.g. `sign not match`.
    English,
}

/// Where documentation and observed answers disagree about a code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Codes {
    /// As seen in production logs: 300001 unknown token, 130101 too fast.
    #[default]
    Wire,
    /// As in the error table of the documentation: 400101 and 410100.
    Documented,
}

/// `None` lifts a limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Messages of one webhook robot in a minute.
    pub webhook_per_minute: Option<u32>,
    /// How long a robot that was too fast is held.
    pub webhook_hold_ms: i64,
    /// Bytes of a webhook's body.
    pub webhook_body_bytes: usize,
    /// Calls of one app to one API in a second.
    pub calls_per_second: Option<u32>,
    /// Metered API calls of the organisation in a calendar month (Beijing time).
    pub calls_per_month: Option<u32>,
    /// How long a used-up month is still served.
    pub month_grace_ms: i64,
    /// Webhook messages of the organisation in a calendar month; counted and shown only.
    pub webhooks_per_month: Option<u32>,
    /// Personal messages of one robot to one person in a minute; more are flow controlled.
    /// The platform publishes no number.
    pub personal_per_minute: Option<u32>,
    /// How long after sending the read status is not known yet.
    pub read_status_delay_ms: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            webhook_per_minute: Some(20),
            webhook_hold_ms: 10 * 60_000,
            webhook_body_bytes: 20_000,
            calls_per_second: Some(20),
            calls_per_month: Some(5_000),
            month_grace_ms: 5 * 24 * 3_600_000,
            webhooks_per_month: Some(3_000),
            personal_per_minute: None,
            read_status_delay_ms: 1_000,
        }
    }
}

/// Parts of words or addresses that content moderation refuses; empty by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Moderation {
    /// 430101, `contain.unsafe.url`
    pub links: Vec<String>,
    /// 430102, `contain.notAllowed.text`
    pub texts: Vec<String>,
    /// 430103, `contain.notAllowed.picture`
    pub pictures: Vec<String>,
    /// 430104, `contain.notAllowed.content`: found anywhere in the message.
    pub contents: Vec<String>,
}

/// What moderation found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unsuitable {
    Link,
    Text,
    Picture,
    Content,
}

impl Moderation {
    pub(crate) fn judge(&self, content: &crate::message::Content) -> Option<Unsuitable> {
        let hit = |words: &[String], places: &[&str]| {
            words.iter().any(|word| {
                !word.is_empty() && places.iter().any(|place| place.contains(word.as_str()))
            })
        };
        let (texts, urls, pictures) = (
            content.visible_strings(),
            content.urls(),
            content.pictures(),
        );
        if hit(&self.links, &urls) {
            Some(Unsuitable::Link)
        } else if hit(&self.texts, &texts) {
            Some(Unsuitable::Text)
        } else if hit(&self.pictures, &pictures) {
            Some(Unsuitable::Picture)
        } else if hit(&self.contents, &[texts, urls, pictures].concat()) {
            Some(Unsuitable::Content)
        } else {
            None
        }
    }
}
