//! Takes one file in: nothing new, renamed, published, or refused with its reason; and writes down which.
//!
//! Called by the tick for files that have been left alone. Invariant: the row of a file is written after its version,
//! so a crash between the two publishes nothing twice: publishing the same text again is `Unchanged`. A file that was
//! refused is looked at again only when its bytes change.

use std::{collections::HashSet, fs, io, time::Duration};

use bytes::Bytes;
use yuezhi_documents::{FrontMatter, Limits};
use yuezhi_domain::{ContentHash, UnixMillis};
use yuezhi_store::{notices, policies, settings, source_files, source_files::SourceFile, versions};

use super::scan::{Entry, Listing, stamp_of};
use crate::{
    actions::{
        ActionError, Actor, Refusal, RefusalKind,
        publish_version::{self, PublishRequest, Published, UploadedFile, VersionSource},
    },
    app::App,
    config::SourceConfig,
    documents::bounded,
    naming,
};

const LONGEST_READING: Duration = Duration::from_secs(30);

/// One look's work on one folder.
pub(super) struct Intake<'a> {
    app: &'a App,
    source: &'a SourceConfig,
    listing: &'a Listing,
    now: UnixMillis,
    rows: Vec<SourceFile>,
    /// Paths that were there when the folder was first seen, where those are to be taken in without telling anybody.
    quiet: HashSet<String>,
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// Judged; needs no further look until it changes.
    Done,
    /// Changed while it was read: the next look sees it anew.
    Changed,
    /// The operating system would not give it; it may later.
    Later,
}

/// What a published file belongs to.
#[derive(Clone, Copy, Default)]
struct Place {
    policy_no: Option<i64>,
    version_no: Option<i64>,
}

/// A file's own words about itself, as far as they can be read.
#[derive(Default)]
struct Words {
    front: FrontMatter,
    title: String,
}

impl<'a> Intake<'a> {
    pub(super) async fn open(
        app: &'a App,
        source: &'a SourceConfig,
        listing: &'a Listing,
        now: UnixMillis,
    ) -> Result<Self, ActionError> {
        let name = source.name.clone();
        let rows = app
            .db
            .read(move |tx| Ok::<_, ActionError>(source_files::list(tx, &name)?))
            .await?;
        let quiet = first_files(app, source, listing).await?;
        Ok(Self {
            app,
            source,
            listing,
            now,
            rows,
            quiet,
        })
    }

    /// A file that went away stays published; its row says that it is gone.
    pub(super) async fn record_gone(&mut self) -> Result<(), ActionError> {
        let gone: Vec<SourceFile> = self
            .rows
            .iter()
            .filter(|row| row.state != "removed" && self.listing.is_gone(&row.path))
            .cloned()
            .collect();
        for row in gone {
            tracing::info!(source = %self.source.name, path = %row.path, "a watched file went away; what it published stays");
            self.put(SourceFile {
                state: "removed".to_owned(),
                ..row
            })
            .await?;
        }
        Ok(())
    }

    /// Takes a file in, or says when to look at it again.
    pub(super) async fn take(&mut self, entry: &Entry) -> Result<Taken, ActionError> {
        let limit = self.app.max_upload_bytes();
        if entry.stamp.size > limit {
            let mib = |bytes: u64| format!("{:.1} MiB", bytes as f64 / 1_048_576.0);
            let refusal = Refusal::invalid("file", "file_too_large")
                .with("limit", mib(limit))
                .with("actual", mib(entry.stamp.size));
            self.fail_unread(entry, &format!("size {}", entry.stamp.size), &refusal)
                .await?;
            return Ok(Taken::Done);
        }
        let bytes = match read_whole(entry).await? {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(Taken::Changed),
            Err(error) => {
                let refusal = Refusal::invalid("file", "file_unreadable").with("detail", &error);
                self.fail_unread(entry, &error, &refusal).await?;
                return Ok(Taken::Later);
            }
        };
        let hash = ContentHash::of(&bytes).to_string();
        if !self.is_known(entry, &hash).await? {
            self.publish(entry, bytes, hash).await?;
        }
        Ok(Taken::Done)
    }

    /// Refuses a file whose bytes nobody has: what is wrong with it stands for them, so that it is told once.
    async fn fail_unread(
        &mut self,
        entry: &Entry,
        what: &str,
        refusal: &Refusal,
    ) -> Result<(), ActionError> {
        let hash = ContentHash::of(what).to_string();
        if self
            .row(&entry.path)
            .is_some_and(|row| row.hash == hash && row.state == "failed")
        {
            return Ok(());
        }
        self.fail(entry, hash, refusal).await
    }

