//! What surrounds every page: navigation with its counts, the demo's bar, the message of the last act.
//!
//! Each page's template extends `console/layout.html` and holds a [`Frame`] as `f`.

use askama::Template;
use axum::{
    http::{HeaderValue, header},
    response::Response,
};
use yuezhi_domain::{DeliveryState, NoticeState};
use yuezhi_store::{
    deliveries::{self, DeliveryFilter},
    notices::{self, NoticeFilter},
};

use super::{
    session::{Flash, PageError, SignedIn},
    ui::{self, Markup},
};
use crate::{actions::ActionError, demo, pages};

/// Failed deliveries counted for the navigation.
const MOST_COUNTED: usize = 100;

/// The layout's own data.
pub struct Frame {
    pub title: String,
    /// The entry of the navigation that is marked.
    pub active: &'static str,
    pub account: String,
    pub organisation: String,
    pub now_ms: i64,
    /// Grouped; empty for none.
    pub open_notices: String,
    /// Failed deliveries, `99+` when there are many; empty for none.
    pub trouble: String,
    pub has_sources: bool,
    pub flash: Option<Flash>,
    pub demo: Option<demo::pages::Bar>,
    /// Where the language switch returns to.
    pub here: String,
}

impl Frame {
    /// Reads the navigation's counts.
    pub async fn load(
        me: &SignedIn,
        active: &'static str,
        title: impl Into<String>,
    ) -> Result<Self, PageError> {
        let (open_notices, trouble) = me
            .app
            .db
            .read(|tx| {
                let open = NoticeFilter {
                    state: Some(NoticeState::Open),
                    ..NoticeFilter::default()
                };
                let failed = DeliveryFilter {
                    state: Some(DeliveryState::Failed),
                    ..DeliveryFilter::default()
                };
                Ok::<_, ActionError>((
                    notices::count(tx, &open)?,
                    deliveries::list(tx, &failed, 0, MOST_COUNTED)?.len(),
                ))
            })
            .await?;
        Ok(Self {
            title: title.into(),
            active,
            account: me.account.name.clone(),
            organisation: organisation(me),
            now_ms: me.now.0,
            open_notices: if open_notices > 0 {
                ui::grouped(open_notices)
            } else {
                String::new()
            },
            trouble: match trouble {
                0 => String::new(),
                MOST_COUNTED => format!("{}+", MOST_COUNTED - 1),
                n => n.to_string(),
            },
            has_sources: !me.app.config.source.is_empty(),
            flash: me.flash.clone(),
            demo: demo::pages::Bar::of(&me.app, &me.teller()),
            here: me.here.clone(),
        })
    }

    /// Marks the entry of the navigation that is open.
    pub fn current(&self, entry: &str) -> Markup {
        ui::current(entry == self.active)
    }
}

/// The sender's name of the mail settings, else the host people reach this server at.
fn organisation(me: &SignedIn) -> String {
    let sender = me
        .app
        .config
        .mail
        .as_ref()
        .and_then(|mail| mail.from.split_once('<'))
        .map(|(name, _)| name.trim());
    let host = || {
        let url = url::Url::parse(me.app.public_url()).ok()?;
        url.host_str().map(ToOwned::to_owned)
    };
    sender
        .filter(|name| !name.is_empty())
        .map(ToOwned::to_owned)
        .or_else(host)
        .unwrap_or_default()
}

/// Renders a page for somebody who is signed in. The page is not kept by the browser: it would show old numbers.
pub fn render(me: &SignedIn, template: &impl Template) -> Response {
    let mut response = pages::page(me.t, template);
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if me.flash.is_some() {
        return Flash::forget(response);
    }
    response
}
