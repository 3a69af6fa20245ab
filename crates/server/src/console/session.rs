//! Who is signed in, what they are told after a redirect, and errors as pages.
//!
//! Every handler of the console takes [`SignedIn`]. Invariant: `next` after signing in is a path of this server, and
//! the session cookie is never readable by scripts nor sent from another site.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::CookieJar;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use yuezhi_domain::UnixMillis;
use yuezhi_store::accounts::Account;

use super::ui::Teller;
use crate::{
    actions::{ActionError, Actor, sign_in},
    app::App,
    pages::{self, LANGUAGE_COOKIE, Reader},
    texts::{Texts, accepted_language, parse_language},
};

/// Holds the session of an account.
pub const COOKIE: &str = "yuezhi_console";
/// Holds one message for the next page.
const FLASH_COOKIE: &str = "yuezhi_flash";

/// A signed-in account with everything its pages need.
#[derive(Clone)]
pub struct SignedIn {
    pub app: App,
    pub account: Account,
    pub t: Texts,
    pub now: UnixMillis,
    /// The page that is asked for, where switching the language or moving the clock returns to.
    pub here: String,
    /// What the last act ended with, shown once.
    pub flash: Option<Flash>,
}

impl SignedIn {
    pub fn actor(&self) -> Actor {
        Actor::Account {
            no: self.account.no,
            login: self.account.login.clone(),
        }
    }

    /// Tells times and states in the reader's language and the installation's zone.
    pub fn teller(&self) -> Teller {
        Teller::new(&self.app, self.t, self.now)
    }

    /// Goes on to `path` with a word about how it went. An internal error becomes a page.
    pub fn back(
        &self,
        path: &str,
        outcome: Result<Flash, ActionError>,
    ) -> Result<Response, PageError> {
        let flash = match outcome {
            Ok(flash) => flash,
            Err(ActionError::Refused(refusal)) => Flash {
                kind: FlashKind::Bad,
                text: refusal.message(self.t),
                more: refusal.fix(self.t),
            },
            Err(error) => return Err(error.into()),
        };
        Ok(with_cookie(
            Redirect::to(path).into_response(),
            &flash.cookie(),
        ))
    }
}

impl FromRequestParts<App> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        let jar = CookieJar::from_headers(&parts.headers);
        let reader = Reader::from_headers(app, &parts.headers);
        let account = match jar.get(COOKIE) {
            Some(cookie) => sign_in::account_of(app, cookie.value())
                .await
                .map_err(|error| PageError(error).into_response())?,
            None => None,
        };
        let Some(account) = account else {
            return Err(to_sign_in(app, parts).await);
        };
        Ok(Self {
            app: app.clone(),
            account,
            t: reader.texts,
            now: app.now(),
            here: here(parts),
            // A page that refreshes itself leaves the word to the page that somebody goes to.
            flash: Flash::of(&jar).filter(|_| !parts.headers.contains_key("hx-request")),
        })
    }
}

/// An answer to a form that was sent has no address of its own; then it is the overview.
fn here(parts: &Parts) -> String {
    if parts.method == Method::GET {
        return parts
            .uri
            .path_and_query()
            .map_or("/console", |path| path.as_str())
            .to_owned();
    }
    "/console".to_owned()
}

async fn to_sign_in(app: &App, parts: &Parts) -> Response {
    if parts.headers.contains_key("hx-request") || parts.uri.path() == "/console/live" {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    match sign_in::is_set_up(app).await {
        Ok(true) => {}
        Ok(false) => return Redirect::to("/console/setup").into_response(),
        Err(error) => return PageError(error).into_response(),
    }
    let escaped =
        |path: &str| -> String { url::form_urlencoded::byte_serialize(path.as_bytes()).collect() };
    if parts.method != Method::GET {
        // Nothing was done; the script fills the form in again after signing in.
        let next = escaped(&came_from(&parts.headers));
        return Redirect::to(&format!("/console/sign-in?expired=1&next={next}")).into_response();
    }
    match parts
        .uri
        .path_and_query()
        .map_or("/console", |path| path.as_str())
    {
        "/console" => Redirect::to("/console/sign-in").into_response(),
        path => Redirect::to(&format!("/console/sign-in?next={}", escaped(path))).into_response(),
    }
}

/// The page whose form was sent. Only its path counts, whatever the header says.
fn came_from(headers: &HeaderMap) -> String {
    let page = || {
        let url = url::Url::parse(headers.get(header::REFERER)?.to_str().ok()?).ok()?;
        let query = url
            .query()
            .map(|query| format!("?{query}"))
            .unwrap_or_default();
        Some(format!("{}{query}", url.path()))
    };
    page().unwrap_or_else(|| "/console".to_owned())
}

/// `next` if it is a path of this server that one may go to after signing in, else the overview.
pub fn local_path(next: &str) -> &str {
    if is_local(next) && !next.starts_with("/console/sign-") {
        next
    } else {
        "/console"
    }
}

/// A path of this server, fit for a header.
pub fn is_local(path: &str) -> bool {
    path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains('\\')
        && !path.contains(char::is_control)
}

/// Opens the console: sets the session's cookie and goes to `next`.
pub fn sign_in_response(app: &App, session: &sign_in::SessionCookie, next: &str) -> Response {
    with_session(app, session, Redirect::to(local_path(next)).into_response())
}

/// A `Set-Cookie` for this server alone; `max_age` in seconds, 0 forgets it. `value` is URL-safe base64 or a word.
pub fn cookie(name: &str, value: &str, max_age: u64, app: &App) -> String {
    let secure = if app.public_url().starts_with("https://") {
        "; Secure"
    } else {
        ""
    };
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age}{secure}")
}

