//! Tokens for scripts, the own password, the work calendar, and what this installation is.

use askama::Template;
use axum::{
    extract::{Multipart, Path},
    response::Response,
};
use axum_extra::extract::{Form, Query};
use serde::Deserialize;
use yuezhi_domain::DayKind;
use yuezhi_store::tokens;

use super::{
    frame::{Frame, render},
    session::{Flash, PageError, SignedIn, sign_in_response},
    sign_in::with_status,
    ui::{Markup, Teller},
    words,
};
use crate::{
    actions::{
        ActionError, Refusal, create_token,
        import_calendar::{self, Imported},
        sign_in,
    },
    pages::status_of,
    texts::Texts,
};

struct TokenLine {
    id: String,
    name: String,
    by: String,
    created: Markup,
    used: Option<Markup>,
}

struct YearTab {
    href: String,
    number: i16,
    is_known: bool,
    chosen: bool,
}

struct Day {
    date: String,
    name: String,
    is_off: bool,
    is_company: bool,
}

#[derive(Template)]
#[template(path = "console/settings.html")]
struct Page {
    f: Frame,
    t: Texts,
    tokens: Vec<TokenLine>,
    /// A token just made; shown this once.
    fresh: Option<String>,
    wrong: Option<(&'static str, String)>,
    years: Vec<YearTab>,
    days: Vec<Day>,
    year_was_chosen: bool,
    warnings: Vec<String>,
    facts: Vec<(String, String)>,
    login: String,
}

impl Page {
    fn wrong_at(&self, field: &str) -> Option<&str> {
        self.wrong
            .as_ref()
            .filter(|(at, _)| *at == field)
            .map(|(_, text)| text.as_str())
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Asked {
    year: Option<i16>,
}

pub(super) async fn show(me: SignedIn, Query(asked): Query<Asked>) -> Result<Response, PageError> {
    page(&me, asked.year, None, None).await
}

async fn page(
    me: &SignedIn,
    year: Option<i16>,
    fresh: Option<String>,
    refusal: Option<&Refusal>,
) -> Result<Response, PageError> {
    let rows = me
        .app
        .db
        .read(|tx| Ok::<_, ActionError>(tokens::list(tx)?))
        .await?;
    let tell = me.teller();
    let today = tell.today();
    let year_was_chosen = year.is_some();
    let year = year.unwrap_or(today.year());
    let calendar = me.app.calendar();
    let years = (today.year() - 1..=today.year() + 1).map(|of| YearTab {
        href: format!("/console/settings?year={of}#calendar"),
        number: of,
        is_known: calendar.covers(of),
        chosen: of == year,
    });
    let page = Page {
        f: Frame::load(me, "settings", me.t.get("console.nav.settings")).await?,
        t: me.t,
        tokens: rows
            .iter()
            .filter(|token| token.revoked_at.is_none())
            .map(|token| token_line(me.t, &tell, token))
            .collect(),
        fresh,
        wrong: refusal.map(|refusal| (refusal.field.unwrap_or_default(), refusal.sentence(me.t))),
        years: years.collect(),
        days: days(me, year),
        year_was_chosen,
        warnings: import_calendar::warnings(&me.app, me.now)
            .into_iter()
            .map(|warning| {
                me.t.with("console.need.next_year_missing", "year", warning.year())
            })
            .collect(),
        facts: facts(me),
        login: me.account.login.clone(),
    };
    let response = render(me, &page);
    Ok(match refusal {
        Some(refusal) => with_status(status_of(refusal.kind), response),
        None => response,
    })
}

fn token_line(t: Texts, tell: &Teller, token: &tokens::Token) -> TokenLine {
    TokenLine {
        id: token.id.clone(),
        name: token.name.clone(),
        by: words::actor(t, &token.created_by),
        created: tell.at(token.created_at),
        used: token.last_used_at.map(|at| tell.ago(at)),
    }
}

fn days(me: &SignedIn, year: i16) -> Vec<Day> {
    let tell = me.teller();
    let calendar = me.app.calendar();
    calendar
        .days_of(year)
        .into_iter()
        .filter(|(day, _)| {
            !matches!(calendar.day(day.date), DayKind::Workday | DayKind::Weekend)
                || !day.is_off_day
        })
        .map(|(day, origin)| Day {
            date: tell.day(day.date),
            name: day.name,
            is_off: day.is_off_day,
            is_company: origin.as_str() == "company",
        })
        .collect()
}

fn facts(me: &SignedIn) -> Vec<(String, String)> {
    let config = &me.app.config;
    let database = if config.database.url.starts_with("sqlite:") {
        "SQLite"
    } else {
        "PostgreSQL"
    };
    [
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("public_url", me.app.public_url().to_owned()),
        ("time_zone", me.app.time_zone.as_str().to_owned()),
        ("database", database.to_owned()),
        ("upload", format!("{} MB", config.server.max_upload_mb)),
    ]
    .into_iter()
    .map(|(key, value)| (me.t.of_value("console.settings.fact", key), value))
    .collect()
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct TokenForm {
    name: String,
}

/// The new token is in this answer and nowhere else.
pub(super) async fn create_token(
    me: SignedIn,
    Form(asked): Form<TokenForm>,
) -> Result<Response, PageError> {
    match create_token::create(&me.app, me.actor(), &asked.name).await {
        Ok(value) => page(&me, None, Some(value), None).await,
        Err(ActionError::Refused(refusal)) => page(&me, None, None, Some(&refusal)).await,
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn revoke_token(
    me: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let outcome = create_token::revoke(&me.app, me.actor(), &id).await;
    me.back(
        "/console/settings#tokens",
        outcome.map(|()| Flash::ok(me.t.get("console.settings.revoked"))),
    )
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct PasswordForm {
    old_password: String,
    password: String,
}

/// Ends every session of the account and opens a new one for this browser.
pub(super) async fn password(
    me: SignedIn,
    Form(asked): Form<PasswordForm>,
) -> Result<Response, PageError> {
    let login = me.account.login.clone();
    match sign_in::change_password(
        &me.app,
        me.account.no,
        &login,
        &asked.old_password,
        &asked.password,
    )
    .await
    {
        Ok(()) => {
            let session = sign_in::with_password(&me.app, &login, &asked.password, "").await?;
            let mut response = sign_in_response(&me.app, &session, "/console/settings");
            let told = me.back(
                "/console/settings",
                Ok(Flash::ok(me.t.get("console.settings.password_changed"))),
            )?;
            for cookie in told.headers().get_all(axum::http::header::SET_COOKIE) {
                response
                    .headers_mut()
                    .append(axum::http::header::SET_COOKIE, cookie.clone());
            }
            Ok(response)
        }
        Err(ActionError::Refused(refusal)) => page(&me, None, None, Some(&refusal)).await,
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn import_calendar(
    me: SignedIn,
    mut multipart: Multipart,
) -> Result<Response, PageError> {
    let mut text = String::new();
    while let Ok(Some(field)) = multipart.next_field().await {
        if field.name() == Some("file") {
            let bytes = field.bytes().await.map_err(|error| {
                Refusal::invalid("calendar", "body_bad").with("detail", error.body_text())
            })?;
            text = String::from_utf8_lossy(&bytes).into_owned();
        }
    }
    let outcome = if text.trim().is_empty() {
        Err(Refusal::invalid("calendar", "calendar_file_missing").into())
    } else {
        import_calendar::import(&me.app, me.actor(), &text).await
    };
    let told = outcome.map(|imported| {
        Flash::ok(match imported {
            Imported::Year(year) => me.t.with("console.settings.imported_year", "year", year),
            Imported::CompanyDays(n) => me.t.with("console.settings.imported_days", "n", n),
        })
    });
    me.back("/console/settings#calendar", told)
}
