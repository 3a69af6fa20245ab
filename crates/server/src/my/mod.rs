//! What an employee opens: a notice's text with what changed, the list of what is owed, the newest policies.
//!
//! Links in messages lead here. Who reads is known by a personal link (this notice only) or a session. Invariant: GET
//! changes nothing anybody owes except that a signed-in person has opened a text; confirming is a POST. The pages
//! work without scripts and weigh little: they are read on phones inside DingTalk.

mod act;
mod files;
mod list;
mod read;
mod sign_in;
mod view;
mod who;

pub use sign_in::to_dingtalk;
pub use view::Comparisons;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{get, post},
};

use crate::app::App;

/// Forms here are a few fields; whoever posts need not be signed in.
const LARGEST_FORM: usize = 64 * 1024;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/n/{notice}", get(read::notice))
        .route("/n/{notice}/confirmation", post(act::confirm))
        .route("/n/{notice}/opening", post(act::opening))
        .route("/n/{notice}/files/{name}", get(files::of_notice))
        .route("/my", get(list::owed))
        .route("/my/policies", get(list::policies))
        .route("/my/language", post(sign_in::language))
        .route(
            "/my/sign-in",
            get(sign_in::form).post(sign_in::request_link),
        )
        .route(
            "/my/sign-in/link",
            get(sign_in::link).post(sign_in::use_link),
        )
        .route("/my/sign-in/dingtalk", get(sign_in::dingtalk))
        .route("/my/sign-in/inside", post(sign_in::inside))
        .route("/my/sign-in/dingtalk/return", get(sign_in::dingtalk_return))
        .route("/my/sign-out", post(sign_in::sign_out))
        .route("/p/{slug}", get(list::policy))
        .route("/p/{slug}/files/{name}", get(files::of_policy))
        .layer(DefaultBodyLimit::max(LARGEST_FORM))
}
