//! Reads the organisation's whole DingTalk directory and applies it: at night, on a click, after a change of departments.
//!
//! The console, the API and the command line ask ([`ask`]); `workers/sync_people` does it ([`work`]). Invariant: what was
//! asked for stands in the database until it was done, so a crash or a stopped node does it again; one walk at a time.
//! Weakness: two nodes that begin in the same instant may both walk; applying twice changes nothing.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use yuezhi_channels::directory::{self, WalkOptions, WalkProgress};
use yuezhi_domain::UnixMillis;
use yuezhi_store::{StoreError, Tx, settings};

use super::{
    ActionError, Actor, Refusal,
    sync_directory::{self, Apply, SyncReport},
};
use crate::app::App;

/// The walk that is asked for or under way.
const JOB_SETTING: &str = "directory_sync_job";
/// What the last one ended with.
const OUTCOME_SETTING: &str = "directory_sync_outcome";
/// When the next one is due by itself; milliseconds.
const NEXT_SETTING: &str = "directory_sync_next";
/// A node that walks longer than this has died.
const LEASE: Duration = Duration::from_mins(45);
/// After a failure the next try comes before the next night.
const AFTER_FAILURE: Duration = Duration::from_mins(60);
/// Changes of departments come in flocks.
pub const GATHERS: Duration = Duration::from_mins(2);

/// How a walk is wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Count only.
    pub dry_run: bool,
    /// An administrator has seen that many would be closed, and wants it.
    pub allow_loss: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Job {
    id: String,
    actor: String,
    dry_run: bool,
    allow_loss: bool,
    /// Somebody walks; 0: nobody yet.
    leased_until: i64,
}

/// How a walk ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    pub id: String,
    pub at: i64,
    pub dry_run: bool,
    pub report: Option<SyncReport>,
    /// Code and detail of why there is no report.
    pub error: Option<(String, String)>,
}

/// Where the sync stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Asked for and not done.
    pub running: bool,
    /// Of the walk on this node.
    pub progress: Option<WalkProgress>,
    /// The last walk that was asked for or due, dry runs and failures too.
    pub ended: Option<Ended>,
    /// The last one that was applied.
    pub last: Option<SyncReport>,
    pub next_at: Option<UnixMillis>,
}

/// How far this node's walk is.
#[derive(Debug, Default)]
pub struct Progress(Mutex<Option<WalkProgress>>);

impl Progress {
    fn set(&self, to: Option<WalkProgress>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = to;
    }

