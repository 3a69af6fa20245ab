//! DING by an app robot: send, recall, who has read.
//!
//! Source: 机器人发送DING消息 (`robot-sends-nail-message`); the read status is in the SDK only. Up to 200 receivers in
//! the app, 20 by short message or call; less than 6,000 a minute and robot. Whether an edition may DING at all is
//! `rules.access.ding_quota`.

use serde_json::{Value, json};

use super::personal_messages::check_robot_code;
use super::{json_body, required, strings};
use crate::call::{Call, ModernRefusal, modern_caller};
use crate::dings::{self, Ding};
use crate::gate::has_room;
use crate::journal::Entry;
use crate::message::{Content, Message, Sender};
use crate::shared::{Event, Shared};
use crate::world::World;

/// `POST /v1.0/robot/ding/send`
pub(super) fn send(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let caller = modern_caller(&mut world, call, now_ms)?;
    let body = json_body(call)?;
    check_robot(required(&body, "robotCode")?, &caller.robot_code)?;
    let remind_type = match body["remindType"].as_u64() {
        Some(kind @ 1..=3) => u8::try_from(kind).unwrap_or(1),
        _ => return Err(ModernRefusal::missing("remindType")),
    };
    let content = required(&body, "content")?.to_owned();
    let wanted = strings(&body["receiverUserIdList"]);
    if wanted.is_empty() {
        return Err(ModernRefusal::bad("miss.staffId", "缺少接收人"));
    }
    let at_most = if remind_type == 1 { 200 } else { 20 };
    if wanted.len() > at_most {
        return Err(ModernRefusal::bad(
            "ding.receivercount.limit",
            "DING接收人数超过限制，应用内200，短信电话20",
        ));
    }
    if !world.rules.access_of(&caller.client_id).ding_quota {
        return Err(ModernRefusal::bad(
            "ding.serverquota.insufficient",
            "ding server quota insufficient",
        ));
    }
    spend_pace(&mut world, &caller.robot_code, now_ms)?;
    let (receivers, unknown): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|userid| {
        let person = world.person(userid);
        person.is_some_and(|person| person.active && world.is_visible(&caller.client_id, person))
    });
    let ding = Ding {
        id: shared.ids().code(),
        robot_code: caller.robot_code,
        remind_type,
        receivers,
        content,
        at_ms: now_ms,
        recalled: false,
    };
    let id = ding.id.clone();
    show(shared, &mut world, &caller.client_id, &ding);
    world.record(Entry::Ding(ding));
    let mut answer = json!({ "openDingId": id });
    if !unknown.is_empty() {
        answer["failedList"] = json!({ "staffId.notExisted": unknown });
    }
    Ok(answer)
}

/// `POST /v1.0/robot/ding/recall {"robotCode","openDingId"}`
pub(super) fn recall(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let (mut ding, id) = own_ding(&mut world, call, now_ms)?;
    world.record(Entry::Recalled {
        process_query_key: id.clone(),
    });
    ding.recalled = true;
    world.record(Entry::Ding(ding));
    shared.tell(Event::Changed);
    Ok(json!({ "openDingId": id }))
}

/// `POST /v1.0/robot/ding/readStatuses/query {"robotCode","openDingId"}`
pub(super) fn read_statuses(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let (_, id) = own_ding(&mut world, call, now_ms)?;
    let rows = world.with_query_key(&id).into_iter().filter_map(|message| {
        let userid = message.recipient()?;
        let is_read = world.read_at(message, userid).is_some();
        Some(json!({ "userId": userid, "readStatus": if is_read { "READ" } else { "UNREAD" } }))
    });
    Ok(json!({ "success": true, "result": { "robotDingReadInfoList": rows.collect::<Vec<_>>() } }))
}

fn own_ding(world: &mut World, call: &Call, now_ms: i64) -> Result<(Ding, String), ModernRefusal> {
    let caller = modern_caller(world, call, now_ms)?;
    let body = json_body(call)?;
    check_robot_code(&caller, required(&body, "robotCode")?)?;
    let id = required(&body, "openDingId")?.to_owned();
    let own = world
        .dings
        .get(&id)
        .filter(|ding| ding.robot_code == caller.robot_code);
    // Inferred code.
    let ding = own.ok_or_else(|| ModernRefusal::bad("send.ding.exception", "openDingId 不存在"))?;
    Ok((ding.clone(), id))
}

fn check_robot(wanted: &str, own: &str) -> Result<(), ModernRefusal> {
    if wanted == own {
        Ok(())
    } else {
        Err(ModernRefusal::bad("invalid.chatbotId", "无效的机器人"))
    }
}

fn spend_pace(world: &mut World, robot_code: &str, now_ms: i64) -> Result<(), ModernRefusal> {
    let Some(limit) = world.rules.limits.dings_per_minute else {
        return Ok(());
    };
    let key = (robot_code.to_owned(), dings::SENDER.to_owned());
    let recent = world.recent.entry(key).or_default();
    if has_room(recent, now_ms, 60_000, limit as usize) {
        Ok(())
    } else {
        Err(ModernRefusal::bad("toomuch.msg", "send too fast"))
    }
}

fn show(shared: &Shared, world: &mut World, client_id: &str, ding: &Ding) {
    let name = world
        .app(client_id)
        .map_or_else(String::new, |app| app.name.clone());
    let how = match ding.remind_type {
        1 => "应用内DING",
        2 => "短信DING",
        _ => "电话DING",
    };
    for userid in &ding.receivers {
        let message = Message {
            id: 0,
            conversation: dings::conversation(userid),
            at_ms: ding.at_ms,
            sender: Sender::App {
                name: format!("{name} · {how}"),
                robot_code: dings::SENDER.into(),
            },
            content: Content::Text {
                text: ding.content.clone(),
            },
            mentions: Vec::new(),
            at_all: false,
            msg_uuid: None,
            process_query_key: Some(ding.id.clone()),
            recalled: false,
        };
        shared.post(world, message);
    }
}
