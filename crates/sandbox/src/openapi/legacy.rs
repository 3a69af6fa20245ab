//! What the handlers of oapi.dingtalk.com share: the caller, lenient numbers, nested JSON in forms, common refusals.

use serde_json::Value;

use crate::call::{Call, Caller, LegacyRefusal, legacy_caller};
use crate::shared::Shared;
use crate::world::World;

/// One admitted call.
pub(super) struct Asked<'a> {
    pub(super) shared: &'a Shared,
    pub(super) world: &'a mut World,
    pub(super) caller: &'a Caller,
    pub(super) body: &'a Value,
    pub(super) now_ms: i64,
}

/// Checks the app, answers, and adds the `request_id` of this host.
pub(super) fn asked(
    shared: &Shared,
    call: &Call,
    answer: impl FnOnce(Asked<'_>) -> Result<Value, LegacyRefusal>,
) -> Result<Value, LegacyRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let caller = legacy_caller(&mut world, call, now_ms)?;
    let mut answered = answer(Asked {
        shared,
        world: &mut world,
        caller: &caller,
        body: &call.legacy_body(),
        now_ms,
    })?;
    answered["request_id"] = shared.ids().short_request_id().into();
    Ok(answered)
}

/// Numbers arrive as numbers or, in forms, as strings.
pub(super) fn number(value: &Value) -> Option<i64> {
    value
        .as_i64()
        .or_else(|| value.as_str()?.trim().parse().ok())
}

/// `true`, `"true"`; anything else is false.
pub(super) fn is_true(value: &Value) -> bool {
    value.as_bool() == Some(true) || value.as_str() == Some("true")
}

/// An object; in forms a string with its JSON.
pub(super) fn nested(value: &Value) -> Option<Value> {
    match value {
        Value::Object(_) => Some(value.clone()),
        Value::String(text) => serde_json::from_str(text).ok().filter(Value::is_object),
        _ => None,
    }
}

/// A string that is there and not blank.
pub(super) fn text<'a>(body: &'a Value, name: &str) -> Result<&'a str, LegacyRefusal> {
    body[name]
        .as_str()
        .filter(|text| !text.trim().is_empty())
        .ok_or_else(|| missing(name))
}

/// 40035 不合法的参数, as for any parameter that was left out.
pub(super) fn missing(name: &str) -> LegacyRefusal {
    LegacyRefusal::new(40_035, format!("缺少参数 {name}"))
}

/// 400002 无效的参数
pub(super) fn invalid(what: impl std::fmt::Display) -> LegacyRefusal {
    LegacyRefusal::new(400_002, format!("无效的参数 {what}"))
}
