//! The directory as an app sees it, and the person behind a login.
//!
//! `/topapi/…` answer with `result` and take the app's token in the query; `contact/users/me` takes the person's
//! token in the header. None is metered. Departments are listed one level at a time, people per department.

use serde_json::{Value, json};

use crate::call::{Call, LegacyRefusal, ModernRefusal, legacy_caller};
use crate::organisation::{Department, Person};
use crate::shared::Shared;
use crate::world::World;

/// `GET /v1.0/contact/users/me` with a person's token.
pub(super) fn me(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let token = call
        .header("x-acs-dingtalk-access-token")
        .filter(|token| !token.is_empty())
        .ok_or_else(|| {
            ModernRefusal::bad(
                "AuthenticationFailed.MissingParameter",
                "缺少参数：x-acs-dingtalk-access-token",
            )
        })?;
    let now_ms = shared.clock.now_ms();
    let world = shared.world();
    let held = world
        .user_tokens
        .iter()
        .find(|held| held.token == token && held.expires_ms > now_ms);
    let person = held.and_then(|held| world.person(&held.userid));
    let person = person
        .ok_or_else(|| ModernRefusal::bad("InvalidAuthentication", "不合法的access_token"))?;
    Ok(json!({
        "nick": person.name,
        "avatarUrl": "",
        "mobile": person.mobile,
        "openId": format!("open-{}", person.userid),
        "unionId": person.unionid,
        "email": person.email,
        "stateCode": "86",
    }))
}

/// `POST /topapi/v2/user/get {"userid"}`
pub(super) fn user(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    asked(shared, call, |world, body| {
        let person = body["userid"]
            .as_str()
            .and_then(|userid| world.person(userid))
            .ok_or_else(no_user)?;
        Ok(json!({ "result": card(world, person) }))
    })
}

/// `POST /topapi/user/getbyunionid {"unionid"}`
pub(super) fn by_union(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    asked(shared, call, |world, body| {
        let person = body["unionid"]
            .as_str()
            .and_then(|unionid| world.person_by_union(unionid))
            .ok_or_else(no_user)?;
        Ok(json!({ "result": { "contact_type": 0, "userid": person.userid } }))
    })
}

/// `POST /topapi/v2/user/getbymobile {"mobile"}`
pub(super) fn by_mobile(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    asked(shared, call, |world, body| {
        let mobile = body["mobile"].as_str().unwrap_or_default();
        let person = world
            .organisation
            .people
            .iter()
            .find(|person| person.mobile == mobile)
            .ok_or_else(no_user)?;
        Ok(json!({ "result": { "userid": person.userid } }))
    })
}

/// `POST /topapi/v2/user/list {"dept_id","cursor","size"}`: direct members, at most 100 a page.
pub(super) fn users_of_department(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    asked(shared, call, |world, body| {
        let department_id = number(&body["dept_id"]).unwrap_or(1);
        find_department(world, department_id)?;
        let size =
            number(&body["size"]).ok_or_else(|| LegacyRefusal::new(40_035, "缺少参数 size"))?;
        if !(1..=100).contains(&size) {
            return Err(LegacyRefusal::new(
                400_002,
                "无效的参数 size，取值范围 1-100",
            ));
        }
        let cursor = number(&body["cursor"]).unwrap_or(0).max(0) as usize;
        let people = &world.organisation.people;
        let members: Vec<_> = people
            .iter()
            .filter(|person| person.department_ids.contains(&department_id))
            .collect();
        let until = cursor.saturating_add(size as usize);
        let page = members
            .iter()
            .skip(cursor)
            .take(size as usize)
            .map(|person| card(world, person));
        let mut result =
            json!({ "has_more": until < members.len(), "list": page.collect::<Vec<_>>() });
        if until < members.len() {
            result["next_cursor"] = until.into();
        }
        Ok(json!({ "result": result }))
    })
}

/// `POST /topapi/v2/department/listsub {"dept_id"}`: one level.
pub(super) fn sub_departments(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    asked(shared, call, |world, body| {
        let parent = number(&body["dept_id"]).unwrap_or(1);
        find_department(world, parent)?;
        let departments = world.organisation.departments.iter();
        let rows = departments.filter(|department| department.parent_id == Some(parent)).map(|department| {
            let (id, name) = (department.id, &department.name);
            json!({ "dept_id": id, "name": name, "parent_id": parent, "create_dept_group": false, "auto_add_user": false })
        });
        Ok(json!({ "result": rows.collect::<Vec<_>>() }))
    })
}

/// `POST /topapi/v2/department/get {"dept_id"}`
pub(super) fn department(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    asked(shared, call, |world, body| {
        let department = find_department(world, number(&body["dept_id"]).unwrap_or(1))?;
        let members = world
            .organisation
            .people
            .iter()
            .filter(|person| person.department_ids.contains(&department.id));
        let mut result = json!({ "dept_id": department.id, "name": department.name, "owning_member_count": members.count() });
        if let Some(parent) = department.parent_id {
            result["parent_id"] = parent.into();
        }
        Ok(json!({ "result": result }))
    })
}

/// `GET /auth/scopes`: the app sees the whole organisation.
pub(super) fn scopes(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    asked(shared, call, |_, _| {
        Ok(json!({
            "auth_org_scopes": { "authed_user": [], "authed_dept": [1] },
            "auth_user_field": ["name", "avatar", "mobile", "email", "title"],
            "condition_field": [],
        }))
    })
}

/// Checks the app's token, answers, and adds the `request_id` of this host.
fn asked(
    shared: &Shared,
    call: &Call,
    answer: impl FnOnce(&World, &Value) -> Result<Value, LegacyRefusal>,
) -> Result<Value, LegacyRefusal> {
    let mut world = shared.world();
    legacy_caller(&mut world, call, shared.clock.now_ms())?;
    let mut answered = answer(&world, &call.legacy_body())?;
    answered["request_id"] = shared.ids().short_request_id().into();
    Ok(answered)
}

fn find_department(world: &World, id: i64) -> Result<&Department, LegacyRefusal> {
    let found = world
        .organisation
        .departments
        .iter()
        .find(|department| department.id == id);
    found.ok_or_else(|| LegacyRefusal::new(60_003, "部门不存在"))
}

fn no_user() -> LegacyRefusal {
    LegacyRefusal::new(60_121, "找不到该用户")
}

/// Numbers arrive as numbers or, in forms, as strings.
fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

fn card(world: &World, person: &Person) -> Value {
    let admin = world
        .organisation
        .people
        .first()
        .is_some_and(|first| first.userid == person.userid);
    json!({
        "userid": person.userid,
        "unionid": person.unionid,
        "name": person.name,
        "avatar": "",
        "state_code": "86",
        "mobile": person.mobile,
        "hide_mobile": false,
        "title": person.title,
        "email": person.email,
        "dept_id_list": person.department_ids,
        "active": true,
        "admin": admin,
        "boss": false,
    })
}
