//! Lanes without a channel: removed, or configured in a way that cannot be opened.
//!
//! What was to go through a removed lane fails visibly, instead of waiting for ever. A lane whose configuration is
//! wrong stops with the reason, and goes on by itself when it can be opened again.

use std::time::Duration;

use yuezhi_channels::ChannelKind;
use yuezhi_domain::UnixMillis;
use yuezhi_store::{
    StoreError, Tx,
    chat_groups::{self, ChatGroupState},
    deliveries::{self, Failed},
    lanes::{self, Lane},
    robots,
};

use crate::{actions::ActionError, app::App, wiring};

const GONE: &str = "lane_gone";
const BROKEN: &str = "channel_broken";
const AT_ONCE: usize = 500;
const LEASE: Duration = Duration::from_secs(5);

/// Lets stopped lanes go on whose reason has passed: the channel opens again, or it was removed altogether (then its
/// deliveries are to fail). Whether there was one.
pub(super) async fn mend(app: &App, rows: &[Lane], now: UnixMillis) -> Result<bool, ActionError> {
    let channels = app.channels();
    let is_broken = |name: &str| channels.broken().iter().any(|broken| broken.lane == name);
    let mended: Vec<(String, bool)> = rows
        .iter()
        .filter(|row| row.stopped_at.is_some())
        .filter(|row| match channels.get(&row.name) {
            Some(_) => row.reason_code.as_deref() == Some(BROKEN),
            None => !is_broken(&row.name),
        })
        .map(|row| (row.name.clone(), channels.get(&row.name).is_none()))
        .collect();
    if mended.is_empty() {
        return Ok(false);
    }
    app.db
        .write(move |tx| {
            let mut any = false;
            for (name, is_unknown) in &mended {
                // What another node added and stopped is not gone, only unknown here.
                let stays = *is_unknown && is_stored(tx, name)?;
                any |= !stays && lanes::resume(tx, name, now)?;
            }
            Ok(any)
        })
        .await
}

/// Whether the lane is that of a robot or a notification group in the database.
fn is_stored(tx: &mut Tx<'_>, lane: &str) -> Result<bool, StoreError> {
    let Some((_, name)) = lane.split_once(':') else {
        return Ok(false);
    };
    Ok(match ChannelKind::of_lane(lane) {
        Some(ChannelKind::Robot) => robots::get(tx, name)?.is_some(),
        Some(ChannelKind::Group | ChannelKind::GroupAnnouncement) => {
            chat_groups::get(tx, name)?.is_some_and(|group| group.state != ChatGroupState::Gone)
        }
        _ => false,
    })
}

/// A lane with something due and no channel on this node. Whether anything was changed.
pub(super) async fn settle(app: &App, lane: &str, now: UnixMillis) -> Result<bool, ActionError> {
    if added_elsewhere(app, lane).await? {
        wiring::reload(app).await?;
        if app.channels().get(lane).is_some() {
            return Ok(true);
        }
    }
    let why = app
        .channels()
        .broken()
        .iter()
        .find(|broken| broken.lane == lane)
        .map(|broken| broken.error.to_string());
    match why {
        Some(why) => stop(app, lane, &why, now).await,
        None => fail(app, lane, now).await,
    }
}

/// Another node saved the robot or the group, and this one does not know it yet.
async fn added_elsewhere(app: &App, lane: &str) -> Result<bool, ActionError> {
    let lane = lane.to_owned();
    app.db
        .read(move |tx| Ok::<_, ActionError>(is_stored(tx, &lane)?))
        .await
}

async fn stop(app: &App, lane: &str, why: &str, now: UnixMillis) -> Result<bool, ActionError> {
    let (name, why) = (lane.to_owned(), why.to_owned());
    let stopped = app
        .db
        .write(move |tx| Ok::<_, ActionError>(lanes::stop(tx, &name, now, BROKEN, &why)?))
        .await?;
    if stopped {
        tracing::warn!(
            lane,
            code = BROKEN,
            "lane stopped: its configuration cannot be used"
        );
    }
    Ok(stopped)
}

async fn fail(app: &App, lane: &str, now: UnixMillis) -> Result<bool, ActionError> {
    let (name, owner) = (lane.to_owned(), app.node.clone());
    let failed = app
        .db
        .write(move |tx| {
            if !lanes::acquire(tx, &name, &owner, now, now.plus(LEASE))? {
                return Ok::<_, ActionError>(0);
            }
            let claimed = deliveries::claim(tx, &name, &owner, now, now.plus(LEASE), AT_ONCE)?;
            let failed: Vec<Failed> = claimed
                .iter()
                .map(|delivery| Failed {
                    no: delivery.no,
                    outcome: "rejected",
                    code: GONE.to_owned(),
                    detail: String::new(),
                    at: now,
                })
                .collect();
            deliveries::record_failed(tx, &owner, &failed)?;
            lanes::release_lease(tx, &name, &owner)?;
            Ok(failed.len())
        })
        .await?;
    if failed > 0 {
        tracing::warn!(
            lane,
            deliveries = failed,
            code = GONE,
            "deliveries failed: their channel was removed"
        );
        app.announce(0);
    }
    Ok(failed > 0)
}
