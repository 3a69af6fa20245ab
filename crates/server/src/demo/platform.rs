//! The invented company as DingTalk has it: its directory, its groups with their robots, and our app among its apps.
//!
//! Called by the demo's start for the sandbox, and by `seed` for what the first walk of the directory finds. Invariant:
//! both show the same people by the same ids, so the real walk that follows changes nobody's identity.

use std::collections::HashMap;

use yuezhi_channels::directory::{DirectoryDepartment, DirectoryPerson, DirectorySnapshot};
use yuezhi_sandbox as sandbox;

use super::{
    company::{Company, Person},
    robot_secret, robot_token,
};

/// The card with the confirming button, as somebody has imported it on the platform.
pub(super) const CARD_TEMPLATE: &str = "yuezhi-confirm.schema";
/// `group:everyone`
pub(super) const KEPT_GROUP: &str = "everyone";
/// Heads this department: administers, announces, and owns the group.
const OPERATORS_DEPARTMENT: &str = "人力资源部";

const COLOURS: [&str; 8] = [
    "#4E7BD9", "#3FA37C", "#C9822B", "#B5566B", "#7A6BC4", "#3D98A8", "#8A7A55", "#6B7F94",
];

/// The internal app: its robot, work notices, cards and sign-in.
pub(super) fn app() -> sandbox::App {
    sandbox::App {
        name: "阅知".to_owned(),
        client_id: "dingdemoyuezhi0001".to_owned(),
        client_secret: "demo-client-secret-of-the-sandbox".to_owned(),
        robot_code: "dingdemoyuezhi0001".to_owned(),
        agent_id: 3_000_000_001,
        ..sandbox::App::default()
    }
}

/// The user id of who acts for the company where the platform wants a person.
pub(super) fn operator(company: &Company) -> Option<&str> {
    let head = company.head_of(OPERATORS_DEPARTMENT);
    let operator = head.or(company.people.first());
    operator.map(|person| person.userid.as_str())
}

/// The company as the sandbox knows it.
pub(super) fn organisation(company: &Company) -> sandbox::Organisation {
    let operator = operator(company);
    let userids = userids(company);
    let departments = company.departments.iter().zip(1..).map(|(d, order)| {
        let leader = company.head_of(d.name).map(|head| head.userid.clone());
        sandbox::Department {
            id: i64::from(d.id),
            name: d.name.to_owned(),
            parent_id: d.parent_id.map(i64::from),
            order,
            managers: leader.into_iter().collect(),
        }
    });
    let people = company.people.iter().zip(COLOURS.iter().cycle());
    let people = people
        .enumerate()
        .map(|(index, (p, colour))| sandbox::Person {
            userid: p.userid.clone(),
            unionid: p.unionid.clone(),
            name: p.name.clone(),
            mobile: p.mobile.clone(),
            email: p.email.clone().unwrap_or_default(),
            avatar_colour: (*colour).to_owned(),
            title: p.title.to_owned(),
            department_ids: department_ids(p),
            admin: match index {
                0 => sandbox::AdminLevel::Main,
                _ if operator == Some(p.userid.as_str()) => sandbox::AdminLevel::Sub,
                _ => sandbox::AdminLevel::None,
            },
            boss: index == 0,
            leads: leads(company, index),
            manager_userid: manager(company, index, &userids),
            job_number: p.staff_no.clone(),
            hired_ms: hired_ms(&p.hired_on),
            ..sandbox::Person::default()
        });
    sandbox::Organisation {
        corp_id: company.corp_id.to_owned(),
        name: company.name.to_owned(),
        departments: departments.collect(),
        people: people.collect(),
        ..sandbox::Organisation::default()
    }
}

/// What a walk of that directory finds.
pub(super) fn directory(company: &Company) -> DirectorySnapshot {
    let userids = userids(company);
    let departments = company.departments.iter().map(|d| DirectoryDepartment {
        id: i64::from(d.id),
        name: d.name.to_owned(),
        parent_id: d.parent_id.map(i64::from),
    });
    let people = company
        .people
        .iter()
        .enumerate()
        .map(|(index, p)| DirectoryPerson {
            user_id: p.userid.clone(),
            union_id: Some(p.unionid.clone()),
            name: p.name.clone(),
            title: Some(p.title.to_owned()),
            job_number: Some(p.staff_no.clone()),
            email: p.email.clone(),
            mobile: Some(p.mobile.clone()),
            hired_on: Some(p.hired_on.clone()),
            manager_user_id: manager(company, index, &userids),
            department_ids: department_ids(p),
            leads: leads(company, index),
            active: true,
            admin: index == 0,
        });
    DirectorySnapshot {
        departments: departments.collect(),
        people: people.collect(),
        complete: true,
        counted: None,
        findings: Vec::new(),
    }
}

/// Its groups, each with our robot in it.
pub(super) fn groups(company: &Company) -> Vec<sandbox::Group> {
    let userids = userids(company);
    let made = company.groups.iter().map(|group| {
        let mut robot = sandbox::Robot::new(robot_token(group.id), group.robot_name);
        robot.security.secret = Some(robot_secret(group.id));
        let members = group
            .members
            .iter()
            .filter_map(|staff_no| userids.get(staff_no.as_str()));
        sandbox::Group {
            members: members.map(|userid| (*userid).to_owned()).collect(),
            robots: vec![robot],
            ..sandbox::Group::new(group.id, group.title)
        }
    });
    made.collect()
}

/// By staff number.
fn userids(company: &Company) -> HashMap<&str, &str> {
    let people = company.people.iter();
    people
        .map(|person| (person.staff_no.as_str(), person.userid.as_str()))
        .collect()
}

fn department_ids(person: &Person) -> Vec<i64> {
    person
        .department_ids
        .iter()
        .map(|id| i64::from(*id))
        .collect()
}

/// The heads come first among the people, in the departments' order.
fn leads(company: &Company, index: usize) -> Vec<i64> {
    let department = company.departments.get(index);
    department.map(|d| i64::from(d.id)).into_iter().collect()
}

/// As a walk finds it: the head of the main department; of a head, the next one above.
fn manager(company: &Company, index: usize, userids: &HashMap<&str, &str>) -> Option<String> {
    let person = company.people.get(index)?;
    if index < company.departments.len() {
        let staff_no = person.manager_staff_no.as_deref()?;
        return userids.get(staff_no).map(|userid| (*userid).to_owned());
    }
    let main = person.department_ids.first()?;
    let department = company.departments.iter().position(|d| d.id == *main)?;
    Some(company.people.get(department)?.userid.clone())
}

/// Midnight in Hangzhou of that day.
fn hired_ms(date: &str) -> Option<i64> {
    let date: jiff::civil::Date = date.parse().ok()?;
    let zone = jiff::tz::TimeZone::get("Asia/Shanghai").ok()?;
    let midnight = date.to_zoned(zone).ok()?;
    Some(midnight.timestamp().as_millisecond())
}
