//! Interactive cards (互动卡片): made from a published template, delivered to people and groups,
//! changed afterwards; their buttons call back.
//!
//! Callers: a channel for cards. Invariant: `out_track_id` is the card's identity and idempotency
//! key. Weakness: a template must be built by hand at open-dev.dingtalk.com/fe/card and be
//! published; long values render as blank cards, so keep text behind a link.
//! Source: 创建并投放卡片, 投放卡片接口, 互动卡片更新接口, 关闭吊顶卡片, 注册卡片回调地址.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::api::Api;
use crate::app::App;
use crate::call::Call;
use crate::error::{Error, MessageProblem};

/// Characters of the whole `openSpaceId`: about 25 to 35 people.
pub const SPACES_LIMIT_CHARS: usize = 1000;
/// Characters of an `outTrackId`.
pub const TRACK_ID_LIMIT_CHARS: usize = 100;
/// Bytes of one value of a card's data, and of one person's private data.
pub const VALUE_LIMIT_BYTES: usize = 1024;
/// Bytes of a key of a card's data.
pub const KEY_LIMIT_BYTES: usize = 100;

const SCOPE: &str = "Card.Instance.Write";
pub const CREATE: Api =
    Api::post("card_create", "/v1.0/card/instances/createAndDeliver").scope(SCOPE);
pub const UPDATE: Api = Api::put("card_update", "/v1.0/card/instances").scope(SCOPE);
pub const CLOSE_TOP: Api = Api::post("card_top_close", "/v1.0/card/tops/close").scope(SCOPE);
pub const REGISTER: Api =
    Api::post("card_callback_register", "/v1.0/card/callbacks/register").scope(SCOPE);
pub const APIS: &[Api] = &[CREATE, UPDATE, CLOSE_TOP, REGISTER];

/// A card's data. All values are texts: `"1"`, `"true"`, objects as JSON text.
pub type CardData = BTreeMap<String, String>;

/// Cards of one app.
#[derive(Debug, Clone, Copy)]
pub struct Cards<'a> {
    app: &'a App,
}

/// How the card's buttons reach this program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CardCallback {
    Stream,
    /// With a key made by [`Cards::register_callback`].
    Http {
        route_key: String,
    },
}

/// One place a card is delivered to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CardSpace {
    /// The conversation between a person (userid) and the robot.
    Person(String),
    /// A group, by openConversationId.
    Group(String),
    /// The top of a group; scene groups or groups with a cool app only, ten at a time.
    Top(String),
}

impl CardSpace {
    fn part(&self) -> (&'static str, &str) {
        match self {
            Self::Person(id) => ("IM_ROBOT", id),
            Self::Group(id) => ("IM_GROUP", id),
            Self::Top(id) => ("ONE_BOX", id),
        }
    }
}

/// The `openSpaceId` of several places.
pub fn open_space_id(spaces: &[CardSpace]) -> String {
    let parts: Vec<String> = spaces
        .iter()
        .map(|space| {
            let (kind, id) = space.part();
            format!("{kind}.{id}")
        })
        .collect();
    format!("dtv1.card//{}", parts.join(";"))
}

/// A card to make and deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCard {
    pub template_id: String,
    pub out_track_id: String,
    pub callback: CardCallback,
    pub robot_code: String,
    pub spaces: Vec<CardSpace>,
    pub data: CardData,
    /// Userid → what only this person's copy shows.
    pub private_data: BTreeMap<String, CardData>,
    /// The line in the list of conversations.
    pub last_message: String,
    /// The push notification's words; none switches it off.
    pub alert: Option<String>,
    pub may_be_forwarded: bool,
    /// In groups: userid → shown name; `@ALL` for everybody.
    pub mentions: BTreeMap<String, String>,
    /// In groups: visible to these userids only; empty means everybody.
    pub group_recipients: Vec<String>,
    /// Of a top card, Unix milliseconds; required for [`CardSpace::Top`].
    pub top_expires_ms: Option<i64>,
}

/// What became of each delivery.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct CardDelivered {
    pub out_track_id: String,
    /// Check each one's `success`.
    pub deliver_results: Vec<CardDelivery>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct CardDelivery {
    pub space_type: String,
    pub space_id: String,
    pub success: bool,
    /// In conversations it serves as the `processQueryKey` for read states.
    pub carrier_id: Option<String>,
    pub error_msg: Option<String>,
}

/// Changes to a delivered card.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CardChange {
    pub data: CardData,
    pub private_data: BTreeMap<String, CardData>,
    /// Replace everything; otherwise only the keys given change.
    pub overwrite: bool,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Registered {
    api_secret: Option<secrecy::SecretString>,
}

impl App {
    pub fn cards(&self) -> Cards<'_> {
        Cards { app: self }
    }
}

