//! Publishes files of watched folders as they appear and change.
//!
//! A tick lists each folder ([`scan`]), waits until a file has been left alone ([`sightings`]), and hands what is ripe
//! to [`intake`], which publishes it or records why not. A tick in which nothing changed reads directory entries and
//! nothing else: no file, no database. Invariant: the rows of `source_files` decide what was taken in, so a restart or
//! a second node publishes nothing twice; one broken file stops no other; a file that goes away takes nothing back.
//! Weakness: polling finds a change after up to a second, and what was seen is forgotten at a restart, so that every
//! file is hashed once after it.

mod intake;
mod scan;
mod sightings;

use std::time::Duration;

pub use intake::failure;
pub use sightings::{FolderProblem, Sightings};
use yuezhi_domain::UnixMillis;

use self::{
    intake::{Intake, Taken},
    scan::Listing,
};
use super::Next;
use crate::{actions::ActionError, app::App, config::SourceConfig};

/// Files of one folder that one tick takes in; the next tick goes on at once.
const AT_ONCE: usize = 20;

/// When a file that could not be taken in through no fault of its own is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(30);

pub async fn tick(app: &App) -> Result<Next, ActionError> {
    let mut next = Next::Idle;
    let mut trouble = None;
    for source in &app.config.source {
        match look(app, source).await {
            Ok(after) => next = sooner(next, after),
            Err(error) => trouble = Some(error),
        }
    }
    trouble.map_or(Ok(next), Err)
}

fn sooner(one: Next, other: Next) -> Next {
    match (one, other) {
        (Next::Now, _) | (_, Next::Now) => Next::Now,
        (Next::At(one), Next::At(other)) => Next::At(one.min(other)),
        (Next::Idle, known) | (known, Next::Idle) => known,
    }
}

/// One look at one folder.
async fn look(app: &App, source: &SourceConfig) -> Result<Next, ActionError> {
    let now = app.now();
    let Some(listing) = list(app, source, now).await? else {
        return Ok(Next::Idle);
    };
    let settle = Duration::from_secs(source.settle_seconds);
    let seen = app.sightings.observe(&source.name, &listing, now, settle);
    if seen.ripe.is_empty() && !seen.some_gone && !seen.first_look {
        return Ok(seen.next.map_or(Next::Idle, Next::At));
    }
    let mut intake = Intake::open(app, source, &listing, now).await?;
    intake.record_gone().await?;
    let more = seen.ripe.len() > AT_ONCE;
    for entry in seen.ripe.iter().take(AT_ONCE) {
        match intake.take(entry).await {
            Ok(Taken::Done) => app.sightings.done(&source.name, entry),
            Ok(Taken::Changed) => {}
            Ok(Taken::Later) => app
                .sightings
                .try_again(&source.name, entry, now.plus(AGAIN_AFTER)),
            Err(error) => {
                tracing::error!(source = %source.name, path = %entry.path, %error, "a watched file could not be taken in; it is tried again");
                app.sightings
                    .try_again(&source.name, entry, now.plus(AGAIN_AFTER));
            }
        }
    }
    Ok(if more {
        Next::Now
    } else {
        seen.next.map_or(Next::Idle, Next::At)
    })
}

/// The folder's files; `None`, told once, while it cannot be read.
async fn list(
    app: &App,
    source: &SourceConfig,
    now: UnixMillis,
) -> Result<Option<Listing>, ActionError> {
    let folder = source.folder.clone();
    let listed = tokio::task::spawn_blocking(move || scan::list(&folder))
        .await
        .map_err(ActionError::internal)?;
    let (problem, listing) = match listed {
        Ok(listing) => (listing.problem.clone(), Some(listing)),
        Err(problem) => (Some(problem), None),
    };
    match app.sightings.note_problem(&source.name, problem, now) {
        sightings::Noted::New(problem) => {
            tracing::warn!(source = %source.name, folder = %source.folder.display(), %problem, "a watched folder cannot be read as a whole; its files stay published");
        }
        sightings::Noted::Over => {
            tracing::info!(source = %source.name, "the watched folder can be read again");
        }
        sightings::Noted::AsBefore => {}
    }
    Ok(listing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_look_is_the_soonest_that_any_folder_needs() {
        let at = |millis| Next::At(UnixMillis(millis));
        assert_eq!(sooner(Next::Idle, at(5)), at(5));
        assert_eq!(sooner(at(9), at(5)), at(5));
        assert_eq!(sooner(at(9), Next::Now), Next::Now);
        assert_eq!(sooner(Next::Idle, Next::Idle), Next::Idle);
    }
}
