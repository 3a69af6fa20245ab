//! Keeps people and departments in step with the DingTalk directory: every night, and whenever somebody asks.
//!
//! The nightly walk repairs what events did not tell. It begins between two and five, at a minute of this
//! installation's own that is not near a full hour, when everybody's timers fire.

use jiff::{ToSpan as _, civil::Time};
use yuezhi_domain::UnixMillis;

use super::Next;
use crate::{
    actions::{ActionError, walk_directory},
    app::App,
};

const FIRST_HOUR: i8 = 2;
const HOURS: f64 = 3.0;
/// Minutes of an hour that are used: 12 to 54.
const FIRST_MINUTE: i8 = 12;
const MINUTES: f64 = 43.0;

/// Walks if a walk is asked for or due.
pub async fn tick(app: &App) -> Result<Next, ActionError> {
    let night = next_night(app, app.now())?;
    let next = walk_directory::work(app, night).await?;
    Ok(next.map_or(Next::Idle, Next::At))
}

/// A time of the coming night.
fn next_night(app: &App, now: UnixMillis) -> Result<UnixMillis, ActionError> {
    let zone = jiff::tz::TimeZone::get(app.time_zone.as_str()).map_err(ActionError::internal)?;
    let jitter = app.jitter();
    #[expect(clippy::cast_possible_truncation, reason = "below 3 and below 43")]
    let (hour, minute) = (
        FIRST_HOUR + (jitter * HOURS) as i8,
        FIRST_MINUTE + ((jitter * 997.0).fract() * MINUTES) as i8,
    );
    let today = now.to_timestamp().to_zoned(zone.clone()).date();
    let time = Time::new(hour, minute, 0, 0).map_err(ActionError::internal)?;
    let at = |date: jiff::civil::Date| -> Result<UnixMillis, ActionError> {
        let zoned = date
            .to_datetime(time)
            .to_zoned(zone.clone())
            .map_err(ActionError::internal)?;
        Ok(UnixMillis(zoned.timestamp().as_millisecond()))
    };
    let tonight = at(today)?;
    if tonight > now {
        return Ok(tonight);
    }
    at(today.checked_add(1.day()).map_err(ActionError::internal)?)
}
