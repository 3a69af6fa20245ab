//! Who joins and leaves a group, and the lines in its chat that say so.
//!
//! Called by the group calls of the API and when somebody leaves the organisation.
//! Invariant: a group never has more than [`MEMBERS_AT_MOST`] members through an API; its owner is one of them.

use serde::{Deserialize, Serialize};

use crate::journal::Entry;
use crate::message::{Content, Message, Sender};
use crate::organisation::Group;
use crate::shared::{Event, Shared};
use crate::world::World;

/// An internal group's limit (开放平台文档, 群会话: 群成员人数上限1000).
pub(crate) const MEMBERS_AT_MOST: usize = 1_000;

/// How many names a line spells out.
const NAMES_SHOWN: usize = 5;

/// Switches and settings of groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GroupRules {
    /// The scene group templates (群模板) made in the developer console.
    pub templates: Vec<GroupTemplate>,
    /// How many groups the organisation may have (code 1002); `None` for any number.
    pub groups_at_most: Option<usize>,
    /// For how long after its making a scene group refuses new members (code 400020); 0 for not at all.
    pub settling_ms: i64,
}

/// A scene group template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GroupTemplate {
    pub id: String,
    /// Whether it has passed review and is published; else it is as good as unknown (665036).
    pub published: bool,
    /// Whether it brings the calling app's robot into each group (群模板机器人).
    pub brings_robot: bool,
}

impl Default for GroupTemplate {
    fn default() -> Self {
        Self {
            id: String::new(),
            published: true,
            brings_robot: true,
        }
    }
}

impl Default for GroupRules {
    fn default() -> Self {
        let template = GroupTemplate {
            id: "sandbox-notice-group".into(),
            ..GroupTemplate::default()
        };
        Self {
            templates: vec![template],
            groups_at_most: None,
            settling_ms: 0,
        }
    }
}

/// Puts a new group in place with the line that opens its chat.
pub(crate) fn found(shared: &Shared, world: &mut World, group: Group) {
    let owner = name(world, group.owner.as_deref().unwrap_or_default());
    let others: Vec<String> = group
        .members
        .iter()
        .filter(|member| Some(*member) != group.owner.as_ref())
        .cloned()
        .collect();
    let id = group.id.clone();
    world.record(Entry::Group(group));
    let text = match others.as_slice() {
        [] => format!("{owner} 创建了群聊"),
        others => format!("{owner} 创建了群聊，邀请 {} 加入", names(world, others)),
    };
    line(shared, world, &id, text);
    shared.tell(Event::Changed);
}

/// Adds those who are not in yet. Returns who came.
pub(crate) fn join(
    shared: &Shared,
    world: &mut World,
    id: &str,
    userids: &[String],
) -> Vec<String> {
    let Some(mut group) = world.group(id).cloned() else {
        return Vec::new();
    };
    let mut came: Vec<String> = Vec::new();
    for userid in userids {
        if !group.members.contains(userid) && !came.contains(userid) {
            came.push(userid.clone());
        }
    }
    if came.is_empty() {
        return came;
    }
    group.members.extend(came.iter().cloned());
    world.record(Entry::Group(group));
    let text = format!("{} 加入了群聊", names(world, &came));
    line(shared, world, id, text);
    shared.tell(Event::Changed);
    came
}

/// Takes people out. If the owner is among them, the next member owns the group.
pub(crate) fn part(shared: &Shared, world: &mut World, id: &str, userids: &[String]) {
    let Some(mut group) = world.group(id).cloned() else {
        return;
    };
    let gone: Vec<String> = group
        .members
        .iter()
        .filter(|member| userids.contains(member))
        .cloned()
        .collect();
    if gone.is_empty() {
        return;
    }
    group.members.retain(|member| !gone.contains(member));
    group.sub_admins.retain(|member| !gone.contains(member));
    if group
        .owner
        .as_ref()
        .is_some_and(|owner| gone.contains(owner))
    {
        group.owner = group.members.first().cloned();
    }
    world.record(Entry::Group(group));
    let text = format!("{} 离开了群聊", names(world, &gone));
    line(shared, world, id, text);
    shared.tell(Event::Changed);
}

/// Who leaves the organisation leaves its groups, unless a scene group says otherwise (`not_quit_when_emp_leave`).
pub(crate) fn leave_all_groups(shared: &Shared, world: &mut World, userid: &str) {
    let groups: Vec<String> = world
        .groups
        .iter()
        .filter(|group| !group.dissolved && group.members.iter().any(|member| member == userid))
        .filter(|group| group.management.get("not_quit_when_emp_leave") != Some(&1))
        .map(|group| group.id.clone())
        .collect();
    for id in groups {
        part(shared, world, &id, &[userid.to_owned()]);
    }
}

/// A line of the platform in a conversation; everyone has read it.
pub(crate) fn line(shared: &Shared, world: &mut World, conversation: &str, text: String) {
    let message = Message {
        id: 0,
        conversation: conversation.to_owned(),
        at_ms: 0,
        sender: Sender::System,
        content: Content::System { text },
        mentions: Vec::new(),
        at_all: false,
        msg_uuid: None,
        process_query_key: None,
        recalled: false,
    };
    shared.post(world, message);
}

/// 张伟、李娜等 12 人
fn names(world: &World, userids: &[String]) -> String {
    let shown: Vec<_> = userids
        .iter()
        .take(NAMES_SHOWN)
        .map(|userid| name(world, userid))
        .collect();
    let shown = shown.join("、");
    if userids.len() > NAMES_SHOWN {
        format!("{shown} 等 {} 人", userids.len())
    } else {
        shown
    }
}

fn name(world: &World, userid: &str) -> String {
    world
        .person(userid)
        .map_or_else(|| userid.to_owned(), |person| person.name.clone())
}