    fn row(&self, path: &str) -> Option<&SourceFile> {
        self.rows.iter().find(|row| row.path == path)
    }

    /// These very bytes were judged before, here or under a name that is gone.
    async fn is_known(&mut self, entry: &Entry, hash: &str) -> Result<bool, ActionError> {
        if let Some(row) = self.row(&entry.path).filter(|row| row.hash == hash) {
            if row.state != "removed" {
                return Ok(true);
            }
            if row.error_code.is_none() && self.is_newest(row.policy_no, row.version_no).await? {
                let back = SourceFile {
                    state: "unchanged".to_owned(),
                    seen_at: self.now,
                    ..row.clone()
                };
                self.put(back).await?;
                return Ok(true);
            }
        }
        let old = self
            .rows
            .iter()
            .find(|row| is_old_name(row, &entry.path, hash, self.listing))
            .cloned();
        let Some(old) = old else { return Ok(false) };
        if !self.is_newest(old.policy_no, old.version_no).await? {
            return Ok(false);
        }
        tracing::info!(source = %self.source.name, from = %old.path, path = %entry.path, "a watched file was renamed");
        self.put(SourceFile {
            path: entry.path.clone(),
            state: "unchanged".to_owned(),
            seen_at: self.now,
            ..old
        })
        .await?;
        Ok(true)
    }

    /// An older text that comes back is a new version, not the old file again.
    async fn is_newest(
        &self,
        policy_no: Option<i64>,
        version_no: Option<i64>,
    ) -> Result<bool, ActionError> {
        let (Some(policy_no), Some(version_no)) = (policy_no, version_no) else {
            return Ok(false);
        };
        let latest = self
            .app
            .db
            .read(move |tx| Ok::<_, ActionError>(versions::latest(tx, policy_no)?))
            .await?;
        Ok(latest.is_some_and(|latest| latest.no == version_no))
    }

    async fn publish(
        &mut self,
        entry: &Entry,
        bytes: Bytes,
        hash: String,
    ) -> Result<(), ActionError> {
        let name = entry
            .path
            .rsplit('/')
            .next()
            .unwrap_or(&entry.path)
            .to_owned();
        let file = UploadedFile { name, bytes };
        let request = self.request(entry, file).await?;
        match publish_version::publish(self.app, request).await {
            Ok(Published::New(version)) => {
                tracing::info!(source = %self.source.name, path = %entry.path, policy = %version.policy_slug, version = %version.label, notice_no = version.notice_no, "a watched file was published");
                let place = Place {
                    policy_no: Some(version.policy_no),
                    version_no: Some(version.version_no),
                };
                self.put(self.judged(entry, hash, "published", place)).await
            }
            Ok(Published::Unchanged { version_id, .. }) => {
                let version = self
                    .app
                    .db
                    .read(move |tx| Ok::<_, ActionError>(versions::by_id(tx, &version_id)?))
                    .await?;
                let place = version.map_or_else(Place::default, |version| Place {
                    policy_no: Some(version.policy_no),
                    version_no: Some(version.no),
                });
                self.put(self.judged(entry, hash, "unchanged", place)).await
            }
            // Somebody published the same policy at this moment: the next look decides anew.
            Err(error)
                if error
                    .refusal()
                    .is_some_and(|refusal| refusal.kind == RefusalKind::Conflict) =>
            {
                Err(error)
            }
            Err(ActionError::Refused(refusal)) => self.fail(entry, hash, &refusal).await,
            Err(error) => Err(error),
        }
    }

    /// What the file, its name and the source's settings say; the rest is left to the policy's history.
    async fn request(
        &self,
        entry: &Entry,
        file: UploadedFile,
    ) -> Result<PublishRequest, ActionError> {
        let words = self.words(&file).await;
        let held = self.row(&entry.path).and_then(|row| row.policy_no);
        let (known, taken) = self.policies(held).await?;
        let policy = match (&words.front.policy, known) {
            (Some(_), _) => None,
            (None, Some(slug)) => Some(slug),
            (None, None) => Some(naming::slug(&entry.path, &words.title, &taken).to_string()),
        };
        let history = self
            .history(words.front.policy.clone().or_else(|| policy.clone()))
            .await?;
        let is_first_import = self.quiet.contains(&entry.path) && held.is_none();
        let mut request = PublishRequest::of_file(
            Actor::Folder {
                source: self.source.name.clone(),
            },
            VersionSource::Folder,
            file,
        );
        request.source_ref = Some(entry.path.clone());
        request.label = naming::read(&entry.path)
            .label
            .filter(|_| words.front.version.is_none())
            .map(ToOwned::to_owned);
        request.policy = policy;
        if history == History::None && words.front.audience.is_none() {
            request.audience.clone_from(&self.source.audience);
        }
        request.channels = match history {
            _ if is_first_import => Some(Vec::new()),
            _ if !words.front.channels.is_empty() => None,
            History::Told => None,
            History::None => {
                Some(self.source.channels.clone()).filter(|channels| !channels.is_empty())
            }
            History::TakenInQuietly => Some(self.all_channels()),
        };
        Ok(request)
    }