impl Cards<'_> {
    /// Makes a card and delivers it. `Reason::AlreadyExists` after a lost answer: the first
    /// attempt got through.
    pub async fn create(&self, card: &NewCard, now_ms: i64) -> Result<CardDelivered, Error> {
        card.check()?;
        self.app
            .result(Call::of(&CREATE).json(&card.to_json()), now_ms)
            .await
    }

    /// Changes all copies of a card. Never from inside a callback of the same card.
    pub async fn update(
        &self,
        out_track_id: &str,
        change: &CardChange,
        now_ms: i64,
    ) -> Result<(), Error> {
        check_data(&change.data)?;
        change.private_data.values().try_for_each(check_data)?;
        let mut body = json!({
            "outTrackId": out_track_id,
            "cardData": { "cardParamMap": change.data },
            "cardUpdateOptions": {
                "updateCardDataByKey": !change.overwrite,
                "updatePrivateDataByKey": !change.overwrite,
            },
            "userIdType": 1,
        });
        if !change.private_data.is_empty() {
            body["privateData"] = private(&change.private_data);
        }
        self.app.done(Call::of(&UPDATE).json(&body), now_ms).await
    }

    /// Takes a card off the top of a group.
    pub async fn close_top(
        &self,
        out_track_id: &str,
        open_conversation_id: &str,
        now_ms: i64,
    ) -> Result<(), Error> {
        let call = Call::of(&CLOSE_TOP)
            .query("outTrackId", out_track_id)
            .query("openConversationId", open_conversation_id)
            .json(&json!({}));
        self.app.done(call, now_ms).await
    }

    /// Registers an address for callbacks; returns the secret that signs them, if one is told.
    pub async fn register_callback(
        &self,
        route_key: &str,
        url: &str,
        replace: bool,
        now_ms: i64,
    ) -> Result<Option<secrecy::SecretString>, Error> {
        let call = Call::of(&REGISTER).json(&json!({
            "callbackRouteKey": route_key, "callbackUrl": url, "forceUpdate": replace,
        }));
        let registered: Registered = self.app.result(call, now_ms).await?;
        Ok(registered.api_secret)
    }
}

fn private(people: &BTreeMap<String, CardData>) -> Value {
    people
        .iter()
        .map(|(person, data)| (person.clone(), json!({ "cardParamMap": data })))
        .collect()
}

fn check_data(data: &CardData) -> Result<(), Error> {
    let large = |what, limit, got| {
        Err(Error::Message(MessageProblem::TooLarge {
            what,
            unit: "bytes",
            limit,
            got,
        }))
    };
    for (key, value) in data {
        if key.len() > KEY_LIMIT_BYTES {
            return large("a key of the card's data", KEY_LIMIT_BYTES, key.len());
        }
        if value.len() > VALUE_LIMIT_BYTES {
            return large("a value of the card's data", VALUE_LIMIT_BYTES, value.len());
        }
    }
    Ok(())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SpaceModel<'a> {
    support_forward: bool,
    last_message_i18n: BTreeMap<&'static str, &'a str>,
    notification: Value,
}

impl NewCard {
    fn check(&self) -> Result<(), Error> {
        if self.spaces.is_empty() {
            return Err(MessageProblem::Empty {
                what: "the list of places",
            }
            .into());
        }
        for (what, limit, got) in [
            (
                "the list of places",
                SPACES_LIMIT_CHARS,
                open_space_id(&self.spaces).chars().count(),
            ),
            (
                "the outTrackId",
                TRACK_ID_LIMIT_CHARS,
                self.out_track_id.chars().count(),
            ),
        ] {
            if got > limit {
                return Err(MessageProblem::TooLarge {
                    what,
                    unit: "characters",
                    limit,
                    got,
                }
                .into());
            }
        }
        let is_top = |space: &CardSpace| matches!(space, CardSpace::Top(_));
        if self.spaces.iter().any(is_top) && self.top_expires_ms.is_none() {
            return Err(MessageProblem::Empty {
                what: "the end of the top card",
            }
            .into());
        }
        check_data(&self.data)?;
        for data in self.private_data.values() {
            check_data(data)?;
            let got: usize = data
                .iter()
                .map(|(key, value)| key.len() + value.len())
                .sum();
            if got > VALUE_LIMIT_BYTES {
                return Err(MessageProblem::TooLarge {
                    what: "one person's private data",
                    unit: "bytes",
                    limit: VALUE_LIMIT_BYTES,
                    got,
                }
                .into());
            }
        }
        Ok(())
    }

    fn to_json(&self) -> Value {
        let has = |kind: fn(&CardSpace) -> bool| self.spaces.iter().any(kind);
        let mut body = json!({
            "cardTemplateId": self.template_id,
            "outTrackId": self.out_track_id,
            "cardData": { "cardParamMap": self.data },
            "openSpaceId": open_space_id(&self.spaces),
            "userIdType": 1,
        });
        match &self.callback {
            CardCallback::Stream => body["callbackType"] = "STREAM".into(),
            CardCallback::Http { route_key } => {
                body["callbackType"] = "HTTP".into();
                body["callbackRouteKey"] = route_key.clone().into();
            }
        }
        if !self.private_data.is_empty() {
            body["privateData"] = private(&self.private_data);
        }
        if has(|space| matches!(space, CardSpace::Person(_))) {
            body["imRobotOpenSpaceModel"] = self.space_model();
            body["imRobotOpenDeliverModel"] =
                json!({ "spaceType": "IM_ROBOT", "robotCode": self.robot_code });
        }
        if has(|space| matches!(space, CardSpace::Group(_))) {
            let mut deliver = json!({ "robotCode": self.robot_code });
            if !self.mentions.is_empty() {
                deliver["atUserIds"] = json!(self.mentions);
            }
            if !self.group_recipients.is_empty() {
                deliver["recipients"] = json!(self.group_recipients);
            }
            body["imGroupOpenSpaceModel"] = self.space_model();
            body["imGroupOpenDeliverModel"] = deliver;
        }
        if has(|space| matches!(space, CardSpace::Top(_))) {
            body["topOpenSpaceModel"] = json!({ "spaceType": "ONE_BOX" });
            body["topOpenDeliverModel"] = json!({
                "expiredTimeMillis": self.top_expires_ms,
                "platforms": ["android", "ios", "win", "mac"],
            });
        }
        body
    }

    fn space_model(&self) -> Value {
        let notification = match &self.alert {
            Some(alert) => json!({ "alertContent": alert, "notificationOff": false }),
            None => json!({ "notificationOff": true }),
        };
        json!(SpaceModel {
            support_forward: self.may_be_forwarded,
            last_message_i18n: BTreeMap::from([("ZH_CN", self.last_message.as_str())]),
            notification,
        })
    }
}
