//! Multipart forms: files and text fields, each by name.
//!
//! Used by publishing, the people import and the calendar import. Invariant: a field nobody knows is refused by name,
//! and a field that may stand once is refused the second time.

use std::collections::BTreeMap;

use axum::{
    extract::{FromRequest, Multipart, Request},
    http::StatusCode,
};

use super::{
    input::unknown_fields,
    problem::{ApiError, FieldRefusal},
};
use crate::{
    actions::{Refusal, RefusalKind, publish_version::UploadedFile},
    app::App,
};

/// A form that was read whole.
#[derive(Debug, Default)]
pub(super) struct Form {
    texts: BTreeMap<String, Vec<String>>,
    files: BTreeMap<String, Vec<UploadedFile>>,
}

impl FromRequest<App> for Form {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, Self::Rejection> {
        let mut parts = Multipart::from_request(request, app).await.map_err(|_| {
            ApiError::Protocol(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                Box::new(Refusal::conflict("form_needed")),
            )
        })?;
        let mut form = Self::default();
        while let Some(field) = parts.next_field().await.map_err(|error| broken(&error))? {
            let name = field.name().unwrap_or_default().to_owned();
            let Some(file_name) = field.file_name().map(ToOwned::to_owned) else {
                let text = field.text().await.map_err(|error| broken(&error))?;
                form.texts.entry(name).or_default().push(text);
                continue;
            };
            let bytes = field.bytes().await.map_err(|error| broken(&error))?;
            // A browser's empty file input.
            if !(file_name.is_empty() && bytes.is_empty()) {
                let file = UploadedFile {
                    name: file_name,
                    bytes,
                };
                form.files.entry(name).or_default().push(file);
            }
        }
        Ok(form)
    }
}

fn broken(error: &axum::extract::multipart::MultipartError) -> ApiError {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return ApiError::Protocol(
            StatusCode::PAYLOAD_TOO_LARGE,
            Box::new(Refusal::conflict("body_too_large")),
        );
    }
    Refusal::new(RefusalKind::Invalid, "body_bad")
        .with("detail", error.body_text())
        .into()
}

impl Form {
    /// The one file of this name; `code` is the refusal if there is none.
    pub(super) fn file(
        &mut self,
        name: &'static str,
        code: &'static str,
    ) -> Result<UploadedFile, ApiError> {
        let mut files = self.files.remove(name).unwrap_or_default();
        match (files.pop(), files.is_empty()) {
            (Some(file), true) => Ok(file),
            (Some(_), false) => Err(twice(name)),
            (None, _) => Err(Refusal::invalid(name, code).into()),
        }
    }

    pub(super) fn files(&mut self, name: &str) -> Vec<UploadedFile> {
        self.files.remove(name).unwrap_or_default()
    }

    /// A text that may stand once; blank counts as absent.
    pub(super) fn text(&mut self, name: &'static str) -> Result<Option<String>, ApiError> {
        let mut texts = self.texts.remove(name).unwrap_or_default();
        let text = texts.pop();
        if texts.is_empty() {
            Ok(text.filter(|t| !t.trim().is_empty()))
        } else {
            Err(twice(name))
        }
    }

    /// Every value of a name, commas taken apart; `None` when the name does not stand at all.
    pub(super) fn list(&mut self, name: &str) -> Option<Vec<String>> {
        let values = self.texts.remove(name)?;
        let parts = values
            .iter()
            .flat_map(|value| value.split([',', '，', '、']));
        Some(
            parts
                .map(|part| part.trim().to_owned())
                .filter(|part| !part.is_empty())
                .collect(),
        )
    }

    /// `true` or `false`; absent is false.
    pub(super) fn flag(&mut self, name: &'static str) -> Result<bool, ApiError> {
        match self.text(name)?.as_deref() {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1" | "on") => Ok(true),
            Some(other) => Err(Refusal::invalid(name, "flag_bad")
                .with("text", other)
                .into()),
        }
    }

    /// Refuses what was not asked for by now.
    pub(super) fn end(self) -> Result<(), ApiError> {
        let left: Vec<String> = self
            .texts
            .into_keys()
            .chain(self.files.into_keys())
            .collect();
        if left.is_empty() {
            Ok(())
        } else {
            Err(unknown_fields(left))
        }
    }
}

fn twice(name: &str) -> ApiError {
    let refusal = Refusal::new(RefusalKind::Invalid, "field_twice").with("field", name);
    ApiError::Fields(vec![FieldRefusal {
        field: name.to_owned(),
        refusal,
    }])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(texts: &[(&str, &str)]) -> Form {
        let mut form = Form::default();
        for (name, value) in texts {
            form.texts
                .entry((*name).to_owned())
                .or_default()
                .push((*value).to_owned());
        }
        form
    }

    #[test]
    fn a_field_nobody_knows_is_refused_by_name() {
        let mut form = form(&[("title", "x"), ("titel", "y")]);
        assert_eq!(form.text("title").unwrap().as_deref(), Some("x"));
        let ApiError::Fields(fields) = form.end().unwrap_err() else {
            panic!()
        };
        assert_eq!(fields[0].field, "titel");
    }

    #[test]
    fn a_list_may_stand_several_times_and_with_commas() {
        let mut form = form(&[("channels", "robot:hr, mail"), ("channels", "robot:it")]);
        assert_eq!(
            form.list("channels").unwrap(),
            ["robot:hr", "mail", "robot:it"]
        );
        assert_eq!(form.list("channels"), None);
    }

    #[test]
    fn a_text_given_twice_is_refused() {
        assert!(
            form(&[("title", "x"), ("title", "y")])
                .text("title")
                .is_err()
        );
    }
}
