//! Who may do what in the drive: belonging, making and grants, from a file up to its space.
//!
//! Asked by `openapi::storage` before every call and by the chat client's list of files.
//! Source: 开放平台文档, 钉盘权限. Invariant: below a folder that stands alone (BREAK) only owners and
//! managers of what is above still count.

use crate::drive::{Dentry, Grant, Member, Role, Space, SpaceKind};
use crate::organisation::Person;
use crate::world::World;

/// What the person may do in the space, with a file of it or at its root.
pub(crate) fn role_in(
    world: &World,
    space: &Space,
    dentry: Option<&Dentry>,
    person: &Person,
    now_ms: i64,
) -> Option<Role> {
    let granted = |grants: &[Grant]| {
        let live = grants
            .iter()
            .filter(|grant| grant.expires_ms.is_none_or(|at| at > now_ms));
        live.filter(|grant| includes(world, &grant.member, person))
            .map(|grant| grant.role)
            .max()
    };
    let mut best = None;
    let mut cut_off = false;
    // Below a folder that stands alone, only managers of what is above come through.
    let mut offer = |role: Option<Role>, cut_off: bool| {
        best = best.max(role.filter(|role| !cut_off || *role >= Role::Manager));
    };
    let mut at = dentry;
    while let Some(here) = at {
        offer(granted(&here.grants), cut_off);
        offer(
            (here.creator == person.userid).then_some(Role::Owner),
            cut_off,
        );
        cut_off |= here.stands_alone;
        at = world.drive.dentry(&here.parent_id);
    }
    offer(granted(&space.grants), cut_off);
    offer(by_membership(world, space, person), cut_off);
    best
}

/// What belonging to the space's group, or having made the space, gives.
fn by_membership(world: &World, space: &Space, person: &Person) -> Option<Role> {
    match &space.kind {
        SpaceKind::Group { conversation } => {
            let group = world.group(conversation).filter(|group| !group.dissolved)?;
            if !group.members.contains(&person.userid) {
                None
            } else if group.owner.as_ref() == Some(&person.userid)
                || group.sub_admins.contains(&person.userid)
            {
                Some(Role::Manager)
            } else {
                Some(Role::Editor)
            }
        }
        SpaceKind::Organisation | SpaceKind::App { .. } => {
            (space.owner == person.userid).then_some(Role::Owner)
        }
    }
}

fn includes(world: &World, member: &Member, person: &Person) -> bool {
    match member.kind.as_str() {
        "ORG" => member.id == world.organisation.corp_id,
        "USER" => member.id == person.userid,
        "DEPT" => {
            let departments = person.department_ids.iter();
            let mut all = departments.flat_map(|id| world.organisation.with_ancestors(*id));
            all.any(|id| id.to_string() == member.id)
        }
        "TAG" => person.role_ids.iter().any(|id| id.to_string() == member.id),
        "CONVERSATION" => world
            .group(&member.id)
            .is_some_and(|group| group.members.contains(&person.userid)),
        _ => false,
    }
}
