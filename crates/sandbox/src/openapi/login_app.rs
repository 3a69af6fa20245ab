//! 免登 inside DingTalk: the code a page got from the client, exchanged for the person.
//!
//! Source: 开放平台文档, 免登, 通过免登码获取用户信息. Free of the monthly quota.

use serde_json::{Value, json};

use super::contacts::missing;
use crate::call::{Call, LegacyRefusal, legacy_caller};
use crate::organisation::AdminLevel;
use crate::shared::Shared;

/// `POST /topapi/v2/user/getuserinfo {"code"}`
pub(super) fn person_of_code(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let caller = legacy_caller(&mut world, call, now_ms)?;
    let body = call.legacy_body();
    let code = body["code"]
        .as_str()
        .filter(|code| !code.is_empty())
        .ok_or_else(|| missing("code"))?;
    let userid = world.auth_codes.spend(code, &caller.client_id, now_ms);
    let person = userid.and_then(|userid| world.person(&userid));
    let person = person.ok_or_else(|| LegacyRefusal::new(40_078, "不存在的临时授权码"))?;
    let level = match world.organisation.admin_level(person) {
        AdminLevel::Main => 1,
        AdminLevel::Sub => 2,
        AdminLevel::None if person.boss => 100,
        AdminLevel::None => 0,
    };
    Ok(json!({
        "result": {
            "userid": person.userid,
            "unionid": person.unionid,
            "associated_unionid": person.unionid,
            "name": person.name,
            "device_id": format!("sandbox-{}", person.userid),
            "sys": level == 1 || level == 2,
            "sys_level": level,
        },
        "request_id": shared.ids().short_request_id(),
    }))
}