    fn get(&self) -> Option<WalkProgress> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks for a walk; its id. It begins within a moment.
pub async fn ask(app: &App, actor: &Actor, wanted: Wanted) -> Result<String, ActionError> {
    if app.channels().app().is_none() {
        return Err(Refusal::conflict("dingtalk_not_configured").into());
    }
    let now = app.now();
    let id = app.ids.next::<uuid::Uuid>(now).to_string();
    let job = Job {
        id: id.clone(),
        actor: actor.to_string(),
        dry_run: wanted.dry_run,
        allow_loss: wanted.allow_loss,
        leased_until: 0,
    };
    app.db
        .write(move |tx| {
            if job_of(tx)?.is_some() {
                return Err(Refusal::conflict("directory_sync_running").into());
            }
            put_json(tx, JOB_SETTING, &job)
        })
        .await?;
    app.wake();
    Ok(id)
}

/// The departments have changed: everything is read again soon.
pub fn mark(tx: &mut Tx<'_>, now: UnixMillis) -> Result<(), StoreError> {
    let soon = now.plus(GATHERS);
    if next_of(tx)?.is_none_or(|next| next > soon) {
        put_next(tx, soon)?;
    }
    Ok(())
}

/// Where it stands.
pub async fn standing(app: &App) -> Result<Standing, ActionError> {
    let (job, ended, next_at) = app
        .db
        .read(|tx| {
            Ok::<_, ActionError>((
                job_of(tx)?,
                settings::get(tx, OUTCOME_SETTING)?,
                next_of(tx)?,
            ))
        })
        .await?;
    Ok(Standing {
        running: job.is_some(),
        progress: app.directory_progress.get(),
        ended: ended.and_then(|text| serde_json::from_str(&text).ok()),
        last: sync_directory::last_report(app).await?,
        next_at,
    })
}

/// Does what is asked for or due; when to come again. `next_night`: when the one after this is due by itself.
pub async fn work(app: &App, next_night: UnixMillis) -> Result<Option<UnixMillis>, ActionError> {
    let Some(dingtalk) = app.channels().app().cloned() else {
        return Ok(None);
    };
    let (now, by_itself) = (app.now(), app.config.dingtalk.sync_people);
    // Looked at every minute, and mostly there is nothing to write.
    let (is_asked, next) = app
        .db
        .read(|tx| Ok::<_, ActionError>((job_of(tx)?.is_some(), next_of(tx)?)))
        .await?;
    if !is_asked && (!by_itself || next.is_some_and(|next| next > now)) {
        return Ok(next.filter(|_| by_itself));
    }
    let id = app.ids.next::<uuid::Uuid>(now).to_string();
    let taken = app
        .db
        .write(move |tx| take(tx, &id, by_itself, now, next_night))
        .await?;
    let job = match taken {
        Taken::Job(job) => job,
        Taken::Later(at) => return Ok(at),
    };
    tracing::info!(actor = %job.actor, dry_run = job.dry_run, "reading the DingTalk directory");
    let tell = |progress| app.directory_progress.set(Some(progress));
    let options = WalkOptions {
        progress: Some(&tell),
        ..WalkOptions::default()
    };
    let stopped = app.streams_closed();
    let walked = tokio::select! {
        walked = directory::walk(&dingtalk, options, now) => walked,
        // The walk is asked for again when its lease is over, or at once by the next start.
        () = stopped.cancelled() => {
            give_back(app, job).await?;
            return Ok(None);
        }
    };
    app.directory_progress.set(None);
    let how = Apply {
        actor: job.actor.clone(),
        dry_run: job.dry_run,
        allow_loss: job.allow_loss,
    };
    let (report, error) = match walked {
        Ok(snapshot) => (Some(sync_directory::apply(app, snapshot, how).await?), None),
        Err(why) => {
            tracing::warn!(code = why.code, "the DingTalk directory could not be read");
            (None, Some((why.code.to_owned(), why.detail)))
        }
    };
    let ended = Ended {
        id: job.id.clone(),
        at: app.now().0,
        dry_run: job.dry_run,
        report,
        error,
    };
    end(app, job, ended).await
}

enum Taken {
    Job(Job),
    Later(Option<UnixMillis>),
}

fn take(
    tx: &mut Tx<'_>,
    id: &str,
    by_itself: bool,
    now: UnixMillis,
    next_night: UnixMillis,
) -> Result<Taken, ActionError> {
    if let Some(mut job) = job_of(tx)? {
        if job.leased_until > now.0 {
            return Ok(Taken::Later(Some(UnixMillis(job.leased_until))));
        }
        job.leased_until = now.plus(LEASE).0;
        put_json(tx, JOB_SETTING, &job)?;
        return Ok(Taken::Job(job));
    }
    if !by_itself {
        return Ok(Taken::Later(None));
    }
    // Without a time there was no walk yet: the first one is due at once.
    if let Some(next) = next_of(tx)?
        && next > now
    {
        return Ok(Taken::Later(Some(next)));
    }
    put_next(tx, next_night)?;
    let job = Job {
        id: id.to_owned(),
        actor: Actor::System.to_string(),
        dry_run: false,
        allow_loss: false,
        leased_until: now.plus(LEASE).0,
    };
    put_json(tx, JOB_SETTING, &job)?;
    Ok(Taken::Job(job))
}

async fn give_back(app: &App, job: Job) -> Result<(), ActionError> {
    app.directory_progress.set(None);
    app.db
        .write(move |tx| {
            let job = Job {
                leased_until: 0,
                ..job.clone()
            };
            put_json(tx, JOB_SETTING, &job)
        })
        .await
}

async fn end(app: &App, job: Job, ended: Ended) -> Result<Option<UnixMillis>, ActionError> {
    let now = app.now();
    let by_itself = app.config.dingtalk.sync_people;
    let next = app
        .db
        .write(move |tx| {
            if job_of(tx)?.is_some_and(|standing| standing.id == job.id) {
                settings::put(tx, JOB_SETTING, "")?;
            }
            put_json(tx, OUTCOME_SETTING, &ended)?;
            let again = now.plus(AFTER_FAILURE);
            let failed = ended.error.is_some() && !job.dry_run;
            if by_itself && failed && next_of(tx)?.is_none_or(|next| next > again) {
                put_next(tx, again)?;
            }
            Ok::<_, ActionError>(next_of(tx)?.filter(|_| by_itself))
        })
        .await?;
    app.announce(0);
    Ok(next)
}

fn job_of(tx: &mut Tx<'_>) -> Result<Option<Job>, StoreError> {
    let text = settings::get(tx, JOB_SETTING)?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

fn next_of(tx: &mut Tx<'_>) -> Result<Option<UnixMillis>, StoreError> {
    let text = settings::get(tx, NEXT_SETTING)?;
    Ok(text.and_then(|text| text.parse().ok()).map(UnixMillis))
}

fn put_next(tx: &mut Tx<'_>, next: UnixMillis) -> Result<(), StoreError> {
    settings::put(tx, NEXT_SETTING, &next.0.to_string())
}

fn put_json(tx: &mut Tx<'_>, key: &str, value: &impl Serialize) -> Result<(), ActionError> {
    let text = serde_json::to_string(value).map_err(ActionError::internal)?;
    Ok(settings::put(tx, key, &text)?)
}
