//! `/schedules`: standing messages to groups.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use yuezhi_domain::ScheduleId;
use yuezhi_store::schedules;

use super::{
    caller::Caller,
    input::{Ask, Body, Page, id},
    problem::ApiError,
};
use crate::{
    actions::{
        ActionError, Refusal,
        change_schedule::{self, ScheduleInput},
    },
    app::App,
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_schedules, create_schedule))
        .routes(routes!(get_schedule, change_schedule, delete_schedule))
        .routes(routes!(preview_rule))
        .routes(routes!(run_schedule))
        .routes(routes!(pause_schedule))
        .routes(routes!(resume_schedule))
        .routes(routes!(skip_next))
}

/// A standing schedule.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Schedule {
    pub id: String,
    pub name: String,
    /// `workdays 09:00`, `Fridays 17:00`, `0 9 * * 1-5`
    pub rule: String,
    /// IANA name.
    pub time_zone: String,
    pub channels: Vec<String>,
    pub title: String,
    /// Markdown as the group sees it.
    pub body: String,
    /// `active` or `paused`.
    pub state: String,
    /// The next occurrence is left out.
    pub skip_next: bool,
    pub next_at: Option<String>,
}

/// What a schedule is made of.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ScheduleBody {
    pub name: String,
    /// `每个工作日 09:00`, `Fridays 17:00` or five cron fields.
    pub rule: String,
    /// IANA name; the installation's zone if missing.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// Channels of groups.
    pub channels: Vec<String>,
    /// The name if missing.
    #[serde(default)]
    pub title: String,
    /// Markdown.
    pub body: String,
}

impl From<ScheduleBody> for ScheduleInput {
    fn from(body: ScheduleBody) -> Self {
        Self {
            name: body.name,
            rule: body.rule,
            time_zone: body.time_zone,
            lanes: body.channels,
            title: body.title,
            body: body.body,
        }
    }
}

fn shown(row: schedules::Schedule) -> Schedule {
    Schedule {
        id: row.id.to_string(),
        name: row.name,
        rule: row.rule,
        time_zone: row.time_zone,
        channels: row.lanes,
        title: row.title,
        body: row.body,
        state: row.state.as_str().to_owned(),
        skip_next: row.skip_next,
        next_at: row.next_at.map(|at| at.to_string()),
    }
}

/// All schedules.
#[utoipa::path(get, path = "/api/v1/schedules", tag = "schedules", responses((status = 200, body = Page<Schedule>)))]
async fn list_schedules(State(app): State<App>) -> Result<Json<Page<Schedule>>, ApiError> {
    let rows = app
        .db
        .read(|tx| Ok::<_, ActionError>(schedules::list(tx)?))
        .await?;
    Ok(Json(Page {
        items: rows.into_iter().map(shown).collect(),
        next: None,
    }))
}

async fn one(app: &App, schedule_id: ScheduleId) -> Result<Json<Schedule>, ApiError> {
    let row = app
        .db
        .read(move |tx| {
            let row = schedules::by_id(tx, &schedule_id)?;
            row.ok_or_else(|| ActionError::from(Refusal::not_found("schedule_unknown")))
        })
        .await?;
    Ok(Json(shown(row)))
}

/// One schedule.
#[utoipa::path(get, path = "/api/v1/schedules/{id}", tag = "schedules", params(("id" = String, Path)), responses((status = 200, body = Schedule)))]
async fn get_schedule(
    State(app): State<App>,
    Path(schedule): Path<String>,
) -> Result<Json<Schedule>, ApiError> {
    one(&app, id(&schedule, "schedule_unknown")?).await
}

/// Create a schedule; it is active at once.
#[utoipa::path(post, path = "/api/v1/schedules", tag = "schedules", request_body = ScheduleBody, responses((status = 201, body = Schedule)))]
async fn create_schedule(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<ScheduleBody>,
) -> Result<(StatusCode, Json<Schedule>), ApiError> {
    let created = change_schedule::create(&app, caller.actor, &body.into()).await?;
    Ok((StatusCode::CREATED, one(&app, created).await?))
}

