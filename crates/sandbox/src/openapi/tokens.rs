//! Access tokens of apps and of people who logged in.
//!
//! An app's token lives 7,200 s; asking again while it is valid returns the same one and extends it, from whichever
//! host. A login code is good once, within five minutes; a refresh token for thirty days.

use serde_json::{Value, json};

use super::{json_body, required};
use crate::auth_codes::{OTHER_CORP, outsider};
use crate::call::{Call, LegacyRefusal, ModernRefusal};
use crate::journal::Entry;
use crate::shared::Shared;
use crate::world::World;

const LIFE_S: i64 = 7_200;
const REFRESH_LIFE_MS: i64 = 30 * 24 * 3_600_000;

/// `GET /gettoken?appkey=…&appsecret=…`: the parameters count in the query only.
pub(super) fn legacy_token(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    let (Some(key), Some(secret)) = (call.query("appkey"), call.query("appsecret")) else {
        return Err(LegacyRefusal::new(40_035, "缺少参数 corpid or appkey"));
    };
    let mut world = shared.world();
    let token = grant(shared, &mut world, key, secret)
        .ok_or_else(|| LegacyRefusal::new(40_096, "不合法的appKey或appSecret"))?;
    Ok(json!({ "access_token": token, "expires_in": LIFE_S }))
}

/// `POST /v1.0/oauth2/accessToken {"appKey","appSecret"}`
pub(super) fn app_token(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let body = json_body(call)?;
    let (key, secret) = (required(&body, "appKey")?, required(&body, "appSecret")?);
    let mut world = shared.world();
    let token = grant(shared, &mut world, key, secret).ok_or_else(bad_secret)?;
    Ok(json!({ "accessToken": token, "expireIn": LIFE_S }))
}

/// `POST /v1.0/oauth2/{corpId}/token {"client_id","client_secret","grant_type"}`
pub(super) fn unified_token(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let body = json_body(call)?;
    if body["grant_type"] != "client_credentials" {
        return Err(ModernRefusal::bad(
            "unsupported.grant.type",
            "不支持的 grant_type",
        ));
    }
    let (key, secret) = (
        required(&body, "client_id")?,
        required(&body, "client_secret")?,
    );
    let mut world = shared.world();
    if call.path != format!("/v1.0/oauth2/{}/token", world.organisation.corp_id) {
        return Err(ModernRefusal::of(500, "unknownError", "未知错误"));
    }
    let token = grant(shared, &mut world, key, secret);
    let token = token
        .ok_or_else(|| ModernRefusal::bad("invalid.client", "无效的client_id或者client_secret"))?;
    Ok(json!({ "access_token": token, "expires_in": LIFE_S }))
}

/// `POST /v1.0/oauth2/userAccessToken`: a login code, or a refresh token, for a person's token.
pub(super) fn user_token(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let body = json_body(call)?;
    let (client_id, secret) = (
        required(&body, "clientId")?,
        required(&body, "clientSecret")?,
    );
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    if world
        .app(client_id)
        .is_none_or(|app| app.client_secret != secret)
    {
        return Err(bad_secret());
    }
    let userid = match body["grantType"].as_str() {
        Some("authorization_code") => {
            let code = required(&body, "code")?;
            let known = world
                .codes
                .remove(code)
                .filter(|code| code.expires_ms > now_ms && code.client_id == client_id);
            // Observed: "400invalidParameter.authCode.notFound".
            known
                .ok_or_else(|| {
                    ModernRefusal::bad("invalidParameter.authCode.notFound", "不存在的authCode")
                })?
                .userid
        }
        Some("refresh_token") => {
            let refresh_token = required(&body, "refreshToken")?;
            let born_ms = |expires_ms: i64| expires_ms - LIFE_S * 1_000;
            let known = world.user_tokens.iter().find(|held| {
                held.refresh_token == refresh_token
                    && held.client_id == client_id
                    && now_ms < born_ms(held.expires_ms) + REFRESH_LIFE_MS
            });
            // Inferred code.
            let known = known.ok_or_else(|| {
                ModernRefusal::bad(
                    "invalidParameter.refreshToken.notFound",
                    "不存在的refreshToken",
                )
            })?;
            known.userid.clone()
        }
        // Inferred code.
        _ => {
            return Err(ModernRefusal::bad(
                "invalidParameter.grantType",
                "不支持的 grantType",
            ));
        }
    };
    let token = shared.ids().token();
    let refresh_token = shared.ids().code();
    let is_outsider = userid == outsider().userid && world.person(&userid).is_none();
    let corp_id = if is_outsider {
        OTHER_CORP.to_owned()
    } else {
        world.organisation.corp_id.clone()
    };
    world.record(Entry::UserToken {
        userid,
        client_id: client_id.to_owned(),
        token: token.clone(),
        refresh_token: refresh_token.clone(),
        expires_ms: now_ms + LIFE_S * 1_000,
    });
    Ok(
        json!({ "accessToken": token, "refreshToken": refresh_token, "expireIn": LIFE_S, "corpId": corp_id }),
    )
}

fn bad_secret() -> ModernRefusal {
    ModernRefusal::bad("invalidClientIdOrSecret", "无效的clientId或者clientSecret")
}

/// The app's token, new or extended; `None` for a wrong key or secret.
fn grant(shared: &Shared, world: &mut World, client_id: &str, secret: &str) -> Option<String> {
    world
        .app(client_id)
        .filter(|app| app.client_secret == secret)?;
    let now_ms = shared.clock.now_ms();
    let valid = world
        .app_tokens
        .get(client_id)
        .filter(|held| held.expires_ms > now_ms)
        .map(|held| held.token.clone());
    let token = valid.unwrap_or_else(|| shared.ids().token());
    let life_s = world.rules.access_of(client_id).token_life_s;
    world.record(Entry::AppToken {
        client_id: client_id.to_owned(),
        token: token.clone(),
        expires_ms: now_ms + life_s * 1_000,
    });
    Some(token)
}
