//! Reads the whole directory: departments from the top down, then each one's people.
//!
//! Caller: the sync of people, nightly and on a click. The platform has no "everybody": a walk begins at what the app
//! may see and drops whom it meets twice. Invariant: [`DirectorySnapshot::complete`] is only said if
//! nothing failed, nothing was left out on purpose, and somebody was seen at all.
//! Weakness: somebody moved while the walk goes on may be missed or seen in the old place; the next event or walk mends it.
//! Source: 获取通讯录权限范围, 获取部门列表, 获取部门用户详情.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use dingtalk::calls::directory::{AuthScopes, Department, ROOT_DEPARTMENT};
use dingtalk::{Error, Verdict};
use tokio::time::{Instant, sleep};
use yuezhi_domain::UnixMillis;

use super::{DirectoryDepartment, DirectoryPerson, DirectorySnapshot, of_wire};
use crate::app::DingTalkApp;
use crate::codes;
use crate::dingtalk_verdict;
use crate::outcome::{Finding, Level, Why};

/// What to walk, and whom to tell how far it is.
#[derive(Clone, Copy, Default)]
pub struct WalkOptions<'a> {
    /// Only these departments with all below them; empty: everything the app may see.
    pub only: &'a [i64],
    pub progress: Option<&'a (dyn Fn(WalkProgress) + Send + Sync)>,
}

/// How far a walk is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WalkProgress {
    pub departments: usize,
    /// Departments whose people were read.
    pub departments_read: usize,
    pub people: usize,
}

/// Reads everything the app may see. `now` is the time at the beginning.
///
/// Errors: not even the beginning could be read (keys, address list, permission).
pub async fn walk(
    app: &DingTalkApp,
    options: WalkOptions<'_>,
    now: UnixMillis,
) -> Result<DirectorySnapshot, Why> {
    let mut walk = Walk {
        app,
        options,
        began: (now, Instant::now()),
        snapshot: DirectorySnapshot {
            // Whoever is outside a part was not looked for.
            complete: options.only.is_empty(),
            ..DirectorySnapshot::default()
        },
        places: HashMap::new(),
        leaders: HashMap::new(),
        failures_in_a_row: 0,
    };
    let scopes = walk
        .asked(|now| async move { app.client().directory().scopes(now).await })
        .await
        .map_err(|error| dingtalk_verdict::why_of(&error, now))?;
    walk.departments(&scopes).await;
    walk.people().await;
    if options.only.is_empty() {
        walk.single_people(&scopes.seen.user_ids).await;
    }
    if walk.snapshot.people.is_empty() {
        // An app that sees nobody says nothing about anybody's leaving.
        walk.snapshot.complete = false;
    }
    walk.appoint_managers();
    walk.compare(&scopes).await;
    Ok(walk.snapshot)
}

/// Tries of one call, with 1, 2 and 4 seconds between them, as the platform advises.
const TRIES: u32 = 4;
/// A ban lasts five minutes; a nightly walk can wait for its end.
const LONGEST_WAIT: Duration = Duration::from_secs(330);
/// Departments that fail one after the other before the walk gives up.
const GIVES_UP_AFTER: u32 = 5;
/// A platform whose cursor goes round in circles must not hold the walk for ever.
const PAGES_PER_DEPARTMENT: usize = 2000;

struct Walk<'a> {
    app: &'a DingTalkApp,
    options: WalkOptions<'a>,
    began: (UnixMillis, Instant),
    snapshot: DirectorySnapshot,
    /// User id → index among the snapshot's people.
    places: HashMap<String, usize>,
    /// Department → its leaders.
    leaders: HashMap<i64, Vec<String>>,
    failures_in_a_row: u32,
}

