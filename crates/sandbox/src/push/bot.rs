//! Messages of people to an app's robot, and the app's answers through the `sessionWebhook` they bring along.
//!
//! The chat client calls [`say`]: a line in the robot's own chat or one that mentions it in a group reaches
//! the app; no other lines of a group do. A session is good for 90 minutes and takes the bodies of a custom robot's
//! webhook, without a token. Sources: `robot-message-type`, `receive-message`.
//! Weakness: what an expired session answers is not documented beyond HTTP 200 with an errcode; 300001 is inferred.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::deliver::{Push, Pushed};
use super::is_within_quota;
use crate::call::{Call, LegacyRefusal};
use crate::journal::Entry;
use crate::message::{Content, Message, Sender};
use crate::meters::{OVER_QUOTA_CODE, OVER_QUOTA_TEXT, spend_push};
use crate::organisation::App;
use crate::shared::Shared;
use crate::world::World;

/// From the three samples of the documentation: `sessionWebhookExpiredTime` − `createAt`.
const SESSION_MS: i64 = 90 * 60_000;

/// The sessions that apps may answer in.
#[derive(Debug, Default)]
pub(crate) struct BotSessions(HashMap<String, RobotSession>);

/// Where an answer goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RobotSession {
    pub(crate) token: String,
    pub(crate) client_id: String,
    pub(crate) conversation: String,
    pub(crate) expires_ms: i64,
}

impl BotSessions {
    pub(crate) fn put(&mut self, session: RobotSession) {
        self.0.insert(session.token.clone(), session);
    }

    pub(crate) fn entries(&self, now_ms: i64) -> impl Iterator<Item = Entry> {
        self.0
            .values()
            .filter(move |session| session.expires_ms > now_ms)
            .cloned()
            .map(Entry::RobotSession)
    }
}

/// The apps whose robot a person's line reaches: the one of a personal chat, or those mentioned by name in a group.
pub(crate) fn addressed_robots<'a>(
    world: &'a World,
    conversation: &str,
    text: &str,
) -> Vec<&'a App> {
    if let Some(personal) = conversation.strip_prefix("oto/") {
        let robot_code = personal.split('/').next().unwrap_or_default();
        let own = world.apps.iter().filter(|app| app.robot_code == robot_code);
        return own.collect();
    }
    let Some(group) = world.group(conversation) else {
        return Vec::new();
    };
    world
        .apps
        .iter()
        .filter(|app| group.app_robots.contains(&app.robot_code))
        .filter(|app| !app.name.is_empty() && text.contains(&format!("@{}", app.name)))
        .collect()
}

/// A person says something in a conversation and has seen it: `@name` mentions a member, or reaches a robot of the group.
/// Returns the message's id.
pub(crate) fn say(
    shared: &Shared,
    world: &mut World,
    userid: &str,
    conversation: &str,
    text: &str,
) -> u64 {
    let members = world
        .group(conversation)
        .map(|group| group.members.as_slice())
        .unwrap_or_default();
    let named = |member: &&String| {
        world
            .person(member)
            .is_some_and(|person| text.contains(&format!("@{}", person.name)))
    };
    let message = Message {
        id: 0,
        conversation: conversation.to_owned(),
        at_ms: 0,
        sender: Sender::Person {
            userid: userid.to_owned(),
        },
        content: Content::Text {
            text: text.to_owned(),
        },
        mentions: members.iter().filter(named).cloned().collect(),
        at_all: text.contains("@所有人"),
        msg_uuid: None,
        process_query_key: None,
        recalled: false,
    };
    let id = shared.post(world, message);
    if let Some(posted) = world.message(id).cloned() {
        bot_message(shared, world, &posted);
    }
    super::open(shared, world, conversation, userid);
    id
}

/// Queues what a person has just said for the robots it addresses. Returns how many that are.
fn bot_message(shared: &Shared, world: &mut World, message: &Message) -> usize {
    let (Sender::Person { userid }, Content::Text { text }) = (&message.sender, &message.content)
    else {
        return 0;
    };
    let apps: Vec<App> = addressed_robots(world, &message.conversation, text)
        .into_iter()
        .cloned()
        .collect();
    for app in &apps {
        let session = RobotSession {
            token: shared.ids().token(),
            client_id: app.client_id.clone(),
            conversation: message.conversation.clone(),
            expires_ms: message.at_ms + SESSION_MS,
        };
        let is_within = is_within_quota(world, shared.clock.now_ms());
        let address = format!(
            "{}/robot/sendBySession?session={}",
            shared.public_url, session.token
        );
        let data = payload(
            world,
            app,
            message,
            userid,
            &address,
            is_within.then_some(text),
        );
        world.record(Entry::RobotSession(session));
        let message_id = shared.ids().message_id();
        shared.push.enqueue(Push {
            client_id: app.client_id.clone(),
            message_id,
            content: Pushed::Bot {
                url: app.push.robot_url.clone(),
            },
            data,
        });
    }
    apps.len()
}

