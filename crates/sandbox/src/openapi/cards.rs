//! Interactive cards of an app: create, deliver, update, stream, and where clicks are posted.
//!
//! `outTrackId` is the card's identity and the call's idempotency key: a second creation is refused with
//! `param.cardAlreadyExist` (the documentation also says "no effect"; the sandbox takes the stricter side).
//! Sources: `create-and-deliver-cards`, `interactive-card-update-interface`, `instructions-for-filling-in-api-card-data`,
//! `register-card-callback-address`. A refusal said to be inferred has no published code.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::cards_delivery::{deliver_to, person_of, read_places};
use super::{json_body, required};
use crate::call::{Call, ModernRefusal};
use crate::gate::{Caller, modern_caller};
use crate::journal::Entry;
use crate::message::Content;
use crate::push::{Card, CardCallback, CardData, Route, Space, change_card};
use crate::shared::Shared;
use crate::world::World;

pub(super) const TRACK_ID_CHARS: usize = 100;
const KEY_BYTES: usize = 100;

/// `POST /v1.0/card/instances/createAndDeliver`
pub(super) fn create_and_deliver(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let caller = modern_caller(&mut world, call, now_ms)?;
    let body = json_body(call)?;
    let places = read_places(&world, &body)?;
    let mut card = new_card(&world, &caller, &body)?;
    let results = deliver_to(shared, &mut world, &caller, &mut card, &body, &places)?;
    let out_track_id = card.out_track_id.clone();
    change_card(shared, &mut world, card);
    Ok(json!({
        "success": true,
        "result": { "outTrackId": out_track_id, "deliverResults": results },
    }))
}

/// `POST /v1.0/card/instances`
pub(super) fn create(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let caller = modern_caller(&mut world, call, now_ms)?;
    let card = new_card(&world, &caller, &json_body(call)?)?;
    let out_track_id = card.out_track_id.clone();
    change_card(shared, &mut world, card);
    Ok(json!({ "success": true, "result": out_track_id }))
}

/// `POST /v1.0/card/instances/deliver`: `result` is the list itself.
pub(super) fn deliver(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let caller = modern_caller(&mut world, call, now_ms)?;
    let body = json_body(call)?;
    let places = read_places(&world, &body)?;
    let mut card = own_card(&world, &caller, required(&body, "outTrackId")?)?;
    let results = deliver_to(shared, &mut world, &caller, &mut card, &body, &places)?;
    change_card(shared, &mut world, card);
    Ok(json!({ "success": true, "result": results }))
}

/// `PUT /v1.0/card/instances`: overwrites all keys unless `cardUpdateOptions` says by key.
pub(super) fn update(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let caller = modern_caller(&mut world, call, now_ms)?;
    let body = json_body(call)?;
    let mut card = own_card(&world, &caller, required(&body, "outTrackId")?)?;
    let options = &body["cardUpdateOptions"];
    if !body["cardData"].is_null() {
        let data = param_map(&world, &body["cardData"])?;
        card.put_data(data, options["updateCardDataByKey"] == true);
    }
    let by_key = options["updatePrivateDataByKey"] == true;
    for (userid, data) in private_data(&world, &body)? {
        card.put_private(userid, data, by_key);
    }
    moderate(&world, &card)?;
    change_card(shared, &mut world, card);
    Ok(json!({ "success": true, "result": true }))
}

/// `PUT /v1.0/card/instances/spaces`: more spaces the card may be delivered to.
pub(super) fn add_spaces(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let caller = modern_caller(&mut world, call, now_ms)?;
    let body = json_body(call)?;
    let mut card = own_card(&world, &caller, required(&body, "outTrackId")?)?;
    let (spaces, summary) = space_models(&body)?;
    for space in spaces {
        if !card.spaces.contains(&space) {
            card.spaces.push(space);
        }
    }
    card.summary = summary.unwrap_or(card.summary);
    change_card(shared, &mut world, card);
    Ok(json!({ "success": true, "result": true }))
}

