//! 钉盘: spaces, folders, files with their versions and bytes, and who may do what with them.
//!
//! Written by `openapi::storage*`, shown by the chat client (`chat::files`). A space belongs to a group, to the
//! organisation or to an app; ids are numeric strings and "0" is a space's root, as in the platform's answers.
//! Invariant: a file has at least one version, the newest last. Bytes are bounded ([`BYTES_KEPT`]): the oldest versions
//! lose theirs first, their entries stay.
//! Weakness: uploads that were not committed, and signed addresses, live in memory alone.

use std::collections::{BTreeMap, HashMap, VecDeque};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::journal::Entry;

/// Bytes of one file.
pub(crate) const FILE_BYTES: usize = 64 * 1024 * 1024;
const BYTES_KEPT: usize = 256 * 1024 * 1024;
/// The root of every space.
pub(crate) const ROOT: &str = "0";

#[derive(Debug, Default)]
pub(crate) struct Drive {
    spaces: Vec<Space>,
    dentries: BTreeMap<String, Dentry>,
    contents: HashMap<(String, u64), Bytes>,
    /// The keys of `contents`, oldest first.
    kept: VecDeque<(String, u64)>,
    kept_bytes: usize,
    pub(crate) uploads: HashMap<String, Upload>,
    pub(crate) downloads: HashMap<String, Download>,
}

/// Switches of the drive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DriveRules {
    /// The administrator has forbidden new shared spaces (`addSpace.forbiden`, sic).
    pub spaces_forbidden: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Space {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) kind: SpaceKind,
    pub(crate) owner: String,
    pub(crate) made_ms: i64,
    /// What `parentDentryUuid` means the root by.
    pub(crate) root_uuid: String,
    pub(crate) grants: Vec<Grant>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum SpaceKind {
    Group {
        conversation: String,
    },
    Organisation,
    /// With `by_app` the app owns it and grants are for an hour at most.
    App {
        client_id: String,
        by_app: bool,
    },
}

/// A file or folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Dentry {
    pub(crate) id: String,
    pub(crate) uuid: String,
    pub(crate) space_id: String,
    pub(crate) parent_id: String,
    pub(crate) name: String,
    /// Empty for a folder; the newest last.
    pub(crate) versions: Vec<Version>,
    pub(crate) creator: String,
    pub(crate) made_ms: i64,
    pub(crate) changed_ms: i64,
    pub(crate) grants: Vec<Grant>,
    /// 不继承: what is granted above does not count here, but owners and managers stay.
    pub(crate) stands_alone: bool,
    /// As they were given, by client id.
    pub(crate) app_properties: serde_json::Map<String, serde_json::Value>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Version {
    pub(crate) number: u64,
    pub(crate) size: u64,
    pub(crate) by: String,
    pub(crate) at_ms: i64,
}

/// Rising power; the names are the platform's `roleId`s.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Role {
    Reader,
    Downloader,
    Editor,
    Manager,
    Owner,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Grant {
    pub(crate) role: Role,
    pub(crate) member: Member,
    pub(crate) expires_ms: Option<i64>,
    /// As it was asked for, in seconds.
    pub(crate) duration_s: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    /// ORG, DEPT, TAG, CONVERSATION or USER.
    pub(crate) kind: String,
    pub(crate) id: String,
    pub(crate) corp_id: String,
}

/// Bytes on their way: asked for, perhaps here, not committed.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub(crate) space_id: String,
    /// Only uploads by `parentDentryUuid` name it beforehand.
    pub(crate) parent_id: Option<String>,
    pub(crate) userid: String,
    pub(crate) signature: Signature,
    pub(crate) bytes: Option<Bytes>,
}

/// The headers a signed address wants to see.
#[derive(Clone, Debug)]
pub(crate) struct Signature {
    pub(crate) authorization: String,
    pub(crate) date: String,
    pub(crate) expires_ms: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct Download {
    pub(crate) dentry_id: String,
    pub(crate) version: u64,
    pub(crate) signature: Signature,
}

/// One change of the drive, as the journal keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub(crate) enum Change {
    /// New, or in place of the one with the same id.
    Space {
        space: Space,
    },
    Dentry {
        dentry: Box<Dentry>,
    },
    Content {
        dentry_id: String,
        version: u64,
        #[serde(with = "in_base64")]
        bytes: Bytes,
    },
    /// With everything below it.
    Removed {
        id: String,
    },
}

