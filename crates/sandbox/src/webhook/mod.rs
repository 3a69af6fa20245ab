//! `POST /robot/send`: a custom robot's webhook (自定义机器人), with the refusals of the real one.
//!
//! The order of checks is ours, for the platform documents none: token, robot and group, header, size, JSON, message,
//! signature and address, keywords, repeated `msgUuid`, pace, moderation.
//! Invariant: HTTP 200 whatever happens; only an accepted message is shown, counted and remembered by its `msgUuid`.
//! Weakness: texts and codes come from documentation and observed answers; codes for missing fields other than a
//! markdown's title and text are inferred from those two.

mod body;
mod refusals;
mod security;

use serde_json::{Value, json};

pub(crate) use self::body::{DraftMessage, read_message};
pub(crate) use self::refusals::{too_fast, unsuitable};
pub(crate) use self::security::is_in_ranges;
use crate::apis::Metering;
use crate::call::{Call, LegacyRefusal};
use crate::message::{Message, Sender};
use crate::meters::{PushBudget, spend_push};
use crate::organisation::RobotState;
use crate::rules::{Codes, PastQuota, Rules};
use crate::shared::Shared;
use crate::world::{Pace, World};

pub(crate) fn send(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let target = find_target(&world, call)?;
    let draft = judge(&world, call, &target, now_ms)?;
    let uuid = draft.msg_uuid.clone();
    if uuid
        .as_deref()
        .is_some_and(|uuid| world.with_msg_uuid(&target.access_token, uuid).is_some())
    {
        return Ok(json!({}));
    }
    spend_pace(&mut world, &target.access_token, now_ms)?;
    if let Some(unsuitable) = world.rules.moderation.judge(&draft.content) {
        return Err(refusals::unsuitable(unsuitable));
    }
    if spend_push(&mut world, now_ms) == PushBudget::Within {
        call.trace.set_metered(Metering::Push);
    } else if world.rules.webhook_past_quota == PastQuota::Refuse {
        return Err(refusals::month_used_up());
    }
    let message = Message {
        id: 0,
        conversation: target.group_id,
        at_ms: now_ms,
        sender: Sender::Robot {
            name: target.name,
            access_token: target.access_token,
        },
        content: draft.content,
        mentions: draft.mentions,
        at_all: draft.at_all,
        msg_uuid: uuid,
        process_query_key: None,
        recalled: false,
    };
    shared.post(&mut world, message);
    Ok(json!({}))
}

struct Target {
    access_token: String,
    name: String,
    group_id: String,
}

fn find_target(world: &World, call: &Call) -> Result<Target, LegacyRefusal> {
    let token = call.query("access_token").filter(|token| !token.is_empty());
    let token = token.ok_or_else(|| LegacyRefusal::new(40_035, "缺少参数 access_token"))?;
    let Some((group, robot)) = world.robot(token) else {
        return Err(match world.rules.codes {
            Codes::Wire => LegacyRefusal::new(300_001, "token is not exist"),
            Codes::Documented => LegacyRefusal::new(400_101, "access_token不存在"),
        });
    };
    match robot.state {
        RobotState::Removed => return Err(LegacyRefusal::new(400_106, "机器人不存在")),
        _ if group.dissolved => return Err(LegacyRefusal::new(400_013, "群已被解散")),
        RobotState::Disabled => return Err(LegacyRefusal::new(400_102, "机器人已停用")),
        RobotState::Active => {}
    }
    Ok(Target {
        access_token: token.to_owned(),
        name: robot.name.clone(),
        group_id: group.id.clone(),
    })
}

fn judge(
    world: &World,
    call: &Call,
    target: &Target,
    now_ms: i64,
) -> Result<DraftMessage, LegacyRefusal> {
    let Some((group, robot)) = world.robot(&target.access_token) else {
        return Err(LegacyRefusal::new(400_106, "机器人不存在"));
    };
    let rules = &world.rules;
    let kind = call
        .header("content-type")
        .unwrap_or_default()
        .to_ascii_lowercase();
    if !kind.starts_with("application/json") {
        return Err(LegacyRefusal::new(43_004, "无效的HTTP HEADER Content-Type"));
    }
    if call.body.len() > rules.limits.webhook_body_bytes {
        return Err(refusals::too_long(rules));
    }
    let json: Value = serde_json::from_slice(&call.body)
        .map_err(|_| LegacyRefusal::new(40_035, "缺少参数 json"))?;
    let members: Vec<_> = group
        .members
        .iter()
        .filter_map(|userid| world.person(userid))
        .collect();
    let draft = read_message(&json, &members)?;
    security::check_address(rules, &robot.security, call.peer)?;
    security::check_signature(rules, &robot.security, call, now_ms)?;
    security::check_keywords(rules, &robot.security, &draft.content)?;
    Ok(draft)
}

/// Twenty a minute; one more and the robot is held for ten minutes.
fn spend_pace(world: &mut World, access_token: &str, now_ms: i64) -> Result<(), LegacyRefusal> {
    let rules: Rules = world.rules.clone();
    let Some(limit) = rules.limits.webhook_per_minute else {
        return Ok(());
    };
    let pace: &mut Pace = world
        .webhook_paces
        .entry(access_token.to_owned())
        .or_default();
    if now_ms < pace.held_until_ms {
        return Err(too_fast(&rules));
    }
    while pace
        .sent_ms
        .front()
        .is_some_and(|at| *at <= now_ms - 60_000 || *at > now_ms)
    {
        pace.sent_ms.pop_front();
    }
    if pace.sent_ms.len() >= limit as usize {
        pace.held_until_ms = now_ms + rules.limits.webhook_hold_ms;
        pace.sent_ms.clear();
        return Err(too_fast(&rules));
    }
    pace.sent_ms.push_back(now_ms);
    Ok(())
}
