//! `/tokens`: keys for scripts.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use yuezhi_store::tokens;

use super::{
    caller::Caller,
    input::{Body, Page},
    problem::ApiError,
};
use crate::{
    actions::{ActionError, create_token},
    app::App,
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_tokens, create))
        .routes(routes!(revoke))
}

/// A token; its value is not kept.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Token {
    pub id: String,
    pub name: String,
    pub created_by: String,
    pub created_at: String,
    pub last_used_at: Option<String>,
    pub revoked_at: Option<String>,
}

/// What a new token is for.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct TokenBody {
    pub name: String,
}

/// The value of a new token, shown this once.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewToken {
    pub value: String,
}

/// All tokens, revoked ones included.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "tokens", responses((status = 200, body = Page<Token>)))]
async fn list_tokens(State(app): State<App>) -> Result<Json<Page<Token>>, ApiError> {
    let rows = app
        .db
        .read(|tx| Ok::<_, ActionError>(tokens::list(tx)?))
        .await?;
    Ok(Json(Page {
        items: rows.into_iter().map(shown).collect(),
        next: None,
    }))
}

pub(crate) fn shown(row: tokens::Token) -> Token {
    Token {
        id: row.id,
        name: row.name,
        created_by: row.created_by,
        created_at: row.created_at.to_string(),
        last_used_at: row.last_used_at.map(|at| at.to_string()),
        revoked_at: row.revoked_at.map(|at| at.to_string()),
    }
}

/// Create a token.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "tokens", operation_id = "create_token", request_body = TokenBody, responses((status = 201, body = NewToken)))]
async fn create(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<TokenBody>,
) -> Result<(StatusCode, Json<NewToken>), ApiError> {
    let value = create_token::create(&app, caller.actor, &body.name).await?;
    Ok((StatusCode::CREATED, Json(NewToken { value })))
}

/// End a token at once.
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "tokens", operation_id = "revoke_token", params(("id" = String, Path)), responses((status = 204)))]
async fn revoke(
    State(app): State<App>,
    caller: Caller,
    Path(token): Path<String>,
) -> Result<StatusCode, ApiError> {
    create_token::revoke(&app, caller.actor, &token).await?;
    Ok(StatusCode::NO_CONTENT)
}
