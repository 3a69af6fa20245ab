//! The JSON that the page's script gets: people, conversations and messages as one persona sees them.

use serde::Serialize;
use serde_json::{Value, json};

use crate::bubble;
use crate::message::{Content, Message, Sender};
use crate::organisation::Person;
use crate::text::colour;
use crate::world::World;

/// A row of the conversation list.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    id: String,
    /// `group`, `robot`, `notice` (工作通知), `ding`, `announcement`
    kind: &'static str,
    title: String,
    members: usize,
    /// Names and colours for the group's avatar.
    faces: Vec<Value>,
    preview: String,
    /// 0 for a conversation without messages.
    pub(super) last_ms: i64,
    unread: usize,
    /// Something unread mentions the persona.
    mentioned: bool,
}

pub(super) fn conversation(world: &World, id: &str, userid: &str) -> Option<Row> {
    let mut newest_first = world.conversation(id).rev();
    let last = newest_first.find(|message| world.shows(message, userid));
    let (unread, mentioned) = unread(world, id, userid);
    let last_ms = last.map_or(0, |message| message.at_ms);
    let said = last.map_or_else(String::new, |message| preview(world, message, userid));
    let row = |kind, title, members, faces| Row {
        id: id.to_owned(),
        kind,
        title,
        members,
        faces,
        preview: said,
        last_ms,
        unread,
        mentioned,
    };
    if let Some(personal) = id.strip_prefix("oto/") {
        let robot_code = personal.split('/').next().unwrap_or_default();
        let app = world.apps.iter().find(|app| app.robot_code == robot_code);
        let name = match (app, last.map(|message| &message.sender)) {
            (Some(app), _) => app.name.clone(),
            (None, Some(Sender::App { name, .. })) => name.clone(),
            (None, _) => return None,
        };
        last?;
        // Conversations that gather what several apps sent.
        let (kind, name) = match robot_code {
            crate::work_notices::SENDER => {
                ("notice", format!("工作通知:{}", world.organisation.name))
            }
            crate::dings::SENDER => ("ding", "DING".to_owned()),
            crate::announcements::SENDER => ("announcement", name),
            _ => ("robot", name),
        };
        return Some(row(kind, name, 1, Vec::new()));
    }
    let group = world.group(id)?;
    let faces = group
        .members
        .iter()
        .filter_map(|member| world.person(member))
        .take(4);
    let faces = faces
        .map(|member| json!({ "name": member.name, "colour": colour(&member.avatar_colour) }))
        .collect();
    Some(row(
        "group",
        group.title.clone(),
        group.members.len(),
        faces,
    ))
}

/// How many messages the person has not seen, and whether one of them mentions this person.
pub(super) fn unread(world: &World, conversation: &str, userid: &str) -> (usize, bool) {
    let seen = world.seen_up_to(conversation, userid);
    let unseen = world
        .conversation(conversation)
        .rev()
        .take_while(|message| message.id > seen)
        .filter(|message| message.sender != Sender::System && world.shows(message, userid));
    unseen.fold((0, false), |(count, mentioned), message| {
        (
            count + 1,
            mentioned || message.at_all || message.mentions.iter().any(|one| one == userid),
        )
    })
}

pub(super) fn message(world: &World, message: &Message, userid: &str) -> Value {
    let is_mine = matches!(&message.sender, Sender::Person { userid: sender } if sender == userid);
    let mut view = json!({
        "id": message.id,
        "conversation": message.conversation,
        "at_ms": message.at_ms,
        "sender": sender(world, &message.sender),
        "mine": is_mine,
        "mentioned": message.at_all || message.mentions.iter().any(|one| one == userid),
        "html": bubble::draw(world, message, userid),
        "system": message.sender == Sender::System,
        "plain": matches!(message.content, Content::Text { .. }),
    });
    if let Some(client_id) = app_of(world, message) {
        view["app"] = client_id.into();
    }
    if message.recipient().is_some() && !is_mine {
        view["read_ms"] = world.read_at(message, userid).into();
    } else if is_mine && let Some(group) = world.group(&message.conversation) {
        let others = group.members.iter().filter(|member| *member != userid);
        let unread = others.filter(|member| world.read_at(message, member).is_none());
        view["unread_by"] = unread.count().into();
    }
    view
}

/// The app whose message it is: pages it links to ask for a code in its name.
fn app_of<'a>(world: &'a World, message: &'a Message) -> Option<&'a str> {
    if let Content::Card { out_track_id, .. } = &message.content {
        return world
            .cards
            .get(out_track_id)
            .map(|card| card.client_id.as_str());
    }
    let Sender::App { robot_code, .. } = &message.sender else {
        return None;
    };
    if robot_code == crate::work_notices::SENDER {
        let id = message.process_query_key.as_deref()?.rsplit('/').next()?;
        let task = world.work_notices.get(id.parse().ok()?)?;
        return Some(&task.client_id);
    }
    let app = world
        .apps
        .iter()
        .find(|app| app.robot_code == *robot_code)?;
    Some(&app.client_id)
}

pub(super) fn person(world: &World, person: &Person) -> Value {
    json!({
        "userid": person.userid,
        "name": person.name,
        "title": person.title,
        "department": departments(world, person),
        "colour": colour(&person.avatar_colour),
    })
}

pub(super) fn departments(world: &World, person: &Person) -> String {
    let all = world.organisation.departments.iter();
    let own = all.filter(|department| person.department_ids.contains(&department.id));
    own.map(|department| department.name.as_str())
        .collect::<Vec<_>>()
        .join("、")
}

fn sender(world: &World, sender: &Sender) -> Value {
    match sender {
        Sender::Robot { name, .. } | Sender::App { name, .. } => json!({ "name": name, "robot": true }),
        Sender::System => json!({ "name": "", "robot": false, "colour": colour("") }),
        Sender::Person { userid } => world.person(userid).map_or_else(
            || json!({ "name": userid, "robot": false, "colour": colour("") }),
            |person| json!({ "name": person.name, "robot": false, "colour": colour(&person.avatar_colour) }),
        ),
    }
}

/// The last line of a group says who spoke.
fn preview(world: &World, message: &Message, userid: &str) -> String {
    let mut text = message.content.preview();
    for member in message
        .mentions
        .iter()
        .filter_map(|mentioned| world.person(mentioned))
    {
        text = text.replace(&format!("@{}", member.mobile), &format!("@{}", member.name));
    }
    match &message.sender {
        Sender::Robot { name, .. } => format!("{name}：{text}"),
        Sender::App { .. } | Sender::System => text,
        Sender::Person { userid: sender } if sender == userid => text,
        Sender::Person { userid: sender } => world
            .person(sender)
            .map_or_else(|| text.clone(), |person| format!("{}：{text}", person.name)),
    }
}