    /// Front matter and title; a file that cannot be read says nothing, and publishing it says why.
    async fn words(&self, file: &UploadedFile) -> Words {
        let limits = Limits {
            max_file_bytes: self.app.max_upload_bytes(),
            ..Limits::default()
        };
        let file = file.clone();
        let read = bounded(LONGEST_READING, move || {
            yuezhi_documents::read(&file.name, &file.bytes, &limits)
        })
        .await;
        let Ok(Ok(document)) = read else {
            return Words::default();
        };
        let title = document
            .front_matter
            .title
            .clone()
            .or(document.title)
            .unwrap_or_default();
        Words {
            front: document.front_matter,
            title,
        }
    }

    /// The slug this path was published under, and the slugs that the other files of the source hold.
    async fn policies(
        &self,
        held: Option<i64>,
    ) -> Result<(Option<String>, Vec<(String, String)>), ActionError> {
        let rows: Vec<(i64, String)> = self
            .rows
            .iter()
            .filter(|row| row.state != "removed")
            .filter_map(|row| Some((row.policy_no?, naming::read(&row.path).folder.to_owned())))
            .collect();
        let read = self.app.db.read(move |tx| {
            let known = match held {
                Some(no) => policies::get(tx, no)?.map(|policy| policy.slug),
                None => None,
            };
            let mut taken = Vec::with_capacity(rows.len());
            if known.is_none() {
                for (no, folder) in &rows {
                    taken.extend(
                        policies::get(tx, *no)?.map(|policy| (policy.slug, folder.clone())),
                    );
                }
            }
            Ok::<_, ActionError>((known, taken))
        });
        read.await
    }

    async fn history(&self, slug: Option<String>) -> Result<History, ActionError> {
        let Some(slug) = slug else {
            return Ok(History::None);
        };
        let actor = Actor::Folder {
            source: self.source.name.clone(),
        }
        .to_string();
        let last = self
            .app
            .db
            .read(move |tx| {
                let Some(policy) = policies::by_slug(tx, slug.trim())? else {
                    return Ok::<_, ActionError>(None);
                };
                Ok(notices::of_policy(tx, policy.no, 1)?.into_iter().next())
            })
            .await?;
        Ok(match last {
            None => History::None,
            Some(notice)
                if self.source.quiet_first_import
                    && notice.channels.is_empty()
                    && notice.issued_by == actor =>
            {
                History::TakenInQuietly
            }
            Some(_) => History::Told,
        })
    }

    /// Nobody chose silence for good: what was taken in quietly is told about from its next version on.
    fn all_channels(&self) -> Vec<String> {
        if !self.source.channels.is_empty() {
            return self.source.channels.clone();
        }
        publish_version::lanes::first_words(&self.app.channels())
    }

    fn judged(&self, entry: &Entry, hash: String, state: &str, place: Place) -> SourceFile {
        SourceFile {
            source: self.source.name.clone(),
            path: entry.path.clone(),
            hash,
            state: state.to_owned(),
            policy_no: place.policy_no,
            version_no: place.version_no,
            error_code: None,
            error_detail: None,
            seen_at: self.now,
        }
    }

    async fn fail(
        &mut self,
        entry: &Entry,
        hash: String,
        refusal: &Refusal,
    ) -> Result<(), ActionError> {
        tracing::warn!(source = %self.source.name, path = %entry.path, code = %refusal.code, "a watched file was refused");
        let before = self.row(&entry.path);
        let place = Place {
            policy_no: before.and_then(|row| row.policy_no),
            version_no: before.and_then(|row| row.version_no),
        };
        let values = serde_json::to_string(&refusal.values).map_err(ActionError::internal)?;
        let row = SourceFile {
            error_code: Some(refusal.code.clone()),
            error_detail: Some(values),
            ..self.judged(entry, hash, "failed", place)
        };
        self.put(row).await
    }

