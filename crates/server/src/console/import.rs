//! Taking people in from a file: a dry run with every bad row named, then the same file for real.
//!
//! The file is kept as content between the two steps, so that what was looked at is what is written.

use askama::Template;
use axum::{
    extract::Multipart,
    http::header,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use yuezhi_domain::ContentHash;
use yuezhi_store::contents;

use super::{
    frame::{Frame, render},
    session::{Flash, PageError, SignedIn},
    sign_in::with_status,
};
use crate::{
    actions::{
        ActionError, Refusal,
        import_people::{self, ImportReport, ImportRequest},
        publish_version::UploadedFile,
    },
    pages::status_of,
    texts::Texts,
};

/// Bad rows shown; the rest is counted.
const PROBLEMS_SHOWN: usize = 200;

struct Problem {
    line: usize,
    column: String,
    value: String,
    message: String,
}

struct Checked {
    report: ImportReport,
    problems: Vec<Problem>,
    more_problems: usize,
    hash: String,
    name: String,
    close_missing: bool,
}

#[derive(Template)]
#[template(path = "console/import.html")]
struct Page {
    f: Frame,
    t: Texts,
    error: Option<(String, String)>,
    checked: Option<Checked>,
}

impl Page {
    /// Nothing was looked at yet, or what was looked at cannot be written.
    fn asks_for_file(&self) -> bool {
        self.checked
            .as_ref()
            .is_none_or(|checked| !checked.problems.is_empty())
    }
}

pub(super) async fn form(me: SignedIn) -> Result<Response, PageError> {
    show(&me, None, None).await
}

async fn show(
    me: &SignedIn,
    refusal: Option<&Refusal>,
    checked: Option<Checked>,
) -> Result<Response, PageError> {
    let page = Page {
        f: Frame::load(me, "people", me.t.get("console.import.title")).await?,
        t: me.t,
        error: refusal.map(|refusal| (refusal.message(me.t), refusal.fix(me.t))),
        checked,
    };
    let response = render(me, &page);
    Ok(match refusal {
        Some(refusal) => with_status(status_of(refusal.kind), response),
        None => response,
    })
}

/// What the form sent.
#[derive(Default)]
struct Asked {
    file: Option<UploadedFile>,
    kept: String,
    name: String,
    close_missing: bool,
    is_final: bool,
}

pub(super) async fn submit(me: SignedIn, multipart: Multipart) -> Result<Response, PageError> {
    let outcome = run(&me, multipart).await;
    match outcome {
        Ok((report, _)) if report.applied => {
            let told = me.t.fill(
                "console.import.done",
                &[
                    ("created", &report.created),
                    ("updated", &report.updated),
                    ("left", &report.left),
                ],
            );
            me.back("/console/people", Ok(Flash::ok(told)))
        }
        Ok((_, checked)) => show(&me, None, Some(checked)).await,
        Err(ActionError::Refused(refusal)) => show(&me, Some(&refusal), None).await,
        Err(error) => Err(error.into()),
    }
}

async fn run(me: &SignedIn, multipart: Multipart) -> Result<(ImportReport, Checked), ActionError> {
    let asked = read(multipart).await?;
    let file = match asked.file {
        Some(file) => file,
        None => fetch(me, &asked.kept, &asked.name).await?,
    };
    let (bytes, now) = (file.bytes.clone(), me.now);
    let hash = me
        .app
        .db
        .write(move |tx| Ok::<_, ActionError>(contents::put(tx, &bytes, now)?))
        .await?;
    let name = file.name.clone();
    let request = ImportRequest {
        actor: me.actor(),
        file,
        close_missing: asked.close_missing,
        dry_run: !asked.is_final,
    };
    let report = import_people::import(&me.app, request).await?;
    let problems = report
        .problems
        .iter()
        .take(PROBLEMS_SHOWN)
        .map(|problem| Problem {
            line: problem.line,
            column: problem.column.clone(),
            value: problem.value.clone(),
            message: problem.message(me.t),
        });
    let checked = Checked {
        problems: problems.collect(),
        more_problems: report.problems.len().saturating_sub(PROBLEMS_SHOWN),
        hash: hash.to_string(),
        name,
        close_missing: asked.close_missing,
        report: report.clone(),
    };
    Ok((report, checked))
}

async fn read(mut multipart: Multipart) -> Result<Asked, ActionError> {
    let bad = |error: axum::extract::multipart::MultipartError| {
        ActionError::from(Refusal::invalid("file", "body_bad").with("detail", error.body_text()))
    };
    let mut asked = Asked::default();
    while let Some(field) = multipart.next_field().await.map_err(bad)? {
        match field.name().unwrap_or_default() {
            "file" => {
                let name = field.file_name().unwrap_or_default().to_owned();
                let bytes = field.bytes().await.map_err(bad)?;
                if !name.is_empty() {
                    asked.file = Some(UploadedFile { name, bytes });
                }
            }
            "kept" => asked.kept = field.text().await.map_err(bad)?,
            "name" => asked.name = field.text().await.map_err(bad)?,
            "close_missing" => asked.close_missing = true,
            "step" => asked.is_final = field.text().await.map_err(bad)? == "write",
            _ => {}
        }
    }
    Ok(asked)
}

async fn fetch(me: &SignedIn, kept: &str, name: &str) -> Result<UploadedFile, ActionError> {
    let missing = || ActionError::from(Refusal::invalid("file", "people_file_missing"));
    let hash: ContentHash = kept.parse().map_err(|_| missing())?;
    let bytes = me
        .app
        .db
        .read(move |tx| Ok::<_, ActionError>(contents::get(tx, &hash)?))
        .await?
        .ok_or_else(missing)?;
    Ok(UploadedFile {
        name: name.to_owned(),
        bytes: Bytes::from(bytes),
    })
}

/// A table to begin with.
pub(super) async fn sample(_me: SignedIn) -> Response {
    const SAMPLE: &str = "\u{feff}工号,姓名,部门,邮箱,手机,职务,直属上级工号,入职日期,语言\r\n\
        A001,林悦,总部/人力资源部,linyue@example.com,13800000001,人力资源总监,,2020-03-01,中文\r\n\
        A002,Wei Chen,总部/新加坡办事处,wei.chen@example.com,,Manager,A001,2023-07-15,English\r\n";
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"people-sample.csv\"",
        ),
    ];
    (headers, SAMPLE).into_response()
}
