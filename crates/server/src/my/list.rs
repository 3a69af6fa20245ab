//! `/my`: what I owe and what I did; `/my/policies`: what holds; `/p/{slug}`: the newest text of one policy.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};
use yuezhi_domain::{NoticeState, ObligationState, Requirement};
use yuezhi_store::{obligations, obligations::PersonObligation, policies, versions};

use super::{
    view::{self, FileLink},
    who::Me,
};
use crate::{
    actions::{ActionError, Refusal},
    app::App,
    pages,
    texts::Texts,
};

/// So many of a person's obligations are shown; the owed ones come first.
const SHOWN: usize = 200;

struct Item {
    href: String,
    title: String,
    note: String,
    late: bool,
    language: &'static str,
}

#[derive(Template)]
#[template(path = "my/owed.html")]
struct OwedPage {
    t: Texts,
    now_ms: i64,
    organisation: String,
    name: String,
    department: String,
    owed: Vec<Item>,
    done: Vec<Item>,
}

pub async fn owed(State(app): State<App>, me: Me) -> Response {
    let (person_no, department_no) = (me.person.no, me.person.department_no);
    let loaded = app
        .db
        .read(move |tx| {
            let department = yuezhi_store::departments::get(tx, department_no)?
                .map(|d| d.name)
                .unwrap_or_default();
            Ok::<_, ActionError>((obligations::of_person(tx, person_no, SHOWN)?, department))
        })
        .await;
    match loaded {
        Ok((all, department)) => pages::page(me.texts, &owed_page(&app, &me, &all, department)),
        Err(error) => pages::error_page(me.texts, &error),
    }
}

fn owed_page(app: &App, me: &Me, all: &[PersonObligation], department: String) -> OwedPage {
    let live = |o: &&PersonObligation| {
        matches!(o.notice_state, NoticeState::Open | NoticeState::Expanding)
    };
    let mut owed: Vec<&PersonObligation> = all
        .iter()
        .filter(live)
        .filter(|o| o.state == ObligationState::Pending)
        .collect();
    owed.sort_by_key(|o| (o.due_at.is_none(), o.due_at, o.notice_no));
    let mut done: Vec<&PersonObligation> = all
        .iter()
        .filter(|o| {
            o.state != ObligationState::Pending && (o.acted_at.is_some() || o.opened_at.is_some())
        })
        .collect();
    done.sort_by_key(|o| std::cmp::Reverse(o.acted_at.or(o.opened_at)));
    OwedPage {
        t: me.texts,
        now_ms: app.now().0,
        organisation: app.organisation().to_owned(),
        name: me.person.name.clone(),
        department,
        owed: owed
            .into_iter()
            .map(|o| owed_item(app, me.texts, o))
            .collect(),
        done: done
            .into_iter()
            .map(|o| done_item(app, me.texts, o))
            .collect(),
    }
}

fn owed_item(app: &App, texts: Texts, obligation: &PersonObligation) -> Item {
    let now = app.now();
    let late = obligation.due_at.is_some_and(|at| at < now);
    let due = obligation.due_at.map(|at| {
        let when = view::day_and_time(app, texts, at, now);
        texts.with(if late { "my.was_due" } else { "my.before" }, "when", when)
    });
    let asked = texts.get(match obligation.requirement {
        Requirement::Confirm => "my.to_confirm",
        Requirement::Read => "my.to_read",
        Requirement::Inform => "my.to_know",
    });
    Item {
        href: format!("/n/{}", obligation.notice_id),
        title: format!("{} {}", obligation.title, obligation.label),
        note: due
            .into_iter()
            .chain([asked.to_owned()])
            .collect::<Vec<_>>()
            .join(" · "),
        late,
        language: obligation.language.as_str(),
    }
}

fn done_item(app: &App, texts: Texts, obligation: &PersonObligation) -> Item {
    let at = obligation
        .acted_at
        .or(obligation.opened_at)
        .map(|at| view::exact(app, at))
        .unwrap_or_default();
    let state = texts.of_value("common.obligation_state", obligation.state.as_str());
    let key = if obligation.acted_at.is_none() {
        "my.opened_at"
    } else {
        "my.settled_at"
    };
    Item {
        href: format!("/n/{}", obligation.notice_id),
        title: format!("{} {}", obligation.title, obligation.label),
        note: texts.with2(key, "at", at, "state", state),
        late: false,
        language: obligation.language.as_str(),
    }
}

