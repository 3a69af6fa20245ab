//! `/channels`: the ways out, whether they are open, and what waits on them.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use yuezhi_store::{deliveries, lanes};

use super::{caller::Caller, input::Page, problem::ApiError};
use crate::{
    actions::{ActionError, retry_delivery},
    app::App,
    fan_out::Way,
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_channels))
        .routes(routes!(resume_channel))
        .routes(routes!(retry_channel))
}

/// One way out to people.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Channel {
    /// `robot:hr`, `mail`
    pub name: String,
    /// `robot`, `mail`, `work_notice`, `app_robot`, `card`, `todo`, `ding`, `announcement`, `group` or
    /// `group_announcement`.
    pub kind: String,
    /// One message a person; otherwise one for the group.
    pub is_personal: bool,
    /// It is set up on this server; otherwise only its history is left.
    pub is_configured: bool,
    /// `open`, `held` (by itself until `held_until`) or `stopped` (until somebody resumes it).
    pub state: String,
    pub held_until: Option<String>,
    pub stopped_at: Option<String>,
    pub reason_code: Option<String>,
    /// The platform's own words.
    pub reason_detail: Option<String>,
    /// Deliveries by state.
    pub deliveries: BTreeMap<String, i64>,
}

/// All channels.
#[utoipa::path(get, path = "/api/v1/channels", tag = "channels", responses((status = 200, body = Page<Channel>)))]
async fn list_channels(State(app): State<App>) -> Result<Json<Page<Channel>>, ApiError> {
    let now = app.now();
    let (lanes, counts) = app
        .db
        .read(|tx| Ok::<_, ActionError>((lanes::list(tx)?, deliveries::counts_by_lane_state(tx)?)))
        .await?;
    let mut channels: BTreeMap<String, Channel> = BTreeMap::new();
    for channel in app.channels().lanes() {
        let shown = Channel {
            is_personal: channel.limits().personal,
            is_configured: true,
            ..empty(channel.lane(), channel.kind().as_str())
        };
        channels.insert(shown.name.clone(), shown);
    }
    for lane in lanes {
        let shown = channels
            .entry(lane.name.clone())
            .or_insert_with(|| empty(&lane.name, &lane.kind));
        let held_until = lane.held_until.filter(|until| *until > now);
        let state = if lane.stopped_at.is_some() {
            "stopped"
        } else if held_until.is_some() {
            "held"
        } else {
            "open"
        };
        state.clone_into(&mut shown.state);
        if state != "open" {
            shown.held_until = held_until.map(|at| at.to_string());
            shown.stopped_at = lane.stopped_at.map(|at| at.to_string());
            shown.reason_code = lane.reason_code;
            shown.reason_detail = lane.reason_detail;
        }
    }
    for count in counts {
        if let Some(channel) = channels.get_mut(&count.lane) {
            channel
                .deliveries
                .insert(count.state.to_string(), count.count);
        }
    }
    Ok(Json(Page {
        items: channels.into_values().collect(),
        next: None,
    }))
}

fn empty(name: &str, kind: &str) -> Channel {
    Channel {
        name: name.to_owned(),
        kind: kind.to_owned(),
        is_personal: Way::of_lane(kind).address.is_some(),
        is_configured: false,
        state: "open".to_owned(),
        held_until: None,
        stopped_at: None,
        reason_code: None,
        reason_detail: None,
        deliveries: BTreeMap::new(),
    }
}

/// Open a channel that is held or has stopped.
#[utoipa::path(post, path = "/api/v1/channels/{name}/resumption", tag = "channels", params(("name" = String, Path)), responses((status = 202)))]
async fn resume_channel(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    retry_delivery::resume_lane(&app, caller.actor, &name).await?;
    Ok(StatusCode::ACCEPTED)
}

/// How many deliveries became due again.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Retried {
    pub retried: u64,
}

/// Send every failed delivery of a channel again.
#[utoipa::path(post, path = "/api/v1/channels/{name}/retry", tag = "channels", params(("name" = String, Path)), responses((status = 202, body = Retried)))]
async fn retry_channel(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<(StatusCode, Json<Retried>), ApiError> {
    let retried = retry_delivery::retry_lane(&app, caller.actor, &name).await?;
    Ok((StatusCode::ACCEPTED, Json(Retried { retried })))
}
