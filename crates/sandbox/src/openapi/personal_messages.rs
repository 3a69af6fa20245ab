//! One-to-one messages of an app robot: send in batches, ask who has read, recall.
//!
//! HTTP 200 does not mean that everyone got it: unknown people are in `invalidStaffIdList`, slowed ones in
//! `flowControlledStaffIdList`. There is no idempotency key here: the same call twice is two messages.

use serde_json::{Value, json};

use super::{json_body, moderate, read_template, required, strings};
use crate::call::{Call, Caller, ModernRefusal, modern_caller};
use crate::journal::Entry;
use crate::message::{Message, Sender, personal_conversation};
use crate::shared::{Event, Shared};
use crate::world::World;

const USERS_AT_MOST: usize = 20;
const KEYS_AT_MOST: usize = 20;
const ONE_DAY_MS: i64 = 24 * 3_600_000;

/// `POST /v1.0/robot/oToMessages/batchSend`
pub(super) fn send(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let caller = modern_caller(&mut world, call, now_ms)?;
    let body = json_body(call)?;
    check_robot_code(&caller, required(&body, "robotCode")?)?;
    let userids = strings(&body["userIds"]);
    if userids.is_empty() {
        return Err(ModernRefusal::missing("userIds"));
    }
    if userids.len() > USERS_AT_MOST {
        return Err(ModernRefusal::bad(
            "invalidParameter.userIds.overMax",
            "userIds 超过最大数量限制",
        ));
    }
    if !world.rules.access_of(&caller.client_id).robot_enabled {
        return Err(ModernRefusal::bad(
            "chatbotId.notAllow.sendOTO",
            "机器人未启用，不能发送单聊消息",
        ));
    }
    let content = read_template(&body)?;
    moderate(&world.rules.moderation, &content)?;

    let held_back = shared
        .faults
        .flow_controlled(&call.path, |share| shared.ids().chance(share));
    let app_name = world
        .app(&caller.client_id)
        .map_or_else(String::new, |app| app.name.clone());
    let key = shared.ids().process_query_key();
    let (mut invalid, mut flow_controlled) = (Vec::new(), Vec::new());
    for userid in userids {
        let is_reachable = world
            .person(&userid)
            .is_some_and(|person| person.active && world.is_visible(&caller.client_id, person));
        if !is_reachable {
            invalid.push(userid);
        } else if held_back
            .as_ref()
            .is_some_and(|some| some.is_empty() || some.contains(&userid))
            || is_flow_controlled(&mut world, &caller.robot_code, &userid, now_ms)
        {
            flow_controlled.push(userid);
        } else {
            let message = Message {
                id: 0,
                conversation: personal_conversation(&caller.robot_code, &userid),
                at_ms: now_ms,
                sender: Sender::App {
                    name: app_name.clone(),
                    robot_code: caller.robot_code.clone(),
                },
                content: content.clone(),
                mentions: Vec::new(),
                at_all: false,
                msg_uuid: None,
                process_query_key: Some(key.clone()),
                recalled: false,
            };
            shared.post(&mut world, message);
        }
    }
    Ok(json!({
        "processQueryKey": key,
        "invalidStaffIdList": invalid,
        "flowControlledStaffIdList": flow_controlled,
    }))
}

/// `GET /v1.0/robot/oToMessages/readStatus?robotCode=…&processQueryKey=…`, within 24 hours of sending.
/// `readTimestamp` is documented as not supported, so it is left out.
pub(super) fn read_status(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let caller = modern_caller(&mut world, call, now_ms)?;
    let robot_code = call
        .query("robotCode")
        .ok_or_else(|| ModernRefusal::missing("robotCode"))?;
    check_robot_code(&caller, robot_code)?;
    let key = call
        .query("processQueryKey")
        .ok_or_else(|| ModernRefusal::missing("processQueryKey"))?;
    let messages = known_messages(&world, &caller, key, now_ms)?;
    let rows = messages.iter().filter_map(|message| {
        let person = world.person(message.recipient()?)?;
        let status = if world.read_at(message, &person.userid).is_some() {
            "READ"
        } else {
            "UNREAD"
        };
        Some(json!({ "name": person.name, "userId": person.userid, "readStatus": status }))
    });
    let recalled = messages.first().is_some_and(|message| message.recalled);
    let send_status = if recalled { "RECALLED" } else { "SUCCESS" };
    Ok(json!({ "sendStatus": send_status, "messageReadInfoList": rows.collect::<Vec<_>>() }))
}

