//! Brings departments and people in step with the organisation's DingTalk directory.
//!
//! Called by `walk_directory` (a whole walk) and by the Stream worker (one person).
//! Invariants: identity is the DingTalk user id, then the union id, then the staff number; only people whom
//! the directory kept up to date before can be missed by it; a walk that did not see everything closes nobody; one that
//! would lose many is stopped and asks. Weakness: a department that was renamed moves its people's path at the next walk.

use std::collections::{BTreeMap, HashMap};

use yuezhi_channels::directory::{DirectoryDepartment, DirectoryPerson, DirectorySnapshot};
use yuezhi_domain::{IdSource, UnixMillis};
use yuezhi_store::{
    StoreError, Tx, audit, chat_groups, departments,
    departments::NewDepartment,
    people::{self, Change, NewPerson},
    settings,
};

use super::{ActionError, keep_people, walk_directory};
use crate::app::App;

/// Where the last walk stands in `settings`, as JSON of [`SyncReport`].
pub const SYNC_SETTING: &str = "directory_sync";

/// What a walk changed, or would.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct SyncReport {
    pub at: i64,
    pub departments: usize,
    pub people: usize,
    pub created: usize,
    pub updated: usize,
    pub unchanged: usize,
    pub rejoined: usize,
    pub left: usize,
    /// People whom it would have closed, had it not been stopped: many at once.
    pub held_back: usize,
    /// Have not activated DingTalk.
    pub not_activated: usize,
    /// The app may see everything it was asked for.
    pub complete: bool,
    /// Whether anything was written.
    pub applied: bool,
    /// What the app was not shown: code and detail.
    pub findings: Vec<(String, String)>,
}

/// How a walk is to be applied.
#[derive(Debug, Clone)]
pub struct Apply {
    /// As it stands in the audit trail.
    pub actor: String,
    /// Count only.
    pub dry_run: bool,
    /// An administrator has seen that many would be closed, and wants it.
    pub allow_loss: bool,
}

/// `dingtalk:4711`
fn source_of(department_id: i64) -> String {
    format!("{SOURCE}{department_id}")
}

const SOURCE: &str = "dingtalk:";
/// Kept of one walk.
const MOST_FINDINGS: usize = 20;

