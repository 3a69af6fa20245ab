//! The directory: who works here, and what one person owes.

use askama::Template;
use axum::{extract::Path, response::Response};
use axum_extra::extract::{Form, Query};
use serde::Deserialize;
use yuezhi_domain::{NoticeState, ObligationState, PersonId};
use yuezhi_store::{
    departments, obligations,
    obligations::PersonObligation,
    people::{self, PeopleFilter, Person, PersonState},
};

use super::{
    frame::{Frame, render},
    session::{Flash, PageError, SignedIn},
    ui::{Choice, Markup, address, grouped},
    words::{self, Tag},
};
use crate::{
    actions::{
        ActionError, Refusal,
        sync_directory::SyncReport,
        walk_directory::{self, Wanted},
    },
    texts::Texts,
};

const PAGE: usize = 50;
const OBLIGATIONS_SHOWN: usize = 100;

struct Line {
    href: String,
    name: String,
    staff_no: String,
    department: String,
    title: String,
    email: String,
    has_dingtalk: bool,
    is_active: bool,
}

#[derive(Template)]
#[template(path = "console/people.html")]
struct ListPage {
    f: Frame,
    t: Texts,
    lead: String,
    found: String,
    q: String,
    departments: Vec<Choice>,
    states: Vec<Choice>,
    lines: Vec<Line>,
    next: Option<String>,
    first: Option<String>,
    is_filtered: bool,
    sync: Option<SyncCard>,
}

/// How far the people are in step with the organisation's DingTalk directory.
struct SyncCard {
    is_running: bool,
    /// `12 / 40`
    progress: String,
    last: Option<Markup>,
    counts: String,
    /// Why the last one failed.
    error: Option<(String, String)>,
    findings: Vec<(String, String)>,
    /// Closed only if somebody wants it.
    held_back: String,
    not_activated: String,
    next: Option<Markup>,
}

impl SyncCard {
    async fn of(me: &SignedIn) -> Result<Option<Self>, PageError> {
        if me.app.channels().app().is_none() {
            return Ok(None);
        }
        let standing = walk_directory::standing(&me.app).await?;
        let (t, tell) = (me.t, me.teller());
        let by_itself = me.app.config.dingtalk.sync_people;
        let reason = |(code, detail): &(String, String)| {
            (t.of_value("messages.reason", code), detail.clone())
        };
        let last = standing.last;
        let held_back = last.as_ref().map_or(0, |report| report.held_back);
        Ok(Some(Self {
            is_running: standing.running,
            progress: standing
                .progress
                .map(|progress| {
                    t.with2(
                        "console.people_sync.progress",
                        "people",
                        progress.people,
                        "departments",
                        progress.departments_read,
                    )
                })
                .unwrap_or_default(),
            counts: last
                .as_ref()
                .map(|report| counts(t, report))
                .unwrap_or_default(),
            error: standing
                .ended
                .filter(|ended| !ended.dry_run)
                .and_then(|ended| ended.error.as_ref().map(reason)),
            findings: last
                .iter()
                .flat_map(|report| report.findings.iter().map(reason))
                .collect(),
            held_back: if held_back > 0 {
                t.with(
                    "console.people_sync.held_back",
                    "n",
                    grouped(held_back as i64),
                )
            } else {
                String::new()
            },
            not_activated: match last.as_ref().map_or(0, |report| report.not_activated) {
                0 => String::new(),
                n => t.with("console.people_sync.not_activated", "n", grouped(n as i64)),
            },
            last: last.map(|report| tell.at(yuezhi_domain::UnixMillis(report.at))),
            next: standing.next_at.filter(|_| by_itself).map(|at| tell.at(at)),
        }))
    }
}

