//! The page of one notice: what changed, the text, the button.

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    http::{HeaderMap, Method},
    response::Response,
};
use yuezhi_domain::{NoticeId, NoticeState, ObligationState, ReceiptKind, Requirement, UnixMillis};
use yuezhi_store::{
    StoreError, Tx, notices,
    notices::Notice,
    obligations,
    obligations::Obligation,
    policies, receipts, versions,
    versions::{Version, VersionFile},
};

use super::{
    view::{self, FileLink},
    who,
};
use crate::{
    actions::{ActionError, Refusal, RefusalKind, record_opening},
    app::App,
    pages::{self, Reader},
    texts::Texts,
};

#[derive(Debug, Default, serde::Deserialize)]
pub struct ReadQuery {
    pub k: Option<String>,
    /// The person has just confirmed.
    pub done: Option<String>,
}

/// Where the reader stands with this notice.
pub enum Standing {
    /// The button is there.
    ToConfirm,
    /// Nothing to press; opening is what was asked, or nothing.
    ToRead,
    Confirmed {
        at: String,
        number: String,
        just_now: bool,
        /// Of what was confirmed.
        text_hash: String,
        /// An earlier version was confirmed, and a minor change carried that on.
        carried_from: Option<String>,
    },
    Superseded {
        newer: Option<(String, String)>,
    },
    Cancelled {
        reason: String,
    },
    /// Declined, exempted, closed otherwise.
    Ended,
}

#[derive(Template)]
#[template(path = "my/read.html")]
struct ReadPage {
    t: Texts,
    now_ms: i64,
    organisation: String,
    notice_id: NoticeId,
    key: String,
    title: String,
    label: String,
    owner: String,
    effective_on: String,
    policy_language: &'static str,
    standing: Standing,
    due: String,
    due_note: String,
    overdue: bool,
    summary: String,
    changes: Option<Changes>,
    outline: Vec<yuezhi_documents::OutlineEntry>,
    html: String,
    files: Vec<FileLink>,
    consent: String,
    text_hash: String,
    consent_hash: String,
    person_name: String,
    staff_no: String,
    reports_opening: bool,
    owed_elsewhere: i64,
}

impl ReadPage {
    /// Where switching the language returns to; a personal link stays one.
    fn here(&self) -> String {
        if self.key.is_empty() {
            format!("/n/{}", self.notice_id)
        } else {
            format!("/n/{}?k={}", self.notice_id, self.key)
        }
    }
}

struct Changes {
    since: String,
    html: String,
    counts: String,
}

/// Everything one page needs, read in one go.
struct Loaded {
    notice: Notice,
    version: Version,
    obligation: Option<Obligation>,
    owner: String,
    html: String,
    document: Vec<u8>,
    files: Vec<VersionFile>,
    before: Option<(Version, bool)>,
    /// What stands of a confirmation, if there is one.
    stands: Option<Stands>,
    newer: Option<(String, String)>,
    owed_elsewhere: usize,
}

pub async fn notice(
    State(app): State<App>,
    method: Method,
    reader: Reader,
    headers: HeaderMap,
    Path(notice): Path<String>,
    Query(query): Query<ReadQuery>,
) -> Response {
    match show(&app, &method, reader, &headers, &notice, &query).await {
        Ok(response) => response,
        Err(error) => pages::error_page(reader.texts, &error),
    }
}

async fn show(
    app: &App,
    method: &Method,
    reader: Reader,
    headers: &HeaderMap,
    notice: &str,
    query: &ReadQuery,
) -> Result<Response, ActionError> {
    let notice_id: NoticeId = notice
        .parse()
        .map_err(|_| Refusal::not_found("notice_unknown"))?;
    let notice_no = app
        .db
        .read(move |tx| Ok::<_, ActionError>(notices::by_id(tx, &notice_id)?.map(|n| n.no)))
        .await?
        .ok_or_else(|| Refusal::not_found("notice_unknown"))?;
    let Some(who) = who::reader_of_notice(app, headers, notice_no, query.k.as_deref()).await?
    else {
        return Ok(who::to_sign_in(&format!("/n/{notice_id}")));
    };
    let texts = who::language_of(&who.person, headers, reader.texts);
    let person_no = who.person.no;
    let real_look = *method == Method::GET && !who::is_looking_ahead(headers);
    if real_look && who.key.is_none() {
        let opening = record_opening::Opening {
            notice_no,
            person_no,
            source: who.source,
            language: texts.language,
            detail: who.detail(headers),
        };
        record_opening::record_opening(app, opening).await?;
    }
    let loaded = app
        .db
        .read(move |tx| load(tx, notice_no, person_no))
        .await?;
    if loaded.obligation.is_none() {
        return Err(Refusal::new(RefusalKind::Forbidden, "not_in_audience").into());
    }
    let page = build(app, texts, &who, query, loaded).await?;
    Ok(pages::page(texts, &page))
}

