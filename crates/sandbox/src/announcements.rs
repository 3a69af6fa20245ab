//! Announcements of the organisation (公告) and of single groups (群公告), with who has read them when.
//!
//! Written by `openapi::announcements` and `openapi::group_announcements`; read in the chat client by opening
//! `/sandbox/announcements/{id}`. Invariant: a reader's first moment of reading stays.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::message::personal_conversation;
use crate::organisation::Person;
use crate::world::World;

/// Stands where a robot code stands in other personal conversations.
pub(crate) const SENDER: &str = "announcement";

/// The categories of a new organisation: id and name.
pub(crate) const CATEGORIES: &[(&str, &str)] = &[
    ("6b1f0c52e9a84d7a9c30", "正式公告"),
    ("a2d97e4418f34b0cb1e5", "节假日公告"),
    ("c7740d3f5be24a61aa08", "制度公告"),
];

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Announcement {
    pub id: String,
    /// Grows with every announcement; the order they came in.
    pub number: u64,
    /// userid
    pub sender: String,
    pub title: String,
    pub content: String,
    pub author: String,
    /// 0 or 20 (保密)
    pub private_level: i64,
    pub ding: bool,
    pub push_top: bool,
    pub category_id: String,
    pub cover: String,
    /// −1 is the whole organisation.
    pub departments: Vec<i64>,
    pub userids: Vec<String>,
    pub created_ms: i64,
    pub modified_ms: i64,
}

/// An announcement of one group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupAnnouncement {
    pub id: String,
    pub number: u64,
    pub conversation: String,
    /// userid of the one it was posted for.
    pub userid: String,
    pub content: String,
    pub sticky: bool,
    pub send_ding: bool,
    pub unique_id: String,
    pub created_ms: i64,
    pub modified_ms: i64,
    /// The message that shows it.
    pub message: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Announcements {
    all: BTreeMap<String, Announcement>,
    /// (id, userid) → when first read.
    reads: BTreeMap<(String, String), i64>,
    of_groups: BTreeMap<String, GroupAnnouncement>,
    last_number: u64,
}

impl Announcements {
    /// Puts a new or changed announcement in place.
    pub(crate) fn put(&mut self, announcement: Announcement) {
        self.last_number = self.last_number.max(announcement.number);
        self.all.insert(announcement.id.clone(), announcement);
    }

    pub(crate) fn remove(&mut self, id: &str) {
        self.all.remove(id);
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Announcement> {
        self.all.get(id)
    }

    /// Newest first.
    pub(crate) fn newest_first(&self) -> Vec<&Announcement> {
        let mut rows: Vec<_> = self.all.values().collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.number));
        rows
    }

    pub(crate) fn mark_read(&mut self, id: String, userid: String, at_ms: i64) {
        self.reads.entry((id, userid)).or_insert(at_ms);
    }

    pub(crate) fn read_at(&self, id: &str, userid: &str) -> Option<i64> {
        self.reads.get(&(id.to_owned(), userid.to_owned())).copied()
    }

    /// (id, userid, moment) of all reads.
    pub(crate) fn reads(&self) -> impl Iterator<Item = (&String, &String, i64)> {
        self.reads
            .iter()
            .map(|((id, userid), at)| (id, userid, *at))
    }

    pub(crate) fn put_of_group(&mut self, announcement: GroupAnnouncement) {
        self.last_number = self.last_number.max(announcement.number);
        self.of_groups.insert(announcement.id.clone(), announcement);
    }

    pub(crate) fn remove_of_group(&mut self, id: &str) {
        self.of_groups.remove(id);
    }

    pub(crate) fn get_of_group(&self, id: &str) -> Option<&GroupAnnouncement> {
        self.of_groups.get(id)
    }

    /// Newest first, sticky ones before all others.
    pub(crate) fn of_group(&self, conversation: &str) -> Vec<&GroupAnnouncement> {
        let rows = self.of_groups.values();
        let mut rows: Vec<_> = rows
            .filter(|row| row.conversation == conversation)
            .collect();
        rows.sort_by_key(|row| std::cmp::Reverse((row.sticky, row.number)));
        rows
    }

    pub(crate) fn all_of_groups(&self) -> impl Iterator<Item = &GroupAnnouncement> {
        self.of_groups.values()
    }

    pub(crate) fn next_number(&self) -> u64 {
        self.last_number + 1
    }
}

/// Where a person's announcements are shown.
pub(crate) fn conversation(userid: &str) -> String {
    personal_conversation(SENDER, userid)
}

pub(crate) fn category_name(id: &str) -> &'static str {
    let known = CATEGORIES.iter().find(|(known, _)| *known == id);
    known.map_or("", |(_, name)| name)
}

impl World {
    /// Everyone an announcement is for, in the order of the directory.
    pub(crate) fn readership_of(&self, announcement: &Announcement) -> Vec<&Person> {
        let is_meant = |person: &&Person| {
            announcement.userids.contains(&person.userid)
                || announcement.departments.contains(&-1)
                || person.department_ids.iter().any(|id| {
                    let line = self.organisation.with_ancestors(*id);
                    line.iter().any(|id| announcement.departments.contains(id))
                })
        };
        self.organisation.people.iter().filter(is_meant).collect()
    }
}
