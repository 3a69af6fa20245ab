//! `/receipts`: what was observed of people and done by them. Read only: nobody confirms for somebody else.

use std::collections::HashMap;

use axum::{
    Json,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use yuezhi_domain::ReceiptId;
use yuezhi_store::{Tx, notices, people, receipts};

use super::{input::id, problem::ApiError};
use crate::{
    actions::{ActionError, Refusal},
    app::App,
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_receipt))
}

/// An observation or an act. `opened` and `read_reported` are observations; only `acknowledged` confirms.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Receipt {
    pub id: String,
    /// Id of the notice.
    pub notice: String,
    pub staff_no: String,
    pub name: String,
    /// `opened`, `read_reported`, `acknowledged`, `declined`, `carried` or `exempted`.
    pub kind: String,
    /// The way it reached us: `page`, `mail_link`, `login` …
    pub source: String,
    pub at: String,
    /// The language that was shown.
    pub language: String,
    /// SHA-256 of the text that was shown.
    pub text_sha256: String,
    /// SHA-256 of the words that were agreed to.
    pub consent_sha256: Option<String>,
    /// How the person was known, which kind of device.
    #[schema(value_type = Object)]
    pub detail: serde_json::Value,
}

/// One receipt.
#[utoipa::path(get, path = "/api/v1/receipts/{id}", tag = "receipts", params(("id" = String, Path)), responses((status = 200, body = Receipt)))]
async fn get_receipt(
    State(app): State<App>,
    Path(receipt): Path<String>,
) -> Result<Json<Receipt>, ApiError> {
    let receipt_id: ReceiptId = id(&receipt, "receipt_unknown")?;
    let (row, notice, people) = app
        .db
        .read(move |tx| {
            let unknown = || ActionError::from(Refusal::not_found("receipt_unknown"));
            let row = receipts::by_id(tx, &receipt_id)?.ok_or_else(unknown)?;
            let notice = notices::get(tx, row.notice_no)?.ok_or_else(unknown)?;
            let people = people_of(tx, std::slice::from_ref(&row))?;
            Ok::<_, ActionError>((row, notice.id.to_string(), people))
        })
        .await?;
    Ok(Json(shown(&notice, &row, &people)))
}

/// Staff number and name by number, for the receipts of a page.
pub(super) type People = HashMap<i64, (String, String)>;

pub(super) fn people_of(
    tx: &mut Tx<'_>,
    rows: &[receipts::Receipt],
) -> Result<People, ActionError> {
    let mut nos: Vec<i64> = rows.iter().map(|row| row.person_no).collect();
    nos.sort_unstable();
    nos.dedup();
    Ok(people::by_nos(tx, &nos)?
        .into_iter()
        .map(|person| (person.no, (person.staff_no, person.name)))
        .collect())
}

pub(super) fn shown(notice: &str, row: &receipts::Receipt, people: &People) -> Receipt {
    let (staff_no, name) = people.get(&row.person_no).cloned().unwrap_or_default();
    Receipt {
        id: row.id.to_string(),
        notice: notice.to_owned(),
        staff_no,
        name,
        kind: row.kind.to_string(),
        source: row.source.to_string(),
        at: row.at.to_string(),
        language: row.language.to_string(),
        text_sha256: row.text_hash.to_string(),
        consent_sha256: row.consent_hash.map(|hash| hash.to_string()),
        detail: serde_json::from_str(&row.detail).unwrap_or(serde_json::Value::Null),
    }
}