/// Change everything about a schedule.
#[utoipa::path(put, path = "/api/v1/schedules/{id}", tag = "schedules", params(("id" = String, Path)), request_body = ScheduleBody, responses((status = 200, body = Schedule)))]
async fn change_schedule(
    State(app): State<App>,
    caller: Caller,
    Path(schedule): Path<String>,
    Body(body): Body<ScheduleBody>,
) -> Result<Json<Schedule>, ApiError> {
    let schedule: ScheduleId = id(&schedule, "schedule_unknown")?;
    change_schedule::update(&app, caller.actor, schedule, &body.into()).await?;
    one(&app, schedule).await
}

/// Remove a schedule; what it sent stays recorded.
#[utoipa::path(delete, path = "/api/v1/schedules/{id}", tag = "schedules", params(("id" = String, Path)), responses((status = 204)))]
async fn delete_schedule(
    State(app): State<App>,
    caller: Caller,
    Path(schedule): Path<String>,
) -> Result<StatusCode, ApiError> {
    change_schedule::delete(&app, caller.actor, id(&schedule, "schedule_unknown")?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Send the message now, beside its regular times.
#[utoipa::path(post, path = "/api/v1/schedules/{id}/runs", tag = "schedules", params(("id" = String, Path)), responses((status = 200, body = Schedule)))]
async fn run_schedule(
    State(app): State<App>,
    caller: Caller,
    Path(schedule): Path<String>,
) -> Result<Json<Schedule>, ApiError> {
    let schedule: ScheduleId = id(&schedule, "schedule_unknown")?;
    change_schedule::run_now(&app, caller.actor, schedule).await?;
    one(&app, schedule).await
}

/// Pause a schedule.
#[utoipa::path(post, path = "/api/v1/schedules/{id}/pause", tag = "schedules", params(("id" = String, Path)), responses((status = 200, body = Schedule)))]
async fn pause_schedule(
    State(app): State<App>,
    caller: Caller,
    Path(schedule): Path<String>,
) -> Result<Json<Schedule>, ApiError> {
    let schedule: ScheduleId = id(&schedule, "schedule_unknown")?;
    change_schedule::set_paused(&app, caller.actor, schedule, true).await?;
    one(&app, schedule).await
}

/// Go on from the next time to come; what fell into the pause is not made up for.
#[utoipa::path(post, path = "/api/v1/schedules/{id}/resumption", tag = "schedules", params(("id" = String, Path)), responses((status = 200, body = Schedule)))]
async fn resume_schedule(
    State(app): State<App>,
    caller: Caller,
    Path(schedule): Path<String>,
) -> Result<Json<Schedule>, ApiError> {
    let schedule: ScheduleId = id(&schedule, "schedule_unknown")?;
    change_schedule::set_paused(&app, caller.actor, schedule, false).await?;
    one(&app, schedule).await
}

/// Whether to leave out the next occurrence.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SkipBody {
    pub skip: bool,
}

/// Leave out the next occurrence, or take that back.
#[utoipa::path(put, path = "/api/v1/schedules/{id}/skip-next", tag = "schedules", params(("id" = String, Path)), request_body = SkipBody, responses((status = 200, body = Schedule)))]
async fn skip_next(
    State(app): State<App>,
    caller: Caller,
    Path(schedule): Path<String>,
    Body(body): Body<SkipBody>,
) -> Result<Json<Schedule>, ApiError> {
    let schedule: ScheduleId = id(&schedule, "schedule_unknown")?;
    change_schedule::skip_next(&app, caller.actor, schedule, body.skip).await?;
    one(&app, schedule).await
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PreviewQuery {
    rule: String,
    /// IANA name; the installation's zone if missing.
    time_zone: Option<String>,
    /// 1 to 50; 5 if missing.
    count: Option<usize>,
}

/// The next times of a rule.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Preview {
    pub at: Vec<String>,
}

/// When a rule would fire, with holidays and make-up workdays.
#[utoipa::path(get, path = "/api/v1/schedules/preview", tag = "schedules", params(PreviewQuery), responses((status = 200, body = Preview)))]
async fn preview_rule(
    State(app): State<App>,
    Ask(query): Ask<PreviewQuery>,
) -> Result<Json<Preview>, ApiError> {
    let count = query.count.unwrap_or(5).clamp(1, 50);
    let times = change_schedule::preview(&app, &query.rule, query.time_zone.as_deref(), count)?;
    Ok(Json(Preview {
        at: times.into_iter().map(|at| at.to_string()).collect(),
    }))
}
