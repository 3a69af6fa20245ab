//! Delivers a card to its places (投放): people's chats with the robot, groups, and the top of groups.
//!
//! What is wrong with the whole call refuses it; what is wrong with one place is in that place's `deliverResults`.
//! `carrierId` is a `processQueryKey`, good for the read status of robot messages.
//! Sources: `delivery-card-interface`, `open-interface-card-delivery-instance`. Inferred: the texts of `errorMsg`, and
//! that a place whose space model was not given at creation is refused.

use serde_json::{Value, json};

use super::cards::invalid;
use crate::call::{Call, ModernRefusal};
use crate::gate::{Caller, modern_caller};
use crate::message::{Content, Message, Sender, personal_conversation};
use crate::organisation::GroupKind;
use crate::push::{Card, Delivery, Space, change_card};
use crate::shared::Shared;
use crate::world::World;

const PLACES_CHARS: usize = 1_000;
pub(super) const TOPS_AT_MOST: usize = 10;

/// One part of `openSpaceId`.
pub(super) struct Place {
    space: Space,
    /// As it was written, for the answer.
    id: String,
    /// The userid or group it means; `None` for an unknown person.
    found: Option<String>,
}

/// `dtv1.card//IM_ROBOT.userid;IM_GROUP.cid…`, at most 1,000 characters.
pub(super) fn read_places(world: &World, body: &Value) -> Result<Vec<Place>, ModernRefusal> {
    let wrong = |what: &str| ModernRefusal::bad("param.openSpaceIdInvalid", what);
    let text = super::required(body, "openSpaceId")?;
    if text.chars().count() > PLACES_CHARS {
        return Err(wrong("openSpaceId 超过 1000 个字符"));
    }
    let rest = text
        .strip_prefix("dtv1.card//")
        .ok_or_else(|| wrong("openSpaceId 必须以 dtv1.card// 开头"))?;
    let parts = rest.split(';').filter(|part| !part.is_empty());
    let places = parts.map(|part| {
        let (name, id) = part
            .split_once('.')
            .filter(|(_, id)| !id.is_empty())
            .ok_or_else(|| wrong("openSpaceId 的格式应为 spaceType.spaceId"))?;
        let space = Space::read(name).ok_or_else(|| wrong("不支持的场域类型"))?;
        let found = match space {
            Space::ImRobot => person_of(world, body, id),
            Space::ImGroup | Space::OneBox => Some(id.to_owned()),
        };
        Ok(Place {
            space,
            id: id.to_owned(),
            found,
        })
    });
    let places = places.collect::<Result<Vec<_>, ModernRefusal>>()?;
    if places.is_empty() {
        return Err(wrong("openSpaceId 没有场域"));
    }
    Ok(places)
}

/// The userid of someone whom the body names by userid, or with `userIdType` 2 by unionId.
pub(super) fn person_of(world: &World, body: &Value, id: &str) -> Option<String> {
    let person = if body["userIdType"] == 2 {
        world.person_by_union(id)
    } else {
        world.person(id)
    };
    person.map(|person| person.userid.clone())
}

/// Puts the card into its places and returns the `deliverResults`.
pub(super) fn deliver_to(
    shared: &Shared,
    world: &mut World,
    caller: &Caller,
    card: &mut Card,
    body: &Value,
    places: &[Place],
) -> Result<Vec<Value>, ModernRefusal> {
    for place in places {
        check_models(caller, card, body, place.space)?;
    }
    let mut results = Vec::new();
    for place in places {
        let carried = put_into(shared, world, caller, card, body, place);
        let mut row = json!({
            "spaceType": place.space.name(),
            "spaceId": place.id,
            "success": carried.is_ok(),
        });
        match carried {
            Ok(carrier_id) => row["carrierId"] = carrier_id.into(),
            Err(why) => row["errorMsg"] = why.into(),
        }
        results.push(row);
    }
    Ok(results)
}

fn check_models(
    caller: &Caller,
    card: &Card,
    body: &Value,
    space: Space,
) -> Result<(), ModernRefusal> {
    let (space_model, deliver_model) = space.models();
    let wrong = |what: String| ModernRefusal::bad("param.openDeliverModelError", what);
    if !card.spaces.contains(&space) {
        return Err(invalid(&format!("缺少 {space_model}")));
    }
    let model = &body[deliver_model];
    if !model.is_object() {
        return Err(wrong(format!("缺少 {deliver_model}")));
    }
    let robot_code = model["robotCode"].as_str();
    match space {
        // Without a robotCode the app's own robot delivers, as the official Stream SDK relies on.
        Space::ImRobot if robot_code.is_some_and(|code| code != caller.robot_code) => {
            Err(wrong("robotCode 不属于当前应用".into()))
        }
        Space::ImRobot if model["spaceType"].as_str() != Some("IM_ROBOT") => {
            Err(wrong("spaceType 应为 IM_ROBOT".into()))
        }
        Space::ImGroup if robot_code != Some(caller.robot_code.as_str()) => {
            Err(wrong("robotCode 缺失或不属于当前应用".into()))
        }
        Space::OneBox if model["expiredTimeMillis"].as_i64().is_none() => {
            Err(wrong("缺少 expiredTimeMillis".into()))
        }
        _ => Ok(()),
    }
}

