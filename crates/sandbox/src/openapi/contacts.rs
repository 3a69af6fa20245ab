//! The directory as an app sees it, and the person behind a login.
//!
//! `/topapi/…` answer with `result` and take the app's token in the query; `contact/users/me` takes the person's
//! token in the header. None is metered. Departments are in `contacts_departments`, people in `contacts_people`, roles
//! in `contacts_roles`, who came and went in `contacts_leavers`.
//! Invariant: people and departments outside the app's visible range are refused (50002, 50004) or left out, and
//! fields without their scope (`fieldMobile`, `fieldEmail`) are absent.

use std::sync::Arc;

use axum::Router;
use serde_json::{Value, json};

use super::{contacts_departments, contacts_leavers, contacts_people, contacts_roles};
use crate::auth_codes::outsider;
use crate::call::{Call, Caller, LegacyRefusal, ModernRefusal, legacy, legacy_caller, modern_get};
use crate::shared::Shared;
use crate::world::World;

/// 企业员工手机号信息
pub(super) const MOBILE_SCOPE: &str = "fieldMobile";
/// 邮箱等个人信息
pub(super) const MAIL_SCOPE: &str = "fieldEmail";

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/auth/scopes", legacy(scopes))
        .route("/v1.0/contact/users/me", modern_get(me))
        .merge(contacts_departments::routes())
        .merge(contacts_people::routes())
        .merge(contacts_roles::routes())
        .merge(contacts_leavers::routes())
}

/// `GET /v1.0/contact/users/me` with a person's token.
fn me(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
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
    let stranger = outsider();
    let person = held.and_then(|held| match world.person(&held.userid) {
        None if held.userid == stranger.userid => Some(&stranger),
        known => known,
    });
    let person = person
        .ok_or_else(|| ModernRefusal::bad("InvalidAuthentication", "不合法的access_token"))?;
    let client_id = held.map_or("", |held| held.client_id.as_str());
    let access = world.rules.access_of(client_id);
    if access.withholds("Contact.User.Read") {
        return Err(crate::gate::scope_refusal(client_id, "Contact.User.Read"));
    }
    let mut answer = json!({
        "nick": person.name,
        "avatarUrl": "",
        "openId": format!("open-{}", person.userid),
        "unionId": person.unionid,
        "email": person.email,
    });
    if !access.withholds("Contact.User.mobile") {
        answer["mobile"] = person.mobile.as_str().into();
        answer["stateCode"] = "86".into();
    }
    Ok(answer)
}

/// `GET /auth/scopes`: what the app sees of the organisation, where a sync starts.
fn scopes(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    asked(shared, call, |world, caller, _| {
        let range = world
            .app(&caller.client_id)
            .map(|app| app.visible.clone())
            .unwrap_or_default();
        let is_whole = range.departments.is_empty() && range.userids.is_empty();
        let departments = if is_whole { vec![1] } else { range.departments };
        let access = world.rules.access_of(&caller.client_id);
        let mut fields = vec!["name", "avatar", "title", "jobnumber"];
        if !access.withholds(MOBILE_SCOPE) {
            fields.push("mobile");
        }
        if !access.withholds(MAIL_SCOPE) {
            fields.extend(["email", "org_email", "workPlace", "remark", "extattr"]);
        }
        Ok(json!({
            "auth_org_scopes": { "authed_user": range.userids, "authed_dept": departments },
            "auth_user_field": fields,
            "condition_field": [],
        }))
    })
}

/// Checks the app's token, answers, and adds the `request_id` of this host.
pub(super) fn asked(
    shared: &Shared,
    call: &Call,
    answer: impl FnOnce(&World, &Caller, &Value) -> Result<Value, LegacyRefusal>,
) -> Result<Value, LegacyRefusal> {
    let mut world = shared.world();
    let caller = legacy_caller(&mut world, call, shared.clock.now_ms())?;
    let mut answered = answer(&world, &caller, &call.legacy_body())?;
    answered["request_id"] = shared.ids().short_request_id().into();
    Ok(answered)
}

pub(super) fn no_user() -> LegacyRefusal {
    LegacyRefusal::new(60_121, "找不到该用户")
}

/// Numbers arrive as numbers or, in forms, as strings.
pub(super) fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// Booleans arrive as such or, in forms, as strings.
pub(super) fn boolean(value: &Value) -> Option<bool> {
    value.as_bool().or_else(|| value.as_str()?.parse().ok())
}

pub(super) fn missing(name: &str) -> LegacyRefusal {
    LegacyRefusal::new(40_035, format!("缺少参数 {name}"))
}

pub(super) fn invalid(name: &str, range: &str) -> LegacyRefusal {
    LegacyRefusal::new(400_002, format!("无效的参数 {name}，取值范围 {range}"))
}

/// A page by position: what is on it, and where the next begins.
pub(super) fn page<T>(
    all: Vec<T>,
    body: &Value,
    cursor: &str,
    at_most: i64,
) -> Result<(Vec<T>, Option<usize>), LegacyRefusal> {
    let size = number(&body["size"]).ok_or_else(|| missing("size"))?;
    if !(1..=at_most).contains(&size) {
        return Err(invalid("size", &format!("1-{at_most}")));
    }
    let from = number(&body[cursor]).unwrap_or(0).max(0) as usize;
    let until = from.saturating_add(size as usize);
    let next = (until < all.len()).then_some(until);
    Ok((
        all.into_iter().skip(from).take(size as usize).collect(),
        next,
    ))
}
