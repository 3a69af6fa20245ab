//! `/quota`: what is left of the organisation's monthly DingTalk quotas.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use yuezhi_domain::UnixMillis;

use super::problem::ApiError;
use crate::{
    app::App,
    budget::{self, Share},
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(show_quota))
}

/// This month's quotas as far as this installation used them; the organisation's other apps share them.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Quota {
    /// `2026-11`, in Asia/Shanghai.
    pub month: String,
    /// `standard` or `professional`.
    pub edition: String,
    /// Calls of the open platform's interfaces (付费 API 调用量).
    pub api: OneQuota,
    /// Webhook and Stream messages (Webhook & Stream 调用量).
    pub push: OneQuota,
    /// The most called first.
    pub interfaces: Vec<InterfaceCalls>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OneQuota {
    pub used: u64,
    pub quota: u64,
    pub left: u64,
    /// `fine`, `low` (less than a fifth left), `scarce` (less than a twentieth) or `out`.
    pub level: String,
    /// Used by the month's end if it goes on like this; absent on the month's first day.
    pub forecast: Option<u64>,
    /// When nothing is left, if that is before the month ends.
    pub out_at: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct InterfaceCalls {
    /// `api` or `push`.
    pub kind: String,
    pub name: String,
    pub calls: i64,
}

/// The monthly DingTalk quotas.
#[utoipa::path(get, path = "/api/v1/quota", tag = "channels", responses((status = 200, body = Quota)))]
async fn show_quota(State(app): State<App>) -> Result<Json<Quota>, ApiError> {
    let (now, read) = (app.now(), budget::of(&app).await?);
    Ok(Json(Quota {
        edition: app.config.dingtalk.edition.clone(),
        api: one(read.api, now),
        push: one(read.push, now),
        month: read.month,
        interfaces: read
            .by_interface
            .into_iter()
            .map(|metered| InterfaceCalls {
                kind: metered.kind.as_str().to_owned(),
                name: metered.interface,
                calls: metered.calls,
            })
            .collect(),
    }))
}

fn one(share: Share, now: UnixMillis) -> OneQuota {
    let forecast = budget::forecast(share, now);
    OneQuota {
        used: share.used,
        quota: share.quota,
        left: share.left(),
        level: share.level().as_str().to_owned(),
        forecast: forecast.map(|forecast| forecast.used),
        out_at: forecast
            .and_then(|forecast| forecast.out_at)
            .map(|at| at.to_string()),
    }
}