/// Returns the carrier id, or why this place does not take the card.
fn put_into(
    shared: &Shared,
    world: &mut World,
    caller: &Caller,
    card: &mut Card,
    body: &Value,
    place: &Place,
) -> Result<String, &'static str> {
    let found = place.found.clone().ok_or("用户不存在")?;
    let model = &body[place.space.models().1];
    let people = |list: &Value| -> Vec<String> {
        let ids = list.as_array().into_iter().flatten();
        ids.filter_map(|id| person_of(world, body, id.as_str()?))
            .collect()
    };
    let mut delivery = Delivery {
        space: place.space,
        space_id: found.clone(),
        message_id: None,
        recipients: Vec::new(),
        open_until_ms: 0,
    };
    if place.space == Space::OneBox {
        delivery.recipients = people(&model["userIds"]);
        delivery.open_until_ms = model["expiredTimeMillis"].as_i64().unwrap_or(0);
        return put_on_top(shared, world, card, delivery);
    }
    let (mut mentions, mut at_all) = (Vec::new(), false);
    let conversation = if place.space == Space::ImRobot {
        personal_conversation(&caller.robot_code, &found)
    } else {
        let group = world.group(&found).ok_or("群不存在")?;
        if group.dissolved {
            return Err("群已被解散");
        }
        if !group.app_robots.contains(&caller.robot_code) {
            return Err("机器人不在群内");
        }
        delivery.recipients = people(&model["recipients"]);
        let at = model["atUserIds"].as_object().into_iter().flatten();
        for (id, _) in at {
            at_all |= id == "@ALL";
            mentions.extend(person_of(world, body, id).filter(|id| group.members.contains(id)));
        }
        found
    };
    let key = shared.ids().process_query_key();
    let name = world
        .app(&caller.client_id)
        .map_or_else(String::new, |app| app.name.clone());
    let message = Message {
        id: 0,
        conversation,
        at_ms: 0,
        sender: Sender::App {
            name,
            robot_code: caller.robot_code.clone(),
        },
        content: Content::Card {
            out_track_id: card.out_track_id.clone(),
            summary: card.summary.clone(),
        },
        mentions,
        at_all,
        msg_uuid: None,
        process_query_key: Some(key.clone()),
        recalled: false,
    };
    // The bubble is drawn from the card, so the card must know it before anyone is told of it.
    delivery.message_id = Some(world.next_id);
    card.deliveries.push(delivery);
    change_card(shared, world, card.clone());
    shared.post(world, message);
    Ok(key)
}

/// Top cards are for scene groups (and groups with a 酷应用, which the sandbox has not), ten at once.
fn put_on_top(
    shared: &Shared,
    world: &World,
    card: &mut Card,
    delivery: Delivery,
) -> Result<String, &'static str> {
    let now_ms = shared.clock.now_ms();
    let group = world.group(&delivery.space_id).ok_or("群不存在")?;
    if group.dissolved {
        return Err("群已被解散");
    }
    if group.kind != GroupKind::Scene {
        return Err("仅场景群或安装了群聊酷应用的群支持吊顶卡片");
    }
    if delivery.open_until_ms <= now_ms {
        return Err("expiredTimeMillis 已过期");
    }
    if world.cards.tops(&delivery.space_id, now_ms).len() >= TOPS_AT_MOST {
        return Err("吊顶卡片数量超过上限");
    }
    card.deliveries.push(delivery);
    Ok(shared.ids().token())
}

/// `POST /v1.0/card/tops/close?outTrackId=…&openConversationId=…`
pub(super) fn close_top(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let caller = modern_caller(&mut world, call, now_ms)?;
    let given = |name: &str| call.query(name).ok_or_else(|| ModernRefusal::missing(name));
    let card = super::cards::own_card(&world, &caller, given("outTrackId")?)?;
    close(shared, &mut world, card, given("openConversationId")?);
    Ok(json!({ "success": true, "result": true }))
}

/// Closing what is not open does nothing.
pub(super) fn close(shared: &Shared, world: &mut World, mut card: Card, conversation: &str) {
    for delivery in &mut card.deliveries {
        if delivery.space == Space::OneBox && delivery.space_id == conversation {
            delivery.open_until_ms = 0;
        }
    }
    change_card(shared, world, card);
}
