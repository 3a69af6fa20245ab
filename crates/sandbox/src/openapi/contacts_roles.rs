//! Administrators, roles (角色), and who did not log in.
//!
//! Source: 开放平台文档, 通讯录管理 > 用户 and 角色, the page of each path below.
//! The sandbox takes an active person for one who logs in every day.

use std::sync::Arc;

use axum::Router;
use serde_json::{Value, json};

use super::contacts::{asked, boolean, invalid, missing, number, page};
use crate::call::{Call, LegacyRefusal, legacy};
use crate::organisation::AdminLevel;
use crate::shared::Shared;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/topapi/user/listadmin", legacy(administrators))
        .route("/topapi/role/list", legacy(roles))
        .route("/topapi/role/simplelist", legacy(people_of_role))
        .route("/topapi/inactive/user/v2/get", legacy(inactive))
}

/// `POST /topapi/user/listadmin`
fn administrators(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    asked(shared, call, |world, _, _| {
        let organisation = &world.organisation;
        let rows = organisation.people.iter().filter_map(|person| {
            let level = match organisation.admin_level(person) {
                AdminLevel::Main => 1,
                AdminLevel::Sub => 2,
                AdminLevel::None => return None,
            };
            Some(json!({ "userid": person.userid, "sys_level": level }))
        });
        Ok(json!({ "result": rows.collect::<Vec<_>>() }))
    })
}

/// `POST /topapi/role/list {"size","offset"}`: role groups with their roles, at most 200 a page.
fn roles(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    asked(shared, call, |world, _, body| {
        let mut body = body.clone();
        if body["size"].is_null() {
            body["size"] = 20.into();
        }
        let mut groups: Vec<(i64, &str)> = Vec::new();
        for role in &world.organisation.roles {
            if groups.iter().all(|(id, _)| *id != role.group_id) {
                groups.push((role.group_id, &role.group_name));
            }
        }
        let (groups, next) = page(groups, &body, "offset", 200)?;
        let list = groups.into_iter().map(|(id, name)| {
            let roles = world
                .organisation
                .roles
                .iter()
                .filter(|role| role.group_id == id);
            let roles: Vec<_> = roles
                .map(|role| json!({ "id": role.id, "name": role.name }))
                .collect();
            json!({ "groupId": id, "name": name, "roles": roles })
        });
        Ok(json!({ "result": { "hasMore": next.is_some(), "list": list.collect::<Vec<_>>() } }))
    })
}

/// `POST /topapi/role/simplelist {"role_id","size","offset"}`: at most 100 a page.
fn people_of_role(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    asked(shared, call, |world, caller, body| {
        let role_id = number(&body["role_id"]).ok_or_else(|| missing("role_id"))?;
        if world
            .organisation
            .roles
            .iter()
            .all(|role| role.id != role_id)
        {
            return Err(LegacyRefusal::new(60_007, "角色不存在"));
        }
        let mut body = body.clone();
        if body["size"].is_null() {
            body["size"] = 20.into();
        }
        let people = world.organisation.people.iter().filter(|person| {
            person.role_ids.contains(&role_id) && world.is_visible(&caller.client_id, person)
        });
        let (people, next) = page(people.collect(), &body, "offset", 100)?;
        let list: Vec<_> = people
            .into_iter()
            .map(|person| json!({ "userid": person.userid, "name": person.name, "manageScopes": [] }))
            .collect();
        let mut result = json!({ "hasMore": next.is_some(), "list": list });
        if let Some(next) = next {
            result["nextCursor"] = next.into();
        }
        Ok(json!({ "result": result }))
    })
}

/// `POST /topapi/inactive/user/v2/get {"is_active","dept_ids","offset","size","query_date"}`
fn inactive(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    asked(shared, call, |world, caller, body| {
        let is_active = boolean(&body["is_active"]).ok_or_else(|| missing("is_active"))?;
        let date = match &body["query_date"] {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return Err(missing("query_date")),
        };
        if jiff::civil::Date::strptime("%Y%m%d", &date).is_err() {
            return Err(invalid("query_date", "yyyyMMdd"));
        }
        let departments: Vec<i64> = match &body["dept_ids"] {
            Value::Array(rows) => rows.iter().filter_map(number).collect(),
            Value::String(text) => text
                .split(',')
                .filter_map(|id| id.trim().parse().ok())
                .collect(),
            _ => Vec::new(),
        };
        let people = world.organisation.people.iter().filter(|person| {
            person.active == is_active
                && (departments.is_empty()
                    || departments
                        .iter()
                        .any(|id| person.department_ids.contains(id)))
                && world.is_visible(&caller.client_id, person)
        });
        let ids: Vec<_> = people.map(|person| person.userid.clone()).collect();
        let (list, next) = page(ids, body, "offset", 100)?;
        let mut result = json!({ "has_more": next.is_some(), "list": list });
        if let Some(next) = next {
            result["next_cursor"] = next.into();
        }
        Ok(json!({ "result": result }))
    })
}
