//! People come, change, move and go; departments too. The directory's own changes, and what apps are told of them.
//!
//! Called by `/sandbox/people`, `/sandbox/departments` and the methods of [`crate::SandboxHandle`]. Every change is one
//! entry of the journal and one contact event (开放平台文档, 通讯录事件); a switch in the rules
//! loses the events or sends them twice, because a client must stand both.
//! Invariant: who left is gone from every group and is found in the leave records; who comes back has the same ids.
//! Weakness: the fields a `user_modify_org` compares are the seven the documentation lists; a move changes none of them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::journal::Entry;
use crate::membership;
use crate::organisation::{Department, Person};
use crate::shared::{Event, Shared};
use crate::world::World;
use crate::{SandboxHandle, push};

/// Who has left, oldest first. Somebody may leave more than once.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    pub(crate) leavers: Vec<Leaver>,
}

/// Somebody who left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaver {
    /// As the person was on the last day.
    pub person: Person,
    /// UTC epoch milliseconds.
    pub left_ms: i64,
    pub reason: LeaveReason,
}

/// `leaveReason` of the leave records (`contact/empLeaveRecords`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaveReason {
    /// The person left the organisation in the client.
    #[default]
    Leave,
    /// An administrator removed the person.
    Delete,
    Oapi,
    Cancel,
    Unknown,
}

/// One change of the directory, as the journal keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub(crate) enum Change {
    /// New, or in place of the one with the same userid.
    Person {
        person: Box<Person>,
    },
    Left {
        leaver: Box<Leaver>,
    },
    /// New, or in place of the one with the same id.
    Department {
        department: Department,
    },
    DepartmentRemoved {
        id: i64,
    },
}

/// Switches of the directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DirectoryRules {
    /// Adds the 家校通讯录 that schools have: department −7 with a class −1 whose pupils are nobody's employees.
    pub home_school: bool,
    pub contact_events: EventFate,
}

/// What becomes of a contact event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventFate {
    #[default]
    Delivered,
    /// Nobody is told.
    Lost,
    /// Everyone is told twice.
    Doubled,
}

/// Why a change of the directory was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    #[error("{0} is already in the organisation")]
    AlreadyHere(String),
    #[error("nobody in the organisation has the userid {0}")]
    Nobody(String),
    #[error("{0} never left the organisation")]
    NeverLeft(String),
    #[error("a person needs a userid, a unionid and a name; a department a name")]
    Nameless,
    #[error("there is no department {0}")]
    NoDepartment(i64),
    #[error("department {0} still has people or departments below it")]
    NotEmpty(i64),
    #[error("department {0} would stand below itself")]
    Circle(i64),
}

impl Change {
    pub(crate) fn apply(self, world: &mut World) {
        match self {
            Self::Person { person } => {
                let people = &mut world.organisation.people;
                match people
                    .iter_mut()
                    .find(|known| known.userid == person.userid)
                {
                    Some(known) => *known = *person,
                    None => people.push(*person),
                }
                world.index_people();
            }
            Self::Left { leaver } => {
                let userid = leaver.person.userid.clone();
                world.directory.leavers.push(*leaver);
                world
                    .organisation
                    .people
                    .retain(|person| person.userid != userid);
                for department in &mut world.organisation.departments {
                    department.managers.retain(|manager| *manager != userid);
                }
                world.index_people();
            }
            Self::Department { department } => {
                let departments = &mut world.organisation.departments;
                match departments
                    .iter_mut()
                    .find(|known| known.id == department.id)
                {
                    Some(known) => *known = department,
                    None => departments.push(department),
                }
            }
            Self::DepartmentRemoved { id } => {
                world
                    .organisation
                    .departments
                    .retain(|department| department.id != id);
            }
        }
    }
}

impl Directory {
    /// To be applied before the organisation, which then knows who is back.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let left = self.leavers.iter().cloned().map(Box::new);
        left.map(|leaver| Entry::Directory(Change::Left { leaver }))
            .collect()
    }
}

/// Somebody joins, or comes back.
pub(crate) fn hire(
    shared: &Shared,
    world: &mut World,
    person: Person,
) -> Result<(), DirectoryError> {
    if world.person(&person.userid).is_some() {
        return Err(DirectoryError::AlreadyHere(person.userid));
    }
    check(world, &person)?;
    let (userid, active) = (person.userid.clone(), person.active);
    world.record(Entry::Directory(Change::Person {
        person: Box::new(person),
    }));
    tell_of_person(shared, world, "user_add_org", &userid);
    if active {
        tell(
            shared,
            world,
            "user_active_org",
            json!({ "userId": [userid] }),
        );
    }
    Ok(())
}

