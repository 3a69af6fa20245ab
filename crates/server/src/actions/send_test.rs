//! A test message to one person over one channel, so that somebody can see it arrive.
//!
//! Called by the connections page. Invariant: nothing is kept but the line of the audit trail; the message belongs to
//! no notice.

use yuezhi_channels::{Post, Why};
use yuezhi_store::{audit, people};

use super::{ActionError, Actor, Refusal, retry_delivery};
use crate::{app::App, messages};

/// Sends it. `Ok(Err)`: the channel says why not.
pub async fn send_test(
    app: &App,
    actor: Actor,
    lane: &str,
    staff_no: &str,
) -> Result<Result<(), Why>, ActionError> {
    let channel = app.channels().get(lane).cloned().ok_or_else(|| {
        Refusal::not_found("lane_unknown")
            .with("lane", lane)
            .with("known", retry_delivery::known_lanes(app))
    })?;
    let (now, number) = (app.now(), staff_no.trim().to_owned());
    let person = app
        .db
        .read(move |tx| Ok::<_, ActionError>(people::by_staff_no(tx, &number)?))
        .await?
        .filter(people::Person::is_active)
        .ok_or_else(|| {
            Refusal::invalid("staff_no", "staff_no_unknown").with("staff_no", staff_no.trim())
        })?;
    let recipient = messages::recipient(&person);
    if let Err(why) = channel.reaches(&recipient) {
        return Ok(Err(why));
    }
    let post = Post {
        recipient: Some(recipient),
        key: app.ids.next::<uuid::Uuid>(now).to_string(),
        ..messages::test_message(app, &actor.to_string(), now)
    };
    let outcome = channel.send(&post).await;
    let (entity, lane) = (format!("person:{}", person.staff_no), lane.to_owned());
    app.db
        .write(move |tx| {
            let detail = serde_json::json!({ "channel": lane }).to_string();
            audit::append(tx, now, &actor.to_string(), "test.sent", &entity, &detail)?;
            Ok::<_, ActionError>(())
        })
        .await?;
    Ok(outcome.why().cloned().map_or(Ok(()), Err))
}
