//! The employees' sign-in page: through DingTalk, or by a link in a mail.
//!
//! Inside DingTalk's client nothing has to be pressed: a script asks the client who reads and posts the code (免登).
//! A sign-in link shows a page with one button, because mail scanners fetch links and must not use them up. The way
//! back from DingTalk's page is one address for employees and administrators; `next` says who is meant.

use askama::Template;
use axum::{
    Form,
    extract::{Query, State},
    http::{HeaderMap, header},
    response::{IntoResponse as _, Redirect, Response},
};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};

use super::who;
use crate::{
    actions::{Refusal, RefusalKind, sign_in},
    app::App,
    pages::{self, Reader},
    refusal::ActionError,
    texts::{Texts, parse_language},
};

/// Binds the way back from DingTalk to this browser.
const NONCE_COOKIE: &str = "yuezhi_dingtalk";

#[derive(Debug, Default, serde::Deserialize)]
pub struct NextQuery {
    pub next: Option<String>,
}

#[derive(Template)]
#[template(path = "my/sign_in.html")]
struct SignInPage {
    t: Texts,
    now_ms: i64,
    organisation: String,
    next: String,
    who: String,
    error: String,
    by_dingtalk: bool,
    by_mail: bool,
    /// The client that shows the page may say who reads.
    inside: Option<Inside>,
}

/// What the script of the page needs.
struct Inside {
    script: String,
    client_id: String,
    corp_id: String,
}

impl Inside {
    /// Nothing is loaded in other browsers: the script is large, and of no use there.
    fn of(app: &App, headers: &HeaderMap) -> Option<Self> {
        let dingtalk = &app.config.dingtalk;
        if !dingtalk.has_app()
            || (dingtalk.jsapi_url.is_none() && !user_agent(headers).contains("DingTalk"))
        {
            return None;
        }
        Some(Self {
            script: dingtalk
                .jsapi_url
                .clone()
                .unwrap_or_else(|| pages::asset("vendor/dingtalk-auth.js").to_owned()),
            client_id: dingtalk.client_id.clone()?,
            corp_id: dingtalk.corp_id.clone()?,
        })
    }
}

impl SignInPage {
    fn here(&self) -> String {
        with_next("/my/sign-in?", &self.next)
    }

    fn new(app: &App, texts: Texts, next: Option<&str>) -> Self {
        Self {
            t: texts,
            now_ms: app.now().0,
            organisation: app.organisation().to_owned(),
            next: who::local_path(next),
            who: String::new(),
            error: String::new(),
            by_dingtalk: app.channels().dingtalk_login().is_some(),
            by_mail: app.channels().mail().is_some(),
            inside: None,
        }
    }
}

pub async fn form(
    State(app): State<App>,
    reader: Reader,
    headers: HeaderMap,
    Query(query): Query<NextQuery>,
) -> Response {
    match who::session(&app, &headers).await {
        Ok(Some(_)) => Redirect::to(&who::local_path(query.next.as_deref())).into_response(),
        Ok(None) => {
            let page = SignInPage {
                inside: Inside::of(&app, &headers),
                ..SignInPage::new(&app, reader.texts, query.next.as_deref())
            };
            pages::page(reader.texts, &page)
        }
        Err(error) => pages::error_page(reader.texts, &error),
    }
}

#[derive(Debug, serde::Deserialize)]
pub struct LinkForm {
    #[serde(default)]
    pub who: String,
    pub next: Option<String>,
}

#[derive(Template)]
#[template(path = "my/sent.html")]
struct SentPage {
    t: Texts,
    now_ms: i64,
    organisation: String,
    next: String,
}

pub async fn request_link(
    State(app): State<App>,
    reader: Reader,
    Form(form): Form<LinkForm>,
) -> Response {
    let next = who::local_path(form.next.as_deref());
    match sign_in::request_link(&app, &form.who, &next).await {
        Ok(()) => {
            let page = SentPage {
                t: reader.texts,
                now_ms: app.now().0,
                organisation: app.organisation().to_owned(),
                next,
            };
            pages::page(reader.texts, &page)
        }
        Err(ActionError::Refused(refusal)) => {
            let page = SignInPage {
                who: form.who,
                error: refusal.sentence(reader.texts),
                ..SignInPage::new(&app, reader.texts, Some(&next))
            };
            let mut response = pages::page(reader.texts, &page);
            *response.status_mut() = pages::status_of(refusal.kind);
            response
        }
        Err(error) => pages::error_page(reader.texts, &error),
    }
}

