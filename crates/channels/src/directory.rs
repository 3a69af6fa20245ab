//! The organisation's directory (通讯录), as far as the app may see it.
//!
//! Callers: the server's action that syncs people ([`walk`]), the Stream worker ([`one`]), the nightly repair
//! ([`leavers`]), sign-in to the console ([`admins`]). None of it is metered.
//! Invariant: a person stands once, however many departments list them; departments with an id of 0 or less
//! (家校通讯录 and the like) are left out with their people.
//! Weakness: lists do not name a person's own manager; a walk takes the nearest leader (主管) of the departments, while
//! [`one`] says what the platform has on file.

mod walk;

use dingtalk::calls::directory as wire;
use tokio::time::Instant;
use yuezhi_domain::UnixMillis;

use crate::app::DingTalkApp;
use crate::codes;
use crate::dingtalk_verdict;
use crate::message::present;
use crate::outcome::{Finding, Why};

pub use walk::{WalkOptions, WalkProgress, walk};

/// What a full walk found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DirectorySnapshot {
    /// Parents before children.
    pub departments: Vec<DirectoryDepartment>,
    pub people: Vec<DirectoryPerson>,
    /// Everything the app is allowed to see was read; only then may a missing person be taken for one who left.
    pub complete: bool,
    /// How many people the platform counts in the whole organisation.
    pub counted: Option<u64>,
    /// Permissions that lack, fields that never came, departments that could not be read.
    pub findings: Vec<Finding>,
}

/// A department of the directory; the root has the id 1.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DirectoryDepartment {
    pub id: i64,
    pub name: String,
    /// `None` for the root, and where the parent is outside what the app may see.
    pub parent_id: Option<i64>,
}

/// A person of the directory. Fields without permission are absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DirectoryPerson {
    pub user_id: String,
    pub union_id: Option<String>,
    pub name: String,
    pub title: Option<String>,
    /// 工号: may be blank or stand twice.
    pub job_number: Option<String>,
    /// Company address, else the personal one.
    pub email: Option<String>,
    pub mobile: Option<String>,
    /// `YYYY-MM-DD` in Asia/Shanghai.
    pub hired_on: Option<String>,
    pub manager_user_id: Option<String>,
    /// In the platform's order, which says nothing about a main department.
    pub department_ids: Vec<i64>,
    /// Departments this person leads (主管).
    pub leads: Vec<i64>,
    /// Has activated DingTalk.
    pub active: bool,
    /// 主管理员 or 子管理员.
    pub admin: bool,
}

/// Somebody who has left the organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaver {
    pub user_id: String,
    pub name: String,
    pub left_at: Option<UnixMillis>,
    /// `oapi`, `cancel`, `leave`, `delete` or `unknown`, in the platform's words.
    pub reason: String,
}

/// An administrator of the organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    pub user_id: String,
    /// 主管理员, else 子管理员.
    pub is_main: bool,
}

/// How much somebody administers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum AdminLevel {
    #[default]
    None,
    /// 子管理员
    Sub,
    /// 主管理员
    Main,
    /// 老板
    Owner,
}

impl AdminLevel {
    /// `sys_level` of getuserinfo.
    pub(crate) fn of(sys_level: i64) -> Self {
        match sys_level {
            1 => Self::Main,
            2 => Self::Sub,
            100 => Self::Owner,
            _ => Self::None,
        }
    }
}

/// One person as the directory has them now, with their manager; `None`: not in the organisation (any more).
pub async fn one(
    app: &DingTalkApp,
    user_id: &str,
    now: UnixMillis,
) -> Result<Option<DirectoryPerson>, Why> {
    let person = app
        .client()
        .directory()
        .person(user_id, now.get())
        .await
        .map_err(|error| dingtalk_verdict::why_of(&error, now))?;
    Ok(person.map(|person| {
        let leads = person
            .leader_in_dept
            .iter()
            .filter(|leader| leader.leader && leader.dept_id > 0)
            .map(|leader| leader.dept_id)
            .collect();
        DirectoryPerson {
            leads,
            ..of_wire(person)
        }
    }))
}

/// Who has left since a time, at most a year back; the newest record of each person.
pub async fn leavers(
    app: &DingTalkApp,
    since: UnixMillis,
    now: UnixMillis,
) -> Result<Vec<Leaver>, Why> {
    let since = UnixMillis(since.0.max(now.0 - LEAVERS_SPAN_MS));
    let (start, end) = (iso_seconds(since), iso_seconds(now));
    let mut leavers: Vec<Leaver> = Vec::new();
    let mut token = "0".to_owned();
    // By the timer that the pauses between calls use, so that each waits for its own turn only.
    let began = Instant::now();
    for _ in 0..LEAVER_PAGES {
        let now = now.plus(began.elapsed());
        let page = app
            .client()
            .directory()
            .leavers(&start, Some(&end), &token, now.get())
            .await
            .map_err(|error| dingtalk_verdict::why_of(&error, now))?;
        leavers.extend(page.records.into_iter().map(leaver));
        match page
            .next_token
            .filter(|next| !next.is_empty() && *next != token)
        {
            Some(next) => token = next,
            None => return Ok(newest_of_each(leavers)),
        }
    }
    Err(Why::new(
        codes::DIRECTORY_LEAVERS_ENDLESS,
        format!("{} records and no end", leavers.len()),
    ))
}

