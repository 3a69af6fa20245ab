//! The list of policies with their current versions.

use askama::Template;
use axum::response::Response;
use axum_extra::extract::Query;
use serde::Deserialize;
use yuezhi_store::policies::{self, PolicyFilter};

use super::{
    frame::{Frame, render},
    session::{PageError, SignedIn},
    ui::{Markup, address},
};
use crate::{actions::ActionError, texts::Texts};

const PAGE: usize = 30;

struct Line {
    href: String,
    title: String,
    language: &'static str,
    slug: String,
    owner: String,
    category: String,
    label: String,
    effective: String,
    published: Option<Markup>,
    open_notices: i64,
    is_repealed: bool,
}

#[derive(Template)]
#[template(path = "console/policies.html")]
struct Page {
    f: Frame,
    t: Texts,
    q: String,
    found: String,
    lines: Vec<Line>,
    next: Option<String>,
    first: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Asked {
    q: String,
    after: i64,
}

pub(super) async fn list(me: SignedIn, Query(asked): Query<Asked>) -> Result<Response, PageError> {
    let (q, after) = (asked.q.trim().to_owned(), asked.after);
    let search = q.clone();
    let (rows, found) = me
        .app
        .db
        .read(move |tx| {
            let filter = PolicyFilter {
                search: Some(search.clone()),
            };
            Ok::<_, ActionError>((
                policies::list(tx, &filter, after, PAGE + 1)?,
                policies::count_found(tx, &filter)?,
            ))
        })
        .await?;
    let tell = me.teller();
    let next = (rows.len() > PAGE)
        .then(|| {
            rows.get(PAGE - 1).map(|row| {
                address(
                    "/console/policies",
                    &[("q", &q), ("after", &row.no.to_string())],
                )
            })
        })
        .flatten();
    let first = (after > 0).then(|| address("/console/policies", &[("q", &q)]));
    let lines = rows
        .into_iter()
        .take(PAGE)
        .map(|row| Line {
            href: format!("/console/policies/{}", row.slug),
            language: row.language.as_str(),
            label: row.version_label.unwrap_or_default(),
            effective: row
                .effective_on
                .map(|date| me.t.with("console.effective_from", "date", date))
                .unwrap_or_default(),
            published: row.published_at.map(|at| tell.ago(at)),
            open_notices: row.open_notices,
            is_repealed: row.repealed_at.is_some(),
            title: row.title,
            slug: row.slug,
            owner: row.owner,
            category: row.category,
        })
        .collect();
    let f = Frame::load(&me, "policies", me.t.get("console.nav.policies")).await?;
    Ok(render(
        &me,
        &Page {
            f,
            t: me.t,
            q,
            found: me.t.count("console.policies.found", found),
            lines,
            next,
            first,
        },
    ))
}
