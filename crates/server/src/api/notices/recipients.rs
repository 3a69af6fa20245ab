//! `/notices/{id}/recipients`, `/deliveries`, `/receipts`, `/reminders`: the people of a notice and what happened.

use axum::{
    Json,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use yuezhi_domain::{NoticeId, ObligationState};
use yuezhi_store::{
    deliveries::{self, DeliveryFilter},
    obligations::{self, ObligationFilter, ObligationRow},
    occurrences, receipts,
};

use super::{act::Reminder, find};
use crate::{
    actions::{ActionError, Refusal},
    api::{
        deliveries::Delivery,
        departments,
        input::{Ask, Page, Paging, Window, id, word},
        problem::ApiError,
        receipts::Receipt,
    },
    app::App,
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_recipients))
        .routes(routes!(list_notice_deliveries))
        .routes(routes!(list_notice_receipts))
        .routes(routes!(list_recipient_receipts))
        .routes(routes!(list_reminders, super::act::remind))
}

/// A person of a notice.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Recipient {
    pub staff_no: String,
    pub name: String,
    /// Path of the primary department.
    pub department: String,
    pub email: Option<String>,
    /// `pending`, `acknowledged`, `declined`, `exempted`, `superseded` or `closed`.
    pub state: String,
    /// Why it was closed.
    pub reason: Option<String>,
    pub due_at: Option<String>,
    pub is_overdue: bool,
    /// First opened the text: an observation.
    pub opened_at: Option<String>,
    /// Confirmed or declined: an act.
    pub acted_at: Option<String>,
    /// How often this person was reminded.
    pub reminded: i64,
    pub reminded_at: Option<String>,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RecipientQuery {
    /// One or several with commas: `pending,declined`.
    state: Option<String>,
    /// Name or path of a department; the departments below it count.
    department: Option<String>,
    /// Part of name or staff number.
    search: Option<String>,
    /// `true`: opened the text; `false`: has not.
    opened: Option<bool>,
    /// `true`: only those whose due date has passed.
    overdue: Option<bool>,
    /// Cursor: the `next` of the page before.
    after: Option<String>,
    /// 1 to 1000; 100 if missing.
    limit: Option<usize>,
}

/// The people of a notice.
#[utoipa::path(
    get, path = "/api/v1/notices/{id}/recipients", tag = "notices", params(RecipientQuery, ("id" = String, Path)),
    responses((status = 200, body = Page<Recipient>))
)]
async fn list_recipients(
    State(app): State<App>,
    Path(notice): Path<String>,
    Ask(query): Ask<RecipientQuery>,
) -> Result<Json<Page<Recipient>>, ApiError> {
    let notice_id: NoticeId = id(&notice, "notice_unknown")?;
    let window = Window::of(query.after.as_deref(), query.limit)?;
    let states = states(query.state.as_deref())?;
    let now = app.now();
    let rows = app
        .db
        .read(move |tx| {
            let notice = find(tx, &notice_id)?;
            let filter = ObligationFilter {
                states: states.clone(),
                department_nos: departments::subtree(tx, query.department.as_deref())?,
                search: query.search.clone(),
                overdue_at: query.overdue.unwrap_or(false).then_some(now),
                opened: query.opened,
            };
            Ok::<_, ActionError>(obligations::list(
                tx,
                notice.no,
                &filter,
                window.after,
                window.to_ask(),
            )?)
        })
        .await?;
    let show = |row: ObligationRow| Recipient {
        is_overdue: yuezhi_domain::is_overdue(row.state, row.due_at, now),
        staff_no: row.staff_no,
        name: row.name,
        department: row.department_path,
        email: row.email,
        state: row.state.to_string(),
        reason: row.reason,
        due_at: row.due_at.map(|at| at.to_string()),
        opened_at: row.opened_at.map(|at| at.to_string()),
        acted_at: row.acted_at.map(|at| at.to_string()),
        reminded: row.reminded,
        reminded_at: row.reminded_at.map(|at| at.to_string()),
    };
    Ok(Json(window.page(rows, |row| row.person_no, show)))
}

fn states(text: Option<&str>) -> Result<Vec<ObligationState>, Refusal> {
    let parts = text
        .unwrap_or_default()
        .split(',')
        .filter(|part| !part.trim().is_empty());
    parts
        .filter_map(|part| word("state", Some(part)).transpose())
        .collect()
}