#[derive(Debug, serde::Deserialize)]
pub struct UseLink {
    #[serde(default)]
    pub k: String,
    pub next: Option<String>,
}

#[derive(Template)]
#[template(path = "my/link.html")]
struct LinkPage {
    t: Texts,
    now_ms: i64,
    organisation: String,
    k: String,
    next: String,
}

impl LinkPage {
    fn here(&self) -> String {
        let k: String = url::form_urlencoded::byte_serialize(self.k.as_bytes()).collect();
        with_next(&format!("/my/sign-in/link?k={k}&"), &self.next)
    }
}

/// An address that keeps where it leads on to.
fn with_next(path: &str, next: &str) -> String {
    let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
    format!("{path}next={next}")
}

pub async fn link(
    State(app): State<App>,
    reader: Reader,
    Query(query): Query<UseLink>,
) -> Response {
    let page = LinkPage {
        t: reader.texts,
        now_ms: app.now().0,
        organisation: app.organisation().to_owned(),
        k: query.k,
        next: who::local_path(query.next.as_deref()),
    };
    pages::page(reader.texts, &page)
}

pub async fn use_link(
    State(app): State<App>,
    reader: Reader,
    headers: HeaderMap,
    jar: CookieJar,
    Form(form): Form<UseLink>,
) -> Response {
    match sign_in::by_link(&app, &form.k, user_agent(&headers)).await {
        Ok(cookie) => {
            let jar = jar.add(who::session_cookie(&app, cookie.0));
            (jar, Redirect::to(&who::local_path(form.next.as_deref()))).into_response()
        }
        Err(error) => pages::error_page(reader.texts, &error),
    }
}

#[derive(Debug, serde::Deserialize)]
pub struct InsideForm {
    #[serde(default)]
    pub code: String,
    pub next: Option<String>,
}

/// Signs in by the code that DingTalk's client gave. A failure shows the page without the script, so that it ends.
pub async fn inside(
    State(app): State<App>,
    reader: Reader,
    headers: HeaderMap,
    jar: CookieJar,
    Form(form): Form<InsideForm>,
) -> Response {
    let next = who::local_path(form.next.as_deref());
    match sign_in::by_dingtalk_code(&app, &form.code, user_agent(&headers)).await {
        Ok(cookie) => {
            let jar = jar.add(who::session_cookie(&app, cookie.0));
            (jar, Redirect::to(&next)).into_response()
        }
        Err(ActionError::Refused(refusal)) => {
            let page = SignInPage {
                error: refusal.sentence(reader.texts),
                ..SignInPage::new(&app, reader.texts, Some(&next))
            };
            let mut response = pages::page(reader.texts, &page);
            *response.status_mut() = pages::status_of(refusal.kind);
            response
        }
        Err(error) => pages::error_page(reader.texts, &error),
    }
}

/// Off to DingTalk's page; the nonce and the way on travel in a cookie of ten minutes.
pub async fn dingtalk(
    State(app): State<App>,
    reader: Reader,
    jar: CookieJar,
    Query(query): Query<NextQuery>,
) -> Response {
    match to_dingtalk(&app, jar, &who::local_path(query.next.as_deref())) {
        Ok(response) => response,
        Err(error) => pages::error_page(reader.texts, &error),
    }
}

/// As [`dingtalk`], for the console's sign-in page too: `next` is a path of this server.
pub fn to_dingtalk(app: &App, jar: CookieJar, next: &str) -> Result<Response, ActionError> {
    let (url, nonce) = sign_in::dingtalk_sign_in_url(app)?;
    let value = format!("{nonce} {next}");
    let value: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
    let cookie = pages::cookie(app, NONCE_COOKIE, value, 600, SameSite::Lax);
    Ok((jar.add(cookie), Redirect::to(url.as_str())).into_response())
}

