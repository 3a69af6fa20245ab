//! What a restart must not lose, as lines of JSON: organisation, groups, robots, messages, reads, tokens, meters.
//!
//! `World` records an [`Entry`] for each change and builds itself by applying them again. On opening, the file is
//! rewritten to the entries that still matter and put in place by a rename.
//! Invariant: a line is written before its effect is answered. A last line without its end (the process was killed
//! while writing) is dropped; any other unreadable line refuses the start, for it means a damaged file.
//! Weakness: lines are handed to the operating system, not forced to disk; two sandboxes on one directory would
//! overwrite each other.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::announcements::{Announcement, GroupAnnouncement};
use crate::dings::Ding;
use crate::mail::Mail;
use crate::media::MediaFile;
use crate::message::Message;
use crate::organisation::{Group, Organisation};
use crate::todos::Todo;
use crate::work_notices::NoticeTask;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub(crate) enum Entry {
    Organisation(Organisation),
    /// A person or department came, changed or went.
    Directory(crate::directory::Change),
    /// A space, file or its bytes came, changed or went.
    Drive(crate::drive::Change),
    /// A new or changed group with its robots.
    Group(Group),
    Message(Message),
    /// A new or changed task.
    WorkNotice(NoticeTask),
    /// A new or changed to-do.
    Todo(Todo),
    TodoDeleted {
        id: u64,
    },
    /// A new or changed announcement.
    Announcement(Announcement),
    AnnouncementDeleted {
        id: String,
    },
    AnnouncementRead {
        id: String,
        userid: String,
        at_ms: i64,
    },
    GroupAnnouncement(GroupAnnouncement),
    GroupAnnouncementDeleted {
        id: String,
    },
    /// A new or recalled DING.
    Ding(Ding),
    /// An uploaded file.
    Media(MediaFile),
    /// A person has seen a conversation up to a message.
    Read {
        conversation: String,
        userid: String,
        up_to: u64,
        at_ms: i64,
    },
    /// All messages of one call were recalled.
    Recalled {
        process_query_key: String,
    },
    /// A mail was taken in.
    Mail(Mail),
    MailRead {
        id: u64,
    },
    MailsCleared {
        next_id: u64,
    },
    /// All messages were removed; ids go on.
    Cleared {
        next_id: u64,
    },
    AppToken {
        client_id: String,
        token: String,
        expires_ms: i64,
    },
    /// A card as it is from now on.
    Card(Box<crate::push::Card>),
    /// Clicks on an app's cards with this route key are posted there.
    CardRoute {
        client_id: String,
        key: String,
        route: crate::push::Route,
    },
    /// An app may answer a person here for a while.
    RobotSession(crate::push::RobotSession),
    UserToken {
        userid: String,
        client_id: String,
        token: String,
        refresh_token: String,
        expires_ms: i64,
    },
    /// Metered use of a month, e.g. `2026-11`.
    Metered {
        month: String,
        calls: u32,
        webhooks: u32,
        exhausted_ms: Option<i64>,
        #[serde(default)]
        webhooks_exhausted_ms: Option<i64>,
    },
}

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error(
        "cannot use the sandbox's data directory {path}: {source}; check that it exists and may be written"
    )]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("line {line} of {path} cannot be read ({reason}); move the file away to start afresh")]
    Damaged {
        path: PathBuf,
        line: usize,
        reason: String,
    },
}

#[derive(Debug)]
pub(crate) struct Journal {
    file: Option<File>,
}

impl Journal {
    /// A journal that keeps nothing.
    pub(crate) fn none() -> Self {
        Self { file: None }
    }

    /// The entries of an earlier run, oldest first; empty in a new directory.
    pub(crate) fn read(data_dir: &Path) -> Result<Vec<Entry>, JournalError> {
        std::fs::create_dir_all(data_dir).map_err(|source| io(data_dir, source))?;
        let path = data_dir.join(FILE);
        let text = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(io(&path, source)),
        };
        let whole = text
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |end| end + 1);
        let lines = text
            .get(..whole)
            .unwrap_or_default()
            .split(|byte| *byte == b'\n');
        lines
            .enumerate()
            .filter(|(_, line)| !line.is_empty())
            .map(|(number, line)| {
                serde_json::from_slice(line).map_err(|error| JournalError::Damaged {
                    path: path.clone(),
                    line: number + 1,
                    reason: error.to_string(),
                })
            })
            .collect()
    }

    /// Starts a journal in the directory with these entries in place of all earlier ones.
    pub(crate) fn rewrite(data_dir: &Path, entries: &[Entry]) -> Result<Self, JournalError> {
        let (path, fresh) = (data_dir.join(FILE), data_dir.join("sandbox.jsonl.new"));
        let mut text = Vec::new();
        for entry in entries {
            text.extend(line(entry));
        }
        let written = std::fs::write(&fresh, text).and_then(|()| std::fs::rename(&fresh, &path));
        written.map_err(|source| io(&path, source))?;
        let file = File::options()
            .append(true)
            .open(&path)
            .map_err(|source| io(&path, source))?;
        Ok(Self { file: Some(file) })
    }

    /// Adds a line. A full disk is logged, not answered: the sandbox goes on without memory.
    pub(crate) fn append(&mut self, entry: &Entry) {
        let Some(file) = &mut self.file else { return };
        if let Err(error) = file.write_all(&line(entry)) {
            tracing::error!(%error, "the sandbox's journal cannot be written; it will not survive a restart");
            self.file = None;
        }
    }
}

const FILE: &str = "sandbox.jsonl";

fn line(entry: &Entry) -> Vec<u8> {
    let mut line = serde_json::to_vec(entry)
        .expect("entries have string keys only, so they are always valid JSON");
    line.push(b'\n');
    line
}

fn io(path: &Path, source: std::io::Error) -> JournalError {
    JournalError::Io {
        path: path.to_path_buf(),
        source,
    }
}
