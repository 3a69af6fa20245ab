//! A click on a card's button that calls back (回传请求): tells the app, waits two seconds, and changes the card.
//!
//! The chat client calls [`card_click`]; the response object's `userPrivateData` is for whoever clicked.
//! Source: `event-callback-card`. Invariant: what a person sees changes only after a response arrived in time.

use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::cards::{Card, CardCallback};
use super::deliver::{Arrival, Push, Pushed};
use super::is_within_quota;
use super::template::{Data, Tap};
use crate::journal::Entry;
use crate::meters::{OVER_QUOTA_CODE, OVER_QUOTA_TEXT};
use crate::shared::{Event, Shared};
use crate::world::World;

/// What the person who clicked gets to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CardAnswer {
    /// The app answered and the card changed.
    Updated,
    /// The app answered that nothing changes.
    Answered,
    /// No answer within two seconds: the client says 「请求超时」.
    Unanswered,
    /// Answered with an error, or with data that no card takes (values must be strings).
    Refused,
    /// The card names no `callbackType`, its route key is unknown, or nobody is connected for clicks.
    NotDelivered,
}

/// Why a click is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotClickable {
    #[error("there is no such card for this person")]
    NoCard,
    #[error("the card shows no such button, or it is disabled")]
    NoButton,
}

/// Clicks the button with this action id as this person sees it. `params` are added to the button's own.
pub(crate) async fn card_click(
    shared: &Shared,
    out_track_id: &str,
    userid: &str,
    action_id: &str,
    params: &Data,
) -> Result<CardAnswer, NotClickable> {
    let (answer, awaited) = oneshot::channel();
    {
        let mut world = shared.world();
        let now_ms = shared.clock.now_ms();
        let card = world.cards.get(out_track_id).cloned();
        let card = card.ok_or(NotClickable::NoCard)?;
        let prepared = prepare(&world, &card, userid, action_id, params, now_ms)?;
        let Some((route, mut data)) = prepared else {
            return Ok(CardAnswer::NotDelivered);
        };
        if !is_within_quota(&mut world, now_ms)
            && let Some(fields) = data.as_object_mut()
        {
            fields.remove("content");
            fields.insert("errorCode".into(), OVER_QUOTA_CODE.into());
            fields.insert("errorMessage".into(), OVER_QUOTA_TEXT.into());
        }
        let message_id = shared.ids().message_id();
        shared.push.enqueue(Push {
            client_id: card.client_id,
            message_id,
            content: Pushed::Card { route, answer },
            data,
        });
    }
    Ok(match awaited.await {
        Ok(Arrival::Acked(response)) => take_response(shared, out_track_id, userid, &response),
        Ok(Arrival::Refused) => CardAnswer::Refused,
        Ok(Arrival::TimedOut) => CardAnswer::Unanswered,
        Ok(Arrival::NoLine) | Err(_) => CardAnswer::NotDelivered,
    })
}

type Prepared = (Option<super::http::Route>, Value);

/// Where the click goes and what it says; `None` when it cannot go anywhere.
fn prepare(
    world: &World,
    card: &Card,
    userid: &str,
    action_id: &str,
    params: &Data,
    now_ms: i64,
) -> Result<Option<Prepared>, NotClickable> {
    let delivery = card
        .delivery_for(world, userid, now_ms)
        .ok_or(NotClickable::NoCard)?;
    let template = world
        .template(&card.client_id, &card.template_id)
        .ok_or(NotClickable::NoCard)?;
    let buttons = template.buttons_for(&card.data_for(userid)).into_iter();
    let mut own = buttons
        .filter(|button| !button.disabled)
        .find_map(|button| match button.tap {
            Tap::Request {
                action_id: id,
                params,
            } if id == action_id => Some(params),
            _ => None,
        })
        .ok_or(NotClickable::NoButton)?;
    own.extend(params.clone());
    let route = match &card.callback {
        CardCallback::None => return Ok(None),
        CardCallback::Stream => None,
        CardCallback::Http(key) => match world.cards.route(&card.client_id, key) {
            Some(route) => Some(route.clone()),
            None => return Ok(None),
        },
    };
    let content = json!({ "cardPrivateData": { "actionIds": [action_id], "params": own } });
    let data = json!({
        "type": "actionCallback",
        "outTrackId": card.out_track_id,
        "corpId": world.organisation.corp_id,
        "userId": userid,
        "userIdType": 1,
        "spaceId": delivery.space_id,
        "spaceType": delivery.space.name(),
        "extension": "{}",
        "content": content.to_string(),
    });
    Ok(Some((route, data)))
}

/// Applies a response object: `{"cardUpdateOptions","cardData":{"cardParamMap"},"userPrivateData":{"cardParamMap"}}`.
fn take_response(
    shared: &Shared,
    out_track_id: &str,
    userid: &str,
    response: &Value,
) -> CardAnswer {
    let (data, private) = (&response["cardData"], &response["userPrivateData"]);
    if data.is_null() && private.is_null() {
        return CardAnswer::Answered;
    }
    let (Some(data), Some(private)) = (param_map(data), param_map(private)) else {
        return CardAnswer::Refused;
    };
    let mut world = shared.world();
    let Some(mut card) = world.cards.get(out_track_id).cloned() else {
        return CardAnswer::Answered;
    };
    let options = &response["cardUpdateOptions"];
    if let Some(data) = data {
        card.put_data(data, options["updateCardDataByKey"] == true);
    }
    if let Some(private) = private {
        let by_key = options["updatePrivateDataByKey"] == true;
        card.put_private(userid.to_owned(), private, by_key);
    }
    change(shared, &mut world, card);
    CardAnswer::Updated
}

/// `Some(None)` if there is no such object, `None` if it holds anything but strings.
#[expect(
    clippy::option_option,
    reason = "absent and wrong are different answers of one small reader"
)]
fn param_map(object: &Value) -> Option<Option<Data>> {
    if object.is_null() {
        return Some(None);
    }
    let fields = object["cardParamMap"].as_object()?.iter();
    fields
        .map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect::<Option<Data>>()
        .map(Some)
}

/// Keeps a changed card and shows it in the open clients.
pub(crate) fn change(shared: &Shared, world: &mut World, mut card: Card) {
    card.changed_ms = shared.clock.now_ms();
    let out_track_id = card.out_track_id.clone();
    world.record(Entry::Card(Box::new(card)));
    shared.tell(Event::Card(out_track_id));
}