impl Walk<'_> {
    /// The time by the timer that the pauses between calls use too, so that the pace is kept to.
    fn now_ms(&self) -> i64 {
        let (now, began) = self.began;
        now.plus(began.elapsed()).get()
    }

    /// A call, again after a while if that may help.
    async fn asked<T, F, Fut>(&self, call: F) -> Result<T, Error>
    where
        F: Fn(i64) -> Fut,
        Fut: Future<Output = Result<T, Error>>,
    {
        let mut tries = 1;
        loop {
            let now_ms = self.now_ms();
            let error = match call(now_ms).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let back_off = Duration::from_secs(1 << (tries - 1));
            let wait = match error.verdict_at(now_ms) {
                Verdict::Retry { after, .. } => after.map_or(back_off, |after| after.max(back_off)),
                Verdict::Hold { for_ } => for_,
                _ => return Err(error),
            };
            if tries == TRIES || wait > LONGEST_WAIT {
                return Err(error);
            }
            tries += 1;
            sleep(wait).await;
        }
    }

    /// Level by level from where the app's sight begins. Ids of 0 and below are the home-school directory's.
    async fn departments(&mut self, scopes: &AuthScopes) {
        let begins = if self.options.only.is_empty() {
            &scopes.seen.departments[..]
        } else {
            self.options.only
        };
        let mut seen: HashSet<i64> = HashSet::new();
        let mut waiting = VecDeque::new();
        for &id in begins.iter().filter(|&&id| id > 0) {
            if seen.insert(id) {
                waiting.push_back(Department {
                    dept_id: id,
                    ..Department::default()
                });
            }
        }
        while let Some(department) = waiting.pop_front() {
            if self.gives_up() {
                return;
            }
            let department = self.named(department).await;
            let id = department.dept_id;
            self.snapshot.departments.push(DirectoryDepartment {
                id,
                name: department.name,
                parent_id: Some(department.parent_id).filter(|&parent| parent > 0 && id != parent),
            });
            let app = self.app;
            let below = self
                .asked(|now| async move { app.client().directory().departments(id, now).await })
                .await;
            match below {
                Ok(below) => {
                    self.failures_in_a_row = 0;
                    let new = below
                        .into_iter()
                        .filter(|below| below.dept_id > 0 && seen.insert(below.dept_id));
                    waiting.extend(new);
                }
                Err(error) => self.failed(codes::DIRECTORY_DEPARTMENT_UNREAD, id, &error),
            }
            self.tell(0);
        }
        self.cut_loose_parents();
    }

    /// Where a walk begins, only the id is known.
    async fn named(&mut self, department: Department) -> Department {
        if !department.name.is_empty() {
            return department;
        }
        let (app, id) = (self.app, department.dept_id);
        let detail = self
            .asked(|now| async move { app.client().directory().department(id, now).await })
            .await;
        match detail {
            Ok(detail) => Department {
                dept_id: id,
                name: detail.name,
                parent_id: detail.parent_id,
            },
            Err(error) => {
                self.failed(codes::DIRECTORY_DEPARTMENT_UNREAD, id, &error);
                Department {
                    name: id.to_string(),
                    ..department
                }
            }
        }
    }

    /// Puts parents before children; a parent outside the app's sight is none.
    fn cut_loose_parents(&mut self) {
        let departments = std::mem::take(&mut self.snapshot.departments);
        let known: HashSet<i64> = departments.iter().map(|department| department.id).collect();
        let mut below: HashMap<Option<i64>, Vec<DirectoryDepartment>> = HashMap::new();
        for mut department in departments {
            department.parent_id = department.parent_id.filter(|parent| known.contains(parent));
            below
                .entry(department.parent_id)
                .or_default()
                .push(department);
        }
        let mut level = below.remove(&None).unwrap_or_default();
        while !level.is_empty() {
            let next = level
                .iter()
                .filter_map(|parent| below.remove(&Some(parent.id)))
                .flatten()
                .collect();
            self.snapshot.departments.append(&mut level);
            level = next;
        }
        // Whatever hangs together in a circle has no top; its people are wanted all the same.
        let mut circle: Vec<DirectoryDepartment> = below.into_values().flatten().collect();
        circle.sort_by_key(|department| department.id);
        for department in &mut circle {
            department.parent_id = None;
        }
        self.snapshot.departments.append(&mut circle);
    }

    async fn people(&mut self) {
        let ids: Vec<i64> = self
            .snapshot
            .departments
            .iter()
            .map(|department| department.id)
            .collect();
        for (index, id) in ids.into_iter().enumerate() {
            if self.gives_up() {
                return;
            }
            match self.people_of(id).await {
                Ok(()) => self.failures_in_a_row = 0,
                Err(error) => self.failed(codes::DIRECTORY_PEOPLE_UNREAD, id, &error),
            }
            self.tell(index + 1);
        }
    }

    async fn people_of(&mut self, id: i64) -> Result<(), Error> {
        let app = self.app;
        let mut cursor = 0;
        for _ in 0..PAGES_PER_DEPARTMENT {
            let page = self
                .asked(|now| async move { app.client().directory().people(id, cursor, now).await })
                .await?;
            for person in page.list {
                if person.user_id.is_empty() {
                    self.unread(codes::DIRECTORY_PERSON_UNREAD, &format!("{id}: no userid"));
                    continue;
                }
                let leads = person.leader;
                let user_id = person.user_id.clone();
                let person = self.merged(of_wire(person));
                if !person.department_ids.contains(&id) {
                    person.department_ids.push(id);
                }
                if leads {
                    if !person.leads.contains(&id) {
                        person.leads.push(id);
                    }
                    self.leaders.entry(id).or_default().push(user_id);
                }
            }
            match page.next_cursor {
                _ if !page.has_more => return Ok(()),
                Some(next) if next != cursor => cursor = next,
                _ => break,
            }
        }
        let detail = format!("{id}: more people, but no further page");
        self.unread(codes::DIRECTORY_PEOPLE_UNREAD, &detail);
        Ok(())
    }

    /// The one entry of this person.
    fn merged(&mut self, person: DirectoryPerson) -> &mut DirectoryPerson {
        let people = &mut self.snapshot.people;
        let index = *self
            .places
            .entry(person.user_id.clone())
            .or_insert(people.len());
        if index == people.len() {
            people.push(person);
        }
        &mut people[index]
    }

    /// People the app may see although it sees none of their departments.
    async fn single_people(&mut self, user_ids: &[String]) {
        for user_id in user_ids {
            if self.gives_up() {
                return;
            }
            if self.places.contains_key(user_id) {
                continue;
            }
            let app = self.app;
            let person = self
                .asked(|now| async move { app.client().directory().person(user_id, now).await })
                .await;
            match person {
                Ok(Some(person)) => {
                    self.merged(of_wire(person));
                }
                Ok(None) => {}
                Err(error) => {
                    self.failed(codes::DIRECTORY_PERSON_UNREAD, user_id, &error);
                }
            }
        }
    }

    /// Whoever has no manager on file gets the nearest leader from their departments upwards.
    fn appoint_managers(&mut self) {
        let parents: HashMap<i64, i64> = self
            .snapshot
            .departments
            .iter()
            .filter_map(|department| Some((department.id, department.parent_id?)))
            .collect();
        for person in &mut self.snapshot.people {
            if person.manager_user_id.is_none() {
                let nearest = person
                    .department_ids
                    .iter()
                    .find_map(|&id| leader_above(id, &person.user_id, &parents, &self.leaders));
                person.manager_user_id = nearest;
            }
        }
    }

    /// Says what the app was not shown.
    async fn compare(&mut self, scopes: &AuthScopes) {
        let app = self.app;
        let counted = self
            .asked(|now| async move { app.client().directory().count(false, now).await })
            .await;
        self.snapshot.counted = counted.ok().and_then(|count| u64::try_from(count).ok());
        let people = &self.snapshot.people;
        let met = people.len() as u64;
        let asked_for_all = self.options.only.is_empty();
        let mut findings = Vec::new();
        let mut warn = |code, detail: String| {
            findings.push(Finding {
                level: Level::Warning,
                why: Why::new(code, detail),
            });
        };
        if asked_for_all && !scopes.seen.departments.contains(&ROOT_DEPARTMENT) {
            let (departments, people) = (scopes.seen.departments.len(), scopes.seen.user_ids.len());
            warn(
                codes::DIRECTORY_PARTIAL_SIGHT,
                format!("departments: {departments}, single people: {people}"),
            );
        } else if let Some(counted) = self.snapshot.counted
            && asked_for_all
            && counted != met
        {
            warn(codes::DIRECTORY_COUNT_DIFFERS, format!("{met} / {counted}"));
        }
        if !people.is_empty() {
            if people.iter().all(|person| person.mobile.is_none()) {
                warn(codes::DIRECTORY_FIELD_MISSING, "mobile".to_owned());
            }
            if people.iter().all(|person| person.email.is_none()) {
                warn(codes::DIRECTORY_FIELD_MISSING, "email".to_owned());
            }
        }
        self.snapshot.findings.append(&mut findings);
    }

    fn gives_up(&self) -> bool {
        self.failures_in_a_row >= GIVES_UP_AFTER
    }

    fn failed(&mut self, code: &'static str, what: impl std::fmt::Display, error: &Error) {
        self.failures_in_a_row += 1;
        self.unread(code, &format!("{what}: {error}"));
    }

    /// Something that is there was not read.
    fn unread(&mut self, code: &'static str, detail: &str) {
        self.snapshot.complete = false;
        self.snapshot.findings.push(Finding {
            level: Level::Failed,
            why: Why::redacted(code, detail, &[]),
        });
    }

    fn tell(&self, departments_read: usize) {
        if let Some(progress) = self.options.progress {
            progress(WalkProgress {
                departments: self.snapshot.departments.len(),
                departments_read,
                people: self.snapshot.people.len(),
            });
        }
    }
}

fn leader_above(
    department: i64,
    person: &str,
    parents: &HashMap<i64, i64>,
    leaders: &HashMap<i64, Vec<String>>,
) -> Option<String> {
    let mut at = Some(department);
    // Deeper than any organisation; parents cannot form a circle, but they come from outside.
    for _ in 0..64 {
        let id = at?;
        let others = leaders.get(&id).into_iter().flatten();
        if let Some(leader) = others.into_iter().find(|leader| *leader != person) {
            return Some(leader.clone());
        }
        at = parents.get(&id).copied();
    }
    None
}
