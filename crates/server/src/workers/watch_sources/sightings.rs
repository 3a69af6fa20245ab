//! What a node remembers between two looks at a folder: sizes and times of change, and since when they stand.
//!
//! Held by [`crate::app::App`]. Invariant: a file is ripe when its stamp has stood for the settle time by the
//! server's clock, and is ripe once per stamp. Weakness: memory only; after a restart every file ripens again and
//! [`super::intake`] finds by its hash that nothing is new.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use yuezhi_domain::UnixMillis;

use super::scan::{Entry, Listing, Stamp};

/// Of all watched folders of a node.
#[derive(Debug, Default)]
pub struct Sightings(Mutex<HashMap<String, OfFolder>>);

/// Why a folder is not, or not wholly, watched at present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderProblem {
    pub source: String,
    /// In English, for administrators.
    pub detail: String,
    pub since: UnixMillis,
}

#[derive(Debug, Default)]
struct OfFolder {
    files: HashMap<String, Sighting>,
    looked: bool,
    problem: Option<(String, UnixMillis)>,
}

#[derive(Clone, Copy, Debug)]
struct Sighting {
    stamp: Stamp,
    /// From then on it is ripe; `None` once it was taken in.
    ripe_at: Option<UnixMillis>,
}

/// What a look brought.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub ripe: Vec<Entry>,
    /// When the next one ripens.
    pub next: Option<UnixMillis>,
    /// Files of the last look are not there any more.
    pub some_gone: bool,
    pub first_look: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Noted {
    New(String),
    Over,
    AsBefore,
}

impl Sightings {
    /// Folders that cannot be read at present, for the console.
    pub fn problems(&self) -> Vec<FolderProblem> {
        let folders = self.folders();
        let mut problems: Vec<_> = folders
            .iter()
            .filter_map(|(source, of)| {
                let (detail, since) = of.problem.clone()?;
                Some(FolderProblem {
                    source: source.clone(),
                    detail,
                    since,
                })
            })
            .collect();
        problems.sort_by(|one, other| one.source.cmp(&other.source));
        problems
    }

    pub(super) fn observe(
        &self,
        source: &str,
        listing: &Listing,
        now: UnixMillis,
        settle: Duration,
    ) -> Seen {
        let mut folders = self.folders();
        let of = folders.entry(source.to_owned()).or_default();
        let listed: HashSet<&str> = listing
            .files
            .iter()
            .map(|entry| entry.path.as_str())
            .collect();
        let before = of.files.len();
        of.files.retain(|path, _| listed.contains(path.as_str()));
        let mut seen = Seen {
            some_gone: of.files.len() < before,
            first_look: !std::mem::replace(&mut of.looked, true),
            ..Seen::default()
        };
        for entry in &listing.files {
            let fresh = Sighting {
                stamp: entry.stamp,
                ripe_at: Some(now.plus(settle)),
            };
            let sighting = of.files.entry(entry.path.clone()).or_insert(fresh);
            // A clock that was set back must not make a file wait for hours.
            let is_far = sighting
                .ripe_at
                .is_some_and(|at| at.since(now) > settle.max(super::AGAIN_AFTER));
            if sighting.stamp != entry.stamp || is_far {
                *sighting = fresh;
            }
            match sighting.ripe_at {
                Some(at) if at <= now => seen.ripe.push(entry.clone()),
                Some(at) => seen.next = Some(seen.next.map_or(at, |next| next.min(at))),
                None => {}
            }
        }
        seen
    }

    /// The file with this stamp needs no further look.
    pub(super) fn done(&self, source: &str, entry: &Entry) {
        self.set(source, entry, None);
    }

    pub(super) fn try_again(&self, source: &str, entry: &Entry, at: UnixMillis) {
        self.set(source, entry, Some(at));
    }

    pub(super) fn note_problem(
        &self,
        source: &str,
        problem: Option<String>,
        now: UnixMillis,
    ) -> Noted {
        let mut folders = self.folders();
        let known = &mut folders.entry(source.to_owned()).or_default().problem;
        match (known.as_ref().map(|(detail, _)| detail), problem) {
            (None, None) => Noted::AsBefore,
            (Some(before), Some(problem)) if *before == problem => Noted::AsBefore,
            (_, Some(problem)) => {
                *known = Some((problem.clone(), now));
                Noted::New(problem)
            }
            (Some(_), None) => {
                *known = None;
                Noted::Over
            }
        }
    }

