//! Tokens for scripts: shown once, kept as a hash.
//!
//! Called by the console and `yuezhi token create`; the API's extractor asks [`bearer`].

use yuezhi_store::{audit, tokens};

use super::{ActionError, Actor, Refusal, sign_in};
use crate::app::App;

/// Marks a text as one of ours, so that a leaked one is found by scanners.
const PREFIX: &str = "yuezhi_";

/// Creates a token and returns its value; it cannot be read again.
pub async fn create(app: &App, actor: Actor, name: &str) -> Result<String, ActionError> {
    let name = name.trim().to_owned();
    if name.is_empty() || name.chars().count() > 80 {
        return Err(Refusal::invalid("name", "token_name_missing").into());
    }
    let now = app.now();
    let id: uuid::Uuid = app.ids.next(now);
    let value = format!("{PREFIX}{}", sign_in::fresh_secret(app));
    let hash = sign_in::secret_hash(&value);
    app.db
        .write(move |tx| {
            let by = actor.to_string();
            tokens::insert(
                tx,
                &tokens::NewToken {
                    id: id.to_string(),
                    name: name.clone(),
                    hash: hash.clone(),
                    created_by: by.clone(),
                    created_at: now,
                },
            )?;
            let detail = serde_json::json!({ "name": name }).to_string();
            audit::append(
                tx,
                now,
                &by,
                "token.created",
                &format!("token:{id}"),
                &detail,
            )?;
            Ok::<_, ActionError>(())
        })
        .await?;
    Ok(value)
}

/// Ends a token at once.
pub async fn revoke(app: &App, actor: Actor, id: &str) -> Result<(), ActionError> {
    let (now, id) = (app.now(), id.to_owned());
    app.db
        .write(move |tx| {
            if !tokens::revoke(tx, &id, now)? {
                return Err(Refusal::not_found("token_unknown").into());
            }
            audit::append(
                tx,
                now,
                &actor.to_string(),
                "token.revoked",
                &format!("token:{id}"),
                "{}",
            )?;
            Ok::<_, ActionError>(())
        })
        .await
}

/// Whom a bearer token stands for, if it is good.
pub async fn bearer(app: &App, value: &str) -> Result<Option<Actor>, ActionError> {
    if !value.starts_with(PREFIX) {
        return Ok(None);
    }
    let hash = sign_in::secret_hash(value);
    let token = app
        .db
        .read(move |tx| Ok::<_, ActionError>(tokens::by_hash(tx, &hash)?))
        .await?
        .filter(|token| token.revoked_at.is_none());
    let Some(token) = token else { return Ok(None) };
    let now = app.now();
    let stale = token
        .last_used_at
        .is_none_or(|at| now.since(at).as_secs() > 60);
    if stale {
        let id = token.id.clone();
        app.db
            .write(move |tx| {
                tokens::touch(tx, &id, now)?;
                Ok::<_, ActionError>(())
            })
            .await?;
    }
    Ok(Some(Actor::Token { name: token.name }))
}
