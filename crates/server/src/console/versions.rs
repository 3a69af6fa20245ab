//! One version: its text, its files, and what changed against any other.

use std::time::Duration;

use askama::Template;
use axum::{
    extract::Path,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use axum_extra::extract::Query;
use serde::Deserialize;
use yuezhi_documents::{Diff, DiffLabels, Document};
use yuezhi_domain::ContentHash;
use yuezhi_store::{StoreError, Tx, contents, versions, versions::Version};

use super::{
    frame::{Frame, render},
    policy::find,
    session::{PageError, SignedIn},
    ui::{Choice, address},
};
use crate::{
    actions::{ActionError, Refusal},
    documents::bounded,
    media,
    texts::{Language, Texts},
};

/// How long a comparison may take.
const LONGEST_DIFF: Duration = Duration::from_secs(20);

/// The words of the diff in the reader's language; the versions' own names where they are known.
pub(super) fn labels(t: Texts, old: Option<&str>, new: Option<&str>) -> DiffLabels {
    let mut labels = match t.language {
        Language::ZhCn => DiffLabels::chinese(),
        Language::En => DiffLabels::english(),
    };
    if let Some(old) = old {
        old.clone_into(&mut labels.old_version);
    }
    if let Some(new) = new {
        new.clone_into(&mut labels.new_version);
    }
    labels
}

/// 「修改 3 处，新增 1 处…」
pub(super) fn counts(t: Texts, diff: &Diff) -> String {
    let counts = diff.counts();
    let parts = [
        ("reworded", counts.reworded + counts.moved_and_reworded),
        ("added", counts.added),
        ("deleted", counts.deleted),
        ("moved", counts.moved + counts.moved_and_reworded),
        ("renumbered", counts.renumbered),
    ];
    let told: Vec<String> = parts
        .iter()
        .filter(|(_, n)| *n > 0)
        .map(|(what, n)| t.with(&format!("console.changes.{what}"), "n", n))
        .collect();
    if told.is_empty() {
        t.get("console.changes.none").to_owned()
    } else {
        told.join(" · ")
    }
}

fn version_of(all: &[Version], number: i64) -> Result<&Version, ActionError> {
    all.iter()
        .find(|version| version.number == number)
        .ok_or_else(|| Refusal::not_found("version_unknown").into())
}

fn content(tx: &mut Tx<'_>, hash: &ContentHash) -> Result<Vec<u8>, ActionError> {
    contents::get(tx, hash)?.ok_or_else(|| {
        ActionError::from(StoreError::Damaged(format!(
            "content {} is missing",
            hash.short()
        )))
    })
}

#[derive(Template)]
#[template(path = "console/version.html")]
struct TextPage {
    f: Frame,
    t: Texts,
    slug: String,
    title: String,
    language: &'static str,
    label: String,
    summary: String,
    html: String,
    file_href: String,
    changes_href: Option<String>,
}

pub(super) async fn text(
    me: SignedIn,
    Path((slug, number)): Path<(String, i64)>,
) -> Result<Response, PageError> {
    let (policy, version, html) = me
        .app
        .db
        .read(move |tx| {
            let (policy, all) = find(tx, &slug)?;
            let version = version_of(&all, number)?.clone();
            let html = content(tx, &version.html_hash)?;
            Ok::<_, ActionError>((policy, version, html))
        })
        .await?;
    let base = format!("/console/policies/{}", policy.slug);
    let page = TextPage {
        f: Frame::load(
            &me,
            "policies",
            format!("{} {}", version.title, version.label),
        )
        .await?,
        t: me.t,
        slug: policy.slug,
        title: version.title,
        language: version.language.as_str(),
        label: version.label,
        summary: version.summary,
        html: String::from_utf8(html).map_err(ActionError::internal)?,
        file_href: format!("{base}/versions/{number}/files/original"),
        changes_href: (number > 1).then(|| format!("{base}/changes?to={number}")),
    };
    Ok(render(&me, &page))
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Compared {
    from: Option<i64>,
    to: Option<i64>,
    /// `sides`, or one below the other.
    view: String,
}

#[derive(Template)]
#[template(path = "console/changes.html")]
struct ChangesPage {
    f: Frame,
    t: Texts,
    slug: String,
    title: String,
    language: &'static str,
    old_label: String,
    new_label: String,
    summary: String,
    counts: String,
    diff: String,
    is_sides: bool,
    inline_href: String,
    sides_href: String,
    from: Vec<Choice>,
    to: i64,
    view: String,
}

pub(super) async fn changes(
    me: SignedIn,
    Path(slug): Path<String>,
    Query(asked): Query<Compared>,
) -> Result<Response, PageError> {
    let (policy, all, old, new, documents) = me
        .app
        .db
        .read(move |tx| {
            let (policy, all) = find(tx, &slug)?;
            let newest = all.first().map_or(1, |version| version.number);
            let to = asked.to.unwrap_or(newest);
            let from = asked.from.unwrap_or(to - 1);
            let (old, new) = (
                version_of(&all, from)?.clone(),
                version_of(&all, to)?.clone(),
            );
            let documents = (
                content(tx, &old.document_hash)?,
                content(tx, &new.document_hash)?,
            );
            Ok::<_, ActionError>((policy, all, old, new, documents))
        })
        .await?;
    let is_sides = asked.view == "sides";
    let labels = labels(me.t, Some(&old.label), Some(&new.label));
    let t = me.t;
    let (diff, counts) = bounded(LONGEST_DIFF, move || {
        let read =
            |bytes: &[u8]| serde_json::from_slice::<Document>(bytes).map_err(ActionError::internal);
        let diff = yuezhi_documents::diff(
            &read(&documents.0)?.clauses(),
            &read(&documents.1)?.clauses(),
        );
        let html = if is_sides {
            diff.side_by_side_html(&labels)
        } else {
            diff.html(&labels)
        };
        Ok::<_, ActionError>((html, counts(t, &diff)))
    })
    .await??;
    let path = format!("/console/policies/{}/changes", policy.slug);
    let (from, to) = (old.number.to_string(), new.number.to_string());
    let page = ChangesPage {
        f: Frame::load(&me, "policies", format!("{} → {}", old.label, new.label)).await?,
        t: me.t,
        inline_href: address(&path, &[("from", &from), ("to", &to)]),
        sides_href: address(&path, &[("from", &from), ("to", &to), ("view", "sides")]),
        from: all
            .iter()
            .filter(|v| v.number != new.number)
            .map(|v| {
                Choice::new(
                    v.number.to_string(),
                    me.t.with("console.changes.with", "label", &v.label),
                    &from,
                )
            })
            .collect(),
        to: new.number,
        view: asked.view,
        slug: policy.slug,
        title: new.title,
        language: new.language.as_str(),
        old_label: old.label,
        new_label: new.label,
        summary: new.summary,
        counts,
        diff,
        is_sides,
    };
    Ok(render(&me, &page))
}

/// `original` or the position of an attachment. Only kinds that browsers show harmlessly are shown in place.
pub(super) async fn file(
    me: SignedIn,
    Path((slug, number, file)): Path<(String, i64, String)>,
) -> Result<Response, PageError> {
    let (name, media_type, bytes) = me
        .app
        .db
        .read(move |tx| {
            let (_, all) = find(tx, &slug)?;
            let version = version_of(&all, number)?;
            let (name, media_type, hash) = if file == "original" {
                (
                    version.original_name.clone(),
                    version.original_media_type.clone(),
                    version.original_hash,
                )
            } else {
                let attachment = versions::list_files(tx, version.no)?
                    .into_iter()
                    .find(|attachment| attachment.position.to_string() == file)
                    .ok_or_else(|| Refusal::not_found("page_unknown"))?;
                (attachment.name, attachment.media_type, attachment.hash)
            };
            let bytes = content(tx, &hash)?;
            Ok::<_, ActionError>((name, media_type, bytes))
        })
        .await?;
    let disposition = if media::shown_inline(&media_type) {
        "inline"
    } else {
        "attachment"
    };
    let encoded: String = url::form_urlencoded::byte_serialize(name.as_bytes())
        .collect::<String>()
        .replace('+', "%20");
    let value = format!("{disposition}; filename*=UTF-8''{encoded}");
    let mut response = ([(header::CONTENT_TYPE, media_type)], bytes).into_response();
    let value = HeaderValue::from_str(&value).map_err(ActionError::internal)?;
    response
        .headers_mut()
        .insert(header::CONTENT_DISPOSITION, value);
    response.headers_mut().insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-store"),
    );
    Ok(response)
}
