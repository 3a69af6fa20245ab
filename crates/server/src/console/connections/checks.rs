//! The checks of the connections page and of the guided set-up: one by one while somebody watches, or all in one page
//! where there is no script.
//!
//! Invariant: nothing is checked unless somebody presses the button, for a few checks are metered calls.

use askama::Template;
use axum::{
    extract::Path,
    http::HeaderMap,
    response::{Html, IntoResponse as _, Response},
};
use axum_extra::extract::Query;
use serde::Deserialize;

use crate::{
    actions::{
        Refusal,
        check_setup::{self, Check, Finding, Health},
    },
    console::{
        session::{PageError, SignedIn},
        words,
    },
    texts::Texts,
};

/// A finding as a line of a list.
pub(super) struct Line {
    pub(super) kind: &'static str,
    pub(super) icon: &'static str,
    pub(super) subject: String,
    pub(super) message: String,
    pub(super) fix: String,
    pub(super) detail: String,
    pub(super) link: Option<String>,
}

/// Findings of one check and, where all are asked for, the place where the next one's will stand.
#[derive(Template)]
#[template(path = "console/findings.html")]
struct Fragment {
    t: Texts,
    lines: Vec<Line>,
    next: Option<(&'static str, String)>,
    is_last: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::console) struct Asked {
    /// Go on with the next check.
    on: bool,
}

/// All checks in one page; with a script the page asks for one after the other instead.
pub(in crate::console) async fn all(me: SignedIn) -> Result<Response, PageError> {
    let mut found = Vec::new();
    for check in Check::ALL {
        found.extend(Box::pin(check_setup::check(&me.app, check, me.t)).await);
    }
    super::page_with(&me, lines(me.t, found)).await
}

/// One check: as a piece of a list for a script, else as a page.
pub(in crate::console) async fn one(
    me: SignedIn,
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let check = Check::of_name(&name).ok_or_else(|| Refusal::not_found("page_unknown"))?;
    let found = Box::pin(check_setup::check(&me.app, check, me.t)).await;
    let lines = lines(me.t, found);
    if !headers.contains_key("hx-request") {
        return super::page_with(&me, lines).await;
    }
    let next = check.next().filter(|_| asked.on).map(|next| {
        let title = me.t.of_value("cli.doctor_subject", next.as_str());
        (
            next.as_str(),
            me.t.with("setup.checks.at_work", "what", title),
        )
    });
    let fragment = Fragment {
        t: me.t,
        lines,
        is_last: asked.on && next.is_none(),
        next,
    };
    let html = fragment
        .render()
        .map_err(crate::actions::ActionError::internal)?;
    Ok(Html(html).into_response())
}

fn lines(t: Texts, found: Vec<Finding>) -> Vec<Line> {
    found.into_iter().map(|finding| line(t, finding)).collect()
}

fn line(t: Texts, finding: Finding) -> Line {
    let (kind, icon) = match finding.health {
        Health::Fine => ("ok", "done"),
        Health::Look => ("warn", "warn"),
        Health::Broken => ("bad", "warn"),
    };
    let known = format!("cli.doctor_subject.{}", finding.subject);
    Line {
        kind,
        icon,
        subject: if t.has(&known) {
            t.get(&known).to_owned()
        } else {
            words::lane(t, &finding.subject)
        },
        message: finding.message,
        fix: finding.fix,
        detail: finding.detail,
        link: finding.link,
    }
}
