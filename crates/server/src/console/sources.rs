//! The watched folders: what became of every file, and why one was not published.

use askama::Template;
use axum::response::Response;
use yuezhi_store::{policies, source_files};

use super::{
    frame::{Frame, render},
    session::{PageError, SignedIn},
    ui::Markup,
    words::Tag,
};
use crate::{
    actions::{ActionError, Refusal},
    texts::Texts,
};

struct Line {
    path: String,
    state: Tag,
    error: String,
    fix: String,
    detail: String,
    policy: Option<(String, String)>,
    seen: Markup,
}

struct Source {
    name: String,
    folder: String,
    lines: Vec<Line>,
}

#[derive(Template)]
#[template(path = "console/sources.html")]
struct Page {
    f: Frame,
    t: Texts,
    sources: Vec<Source>,
}

pub(super) async fn list(me: SignedIn) -> Result<Response, PageError> {
    let names: Vec<String> = me
        .app
        .config
        .source
        .iter()
        .map(|source| source.name.clone())
        .collect();
    let read = me
        .app
        .db
        .read(move |tx| {
            let mut all = Vec::new();
            for name in &names {
                let mut files = Vec::new();
                for file in source_files::list(tx, name)? {
                    let policy = file
                        .policy_no
                        .map(|no| policies::get(tx, no))
                        .transpose()?
                        .flatten();
                    files.push((file, policy));
                }
                all.push(files);
            }
            Ok::<_, ActionError>(all)
        })
        .await?;
    let sources = me
        .app
        .config
        .source
        .iter()
        .zip(read)
        .map(|(source, files)| Source {
            name: source.name.clone(),
            folder: source.folder.display().to_string(),
            lines: files
                .into_iter()
                .map(|(file, policy)| line(&me, &file, policy))
                .collect(),
        });
    let f = Frame::load(&me, "sources", me.t.get("console.nav.sources")).await?;
    let sources = sources.collect();
    Ok(render(
        &me,
        &Page {
            f,
            t: me.t,
            sources,
        },
    ))
}

fn line(me: &SignedIn, file: &source_files::SourceFile, policy: Option<policies::Policy>) -> Line {
    let kind = match file.state.as_str() {
        "published" => "ok",
        "failed" => "bad",
        "removed" => "warn",
        _ => "",
    };
    let refusal = file
        .error_code
        .as_ref()
        .map(|code| Refusal::new(crate::actions::RefusalKind::Invalid, code.clone()));
    Line {
        path: file.path.clone(),
        state: Tag {
            kind,
            word: me.t.of_value("console.file_state", &file.state),
        },
        error: refusal
            .as_ref()
            .map(|r| r.message(me.t))
            .unwrap_or_default(),
        fix: refusal.as_ref().map(|r| r.fix(me.t)).unwrap_or_default(),
        detail: file.error_detail.clone().unwrap_or_default(),
        policy: policy.map(|policy| (format!("/console/policies/{}", policy.slug), policy.title)),
        seen: me.teller().ago(file.seen_at),
    }
}
