//! Group announcements (群公告): in the official SDKs, but without a page in the documentation.
//!
//! So the sandbox refuses them for want of a scope unless `rules.access.group_announcements` is on: a client has to
//! find out at run time, and fall back. Source: the SDK module `group_blackboard_1_0`.
//! Weakness: all of the behaviour is inferred: only the owner and administrators of the group may write, a repeated
//! `uniqueId` answers the announcement that exists, and reading the conversation is reading the announcement.

use serde_json::{Value, json};

use super::{json_body, required};
use crate::announcements::GroupAnnouncement;
use crate::call::{Call, ModernRefusal, modern_caller};
use crate::gate::scope_refusal;
use crate::journal::Entry;
use crate::message::{Content, Message, Sender};
use crate::meters::beijing;
use crate::organisation::Group;
use crate::shared::{Event, Shared};
use crate::world::World;

const SCOPE: &str = "GroupBlackboard.Blackboard.Write";
const PAGE_AT_MOST: u64 = 100;

/// `POST /v1.0/groupBlackboard/blackboards/create`, and its older twin without `/create`.
pub(super) fn create(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let body = admitted(&mut world, call, now_ms)?;
    let (conversation, userid) = writer(&world, &body)?;
    let unique_id = required(&body, "uniqueId")?.to_owned();
    let content = required(&body, "content")?.to_owned();
    let rows = world.announcements.of_group(&conversation);
    if let Some(known) = rows.iter().find(|row| row.unique_id == unique_id) {
        return Ok(json!({ "success": true, "dataId": known.id }));
    }
    let mut row = GroupAnnouncement {
        id: shared.ids().code(),
        number: world.announcements.next_number(),
        conversation,
        userid,
        content,
        sticky: body["sticky"].as_bool() == Some(true),
        send_ding: body["sendDing"].as_bool() == Some(true),
        unique_id,
        created_ms: now_ms,
        modified_ms: now_ms,
        message: 0,
    };
    row.message = show(shared, &mut world, &row);
    let id = row.id.clone();
    world.record(Entry::GroupAnnouncement(row));
    shared.tell(Event::Changed);
    Ok(json!({ "success": true, "dataId": id }))
}

/// `POST …/edit {"openConversationId","userId","dataId","content","sticky"}`
pub(super) fn edit(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let body = admitted(&mut world, call, now_ms)?;
    let mut row = own(&world, &body)?;
    required(&body, "content")?.clone_into(&mut row.content);
    row.sticky = body["sticky"].as_bool().unwrap_or(row.sticky);
    row.modified_ms = now_ms;
    world.record(Entry::Recalled {
        process_query_key: query_key(&row.id),
    });
    row.message = show(shared, &mut world, &row);
    let id = row.id.clone();
    world.record(Entry::GroupAnnouncement(row));
    shared.tell(Event::Changed);
    Ok(json!({ "success": true, "dataId": id }))
}

/// `POST …/delete`, and its older twin `…/remove`.
pub(super) fn delete(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let mut world = shared.world();
    let body = admitted(&mut world, call, shared.clock.now_ms())?;
    let row = own(&world, &body)?;
    world.record(Entry::Recalled {
        process_query_key: query_key(&row.id),
    });
    world.record(Entry::GroupAnnouncementDeleted { id: row.id });
    shared.tell(Event::Changed);
    Ok(json!({ "success": true, "isDeleted": true }))
}

/// `POST …/get`
pub(super) fn get(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let mut world = shared.world();
    let body = admitted(&mut world, call, shared.clock.now_ms())?;
    let (conversation, _) = member(&world, &body)?;
    let row = find(&world, &body, &conversation)?;
    Ok(json!({ "success": true, "result": whole(&world, row) }))
}

/// `POST …/list {"openConversationId","userId","pageSize","nextPageCursor"}`
pub(super) fn list(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let mut world = shared.world();
    let body = admitted(&mut world, call, shared.clock.now_ms())?;
    let (conversation, _) = member(&world, &body)?;
    let size = body["pageSize"]
        .as_u64()
        .unwrap_or(20)
        .clamp(1, PAGE_AT_MOST);
    let size = usize::try_from(size).unwrap_or(20);
    let cursor = &body["nextPageCursor"];
    let from = cursor.as_u64().or_else(|| cursor.as_str()?.parse().ok());
    let from = usize::try_from(from.unwrap_or(0)).unwrap_or(usize::MAX);
    let rows = world.announcements.of_group(&conversation);
    let until = from.saturating_add(size);
    let page = rows.iter().skip(from).take(size);
    Ok(json!({
        "success": true,
        "blackboardList": page.map(|row| whole(&world, row)).collect::<Vec<_>>(),
        "hasMore": until < rows.len(),
        "nextPageCursor": until.min(rows.len()).to_string(),
    }))
}

