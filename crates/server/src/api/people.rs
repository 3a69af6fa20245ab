//! `/people`: the directory as it stands here, and its import.

use axum::{
    Json,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use yuezhi_store::people::{self, PeopleFilter, PersonState};

use super::{
    caller::Caller,
    departments,
    form::Form,
    input::{Ask, Body, Page, Window},
    problem::ApiError,
};
use crate::{
    actions::{
        ActionError, Refusal,
        import_people::{self, ImportReport, ImportRequest},
        sync_directory::SyncReport,
        walk_directory::{self, Wanted},
    },
    app::App,
    texts::Texts,
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_people))
        .routes(routes!(get_person))
        .routes(routes!(import))
        .routes(routes!(sync_standing, start_sync))
}

/// Somebody of the directory.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Person {
    pub id: String,
    pub staff_no: String,
    pub name: String,
    /// Path of the primary department.
    pub department: String,
    pub title: Option<String>,
    pub email: Option<String>,
    pub mobile: Option<String>,
    pub dingtalk_user_id: Option<String>,
    pub manager_staff_no: Option<String>,
    pub language: Option<String>,
    /// `YYYY-MM-DD`.
    pub hired_on: Option<String>,
    /// `active` or `left`.
    pub state: String,
    pub left_at: Option<String>,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PeopleQuery {
    /// Part of name, staff number or address.
    pub search: Option<String>,
    /// Name or path of a department; the departments below it count.
    pub department: Option<String>,
    /// `active` or `left`.
    pub state: Option<String>,
    /// Cursor: the `next` of the page before.
    pub after: Option<String>,
    /// 1 to 1000; 100 if missing.
    pub limit: Option<usize>,
}

/// People, in the order they came in.
#[utoipa::path(get, path = "/api/v1/people", tag = "people", params(PeopleQuery), responses((status = 200, body = Page<Person>)))]
async fn list_people(
    State(app): State<App>,
    Ask(query): Ask<PeopleQuery>,
) -> Result<Json<Page<Person>>, ApiError> {
    let window = Window::of(query.after.as_deref(), query.limit)?;
    let state = state(query.state.as_deref())?;
    let rows = app
        .db
        .read(move |tx| {
            let department_nos = departments::subtree(tx, query.department.as_deref())?;
            let filter = PeopleFilter {
                department_nos,
                state,
                search: query.search.clone(),
            };
            Ok::<_, ActionError>(people::list(tx, &filter, window.after, window.to_ask())?)
        })
        .await?;
    Ok(Json(window.page(rows, |person| person.no, shown)))
}

fn state(text: Option<&str>) -> Result<Option<PersonState>, Refusal> {
    match text.map(str::trim).unwrap_or_default() {
        "" => Ok(None),
        "active" => Ok(Some(PersonState::Active)),
        "left" => Ok(Some(PersonState::Left)),
        other => Err(Refusal::invalid("state", "word_bad")
            .with("detail", format!("\"{other}\"; active, left"))),
    }
}

/// One person, by staff number.
#[utoipa::path(get, path = "/api/v1/people/{staff_no}", tag = "people", params(("staff_no" = String, Path)), responses((status = 200, body = Person)))]
async fn get_person(
    State(app): State<App>,
    Path(staff_no): Path<String>,
) -> Result<Json<Person>, ApiError> {
    let person = app
        .db
        .read(move |tx| {
            let person = people::by_staff_no(tx, &staff_no)?;
            person.ok_or_else(|| {
                ActionError::from(
                    Refusal::not_found("staff_no_unknown").with("staff_no", &staff_no),
                )
            })
        })
        .await?;
    Ok(Json(shown(person)))
}

fn shown(person: people::Person) -> Person {
    Person {
        id: person.id.to_string(),
        staff_no: person.staff_no,
        name: person.name,
        department: person.department_path,
        title: person.title,
        email: person.email,
        mobile: person.mobile,
        dingtalk_user_id: person.dingtalk_user_id,
        manager_staff_no: person.manager_staff_no,
        language: person.language,
        hired_on: person.hired_on,
        state: person.state.as_str().to_owned(),
        left_at: person.left_at.map(|at| at.to_string()),
    }
}

/// What an import brought, or would bring.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Import {
    /// Whether anything was written: not in a dry run, and not with problems.
    pub applied: bool,
    pub rows: usize,
    pub created: usize,
    pub updated: usize,
    pub unchanged: usize,
    /// Came back after having left.
    pub rejoined: usize,
    /// Were not in the list and have left.
    pub left: usize,
    /// With any problem nothing is written.
    pub problems: Vec<RowProblem>,
}

/// One wrong cell.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RowProblem {
    /// Line in the file, the header being line 1.
    pub line: usize,
    pub column: String,
    pub code: String,
    pub message: String,
}

