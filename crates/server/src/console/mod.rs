//! Pages for publishers and administrators.

use axum::Router;

use crate::app::App;

pub fn routes() -> Router<App> {
    Router::new()
}

pub fn live_routes() -> Router<App> {
    Router::new()
}