#[derive(Template)]
#[template(path = "my/policies.html")]
struct PoliciesPage {
    t: Texts,
    now_ms: i64,
    organisation: String,
    policies: Vec<Item>,
}

pub async fn policies(State(app): State<App>, me: Me) -> Response {
    let loaded = app
        .db
        .read(|tx| {
            Ok::<_, ActionError>(policies::list(
                tx,
                &policies::PolicyFilter::default(),
                0,
                500,
            )?)
        })
        .await;
    let rows = match loaded {
        Ok(rows) => rows,
        Err(error) => return pages::error_page(me.texts, &error),
    };
    let mut rows: Vec<_> = rows
        .into_iter()
        .filter(|row| row.version_label.is_some() && row.repealed_at.is_none())
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.published_at));
    let items = rows.into_iter().map(|row| Item {
        href: format!("/p/{}", row.slug),
        note: [
            row.category,
            row.owner,
            row.published_at
                .map(|at| view::exact(&app, at))
                .unwrap_or_default(),
        ]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" · "),
        title: format!("{} {}", row.title, row.version_label.unwrap_or_default()),
        late: false,
        language: row.language.as_str(),
    });
    let page = PoliciesPage {
        t: me.texts,
        now_ms: app.now().0,
        organisation: app.organisation().to_owned(),
        policies: items.collect(),
    };
    pages::page(me.texts, &page)
}

#[derive(Template)]
#[template(path = "my/policy.html")]
struct PolicyPage {
    t: Texts,
    now_ms: i64,
    organisation: String,
    slug: String,
    title: String,
    label: String,
    owner: String,
    effective_on: String,
    policy_language: &'static str,
    summary: String,
    outline: Vec<yuezhi_documents::OutlineEntry>,
    html: String,
    files: Vec<FileLink>,
}

impl PolicyPage {
    /// Where switching the language returns to.
    fn here(&self) -> String {
        format!("/p/{}", self.slug)
    }
}

pub async fn policy(State(app): State<App>, me: Me, Path(slug): Path<String>) -> Response {
    let now_ms = app.now().0;
    let organisation = app.organisation().to_owned();
    let texts = me.texts;
    let loaded = app
        .db
        .read(move |tx| {
            let policy = policies::by_slug(tx, &slug)?
                .ok_or_else(|| Refusal::not_found("policy_unknown").with("slug", &slug))?;
            let version = versions::latest(tx, policy.no)?
                .ok_or_else(|| Refusal::not_found("version_unknown"))?;
            let document =
                yuezhi_store::contents::get(tx, &version.document_hash)?.unwrap_or_default();
            let document: yuezhi_documents::Document =
                serde_json::from_slice(&document).map_err(ActionError::internal)?;
            let base = format!("/p/{slug}/files");
            let mut files: Vec<FileLink> = versions::list_files(tx, version.no)?
                .into_iter()
                .map(|f| FileLink {
                    href: format!("{base}/{}", f.position),
                    name: f.name,
                    size: view::size(f.size),
                    is_original: false,
                })
                .collect();
            files.push(FileLink {
                href: format!("{base}/original"),
                name: version.original_name.clone(),
                size: String::new(),
                is_original: true,
            });
            Ok::<_, ActionError>(PolicyPage {
                t: texts,
                now_ms,
                organisation: organisation.clone(),
                slug: policy.slug,
                title: version.title.clone(),
                label: version.label.clone(),
                owner: policy.owner,
                effective_on: version.effective_on.clone().unwrap_or_default(),
                policy_language: version.language.as_str(),
                summary: version.summary.clone(),
                outline: document.outline(),
                html: view::stored_text(tx, &version.html_hash)?,
                files,
            })
        })
        .await;
    match loaded {
        Ok(page) => pages::page(texts, &page),
        Err(error) => pages::error_page(texts, &error),
    }
}
