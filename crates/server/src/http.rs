//! The doors: console, employee pages, API, assets, health; and what holds for every request.
//!
//! Called by `serve`, `demo` and the tests. Invariant: a request that changes something and comes from another site
//! is refused (Sec-Fetch-Site / Origin), no page runs a script that is not ours, a panic answers 500 and nothing dies.

use std::time::Duration;

use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use tower::ServiceBuilder;
use tower_http::{
    catch_panic::CatchPanicLayer, compression::CompressionLayer, csrf::CsrfLayer,
    set_header::SetResponseHeaderLayer, timeout::TimeoutLayer,
};

use crate::{actions::ActionError, api, app::App, console, dingtalk_callback, my, pages};

/// Longest a request may take; uploads of large files included.
const LONGEST_REQUEST: Duration = Duration::from_secs(120);

/// Every route with every layer.
pub fn router(app: App) -> Result<Router, ActionError> {
    let body_limit = usize::try_from(app.max_upload_bytes())
        .unwrap_or(usize::MAX)
        .saturating_add(4 * 1024 * 1024);
    let mut csrf = CsrfLayer::new();
    if !app.public_url().is_empty() {
        let origin = url::Url::parse(app.public_url())
            .map_err(ActionError::internal)?
            .origin()
            .ascii_serialization();
        csrf = csrf
            .add_trusted_origin(&origin)
            .map_err(ActionError::internal)?;
    }
    // Live streams must neither be compressed (they would be held back) nor end at the request's time limit.
    let live = Router::new().merge(console::live_routes());
    let ordinary = Router::new()
        .merge(console::routes())
        .merge(my::routes())
        .merge(api::routes(&app))
        .merge(dingtalk_callback::routes())
        .route("/", get(home))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(api::metrics::metrics))
        .merge(pages::asset_routes())
        .fallback(pages::not_found)
        .layer(ServiceBuilder::new().layer(CompressionLayer::new()).layer(
            TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, LONGEST_REQUEST),
        ));
    let framed_by = framing_origin(&app)?;
    let policy = content_security_policy(framed_by.as_deref());
    let policy = HeaderValue::from_str(&policy).map_err(ActionError::internal)?;
    let layers = ServiceBuilder::new()
        .layer(CatchPanicLayer::custom(pages::panicked))
        .layer(SetResponseHeaderLayer::if_not_present(
            header::CONTENT_SECURITY_POLICY,
            policy,
        ))
        .layer(security_header(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(security_header(header::REFERRER_POLICY, "same-origin"))
        // This older header cannot name an origin; where pages may be framed, the policy alone says by whom.
        .option_layer(
            framed_by
                .is_none()
                .then(|| security_header(header::X_FRAME_OPTIONS, "DENY")),
        )
        // Pages are somebody's own; what may be kept says so itself.
        .layer(security_header(header::CACHE_CONTROL, "private, no-cache"))
        .layer(csrf.with_rejection_response(|_| pages::cross_site()));
    Ok(live
        .merge(ordinary)
        .layer(layers)
        .layer(DefaultBodyLimit::max(body_limit))
        .with_state(app))
}

/// Where `window.dd` comes from if not from here: a sandbox, whose chat client shows pages in a frame.
fn framing_origin(app: &App) -> Result<Option<String>, ActionError> {
    let Some(url) = &app.config.dingtalk.jsapi_url else {
        return Ok(None);
    };
    let url = url::Url::parse(url).map_err(|error| {
        ActionError::internal(format!("dingtalk.jsapi_url is not a web address: {error}"))
    })?;
    Ok(Some(url.origin().ascii_serialization()))
}

fn content_security_policy(framed_by: Option<&str>) -> String {
    let (scripts, frames) = match framed_by {
        Some(origin) => (format!("'self' {origin}"), origin),
        None => ("'self'".to_owned(), "'none'"),
    };
    format!(
        "default-src 'none'; script-src {scripts}; style-src 'self'; img-src 'self'; font-src 'self'; \
         connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors {frames}; manifest-src 'self'"
    )
}

fn security_header(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

/// People come by links; who comes to the bare address is most likely at a desk.
async fn home() -> Redirect {
    Redirect::to("/console")
}

/// The process answers.
async fn healthz() -> &'static str {
    "ok"
}

/// The database answers too.
async fn readyz(State(app): State<App>) -> Response {
    let asked = app
        .db
        .read(|tx| Ok::<_, ActionError>(yuezhi_store::settings::get(tx, "instance")?))
        .await;
    match asked {
        Ok(_) => "ready".into_response(),
        Err(error) => {
            tracing::error!(%error, "the database does not answer");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "the database does not answer",
            )
                .into_response()
        }
    }
}