fn counts(t: Texts, report: &SyncReport) -> String {
    let counts: [(&str, &dyn std::fmt::Display); 7] = [
        ("people", &report.people),
        ("departments", &report.departments),
        ("created", &report.created),
        ("updated", &report.updated),
        ("unchanged", &report.unchanged),
        ("rejoined", &report.rejoined),
        ("left", &report.left),
    ];
    t.fill("console.people_sync.counts", &counts)
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct SyncAsked {
    allow_loss: String,
}

/// Reads the directory now.
pub(super) async fn sync(
    me: SignedIn,
    Form(asked): Form<SyncAsked>,
) -> Result<Response, PageError> {
    let wanted = Wanted {
        dry_run: false,
        allow_loss: !asked.allow_loss.is_empty(),
    };
    let outcome = walk_directory::ask(&me.app, &me.actor(), wanted).await;
    me.back(
        "/console/people",
        outcome.map(|_| Flash::ok(me.t.get("console.people_sync.started"))),
    )
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Asked {
    q: String,
    /// A path; departments below it included.
    department: String,
    state: String,
    after: i64,
}

pub(super) async fn list(me: SignedIn, Query(asked): Query<Asked>) -> Result<Response, PageError> {
    let state = match asked.state.as_str() {
        "left" => PersonState::Left,
        _ => PersonState::Active,
    };
    let (search, department, after) = (
        asked.q.trim().to_owned(),
        asked.department.clone(),
        asked.after,
    );
    let (rows, found, active, tree) = me
        .app
        .db
        .read(move |tx| {
            let tree = departments::tree(tx)?;
            let below = format!("{department}/");
            let inside = |path: &str| {
                !department.is_empty() && (path == department || path.starts_with(&below))
            };
            let filter = PeopleFilter {
                department_nos: tree
                    .iter()
                    .filter(|d| inside(&d.path))
                    .map(|d| d.no)
                    .collect(),
                state: Some(state),
                search: (!search.is_empty()).then(|| search.clone()),
            };
            Ok::<_, ActionError>((
                people::list(tx, &filter, after, PAGE + 1)?,
                people::count(tx, &filter)?,
                people::count_active(tx)?,
                tree,
            ))
        })
        .await?;
    let query = |after: &str| {
        address(
            "/console/people",
            &[
                ("q", asked.q.trim()),
                ("department", &asked.department),
                ("state", &asked.state),
                ("after", after),
            ],
        )
    };
    let next = (rows.len() > PAGE)
        .then(|| {
            rows.get(PAGE - 1)
                .map(|person| query(&person.no.to_string()))
        })
        .flatten();
    let lead = me.t.with2(
        "console.people_page.lead",
        "n",
        grouped(active),
        "departments",
        tree.len(),
    );
    let root = words::root(tree.iter().map(|d| d.path.as_str()));
    let departments = std::iter::once(Choice::new(
        "",
        me.t.get("console.all_departments"),
        &asked.department,
    ))
    .chain(tree.into_iter().map(|d| {
        let label = words::below_root(&root, &d.path).to_owned();
        Choice::new(d.path, label, &asked.department)
    }))
    .collect();
    let states = [("", "active"), ("left", "left")]
        .into_iter()
        .map(|(value, word)| {
            Choice::new(
                value,
                me.t.of_value("console.person_state", word),
                &asked.state,
            )
        })
        .collect();
    let page = ListPage {
        f: Frame::load(&me, "people", me.t.get("console.nav.people")).await?,
        t: me.t,
        lead,
        found: me.t.count("console.people_page.found", found),
        departments,
        states,
        lines: rows
            .into_iter()
            .take(PAGE)
            .map(|person| line(person, &root))
            .collect(),
        next,
        first: (asked.after > 0).then(|| query("")),
        is_filtered: !asked.q.trim().is_empty()
            || !asked.department.is_empty()
            || !asked.state.is_empty(),
        sync: SyncCard::of(&me).await?,
        q: asked.q,
    };
    Ok(render(&me, &page))
}

fn line(person: Person, root: &str) -> Line {
    Line {
        href: format!("/console/people/{}", person.id),
        has_dingtalk: person.dingtalk_user_id.is_some(),
        is_active: person.is_active(),
        name: person.name,
        staff_no: person.staff_no,
        department: words::below_root(root, &person.department_path).to_owned(),
        title: person.title.unwrap_or_default(),
        email: person.email.unwrap_or_default(),
    }
}

struct Owed {
    href: String,
    title: String,
    label: String,
    requirement: String,
    state: Tag,
    due: Option<Markup>,
    opened: Option<Markup>,
    acted: Option<Markup>,
}

#[derive(Template)]
#[template(path = "console/person.html")]
struct PersonPage {
    f: Frame,
    t: Texts,
    person: Line,
    mobile: String,
    language: String,
    manager: Option<(String, String)>,
    hired_on: String,
    left: Option<Markup>,
    departments: Vec<String>,
    owed: Vec<Owed>,
    pending: usize,
}

pub(super) async fn show(me: SignedIn, Path(id): Path<String>) -> Result<Response, PageError> {
    let id: PersonId = id
        .parse()
        .map_err(|_| Refusal::not_found("person_unknown"))?;
    let (person, manager, owed, of) = me
        .app
        .db
        .read(move |tx| {
            let person =
                people::by_id(tx, &id)?.ok_or_else(|| Refusal::not_found("person_unknown"))?;
            let manager = match &person.manager_staff_no {
                Some(staff_no) => people::by_staff_no(tx, staff_no)?,
                None => None,
            };
            let owed = obligations::of_person(tx, person.no, OBLIGATIONS_SHOWN)?;
            let nos = people::department_nos(tx, person.no)?;
            let of = departments::of_nos(tx, &nos)?;
            Ok::<_, ActionError>((person, manager, owed, of))
        })
        .await?;
    let page = PersonPage {
        f: Frame::load(&me, "people", &person.name).await?,
        t: me.t,
        mobile: person.mobile.clone().unwrap_or_default(),
        language: person
            .language
            .as_deref()
            .map(|tag| me.t.of_value("console.language", tag))
            .unwrap_or_default(),
        manager: manager.map(|manager| (format!("/console/people/{}", manager.id), manager.name)),
        hired_on: person.hired_on.clone().unwrap_or_default(),
        left: person.left_at.map(|at| me.teller().at(at)),
        departments: of.into_iter().map(|d| d.path).collect(),
        pending: owed
            .iter()
            .filter(|o| o.state == ObligationState::Pending && o.notice_state == NoticeState::Open)
            .count(),
        owed: owed.iter().map(|o| owed_line(&me, o)).collect(),
        person: line(person, ""),
    };
    Ok(render(&me, &page))
}

fn owed_line(me: &SignedIn, owed: &PersonObligation) -> Owed {
    let tell = me.teller();
    let is_late =
        owed.state == ObligationState::Pending && owed.due_at.is_some_and(|due| me.now > due);
    let word = |key: &str| me.t.of_value("console.obligation", key);
    let state = match owed.state {
        ObligationState::Pending if is_late => Tag {
            kind: "bad",
            word: word("overdue"),
        },
        ObligationState::Pending => Tag {
            kind: "warn",
            word: word("pending"),
        },
        ObligationState::Acknowledged => Tag {
            kind: "ok",
            word: word("acknowledged"),
        },
        ObligationState::Closed => Tag {
            kind: "",
            word: owed.reason.as_deref().map_or_else(
                || word("closed"),
                |reason| word(&format!("closed_{reason}")),
            ),
        },
        other => Tag {
            kind: "",
            word: word(other.as_str()),
        },
    };
    Owed {
        href: format!("/console/notices/{}", owed.notice_id),
        title: owed.title.clone(),
        label: owed.label.clone(),
        requirement: words::requirement(me.t, owed.requirement),
        state,
        due: owed.due_at.map(|at| tell.at(at)),
        opened: owed.opened_at.map(|at| tell.at(at)),
        acted: owed.acted_at.map(|at| tell.at(at)),
    }
}
