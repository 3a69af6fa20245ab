//! The doors of the console: sign-in, the first account, sign-out, the language.

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::{CookieJar, Form, Query};
use serde::Deserialize;

use super::session::{
    COOKIE, PageError, cookie, is_local, local_path, sign_in_response, user_agent, with_cookie,
};
use crate::{
    actions::{ActionError, Refusal, sign_in},
    app::App,
    pages::{self, LANGUAGE_COOKIE, Reader, status_of},
    texts::{Texts, parse_language},
};

#[derive(Template)]
#[template(path = "console/sign_in.html")]
struct SignInPage<'a> {
    t: Texts,
    /// A form was sent when the session was over.
    is_expired: bool,
    next: &'a str,
    login: &'a str,
    error: Option<(String, String)>,
    by_dingtalk: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct SignInForm {
    expired: String,
    login: String,
    password: String,
    next: String,
}

pub(super) async fn form(
    State(app): State<App>,
    reader: Reader,
    Query(asked): Query<SignInForm>,
) -> Result<Response, PageError> {
    if !sign_in::is_set_up(&app).await? {
        return Ok(Redirect::to("/console/setup").into_response());
    }
    Ok(pages::page(
        reader.texts,
        &SignInPage {
            t: reader.texts,
            is_expired: !asked.expired.is_empty(),
            next: local_path(&asked.next),
            login: "",
            error: None,
            by_dingtalk: sign_in::lets_administrators_in(&app),
        },
    ))
}

pub(super) async fn submit(
    State(app): State<App>,
    reader: Reader,
    headers: HeaderMap,
    Form(asked): Form<SignInForm>,
) -> Result<Response, PageError> {
    match sign_in::with_password(&app, &asked.login, &asked.password, user_agent(&headers)).await {
        Ok(session) => Ok(sign_in_response(&app, &session, &asked.next)),
        Err(ActionError::Refused(refusal)) => {
            let t = reader.texts;
            let error = Some((refusal.message(t), refusal.fix(t)));
            let page = SignInPage {
                t,
                is_expired: false,
                next: local_path(&asked.next),
                login: &asked.login,
                error,
                by_dingtalk: sign_in::lets_administrators_in(&app),
            };
            Ok(with_status(status_of(refusal.kind), pages::page(t, &page)))
        }
        Err(error) => Err(error.into()),
    }
}

/// Off to DingTalk's page; whoever comes back and is named in the configuration is in.
pub(super) async fn dingtalk(
    State(app): State<App>,
    jar: CookieJar,
    Query(asked): Query<SignInForm>,
) -> Result<Response, PageError> {
    if !sign_in::lets_administrators_in(&app) {
        return Err(Refusal::conflict("dingtalk_not_configured").into());
    }
    Ok(crate::my::to_dingtalk(&app, jar, local_path(&asked.next))?)
}

/// The page under another status than 200.
pub(super) fn with_status(status: StatusCode, mut page: Response) -> Response {
    if page.status() == StatusCode::OK {
        *page.status_mut() = status;
    }
    page
}

#[derive(Template)]
#[template(path = "console/set_up.html")]
struct SetUpPage<'a> {
    t: Texts,
    code: &'a str,
    /// A demo is entered by the link it printed and needs no account.
    is_demo: bool,
    name: &'a str,
    login: &'a str,
    /// Field and sentence.
    error: Option<(&'static str, String)>,
}

impl SetUpPage<'_> {
    fn error_of(&self, field: &str) -> Option<&str> {
        self.error
            .as_ref()
            .filter(|(at, _)| *at == field)
            .map(|(_, text)| text.as_str())
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct SetUpForm {
    code: String,
    name: String,
    login: String,
    password: String,
}

pub(super) async fn set_up_form(
    State(app): State<App>,
    reader: Reader,
    Query(asked): Query<SetUpForm>,
) -> Result<Response, PageError> {
    if sign_in::is_set_up(&app).await? {
        return Ok(Redirect::to("/console/sign-in").into_response());
    }
    Ok(pages::page(
        reader.texts,
        &SetUpPage {
            t: reader.texts,
            code: &asked.code,
            is_demo: app.demo.is_some(),
            name: "",
            login: "",
            error: None,
        },
    ))
}

pub(super) async fn set_up(
    State(app): State<App>,
    reader: Reader,
    headers: HeaderMap,
    Form(asked): Form<SetUpForm>,
) -> Result<Response, PageError> {
    let account = sign_in::FirstAccount {
        code: &asked.code,
        login: &asked.login,
        name: &asked.name,
        password: &asked.password,
    };
    match sign_in::set_up(&app, account, user_agent(&headers)).await {
        Ok(session) => Ok(sign_in_response(&app, &session, "/console")),
        Err(ActionError::Refused(refusal)) if refusal.code != "set_up_already" => {
            Ok(set_up_refused(&app, reader.texts, &asked, &refusal))
        }
        Err(error) => Err(error.into()),
    }
}

fn set_up_refused(app: &App, t: Texts, asked: &SetUpForm, refusal: &Refusal) -> Response {
    // What belongs to no field is about the code.
    let field = refusal.field.unwrap_or("code");
    let error = Some((field, refusal.sentence(t)));
    let page = SetUpPage {
        t,
        code: &asked.code,
        is_demo: app.demo.is_some(),
        name: &asked.name,
        login: &asked.login,
        error,
    };
    with_status(status_of(refusal.kind), pages::page(t, &page))
}

pub(super) async fn sign_out(
    State(app): State<App>,
    jar: CookieJar,
) -> Result<Response, PageError> {
    if let Some(held) = jar.get(COOKIE) {
        sign_in::sign_out(&app, held.value()).await?;
    }
    let gone = cookie(COOKIE, "", 0, &app);
    Ok(with_cookie(
        Redirect::to("/console/sign-in").into_response(),
        &gone,
    ))
}

#[derive(Deserialize)]
pub(super) struct LanguageForm {
    language: String,
    #[serde(default)]
    next: String,
}

/// Keeps the chosen language for a year.
pub(super) async fn language(State(app): State<App>, Form(asked): Form<LanguageForm>) -> Response {
    const YEAR: u64 = 365 * 24 * 3600;
    // The sign-in page comes back with where it leads.
    let is_door = asked.next.starts_with("/console/sign-in?") && is_local(&asked.next);
    let next = if is_door {
        &asked.next
    } else {
        local_path(&asked.next)
    };
    let next = Redirect::to(next).into_response();
    match parse_language(&asked.language) {
        Some(language) => with_cookie(
            next,
            &cookie(LANGUAGE_COOKIE, language.as_str(), YEAR, &app),
        ),
        None => next,
    }
}