fn payload(
    world: &World,
    app: &App,
    message: &Message,
    userid: &str,
    session_webhook: &str,
    text: Option<&String>,
) -> Value {
    let corp_id = &world.organisation.corp_id;
    let person = world.person(userid);
    let robot_user = encrypted_id(&app.robot_code);
    let mut data = json!({
        "conversationId": conversation_id(&message.conversation),
        "chatbotCorpId": corp_id,
        "chatbotUserId": robot_user,
        "robotCode": app.robot_code,
        "msgId": format!("msg{}", STANDARD.encode(format!("{corp_id}/{}", message.id))),
        "msgtype": "text",
        "createAt": message.at_ms,
        "senderId": encrypted_id(userid),
        "senderNick": person.map_or(userid, |person| person.name.as_str()),
        "senderCorpId": corp_id,
        "senderPlatform": "Mac",
        "isInAtList": true,
        "sessionWebhook": session_webhook,
        "sessionWebhookExpiredTime": message.at_ms + SESSION_MS,
    });
    if !app.push.unpublished {
        data["senderStaffId"] = userid.into();
        data["isAdmin"] = person
            .is_some_and(|person| is_admin(world, &person.userid))
            .into();
    }
    if let Some(person) = person {
        data["senderUnionId"] = person.unionid.clone().into();
    }
    if let Some(group) = world.group(&message.conversation) {
        data["conversationType"] = "2".into();
        data["conversationTitle"] = group.title.clone().into();
        let mentioned = message.mentions.iter().filter_map(|one| world.person(one));
        let people = mentioned.map(|person| {
            json!({
                "dingtalkId": encrypted_id(&person.userid),
                "staffId": person.userid,
                "unionId": person.unionid,
            })
        });
        data["atUsers"] = people
            .chain([json!({ "dingtalkId": robot_user })])
            .collect();
    } else {
        data["conversationType"] = "1".into();
    }
    match text {
        Some(text) => {
            // What follows the robot's name keeps its space.
            let said = text.replace(&format!("@{}", app.name), "");
            data["text"] = json!({ "content": said });
        }
        None => {
            data["errorCode"] = OVER_QUOTA_CODE.into();
            data["errorMessage"] = OVER_QUOTA_TEXT.into();
        }
    }
    data
}

/// Main and sub administrators both count.
fn is_admin(world: &World, userid: &str) -> bool {
    world
        .person(userid)
        .is_some_and(|person| person.admin != crate::organisation::AdminLevel::None)
}

/// `$:LWCP_v1:$…`: how messages name people and robots beside their ids.
fn encrypted_id(id: &str) -> String {
    format!("$:LWCP_v1:${}", STANDARD.encode(id))
}

/// A group's own id; for a personal chat one made of its two ends.
pub(super) fn conversation_id(conversation: &str) -> String {
    match conversation.strip_prefix("oto/") {
        Some(ends) => format!("cid{}", STANDARD.encode(ends)),
        None => conversation.to_owned(),
    }
}

/// `POST /robot/sendBySession?session=…`
pub(crate) fn reply_by_session(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let token = call.query("session").unwrap_or_default();
    let session = world.bot_sessions.0.get(token).cloned();
    let session = session
        .filter(|session| session.expires_ms > now_ms)
        .ok_or_else(|| LegacyRefusal::new(300_001, "session is not exist or expired"))?;
    let kind = call.header("content-type").unwrap_or_default();
    if !kind.to_ascii_lowercase().starts_with("application/json") {
        return Err(LegacyRefusal::new(43_004, "无效的HTTP HEADER Content-Type"));
    }
    let json: Value = serde_json::from_slice(&call.body)
        .map_err(|_| LegacyRefusal::new(40_035, "缺少参数 json"))?;
    answer(shared, &mut world, &session, &json)?;
    Ok(json!({}))
}

/// Puts an app's answer into its conversation; `{"msgtype":"empty"}` says nothing.
fn answer(
    shared: &Shared,
    world: &mut World,
    session: &RobotSession,
    json: &Value,
) -> Result<(), LegacyRefusal> {
    if json["msgtype"] == "empty" {
        return Ok(());
    }
    if world
        .group(&session.conversation)
        .is_some_and(|group| group.dissolved)
    {
        return Err(LegacyRefusal::new(400_013, "群已被解散"));
    }
    let userids: Vec<String> = match session.conversation.strip_prefix("oto/") {
        Some(ends) => ends
            .rsplit('/')
            .next()
            .map(str::to_owned)
            .into_iter()
            .collect(),
        None => world
            .group(&session.conversation)
            .map(|group| group.members.clone())
            .unwrap_or_default(),
    };
    let members: Vec<_> = userids.iter().filter_map(|id| world.person(id)).collect();
    let draft = crate::webhook::read_message(json, &members)?;
    if let Some(unsuitable) = world.rules.moderation.judge(&draft.content) {
        return Err(crate::webhook::unsuitable(unsuitable));
    }
    let Some(app) = world.app(&session.client_id) else {
        return Err(LegacyRefusal::new(400_106, "机器人不存在"));
    };
    let message = Message {
        id: 0,
        conversation: session.conversation.clone(),
        at_ms: 0,
        sender: Sender::App {
            name: app.name.clone(),
            robot_code: app.robot_code.clone(),
        },
        content: draft.content,
        mentions: draft.mentions,
        at_all: draft.at_all,
        msg_uuid: None,
        process_query_key: None,
        recalled: false,
    };
    // Taken as a webhook message, which it is in all but its token.
    spend_push(world, shared.clock.now_ms());
    shared.post(world, message);
    Ok(())
}

/// The answer that a robot in HTTP mode gives in its response body.
pub(super) fn say_answer(shared: &Shared, client_id: &str, webhook: &str, said: &Value) {
    if said["msgtype"].as_str().is_none() {
        return;
    }
    let mut world = shared.world();
    let token = webhook.rsplit('=').next().unwrap_or_default();
    let session = world.bot_sessions.0.get(token).cloned();
    if let Some(session) = session.filter(|session| session.client_id == client_id)
        && let Err(refusal) = answer(shared, &mut world, &session, said)
    {
        tracing::debug!(errcode = refusal.errcode, "a robot's answer was refused");
    }
}
