//! Moves the demo's clock forward, stopping at everything that is due on the way.
//!
//! Called by the demo's bar in the console and by `POST /demo/clock`. A jump over three days must not look like three
//! days of sleep: each reminder and schedule on the way fires at its own time.

use std::time::Duration;

use jiff::ToSpan as _;
use yuezhi_domain::{DeliveryState, Schedule, UnixMillis};
use yuezhi_store::{deliveries, notices, schedules, sessions, settings};

use super::OFFSET_SETTING;
use crate::{
    actions::{ActionError, Refusal},
    app::App,
    workers,
};

/// Where to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    Hours(i64),
    /// 09:00 of the next workday.
    NextWorkdayMorning,
    /// The next Friday 17:00, holiday or not.
    NextFriday,
    /// 09:00 of a date.
    Date(jiff::civil::Date),
}

/// Longest journey.
const FARTHEST: Duration = Duration::from_secs(400 * 24 * 3600);
/// More stops than this on one journey are not waited for one by one.
const MOST_STOPS: usize = 400;

/// Moves the clock; returns where it stands now. Going back is refused.
pub async fn travel(app: &App, destination: &Destination) -> Result<UnixMillis, ActionError> {
    let now = app.now();
    let target = target(app, destination, now)?;
    if target <= now {
        return Err(Refusal::invalid("to", "clock_only_forward").into());
    }
    if target.since(now) > FARTHEST {
        return Err(Refusal::invalid("to", "clock_too_far").into());
    }
    for _ in 0..MOST_STOPS {
        let Some(stop) = next_stop(app).await?.filter(|stop| *stop <= target) else {
            break;
        };
        if stop > app.now() {
            move_to(app, stop);
        }
        workers::remind::tick(app).await?;
        app.wake();
        wait_until_sent(app).await?;
    }
    if target > app.now() {
        move_to(app, target);
    }
    let offset = app.clock.offset_ms().to_string();
    let moved = app.now().0 - now.0;
    app.db
        .write(move |tx| {
            sessions::extend_all(tx, moved)?;
            settings::put(tx, OFFSET_SETTING, &offset)?;
            Ok::<_, ActionError>(())
        })
        .await?;
    app.wake();
    app.announce(0);
    Ok(app.now())
}

fn target(
    app: &App,
    destination: &Destination,
    now: UnixMillis,
) -> Result<UnixMillis, ActionError> {
    let rule = match destination {
        Destination::Hours(hours) => {
            return Ok(now.plus(Duration::from_secs((*hours).unsigned_abs() * 3600)));
        }
        Destination::NextWorkdayMorning => "workdays 09:00",
        Destination::NextFriday => "Fridays 17:00 (run on holidays)",
        Destination::Date(date) => {
            let morning = date
                .at(9, 0, 0, 0)
                .to_zoned(app.time_zone.zone().clone())
                .map_err(ActionError::internal)?;
            return Ok(UnixMillis::from(&morning));
        }
    };
    let schedule = Schedule::parse(rule, app.time_zone.clone()).map_err(ActionError::internal)?;
    let next = schedule
        .next_after(now, &app.calendar())
        .ok_or_else(|| ActionError::internal("no such day ahead"))?;
    // A second past the hour, so that what is due at the hour is due.
    Ok(next.at.plus(Duration::from_secs(1)))
}

pub(super) async fn next_stop(app: &App) -> Result<Option<UnixMillis>, ActionError> {
    app.db
        .read(|tx| {
            let plans = notices::next_reminder_at_min(tx)?;
            let standing = schedules::next_at_min(tx)?;
            Ok::<_, ActionError>([plans, standing].into_iter().flatten().min())
        })
        .await
}

fn move_to(app: &App, at: UnixMillis) {
    app.clock.advance(at.0 - app.now().0);
    if let Some(demo) = &app.demo {
        demo.sandbox_clock.set_offset_ms(app.clock.offset_ms());
    }
}

/// Puts both clocks where they stood.
pub fn set_offset(app: &App, offset_ms: i64) {
    app.clock.advance(offset_ms - app.clock.offset_ms());
    if let Some(demo) = &app.demo {
        demo.sandbox_clock.set_offset_ms(offset_ms);
    }
}

/// Lets the dispatcher finish what became due at this stop; a held lane is not waited for.
async fn wait_until_sent(app: &App) -> Result<(), ActionError> {
    // What waits for its pace is not waited for long; what is on its way must arrive before the clock moves on,
    // or its signature is out of date when it does.
    const PATIENCE: usize = 40;
    const PATIENCE_UNDER_WAY: usize = 400;
    for round in 0..PATIENCE_UNDER_WAY {
        let now = app.now();
        let (waiting, under_way) = app
            .db
            .read(move |tx| {
                let counts = deliveries::counts_by_lane_state(tx)?;
                let under_way = counts.iter().any(|c| c.state == DeliveryState::Sending);
                Ok::<_, ActionError>((!deliveries::lanes_with_due(tx, now)?.is_empty(), under_way))
            })
            .await?;
        if !under_way && (!waiting || round >= PATIENCE) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    Ok(())
}

/// Tomorrow's date in the installation's zone, for the date field of the bar.
pub fn tomorrow(app: &App) -> jiff::civil::Date {
    let today = app.now().in_zone(app.time_zone.zone()).date();
    today.checked_add(1.day()).unwrap_or(today)
}
