//! `/deliveries`: the queue, with what failed and why.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use yuezhi_domain::{DeliveryState, NoticeId};
use yuezhi_store::deliveries::{self, DeliveryFilter, DeliveryRow};

use super::{
    caller::Caller,
    input::{Ask, Page, Window, id, word},
    problem::ApiError,
};
use crate::{
    actions::{ActionError, Refusal, retry_delivery},
    app::App,
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_deliveries))
        .routes(routes!(get_delivery))
        .routes(routes!(retry))
}

/// One message to one target on one channel.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Delivery {
    pub id: i64,
    pub channel: String,
    /// `publish`, `reminder` or `standing`.
    pub kind: String,
    /// Title of the notice.
    pub notice: Option<String>,
    /// Name of the person; absent for a group.
    pub person: Option<String>,
    /// `due`, `sending`, `sent`, `failed`, `cancelled` or `undeliverable`.
    pub state: String,
    pub due_at: String,
    pub attempts: u32,
    /// Why the last attempt did not get through.
    pub error_code: Option<String>,
    /// The platform's own words.
    pub error_detail: Option<String>,
    /// Accepted by the platform or relay; not: shown to somebody.
    pub sent_at: Option<String>,
    pub platform_id: Option<String>,
    /// It went out inside this delivery's message, as part of a digest.
    pub sent_with: Option<i64>,
    pub created_at: String,
}

pub(super) fn shown(row: DeliveryRow) -> Delivery {
    let delivery = row.delivery;
    Delivery {
        id: delivery.no,
        channel: delivery.lane,
        kind: delivery.kind.to_string(),
        notice: row.notice_title,
        person: row.person_name,
        state: delivery.state.to_string(),
        due_at: delivery.due_at.to_string(),
        attempts: delivery.attempts,
        error_code: delivery.error_code,
        error_detail: delivery.error_detail,
        sent_at: delivery.sent_at.map(|at| at.to_string()),
        platform_id: delivery.platform_id,
        sent_with: delivery.leader_no.filter(|leader| *leader != delivery.no),
        created_at: delivery.created_at.to_string(),
    }
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DeliveryQuery {
    /// `robot:hr`, `mail` …
    channel: Option<String>,
    /// `due`, `sent`, `failed` …
    state: Option<String>,
    /// Id of a notice.
    notice: Option<String>,
    /// Staff number.
    staff_no: Option<String>,
    /// Cursor: the `next` of the page before.
    after: Option<String>,
    /// 1 to 1000; 100 if missing.
    limit: Option<usize>,
}

/// Deliveries, newest first.
#[utoipa::path(get, path = "/api/v1/deliveries", tag = "deliveries", params(DeliveryQuery), responses((status = 200, body = Page<Delivery>)))]
async fn list_deliveries(
    State(app): State<App>,
    Ask(query): Ask<DeliveryQuery>,
) -> Result<Json<Page<Delivery>>, ApiError> {
    let window = Window::of(query.after.as_deref(), query.limit)?;
    let state: Option<DeliveryState> = word("state", query.state.as_deref())?;
    let notice: Option<NoticeId> = query
        .notice
        .as_deref()
        .map(|text| id(text, "notice_unknown"))
        .transpose()?;
    let rows = app
        .db
        .read(move |tx| {
            let notice_no = notice
                .as_ref()
                .map(|notice| super::notices::find(tx, notice))
                .transpose()?
                .map(|n| n.no);
            let person_no = match &query.staff_no {
                None => None,
                Some(staff_no) => {
                    let person = yuezhi_store::people::by_staff_no(tx, staff_no)?;
                    let unknown = || {
                        Refusal::invalid("staff_no", "staff_no_unknown").with("staff_no", staff_no)
                    };
                    Some(person.ok_or_else(unknown)?.no)
                }
            };
            let filter = DeliveryFilter {
                lane: query.channel.clone(),
                state,
                notice_no,
                person_no,
            };
            Ok::<_, ActionError>(deliveries::list(
                tx,
                &filter,
                window.after,
                window.to_ask(),
            )?)
        })
        .await?;
    Ok(Json(window.page(rows, |row| row.delivery.no, shown)))
}

/// One delivery with the attempts that did not get through.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DeliveryDetail {
    #[serde(flatten)]
    pub delivery: Delivery,
    pub failed_attempts: Vec<Attempt>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Attempt {
    pub number: i64,
    pub at: String,
    /// `retry`, `hold`, `rejected`, `misconfigured` or `lease_lost`.
    pub outcome: String,
    pub error_code: String,
    pub error_detail: String,
}

/// One delivery.
#[utoipa::path(get, path = "/api/v1/deliveries/{id}", tag = "deliveries", params(("id" = i64, Path)), responses((status = 200, body = DeliveryDetail)))]
async fn get_delivery(
    State(app): State<App>,
    Path(delivery): Path<String>,
) -> Result<Json<DeliveryDetail>, ApiError> {
    let no: i64 = id(&delivery, "delivery_unknown")?;
    let (row, attempts) = app
        .db
        .read(move |tx| {
            let delivery =
                deliveries::get(tx, no)?.ok_or_else(|| Refusal::not_found("delivery_unknown"))?;
            let person = yuezhi_store::people::get(tx, delivery.person_no)?;
            let notice = yuezhi_store::notices::get(tx, delivery.notice_no)?;
            let row = DeliveryRow {
                person_name: person.map(|p| p.name),
                notice_title: notice.map(|n| n.title),
                delivery,
            };
            Ok::<_, ActionError>((row, deliveries::attempts(tx, no)?))
        })
        .await?;
    let failed_attempts = attempts.into_iter().map(|attempt| Attempt {
        number: attempt.number,
        at: attempt.at.to_string(),
        outcome: attempt.outcome,
        error_code: attempt.error_code,
        error_detail: attempt.error_detail,
    });
    Ok(Json(DeliveryDetail {
        delivery: shown(row),
        failed_attempts: failed_attempts.collect(),
    }))
}

/// Send a failed delivery again, now.
#[utoipa::path(post, path = "/api/v1/deliveries/{id}/retry", tag = "deliveries", operation_id = "retry_delivery", params(("id" = i64, Path)), responses((status = 202)))]
async fn retry(
    State(app): State<App>,
    caller: Caller,
    Path(delivery): Path<String>,
) -> Result<StatusCode, ApiError> {
    let no: i64 = id(&delivery, "delivery_unknown")?;
    retry_delivery::retry(&app, caller.actor, no).await?;
    Ok(StatusCode::ACCEPTED)
}