fn admitted(world: &mut World, call: &Call, now_ms: i64) -> Result<Value, ModernRefusal> {
    let caller = modern_caller(world, call, now_ms)?;
    if !world.rules.access_of(&caller.client_id).group_announcements {
        return Err(scope_refusal(&caller.client_id, SCOPE));
    }
    json_body(call)
}

/// The group and the person the call acts for, who must be in it.
fn member(world: &World, body: &Value) -> Result<(String, String), ModernRefusal> {
    let (conversation, userid) = (
        required(body, "openConversationId")?,
        required(body, "userId")?,
    );
    let group = world
        .group(conversation)
        .filter(|group| !group.dissolved)
        .ok_or_else(|| ModernRefusal::bad("resource.not.found", "openConversationId 不存在"))?;
    if group.members.iter().any(|member| member == userid) {
        Ok((conversation.to_owned(), userid.to_owned()))
    } else {
        Err(ModernRefusal::bad(
            "invalidParameter.userId",
            "userId 不在群内",
        ))
    }
}

fn writer(world: &World, body: &Value) -> Result<(String, String), ModernRefusal> {
    let (conversation, userid) = member(world, body)?;
    let may_write = |group: &Group| {
        let owner = group.owner.as_ref().or_else(|| group.members.first());
        owner == Some(&userid) || group.sub_admins.contains(&userid)
    };
    if world.group(&conversation).is_some_and(may_write) {
        Ok((conversation, userid))
    } else {
        Err(ModernRefusal::of(
            403,
            "accessDenied",
            "只有群主和群管理员可以发布群公告",
        ))
    }
}

fn own(world: &World, body: &Value) -> Result<GroupAnnouncement, ModernRefusal> {
    let (conversation, _) = writer(world, body)?;
    find(world, body, &conversation).cloned()
}

fn find<'a>(
    world: &'a World,
    body: &Value,
    conversation: &str,
) -> Result<&'a GroupAnnouncement, ModernRefusal> {
    let row = world.announcements.get_of_group(required(body, "dataId")?);
    row.filter(|row| row.conversation == conversation)
        .ok_or_else(|| ModernRefusal::bad("resource.not.found", "dataId 不存在"))
}

fn whole(world: &World, row: &GroupAnnouncement) -> Value {
    let message = world.message(row.message);
    let members = world
        .group(&row.conversation)
        .map(|group| group.members.as_slice())
        .unwrap_or_default();
    let read = members
        .iter()
        .filter(|member| message.is_some_and(|message| world.read_at(message, member).is_some()));
    let person = world.person(&row.userid);
    json!({
        "dataId": row.id,
        "title": "群公告",
        "content": row.content,
        "sticky": row.sticky,
        "readCount": read.count(),
        "gmtCreate": beijing(row.created_ms, "%Y-%m-%d %H:%M:%S"),
        "gmtModified": beijing(row.modified_ms, "%Y-%m-%d %H:%M:%S"),
        "userId": row.userid,
        "userName": person.map_or("", |person| person.name.as_str()),
    })
}

fn query_key(id: &str) -> String {
    format!("group-announcement/{id}")
}

/// A bubble of the person it was posted for; with `sendDing` everyone is mentioned.
fn show(shared: &Shared, world: &mut World, row: &GroupAnnouncement) -> u64 {
    let message = Message {
        id: 0,
        conversation: row.conversation.clone(),
        at_ms: row.modified_ms,
        sender: Sender::Person {
            userid: row.userid.clone(),
        },
        content: Content::Markdown {
            title: "群公告".into(),
            text: format!("### 群公告\n\n{}", row.content),
        },
        mentions: Vec::new(),
        at_all: row.send_ding,
        msg_uuid: None,
        process_query_key: Some(query_key(&row.id)),
        recalled: false,
    };
    shared.post(world, message)
}
