//! Work notices (工作通知) as the platform keeps them: one task per send, who got it, and why others did not.
//!
//! Written by `openapi::work_notices`; the messages themselves lie in the conversation [`conversation`] of each person.
//! Invariant: what a task says about a person never changes, except that its status bar can be updated and that it can
//! be recalled. Weakness: the day's counts per person are rebuilt from the tasks and live as long as the day.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::message::{Message, personal_conversation};
use crate::meters::day_of;

/// Stands where a robot code stands in other personal conversations.
pub(crate) const SENDER: &str = "work-notice";

/// One `asyncsend_v2`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeTask {
    pub id: u64,
    pub client_id: String,
    pub agent_id: i64,
    pub at_ms: i64,
    /// SHA-256 of the message, to find repeats.
    pub content_hash: String,
    pub to_all: bool,
    /// userids it was delivered to.
    pub sent: Vec<String>,
    /// Inactive people.
    pub failed: Vec<String>,
    pub invalid_users: Vec<String>,
    pub invalid_departments: Vec<i64>,
    /// Silently dropped: the code (143103, 143105, 143106) and the userid.
    pub forbidden: Vec<(u32, String)>,
    pub status: Option<StatusBar>,
    pub recalled: bool,
}

/// The coloured word on top of an `oa` notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusBar {
    pub value: String,
    /// `0xFF` and six hexadecimal digits.
    pub background: String,
}

impl NoticeTask {
    /// Everyone it was meant for.
    pub(crate) fn receivers(&self) -> usize {
        self.sent.len() + self.failed.len() + self.invalid_users.len() + self.forbidden.len()
    }
}

/// Where a person's work notices are shown.
pub(crate) fn conversation(userid: &str) -> String {
    personal_conversation(SENDER, userid)
}

/// What the messages of a task carry as their query key.
pub(crate) fn query_key(task_id: u64) -> String {
    format!("{SENDER}/{task_id}")
}

#[derive(Debug, Default)]
pub(crate) struct WorkNotices {
    tasks: BTreeMap<u64, NoticeTask>,
    /// (client id, userid) → the day, how many, and which contents.
    today: HashMap<(String, String), Received>,
}

#[derive(Debug, Default)]
struct Received {
    day: String,
    count: u32,
    contents: HashSet<String>,
}

impl WorkNotices {
    /// Puts a new or changed task in place.
    pub(crate) fn put(&mut self, task: NoticeTask) {
        if !self.tasks.contains_key(&task.id) {
            let day = day_of(task.at_ms);
            for userid in &task.sent {
                let key = (task.client_id.clone(), userid.clone());
                let today = self.today.entry(key).or_default();
                if today.day != day {
                    *today = Received {
                        day: day.clone(),
                        ..Received::default()
                    };
                }
                today.count += 1;
                today.contents.insert(task.content_hash.clone());
            }
        }
        self.tasks.insert(task.id, task);
    }

    pub(crate) fn get(&self, id: u64) -> Option<&NoticeTask> {
        self.tasks.get(&id)
    }

    /// Oldest first.
    pub(crate) fn tasks(&self) -> impl DoubleEndedIterator<Item = &NoticeTask> {
        self.tasks.values()
    }

    /// The numbers only look like the platform's; they grow.
    pub(crate) fn next_id(&self) -> u64 {
        let last = self.tasks.keys().next_back();
        last.map_or(256_271_667_526, |last| last + 17)
    }

    /// How many notices of this app the person got on this day.
    pub(crate) fn count_of_day(&self, client_id: &str, userid: &str, day: &str) -> u32 {
        self.of_day(client_id, userid, day)
            .map_or(0, |today| today.count)
    }

    /// Whether the person already got this very content from this app on this day.
    pub(crate) fn is_repeat(&self, client_id: &str, userid: &str, day: &str, hash: &str) -> bool {
        self.of_day(client_id, userid, day)
            .is_some_and(|today| today.contents.contains(hash))
    }

    /// People an app's notices went to in the minute before `now_ms`.
    pub(crate) fn recipients_of_last_minute(&self, client_id: &str, now_ms: i64) -> usize {
        let recent = self.tasks.values().rev();
        recent
            .take_while(|task| task.at_ms > now_ms - 60_000)
            .filter(|task| task.client_id == client_id)
            .map(|task| task.sent.len())
            .sum()
    }

    /// Sends to everyone of an app on this day.
    pub(crate) fn to_all_of_day(&self, client_id: &str, day: &str) -> usize {
        let of_app = self.tasks.values().rev();
        of_app
            .take_while(|task| day_of(task.at_ms) == day)
            .filter(|task| task.to_all && task.client_id == client_id)
            .count()
    }

    /// The status bar a message shows now.
    pub(crate) fn status_of(&self, message: &Message) -> Option<&StatusBar> {
        let key = message.process_query_key.as_deref()?;
        let id = key.strip_prefix(SENDER)?.strip_prefix('/')?.parse().ok()?;
        self.tasks.get(&id)?.status.as_ref()
    }

    fn of_day(&self, client_id: &str, userid: &str, day: &str) -> Option<&Received> {
        self.today
            .get(&(client_id.to_owned(), userid.to_owned()))
            .filter(|today| today.day == day)
    }
}