/// `PUT /v1.0/card/streaming`: sets one variable, or adds to its end. The limit of 1 KB does not hold here.
pub(super) fn stream(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let caller = modern_caller(&mut world, call, now_ms)?;
    let body = json_body(call)?;
    let mut card = own_card(&world, &caller, required(&body, "outTrackId")?)?;
    required(&body, "guid")?;
    let key = required(&body, "key")?.to_owned();
    let content = body["content"].as_str().unwrap_or_default();
    let value = card.data.entry(key).or_default();
    if body["isFull"] == true {
        value.clear();
    }
    value.push_str(content);
    moderate(&world, &card)?;
    change_card(shared, &mut world, card);
    Ok(json!({ "success": true, "result": true }))
}

/// `POST /v1.0/card/callbacks/register`
pub(super) fn register(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let caller = modern_caller(&mut world, call, now_ms)?;
    let body = json_body(call)?;
    let url = required(&body, "callbackUrl")?.to_owned();
    // Without a key of its own the address is the key.
    let key = body["callbackRouteKey"].as_str().unwrap_or(&url).to_owned();
    let known = world.cards.route(&caller.client_id, &key);
    if known.is_some() && body["forceUpdate"] != true {
        let text = "callbackRouteKey 已存在";
        return Err(ModernRefusal::bad("param.callbackRouteKeyExist", text));
    }
    if !url.starts_with("http://") {
        return Err(invalid("沙箱只支持 http:// 的 callbackUrl"));
    }
    let given = body["apiSecret"].as_str().filter(|text| !text.is_empty());
    let secret = given.map_or_else(|| shared.ids().token(), str::to_owned);
    let answer = json!({ "callbackUrl": url, "apiSecret": secret });
    let client_id = caller.client_id;
    let route = Route { url, secret };
    world.record(Entry::CardRoute {
        client_id,
        key,
        route,
    });
    Ok(json!({ "success": true, "result": answer }))
}

/// A card as the body describes it, not delivered anywhere.
pub(super) fn new_card(
    world: &World,
    caller: &Caller,
    body: &Value,
) -> Result<Card, ModernRefusal> {
    let out_track_id = required(body, "outTrackId")?.to_owned();
    if out_track_id.chars().count() > TRACK_ID_CHARS {
        return Err(invalid("outTrackId 超过 100 个字符"));
    }
    if world.cards.get(&out_track_id).is_some() {
        return Err(ModernRefusal::bad("param.cardAlreadyExist", "卡片已存在"));
    }
    let template_id = required(body, "cardTemplateId")?.to_owned();
    let template = world
        .template(&caller.client_id, &template_id)
        .ok_or_else(|| ModernRefusal::bad("param.templateNotExist", "卡片模板不存在"))?;
    if !template.published {
        return Err(ModernRefusal::bad(
            "param.templateUnpublished",
            "卡片模板未发布",
        ));
    }
    let (spaces, summary) = space_models(body)?;
    let mut card = Card {
        out_track_id,
        client_id: caller.client_id.clone(),
        template_id,
        callback: callback(body)?,
        data: param_map(world, &body["cardData"])?,
        spaces,
        ..Card::default()
    };
    for (userid, data) in private_data(world, body)? {
        card.put_private(userid, data, false);
    }
    card.summary = summary.unwrap_or_else(|| {
        let title = crate::push::fill(&template.title, &card.data);
        format!("[卡片] {title}")
    });
    moderate(world, &card)?;
    Ok(card)
}

/// Only the app that made a card knows it.
pub(super) fn own_card(
    world: &World,
    caller: &Caller,
    out_track_id: &str,
) -> Result<Card, ModernRefusal> {
    world
        .cards
        .get(out_track_id)
        .filter(|card| card.client_id == caller.client_id)
        .cloned()
        .ok_or_else(|| ModernRefusal::bad("param.cardNotExist", "卡片不存在"))
}

