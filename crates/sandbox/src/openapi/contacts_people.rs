//! People (员工): per department in pages, and one by one.
//!
//! Source: 开放平台文档, 通讯录管理 > 用户, the page of each path below.
//! `listid` is not limited to the visible range. Direct members only; whoever is in two departments is listed in both.

use std::sync::Arc;

use axum::Router;
use serde_json::{Value, json};

use super::contacts::{
    MAIL_SCOPE, MOBILE_SCOPE, asked, boolean, invalid, missing, no_user, number, page,
};
use super::contacts_departments::{CLASS, find, visible};
use crate::auth_codes::outsider;
use crate::call::{Call, Caller, LegacyRefusal, legacy};
use crate::organisation::{AdminLevel, Person};
use crate::shared::Shared;
use crate::world::World;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/topapi/v2/user/get", legacy(one))
        .route("/topapi/v2/user/list", legacy(of_department))
        .route("/topapi/user/listsimple", legacy(names_of_department))
        .route("/topapi/user/listid", legacy(ids_of_department))
        .route("/topapi/user/getbyunionid", legacy(by_union))
        .route("/topapi/v2/user/getbymobile", legacy(by_mobile))
        .route("/topapi/user/count", legacy(count))
}

/// `POST /topapi/v2/user/get {"userid"}`
fn one(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    asked(shared, call, |world, caller, body| {
        let person = body["userid"]
            .as_str()
            .and_then(|userid| world.person(userid))
            .ok_or_else(no_user)?;
        if !world.is_visible(&caller.client_id, person) {
            return Err(LegacyRefusal::new(50_002, "请求的员工userid不在授权范围内"));
        }
        Ok(json!({ "result": whole_card(world, caller, person) }))
    })
}

/// `POST /topapi/v2/user/list {"dept_id","cursor","size"}`: at most 100 a page.
fn of_department(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    asked(shared, call, |world, caller, body| {
        let (people, next) = members(world, caller, body)?;
        let list: Vec<_> = people
            .iter()
            .map(|person| card(world, caller, person))
            .collect();
        Ok(json!({ "result": paged(&list, next) }))
    })
}

/// `POST /topapi/user/listsimple`: the same, userid and name only.
fn names_of_department(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    asked(shared, call, |world, caller, body| {
        let (people, next) = members(world, caller, body)?;
        let list: Vec<_> = people
            .iter()
            .map(|person| json!({ "userid": person.userid, "name": person.name }))
            .collect();
        Ok(json!({ "result": paged(&list, next) }))
    })
}

/// `POST /topapi/user/listid {"dept_id"}`
fn ids_of_department(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    asked(shared, call, |world, _, body| {
        let id = number(&body["dept_id"]).ok_or_else(|| missing("dept_id"))?;
        find(world, id)?;
        let ids: Vec<_> = direct_members(world, id)
            .into_iter()
            .map(|person| person.userid)
            .collect();
        Ok(json!({ "result": { "userid_list": ids } }))
    })
}

/// `POST /topapi/user/getbyunionid {"unionid"}`: `contact_type` 1 is somebody outside the organisation.
fn by_union(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    asked(shared, call, |world, _, body| {
        let unionid = body["unionid"].as_str().ok_or_else(|| missing("unionid"))?;
        let stranger = outsider();
        if world.rules.login.outsiders && stranger.unionid == unionid {
            return Ok(json!({ "result": { "contact_type": 1, "userid": stranger.userid } }));
        }
        let person = world.person_by_union(unionid).ok_or_else(no_user)?;
        Ok(json!({ "result": { "contact_type": 0, "userid": person.userid } }))
    })
}

/// `POST /topapi/v2/user/getbymobile {"mobile"}`: finds active people only.
fn by_mobile(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    asked(shared, call, |world, _, body| {
        let mobile = body["mobile"].as_str().ok_or_else(|| missing("mobile"))?;
        if mobile.is_empty()
            || !mobile
                .chars()
                .all(|digit| digit.is_ascii_digit() || "+-".contains(digit))
        {
            return Err(LegacyRefusal::new(40_104, "不合法的手机号码"));
        }
        let person = world
            .organisation
            .people
            .iter()
            .find(|person| person.active && person.mobile == mobile);
        let person = person.ok_or_else(no_user)?;
        Ok(json!({ "result": { "userid": person.userid } }))
    })
}

