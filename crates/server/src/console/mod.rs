//! Pages for publishers and administrators, one file per page.
//!
//! A handler parses, authorises and renders; what decides is an action, what is read comes from the store in one
//! transaction per page. Invariant: every page works without script, and no page is shown to anybody but a signed-in
//! account (sign-in and set-up aside). Weakness: there is one kind of account; whoever is in may do everything.

mod audit;
mod connections;
mod deliveries;
mod frame;
mod groups;
mod import;
mod live;
mod notice;
mod notices;
mod overview;
mod people;
mod policies;
mod policy;
mod publish;
mod quota;
mod schedules;
mod session;
mod settings;
mod sign_in;
mod sources;
mod ui;
mod versions;
mod words;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{get, post},
};

use crate::app::App;

pub use session::{COOKIE, Flash, PageError, SignedIn, local_path, sign_in_response, with_session};
pub use ui::{Markup, Teller, icon, mark};

/// Every page, with refusals and failures shown as pages of their own.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/console", get(overview::show))
        .merge(doors())
        .merge(notice_routes())
        .merge(policy_routes())
        .merge(administration())
        .merge(crate::demo::pages::routes())
        .layer(middleware::map_response(session::with_errors_as_pages))
}

/// Streams that stay open; no time limit and no compression may lie over them.
pub fn live_routes() -> Router<App> {
    Router::new()
        .route("/console/live", get(live::stream))
        .layer(middleware::map_response(session::with_errors_as_pages))
}

/// Whoever knocks need not be signed in; these forms are a few fields.
const LARGEST_FORM_OF_A_STRANGER: usize = 64 * 1024;

fn doors() -> Router<App> {
    Router::new()
        .route("/console/sign-in", get(sign_in::form).post(sign_in::submit))
        .route("/console/sign-in/dingtalk", get(sign_in::dingtalk))
        .route(
            "/console/setup",
            get(sign_in::set_up_form).post(sign_in::set_up),
        )
        .route("/console/sign-out", post(sign_in::sign_out))
        .route("/console/language", post(sign_in::language))
        .layer(DefaultBodyLimit::max(LARGEST_FORM_OF_A_STRANGER))
}

fn notice_routes() -> Router<App> {
    Router::new()
        .route("/console/notices", get(notices::list))
        .route("/console/notices/{id}", get(notice::show))
        .route(
            "/console/notices/{id}/outstanding.csv",
            get(notice::outstanding_csv),
        )
        .route(
            "/console/notices/{id}/reminders",
            get(notice::remind_preview).post(notice::remind),
        )
        .route("/console/notices/{id}/cancellation", post(notice::cancel))
        .route("/console/deliveries", get(deliveries::list))
        .route("/console/deliveries/{no}/retry", post(deliveries::retry))
        .route("/console/lanes/retry", post(deliveries::retry_lane))
        .route("/console/lanes/resume", post(deliveries::resume_lane))
}

fn policy_routes() -> Router<App> {
    Router::new()
        .route("/console/publish", get(publish::form).post(publish::submit))
        .route("/console/publish/audience", post(publish::audience))
        .route("/console/policies", get(policies::list))
        .route("/console/policies/{slug}", get(policy::show))
        .route("/console/policies/{slug}/changes", get(versions::changes))
        .route(
            "/console/policies/{slug}/versions/{number}",
            get(versions::text),
        )
        .route(
            "/console/policies/{slug}/versions/{number}/files/{file}",
            get(versions::file),
        )
}

fn administration() -> Router<App> {
    Router::new()
        .route("/console/schedules", get(schedules::list))
        .route(
            "/console/schedules/new",
            get(schedules::new_form).post(schedules::create),
        )
        .route("/console/schedules/preview", post(schedules::preview))
        .route(
            "/console/schedules/{id}",
            get(schedules::edit_form).post(schedules::update),
        )
        .route("/console/schedules/{id}/{act}", post(schedules::act))
        .route("/console/people", get(people::list))
        .route(
            "/console/people/import",
            get(import::form).post(import::submit),
        )
        .route("/console/people/sync", post(people::sync))
        .route("/console/groups", get(groups::list))
        .route(
            "/console/groups/new",
            get(groups::new_form).post(groups::create),
        )
        .route(
            "/console/groups/{name}",
            get(groups::show).post(groups::change),
        )
        .route("/console/groups/{name}/{act}", post(groups::act))
        .route("/console/people/sample.csv", get(import::sample))
        .route("/console/people/{id}", get(people::show))
        .route("/console/connections", get(connections::show))
        .route("/console/connections/robots", post(connections::save))
        .route("/console/connections/remove", post(connections::remove))
        .route("/console/connections/test", post(connections::test))
        .route(
            "/console/connections/test-person",
            post(connections::test_person),
        )
        .route(
            "/console/connections/checks",
            post(connections::checks::all),
        )
        .route(
            "/console/connections/checks/{check}",
            post(connections::checks::one),
        )
        .route(
            "/console/connections/dingtalk",
            get(connections::wizard::show),
        )
        .route(
            "/console/connections/card-template.json",
            get(connections::wizard::card_template),
        )
        .route("/console/quota", get(quota::show))
        .route("/console/settings", get(settings::show))
        .route("/console/settings/password", post(settings::password))
        .route("/console/settings/tokens", post(settings::create_token))
        .route(
            "/console/settings/tokens/{id}/revocation",
            post(settings::revoke_token),
        )
        .route(
            "/console/settings/calendar",
            post(settings::import_calendar),
        )
        .route("/console/audit", get(audit::list))
        .route("/console/sources", get(sources::list))
}
