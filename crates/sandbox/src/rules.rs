//! The platform's rules that a test or a reader may want different: texts, codes, limits, moderation words.
//!
//! Read by every refusal; changed by [`crate::SandboxHandle::set_rules`] and `POST /sandbox/rules`.
//! The defaults are the documented limits of a free organisation (钉钉标准版). Weakness: what the platform says when
//! an organisation's webhook quota is used up is not documented, so by default the sandbox goes on accepting.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    pub error_language: ErrorLanguage,
    pub codes: Codes,
    pub limits: Limits,
    pub moderation: Moderation,
    /// How pushing behaves and goes wrong.
    pub push: crate::push::PushRules,
    /// What the administrator allows apps, where `access_of` names no other.
    pub access: Access,
    /// The same for single apps, by client id.
    pub access_by_app: BTreeMap<String, Access>,
    pub webhook_past_quota: PastQuota,
    pub ban_answer: BanAnswer,
    pub directory: crate::directory::DirectoryRules,
    pub groups: crate::membership::GroupRules,
    pub login: crate::auth_codes::LoginRules,
    pub drive: crate::drive::DriveRules,
}

/// An app's permissions (权限管理) and security settings (安全设置) in the developer console.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Access {
    /// Scopes that are not granted, e.g. `qyapi_get_member`; by default all are.
    pub withheld_scopes: Vec<String>,
    /// 服务器出口IP: addresses or CIDR ranges the app may call from; empty for anywhere.
    pub egress_ips: Vec<String>,
    /// Whether the app's robot is switched on; else `chatbotId.notAllow.sendOTO`.
    pub robot_enabled: bool,
    /// Group announcements are in the SDKs but not in the documentation, so most organisations will be refused.
    pub group_announcements: bool,
    /// DING needs a quota of its own; else `ding.serverquota.insufficient`.
    pub ding_quota: bool,
    /// How long a token really lives; the answer says 7,200 s whatever stands here.
    pub token_life_s: i64,
}

impl Default for Access {
    fn default() -> Self {
        Self {
            withheld_scopes: Vec::new(),
            egress_ips: Vec::new(),
            robot_enabled: true,
            group_announcements: false,
            ding_quota: true,
            token_life_s: 7_200,
        }
    }
}

impl Access {
    pub(crate) fn withholds(&self, scope: &str) -> bool {
        self.withheld_scopes
            .iter()
            .any(|withheld| withheld == scope)
    }

    pub(crate) fn admits(&self, peer: std::net::IpAddr) -> bool {
        self.egress_ips.is_empty() || crate::webhook::is_in_ranges(&self.egress_ips, peer)
    }
}

/// What a webhook answers when the month and its grace period are used up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PastQuota {
    #[default]
    Accept,
    /// errcode 90020, inferred.
    Refuse,
}

/// What an address that called too often gets instead of any API's answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BanAnswer {
    #[default]
    Html,
    /// `{"status":1111,"wait":5,…}`
    Json,
}

/// What an organisation has bought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edition {
    /// 标准版, free: 5,000 calls and 3,000 Webhook & Stream messages a month, 20 calls a second.
    #[default]
    Standard,
    /// 专业版: 200,000 and 50,000.
    Professional,
    /// 专业版 with one 企业应用开发增购包: 5,200,000 and 550,000, 60 calls a second.
    Extended,
}

impl Rules {
    /// What holds for this app.
    pub(crate) fn access_of(&self, client_id: &str) -> &Access {
        self.access_by_app.get(client_id).unwrap_or(&self.access)
    }
}

impl Limits {
    /// The default limits with the budgets and pace of an edition.
    pub fn of(edition: Edition) -> Self {
        let (calls, webhooks, per_second) = match edition {
            Edition::Standard => (5_000, 3_000, 20),
            Edition::Professional => (200_000, 50_000, 20),
            Edition::Extended => (5_200_000, 550_000, 60),
        };
        Self {
            calls_per_month: Some(calls),
            webhooks_per_month: Some(webhooks),
            calls_per_second: Some(per_second),
            ..Self::default()
        }
    }
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
    /// Webhook & Stream messages of the organisation in a calendar month.
    pub webhooks_per_month: Option<u32>,
    /// Personal messages of one robot to one person in a minute; more are flow controlled.
    /// The platform publishes no number.
    pub personal_per_minute: Option<u32>,
    /// How long after sending the read status is not known yet.
    pub read_status_delay_ms: i64,
    /// Calls from one address to all APIs in 20 seconds; one more and it is banned.
    pub calls_per_address: Option<u32>,
    /// How long a banned address stays so.
    pub ban_ms: i64,
    /// Work notices of one app to one person in a day (143105).
    pub notices_per_person_day: Option<u32>,
    /// Recipients of one app's work notices in a minute (143103).
    pub notice_recipients_per_minute: Option<u32>,
    /// Work notices to everyone of one app in a day.
    pub notices_to_all_per_day: Option<u32>,
    /// How long a work notice is on its way: 0 % at first, half at half time, all after it.
    pub notice_delivery_ms: i64,
    /// DINGs of one robot in a minute.
    pub dings_per_minute: Option<u32>,
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
            calls_per_address: Some(10_000),
            ban_ms: 5 * 60_000,
            notices_per_person_day: Some(500),
            notice_recipients_per_minute: Some(5_000),
            notices_to_all_per_day: Some(3),
            notice_delivery_ms: 1_000,
            dings_per_minute: Some(6_000),
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
