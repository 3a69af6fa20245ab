//! Messages of an app robot in groups: send, ask who has read, recall; and which robots a group has.
//!
//! The robot must be in the group. The read query lists only those who have read.

use serde_json::{Value, json};

use super::personal_messages::{check_robot_code, known_messages, recall_keys};
use super::{json_body, moderate, read_template, required, strings};
use crate::call::{Call, Caller, ModernRefusal, modern_caller};
use crate::message::{Message, Sender};
use crate::shared::Shared;
use crate::world::World;

/// `POST /v1.0/robot/groupMessages/send`
pub(super) fn send(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let caller = modern_caller(&mut world, call, now_ms)?;
    let body = json_body(call)?;
    check_robot_code(&caller, required(&body, "robotCode")?)?;
    let conversation = required(&body, "openConversationId")?.to_owned();
    check_group(&world, &caller, &conversation)?;
    if !world.rules.access_of(&caller.client_id).robot_enabled {
        return Err(ModernRefusal::bad("bot.stopped", "机器人已停用"));
    }
    let content = read_template(&body)?;
    moderate(&world.rules.moderation, &content)?;
    let key = shared.ids().process_query_key();
    let name = world
        .app(&caller.client_id)
        .map_or_else(String::new, |app| app.name.clone());
    let message = Message {
        id: 0,
        conversation,
        at_ms: now_ms,
        sender: Sender::App {
            name,
            robot_code: caller.robot_code,
        },
        content,
        mentions: Vec::new(),
        at_all: false,
        msg_uuid: None,
        process_query_key: Some(key.clone()),
        recalled: false,
    };
    shared.post(&mut world, message);
    Ok(json!({ "processQueryKey": key }))
}

/// `POST /v1.0/robot/groupMessages/query`: a page of at most 200 readers.
pub(super) fn readers(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let caller = modern_caller(&mut world, call, now_ms)?;
    let body = json_body(call)?;
    check_robot_code(&caller, required(&body, "robotCode")?)?;
    let conversation = required(&body, "openConversationId")?;
    let key = required(&body, "processQueryKey")?;
    let messages = known_messages(&world, &caller, key, now_ms)?;
    let message = messages
        .first()
        .filter(|message| message.conversation == conversation);
    let message = message.ok_or_else(|| {
        ModernRefusal::bad("processQueryKey.expireTime", "还未生成消息查询数据或已过期")
    })?;
    let members = world
        .group(conversation)
        .map(|group| group.members.as_slice())
        .unwrap_or_default();
    let read: Vec<&String> = members
        .iter()
        .filter(|userid| world.read_at(message, userid).is_some())
        .collect();
    let page = body["maxResults"].as_u64().unwrap_or(200).clamp(1, 200) as usize;
    let from = body["nextToken"]
        .as_str()
        .and_then(|token| token.parse::<usize>().ok())
        .unwrap_or(0);
    let until = from.saturating_add(page);
    let mut answer = json!({
        "sendStatus": if message.recalled { "RECALLED" } else { "SUCCESS" },
        "readUserIds": read.iter().skip(from).take(page).collect::<Vec<_>>(),
        "hasMore": until < read.len(),
    });
    if until < read.len() {
        answer["nextToken"] = until.to_string().into();
    }
    Ok(answer)
}

/// `POST /v1.0/robot/groupMessages/recall`
pub(super) fn recall(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let caller = modern_caller(&mut world, call, now_ms)?;
    let body = json_body(call)?;
    check_robot_code(&caller, required(&body, "robotCode")?)?;
    check_group(&world, &caller, required(&body, "openConversationId")?)?;
    recall_keys(
        shared,
        &mut world,
        &caller,
        &strings(&body["processQueryKeys"]),
        now_ms,
    )
}

/// `POST /v1.0/robot/groups/robots/query`: custom robots are of type 1, app robots of type 2.
pub(super) fn robots(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    modern_caller(&mut world, call, now_ms)?;
    let body = json_body(call)?;
    let conversation = required(&body, "openConversationId")?;
    let group = world.group(conversation).ok_or_else(no_group)?;
    let custom = group
        .listed_robots()
        .map(|robot| json!({ "name": robot.name, "openRobotType": 1 }));
    let apps = world
        .apps
        .iter()
        .filter(|app| group.app_robots.contains(&app.robot_code));
    let apps = apps
        .map(|app| json!({ "robotCode": app.robot_code, "name": app.name, "openRobotType": 2 }));
    Ok(json!({ "chatbotInstanceVOList": custom.chain(apps).collect::<Vec<_>>() }))
}

fn check_group(world: &World, caller: &Caller, conversation: &str) -> Result<(), ModernRefusal> {
    let group = world.group(conversation).ok_or_else(no_group)?;
    if group.dissolved {
        return Err(ModernRefusal::bad("group.disbanded", "群已被解散"));
    }
    if !group.app_robots.contains(&caller.robot_code) {
        return Err(ModernRefusal::bad("resource.not.found", "机器人不在群内"));
    }
    Ok(())
}

fn no_group() -> ModernRefusal {
    ModernRefusal::bad("resource.not.found", "openConversationId 不存在")
}
