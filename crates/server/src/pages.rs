//! What all HTML pages share: language and session extractors, the error page, the embedded assets.
//!
//! Called by `console` and `my`. Invariant: assets are served under a name that holds their hash and may be kept for
//! ever; an error page says what happened and what to do, in the reader's language, and never shows an inside.

use std::{any::Any, collections::HashMap, sync::LazyLock};

use askama::Template;
use axum::{
    Router,
    extract::{FromRequestParts, Path},
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use rust_embed::RustEmbed;
use sha2::{Digest as _, Sha256};

use crate::{
    app::App,
    refusal::{ActionError, Refusal, RefusalKind},
    texts::{Language, Texts, accepted_language, parse_language},
};

/// The cookie that holds a chosen language.
pub const LANGUAGE_COOKIE: &str = "yuezhi_language";

#[derive(RustEmbed)]
#[folder = "assets/"]
struct Assets;

struct Hashed {
    by_name: HashMap<String, String>,
    by_address: HashMap<String, String>,
}

static HASHED: LazyLock<Hashed> = LazyLock::new(|| {
    let (mut by_name, mut by_address) = (HashMap::new(), HashMap::new());
    for name in Assets::iter() {
        let Some(file) = Assets::get(&name) else {
            continue;
        };
        let hash = hex::encode(Sha256::digest(&file.data));
        let short: String = hash.chars().take(12).collect();
        let address = format!("{short}/{name}");
        by_name.insert(name.to_string(), format!("/assets/{address}"));
        by_address.insert(address, name.to_string());
    }
    Hashed {
        by_name,
        by_address,
    }
});

/// The address of an embedded asset: `asset("console.css")`.
pub fn asset(name: &str) -> &'static str {
    HASHED
        .by_name
        .get(name)
        .map_or("/assets/missing", String::as_str)
}

pub fn asset_routes() -> Router<App> {
    Router::new().route("/assets/{*address}", get(serve_asset))
}

async fn serve_asset(Path(address): Path<String>) -> Response {
    let file = HASHED
        .by_address
        .get(&address)
        .and_then(|name| Assets::get(name));
    match file {
        Some(file) => (
            [
                (header::CONTENT_TYPE, file.metadata.mimetype().to_owned()),
                (
                    header::CACHE_CONTROL,
                    "public, max-age=31536000, immutable".to_owned(),
                ),
            ],
            file.data,
        )
            .into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The reader's language: chosen (cookie), then the browser's, then the installation's.
#[derive(Debug, Clone, Copy)]
pub struct Reader {
    pub texts: Texts,
}

impl Reader {
    pub fn from_headers(app: &App, headers: &HeaderMap) -> Self {
        let chosen = CookieJar::from_headers(headers)
            .get(LANGUAGE_COOKIE)
            .and_then(|cookie| parse_language(cookie.value()));
        let accepted = || {
            headers
                .get(header::ACCEPT_LANGUAGE)
                .and_then(|v| v.to_str().ok())
                .and_then(accepted_language)
        };
        let language: Language = chosen.or_else(accepted).unwrap_or(app.language);
        Self {
            texts: Texts::of(language),
        }
    }
}

impl FromRequestParts<App> for Reader {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        Ok(Self::from_headers(app, &parts.headers))
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    t: Texts,
    status: u16,
    message: &'a str,
    fix: &'a str,
    number: &'a str,
}

/// A cookie of this site that scripts cannot read; `Secure` where the site is.
pub fn cookie(
    app: &App,
    name: &'static str,
    value: String,
    seconds: i64,
    same_site: SameSite,
) -> Cookie<'static> {
    Cookie::build((name, value))
        .path("/")
        .http_only(true)
        .secure(app.public_url().starts_with("https://"))
        .same_site(same_site)
        .max_age(time::Duration::seconds(seconds))
        .build()
}

/// An error as a page of its own.
pub fn error_page(texts: Texts, error: &ActionError) -> Response {
    match error {
        ActionError::Refused(refusal) => refusal_page(texts, refusal),
        ActionError::Internal(inside) => {
            let number = format!("{:08x}", crc(inside));
            tracing::error!(number, error = %inside, "a page failed");
            render_error(
                texts,
                StatusCode::INTERNAL_SERVER_ERROR,
                texts.get("errors.internal"),
                texts.get("errors.internal_fix"),
                &number,
            )
        }
    }
}

fn refusal_page(texts: Texts, refusal: &Refusal) -> Response {
    render_error(
        texts,
        status_of(refusal.kind),
        &refusal.message(texts),
        &refusal.fix(texts),
        "",
    )
}

fn render_error(t: Texts, status: StatusCode, message: &str, fix: &str, number: &str) -> Response {
    let page = ErrorPage {
        t,
        status: status.as_u16(),
        message,
        fix,
        number,
    };
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "the error page failed");
            status.into_response()
        }
    }
}

/// The HTTP status of a refusal.
pub const fn status_of(kind: RefusalKind) -> StatusCode {
    match kind {
        RefusalKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        RefusalKind::NotFound => StatusCode::NOT_FOUND,
        RefusalKind::Conflict => StatusCode::CONFLICT,
        RefusalKind::SignInNeeded => StatusCode::UNAUTHORIZED,
        RefusalKind::Forbidden => StatusCode::FORBIDDEN,
        RefusalKind::TooMany => StatusCode::TOO_MANY_REQUESTS,
    }
}

/// A short number to find the log line by.
fn crc(text: &str) -> u32 {
    let digest = Sha256::digest(text.as_bytes());
    digest
        .iter()
        .take(4)
        .fold(0, |sum, byte| (sum << 8) | u32::from(*byte))
}

/// Renders a template; a failure is an internal error, not a panic.
pub fn page(texts: Texts, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => Html(html).into_response(),
        Err(error) => error_page(texts, &ActionError::internal(error)),
    }
}

pub async fn not_found(reader: Reader) -> Response {
    refusal_page(reader.texts, &Refusal::not_found("page_unknown"))
}

/// The answer to a request that changes something and comes from another site.
pub fn cross_site() -> Response {
    let refusal = Refusal::new(RefusalKind::Forbidden, "cross_site");
    refusal_page(Texts::default(), &refusal)
}

/// The answer when a handler panicked; the panic itself is in the log.
pub fn panicked(_panic: Box<dyn Any + Send + 'static>) -> Response {
    tracing::error!("a handler panicked");
    render_error(
        Texts::default(),
        StatusCode::INTERNAL_SERVER_ERROR,
        Texts::default().get("errors.internal"),
        Texts::default().get("errors.internal_fix"),
        "",
    )
}