/// Applies a whole walk in one transaction.
pub async fn apply(
    app: &App,
    snapshot: DirectorySnapshot,
    how: Apply,
) -> Result<SyncReport, ActionError> {
    let now = app.now();
    let ids = app.ids.clone();
    let done = app
        .db
        .write(move |tx| {
            let report = apply_in(tx, &snapshot, &how, now, &ids)?;
            if how.dry_run {
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
            Ok(report)
        }
        Err(Stop::DryRun(report)) => Ok(SyncReport {
            applied: false,
            ..report
        }),
        Err(Stop::Action(error)) => Err(error),
    }
}

/// Rolls the transaction back; a dry run is a real run that ends with this.
enum Stop {
    DryRun(SyncReport),
    Action(ActionError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Action(error.into())
    }
}

fn apply_in(
    tx: &mut Tx<'_>,
    snapshot: &DirectorySnapshot,
    how: &Apply,
    now: UnixMillis,
    ids: &IdSource,
) -> Result<SyncReport, Stop> {
    let mut report = SyncReport {
        at: now.0,
        departments: snapshot.departments.len(),
        people: snapshot.people.len(),
        complete: snapshot.complete,
        applied: true,
        findings: snapshot
            .findings
            .iter()
            .take(MOST_FINDINGS)
            .map(|finding| (finding.why.code.to_owned(), finding.why.detail.clone()))
            .collect(),
        ..SyncReport::default()
    };
    let department_nos = keep_departments(tx, &snapshot.departments, ids, now)?;
    let staff_nos = staff_nos(tx, &snapshot.people)?;
    for person in &snapshot.people {
        let change = keep_person(tx, person, &staff_nos, &department_nos, ids, now)?;
        match change {
            Change::Created => report.created += 1,
            Change::Updated => report.updated += 1,
            Change::Unchanged => report.unchanged += 1,
            Change::Rejoined => report.rejoined += 1,
        }
        report.not_activated += usize::from(!person.active);
    }
    if snapshot.complete {
        let present: Vec<&str> = snapshot
            .people
            .iter()
            .map(|person| person.user_id.as_str())
            .collect();
        let missing = people::synced_not_in(tx, &present)?;
        let synced = people::count_synced(tx)?;
        if !how.allow_loss && keep_people::loses_many(missing.len(), synced) {
            report.held_back = missing.len();
        } else {
            for person_no in &missing {
                report.left += usize::from(keep_people::let_go(tx, *person_no, now)?);
            }
        }
        close_departments(tx, &department_nos, now)?;
    }
    chat_groups::sync_all_at(tx, now)?;
    let text = serde_json::to_string(&report).map_err(ActionError::internal);
    settings::put(tx, SYNC_SETTING, &text.map_err(Stop::Action)?)?;
    if report.created + report.updated + report.rejoined + report.left + report.held_back > 0 {
        let detail = serde_json::json!({
            "created": report.created, "updated": report.updated, "rejoined": report.rejoined,
            "left": report.left, "held_back": report.held_back,
        });
        audit::append(
            tx,
            now,
            &how.actor,
            "people.synced",
            "people:all",
            &detail.to_string(),
        )?;
    }
    Ok(report)
}

/// The departments by the directory's id. Paths leave the root out, as long as nobody is asked to be in it.
fn keep_departments(
    tx: &mut Tx<'_>,
    all: &[DirectoryDepartment],
    ids: &IdSource,
    now: UnixMillis,
) -> Result<HashMap<i64, i64>, StoreError> {
    let by_id: HashMap<i64, &DirectoryDepartment> = all.iter().map(|one| (one.id, one)).collect();
    let mut ordered: Vec<(usize, String, &DirectoryDepartment)> = all
        .iter()
        .map(|one| {
            let names = names_to(one, &by_id);
            (names.len(), names.join("/"), one)
        })
        .collect();
    ordered.sort_by(|one, other| (one.0, &one.1, one.2.id).cmp(&(other.0, &other.1, other.2.id)));
    let mut nos = HashMap::new();
    for (_, path, department) in ordered {
        let source_id = source_of(department.id);
        departments::adopt(tx, &path, &source_id)?;
        let parent_no = department
            .parent_id
            .filter(|parent| !is_root(*parent, &by_id))
            .and_then(|parent| nos.get(&parent).copied());
        let new = NewDepartment {
            source_id,
            parent_no,
            name: clean(&department.name),
            path,
        };
        nos.insert(department.id, departments::upsert(tx, &new, ids, now)?);
    }
    Ok(nos)
}

fn is_root(id: i64, by_id: &HashMap<i64, &DirectoryDepartment>) -> bool {
    by_id
        .get(&id)
        .is_none_or(|department| department.parent_id.is_none() && department.id == 1)
}

/// The names from below the root down; of the root itself its own.
fn names_to(
    department: &DirectoryDepartment,
    by_id: &HashMap<i64, &DirectoryDepartment>,
) -> Vec<String> {
    const DEEPEST: usize = 30;
    let mut names = vec![clean(&department.name)];
    let mut above = department.parent_id;
    while let Some(parent) = above.and_then(|id| by_id.get(&id)) {
        if is_root(parent.id, by_id) || names.len() > DEEPEST {
            break;
        }
        names.push(clean(&parent.name));
        above = parent.parent_id;
    }
    names.reverse();
    names
}

/// A slash in a name would look like another level.
fn clean(name: &str) -> String {
    name.trim().replace('/', "／")
}

/// The staff number of each user id: the one the person has here, else a job number nobody else has, else the user id.
fn staff_nos(
    tx: &mut Tx<'_>,
    all: &[DirectoryPerson],
) -> Result<BTreeMap<String, String>, StoreError> {
    let mut wanted: HashMap<&str, usize> = HashMap::new();
    for number in all
        .iter()
        .filter_map(|person| person.job_number.as_deref().map(str::trim))
    {
        *wanted.entry(number).or_default() += 1;
    }
    let mut staff_nos = BTreeMap::new();
    for person in all {
        let known = match people::by_dingtalk_user_id(tx, &person.user_id)? {
            Some(known) => Some(known),
            None => by_union_id(tx, person)?,
        };
        let staff_no = match known.map(|known| known.staff_no) {
            Some(staff_no) => staff_no,
            None => new_staff_no(tx, person, &wanted)?,
        };
        staff_nos.insert(person.user_id.clone(), staff_no);
    }
    Ok(staff_nos)
}

/// Who was taken in anew by the organisation may have another user id; the human being is the same.
fn by_union_id(
    tx: &mut Tx<'_>,
    person: &DirectoryPerson,
) -> Result<Option<people::Person>, StoreError> {
    let union_id = person.union_id.as_deref().unwrap_or_default();
    if union_id.is_empty() {
        return Ok(None);
    }
    match people::no_by_union_id(tx, union_id)? {
        Some(no) => people::get(tx, no),
        None => Ok(None),
    }
}

fn new_staff_no(
    tx: &mut Tx<'_>,
    person: &DirectoryPerson,
    wanted: &HashMap<&str, usize>,
) -> Result<String, StoreError> {
    let number = person
        .job_number
        .as_deref()
        .map(str::trim)
        .filter(|number| !number.is_empty() && wanted.get(number) == Some(&1));
    if let Some(number) = number {
        let holder = people::by_staff_no(tx, number)?;
        // A list brought them in before the directory did: the same person if no other user id stands there.
        if holder.is_none_or(|holder| holder.dingtalk_user_id.is_none()) {
            return Ok(number.to_owned());
        }
    }
    Ok(person.user_id.clone())
}

fn keep_person(
    tx: &mut Tx<'_>,
    person: &DirectoryPerson,
    staff_nos: &BTreeMap<String, String>,
    department_nos: &HashMap<i64, i64>,
    ids: &IdSource,
    now: UnixMillis,
) -> Result<Change, StoreError> {
    let staff_no = staff_nos
        .get(&person.user_id)
        .cloned()
        .unwrap_or_else(|| person.user_id.clone());
    let known = people::by_staff_no(tx, &staff_no)?;
    // What the app may not see must not wipe out what a list has told.
    let or_known = |told: &Option<String>, pick: fn(&people::Person) -> Option<String>| {
        told.clone().or_else(|| known.as_ref().and_then(pick))
    };
    let new = NewPerson {
        dingtalk_user_id: Some(person.user_id.clone()),
        name: person.name.trim().to_owned(),
        email: or_known(&person.email, |known| known.email.clone()),
        mobile: or_known(&person.mobile, |known| known.mobile.clone()),
        title: or_known(&person.title, |known| known.title.clone()),
        language: known.as_ref().and_then(|known| known.language.clone()),
        department_nos: department_nos_of(tx, person, known.as_ref(), department_nos)?,
        manager_staff_no: person
            .manager_user_id
            .as_ref()
            .and_then(|manager| staff_nos.get(manager).cloned())
            .or_else(|| {
                known
                    .as_ref()
                    .and_then(|known| known.manager_staff_no.clone())
            }),
        hired_on: or_known(&person.hired_on, |known| known.hired_on.clone()),
        staff_no,
    };
    let upserted = keep_people::take_in(tx, &new, ids, now)?;
    let union_id = person.union_id.as_deref().unwrap_or_default();
    people::set_directory(tx, upserted.no, union_id, person.active, now)?;
    Ok(upserted.change)
}

/// The platform names no main department: whoever has one here keeps it as long as they belong to it.
fn department_nos_of(
    tx: &mut Tx<'_>,
    person: &DirectoryPerson,
    known: Option<&people::Person>,
    department_nos: &HashMap<i64, i64>,
) -> Result<Vec<i64>, StoreError> {
    let mut nos = Vec::new();
    for id in &person.department_ids {
        match department_nos.get(id) {
            Some(no) => nos.push(*no),
            // One changed person brings no departments along: those of the last walk count.
            None if department_nos.is_empty() => {
                nos.extend(departments::no_of_source(tx, &source_of(*id))?);
            }
            None => {}
        }
    }
    if let Some(primary) = known.map(|known| known.department_no)
        && let Some(index) = nos.iter().position(|no| *no == primary)
    {
        nos.swap(0, index);
    }
    Ok(nos)
}

/// Departments of the directory that it does not have any more and that nobody is in.
fn close_departments(
    tx: &mut Tx<'_>,
    present: &HashMap<i64, i64>,
    now: UnixMillis,
) -> Result<(), StoreError> {
    for (no, source_id) in departments::open_with_source(tx, SOURCE)? {
        let id = source_id
            .strip_prefix(SOURCE)
            .and_then(|id| id.parse::<i64>().ok());
        if id.is_none_or(|id| !present.contains_key(&id)) && departments::is_empty(tx, no)? {
            departments::close(tx, no, now)?;
        }
    }
    Ok(())
}

/// One person as the directory has them now, told by a change event.
pub async fn apply_person(app: &App, person: DirectoryPerson) -> Result<(), ActionError> {
    let now = app.now();
    let ids = app.ids.clone();
    app.db
        .write(move |tx| {
            let one = std::slice::from_ref(&person);
            let staff_nos = staff_nos(tx, one)?;
            let change = keep_person(tx, &person, &staff_nos, &HashMap::new(), &ids, now)?;
            if !knows_departments(tx, &person)? {
                walk_directory::mark(tx, now)?;
            }
            if change != Change::Unchanged {
                record(
                    tx,
                    "people.synced",
                    &person.user_id,
                    change_word(change),
                    now,
                )?;
                chat_groups::sync_all_at(tx, now)?;
            }
            Ok::<_, ActionError>(())
        })
        .await?;
    app.wake();
    app.announce(0);
    Ok(())
}

/// A person in a department that no walk has seen: the next one shows where it stands.
fn knows_departments(tx: &mut Tx<'_>, person: &DirectoryPerson) -> Result<bool, StoreError> {
    for id in &person.department_ids {
        if departments::no_of_source(tx, &source_of(*id))?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// These user ids have left, told by a change event.
pub async fn apply_leavers(app: &App, user_ids: Vec<String>) -> Result<usize, ActionError> {
    let now = app.now();
    let left = app
        .db
        .write(move |tx| {
            let mut left = 0;
            let nos = people::nos_by_dingtalk_user_ids(tx, &user_ids)?;
            for (user_id, person_no) in nos {
                if keep_people::let_go(tx, person_no, now)? {
                    record(tx, "people.left", &user_id, "left", now)?;
                    left += 1;
                }
            }
            if left > 0 {
                chat_groups::sync_all_at(tx, now)?;
            }
            Ok::<_, ActionError>(left)
        })
        .await?;
    app.wake();
    app.announce(0);
    Ok(left)
}

/// These user ids have activated DingTalk.
pub async fn apply_activated(app: &App, user_ids: Vec<String>) -> Result<(), ActionError> {
    let now = app.now();
    app.db
        .write(move |tx| {
            for user_id in &user_ids {
                people::set_dingtalk_active(tx, user_id, true, now)?;
            }
            Ok(())
        })
        .await
}

fn record(
    tx: &mut Tx<'_>,
    action: &str,
    user_id: &str,
    change: &str,
    now: UnixMillis,
) -> Result<(), StoreError> {
    let detail = serde_json::json!({ "change": change }).to_string();
    let actor = super::Actor::System.to_string();
    audit::append(
        tx,
        now,
        &actor,
        action,
        &format!("dingtalk_user:{user_id}"),
        &detail,
    )
}

const fn change_word(change: Change) -> &'static str {
    match change {
        Change::Created => "created",
        Change::Updated => "updated",
        Change::Unchanged => "unchanged",
        Change::Rejoined => "rejoined",
    }
}

/// The last walk's report, if there was one.
pub async fn last_report(app: &App) -> Result<Option<SyncReport>, ActionError> {
    let text = app
        .db
        .read(|tx| Ok::<_, ActionError>(settings::get(tx, SYNC_SETTING)?))
        .await?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}