fn load(tx: &mut Tx<'_>, notice_no: i64, person_no: i64) -> Result<Loaded, ActionError> {
    let gone = || Refusal::not_found("notice_unknown");
    let notice = notices::get(tx, notice_no)?.ok_or_else(gone)?;
    let version = versions::get(tx, notice.version_no)?.ok_or_else(gone)?;
    let policy = policies::get(tx, notice.policy_no)?.ok_or_else(gone)?;
    let confirmed =
        receipts::last_confirmed_version(tx, notice.policy_no, person_no, notice.version_no)?;
    let before = match confirmed {
        Some(no) => versions::get(tx, no)?.map(|v| (v, true)),
        None => versions::previous(tx, version.policy_no, version.number)?.map(|v| (v, false)),
    };
    let newer = match notice.state {
        NoticeState::Superseded => {
            let next = notices::of_policy(tx, notice.policy_no, 1)?
                .into_iter()
                .next()
                .filter(|n| n.no > notice.no);
            match next {
                Some(next) => {
                    versions::get(tx, next.version_no)?.map(|v| (next.id.to_string(), v.label))
                }
                None => None,
            }
        }
        _ => None,
    };
    let owed = obligations::of_person(tx, person_no, 100)?;
    Ok(Loaded {
        owner: policy.owner,
        html: view::stored_text(tx, &version.html_hash)?,
        document: yuezhi_store::contents::get(tx, &version.document_hash)?.unwrap_or_default(),
        files: versions::list_files(tx, version.no)?,
        obligation: obligations::get(tx, notice_no, person_no)?,
        stands: stands(tx, notice_no, person_no)?,
        owed_elsewhere: owed
            .iter()
            .filter(|o| o.state == ObligationState::Pending && o.notice_no != notice_no)
            .count(),
        before,
        newer,
        version,
        notice,
    })
}

/// The receipt of a confirmation; of one that a minor change carried on, the act it stands on.
struct Stands {
    number: String,
    at: UnixMillis,
    text_hash: String,
    /// The label of the version that was confirmed, if it was an earlier one.
    carried_from: Option<String>,
}

/// Minor changes in a row that a confirmation may have been carried over.
const LONGEST_CHAIN: usize = 100;

fn stands(tx: &mut Tx<'_>, notice_no: i64, person_no: i64) -> Result<Option<Stands>, StoreError> {
    let confirming = receipts::of_obligation(tx, notice_no, person_no)?
        .into_iter()
        .find(|r| matches!(r.kind, ReceiptKind::Acknowledged | ReceiptKind::Carried));
    let Some(first) = confirming else {
        return Ok(None);
    };
    let mut act = first.clone();
    for _ in 0..LONGEST_CHAIN {
        if act.kind != ReceiptKind::Carried {
            break;
        }
        let Some(earlier) = carried_receipt(&act.detail)
            .map(|id| receipts::by_id(tx, &id))
            .transpose()?
            .flatten()
        else {
            break;
        };
        act = earlier;
    }
    let carried_from = match first.kind {
        ReceiptKind::Carried => versions::get(tx, act.version_no)?.map(|version| version.label),
        _ => None,
    };
    Ok(Some(Stands {
        number: first.id.to_string(),
        at: act.at,
        text_hash: act.text_hash.to_string(),
        carried_from,
    }))
}

/// The receipt that a carried one names in its detail.
fn carried_receipt(detail: &str) -> Option<yuezhi_domain::ReceiptId> {
    let detail: serde_json::Value = serde_json::from_str(detail).ok()?;
    detail["receipt"].as_str()?.parse().ok()
}

async fn build(
    app: &App,
    texts: Texts,
    who: &who::ReaderOfNotice,
    query: &ReadQuery,
    loaded: Loaded,
) -> Result<ReadPage, ActionError> {
    let now = app.now();
    let changes = changes(app, texts, &loaded).await;
    let standing = standing(app, &loaded, query);
    let document: yuezhi_documents::Document =
        serde_json::from_slice(&loaded.document).map_err(ActionError::internal)?;
    let due_at = loaded
        .obligation
        .as_ref()
        .and_then(|o| o.due_at)
        .or(loaded.notice.due_at);
    let overdue = due_at.is_some_and(|at| at < now);
    let first_look = loaded
        .obligation
        .as_ref()
        .is_some_and(|o| o.opened_at.is_none());
    let link_suffix = who
        .key
        .as_deref()
        .map(|k| format!("?k={k}"))
        .unwrap_or_default();
    Ok(ReadPage {
        t: texts,
        now_ms: now.0,
        organisation: app.organisation().to_owned(),
        notice_id: loaded.notice.id,
        key: who.key.clone().unwrap_or_default(),
        title: loaded.notice.title.clone(),
        label: loaded.version.label.clone(),
        owner: loaded.owner.clone(),
        effective_on: loaded.version.effective_on.clone().unwrap_or_default(),
        policy_language: loaded.version.language.as_str(),
        due: due_at
            .map(|at| view::day_and_time(app, texts, at, now))
            .unwrap_or_default(),
        due_note: due_at
            .map(|at| due_note(app, texts, at, now))
            .unwrap_or_default(),
        overdue,
        summary: loaded.version.summary.clone(),
        changes,
        outline: document.outline(),
        files: files(&loaded, &link_suffix),
        html: loaded.html,
        consent: loaded.notice.consent_text.clone(),
        text_hash: loaded.version.text_hash.to_string(),
        consent_hash: loaded.notice.consent_hash.to_string(),
        person_name: who.person.name.clone(),
        staff_no: who.person.staff_no.clone(),
        reports_opening: first_look && who.key.is_some(),
        owed_elsewhere: loaded.owed_elsewhere as i64,
        standing,
    })
}

