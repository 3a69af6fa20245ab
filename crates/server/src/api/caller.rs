//! Who calls the API: a token, the command line of this machine, or somebody signed in to the console.
//!
//! [`authenticate`] is a layer over every resource; handlers take the [`Caller`] it found. Invariant: no resource is
//! reached without one. A wrong bearer token is refused even if a good cookie comes with it.

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, header, request::Parts},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use axum_extra::extract::CookieJar;
use subtle::ConstantTimeEq as _;

use super::problem::{ApiError, sign_in_needed};
use crate::{
    actions::{ActionError, Actor, create_token, sign_in},
    app::App,
    pages::Reader,
    texts::Texts,
};

/// The cookie of a console session.
const CONSOLE_COOKIE: &str = "yuezhi_console";
/// How the command line names itself in `User-Agent`.
pub const COMMAND_LINE_AGENT: &str = "yuezhi-cli/";

/// Who asks, and in which language.
#[derive(Debug, Clone)]
pub struct Caller {
    pub actor: Actor,
    pub texts: Texts,
    /// The request came from the `yuezhi` program.
    pub is_command_line: bool,
}

/// Layer: finds the caller or refuses with 401.
pub async fn authenticate(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let headers = request.headers();
    let actor = match bearer(headers) {
        Some(token) => of_token(&app, token).await,
        None => of_cookie(&app, headers).await,
    };
    let refused = if headers.contains_key(header::AUTHORIZATION) {
        "token_refused"
    } else {
        "token_needed"
    };
    match actor {
        Ok(Some(actor)) => {
            let caller = Caller {
                actor,
                texts: Reader::from_headers(&app, headers).texts,
                is_command_line: is_command_line(headers),
            };
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Ok(None) => sign_in_needed(refused),
        Err(error) => ApiError::from(error).into_response(),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?;
    let text = value.to_str().unwrap_or_default();
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    Some(if scheme.eq_ignore_ascii_case("bearer") {
        token.trim()
    } else {
        ""
    })
}

async fn of_token(app: &App, token: &str) -> Result<Option<Actor>, ActionError> {
    if bool::from(token.as_bytes().ct_eq(app.local_token.as_bytes())) {
        return Ok(Some(Actor::CommandLine));
    }
    create_token::bearer(app, token).await
}

async fn of_cookie(app: &App, headers: &HeaderMap) -> Result<Option<Actor>, ActionError> {
    let jar = CookieJar::from_headers(headers);
    let Some(cookie) = jar.get(CONSOLE_COOKIE) else {
        return Ok(None);
    };
    let account = sign_in::account_of(app, cookie.value()).await?;
    Ok(account.map(|account| Actor::Account {
        no: account.no,
        login: account.login,
    }))
}

fn is_command_line(headers: &HeaderMap) -> bool {
    let agent = headers
        .get(header::USER_AGENT)
        .and_then(|agent| agent.to_str().ok());
    agent.is_some_and(|agent| agent.starts_with(COMMAND_LINE_AGENT))
}

impl FromRequestParts<App> for Caller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Self::Rejection> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| sign_in_needed("token_needed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bearer_header_carries_a_token() {
        let with = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            bearer(&headers).map(ToOwned::to_owned)
        };
        assert_eq!(with("Bearer yuezhi_x"), Some("yuezhi_x".to_owned()));
        assert_eq!(with("bearer  yuezhi_x"), Some("yuezhi_x".to_owned()));
        assert_eq!(with("Basic eA=="), Some(String::new()));
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
