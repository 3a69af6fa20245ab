//! `POST /notices/{id}/reminders` and `/cancellation`.

use axum::{
    Json,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use yuezhi_domain::NoticeId;
use yuezhi_store::{
    Tx,
    obligations::{self, ObligationFilter},
    people,
};

use super::find;
use crate::{
    actions::{
        ActionError, Refusal, cancel_notice,
        send_reminders::{self, RemindRequest},
    },
    api::{
        caller::Caller,
        departments,
        input::{Body, id},
        problem::ApiError,
        versions::PlannedDelivery,
    },
    app::App,
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(cancel))
}

/// One occurrence of a plan or a click.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Reminder {
    pub id: String,
    /// Which rule of the plan, or `click`.
    pub step: String,
    pub planned_at: String,
    pub decided_at: String,
    /// `fired`, `skipped_late`, `collapsed`, `skipped_once` or `nobody`.
    pub outcome: String,
    pub recipients: i64,
    pub by: String,
}

/// Whom to remind; everybody who still owes, and the groups, if nothing is given.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct RemindBody {
    /// Only these people, by staff number; groups are left alone.
    #[serde(default)]
    pub staff_nos: Vec<String>,
    /// Only this department and those below it; groups are left alone.
    #[serde(default)]
    pub department: Option<String>,
    /// Count only.
    #[serde(default)]
    pub dry_run: bool,
}

/// What was sent, or would be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Reminded {
    pub outstanding: i64,
    pub deliveries: Vec<PlannedDelivery>,
    pub dry_run: bool,
}

/// Remind those who still owe. Two reminders need ten minutes between them.
#[utoipa::path(
    post, path = "/api/v1/notices/{id}/reminders", tag = "notices", params(("id" = String, Path)), request_body = RemindBody,
    responses((status = 200, body = Reminded))
)]
pub(super) async fn remind(
    State(app): State<App>,
    caller: Caller,
    Path(notice): Path<String>,
    Body(body): Body<RemindBody>,
) -> Result<Json<Reminded>, ApiError> {
    let notice_id: NoticeId = id(&notice, "notice_unknown")?;
    let dry_run = body.dry_run;
    let person_nos = app.db.read(move |tx| chosen(tx, &notice_id, &body)).await?;
    let request = RemindRequest {
        actor: caller.actor,
        notice_id,
        person_nos,
        dry_run,
    };
    let reminded = send_reminders::remind(&app, request).await?;
    Ok(Json(Reminded {
        outstanding: reminded.outstanding,
        deliveries: reminded
            .deliveries
            .into_iter()
            .map(crate::api::versions::delivery)
            .collect(),
        dry_run,
    }))
}

/// More than any department has.
const EVERYBODY: usize = 10_000_000;

/// The people a body names; empty for everybody.
fn chosen(
    tx: &mut Tx<'_>,
    notice_id: &NoticeId,
    body: &RemindBody,
) -> Result<Vec<i64>, ActionError> {
    let mut person_nos = Vec::new();
    for staff_no in &body.staff_nos {
        let person = people::by_staff_no(tx, staff_no)?;
        let unknown =
            || Refusal::invalid("staff_nos", "staff_no_unknown").with("staff_no", staff_no);
        person_nos.push(person.ok_or_else(unknown)?.no);
    }
    let department_nos = departments::subtree(tx, body.department.as_deref())?;
    if department_nos.is_empty() {
        return Ok(person_nos);
    }
    let notice = find(tx, notice_id)?;
    let filter = ObligationFilter {
        states: vec![yuezhi_domain::ObligationState::Pending],
        department_nos,
        ..ObligationFilter::default()
    };
    let within: Vec<i64> = obligations::list(tx, notice.no, &filter, 0, EVERYBODY)?
        .into_iter()
        .map(|row| row.person_no)
        .collect();
    person_nos = if body.staff_nos.is_empty() {
        within
    } else {
        person_nos
            .into_iter()
            .filter(|no| within.contains(no))
            .collect()
    };
    if person_nos.is_empty() {
        Err(Refusal::conflict("nobody_outstanding").into())
    } else {
        Ok(person_nos)
    }
}

/// Why a notice is taken back.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CancelBody {
    /// Shown to whoever opens its link.
    pub reason: String,
}

/// What ended with the notice.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Cancelled {
    /// People who no longer owe anything.
    pub pending_closed: u64,
    /// Messages that will not be sent.
    pub deliveries_cancelled: u64,
}

/// Take a notice back. What was confirmed stays confirmed.
#[utoipa::path(
    post, path = "/api/v1/notices/{id}/cancellation", tag = "notices", operation_id = "cancel_notice", params(("id" = String, Path)),
    request_body = CancelBody, responses((status = 200, body = Cancelled))
)]
async fn cancel(
    State(app): State<App>,
    caller: Caller,
    Path(notice): Path<String>,
    Body(body): Body<CancelBody>,
) -> Result<Json<Cancelled>, ApiError> {
    let notice_id: NoticeId = id(&notice, "notice_unknown")?;
    let cancelled = cancel_notice::cancel(&app, caller.actor, notice_id, &body.reason).await?;
    Ok(Json(Cancelled {
        pending_closed: cancelled.pending_closed,
        deliveries_cancelled: cancelled.deliveries_cancelled,
    }))
}