/// Adds a `Set-Cookie` to an answer.
pub fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}

/// Gives the browser another session.
pub fn with_session(app: &App, session: &sign_in::SessionCookie, response: Response) -> Response {
    with_cookie(
        response,
        &cookie(COOKIE, &session.0, sign_in::ACCOUNT_SESSION.as_secs(), app),
    )
}

/// The browser's name for itself, for the list of sessions.
pub fn user_agent(headers: &HeaderMap) -> &str {
    headers
        .get(header::USER_AGENT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlashKind {
    Ok,
    Warn,
    Bad,
}

impl FlashKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

/// One message that the next page shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flash {
    pub kind: FlashKind,
    pub text: String,
    pub more: String,
}

impl Flash {
    pub fn ok(text: impl Into<String>) -> Self {
        Self {
            kind: FlashKind::Ok,
            text: text.into(),
            more: String::new(),
        }
    }

    pub fn more(self, more: impl Into<String>) -> Self {
        Self {
            more: more.into(),
            ..self
        }
    }

    fn cookie(&self) -> String {
        let text: String = self.text.chars().take(400).collect();
        let more: String = self.more.chars().take(400).collect();
        let value = BASE64.encode(format!(
            "{}\n{}\n{}",
            self.kind.as_str(),
            text.replace('\n', " "),
            more.replace('\n', " ")
        ));
        format!("{FLASH_COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=60")
    }

    fn of(jar: &CookieJar) -> Option<Self> {
        let bytes = BASE64.decode(jar.get(FLASH_COOKIE)?.value()).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let mut lines = text.splitn(3, '\n');
        let kind = match lines.next()? {
            "ok" => FlashKind::Ok,
            "warn" => FlashKind::Warn,
            _ => FlashKind::Bad,
        };
        Some(Self {
            kind,
            text: lines.next()?.to_owned(),
            more: lines.next().unwrap_or_default().to_owned(),
        })
    }

    /// Forgets the message once it is shown.
    pub fn forget(response: Response) -> Response {
        with_cookie(
            response,
            &format!("{FLASH_COOKIE}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"),
        )
    }
}

/// An error on its way to the reader; [`with_errors_as_pages`] knows the language.
#[derive(Debug)]
pub struct PageError(pub ActionError);

impl<E: Into<ActionError>> From<E> for PageError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

#[derive(Clone)]
struct Carried(std::sync::Arc<ActionError>);

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response
            .extensions_mut()
            .insert(Carried(std::sync::Arc::new(self.0)));
        response
    }
}

/// Shows what went wrong in the reader's language.
pub async fn with_errors_as_pages(
    jar: CookieJar,
    headers: HeaderMap,
    response: Response,
) -> Response {
    let Some(carried) = response.extensions().get::<Carried>() else {
        return response;
    };
    let chosen = jar
        .get(LANGUAGE_COOKIE)
        .and_then(|cookie| parse_language(cookie.value()));
    let accepted = || {
        headers
            .get(header::ACCEPT_LANGUAGE)
            .and_then(|value| value.to_str().ok())
            .and_then(accepted_language)
    };
    let texts = Texts::of(chosen.or_else(accepted).unwrap_or_default());
    pages::error_page(texts, &carried.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_signing_in_one_stays_on_this_server() {
        assert_eq!(local_path("/console/people?q=a"), "/console/people?q=a");
        for foreign in [
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "javascript:x",
            "",
            "/console/sign-out",
        ] {
            assert_eq!(local_path(foreign), "/console", "{foreign}");
        }
    }

    #[test]
    fn a_message_survives_its_cookie() {
        let flash = Flash::ok("已提醒 2 人").more("1 人没有\n地址");
        let mut headers = HeaderMap::new();
        headers.insert(
            header::COOKIE,
            flash.cookie().split(';').next().unwrap().parse().unwrap(),
        );
        let jar = CookieJar::from_headers(&headers);
        let read = Flash::of(&jar).unwrap();
        assert_eq!(
            (read.kind, read.text.as_str(), read.more.as_str()),
            (FlashKind::Ok, "已提醒 2 人", "1 人没有 地址")
        );
        assert_eq!(Flash::of(&CookieJar::new()), None);
    }
}
