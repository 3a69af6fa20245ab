//! The form of `POST /versions`: which field is which member of a publish request.
//!
//! Invariant: what is left out is left to the file's front matter and the policy's history, exactly as in the console.

use yuezhi_domain::{ChangeKind, Requirement};

use super::{caller::Caller, form::Form, problem::ApiError};
use crate::actions::{
    Actor, Refusal,
    publish_version::{PublishRequest, VersionSource},
};

/// What the form holds, for the reference. Every text is optional.
#[derive(Debug, utoipa::ToSchema)]
#[expect(
    dead_code,
    reason = "describes a multipart form in the reference; the form itself is read by name"
)]
pub(super) struct VersionForm {
    /// Markdown, docx, pdf with text, txt or html.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// Further files, any type; may stand several times.
    #[schema(value_type = Option<Vec<String>>)]
    attachments: Option<Vec<String>>,
    /// Slug of the policy; from the file if missing.
    policy: Option<String>,
    title: Option<String>,
    category: Option<String>,
    owner: Option<String>,
    /// A rule such as `全员` or `部门:财务部, 人员:1024, -部门:实习生`.
    audience: Option<String>,
    /// `inform`, `read` or `confirm`.
    requirement: Option<String>,
    /// `7d`, `5wd`, `2026-12-31`, `2026-12-31 18:00` or `none`.
    due: Option<String>,
    /// Channel names with commas, or several times; `dingtalk`: personally in DingTalk; `mail_others`: mail to those
    /// whom DingTalk does not reach; `none`: nobody is told.
    channels: Option<String>,
    /// A reminder plan such as `before 2d, on due, after 1wd x5`; `none` for no reminders.
    plan: Option<String>,
    /// `major` or `minor`.
    change: Option<String>,
    summary: Option<String>,
    /// `YYYY-MM-DD`.
    effective: Option<String>,
    /// `zh-CN` or `en`.
    language: Option<String>,
    /// What people see as the version: `3.0`.
    label: Option<String>,
}

/// The request a form makes. `slug` is the policy the path names.
pub(super) fn request(
    mut form: Form,
    caller: &Caller,
    slug: Option<String>,
) -> Result<PublishRequest, ApiError> {
    let source = match &caller.actor {
        Actor::CommandLine => VersionSource::CommandLine,
        _ if caller.is_command_line => VersionSource::CommandLine,
        _ => VersionSource::Api,
    };
    let file = form.file("file", "file_missing")?;
    let mut request = PublishRequest::of_file(caller.actor.clone(), source, file);
    request.attachments = form.files("attachments");
    request.policy = if slug.is_some() {
        slug
    } else {
        form.text("policy")?
    };
    request.title = form.text("title")?;
    request.category = form.text("category")?;
    request.owner = form.text("owner")?;
    request.audience = form.text("audience")?;
    request.requirement = requirement(form.text("requirement")?)?;
    request.due = form.text("due")?;
    request.channels = form.list("channels").map(|channels| {
        if channels == ["none"] {
            Vec::new()
        } else {
            channels
        }
    });
    request.plan = form.text("plan")?;
    request.change = change(form.text("change")?)?;
    request.summary = form.text("summary")?;
    request.effective = form.text("effective")?;
    request.language = form.text("language")?;
    request.label = form.text("label")?;
    form.end()?;
    Ok(request)
}

fn requirement(text: Option<String>) -> Result<Option<Requirement>, Refusal> {
    text.map(|text| {
        text.trim()
            .parse()
            .map_err(|_| Refusal::invalid("requirement", "requirement_bad").with("text", text))
    })
    .transpose()
}

fn change(text: Option<String>) -> Result<Option<ChangeKind>, Refusal> {
    text.map(|text| {
        text.trim()
            .parse()
            .map_err(|_| Refusal::invalid("change", "change_bad").with("text", text))
    })
    .transpose()
}
