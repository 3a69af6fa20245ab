//! JSON for scripts, one file per resource.

pub mod metrics;

use axum::Router;

use crate::app::App;

pub fn routes() -> Router<App> {
    Router::new()
}
