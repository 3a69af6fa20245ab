//! Departments (部门): one level at a time, up and down.
//!
//! Source: 开放平台文档, 通讯录管理 > 部门, the page of each path below. `listsubid` is not limited to the visible range; the
//! others refuse (50004) or leave out. A switch adds a 家校通讯录 with its negative ids, as in schools.

use std::sync::Arc;

use axum::Router;
use serde_json::{Value, json};

use super::contacts::{asked, no_user, number};
use crate::call::{Call, Caller, LegacyRefusal, legacy};
use crate::organisation::Department;
use crate::shared::Shared;
use crate::world::World;

/// 家校通讯录
const HOME_SCHOOL: i64 = -7;
/// Its one class.
pub(super) const CLASS: i64 = -1;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/topapi/v2/department/listsub", legacy(children))
        .route("/topapi/v2/department/listsubid", legacy(child_ids))
        .route("/topapi/v2/department/get", legacy(one))
        .route("/topapi/v2/department/listparentbydept", legacy(parents))
        .route(
            "/topapi/v2/department/listparentbyuser",
            legacy(parents_of_person),
        )
}

/// `POST /topapi/v2/department/listsub {"dept_id"}`: one level.
fn children(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    asked(shared, call, |world, caller, body| {
        let parent = number(&body["dept_id"]).unwrap_or(1);
        visible(world, caller, parent)?;
        let below = below(world, parent).into_iter();
        let seen = below.filter(|department| {
            department.id < 0 || world.is_visible_department(&caller.client_id, department.id)
        });
        let rows = seen.map(|department| {
            json!({
                "dept_id": department.id, "name": department.name, "parent_id": parent,
                "create_dept_group": false, "auto_add_user": false,
            })
        });
        Ok(json!({ "result": rows.collect::<Vec<_>>() }))
    })
}

/// `POST /topapi/v2/department/listsubid {"dept_id"}`
fn child_ids(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    asked(shared, call, |world, _, body| {
        let parent = number(&body["dept_id"]).ok_or_else(|| super::contacts::missing("dept_id"))?;
        find(world, parent)?;
        let ids: Vec<_> = below(world, parent)
            .iter()
            .map(|department| department.id)
            .collect();
        Ok(json!({ "result": { "dept_id_list": ids } }))
    })
}

/// `POST /topapi/v2/department/get {"dept_id"}`
fn one(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    asked(shared, call, |world, caller, body| {
        let department = visible(world, caller, number(&body["dept_id"]).unwrap_or(1))?;
        let people = &world.organisation.people;
        let own = people
            .iter()
            .filter(|person| person.department_ids.contains(&department.id))
            .count();
        let whole = people
            .iter()
            .filter(|person| {
                person.department_ids.iter().any(|id| {
                    world
                        .organisation
                        .with_ancestors(*id)
                        .contains(&department.id)
                })
            })
            .count();
        let mut result = json!({
            "dept_id": department.id,
            "name": department.name,
            "order": department.order,
            "dept_manager_userid_list": department.managers,
            "org_dept_owner": "",
            "dept_group_chat_id": "",
            "create_dept_group": false,
            "auto_add_user": false,
            "hide_dept": false,
            "outer_dept": false,
            "outer_dept_only_self": false,
            "group_contain_sub_dept": false,
            "member_count": whole,
            "owning_member_count": own,
            "from_union_org": false,
        });
        if let Some(parent) = department.parent_id {
            result["parent_id"] = parent.into();
        }
        Ok(json!({ "result": result }))
    })
}

/// `POST /topapi/v2/department/listparentbydept {"dept_id"}`: itself first, the root last.
fn parents(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    asked(shared, call, |world, caller, body| {
        let id = number(&body["dept_id"]).ok_or_else(|| super::contacts::missing("dept_id"))?;
        visible(world, caller, id)?;
        Ok(json!({ "result": { "parent_id_list": world.organisation.with_ancestors(id) } }))
    })
}

/// `POST /topapi/v2/department/listparentbyuser {"userid"}`: one path for each department of the person.
fn parents_of_person(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    asked(shared, call, |world, _, body| {
        let person = body["userid"]
            .as_str()
            .and_then(|userid| world.person(userid))
            .ok_or_else(no_user)?;
        let paths = person
            .department_ids
            .iter()
            .map(|id| json!({ "parent_dept_id_list": world.organisation.with_ancestors(*id) }));
        Ok(json!({ "result": { "parent_list": paths.collect::<Vec<_>>() } }))
    })
}

/// The department, which must exist and be in the app's range.
pub(super) fn visible(
    world: &World,
    caller: &Caller,
    id: i64,
) -> Result<Department, LegacyRefusal> {
    let department = find(world, id)?;
    if id > 0 && !world.is_visible_department(&caller.client_id, id) {
        return Err(LegacyRefusal::new(50_004, "请求的部门id不在授权范围内"));
    }
    Ok(department)
}

pub(super) fn find(world: &World, id: i64) -> Result<Department, LegacyRefusal> {
    let special = home_school(world)
        .into_iter()
        .find(|department| department.id == id);
    let known = || {
        world
            .organisation
            .departments
            .iter()
            .find(|department| department.id == id)
            .cloned()
    };
    special
        .or_else(known)
        .ok_or_else(|| LegacyRefusal::new(60_003, "部门不存在"))
}

fn below(world: &World, parent: i64) -> Vec<Department> {
    let mut below: Vec<Department> = world
        .organisation
        .departments
        .iter()
        .filter(|department| department.parent_id == Some(parent))
        .cloned()
        .collect();
    below.sort_by_key(|department| department.order);
    below.extend(
        home_school(world)
            .into_iter()
            .filter(|department| department.parent_id == Some(parent)),
    );
    below
}

fn home_school(world: &World) -> Vec<Department> {
    if !world.rules.directory.home_school {
        return Vec::new();
    }
    let department = |id, name: &str, parent_id| Department {
        id,
        name: name.into(),
        parent_id: Some(parent_id),
        ..Department::default()
    };
    vec![
        department(HOME_SCHOOL, "家校通讯录", 1),
        department(CLASS, "一年级1班", HOME_SCHOOL),
    ]
}
