//! Takes people in from a CSV or XLSX file.
//!
//! Called by the console, the API and `yuezhi people import`. Every row is checked before anything is written; with
//! one bad row nothing changes and every bad row is named with line and column. Invariant: identity is the staff
//! number; a second import of the same file changes nothing; who is missing from a whole list is closed with a
//! record only when that was asked for.

mod rows;

pub use rows::RowProblem;

use std::time::Duration;

use yuezhi_documents::{Limits, table};
use yuezhi_domain::UnixMillis;
use yuezhi_store::{Tx, audit, chat_groups, departments, people, people::Change};

use super::{ActionError, Actor, Refusal, keep_people, publish_version::UploadedFile};
use crate::{app::App, documents::document_refusal};

/// A file with people.
#[derive(Debug, Clone)]
pub struct ImportRequest {
    pub actor: Actor,
    pub file: UploadedFile,
    /// The file is the whole company: active people who are not in it have left.
    pub close_missing: bool,
    /// Check and count only.
    pub dry_run: bool,
}

/// What came of it, or what would.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportReport {
    pub rows: usize,
    pub created: usize,
    pub updated: usize,
    pub unchanged: usize,
    pub rejoined: usize,
    pub left: usize,
    pub problems: Vec<RowProblem>,
    /// Whether anything was written.
    pub applied: bool,
}

/// Imports the file, or reports why not.
pub async fn import(app: &App, request: ImportRequest) -> Result<ImportReport, ActionError> {
    let limits = Limits {
        max_file_bytes: app.max_upload_bytes(),
        ..Limits::default()
    };
    let file = request.file.clone();
    let table = crate::documents::bounded(Duration::from_secs(60), move || {
        table::read(&file.name, &file.bytes, &limits)
    })
    .await?
    .map_err(|error| document_refusal("file", &error))?;
    let (rows, problems) = rows::parse(&table)?;
    let report = ImportReport {
        rows: table.rows.len(),
        problems,
        ..ImportReport::default()
    };
    if !report.problems.is_empty() {
        return Ok(report);
    }
    let now = app.now();
    let ids = app.ids.clone();
    let done = app
        .db
        .write(move |tx| {
            let report = apply(tx, &rows, &request, report.clone(), now, &ids)?;
            if request.dry_run {
                Err(Stop::DryRun(report))
            } else {
                Ok(report)
            }
        })
        .await;
    match done {
        Ok(report) => {
            app.wake();
            app.announce(0);
            Ok(ImportReport {
                applied: true,
                ..report
            })
        }
        Err(Stop::DryRun(report)) => Ok(report),
        Err(Stop::Action(error)) => Err(error),
    }
}

/// Rolls the transaction back; a dry run is a real run that ends with this.
enum Stop {
    DryRun(ImportReport),
    Action(ActionError),
}

impl From<yuezhi_store::StoreError> for Stop {
    fn from(error: yuezhi_store::StoreError) -> Self {
        Self::Action(error.into())
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Action(refusal.into())
    }
}

fn apply(
    tx: &mut Tx<'_>,
    rows: &[rows::PersonRow],
    request: &ImportRequest,
    mut report: ImportReport,
    now: UnixMillis,
    ids: &yuezhi_domain::IdSource,
) -> Result<ImportReport, Stop> {
    let problems = dingtalk_ids_taken(tx, rows)?;
    if !problems.is_empty() {
        return Err(Stop::DryRun(ImportReport { problems, ..report }));
    }
    for row in rows {
        let mut department_nos = Vec::new();
        for path in &row.departments {
            department_nos.push(departments::ensure_path(tx, path, ids, now)?);
        }
        let person = row.as_person(department_nos);
        match keep_people::take_in(tx, &person, ids, now)?.change {
            Change::Created => report.created += 1,
            Change::Updated => report.updated += 1,
            Change::Unchanged => report.unchanged += 1,
            Change::Rejoined => report.rejoined += 1,
        }
    }
    if request.close_missing {
        report.left = close_missing(tx, rows, now)?;
    }
    chat_groups::sync_all_at(tx, now)?;
    let detail = serde_json::json!({
        "file": request.file.name, "created": report.created, "updated": report.updated,
        "rejoined": report.rejoined, "left": report.left,
    });
    audit::append(
        tx,
        now,
        &request.actor.to_string(),
        "people.imported",
        "people:all",
        &detail.to_string(),
    )?;
    Ok(report)
}

/// Rows that claim the DingTalk id of somebody with another staff number; the table takes an id once.
fn dingtalk_ids_taken(
    tx: &mut Tx<'_>,
    rows: &[rows::PersonRow],
) -> Result<Vec<RowProblem>, yuezhi_store::StoreError> {
    let mut problems = Vec::new();
    for row in rows {
        let Some(user_id) = &row.dingtalk_user_id else {
            continue;
        };
        let holder = people::by_dingtalk_user_id(tx, user_id)?;
        if holder.is_some_and(|holder| holder.staff_no != row.staff_no) {
            problems.push(RowProblem {
                line: row.line,
                column: "钉钉UserID".to_owned(),
                code: "dingtalk_taken".to_owned(),
                value: user_id.clone(),
            });
        }
    }
    Ok(problems)
}

fn close_missing(
    tx: &mut Tx<'_>,
    rows: &[rows::PersonRow],
    now: UnixMillis,
) -> Result<usize, Stop> {
    let present: Vec<&str> = rows.iter().map(|row| row.staff_no.as_str()).collect();
    let missing = people::active_not_in(tx, &present)?;
    let active = people::count_active(tx)?;
    if keep_people::loses_many(missing.len(), active) {
        return Err(Refusal::conflict("import_loses_many")
            .with("missing", missing.len())
            .with("active", active)
            .into());
    }
    for person_no in &missing {
        keep_people::let_go(tx, *person_no, now)?;
    }
    Ok(missing.len())
}
