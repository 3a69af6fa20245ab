//! The two POSTs of a notice: I have read and understood; and a real browser's word that the text is open.

use axum::{
    Form,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Redirect, Response},
};
use yuezhi_domain::NoticeId;
use yuezhi_store::notices;

use super::who;
use crate::{
    actions::{ActionError, Refusal, RefusalKind, confirm_reading, record_opening},
    app::App,
    pages::{self, Reader},
};

#[derive(Debug, serde::Deserialize)]
pub struct ConfirmationForm {
    #[serde(default)]
    pub text_hash: String,
    #[serde(default)]
    pub consent_hash: String,
    pub k: Option<String>,
}

/// Records the confirmation, then shows the page again with the receipt.
pub async fn confirm(
    State(app): State<App>,
    reader: Reader,
    headers: HeaderMap,
    Path(notice): Path<String>,
    Form(form): Form<ConfirmationForm>,
) -> Response {
    match confirmed(&app, reader, &headers, &notice, form).await {
        Ok(response) => response,
        Err(error) => pages::error_page(reader.texts, &error),
    }
}

async fn confirmed(
    app: &App,
    reader: Reader,
    headers: &HeaderMap,
    notice: &str,
    form: ConfirmationForm,
) -> Result<Response, ActionError> {
    let (notice_id, notice_no) = find(app, notice).await?;
    let key = form.k.as_deref().filter(|k| !k.is_empty());
    let Some(who) = who::reader_of_notice(app, headers, notice_no, key).await? else {
        // Signed out while reading: back to the text after signing in again.
        return Ok(who::to_sign_in(&format!("/n/{notice_id}")));
    };
    let confirmation = confirm_reading::Confirmation {
        notice_no,
        person_no: who.person.no,
        source: who.source,
        language: who::language_of(&who.person, headers, reader.texts).language,
        text_hash: form.text_hash,
        consent_hash: form.consent_hash,
        detail: who.detail(headers),
    };
    confirm_reading::confirm(app, confirmation).await?;
    let key = who
        .key
        .as_deref()
        .map(|k| format!("&k={}", k.trim()))
        .unwrap_or_default();
    Ok(Redirect::to(&format!("/n/{notice_id}?done=1{key}")).into_response())
}

#[derive(Debug, serde::Deserialize)]
pub struct OpeningForm {
    pub k: Option<String>,
}

/// A page of a personal link was visible in a browser that runs it.
pub async fn opening(
    State(app): State<App>,
    reader: Reader,
    headers: HeaderMap,
    Path(notice): Path<String>,
    Form(form): Form<OpeningForm>,
) -> Response {
    match opened(&app, reader, &headers, &notice, form.k.as_deref()).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => pages::error_page(reader.texts, &error),
    }
}

async fn opened(
    app: &App,
    reader: Reader,
    headers: &HeaderMap,
    notice: &str,
    key: Option<&str>,
) -> Result<(), ActionError> {
    let (_, notice_no) = find(app, notice).await?;
    let who = who::reader_of_notice(app, headers, notice_no, key)
        .await?
        .ok_or_else(|| Refusal::new(RefusalKind::SignInNeeded, "sign_in_needed"))?;
    let opening = record_opening::Opening {
        notice_no,
        person_no: who.person.no,
        source: who.source,
        language: who::language_of(&who.person, headers, reader.texts).language,
        detail: who.detail(headers),
    };
    record_opening::record_opening(app, opening).await?;
    Ok(())
}

async fn find(app: &App, notice: &str) -> Result<(NoticeId, i64), ActionError> {
    let notice_id: NoticeId = notice
        .parse()
        .map_err(|_| Refusal::not_found("notice_unknown"))?;
    let notice_no = app
        .db
        .read(move |tx| Ok::<_, ActionError>(notices::by_id(tx, &notice_id)?.map(|n| n.no)))
        .await?
        .ok_or_else(|| Refusal::not_found("notice_unknown"))?;
    Ok((notice_id, notice_no))
}