/// The person who left last under this userid joins again with the same ids.
pub(crate) fn rehire(
    shared: &Shared,
    world: &mut World,
    userid: &str,
) -> Result<(), DirectoryError> {
    let left = world
        .directory
        .leavers
        .iter()
        .rev()
        .find(|leaver| leaver.person.userid == userid);
    let mut person = left
        .ok_or_else(|| DirectoryError::NeverLeft(userid.to_owned()))?
        .person
        .clone();
    let departments = &world.organisation.departments;
    person
        .department_ids
        .retain(|id| departments.iter().any(|department| department.id == *id));
    if person.department_ids.is_empty() {
        person.department_ids.push(1);
    }
    hire(shared, world, person)
}

/// Anything about a person changes but the ids.
pub(crate) fn change(
    shared: &Shared,
    world: &mut World,
    userid: &str,
    with: impl FnOnce(&mut Person),
) -> Result<(), DirectoryError> {
    let before = world
        .person(userid)
        .ok_or_else(|| DirectoryError::Nobody(userid.to_owned()))?
        .clone();
    let mut after = before.clone();
    with(&mut after);
    after.userid.clone_from(&before.userid);
    after.unionid.clone_from(&before.unionid);
    if after == before {
        return Ok(());
    }
    check(world, &after)?;
    let woke_up = after.active && !before.active;
    let diff = difference(&before, &after);
    world.record(Entry::Directory(Change::Person {
        person: Box::new(after),
    }));
    let stamp = shared.clock.now_ms().to_string();
    tell(
        shared,
        world,
        "user_modify_org",
        json!({ "timeStamp": stamp, "userId": [userid], "diffInfo": diff }),
    );
    if woke_up {
        tell(
            shared,
            world,
            "user_active_org",
            json!({ "userId": [userid] }),
        );
    }
    Ok(())
}

/// Somebody leaves: out of the directory and of every group.
pub(crate) fn leave(
    shared: &Shared,
    world: &mut World,
    userid: &str,
    reason: LeaveReason,
) -> Result<(), DirectoryError> {
    let person = world
        .person(userid)
        .ok_or_else(|| DirectoryError::Nobody(userid.to_owned()))?
        .clone();
    membership::leave_all_groups(shared, world, userid);
    let leaver = Box::new(Leaver {
        person,
        left_ms: shared.clock.now_ms(),
        reason,
    });
    world.record(Entry::Directory(Change::Left { leaver }));
    tell_of_person(shared, world, "user_leave_org", userid);
    Ok(())
}

/// A department is added or changed. Id 0 takes the next free one; the id is returned.
pub(crate) fn put_department(
    shared: &Shared,
    world: &mut World,
    mut department: Department,
) -> Result<i64, DirectoryError> {
    if department.name.trim().is_empty() {
        return Err(DirectoryError::Nameless);
    }
    let departments = &world.organisation.departments;
    if department.id == 0 {
        department.id = departments
            .iter()
            .map(|known| known.id)
            .max()
            .unwrap_or(0)
            .max(0)
            + 1;
    }
    let id = department.id;
    let is_new = departments.iter().all(|known| known.id != id);
    if let Some(parent) = department.parent_id {
        if departments.iter().all(|known| known.id != parent) {
            return Err(DirectoryError::NoDepartment(parent));
        }
        if world.organisation.with_ancestors(parent).contains(&id) {
            return Err(DirectoryError::Circle(id));
        }
    }
    world.record(Entry::Directory(Change::Department { department }));
    let event = if is_new {
        "org_dept_create"
    } else {
        "org_dept_modify"
    };
    tell(shared, world, event, json!({ "deptId": [id] }));
    Ok(id)
}

/// An empty department is removed.
pub(crate) fn remove_department(
    shared: &Shared,
    world: &mut World,
    id: i64,
) -> Result<(), DirectoryError> {
    let organisation = &world.organisation;
    if organisation
        .departments
        .iter()
        .all(|department| department.id != id)
    {
        return Err(DirectoryError::NoDepartment(id));
    }
    let has_people = organisation
        .people
        .iter()
        .any(|person| person.department_ids.contains(&id));
    if has_people
        || organisation
            .departments
            .iter()
            .any(|department| department.parent_id == Some(id))
    {
        return Err(DirectoryError::NotEmpty(id));
    }
    world.record(Entry::Directory(Change::DepartmentRemoved { id }));
    tell(shared, world, "org_dept_remove", json!({ "deptId": [id] }));
    Ok(())
}

