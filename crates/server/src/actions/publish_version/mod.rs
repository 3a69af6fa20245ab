//! Publishes a version of a policy and tells its audience: the one way in, whatever door the file came through.
//!
//! Called by the console form, `POST /api/v1/policies/…`, `yuezhi publish` and the watched folder. The steps:
//! [`settle`] reads the file and decides every field (request → front matter → the policy's last notice → default),
//! [`plan`] counts what would happen, [`write`] makes it so. Invariant: [`publish`] does what [`plan`] said, from the
//! same settled fields, in one transaction that writes version, notice, obligations and deliveries, or nothing.
//! Weakness: an audience above [`write::INLINE_PEOPLE`] is filled in by the `expand` worker after that commit.

mod due;
pub mod lanes;
mod plan;
mod settle;
mod write;

pub use plan::{PlannedBudget, PlannedDelivery, PlannedReminder, PublishPlan, Superseded};

use bytes::Bytes;
use yuezhi_domain::{ChangeKind, NoticeId, PolicyId, Requirement, VersionId};

use super::{ActionError, Actor};
use crate::app::App;

/// A file as it came in.
#[derive(Clone, PartialEq, Eq)]
pub struct UploadedFile {
    pub name: String,
    pub bytes: Bytes,
}

impl std::fmt::Debug for UploadedFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "UploadedFile({}, {} bytes)", self.name, self.bytes.len())
    }
}

/// The door a version came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionSource {
    Console,
    Api,
    CommandLine,
    Folder,
    Demo,
}

impl VersionSource {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Console => "console",
            Self::Api => "api",
            Self::CommandLine => "command_line",
            Self::Folder => "folder",
            Self::Demo => "demo",
        }
    }
}

/// What to publish and how. `None` asks the file's front matter, then the policy's last notice, then the default.
#[derive(Debug, Clone)]
pub struct PublishRequest {
    pub actor: Actor,
    pub source: VersionSource,
    /// Path of the file in a watched folder.
    pub source_ref: Option<String>,
    pub file: UploadedFile,
    pub attachments: Vec<UploadedFile>,
    /// Slug of the policy.
    pub policy: Option<String>,
    pub title: Option<String>,
    pub category: Option<String>,
    pub owner: Option<String>,
    /// A rule as [`yuezhi_domain::Audience`] reads it.
    pub audience: Option<String>,
    pub requirement: Option<Requirement>,
    /// `7d`, `5wd`, `2026-12-31`, `2026-12-31 18:00`, `none`.
    pub due: Option<String>,
    /// `dingtalk`, `mail_others` or lanes: `robot:hr`, `mail`. Empty: nobody is told.
    pub channels: Option<Vec<String>>,
    /// A reminder plan as [`yuezhi_domain::ReminderPlan`] reads it; `none` for no reminders.
    pub plan: Option<String>,
    pub change: Option<ChangeKind>,
    pub summary: Option<String>,
    /// `YYYY-MM-DD`.
    pub effective: Option<String>,
    pub language: Option<String>,
    /// What people see as the version: `3.0`.
    pub label: Option<String>,
}

impl PublishRequest {
    /// A request that leaves everything to the file and the policy's history.
    pub fn of_file(actor: Actor, source: VersionSource, file: UploadedFile) -> Self {
        Self {
            actor,
            source,
            source_ref: None,
            file,
            attachments: Vec::new(),
            policy: None,
            title: None,
            category: None,
            owner: None,
            audience: None,
            requirement: None,
            due: None,
            channels: None,
            plan: None,
            change: None,
            summary: None,
            effective: None,
            language: None,
            label: None,
        }
    }
}

/// What publishing ended with.
#[derive(Debug, Clone)]
pub enum Published {
    New(Box<PublishedVersion>),
    /// The newest version holds the same text already; nothing was written.
    Unchanged {
        policy_slug: String,
        version_id: VersionId,
        label: String,
    },
}

/// A version that is out, with its notice.
#[derive(Debug, Clone)]
pub struct PublishedVersion {
    pub policy_slug: String,
    pub policy_id: PolicyId,
    pub policy_no: i64,
    pub version_id: VersionId,
    pub version_no: i64,
    pub label: String,
    pub notice_id: NoticeId,
    pub notice_no: i64,
    pub recipients: i64,
    pub plan: PublishPlan,
}

/// What publishing would do. Changes nothing.
pub async fn plan(app: &App, request: &PublishRequest) -> Result<PublishPlan, ActionError> {
    let settled = Box::pin(settle::settle(app, request)).await?;
    Box::pin(plan::plan(app, &settled)).await
}

/// Publishes, or says why not.
pub async fn publish(app: &App, request: PublishRequest) -> Result<Published, ActionError> {
    let settled = Box::pin(settle::settle(app, &request)).await?;
    if let Some(same) = settled.unchanged() {
        return Ok(same);
    }
    let plan = Box::pin(plan::plan(app, &settled)).await?;
    if let Some(blocking) = plan.refusal() {
        return Err(blocking.into());
    }
    let published = Box::pin(write::write(app, &request, settled, plan)).await?;
    app.wake();
    app.announce(published.notice_no);
    Ok(Published::New(Box::new(published)))
}