/// Whether whoever comes back wants the console.
fn is_console(next: Option<&str>) -> bool {
    next.is_some_and(|next| {
        next == "/console" || next.starts_with("/console/") || next.starts_with("/console?")
    })
}

/// What DingTalk sends back; it names the code `code` and `authCode`.
#[derive(Debug, Default, serde::Deserialize)]
pub struct ReturnQuery {
    pub code: Option<String>,
    #[serde(rename = "authCode")]
    pub auth_code: Option<String>,
    #[serde(default)]
    pub state: String,
}

pub async fn dingtalk_return(
    State(app): State<App>,
    reader: Reader,
    headers: HeaderMap,
    jar: CookieJar,
    Query(query): Query<ReturnQuery>,
) -> Response {
    let kept = jar.get(NONCE_COOKIE).map(|cookie| {
        url::form_urlencoded::parse(format!("v={}", cookie.value()).as_bytes())
            .next()
            .map(|(_, v)| v.into_owned())
            .unwrap_or_default()
    });
    let (nonce, next) = kept
        .as_deref()
        .and_then(|kept| kept.split_once(' '))
        .map_or((None, None), |(nonce, next)| {
            (nonce.parse().ok(), Some(next.to_owned()))
        });
    let Some(code) = query.auth_code.or(query.code) else {
        let refusal = Refusal::new(RefusalKind::SignInNeeded, "sign_in_elsewhere");
        return pages::error_page(reader.texts, &refusal.into());
    };
    let back = sign_in::DingTalkReturn {
        auth_code: &code,
        state: &query.state,
        nonce,
    };
    if is_console(next.as_deref()) {
        return console_return(
            &app,
            reader,
            jar,
            back,
            (user_agent(&headers), next.as_deref()),
        )
        .await;
    }
    match sign_in::by_dingtalk(&app, back, user_agent(&headers)).await {
        Ok(cookie) => {
            let jar = jar
                .remove(Cookie::build(NONCE_COOKIE).path("/"))
                .add(who::session_cookie(&app, cookie.0));
            (jar, Redirect::to(&who::local_path(next.as_deref()))).into_response()
        }
        Err(error) => pages::error_page(reader.texts, &error),
    }
}

async fn console_return(
    app: &App,
    reader: Reader,
    jar: CookieJar,
    back: sign_in::DingTalkReturn<'_>,
    (user_agent, next): (&str, Option<&str>),
) -> Response {
    match sign_in::administrator_by_dingtalk(app, back, user_agent).await {
        Ok(session) => {
            let jar = jar.remove(Cookie::build(NONCE_COOKIE).path("/"));
            let inside = crate::console::sign_in_response(app, &session, next.unwrap_or_default());
            (jar, inside).into_response()
        }
        Err(error) => pages::error_page(reader.texts, &error),
    }
}

pub async fn sign_out(State(app): State<App>, reader: Reader, jar: CookieJar) -> Response {
    if let Some(cookie) = jar.get(who::COOKIE)
        && let Err(error) = sign_in::sign_out(&app, cookie.value()).await
    {
        return pages::error_page(reader.texts, &error);
    }
    (
        jar.remove(Cookie::build(who::COOKIE).path("/")),
        Redirect::to("/my/sign-in"),
    )
        .into_response()
}

#[derive(Debug, serde::Deserialize)]
pub struct LanguageForm {
    pub language: String,
    pub next: Option<String>,
}

/// Chooses the language of this browser.
pub async fn language(
    State(app): State<App>,
    jar: CookieJar,
    Form(form): Form<LanguageForm>,
) -> Response {
    let next = who::local_path(form.next.as_deref());
    let jar = match parse_language(&form.language) {
        Some(language) => jar.add(pages::cookie(
            &app,
            pages::LANGUAGE_COOKIE,
            language.as_str().to_owned(),
            365 * 24 * 3600,
            SameSite::Lax,
        )),
        None => jar,
    };
    (jar, Redirect::to(&next)).into_response()
}

fn user_agent(headers: &HeaderMap) -> &str {
    headers
        .get(header::USER_AGENT)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default()
}