/// All administrators.
pub async fn admins(app: &DingTalkApp, now: UnixMillis) -> Result<Vec<Admin>, Why> {
    let all = app
        .client()
        .directory()
        .administrators(now.get())
        .await
        .map_err(|error| dingtalk_verdict::why_of(&error, now))?;
    let known = |admin: wire::Administrator| Admin {
        is_main: admin.sys_level == 1,
        user_id: admin.user_id,
    };
    Ok(all.into_iter().map(known).collect())
}

/// "startTime and endTime at most 365 days apart" (查询离职记录列表).
const LEAVERS_SPAN_MS: i64 = 364 * 86_400_000;
/// 50 a page: as many as nobody loses in a year.
const LEAVER_PAGES: usize = 2000;

fn newest_of_each(mut leavers: Vec<Leaver>) -> Vec<Leaver> {
    leavers.sort_by(|one, other| (&one.user_id, other.left_at).cmp(&(&other.user_id, one.left_at)));
    leavers.dedup_by(|later, first| later.user_id == first.user_id);
    leavers
}

fn leaver(record: wire::Leaver) -> Leaver {
    let left_at = record
        .leave_time
        .and_then(|time| time.trim().parse::<jiff::Timestamp>().ok())
        .map(|time| UnixMillis(time.as_millisecond()));
    Leaver {
        user_id: record.user_id,
        name: record.name,
        left_at,
        reason: record.leave_reason.unwrap_or_default(),
    }
}

/// `2026-11-22T10:00:00Z`
fn iso_seconds(at: UnixMillis) -> String {
    UnixMillis(at.0.div_euclid(1000) * 1000)
        .to_timestamp()
        .to_string()
}

/// `YYYY-MM-DD` in China, which knows no summer time.
fn date_in_china(ms: i64) -> String {
    UnixMillis(ms.saturating_add(8 * 3_600_000))
        .to_timestamp()
        .to_string()
        .chars()
        .take(10)
        .collect()
}

/// Without [`DirectoryPerson::leads`], which lists and single people name differently.
fn of_wire(person: wire::Person) -> DirectoryPerson {
    let text = |text: &Option<String>| present(text.as_ref()).map(ToOwned::to_owned);
    DirectoryPerson {
        union_id: Some(person.union_id).filter(|id| !id.is_empty()),
        title: text(&person.title),
        job_number: text(&person.job_number),
        email: text(&person.org_email).or_else(|| text(&person.email)),
        mobile: text(&person.mobile),
        hired_on: person.hired_date.filter(|&ms| ms > 0).map(date_in_china),
        manager_user_id: text(&person.manager_userid),
        department_ids: person
            .dept_id_list
            .into_iter()
            .filter(|&id| id > 0)
            .collect(),
        leads: Vec::new(),
        // Absent only where the platform is older than the field.
        active: person.active.unwrap_or(true),
        admin: person.admin || person.boss,
        name: person.name,
        user_id: person.user_id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_of_hiring_is_the_day_in_china() {
        // 2020-03-01T00:00:00+08:00
        assert_eq!(date_in_china(1_582_992_000_000), "2020-03-01");
        assert_eq!(date_in_china(1_582_991_999_999), "2020-02-29");
        assert_eq!(
            iso_seconds(UnixMillis(1_582_992_000_999)),
            "2020-02-29T16:00:00Z"
        );
    }

    #[test]
    fn a_person_who_left_twice_counts_once_with_the_later_date() {
        let record = |user_id: &str, time: Option<&str>| {
            leaver(wire::Leaver {
                user_id: user_id.into(),
                leave_time: time.map(Into::into),
                ..wire::Leaver::default()
            })
        };
        let of_each = newest_of_each(vec![
            record("b", None),
            record("a", Some("2024-01-01T00:00:00Z")),
            record("a", Some("2025-01-01T00:00:00Z")),
        ]);
        let times: Vec<_> = of_each
            .iter()
            .map(|leaver| (leaver.user_id.as_str(), leaver.left_at.map(|at| at.0)))
            .collect();
        assert_eq!(times, [("a", Some(1_735_689_600_000)), ("b", None)]);
    }

    #[test]
    fn the_companys_mailbox_goes_before_the_personal_one() {
        let person = wire::Person {
            user_id: "u1".into(),
            org_email: Some(" ".into()),
            email: Some("me@example.com".into()),
            dept_id_list: vec![-1, 0, 7],
            ..wire::Person::default()
        };
        let known = of_wire(person.clone());
        assert_eq!(known.email.as_deref(), Some("me@example.com"));
        assert_eq!(known.department_ids, [7]);
        let company = of_wire(wire::Person {
            org_email: Some("u1@company.example".into()),
            ..person
        });
        assert_eq!(company.email.as_deref(), Some("u1@company.example"));
    }
}