fn standing(app: &App, loaded: &Loaded, query: &ReadQuery) -> Standing {
    let state = loaded.obligation.as_ref().map(|o| o.state);
    match (state, loaded.notice.state) {
        (Some(ObligationState::Acknowledged), _) => {
            let stands = loaded.stands.as_ref();
            let acted_at = loaded.obligation.as_ref().and_then(|o| o.acted_at);
            Standing::Confirmed {
                at: stands
                    .map(|stands| stands.at)
                    .or(acted_at)
                    .map(|at| view::exact(app, at))
                    .unwrap_or_default(),
                number: stands
                    .map(|stands| stands.number.clone())
                    .unwrap_or_default(),
                just_now: query.done.is_some(),
                text_hash: stands.map_or_else(
                    || loaded.version.text_hash.to_string(),
                    |stands| stands.text_hash.clone(),
                ),
                carried_from: stands.and_then(|stands| stands.carried_from.clone()),
            }
        }
        (_, NoticeState::Superseded) => Standing::Superseded {
            newer: loaded.newer.clone(),
        },
        (_, NoticeState::Cancelled) => Standing::Cancelled {
            reason: loaded.notice.close_reason.clone().unwrap_or_default(),
        },
        (Some(ObligationState::Pending | ObligationState::Declined), _)
            if loaded.notice.requirement == Requirement::Confirm =>
        {
            Standing::ToConfirm
        }
        _ if loaded.notice.requirement == Requirement::Confirm => Standing::Ended,
        _ => Standing::ToRead,
    }
}

/// Missing where there is nothing to compare with, and where comparing fails: the text must stay readable.
async fn changes(app: &App, texts: Texts, loaded: &Loaded) -> Option<Changes> {
    let (before, confirmed) = loaded.before.as_ref()?;
    let comparison = view::comparison(app, before, &loaded.version, texts.language)
        .await
        .inspect_err(|error| tracing::error!(version = %loaded.version.id, %error, "versions cannot be compared"))
        .ok()?;
    let key = if *confirmed {
        "my.since_confirmed"
    } else {
        "my.since_previous"
    };
    let counts = &comparison.counts;
    let parts = [
        (
            "my.count_reworded",
            counts.reworded + counts.moved_and_reworded,
        ),
        ("my.count_added", counts.added),
        ("my.count_deleted", counts.deleted),
        ("my.count_moved", counts.moved),
    ];
    let told: Vec<String> = parts
        .iter()
        .filter(|(_, n)| *n > 0)
        .map(|(key, n)| texts.count(key, *n as i64))
        .collect();
    Some(Changes {
        since: texts.with(key, "label", &before.label),
        html: comparison.html,
        counts: told.join(texts.get("my.count_join")),
    })
}

/// `还剩 4 个工作日`, `逾期 2 个工作日`.
fn due_note(app: &App, texts: Texts, due: UnixMillis, now: UnixMillis) -> String {
    let day = |at: UnixMillis| at.in_zone(app.time_zone.zone()).date();
    let (today, due_day) = (day(now), day(due));
    let calendar = app.calendar();
    if today == due_day && due >= now {
        return texts.get("my.due_today").to_owned();
    }
    let (key, workdays) = if due < now {
        (
            "my.late_workdays",
            calendar.workdays_between(due_day, today),
        )
    } else {
        (
            "my.left_workdays",
            calendar.workdays_between(today, due_day),
        )
    };
    // Within a weekend, or late by hours: the date above says it better.
    match workdays {
        0 => String::new(),
        n => texts.count(key, n as i64),
    }
}

fn files(loaded: &Loaded, suffix: &str) -> Vec<FileLink> {
    let base = format!("/n/{}/files", loaded.notice.id);
    let mut files: Vec<FileLink> = loaded
        .files
        .iter()
        .map(|file| FileLink {
            href: format!("{base}/{}{suffix}", file.position),
            name: file.name.clone(),
            size: view::size(file.size),
            is_original: false,
        })
        .collect();
    files.push(FileLink {
        href: format!("{base}/original{suffix}"),
        name: loaded.version.original_name.clone(),
        size: String::new(),
        is_original: true,
    });
    files
}
