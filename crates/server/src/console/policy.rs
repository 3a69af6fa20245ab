//! One policy: its versions, its notices, where to read and to download.

use askama::Template;
use axum::{extract::Path, response::Response};
use yuezhi_domain::VersionState;
use yuezhi_store::{
    Tx, notices, notices::NoticeFilter, policies, policies::Policy, versions, versions::Version,
};

use super::{
    frame::{Frame, render},
    notices::Line,
    session::{PageError, SignedIn},
    ui::{Choice, Markup, file_size},
    words,
};
use crate::{
    actions::{ActionError, Refusal},
    texts::Texts,
};

const NOTICES_SHOWN: usize = 20;

/// A policy and its versions, newest first.
pub(super) fn find(tx: &mut Tx<'_>, slug: &str) -> Result<(Policy, Vec<Version>), ActionError> {
    let policy = policies::by_slug(tx, slug)?
        .ok_or_else(|| Refusal::not_found("policy_unknown").with("slug", slug))?;
    let all = versions::list(tx, policy.no)?;
    Ok((policy, all))
}

struct VersionLine {
    label: String,
    is_current: bool,
    is_repealed: bool,
    change: String,
    summary: String,
    published: Markup,
    by: String,
    effective: String,
    text_href: String,
    changes_href: Option<String>,
    file_href: String,
}

struct FileLine {
    href: String,
    name: String,
    size: String,
}

struct Current {
    label: String,
    effective: String,
    original: FileLine,
    attachments: Vec<FileLine>,
    fingerprint: String,
    source: String,
}

#[derive(Template)]
#[template(path = "console/policy.html")]
struct Page {
    f: Frame,
    t: Texts,
    title: String,
    language: &'static str,
    slug: String,
    lead: String,
    versions: Vec<VersionLine>,
    lines: Vec<Line>,
    current: Option<Current>,
    permalink: String,
    from: Vec<Choice>,
    to: Vec<Choice>,
}

pub(super) async fn show(me: SignedIn, Path(slug): Path<String>) -> Result<Response, PageError> {
    let (policy, all, files, rows) = me
        .app
        .db
        .read(move |tx| {
            let (policy, all) = find(tx, &slug)?;
            let files = match all.first() {
                Some(newest) => versions::list_files(tx, newest.no)?,
                None => Vec::new(),
            };
            let filter = NoticeFilter {
                policy_no: Some(policy.no),
                ..NoticeFilter::default()
            };
            let rows = notices::list(tx, &filter, 0, NOTICES_SHOWN)?;
            Ok::<_, ActionError>((policy, all, files, rows))
        })
        .await?;
    let base = format!("/console/policies/{}", policy.slug);
    let choices = |current: i64| {
        all.iter()
            .map(|v| Choice::new(v.number.to_string(), v.label.clone(), &current.to_string()))
            .collect::<Vec<_>>()
    };
    let newest = all.first().map_or(1, |v| v.number);
    let page = Page {
        f: Frame::load(&me, "policies", &policy.title).await?,
        t: me.t,
        language: policy.language.as_str(),
        lead: lead(&me, &policy),
        versions: all
            .iter()
            .map(|version| version_line(&me, &base, version))
            .collect(),
        lines: rows.iter().map(|row| Line::of(&me, row)).collect(),
        current: all
            .first()
            .map(|version| current(&me, &base, version, &files)),
        permalink: format!("{}/p/{}", me.app.public_url(), policy.slug),
        from: choices(newest - 1),
        to: choices(newest),
        title: policy.title,
        slug: policy.slug,
    };
    Ok(render(&me, &page))
}

fn lead(me: &SignedIn, policy: &Policy) -> String {
    let owner = (!policy.owner.is_empty())
        .then(|| me.t.with("console.policy.owner", "owner", &policy.owner));
    let category = (!policy.category.is_empty()).then(|| policy.category.clone());
    owner
        .into_iter()
        .chain(category)
        .collect::<Vec<_>>()
        .join(" · ")
}

fn version_line(me: &SignedIn, base: &str, version: &Version) -> VersionLine {
    let number = version.number;
    VersionLine {
        label: version.label.clone(),
        is_current: version.state == VersionState::Published,
        is_repealed: version.state == VersionState::Repealed,
        change: me.t.of_value("console.change", version.change.as_str()),
        summary: version.summary.clone(),
        published: me.teller().at(version.published_at),
        by: words::actor(me.t, &version.published_by),
        effective: version
            .effective_on
            .as_ref()
            .map(|date| me.t.with("console.effective_from", "date", date))
            .unwrap_or_default(),
        text_href: format!("{base}/versions/{number}"),
        changes_href: (number > 1).then(|| format!("{base}/changes?to={number}")),
        file_href: format!("{base}/versions/{number}/files/original"),
    }
}

fn current(
    me: &SignedIn,
    base: &str,
    version: &Version,
    files: &[versions::VersionFile],
) -> Current {
    let files_base = format!("{base}/versions/{}/files", version.number);
    Current {
        label: version.label.clone(),
        effective: version.effective_on.clone().unwrap_or_default(),
        original: FileLine {
            href: format!("{files_base}/original"),
            name: version.original_name.clone(),
            size: String::new(),
        },
        attachments: files
            .iter()
            .map(|file| FileLine {
                href: format!("{files_base}/{}", file.position),
                name: file.name.clone(),
                size: file_size(file.size),
            })
            .collect(),
        fingerprint: version.text_hash.to_string(),
        source: me.t.of_value("console.source", &version.source),
    }
}
