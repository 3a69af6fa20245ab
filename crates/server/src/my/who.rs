//! Who is reading: a session, or a personal link that is good for one notice.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
    response::{IntoResponse as _, Redirect, Response},
};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use yuezhi_domain::ReceiptSource;
use yuezhi_store::people::Person;

use crate::{
    actions::{ActionError, sign_in},
    app::App,
    pages::{self, Reader},
    texts::{Texts, parse_language},
};

/// The employee's session cookie.
pub const COOKIE: &str = "yuezhi_me";

/// A signed-in person; others are sent to the sign-in page and come back.
pub struct Me {
    pub person: Person,
    pub texts: Texts,
}

impl FromRequestParts<App> for Me {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let reader = Reader::from_headers(app, &parts.headers);
        match session(app, &parts.headers).await {
            Ok(Some(person)) => Ok(Self {
                texts: language_of(&person, &parts.headers, reader.texts),
                person,
            }),
            Ok(None) => Err(to_sign_in(&parts.uri.to_string())),
            Err(error) => Err(pages::error_page(reader.texts, &error)),
        }
    }
}

/// Sends the browser to the sign-in page, and back to `path` afterwards.
pub fn to_sign_in(path: &str) -> Response {
    let next: String = url::form_urlencoded::byte_serialize(path.as_bytes()).collect();
    Redirect::to(&format!("/my/sign-in?next={next}")).into_response()
}

/// The person of the session cookie.
pub async fn session(app: &App, headers: &HeaderMap) -> Result<Option<Person>, ActionError> {
    let jar = CookieJar::from_headers(headers);
    match jar.get(COOKIE) {
        Some(cookie) => sign_in::person_of(app, cookie.value()).await,
        None => Ok(None),
    }
}

/// How a reader of a notice is known.
pub struct ReaderOfNotice {
    pub person: Person,
    pub source: ReceiptSource,
    /// The link's key, to be carried by the form.
    pub key: Option<String>,
}

impl ReaderOfNotice {
    /// JSON for receipts: how the person was known and what kind of device it was; no address, no full user agent.
    pub fn detail(&self, headers: &HeaderMap) -> String {
        let by = if self.key.is_some() {
            "personal_link"
        } else {
            "session"
        };
        serde_json::json!({ "by": by, "device": device(headers) }).to_string()
    }
}

/// By a good link for exactly this notice, else by session.
pub async fn reader_of_notice(
    app: &App,
    headers: &HeaderMap,
    notice_no: i64,
    key: Option<&str>,
) -> Result<Option<ReaderOfNotice>, ActionError> {
    let by_link = key
        .and_then(|key| app.link_key.open_notice_link(key))
        .filter(|(notice, _)| *notice == notice_no)
        .map(|(_, person_no)| person_no);
    if let Some(person_no) = by_link {
        let oldest = app.now().minus(crate::app::LINK_LIFETIME);
        let person = app
            .db
            .read(move |tx| {
                let notice = yuezhi_store::notices::get(tx, notice_no)?;
                if notice.is_none_or(|notice| notice.issued_at < oldest) {
                    return Ok::<_, ActionError>(None);
                }
                Ok(yuezhi_store::people::get(tx, person_no)?)
            })
            .await?;
        if let Some(person) = person.filter(Person::is_active) {
            return Ok(Some(ReaderOfNotice {
                person,
                source: ReceiptSource::MailLink,
                key: key.map(ToOwned::to_owned),
            }));
        }
    }
    let person = session(app, headers).await?;
    Ok(person.map(|person| ReaderOfNotice {
        person,
        source: ReceiptSource::Page,
        key: None,
    }))
}

/// A language chosen in this browser, else the person's own, else what the browser asks for.
pub fn language_of(person: &Person, headers: &HeaderMap, otherwise: Texts) -> Texts {
    let chosen = CookieJar::from_headers(headers)
        .get(pages::LANGUAGE_COOKIE)
        .and_then(|c| parse_language(c.value()));
    let own = person.language.as_deref().and_then(parse_language);
    chosen.or(own).map_or(otherwise, Texts::of)
}

/// `dingtalk`, `phone` or `desk`; all that a receipt needs to say.
fn device(headers: &HeaderMap) -> &'static str {
    let agent = headers
        .get(header::USER_AGENT)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    if agent.contains("DingTalk") {
        "dingtalk"
    } else if agent.contains("Mobile") {
        "phone"
    } else {
        "desk"
    }
}

/// A browser that looks ahead, or a program that only asks for the head, reads nothing.
pub fn is_looking_ahead(headers: &HeaderMap) -> bool {
    ["sec-purpose", "purpose", "x-purpose", "x-moz"]
        .iter()
        .any(|name| {
            headers
                .get(*name)
                .and_then(|value| value.to_str().ok())
                .is_some_and(|value| {
                    value.contains("prefetch")
                        || value.contains("preview")
                        || value.contains("prerender")
                })
        })
}

/// The cookie of a new session.
pub fn session_cookie(app: &App, value: String) -> Cookie<'static> {
    let lifetime = i64::try_from(sign_in::PERSON_SESSION.as_secs()).unwrap_or(i64::MAX);
    pages::cookie(app, COOKIE, value, lifetime, SameSite::Lax)
}

/// A path of this server to go on to; anything else leads to the person's list.
pub fn local_path(next: Option<&str>) -> String {
    next.filter(|path| {
        path.starts_with('/')
            && !path.starts_with("//")
            && !path.contains('\\')
            && !path.contains(char::is_control)
    })
    .map_or_else(|| "/my".to_owned(), ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_path_of_this_server_is_gone_on_to() {
        assert_eq!(local_path(Some("/n/1?k=x")), "/n/1?k=x");
        for bad in [
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "javascript:alert(1)",
            "",
        ] {
            assert_eq!(local_path(Some(bad)), "/my");
        }
    }

    #[test]
    fn a_prefetch_is_not_a_reading() {
        let mut headers = HeaderMap::new();
        assert!(!is_looking_ahead(&headers));
        headers.insert("sec-purpose", "prefetch;prerender".parse().unwrap());
        assert!(is_looking_ahead(&headers));
    }
}