/// `POST /v1.0/robot/otoMessages/batchRecall`: at most 20 keys, within 24 hours, leaves no trace in the chat.
pub(super) fn recall(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let caller = modern_caller(&mut world, call, now_ms)?;
    let body = json_body(call)?;
    check_robot_code(&caller, required(&body, "robotCode")?)?;
    recall_keys(
        shared,
        &mut world,
        &caller,
        &strings(&body["processQueryKeys"]),
        now_ms,
    )
}

pub(super) fn recall_keys(
    shared: &Shared,
    world: &mut World,
    caller: &Caller,
    keys: &[String],
    now_ms: i64,
) -> Result<Value, ModernRefusal> {
    if keys.is_empty() {
        return Err(ModernRefusal::missing("processQueryKeys"));
    }
    if keys.len() > KEYS_AT_MOST {
        // Inferred code, after that of userIds.
        return Err(ModernRefusal::bad(
            "invalidParameter.processQueryKeys.overMax",
            "processQueryKeys 超过最大数量限制",
        ));
    }
    let (mut done, mut failed) = (Vec::new(), serde_json::Map::new());
    for key in keys {
        let sent_by_caller = world.with_query_key(key).first().is_some_and(|message| {
            matches!(&message.sender, Sender::App { robot_code, .. } if *robot_code == caller.robot_code)
                && now_ms - message.at_ms <= ONE_DAY_MS
        });
        if sent_by_caller {
            world.record(Entry::Recalled {
                process_query_key: key.clone(),
            });
            done.push(key.clone());
        } else {
            failed.insert(key.clone(), "消息不存在或已超过可撤回时间".into());
        }
    }
    shared.tell(Event::Changed);
    Ok(json!({ "successResult": done, "failedResult": failed }))
}

/// The caller's messages of one send, if their read status can be asked for now.
pub(super) fn known_messages<'a>(
    world: &'a World,
    caller: &Caller,
    key: &str,
    now_ms: i64,
) -> Result<Vec<&'a Message>, ModernRefusal> {
    let mut messages = world.with_query_key(key);
    messages.retain(
        |message| matches!(&message.sender, Sender::App { robot_code, .. } if *robot_code == caller.robot_code),
    );
    let age_ms = messages.first().map(|message| now_ms - message.at_ms);
    let ready_ms = world.rules.limits.read_status_delay_ms;
    match age_ms {
        Some(age) if age >= ready_ms && age <= ONE_DAY_MS => Ok(messages),
        _ => Err(ModernRefusal::bad(
            "processQueryKey.expireTime",
            "还未生成消息查询数据或已过期",
        )),
    }
}

pub(super) fn check_robot_code(caller: &Caller, robot_code: &str) -> Result<(), ModernRefusal> {
    if caller.robot_code == robot_code {
        Ok(())
    } else {
        // The spelling is the platform's.
        Err(ModernRefusal::bad(
            "invalidParameter.robotCode.notExsit",
            "robotCode 不存在或不属于当前应用",
        ))
    }
}

fn is_flow_controlled(world: &mut World, robot_code: &str, userid: &str, now_ms: i64) -> bool {
    let Some(limit) = world.rules.limits.personal_per_minute else {
        return false;
    };
    let recent = world
        .recent
        .entry((robot_code.to_owned(), userid.to_owned()))
        .or_default();
    while recent
        .front()
        .is_some_and(|at| *at <= now_ms - 60_000 || *at > now_ms)
    {
        recent.pop_front();
    }
    if recent.len() >= limit as usize {
        return true;
    }
    recent.push_back(now_ms);
    false
}
