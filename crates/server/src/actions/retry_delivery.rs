//! An administrator has mended something: send again what failed, open a lane that stopped.
//!
//! Called by the console's queue page and the API. Invariant: only what failed (or never had an address) becomes
//! due again; what was sent is never sent again from here.

use yuezhi_store::{audit, deliveries, lanes};

use super::{ActionError, Actor, Refusal};
use crate::app::App;

/// Makes one failed delivery due now.
pub async fn retry(app: &App, actor: Actor, delivery_no: i64) -> Result<(), ActionError> {
    let now = app.now();
    app.db
        .write(move |tx| {
            if !deliveries::retry(tx, delivery_no, now)? {
                return Err(Refusal::conflict("delivery_not_failed").into());
            }
            audit::append(
                tx,
                now,
                &actor.to_string(),
                "delivery.retried",
                &format!("delivery:{delivery_no}"),
                "{}",
            )?;
            Ok::<_, ActionError>(())
        })
        .await?;
    app.wake();
    Ok(())
}

/// Makes every failed delivery of a lane due now; how many.
pub async fn retry_lane(app: &App, actor: Actor, lane: &str) -> Result<u64, ActionError> {
    let (now, lane) = (app.now(), lane.to_owned());
    let retried = app
        .db
        .write(move |tx| {
            let retried = deliveries::retry_lane(tx, &lane, now)?;
            let detail = serde_json::json!({ "retried": retried }).to_string();
            audit::append(
                tx,
                now,
                &actor.to_string(),
                "lane.retried",
                &format!("lane:{lane}"),
                &detail,
            )?;
            Ok::<_, ActionError>(retried)
        })
        .await?;
    app.wake();
    Ok(retried)
}

/// Opens a lane that stopped for a misconfiguration or is held.
pub async fn resume_lane(app: &App, actor: Actor, lane: &str) -> Result<(), ActionError> {
    let (now, lane) = (app.now(), lane.to_owned());
    let known = known_lanes(app);
    app.db
        .write(move |tx| {
            if !lanes::resume(tx, &lane, now)? {
                return Err(Refusal::not_found("lane_unknown")
                    .with("lane", &lane)
                    .with("known", &known)
                    .into());
            }
            audit::append(
                tx,
                now,
                &actor.to_string(),
                "lane.resumed",
                &format!("lane:{lane}"),
                "{}",
            )?;
            Ok::<_, ActionError>(())
        })
        .await?;
    app.wake();
    Ok(())
}

/// For a refusal that names what there is.
pub(super) fn known_lanes(app: &App) -> String {
    let lanes: Vec<String> = app
        .channels()
        .lanes()
        .map(|channel| channel.lane().to_owned())
        .collect();
    lanes.join(", ")
}