/// The form of an import.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "describes a multipart form in the reference; the form itself is read by name"
)]
struct ImportForm {
    /// CSV (UTF-8 or GB18030) or xlsx with a header row.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// `true`: the file is the whole company, who is not in it has left.
    close_missing: Option<bool>,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ImportQuery {
    /// `true`: check and count, write nothing.
    #[serde(default)]
    dry_run: bool,
}

/// Import people from CSV or xlsx: all rows or, with any problem, none.
#[utoipa::path(
    post, path = "/api/v1/people/import", tag = "people", params(ImportQuery),
    request_body(content = ImportForm, content_type = "multipart/form-data"), responses((status = 200, body = Import))
)]
async fn import(
    State(app): State<App>,
    caller: Caller,
    Ask(query): Ask<ImportQuery>,
    mut form: Form,
) -> Result<Json<Import>, ApiError> {
    let file = form.file("file", "people_file_missing")?;
    let close_missing = form.flag("close_missing")?;
    form.end()?;
    let request = ImportRequest {
        actor: caller.actor,
        file,
        close_missing,
        dry_run: query.dry_run,
    };
    let report = import_people::import(&app, request).await?;
    Ok(Json(of_report(report, caller.texts)))
}

fn of_report(report: ImportReport, texts: Texts) -> Import {
    let problems = report.problems.into_iter().map(|problem| RowProblem {
        message: problem.message(texts),
        line: problem.line,
        column: problem.column,
        code: problem.code,
    });
    Import {
        applied: report.applied,
        rows: report.rows,
        created: report.created,
        updated: report.updated,
        unchanged: report.unchanged,
        rejoined: report.rejoined,
        left: report.left,
        problems: problems.collect(),
    }
}

/// Where reading the organisation's DingTalk directory stands.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Sync {
    /// Asked for and not done yet.
    pub running: bool,
    /// How far this node is; absent when it does not read right now.
    pub progress: Option<SyncProgress>,
    /// How the last one ended.
    pub ended: Option<SyncEnded>,
    /// When it is read next by itself; absent where `dingtalk.sync_people` is off.
    pub next_at: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SyncProgress {
    pub departments: usize,
    pub departments_read: usize,
    pub people: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SyncEnded {
    /// What `POST` answered.
    pub id: String,
    pub at: String,
    pub dry_run: bool,
    /// Why the directory could not be read: the reason's code, and a sentence.
    pub error: Option<SyncFinding>,
    pub result: Option<SyncResult>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SyncResult {
    pub departments: usize,
    pub people: usize,
    pub created: usize,
    pub updated: usize,
    pub unchanged: usize,
    /// Came back after having left.
    pub rejoined: usize,
    pub left: usize,
    /// Would have been closed; more than is likely, so an administrator is asked (`allow_loss`).
    pub held_back: usize,
    /// Have not activated DingTalk and receive nothing there.
    pub not_activated: usize,
    /// Everything the app may see was read; only then is anybody closed.
    pub complete: bool,
    pub findings: Vec<SyncFinding>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SyncFinding {
    pub code: String,
    pub message: String,
    pub detail: String,
}

#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SyncBody {
    /// Count only, write nothing.
    pub dry_run: bool,
    /// Close people even if they are very many.
    pub allow_loss: bool,
}

/// A sync that begins within a moment.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct SyncStarted {
    pub id: String,
}

/// Read the organisation's DingTalk directory now.
#[utoipa::path(post, path = "/api/v1/people/sync", tag = "people", request_body = SyncBody, responses((status = 202, body = SyncStarted)))]
async fn start_sync(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<SyncBody>,
) -> Result<(axum::http::StatusCode, Json<SyncStarted>), ApiError> {
    let wanted = Wanted {
        dry_run: body.dry_run,
        allow_loss: body.allow_loss,
    };
    let id = walk_directory::ask(&app, &caller.actor, wanted).await?;
    Ok((axum::http::StatusCode::ACCEPTED, Json(SyncStarted { id })))
}

/// Where it stands.
#[utoipa::path(get, path = "/api/v1/people/sync", tag = "people", responses((status = 200, body = Sync)))]
async fn sync_standing(State(app): State<App>, caller: Caller) -> Result<Json<Sync>, ApiError> {
    let standing = walk_directory::standing(&app).await?;
    let t = caller.texts;
    let ended = standing.ended.map(|ended| SyncEnded {
        id: ended.id,
        at: yuezhi_domain::UnixMillis(ended.at).to_string(),
        dry_run: ended.dry_run,
        error: ended.error.map(|error| finding(t, error)),
        result: ended.report.map(|report| sync_result(t, report)),
    });
    Ok(Json(Sync {
        running: standing.running,
        progress: standing.progress.map(|progress| SyncProgress {
            departments: progress.departments,
            departments_read: progress.departments_read,
            people: progress.people,
        }),
        ended,
        next_at: standing
            .next_at
            .filter(|_| app.config.dingtalk.sync_people)
            .map(|at| at.to_string()),
    }))
}

fn finding(t: Texts, (code, detail): (String, String)) -> SyncFinding {
    SyncFinding {
        message: t.of_value("messages.reason", &code),
        code,
        detail,
    }
}

fn sync_result(t: Texts, report: SyncReport) -> SyncResult {
    SyncResult {
        departments: report.departments,
        people: report.people,
        created: report.created,
        updated: report.updated,
        unchanged: report.unchanged,
        rejoined: report.rejoined,
        left: report.left,
        held_back: report.held_back,
        not_activated: report.not_activated,
        complete: report.complete,
        findings: report
            .findings
            .into_iter()
            .map(|found| finding(t, found))
            .collect(),
    }
}
