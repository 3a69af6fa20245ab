//! A group's settings as its administrator sees them: members, robots, and the robots' security settings.
//!
//! Adding a robot asks what the real form asks: a name and at least one of keywords, signature, addresses; and shows
//! the webhook address to copy.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{NOBODY, NOT_YOURS, Refused, persona_of, view};
use crate::journal::Entry;
use crate::organisation::{Group, Robot, RobotState, Security};
use crate::shared::{Event, Shared};
use crate::world::World;

const KEYWORDS_AT_MOST: usize = 10;

#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    id: String,
}

pub(super) async fn settings(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Value>, Refused> {
    let world = shared.world();
    let group = own_group(&world, &headers, &wanted.id)?;
    let members = group
        .members
        .iter()
        .filter_map(|userid| world.person(userid));
    let apps = world
        .apps
        .iter()
        .filter(|app| group.app_robots.contains(&app.robot_code));
    Ok(Json(json!({
        "id": group.id,
        "title": group.title,
        "kind": group.kind,
        "owner": group.owner.as_ref().or_else(|| group.members.first()),
        "sub_admins": group.sub_admins,
        "tabs": group.tabs,
        "members": members.map(|person| view::person(&world, person)).collect::<Vec<_>>(),
        "robots": group.listed_robots().map(|robot| robot_view(&shared, robot)).collect::<Vec<_>>(),
        "app_robots": apps.map(|app| json!({ "name": app.name, "robot_code": app.robot_code })).collect::<Vec<_>>(),
    })))
}

/// What the form sends. `signed` without a secret makes one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RobotForm {
    /// Only for a new robot: the group it joins.
    #[serde(default)]
    group: String,
    name: String,
    #[serde(default)]
    keywords: Vec<String>,
    #[serde(default)]
    signed: bool,
    #[serde(default)]
    ips: Vec<String>,
    #[serde(default)]
    state: RobotState,
}

pub(super) async fn add_robot(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Json(form): Json<RobotForm>,
) -> Result<(StatusCode, Json<Value>), Refused> {
    let mut world = shared.world();
    let mut group = own_group(&world, &headers, &form.group)?.clone();
    let mut robot = Robot::new(shared.ids().webhook_token(), "");
    fill(&shared, &mut robot, form)?;
    let answer = robot_view(&shared, &robot);
    group.robots.push(robot);
    world.record(Entry::Group(group));
    shared.tell(Event::Changed);
    Ok((StatusCode::CREATED, Json(answer)))
}

/// Changes name, security and state; the state `removed` takes the robot out of the group.
pub(super) async fn change_robot(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Path(access_token): Path<String>,
    Json(form): Json<RobotForm>,
) -> Result<Json<Value>, Refused> {
    let mut world = shared.world();
    let group_id = world
        .robot(&access_token)
        .map(|(group, _)| group.id.clone())
        .ok_or(NOT_YOURS)?;
    let mut group = own_group(&world, &headers, &group_id)?.clone();
    let robot = group
        .robots
        .iter_mut()
        .find(|robot| robot.access_token == access_token)
        .ok_or(NOT_YOURS)?;
    fill(&shared, robot, form)?;
    let answer = robot_view(&shared, robot);
    world.record(Entry::Group(group));
    shared.tell(Event::Changed);
    Ok(Json(answer))
}

fn own_group<'a>(world: &'a World, headers: &HeaderMap, id: &str) -> Result<&'a Group, Refused> {
    let person = persona_of(world, headers).ok_or(NOBODY)?;
    world
        .group(id)
        .filter(|group| !group.dissolved && group.members.contains(&person.userid))
        .ok_or(NOT_YOURS)
}

fn fill(shared: &Shared, robot: &mut Robot, form: RobotForm) -> Result<(), Refused> {
    let refuse = |zh, en| Err(Refused(StatusCode::UNPROCESSABLE_ENTITY, zh, en));
    let tidy = |list: Vec<String>| -> Vec<String> {
        list.into_iter()
            .map(|item| item.trim().to_owned())
            .filter(|item| !item.is_empty())
            .collect()
    };
    let (name, keywords, ips) = (form.name.trim(), tidy(form.keywords), tidy(form.ips));
    if name.is_empty() || name.chars().count() > 20 {
        return refuse(
            "请填写机器人名字（1–20 个字）",
            "Give the robot a name of 1–20 characters",
        );
    }
    if keywords.len() > KEYWORDS_AT_MOST {
        return refuse("最多 10 个关键词", "Ten keywords at most");
    }
    if ips.iter().any(|range| !is_address_or_range(range)) {
        return refuse(
            "IP 地址（段）须为 IPv4 或 CIDR，不支持 IPv6",
            "Addresses are IPv4 or CIDR; IPv6 is not supported",
        );
    }
    if keywords.is_empty() && !form.signed && ips.is_empty() {
        return refuse(
            "安全设置至少选择一种",
            "Choose at least one security setting",
        );
    }
    let kept = robot.security.secret.take();
    let secret = form
        .signed
        .then(|| kept.unwrap_or_else(|| shared.ids().secret()));
    name.clone_into(&mut robot.name);
    robot.security = Security {
        keywords,
        secret,
        ips,
    };
    robot.state = form.state;
    Ok(())
}

fn is_address_or_range(text: &str) -> bool {
    let (address, bits) = text.split_once('/').unwrap_or((text, "32"));
    address.parse::<std::net::Ipv4Addr>().is_ok() && bits.parse::<u8>().is_ok_and(|bits| bits <= 32)
}

fn robot_view(shared: &Shared, robot: &Robot) -> Value {
    json!({
        "access_token": robot.access_token,
        "name": robot.name,
        "webhook": format!("{}/robot/send?access_token={}", shared.public_url, robot.access_token),
        "keywords": robot.security.keywords,
        "secret": robot.security.secret,
        "ips": robot.security.ips,
        "state": robot.state,
    })
}