    fn set(&self, source: &str, entry: &Entry, ripe_at: Option<UnixMillis>) {
        let mut folders = self.folders();
        let sighting = folders
            .get_mut(source)
            .and_then(|of| of.files.get_mut(&entry.path));
        if let Some(sighting) = sighting.filter(|sighting| sighting.stamp == entry.stamp) {
            sighting.ripe_at = ripe_at;
        }
    }

    fn folders(&self) -> MutexGuard<'_, HashMap<String, OfFolder>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLE: Duration = Duration::from_secs(2);

    fn file(path: &str, size: u64) -> Entry {
        Entry {
            path: path.to_owned(),
            on_disk: path.into(),
            stamp: Stamp { size, modified: 7 },
        }
    }

    fn look(sightings: &Sightings, files: &[Entry], now: i64) -> Seen {
        let listing = Listing {
            files: files.to_vec(),
            ..Listing::default()
        };
        sightings.observe("inbox", &listing, UnixMillis(now), SETTLE)
    }

    #[test]
    fn a_file_that_still_grows_is_left_alone() {
        let sightings = Sightings::default();
        let seen = look(&sightings, &[file("a.md", 1)], 0);
        assert!(seen.first_look && seen.ripe.is_empty());
        assert_eq!(seen.next, Some(UnixMillis(2_000)));
        let seen = look(&sightings, &[file("a.md", 2)], 2_000);
        assert!(!seen.first_look && seen.ripe.is_empty());
        assert_eq!(
            look(&sightings, &[file("a.md", 2)], 4_000).ripe,
            [file("a.md", 2)]
        );
    }

    #[test]
    fn a_file_that_was_taken_in_is_ripe_again_only_when_it_changes() {
        let sightings = Sightings::default();
        look(&sightings, &[file("a.md", 1)], 0);
        assert_eq!(look(&sightings, &[file("a.md", 1)], 2_000).ripe.len(), 1);
        sightings.done("inbox", &file("a.md", 1));
        let seen = look(&sightings, &[file("a.md", 1)], 9_000);
        assert!(seen.ripe.is_empty() && seen.next.is_none() && !seen.some_gone);
        look(&sightings, &[file("a.md", 5)], 10_000);
        assert_eq!(look(&sightings, &[file("a.md", 5)], 12_000).ripe.len(), 1);
    }

    #[test]
    fn a_file_that_could_not_be_taken_in_waits_and_a_change_meanwhile_counts() {
        let sightings = Sightings::default();
        look(&sightings, &[file("a.md", 1)], 0);
        sightings.try_again("inbox", &file("a.md", 1), UnixMillis(30_000));
        assert!(look(&sightings, &[file("a.md", 1)], 20_000).ripe.is_empty());
        look(&sightings, &[file("a.md", 2)], 21_000);
        sightings.done("inbox", &file("a.md", 1));
        assert_eq!(
            look(&sightings, &[file("a.md", 2)], 23_000).ripe.len(),
            1,
            "an older stamp's outcome does not count"
        );
    }

    #[test]
    fn files_that_went_away_are_noticed_once() {
        let sightings = Sightings::default();
        look(&sightings, &[file("a.md", 1), file("b.md", 1)], 0);
        assert!(look(&sightings, &[file("a.md", 1)], 1_000).some_gone);
        assert!(!look(&sightings, &[file("a.md", 1)], 2_000).some_gone);
    }

    #[test]
    fn a_problem_is_told_once_and_its_end_too() {
        let sightings = Sightings::default();
        let note = |text: Option<&str>| {
            sightings.note_problem("inbox", text.map(ToOwned::to_owned), UnixMillis(1))
        };
        assert_eq!(note(None), Noted::AsBefore);
        assert_eq!(note(Some("gone")), Noted::New("gone".to_owned()));
        assert_eq!(note(Some("gone")), Noted::AsBefore);
        assert_eq!(sightings.problems()[0].detail, "gone");
        assert_eq!(note(None), Noted::Over);
        assert!(sightings.problems().is_empty());
    }
}