impl Change {
    pub(crate) fn apply(self, drive: &mut Drive) {
        match self {
            Self::Space { space } => {
                match drive.spaces.iter_mut().find(|known| known.id == space.id) {
                    Some(known) => *known = space,
                    None => drive.spaces.push(space),
                }
            }
            Self::Dentry { dentry } => {
                drive.dentries.insert(dentry.id.clone(), *dentry);
            }
            Self::Content {
                dentry_id,
                version,
                bytes,
            } => drive.keep((dentry_id, version), bytes),
            Self::Removed { id } => {
                let mut gone = vec![id];
                while let Some(id) = gone.pop() {
                    let below = drive
                        .dentries
                        .values()
                        .filter(|dentry| dentry.parent_id == id);
                    gone.extend(below.map(|dentry| dentry.id.clone()));
                    drive.dentries.remove(&id);
                    drive.forget(|(dentry_id, _)| *dentry_id == id);
                }
            }
        }
    }
}

impl Drive {
    /// The entries that build this drive again.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let spaces = self
            .spaces
            .iter()
            .cloned()
            .map(|space| Change::Space { space });
        let dentries = self
            .dentries
            .values()
            .cloned()
            .map(|dentry| Change::Dentry {
                dentry: Box::new(dentry),
            });
        let contents = self.kept.iter().filter_map(|key| {
            let bytes = self.contents.get(key)?.clone();
            Some(Change::Content {
                dentry_id: key.0.clone(),
                version: key.1,
                bytes,
            })
        });
        spaces
            .chain(dentries)
            .chain(contents)
            .map(Entry::Drive)
            .collect()
    }

    pub(crate) fn space(&self, id: &str) -> Option<&Space> {
        self.spaces.iter().find(|space| space.id == id)
    }

    pub(crate) fn spaces(&self) -> &[Space] {
        &self.spaces
    }

    pub(crate) fn space_of_group(&self, conversation: &str) -> Option<&Space> {
        self.spaces.iter().find(|space| matches!(&space.kind, SpaceKind::Group { conversation: own } if own == conversation))
    }

    pub(crate) fn dentry(&self, id: &str) -> Option<&Dentry> {
        self.dentries.get(id)
    }

    pub(crate) fn by_uuid(&self, uuid: &str) -> Option<&Dentry> {
        self.dentries.values().find(|dentry| dentry.uuid == uuid)
    }

    pub(crate) fn in_space(&self, space_id: &str) -> impl Iterator<Item = &Dentry> {
        self.dentries
            .values()
            .filter(move |dentry| dentry.space_id == space_id)
    }

    /// What lies directly in a folder, the last changed first.
    pub(crate) fn in_folder(&self, space_id: &str, parent_id: &str) -> Vec<&Dentry> {
        let mut rows: Vec<_> = self
            .in_space(space_id)
            .filter(|dentry| dentry.parent_id == parent_id)
            .collect();
        rows.sort_by(|a, b| {
            b.changed_ms
                .cmp(&a.changed_ms)
                .then_with(|| b.id.cmp(&a.id))
        });
        rows
    }

    pub(crate) fn named(&self, space_id: &str, parent_id: &str, name: &str) -> Option<&Dentry> {
        self.in_space(space_id)
            .find(|dentry| dentry.parent_id == parent_id && dentry.name == name)
    }

    /// The bytes of a version; `None` if they were forgotten or never there.
    pub(crate) fn content(&self, id: &str, version: u64) -> Option<&Bytes> {
        self.contents.get(&(id.to_owned(), version))
    }

    /// `/folder/file.pdf`
    pub(crate) fn path(&self, dentry: &Dentry) -> String {
        let mut path = format!("/{}", dentry.name);
        let mut at = dentry;
        while let Some(parent) = self.dentries.get(&at.parent_id) {
            path.insert_str(0, &format!("/{}", parent.name));
            at = parent;
        }
        path
    }

    fn keep(&mut self, key: (String, u64), bytes: Bytes) {
        self.kept_bytes += bytes.len();
        self.kept.push_back(key.clone());
        self.contents.insert(key, bytes);
        while self.kept_bytes > BYTES_KEPT && self.kept.len() > 1 {
            let Some(oldest) = self.kept.front().cloned() else {
                return;
            };
            self.forget(|key| *key == oldest);
        }
    }

    fn forget(&mut self, is_gone: impl Fn(&(String, u64)) -> bool) {
        let (contents, kept_bytes) = (&mut self.contents, &mut self.kept_bytes);
        self.kept.retain(|key| {
            let gone = is_gone(key);
            if gone && let Some(bytes) = contents.remove(key) {
                *kept_bytes -= bytes.len();
            }
            !gone
        });
    }
}

