//! `/notices`: what was issued to whom, how far it is, and what can be done about it.

mod act;
mod recipients;

pub use act::{CancelBody, Cancelled, RemindBody, Reminded, Reminder};
pub use recipients::Recipient;

use axum::{
    Json,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use yuezhi_domain::{NoticeId, NoticeState, UnixMillis};
use yuezhi_store::{
    Tx,
    notices::{self, NoticeFilter, NoticeRow},
    obligations, policies, progress, versions,
};

use super::{
    input::{Ask, Page, Window, id, word},
    problem::ApiError,
};
use crate::{
    actions::{ActionError, Refusal},
    app::App,
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_notices))
        .routes(routes!(get_notice))
        .merge(recipients::routes())
        .merge(act::routes())
}

/// A version issued to an audience, with its numbers.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Notice {
    pub id: String,
    /// Slug.
    pub policy: String,
    pub title: String,
    /// Id of the version; not in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What people see as the version.
    pub label: String,
    /// `expanding`, `open`, `closed`, `cancelled` or `superseded`.
    pub state: String,
    /// `inform`, `read` or `confirm`.
    pub requirement: String,
    pub audience: String,
    pub due_at: Option<String>,
    /// Of due date and reminders; IANA name.
    pub time_zone: String,
    pub channels: Vec<String>,
    /// The reminder plan.
    pub plan: String,
    pub next_reminder_at: Option<String>,
    pub language: String,
    pub issued_by: String,
    pub issued_at: String,
    pub closed_at: Option<String>,
    /// A text, or the id of the notice that took its place.
    pub close_reason: Option<String>,
    /// Where people read it.
    pub url: String,
    pub numbers: Numbers,
}

/// People by what became of their obligation. `opened` counts across the others; reading is not confirming.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Numbers {
    pub total: i64,
    pub pending: i64,
    pub opened: i64,
    pub acknowledged: i64,
    pub declined: i64,
    pub exempted: i64,
    pub superseded: i64,
    pub closed: i64,
}

/// One notice with its departments.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NoticeDetail {
    #[serde(flatten)]
    pub notice: Notice,
    /// Pending people whose due date has passed.
    pub overdue: i64,
    pub departments: Vec<DepartmentNumbers>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DepartmentNumbers {
    /// Path; empty for people without one.
    pub department: String,
    #[serde(flatten)]
    pub numbers: Numbers,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct NoticeQuery {
    /// `open`, `closed` …
    state: Option<String>,
    /// Slug.
    policy: Option<String>,
    /// Cursor: the `next` of the page before.
    after: Option<String>,
    /// 1 to 1000; 100 if missing.
    limit: Option<usize>,
}

/// Notices, newest first.
#[utoipa::path(get, path = "/api/v1/notices", tag = "notices", params(NoticeQuery), responses((status = 200, body = Page<Notice>)))]
async fn list_notices(
    State(app): State<App>,
    Ask(query): Ask<NoticeQuery>,
) -> Result<Json<Page<Notice>>, ApiError> {
    let window = Window::of(query.after.as_deref(), query.limit)?;
    let state: Option<NoticeState> = word("state", query.state.as_deref())?;
    let slug = query.policy.filter(|slug| !slug.is_empty());
    let rows = app
        .db
        .read(move |tx| {
            let policy_no = slug
                .as_deref()
                .map(|slug| super::policies::find(tx, slug))
                .transpose()?
                .map(|p| p.no);
            Ok::<_, ActionError>(notices::list(
                tx,
                &NoticeFilter {
                    state,
                    policy_no,
                    ..NoticeFilter::default()
                },
                window.after,
                window.to_ask(),
            )?)
        })
        .await?;
    Ok(Json(window.page(
        rows,
        |row| row.notice.no,
        |row| shown(&app, row, None),
    )))
}

/// One notice, with its numbers by department.
#[utoipa::path(get, path = "/api/v1/notices/{id}", tag = "notices", params(("id" = String, Path)), responses((status = 200, body = NoticeDetail)))]
async fn get_notice(
    State(app): State<App>,
    Path(notice): Path<String>,
) -> Result<Json<NoticeDetail>, ApiError> {
    let notice_id: NoticeId = id(&notice, "notice_unknown")?;
    let now = app.now();
    let (row, version, overdue, departments) = app
        .db
        .read(move |tx| {
            let notice = find(tx, &notice_id)?;
            let gone = || ActionError::internal("a notice without its policy or version");
            let policy = policies::get(tx, notice.policy_no)?.ok_or_else(gone)?;
            let version = versions::get(tx, notice.version_no)?.ok_or_else(gone)?;
            let overdue = obligations::count_overdue(tx, notice.no, now)?;
            let departments = progress::by_department(tx, notice.no)?;
            let row = NoticeRow {
                totals: progress::totals(tx, notice.no)?,
                policy_slug: policy.slug,
                policy_title: policy.title,
                version_label: version.label,
                notice,
            };
            Ok::<_, ActionError>((row, version.id, overdue, departments))
        })
        .await?;
    let departments = departments
        .into_iter()
        .map(|part| DepartmentNumbers {
            department: part.path,
            numbers: part.totals.into(),
        })
        .collect();
    Ok(Json(NoticeDetail {
        notice: shown(&app, row, Some(version.to_string())),
        overdue,
        departments,
    }))
}

/// The notice of this id.
pub(super) fn find(tx: &mut Tx<'_>, notice_id: &NoticeId) -> Result<notices::Notice, ActionError> {
    notices::by_id(tx, notice_id)?.ok_or_else(|| Refusal::not_found("notice_unknown").into())
}

impl From<progress::Totals> for Numbers {
    fn from(totals: progress::Totals) -> Self {
        Self {
            total: totals.total,
            pending: totals.pending,
            opened: totals.opened,
            acknowledged: totals.acknowledged,
            declined: totals.declined,
            exempted: totals.exempted,
            superseded: totals.superseded,
            closed: totals.closed,
        }
    }
}

fn shown(app: &App, row: NoticeRow, version: Option<String>) -> Notice {
    let notice = row.notice;
    let text = |at: Option<UnixMillis>| at.map(|at| at.to_string());
    Notice {
        policy: row.policy_slug,
        version,
        label: row.version_label,
        state: notice.state.to_string(),
        requirement: notice.requirement.to_string(),
        due_at: text(notice.due_at),
        next_reminder_at: text(notice.next_reminder_at),
        language: notice.language.to_string(),
        issued_at: notice.issued_at.to_string(),
        closed_at: text(notice.closed_at),
        url: format!("{}/n/{}", app.public_url(), notice.id),
        id: notice.id.to_string(),
        title: notice.title,
        audience: notice.audience,
        time_zone: notice.time_zone,
        channels: notice.channels,
        plan: notice.plan,
        issued_by: notice.issued_by,
        close_reason: notice.close_reason,
        numbers: row.totals.into(),
    }
}