fn check(world: &World, person: &Person) -> Result<(), DirectoryError> {
    if [&person.userid, &person.unionid, &person.name]
        .iter()
        .any(|text| text.trim().is_empty())
    {
        return Err(DirectoryError::Nameless);
    }
    let departments = &world.organisation.departments;
    let unknown = person
        .department_ids
        .iter()
        .find(|id| departments.iter().all(|known| known.id != **id));
    unknown.map_or(Ok(()), |id| Err(DirectoryError::NoDepartment(*id)))
}

/// What changed of the seven fields a `user_modify_org` tells (通讯录事件).
fn difference(before: &Person, after: &Person) -> Value {
    let seven = |person: &Person| {
        [
            ("name", person.name.clone()),
            ("email", person.email.clone()),
            ("jobNumber", person.job_number.clone()),
            (
                "managerUserid",
                person.manager_userid.clone().unwrap_or_default(),
            ),
            (
                "hiredDate",
                person
                    .hired_ms
                    .map_or_else(String::new, |at| at.to_string()),
            ),
            ("telephone", person.telephone.clone()),
            ("workPlace", person.work_place.clone()),
        ]
    };
    let (mut prev, mut curr) = (json!({}), json!({}));
    for ((field, was), (_, is)) in seven(before).into_iter().zip(seven(after)) {
        if was != is {
            prev[field] = was.into();
            curr[field] = is.into();
        }
    }
    json!({ "userid": before.userid, "prev": prev, "curr": curr })
}

fn tell_of_person(shared: &Shared, world: &mut World, event: &str, userid: &str) {
    let stamp = shared.clock.now_ms().to_string();
    tell(
        shared,
        world,
        event,
        json!({ "timeStamp": stamp, "userId": [userid] }),
    );
}

fn tell(shared: &Shared, world: &mut World, event: &str, data: Value) {
    match world.rules.directory.contact_events {
        EventFate::Lost => {}
        EventFate::Delivered => push::emit(shared, world, event, data),
        EventFate::Doubled => {
            push::emit(shared, world, event, data.clone());
            push::emit(shared, world, event, data);
        }
    }
    shared.tell(Event::Changed);
}

/// The directory changes; each change emits its contact event.
impl SandboxHandle {
    /// The organisation as it is now.
    pub fn organisation(&self) -> crate::Organisation {
        self.shared.world().organisation.clone()
    }

    /// Who has left, oldest first.
    pub fn leavers(&self) -> Vec<Leaver> {
        self.shared.world().directory.leavers.clone()
    }

    /// Adds a person (入职).
    pub fn hire(&self, person: Person) -> Result<(), DirectoryError> {
        hire(&self.shared, &mut self.shared.world(), person)
    }

    /// Adds the person who left under this userid again, with the same ids.
    pub fn rehire(&self, userid: &str) -> Result<(), DirectoryError> {
        rehire(&self.shared, &mut self.shared.world(), userid)
    }

    /// Changes anything about a person but userid and unionid.
    pub fn change_person(
        &self,
        userid: &str,
        with: impl FnOnce(&mut Person),
    ) -> Result<(), DirectoryError> {
        change(&self.shared, &mut self.shared.world(), userid, with)
    }

    /// Puts a person into other departments (调岗).
    pub fn move_person(
        &self,
        userid: &str,
        department_ids: Vec<i64>,
    ) -> Result<(), DirectoryError> {
        self.change_person(userid, |person| person.department_ids = department_ids)
    }

    /// Removes a person (离职), from all groups too.
    pub fn leave(&self, userid: &str, reason: LeaveReason) -> Result<(), DirectoryError> {
        leave(&self.shared, &mut self.shared.world(), userid, reason)
    }

    /// Adds or changes a department; id 0 takes the next free one. Returns the id.
    pub fn put_department(&self, department: Department) -> Result<i64, DirectoryError> {
        put_department(&self.shared, &mut self.shared.world(), department)
    }

    /// Gives a department another name.
    pub fn rename_department(&self, id: i64, name: &str) -> Result<(), DirectoryError> {
        let mut world = self.shared.world();
        let known = world
            .organisation
            .departments
            .iter()
            .find(|department| department.id == id);
        let mut department = known.ok_or(DirectoryError::NoDepartment(id))?.clone();
        name.clone_into(&mut department.name);
        put_department(&self.shared, &mut world, department).map(drop)
    }

    /// Removes an empty department.
    pub fn remove_department(&self, id: i64) -> Result<(), DirectoryError> {
        remove_department(&self.shared, &mut self.shared.world(), id)
    }
}