impl Dentry {
    pub(crate) fn is_folder(&self) -> bool {
        self.versions.is_empty()
    }

    pub(crate) fn newest(&self) -> Option<&Version> {
        self.versions.last()
    }

    /// `pdf`; empty without one and for folders.
    pub(crate) fn extension(&self) -> &str {
        match self.name.rsplit_once('.') {
            Some((_, extension)) if !self.is_folder() => extension,
            _ => "",
        }
    }
}

impl Role {
    pub(crate) fn of(id: &str) -> Option<Self> {
        serde_json::from_value(id.into()).ok()
    }

    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::Reader => "READER",
            Self::Downloader => "DOWNLOADER",
            Self::Editor => "EDITOR",
            Self::Manager => "MANAGER",
            Self::Owner => "OWNER",
        }
    }
}

mod in_base64 {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use bytes::Bytes;
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(
        bytes: &Bytes,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Bytes, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD
            .decode(text)
            .map(Bytes::from)
            .map_err(de::Error::custom)
    }
}

/// A file in a group's space, for tests: its newest version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupFile {
    /// As in `dentryId`.
    pub id: String,
    /// `/folder/file.pdf`
    pub path: String,
    /// Starts at 1.
    pub version: u64,
    /// Empty where the sandbox has forgotten them.
    pub bytes: Bytes,
}

impl crate::SandboxHandle {
    /// The files of a group, folders left out.
    pub fn files_of_group(&self, conversation: &str) -> Vec<GroupFile> {
        let world = self.shared.world();
        let drive = &world.drive;
        let space = drive.space_of_group(conversation);
        let files = space
            .into_iter()
            .flat_map(|space| drive.in_space(&space.id));
        let newest = files.filter_map(|dentry| Some((dentry, dentry.newest()?.number)));
        newest
            .map(|(dentry, version)| GroupFile {
                id: dentry.id.clone(),
                path: drive.path(dentry),
                version,
                bytes: drive
                    .content(&dentry.id, version)
                    .cloned()
                    .unwrap_or_default(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_bytes_go_first_and_a_removed_folder_takes_its_files_along() {
        let mut drive = Drive::default();
        let put = |drive: &mut Drive, id: &str, parent: &str, is_folder: bool| {
            let version = Version {
                number: 1,
                size: 1,
                by: "a".into(),
                at_ms: 0,
            };
            let versions = if is_folder { Vec::new() } else { vec![version] };
            let dentry = Box::new(Dentry {
                id: id.into(),
                uuid: format!("u{id}"),
                space_id: "s".into(),
                parent_id: parent.into(),
                name: format!("{id}.pdf"),
                versions,
                creator: "a".into(),
                made_ms: 0,
                changed_ms: 0,
                grants: Vec::new(),
                stands_alone: false,
                app_properties: serde_json::Map::new(),
            });
            Change::Dentry { dentry }.apply(drive);
        };
        put(&mut drive, "1", ROOT, true);
        put(&mut drive, "2", "1", false);
        let half = Bytes::from(vec![0; BYTES_KEPT / 2]);
        for version in 1..=3 {
            Change::Content {
                dentry_id: "2".into(),
                version,
                bytes: half.clone(),
            }
            .apply(&mut drive);
        }
        assert!(drive.content("2", 1).is_none() && drive.content("2", 3).is_some());
        assert_eq!(
            drive
                .by_uuid("u2")
                .map(|dentry| drive.path(dentry))
                .as_deref(),
            Some("/1.pdf/2.pdf")
        );
        Change::Removed { id: "1".into() }.apply(&mut drive);
        assert!(drive.dentry("2").is_none() && drive.content("2", 3).is_none());
        assert_eq!(drive.kept_bytes, 0);
    }

    #[test]
    fn roles_rise_and_have_the_names_of_the_platform() {
        assert!(Role::Reader < Role::Downloader && Role::Editor < Role::Manager);
        assert_eq!(Role::of("DOWNLOADER"), Some(Role::Downloader));
        assert_eq!(Role::of("GUEST"), None);
        assert_eq!(Role::Owner.id(), "OWNER");
    }
}
