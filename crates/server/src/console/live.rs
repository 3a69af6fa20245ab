//! Tells open pages that numbers moved, by server-sent events.
//!
//! An event carries no numbers: the page fetches itself again and changes what differs (`assets/app.js`). This node's changes come by the app's pulse; those
//! of other nodes are noticed by comparing the kept numbers every two seconds. Invariant: a stream ends when the node
//! stops. Weakness: another node's change shows up to two seconds late.

use std::{convert::Infallible, time::Duration};

use axum::response::{
    IntoResponse, Response,
    sse::{Event, KeepAlive, Sse},
};
use axum_extra::extract::Query;
use futures_util::stream;
use serde::Deserialize;
use tokio::{sync::broadcast, time::MissedTickBehavior};
use yuezhi_domain::{NoticeId, NoticeState, UnixMillis};
use yuezhi_store::{
    notices::{self, Notice, NoticeFilter},
    progress::{self, Totals},
};

use super::session::{PageError, SignedIn};
use crate::{
    actions::{ActionError, Refusal},
    app::{App, Pulse},
};

const COMPARED_EVERY: Duration = Duration::from_secs(2);
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Open notices whose numbers the overview compares.
const COMPARED: usize = 50;

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Asked {
    /// Only this notice; any without it.
    notice: String,
}

/// What is compared of a notice: its numbers, whether it is still open, when it reminds next.
#[derive(PartialEq)]
struct Standing {
    notice_no: i64,
    totals: Totals,
    state: NoticeState,
    next_reminder_at: Option<UnixMillis>,
}

impl Standing {
    fn of(notice: &Notice, totals: Totals) -> Self {
        Self {
            notice_no: notice.no,
            totals,
            state: notice.state,
            next_reminder_at: notice.next_reminder_at,
        }
    }
}

/// What one open page waits for.
struct Watch {
    app: App,
    notice_no: Option<i64>,
    pulse: broadcast::Receiver<Pulse>,
    seen: Option<Vec<Standing>>,
    tick: tokio::time::Interval,
}

pub(super) async fn stream(
    me: SignedIn,
    Query(asked): Query<Asked>,
) -> Result<Response, PageError> {
    let notice_no = if asked.notice.is_empty() {
        None
    } else {
        let unknown = || ActionError::from(Refusal::not_found("notice_unknown"));
        let id: NoticeId = asked.notice.parse().map_err(|_| unknown())?;
        let notice = me
            .app
            .db
            .read(move |tx| Ok::<_, ActionError>(notices::by_id(tx, &id)?))
            .await?;
        Some(notice.ok_or_else(unknown)?.no)
    };
    let mut tick = tokio::time::interval(COMPARED_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let watch = Watch {
        pulse: me.app.listen(),
        app: me.app,
        notice_no,
        seen: None,
        tick,
    };
    let events = stream::unfold(watch, |mut watch| async move {
        watch.changed().await.then(|| {
            (
                Ok::<_, Infallible>(Event::default().event("changed").data("-")),
                watch,
            )
        })
    });
    let sse = Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT).text("still here"));
    let mut response = sse.into_response();
    // A reverse proxy must not hold events back.
    response.headers_mut().insert(
        "x-accel-buffering",
        axum::http::HeaderValue::from_static("no"),
    );
    Ok(response)
}

impl Watch {
    /// Waits for the next change; false when the node stops.
    async fn changed(&mut self) -> bool {
        let closed = self.app.streams_closed();
        loop {
            tokio::select! {
                () = closed.cancelled() => return false,
                pulse = self.pulse.recv() => match pulse {
                    Ok(pulse) if self.concerns(pulse) => return true,
                    Ok(_) => {}
                    // Missing some means that there were many.
                    Err(broadcast::error::RecvError::Lagged(_)) => return true,
                    Err(broadcast::error::RecvError::Closed) => return false,
                },
                _ = self.tick.tick() => {
                    let now = self.numbers().await;
                    let first = self.seen.is_none();
                    if now.is_some() && now != self.seen {
                        self.seen = now;
                        if !first {
                            return true;
                        }
                    }
                }
            }
        }
    }

    fn concerns(&self, pulse: Pulse) -> bool {
        self.notice_no
            .is_none_or(|no| pulse.notice_no == 0 || pulse.notice_no == no)
    }

    /// The kept numbers; `None` when the database does not answer, which the next tick asks again.
    async fn numbers(&self) -> Option<Vec<Standing>> {
        let notice_no = self.notice_no;
        let read = self
            .app
            .db
            .read(move |tx| {
                if let Some(no) = notice_no {
                    let Some(notice) = notices::get(tx, no)? else {
                        return Ok::<_, ActionError>(Vec::new());
                    };
                    return Ok(vec![Standing::of(&notice, progress::totals(tx, no)?)]);
                }
                let filter = NoticeFilter {
                    state: Some(NoticeState::Open),
                    ..NoticeFilter::default()
                };
                let rows = notices::list(tx, &filter, 0, COMPARED)?;
                Ok(rows
                    .into_iter()
                    .map(|row| Standing::of(&row.notice, row.totals))
                    .collect())
            })
            .await;
        read.ok()
    }
}
