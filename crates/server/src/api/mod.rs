//! JSON for scripts under `/api/v1`, one file per resource, described by `/api/openapi.json` and shown at `/api`.
//!
//! Handlers parse, call an action or a small read, and render; they decide nothing. Every route goes through three
//! layers: errors in the caller's language (`problem`), who calls (`caller`), repeated POSTs (`idempotency`). The
//! command line is a client of this API and shares its shapes. Invariant: what is added stays; nothing here confirms on
//! behalf of a person.

#![expect(unused_qualifications, reason = "what utoipa's `params` expands to")]

pub mod audit;
pub mod calendar;
pub mod caller;
pub mod channels;
pub mod deliveries;
pub mod departments;
mod form;
pub mod groups;
mod idempotency;
pub mod input;
pub mod metrics;
pub mod notices;
pub mod people;
pub mod policies;
pub mod problem;
mod publish_form;
pub mod quota;
pub mod receipts;
mod reference;
pub mod robots;
pub mod schedules;
pub mod tokens;
pub mod versions;

use axum::{Router, middleware, routing::get};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::app::App;

/// Every route of the API, its description and its page.
pub fn routes(app: &App) -> Router<App> {
    let (resources, _) = resources().split_for_parts();
    let resources = resources
        .route(
            "/api/v1/{*unknown}",
            axum::routing::any(problem::unknown_resource),
        )
        .layer(middleware::from_fn_with_state(
            idempotency::Keys::new(app.clone()),
            idempotency::remember,
        ))
        .layer(middleware::from_fn_with_state(
            app.clone(),
            caller::authenticate,
        ))
        .layer(middleware::from_fn_with_state(
            app.clone(),
            problem::localise,
        ));
    Router::new()
        .merge(resources)
        .route("/api", get(reference::page))
        .route("/api/openapi.json", get(reference::openapi))
}

/// What `/api/openapi.json` says.
pub fn description() -> OpenApi {
    reference::complete(resources().into_openapi())
}

fn resources() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(policies::routes())
        .merge(versions::routes())
        .merge(notices::routes())
        .merge(people::routes())
        .merge(departments::routes())
        .merge(groups::routes())
        .merge(schedules::routes())
        .merge(robots::routes())
        .merge(channels::routes())
        .merge(quota::routes())
        .merge(deliveries::routes())
        .merge(receipts::routes())
        .merge(audit::routes())
        .merge(tokens::routes())
        .merge(calendar::routes())
}
