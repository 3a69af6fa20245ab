//! Lists the policy files of a folder by name, size and time of change; opens none of them.
//!
//! Invariant: nothing outside the folder is listed, whatever links point where; what could not be looked into is named,
//! so that its files are not taken for removed. Weakness: at most [`MOST_FILES`] files, [`DEEPEST`] folders deep.

use std::{
    fs::{self, DirEntry, Metadata},
    io,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

const EXTENSIONS: &[&str] = &["md", "markdown", "docx", "pdf", "txt", "html", "htm"];
const MOST_FILES: usize = 20_000;
const DEEPEST: usize = 32;

/// What tells that a file has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub size: u64,
    /// Time of the last change, in nanoseconds since 1970.
    pub modified: u128,
}

/// A file that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Below the folder, with `/`: its name in the database.
    pub path: String,
    pub on_disk: PathBuf,
    pub stamp: Stamp,
}

/// What a folder holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Listing {
    /// In the order in which they are taken in.
    pub files: Vec<Entry>,
    /// Folders that could not be looked into; with `/` at the end.
    pub(super) unreadable: Vec<String>,
    pub problem: Option<String>,
}

impl Listing {
    /// Whether a file that is not listed is really gone.
    pub(super) fn is_gone(&self, path: &str) -> bool {
        !self
            .unreadable
            .iter()
            .any(|folder| path.starts_with(folder.as_str()))
            && self.files.iter().all(|entry| entry.path != path)
    }
}

/// Lists a folder; the error says why it cannot be read at all.
pub(super) fn list(folder: &Path) -> Result<Listing, String> {
    let root = folder.canonicalize().map_err(|error| said(&error))?;
    let mut listing = Listing::default();
    fs::read_dir(&root).map_err(|error| said(&error))?;
    walk(&root, &root, "", 0, &mut listing);
    listing
        .files
        .sort_by(|one, other| crate::naming::natural_order(&one.path, &other.path));
    Ok(listing)
}

fn said(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such folder".to_owned(),
        io::ErrorKind::PermissionDenied => "reading it is not permitted".to_owned(),
        io::ErrorKind::NotADirectory => "it is not a folder".to_owned(),
        _ => error.to_string(),
    }
}

fn walk(root: &Path, folder: &Path, prefix: &str, depth: usize, listing: &mut Listing) {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return skip(prefix, &said(&error), listing),
    };
    if depth > DEEPEST {
        return skip(
            prefix,
            &format!("it lies deeper than {DEEPEST} folders"),
            listing,
        );
    }
    for entry in entries {
        if listing.files.len() >= MOST_FILES {
            return skip(
                "",
                &format!("it holds more than {MOST_FILES} files"),
                listing,
            );
        }
        match entry {
            Ok(entry) => look_at(root, &entry, prefix, depth, listing),
            Err(error) => skip(prefix, &said(&error), listing),
        }
    }
}

fn look_at(root: &Path, entry: &DirEntry, prefix: &str, depth: usize, listing: &mut Listing) {
    let name = entry.file_name().to_string_lossy().into_owned();
    let Ok(kind) = entry.file_type() else { return };
    if is_hidden(&name) {
        return;
    }
    let path = format!("{prefix}{name}");
    if kind.is_dir() {
        return walk(root, &entry.path(), &format!("{path}/"), depth + 1, listing);
    }
    if !counts(&name) {
        return;
    }
    // A file that went away since the folder was read is seen as gone next time.
    let Some((on_disk, meta)) = resolved(root, &entry.path(), kind.is_symlink()) else {
        return;
    };
    if meta.is_file() {
        listing.files.push(Entry {
            path,
            on_disk,
            stamp: stamp_of(&meta),
        });
    }
}

/// The file itself. A link is followed to a file of the same folder (as Kubernetes mounts them) and nowhere else.
fn resolved(root: &Path, path: &Path, is_link: bool) -> Option<(PathBuf, Metadata)> {
    if !is_link {
        return Some((path.to_owned(), fs::symlink_metadata(path).ok()?));
    }
    let target = path
        .canonicalize()
        .ok()
        .filter(|target| target.starts_with(root))?;
    let meta = fs::metadata(&target).ok()?;
    Some((target, meta))
}

fn skip(prefix: &str, why: &str, listing: &mut Listing) {
    listing.unreadable.push(prefix.to_owned());
    let place = if prefix.is_empty() {
        String::new()
    } else {
        format!("{}: ", prefix.trim_end_matches('/'))
    };
    listing
        .problem
        .get_or_insert_with(|| format!("{place}{why}"));
}

pub(super) fn stamp_of(meta: &Metadata) -> Stamp {
    let modified = meta
        .modified()
        .ok()
        .and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    Stamp {
        size: meta.len(),
        modified: modified.map_or(0, |since| since.as_nanos()),
    }
}

/// Editors and file systems keep their own things beside documents.
fn is_hidden(name: &str) -> bool {
    name.starts_with('.') || name.starts_with("~$") || name == "__MACOSX" || name == "node_modules"
}

/// Temporary names (`….part`, `….swp`, `….crdownload`, `…~`) have no extension that counts.
fn counts(name: &str) -> bool {
    let extension = name
        .rsplit_once('.')
        .map(|(_, extension)| extension.to_ascii_lowercase());
    extension.is_some_and(|extension| EXTENSIONS.contains(&extension.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(listing: &Listing) -> Vec<&str> {
        listing
            .files
            .iter()
            .map(|entry| entry.path.as_str())
            .collect()
    }

    fn write(folder: &Path, name: &str) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "text").unwrap();
    }

    #[test]
    fn only_policy_files_count_and_temporary_ones_do_not() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "b-10.md",
            "b-9.md",
            "a/差旅.DOCX",
            "~$b.docx",
            ".hidden.md",
            ".git/x.md",
            "c.md.part",
            "c.md~",
            ".c.md.swp",
            "d.pdf.crdownload",
            "e.xlsx",
            "md",
        ] {
            write(folder.path(), name);
        }
        let listing = list(folder.path()).unwrap();
        assert_eq!(paths(&listing), ["a/差旅.DOCX", "b-9.md", "b-10.md"]);
        assert!(listing.is_gone("old.md") && !listing.is_gone("b-9.md"));
    }

    #[test]
    fn a_missing_folder_is_said_in_words() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(
            list(&folder.path().join("none")).unwrap_err(),
            "there is no such folder"
        );
    }

    #[cfg(unix)]
    #[test]
    fn links_that_leave_the_folder_are_not_followed() {
        use std::os::unix::fs::symlink;
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write(outside.path(), "secret.md");
        write(folder.path(), ".data/inside.md");
        symlink(
            outside.path().join("secret.md"),
            folder.path().join("secret.md"),
        )
        .unwrap();
        symlink(outside.path(), folder.path().join("elsewhere")).unwrap();
        symlink(folder.path(), folder.path().join("round")).unwrap();
        symlink(".data/inside.md", folder.path().join("inside.md")).unwrap();
        assert_eq!(paths(&list(folder.path()).unwrap()), ["inside.md"]);
    }

    #[test]
    fn files_of_a_folder_that_could_not_be_read_are_not_gone() {
        let mut listing = Listing::default();
        skip("hr/", "reading it is not permitted", &mut listing);
        assert!(!listing.is_gone("hr/leave.md") && listing.is_gone("leave.md"));
        assert_eq!(
            listing.problem.as_deref(),
            Some("hr: reading it is not permitted")
        );
    }
}
