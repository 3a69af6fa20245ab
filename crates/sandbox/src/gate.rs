//! What stands before every API: token, address, scope, pace and the month's budget, in the words of each host.
//!
//! Handlers call [`modern_caller`] or [`legacy_caller`] first; what an API costs and needs stands in `apis`, what the
//! administrator has allowed in `rules.access`. The order of the checks is ours, for the platform documents none:
//! token, egress address, scope, calls per second, calls per month.
//! Invariant: a call refused here is not counted, and the call log knows the app of every call that had a valid token.

use std::collections::VecDeque;

use serde_json::Value;

use crate::apis::{self, Metering};
use crate::call::{Call, LegacyRefusal, ModernRefusal};
use crate::meters::spend_call;
use crate::organisation::{Person, VisibleRange};
use crate::world::World;

/// Whose token a call carries.
pub(crate) struct Caller {
    pub(crate) client_id: String,
    pub(crate) robot_code: String,
    pub(crate) agent_id: i64,
}

/// Why an app is turned away, before it is put into a host's words.
enum Turned {
    Address,
    Scope(&'static str),
    TooFast,
    MonthUsedUp,
}

/// Checks the app token in the header of api.dingtalk.com and everything else that stands before an API.
pub(crate) fn modern_caller(
    world: &mut World,
    call: &Call,
    now_ms: i64,
) -> Result<Caller, ModernRefusal> {
    let token = call
        .header("x-acs-dingtalk-access-token")
        .filter(|token| !token.is_empty())
        .ok_or_else(|| {
            ModernRefusal::bad(
                "AuthenticationFailed.MissingParameter",
                "缺少参数：x-acs-dingtalk-access-token",
            )
        })?;
    let caller = caller_of(world, token, now_ms)
        .ok_or_else(|| ModernRefusal::bad("InvalidAuthentication", "不合法的access_token"))?;
    match admit(world, call, &caller, now_ms) {
        Ok(()) => Ok(caller),
        Err(Turned::Address) => Err(ModernRefusal::denied(
            "IpNotInWhiteList",
            &format!("访问ip不在白名单之中, request ip={}", call.peer),
        )),
        Err(Turned::Scope(scope)) => Err(scope_refusal(&caller.client_id, scope)),
        Err(Turned::TooFast) => Err(ModernRefusal::denied(
            "QpsLimitForAppkeyAndApi",
            "您的应用调用当前接口超过了该应用每秒最大请求次数限制，请1秒后重试",
        )),
        Err(Turned::MonthUsedUp) => Err(ModernRefusal::denied(
            "ApiCountLimitForOrg",
            "您的组织本月 API 调用量已用完，请升级或购买增购包",
        )),
    }
}

/// Checks the app token in the query (or form) of oapi.dingtalk.com and everything else that stands before an API.
pub(crate) fn legacy_caller(
    world: &mut World,
    call: &Call,
    now_ms: i64,
) -> Result<Caller, LegacyRefusal> {
    let form = call.legacy_body();
    let in_body = form.get("access_token").and_then(Value::as_str);
    let token = call
        .query("access_token")
        .or(in_body)
        .filter(|token| !token.is_empty());
    let token = token.ok_or_else(|| LegacyRefusal::gateway("40000", "access_token is blank"))?;
    let caller = caller_of(world, token, now_ms)
        .ok_or_else(|| LegacyRefusal::gateway("40014", "不合法的access_token"))?;
    let client_id = &caller.client_id;
    match admit(world, call, &caller, now_ms) {
        Ok(()) => Ok(caller),
        Err(Turned::Address) => {
            let peer = call.peer;
            let text = format!("访问ip不在白名单之中,request ip={peer} appKey({client_id})");
            Err(LegacyRefusal::gateway("60020", &text))
        }
        Err(Turned::Scope(scope)) => Err(LegacyRefusal::gateway(
            "60011",
            &format!(
                "{}, {{requiredScopes=[{scope}]}}",
                apply_text(client_id, scope)
            ),
        )),
        Err(Turned::TooFast) => Err(LegacyRefusal::gateway(
            "90018",
            "您的应用调用该接口次数过多，超出了每秒最大请求次数，请1秒后重试",
        )),
        Err(Turned::MonthUsedUp) => Err(LegacyRefusal::gateway(
            "90020",
            "您的组织本月 API 调用量已用完，请升级或购买增购包",
        )),
    }
}

/// The refusal of api.dingtalk.com for a scope the app was not granted.
pub(crate) fn scope_refusal(client_id: &str, scope: &'static str) -> ModernRefusal {
    let mut refusal = ModernRefusal::denied(
        "AccessTokenPermissionDenied",
        &format!("没有调用该接口的权限，{}", apply_text(client_id, scope)),
    );
    refusal.required_scopes = vec![scope];
    refusal
}

fn apply_text(client_id: &str, scope: &str) -> String {
    let link = "https://open-dev.dingtalk.com/appscope/apply?content=";
    format!(
        "应用尚未开通所需的权限：[{scope}]，点击链接申请并开通即可：{link}{client_id}%23{scope}"
    )
}

fn admit(world: &mut World, call: &Call, caller: &Caller, now_ms: i64) -> Result<(), Turned> {
    let metering = apis::metering_of(&call.path);
    call.trace.set_app(&caller.client_id);
    let access = world.rules.access_of(&caller.client_id);
    if !access.admits(call.peer) {
        return Err(Turned::Address);
    }
    if let Some(scope) = apis::scope_of(call.method.as_str(), &call.path)
        && access.withholds(scope)
    {
        return Err(Turned::Scope(scope));
    }
    if is_too_fast(world, &caller.client_id, &call.api, now_ms) {
        return Err(Turned::TooFast);
    }
    if metering == Metering::Api {
        if !spend_call(world, now_ms) {
            return Err(Turned::MonthUsedUp);
        }
        call.trace.set_metered(metering);
    }
    Ok(())
}

fn caller_of(world: &World, token: &str, now_ms: i64) -> Option<Caller> {
    let held = world
        .app_tokens
        .iter()
        .find(|(_, held)| held.token == token && held.expires_ms > now_ms)?;
    let app = world.app(held.0)?;
    Some(Caller {
        client_id: app.client_id.clone(),
        robot_code: app.robot_code.clone(),
        agent_id: app.agent_id,
    })
}

fn is_too_fast(world: &mut World, client_id: &str, api: &str, now_ms: i64) -> bool {
    let Some(limit) = world.rules.limits.calls_per_second else {
        return false;
    };
    let recent = world
        .recent
        .entry((client_id.to_owned(), api.to_owned()))
        .or_default();
    !has_room(recent, now_ms, 1_000, limit as usize)
}

/// Notes a moment if fewer than `limit` lie within the window before it.
pub(crate) fn has_room(
    recent: &mut VecDeque<i64>,
    now_ms: i64,
    window_ms: i64,
    limit: usize,
) -> bool {
    while recent
        .front()
        .is_some_and(|at| *at <= now_ms - window_ms || *at > now_ms)
    {
        recent.pop_front();
    }
    if recent.len() >= limit {
        return false;
    }
    recent.push_back(now_ms);
    true
}

impl World {
    /// Whether the person is in the app's visible range (可使用范围): named, or in a department at or below a named one.
    pub(crate) fn is_visible(&self, client_id: &str, person: &Person) -> bool {
        let mut ids = person.department_ids.iter();
        self.range_of(client_id).is_none_or(|range| {
            range.userids.contains(&person.userid)
                || ids.any(|id| self.is_visible_department(client_id, *id))
        })
    }

    /// Whether the department is in the app's visible range: named, or below a named one.
    pub(crate) fn is_visible_department(&self, client_id: &str, id: i64) -> bool {
        self.range_of(client_id).is_none_or(|range| {
            let line = self.organisation.with_ancestors(id);
            line.iter().any(|id| range.departments.contains(id))
        })
    }

    /// The app's range, unless it is the whole organisation.
    fn range_of(&self, client_id: &str) -> Option<&VisibleRange> {
        let range = &self.app(client_id)?.visible;
        (!range.departments.is_empty() || !range.userids.is_empty()).then_some(range)
    }
}