/// `callbackType` is written in capitals and chosen per card; left out, clicks reach nobody.
fn callback(body: &Value) -> Result<CardCallback, ModernRefusal> {
    match (
        body["callbackType"].as_str(),
        body["callbackRouteKey"].as_str(),
    ) {
        (None, None) => Ok(CardCallback::None),
        (Some("STREAM"), _) => Ok(CardCallback::Stream),
        (None | Some("HTTP"), Some(key)) => Ok(CardCallback::Http(key.to_owned())),
        (Some("HTTP"), None) => Err(ModernRefusal::missing("callbackRouteKey")),
        (Some(_), _) => Err(invalid("callbackType 只能为 STREAM 或 HTTP")),
    }
}

/// Which spaces the body opens, and what the conversation list is to show.
fn space_models(body: &Value) -> Result<(Vec<Space>, Option<String>), ModernRefusal> {
    let (mut spaces, mut summary) = (Vec::new(), None);
    for space in [Space::ImGroup, Space::ImRobot, Space::OneBox] {
        let model = &body[space.models().0];
        if model.is_null() {
            continue;
        }
        if space == Space::ImGroup && !model["supportForward"].is_boolean() {
            return Err(ModernRefusal::missing(
                "imGroupOpenSpaceModel.supportForward",
            ));
        }
        let search = model["searchSupport"]["searchDesc"].as_str();
        if search.is_some_and(|text| text.chars().count() > 200) {
            return Err(invalid("searchDesc 超过 200 个字符"));
        }
        if let Some(text) = model["lastMessageI18n"]["ZH_CN"].as_str() {
            summary = Some(text.to_owned());
        }
        spaces.push(space);
    }
    Ok((spaces, summary))
}

/// `{"cardParamMap":{…}}`: strings only, keys up to 100 bytes, values up to 1 KB. (Users report that longer values are
/// taken and then drawn blank; the documented limit is the stricter side.)
fn param_map(world: &World, object: &Value) -> Result<CardData, ModernRefusal> {
    let empty = Map::new();
    let fields = match &object["cardParamMap"] {
        Value::Null => &empty,
        Value::Object(fields) => fields,
        _ => return Err(invalid("cardParamMap 必须为对象")),
    };
    let limit = world.rules.push.card_value_bytes;
    let pairs = fields.iter().map(|(key, value)| {
        let Some(text) = value.as_str() else {
            return Err(invalid(&format!("cardParamMap.{key} 必须为字符串")));
        };
        if key.len() > KEY_BYTES {
            return Err(invalid("cardParamMap 的 key 超过 100 字节"));
        }
        if limit.is_some_and(|limit| text.len() > limit) {
            return Err(invalid(&format!("cardParamMap.{key} 的值超过 1KB")));
        }
        Ok((key.clone(), text.to_owned()))
    });
    pairs.collect()
}

/// `privateData` by userid, each up to 1 KB in all.
pub(super) fn private_data(
    world: &World,
    body: &Value,
) -> Result<BTreeMap<String, CardData>, ModernRefusal> {
    let Some(people) = body["privateData"].as_object() else {
        return Ok(BTreeMap::new());
    };
    let rows = people.iter().map(|(id, object)| {
        let userid = person_of(world, body, id).ok_or_else(|| {
            ModernRefusal::bad("param.userIdNotExist", format!("用户 {id} 不存在"))
        })?;
        let data = param_map(world, object)?;
        let bytes: usize = data
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .sum();
        let limit = world.rules.push.card_value_bytes;
        if limit.is_some_and(|limit| bytes > limit) {
            return Err(invalid("privateData 单个用户的数据超过 1KB"));
        }
        Ok((userid, data))
    });
    rows.collect()
}

fn moderate(world: &World, card: &Card) -> Result<(), ModernRefusal> {
    let private = card.private.values().flat_map(BTreeMap::values);
    let texts: Vec<&str> = card
        .data
        .values()
        .chain(private)
        .map(String::as_str)
        .collect();
    let content = Content::Markdown {
        title: card.summary.clone(),
        text: texts.join("\n"),
    };
    match world.rules.moderation.judge(&content) {
        None => Ok(()),
        Some(_) => Err(ModernRefusal::bad("param.contentUnsafe", "卡片内容不安全")),
    }
}

pub(super) fn invalid(what: &str) -> ModernRefusal {
    ModernRefusal::bad("param.invalid", what)
}
