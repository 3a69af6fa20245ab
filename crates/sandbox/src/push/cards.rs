//! Interactive cards (互动卡片) as the platform keeps them: data for all, data for one, and where they were delivered.
//!
//! Changed by `openapi::cards` and by the response to a click; drawn by `card_view`. One `outTrackId` is one card,
//! however many conversations it was delivered to: an update changes every copy.
//! Invariant: a card changes only through [`World::record`] with a whole [`Card`], so a restart shows it as it was.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::http::Route;
use super::template::{CardTemplate, Data, public};
use crate::journal::Entry;
use crate::message::{Content, Message};
use crate::world::World;

#[derive(Debug, Default)]
pub(crate) struct Cards {
    cards: BTreeMap<String, Card>,
    /// (client id, callbackRouteKey) → where clicks are posted.
    routes: HashMap<(String, String), Route>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Card {
    pub(crate) out_track_id: String,
    /// The app that made it; no other may change it, and its clicks go there.
    pub(crate) client_id: String,
    pub(crate) template_id: String,
    pub(crate) callback: CardCallback,
    pub(crate) data: Data,
    /// userid → what this person alone sees, in front of `data`.
    pub(crate) private: BTreeMap<String, Data>,
    /// The spaces it may be delivered to, by their `…OpenSpaceModel`.
    pub(crate) spaces: Vec<Space>,
    /// What the conversation list shows.
    pub(crate) summary: String,
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) changed_ms: i64,
}

/// Whether clicks reach the app, chosen per card at creation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CardCallback {
    /// `callbackType` was left out: buttons that call back reach nobody.
    #[default]
    None,
    Stream,
    /// The `callbackRouteKey`.
    Http(String),
}

/// Where cards live (场域).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Space {
    ImGroup,
    ImRobot,
    OneBox,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Delivery {
    pub(crate) space: Space,
    /// A userid, or a group's `openConversationId`.
    pub(crate) space_id: String,
    /// The bubble that carries it; none at the top of a group.
    pub(crate) message_id: Option<u64>,
    /// In a group: visible to these alone; empty means all.
    pub(crate) recipients: Vec<String>,
    /// Of a top card (吊顶): until when it stays open; 0 once closed.
    pub(crate) open_until_ms: i64,
}

impl Space {
    /// Documentation and examples write them in capitals and in small letters.
    pub(crate) fn read(name: &str) -> Option<Self> {
        match name.to_ascii_uppercase().as_str() {
            "IM_GROUP" => Some(Self::ImGroup),
            "IM_ROBOT" => Some(Self::ImRobot),
            "ONE_BOX" => Some(Self::OneBox),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ImGroup => "IM_GROUP",
            Self::ImRobot => "IM_ROBOT",
            Self::OneBox => "ONE_BOX",
        }
    }

    /// The names of its space model and its deliver model in a body.
    pub(crate) fn models(self) -> (&'static str, &'static str) {
        match self {
            Self::ImGroup => ("imGroupOpenSpaceModel", "imGroupOpenDeliverModel"),
            Self::ImRobot => ("imRobotOpenSpaceModel", "imRobotOpenDeliverModel"),
            Self::OneBox => ("topOpenSpaceModel", "topOpenDeliverModel"),
        }
    }
}

impl Card {
    /// What this person's copy holds.
    pub(crate) fn data_for(&self, userid: &str) -> Data {
        let mut data = self.data.clone();
        if let Some(own) = self.private.get(userid) {
            data.extend(own.clone());
        }
        data
    }

    /// Overwrites the data, or only the keys that are named.
    pub(crate) fn put_data(&mut self, data: Data, by_key: bool) {
        put(&mut self.data, data, by_key);
    }

    pub(crate) fn put_private(&mut self, userid: String, data: Data, by_key: bool) {
        put(self.private.entry(userid).or_default(), data, by_key);
    }

    /// Where a person can see and click it.
    pub(crate) fn delivery_for(
        &self,
        world: &World,
        userid: &str,
        now_ms: i64,
    ) -> Option<&Delivery> {
        self.deliveries.iter().find(|delivery| {
            let is_member = match delivery.space {
                Space::ImRobot => delivery.space_id == userid,
                Space::ImGroup | Space::OneBox => world.may_see(userid, &delivery.space_id),
            };
            is_member && delivery.is_for(userid) && delivery.is_open(now_ms)
        })
    }
}

fn put(into: &mut Data, data: Data, by_key: bool) {
    if !by_key {
        into.clear();
    }
    into.extend(data);
}

impl Delivery {
    pub(crate) fn is_for(&self, userid: &str) -> bool {
        self.recipients.is_empty() || self.recipients.iter().any(|one| one == userid)
    }

    pub(crate) fn is_open(&self, now_ms: i64) -> bool {
        self.space != Space::OneBox || self.open_until_ms > now_ms
    }
}

impl Cards {
    pub(crate) fn get(&self, out_track_id: &str) -> Option<&Card> {
        self.cards.get(out_track_id)
    }

    pub(crate) fn put(&mut self, card: Card) {
        self.cards.insert(card.out_track_id.clone(), card);
    }

    pub(crate) fn route(&self, client_id: &str, key: &str) -> Option<&Route> {
        self.routes.get(&(client_id.to_owned(), key.to_owned()))
    }

    pub(crate) fn put_route(&mut self, client_id: String, key: String, route: Route) {
        self.routes.insert((client_id, key), route);
    }

    /// Removes the cards, as the messages that carried them are gone; callback addresses stay.
    pub(crate) fn clear(&mut self) {
        self.cards.clear();
    }

    /// The open top cards of a group, oldest first.
    pub(crate) fn tops(&self, conversation: &str, now_ms: i64) -> Vec<(&Card, &Delivery)> {
        let all = self
            .cards
            .values()
            .flat_map(|card| card.deliveries.iter().map(move |delivery| (card, delivery)));
        let mut open: Vec<_> = all
            .filter(|(_, delivery)| {
                delivery.space == Space::OneBox
                    && delivery.space_id == conversation
                    && delivery.is_open(now_ms)
            })
            .collect();
        open.sort_by_key(|(card, _)| card.changed_ms);
        open
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry> {
        let cards = self.cards.values();
        let cards = cards.map(|card| Entry::Card(Box::new(card.clone())));
        let routes = self.routes.iter();
        cards.chain(routes.map(|((client_id, key), route)| Entry::CardRoute {
            client_id: client_id.clone(),
            key: key.clone(),
            route: route.clone(),
        }))
    }
}

impl World {
    /// The template an app may use under this id.
    pub(crate) fn template(&self, client_id: &str, id: &str) -> Option<CardTemplate> {
        let own = self.app(client_id)?.push.templates.iter();
        own.chain(&public())
            .find(|template| template.id == id)
            .cloned()
    }

    /// Whether a message of a conversation is shown to this member: a card may be for some of a group alone.
    pub(crate) fn shows(&self, message: &Message, userid: &str) -> bool {
        let Content::Card { out_track_id, .. } = &message.content else {
            return true;
        };
        let Some(card) = self.cards.get(out_track_id) else {
            return true;
        };
        let carried = card
            .deliveries
            .iter()
            .find(|delivery| delivery.message_id == Some(message.id));
        carried.is_none_or(|delivery| delivery.is_for(userid))
    }
}