    async fn put(&mut self, row: SourceFile) -> Result<(), ActionError> {
        let kept = row.clone();
        self.app
            .db
            .write(move |tx| Ok::<_, ActionError>(source_files::put(tx, &kept)?))
            .await?;
        self.rows.retain(|known| known.path != row.path);
        self.rows.push(row);
        self.app.announce(0);
        Ok(())
    }
}

/// What the policy's last notice tells about who is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum History {
    None,
    /// Came in with the first import, about which nobody was told.
    TakenInQuietly,
    Told,
}

/// Whether this row is the same file under the name it had before.
fn is_old_name(row: &SourceFile, path: &str, hash: &str, listing: &Listing) -> bool {
    row.path != path
        && row.hash == hash
        && row.error_code.is_none()
        && row.version_no.is_some()
        && listing.is_gone(&row.path)
}

/// Why a file was refused, to be shown in the reader's language. `None` for a file that was not.
pub fn failure(row: &SourceFile) -> Option<Refusal> {
    let code = row.error_code.as_ref()?;
    let values = row
        .error_detail
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    Some(Refusal {
        values,
        ..Refusal::invalid("file", code)
    })
}

/// The file's bytes; none where it changed meanwhile or is gone; or what the operating system said.
async fn read_whole(entry: &Entry) -> Result<Result<Option<Bytes>, String>, ActionError> {
    let (path, stamp) = (entry.on_disk.clone(), entry.stamp);
    let read = tokio::task::spawn_blocking(move || {
        let bytes = fs::read(&path)?;
        Ok((stamp_of(&fs::metadata(&path)?) == stamp).then(|| Bytes::from(bytes)))
    });
    Ok(match read.await.map_err(ActionError::internal)? {
        Ok(bytes) => Ok(bytes),
        Err(error) if io::Error::kind(&error) == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.to_string()),
    })
}

/// The paths of the first look, kept so that a restart in the midst of a first import stays quiet.
async fn first_files(
    app: &App,
    source: &SourceConfig,
    listing: &Listing,
) -> Result<HashSet<String>, ActionError> {
    if !source.quiet_first_import {
        return Ok(HashSet::new());
    }
    let key = format!("source_first_files:{}", source.name);
    let paths: Vec<&str> = listing
        .files
        .iter()
        .map(|entry| entry.path.as_str())
        .collect();
    let fresh = serde_json::to_string(&paths).map_err(ActionError::internal)?;
    let asked = key.clone();
    let known = app
        .db
        .read(move |tx| Ok::<_, ActionError>(settings::get(tx, &asked)?))
        .await?;
    let stands = match known {
        Some(known) => known,
        None => {
            app.db
                .write(move |tx| {
                    Ok::<_, ActionError>(settings::insert_if_absent(tx, &key, &fresh)?)
                })
                .await?
        }
    };
    serde_json::from_str(&stands).map_err(ActionError::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(path: &str, hash: &str) -> SourceFile {
        SourceFile {
            source: "inbox".to_owned(),
            path: path.to_owned(),
            hash: hash.to_owned(),
            state: "published".to_owned(),
            policy_no: Some(1),
            version_no: Some(2),
            error_code: None,
            error_detail: None,
            seen_at: UnixMillis(0),
        }
    }

    #[test]
    fn the_same_bytes_under_a_new_name_are_a_rename_only_when_the_old_name_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("kept.md"), "text").unwrap();
        let listing = super::super::scan::list(folder.path()).unwrap();
        assert!(is_old_name(&row("gone.md", "h"), "new.md", "h", &listing));
        assert!(
            !is_old_name(&row("kept.md", "h"), "new.md", "h", &listing),
            "a copy"
        );
        assert!(!is_old_name(
            &row("gone.md", "other"),
            "new.md",
            "h",
            &listing
        ));
        let failed = SourceFile {
            error_code: Some("file_empty".to_owned()),
            ..row("gone.md", "h")
        };
        assert!(
            !is_old_name(&failed, "new.md", "h", &listing),
            "a refused file is judged anew"
        );
    }

    #[test]
    fn a_refusal_is_kept_with_what_its_text_needs() {
        let mut failed = row("a.md", "h");
        assert_eq!(failure(&failed), None);
        failed.error_code = Some("file_front_matter".to_owned());
        failed.error_detail = Some(r#"[["line","3"]]"#.to_owned());
        let refusal = failure(&failed).unwrap();
        assert_eq!(
            (refusal.code.as_str(), refusal.values),
            (
                "file_front_matter",
                vec![("line".to_owned(), "3".to_owned())]
            )
        );
    }
}