/// `POST /topapi/user/count {"only_active"}`
fn count(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    asked(shared, call, |world, _, body| {
        let only_active = boolean(&body["only_active"]).ok_or_else(|| missing("only_active"))?;
        let people = world
            .organisation
            .people
            .iter()
            .filter(|person| person.active || !only_active);
        Ok(json!({ "result": { "count": people.count() } }))
    })
}

/// A page of a department's direct members that the app may see.
fn members(
    world: &World,
    caller: &Caller,
    body: &Value,
) -> Result<(Vec<Person>, Option<usize>), LegacyRefusal> {
    let id = number(&body["dept_id"]).ok_or_else(|| missing("dept_id"))?;
    visible(world, caller, id)?;
    let mut people = direct_members(world, id);
    match body["order_field"].as_str() {
        None | Some("" | "custom" | "entry_asc" | "modify_asc") => {}
        Some("entry_desc" | "modify_desc") => people.reverse(),
        Some(_) => {
            return Err(invalid(
                "order_field",
                "entry_asc、entry_desc、modify_asc、modify_desc、custom",
            ));
        }
    }
    number(&body["cursor"]).ok_or_else(|| missing("cursor"))?;
    page(people, body, "cursor", 100)
}

fn direct_members(world: &World, id: i64) -> Vec<Person> {
    if id == CLASS && world.rules.directory.home_school {
        return ["王小明", "李小红"]
            .into_iter()
            .enumerate()
            .map(|(at, name)| Person {
                userid: format!("pupil-{at}"),
                unionid: format!("union-pupil-{at}"),
                name: name.into(),
                department_ids: vec![CLASS],
                ..Person::default()
            })
            .collect();
    }
    let people = world.organisation.people.iter();
    people
        .filter(|person| person.department_ids.contains(&id))
        .cloned()
        .collect()
}

fn paged(list: &[Value], next: Option<usize>) -> Value {
    let mut result = json!({ "has_more": next.is_some(), "list": list });
    if let Some(next) = next {
        result["next_cursor"] = next.into();
    }
    result
}

/// What `user/list` tells of a person. What is empty or without a scope is absent.
fn card(world: &World, caller: &Caller, person: &Person) -> Value {
    let access = world.rules.access_of(&caller.client_id);
    let leads = person
        .department_ids
        .iter()
        .any(|id| person.leads.contains(id));
    let mut card = json!({
        "userid": person.userid,
        "unionid": person.unionid,
        "name": person.name,
        "avatar": "",
        "hide_mobile": false,
        "dept_id_list": person.department_ids,
        "dept_order": 1,
        "active": person.active,
        "admin": world.organisation.admin_level(person) != AdminLevel::None,
        "boss": person.boss,
        "leader": leads,
        "exclusive_account": false,
    });
    let mut put = |name: &str, text: &str| {
        if !text.is_empty() {
            card[name] = text.into();
        }
    };
    put("title", &person.title);
    put("job_number", &person.job_number);
    if !access.withholds(MOBILE_SCOPE) {
        put("mobile", &person.mobile);
        put("telephone", &person.telephone);
        put("state_code", "86");
    }
    if !access.withholds(MAIL_SCOPE) {
        put("email", &person.email);
        put("org_email", &person.org_email);
        put("work_place", &person.work_place);
        put("remark", &person.remark);
        put("extension", &person.extension);
    }
    if let Some(hired_ms) = person.hired_ms {
        card["hired_date"] = hired_ms.into();
    }
    card
}

/// What `user/get` tells beyond it.
fn whole_card(world: &World, caller: &Caller, person: &Person) -> Value {
    let mut whole = card(world, caller, person);
    if let Some(fields) = whole.as_object_mut() {
        for only_in_list in ["leader", "dept_order"] {
            fields.remove(only_in_list);
        }
    }
    let each = |row: &dyn Fn(i64) -> Value| {
        person
            .department_ids
            .iter()
            .map(|id| row(*id))
            .collect::<Vec<_>>()
    };
    whole["dept_order_list"] = each(&|id| json!({ "dept_id": id, "order": 1 })).into();
    whole["leader_in_dept"] =
        each(&|id| json!({ "dept_id": id, "leader": person.leads.contains(&id) })).into();
    let roles = world
        .organisation
        .roles
        .iter()
        .filter(|role| person.role_ids.contains(&role.id));
    whole["role_list"] = roles
        .map(|role| json!({ "id": role.id, "name": role.name, "group_name": role.group_name }))
        .collect::<Vec<_>>()
        .into();
    whole["real_authed"] = person.active.into();
    whole["senior"] = false.into();
    if let Some(manager) = &person.manager_userid {
        whole["manager_userid"] = manager.as_str().into();
    }
    whole
}
