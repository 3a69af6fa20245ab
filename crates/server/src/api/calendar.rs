//! `/calendar`: holidays and make-up workdays that due dates, reminders and schedules go by.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{caller::Caller, form::Form, input::Ask, problem::ApiError};
use crate::{
    actions::{
        Refusal,
        import_calendar::{self, Imported},
    },
    app::App,
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(get_calendar))
        .routes(routes!(import))
}

/// The special days of a year, and what is missing.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Calendar {
    pub year: i16,
    /// The official days of the year are known.
    pub is_known: bool,
    pub days: Vec<CalendarDay>,
    /// Years whose holidays are not known though they are near; until then Monday to Friday count.
    pub missing_years: Vec<i16>,
}

/// A day that is not what its weekday says.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CalendarDay {
    /// `YYYY-MM-DD`.
    pub date: String,
    pub name: String,
    /// A holiday; otherwise a make-up workday (调休).
    pub is_off_day: bool,
    /// `official` or `company`.
    pub origin: String,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct CalendarQuery {
    /// This year if missing.
    year: Option<i16>,
}

/// The work calendar of a year.
#[utoipa::path(get, path = "/api/v1/calendar", tag = "calendar", params(CalendarQuery), responses((status = 200, body = Calendar)))]
async fn get_calendar(State(app): State<App>, Ask(query): Ask<CalendarQuery>) -> Json<Calendar> {
    let now = app.now();
    let year = query
        .year
        .unwrap_or_else(|| now.in_zone(app.time_zone.zone()).year());
    let calendar = app.calendar();
    let days = calendar
        .days_of(year)
        .into_iter()
        .map(|(day, origin)| CalendarDay {
            date: day.date.to_string(),
            name: day.name,
            is_off_day: day.is_off_day,
            origin: origin.to_string(),
        });
    Json(Calendar {
        year,
        is_known: calendar.covers(year),
        days: days.collect(),
        missing_years: import_calendar::warnings(&app, now)
            .into_iter()
            .map(yuezhi_domain::CalendarWarning::year)
            .collect(),
    })
}

/// What an import brought: an official year, or days of the company's own.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CalendarImport {
    pub year: Option<i16>,
    pub company_days: Option<usize>,
}

/// The form of a calendar import.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "describes a multipart form in the reference; the form itself is read by name"
)]
struct CalendarForm {
    /// JSON of an official year or of company days, or iCalendar.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// Import a year or the company's own days.
#[utoipa::path(
    post, path = "/api/v1/calendar/import", tag = "calendar", operation_id = "import_calendar",
    request_body(content = CalendarForm, content_type = "multipart/form-data"), responses((status = 200, body = CalendarImport))
)]
async fn import(
    State(app): State<App>,
    caller: Caller,
    mut form: Form,
) -> Result<Json<CalendarImport>, ApiError> {
    let file = form.file("file", "calendar_file_missing")?;
    form.end()?;
    let text = String::from_utf8(file.bytes.to_vec())
        .map_err(|error| Refusal::invalid("file", "calendar_bad").with("detail", error))?;
    Ok(Json(
        match import_calendar::import(&app, caller.actor, &text).await? {
            Imported::Year(year) => CalendarImport {
                year: Some(year),
                company_days: None,
            },
            Imported::CompanyDays(days) => CalendarImport {
                year: None,
                company_days: Some(days),
            },
        },
    ))
}
