//! What the publish form sent: its fields as typed, and its files kept as contents.

use axum::extract::{Multipart, multipart::Field};
use bytes::Bytes;
use yuezhi_domain::ContentHash;
use yuezhi_store::contents;

use crate::{
    actions::{
        ActionError, Refusal,
        publish_version::{PublishPlan, PublishRequest, UploadedFile, VersionSource},
    },
    console::session::SignedIn,
};

/// A file that an earlier step brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub hash: String,
    pub name: String,
}

/// Every field as typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Asked {
    pub step: String,
    pub policy: String,
    pub title: String,
    pub category: String,
    pub owner: String,
    pub label: String,
    pub effective: String,
    pub text: String,
    pub change: String,
    pub summary: String,
    pub audience: String,
    pub requirement: String,
    pub due: String,
    pub plan: String,
    pub channels: Vec<String>,
    pub file: Option<Kept>,
    pub attachments: Vec<Kept>,
    /// The form was sent at least once, so that an empty list of channels is meant.
    pub is_sent: bool,
}

/// The name a pasted text gets; its front matter or title decides the rest.
const PASTED: &str = "pasted.md";
/// No form has more files than this.
const MOST_FILES: usize = 20;

/// Reads the form. Files are stored as they come.
pub(super) async fn read(me: &SignedIn, mut multipart: Multipart) -> Result<Asked, ActionError> {
    let mut asked = Asked {
        is_sent: true,
        ..Asked::default()
    };
    while let Some(field) = multipart.next_field().await.map_err(|error| bad(&error))? {
        let name = field.name().unwrap_or_default().to_owned();
        match name.as_str() {
            "file" => {
                if let Some(kept) = keep(me, field).await? {
                    asked.file = Some(kept);
                }
            }
            "attachments" => {
                if let Some(kept) = keep(me, field)
                    .await?
                    .filter(|_| asked.attachments.len() < MOST_FILES)
                {
                    asked.attachments.push(kept);
                }
            }
            _ => {
                let value = field.text().await.map_err(|error| bad(&error))?;
                asked.set(&name, value);
            }
        }
    }
    Ok(asked)
}

fn bad(error: &axum::extract::multipart::MultipartError) -> ActionError {
    Refusal::invalid("file", "body_bad")
        .with("detail", error.body_text())
        .into()
}

/// Stores an uploaded file; nothing was chosen when it has no name.
async fn keep(me: &SignedIn, field: Field<'_>) -> Result<Option<Kept>, ActionError> {
    let name = field.file_name().unwrap_or_default().trim().to_owned();
    let bytes = field.bytes().await.map_err(|error| bad(&error))?;
    if name.is_empty() {
        return Ok(None);
    }
    let now = me.now;
    let hash = me
        .app
        .db
        .write(move |tx| Ok::<_, ActionError>(contents::put(tx, &bytes, now)?))
        .await?;
    Ok(Some(Kept {
        hash: hash.to_string(),
        name,
    }))
}

impl Asked {
    fn set(&mut self, name: &str, value: String) {
        match name {
            "step" => self.step = value,
            "policy" => self.policy = value,
            "title" => self.title = value,
            "category" => self.category = value,
            "owner" => self.owner = value,
            "label" => self.label = value,
            "effective" => self.effective = value,
            "text" => self.text = value,
            "change" => self.change = value,
            "summary" => self.summary = value,
            "audience" => self.audience = value,
            "require" => self.requirement = value,
            "due" => self.due = value,
            "plan" => self.plan = value,
            "channel" => self.channels.push(value),
            // A newly chosen file comes first in the form and wins over the kept one.
            "kept_file" => {
                let kept = split_kept(&value);
                self.file = self.file.take().or(kept);
            }
            "kept_attachment" => self.attachments.extend(split_kept(&value)),
            _ => {}
        }
    }

    /// The request to plan or publish; blank fields are left to the file and to history.
    pub async fn request(&self, me: &SignedIn) -> Result<PublishRequest, ActionError> {
        let file = match (&self.file, self.text.trim().is_empty()) {
            (Some(kept), _) => fetch(me, kept).await?,
            (None, false) => UploadedFile {
                name: PASTED.to_owned(),
                bytes: Bytes::from(self.text.clone().into_bytes()),
            },
            (None, true) => return Err(Refusal::invalid("file", "file_missing").into()),
        };
        let mut attachments = Vec::new();
        for kept in &self.attachments {
            attachments.push(fetch(me, kept).await?);
        }
        Ok(PublishRequest {
            attachments,
            policy: given(&self.policy),
            title: given(&self.title),
            category: given(&self.category),
            owner: given(&self.owner),
            audience: given(&self.audience),
            requirement: word("requirement", "requirement_bad", &self.requirement)?,
            due: given(&self.due),
            channels: Some(self.channels.clone()),
            plan: given(&self.plan),
            change: word("change", "change_bad", &self.change)?,
            summary: given(&self.summary),
            effective: given(&self.effective),
            label: given(&self.label),
            ..PublishRequest::of_file(me.actor(), VersionSource::Console, file)
        })
    }

    /// Puts what the plan settled into the fields that were left blank, so that it can be changed.
    pub fn fill_in(&mut self, plan: &PublishPlan) {
        for (field, settled) in [
            (&mut self.title, &plan.title),
            (&mut self.category, &plan.category),
            (&mut self.owner, &plan.owner),
            (&mut self.label, &plan.label),
            (&mut self.summary, &plan.summary),
        ] {
            if field.trim().is_empty() {
                field.clone_from(settled);
            }
        }
        if let Some(effective) = plan
            .effective_on
            .as_ref()
            .filter(|_| self.effective.is_empty())
        {
            self.effective.clone_from(effective);
        }
    }
}

fn given(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn word<T: std::str::FromStr>(
    field: &'static str,
    code: &'static str,
    text: &str,
) -> Result<Option<T>, Refusal> {
    given(text)
        .map(|text| {
            text.parse()
                .map_err(|_| Refusal::invalid(field, code).with("text", &text))
        })
        .transpose()
}

/// `HASH NAME` of a hidden field.
fn split_kept(value: &str) -> Option<Kept> {
    let (hash, name) = value.split_once(' ')?;
    Some(Kept {
        hash: hash.to_owned(),
        name: name.to_owned(),
    })
}

async fn fetch(me: &SignedIn, kept: &Kept) -> Result<UploadedFile, ActionError> {
    let gone = || ActionError::from(Refusal::invalid("file", "file_missing"));
    let hash: ContentHash = kept.hash.parse().map_err(|_| gone())?;
    let bytes = me
        .app
        .db
        .read(move |tx| Ok::<_, ActionError>(contents::get(tx, &hash)?))
        .await?
        .ok_or_else(gone)?;
    Ok(UploadedFile {
        name: kept.name.clone(),
        bytes: Bytes::from(bytes),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_wins_over_the_kept_one_and_a_kept_one_stays() {
        let mut asked = Asked {
            file: Some(Kept {
                hash: "new".to_owned(),
                name: "b.md".to_owned(),
            }),
            ..Asked::default()
        };
        asked.set("kept_file", "old a b.md".to_owned());
        assert_eq!(asked.file.as_ref().unwrap().hash, "new");
        asked.file = None;
        asked.set("kept_file", "old a b.md".to_owned());
        assert_eq!(
            asked.file.unwrap(),
            Kept {
                hash: "old".to_owned(),
                name: "a b.md".to_owned()
            }
        );
    }
}