/// What was sent for a notice, and what was not.
#[utoipa::path(
    get, path = "/api/v1/notices/{id}/deliveries", tag = "notices", params(Paging, ("id" = String, Path)),
    responses((status = 200, body = Page<Delivery>))
)]
async fn list_notice_deliveries(
    State(app): State<App>,
    Path(notice): Path<String>,
    Ask(query): Ask<Paging>,
) -> Result<Json<Page<Delivery>>, ApiError> {
    let notice_id: NoticeId = id(&notice, "notice_unknown")?;
    let window = query.window()?;
    let rows = app
        .db
        .read(move |tx| {
            let notice = find(tx, &notice_id)?;
            let filter = DeliveryFilter {
                notice_no: Some(notice.no),
                ..DeliveryFilter::default()
            };
            Ok::<_, ActionError>(deliveries::list(
                tx,
                &filter,
                window.after,
                window.to_ask(),
            )?)
        })
        .await?;
    Ok(Json(window.page(
        rows,
        |row| row.delivery.no,
        crate::api::deliveries::shown,
    )))
}

/// What was observed of people and done by them, oldest first.
#[utoipa::path(
    get, path = "/api/v1/notices/{id}/receipts", tag = "notices", params(Paging, ("id" = String, Path)),
    responses((status = 200, body = Page<Receipt>))
)]
async fn list_notice_receipts(
    State(app): State<App>,
    Path(notice): Path<String>,
    Ask(query): Ask<Paging>,
) -> Result<Json<Page<Receipt>>, ApiError> {
    let notice_id: NoticeId = id(&notice, "notice_unknown")?;
    let window = query.window()?;
    let (rows, people) = app
        .db
        .read(move |tx| {
            let notice = find(tx, &notice_id)?;
            let rows = receipts::of_notice(tx, notice.no, window.after, window.to_ask())?;
            let people = crate::api::receipts::people_of(tx, &rows)?;
            Ok::<_, ActionError>((rows, people))
        })
        .await?;
    let show = |row| crate::api::receipts::shown(&notice_id.to_string(), &row, &people);
    Ok(Json(window.page(rows, |row| row.no, show)))
}

/// What is known of one person of a notice, oldest first.
#[utoipa::path(
    get, path = "/api/v1/notices/{id}/recipients/{staff_no}/receipts", tag = "notices",
    params(("id" = String, Path), ("staff_no" = String, Path)), responses((status = 200, body = Page<Receipt>))
)]
async fn list_recipient_receipts(
    State(app): State<App>,
    Path((notice, staff_no)): Path<(String, String)>,
) -> Result<Json<Page<Receipt>>, ApiError> {
    let notice_id: NoticeId = id(&notice, "notice_unknown")?;
    let (rows, people) = app
        .db
        .read(move |tx| {
            let notice = find(tx, &notice_id)?;
            let unknown = || Refusal::not_found("staff_no_unknown").with("staff_no", &staff_no);
            let person = yuezhi_store::people::by_staff_no(tx, &staff_no)?.ok_or_else(unknown)?;
            let rows = receipts::of_obligation(tx, notice.no, person.no)?;
            let people = crate::api::receipts::people_of(tx, &rows)?;
            Ok::<_, ActionError>((rows, people))
        })
        .await?;
    let items = rows
        .into_iter()
        .map(|row| crate::api::receipts::shown(&notice_id.to_string(), &row, &people));
    Ok(Json(Page {
        items: items.collect(),
        next: None,
    }))
}

/// The reminders of a notice: sent, left out, and why.
#[utoipa::path(
    get, path = "/api/v1/notices/{id}/reminders", tag = "notices", params(("id" = String, Path)),
    responses((status = 200, body = Page<Reminder>))
)]
async fn list_reminders(
    State(app): State<App>,
    Path(notice): Path<String>,
) -> Result<Json<Page<Reminder>>, ApiError> {
    let notice_id: NoticeId = id(&notice, "notice_unknown")?;
    let rows = app
        .db
        .read(move |tx| {
            let notice = find(tx, &notice_id)?;
            Ok::<_, ActionError>(occurrences::list_of_notice(tx, notice.no, 1000)?)
        })
        .await?;
    let items = rows.into_iter().map(|row| Reminder {
        id: row.id.to_string(),
        step: row.step,
        planned_at: row.planned_at.to_string(),
        decided_at: row.decided_at.to_string(),
        outcome: row.outcome.to_string(),
        recipients: row.recipients,
        by: row.actor,
    });
    Ok(Json(Page {
        items: items.collect(),
        next: None,
    }))
}
